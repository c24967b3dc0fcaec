"""The last frames of a run, for a client that lost its connection and comes again.

Frames are numbered from 1, by an ``id:`` line. A client that comes again says the last number it
saw, which browsers do by themselves, as ``Last-Event-ID``. It gets what came after it; and where
that is no longer kept, how many frames are gone for good: never a stream that only looks whole.

Laws of this file:

1. No more frames and no more bytes are kept than was said, except that the newest frame is always
   kept, however large it is.
2. What is kept are the newest frames, in order, without a hole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from ..errors import BadRequest, UsageError

__all__ = ["Replay", "Rest"]


class Rest(NamedTuple):
    """What came after a frame."""

    missed: int
    """How many of the next frames are no longer kept."""
    frames: Sequence[bytes]
    """All that came after those."""


class Replay:
    r"""Numbers frames and keeps the last ones.

    Args:
        max_frames: how many, at most.
        max_bytes: how many bytes they may have together.

    Raises:
        UsageError: a bound is less than 1.

    >>> replay = Replay(max_frames=2)
    >>> for data in (b"data: a\n\n", b"data: b\n\n", b"data: c\n\n"):
    ...     replay.add(data)
    >>> replay.after(2)
    Rest(missed=0, frames=[b'id: 3\ndata: c\n\n'])
    >>> replay.after(0).missed
    1
    """

    def __init__(self, *, max_frames: int = 4096, max_bytes: int = 2**22) -> None:
        if min(max_frames, max_bytes) < 1:
            raise UsageError(f"a bound must be at least 1, got {max_frames!r} and {max_bytes!r}")
        self.last: int = 0
        """The number of the newest frame: how many there were."""
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._frames: deque[bytes] = deque()
        self._size = 0

    def add(self, frame: bytes) -> None:
        """Keep one more frame, and forget what is too much."""
        self.last += 1
        numbered = b"id: %d\n%b" % (self.last, frame)
        self._frames.append(numbered)
        self._size += len(numbered)
        while len(self._frames) > 1 and self._is_full():
            self._size -= len(self._frames.popleft())

    def _is_full(self) -> bool:
        return len(self._frames) > self._max_frames or self._size > self._max_bytes

    def after(self, number: int) -> Rest:
        """Give what came after the frame of this number; 0 stands before the first one."""
        wanted = self.last - number
        newest_first = list(islice(reversed(self._frames), wanted))
        return Rest(wanted - len(newest_first), newest_first[::-1])

    def place(self, last_event_id: str | None) -> int:
        """Give the number that a client says it saw last; 0 if it says none.

        Raises:
            BadRequest: it is no number, or of a frame that never was.

        >>> Replay().place("seven")
        Traceback (most recent call last):
        streamkit.errors.BadRequest: no frame has the id 'seven'
        """
        said = last_event_id or "0"
        is_number = said.isascii() and said.isdigit() and len(said) <= len(str(self.last))
        if not is_number or int(said) > self.last:
            raise BadRequest(f"no frame has the id {said[:20]!r}")
        return int(said)
