"""A run in this process, its own or another's, and its readers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, Self, TypeAlias

from ..errors import BadRequest
from ..wire.replay import Replay
from ..wire.resume import Resume
from ._bodies import Pump, Signal, insistently_stopped, log, stopped
from .stores import RunInfo, Store

Gap: TypeAlias = Callable[[int], bytes]
"""A function that returns the frame with the number of missing frames."""

_OF_AN_END = re.compile(r"[1-9]\d*-\d+", re.ASCII)
"""The id of a frame that ended a run whose owner is dead: see `Replay.cut_off`."""

ID_USED = "a run had that id before"

RETRY_EVERY = 0.25
"""Seconds between two attempts to reach a store that is unavailable."""

NAME_FREE = 0.25
"""Seconds that a new run waits for a name: clients may answer the last frame of a run at once."""

GIVE_UP = 60.0
"""Seconds after which a run that is over no longer waits for a store that is unavailable."""

CATCH_UP = 15.0
"""Seconds that a reader waits for a frame that this process does not have yet."""

FLUSH = 2.0
"""Seconds that a run which is stopped with its process waits for its store."""


class NameTaken(BadRequest):
    """A run of that name is going on, or one had that id before: status 409, and its id."""

    def __init__(self, id: str, reason: str = "a run of that name is going on") -> None:
        super().__init__(f"{reason}: {id}", 409)
        self.id: str = id


class StoreAway(BadRequest):
    """The store cannot be reached: status 503."""

    def __init__(self) -> None:
        super().__init__("the runs cannot be reached; try again later", 503)


class LocalRun:
    """The frames of a run so far, and the task that brings them here."""

    def __init__(
        self,
        info: RunInfo,
        replay: Replay,
        store: Store,
        forget: Callable[[LocalRun], object],
        *,
        is_own: bool,
    ) -> None:
        self.info = info
        self.replay = replay
        self.is_own = is_own
        self.is_over: bool = False
        self.known: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the store has an own run, or the frames of another's are here."""
        self._store = store
        self._forget = forget
        self.readers: set[Reader] = set()
        """Those that are woken by new frames."""
        self._users = 0
        self._unread, self._looked_at = 0.0, monotonic()
        self._changed = Signal()
        self._reading: asyncio.Task[None] | None = None

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Start the task that runs `own` or `follow`."""
        self._task = asyncio.ensure_future(work)

    def _know(self, error: Exception | None = None) -> None:
        if not self.known.done() and error:
            self.known.set_exception(error)
            self.known.exception()  # without this, asyncio warns where no caller awaits it
            log.info("a run was not started: %s", error)
        elif not self.known.done():
            self.known.set_result(None)

    # --- for readers

    @contextmanager
    def in_use(self) -> Generator[None]:
        """Keep the run in this process while this context is open."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self._unread, self._looked_at = 0.0, monotonic()
            if not (self._users or self.is_own):
                self._forget(self)
                self._ending = asyncio.ensure_future(insistently_stopped(self._task))

    def _wake(self) -> None:
        for reader in self.readers:
            reader.more.set()

    async def place(self, last_event_id: str | None) -> int:
        """Return the place in the replay that a client names.

        A frame that is not here may still come from the store; or its owner died before it was
        stored, which is known once the lease has run out. So are the frames of such an end.

        Raises:
            BadRequest: there is no such frame.
        """
        await asyncio.shield(self.known)
        said = last_event_id or ""
        end = monotonic() + CATCH_UP
        while True:
            may_come = not (self.is_own or self.is_over) and monotonic() < end
            if not (may_come and _OF_AN_END.fullmatch(said)):
                try:
                    return self.replay.place(said)
                except BadRequest:
                    if not (may_come and said.isascii() and said.isdigit()):
                        raise
            await asyncio.sleep(0.05)

    # --- another's

    async def follow(self, resume: Resume | None) -> None:
        """Read the frames that the store has, and those that follow."""
        try:
            async for part in self._store.follow(self.info.id):
                self.replay.load(part)
                self.is_over = part.is_over
                self._know()
                self._wake()
            if not self.is_over and resume:
                sent = [it.partition(b"\n")[2] for it in self.replay.after(0).frames]
                # No encoder is left to end the stream: its format says what does.
                self.replay.cut_off(resume.cut_off(sent))
        except Exception:  # noqa: BLE001
            log.exception("a run cannot be followed")
        finally:
            self.is_over = True
            self._forget(self)
            self._know()
            self._wake()

    # --- our own

    async def own(self, pump: Pump, linger: float | None) -> None:
        """Read the run, and keep the store's copy of it up to date."""
        if not await self._has_lease():
            self.is_over = True
            self._forget(self)
            await pump.discard()
            return
        self._reading = asyncio.ensure_future(pump.run())
        copying = asyncio.ensure_future(self._copy(linger))
        self._know()
        try:
            await asyncio.wait({self._reading})
            self.is_over = True
            self._changed.set()
            self._wake()
            await copying
        except asyncio.CancelledError:
            await self._end_with_loop(self._reading)
            raise
        finally:
            copying.cancel()
            self._forget(self)

    async def _end_with_loop(self, reading: asyncio.Task[None]) -> None:
        """Store the end of a run whose loop ends and cancels all tasks, if that works at once.

        A store in this process may be used in another loop, as by the next test of a test suite:
        there the run would never end.
        """
        if self.is_over:
            return
        if not reading.cancelling():
            reading.cancel()
        await asyncio.wait({reading})
        self.is_over = True
        with suppress(Exception):
            async with asyncio.timeout(FLUSH):
                await self._store.append(self.info.id, self.replay.whole(is_over=True))

    async def _has_lease(self) -> bool:
        """Take the lease; a run that has just ended may have the name for a moment longer."""
        end = monotonic() + NAME_FREE
        while True:
            try:
                # Two runs under one id would be one stream for a client that comes back.
                if await self._store.find(self.info.id):
                    self._know(NameTaken(self.info.id, ID_USED))
                    return False
                holder = await self._store.lease(self.info, self._cancel)
            except Exception:  # noqa: BLE001
                log.exception("the store of a run cannot be reached")
                self._know(StoreAway())
                return False
            if holder is None:
                return True
            if monotonic() > end:
                self._know(NameTaken(holder))
                return False
            await asyncio.sleep(NAME_FREE / 5)

    def add(self, frame: bytes) -> None:
        """Keep a frame, and wake all readers."""
        self.replay.add(frame)
        self._changed.set()
        self._wake()

    async def _copy(self, linger: float | None) -> None:
        """Append new frames to the store; frames that come meanwhile go with the next part."""
        renew, stored, failing_since = self._store.renew_every, 0, 0.0
        waits = [it for it in (renew, None if linger is None else linger / 4) if it is not None]
        patience = min(waits, default=None)
        while True:
            await self._changed.wait(patience)
            # A reader in this process takes frames from the replay: no store slows it.
            part = self.replay.part_after(stored, is_over=self.is_over)
            try:
                is_followed = await self._store.append(self.info.id, part)
            except Exception as error:  # noqa: BLE001  (an engine raises its own)
                if not failing_since:
                    failing_since = monotonic()
                    log.warning("the store cannot be reached, the run goes on: %r", error)
                if part.is_over and monotonic() - failing_since > GIVE_UP:
                    log.error("the end of a run is not stored: %r", error)
                    return
                # Whether the store has the part is unknown: it gets everything anew.
                stored = 0
                await asyncio.sleep(RETRY_EVERY)
                self._changed.set()
                continue
            stored, failing_since = part.last, 0.0
            if part.is_over:
                return
            self._stop_if_unread(linger, is_followed=is_followed)

    def _stop_if_unread(self, linger: float | None, *, is_followed: bool) -> None:
        if linger is None:
            return
        before, self._looked_at = self._looked_at, monotonic()
        # While this process or the store stood still, clients elsewhere were not seen.
        self._unread += min(self._looked_at - before, linger / 2)
        if self._users or is_followed:
            self._unread = 0.0
        elif self._unread >= linger:
            self._cancel()

    def _cancel(self) -> None:
        if self._reading:
            self._reading.cancel()

    async def stop(self) -> None:
        """Stop it; clients still get the closing events."""
        await asyncio.wait({self.known})
        if self._reading:
            await stopped(self._reading)
            await asyncio.wait({self._task}, timeout=FLUSH)

    async def discard(self) -> None:
        """Stop it with its process: its end is stored, if the store can be reached at once."""
        if self.is_own:
            await self.stop()
            await stopped(self._task)
        else:
            await insistently_stopped(self._task)


class Reader:
    """A client's position in a run: the body of its response."""

    def __init__(self, run: LocalRun, seen: int, gap: Gap | None) -> None:
        self.more: Signal = Signal()
        self._run = run
        self._seen = seen
        self._gap = gap
        self._has_left = False

    async def __aenter__(self) -> Self:
        self._run.readers.add(self)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._run.readers.discard(self)

    def leave(self) -> None:
        """The client has left."""
        self._has_left = True
        self.more.set()

    async def stop(self) -> None:
        """Do nothing: it is not the reader who stops a run."""

    async def discard(self) -> None:
        """Do nothing."""

    async def take(self, patience: float | None) -> bytes | None:
        """Return all that came since."""
        while not self._has_left:
            is_over = self._run.is_over
            missed, frames = self._run.replay.after(self._seen)
            self._seen = self._run.replay.last
            if missed and not self._gap:
                return None  # the client comes back, and is refused
            if missed or frames:
                gap = self._gap(missed) if missed and self._gap else b""
                return gap + b"".join(frames)
            if is_over:
                return None
            if not await self.more.wait(patience):
                return b""  # pragma: no cover  (CPython 3.11 does not trace what follows a timeout)
        return None
