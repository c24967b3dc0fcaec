"""The way back: what an AG-UI client sends, and what a graph is called with for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from .._payload import dict_or_empty
from ..errors import MalformedItem

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langgraph.types import Command

__all__ = ["Request", "Resume", "graph_input", "read_request", "to_messages"]


class Resume(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to an interrupt."""

    interrupt_id: str
    """The interrupt that it answers."""
    status: Literal["resolved", "cancelled"]
    """Whether somebody answered."""
    payload: Any = None
    """The answer."""


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a client sends to have a run: AG-UI's ``RunAgentInput``."""

    thread_id: str
    """The conversation."""
    run_id: str
    """The run, by a name of the client's choice."""
    parent_run_id: str | None = None
    """The run that it goes on from."""
    messages: list[dict[str, Any]] = []
    """The whole conversation as the client knows it, the newest message last: see `to_messages`."""
    resume: list[Resume] = []
    """The answers to what the last run asked."""
    state: Any = None
    """The state as the client has it, which may be as it likes it: check it before you use it."""
    tools: list[dict[str, Any]] = []
    """The tools that the client itself can run: ``name``, ``description`` and ``parameters``."""
    context: list[dict[str, Any]] = []
    """What else the client wants known: ``description`` and ``value``."""
    forwarded_props: Any = None
    """Whatever else it sent."""

    @property
    def tool_call_ids(self) -> list[str]:
        """The calls in the client's history."""
        return [str(call.get("id")) for it in self.messages for call in it.get("toolCalls") or ()]


def read_request(body: bytes | str | Mapping[str, Any]) -> Request:
    """Give what the body of a request asks for.

    Raises:
        MalformedItem: It is no AG-UI request.

    >>> read_request('{"threadId": "t", "runId": "r", "messages": []}').thread_id
    't'
    """
    try:
        if isinstance(body, Mapping):
            return msgspec.convert(body, Request)
        return msgspec.json.decode(body, type=Request)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise MalformedItem(f"no AG-UI request: {error}; got {body!r:.80}", body) from error


def graph_input(request: Request, *, stateful: bool = True) -> Any:
    """Give what to call a graph with.

    Args:
        request: what the client sent.
        stateful: whether the graph has a checkpointer. Then it knows the conversation, and gets
            only the messages since its own last one.

    Answers become a ``Command(resume={…})`` by the interrupts' ids. A cancelled interrupt is
    answered with None, and what continues after a breakpoint is None itself. All else is a dict
    with the messages. What the client says of the state is left to you: ``request.state``.

    >>> asked = {"id": "h1", "role": "user", "content": "Hi"}
    >>> graph_input(Request(thread_id="t", run_id="r", messages=[asked]))
    {'messages': [HumanMessage(content='Hi', ..., id='h1')]}
    """
    if request.resume:
        return _resumed(request.resume)
    messages = _since_the_answer(request.messages) if stateful else request.messages
    return {"messages": to_messages(messages)}


def _resumed(answers: Iterable[Resume]) -> Command[Any] | None:
    from langgraph.types import Command  # noqa: PLC0415  (only who has it gets here)

    given = {it.interrupt_id: it.payload for it in answers if it.status == "resolved"}
    ...


def _since_the_answer(messages: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    last = max((at for at, it in enumerate(messages) if it.get("role") == "assistant"), default=-1)
    return messages[last + 1 :]
