"""Runs in a Redis server, for any number of processes.

Keys of a run have its id in braces, so that all of them are on one node of a cluster::

    streamkit:{ID}:about    its `RunInfo`, its owner, and how many parts were appended
    streamkit:{ID}:frames   a stream; an entry is a part, its id the number of its last frame
    streamkit:{ID}:joined   a list of the older frames, joined
    streamkit:{ID}:lease    there as long as the owner is
    streamkit:{ID}:read     there as long as a client follows
    streamkit:{ID}:stop     there once a client asked for the end
    streamkit:name:HASH     the id of the last run of a name

A part is also published, so that followers need no request for it; who misses one reads the stream.

Laws of this module:

1. A part is stored whole or not at all, and never twice: an uncertain one is replaced whole.
2. All that follow in a process share one connection, on which nothing is written but subscriptions.
3. Every key expires.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from ..._extras import extra
from ...errors import UsageError
from .._bodies import Signal, log
from . import Found, Part, RunInfo

if TYPE_CHECKING:
    import redis.asyncio

__all__ = ["Redis"]

MAX_PUBLISHED = 2**16
"""The size in bytes up to which a part is published; a larger one is only announced."""

CONNECTIONS = 16
"""How many connections a process writes and reads with, beside the one that follows."""

HEALTH_CHECK_EVERY = 10.0
"""Seconds of silence after which the connection that follows is tried."""

RETRY_EVERY = 0.2
"""Seconds between two attempts to reach a server that is unavailable."""

_IF_EQUAL = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call("
_SET_IF = _IF_EQUAL + "'set', KEYS[1], ARGV[2], 'px', ARGV[3])"


class _Owned:
    """A run of this process."""

    def __init__(self, info: RunInfo, stop: Callable[[], object]) -> None:
        self.info = info
        self.stop = stop
        self.appends = 0
        self.renewed = 0.0
        self.is_read = False


class _CopyLostError(Exception):
    """The server has lost what it had, such as by a restart: all of it is to be appended anew."""


class Redis:
    """A store of runs in a Redis server, version 6.2 or later, or a compatible one.

    Args:
        server: its address, such as ``"redis://localhost:6379/0"``, or a client of redis-py's
            ``redis.asyncio``, which must not decode responses.
        prefix: what all keys begin with.
        lease: after how many seconds without a sign of its owner a run counts as cut off. An event
            loop must never stand still for that long.
        ttl: how many seconds a run is kept after its last frame.

    Raises:
        ImportError: redis-py is not installed.
        UsageError: a number of seconds is not positive.
    """

    def __init__(
        self,
        server: str | redis.asyncio.Redis,
        *,
        prefix: str = "streamkit",
        lease: float = 6.0,
        ttl: float = 600.0,
    ) -> None:
        if min(lease, ttl) <= 0:
            raise UsageError(f"lease and ttl are seconds, got {lease!r} and {ttl!r}")
        # Any: redis-py's own types leave the arguments of some methods open.
        self._client: Any = _client(server) if isinstance(server, str) else server
        self._prefix = prefix
        self._lease = int(lease * 1000)
        self._ttl = int(ttl * 1000)
        self.renew_every: float | None = lease / 3
        self._process = f"{prefix}:process:{uuid4().hex}"
        self._owned: dict[str, _Owned] = {}
        self._changes = _Changes(self._client, self._process, self._stop_own)

    def _key(self, id: str, what: str) -> str:
        return f"{self._prefix}:{{{id}}}:{what}"

    def _name_key(self, name: str) -> str:
        return f"{self._prefix}:name:{sha256(name.encode(errors='replace')).hexdigest()}"

    # --- for the owner

    async def lease(self, run: RunInfo, stop: Callable[[], object]) -> str | None:
        """Take the lease of a new run, and its name."""
        if run.name is not None:
            holder = await self._take_name(run.name, run.id)
            if holder is not None:
                return holder
        await self._changes.listen()
        async with self._client.pipeline(transaction=True) as pipe:
            self._say_who(pipe, run)
            pipe.set(self._key(run.id, "lease"), 1, px=self._lease)
            await pipe.execute()
        self._owned[run.id] = _Owned(run, stop)
        return None

    def _say_who(self, pipe: Any, run: RunInfo) -> None:
        key = self._key(run.id, "about")
        pipe.delete(key)
        pipe.hset(key, mapping={"run": msgspec.msgpack.encode(run), "process": self._process})
        pipe.pexpire(key, self._ttl)

    async def _take_name(self, name: str, id: str) -> str | None:
        """Return the id of the run that has the name, or None once it is ours."""
        key = self._name_key(name)
        while not await self._client.set(key, id, nx=True, px=self._ttl):
            other = await self._client.get(key)
            if other is None:
                continue
            if await self._is_alive(_text(other)):
                return _text(other)
            if await self._client.eval(_SET_IF, 1, key, other, id, self._ttl):
                break
        return None

    async def _is_alive(self, id: str) -> bool:
        """Look twice: after a restart of the server, leases come back a little later."""
        lease = self._key(id, "lease")
        if await self._client.exists(lease):
            return True
        if await self._client.hexists(self._key(id, "about"), "over"):
            return False
        await asyncio.sleep(self.renew_every or 0)
        return bool(await self._client.exists(lease))

    async def append(self, id: str, part: Part) -> bool:
        """Append new frames of a run; now and then, renew its lease and check for a stop."""
        owned = self._owned[id]
        is_whole, is_over = part.is_whole, part.is_over
        is_due = monotonic() - owned.renewed > (self.renew_every or 0) / 2
        if is_whole:
            owned.appends = 0
        async with self._client.pipeline(is_whole or is_over or bool(part.joined)) as pipe:
            if is_whole:
                pipe.delete(self._key(id, "frames"), self._key(id, "joined"))
                self._say_who(pipe, owned.info)
            self._add(pipe, id, part)
            if is_over:
                pipe.hset(self._key(id, "about"), "over", 1)
                pipe.delete(self._key(id, "lease"))
            if is_whole or is_over or is_due:
                self._renew(pipe, id, is_over=is_over)
            pipe.exists(self._key(id, "stop"))
            pipe.exists(self._key(id, "read"))
            pipe.hincrby(self._key(id, "about"), "appends", 1)
            *_, stop, is_read, appends = await pipe.execute()
        owned.appends += 1
        if appends != owned.appends:
            raise _CopyLostError
        if is_over:
            del self._owned[id]
        if owned.info.name is not None and (is_over or is_due):
            key = self._name_key(owned.info.name)
            await self._client.eval(_SET_IF, 1, key, id, id, self._ttl)
        if is_due:
            owned.renewed = monotonic()
        if stop and not is_over:
            owned.stop()
        return bool(is_read)

    def _add(self, pipe: Any, id: str, part: Part) -> None:
        if part.joined:
            joined = msgspec.msgpack.encode((part.joined_through, part.joined))
            pipe.rpush(self._key(id, "joined"), joined)
        change = b""
        if part.frames:
            new = Part(part.first, part.frames, is_over=part.is_over)
            change = msgspec.msgpack.encode(new)
            frames = self._key(id, "frames")
            pipe.xadd(frames, {b"p": change}, id=f"{part.last}-0", minid=f"{part.keep_from}-0")
        if part.frames or part.is_over:
            is_small = len(change) <= MAX_PUBLISHED and not part.is_whole
            pipe.publish(self._key(id, "changes"), change if is_small else b"")

    def _renew(self, pipe: Any, id: str, *, is_over: bool) -> None:
        if not is_over:
            pipe.set(self._key(id, "lease"), 1, px=self._lease)
        for what in ("about", "frames", "joined"):
            pipe.pexpire(self._key(id, what), self._ttl)

    def _stop_own(self, id: str) -> None:
        if id in self._owned:
            self._owned[id].stop()

    # --- for other processes

    async def follow(self, id: str) -> AsyncIterator[Part]:
        """Return a run's frames: those that are stored, and then new ones."""
        seen, is_behind, owner = -1, True, _Owner(self._lease / 1000)
        async with self._changes.of(self._key(id, "changes")) as inbox:
            while True:
                if is_behind:
                    try:
                        parts, is_alive = await self._read(id, seen)
                    except Exception as error:  # noqa: BLE001  (an engine raises its own)
                        log.debug("a follower cannot reach Redis: %r", error)
                        owner.give_time()
                        await asyncio.sleep(RETRY_EVERY)
                        continue
                    for part in parts:
                        seen = part.last
                        yield part
                        if part.is_over:
                            return
                    if owner.is_dead(self._changes.connections, has_lease=is_alive):
                        return
                change = await inbox.get(self.renew_every)
                is_behind = change is None or change.first > seen + 1
                if change is not None and not is_behind:
                    seen = max(seen, change.last)
                    yield change
                    if change.is_over:
                        return

    async def _read(self, id: str, seen: int) -> tuple[list[Part], bool]:
        """Return the frames after a frame, or all, and whether the owner is alive."""
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.lrange(self._key(id, "joined"), 0, -1 if seen < 0 else 0)
            pipe.xrange(self._key(id, "frames"), min=f"({seen}-0" if seen > 0 else "-")
            pipe.hget(self._key(id, "about"), "over")
            pipe.exists(self._key(id, "lease"))
            pipe.set(self._key(id, "read"), 1, px=self._lease)
            joined, entries, is_over, is_alive, _ = await pipe.execute()
        parts = [msgspec.msgpack.decode(fields[b"p"], type=Part) for _, fields in entries]
        if parts and seen >= 0 and parts[0].first > seen + 1:
            return await self._read(id, -1)
        if seen < 0:
            parts = [_beginning(joined, parts), *parts[1:]]
        if is_over and not (parts and parts[-1].is_over):
            last = parts[-1].last if parts else seen
            parts.append(Part(max(last, 0) + 1, [], is_over=True))
        return parts, bool(is_alive)

    async def find(self, id: str) -> Found | None:
        """Return a run, if it is still kept."""
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.hmget(self._key(id, "about"), "run", "over")
            pipe.exists(self._key(id, "lease"))
            (run, is_over), is_alive = await pipe.execute()
        if run is None:
            return None
        info = msgspec.msgpack.decode(run, type=RunInfo)
        return Found(info, bool(is_over), bool(is_alive and not is_over))

    async def name(self, name: str) -> str | None:
        """Return the id of the last run of a name, as long as it is kept."""
        id = await self._client.get(self._name_key(name))
        return _text(id) if id else None

    async def stop(self, id: str) -> None:
        """Ask a run's owner to stop it: at once, and by a key if it should miss that."""
        process = await self._client.hget(self._key(id, "about"), "process")
        if process:
            await self._client.set(self._key(id, "stop"), 1, px=self._ttl)
            await self._client.publish(_text(process), id)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._changes.aclose()
        await self._client.aclose()


def _beginning(joined: list[bytes], parts: list[Part]) -> Part:
    """Return the first part for who has nothing."""
    frames: list[bytes] = []
    through = 0
    for it in joined:
        through, more = msgspec.msgpack.decode(it, type=tuple[int, list[bytes]])
        frames += more
    first = parts[0] if parts else Part(through + 1, [])
    return msgspec.structs.replace(first, joined=frames, joined_through=through, is_whole=True)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _client(url: str) -> Any:
    with extra("redis", "streamkit.serve.Redis"):
        from redis import asyncio as engine  # noqa: PLC0415
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
    # What redis-py repeats may be done twice; a run's owner repeats by itself, and surely.
    pools: Any = engine.BlockingConnectionPool
    pool = pools.from_url(
        url,
        max_connections=CONNECTIONS,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=HEALTH_CHECK_EVERY,
    )
    return engine.Redis.from_pool(pool)


class _Owner:
    """The owner of a run, as a follower sees it.

    It is dead once its lease is missing for as long as a lease lasts, and Redis was there all that
    time: after a restart there are no leases, until the owners have taken them again.
    """

    def __init__(self, lease: float) -> None:
        self._lease = lease
        self._missing_since: float | None = None
        self._connections = 0

    def give_time(self) -> None:
        """Restart the wait: Redis is unavailable."""
        self._missing_since = None

    def is_dead(self, connections: int, *, has_lease: bool) -> bool:
        """Return whether it is, given how often this process had to connect so far."""
        if has_lease or connections != self._connections:
            self._missing_since, self._connections = None, connections
        if has_lease:
            return False
        self._missing_since = self._missing_since or monotonic()
        return monotonic() - self._missing_since >= self._lease


class _Inbox:
    """The parts of one run that were published and not yet taken."""

    def __init__(self) -> None:
        self._parts: deque[Part | None] = deque()
        self._more = Signal()

    def put(self, part: Part | None) -> None:
        """Add one; None says that something is there to be read."""
        self._parts.append(part)
        self._more.set()

    async def get(self, patience: float | None) -> Part | None:
        """Return the next one; None also after so many seconds."""
        while not self._parts:
            if not await self._more.wait(patience):
                return None
        return self._parts.popleft()


class _Changes:
    """The one connection of a process for changes of its own runs and of those it follows."""

    def __init__(self, client: Any, process: str, stop: Callable[[str], object]) -> None:
        self._client = client
        self._process = process.encode()
        self._stop = stop
        self._inboxes: dict[bytes, set[_Inbox]] = {}
        self._pubsub: Any = None
        self._task: asyncio.Task[None] | None = None
        self._is_open = False
        self.connections = 0
        """The number of connections so far: the server may have been away before each."""

    async def listen(self) -> None:
        """Start listening, unless it has started."""
        if not self._task:
            self._is_open = True
            self._task = asyncio.ensure_future(self._run())

    @asynccontextmanager
    async def of(self, channel: str) -> AsyncGenerator[_Inbox]:
        """Yield the inbox of a run's published parts, while this context is open."""
        key, inbox = channel.encode(), _Inbox()
        await self.listen()
        known = self._inboxes.setdefault(key, set())
        known.add(inbox)
        if len(known) == 1:
            await self._tell("subscribe", key)
        try:
            yield inbox
        finally:
            known.discard(inbox)
            if not known:
                self._inboxes.pop(key, None)
                await self._tell("unsubscribe", key)

    async def _tell(self, what: str, channel: bytes) -> None:
        """Change the subscriptions; if the connection is lost, the next one has them all."""
        if self._pubsub and self._pubsub.subscribed:
            with suppress(Exception):
                await getattr(self._pubsub, what)(channel)

    async def _run(self) -> None:
        while self._is_open:
            try:
                await self._hear()
            except Exception as error:  # noqa: BLE001  (an engine raises its own)
                log.debug("the connection for changes of runs is lost: %r", error)
                self._pubsub = None
                await asyncio.sleep(RETRY_EVERY)

    async def _hear(self) -> None:
        async with self._client.pubsub() as pubsub:
            await pubsub.subscribe(self._process)
            known: set[bytes] = set()
            while missing := self._inboxes.keys() - known:  # more may come meanwhile
                await pubsub.subscribe(*missing)
                known |= missing
            self._pubsub = pubsub
            self.connections += 1
            while True:
                message = await pubsub.get_message(timeout=HEALTH_CHECK_EVERY)
                if message:
                    self._deliver(message["type"], message["channel"], message["data"])

    def _deliver(self, kind: str, channel: bytes, data: Any) -> None:
        if kind == "message" and channel == self._process:
            self._stop(data.decode())
            return
        for inbox in self._inboxes.get(channel, ()):
            if kind == "subscribe":
                inbox.put(None)  # what was published before this is in the stream
            elif kind == "message":
                inbox.put(msgspec.msgpack.decode(data, type=Part) if data else None)

    async def aclose(self) -> None:
        """Close the connection."""
        task, self._task, self._pubsub, self._is_open = self._task, None, None, False
        while task and not task.done():  # redis-py 8.1 may swallow a cancellation
            task.cancel()
            await asyncio.wait({task}, timeout=0.05)
