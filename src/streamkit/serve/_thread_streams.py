"""The events of a thread: its last run, and then each next one, for a client with a filter.

Laws of this module:

1. A stream ends only when its client leaves: it waits for the next run.
2. A stream that begins sends the thread's last run from its beginning. The client drops the events
   that it knows by their ids.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import AsyncExitStack
from time import monotonic
from typing import Self

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from ..errors import BadRequest
from ..wire import agent_protocol
from ._bodies import Signal
from ._local import Reader
from ._responses import HEARTBEAT_EVERY, BodyResponse
from .runs import Runs

LOOK_EVERY = 0.5
"""Seconds after which an idle stream looks for a run that another process has started."""

MAX_KNOWN = 1000
"""The most ``event`` lines that a stream remembers."""

_EVENT = b"event: "


class Filter(msgspec.Struct):
    """The events that a stream asks for."""

    channels: list[str]
    namespaces: list[list[str]] | None = None
    depth: int | None = None
    since: int = 0

    def wants(self, event: str) -> bool:
        """Return whether frames with this ``event`` line pass: a channel, and the namespace."""
        channel, *at = event.split("|")
        # A channel is spelled as the encoder writes it, where `|` begins the namespace.
        asked = {" ".join(it.replace("|", " ").split()) for it in self.channels}
        if not {channel, channel.partition(":")[0]} & asked:
            return False
        return not self.namespaces or any(self._is_below(at, it) for it in self.namespaces)

    def _is_below(self, at: list[str], prefix: list[str]) -> bool:
        """Return whether a namespace is within the depth below one asked for.

        A name without an id means all tasks of that name, as in langgraph-sdk 1.11.0.
        """
        if len(prefix) > len(at) or (self.depth is not None and len(at) - len(prefix) > self.depth):
            return False
        pairs = zip(prefix, at, strict=False)
        return all(name in {it, it.partition(":")[0]} for name, it in pairs)


def _number_of(frame: bytes) -> int:
    """Return the number at the end of an event; 0 where it has none."""
    # The encoder writes the number last in each frame.
    digits = frame.rpartition(b'"event_id":"')[2].removesuffix(b'"}')
    return int(digits) if digits.isdigit() else 0


class ThreadStreams:
    """The open streams of all threads."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.waiting: defaultdict[str, set[Signal]] = defaultdict(set)
        """The signals that wake a thread's streams when a run of it starts in this process."""

    def response(self, thread: str, wanted: Filter, request: Request) -> Response:
        """Return the response that sends what a client wants of a thread."""
        return _ThreadResponse(_ThreadBody(self, thread, wanted, request))

    def wake(self, thread: str) -> None:
        """Let the streams of a thread look for its new run."""
        for more in self.waiting.get(thread, ()):
            more.set()


class _ThreadResponse(BodyResponse):
    """The response that sends the events of a thread until the client leaves."""

    def __init__(self, body: _ThreadBody) -> None:
        super().__init__(agent_protocol, HEARTBEAT_EVERY)
        self._body = body

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.send_body(self._body, scope, receive, send)


class _ThreadBody:
    """The events of one run of a thread after the other, those that the client asks for."""

    def __init__(
        self, streams: ThreadStreams, thread: str, wanted: Filter, request: Request
    ) -> None:
        self._streams = streams
        self._thread = thread
        self._wanted = wanted
        self._known: dict[bytes, bool] = {}
        """Whether frames pass, by their ``event`` lines: most frames of a run have one of few."""
        self._request = request
        self._more = Signal()
        self._seen: str | None = None
        self._reader: Reader | None = None
        self._run = AsyncExitStack()
        self._has_left = False

    async def __aenter__(self) -> Self:
        self._streams.waiting[self._thread].add(self._more)
        return self

    async def __aexit__(self, *exc: object) -> None:
        waiting = self._streams.waiting[self._thread]
        waiting.discard(self._more)
        if not waiting:
            del self._streams.waiting[self._thread]
        await self._run.aclose()

    async def take(self, patience: float | None) -> bytes | None:
        """Return all that is ready; nothing after so many seconds; None when the client left."""
        end = monotonic() + (HEARTBEAT_EVERY if patience is None else patience)
        while not self._has_left:
            left = end - monotonic()
            if left <= 0:
                return b""
            if self._reader is None and not await self._next_run():
                await self._more.wait(min(left, LOOK_EVERY))
                continue
            frames = await self._reader.take(left) if self._reader else None
            if frames is None:
                self._reader = None
                await self._run.aclose()
                continue
            # Two streams of a page ask for other channels of the same run.
            found = [it for it in frames.split(b"\n\n") if it and self._wants(it)]
            if found:
                return b"\n\n".join([*found, b""])
        return None

    def _wants(self, frame: bytes) -> bool:
        start = frame.find(_EVENT) + len(_EVENT)
        event = frame[start : frame.find(b"\n", start)]
        wanted = self._known.get(event)
        if wanted is None:
            if len(self._known) == MAX_KNOWN:
                self._known.clear()
            wanted = self._known[event] = self._wanted.wants(event.decode(errors="replace"))
        since = self._wanted.since
        return wanted and (not since or _number_of(frame) > since)

    async def _next_run(self) -> bool:
        """Open the last run of the thread; return whether it is one that was not read yet."""
        runs = self._streams.runs
        try:
            id = await runs.named(self._thread)
            if id is None or id == self._seen:
                return False
            reading = runs.reading(id, self._request, None, only_unfinished=False)
            self._reader = await self._run.enter_async_context(reading)
            self._seen = id
        except BadRequest:  # (the store is away, or has just dropped the run)
            return False
        return True

    def leave(self) -> None:
        """The client has left."""
        self._has_left = True
        self._more.set()
        if self._reader:
            self._reader.leave()

    async def stop(self) -> None:
        """Send no more; the runs go on."""
        self.leave()

    async def discard(self) -> None:
        """Do nothing: nothing was opened."""
