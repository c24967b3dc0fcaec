"""A sync stream of bytes is a WSGI body: it arrives piece by piece, and ends when the client leaves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx

from streamkit import RunEnd, RunError, TextDelta, normalize
from streamkit.testing import check_stream
from streamkit.wire import sse


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass

    def get_stderr(self) -> Any:
        import io

        return io.StringIO()


@contextmanager
def served(source: Any) -> Iterator[httpx.Client]:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", list(sse.HEADERS.items()))
        return normalize(source, on_error="event").pipe(sse.encoder())

    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", timeout=60) as client:
            yield client
        thread.join(10)
        assert not thread.is_alive()


def test_every_piece_arrives_when_it_is_made():
    go = threading.Event()

    def words() -> Iterator[str]:
        yield "Hel"
        assert go.wait(5)
        yield "lo"

    decoder, found = sse.Decoder(), []
    with served(words()) as client, client.stream("GET", "/") as answer:
        for data in answer.iter_raw():
            found += decoder.feed(data)
            if any(isinstance(event, TextDelta) for event in found):
                go.set()
    assert answer.headers["content-type"] == "text/event-stream"
    check_stream(found)
    assert isinstance(found[-1], RunEnd)


def test_a_failure_is_the_last_event():
    def fails() -> Iterator[str]:
        yield "Hel"
        raise ValueError("hush")

    with served(fails()) as client:
        answer = client.get("/")
    assert isinstance(sse.Decoder().feed(answer.content)[-1], RunError)
    assert "hush" not in answer.text


def test_a_client_that_leaves_stops_the_source():
    closed = threading.Event()

    def endless() -> Iterator[str]:
        try:
            while True:
                yield "x" * 1000
        finally:
            closed.set()

    with served(endless()) as client, client.stream("GET", "/") as answer:
        next(answer.iter_raw())
    assert closed.wait(5)
