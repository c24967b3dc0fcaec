"""Messages of agents inside tools: a UI message for each call, as the call's output so far.

It is a preliminary output, as the AI SDK has it for sub-agents, until the tool's own comes. It is
written once for each part, with the last `PARTS` of them, so that the bytes grow with the number of
parts alone.
"""

from __future__ import annotations

from typing import Any, Final

from ...events import ReasoningEnd, TextEnd, ToolCallEnd, ToolEnd, ToolError
from ..protocol import Call, CallIds, error_text

__all__ = ["InnerMessages"]

PARTS: Final = 20
"""The most parts that one preliminary output has."""


class InnerMessages:
    """The messages of one run's calls."""

    def __init__(self, calls: CallIds) -> None:
        self._calls = calls
        self._outer: dict[str, Call] = {}
        """The calls that were made inside others, each with the one that is shown."""
        self._parts: dict[str, list[dict[str, Any]]] = {}

    def outer_call(self, event: Any) -> Call | None:
        """Return the call that is shown and inside which an event happens, if the source has it."""
        call = self._calls.current(event.origin.tool_call_id)
        if call and not call.is_shown:
            call = self._outer.get(call.id)
        if call and isinstance(event, ToolCallEnd):
            self._outer[event.tool_call_id] = call
        return call

    def add(self, call: Call, event: object) -> dict[str, Any] | None:
        """Return the message of a call with an event in it; None where it adds no part."""
        parts = self._parts.setdefault(call.id, [])
        match event:
            case TextEnd(text=text) if text:
                parts.append({"type": "text", "text": text, "state": "done"})
            case ReasoningEnd(text=text) if text:
                parts.append({"type": "reasoning", "text": text, "state": "done"})
            case ToolCallEnd(tool_call_id=id, name=name, args=args):
                state = {"state": "input-available", "input": args}
                parts.append({"type": "dynamic-tool", "toolCallId": id, "toolName": name, **state})
            case ToolEnd(tool_call_id=id, output=output, status="completed"):
                if not _settle(parts, id, state="output-available", output=output):
                    return None
            case ToolError(tool_call_id=id, error=error):
                if not _settle(parts, id, state="output-error", errorText=error_text(error)):
                    return None
            case _:
                return None
        return {"id": f"{call.id}:inner", "role": "assistant", "parts": parts[-PARTS:]}


def _settle(parts: list[dict[str, Any]], id: str, **result: Any) -> bool:
    """Add the result of a call to its part; return whether there is one."""
    found = next((it for it in reversed(parts) if it.get("toolCallId") == id), None)
    if found:
        found.update(result)
    return found is not None
