"""Words of agents inside tools: a UI message for each call, as the call's output so far.

It is a preliminary output, as the AI SDK has it for sub-agents, until the tool's own comes. It is
written once for each text, with the last `PARTS` of them, so that the bytes grow with the number of
texts alone. Calls of such an agent are parts of the answer, like any other.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any, Final

from ...events import ReasoningEnd, TextEnd

__all__ = ["InnerMessages"]

PARTS: Final = 20
"""The most parts that one preliminary output has."""


class InnerMessages:
    """The messages of one run's calls."""

    def __init__(self) -> None:
        self._parts: defaultdict[str, deque[dict[str, Any]]] = defaultdict(
            lambda: deque(maxlen=PARTS)
        )

    def with_text(self, call_id: str, event: TextEnd | ReasoningEnd) -> dict[str, Any]:
        """Return the message of a call with one more text in it."""
        kind = "text" if isinstance(event, TextEnd) else "reasoning"
        parts = self._parts[call_id]
        parts.append({"type": kind, "text": event.text, "state": "done"})
        return {"id": f"{call_id}:inner", "role": "assistant", "parts": [*parts]}
