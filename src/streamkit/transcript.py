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
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from . import events as ev
from ._brief import brief, path, quote, tokens
from ._fields import dict_or_empty
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
        self._numbers: dict[str, dict[str, int]] = {}

    def __call__(self, event: ev.Event) -> Iterable[str]:
        """Return the line of ``event``."""
        return (self.line(event),)

    def line(self, event: ev.Event) -> str:
        """Return the line of ``event``."""
        parts_of = _PARTS_OF.get(type(event))
        parts = parts_of(event, self) if parts_of else ()
        return escape(" ".join(filter(None, (event.type, *parts))))

    def number(self, letter: str, id: str | None) -> str:
        """Return the short name of an id, such as ``m1``."""
        if id is None:
            return ""
        numbers = self._numbers.setdefault(letter, {})
        return f"{letter}{numbers.setdefault(id, len(numbers) + 1)}"

    def call(self, id: str | None) -> str:
        """Return a call's id: as it is, unless it is a run's id or was made from a message's id."""
        message, colon, block = (id or "").rpartition(":")
        if colon and message in self._numbers.get("m", ()):
            return f"{self.number('m', message)}:{block}"
        return self.stable(id or "")

    def stable(self, text: str) -> str:
        """Return ``text`` with its random ids numbered and its memory addresses left out."""
        # Ids are LangChain's (`lc_run--…`, `run--…` before core 1.0), uuids, and 32 hexadecimal
        # digits of LangGraph's interrupts.
        text = _RANDOM_ID.sub(lambda match: self.number("id", match[0]), text)
        return _ADDRESS.sub("", text)

    def payload(self, value: object) -> str:
        """Return a payload, up to a fixed length."""
        return "" if value is None else self.stable(brief(value))


Parts: TypeAlias = Iterable[str]


# --- the run and its steps


def _run_start(event: ev.RunStart, ids: Transcript) -> Parts:
    return (ids.payload(event.input),)


def _run_end(event: ev.RunEnd, _ids: Transcript) -> Parts:
    return event.status, tokens(event.usage)


def _run_error(event: ev.RunError, ids: Transcript) -> Parts:
    return _error(event.error, ids), tokens(event.usage)


def _step_start(event: ev.StepStart, ids: Transcript) -> Parts:
    name = event.origin.name or ""
    return ids.number("s", event.step_id), event.kind, name, _at(event.origin, name)


def _step_delta(event: ev.StepDelta, ids: Transcript) -> Parts:
    # Some parsers of LangChain yield the whole value so far, and others a piece.
    sign = {True: "=", False: "+", None: "?"}[event.cumulative]
    return ids.number("s", event.step_id), sign, ids.payload(event.value) or "null"


def _step_end(event: ev.StepEnd, ids: Transcript) -> Parts:
    step = ids.number("s", event.step_id)
    return step, event.origin.name or "", event.status, _error(event.error, ids)


# --- messages


def _message_start(event: ev.MessageStart, ids: Transcript) -> Parts:
    role = "" if event.role == "assistant" else event.role
    return ids.number("m", event.message_id), role, event.model or "", _at(event.origin)


def _message_end(event: ev.MessageEnd, ids: Transcript) -> Parts:
    message = ids.number("m", event.message_id)
    return message, event.status, event.finish_reason or "", tokens(event.usage)


AnyPart: TypeAlias = (
    ev.TextStart
    | ev.TextDelta
    | ev.TextEnd
    | ev.ReasoningStart
    | ev.ReasoningDelta
    | ev.ReasoningEnd
    | ev.ToolCallStart
    | ev.ToolCallDelta
    | ev.ToolCallEnd
    | ev.Content
    | ev.Citation
)


def _block(event: AnyPart, ids: Transcript) -> str:
    return f"{ids.number('m', event.message_id)}/{event.block_id}"


def _part_start(event: ev.TextStart | ev.ReasoningStart, ids: Transcript) -> Parts:
    return (_block(event, ids),)


def _part_text(event: ev.TextDelta | ev.TextEnd | ev.ReasoningDelta, ids: Transcript) -> Parts:
    return _block(event, ids), quote(event.text)


def _reasoning_end(event: ev.ReasoningEnd, ids: Transcript) -> Parts:
    signed, redacted = "signed" * bool(event.signature), "redacted" * event.redacted
    return _block(event, ids), quote(event.text), signed, redacted


def _call_start(event: ev.ToolCallStart, ids: Transcript) -> Parts:
    return _block(event, ids), ids.call(event.tool_call_id), event.name, _by(event)


def _call_delta(event: ev.ToolCallDelta, ids: Transcript) -> Parts:
    return _block(event, ids), ids.call(event.tool_call_id), quote(event.args)


def _call_end(event: ev.ToolCallEnd, ids: Transcript) -> Parts:
    if event.error is None:
        args = brief(event.args)
    else:
        args = f"{quote(event.text)} error {quote(event.error)}"
    return _block(event, ids), ids.call(event.tool_call_id), event.name, args, _by(event)


def _by(event: ev.ToolCallStart | ev.ToolCallEnd) -> str:
    return "by the provider" * event.provider_executed


def _content(event: ev.Content, ids: Transcript) -> Parts:
    return _block(event, ids), ids.payload(event.block)


def _citation(event: ev.Citation, ids: Transcript) -> Parts:
    return _block(event, ids), ids.payload(event.citation)


# --- tools and retrievers


def _tool_start(event: ev.ToolStart, ids: Transcript) -> Parts:
    given = ids.payload(event.input)
    return ids.call(event.tool_call_id), event.name, given, _at(event.origin)


def _tool_delta(event: ev.ToolDelta, ids: Transcript) -> Parts:
    return ids.call(event.tool_call_id), ids.payload(event.delta)


def _tool_end(event: ev.ToolEnd, ids: Transcript) -> Parts:
    call, artifact = ids.call(event.tool_call_id), ids.payload(event.artifact)
    kept = f"artifact {artifact}" if artifact else ""
    return call, event.name, event.status, ids.payload(event.output), kept


def _tool_error(event: ev.ToolError, ids: Transcript) -> Parts:
    return ids.call(event.tool_call_id), event.name, _error(event.error, ids)


def _retrieval_start(event: ev.RetrievalStart, ids: Transcript) -> Parts:
    search, query = ids.number("r", event.retrieval_id), ids.payload(event.query)
    return search, event.name, query, _at(event.origin)


def _retrieval_end(event: ev.RetrievalEnd, ids: Transcript) -> Parts:
    search, count = ids.number("r", event.retrieval_id), len(event.documents)
    found = f"{count} document{'s' * (count != 1)}"
    return search, event.name, event.status, found, _error(event.error, ids)


# --- the graph and the application


def _state_update(event: ev.StateUpdate, ids: Transcript) -> Parts:
    return event.node, ids.payload(event.values), _at(event.origin, event.node)


def _state_snapshot(event: ev.StateSnapshot, ids: Transcript) -> Parts:
    return ids.payload(event.values), _at(event.origin)


def _checkpoint(event: ev.Checkpoint, ids: Transcript) -> Parts:
    metadata = dict_or_empty(event.metadata)
    # LangGraph's checkpointer writes both into the metadata: `input` is step -1.
    source, step = metadata.get("source", ""), metadata.get("step")
    at_step = "" if step is None else f"step {step}"
    following = f"next {', '.join(event.next)}" if event.next else ""
    return str(source), at_step, following, ids.payload(event.values), _at(event.origin)


def _interrupt(event: ev.Interrupt, ids: Transcript) -> Parts:
    static, call = "static" * event.static, ids.call(event.tool_call_id)
    return static, ids.payload(event.value), call, _at(event.origin)


def _message_added(event: ev.MessageAdded, ids: Transcript) -> Parts:
    return ids.payload(event.message), _at(event.origin)


def _message_replaced(event: ev.MessageReplaced, ids: Transcript) -> Parts:
    return ids.number("m", event.message_id), ids.payload(event.message), _at(event.origin)


def _message_removed(event: ev.MessageRemoved, ids: Transcript) -> Parts:
    return ids.number("m", event.message_id), _at(event.origin)


def _custom(event: ev.Custom, ids: Transcript) -> Parts:
    return event.name or "", ids.payload(event.data), _at(event.origin)


def _batch_item(event: ev.BatchItem, ids: Transcript) -> Parts:
    return str(event.index), ids.payload(event.output), _error(event.error, ids)


def _unrecognized(event: ev.Unrecognized, ids: Transcript) -> Parts:
    return quote(ids.stable(event.reason)), ids.payload(event.raw)


def _error(error: ErrorInfo | None, ids: Transcript) -> str:
    return f"{error.name} {quote(ids.stable(error.message))}" if error else ""


def _at(origin: Origin, own_name: str = "") -> str:
    """Return the path as ``@node``, without a name that the line has already."""
    where = path(origin)
    if own_name and (where == own_name or where.endswith(f"/{own_name}")):
        where = where.removesuffix(own_name).rstrip("/")
    return f"@{where}" if where else ""


_PARTS_OF: dict[type[Any], Callable[[Any, Transcript], Parts]] = {
    ev.RunStart: _run_start,
    ev.RunEnd: _run_end,
    ev.RunError: _run_error,
    ev.StepStart: _step_start,
    ev.StepDelta: _step_delta,
    ev.StepEnd: _step_end,
    ev.MessageStart: _message_start,
    ev.TextStart: _part_start,
    ev.TextDelta: _part_text,
    ev.TextEnd: _part_text,
    ev.ReasoningStart: _part_start,
    ev.ReasoningDelta: _part_text,
    ev.ReasoningEnd: _reasoning_end,
    ev.ToolCallStart: _call_start,
    ev.ToolCallDelta: _call_delta,
    ev.ToolCallEnd: _call_end,
    ev.Content: _content,
    ev.Citation: _citation,
    ev.MessageEnd: _message_end,
    ev.ToolStart: _tool_start,
    ev.ToolDelta: _tool_delta,
    ev.ToolEnd: _tool_end,
    ev.ToolError: _tool_error,
    ev.RetrievalStart: _retrieval_start,
    ev.RetrievalEnd: _retrieval_end,
    ev.StateUpdate: _state_update,
    ev.StateSnapshot: _state_snapshot,
    ev.Checkpoint: _checkpoint,
    ev.Interrupt: _interrupt,
    ev.MessageAdded: _message_added,
    ev.MessageReplaced: _message_replaced,
    ev.MessageRemoved: _message_removed,
    ev.Custom: _custom,
    ev.BatchItem: _batch_item,
    ev.Unrecognized: _unrecognized,
}
