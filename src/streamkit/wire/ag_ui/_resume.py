"""The end of an AG-UI stream that was cut off: see `streamkit.wire.resume`."""

from __future__ import annotations

from collections.abc import Iterable

from ..resume import Resume, json_frame, payloads, typed_deltas
from ._encoder import CUT_OFF

_BRACKETS = {
    "TEXT_MESSAGE": "messageId",
    "REASONING": "messageId",
    "REASONING_MESSAGE": "messageId",
    "TOOL_CALL": "toolCallId",
    "STEP": "stepName",
}
"""The kinds of event that open and close, and the field that identifies each."""

_EDGES = {"START": True, "STARTED": True, "END": False, "FINISHED": False}


def _cut_off(frames: Iterable[bytes]) -> list[bytes]:
    opened: dict[tuple[str, object], None] = {}
    for it in payloads(frames):
        kind, _, edge = str(it.get("type")).rpartition("_")
        if kind == "RUN" and edge in {"FINISHED", "ERROR"}:
            return []
        if kind in _BRACKETS and edge in _EDGES:
            key = (kind, it.get(_BRACKETS[kind]))
            opened.pop(key, None)
            if _EDGES[edge]:
                opened[key] = None
    # `@ag-ui/client` 1.0.0 takes a `RUN_ERROR` at any time; other readers need the ends.
    ends = [
        {"type": f"{kind}_{'FINISHED' if kind == 'STEP' else 'END'}", _BRACKETS[kind]: id}
        for kind, id in reversed(opened)
    ]
    return [json_frame(it) for it in (*ends, CUT_OFF)]


RESUME = Resume(
    typed_deltas(
        {
            "TEXT_MESSAGE_CONTENT": "delta",
            "REASONING_MESSAGE_CONTENT": "delta",
            "TOOL_CALL_ARGS": "delta",
        }
    ),
    _cut_off,
)
"""How a client comes back to a run in this format: for `streamkit.serve.Runs`."""
