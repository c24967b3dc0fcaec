"""One contract for every store: what a run is to a process that does not own it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("starlette", reason="starlette is not installed")

from loopback_server import other_tasks, until
from streamkit import BadRequest, RunEnd, TextDelta, UsageError
from streamkit.serve import Memory, NameTaken, Part, Redis, RunInfo, Runs, Store
from streamkit.testing import check_stream
from streamkit.wire import ag_ui, ai_sdk, sse

from redis_server import redis_server  # isort: skip  # noqa: F401  (a fixture)

Stores = Callable[..., Store]


@pytest.fixture(params=["memory", "redis"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """What makes a store of one process; all that are made in a test are of one world."""
    if request.param == "memory":
        shared: list[Memory] = []

        def memory(**options: Any) -> Memory:
            options.pop("lease", None)
            shared.append(shared[0] if shared else Memory(**options))
            return shared[0]

        return memory
    url, prefix = request.getfixturevalue("redis_server").url, uuid4().hex
    return lambda **options: Redis(url, prefix=prefix, **options)


class Words:
    """A model's words, which come when they are told to."""

    def __init__(self, *words: str | None) -> None:
        self.words: asyncio.Queue[str | None] = asyncio.Queue()
        self.is_closed = False
        self.say(*words)

    def say(self, *words: str | None) -> None:
        for word in words:
            self.words.put_nowait(word)

    async def __aiter__(self) -> AsyncIterator[str]:
        try:
            while (word := await self.words.get()) is not None:
                yield word
        finally:
            self.is_closed = True

    def stream(self) -> Any:
        return self.__aiter__()


class Client:
    """A client of one response: what it has got so far."""

    def __init__(self, response: Any, last_event_id: str = "", **headers: str) -> None:
        if last_event_id:
            headers["last-event-id"] = last_event_id
        self.status = 0
        self.body = b""
        self._more, self._left = asyncio.Event(), asyncio.Event()
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        self.task = asyncio.ensure_future(response(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message["body"]

    async def until(self, text: str) -> None:
        await until(lambda: text.encode() in self.body or self.task.done())
        assert text.encode() in self.body

    async def leave(self) -> None:
        self._left.set()
        await self.task

    async def read(self) -> Any:
        """Read to the end, and return the events."""
        await asyncio.wait_for(self.task, 60)
        return self.events

    @property
    def events(self) -> Any:
        return sse.Decoder().feed(self.body)

    @property
    def last_event_id(self) -> str:
        decoder = sse.Decoder()
        decoder.feed(self.body)
        return decoder.last_event_id


def text_of(events: Any) -> str:
    return "".join(it.text for it in events if isinstance(it, TextDelta))


@asynccontextmanager
async def workers(stores: Stores, number: int = 2, **options: Any) -> AsyncIterator[list[Runs]]:
    before = other_tasks()
    store_options = {"lease": options.pop("lease", 6.0), "ttl": options.pop("ttl", 600.0)}
    made = [Runs(store=stores(**store_options), **options) for _ in range(number)]
    try:
        yield made
    finally:
        for runs in made:
            await runs.aclose()
    await until(lambda: other_tasks() <= before)


# --- runs, from any worker


async def test_a_run_is_read_from_any_worker(stores):
    async with workers(stores, 3) as (a, b, c):
        words = Words("Hel")
        id = await a.start(words.stream())
        clients = [Client(runs.response(id)) for runs in (a, b, c, b)]
        for client in clients:
            await client.until("Hel")
        words.say("lo", None)
        found = [await client.read() for client in clients]
        late = await Client(c.response(id)).read()
    check_stream(late)
    assert text_of(late) == "Hello"
    assert [client.body for client in clients] == [clients[0].body] * 4
    assert found == [late] * 4


async def test_a_client_that_comes_back_to_another_worker_misses_nothing(stores):
    async with workers(stores) as (a, b):
        words = Words("one ", "two ")
        id = await a.start(words.stream())
        first = Client(a.response(id))
        await first.until("two ")
        await first.leave()
        words.say("three ", "four")
        second = Client(b.response(id), first.last_event_id)
        await second.until("four")
        words.say(None)
        events = first.events + await second.read()
        assert Client(b.response(id), second.last_event_id).status == 0
        last = Client(b.response(id), second.last_event_id)
        await last.read()
    assert last.status == 204
    check_stream(events)
    assert text_of(events) == "one two three four"


async def test_a_run_is_stopped_from_any_worker(stores):
    async with workers(stores) as (a, b):
        words = Words("Hel")
        id = await a.start(words.stream())
        client = Client(b.response(id))
        await client.until("Hel")
        await b.stop(id)
        events = await client.read()
        assert words.is_closed
    check_stream(events)
    assert events[-1].status == "cancelled"


async def test_a_name_is_for_one_run_at_a_time(stores):
    async with workers(stores) as (a, b):
        words = Words("Hel")
        id = await a.start(words.stream(), name="chat")
        assert await b.current("chat") == await a.current("chat") == id
        for runs in (a, b):
            unread = Words()
            with pytest.raises(BadRequest, match=id) as caught:
                await runs.start(unread.stream(), name="chat")
            assert (caught.value.status, getattr(caught.value, "id", None)) == (409, id)
        other = await b.start(Words(None).stream(), name="another chat")
        assert other != id
        words.say(None)
        await Client(a.response(id)).read()
        await until_none(lambda: b.current("chat"))
        again = await b.start(Words(None).stream(), name="chat")
        assert again != id


async def until_none(ask: Callable[[], Any]) -> None:
    for _ in range(500):
        if await ask() is None:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it is still there")


async def test_a_page_that_is_reloaded_gets_what_is_going_on_and_never_what_is_over(stores):
    async with workers(stores, wire=ai_sdk) as (a, b):
        words = Words("Hel")
        assert (await ended(b.resume(name="chat"))).status == 204
        id = await a.start(words.stream(), name="chat")
        reloaded = Client(b.resume(name="chat"))
        again = Client(b.resume(id))
        await reloaded.until("Hel")
        words.say("lo", None)
        await asyncio.gather(reloaded.read(), again.read())
        assert reloaded.body == again.body
        assert reloaded.body.endswith(b"data: [DONE]\n\n")
        for runs in (a, b):
            assert (await ended(runs.resume(id))).status == 204
            assert (await ended(runs.resume(name="chat"))).status == 204
            assert (await ended(runs.response(id))).body == reloaded.body
        assert (await ended(a.resume(uuid4().hex))).status == 204
    with pytest.raises(UsageError, match="pass a run's id, or name="):
        a.resume()


async def ended(response: Any, *args: Any) -> Client:
    client = Client(response, *args)
    await asyncio.wait_for(client.task, 60)
    return client


async def test_options_of_a_format_are_for_one_run(stores):
    async with workers(stores, wire=ag_ui) as (a, b):
        requests = [ag_ui.Request(thread_id="t", run_id=f"r{n}") for n in range(2)]
        ids = [await a.start(Words("Hi", None).stream(), request=it) for it in requests]
        bodies = [(await ended(b.response(id))).body for id in ids]
    assert [b'"runId":"r%d"' % n in body for n, body in enumerate(bodies)] == [True, True]


async def test_a_run_in_the_background_needs_no_reader_and_its_result_is_kept(stores):
    async with workers(stores, linger=0.2) as (a, b):
        words = Words("Hel")
        background = await a.start(words.stream(), linger=None)
        unread = Words("x")
        await a.start(unread.stream())
        await until(lambda: unread.is_closed)
        assert not words.is_closed
        words.say("lo", None)
        await until(lambda: words.is_closed)
        assert text_of(await Client(b.response(background)).read()) == "Hello"


async def test_a_reader_on_another_worker_keeps_a_run_going(stores):
    async with workers(stores, linger=0.6, lease=0.6) as (a, b):
        words = Words("Hel")
        id = await a.start(words.stream())
        client = Client(b.response(id))
        await client.until("Hel")
        await asyncio.sleep(1.5)
        assert not words.is_closed
        await client.leave()
        await until(lambda: words.is_closed)


async def test_a_store_that_stood_still_is_no_sign_that_nobody_reads():
    """After a pause longer than `linger` the sign of a reader elsewhere has expired, once."""
    answers = asyncio.Queue[tuple[float, bool]]()

    class Paused(Memory):
        async def append(self, id: str, part: Part) -> bool:
            pause, is_read = answers.get_nowait() if answers.qsize() else (0, True)
            await asyncio.sleep(pause)
            await super().append(id, part)
            return is_read

    words = Words("Hel")
    runs = Runs(store=Paused(), linger=0.2)
    id = await runs.start(words.stream())
    for answer in ((0, True), (0.3, False), (0, True)):
        answers.put_nowait(answer)
    await until(answers.empty)
    words.say("lo", None)
    events = await Client(runs.response(id)).read()
    await runs.aclose()
    assert (events[-1].status, text_of(events)) == ("completed", "Hello")


async def test_a_store_that_swallows_a_cancellation_is_left_all_the_same():
    """As redis-py does before Python 3.12, which sends by `asyncio.wait_for`."""

    class Swallowing(Memory):
        is_followed = False

        async def follow(self, id: str) -> AsyncIterator[Part]:
            self.is_followed = True
            try:
                try:
                    async for part in super().follow(id):
                        yield part
                except asyncio.CancelledError:
                    await asyncio.Event().wait()
            finally:
                self.is_followed = False

    store = Swallowing()
    async with workers(lambda **_: store) as (a, b):
        id = await a.start(Words("Hel").stream())
        client = Client(b.response(id))
        await client.until("Hel")
        assert store.is_followed
        await client.leave()
        await until(lambda: not store.is_followed)


async def test_a_result_is_dropped_after_its_time(stores):
    async with workers(stores, ttl=1.0) as (a, b):
        id = await a.start(Words("Hi", None).stream(), name="chat")
        nameless = await a.start(Words("Hi", None).stream())
        for it in (id, nameless):
            await Client(a.response(it)).read()
        await asyncio.sleep(1.5)
        for runs in (a, b):
            assert await runs.named("chat") is None
            with pytest.raises(BadRequest) as caught:
                await Client(runs.response(id)).read()
            assert caught.value.status == 404


async def test_a_run_of_another_format_is_no_run(stores):
    async with workers(stores, 1) as (a,):
        other = Runs(ai_sdk, store=stores())
        id = await a.start(Words("Hi").stream())
        with pytest.raises(BadRequest) as caught:
            await Client(other.response(id)).read()
        assert caught.value.status == 404
        await other.aclose()


# --- long runs


async def test_a_run_of_any_length_is_read_from_its_beginning(stores):
    async with workers(stores, max_frames=50) as (a, b):
        words = Words(*[f"{n} " for n in range(2000)])
        id = await a.start(words.stream())
        early = Client(b.response(id))
        await early.until('"1999 "')
        readers = [Client(runs.response(id)) for runs in (a, b)]
        fresh = Runs(store=stores(), max_frames=50)
        readers.append(Client(fresh.response(id)))
        for reader in readers:
            await reader.until("1999 ")
        words.say(None)
        whole = "".join(f"{n} " for n in range(2000))
        for reader in readers:
            events = await reader.read()
            check_stream(events)
            assert text_of(events) == whole
            assert len(events) < 120
        await fresh.aclose()


async def test_a_reader_that_fell_behind_gets_a_gap(stores):
    async with workers(stores, max_frames=20) as (a, b):
        words = Words("one ")
        id = await a.start(words.stream())
        first = Client(b.response(id))
        await first.until("one ")
        await first.leave()
        words.say(*[f"{n} " for n in range(500)], None)
        await Client(a.response(id)).read()
        for runs in (a, b):
            events = await Client(runs.response(id), first.last_event_id).read()
            gaps = [it for it in events if getattr(it, "name", None) == "gap"]
            assert gaps  # at the start, where the store does not have the next part
            missed = sum(it.data["missed"] for it in gaps)
            assert missed + len(events) - len(gaps) == 4 + 500 + 3 - len(first.events)
            assert isinstance(events[-1], RunEnd)


# --- the last event id


@pytest.mark.parametrize("last", ["", "0", "0-0", "-1"])
async def test_who_has_seen_nothing_gets_everything(stores, last):
    async with workers(stores) as (a, b):
        id = await a.start(Words("Hi", None).stream())
        whole = await Client(a.response(id)).read()
        assert await Client(b.response(id), last).read() == whole


@pytest.mark.parametrize("last", ["junk", "-5", "1e3", "1.2.3", "9" * 400, "99999", "é", "0x10"])
async def test_an_id_that_never_was_is_refused_everywhere(stores, last):
    async with workers(stores) as (a, b):
        id = await a.start(Words("Hi", None).stream())
        await Client(a.response(id)).read()
        for runs in (a, b):
            with pytest.raises(BadRequest, match="no frame has the id") as caught:
                await Client(runs.response(id, last)).read()
            assert caught.value.status == 400


async def test_every_id_that_was_sent_is_a_place_to_go_on_from(stores):
    async with workers(stores, max_frames=40) as (a, b):
        id = await a.start(Words(*"abcdefgh" * 20, None).stream())
        await Client(a.response(id)).read()
        whole = (await ended(b.response(id))).body
        frames = whole.split(b"\n\n")[:-1]
        for n, frame in enumerate(frames, 1):
            last = frame.split(b"\n")[0].removeprefix(b"id: ").decode()
            rest = await ended(b.response(id), last)
            assert rest.body.split(b"\n\n")[:-1] == frames[n:]


# --- who may


async def test_only_who_is_allowed_reads_or_stops_a_run(stores):
    asked: list[tuple[str, str | None]] = []

    def authorize(request: Any, run: RunInfo) -> bool:
        asked.append((run.id, run.name))
        return request.headers.get("user") == run.owner

    async with workers(stores, authorize=authorize) as (a, b):
        words = Words("Hel")
        id = await a.start(words.stream(), owner="ann", name="ann's chat")
        for runs in (a, b):
            with pytest.raises(BadRequest) as caught:
                await Client(runs.response(id), user="bob").read()
            assert caught.value.status == 404
            for response in (
                runs.resume(id),
                runs.resume(name="ann's chat"),
            ):  # as where there is none
                client = Client(response, user="bob")
                await client.task
                assert (client.status, client.body) == (204, b"")
            client = Client(runs.response(id), user="ann")
            await client.until("Hel")
            with pytest.raises(UsageError, match="needs the request"):
                await runs.stop(id)
        assert set(asked) == {(id, "ann's chat")}
        assert not words.is_closed


@pytest.mark.parametrize("is_over", [True, False])
async def test_an_id_is_for_one_run(stores, is_over):
    async with workers(stores) as (a, b):
        words = Words("Hi", *([None] if is_over else []))
        await a.start(words.stream(), id="r1")
        client = Client(a.response("r1"))
        await client.until("run.end" if is_over else "Hi")
        with pytest.raises(NameTaken, match="a run had that id before: r1") as refused:
            await b.start(Words("Ho", None).stream(), id="r1")
        assert (refused.value.status, refused.value.id) == (409, "r1")
        words.say(None)
        assert text_of(await client.read()) == "Hi"
        assert text_of(await Client(b.response("r1")).read()) == "Hi"


async def test_ids_cannot_be_guessed(stores):
    async with workers(stores, 1) as (a,):
        ids = [await a.start(Words(None).stream()) for _ in range(20)]
    assert len({id[:8] for id in ids}) == 20
    assert all(len(id) == 32 for id in ids)


# --- the protocol itself


async def collected(store: Store, id: str, parts: list[Part]) -> None:
    async for part in store.follow(id):
        parts.append(part)


def by_number(parts: list[Part]) -> dict[int, bytes]:
    """The frames of parts, which may overlap."""
    return {part.first + n: it for part in parts for n, it in enumerate(part.frames)}


async def test_the_contract_of_a_store(stores):
    mine, other = stores(), stores()
    stops: list[str] = []
    run = RunInfo(id=uuid4().hex, format="f", name="n", owner="o")
    assert await other.find(run.id) is None
    assert await other.name("n") is None
    assert await mine.lease(run, lambda: stops.append(run.id)) is None
    rival = RunInfo(id=uuid4().hex, format="f", name="n")
    assert await other.lease(rival, lambda: None) == run.id
    assert await other.find(run.id) == (run, False, True)
    assert await other.name("n") == run.id

    assert await mine.append(run.id, Part(1, [b"a", b"b"], is_whole=True)) is False
    parts: list[Part] = []
    following = asyncio.ensure_future(collected(other, run.id, parts))
    await until(lambda: by_number(parts) == {1: b"a", 2: b"b"})
    assert await mine.append(run.id, Part(3, [b"c"])) is True
    await until(lambda: by_number(parts).get(3) == b"c")
    await other.stop(run.id)
    await until(lambda: stops)
    await mine.append(run.id, Part(4, [b"d"], keep_from=4, joined=[b"abc"], joined_through=3))
    await mine.append(run.id, Part(5, [], keep_from=4, joined_through=3, is_over=True))
    await following
    assert parts[-1].is_over
    assert by_number(parts) == {1: b"a", 2: b"b", 3: b"c", 4: b"d"}

    late: list[Part] = []
    await collected(other, run.id, late)
    assert (late[0].joined, late[0].joined_through) == ([b"abc"], 3)
    assert by_number(late)[4] == b"d"
    assert late[-1].is_over
    assert await other.find(run.id) == (run, True, False)
    assert await other.name("n") == run.id
    assert await other.lease(rival, lambda: None) is None
    assert await mine.name("n") == rival.id
    await mine.aclose()
    await other.aclose()


async def test_a_run_that_never_pauses_is_followed_for_longer_than_a_lease(stores):
    mine, other = stores(lease=0.3), stores(lease=0.3)
    run = RunInfo(id=uuid4().hex, format="f")
    await mine.lease(run, lambda: None)
    following = asyncio.ensure_future(collected(other, run.id, []))
    begin, number, is_followed = monotonic(), 0, False
    while not (is_followed and monotonic() > begin + 0.9):
        number += 1
        is_followed = await mine.append(run.id, Part(number, [b"a"]))
        assert monotonic() < begin + 30
        await asyncio.sleep(0.005)
    await mine.append(run.id, Part(number + 1, [], is_over=True))
    await following
    await mine.aclose()
    await other.aclose()


async def test_a_name_is_free_at_once_when_its_run_has_ended(stores):
    async with workers(stores) as (a, b):
        for runs in (a, b, a, b):
            id = await runs.start(Words("Hi", None).stream(), name="chat")
            await Client(runs.response(id)).read()  # its client has the last frame, and goes on
        words = Words("Hi")
        id = await a.start(words.stream(), name="chat")
        await a.stop(id)
        assert await a.start(Words(None).stream(), name="chat") != id


async def test_a_connection_on_which_nothing_happens_stays(stores, monkeypatch):
    from streamkit.serve.stores import _connections

    monkeypatch.setattr(_connections, "HEALTH_CHECK_EVERY", 0.01)
    async with workers(stores) as (a, b):
        words = Words("Hel")
        client = Client(b.response(await a.start(words.stream())))
        await client.until("Hel")
        await asyncio.sleep(0.05)
        words.say("lo", None)
        assert text_of(await client.read()) == "Hello"
