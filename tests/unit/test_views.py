"""Views: what each reader gets, how far ahead a source is pulled, and that all is closed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk

from random_streams import messages_items
from read_streams import adrained, drained, read
from streamkit import (
    Custom,
    Event,
    Origin,
    TextDelta,
    ToolEnd,
    ToolStart,
    UsageError,
    normalize,
)
from streamkit.stages import coalesce
from streamkit.testing import check_stream
from streamkit.views import by_agent, by_message, by_namespace, by_tool, merge_runs, split, tee
from watched_source import Async, Source, Sync

WORDS = ["a", "b", "c", "d"]


def of(source: Source) -> Any:
    return normalize(Sync(source))


def aof(source: Source) -> Any:
    return normalize(Async(source))


def types(events: list[Event]) -> list[str]:
    return [event.type for event in events]


def no_task_is_left() -> None:
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- tee


def test_tee_gives_each_reader_everything() -> None:
    one, two, three = tee(of(Source(*WORDS)), 3)
    events = list(one)
    check_stream(events)
    assert list(two) == events
    assert "".join(three.text()) == "abcd"


def test_tee_pulls_for_the_fastest_reader_only() -> None:
    source = Source(*WORDS)
    one, two = tee(of(source))
    for event in one:
        if isinstance(event, TextDelta):
            break
    assert source.pulled == 1
    assert types([next(two) for _ in range(4)])[-1] == "text.delta"
    assert source.pulled == 1


def test_tee_hands_an_exception_to_every_reader_after_the_closing_events() -> None:
    boom = ValueError("boom")
    streams = tee(of(Source("a", error=boom)))
    for stream in streams:
        events, error = drained(stream)
        assert error is boom
        check_stream(events)
        assert next(stream, None) is None


def test_the_source_is_closed_with_its_last_reader() -> None:
    source = Source(*WORDS)
    one, two = tee(of(source))
    next(one)
    one.close()
    assert source.closed_in is None
    assert next(one, None) is None
    rest = list(two)
    check_stream(rest)
    source = Source(*WORDS)
    one, two = tee(of(source))
    for _ in range(4):
        next(one)
    with one, two:
        pass
    assert source.closed_in == "here"


def test_how_far_ahead_a_reader_may_be() -> None:
    one, two = tee(of(Source(*WORDS)), ahead=3)
    for _ in range(3):
        next(one)
    with pytest.raises(UsageError, match="3 items behind; read it, or close it"):
        next(one)
    check_stream(list(two))


def test_a_reader_that_waits_for_a_slow_one_may_go_on() -> None:
    one, two = tee(of(Source(*WORDS)), ahead=3)
    for _ in range(3):
        next(one)
    two.close()
    assert types(list(one))[-1] == "run.end"


async def test_async_tee() -> None:
    source = Source(*WORDS)
    one, two = tee(aof(source))
    first, second = await asyncio.gather(read(one), read(two))
    assert first == second
    check_stream(first)
    assert source.closed_in
    no_task_is_left()


async def test_async_tee_waits_for_the_slow_reader() -> None:
    source = Source(*WORDS)
    one, two = tee(aof(source), ahead=2)
    fast = asyncio.create_task(read(one))
    await asyncio.sleep(0.02)
    assert not fast.done()
    assert source.pulled <= 1
    slow = await read(two)
    assert await fast == slow
    no_task_is_left()


async def test_a_cancelled_reader_takes_nothing_from_the_others() -> None:
    source = Source(*WORDS, pace=0.01)
    one, two = tee(aof(source))
    task = asyncio.create_task(read(one))
    await asyncio.sleep(0.005)  # it is the one who pulls
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    events = await read(two)
    check_stream(events)
    assert events[-1].status == "completed"
    no_task_is_left()


async def test_async_tee_closes_the_source_and_its_task() -> None:
    source = Source(*WORDS, pace=60)
    async with tee(aof(source))[0] as one, one:
        task = asyncio.create_task(read(one))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert source.closed_in
    assert await task == []
    no_task_is_left()


async def test_an_exception_reaches_every_async_reader() -> None:
    boom = ValueError("boom")
    results = await asyncio.gather(
        *map(read, tee(aof(Source("a", error=boom)))), return_exceptions=True
    )
    assert results == [boom, boom]
    no_task_is_left()


def test_what_is_no_stream_cannot_be_viewed() -> None:
    with pytest.raises(UsageError, match="not a stream"):
        tee("text")
    with pytest.raises(UsageError, match="all sync or all async"):
        merge_runs({"a": of(Source()), "b": aof(Source())})  # type: ignore[call-overload]


# --- split


def at(node: str, **more: Any) -> dict[str, Any]:
    return {"langgraph_node": node, "langgraph_checkpoint_ns": f"{node}:1", **more}


TWO = [
    (AIMessageChunk("He", id="run-1"), at("x", lc_agent_name="Ada")),
    (AIMessageChunk("By", id="run-2"), at("y")),
    (AIMessageChunk("llo", id="run-1"), at("x", lc_agent_name="Ada")),
    (AIMessageChunk("e", id="run-2"), at("y")),
]


def test_split_by_message() -> None:
    texts = {id: "".join(part.text()) for id, part in split(of(Source(*TWO)), by_message)}
    assert texts == {"run-1": "Hello", "run-2": "Bye"}


def test_parts_may_be_read_in_any_order() -> None:
    parts = dict(split(of(Source(*TWO)), by_message))
    assert "".join(parts["run-2"].text()) == "Bye"
    assert types(list(parts["run-1"])) == [
        "message.start",
        "text.start",
        "text.delta",
        "text.delta",
        "text.end",
        "message.end",
    ]


def test_split_by_agent_namespace_and_anything() -> None:
    assert [key for key, _ in split(of(Source(*TWO)), by_agent)] == ["Ada"]
    assert [key for key, _ in split(of(Source(*TWO)), by_namespace)] == [()]
    nodes = split(of(Source(*TWO)), lambda event: event.origin.node)
    assert {key: "".join(part.text()) for key, part in nodes} == {"x": "Hello", "y": "Bye"}


def test_a_part_that_is_dropped_keeps_nothing() -> None:
    parts = split(of(Source(*TWO)), by_message)
    _, part = next(parts)
    del part
    gc.collect()
    [(id, other)] = list(parts)
    assert id == "run-2"
    assert "".join(other.text()) == "Bye"


def test_a_part_that_is_closed_gets_nothing_more() -> None:
    parts = split(of(Source(*TWO)), by_message)
    _, part = next(parts)
    part.close()
    assert next(part, None) is None
    assert len(list(parts)) == 1


def test_closing_events_of_a_new_key_begin_no_part_once_the_outer_stream_is_left() -> None:
    parts = split(of(Source(*WORDS)), lambda event: event.type)
    first = [part for key, part in (next(parts), next(parts), next(parts), next(parts))]
    parts.close()
    assert types(list(first[-1])) == ["text.delta"]
    assert next(parts, None) is None


def test_split_by_tool() -> None:
    inside = Origin(tool_call_id="c1")
    tool: Any = {"timestamp": 0.5, "tool_call_id": "c1", "name": "f"}
    events = [
        ToolStart(**tool),
        Custom(origin=inside, timestamp=0.5, data=1),
        ToolEnd(**tool, status="completed"),
    ]
    [(key, part)] = split(normalize(events), by_tool)
    assert (key, types(list(part))) == ("c1", ["tool.start", "custom", "tool.end"])


def test_a_key_that_raises_is_raised() -> None:
    source = Source(*WORDS)

    def key(event: Event) -> str:
        raise LookupError(event.type)

    with pytest.raises(LookupError, match=r"run\.start"):
        list(split(of(source), key))
    assert source.closed_in == "here"


@given(messages_items())
def test_splitting_loses_nothing(items: list[Any]) -> None:
    events = list(normalize(items, clock=lambda: 0.0))
    parts = list(split(normalize(items, clock=lambda: 0.0), by_message))
    whole: list[Event] = []
    for id, part in parts:
        inside = list(part)
        assert {by_message(event) for event in inside} == {id}
        assert types(inside)[0 :: len(inside) - 1] == ["message.start", "message.end"]
        whole += inside
    count = sum(by_message(event) is not None for event in events)
    assert len(whole) == count


async def test_async_split_in_tasks() -> None:
    async def text(part: Any) -> str:
        return "".join([it async for it in part.text()])

    parts = split(aof(Source(*TWO)), by_message)
    tasks = {id: asyncio.create_task(text(part)) async for id, part in parts}
    assert {id: await task for id, task in tasks.items()} == {"run-1": "Hello", "run-2": "Bye"}
    no_task_is_left()


async def test_async_split_one_part_after_the_other() -> None:
    texts = {}
    async with split(aof(Source(*TWO)), by_message) as parts:
        async for id, part in parts:
            texts[id] = "".join([it async for it in part.text()])
    assert texts == {"run-1": "Hello", "run-2": "Bye"}
    no_task_is_left()


# --- merge


def test_sync_streams_take_turns() -> None:
    merged = merge_runs({"x": of(Source("a", "b")).text(), "y": of(Source("c")).text()})
    assert list(merged) == [("x", "a"), ("y", "c"), ("x", "b")]


def test_one_that_raises_closes_the_others() -> None:
    other = Source(*WORDS)
    merged = merge_runs({"bad": of(Source("a", error=ValueError("boom"))), "good": of(other)})
    events, error = drained(merged)
    assert str(error) == "boom"
    assert other.closed_in == "here"
    bad, good = ([event for key, event in events if key == name] for name in ("bad", "good"))
    check_stream(bad)
    check_stream(good)
    assert (bad[-1].type, good[-1].status) == ("run.error", "cancelled")
    assert next(merged, None) is None


def test_closing_a_merger_leaves_the_closing_events() -> None:
    sources = {"x": Source(*WORDS), "y": Source(*WORDS)}
    merged = merge_runs({key: of(source) for key, source in sources.items()})
    events = [next(merged) for _ in range(7)]
    merged.close()
    assert {source.closed_in for source in sources.values()} == {"here"}
    events += merged
    for name in sources:
        check_stream([event for key, event in events if key == name])


async def test_async_streams_run_at_once() -> None:
    """One waits for the end of the other: it would never come if they were read in turn."""
    fast_is_over = asyncio.Event()

    async def waiting() -> Any:
        await asyncio.wait_for(fast_is_over.wait(), 60)
        for word in WORDS:
            yield word

    async def fast() -> Any:
        for word in WORDS:
            yield word
        fast_is_over.set()

    runs = {"waiting": normalize(waiting()), "fast": normalize(fast())}
    texts = [(key, it.text) async for key, it in merge_runs(runs) if isinstance(it, TextDelta)]
    assert texts == [(key, word) for key in ("fast", "waiting") for word in WORDS]


async def test_a_merger_is_one_item_ahead_at_most() -> None:
    sources = {"x": Source(*WORDS), "y": Source(*WORDS)}
    merged = merge_runs({key: aof(source) for key, source in sources.items()})
    seen = {"x": 0, "y": 0}
    async for key, event in merged:
        await asyncio.sleep(0.002)
        if isinstance(event, TextDelta):
            seen[key] += 1
            assert sources[key].pulled <= seen[key] + 1
    no_task_is_left()


async def test_one_async_stream_that_raises_closes_the_others() -> None:
    other = Source(*WORDS, pace=60)
    merged = merge_runs({"bad": aof(Source("a", error=ValueError("boom"))), "good": aof(other)})
    events, error = await adrained(merged)
    assert str(error) == "boom"
    assert other.closed_in
    for name in ("bad", "good"):
        check_stream([event for key, event in events if key == name])
    assert await anext(merged, None) is None
    no_task_is_left()


async def test_what_is_no_exception_passes_through_a_merger_as_it_is() -> None:
    class Halt(BaseException):
        pass

    async def source() -> AsyncIterator[str]:
        yield "a"
        raise Halt

    with pytest.raises(Halt):
        await read(merge_runs({"x": aof(source())}))


async def test_closing_an_async_merger() -> None:
    sources = {"x": Source(*WORDS), "y": Source("a", *WORDS, pace=60)}
    events = []
    async with merge_runs({key: aof(source) for key, source in sources.items()}) as merged:
        async for item in merged:
            events.append(item)
            if item[1].type == "text.delta":
                break
    assert all(source.closed_in for source in sources.values())
    no_task_is_left()
    events += await read(merged)
    for name in sources:
        check_stream([event for key, event in events if key == name])


async def test_a_cancelled_reader_of_a_merger_leaves_nothing_running() -> None:
    sources = {"x": Source(*WORDS, pace=60), "y": Source(*WORDS, pace=60)}
    merged = merge_runs({key: aof(source) for key, source in sources.items()})
    task = asyncio.create_task(read(merged))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(source.closed_in for source in sources.values())
    no_task_is_left()


async def test_views_of_views() -> None:
    one, two = tee(aof(Source(*TWO)))
    merged = merge_runs({"one": one.text(), "two": two.text()})
    texts: dict[str, str] = {"one": "", "two": ""}
    async for key, text in merged:
        texts[key] += text
    assert texts == {"one": "HelloBye", "two": "HelloBye"}
    no_task_is_left()


# --- stages behind views


def test_a_stage_behind_a_view_that_raises_gets_all_the_same_events() -> None:
    def broken(event: Event) -> list[Event]:
        if isinstance(event, TextDelta):
            raise LookupError(event.text)
        return [event]

    one, two = tee(of(Source("a", "b")))
    events, error = drained(one.pipe(broken))
    assert isinstance(error, LookupError)
    assert events
    check_stream(list(two))


# --- coalescing


def clock_of(*times: float) -> Any:
    rest = iter(times)
    return lambda: next(rest)


def test_coalescing_by_time() -> None:
    clock = clock_of(0.0, 0.02, 0.06, 0.07, 0.2, 0.3, 0.3)
    stream = normalize(["a", "b", "c", "d", "e"], coalesce(seconds=0.05), clock=clock)
    assert list(stream.text()) == ["abc", "de"]


def test_coalescing_by_size_and_not_at_all_across_other_events() -> None:
    assert list(normalize(list("abcde"), coalesce(characters=3)).text()) == ["abc", "de"]
    assert list(normalize(list("abcde"), coalesce(characters=1)).text()) == list("abcde")
    call = {"name": "t", "args": '{"a', "id": "c", "index": 0}
    rest = {"name": None, "args": '": 1}', "id": None, "index": 0}
    items = [
        AIMessageChunk("a", id="run-1"),
        AIMessageChunk("b", id="run-1"),
        AIMessageChunk("", id="run-1", tool_call_chunks=[call]),
        AIMessageChunk("", id="run-1", tool_call_chunks=[rest]),
    ]
    events = list(normalize(items, coalesce()))
    check_stream(events)
    assert [event.type for event in events if event.type.endswith(".delta")] == [
        "text.delta",
        "tool_call.delta",
    ]


@given(st.lists(st.text("ab", min_size=1, max_size=3), min_size=1), st.integers(1, 5))
def test_a_coalesced_delta_is_no_smaller_than_asked(words: list[str], size: int) -> None:
    texts = list(normalize(words, coalesce(characters=size)).text())
    assert "".join(texts) == "".join(words)
    assert all(len(text) >= size for text in texts[:-1])


# --- raw streams, and leaving


def test_views_take_raw_streams() -> None:
    one, two = tee(iter(WORDS))
    assert one.collect().text == two.collect().text == "".join(WORDS)
    assert [id for id, _ in split(["Hi"], by_message)] != []
    assert {key for key, _ in merge_runs({"a": ["Hi"], "b": ["Ho"]})} == {"a", "b"}


def test_leaving_a_split_closes_the_source_though_a_part_is_still_held() -> None:
    source = Source(*WORDS)
    with split(normalize(Sync(source)), by_message) as parts:
        _, part = next(parts)
        first = next(part)
    assert source.closed_in
    check_types = [first.type, *(it.type for it in part)]
    assert check_types[0] == "message.start"
    assert check_types[-1] == "message.end"
