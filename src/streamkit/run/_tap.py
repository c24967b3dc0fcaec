"""Makes a sync call, and gives what it yields and what its handler notes as one source.

Laws of this file, and of its async twin `_worker`:

1. The call goes on only while somebody waits for more: nothing is read ahead.
2. A sync call runs in its caller's thread. What is noted comes out when the call next yields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..dialects.callbacks import Note, Piece
from ._bell import Bell
from ._confluence import Confluence, Held

__all__ = ["SyncTap", "Wire"]


class Wire(Confluence):
    """What stands between a call and its reader.

    Args:
        wrap: makes a raw item of what the call yields.
        bell: sends the notes' signs through what the call yields, where it can.
        pieces_ring: whether the pieces of a model's answer have signs, too.
    """

    def __init__(
        self, wrap: Callable[[Any], Any], bell: Bell | None = None, *, pieces_ring: bool = False
    ) -> None:
        super().__init__()
        self.wake: Callable[[], None] = _nobody_sleeps
        self._wrap = wrap
        self._bell = bell
        self._pieces_ring = pieces_ring

    def post(self, run: dict[str, Any], note: Note) -> None:
        """Take a note on a run, in any thread."""
        bell = self._bell if self._pieces_ring or not isinstance(note, Piece) else None
        if bell and bell.is_near(run):
            self._hold(note, bell)
        else:
            self.add_note(note)
            self.wake()

    def _hold(self, note: Note, bell: Bell) -> None:
        """Keep a note until its sign comes, which will wake the reader."""
        held = Held(note)
        self.add_note(held)
        if not bell.ring(held):
            held.is_waiting = False
            self.wake()

    def put(self, item: Any) -> bool:
        """Take what the call yielded, and tell whether it is anything but a sign."""
        sign = self._bell and self._bell.sign_in(item)
        if sign:
            self.add_sign(sign)
        else:
            self.add_yielded(self._wrap(item))
        return not sign


def _nobody_sleeps() -> None:
    """A sync reader is woken by what the call yields."""


class SyncTap(Iterator[Any]):
    """A sync call as a source."""

    def __init__(self, call: Callable[[], Iterator[Any]], wire: Wire) -> None:
        self._call = call
        self._wire = wire
        self._items: Iterator[Any] | None = None
        self._error: Exception | None = None

    def __next__(self) -> Any:
        while (raw := self._wire.take()) is None:
            if self._wire.is_over:
                error, self._error = self._error, None
                raise error or StopIteration
            self._pull()
        return raw

    def _pull(self) -> None:
        if self._items is None:
            self._items = self._call()
        try:
            self._wire.put(next(self._items))
        except StopIteration:
            self._wire.is_over = True
        except Exception as error:  # noqa: BLE001  (raised again, after what was noted of it)
            self._wire.is_over = True
            self._error = error

    def close(self) -> None:
        """Close the call."""
        close = getattr(self._items, "close", None)
        if close:
            close()
