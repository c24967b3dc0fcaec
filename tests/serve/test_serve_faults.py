"""Runs whose store or whose process fails: what their clients get, and that each stream ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("starlette", reason="starlette is not installed")

from test_serve_stores import Client, Words, text_of

from loopback_server import until
from streamkit import BadRequest, Event, RunEnd, UsageError, normalize
from streamkit.serve import EventResponse, Memory, Part, Redis, RunInfo, Runs, _bodies, _local
from streamkit.serve._bodies import Signal, insistently_stopped, stopped
from streamkit.serve.stores import _connections
from streamkit.testing import check_stream
from streamkit.wire import sse

from redis_server import redis_server  # isort: skip  # noqa: F401  (a fixture)


class Shaky(Memory):
    """A store that cannot be reached while `is_away`."""

    renew_every = 0.05  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.asked = 0

    def _reach(self) -> None:
        self.asked += 1
        if self.is_away:
            raise OSError("no route to the store")

    async def lease(self, run: RunInfo, stop: Callable[[], object]) -> str | None:
        self._reach()
        return await super().lease(run, stop)

    async def append(self, id: str, part: Part) -> bool:
        self._reach()
        return await super().append(id, part)

    async def find(self, id: str) -> Any:
        self._reach()
        return await super().find(id)

    async def name(self, name: str) -> str | None:
        self._reach()
        return await super().name(name)

    async def stop(self, id: str) -> None:
        self._reach()
        await super().stop(id)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_local, "RETRY_EVERY", 0.01)
    monkeypatch.setattr(_local, "NAME_FREE", 0.02)
    monkeypatch.setattr(_connections, "RETRY_EVERY", 0.01)
    monkeypatch.setattr(_connections, "HEALTH_CHECK_EVERY", 0.01)


# --- a store that is away


async def test_who_asks_for_a_run_while_the_store_is_away_may_try_later():
    store = Shaky()
    runs, other = Runs(store=store), Runs(store=store)
    id = await runs.start(Words("Hel").stream(), name="chat")
    store.is_away = True
    with pytest.raises(BadRequest, match="cannot be reached") as caught:
        await other.current("chat")
    assert caught.value.status == 503
    for call in (other.stop(id), runs.start(Words().stream()), Client(other.response(id)).read()):
        with pytest.raises(BadRequest, match="cannot be reached"):
            await call
    store.is_away = False
    assert await other.current("chat") == id
    await runs.aclose()


async def test_a_request_to_stop_that_does_not_reach_the_owner_is_refused():
    class Deaf(Shaky):
        async def stop(self, id: str) -> None:
            raise OSError("no route to the store")

    store = Deaf()
    runs = Runs(store=store)
    id = await runs.start(Words("Hel").stream())
    with pytest.raises(BadRequest, match="cannot be reached"):
        await Runs(store=store).stop(id)
    await runs.aclose()


async def test_a_run_goes_on_without_its_store_and_catches_up():
    store = Shaky()
    runs, other = Runs(store=store), Runs(store=store)
    words = Words("Hel")
    id = await runs.start(words.stream())
    here, there = Client(runs.response(id)), Client(other.response(id))
    for client in (here, there):
        await client.until("Hel")
    store.is_away = True
    words.say("lo")
    await here.until('"lo"')
    asked = store.asked
    await until(lambda: store.asked > asked + 2)
    assert b'"lo"' not in there.body
    store.is_away = False
    words.say(None)
    assert text_of(await here.read()) == text_of(await there.read()) == "Hello"
    await runs.aclose()


async def test_a_run_that_is_over_does_not_wait_for_its_store_for_ever(monkeypatch, caplog):
    monkeypatch.setattr(_local, "GIVE_UP", 0.02)
    store = Shaky()
    runs = Runs(store=store)
    words = Words("Hel")
    id = await runs.start(words.stream())
    store.is_away = True
    words.say(None)
    assert text_of(await Client(runs.response(id)).read()) == "Hel"
    await until(lambda: "the end of a run is not stored" in caplog.text)
    await runs.aclose()


async def test_a_process_that_ends_leaves_a_run_that_is_over_and_not_stored(monkeypatch):
    monkeypatch.setattr(_local, "FLUSH", 0.05)
    runs = Runs()
    monkeypatch.setattr(runs._store, "append", _unreachable)
    id = await runs.start(Words("Hi", None).stream())
    await until(lambda: runs._runs[id].is_over)
    await runs.aclose()
    assert not runs._runs


async def test_a_client_of_a_run_that_cannot_be_followed_comes_again(caplog, monkeypatch):
    def broken(self: Memory, id: str) -> Any:
        raise OSError("no route to the store")

    store = Memory()
    runs, other = Runs(store=store), Runs(store=store)
    id = await runs.start(Words("Hel").stream())
    with monkeypatch.context() as patch:
        patch.setattr(Memory, "follow", broken)
        client = Client(other.response(id))
        await client.task
    assert (client.status, client.body) == (204, b"")
    assert "a run cannot be followed" in caplog.text
    await Client(other.response(id)).until("Hel")
    await runs.aclose()


async def test_a_run_may_be_stopped_while_its_lease_is_taken():
    class Stopping(Memory):
        async def lease(self, run: RunInfo, stop: Callable[[], object]) -> str | None:
            stop()
            return await super().lease(run, stop)

    runs = Runs(store=Stopping())
    id = await runs.start(Words("Hi", None).stream())
    assert text_of(await Client(runs.response(id)).read()) == "Hi"
    await runs.aclose()


async def test_a_run_that_did_not_get_its_name_may_be_stopped():
    store = Memory()
    runs, other = Runs(store=store), Runs(store=store)
    words = Words("Hel")
    await runs.start(words.stream(), name="chat")
    rival = Words("Hi")
    refused = other.start(rival.stream(), name="chat")
    await other.stop(refused)
    with pytest.raises(BadRequest, match="a run of that name is going on"):
        await refused
    await runs.aclose()


async def test_a_process_that_ends_leaves_the_runs_it_follows():
    store = Memory()
    runs, other = Runs(store=store), Runs(store=store)
    words = Words("Hel")
    id = await runs.start(words.stream())
    client = Client(other.response(id))
    await client.until("Hel")
    await other.aclose()
    await client.task
    assert not words.is_closed
    await runs.aclose()
    assert words.is_closed


async def test_what_a_store_in_this_process_does_not_have_has_no_frames():
    await Memory().stop("none")
    assert [part async for part in Memory().follow("none")] == []


async def test_a_run_that_cannot_be_read_is_not_kept():
    runs = Runs(max_runs=1)
    with pytest.raises(UsageError):
        runs.start(object(), id="r")  # type: ignore[arg-type]
    assert await runs.start(Words(None).stream(), id="r") == "r"
    await runs.aclose()


async def test_a_client_that_fell_behind_comes_again_where_the_format_has_no_gap(monkeypatch):
    monkeypatch.setattr(_bodies, "TURN", 60.0)  # the run is read at once, before its client

    class Bare:
        HEADERS = sse.HEADERS
        encoder = staticmethod(sse.encoder)

    runs = Runs(Bare, max_frames=4)
    words = Words("one ")
    id = await runs.start(words.stream())
    client = Client(runs.response(id))
    await client.until("one ")
    words.say(*[f"{n} " for n in range(50)], None)
    await client.task
    assert not any(isinstance(it, RunEnd) for it in client.events)
    with pytest.raises(BadRequest, match="no longer kept"):
        await Client(runs.response(id), client.last_event_id).read()
    await runs.aclose()


# --- an owner that dies, and a Redis that does


async def _unreachable(*_: Any) -> bool:
    raise ConnectionError


async def test_a_run_whose_owner_dies_is_ended_for_its_readers(redis_server):  # noqa: F811
    store = {"prefix": uuid4().hex, "lease": 0.3}
    runs, other = (Runs(store=Redis(redis_server.url, **store)) for _ in range(2))
    id = await runs.start(Words("Hel", "lo").stream(), name="chat")
    client = Client(other.response(id))
    await client.until('"lo"')
    mine = runs._runs[id]
    unstored = [frame for frame in mine.replay.after(0).frames if b'"lo"' in frame]
    assert unstored
    runs._store.append = _unreachable  # nothing more is stored: as if the process were killed
    mine._task.cancel()
    events = await client.read()
    check_stream(events)
    assert (text_of(events), events[-1].status) == ("Hello", "incomplete")
    # Who has seen what the dead owner did not store gets the end, and who has that, nothing.
    last = int(unstored[-1].partition(b"\n")[0].removeprefix(b"id: "))
    back = Client(other.response(id), str(last + 2))
    assert [it.type for it in await back.read()] == ["text.end", "message.end", "run.end"]
    again = Client(other.response(id), client.last_event_id)
    await again.task
    assert again.status == 204
    assert await other.current("chat") is None
    assert await other.start(Words("Hi", None).stream(), name="chat") != id
    for it in (runs, other):
        await it.aclose()


async def test_a_name_is_kept_where_the_lease_comes_back(redis_server):  # noqa: F811
    """After a restart of Redis there are no leases, until the owners have taken them again."""
    prefix = uuid4().hex
    stores = [Redis(redis_server.url, prefix=prefix, lease=0.9) for _ in range(2)]
    runs, other = (Runs(store=store) for store in stores)
    id = await runs.start(Words("Hel").stream(), name="chat")
    await stores[1]._client.delete(stores[1]._key(id, "lease"))
    with pytest.raises(BadRequest, match="a run of that name is going on"):
        await other.start(Words().stream(), name="chat")
    for it in (runs, other):
        await it.aclose()


async def test_a_redis_that_was_away_and_has_lost_everything_is_caught_up(
    redis_server,  # noqa: F811
):
    store = {"prefix": uuid4().hex, "lease": 0.3}
    runs, other, third = (Runs(store=Redis(redis_server.url, **store)) for _ in range(3))
    words = Words("one ")
    id = await runs.start(words.stream())
    here, there = Client(runs.response(id)), Client(other.response(id))
    for client in (here, there):
        await client.until("one ")
    redis_server.stop()
    words.say("two ")
    await here.until("two ")
    with pytest.raises(BadRequest, match="cannot be reached"):
        await third.start(Words().stream())
    await third.aclose()  # while it looks for the server
    await asyncio.sleep(0.15)  # and the follower on `other`, too
    redis_server.start()
    await there.until("two ")
    await runs._store._client.flushall()  # type: ignore[attr-defined]
    words.say("three", None)
    assert text_of(await here.read()) == text_of(await there.read()) == "one two three"
    for it in (runs, other):
        await it.aclose()


async def test_two_that_follow_a_run_in_one_process_share_a_subscription(redis_server):  # noqa: F811
    prefix = uuid4().hex
    mine, other = (Redis(redis_server.url, prefix=prefix) for _ in range(2))
    run = RunInfo(id=uuid4().hex, format="f")
    await mine.lease(run, lambda: None)
    found: list[list[Part]] = [[], []]

    async def follow(parts: list[Part]) -> None:
        async for part in other.follow(run.id):
            parts.append(part)

    first, second = (asyncio.ensure_future(follow(parts)) for parts in found)
    await until(lambda: all(found))
    await insistently_stopped(first)
    await mine.append(run.id, Part(1, [b"a"], is_over=True))
    await second
    assert [it for part in found[1] for it in part.frames] == [b"a"]
    await other.stop(run.id)
    await other.stop("none")
    leasing = asyncio.ensure_future(mine.lease(RunInfo(id="r", format="f"), lambda: None))
    await asyncio.sleep(0)
    leasing.cancel()
    assert await mine.lease(RunInfo(id=uuid4().hex, format="f"), lambda: None) is None
    for store in (mine, other):
        await store.aclose()


@pytest.mark.parametrize("wrong", [{"lease": 0.0}, {"ttl": -1.0}])
def test_seconds_are_positive(wrong):
    pytest.importorskip("redis", reason="redis-py is not installed")
    with pytest.raises(UsageError, match="lease and ttl are seconds"):
        Redis("redis://localhost", **wrong)


# --- tasks that are stopped while they stop


async def test_a_signal_in_the_moment_of_its_timeout_has_come():
    signal = Signal()
    asyncio.get_running_loop().call_soon(signal.set)
    assert await signal.wait(0)


@pytest.mark.parametrize("waits", [0, 1, 3])
async def test_who_is_cancelled_while_a_task_is_stopped_still_waits_for_its_end(waits):
    ended = []

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            ended.append(True)

    stopping = asyncio.ensure_future(stopped(asyncio.ensure_future(slow())))
    for _ in range(waits + 1):
        await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert ended == [True]


async def test_a_stage_that_fails_while_a_run_is_stopped_is_logged(caplog):
    def breaks(event: Event) -> list[Event]:
        if isinstance(event, RunEnd):
            raise ValueError("hush")
        return [event]

    words = Words("Hel")
    client = Client(EventResponse(normalize(words.stream()).pipe(breaks)))
    await client.until("Hel")
    await client.leave()
    assert words.is_closed
    assert "a run failed while it was stopped" in caplog.text
    assert _bodies.log.name == "streamkit.serve"
