"""A real uvicorn process that is shut down while its clients wait for more."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

httpx = pytest.importorskip("httpx", reason="httpx is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("starlette", reason="starlette is not installed")

# Nothing here looks after the responses: there is no lifespan, and the graph takes long to stop.
APP = """
import asyncio

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from starlette.applications import Starlette
from starlette.routing import Route

from streamkit import astream, normalize
from streamkit.serve import EventResponse
from streamkit.wire import ai_sdk, sse


async def work(state):
    get_stream_writer()("working")
    try:
        await asyncio.sleep(600)
    finally:
        await asyncio.sleep(5)


graph = StateGraph(dict).add_node("work", work).add_edge(START, "work").compile()


async def words():
    yield "Hel"
    await asyncio.sleep(600)


def response(wire, stream):
    return lambda request: EventResponse(stream(), wire)


app = Starlette(
    routes=[
        Route("/words", response(sse, words)),
        Route("/events", response(sse, lambda: normalize(graph.astream_events({}, version="v2")))),
        Route("/own", response(sse, lambda: astream(graph, {}))),
        Route("/chat", response(ai_sdk, lambda: astream(graph, {}))),
    ]
)
"""
ENDS = {"words": b'"cancelled"', "events": b'"cancelled"', "own": b'"cancelled"', "chat": b"[DONE]"}


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_each_client_gets_the_last_event(tmp_path: Path, stop: signal.Signals):
    (tmp_path / "stopping.py").write_text(APP)
    options = ["--port", "0", "--timeout-graceful-shutdown", "0", "--app-dir", str(tmp_path)]
    with subprocess.Popen(  # noqa: ASYNC220  (nothing else runs yet)
        [sys.executable, "-m", "uvicorn", "stopping:app", *options],
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr
        try:
            lines = iter(server.stderr.readline, "")
            address = next(filter(None, (re.search(r"http://\S+", line) for line in lines)))[0]
            has_begun = [asyncio.Event() for _ in ENDS]

            async def read(path: str, begun: asyncio.Event) -> bytes:
                body = b""
                async with (
                    httpx.AsyncClient(timeout=60) as client,
                    client.stream("GET", f"{address}/{path}") as answer,
                ):
                    async for piece in answer.aiter_bytes():
                        body += piece
                        if b"Hel" in body or b"working" in body or b"step.start" in body:
                            begun.set()
                return body  # which a connection that is cut raises an error instead of

            reading = [asyncio.create_task(read(*it)) for it in zip(ENDS, has_begun, strict=True)]
            for begun in has_begun:
                await begun.wait()
            server.send_signal(stop)
            bodies = await asyncio.gather(*reading)
        finally:
            server.kill()
    for body, end in zip(bodies, ENDS.values(), strict=True):
        assert end in body[-300:]
