"""Runs that go on while their clients disconnect and reconnect, here or in another process.

A run is read by one process, its owner, in a task of its own, into a `Replay`. From there its
clients in this process are served at once, and a second task copies new frames to the store. A
process that is asked for a run of another's follows the store, once for all of its clients.

Laws of this module:

1. Clients never slow a run. One that is too slow misses frames, and gets a gap, as does one that
   was away for too long: never a stream that only looks whole.
2. No client of the owner's waits for the store, and no run ends because the store is away. What
   the store has missed in the meantime, it gets later, within the bounds of the `Replay`.
3. Every reader's stream ends: with the run, or, once the lease of a dead owner has run out, with
   what its format has for a run that was cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Self, TypeAlias
from uuid import uuid4

from anyio import from_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from ..errors import BadRequest, UsageError
from ..wire import sse
from ..wire.replay import Replay
from ..wire.resume import Resume
from ._bodies import Events, Pump, Wire, headers_of, require_options
from ._local import ID_USED, Gap, LocalRun, NameTaken, Reader, StoreAway
from ._responses import HEARTBEAT_EVERY, BodyResponse, Document, document_of
from .stores import Found, RunInfo, Store
from .stores.memory import Memory

__all__ = ["Runs"]

Authorize: TypeAlias = Callable[[Request, RunInfo], "bool | Awaitable[bool]"]
"""A function that returns whether a request may read or stop a run."""

_AS_ALL_RUNS = -1.0


class Started(str):
    """A run's id. Awaited, it is the id once every process can find the run.

    With a store in this process that is so within one turn of the event loop.
    """

    __slots__ = ("_known",)

    _known: asyncio.Future[None]

    def __new__(cls, id: str, known: asyncio.Future[None]) -> Self:
        """Return an id that waits for ``known``."""
        started = super().__new__(cls, id)
        started._known = known
        return started

    def __await__(self) -> Generator[Any, None, str]:
        yield from asyncio.shield(self._known).__await__()
        return str(self)


class Runs:
    """Runs by their ids, each for any number of clients, one after the other or at once.

    Args:
        wire: the format: server-sent events of some kind.
        store: where runs are kept for other processes, such as `streamkit.serve.Redis`; `Memory`
            keeps them in this one.
        authorize: called with the request and the run before anybody reads or stops it, and may be
            async; where it returns False, there is no such run. Without it, the id is enough.
        max_runs: how many runs this process may have going on at once.
        max_frames: how many frames of a run are kept one by one for clients that come back.
        max_bytes: how many bytes those may have, together with the older ones, which are joined.
        linger: how many seconds a run goes on that no client reads; None for a run that needs none.
        heartbeat: as for `EventResponse`.
        options: for the format's encoder.

    Raises:
        UsageError: the format has no ids, so that no client can come back, or lacks an option;
            ``store`` is no store.
    """

    def __init__(  # noqa: PLR0913  (four of them are bounds)
        self,
        wire: Wire = sse,
        *,
        store: Store | None = None,
        authorize: Authorize | None = None,
        max_runs: int = 1000,
        max_frames: int = 4096,
        max_bytes: int = 2**22,
        linger: float | None = 60.0,
        heartbeat: float | None = HEARTBEAT_EVERY,
        **options: Any,
    ) -> None:
        given: Any = wire if "://" in str(wire) else store  # the address of a server, say
        if isinstance(given, type) or not (given is None or hasattr(given, "lease")):
            made = f"{given.__name__}(...)" if isinstance(given, type) else f"Redis({given!r})"
            raise UsageError(f"{given!r:.80} is no store; write store={made:.80}")
        # Only server-sent events have an `id:` line, which a browser sends back as `Last-Event-ID`.
        if not headers_of(wire)["content-type"].startswith("text/event-stream"):
            raise UsageError("only server-sent events have ids to come back by; pass wire=sse")
        require_options(wire, options)
        self._wire = wire
        self.format: str = getattr(wire, "__name__", type(wire).__name__)
        """The format, by the name of its module."""
        self._resume: Resume | None = getattr(wire, "RESUME", None)
        self._store: Store = store or Memory()
        self._authorize = authorize
        self._max_runs = max_runs
        self._linger = linger
        self._heartbeat = heartbeat
        self._options = options
        delta_of = self._resume.delta_of if self._resume else None
        self._new_replay = partial(
            Replay, max_frames=max_frames, max_bytes=max_bytes, delta_of=delta_of
        )
        self._runs: dict[str, LocalRun] = {}

    # --- what an application calls

    def start(
        self,
        events: Events,
        *,
        id: str | None = None,
        name: str | None = None,
        owner: str | None = None,
        linger: float | None = _AS_ALL_RUNS,
        **options: Any,
    ) -> Started:
        """Start a run, and return the id by which clients find it.

        Await the id where the store is outside of this process: only then it is sure that other
        processes find the run, and that its name was free.

        Args:
            events: the run, as for `EventResponse`.
            id: the run's id, where the protocol has one that nobody can guess, such as the
                ``response_id`` of an OpenAI request; by default a new one.
            name: what the run is for, such as a user's chat. One run at a time has a name, and is
                found by it: see `current` and `resume`.
            owner: whose run it is, for ``authorize``.
            linger: as for all runs, if this one has its own.
            options: for the format's encoder, beside those of all runs, such as ``request=``.

        Raises:
            BadRequest: a run of that name is going on (409, its id is in ``error.id``), here or
                when the id is awaited; so where a run had that id before, as long as it is kept.
                There are too many runs (429), or the store cannot be reached (503).
            UsageError: ``events`` is no stream; an id, a name or an owner is no text; or there is
                no event loop to run it in.
        """
        _require_text(id=id, name=name, owner=owner)
        info = RunInfo(id=id or uuid4().hex, format=self.format, name=name, owner=owner)
        patience = self._linger if linger == _AS_ALL_RUNS else linger
        start = partial(self._start, info, events, patience, {**self._options, **options})
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return _in_the_loop(start)
        return start()

    def response(
        self, id: str, last_event_id: str | None = None, *, stream: bool = True
    ) -> Response:
        """Return the response that sends a run, from behind the frame that the client saw last.

        Where there is nothing more to send, ever, it is 204, which stops an ``EventSource``.

        Args:
            id: the run.
            last_event_id: that frame; where it is left out, the request's ``Last-Event-ID``.
            stream: False sends one JSON document at the end instead: see `EventResponse`.

        Raises:
            UsageError: the format has no `document`; an id is no text.
            BadRequest: when it is sent: there is no such run (404), or it has no such frame (400),
                or the next ones are no longer kept and the format has no ``gap`` (410), or
                the store cannot be reached (503).
        """
        document = None if stream else document_of(self._wire)
        return RunResponse(
            self, self._wire, self._heartbeat, id, last_event_id=last_event_id, document=document
        )

    def resume(self, id: str | None = None, *, name: str | None = None) -> Response:
        """Return the response to a page that was reloaded and asks for its running answer.

        It sends the run from its beginning, unless the request has a ``Last-Event-ID``. Where the
        run is over it is 204, because the page has the answer in its history; also where there is
        none that the request may read. A run whose owner has died is sent as far as it was stored,
        and ends as incomplete.

        Args:
            id: the run.
            name: or its name.

        Raises:
            BadRequest: when it is sent, as for `response`.
        """
        return RunResponse(self, self._wire, self._heartbeat, id, name=name, only_unfinished=True)

    async def current(self, name: str) -> str | None:
        """Return the id of the run of a name that is going on, or None.

        Raises:
            BadRequest: the store cannot be reached (503).
        """
        _require_text(name=name)
        id = await self.named(name)
        with _reaching_the_store():
            found = await self._store.find(id) if id else None
        return id if found and found.is_alive else None

    async def stop(self, id: str, request: Request | None = None) -> None:
        """Stop a run: its source is closed, and its clients get the closing events.

        If the run is another process', that process is asked to, and this does not wait for it.

        Args:
            id: the run.
            request: for ``authorize``.

        Raises:
            BadRequest: there is no such run (404), or the store cannot be reached (503).
        """
        _require_text(id=id)
        if not await self._find(id, request):
            raise _no_such_run()
        run = self._runs.get(id)
        if run and run.is_own:
            await run.stop()
            return
        with _reaching_the_store():
            await self._store.stop(id)

    async def aclose(self) -> None:
        """Stop all runs of this process, such as when the server shuts down."""
        await asyncio.gather(*(run.discard() for run in list(self._runs.values())))
        await self._store.aclose()

    # --- what a response calls

    @asynccontextmanager
    async def reading(
        self, id: str, request: Request, last_event_id: str | None, *, only_unfinished: bool
    ) -> AsyncGenerator[Reader | None]:
        """Yield a reader of a run, or None if there is nothing to read for it."""
        found = await self._find(id, request)
        if only_unfinished and (not found or found.is_over):
            yield None
            return
        if not found:
            raise _no_such_run()
        run = self._runs.get(id) or self._followed(found.info)
        with run.in_use():
            seen = await run.place(last_event_id)
            rest = run.replay.after(seen)
            gap: Gap | None = getattr(self._wire, "gap", None)
            if rest.missed and not gap:
                raise BadRequest("what came after that frame is no longer kept", 410)
            if run.is_over and not rest.missed and not rest.frames:
                yield None
                return
            async with Reader(run, seen, gap) as reader:
                yield reader

    async def named(self, name: str) -> str | None:
        """Return the id of the last run of a name, as long as it is kept."""
        with _reaching_the_store():
            return await self._store.name(name)

    async def _find(self, id: str, request: Request | None) -> Found | None:
        """Return a run, if there is one that the request may read."""
        run = self._runs.get(id)
        if run:
            found = Found(run.info, run.is_over, not run.is_over)
        else:
            with _reaching_the_store():
                stored = await self._store.find(id)
            # Frames are stored as the bytes of a format: no other one can be made of them.
            if not stored or stored.info.format != self.format:
                return None
            found = stored
        return found if await self._is_allowed(found.info, request) else None

    async def _is_allowed(self, info: RunInfo, request: Request | None) -> bool:
        if not self._authorize:
            return True
        if request is None:
            raise UsageError("authorize= needs the request: call stop(id, request)")
        allowed = self._authorize(request, info)
        return allowed if isinstance(allowed, bool) else await allowed

    # --- runs of this process

    def _start(
        self, info: RunInfo, events: Events, linger: float | None, options: dict[str, Any]
    ) -> Started:
        own = [run for run in self._runs.values() if run.is_own and not run.is_over]
        if len(own) >= self._max_runs:
            raise BadRequest("too many runs at once; try again later", 429)
        if info.id in self._runs:
            raise NameTaken(info.id, ID_USED)
        for run in own:
            if info.name is not None and run.info.name == info.name:
                raise NameTaken(run.info.id)
        run = self._new(info, is_own=True)
        run.begin(run.own(Pump(events, self._wire, run.add, **options), linger))
        self._runs[info.id] = run
        return Started(info.id, run.known)

    def _followed(self, info: RunInfo) -> LocalRun:
        run = self._new(info, is_own=False)
        run.begin(run.follow(self._resume))
        self._runs[info.id] = run
        return run

    def _new(self, info: RunInfo, *, is_own: bool) -> LocalRun:
        return LocalRun(info, self._new_replay(), self._store, self._forget, is_own=is_own)

    def _forget(self, run: LocalRun) -> None:
        if self._runs.get(run.info.id) is run:
            del self._runs[run.info.id]


def _in_the_loop(start: Callable[[], Started]) -> Started:
    """Start a run from an endpoint that the framework calls in a thread."""

    async def started() -> Started:
        id = start()
        await id
        return id

    try:
        # FastAPI and Starlette call a plain `def` endpoint in a worker thread of anyio.
        return from_thread.run(started)
    except RuntimeError as error:
        raise UsageError("runs need an event loop; start them in an endpoint") from error


@contextmanager
def _reaching_the_store() -> Generator[None]:
    """Raise `StoreAway` for whatever the store's engine raises."""
    try:
        yield
    except Exception as error:
        raise StoreAway from error


def _require_text(**given: object) -> None:
    """Refuse an id that is no text: one that FastAPI has read as a UUID would never be found."""
    for name, it in given.items():
        if not isinstance(it, str | None):
            raise UsageError(f"{name} must be a str, not a {type(it).__name__}: {it!r:.80}")


def _no_such_run() -> BadRequest:
    return BadRequest("no such run, or it is over and forgotten", 404)


class RunResponse(BodyResponse):
    """A response that sends a run; the request decides which one and from which frame."""

    def __init__(  # noqa: PLR0913  (what to send)
        self,
        runs: Runs,
        wire: Wire,
        heartbeat: float | None,
        id: str | None,
        *,
        name: str | None = None,
        last_event_id: str | None = None,
        only_unfinished: bool = False,
        document: Document | None = None,
    ) -> None:
        if (id is None) == (name is None):
            raise UsageError("pass a run's id, or name=")
        _require_text(id=id, name=name, last_event_id=last_event_id)
        super().__init__(wire, heartbeat, document)
        self._runs = runs
        self._id, self._name = id, name
        self._last_event_id = last_event_id
        self._only_unfinished = only_unfinished

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        id = await self._runs.named(self._name) if self._name is not None else self._id
        if id is None:
            await _NOTHING(scope, receive, send)
            return
        seen = self._last_event_id or request.headers.get("last-event-id")
        unfinished = self._only_unfinished
        async with self._runs.reading(id, request, seen, only_unfinished=unfinished) as reader:
            if reader is None:
                await _NOTHING(scope, receive, send)
            else:
                await self.send_body(reader, scope, receive, send)


_NOTHING = Response(status_code=204)
