"""Many streams for a long time: memory, tasks and open files stay flat.

``STREAMKIT_SOAK=3600`` runs it for an hour; by default it is a second.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import AIMessageChunk

from mutations import STREAMS
from random_streams import last
from small_graphs import agent, answer, call, finish, says
from streamkit import ConcurrentRead, RunFailed, astream, normalize
from streamkit.presets import chat
from streamkit.stages import coalesce, redact, sequential
from streamkit.wire import ag_ui, ai_sdk, langgraph_sse, ndjson, sse

SECONDS = float(os.environ.get("STREAMKIT_SOAK", "1"))
AT_ONCE = 500 if SECONDS > 10 else 50
MOST_GROWTH = 12_000_000
"""Bytes of memory in use between the first tenth of the time and the end."""

ENCODERS: list[Any] = [sse, ndjson, ag_ui, ai_sdk, langgraph_sse]

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc"),
]


def resident() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def each(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        await asyncio.sleep(0)
        yield item


def stream_of(random: Random) -> Any:
    """A stream of any source, with stages and an encoder behind it."""
    if random.random() < 0.05:
        model = says([call(0, "c1", "none", '{"x": 1}'), finish("tool_calls")], answer("the end"))
        return astream(agent(model, []), {"messages": [("user", "hi")]}, on_error="event")
    options, items = random.choice(list(STREAMS().values()))
    stream: Any = normalize(each(items), **options)
    for stage in random.sample([coalesce(), sequential, chat, redact("secret")], 2):
        stream = stream.pipe(stage)
    return stream.pipe(random.choice(ENCODERS).encoder())


async def read_some(random: Random) -> int:
    """Read a stream to its end, or leave it in one of the ways there are."""
    stream, number = stream_of(random), 0
    most = random.choice([5, 20, 10**9, 10**9])
    try:
        async with stream, asyncio.timeout(random.choice([0.05, 60])):
            async for _ in stream:
                number += 1
                if number == most:
                    break
    except (RunFailed, TimeoutError, ConcurrentRead):
        pass
    return number


@pytest.fixture(scope="module")
def streams() -> Any:
    return STREAMS()  # which runs loops of its own


async def test_many_streams_leave_nothing_behind(streams: Any) -> None:
    assert streams
    random, tasks, begin = Random(7), asyncio.all_tasks(), time.monotonic()  # noqa: S311
    files = memory = total = 0
    while (past := time.monotonic() - begin) < SECONDS or not memory:
        total += sum(await asyncio.gather(*(read_some(random) for _ in range(AT_ONCE))))
        if not memory and past > SECONDS / 10:
            memory, files = resident(), open_files()
    grown = resident() - memory
    left = len(asyncio.all_tasks() - tasks), open_files() - files
    about = "{:,} items in {:.0f} s: {:+.1f} MB, {:+} tasks, {:+} files\n"
    sys.stdout.write(about.format(total, SECONDS, grown / 1e6, *left))
    assert asyncio.all_tasks() == tasks
    assert open_files() <= files
    assert grown < MOST_GROWTH


def test_a_long_stream_keeps_nothing_of_its_middle() -> None:
    """A million events behind the longest chain in a long run, five thousand in a short one."""
    number = 1_000_000 if SECONDS > 10 else 5_000
    begun: list[int] = []

    def chunks() -> Any:
        for at in range(number):
            if at == number // 10:
                begun.append(resident())
            make = last if at % 200 == 199 else AIMessageChunk  # which ends the message
            yield make(content=f"word {at} ", id=f"m{at // 200}")

    stream: Any = normalize(chunks(), redact("secret"), sequential, coalesce())
    for stage in (chat, sse.encoder()):
        stream = stream.pipe(stage)
    assert sum(1 for _ in stream) > number / 200
    grown = resident() - begun[0]
    sys.stdout.write(f"{number:,} chunks in one stream: {grown / 1e6:+.1f} MB\n")
    assert grown < (80 if SECONDS > 10 else 12) * 1_000_000
