"""Runs that go on while their clients come and go.

A run is read in a task of its own, into a `Replay`. Each client has a place in it: it gets what
came after that place, and then what comes. Clients never slow a run; one that is too slow misses
frames, and is told so, as is one that was away for too long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

from starlette.responses import Response

from ..errors import BadRequest, UsageError
from ..wire import sse
from ..wire.replay import Replay
from ._body import Events, Pump, Signal, Wire, stopped
from ._responses import HEARTBEAT_EVERY, BodyResponse

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Runs"]

Gap: TypeAlias = Callable[[int], bytes]
"""Gives the frame that says how many are missing."""


class Runs:
    """Runs by their ids, each for any number of clients, one after the other or at once.

    Args:
        wire: the format: server-sent events of some kind.
        max_runs: how many runs there may be at once.
        max_frames: how many frames of a run are kept for clients that come again.
        max_bytes: how many bytes those may have.
        linger: how many seconds a run is kept that no client reads. Then it is stopped.
        heartbeat: as for `EventResponse`.
        options: for the format's encoder.

    Raises:
        UsageError: the format has no ids, so that no client can come again.
    """

    def __init__(  # noqa: PLR0913  (four of them are bounds)
        self,
        wire: Wire = sse,
        *,
        max_runs: int = 1000,
        max_frames: int = 4096,
        max_bytes: int = 2**22,
        linger: float = 60.0,
        heartbeat: float | None = HEARTBEAT_EVERY,
        **options: Any,
    ) -> None:
        if not wire.HEADERS["content-type"].startswith("text/event-stream"):
            raise UsageError("only server-sent events have ids to come again by; pass wire=sse")
        self._wire = wire
        self._options = options
        self._max_runs = max_runs
        self._linger = linger
        self._heartbeat = heartbeat
        self._new_replay = partial(Replay, max_frames=max_frames, max_bytes=max_bytes)
        self._runs: dict[str, Run] = {}

    def start(self, events: Events) -> str:
        """Start a run, and give the id by which clients find it.

        Raises:
            BadRequest: there are too many runs (429).
            UsageError: ``events`` is no stream.
        """
        if len(self._runs) >= self._max_runs:
            raise BadRequest("too many runs at once; try again later", 429)
        id = uuid4().hex
        run = Run(self._new_replay(), self._linger, lambda: self._runs.pop(id, None))
        run.start(Pump(events, self._wire, run.put, **self._options))
        self._runs[id] = run
        return id

    def response(self, id: str, last_event_id: str | None = None) -> Response:
        """Give the response that sends a run, from behind the frame that the client saw last.

        Where there is nothing more to send, ever, it is 204, which stops an ``EventSource``.

        Raises:
            BadRequest: there is no such run (404), or it has no such frame (400), or the next
                ones are no longer kept, and the format has no word for that (410).
        """
        run = self._find(id)
        seen = run.replay.place(last_event_id)
        gap: Gap | None = getattr(self._wire, "gap", None)
        if run.replay.after(seen).missed and not gap:
            raise BadRequest("what came after that frame is no longer kept", 410)
        if run.is_over and seen == run.replay.last:
            return Response(status_code=204)
        return BodyResponse(Place(run, seen, gap), self._wire, self._heartbeat)

    async def stop(self, id: str) -> None:
        """Stop a run: its source is closed, and its clients get the closing events.

        Raises:
            BadRequest: there is no such run (404).
        """
        await self._find(id).stop()

    async def aclose(self) -> None:
        """Stop all runs, such as when the server shuts down."""
        await asyncio.gather(*(run.discard() for run in list(self._runs.values())))

    def _find(self, id: str) -> Run:
        try:
            return self._runs[id]
        except KeyError:
            raise BadRequest("no such run, or it is over and forgotten", 404) from None


class Run:
    """One run: its task, what it has given so far, and who reads it."""

    def __init__(self, replay: Replay, linger: float, forget: Callable[[], object]) -> None:
        self.replay = replay
        self.is_over = False
        self._linger = linger
        self._forget = forget
        self._places: set[Place] = set()

    def start(self, pump: Pump) -> None:
        """Let it run; unless somebody reads it soon, it is stopped."""
        self._task = asyncio.ensure_future(self._read(pump))
        self._expire_soon()

    async def _read(self, pump: Pump) -> None:
        try:
            await pump.run()
        finally:
            async for piece in pump.rest():
                await self.put(piece)
            self.is_over = True
            self._wake()

    async def put(self, piece: bytes) -> None:
        """Keep a frame, and let everybody have it."""
        self.replay.add(piece)
        self._wake()

    def _wake(self) -> None:
        for place in self._places:
            place.more.give()

    def join(self, place: Place) -> None:
        """Somebody reads."""
        self._places.add(place)
        self._expiry.cancel()

    def quit(self, place: Place) -> None:
        """Somebody reads no more; unless somebody else does soon, the run is stopped."""
        self._places.discard(place)
        if not self._places:
            self._expire_soon()

    def _expire_soon(self) -> None:
        self._expiry = asyncio.get_running_loop().call_later(self._linger, self._expire)

    def _expire(self) -> None:
        self._forget()
        self._task.cancel()

    async def stop(self) -> None:
        """Stop it; clients still get the closing events."""
        await stopped(self._task)

    async def discard(self) -> None:
        """Stop it, and forget it at once."""
        self._expiry.cancel()
        self._forget()
        await self.stop()


class Place:
    """How far a client has read: the body of its response."""

    def __init__(self, run: Run, seen: int, gap: Gap | None) -> None:
        self.more = Signal()
        self._run = run
        self._seen = seen
        self._gap = gap
        self._has_left = False

    async def __aenter__(self) -> Self:
        self._run.join(self)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._run.quit(self)

    def leave(self) -> None:
        """The client has left."""
        self._has_left = True
        self.more.give()

    async def take(self, patience: float | None) -> bytes | None:
        """Give all that came since."""
        while not self._has_left:
            missed, frames = self._run.replay.after(self._seen)
            self._seen = self._run.replay.last
            if missed and not self._gap:
                return None  # the client comes again, and is told
            if missed or frames:
                told = self._gap(missed) if missed and self._gap else b""
                return told + b"".join(frames)
            if self._run.is_over:
                return None
            if not await self.more.wait(patience):
                return b""
        return None
