"""Runs in Redis, beside runs in memory: what a token costs, and when a follower elsewhere has it.

The server is a real one on the loopback. The source says its words as fast as it is read, with one
turn of the event loop between two, as a model does at its fastest; ``paced`` is one run of one word
in two milliseconds, and ``many`` are fifty runs at once, each of one word in twenty: what a worker
does all day.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from statistics import median as middle
from typing import Any

from streamkit import normalize
from streamkit.serve import Memory, Redis, Runs, Store

from .bars import Effort, Row, Rows
from .timing import Figure, median

WORDS = 2_000
RUNS = 50
MANY = 10_000
"""Enough that the requests a run begins and ends with do not count."""


def rows(effort: Effort) -> Rows:
    if not shutil.which("redis-server"):
        yield Row("runs.redis", "a token of a run in Redis", None, note="no redis-server")
        return
    with _server() as url:
        rounds = effort.rounds
        yield Row(
            "runs.redis", "CPU of a token in Redis / in memory", _share(url, MANY, 0.0, rounds)
        )
        paced = _share(url, WORDS, 0.002, max(rounds // 5, 2))
        yield Row("runs.redis.paced", "CPU of a token in Redis / in memory", paced, note="paced")
        many_runs = _share(url, 100, 0.02, max(rounds // 5, 2), RUNS)
        yield Row(
            "runs.redis.many", "CPU of a token in Redis / in memory", many_runs, note="50 runs"
        )
        bare = [_of(_run, Memory, MANY) / _of(_bare, MANY) for _ in range(rounds)]
        yield Row("runs.bare", "CPU of a token in memory / StreamingResponse", median(bare))
        trips, delays = asyncio.run(_delays(url, 60 * rounds))
        yield Row("runs.delay", "append to follower's byte / round trip", _ratio(delays, trips))
        yield Row("runs.delay.ms", "append to follower's byte", Figure(middle(delays) * 1e3), "ms")
        yield Row("runs.trip.ms", "one round trip to Redis", Figure(middle(trips) * 1e3), "ms")
        one, few, many = (_follower(url, readers) for readers in (1, 20, 200))
        yield Row("runs.followers", "CPU of a follower's token, 200 / 20", Figure(many / few))
        yield Row("runs.followers.one", "CPU of a follower's token, 200 / 1", Figure(many / one))
        yield Row("runs.followers.us", "CPU of a follower's token", Figure(many * 1e6), "us")
        size = asyncio.run(_stored(url))
        yield Row("runs.stored", "Redis' memory for a token", Figure(size), "B")


@contextmanager
def _server() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--save", "", "--loglevel", "warning"]
    server = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)  # noqa: S603, S607
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            break
    try:
        yield f"redis://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


async def _words(number: int = WORDS, pace: float = 0.0) -> AsyncIterator[str]:
    for n in range(number):
        yield f"word{n} "
        await asyncio.sleep(pace)


async def _receive() -> Any:
    await asyncio.Event().wait()


async def _send(message: Any) -> None:
    pass


SCOPE = {"type": "http", "method": "GET", "headers": []}


async def _run(make: Any, number: int, pace: float = 0.0, at_once: int = 1) -> None:
    """Runs with one reader each, of their own process."""
    store: Store = make()
    runs = Runs(store=store)

    async def one() -> None:
        id = await runs.start(_words(number, pace))
        await runs.response(id)(SCOPE, _receive, _send)

    await asyncio.gather(*(one() for _ in range(at_once)))
    await runs.aclose()


async def _bare(number: int) -> None:
    from starlette.responses import StreamingResponse

    from streamkit.wire import sse

    body = normalize(_words(number)).pipe(sse.encoder())
    await StreamingResponse(body)({**SCOPE, "asgi": {"spec_version": "2.4"}}, _receive, _send)


def _of(function: Any, *args: Any) -> float:
    """Give the processor time of this process."""
    begin = time.process_time()
    asyncio.run(function(*args))
    return time.process_time() - begin


def _share(url: str, number: int, pace: float, rounds: int, at_once: int = 1) -> Figure:
    def cost(make: Any) -> float:
        return _of(_run, make, number, pace, at_once)

    return median([cost(lambda: Redis(url)) / cost(Memory) for _ in range(rounds)])


def _ratio(these: list[float], those: list[float]) -> Figure:
    return Figure(middle(these) / middle(those))


async def _delays(url: str, number: int) -> tuple[list[float], list[float]]:
    """Give round trips, and the times between a word and its byte in another store's reader."""
    from redis.asyncio import Redis as Client

    client, trips, delays = Client.from_url(url), list[float](), list[float]()
    said = 0.0

    async def words() -> AsyncIterator[str]:
        nonlocal said
        yield "the first "
        for _ in range(number):
            begin = time.perf_counter()
            await client.ping()
            trips.append(time.perf_counter() - begin)
            await asyncio.sleep(0.005)
            said = time.perf_counter()
            yield "word "
            await asyncio.sleep(0.005)

    async def send(message: Any) -> None:
        if b'"word "' in message.get("body", b""):
            delays.append(time.perf_counter() - said)

    a, b = (Runs(store=Redis(url)) for _ in range(2))
    id = await a.start(words())
    await b.response(id)(SCOPE, _receive, send)
    for it in (a, b):
        await it.aclose()
    await client.aclose()
    return trips, delays


def _follower(url: str, readers: int) -> float:
    """Give the processor time of a token for each of so many readers in another process."""
    return asyncio.run(_followed(url, readers)) / (readers * WORDS)


async def _followed(url: str, readers: int) -> float:
    runs = Runs(store=Redis(url))
    id = await runs.start(_words(pace=0.002))
    command = [sys.executable, "-m", "benchmarks.resuming", url, id, str(readers)]
    follower = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    told, _ = await follower.communicate()
    await runs.aclose()
    return float(told)


async def _read(url: str, id: str, readers: int) -> None:
    runs = Runs(store=Redis(url))
    begin = time.process_time()
    responses = [runs.response(id)(SCOPE, _receive, _send) for _ in range(readers)]
    await asyncio.gather(*responses)
    print(time.process_time() - begin)
    await runs.aclose()


async def _stored(url: str) -> float:
    from redis.asyncio import Redis as Client

    client, runs = Client.from_url(url), Runs(store=Redis(url))
    id = await runs.start(_words(pace=0.001))
    await runs.response(id)(SCOPE, _receive, _send)
    size = await client.memory_usage(f"streamkit:{{{id}}}:frames", samples=0)
    await runs.aclose()
    await client.aclose()
    return size / WORDS


if __name__ == "__main__":
    asyncio.run(_read(sys.argv[1], sys.argv[2], int(sys.argv[3])))
