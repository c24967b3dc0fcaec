"""The end of a LangGraph stream that was cut off: see `streamkit.wire.resume`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..resume import Delta, Resume, json_frame

__all__ = ["RESUME"]

_PLAIN = {"type", "id", "content"}
"""The keys of a chunk that says nothing but text."""


def _delta_of(frame: bytes) -> Delta | None:
    if not frame.startswith(b"event: messages"):
        return None
    event, _, data = frame.partition(b"\n")
    try:
        chunk, about = msgspec.json.decode(data[6:], type=tuple[dict[str, Any], dict[str, Any]])
        content: object = chunk.get("content")
        if chunk.keys() != _PLAIN or not isinstance(content, str):
            return None
        key = (event, chunk["id"], msgspec.json.encode(about))
    except (msgspec.MsgspecError, ValueError, TypeError):
        return None

    def written(text: str) -> bytes:
        return json_frame([{**chunk, "content": text}, about], event + b"\n")

    return Delta(key, content, written)


def _cut_off(frames: Iterable[bytes]) -> list[bytes]:
    for it in frames:
        if it.startswith((b"event: end\n", b"event: error\n")):
            return []
    error = {"error": "Incomplete", "message": "the run was cut off"}
    return [json_frame(error, b"event: error\n")]


RESUME = Resume(_delta_of, _cut_off)
"""How a client comes back to a run in this format: for `streamkit.serve.Runs`."""
