"""Presets: the filters that applications ask for, ready made.

    async for event in normalize(graph.astream_events(inputs), tokens | tools): ...

`tokens`, `chat`, `tools`, `lifecycle`, `state`, `debug` and `final` are filters like any other:
they combine with ``&``, ``|`` and ``~``, and with those of `streamkit.filters`. `ui` also changes
what it lets through, and so stands alone.

>>> from streamkit import normalize
>>> [event.type for event in normalize(["Hel", "lo"], final)]
['run.start', 'message.start', 'message.end', 'run.end']
>>> def broken():
...     raise ValueError("the password is 1234")
...     yield
>>> *_, end = normalize(broken(), ui, on_error="event")
>>> end.error.name, end.error.message
('ValueError', '')
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from ._protocols import Stage
from .events import (
    Checkpoint,
    Citation,
    Content,
    Custom,
    Event,
    Interrupt,
    MessageAdded,
    MessageEnd,
    MessageRemoved,
    MessageReplaced,
    MessageStart,
    ReasoningDelta,
    RetrievalStart,
    RunEnd,
    RunStart,
    StateSnapshot,
    StateUpdate,
    StepDelta,
    StepEnd,
    StepStart,
    TextDelta,
    ToolCallDelta,
    ToolDelta,
    ToolStart,
)
from .filters import Filter, conversation, only, roles, where
from .mapping import PerRun, per_run
from .values import ErrorInfo, Origin

__all__ = ["chat", "debug", "final", "lifecycle", "state", "tokens", "tools", "ui"]

_blocks = only(TextDelta, ReasoningDelta, ToolCallDelta, Content, Citation)

tokens: Filter = only(TextDelta) & roles("assistant") & conversation
"""The assistant's text as it is written, without internal models and those inside tools."""

tools: Filter = only(ToolStart, ToolCallDelta)
"""The calls that models write, and the tools that run."""

chat: Filter = (
    (only(MessageStart, ToolStart, MessageReplaced, MessageRemoved) | _blocks) & conversation
) | only(Interrupt)
"""What a conversation is made of: messages with all their blocks, tools that run, interrupts.

Usage is at the end of each message and of the run. What is internal or inside a tool is left out.
"""

lifecycle: Filter = only(StepStart, MessageStart, ToolStart, RetrievalStart, Interrupt) & ~where(
    lambda event: isinstance(event, (StepDelta, ToolDelta))
)
"""What starts and ends: steps, messages, tools, retrievals, and the pauses between; no content."""

state: Filter = only(
    StateUpdate, StateSnapshot, Checkpoint, MessageAdded, MessageReplaced, MessageRemoved
)
"""What becomes of a graph's state."""

debug: Filter = where(lambda _: True)
"""Everything."""

final: Filter = only(MessageEnd) & conversation
"""Finished messages only: ``message.end`` has the whole text, the calls and the usage."""


# --- for a frontend

_shown = chat | only(Custom) | where(lambda it: isinstance(it, StepStart) and it.kind == "node")


def _ui() -> Stage[Event, Event]:
    sieve, redact = _shown.stage(), _Redactor()
    return lambda event: [redact(shown) for shown in sieve(event)]


ui: PerRun[Event, Event] = per_run(_ui)
"""What a frontend may see: `chat`, custom events and nodes, without what is not its business.

There are no inputs and outputs of runs and nodes (prompts, state), no upstream metadata, and of
errors only the class and the code.
"""

_SECRETS: Mapping[type, Mapping[str, Any]] = {
    RunStart: {"input": None},
    RunEnd: {"output": None},
    StepStart: {"input": None},
    StepEnd: {"output": None},
    MessageEnd: {"response_metadata": {}},
}


class _Redactor:
    """One run's removal of what a frontend may not see."""

    def __init__(self) -> None:
        self._origin = self._clean = Origin()

    def __call__(self, event: Event) -> Event:
        changes = dict(_SECRETS.get(type(event), {}))
        error: ErrorInfo | None = getattr(event, "error", None)
        if isinstance(error, ErrorInfo):  # a call that is no JSON has its error as text
            changes["error"] = ErrorInfo(name=error.name, message="", code=error.code)
        return replace(event, origin=self._without_metadata(event.origin), **changes)

    def _without_metadata(self, origin: Origin) -> Origin:
        if origin is not self._origin:  # events of one run share theirs, and go on to
            self._origin, self._clean = origin, replace(origin, metadata={})
        return self._clean
