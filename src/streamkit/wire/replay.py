"""The frames of a run, for a client that reconnects.

Frames are numbered from 1, by an ``id:`` line. A client that comes back sends the last number it
saw, which browsers do by themselves, as ``Last-Event-ID``. It gets what came after it; and where
that is no longer kept, the number of frames that are missing: never a stream that only looks whole.

A client that has seen nothing gets the run from its beginning. Where the format says which frames
are deltas (see `streamkit.wire.resume`), old deltas are joined, so that a run of any length begins
with one delta per block so far.

Laws of this file:

1. No more frames and no more bytes are kept than was asked for, except that the newest frame is
   always kept, however large it is. Joined frames count by their bytes alone.
2. What is kept are the newest frames, in order, without a gap; before them the joined frames of
   everything that came earlier, or nothing.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from ..errors import BadRequest, UsageError
from .resume import Delta, Joiner

__all__ = ["Part", "Replay"]

_FROM_THE_BEGINNING = frozenset({"", "-1"})
"""The ids that clients send which have read no frame: ``-1`` is from the LangGraph SDK."""


_ID = re.compile(r"(\d{1,18})(?:([.-])(\d{1,9}))?", re.ASCII)
"""A frame's id; ``.n`` are joined frames, ``-n`` those that end a run that was cut off."""


class Rest(NamedTuple):
    """The frames after a given frame."""

    missed: int
    """How many of the next frames are no longer kept."""
    frames: Sequence[bytes]
    """All that came after those."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A change of a run's frames, for stores that keep a copy of them."""

    first: int
    """The number of the first of ``frames``."""
    frames: list[bytes]
    """New frames, with their ``id:`` lines, numbered without a gap."""
    keep_from: int = 1
    """Frames with a smaller number are no longer kept one by one."""
    joined: list[bytes] = []
    """Frames without ids, to be appended to the ones joined so far."""
    joined_through: int = 0
    """The number of the newest frame that is part of the joined frames."""
    is_whole: bool = False
    """Whether this replaces everything that was kept before."""
    is_over: bool = False
    """Whether no more frames will come."""

    @property
    def last(self) -> int:
        """The number of the newest frame."""
        return self.first + len(self.frames) - 1


class Replay:
    r"""A buffer that numbers frames and keeps the last ones.

    Args:
        max_frames: how many frames are kept one by one.
        max_bytes: how many bytes they may have together, joined frames included.
        delta_of: reads a frame as a `Delta`; without it, old frames are dropped.

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

    def __init__(
        self,
        *,
        max_frames: int = 4096,
        max_bytes: int = 2**22,
        delta_of: Callable[[bytes], Delta | None] | None = None,
    ) -> None:
        if min(max_frames, max_bytes) < 1:
            raise UsageError(f"a bound must be at least 1, got {max_frames!r} and {max_bytes!r}")
        self.last: int = 0
        """The number of the newest frame: how many there were."""
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._delta_of = delta_of
        self._frames: deque[bytes] = deque()
        self._size = 0
        self._joined = Joiner(delta_of) if delta_of else None
        self._unsent: list[bytes] = []
        self._must_send_all = False
        self._cut: int | None = None

    @property
    def _before(self) -> int:
        """The number of the newest frame that is not kept by itself."""
        return self.last - len(self._frames)

    def add(self, frame: bytes) -> None:
        """Keep one more frame, and join or drop the oldest ones over the limits."""
        self._add(b"id: %d\n%b" % (self.last + 1, frame))

    def _add(self, numbered: bytes) -> None:
        self.last += 1
        self._frames.append(numbered)
        self._size += len(numbered)
        # One frame is always kept, however large: a reader that waits for it must get it.
        while len(self._frames) > 1 and (
            len(self._frames) > self._max_frames
            or self._size + (self._joined.size if self._joined else 0) > self._max_bytes
        ):
            self._join_oldest()

    def _join_oldest(self) -> None:
        """Move the oldest quarter of the frames to the joined ones, or drop the oldest frame."""
        joined, delta_of = self._joined, self._delta_of
        if not joined or not delta_of:
            self._size -= len(self._frames.popleft())
            return
        part = Joiner(delta_of)
        for _ in range(max(1, min(self._max_frames, len(self._frames)) // 4)):
            numbered = self._frames.popleft()
            self._size -= len(numbered)
            frame = numbered.partition(b"\n")[2]
            joined.add(frame)
            part.add(frame)
        self._unsent += part.frames()
        # A run whose joined text fills half of the bytes cannot be shown whole any more.
        if joined.size > self._max_bytes // 2:
            self._joined = None
            self._unsent.clear()
            self._must_send_all = True

    def after(self, number: int) -> Rest:
        """Return the frames after the frame of this number; 0 is before the first one.

        A negative number, as `place` returns it, counts frames of the joined beginning.
        """
        wanted = self.last - max(number, 0)
        newest_first = list(islice(reversed(self._frames), max(wanted, 0)))
        missed = wanted - len(newest_first)
        frames = newest_first[::-1]
        if missed and number <= 0 and self._joined:
            return Rest(0, [*self._beginning()[-number:], *frames])
        return Rest(missed, frames)

    def _beginning(self) -> list[bytes]:
        """Return the joined frames; only the last of them has the id of an exact place."""
        frames = self._joined.frames() if self._joined else []
        ids = [b"%d.%d" % (self._before, n) for n in range(1, len(frames))]
        ids.append(b"%d" % self._before)
        return [b"id: %b\n%b" % it for it in zip(ids, frames, strict=False)]

    def place(self, last_event_id: str | None) -> int:
        """Return the number of the frame that a client saw last; 0 if it has seen none.

        Raises:
            BadRequest: it is no number, or of a frame that never was.

        >>> Replay().place("seven")
        Traceback (most recent call last):
        streamkit.errors.BadRequest: no frame has the id 'seven'
        """
        said = last_event_id or ""
        if said in _FROM_THE_BEGINNING:
            return 0
        found = _ID.fullmatch(said)
        number = int(found[1]) if found else self.last + 1
        if found and self._cut is not None:
            number = min(number, self._cut)
        if not found or number > self.last:
            raise BadRequest(f"no frame has the id {said[:20]!r}")
        more = int(found[3] or 0)
        if found[2] == "." and number == self._before:
            return -more
        if found[2] == "-" and number == self._cut:
            return min(number + more, self.last)
        return number

    def cut_off(self, frames: Iterable[bytes]) -> None:
        """Keep the frames that end a run whose owner is dead.

        Their ids differ from those of frames that were lost with the owner, which a client may have
        read: a client that returns with the id of a lost frame gets these frames.
        """
        self._cut = self.last
        for n, frame in enumerate(frames, 1):
            self._add(b"id: %d-%d\n%b" % (self._cut, n, frame))

    # --- copies elsewhere

    def part_after(self, number: int, *, is_over: bool = False) -> Part:
        """Return what a copy lacks that has everything up to ``number``, and was sent all before.

        What is returned counts as sent: joined frames are returned once.
        """
        if number <= 0 or self._must_send_all:
            return self.whole(is_over=is_over)
        frames = self.after(number).frames
        joined, self._unsent = self._unsent, []
        first = self.last - len(frames) + 1
        through = self._before if self._joined else 0
        return Part(first, list(frames), self._before + 1, joined, through, is_over=is_over)

    def whole(self, *, is_over: bool = False) -> Part:
        """Return everything, for a copy that has nothing or must begin anew."""
        self._unsent, self._must_send_all = [], False
        joined = self._joined.frames() if self._joined else []
        first, through = self._before + 1, self._before if joined else 0
        frames = list(self._frames)
        return Part(first, frames, first, joined, through, is_whole=True, is_over=is_over)

    def load(self, part: Part) -> None:
        """Add the part that another `Replay` returned; skip frames that are here already."""
        if part.first > self.last + 1 or (self.last == 0 and part.joined):
            self._begin_after(part)
        for numbered in part.frames[max(0, self.last + 1 - part.first) :]:
            self._add(numbered)

    def _begin_after(self, part: Part) -> None:
        """Drop all frames and restart with a part that does not follow them directly."""
        self._frames.clear()
        self._size = 0
        self.last = part.first - 1
        self._joined = None
        if part.joined and part.joined_through >= self.last and self._delta_of:
            self._joined = Joiner(self._delta_of)
            self.last = part.joined_through
            for frame in part.joined:
                self._joined.add(frame)
