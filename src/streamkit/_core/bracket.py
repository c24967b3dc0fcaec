"""Something open, and the event that will end it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..events import Event, ToolEnd, ToolError
from ..values import ErrorInfo, Origin, Status
from .message import Outlet

__all__ = ["Bracket", "tool_end"]


class Bracket:
    """Something open: whose it is, and the event that will end it."""

    def __init__(self, end: Callable[..., Event], origin: Origin, **fields: Any) -> None:
        self.origin = origin
        self.fields = fields
        self._end = end

    def close(
        self, outlet: Outlet, status: Status, error: ErrorInfo | None = None, **result: Any
    ) -> None:
        at = {"origin": self.origin, "timestamp": outlet.now}
        outlet.events.append(self._end(**at, **self.fields, status=status, error=error, **result))


def tool_end(*, status: Status, error: ErrorInfo | None, **fields: Any) -> Event:
    if error is None:
        return ToolEnd(**fields, status=status)
    at = {name: fields[name] for name in ("origin", "timestamp", "tool_call_id", "name")}
    return ToolError(**at, error=error)
