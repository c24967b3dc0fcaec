"""Readers who leave: the graph stops, no task is left, and the closing events can still be read."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.runnables import RunnableConfig

from small_graphs import (
    ASYNC,
    ASYNC_MODES,
    EVENTS,
    EVENTS_1,
    IGNORE_V1,
    LANGGRAPH,
    MODES,
    SYNC,
    asks,
    chain,
    of,
    says,
    source,
    words,
)
from streamkit import MessageEnd, RunEnd, RunError, TextDelta, ToolStart, normalize
from streamkit.testing import check_stream

pytestmark = pytest.mark.filterwarnings(IGNORE_V1)

# Version 1 has tests of its own: left without being closed, upstream runs on until it is done.
APIS = (ASYNC, ASYNC_MODES, EVENTS)

SPEECH = words("one two three four five six seven eight nine ten")


class Watched:
    """A graph of two nodes that notes how its first one ended, and whether the second one ran."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.graph = chain(self._speak, self._next)

    async def _speak(self, state: Any, config: RunnableConfig) -> Any:
        try:
            message = await says(SPEECH, pace=0.01).ainvoke("hi", config)
        except BaseException as error:
            self.log.append(type(error).__name__)
            raise
        self.log.append("spoke")
        return {"messages": [message]}

    def _next(self, state: Any) -> Any:
        self.log.append("went on")


def tasks_of_ours(before: set[Any]) -> set[Any]:
    """The tasks begun since then that are still there."""
    left = asyncio.all_tasks() - before
    if LANGGRAPH < (0, 6):  # it never ends the task that waits for its own queue
        left = {task for task in left if "AsyncQueue.wait" not in repr(task)}
    return left


async def to_first_text(stream: Any) -> list[Any]:
    """The events up to the first text."""
    events = []
    async for event in stream:
        events.append(event)
        if isinstance(event, TextDelta):
            break
    return events


async def leave_by_aclose(stream: Any) -> list[Any]:
    events = await to_first_text(stream)
    await stream.aclose()
    return events


async def leave_by_with(stream: Any) -> list[Any]:
    async with stream:
        return await to_first_text(stream)


async def leave_by_exception(stream: Any) -> list[Any]:
    events: list[Any] = []

    async def read() -> None:
        async with stream:
            events.extend(await to_first_text(stream))
            raise KeyError("the reader's own")

    with pytest.raises(KeyError):
        await read()
    return events


async def leave_by_cancellation(stream: Any) -> list[Any]:
    events: list[Any] = []
    spoke = asyncio.Event()

    async def read() -> None:
        async for event in stream:
            events.append(event)
            if isinstance(event, TextDelta):
                spoke.set()

    task = asyncio.create_task(read())
    await spoke.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return events


async def leave_by_timeout(stream: Any) -> list[Any]:
    events = await to_first_text(stream)

    async def read() -> None:
        async for event in stream:
            events.append(event)

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(read(), 0.02)
    return events


WAYS: list[Callable[[Any], Any]] = [
    leave_by_aclose,
    leave_by_with,
    leave_by_exception,
    leave_by_cancellation,
    leave_by_timeout,
]


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("leave", WAYS, ids=lambda way: way.__name__)
async def test_leaving_stops_the_graph(leave: Any, api: str) -> None:
    before, watched = asyncio.all_tasks(), Watched()
    stream = normalize(source(watched.graph, api), strict=True)
    events = await leave(stream)
    assert watched.log == ["CancelledError"]
    assert tasks_of_ours(before) == set()
    closing = [event async for event in stream]
    check_stream([*events, *closing])
    assert closing[-1].status == "cancelled"
    (end,) = of(closing, MessageEnd)
    assert end.status == "cancelled"
    assert await anext(stream, None) is None


@pytest.mark.parametrize("api", APIS)
async def test_a_loop_that_is_left_stops_a_graph_that_nobody_else_holds(api: str) -> None:
    before, watched = asyncio.all_tasks(), Watched()
    async for event in normalize(source(watched.graph, api), strict=True):
        if isinstance(event, TextDelta):
            break
    for _ in range(200):
        await asyncio.sleep(0.005)
        if watched.log and not tasks_of_ours(before):
            break
    assert watched.log == ["CancelledError"]
    assert tasks_of_ours(before) == set()


@pytest.mark.parametrize("api", APIS)
async def test_a_loop_that_is_left_may_be_taken_up_again(api: str) -> None:
    watched = Watched()
    async with normalize(source(watched.graph, api), strict=True) as stream:
        events = await to_first_text(stream)
        events += [event async for event in stream]
    check_stream(events)
    assert events[-1].status == "completed"
    assert watched.log == ["spoke", "went on"]


@pytest.mark.parametrize("api", [*APIS, EVENTS_1])
async def test_leaving_before_the_first_event(api: str) -> None:
    before, watched = asyncio.all_tasks(), Watched()
    stream = normalize(source(watched.graph, api), strict=True)
    await stream.aclose()
    closing = [event async for event in stream]
    check_stream(closing)
    assert [event.type for event in closing] == ["run.start", "run.end"]
    assert watched.log == []
    assert tasks_of_ours(before) == set()


@pytest.mark.parametrize("api", [*APIS, EVENTS_1])
async def test_closing_after_the_end_changes_nothing(api: str) -> None:
    watched = Watched()
    stream = normalize(source(watched.graph, api), strict=True)
    events = [event async for event in stream]
    await stream.aclose()
    assert await anext(stream, None) is None
    check_stream(events)
    assert (events[-1].status, watched.log) == ("completed", ["spoke", "went on"])


@pytest.mark.parametrize("leave", WAYS[:3], ids=lambda way: way.__name__)
async def test_leaving_stops_a_run_that_version_1_alone_would_let_go_on(leave: Any) -> None:
    before, watched = asyncio.all_tasks(), Watched()
    stream = normalize(source(watched.graph, EVENTS_1), strict=True)
    events = await leave(stream)
    events += [event async for event in stream]
    check_stream(events)
    assert events[-1].status == "cancelled"
    assert watched.log == ["CancelledError"]
    assert tasks_of_ours(before) == set()


@pytest.mark.parametrize("api", APIS)
async def test_cancelled_in_the_middle_of_a_tool(api: str) -> None:
    from langchain_core.tools import tool

    from small_graphs import agent, calling

    started, log = asyncio.Event(), []

    @tool
    async def sleep(x: int) -> str:
        """Sleep."""
        started.set()
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        return "never"

    before = asyncio.all_tasks()
    graph = agent(calling(("c1", "sleep", '{"x": 1}')), [sleep])
    stream = normalize(source(graph, api), strict=True)
    events: list[Any] = []

    async def read() -> None:
        async for event in stream:
            events.append(event)

    reader = asyncio.create_task(read())
    await started.wait()
    await asyncio.sleep(0.02)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    events += [event async for event in stream]
    check_stream(events)
    assert log == ["cancelled"]
    assert tasks_of_ours(before) == set()
    if api == EVENTS:
        (start,) = of(events, ToolStart)
        (end,) = [it for it in events if it.type in {"tool.end", "tool.error"}]
        assert (end.tool_call_id, end.type, end.status) == ("c1", "tool.end", "cancelled")
        assert start.tool_call_id == "c1"


@pytest.mark.parametrize("api", APIS)
async def test_a_slow_reader_misses_nothing(api: str) -> None:
    events: list[Any] = []
    async for event in normalize(source(chain(asks(says(SPEECH))), api), strict=True):
        await asyncio.sleep(0.003)
        events.append(event)
    check_stream(events)
    (end,) = of(events, MessageEnd)
    assert end.text == "one two three four five six seven eight nine ten"
    assert len(of(events, TextDelta)) == 10


@pytest.mark.parametrize("api", APIS)
async def test_two_readers_of_two_runs_at_once(api: str) -> None:
    graph = chain(asks(says(SPEECH, pace=0.001)))

    async def read() -> list[Any]:
        return [event async for event in normalize(source(graph, api), strict=True)]

    for events in await asyncio.gather(read(), read(), read()):
        check_stream(events)
        assert [end.text for end in of(events, MessageEnd)] == [
            "one two three four five six seven eight nine ten"
        ]


# --- sync


@pytest.mark.parametrize("api", [SYNC, MODES])
def test_closing_a_sync_stream(api: str) -> None:
    """LangGraph waits for the node that runs, and does not start another one."""
    log: list[str] = []

    def went_on(_: Any) -> Any:
        log.append("went on")

    graph = chain(asks(says(SPEECH, pace=0.002)), went_on)
    events: list[Any] = []
    with normalize(source(graph, api), strict=True) as stream:
        for event in stream:
            events.append(event)
            if isinstance(event, TextDelta):
                break
    events += stream
    check_stream(events)
    assert isinstance(events[-1], RunEnd)
    assert events[-1].status == "cancelled"
    time.sleep(0.01)
    assert log == []


@pytest.mark.parametrize("api", [SYNC, MODES])
def test_a_sync_reader_that_raises(api: str) -> None:
    graph = chain(asks(says(SPEECH)))
    stream = normalize(source(graph, api), strict=True)
    events: list[Any] = []

    def read() -> None:
        with stream:
            events.append(next(stream))
            raise KeyError("the reader's own")

    with pytest.raises(KeyError):
        read()
    events += stream
    check_stream(events)
    assert events[-1].status == "cancelled"
    assert not of(events, RunError)
