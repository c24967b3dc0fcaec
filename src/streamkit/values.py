"""The parts of events: the vocabularies and the small structs they share."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from ._base import Base

__all__ = ["ErrorInfo", "FinishReason", "Origin", "Status", "StepKind", "ToolCall", "Usage"]

Status: TypeAlias = Literal[
    "completed", "interrupted", "failed", "cancelled", "incomplete", "abandoned"
]
"""How a thing ended: ``incomplete`` was cut off without an exception; ``abandoned`` is an attempt
that a retry or a fallback replaced, so that readers take its text back."""

StepKind: TypeAlias = Literal["graph", "node", "chain", "prompt", "parser", "chat_model", "llm"]
"""The kind of a step's runnable. A LangGraph node is ``node``; the graph around it, ``graph``."""

Namespace: TypeAlias = tuple[str, ...]
"""The path of a graph, as ``"node:task_id"`` parts; the root graph is ``()``."""

FinishReason: TypeAlias = Literal[
    "stop", "length", "tool_calls", "content_filter", "refusal", "error", "other"
]
"""Why a model stopped, in one vocabulary over all providers."""


class Origin(Base, msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where an event comes from: one object per upstream run, shared by all its events."""

    # A uuid of version 4 or 7, by the version of langchain-core: no time can be read from it.
    run_id: str | None = None
    """The upstream run, where the API reports it (`messages` mode does not)."""
    parent_ids: tuple[str, ...] = ()
    """The runs around it, root first."""
    name: str | None = None
    """The runnable's name."""
    node: str | None = None
    """The LangGraph node it runs in (upstream: ``langgraph_node``)."""
    # LangGraph 0.3 adds the node's own task to the path of `messages`; it is taken off there.
    namespace: tuple[str, ...] = ()
    """The path of the graph it runs in, as ``"node:task_id"`` parts; the root graph is ``()``."""
    step: int | None = None
    """The superstep of that graph (upstream: ``langgraph_step``)."""
    # Agents of `langgraph.prebuilt` and supervisors lack it: the graph's name stands for it.
    agent: str | None = None
    """The agent's name (upstream: ``lc_agent_name``, set by ``create_agent(name=...)``)."""
    thread_id: str | None = None
    """The checkpointer's thread."""
    tags: tuple[str, ...] = ()
    """Tags, inherited ones included."""
    # LangGraph makes one dict for each model run: its identity is what finds the run's message.
    metadata: dict[str, Any] = {}
    """Upstream's own metadata object, never copied and never changed."""
    # The tag was `langsmith:nostream` in langgraph 0.3; `lc_internal_call` is langchain 1.x's.
    internal: bool = False
    """Whether this is a model call that upstream keeps from users, such as a summary's: the run or
    one around it is tagged ``nostream`` or has ``lc_internal_call`` in its metadata."""
    tool_call_id: str | None = None
    """The call on whose behalf all this happens, where it happens inside a tool."""


class Usage(Base, msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one or several model calls.

    >>> one, two = Usage(input_tokens=3, output_tokens=1), Usage(input_tokens=4, output_tokens=2)
    >>> (one + two).total_tokens
    10
    """

    input_tokens: int = 0
    """All tokens read, cached ones included."""
    output_tokens: int = 0
    """All tokens written, reasoning included."""
    total_tokens: int = -1
    """The sum as the provider reports it; input plus output where it reports none."""
    input_token_details: dict[str, int] = {}
    """Parts of the input, such as ``cache_read``."""
    output_token_details: dict[str, int] = {}
    """Parts of the output, such as ``reasoning``."""

    def __post_init__(self) -> None:
        if self.total_tokens < 0:
            total = self.input_tokens + self.output_tokens
            msgspec.structs.force_setattr(self, "total_tokens", total)

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            total_tokens=self.total_tokens + other.total_tokens,
            input_token_details=_added(self.input_token_details, other.input_token_details),
            output_token_details=_added(self.output_token_details, other.output_token_details),
        )


def _added(left: dict[str, int], right: dict[str, int]) -> dict[str, int]:
    if not (left and right):
        return left or right
    return {key: left.get(key, 0) + right.get(key, 0) for key in (*left, *right)}


class ErrorInfo(Base, msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error."""

    name: str
    """The exception's class name."""
    message: str = ""
    """Its text: for logs, not for strangers."""
    code: str | int | None = None
    """A machine-readable code or HTTP status, where the exception has one."""
    exception: Any = None
    """The exception object itself, inside this process only: no codec writes it."""


class ToolCall(Base, msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call as a finished message holds it."""

    id: str
    """The id that the tool's result refers to."""
    name: str
    """The tool's name."""
    args: Any
    """The arguments, or None where they are no JSON object (see ``error``)."""
    text: str
    """The arguments exactly as the model wrote them."""
    error: str | None = None
    """Why ``args`` is None."""
    provider_executed: bool = False
    """Whether the provider runs it, so that nobody here has to."""
