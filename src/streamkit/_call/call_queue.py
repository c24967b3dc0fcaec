"""A call's two streams, what its handler notes and what it yields itself, as one. No I/O here.

Laws of this file:

1. Notes keep their order, and so does what is yielded.
2. What is yielded comes after every note that was made before it, as far as that can be known:
   an `OrderedNote` waits until its marker has come through the other stream (see
   `stream_order`): what came before the marker was yielded before the note was made. Other
   notes do not wait.
3. Nothing is lost: once the call is over, no note waits any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any


class OrderedNote:
    """A note that waits for its marker."""

    __slots__ = ("is_waiting", "note")

    def __init__(self, note: Any) -> None:
        self.note = note
        self.is_waiting = True


class NoteQueue:
    """The meeting of both streams. Notes may come from any thread."""

    add_note: Callable[[Any], None]
    """Takes a note, which may be held."""

    def __init__(self) -> None:
        self.is_over = False
        self._notes: deque[Any] = deque()
        self.add_note = self._notes.append
        self._yielded: Any = None
        self._released: OrderedNote | None = None

    def add_marker(self, held: OrderedNote) -> None:
        """Release a note whose marker has come, and every note before it."""
        if held.is_waiting:
            self._released = held

    def add_yielded(self, item: object) -> None:
        """Take what the call yielded. The one before has been taken by then."""
        self._yielded = item

    def take(self) -> Any:
        """Return the next item, or None where it is not known yet."""
        notes = self._notes
        if notes:
            note = notes.popleft()
            if note.__class__ is not OrderedNote:
                return note
            if self._may_pass(note):
                return self._let_pass(note)
            notes.appendleft(note)
        item, self._yielded = self._yielded, None
        return item

    def _may_pass(self, first: OrderedNote) -> bool:
        return not first.is_waiting or self._released is not None or self.is_over

    def _let_pass(self, first: OrderedNote) -> Any:
        first.is_waiting = False
        if first is self._released:
            self._released = None
        return first.note
