"""The spans of a run: each has its parent, its start and its end.

Metrics, traces, the picture of a run and the command line all read this one fold.

Laws of this file:

1. A model call is one span, from the start of its step (or of its message, where the API has no
   steps) to the end of both.
2. The parent of a span is the innermost open span that its origin names: a run around it, or the
   tool call on whose behalf it runs; else the run.
3. An interrupt is a span without length, which nothing waits for.
4. Only open spans are kept. Who needs finished ones keeps what `feed` returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import msgspec

from . import events as ev
from ._event_classes import MethodsByClass
from .values import ErrorInfo, Origin, ToolCall, Usage

SpanKind: TypeAlias = Literal[
    "run", "graph", "node", "step", "model", "tool", "retrieval", "interrupt"
]

_KINDS: dict[str, SpanKind] = {
    "graph": "graph",
    "node": "node",
    "chat_model": "model",
    "llm": "model",
}


DELTAS = frozenset({ev.TextDelta, ev.ReasoningDelta, ev.ToolCallDelta})
"""Most events of a stream: they change a span only while a message waits for its first text."""


class Span(msgspec.Struct, kw_only=True, eq=False):
    """A runnable's execution that runs or has ended."""

    kind: SpanKind
    """Its kind."""
    id: str
    """The id of the step, message, tool call or retrieval."""
    name: str
    """The runnable's, tool's or model's name."""
    origin: Origin
    """The origin of its first event."""
    parent: Span | None
    """The span around it; None for the run."""
    started: float
    """The start in unix seconds."""
    ended: float | None = None
    """The end in unix seconds; None while it runs."""
    status: str = "running"
    """The status of its end."""
    error: ErrorInfo | None = None
    """The exception it raised."""
    input: Any = None
    """Its input."""
    output: Any = None
    """Its result; a model's text."""
    has_request: bool = False
    """Whether ``started`` is when the model was asked, and not when it first answered."""
    message_id: str | None = None
    """The model's message."""
    first_token: float | None = None
    """The time of the model's first text, reasoning or call, in unix seconds."""
    first_text: float | None = None
    """The time of the model's first text, in unix seconds."""
    tool_calls: tuple[ToolCall, ...] = ()
    """The calls that the model wrote."""
    usage: Usage | None = None
    """Its tokens."""
    model: str | None = None
    """The model's name."""
    provider: str | None = None
    """The provider's name."""
    finish_reason: str | None = None
    """The finish reason of the model."""

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return 0.0 if self.ended is None else max(0.0, self.ended - self.started)

    @property
    def agent(self) -> str | None:
        """The agent that it belongs to: its own, or that of the nearest span around it."""
        agents = (span.origin.agent for span in (self, *self.around()))
        return next(filter(None, agents), None)

    def around(self) -> Iterator[Span]:
        """Return the spans around it, innermost first."""
        span = self.parent
        while span:
            yield span
            span = span.parent


class SpanFold:
    """The spans of a run, one event after the other.

    >>> from streamkit import normalize
    >>> fold = SpanFold()
    >>> ended = [span for event in normalize(["Hel", "lo"]) if (span := fold.feed(event))]
    >>> [(span.kind, span.status) for span in ended if span.ended is not None]
    [('run', 'completed'), ('model', 'completed'), ('model', 'completed'), ('run', 'completed')]
    """

    def __init__(self) -> None:
        self.run: Span | None = None
        """The run itself, once it has started."""
        self.waiting: set[str] = set()
        """Messages without a first text: while there are none, a delta changes nothing."""
        self._by_run: dict[str, Span] = {}
        self._messages: dict[str, Span] = {}
        self._tools: dict[str, Span] = {}
        self._retrievals: dict[str, Span] = {}
        self._readers = MethodsByClass(self)

    def feed(self, event: ev.Event) -> Span | None:
        """Read one more event; return the span that it starts or ends, if it does."""
        read = self._readers[type(event)]
        return read(event) if read else None

    def passes(self, delta: ev.Event) -> bool:
        """Read a delta, which starts and ends no span; return True: a stage passes it on."""
        if self.waiting:
            self.feed(delta)
        return True

    # --- the run and its steps: a method reads the event that it is named after

    def run_start(self, event: ev.RunStart) -> Span:
        origin = event.origin
        name = origin.agent or origin.name or "run"
        self.run = None  # one that came before is not around it
        self.run = self._started("run", event.run_id or origin.run_id or "run", name, event)
        self.run.input = event.input
        return self.run

    def run_end(self, event: ev.RunEnd | ev.RunError) -> Span | None:
        run = self.run
        if run is None:
            return None
        run.usage = event.usage
        if isinstance(event, ev.RunError):
            return _ended(run, event.timestamp, "failed", error=event.error)
        return _ended(run, event.timestamp, event.status, output=event.output)

    run_error = run_end

    def step_start(self, event: ev.StepStart) -> Span:
        kind = _KINDS.get(event.kind, "step")
        span = self._started(kind, event.step_id, event.origin.name or event.kind, event)
        span.input, span.has_request = event.input, kind == "model"
        self._by_run[event.step_id] = span
        return span

    def step_end(self, event: ev.StepEnd) -> Span | None:
        span = self._by_run.pop(event.step_id, None)
        if span is None:
            return None
        if span.output is None:
            span.output = event.output
        status = event.status if span.status == "running" else span.status
        return _ended(span, event.timestamp, status, error=event.error)

    # --- model calls

    def message_start(self, event: ev.MessageStart) -> Span | None:
        span = self._by_run.get(event.origin.run_id or "")
        # Events of callbacks have a step for each model call; stream modes have the message alone.
        is_new = span is None or span.kind != "model" or span.message_id is not None
        if span is None or is_new:
            name = event.model or event.origin.name or event.role
            span = self._started("model", event.message_id, name, event)
        span.message_id = event.message_id
        span.model, span.provider = event.model, event.provider
        self._messages[event.message_id] = span
        self.waiting.add(event.message_id)
        return span if is_new else None

    def text_delta(self, event: ev.TextDelta) -> None:
        span = self._messages.get(event.message_id)
        if span and span.first_text is None:
            span.first_text = event.timestamp
            self.waiting.discard(event.message_id)
            self._token(event)

    def _token(
        self, event: ev.TextDelta | ev.ReasoningDelta | ev.ToolCallStart | ev.ToolCallDelta
    ) -> None:
        span = self._messages.get(event.message_id)
        if span and span.first_token is None:
            span.first_token = event.timestamp

    reasoning_delta = _token
    tool_call_start = _token
    tool_call_delta = _token

    def message_end(self, event: ev.MessageEnd) -> Span | None:
        span = self._messages.pop(event.message_id, None)
        self.waiting.discard(event.message_id)
        if span is None:
            return None
        span.usage, span.finish_reason = event.usage, event.finish_reason
        # Many clients learn the model's name from the last chunk.
        span.model = event.model or span.model
        span.output, span.tool_calls = event.text, event.tool_calls
        span.status = event.status
        if span.has_request:
            return None  # its step ends next
        return _ended(span, event.timestamp, event.status)

    # --- tools and retrievers

    def tool_start(self, event: ev.ToolStart) -> Span:
        span = self._started("tool", event.tool_call_id, event.name, event)
        span.input = event.input
        self._tools[event.tool_call_id] = span
        if event.origin.run_id:
            self._by_run[event.origin.run_id] = span
        return span

    def tool_end(self, event: ev.ToolEnd | ev.ToolError) -> Span | None:
        span = self._tools.pop(event.tool_call_id, None)
        if span is None:
            return None
        self._by_run.pop(span.origin.run_id or "", None)
        if isinstance(event, ev.ToolError):
            return _ended(span, event.timestamp, "failed", error=event.error)
        return _ended(span, event.timestamp, event.status, output=event.output)

    tool_error = tool_end

    def retrieval_start(self, event: ev.RetrievalStart) -> Span:
        span = self._started("retrieval", event.retrieval_id, event.name, event)
        span.input = event.query
        self._retrievals[event.retrieval_id] = span
        return span

    def retrieval_end(self, event: ev.RetrievalEnd) -> Span | None:
        span = self._retrievals.pop(event.retrieval_id, None)
        if span is None:
            return None
        span.output = event.documents
        return _ended(span, event.timestamp, event.status, error=event.error)

    def interrupt(self, event: ev.Interrupt) -> Span:
        span = self._started("interrupt", event.interrupt_id, "waits for an answer", event)
        span.input = event.value
        return _ended(span, event.timestamp, "completed")

    # --- where a span is

    def _started(self, kind: SpanKind, id: str, name: str, event: ev.Event) -> Span:
        origin, parent = event.origin, self._around(event.origin)
        return Span(
            kind=kind, id=id, name=name, origin=origin, parent=parent, started=event.timestamp
        )

    def _around(self, origin: Origin) -> Span | None:
        # `astream_events` of langchain-core lists the parents of a run from the root on.
        runs = (self._by_run.get(run) for run in reversed(origin.parent_ids))
        found = next(filter(None, runs), self.run)
        tool = self._tools.get(origin.tool_call_id or "")
        # A task of LangGraph is around the call: the call is the nearer of the two.
        return tool if tool and tool.parent is found else found


def _ended(
    span: Span, at: float, status: str, *, error: ErrorInfo | None = None, output: Any = None
) -> Span:
    span.ended, span.status, span.error = at, status, error or span.error
    if output is not None:
        span.output = output
    return span
