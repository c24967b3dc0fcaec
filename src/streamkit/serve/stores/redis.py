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
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from hashlib import sha256
from inspect import iscoroutinefunction
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from ..._extras import extra
from ..._fields import shown
from ...errors import UsageError
from .._bodies import log
from . import Found, Part, RunInfo
from ._connections import HEALTH_CHECK_EVERY, RETRY_EVERY, Batches, Changes

if TYPE_CHECKING:
    import redis.asyncio

__all__ = ["Redis"]

MAX_PUBLISHED = 2**16
"""The size in bytes up to which a part is published; a larger one is only announced."""

CONNECTIONS = 16
"""How many connections a process writes and reads with, beside the one that follows."""

ANSWER_WITHIN = 5.0
"""Seconds after which a server that does not answer counts as unavailable."""

# A script runs alone in Redis: a part is stored whole, or not at all. `minid ~` (Redis 6.2) drops
# old entries by whole nodes, which costs less than one by one. `cjson` has no bytes, so what a part
# holds is passed beside the JSON.
_APPEND = b"""
local about, frames, joined, lease, stop, read = unpack(KEYS)
local process, channel, lease_ms, ttl = unpack(cjson.decode(ARGV[1]))
local run, new, old = ARGV[2], ARGV[3], ARGV[4]
local parts, through, keep_from, is_over, sent = unpack(cjson.decode(ARGV[5]))
if parts == 0 then
  redis.call('del', about, frames, joined)
  redis.call('hset', about, 'run', run, 'process', process)
elseif redis.call('hget', about, 'parts') ~= tostring(parts) then
  return -1
end
if old ~= '' then redis.call('rpush', joined, old) end
if new ~= '' then
  redis.call('xadd', frames, 'minid', '~', keep_from .. '-0', through .. '-0', 'p', new)
end
redis.call('hincrby', about, 'parts', 1)
if is_over then
  redis.call('hset', about, 'over', 1)
  redis.call('del', lease)
else
  redis.call('set', lease, 1, 'px', lease_ms)
end
for _, key in ipairs({about, frames, joined}) do redis.call('pexpire', key, ttl) end
if sent ~= '' then redis.call('publish', channel, sent == 'whole' and new or '') end
return redis.call('exists', stop) + 2 * redis.call('exists', read)
"""
"""A script that appends a part; returns -1 if the server has not stored the parts before it."""

_STOP, _READ = 1, 2
"""The bits of what it returns otherwise: a client asked for the end, a client follows."""

_json = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode

_TAKE_NAME = """
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
"""
"""A script that gives a name to a run, unless another one has it than was expected."""


class _Owned:
    """A run of this process."""

    def __init__(self, info: RunInfo, stop: Callable[[], object], command: tuple[Any, ...]) -> None:
        self.info = info
        self.stop = stop
        self.command = command
        """The beginning of each command that appends to the run."""
        self.parts = 0
        self.named_at = 0.0


class _CopyLostError(Exception):
    """The server has lost what it had, such as by a restart: all of it is to be appended anew."""


class Redis:
    """A store of runs in a Redis server, version 6.2 or later, or a compatible one.

    Args:
        server: its address, such as ``"redis://localhost:6379/0"``, or a client of redis-py's
            ``redis.asyncio``, which must not decode responses, and has timeouts of its own: a
            ``Redis``, or a ``RedisCluster``.
        prefix: what all keys begin with.
        lease: after how many seconds without a sign of its owner a run counts as cut off. An event
            loop must never stand still for that long.
        ttl: how many seconds a run is kept after its last frame.

    Raises:
        ImportError: redis-py is not installed.
        UsageError: a number of seconds is not positive, or a client is that of sync redis.
    """

    def __init__(
        self,
        server: str | redis.asyncio.Redis | redis.asyncio.RedisCluster,
        *,
        prefix: str = "streamkit",
        lease: float = 6.0,
        ttl: float = 600.0,
    ) -> None:
        if min(lease, ttl) <= 0:
            raise UsageError(f"lease and ttl are seconds, got {lease!r} and {ttl!r}")
        # Any: redis-py's own types leave the arguments of some methods open.
        self._client: Any = _client(server) if isinstance(server, str) else server
        if not iscoroutinefunction(getattr(self._client, "execute_command", None)):
            raise UsageError(f"{shown(server, 60)} does not await; pass a client of redis.asyncio")
        self._prefix = prefix
        self._lease = int(lease * 1000)
        self._ttl = int(ttl * 1000)
        self.renew_every: float | None = lease / 3
        self._process = f"{prefix}:process:{uuid4().hex}"
        self._owned: dict[str, _Owned] = {}
        self._batches = Batches(self._client)
        self._changes = Changes(self._client, self._process, self._stop_own)

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
        names = ("about", "frames", "joined", "lease", "stop", "read")
        keys = [self._key(run.id, it).encode() for it in names]
        channel = self._key(run.id, "changes")
        same = _json((self._process, channel, self._lease, self._ttl))
        command = ("EVAL", _APPEND, len(keys), *keys, same, _pack(run))
        owned = _Owned(run, stop, command)
        await self._batches.execute(*self._append_command(owned, Part(1, [], is_whole=True)))
        self._owned[run.id] = owned
        return None

    async def _take_name(self, name: str, id: str) -> str | None:
        """Return the id of the run that has the name, or None once it is ours."""
        expected = id
        while True:
            holder = await self._name_for(name, id, expected)
            if holder is None or await self._is_alive(holder):
                return holder
            expected = holder

    async def _name_for(self, name: str, id: str, expected: str) -> str | None:
        key = self._name_key(name)
        command = ("EVAL", _TAKE_NAME, 1, key, expected, id, self._ttl)
        holder = await self._batches.execute(*command)
        return None if holder is None else _text(holder)

    async def _is_alive(self, id: str) -> bool:
        """Look twice: after a restart of the server, leases come back a little later."""
        lease = self._key(id, "lease")
        if await self._client.exists(lease):
            return True
        if await self._client.hexists(self._key(id, "about"), "over"):
            return False
        await asyncio.sleep(self._lease / 2000)  # an owner renews it in two thirds of that time
        return bool(await self._client.exists(lease))

    async def append(self, id: str, part: Part) -> bool:
        """Append new frames of a run, renew its lease, and check for a stop."""
        owned, info = self._owned[id], self._owned[id].info
        if part.is_whole:
            owned.parts = 0
        answer = await self._batches.execute(*self._append_command(owned, part))
        if answer < 0:
            raise _CopyLostError
        owned.parts += 1
        # A name's key has no run id: on a cluster it may be on another node than the script.
        is_due = monotonic() - owned.named_at > (self.renew_every or 0) / 2
        if info.name is not None and (part.is_over or is_due):
            await self._name_for(info.name, id, expected=id)
            owned.named_at = monotonic()
        if part.is_over:
            del self._owned[id]
        elif answer & _STOP:
            owned.stop()
        return bool(answer & _READ)

    def _append_command(self, owned: _Owned, part: Part) -> tuple[Any, ...]:
        new, old, sent = b"", b"", ""
        if part.frames:
            new = _pack(Part(part.first, part.frames, is_over=part.is_over))
        if part.joined:
            old = _pack((part.joined_through, part.joined))
        if part.frames or part.is_over:
            is_small = len(new) <= MAX_PUBLISHED and not part.is_whole
            sent = "whole" if is_small else "announced"
        change = (owned.parts, part.last, part.keep_from, part.is_over, sent)
        return (*owned.command, new, old, _json(change))

    def _stop_own(self, id: str) -> None:
        if id in self._owned:
            self._owned[id].stop()

    # --- for other processes

    async def follow(self, id: str) -> AsyncIterator[Part]:
        """Return a run's frames: those that are stored, and then new ones."""
        seen, is_behind, owner = -1, True, _Owner(self._lease / 1000)
        read_at = 0.0
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
                    read_at = monotonic()
                    for part in parts:
                        seen = part.last
                        yield part
                        if part.is_over:
                            return
                    if owner.is_dead(self._changes.connections, has_lease=is_alive):
                        return
                change = None
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.renew_every):
                        change = await inbox.get()
                is_next = change is not None and change.first <= seen + 1
                if change is not None and is_next:
                    seen = max(seen, change.last)
                    yield change
                    if change.is_over:
                        return
                # Also in mid-flow, now and then: reading is what keeps `read` there.
                is_behind = not is_next or monotonic() >= read_at + (self.renew_every or 0)

    async def _read(self, id: str, seen: int) -> tuple[list[Part], bool]:
        """Return the frames after a frame, or all, and whether the owner is alive."""
        # One transaction, so that the frames and the lease are of one moment.
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
            # Published messages are lost where nobody listens at that moment; the key is for those.
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
    # redis-py's default pool raises when all its connections are taken; this one waits for one.
    pools: Any = engine.BlockingConnectionPool
    pool = pools.from_url(
        url,
        max_connections=CONNECTIONS,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=ANSWER_WITHIN,
        socket_connect_timeout=ANSWER_WITHIN,
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
