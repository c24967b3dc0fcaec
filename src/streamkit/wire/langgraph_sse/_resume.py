"""The end of a LangGraph stream that was cut off: see `streamkit.wire.resume`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..resume import Delta, Resume, json_frame

__all__ = ["RESUME"]


def _delta_of(frame: bytes) -> Delta | None:
    if not frame.startswith(b"event: messages"):
        return None
    event, _, data = frame.partition(b"\n")
    try:
        # `messages` data is a pair: the chunk, and its metadata.
        chunk, about = msgspec.json.decode(data[6:], type=tuple[dict[str, Any], dict[str, Any]])
        holder, name = _growing(chunk)
        text: str = holder[name]
        holder[name] = ""
        key = (event, msgspec.json.encode([chunk, about]))
    except (msgspec.MsgspecError, ValueError, LookupError):
        return None

    def written(text: str) -> bytes:
        holder[name] = text
        return json_frame([chunk, about], event + b"\n")

    return Delta(key, text, written)


def _growing(chunk: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return where a chunk has its text, if that is all it says; see `Chunks` for their forms.

    Raises:
        LookupError: it says something else.
    """
    keys = chunk.keys() - {"type", "id"}
    match chunk:
        case {"content": str()} if keys == {"content"}:
            return chunk, "content"
        case {"content": [{"type": "text" | "reasoning" as kind} as block]}:
            if keys == {"content"} and block.keys() == {"type", "index", kind}:
                return block, kind
        case {"content": "", "tool_call_chunks": [{"args": str()} as call]}:
            if keys == {"content", "tool_call_chunks"} and call.keys() == {"type", "index", "args"}:
                return call, "args"
        case _:
            pass
    raise LookupError


def _cut_off(frames: Iterable[bytes]) -> list[bytes]:
    for it in frames:
        if it.startswith((b"event: end\n", b"event: error\n")):
            return []
    error = {"error": "Incomplete", "message": "the run was cut off"}
    return [json_frame(error, b"event: error\n")]


RESUME = Resume(_delta_of, _cut_off)
"""How a client comes back to a run in this format: for `streamkit.serve.Runs`."""
