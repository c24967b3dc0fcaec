"""A stream as bytes to send: read in a task of its own, and handed out as much as is ready.

Laws of this module:

1. The stream is pulled, and closed, in one task, so that its context is one; a sync stream in a
   thread, but always in the same context.
2. No more than `AHEAD` pieces are read before the client takes them: a slow client slows the graph.
3. When the body is left, for any reason, that task is stopped and the source is closed.
4. A source that is always ready does not keep the event loop for longer than `TURN` seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from difflib import get_close_matches
from inspect import signature
from pkgutil import iter_modules
from time import monotonic
from typing import Any, Protocol, Self, TypeAlias, cast

from anyio import CancelScope
from starlette.requests import HTTPConnection

from .. import wire as wire_package
from .._drive import AsyncEventStream, EventStream, normalize
from .._protocols import AnyStage
from ..errors import UsageError

AHEAD = 16
"""The most pieces that are read ahead of a client; those that are ready are sent at once."""

THREADS = 128
"""The most sync streams that wait for their next item at the same time; others take turns."""

TURN = 0.01
"""Seconds after which a source that is always ready lets other tasks run."""

log: logging.Logger = logging.getLogger("streamkit.serve")
logging.getLogger("streamkit").addHandler(logging.NullHandler())  # the application decides

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="streamkit")


class Wire(Protocol):
    """A format of `streamkit.wire`: ``sse``, ``ndjson``, and any module that has these two.

    Where it has a ``HEARTBEAT``, those bytes are sent while there is nothing else to send. Where it
    has a ``gap``, `Runs` use it for what a client has missed; where it has a ``RESUME``, they join
    old deltas and end streams that were cut off: see `streamkit.wire.resume`. Where it has a
    ``document``, that makes one JSON document of a whole stream, for clients that do not stream.
    """

    @property
    def HEADERS(self) -> Mapping[str, str]:  # noqa: N802  (a module's constant)
        """The headers of a response in this format."""
        ...

    @property
    def encoder(self) -> Callable[..., AnyStage[Any, bytes]]:
        """Return a stage from events to bytes; the options are the format's own."""
        ...


def headers_of(wire: Wire) -> Mapping[str, str]:
    """Return the headers of a format.

    Raises:
        UsageError: it is no format, but the name of one, say, or its encoder.
    """
    headers = getattr(wire, "HEADERS", None)
    if headers is None:
        name = _named(wire) if isinstance(wire, str) else _module_of(wire)
        raise UsageError(
            f"{wire!r:.80} is no format; pass the module: from streamkit.wire import {name}; "
            f"its encoder's options follow by name: EventResponse(events, {name}, private=True)"
        )
    return cast("Mapping[str, str]", headers)


def require_options(wire: Wire, options: dict[str, Any]) -> None:
    """Refuse what a format's encoder does not take.

    Raises:
        UsageError: an option that it does not have, or a body as the ``request``.
    """
    if isinstance(options.get("request"), (HTTPConnection, Mapping, str, bytes)):
        raise UsageError("request= is what the format's read_request(body) returned")
    takes = signature(wire.encoder)
    try:
        takes.bind_partial(**options)
    except TypeError as error:
        known = ", ".join(takes.parameters)
        raise UsageError(
            f"{error}; a format is passed without a keyword, and its options are {known}"
        ) from error


def _named(text: str) -> str:
    """Return the format whose name is most like a text."""
    names = [it.name for it in iter_modules(wire_package.__path__) if it.name[0] != "_"]
    return (get_close_matches(text.lower(), names, 1) or ["sse"])[0]


def _module_of(it: object) -> str:
    """Return the format that an encoder, or another part of a format, comes from."""
    made_by = getattr(it, "_factory", it)  # of the stage that `encoder()` returned
    _, _, name = getattr(made_by, "__module__", "").partition("streamkit.wire.")
    return name.partition(".")[0] or "ndjson"


class Body(Protocol):
    """The body of a response: a context manager that stops its source."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc: object) -> None: ...

    async def take(self, patience: float | None) -> bytes | None:
        """Return all that is ready; nothing after so many seconds without any; None at the end."""
        ...

    def leave(self) -> None:
        """Let `take` return None once all ready pieces are taken."""
        ...

    async def stop(self) -> None:
        """Stop the source, so that `take` returns the closing events, and then None."""
        ...

    async def discard(self) -> None:
        """Close the source without reading anything, instead of entering the body."""
        ...


class Signal:
    """A signal that wakes the one task that waits for it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wake it."""
        self._event.set()

    async def wait(self, patience: float | None = None) -> bool:
        """Wait for the next time, so many seconds at most; return whether it came."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._event.wait()
        has_come = self._event.is_set()
        self._event.clear()
        return has_come


async def stopped(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end, also where the waiting task is being cancelled itself.

    The shield holds off anyio, which repeats a cancellation; asyncio's own comes through it.
    """
    cancelled: asyncio.CancelledError | None = None
    with CancelScope(shield=True):
        try:
            await asyncio.sleep(0)  # a task that never began would not close its source
        except asyncio.CancelledError as error:
            cancelled = error
        task.cancel()
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled:
        raise cancelled


async def insistently_stopped(task: asyncio.Task[Any]) -> None:
    """Cancel a task until it has ended.

    redis-py sends by `asyncio.wait_for`, which before Python 3.12 swallows a cancellation that
    comes just as it is done.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.05)


Events: TypeAlias = AsyncIterable[Any] | Iterable[Any]
"""A stream of ours, or anything that `normalize` takes."""

Pieces: TypeAlias = "AsyncEventStream[bytes] | InThread"


class Pump:
    """A reader of one stream in a task, which passes every piece to ``put``.

    ``ready`` is awaited after each of them, where it is given.
    """

    def __init__(
        self,
        events: Events,
        wire: Wire,
        put: Callable[[bytes], object],
        ready: Callable[[], Awaitable[None]] | None = None,
        **options: Any,
    ) -> None:
        # One stage in the stream's own loop: encoding needs no task and no queue.
        require_options(wire, options)
        pieces = _stream_of(events).pipe(wire.encoder(**options))
        self._pieces: Pieces = InThread(pieces) if isinstance(pieces, EventStream) else pieces
        self._put = put
        self._ready = ready

    async def run(self) -> None:
        """Read to the end. An exception of the stream is in its last event, and is logged.

        A stream that is stopped by cancelling this has its closing events read, too.
        """
        try:
            async with self._pieces as pieces:
                await self._read(pieces)
        except Exception:
            # The client has the closing events; the exception itself must not reach the server,
            # which would log it once more and cut the connection.
            log.exception("a run failed while it was served")
        except asyncio.CancelledError:
            await self._read_closing()
            raise

    async def _read_closing(self) -> None:
        try:
            async for piece in self._pieces:
                self._put(piece)
        except Exception:
            log.exception("a run failed while it was stopped")

    async def _read(self, pieces: Pieces) -> None:
        turn = monotonic() + TURN
        async for piece in pieces:
            self._put(piece)
            if self._ready:
                await self._ready()
            # An async source that never waits would keep all other clients of the loop waiting.
            if monotonic() > turn:
                await asyncio.sleep(0)
                turn = monotonic() + TURN

    def cut_off(self) -> list[bytes]:
        """End an async stream at once, and return its last pieces; `run` closes the source then.

        Nothing is returned where its last pieces come only when its source is closed.
        """
        return [] if isinstance(self._pieces, InThread) else self._pieces.cut_off()

    async def discard(self) -> None:
        """Close the stream without reading it."""
        async with self._pieces:
            pass


def _stream_of(events: Events) -> AsyncEventStream[Any] | EventStream[Any]:
    if isinstance(events, (AsyncEventStream, EventStream)):
        return events
    return normalize(events, on_error="event")


class InThread:
    """A sync stream, pulled in threads of our own: the default ones are few, and not ours."""

    def __init__(self, stream: EventStream[bytes]) -> None:
        self._stream = stream
        # langchain-core keeps the run's config in a context variable: a generator that is resumed
        # in another context would lose it.
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
        """Call a function, and wait for its end also if cancelled: no thread can be stopped."""
        loop = asyncio.get_running_loop()
        calling = loop.run_in_executor(_threads, self._context.run, function)
        try:
            return await asyncio.shield(calling)
        except asyncio.CancelledError:
            await asyncio.wait({calling})
            raise


class StreamBody:
    """One stream for one client."""

    def __init__(self, events: Events, wire: Wire, **options: Any) -> None:
        self._pump = Pump(events, wire, self._add, self._wait_for_space, **options)
        self._pieces: deque[bytes] = deque()
        self._is_over = False
        self._has_begun = False
        self._more, self._space = Signal(), Signal()

    async def __aenter__(self) -> Self:
        if self._has_begun:
            raise UsageError("a response was sent before; make a new one for each request")
        self._has_begun = True
        self._task = asyncio.ensure_future(self._pump.run())
        self._task.add_done_callback(lambda _: self.leave())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await stopped(self._task)

    def _add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._more.set()

    async def _wait_for_space(self) -> None:
        while len(self._pieces) >= AHEAD:
            await self._space.wait()

    def leave(self) -> None:
        """End the stream: the client has left, or it is complete."""
        self._is_over = True
        self._more.set()

    async def stop(self) -> None:
        """Stop the stream."""
        last = self._pump.cut_off()
        if last:
            self._pieces.extend(last)
            self._is_over = True
        else:
            await stopped(self._task)

    async def discard(self) -> None:
        """Close the stream without reading it."""
        await self._pump.discard()

    async def take(self, patience: float | None) -> bytes | None:
        """Return all that is ready."""
        while not self._pieces:
            if self._is_over:
                return None
            if not await self._more.wait(patience):
                return b""  # pragma: no cover  (CPython 3.11 does not trace what follows a timeout)
        pieces = b"".join(self._pieces)
        self._pieces.clear()
        self._space.set()
        return pieces
