"""Presets: the filters that applications ask for, ready made.

    async for event in normalize(graph.astream_events(inputs), tokens | tools): ...

They are filters like any other and combine with ``&``, ``|`` and ``~``, and with those of
`streamkit.filters`. Only `ui` and the two answers are stages, which stand in a row.

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

from . import events as ev
from ._answers import ASKS, HeldAnswer, OptimisticAnswer
from ._bracket_filter import DECIDED, Filter, of_classes
from ._fields import refusal_of
from ._protocols import Stage
from ._secrets import Redactor
from .filters import conversation, only, roles
from .mapping import PerRun

__all__ = [
    "answer",
    "chat",
    "debug",
    "final",
    "lifecycle",
    "optimistic_answer",
    "sources",
    "state",
    "tokens",
    "tools",
    "ui",
]

_blocks = only(ev.TextDelta, ev.ReasoningDelta, ev.ToolCallDelta, ev.Content, ev.Citation)
_refusals = Filter(
    lambda event, _: isinstance(event, ev.Content) and refusal_of(event.block) is not None,
    "refusals",
    asks=frozenset({ev.Content}),
)


tokens: Filter = ((only(ev.TextDelta) | _refusals) & roles("assistant") & conversation).named(
    "tokens"
)
"""The assistant's text as it is written (a refusal is a `Content`), without that of models which
tools call or which upstream hides."""

# A call and its run are two brackets: models write calls, LangGraph's nodes run them.
tools: Filter = only(ev.ToolStart, ev.ToolCallDelta).named("tools")
"""The calls that models write, and the tools that run."""

chat: Filter = (
    (only(ev.MessageStart, ev.ToolStart, ev.MessageReplaced, ev.MessageRemoved) | _blocks)
    & conversation
    | only(ev.Interrupt)
).named("chat")
"""The parts of a conversation: messages with all their blocks, tools that run, interrupts.

Usage is at the end of each message and of the run. What tools do inside is left out, and so are
models that upstream hides.
"""

lifecycle: Filter = of_classes(
    ev.StepStart, ev.MessageStart, ev.ToolStart, ev.RetrievalStart, ev.Interrupt
).named("lifecycle")
"""Starts and ends: steps, messages, tools, retrievals, and the pauses between; no content."""

state: Filter = only(
    ev.StateUpdate,
    ev.StateSnapshot,
    ev.Checkpoint,
    ev.MessageAdded,
    ev.MessageReplaced,
    ev.MessageRemoved,
).named("state")
"""The changes of a graph's state."""

sources: Filter = only(ev.RetrievalStart, ev.Citation).named("sources")
"""The sources of an answer: retrievals with their documents, and citations with their text."""

debug: Filter = of_classes(*DECIDED).named("debug")
"""Everything."""

final: Filter = (only(ev.MessageEnd) & conversation).named("final")
"""Finished messages only: ``message.end`` has the whole text, the calls and the usage."""


answer: PerRun[ev.Event, ev.Event] = PerRun(HeldAnswer, "answer", ASKS)
"""The answer: messages of the conversation that call no tool, each held until that is certain."""

optimistic_answer: PerRun[ev.Event, ev.Event] = PerRun(OptimisticAnswer, "optimistic_answer", ASKS)
"""The answer as it is written; a message that turns out to call a tool is taken back: it ends
``abandoned``, and readers drop its text."""


# --- for a frontend

_node_steps = Filter(
    lambda event, _: isinstance(event, ev.StepStart) and event.kind == "node",
    "node steps",
    asks=frozenset({ev.StepStart}),
)
_shown = chat | only(ev.RetrievalStart, ev.Custom) | _node_steps


def _ui() -> Stage[ev.Event, ev.Event]:
    keep, redact = _shown.stage(), Redactor(outputs=False).event
    return lambda event: [redact(kept) for kept in keep(event)]


ui: PerRun[ev.Event, ev.Event] = PerRun(_ui, "ui", _shown.asks)
"""The events that a frontend may see: `chat`, retrievals, custom events and nodes, redacted.

There are no inputs and outputs of runs and nodes (prompts, state), no upstream metadata, of
documents only where they are from, and of errors only the class and the code.
"""
