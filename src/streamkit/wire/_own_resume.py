"""The end of a stream of our own events that was cut off: see `streamkit.wire.resume`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from time import time

from .._fields import JsonObject
from .resume import Resume, json_frame, payloads, typed_deltas

__all__ = ["RESUME"]

_IDS = {
    "step": ("step_id",),
    "message": ("message_id",),
    "text": ("message_id", "block_id"),
    "reasoning": ("message_id", "block_id"),
    "tool_call": ("message_id", "block_id"),
    "tool": ("tool_call_id",),
    "retrieval": ("retrieval_id",),
}
"""The fields that identify a bracket of each kind."""

_COPIED = ("step_id", "kind", "message_id", "block_id", "tool_call_id", "retrieval_id", "name")
"""The fields of a start that its end repeats."""


def _cut_off(frames: Iterable[bytes]) -> list[bytes]:
    state = _Open()
    for event in payloads(frames):
        state.feed(event)
    return [json_frame(event) for event in state.ends()]


class _Open:
    """The brackets that are open, and what their ends repeat."""

    def __init__(self) -> None:
        self._open: dict[tuple[object, ...], JsonObject] = {}
        self._texts: dict[tuple[object, ...], list[str]] = {}
        self._said: dict[object, list[str]] = {}
        self._calls: dict[object, list[JsonObject]] = {}
        self._origin: JsonObject = {}
        self._has_begun = self._is_over = False

    def feed(self, event: JsonObject) -> None:
        kind, _, edge = str(event.get("type")).partition(".")
        if kind == "run":
            self._origin = event.get("origin", {})
            self._has_begun = True
            self._is_over = edge != "start"
        if kind not in _IDS:
            return
        key = (kind, *(event.get(name) for name in _IDS[kind]))
        if edge == "start":
            self._open[key] = event
        elif edge == "delta":
            self._texts.setdefault(key, []).append(str(event.get("text", event.get("args"))))
        else:
            self._open.pop(key, None)
            self._texts.pop(key, None)
            self._note_end(kind, event)

    def _note_end(self, kind: str, event: JsonObject) -> None:
        message = event.get("message_id")
        if kind == "text":
            self._said.setdefault(message, []).append(event.get("text", ""))
        elif kind == "tool_call":
            whole: JsonObject = {
                name: event[name] for name in ("name", "args", "text", "error") if name in event
            }
            self._calls.setdefault(message, []).append({"id": event.get("tool_call_id"), **whole})

    def ends(self) -> Iterator[JsonObject]:
        if self._is_over:
            return
        if not self._has_begun:  # its owner died before anything was stored
            yield {"type": "run.start", "timestamp": time()}
        for key, start in reversed(self._open.items()):
            end = self._end(key, start)
            self._note_end(str(key[0]), end)
            yield end
        origin = {"origin": self._origin} if self._origin else {}
        yield {"type": "run.end", **origin, "timestamp": time(), "status": "incomplete"}

    def _end(self, key: tuple[object, ...], start: JsonObject) -> JsonObject:
        kind = key[0]
        about = {name: start[name] for name in ("origin", *_COPIED) if name in start}
        end: JsonObject = {"type": f"{kind}.end", **about, "timestamp": time()}
        text = "".join(self._texts.get(key, ()))
        match kind:
            case "text" | "reasoning":
                return {**end, "text": text}
            case "tool_call":
                return {**end, "text": text, **_arguments(text)}
            case "message":
                id = start.get("message_id")
                said = {"text": "".join(self._said.get(id, ())), "status": "incomplete"}
                return {**end, **said, "tool_calls": self._calls.get(id, [])}
            case _:
                return {**end, "status": "incomplete"}


def _arguments(text: str) -> JsonObject:
    try:
        # As LangChain reads arguments: see `read_args`.
        return {"args": json.loads(text or "{}", strict=False)}
    except ValueError as error:
        return {"args": None, "error": f"arguments are not complete JSON: {error}"}


RESUME = Resume(
    typed_deltas({"text.delta": "text", "reasoning.delta": "text", "tool_call.delta": "args"}),
    _cut_off,
)
"""How a client comes back to a run in this format: for `streamkit.serve.Runs`."""
