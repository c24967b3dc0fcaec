"""The end of a LangGraph stream that was cut off: see `streamkit.wire.resume`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..._fields import dict_or_empty
from ..resume import Resume, deltas, json_frame
from ._encoder import CUT_OFF


def _find(data: Any) -> tuple[dict[str, Any], str, object] | None:
    """Return where a chunk has its text, if that is all it says; see `Chunks` for their forms."""
    match data:  # a pair: the chunk, and its metadata
        case [{"content": content, **more} as chunk, _]:
            keys = more.keys() - {"type", "id"}
        case _:
            return None
    match content, more.get("tool_call_chunks"):
        case "", [piece] if keys == {"tool_call_chunks"}:
            call = dict_or_empty(piece)
            return (call, "args", data) if call.keys() == {"type", "index", "args"} else None
        case str(), _ if not keys:
            return chunk, "content", data
        case [{"type": "text" | "reasoning" as kind} as block], _ if not keys:
            return (block, kind, data) if block.keys() == {"type", "index", kind} else None
        case _:
            return None


def _cut_off(frames: Iterable[bytes]) -> list[bytes]:
    for it in frames:
        if it.startswith((b"event: end\n", b"event: error\n")):
            return []
    return [json_frame(CUT_OFF, b"event: error\n")]


RESUME = Resume(deltas(["event: messages"], _find), _cut_off)
"""How a client comes back to a run in this format: for `streamkit.serve.Runs`."""
