"""Runs that go on without their clients: what a client that comes again gets, and when a run stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("fastapi", reason="fastapi is not installed")

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from test_serve_stores import Client, Words

from loopback_server import other_tasks, served, until
from streamkit import BadRequest, Custom, Event, RunEnd, TextDelta, UsageError, normalize
from streamkit.serve import Runs, bad_request
from streamkit.testing import check_stream
from streamkit.wire import ndjson, sse


def app(runs: Runs) -> Starlette:
    async def read(request: Request) -> Response:
        return runs.response(request.path_params["id"], request.headers.get("last-event-id"))

    async def stop(request: Request) -> Response:
        await runs.stop(request.path_params["id"])
        return Response(status_code=204)

    async def start(request: Request) -> Response:
        return JSONResponse(runs.start(normalize(["Hi"])))

    routes = [
        Route("/{id}", read),
        Route("/{id}", stop, methods=["DELETE"]),
        Route("/", start, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={BadRequest: bad_request})


@asynccontextmanager
async def running(
    words: Words, **options: Any
) -> AsyncIterator[tuple[Runs, str, httpx.AsyncClient]]:
    runs = Runs(**options)
    async with served(app(runs)) as client:
        yield runs, runs.start(words.stream()), client
        await runs.aclose()
    assert words.is_closed


class Visit:
    """One connection of a client, which reads until it has seen a word."""

    def __init__(self, client: httpx.AsyncClient, id: str, last: str = "") -> None:
        self.client, self.id, self.last = client, id, last
        self.events: list[Event] = []

    async def until(self, word: str | None = None) -> list[Event]:
        decoder = sse.Decoder()
        headers = {"last-event-id": self.last} if self.last else {}
        async with self.client.stream("GET", f"/{self.id}", headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            async for data in answer.aiter_raw():
                self.events += decoder.feed(data)
                self.last = decoder.last_event_id
                if any(isinstance(it, TextDelta) and it.text == word for it in self.events):
                    break
        return self.events


async def test_a_client_that_comes_again_misses_nothing():
    words = Words()
    async with running(words) as (_, id, client):
        visit = Visit(client, id)
        words.say("one ", "two ")
        await visit.until("two ")
        words.say("three ", "four ")  # while nobody is there
        await visit.until("four ")
        words.say("five", None)
        await visit.until()
    check_stream(visit.events)
    assert isinstance(visit.events[-1], RunEnd)
    assert (
        "".join(it.text for it in visit.events if isinstance(it, TextDelta))
        == "one two three four five"
    )


async def test_everybody_gets_everything():
    words = Words()
    async with running(words) as (_, id, client):
        visits = [Visit(client, id) for _ in range(5)]
        reading = [asyncio.ensure_future(visit.until()) for visit in visits]
        words.say("Hel", "lo")
        await Visit(client, id).until("lo")
        words.say(None)
        found = await asyncio.gather(*reading)
        late = await Visit(client, id).until()
    check_stream(late)
    assert found == [late] * 5


async def test_what_is_no_longer_kept_is_told_of():
    words = Words()
    async with running(words, max_frames=3) as (_, id, client):
        visit = Visit(client, id)
        words.say("one ")
        await visit.until("one ")
        seen = len(visit.events)
        words.say(*"abcdef", None)
        await until(words.words.empty)
        gap, *rest = (await visit.until())[seen:]
    assert isinstance(gap, Custom)
    assert gap.name == "gap"
    assert len(rest) == 3
    whole = 4 + 6 + 3  # run, message, text and "one "; six words; the ends of all three
    assert gap.data == {"missed": whole - seen - len(rest)}
    assert [it.type for it in rest] == ["text.end", "message.end", "run.end"]
    assert rest[0].text == "one abcdef"  # an end tells it all


async def test_after_the_end_there_is_nothing_to_come_again_for():
    words = Words()
    words.say("Hi", None)
    async with running(words) as (_, id, client):
        visit = Visit(client, id)
        await visit.until()
        answer = await client.get(f"/{id}", headers={"last-event-id": visit.last})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("junk", ["x", "99999999", "-2", "1-", "1.", "9" * 5000])
async def test_a_junk_id_is_refused(junk):
    words = Words()
    async with running(words) as (_, id, client):
        answer = await client.get(f"/{id}", headers={"last-event-id": junk})
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("no frame has the id")
        for method in ("GET", "DELETE"):
            answer = await client.request(method, "/nobody")
            assert (answer.status_code, answer.json()) == (
                404,
                {"error": "no such run, or it is over and forgotten"},
            )


async def test_to_stop_a_run_tells_its_clients_how_it_ended():
    words = Words()
    async with running(words) as (_, id, client):
        visit = Visit(client, id)
        words.say("Hel")
        await visit.until("Hel")
        reading = asyncio.ensure_future(visit.until())
        assert (await client.delete(f"/{id}")).status_code == 204
        assert words.is_closed
        events = await reading
    check_stream(events)
    assert isinstance(events[-1], RunEnd)
    assert events[-1].status == "cancelled"


async def test_a_run_may_be_stopped_before_it_began():
    words = Words()
    runs = Runs()
    id = runs.start(words.stream())
    await runs.stop(id)
    async with served(app(runs)) as client:
        data = (await client.get(f"/{id}")).content
    await runs.aclose()
    events = sse.Decoder().feed(data)
    check_stream(events)
    assert events[-1].status == "cancelled"
    assert words.is_closed


async def test_a_run_that_nobody_reads_is_stopped_and_its_end_is_kept():
    words = Words()
    async with running(words, linger=0.5) as (_, id, client):
        before = other_tasks()
        words.say("Hel")
        await Visit(client, id).until("Hel")
        assert not words.is_closed
        await until(lambda: words.is_closed)
        events = sse.Decoder().feed((await client.get(f"/{id}")).content)
        assert events[-1].status == "cancelled"
        await until(lambda: len(other_tasks()) < len(before))


async def test_a_run_that_is_read_is_not_stopped():
    words = Words()
    async with running(words, linger=1.0) as (_, id, client):
        reading = asyncio.ensure_future(Visit(client, id).until())
        words.say("Hel")
        await asyncio.sleep(1.3)
        assert not words.is_closed
        words.say("lo", None)
        check_stream(await reading)


async def test_a_client_that_leaves_is_noticed_while_the_graph_is_silent():
    words = Words()
    async with running(words, linger=0.5, heartbeat=None) as (_, id, client):
        words.say("Hel")
        await Visit(client, id).until("Hel")
        await until(lambda: words.is_closed)


async def test_heartbeats():
    words = Words()
    words.say("Hi")
    running_ = running(words, heartbeat=0.02)
    async with running_ as (_, id, client), client.stream("GET", f"/{id}") as answer:
        data = b""
        async for piece in answer.aiter_raw():
            data += piece
            if data.count(sse.HEARTBEAT) > 2:
                break


async def test_there_may_not_be_too_many():
    words = Words()
    async with running(words, max_runs=2) as (_, _, client):
        assert (await client.post("/")).status_code == 200
        answer = await client.post("/")
    assert (answer.status_code, answer.json()) == (
        429,
        {"error": "too many runs at once; try again later"},
    )


class Foreign:
    """Server-sent events that have no word for a gap."""

    HEADERS = sse.HEADERS
    encoder = staticmethod(sse.encoder)


async def test_a_format_without_a_word_for_a_gap_says_it_by_the_status():
    words = Words()
    async with running(words, wire=Foreign, max_frames=3) as (_, id, client):
        words.say("one ", "two ", "three")
        await until(words.words.empty)
        answer = await client.get(f"/{id}")
        assert (answer.status_code, answer.json()) == (
            410,
            {"error": "what came after that frame is no longer kept"},
        )


def test_a_format_without_ids_is_refused():
    with pytest.raises(UsageError, match=r"write store=Redis\('redis://localhost'\)"):
        Runs(store="redis://localhost")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="only server-sent events have ids"):
        Runs(ndjson)


async def test_a_run_is_started_from_an_endpoint_that_is_no_coroutine():
    runs, words, server = Runs(), Words(), FastAPI()
    server.add_exception_handler(BadRequest, bad_request)

    @server.post("/")
    def start() -> str:
        return runs.start(words.stream(), name="chat")

    @server.get("/{id}")
    def read(id: str) -> Any:
        return runs.response(id)

    async with served(server) as client:
        id = (await client.post("/")).json()
        refused = await client.post("/")
        assert refused.status_code == 409
        assert refused.json() == {"error": f"a run of that name is going on: {id}", "id": id}
        words.say("Hi", None)
        events = sse.Decoder().feed((await client.get(f"/{id}")).content)
        check_stream(events)
        await runs.aclose()


def test_a_run_needs_an_event_loop():
    with pytest.raises(UsageError, match="runs need an event loop"):
        Runs().start(normalize(["Hi"]))


@pytest.mark.parametrize("wrong", [UUID(int=7), 7, b"7"])
async def test_an_id_that_is_no_text_is_refused(wrong: Any):
    """FastAPI reads what it is declared as; a UUID, say, would be the id of no run."""
    runs = Runs()
    for call in (
        lambda: runs.response(wrong),
        lambda: runs.response("r", wrong),
        lambda: runs.resume(name=wrong),
        lambda: runs.start(["Hi"], name=wrong),
        lambda: runs.start(["Hi"], owner=wrong),
        lambda: runs.start(["Hi"], id=wrong),
    ):
        with pytest.raises(UsageError, match="must be a str, not a"):
            call()
    for ask in (runs.stop, runs.current):
        with pytest.raises(UsageError, match="must be a str, not a"):
            await ask(wrong)


async def test_an_empty_id_is_the_id_of_no_run():
    runs = Runs()
    await runs.start(normalize(["Hi"]), name="None")
    scope: Any = {"type": "http", "method": "GET", "headers": []}
    with pytest.raises(BadRequest, match="no such run"):
        await runs.response("")(scope, asyncio.Event().wait, asyncio.Event().wait)  # type: ignore[arg-type]
    await runs.aclose()


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_run_ends_with_its_event_loop(is_alone: bool):
    """A test suite has a client, and so a loop, in each test; an application may cancel a task."""
    runs, words = Runs(), Words("Hi")

    async def start() -> str:
        id = await runs.start(words.stream(), name="chat")
        if is_alone:
            task = runs._runs[id]._task
            await until(words.words.empty)
            task.cancel()
            await asyncio.wait({task})
        return id

    async def read() -> tuple[str, Any]:
        id = await runs.start(Words("Ho", None).stream(), name="chat")
        return id, await Client(runs.response(first)).read()

    first = asyncio.run(start())
    second, events = asyncio.run(read())
    assert first != second
    assert events[-1].status == "cancelled"
    check_stream(events)
