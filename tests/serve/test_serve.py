"""Streams as responses, from a real server to a real client."""

from __future__ import annotations

import asyncio
import contextvars
import json
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("fastapi", reason="fastapi is not installed")

import httpx
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.routing import Route

from loopback_server import other_tasks, served, until
from streamkit import Event, RunEnd, RunError, TextDelta, UsageError, normalize
from streamkit.serve import EventResponse, Runs, _bodies
from streamkit.testing import check_stream
from streamkit.wire import (
    ag_ui,
    ai_sdk,
    chat,
    langgraph_sse,
    ndjson,
    openai_chunks,
    openai_responses,
    sse,
)


def app(respond: Callable[[Request], Any], **options: Any) -> Starlette:
    async def endpoint(request: Request) -> Any:
        return respond(request)

    return Starlette(routes=[Route("/", endpoint, methods=["GET", "OPTIONS", "POST"])], **options)


class Source:
    """Chunks of a model that says a word, then waits for ``go``; it knows who closed it."""

    def __init__(self, *words: str, pause_after: int | None = None) -> None:
        self.words = words
        self.pause_after = pause_after
        self.go = asyncio.Event()
        self.pulled = 0
        self.closed_by: Any = None
        self.started_by: Any = None

    async def stream(self) -> AsyncIterator[str]:
        self.started_by = asyncio.current_task()
        try:
            for n, word in enumerate(self.words):
                if n == self.pause_after:
                    await self.go.wait()
                self.pulled += 1
                yield word
        finally:
            await asyncio.sleep(0)  # a source may have to wait while it is closed
            self.closed_by = asyncio.current_task()


def sends_of(server: Any) -> tuple[Any, list[bytes]]:
    """The same application, and what it sends, piece by piece."""
    pieces: list[bytes] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        async def noted(message: Any) -> None:
            if message["type"] == "http.response.body":
                pieces.append(message["body"])
            await send(message)

        await server(scope, receive, noted)

    return application, pieces


# --- what is sent


@pytest.mark.parametrize("wire", [sse, ndjson])
@pytest.mark.parametrize("framework", [Starlette, FastAPI])
async def test_a_stream_arrives_whole(wire, framework):
    def respond(request: Request) -> EventResponse:
        return EventResponse(normalize(Source("Hel", "lo").stream(), clock=lambda: 0.5), wire)

    server: Any = app(respond)
    if framework is FastAPI:
        server = FastAPI()

        @server.get("/")
        async def endpoint() -> EventResponse:
            return respond(None)

    async with served(server) as client:
        answer = await client.get("/")
    assert answer.status_code == 200
    assert wire.HEADERS.items() <= dict(answer.headers).items()
    assert "content-length" not in answer.headers
    expected = normalize(["Hel", "lo"], clock=lambda: 0.5).pipe(wire.encoder())
    assert without_ids(answer.content) == without_ids(b"".join(expected))


async def test_every_piece_arrives_when_it_is_made():
    source = Source("Hel", "lo", pause_after=1)
    server = app(lambda _: EventResponse(source.stream()))
    async with served(server) as client, client.stream("GET", "/") as answer:
        decoder, found = sse.Decoder(), list[Event]()
        async for data in answer.aiter_raw():
            found += decoder.feed(data)
            if any(isinstance(event, TextDelta) for event in found):
                source.go.set()
    assert check_stream(found) is None
    assert isinstance(found[-1], RunEnd)


async def test_what_is_ready_at_once_is_sent_at_once(monkeypatch):
    monkeypatch.setattr(_bodies, "TURN", 60)  # on a busy machine, a turn may end at any piece
    words = [str(n) for n in range(16)]

    def texts(event):
        return [event] if isinstance(event, TextDelta) else []

    source = Source(*words, "end", pause_after=16)
    stream = normalize(source.stream()).pipe(texts)
    server, pieces = sends_of(app(lambda _: EventResponse(stream, ndjson)))
    async with served(server) as client, client.stream("GET", "/") as answer:
        async for line in answer.aiter_lines():
            if json.loads(line)["text"] == "15":
                source.go.set()
    assert [piece.count(b"\n") for piece in pieces] == [16, 1, 0]


async def test_a_client_that_does_not_read_stops_the_graph():
    source = Source(*["x" * 100_000] * 1000)
    async with served(app(lambda _: EventResponse(source.stream()))) as client:
        async with client.stream("GET", "/"):
            await until(lambda: source.pulled > 3)
            seen = [source.pulled]
            while len({*seen[-20:]}) > 1 or len(seen) < 20:  # until the buffers on the way are full
                await asyncio.sleep(0.01)
                seen.append(source.pulled)
            assert source.pulled < 500
        await until(lambda: source.closed_by)


async def test_a_heartbeat_is_sent_while_the_graph_is_silent():
    source = Source("Hi", pause_after=0)
    server, pieces = sends_of(app(lambda _: EventResponse(source.stream(), heartbeat=0.02)))
    async with served(server) as client, client.stream("GET", "/") as answer:
        await until(lambda: pieces.count(sse.HEARTBEAT) >= 3)
        source.go.set()
        data = await answer.aread()
    assert data.count(sse.HEARTBEAT) >= 3
    assert [event.type for event in sse.Decoder().feed(data)][-1] == "run.end"


async def test_a_format_without_heartbeats_stays_silent():
    source = Source("Hi", pause_after=0)
    server, pieces = sends_of(app(lambda _: EventResponse(source.stream(), ndjson, heartbeat=0.01)))
    async with served(server) as client, client.stream("GET", "/"):
        await asyncio.sleep(0.1)
        assert pieces == []
        source.go.set()


async def test_any_format_and_its_options_will_do():
    def respond(request: Request) -> EventResponse:
        if "chat" in request.query_params:
            return EventResponse(Source("Hi").stream(), chat)
        return EventResponse(
            Source("Hi").stream(), sse, first_id=5, headers={"X-Run": "7"}, status_code=201
        )

    async with served(app(respond)) as client:
        answer = await client.get("/")
        assert (answer.status_code, answer.headers["x-run"]) == (201, "7")
        assert answer.text.startswith("id: 5\n")
        assert (await client.get("/?chat")).text.startswith('{"type":"token","content":"Hi",')
    with pytest.raises(UsageError, match=r"first_id.*its options are private"):
        EventResponse(Source("Hi").stream(), ndjson, first_id=5)
    with pytest.raises(UsageError, match="not a stream"):
        EventResponse("Hi")


@pytest.mark.parametrize(
    "wrong",
    ["chat", chat.encoder(), chat.encoder, chat.Encoder(), chat.lines],
    ids=["a name", "a stage", "a function", "an encoder", "lines"],
)
def test_what_stands_in_a_format_is_no_format(wrong: Any) -> None:
    for call in (lambda: EventResponse(["a"], wrong), lambda: Runs(wrong)):
        with pytest.raises(UsageError, match=r"pass the module: from streamkit\.wire import chat;"):
            call()


@pytest.mark.parametrize("wire", [ag_ui, ai_sdk, chat, ndjson, openai_chunks, sse])
async def test_every_format_is_sent_as_its_encoder_writes_it(wire):
    def events() -> Any:
        return normalize(Source("Hel", "lo").stream(), clock=lambda: 0.5)

    expected = [piece async for piece in events().pipe(wire.encoder())]
    async with served(app(lambda _: EventResponse(events(), wire))) as client:
        answer = await client.get("/")
    assert without_ids(answer.content) == without_ids(b"".join(expected))
    assert wire.HEADERS.items() <= dict(answer.headers).items()


def without_ids(data: bytes) -> bytes:
    """What is the same for every run of a format that makes up ids and times."""
    return re.sub(rb"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|\d{10,}", b"0", data)


async def test_events_of_your_own_are_sent_too():
    @dataclass
    class Token:
        text: str

    stream = normalize(["Hi"]).map(lambda it: Token(it.text) if isinstance(it, TextDelta) else None)
    async with served(app(lambda _: EventResponse(stream, ndjson))) as client:
        assert (await client.get("/")).text == '{"type":"Token","text":"Hi"}\n'


# --- how it ends


class Secret(Exception):
    pass


async def fails() -> AsyncIterator[str]:
    yield "Hel"
    raise Secret("the password is hush")


def breaks(event: Event) -> list[Event]:
    if isinstance(event, TextDelta):
        raise Secret("hush")
    return [event]


@pytest.mark.parametrize("on_error", ["raise", "event"])
@pytest.mark.parametrize("stages", [(), (breaks,)])
async def test_a_failure_is_told_by_the_last_event_and_by_the_log(on_error, stages, caplog):
    def respond(_):
        return EventResponse(normalize(fails(), *stages, on_error=on_error))

    async with served(app(respond)) as client:
        answer = await client.get("/")
    events = sse.Decoder().feed(answer.content)
    assert isinstance(events[-1], RunError)
    assert events[-1].error.name == "Secret"
    assert "hush" not in answer.text
    logged = [record for record in caplog.records if record.name == "streamkit.serve"]
    assert len(logged) == (on_error == "raise")


async def test_a_source_that_nobody_knows_ends_with_an_error_too():
    async def strange() -> AsyncIterator[object]:
        yield object()

    async with served(app(lambda _: EventResponse(strange()))) as client:
        events = sse.Decoder().feed((await client.get("/")).content)
    assert isinstance(events[-1], RunError)


async def test_a_client_that_leaves_stops_a_silent_graph_at_once():
    source = Source("Hel", "lo", pause_after=1)
    background: list[str] = []
    task = BackgroundTask(background.append, "done")

    def respond(_):
        return EventResponse(source.stream(), heartbeat=None, background=task)

    async with served(app(respond)) as client:
        before = other_tasks()
        async with client.stream("GET", "/") as answer:
            await anext(answer.aiter_raw())
            assert source.closed_by is None
        await until(lambda: source.closed_by)
        assert source.closed_by is source.started_by
        await until(lambda: background)
        await until(lambda: other_tasks() <= before)


async def test_a_client_that_leaves_is_noticed_behind_a_middleware_too():
    async def dispatch(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    source = Source("Hel", "lo", pause_after=1)
    middleware = [Middleware(BaseHTTPMiddleware, dispatch=dispatch)]

    def respond(_):
        return EventResponse(source.stream(), heartbeat=None)

    async with served(app(respond, middleware=middleware)) as client:
        before = other_tasks()
        async with client.stream("GET", "/") as answer:
            await anext(answer.aiter_raw())
        await until(lambda: source.closed_by)
        assert source.closed_by is source.started_by
        await until(lambda: other_tasks() <= before)


async def test_a_hundred_clients_that_leave_leave_nothing_behind():
    sources: list[Source] = []

    def respond(_request: Request) -> EventResponse:
        sources.append(Source("Hel", "lo", pause_after=1))
        return EventResponse(sources[-1].stream())

    async def visit(client: Any, n: int) -> None:
        async with client.stream("GET", "/") as answer:
            if n % 2:
                await anext(answer.aiter_raw())

    async with served(app(respond)) as client:
        before = other_tasks()
        await asyncio.gather(*(visit(client, n) for n in range(100)))
        await until(lambda: all(source.closed_by or not source.started_by for source in sources))
        await until(lambda: other_tasks() <= before)
    assert len(sources) == 100


async def test_a_server_that_stops_while_it_sends_the_headers_sends_the_end():
    source, sent, sending = Source("Hi"), list[bytes](), asyncio.Event()

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if message["type"] == "http.response.start":
            sending.set()
            await asyncio.sleep(60)  # the client is slow

    async def receive() -> Any:
        await asyncio.sleep(60)

    scope = {"type": "http", "method": "GET", "headers": []}
    task = asyncio.ensure_future(EventResponse(source.stream(), sse)(scope, receive, send))
    await sending.wait()
    await until(lambda: source.closed_by)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert sse.Decoder().feed(b"".join(sent))[-1].type == "run.end"


async def test_a_request_for_the_headers_alone_runs_nothing():
    source = Source("Hi", pause_after=0)
    async with served(app(lambda _: EventResponse(source.stream()))) as client:
        answer = await client.head("/")
        assert (await client.options("/")).content == b""
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.content == b""
    assert source.started_by is None


async def test_a_server_that_cancels_the_response_stops_the_graph():
    source = Source("Hel", "lo", pause_after=1)
    response = EventResponse(source.stream(), heartbeat=None)
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    before = asyncio.all_tasks()
    task = asyncio.ensure_future(response({"type": "http", "method": "GET"}, receive, send))
    await until(lambda: len(sent) > 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed_by is source.started_by
    assert asyncio.all_tasks() == before


async def same(event: Event) -> Event:
    await asyncio.sleep(0)
    return event


ENDS: dict[str, tuple[Any, bytes]] = {
    "AG-UI": (ag_ui, b"RUN_FINISHED"),
    "AI SDK": (ai_sdk, b"[DONE]"),
    "LangGraph SSE": (langgraph_sse, b"event: end"),
    "NDJSON": (ndjson, b"cancelled"),
    "OpenAI chunks": (openai_chunks, b"[DONE]"),
    "OpenAI Responses": (openai_responses, b'"usage":null'),
    "SSE": (sse, b"cancelled"),
    "a mapper that awaits": (sse, b"cancelled"),
}


async def test_a_server_that_shuts_down_still_sends_how_each_run_ended():
    sources = {name: Source("Hel", "lo", pause_after=1) for name in ENDS}

    def respond(request: Request) -> Any:
        name = request.query_params["name"]
        events = normalize(sources[name].stream())
        return EventResponse(events.map(same) if "mapper" in name else events, ENDS[name][0])

    async with httpx.AsyncClient(timeout=60) as other:
        async with served(app(respond)) as client:
            urls = [client.base_url.copy_with(params={"name": name}) for name in ENDS]
            reading = [asyncio.ensure_future(other.get(url)) for url in urls]
            await until(lambda: all(source.pulled for source in sources.values()))
        bodies = [(await it).content for it in reading]
    for source, body, (_, end) in zip(sources.values(), bodies, ENDS.values(), strict=True):
        assert source.closed_by is source.started_by
        assert end in body[-300:]


async def test_an_end_that_cannot_be_sent_does_not_hold_up_the_cancellation(monkeypatch):
    monkeypatch.setattr("streamkit.serve._responses.FAREWELL", 0.05)
    source = Source("Hel", "lo", pause_after=1)
    is_gone = asyncio.Event()

    async def send(message: Any) -> None:
        if is_gone.is_set():
            await asyncio.Event().wait()

    async def receive() -> Any:
        await asyncio.Event().wait()

    response = EventResponse(source.stream(), heartbeat=None)
    task = asyncio.ensure_future(response({"type": "http", "method": "GET"}, receive, send))
    await until(lambda: source.pulled)
    is_gone.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)
    assert source.closed_by


async def test_a_source_that_is_always_ready_lets_others_run():
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async def busy() -> AsyncIterator[str]:
        for _ in range(20_000):
            yield "x"

    runs = Runs()
    counting = asyncio.ensure_future(count())
    id = runs.start(busy())
    await runs.current("nothing")
    await until(lambda: turns > 5)
    counting.cancel()
    await runs.stop(id)
    await runs.aclose()


async def test_a_server_that_says_so_by_an_error_is_understood():
    source = Source("Hel", "lo", pause_after=1)

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise OSError("gone")

    await EventResponse(source.stream())({"type": "http", "method": "GET"}, receive, send)
    assert source.closed_by


# --- sync streams


place = contextvars.ContextVar("place", default="")


class SyncSource:
    def __init__(self) -> None:
        self.go = threading.Event()
        self.closed = False

    def stream(self) -> Iterator[str]:
        token = place.set("inside")
        try:
            yield "Hel"
            self.go.wait(10)
            yield "lo"
        finally:
            place.reset(token)  # raises in any other context
            self.closed = True


async def test_a_sync_stream_runs_in_threads_and_blocks_nobody():
    source = SyncSource()
    server = app(lambda _: EventResponse(source.stream()))
    async with served(server) as client, client.stream("GET", "/") as answer:
        decoder, found = sse.Decoder(), list[Event]()
        async for data in answer.aiter_raw():
            found += decoder.feed(data)
            source.go.set()
    check_stream(found)
    assert source.closed


async def test_a_hundred_sync_streams_wait_at_the_same_time():
    barrier = threading.Barrier(100, timeout=60)

    def meeting() -> Iterator[str]:
        barrier.wait()
        yield "all are here"

    async with served(app(lambda _: EventResponse(meeting()))) as client:
        client.timeout = 60
        answers = await asyncio.gather(*(client.get("/") for _ in range(100)))
    assert all("all are here" in answer.text for answer in answers)


async def test_a_sync_stream_is_closed_when_the_client_leaves():
    source = SyncSource()
    async with served(app(lambda _: EventResponse(source.stream()))) as client:
        async with client.stream("GET", "/") as answer:
            await anext(answer.aiter_raw())
        await asyncio.sleep(0.05)
        source.go.set()
        await until(lambda: source.closed)


@pytest.mark.long
@pytest.mark.parametrize("wire", [sse, ndjson])
async def test_three_hundred_async_streams_run_at_once_behind_gzip(wire):
    """Each has its first word before any has its last one."""
    everyone, waiting, closed = asyncio.Event(), 0, 0

    async def words() -> AsyncIterator[str]:
        nonlocal waiting, closed
        try:
            yield "first "
            waiting += 1
            await everyone.wait()
            yield "last"
        finally:
            closed += 1

    gzip = [Middleware(GZipMiddleware, minimum_size=1)]
    limits = httpx.Limits(max_connections=None)
    async with (
        served(app(lambda _: EventResponse(normalize(words()), wire), middleware=gzip)) as client,
        httpx.AsyncClient(base_url=client.base_url, timeout=60, limits=limits) as many,
    ):
        begun = 0

        async def read() -> bytes:
            nonlocal begun
            body = b""
            async with many.stream("GET", "/", headers={"accept-encoding": "gzip"}) as answer:
                async for piece in answer.aiter_bytes():
                    begun += b"first" in body + piece and b"first" not in body
                    body += piece
            return body

        reading = [asyncio.ensure_future(read()) for _ in range(300)]
        await until(lambda: begun == 300, seconds=60)
        assert (waiting, closed) == (300, 0)
        everyone.set()
        bodies = await asyncio.gather(*reading)
    assert closed == 300
    for body in bodies:
        events = wire.Decoder().feed(body)
        check_stream(events)
        assert "".join(it.text for it in events if isinstance(it, TextDelta)) == "first last"


async def test_a_response_is_sent_once():
    """The second time its stream has been read, and the client would get an empty one."""
    response = EventResponse(["Hi"])
    async with served(app(lambda _: response)) as client:
        assert (await client.get("/")).text
        again = await client.get("/")
    assert again.status_code == 500
