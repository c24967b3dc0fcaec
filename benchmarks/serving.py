"""A server that streams: what of its processor time per event is ours, and how often it sends.

uvicorn on a loopback socket, with httptools and uvloop, in a process of its own: it tells its own
processor time. ``bytes`` sends ready bytes one by one, which is the server's share; ``events``
writes each event first. The application is Starlette's `StreamingResponse`, or a bare one, which
does nothing but send.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import accumulate
from typing import Any

from streamkit.serve import EventResponse
from streamkit.wire import sse

from .bars import Effort, Row, Rows
from .encoding import events
from .timing import Figure, median, run

EVENTS = 2_000
"""Not more at a time: a shared machine changes its speed within a second."""


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Answer ``/<application>/<what>`` with a stream, ``/time`` with the time it has used."""
    if scope["type"] != "http":
        return
    _, application, *what = scope["path"].split("/")
    if application == "time":
        await _bare(scope, receive, send, [str(time.process_time()).encode()])
    else:
        respond = _bare if application == "bare" else _starlette
        await respond(scope, receive, send, _parts(what))


def _parts(what: list[str]) -> Iterator[bytes]:
    delta, write = events()[0], sse.encoder().stage()
    (ready,) = write(delta)
    return (ready if what == ["bytes"] else write(delta)[0] for _ in range(EVENTS))


async def _bare(_scope: Any, _receive: Any, send: Any, parts: Iterable[bytes]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _starlette(scope: Any, receive: Any, send: Any, parts: Iterable[bytes]) -> None:
    from starlette.responses import StreamingResponse

    async def body() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    await StreamingResponse(body(), media_type="text/event-stream")(scope, receive, send)


def rows(effort: Effort) -> Rows:
    # The loop runs after some milliseconds, which pass where a stream is the first of its process.
    sends = min(run(_sends()) for _ in range(5))
    yield Row("serve.sends", "sends for sixteen ready events", Figure(sends), "")
    try:
        import httpx
        import uvicorn  # noqa: F401
    except ImportError:
        yield Row("serve.share", "encoder's share of a server's time", None, note="not installed")
        return
    with _served() as base, httpx.Client(base_url=base) as client:
        for id, application in (("serve.share", "starlette"), ("serve.share.bare", "bare")):
            share = _share(client, application, 8 * effort.rounds)
            yield Row(id, "encoder's share of a server's time", share, "%", application)


def _share(client: Any, application: str, rounds: int) -> Figure:
    shares: list[float] = []
    for _ in range(rounds):
        ready, whole = (_cost(client, f"/{application}/{what}") for what in ("bytes", "events"))
        shares.append(100 * (1 - ready / whole))
    return median(shares)


class _served:  # noqa: N801  (used like a function)
    """A server, as long as this is open."""

    def __enter__(self) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = ["--port", str(port), "--log-level", "warning"]
        self._server = subprocess.Popen(  # noqa: S603  (this very file)
            [sys.executable, "-m", "uvicorn", "benchmarks.serving:_app", *options]
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                time.sleep(0.1)
            else:
                return f"http://127.0.0.1:{port}"

    def __exit__(self, *exc: object) -> None:
        self._server.terminate()
        self._server.wait()


def _cost(client: Any, path: str) -> float:
    before = float(client.get("/time").text)
    with client.stream("GET", path) as response:
        for _ in response.iter_raw():
            pass
    return float(client.get("/time").text) - before


async def _sends() -> int:
    """Count what is sent between start and end for sixteen events that are ready at once."""
    sent: list[bytes] = []

    async def source() -> AsyncIterator[str]:
        for _ in range(12):  # and run, message and text, each with a start and, together, an end
            yield "word "

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            sent.append(message["body"])

    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}
    await EventResponse(source())(scope, receive, send)
    frames = accumulate(body.count(b"data: ") for body in sent)
    return 1 + next(number for number, so_far in enumerate(frames) if so_far >= 16)
