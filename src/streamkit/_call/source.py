"""A sync call as one source: what it yields and what its handler notes.

Laws of this file, and of its async twin `worker`:

1. The call runs only while its reader waits for more: nothing is read ahead.
2. A sync call runs in its caller's thread. What is noted comes out when the call next yields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .._drive import Inside
from ..dialects.callbacks import Note, Piece
from .call_queue import NoteQueue, OrderedNote
from .stream_order import MarkerWriter, OrderMarker


class CallQueue(NoteQueue):
    """The queue between a call and its reader.

    Args:
        wrap: makes a raw item of what the call yields.
        marker: sends the notes' markers through the graph's own stream, where it can.
        pieces_marked: whether the pieces of a model's answer have markers, too.
    """

    def __init__(
        self,
        wrap: Callable[[Any], Any],
        marker: OrderMarker | None = None,
        *,
        pieces_marked: bool = False,
    ) -> None:
        super().__init__()
        self.wake: Callable[[], None] = _nobody_sleeps
        self._wrap = wrap
        self._marker = marker
        self._pieces_marked = pieces_marked

    def post(self, run: dict[str, Any], note: Note) -> None:
        """Take a note on a run, in any thread."""
        if self._pieces_marked or note.__class__ is not Piece:
            writer = self._marker and self._marker.find_writer(run)
            if writer:
                self._hold(note, writer)
                return
        self.add_note(note)
        self.wake()

    def _hold(self, note: Note, writer: MarkerWriter) -> None:
        """Keep a note until its marker comes, which will wake the reader."""
        held = OrderedNote(note)
        self.add_note(held)
        if not writer.send(held):
            held.is_waiting = False
            self.wake()

    def put(self, item: Any) -> bool:
        """Take what the call yielded; return whether it is anything but a marker."""
        marked = self._marker and self._marker.marked_note(item)
        if marked:
            self.add_marker(marked)
        else:
            self.add_yielded(self._wrap(item))
        return not marked


def _nobody_sleeps() -> None:
    """A sync reader is woken by what the call yields."""


class CallSource(Iterator[Any]):
    """A sync call as a source."""

    def __init__(self, call: Callable[[], Iterator[Any]], queue: CallQueue) -> None:
        self._call = call
        self._queue = queue
        self._items: Iterator[Any] | None = None
        self._error: Exception | None = None

    def __next__(self) -> Any:
        while (raw := self._queue.take()) is None:
            if self._queue.is_over:
                error, self._error = self._error, None
                raise error or StopIteration
            self._pull()
        return raw

    def _pull(self) -> None:
        if self._items is None:
            self._items = self._call()
        try:
            self._queue.put(next(self._items))
        except StopIteration:
            self._queue.is_over = True
        except Exception as error:  # noqa: BLE001  (raised again, after what was noted of it)
            self._queue.is_over = True
            self._error = error

    def close(self) -> None:
        """Close the call."""
        close = getattr(self._items, "close", None)
        if close:
            # langchain-core's `stream` reads the runnables inside by generators of their own:
            # closing the outer one leaves them to the garbage collector.
            Inside(self._items).close()
            close()
