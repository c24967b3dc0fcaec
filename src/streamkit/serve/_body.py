"""A stream as bytes to send: read in a task of its own, and handed out as much as is ready.

Laws of this file:

1. The stream is pulled, and closed, in one task, so that its context is one; a sync stream in a
   thread, but always in the same context.
2. No more than `AHEAD` pieces are read before somebody takes them: a slow client slows the graph.
3. Whoever leaves the body, for whatever reason, has stopped that task and closed the source.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from anyio import CancelScope

from .._drive import AsyncEventStream, EventStream, normalize
from .._protocols import AnyStage

if TYPE_CHECKING:
    from typing import Self

__all__ = ["AHEAD", "Body", "Events", "Pump", "Signal", "StreamBody", "Wire", "stopped"]

AHEAD = 16
"""How many pieces are read ahead of a client, and so sent at once where they are ready."""

log = logging.getLogger("streamkit.serve")


class Wire(Protocol):
    """A format of `streamkit.wire`: ``sse``, ``ndjson``, and whatever else has these two.

    Where it also has a ``HEARTBEAT``, those bytes are sent while there is nothing else to send.
    """

    @property
    def HEADERS(self) -> Mapping[str, str]:  # noqa: N802  (a module's constant)
        """The headers of a response in this format."""
        ...

    @property
    def encoder(self) -> Callable[..., AnyStage[Any, bytes]]:
        """Give a stage from events to bytes; the options are the format's own."""
        ...


class Body(Protocol):
    """What a response sends: a context manager that stops what is behind it."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc: object) -> None: ...

    async def take(self, patience: float | None) -> bytes | None:
        """Give all that is ready; nothing after so many seconds without any; None at the end."""
        ...

    def leave(self) -> None:
        """Let `take` give None from now on."""
        ...


class Signal:
    """Wakes whoever waits for it, once for each time."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def give(self) -> None:
        """Wake them."""
        self._event.set()

    async def wait(self, patience: float | None = None) -> bool:
        """Wait for the next one, so many seconds at most, and tell whether it came."""
        try:
            await asyncio.wait_for(self._event.wait(), patience)
        except TimeoutError:
            return False
        self._event.clear()
        return True


async def stopped(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end, also where the waiting task is being cancelled itself."""
    with CancelScope(shield=True):
        await asyncio.sleep(0)  # a task that never began would not close its source
        task.cancel()
        await asyncio.wait({task})


Events: TypeAlias = AsyncIterable[Any] | Iterable[Any]
"""A stream of ours, or anything that `normalize` takes."""

Pieces: TypeAlias = "AsyncEventStream[bytes] | InThread"


class Pump:
    """Reads a stream to its end in a task, and gives every piece to ``put``."""

    def __init__(
        self, events: Events, wire: Wire, put: Callable[[bytes], Awaitable[None]], **options: Any
    ) -> None:
        pieces = _stream_of(events).pipe(wire.encoder(**options))
        self._pieces: Pieces = InThread(pieces) if isinstance(pieces, EventStream) else pieces
        self._put = put

    async def run(self) -> None:
        """Read to the end. What the stream raises was told by its last event, and is logged."""
        try:
            async with self._pieces as pieces:
                async for piece in pieces:
                    await self._put(piece)
        except Exception:
            log.exception("a run failed while it was served")

    def rest(self) -> AsyncIterator[bytes]:
        """Give what a run that was stopped had left to say: how it ended."""
        return self._pieces


def _stream_of(events: Events) -> AsyncEventStream[Any] | EventStream[Any]:
    if isinstance(events, (AsyncEventStream, EventStream)):
        return events
    return normalize(events, on_error="event")


class InThread:
    """A sync stream, pulled in threads."""

    def __init__(self, stream: EventStream[bytes]) -> None:
        self._stream = stream
        self._context = copy_context()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._call(self._stream.close)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece: bytes | None = await self._call(lambda: next(self._stream, None))
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def _call(self, function: Callable[[], Any]) -> Any:
        """Call it, and wait for its end also if cancelled: no thread can be stopped."""
        loop = asyncio.get_running_loop()
        calling = loop.run_in_executor(None, self._context.run, function)
        try:
            return await asyncio.shield(calling)
        except asyncio.CancelledError:
            await asyncio.wait({calling})
            raise


class StreamBody:
    """One stream for one client."""

    def __init__(self, events: Events, wire: Wire, **options: Any) -> None:
        self._pump = Pump(events, wire, self._put, **options)
        self._ready: deque[bytes] = deque()
        self._is_over = False
        self._more, self._room = Signal(), Signal()

    async def __aenter__(self) -> Self:
        self._task = asyncio.ensure_future(self._pump.run())
        self._task.add_done_callback(lambda _: self.leave())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await stopped(self._task)

    async def _put(self, piece: bytes) -> None:
        self._ready.append(piece)
        self._more.give()
        while len(self._ready) >= AHEAD:
            await self._room.wait()

    def leave(self) -> None:
        """End it: nobody reads any more, or there is no more to read."""
        self._is_over = True
        self._more.give()

    async def take(self, patience: float | None) -> bytes | None:
        """Give all that is ready."""
        while not self._ready:
            if self._is_over:
                return None
            if not await self._more.wait(patience):
                return b""
        pieces = b"".join(self._ready)
        self._ready.clear()
        self._room.give()
        return pieces
