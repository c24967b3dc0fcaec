"""One readable line per event, the same in every run: for transcripts, diffs and logs.

    run.start
    message.start m1 scripted @agent
    text.delta m1/0 "Hel"
    tool_call.end m1/1 call_1 get_weather {"city": "Paris"}
    message.end m1 completed tool_calls 12+7 tokens
    tool.end call_1 get_weather completed "sunny"
    run.end completed 12+7 tokens

Laws of this file:

1. A line holds no timestamp, no run id and no memory address; ids that differ from run to run
   are numbered in the order in which they appear.
2. A line is one line: a character that a terminal would not print as it stands is escaped.
3. The model's text is shown in full. A payload of the application is cut at a fixed length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeAlias

from . import events as ev
from ._brief import brief, path, quote, tokens
from ._event_classes import MethodsByClass, require_event
from ._fields import dict_or_empty, text_of
from ._printable import escape
from .values import ErrorInfo, Origin

__all__ = ["Transcript", "describe", "transcript"]

_UUID = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_RANDOM_ID = re.compile(rf"(?:(?:lc_)?run-{{1,2}})?{_UUID}|(?<![0-9a-z])[0-9a-f]{{32}}(?![0-9a-z])")
# The `repr` of most objects holds their address, which differs in every run.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def describe(event: ev.Event) -> str:
    """Return one event as a line. Ids are numbered from 1: for a whole stream use `Transcript`.

    >>> from streamkit import Origin, TextDelta
    >>> delta = TextDelta(origin=Origin(), timestamp=0.0, message_id="m", block_id=0, text="Hi")
    >>> describe(delta)
    'text.delta m1/0 "Hi"'
    """
    return Transcript().line(event)


def transcript(events: Iterable[ev.Event]) -> list[str]:
    r"""Return a whole stream as lines.

    >>> from streamkit import normalize
    >>> print(*transcript(normalize(["Hel", "lo"])), sep="\n")
    run.start
    message.start m1
    text.start m1/0
    text.delta m1/0 "Hel"
    text.delta m1/0 "lo"
    text.end m1/0 "Hello"
    message.end m1 completed
    run.end completed
    """
    view = Transcript()
    return [view.line(event) for event in events]


class Transcript:
    """Events as lines, with one numbering of their ids: also a stage.

    >>> from streamkit import normalize
    >>> list(normalize(["Hi"]).pipe(Transcript()))[3]
    'text.delta m1/0 "Hi"'
    """

    def __init__(self) -> None:
        self._parts_of = MethodsByClass(_Parts())

    def __call__(self, event: ev.Event) -> Iterable[str]:
        """Return the line of ``event``."""
        return (self.line(event),)

    def line(self, event: ev.Event) -> str:
        """Return the line of ``event``."""
        require_event(event, "transcript(normalize(stream))")
        parts_of = self._parts_of[type(event)]
        parts = parts_of(event) if parts_of else ()
        return escape(" ".join(filter(None, (event.type, *parts))))


Parts: TypeAlias = Iterable[str]


class _Parts:
    """The parts of a line behind its type, for each type of event that has any."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[str, int]] = {}

    def _number(self, letter: str, id: str | None) -> str:
        """Return the short name of an id, such as ``m1``."""
        if id is None:
            return ""
        numbers = self._numbers.setdefault(letter, {})
        return f"{letter}{numbers.setdefault(id, len(numbers) + 1)}"

    def _call(self, id: str | None) -> str:
        """Return a call's id: as it is, unless it is a run's id or was made from a message's id."""
        message, colon, block = (id or "").rpartition(":")
        if colon and message in self._numbers.get("m", ()):
            return f"{self._number('m', message)}:{block}"
        return self._stable(id or "")

    def _stable(self, text: str) -> str:
        """Return ``text`` with its random ids numbered and its memory addresses left out."""
        # Ids are LangChain's (`lc_run--…`, `run--…` before core 1.0), uuids, and 32 hexadecimal
        # digits of LangGraph's interrupts.
        text = _RANDOM_ID.sub(lambda match: self._number("id", match[0]), text)
        return _ADDRESS.sub("", text)

    def _payload(self, value: object) -> str:
        """Return a payload, up to a fixed length."""
        return "" if value is None else self._stable(brief(value))

    def _block(self, event: Any) -> str:
        return f"{self._number('m', event.message_id)}/{event.block_id}"

    def _error(self, error: ErrorInfo | None) -> str:
        return f"{error.name} {quote(self._stable(error.message))}" if error else ""

    # --- the run and its steps

    def run_start(self, event: ev.RunStart) -> Parts:
        return (self._payload(event.input),)

    def run_end(self, event: ev.RunEnd) -> Parts:
        return event.status, tokens(event.usage)

    def run_error(self, event: ev.RunError) -> Parts:
        return self._error(event.error), tokens(event.usage)

    def step_start(self, event: ev.StepStart) -> Parts:
        name = event.origin.name or ""
        return self._number("s", event.step_id), event.kind, name, _at(event.origin, name)

    def step_delta(self, event: ev.StepDelta) -> Parts:
        # Some parsers of LangChain yield the whole value so far, and others a piece.
        sign = {True: "=", False: "+", None: "?"}[event.cumulative]
        return self._number("s", event.step_id), sign, self._payload(event.value) or "null"

    def step_end(self, event: ev.StepEnd) -> Parts:
        step = self._number("s", event.step_id)
        return step, event.origin.name or "", event.status, self._error(event.error)

    # --- messages

    def message_start(self, event: ev.MessageStart) -> Parts:
        role = "" if event.role == "assistant" else event.role
        return self._number("m", event.message_id), role, event.model or "", _at(event.origin)

    def message_end(self, event: ev.MessageEnd) -> Parts:
        message = self._number("m", event.message_id)
        return message, event.status, event.finish_reason or "", tokens(event.usage)

    def text_start(self, event: ev.TextStart | ev.ReasoningStart) -> Parts:
        return (self._block(event),)

    reasoning_start = text_start

    def text_delta(self, event: ev.TextDelta | ev.TextEnd | ev.ReasoningDelta) -> Parts:
        return self._block(event), quote(event.text)

    text_end = text_delta
    reasoning_delta = text_delta

    def reasoning_end(self, event: ev.ReasoningEnd) -> Parts:
        signed, redacted = "signed" * bool(event.signature), "redacted" * event.redacted
        return self._block(event), quote(event.text), signed, redacted

    def tool_call_start(self, event: ev.ToolCallStart) -> Parts:
        return self._block(event), self._call(event.tool_call_id), event.name, _by(event)

    def tool_call_delta(self, event: ev.ToolCallDelta) -> Parts:
        return self._block(event), self._call(event.tool_call_id), quote(event.args)

    def tool_call_end(self, event: ev.ToolCallEnd) -> Parts:
        if event.error is None:
            args = brief(event.args)
        else:
            args = f"{quote(event.text)} error {quote(event.error)}"
        return self._block(event), self._call(event.tool_call_id), event.name, args, _by(event)

    def content(self, event: ev.Content) -> Parts:
        return self._block(event), self._payload(event.block)

    def citation(self, event: ev.Citation) -> Parts:
        return self._block(event), self._payload(event.citation)

    # --- tools and retrievers

    def tool_start(self, event: ev.ToolStart) -> Parts:
        given = self._payload(event.input)
        return self._call(event.tool_call_id), event.name, given, _at(event.origin)

    def tool_delta(self, event: ev.ToolDelta) -> Parts:
        return self._call(event.tool_call_id), self._payload(event.delta)

    def tool_end(self, event: ev.ToolEnd) -> Parts:
        call, artifact = self._call(event.tool_call_id), self._payload(event.artifact)
        kept = f"artifact {artifact}" if artifact else ""
        return call, event.name, event.status, self._payload(event.output), kept

    def tool_error(self, event: ev.ToolError) -> Parts:
        return self._call(event.tool_call_id), event.name, self._error(event.error)

    def retrieval_start(self, event: ev.RetrievalStart) -> Parts:
        search, query = self._number("r", event.retrieval_id), self._payload(event.query)
        return search, event.name, query, _at(event.origin)

    def retrieval_end(self, event: ev.RetrievalEnd) -> Parts:
        search, count = self._number("r", event.retrieval_id), len(event.documents)
        found = f"{count} document{'s' * (count != 1)}"
        return search, event.name, event.status, found, self._error(event.error)

    # --- the graph and the application

    def state_update(self, event: ev.StateUpdate) -> Parts:
        return event.node, self._payload(event.values), _at(event.origin, event.node)

    def state_snapshot(self, event: ev.StateSnapshot) -> Parts:
        return self._payload(event.values), _at(event.origin)

    def checkpoint(self, event: ev.Checkpoint) -> Parts:
        metadata = dict_or_empty(event.metadata)
        # LangGraph's checkpointer writes both into the metadata: `input` is step -1.
        source, step = metadata.get("source", ""), metadata.get("step")
        at_step = "" if step is None else f"step {text_of(step)}"
        following = f"next {', '.join(event.next)}" if event.next else ""
        return text_of(source), at_step, following, self._payload(event.values), _at(event.origin)

    def interrupt(self, event: ev.Interrupt) -> Parts:
        static, call = "static" * event.static, self._call(event.tool_call_id)
        return static, self._payload(event.value), call, _at(event.origin)

    def message_added(self, event: ev.MessageAdded) -> Parts:
        return self._payload(event.message), _at(event.origin)

    def message_replaced(self, event: ev.MessageReplaced) -> Parts:
        return self._number("m", event.message_id), self._payload(event.message), _at(event.origin)

    def message_removed(self, event: ev.MessageRemoved) -> Parts:
        return self._number("m", event.message_id), _at(event.origin)

    def custom(self, event: ev.Custom) -> Parts:
        return event.name or "", self._payload(event.data), _at(event.origin)

    def batch_item(self, event: ev.BatchItem) -> Parts:
        return str(event.index), self._payload(event.output), self._error(event.error)

    def unrecognized(self, event: ev.Unrecognized) -> Parts:
        return quote(self._stable(event.reason)), self._payload(event.raw)


def _by(event: ev.ToolCallStart | ev.ToolCallEnd) -> str:
    return "by the provider" * event.provider_executed


def _at(origin: Origin, own_name: str = "") -> str:
    """Return the path as ``@node``, without a name that the line has already."""
    where = path(origin)
    if own_name and (where == own_name or where.endswith(f"/{own_name}")):
        where = where.removesuffix(own_name).rstrip("/")
    return f"@{where}" if where else ""
