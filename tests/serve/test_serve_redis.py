"""Runs in a real Redis, of real processes: killed, restarted, cut off, at random moments.

``STREAMKIT_KILLS`` says how many owners are killed, ``STREAMKIT_RESTARTS`` how often the server is
restarted; the gate sets both higher than the default.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("redis", reason="redis-py is not installed")

import httpx
import redis.asyncio
from redis.asyncio import RedisCluster
from test_serve_stores import Client, Words, text_of

from loopback_server import until
from redis_server import BINARY, RedisServer, redis_server  # noqa: F401  (a fixture)
from streamkit import BadRequest, Event
from streamkit.serve import Redis, Runs
from streamkit.serve.stores import redis as redis_store
from streamkit.testing import check_stream
from streamkit.wire import ag_ui, ai_sdk, langgraph_sse, openai_chunks, openai_responses, sse
from workers import Worker, Workers

pytestmark = pytest.mark.long

KILLS = int(os.environ.get("STREAMKIT_KILLS", "3"))
RESTARTS = int(os.environ.get("STREAMKIT_RESTARTS", "2"))


@pytest.fixture(scope="module")
def workers(redis_server: RedisServer) -> Iterator[Workers]:  # noqa: F811
    made = Workers(redis_server.url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def survivor(workers: Workers) -> Worker:
    """A worker that is not killed."""
    return workers.spawn()


# --- an owner that is killed


class Reader:
    """A client over HTTP: what it has got, until its connection ends."""

    def __init__(self, url: str, **headers: str) -> None:
        self.status = 0
        self.body = b""
        self.task = asyncio.ensure_future(self._read(url, headers))

    async def _read(self, url: str, headers: dict[str, str]) -> None:
        try:
            async with (
                httpx.AsyncClient(timeout=60) as client,
                client.stream("GET", url, headers=headers) as answer,
            ):
                self.status = answer.status_code
                async for data in answer.aiter_raw():
                    self.body += data
        except httpx.HTTPError:
            pass  # its server was killed

    @property
    def events(self) -> list[Event]:
        return sse.Decoder().feed(self.body)

    @property
    def last_event_id(self) -> str:
        decoder = sse.Decoder()
        decoder.feed(self.body)
        return decoder.last_event_id


async def begin(worker: Worker, **params: Any) -> str:
    async with httpx.AsyncClient(base_url=worker.url, timeout=60) as client:
        return (await client.post("/runs", params=params)).json()


def numbers(events: list[Event]) -> list[int]:
    return [int(it) for it in text_of(events).split()]


async def killed(workers: Workers, survivor: Worker, moment: float, pace: float) -> int:
    """Kill an owner, and return how many words more its own client had than were stored."""
    owner = workers.spawn()
    # No more words than are kept: on a busy machine a reader may fall behind by thousands.
    id = await begin(owner, number=4_000, stays=1, pace=pace, name=f"chat {owner.pid}")
    own = Reader(f"{owner.url}/runs/{id}")
    other = Reader(f"{survivor.url}/runs/{id}")
    await asyncio.sleep(moment)
    owner.kill()
    await asyncio.wait_for(asyncio.gather(own.task, other.task), 60)

    check_stream(other.events)
    assert getattr(other.events[-1], "status", None) == "incomplete"
    stored = numbers(other.events)
    assert stored == list(range(len(stored)))  # none lost, none doubled
    late = Reader(f"{survivor.url}/runs/{id}")
    await late.task
    assert numbers(late.events) == stored
    again = Reader(f"{survivor.url}/runs/{id}", **{"last-event-id": own.last_event_id})
    await again.task
    assert again.status == 200
    assert getattr(again.events[-1], "status", None) == "incomplete"
    seen = numbers(own.events)
    if len(seen) <= len(stored):  # what it had was stored, so it misses nothing
        assert seen + numbers(again.events) == stored
    done = Reader(f"{survivor.url}/runs/{id}", **{"last-event-id": late.last_event_id})
    await done.task
    assert (done.status, done.body) == (204, b"")
    return len(seen) - len(stored)


async def test_an_owner_that_is_killed_at_any_moment_leaves_what_was_stored(
    workers, survivor, capsys
):
    dice = random.Random(7)  # noqa: S311
    ahead: list[int] = []
    for begun in range(0, KILLS, 5):
        trials = [
            killed(workers, survivor, dice.uniform(0, 0.4), dice.choice([0.0002, 0.001, 0.005]))
            for _ in range(min(5, KILLS - begun))
        ]
        ahead += await asyncio.gather(*trials)
    if "STREAMKIT_KILLS" in os.environ:
        with capsys.disabled():
            sys.stdout.write(f"\nwords that died with {KILLS} owners: {sorted(ahead)}\n")


async def test_the_name_of_a_dead_run_is_free_and_its_page_gets_what_was_stored(workers, survivor):
    owner = workers.spawn()
    async with httpx.AsyncClient(base_url=survivor.url, timeout=60) as client:
        started = {"number": 100_000, "pace": 0.001, "name": "chat"}
        id = await begin(owner, **started)
        refused = await client.post("/runs", params=started)
        assert (refused.status_code, id in refused.json()["error"]) == (409, True)
        early = Reader(f"{survivor.url}/runs/{id}")
        await until(lambda: numbers(early.events))
        owner.kill()
        await early.task
        reloaded = Reader(f"{survivor.url}/chats/chat/stream")
        await reloaded.task
        check_stream(reloaded.events)
        assert getattr(reloaded.events[-1], "status", None) == "incomplete"
        assert numbers(reloaded.events)
        answer = await client.post("/runs", params={"number": 1, "pace": 0, "name": "chat"})
        assert answer.status_code == 200


CUT_OFF = [ai_sdk, ag_ui, langgraph_sse, openai_chunks, openai_responses]


@pytest.mark.parametrize("wire", CUT_OFF)
async def test_each_format_has_an_end_for_a_run_that_was_cut_off(wire, workers, survivor):
    name = wire.__name__.rpartition(".")[2]
    owner = workers.spawn()
    id = await begin(owner, number=100_000, pace=0.001, wire=name)
    reader = Reader(f"{survivor.url}/runs/{id}?wire={name}")
    await until(lambda: b"10 " in reader.body)
    owner.kill()
    await reader.task
    last = {
        ai_sdk: [b'"text-end"', b'"finish-step"', b'"errorText":"incomplete"', b"data: [DONE]"],
        ag_ui: [b'"TEXT_MESSAGE_END"', b'"RUN_ERROR"'],
        langgraph_sse: [b"event: error"],
        openai_chunks: [b'"message":"incomplete"', b"data: [DONE]"],
        openai_responses: [b"event: response.failed"],
    }[wire]
    frames = reader.body.split(b"\n\n")[:-1]
    for expected, frame in zip(reversed(last), reversed(frames), strict=False):
        assert expected in frame
    assert reader.body.count(last[-1]) == 1


async def test_a_server_that_shuts_down_ends_its_runs_for_all_their_readers(workers, survivor):
    owner = workers.spawn()
    id = await begin(owner, number=100_000, pace=0.001)
    readers = [Reader(f"{worker.url}/runs/{id}") for worker in (owner, survivor)]
    await until(lambda: all(b"text.delta" in it.body for it in readers))
    owner.terminate()
    await asyncio.wait_for(asyncio.gather(*(it.task for it in readers)), 60)
    for reader in readers:
        check_stream(reader.events)
        assert getattr(reader.events[-1], "status", None) == "cancelled"


# --- a server that is restarted


@asynccontextmanager
async def restarting(folder: Path, *options: str) -> AsyncIterator[tuple[RedisServer, Runs, Runs]]:
    if BINARY is None:
        pytest.skip("redis-server is not installed")
    server = RedisServer(folder, *options)
    server.start()
    a, b = (Runs(store=Redis(server.url, lease=3), max_frames=500) for _ in range(2))
    try:
        yield server, a, b
    finally:
        await a.aclose()
        await b.aclose()
        server.stop()


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_redis_that_is_restarted_in_mid_run_is_caught_up(keeps, tmp_path):
    options = ("--appendonly", "yes", "--appendfsync", "always") if keeps else ()
    async with restarting(tmp_path, *options) as (server, a, b):
        words = Words("0 ")
        id = await a.start(words.stream(), name="chat")
        own, other = Client(a.response(id)), Client(b.response(id))
        await other.until('"0 "')
        said = 1
        for n in range(RESTARTS):
            words.say(*[f"{said + it} " for it in range(5)])
            await asyncio.sleep(0.02 * (n % 3))
            server.stop()
            words.say(*[f"{said + it} " for it in range(5, 10)])
            said += 10
            await own.until(f'"{said - 1} "')  # its readers see nothing of it
            await asyncio.sleep(0.02 * (n % 4))
            server.start()
            words.say(f"{said} ")
            said += 1
            await own.until(f'"{said - 1} "')
        await other.until(f'"{said - 1} "')
        async with asyncio.timeout(60):  # its owner sends again what the server has lost
            while await b.current("chat") != id:
                pass
        words.say(None)
        for reader in (own, other, Client(b.response(id))):
            events = await reader.read()
            check_stream(events)
            assert numbers(events) == list(range(said))


async def test_a_redis_that_stays_away_costs_no_memory_and_its_readers_get_a_gap(tmp_path):
    async with restarting(tmp_path) as (server, a, b):
        words = Words("0 ")
        id = await a.start(words.stream())
        other = Client(b.response(id))
        await other.until('"0 "')
        server.stop()
        with pytest.raises(BadRequest) as caught:
            await a.start(Words().stream())
        assert caught.value.status == 503
        with pytest.raises(BadRequest) as caught:
            await Client(b.response(uuid4().hex)).read()
        assert caught.value.status == 503
        words.say(*[f"{n} " for n in range(1, 3000)])
        await until(words.words.empty)
        own = await asyncio.wait_for(own_text(a, id), 60)
        assert own == 3000
        server.start()
        await other.until('"2999 "')
        words.say(None)
        events = await other.read()
    gaps = [it for it in events if getattr(it, "name", None) == "gap"]
    assert len(gaps) == 1
    missed = gaps[0].data["missed"]
    assert len(events) - 1 + missed == 4 + 2999 + 3
    assert events[-1].status == "completed"


async def own_text(runs: Runs, id: str) -> int:
    client = Client(runs.response(id))
    await client.until("2999 ")
    await client.leave()
    return len(text_of(client.events).split())


async def test_a_redis_that_hangs_is_as_one_that_is_away(tmp_path, monkeypatch):
    monkeypatch.setattr(redis_store, "ANSWER_WITHIN", 0.4)
    async with restarting(tmp_path) as (server, a, b):
        words = Words("0 ")
        id = await a.start(words.stream(), name="chat")
        own, other = Client(a.response(id)), Client(b.response(id))
        await other.until('"0 "')
        with server.hung():
            words.say(*[f"{n} " for n in range(1, 50)])
            await own.until('"49 "')
            with pytest.raises(BadRequest) as caught:
                await a.start(Words().stream())
            assert caught.value.status == 503
            with pytest.raises(BadRequest) as caught:
                await b.current("chat")
            assert caught.value.status == 503
        await other.until('"49 "')
        words.say("50 ", None)
        for reader in (own, other, Client(b.response(id))):
            events = await reader.read()
            check_stream(events)
            assert numbers(events) == list(range(51))


# --- what is in the server


NEVER = -1
"""What Redis answers for the time to live of a key that has none."""


async def test_all_keys_expire_and_share_a_node_of_a_cluster(redis_server):  # noqa: F811
    prefix = uuid4().hex
    store = Redis(redis_server.url, prefix=prefix)
    runs, other = (
        Runs(store=store, max_frames=20),
        Runs(store=Redis(redis_server.url, prefix=prefix)),
    )
    words = Words(*"abcdefghij" * 10)
    id = await runs.start(words.stream(), name="ann's chat", owner="ann")
    reader = Client(other.response(id))
    client = redis.asyncio.Redis.from_url(redis_server.url)
    while b"j" not in reader.body:  # they expire from the moment they exist
        for key in await client.keys(f"{prefix}*"):
            assert await client.pttl(key) != NEVER
    await other.stop(id)
    await reader.read()
    keys = [key.decode() for key in await client.keys(f"{prefix}*")]
    kinds = {key.rpartition(":")[2] for key in keys}
    assert kinds >= {"about", "frames", "joined", "read"}
    for key in keys:
        assert key.startswith((f"{prefix}:{{{id}}}:", f"{prefix}:name:"))
        assert 0 < await client.pttl(key) <= 600_000
    await client.aclose()
    await runs.aclose()
    await other.aclose()


async def test_runs_are_kept_in_a_cluster(tmp_path_factory):
    if BINARY is None:
        pytest.skip("redis-server is not installed")
    if not hasattr(RedisCluster, "pubsub"):
        pytest.skip("redis-py 8 is the first whose asynchronous cluster can subscribe")
    nodes = [RedisServer(tmp_path_factory.mktemp("n"), "--cluster-enabled", "yes") for _ in "ab"]
    for node in nodes:
        node.start()
    try:
        clients = [redis.asyncio.Redis.from_url(node.url) for node in nodes]
        slots = [(0, 8191), (8192, 16383)]
        for client, (first, last) in zip(clients, slots, strict=True):
            await client.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
        await clients[1].execute_command("CLUSTER MEET", "127.0.0.1", nodes[0].port)
        async with asyncio.timeout(60):
            for client in clients:
                while "cluster_known_nodes': '2'" not in str(await client.cluster("INFO")):
                    pass
                while (await client.cluster("INFO"))["cluster_state"] != "ok":
                    pass
            await asyncio.gather(*(client.aclose() for client in clients))
        a, b = (
            Runs(store=Redis(RedisCluster(host="127.0.0.1", port=nodes[0].port)), max_frames=20)
            for _ in range(2)
        )
        all_words = [Words(*"abcdefghij" * 10) for _ in range(6)]
        ids = [await a.start(it.stream(), name=f"n{n}") for n, it in enumerate(all_words)]
        readers = [Client(b.response(id)) for id in ids]
        for reader in readers:
            await reader.until("j")
        assert [await b.current(f"n{n}") for n in range(6)] == ids
        for id in ids:
            await b.stop(id)
        assert [(await it.read())[-1].status for it in readers] == ["cancelled"] * 6
        await a.aclose()
        await b.aclose()
    finally:
        for node in nodes:
            node.stop()


async def test_all_that_is_appended_at_a_time_shares_a_request(redis_server):  # noqa: F811
    runs = Runs(store=Redis(redis_server.url, prefix=uuid4().hex))
    client = redis.asyncio.Redis.from_url(redis_server.url)

    async def words() -> AsyncIterator[str]:
        for n in range(50):
            yield f"{n} "
            await asyncio.sleep(0.005)

    ids = [await runs.start(words()) for _ in range(20)]
    before = await client.info()
    assert len({text_of(await Client(runs.response(id)).read()) for id in ids}) == 1
    after = await client.info()
    requests = after["total_reads_processed"] - before["total_reads_processed"]
    assert after["total_commands_processed"] - before["total_commands_processed"] > 5 * requests
    await client.aclose()
    await runs.aclose()


async def test_all_that_follow_share_one_connection(redis_server):  # noqa: F811
    prefix = uuid4().hex
    a, b = (Runs(store=Redis(redis_server.url, prefix=prefix)) for _ in range(2))
    client = redis.asyncio.Redis.from_url(redis_server.url)
    words = [Words("Hel") for _ in range(10)]
    ids = [await a.start(it.stream()) for it in words]
    readers = [Client(b.response(id)) for id in ids for _ in range(5)]
    for reader in readers:
        await reader.until("Hel")
    clients = await client.client_list()
    assert sorted(int(it["sub"]) for it in clients if int(it["sub"]) > 0)[-2:] == [1, 11]
    for it in words:
        it.say("lo", None)
    assert {text_of(await reader.read()) for reader in readers} == {"Hello"}
    await client.aclose()
    await a.aclose()
    await b.aclose()
