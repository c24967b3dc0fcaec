"""The end of a UI message stream that was cut off: see `streamkit.wire.resume`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._frames import DONE
from ..resume import Resume, json_frame, payloads, typed_deltas

_INCOMPLETE = "incomplete"


def _cut_off(frames: Iterable[bytes]) -> list[bytes]:  # noqa: C901  (a chunk, a case)
    parts: dict[tuple[str, object], None] = {}
    calls: dict[object, dict[str, Any]] = {}
    written: dict[object, dict[str, Any]] = {}
    has_begun = in_step = False
    for it in payloads(frames):
        kind, _, edge = str(it.get("type")).rpartition("-")
        call = it.get("toolCallId")
        match it.get("type"):
            case "finish" | "abort" | "error":
                return []
            case "start":
                has_begun = True
            case "text-start" | "reasoning-start":
                parts[kind, it.get("id")] = None
            case "text-end" | "reasoning-end":
                parts.pop((kind, it.get("id")), None)
            case "start-step" | "finish-step":
                in_step = kind == "start"
            case "tool-input-start":
                written[call] = it
            case "tool-input-available":
                written.pop(call, None)
                calls[call] = it
            case "tool-approval-request":
                calls.pop(call, None)
            case _ if kind in {"tool-input", "tool-output"} and edge != "delta":
                written.pop(call, None)
                calls.pop(call, None)
            case _:
                pass
    ends: list[dict[str, Any]] = [] if has_begun else [{"type": "start"}]
    # The client cannot see that a stream was cut off: parts would stay open for ever.
    ends += [{"type": f"{kind}-end", "id": id} for kind, id in parts]
    ends += [
        {**_error("input", it), "toolName": it.get("toolName"), "input": ""}
        for it in written.values()
    ]
    ends += [_error("output", it) for it in calls.values()]
    ends += [{"type": "finish-step"}] if in_step else []
    ends.append({"type": "error", "errorText": _INCOMPLETE})
    return [*map(json_frame, ends), DONE]


def _error(of: str, call: dict[str, Any]) -> dict[str, Any]:
    about: dict[str, Any] = {
        name: call[name] for name in ("toolCallId", "dynamic", "providerExecuted") if name in call
    }
    return {"type": f"tool-{of}-error", **about, "errorText": _INCOMPLETE}


RESUME = Resume(
    typed_deltas(
        {
            "text-delta": "delta",
            "reasoning-delta": "delta",
            "tool-input-delta": "inputTextDelta",
        }
    ),
    _cut_off,
)
"""How a client comes back to a run in this format: for `streamkit.serve.Runs`."""
