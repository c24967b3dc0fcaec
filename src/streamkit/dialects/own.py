"""Events of ours as a source: a recording, a list, a stream that another process sent.

    normalize(replay("run.jsonl"))
    normalize(decoder_of_another_process)

Events pass as they are, with their own timestamps. A source that stops early still closes what it
opened, at the time of its last event. A `RunError` is raised again, as the exception that it holds
or as `RunFailed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast, get_args

from .. import events as ev
from .._core.results import error_info
from .._protocols import RunOver
from ..errors import MalformedItem, RunFailed
from ..values import ErrorInfo, Origin, Status, ToolCall, Usage

__all__ = ["OwnReader", "is_own"]

_EVENTS: tuple[type[ev.Event], ...] = get_args(ev.Event)
_CUT = "the stream stopped before the arguments were complete"

Key = tuple[object, ...]


def is_own(raw: object) -> bool:
    """Return whether ``raw`` is an event of ours."""
    return isinstance(raw, _EVENTS)


class OwnReader:
    """The reader of our own events: it passes them on, and closes what is open at an early end."""

    def __init__(self, *, clock: Callable[[], float], strict: bool = False) -> None:
        self._clock = clock
        self._strict = strict
        self._open: dict[Key, ev.Event] = {}
        self._pieces: dict[Key, list[str]] = {}
        self._texts: dict[str, list[str]] = {}
        self._calls: dict[str, list[ToolCall]] = {}
        self._usage: dict[str, Usage] = {}
        self._last: ev.Event | None = None
        self._ended = False
        self._error: ev.RunError | None = None
        self._readers = self._table()

    def _table(self) -> dict[type, Callable[[Any], None]]:
        return {
            ev.RunStart: self._run_start,
            ev.RunEnd: self._run_end,
            ev.RunError: self._run_error,
            ev.StepStart: lambda it: self._begin(("step", it.step_id), it),
            ev.StepEnd: lambda it: self._end(("step", it.step_id)),
            ev.MessageStart: lambda it: self._begin(("message", it.message_id), it),
            ev.MessageEnd: self._message_end,
            ev.TextStart: self._block_start,
            ev.ReasoningStart: self._block_start,
            ev.ToolCallStart: self._block_start,
            ev.TextDelta: lambda it: self._add(it, it.text),
            ev.ReasoningDelta: lambda it: self._add(it, it.text),
            ev.ToolCallDelta: lambda it: self._add(it, it.args),
            ev.TextEnd: self._text_end,
            ev.ReasoningEnd: lambda it: self._end(_block(it)),
            ev.ToolCallEnd: self._call_end,
            ev.ToolStart: lambda it: self._begin(("tool", it.tool_call_id), it),
            ev.ToolEnd: lambda it: self._end(("tool", it.tool_call_id)),
            ev.ToolError: lambda it: self._end(("tool", it.tool_call_id)),
            ev.RetrievalStart: lambda it: self._begin(("retrieval", it.retrieval_id), it),
            ev.RetrievalEnd: lambda it: self._end(("retrieval", it.retrieval_id)),
        }

    def feed(self, raw: object) -> Sequence[ev.Event]:
        """Return the event as it is.

        Raises:
            MalformedItem: It is no event, and ``strict`` is set.
            RunOver: It is a `RunError`.
        """
        if not isinstance(raw, _EVENTS):
            return (self._unrecognized(raw),)
        self._last = raw
        read = self._readers.get(type(raw))
        if read:
            read(raw)
        return (raw,)

    def close(self) -> Sequence[ev.Event]:
        """Return the closing events: there are none where the run ended by itself."""
        return () if self._ended else tuple(self._closing("incomplete"))

    def fail(self, error: BaseException) -> Sequence[ev.Event]:
        """Return the closing events: the source raised, or the caller stopped reading."""
        if self._error:
            return (self._error,)
        if self._ended:
            return ()
        if isinstance(error, Exception):
            return tuple(self._closing("failed", error_info(error)))
        return tuple(self._closing("cancelled"))

    def _unrecognized(self, raw: object) -> ev.Unrecognized:
        reason = f"a {type(raw).__name__} among events"
        if self._strict:
            raise MalformedItem(f"{reason} is no event", raw)
        at = self._last.timestamp if self._last else self._clock()
        return ev.Unrecognized(origin=Origin(), timestamp=at, raw=raw, reason=reason)

    # --- what is open

    def _begin(self, key: Key, event: ev.Event) -> None:
        self._open[key] = event

    def _end(self, key: Key) -> None:
        self._open.pop(key, None)
        self._pieces.pop(key, None)

    def _run_start(self, event: ev.RunStart) -> None:
        self._ended = False  # a recording may hold several runs, one after the other
        self._begin(("run",), event)

    def _run_end(self, _event: ev.RunEnd) -> None:
        self._ended = True
        self._open.clear()
        self._usage.clear()

    def _run_error(self, event: ev.RunError) -> None:
        self._ended, self._error = True, event
        error = event.error
        # Only in this process: no wire carries an exception, only its name and text.
        raised = error.exception
        is_error = isinstance(raised, Exception)
        raise RunOver(raised if is_error else RunFailed(error.name, error.message))

    def _block_start(self, event: ev.TextStart | ev.ReasoningStart | ev.ToolCallStart) -> None:
        self._begin(_block(event), event)

    def _add(self, event: ev.TextDelta | ev.ReasoningDelta | ev.ToolCallDelta, text: str) -> None:
        self._pieces.setdefault(_block(event), []).append(text)

    def _text_end(self, event: ev.TextEnd) -> None:
        self._end(_block(event))
        self._texts.setdefault(event.message_id, []).append(event.text)

    def _call_end(self, event: ev.ToolCallEnd) -> None:
        self._end(_block(event))
        call = ToolCall(
            id=event.tool_call_id,
            name=event.name,
            args=event.args,
            text=event.text,
            error=event.error,
            provider_executed=event.provider_executed,
        )
        self._calls.setdefault(event.message_id, []).append(call)

    def _message_end(self, event: ev.MessageEnd) -> None:
        self._end(("message", event.message_id))
        self._texts.pop(event.message_id, None)
        self._calls.pop(event.message_id, None)
        if event.usage:
            known = self._usage.get(event.model or "", Usage())
            self._usage[event.model or ""] = known + event.usage

    # --- closing

    def _closing(self, status: Status, error: ErrorInfo | None = None) -> Iterator[ev.Event]:
        at = self._last.timestamp if self._last else self._clock()
        if self._last is None:
            yield ev.RunStart(origin=Origin(), timestamp=at)
        root = self._open.pop(("run",), None)
        for key in reversed([*self._open]):
            yield self._closed(key, self._open[key], status, at)
        self._open.clear()
        self._ended = True
        fields: dict[str, Any] = {
            "origin": root.origin if root else Origin(),
            "timestamp": at,
            "usage": sum(self._usage.values(), Usage()) if self._usage else None,
            "usage_by_model": dict(self._usage),
        }
        yield ev.RunError(**fields, error=error) if error else ev.RunEnd(**fields, status=status)

    def _closed(self, key: Key, start: ev.Event, status: Status, at: float) -> ev.Event:
        common: dict[str, Any] = {"origin": start.origin, "timestamp": at}
        text = "".join(self._pieces.pop(key, ()))
        ended: ev.Event
        match start:
            case ev.StepStart(step_id=id, kind=kind):
                return ev.StepEnd(**common, step_id=id, kind=kind, status=status)
            case ev.ToolStart(tool_call_id=id, name=name):
                return ev.ToolEnd(**common, tool_call_id=id, name=name, status=status)
            case ev.RetrievalStart(retrieval_id=id, name=name):
                return ev.RetrievalEnd(**common, retrieval_id=id, name=name, status=status)
            case ev.MessageStart(message_id=id, model=model):
                texts, calls = self._texts.pop(id, ()), self._calls.pop(id, ())
                return ev.MessageEnd(
                    **common,
                    message_id=id,
                    status=status,
                    text="".join(texts),
                    tool_calls=tuple(calls),
                    model=model,
                )
            case ev.TextStart(message_id=id, block_id=block):
                ended = ev.TextEnd(**common, message_id=id, block_id=block, text=text)
                self._text_end(ended)
            case ev.ReasoningStart(message_id=id, block_id=block):
                ended = ev.ReasoningEnd(**common, message_id=id, block_id=block, text=text)
            case _:
                call = cast("ev.ToolCallStart", start)
                ended = ev.ToolCallEnd(
                    **common,
                    message_id=call.message_id,
                    block_id=call.block_id,
                    tool_call_id=call.tool_call_id,
                    name=call.name,
                    args=None,
                    text=text,
                    error=_CUT,
                    provider_executed=call.provider_executed,
                )
                self._call_end(ended)
        return ended


def _block(event: Any) -> Key:
    return "block", event.message_id, event.block_id
