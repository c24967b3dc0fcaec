"""A call's two streams, what its handler notes and what it yields itself, as one. No I/O here.

Laws of this file:

1. Notes keep their order, and so does what is yielded.
2. What is yielded comes after every note that was made before it, as far as that can be known:
   a *held* note waits until a sign of it has come down the other stream (see `_bell`), and what
   came down before the sign was yielded before the note was made. Other notes do not wait.
3. Nothing is lost: once the call is over, held notes wait no more.
"""

from __future__ import annotations

from collections import deque
from typing import Any

__all__ = ["Confluence", "Note"]


class Note:
    """One note, and whether it waits for its sign."""

    __slots__ = ("event", "is_held")

    def __init__(self, event: dict[str, Any]) -> None:
        self.event = event
        self.is_held = False


class Confluence:
    """The meeting of both streams. Notes may come from any thread."""

    def __init__(self) -> None:
        self.is_over = False
        self._notes: deque[Note] = deque()
        self._yielded: Any = None
        self._released: Note | None = None

    def add_note(self, note: Note) -> None:
        """Take a note."""
        self._notes.append(note)

    def add_sign(self, note: Note) -> None:
        """The sign of a note has come: nothing holds it, nor what was noted before it."""
        if note.is_held:
            self._released = note

    def add_yielded(self, item: object) -> None:
        """Take what the call yielded. The one before has been taken by then."""
        self._yielded = item

    def take(self) -> Any:
        """Give what comes next, or None where it is not known yet."""
        if self._notes and self._may_pass(self._notes[0]):
            note = self._notes.popleft()
            note.is_held = False
            if note is self._released:
                self._released = None
            return note.event
        item, self._yielded = self._yielded, None
        return item

    def _may_pass(self, first: Note) -> bool:
        return not first.is_held or self._released is not None or self.is_over
