"""Events of ours as a source: a recording, a list, a stream that another process sent.

    normalize(replay("run.jsonl"))
    normalize(decoder_of_another_process)

Events pass as they are, with their own timestamps. A source that stops early still closes what it
opened, at the time of its last event. A `RunError` is raised again, as the exception that it holds
or as `RunFailed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import events as ev
from .._core.results import error_info
from .._event_classes import EVENTS, bracket_of, derived
from .._protocols import RunOver
from ..errors import MalformedItem, RunFailed
from ..values import ErrorInfo, Status, ToolCall, Usage

_BY_TYPE: dict[str, Any] = {cls.type: cls for cls in EVENTS}
_CUT = "the stream stopped before the arguments were complete"
_RUN = ("run",)


class OwnReader:
    """The reader of our own events: it passes them on, and closes what is open at an early end."""

    def __init__(self, *, clock: Callable[[], float], strict: bool = False) -> None:
        self._clock = clock
        self._strict = strict
        self._open: dict[tuple[Any, ...], ev.Event] = {}
        self._pieces: dict[tuple[Any, ...], list[str]] = {}
        self._texts: dict[str, list[str]] = {}
        self._calls: dict[str, list[ToolCall]] = {}
        self._usage: dict[str, Usage] = {}
        self._last: ev.Event | None = None
        self._ended = False
        self._error: ev.RunError | None = None

    def feed(self, raw: object) -> Sequence[ev.Event]:
        """Return the event as it is.

        Raises:
            MalformedItem: It is no event, and ``strict`` is set.
            RunOver: It is a `RunError`.
        """
        if not isinstance(raw, EVENTS):
            return (self._unrecognized(raw),)
        self._last = raw
        verb, key = bracket_of(raw)
        if verb == "delta":
            text: Any = getattr(raw, "text", None) or getattr(raw, "args", None)
            if text:
                self._pieces.setdefault(key, []).append(text)
        elif verb == "start":
            self._open[key] = raw
            self._ended = False  # a recording may hold several runs, one after the other
        elif verb == "end":
            self._end(key, raw)
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
        return ev.Unrecognized(timestamp=at, raw=raw, reason=reason)

    def _end(self, key: tuple[Any, ...], event: ev.Event) -> None:
        self._open.pop(key, None)
        self._pieces.pop(key, None)
        match event:
            case ev.TextEnd(message_id=id, text=text):
                self._texts.setdefault(id, []).append(text)
            case ev.ToolCallEnd(message_id=id):
                call = derived(ToolCall, event, id=event.tool_call_id)
                self._calls.setdefault(id, []).append(call)
            case ev.MessageEnd(message_id=id, usage=usage):
                self._texts.pop(id, None)
                self._calls.pop(id, None)
                if usage:
                    model = event.model or ""
                    self._usage[model] = self._usage.get(model, Usage()) + usage
            case ev.RunEnd():
                self._ended = True
                self._open.clear()
                self._usage.clear()
            case ev.RunError(error=error):
                self._ended, self._error = True, event
                # Only in this process: no wire carries an exception, only its name and text.
                raised = error.exception
                is_error = isinstance(raised, Exception)
                raise RunOver(raised if is_error else RunFailed(error.name, error.message))
            case _:
                pass

    # --- closing

    def _closing(self, status: Status, error: ErrorInfo | None = None) -> Iterator[ev.Event]:
        at = self._last.timestamp if self._last else self._clock()
        if self._last is None:
            yield ev.RunStart(timestamp=at)
        root = self._open.pop(_RUN, None)
        for key in reversed([*self._open]):
            ended = self._closed(key, status, at)
            self._end(key, ended)
            yield ended
        self._ended = True
        fields: dict[str, Any] = {
            "origin": root.origin if root else ev.NO_ORIGIN,
            "timestamp": at,
            "usage": sum(self._usage.values(), Usage()) if self._usage else None,
            "usage_by_model": dict(self._usage),
        }
        yield ev.RunError(**fields, error=error) if error else ev.RunEnd(**fields, status=status)

    def _closed(self, key: tuple[Any, ...], status: Status, at: float) -> ev.Event:
        """Return the end of what is open, with all that its start and its pieces have of it."""
        start = self._open[key]
        end = _BY_TYPE[start.type.replace("start", "end")]
        fields: dict[str, Any] = {"timestamp": at}
        text = "".join(self._pieces.get(key, ()))
        match start:
            case ev.TextStart() | ev.ReasoningStart():
                fields["text"] = text
            case ev.ToolCallStart():
                fields |= {"args": None, "text": text, "error": _CUT}
            case ev.MessageStart(message_id=id):
                calls = tuple(self._calls.get(id, ()))
                fields |= {"text": "".join(self._texts.get(id, ())), "tool_calls": calls}
                fields["status"] = status
            case _:
                fields["status"] = status
        ended: ev.Event = derived(end, start, **fields)
        return ended
