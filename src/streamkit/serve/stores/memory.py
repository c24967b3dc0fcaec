"""Runs in the memory of this process."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from time import monotonic

from .._bodies import Signal
from . import Found, Part, RunInfo

__all__ = ["Memory"]


class Memory:
    """A store in this process: runs end with it, and no other process finds them.

    Args:
        ttl: how many seconds a run is kept after its end.
        max_bytes: how many bytes the runs that are over may have together; beyond that, those that
            ended first are dropped before their time.
    """

    renew_every = None

    def __init__(self, *, ttl: float = 600.0, max_bytes: int = 2**28) -> None:
        self._ttl = ttl
        self._max_bytes = max_bytes
        self._runs: dict[str, _Kept] = {}
        self._names: dict[str, str] = {}
        self._over: deque[_Kept] = deque()
        self._size = 0

    async def lease(self, run: RunInfo, stop: Callable[[], object]) -> str | None:
        """Take the lease of a new run, and its name."""
        if run.name is not None:
            holder = self._runs.get(self._names.get(run.name, ""))
            if holder and not holder.is_over:
                return holder.info.id
            self._names[run.name] = run.id
        self._runs[run.id] = _Kept(run, stop)
        return None

    async def append(self, id: str, part: Part) -> bool:
        """Append new frames of a run."""
        kept = self._runs[id]
        kept.add(part)
        if part.is_over:
            self._end(kept)
        return bool(kept.followers)

    def _end(self, kept: _Kept) -> None:
        kept.over_since = monotonic()
        self._over.append(kept)
        self._size += kept.size
        self._drop_old()

    def _drop_old(self) -> None:
        while self._over:
            oldest = self._over[0]
            is_old = monotonic() - oldest.over_since > self._ttl
            # The newest one stays, however large: clients may still be reading its end.
            if not is_old and (self._size <= self._max_bytes or len(self._over) == 1):
                break
            self._over.popleft()
            self._size -= oldest.size
            self._runs.pop(oldest.info.id, None)
            name = oldest.info.name
            if name is not None and self._names.get(name) == oldest.info.id:
                del self._names[name]

    async def follow(self, id: str) -> AsyncIterator[Part]:
        """Return a run's frames: those that are stored, and then new ones."""
        kept = self._runs.get(id)
        if not kept:
            return
        more, seen = Signal(), -1
        kept.followers.add(more)
        try:
            while True:
                part = kept.after(seen)
                seen = part.last
                yield part
                if part.is_over:
                    return
                await more.wait()
        finally:
            kept.followers.discard(more)

    async def find(self, id: str) -> Found | None:
        """Return a run, if it is still kept."""
        self._drop_old()
        kept = self._runs.get(id)
        return Found(kept.info, kept.is_over, not kept.is_over) if kept else None

    async def name(self, name: str) -> str | None:
        """Return the id of the last run of a name, as long as it is kept."""
        self._drop_old()
        return self._names.get(name)

    async def stop(self, id: str) -> None:
        """Ask a run's owner to stop it."""
        kept = self._runs.get(id)
        if kept:
            kept.stop()

    async def aclose(self) -> None:
        """Do nothing."""


class _Kept:
    """A run."""

    def __init__(self, info: RunInfo, stop: Callable[[], object]) -> None:
        self.info = info
        self.stop = stop
        self.followers: set[Signal] = set()
        self.over_since = 0.0
        self.is_over = False
        self._joined: list[bytes] = []
        self._through = 0
        self._first = 1
        self._frames: deque[bytes] = deque()

    @property
    def size(self) -> int:
        return sum(map(len, self._joined)) + sum(map(len, self._frames))

    def add(self, part: Part) -> None:
        if part.is_whole or part.first > self._first + len(self._frames):
            self._frames.clear()
            self._first = part.first
        if part.is_whole:
            self._joined.clear()
        self._joined += part.joined
        self._through = part.joined_through
        self._frames.extend(part.frames)
        while self._frames and self._first < part.keep_from:
            self._frames.popleft()
            self._first += 1
        self.is_over = part.is_over
        for follower in self.followers:
            follower.set()

    def after(self, number: int) -> Part:
        """Return the frames after the frame of this number, or all if that one is gone."""
        if number < self._first - 1:
            joined, frames = list(self._joined), list(self._frames)
            through = self._through
            return Part(self._first, frames, self._first, joined, through, True, self.is_over)
        skipped = max(0, number + 1 - self._first)
        frames = list(self._frames)[skipped:]
        return Part(self._first + skipped, frames, is_over=self.is_over)
