"""Flat, forever: what an item costs late in a long stream, and what is kept of it."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from streamkit import TextDelta, normalize

from .bars import Effort, Row, Rows
from .replay import drain, ours, ours_sync
from .timing import Contender, Figure, run, side_by_side
from .workloads import recorded, replay, text

RUNS = 10_000
ITEMS = 10_000
SIZES = (100, 1_000, 10_000)


def rows(effort: Effort) -> Rows:
    yield from _time(effort)
    yield Row("flat.bytes", "kept for a chunk of text", Figure(_bytes_a_chunk()), "bytes")
    yield Row("flat.runs", "kept after a run, over 10,000", Figure(_bytes_a_run()), "bytes")
    tasks, generators = run(_made_while_running(recorded("text", "messages", 500)))
    yield Row("flat.tasks", "tasks made for a stream", Figure(tasks), "")
    yield Row("flat.generators", "generators made for a stream", Figure(generators), "")
    yield from _first_token(effort)


def _time(effort: Effort) -> Rows:
    """The long recording begins with the shorter ones: the same items, and more of them."""
    for api in ("events", "messages"):
        long = recorded("text", api, effort.long)
        shorter = {str(size): _repeated(long[:size]) for size in SIZES}
        times = side_by_side({"long": ours(long), **shorter}, max(3, effort.rounds // 4))
        note = f"{times.of('long', len(long)).value:.1f} us an item"
        for size in SIZES:
            ratio = times.ratio("long", str(size)).scaled(ITEMS / len(long))
            what = f"an item at {effort.long:,}, beside {size:,}: {api}"
            yield Row(f"flat.time.{api}.{size}", what, ratio, "x", note)


def _repeated(items: list[Any]) -> Contender:
    """Read a short recording again and again, until that was as many items as of the others."""

    def read() -> None:
        for _ in range(ITEMS // len(items)):
            run(drain(normalize(replay(items))))

    return read


def _bytes_a_chunk() -> float:
    """What an open message holds of its text, apart from the text itself, which upstream made."""
    items = text(20_000)
    stream = normalize(iter(items))
    for _ in range(100):
        next(stream)
    gc.collect()
    tracemalloc.start()
    for _ in range(10_000):
        next(stream)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept / 10_000


def _bytes_a_run() -> float:
    """Runs one after the other: what is left of each, to the byte, in whole bytes."""
    items = recorded("text", "messages", 3)
    for _ in range(100):
        ours_sync(items)
    gc.collect()
    tracemalloc.start()
    for _ in range(RUNS):
        ours_sync(items)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept // RUNS


async def _made_while_running(items: list[Any]) -> tuple[int, int]:
    """Count tasks, and generators of ours, that are there while a stream is read."""
    tasks = generators = 0
    async for event in normalize(replay(items)):
        if isinstance(event, TextDelta):
            tasks = max(tasks, len(asyncio.all_tasks()) - 1)
            generators = max(generators, _generators()) if event.text == "word9 " else generators
    return tasks, generators


def _generators() -> int:
    """Count running generators whose code is streamkit's."""
    kinds = (GeneratorType, AsyncGeneratorType)
    made = [it for it in gc.get_objects() if isinstance(it, kinds)]
    codes = [it.gi_code if isinstance(it, GeneratorType) else it.ag_code for it in made]
    return sum("/streamkit/" in code.co_filename for code in codes)


async def _tokens(times: list[float]) -> AsyncIterator[str]:
    for word in ("Hel", "lo"):
        await asyncio.sleep(0.002)
        times.append(time.perf_counter())
        yield word


async def _delay() -> float:
    """Seconds from a source's first token to its event in the caller's hands."""
    times: list[float] = []
    async for event in normalize(_tokens(times)):
        if isinstance(event, TextDelta):
            return time.perf_counter() - times[0]
    sys.exit("no token came")


def _first_token(effort: Effort) -> Rows:
    delays = sorted(run(_delay()) * 1e3 for _ in range(4 * effort.rounds))
    figure = Figure(delays[len(delays) // 2], delays[0], delays[-1])
    yield Row("flat.first token", "from the first token to its event", figure, "ms")
