"""A server that streams: what of its processor time per event is ours, and how often it sends.

uvicorn on a loopback socket, in a process of its own: it tells its own processor time. ``bytes``
sends ready bytes one by one, which is the server's share; ``events`` writes each event first.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from streamkit.serve import EventResponse
from streamkit.wire import sse

from .bars import Effort, Row, Rows
from .encoding import events
from .timing import Figure, median, run

EVENTS = 5_000


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Answer ``/bytes`` and ``/events`` with a stream, ``/time`` with the time it has used."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/time":
        await _body(send, str(time.process_time()).encode(), more=False)
        return
    delta, write = events()[0], sse.encoder()
    (ready,) = write(delta)
    for _ in range(EVENTS):
        await _body(send, ready if scope["path"] == "/bytes" else write(delta)[0])
    await _body(send, b"", more=False)


async def _body(send: Any, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


def rows(effort: Effort) -> Rows:
    yield Row("serve.sends", "sends for sixteen ready events", Figure(run(_sends())), "")
    try:
        import httpx
        import uvicorn  # noqa: F401
    except ImportError:
        yield Row("serve.share", "encoder's share of a server", None, note="not installed")
        return
    shares: list[float] = []
    with _served() as base, httpx.Client(base_url=base) as client:
        for _ in range(2 * effort.rounds):
            bare, whole = _cost(client, "/bytes"), _cost(client, "/events")
            shares.append(100 * (1 - bare / whole))
    yield Row("serve.share", "encoder's share of a server's time", median(shares), "%", "uvicorn")


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
    first = next(body for body in sent if body.count(b"data: ") >= 16)
    return sent.index(first) + 1
