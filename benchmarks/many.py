"""Many streams at once in one process: the cost of a token, how late it is, and what is kept.

A ticker gives every stream its next token at the same moment, fifty times a second of its own time;
it does not sleep, so processor time is all there is. A bare relay, an async generator that passes
items on, stands beside it, and so do the same streams one after the other. All of them begin and
end, which costs as much as many tokens: that has a row of its own.
"""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

from streamkit import TextDelta, normalize

from .bars import Effort, Row, Rows
from .timing import Figure, median, run
from .workloads import recorded

STREAMS = 1_000
TICKS = 100
ALONE = 100  # streams, one after the other
_STARTED = 5  # ticks, after which every stream has begun
Wrap = Callable[[AsyncIterator[Any]], Any]


class _Ticker:
    """Wakes all that wait for it."""

    def __init__(self) -> None:
        self.begun = 0.0
        self.ticks = 0
        self._waiting: list[asyncio.Future[None]] = []

    def wait(self) -> asyncio.Future[None]:
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        return waiting

    async def tick(self, times: int, streams: int) -> None:
        for _ in range(times):
            while len(self._waiting) < streams:  # noqa: ASYNC110  (turns of the loop, no waits)
                await asyncio.sleep(0)
            waiting, self._waiting = self._waiting, []
            self.ticks += 1
            self.begun = time.perf_counter()
            for it in waiting:
                it.set_result(None)


async def _source(ticker: _Ticker, items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        await ticker.wait()
        yield item


async def _relay(source: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for item in source:
        yield item


async def _read(stream: Any, ticker: _Ticker, delays: list[float]) -> None:
    async for item in stream:
        if ticker.ticks > _STARTED and (type(item) is TextDelta or type(item) is tuple):
            delays.append(time.perf_counter() - ticker.begun)  # noqa: PERF401


async def _all(wrap: Wrap, streams: int, items: list[Any]) -> tuple[float, list[float]]:
    """Return the processor time of a token, and how late each of them was."""
    ticker, delays = _Ticker(), list[float]()
    readers = [_read(wrap(_source(ticker, items)), ticker, delays) for _ in range(streams)]
    begin = time.process_time()
    ticking = asyncio.create_task(ticker.tick(len(items), streams))
    await asyncio.gather(*readers)
    await ticking
    return (time.process_time() - begin) / (streams * len(items)), delays


async def _kept() -> float:
    """Return the bytes that an open stream keeps, less those of a bare relay, its text included."""
    items = recorded("text", "messages", TICKS)
    sizes: list[float] = []
    for wrap in (_relay, normalize):
        ticker = _Ticker()
        gc.collect()
        tracemalloc.start()
        streams = [wrap(_source(ticker, items)) for _ in range(STREAMS)]
        readers = [asyncio.create_task(_read(it, ticker, [])) for it in streams]
        await ticker.tick(TICKS // 2, STREAMS)
        await asyncio.sleep(0)
        gc.collect()
        sizes.append(tracemalloc.get_traced_memory()[0] / STREAMS)
        tracemalloc.stop()
        for it in readers:
            it.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return (sizes[1] - sizes[0]) / 1_000


def _late(delays: list[float]) -> float:
    return sorted(delays)[int(len(delays) * 0.99)]


def rows(effort: Effort) -> Rows:
    items = recorded("text", "messages", TICKS)
    costs: list[float] = []
    late: list[float] = []
    around: list[float] = []
    last = 0.0
    gc.collect()
    gc.freeze()  # what was imported and recorded
    for _ in range(max(3, effort.rounds // 5)):
        many, delays = run(_all(normalize, STREAMS, items))
        _, bare = run(_all(_relay, STREAMS, items))
        one = sum(run(_all(normalize, 1, items))[0] for _ in range(ALONE)) / ALONE
        short = sum(run(_all(normalize, 1, items[:1]))[0] for _ in range(ALONE)) / ALONE
        costs.append(many / one)
        late.append(_late(delays) / _late(bare))
        around.append(short * 1e6)
        last = many
    gc.unfreeze()
    note = f"{last * 1e6:.1f} us, the ticker's included"
    what = f"{STREAMS:,} streams at once"
    yield Row("many.cost", f"{what}: CPU of a token, beside one stream", median(costs), "x", note)
    yield Row("many.around", "a stream of one token, from start to end", median(around), "us")
    yield Row("many.delay", f"{what}: p99 delay, beside a bare relay", median(late), "x")
    yield Row("many.kept", f"{what}: kept for each", Figure(run(_kept())), "kB")
