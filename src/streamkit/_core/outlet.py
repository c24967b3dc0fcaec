"""The parts of brackets and of messages that messages, blocks and calls write to, as protocols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ..events import Event
from ..values import Origin
from .metadata import Reports


class Outlet(Protocol):
    """The receiver of a message's events, and its clock."""

    now: float
    events: list[Event]

    def unrecognized(self, raw: object, reason: str, origin: Origin | None = None) -> None:
        """Report a value that cannot be read."""
        ...

    def new_call_id(self, message: Writing, given_id: str) -> str:
        """Return the id of a call that begins, which no other call at work has."""
        ...


class Writing(Protocol):
    """The message that a block or a call is a part of."""

    message_id: str
    origin: Origin
    outlet: Outlet
    reports: Reports

    def emit(self, event: Callable[..., Event], **fields: Any) -> None:
        """Make an event of the message."""
        ...

    def new_block_id(self) -> int:
        """Return the number of a block that begins."""
        ...

    def end_text(self) -> None:
        """End the block of text that is open."""
        ...

    def unrecognized(self, raw: object, reason: str) -> None:
        """Report a value that cannot be read."""
        ...
