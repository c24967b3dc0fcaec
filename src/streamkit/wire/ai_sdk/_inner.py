"""Words of agents inside tools: a UI message for each call, as the call's output so far.

It is a preliminary output, as the AI SDK has it for sub-agents, until the tool's own comes. It is
written once for each text, with the last `PARTS` of them, so that the bytes grow with the number of
texts alone. Calls of such an agent are parts of the answer, like any other.
"""

from __future__ import annotations

from typing import Any, Final

from ...events import ReasoningEnd, TextEnd
from ..protocol import Call, CallIds

__all__ = ["InnerMessages"]

PARTS: Final = 20
"""The most parts that one preliminary output has."""


class InnerMessages:
    """The messages of one run's calls."""

    def __init__(self, calls: CallIds) -> None:
        self._calls = calls
        self._parts: dict[str, list[dict[str, Any]]] = {}

    def outer_call(self, event: Any) -> Call | None:
        """Return the call inside which an event happens, if the source has it."""
        return self._calls.current(event.origin.tool_call_id)

    def add(self, call: Call, event: object) -> dict[str, Any] | None:
        """Return the message of a call with an event in it; None where it adds no part."""
        kind = "text" if isinstance(event, TextEnd) else "reasoning"
        if not isinstance(event, (TextEnd, ReasoningEnd)) or not event.text:
            return None
        parts = self._parts.setdefault(call.id, [])
        parts.append({"type": kind, "text": event.text, "state": "done"})
        return {"id": f"{call.id}:inner", "role": "assistant", "parts": parts[-PARTS:]}
