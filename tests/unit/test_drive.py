"""The two loops: what they refuse, how they end, and that they leave nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count, product
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from msgspec.structs import replace

from streamkit import (
    AsyncEventStream,
    Event,
    EventStream,
    RunEnd,
    RunError,
    RunStart,
    TextDelta,
    UnknownSource,
    UsageError,
    normalize,
)
from streamkit._drive._source import _flat
from streamkit._protocols import stage_of
from streamkit.presets import tokens, tools
from streamkit.testing import check_stream
from watched_source import Async, Source, Sync


def test_a_sync_source_gives_a_sync_stream_and_an_async_one_an_async() -> None:
    assert isinstance(normalize(Sync(Source("a"))), EventStream)
    assert isinstance(normalize(Async(Source("a"))), AsyncEventStream)


async def a_coroutine() -> None: ...


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        (None, "pass what .stream()"),
        (42, "pass what .stream()"),
        ("text", "pass what .stream()"),
        (b"bytes", "pass what .stream()"),
        ({"event": "on_chain_start"}, "pass what .stream()"),
        (AIMessage("done"), "pass what .stream()"),
        (lambda: None, "call it"),
        (a_coroutine, "call it"),
    ],
)
def test_what_is_no_stream_is_refused_with_the_remedy(source: Any, remedy: str) -> None:
    with pytest.raises(UsageError, match=remedy):
        normalize(source)


def test_a_coroutine_is_refused_with_the_remedy() -> None:
    with pytest.raises(UsageError, match="await it first"):
        normalize(a_coroutine())  # type: ignore[call-overload]


def test_a_runnable_is_refused_with_the_remedy() -> None:
    from langchain_core.runnables import RunnableLambda

    with pytest.raises(UsageError, match="start it first"):
        normalize(RunnableLambda(lambda x: x))  # type: ignore[call-overload]


def test_unknown_options_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown dialect 'nope'; choose one of"):
        normalize([], dialect="nope")
    with pytest.raises(UsageError, match="on_error must be 'raise' or 'event'"):
        normalize([], on_error="ignore")  # type: ignore[call-overload]


@pytest.mark.parametrize("item", [{"a": 1}, 3, None, [1], ("value", {}), ((), {}), object()])
def test_what_proves_nothing_is_asked_about(item: Any) -> None:
    source = Source(item, item)
    with pytest.raises(UnknownSource, match="dialect='chunks'") as caught:
        list(normalize(Sync(source)))
    assert caught.value.item is item
    assert source.closed_in == "here"


def test_an_empty_source_is_a_run() -> None:
    assert [event.type for event in normalize([])] == ["run.start", "run.end"]


def test_closing_twice_or_after_the_end_does_nothing() -> None:
    stream = normalize(["a"])
    events = list(stream)
    stream.close()
    stream.close()
    assert next(stream, None) is None
    check_stream(events)


def test_a_break_in_a_with_block_closes_the_source() -> None:
    source = Source("a", "b", "c")
    with normalize(Sync(source)) as stream:
        for event in stream:
            if isinstance(event, TextDelta):
                break
    assert source.closed_in == "here"
    assert source.pulled == 1
    rest = list(stream)
    assert [event.type for event in rest] == ["text.end", "message.end", "run.end"]
    assert isinstance(rest[-1], RunEnd)
    assert rest[-1].status == "cancelled"


async def test_a_break_in_an_async_with_block_closes_the_source_in_this_task() -> None:
    source = Source("a", "b", "c")
    async with normalize(Async(source)) as stream:
        async for event in stream:
            if isinstance(event, TextDelta):
                break
    assert source.closed_in is asyncio.current_task()
    assert [event.type async for event in stream] == ["text.end", "message.end", "run.end"]


async def test_cancelling_the_reader_closes_the_source_and_is_not_swallowed() -> None:
    reached = asyncio.Event()

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "a"
                reached.set()
                await asyncio.sleep(60)
        finally:
            closed.set()

    closed = asyncio.Event()
    stream = normalize(endless())
    events: list[Any] = []

    async def read() -> None:
        async for event in stream:
            events.append(event)

    task = asyncio.create_task(read())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()
    events += [event async for event in stream]
    check_stream(events)
    assert events[-1].status == "cancelled"
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit(), SystemExit(3)])
def test_what_is_no_exception_is_raised_at_once(error: BaseException) -> None:
    stream = normalize(Sync(Source("a", error=error)))
    seen = []
    with pytest.raises(type(error)) as caught:
        seen.extend(iter(lambda: next(stream), None))
    assert caught.value is error
    rest = list(stream)
    assert rest[-1].type == "run.end"


def test_an_exception_comes_after_the_closing_events_and_once() -> None:
    boom = ValueError("boom")
    stream = normalize(Sync(Source("a", error=boom)))
    events = []
    with pytest.raises(ValueError, match="boom") as caught:
        for event in stream:
            events.append(event)
    assert caught.value is boom
    check_stream(events)
    assert next(stream, None) is None
    last = events[-1]
    assert isinstance(last, RunError)
    assert (last.error.name, last.error.message) == ("ValueError", "boom")


def test_a_hostile_exception_still_ends_the_run() -> None:
    class Hostile(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    events = list(normalize(Sync(Source("a", error=Hostile())), on_error="event"))
    check_stream(events)


def test_a_stage_that_raises_closes_the_source_and_is_raised() -> None:
    def broken(event: Any) -> list[Any]:
        if isinstance(event, TextDelta):
            raise LookupError("my stage")
        return [event]

    source = Source("a", "b")
    with pytest.raises(LookupError, match="my stage"):
        list(normalize(Sync(source), broken))
    assert source.closed_in == "here"


async def drain(stream: Any) -> None:
    if isinstance(stream, AsyncIterator):
        async for _ in stream:
            pass
    else:
        for _ in stream:
            pass


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("cls", [RunStart, TextDelta, RunEnd])
@pytest.mark.parametrize("stop", [StopIteration, StopAsyncIteration])
async def test_an_error_that_looks_like_the_end_does_not_end_a_stream_silently(
    stop: type[Exception], cls: type[Event], is_async: bool
) -> None:
    first = True

    def broken(event: Any) -> list[Any]:
        nonlocal first
        if isinstance(event, cls):
            if not first or cls is not TextDelta:  # the second delta goes a shorter way
                raise stop
            first = False
        return [event]

    source = Source(*(AIMessageChunk(content=it, id="m") for it in ("Hel", "lo", "!")))
    with pytest.raises(RuntimeError, match=f"a stage or a reader raised {stop.__name__}"):
        await drain(normalize(Async(source) if is_async else Sync(source), broken))
    assert source.closed_in == (asyncio.current_task() if is_async else "here")


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("error", [LookupError, StopIteration, StopAsyncIteration])
async def test_a_clock_that_raises_ends_the_stream_with_its_error(
    error: type[Exception], is_async: bool
) -> None:
    for good in range(4):  # of so many calls
        calls = count()

        def clock(good: int = good, calls: Iterator[int] = calls) -> float:
            if next(calls) == good:
                raise error
            return 0.0

        source = Source("a", "b")
        stream = normalize(Async(source) if is_async else Sync(source), clock=clock)
        with pytest.raises(RuntimeError if "Stop" in error.__name__ else error):
            await asyncio.wait_for(drain(stream), 5)


async def test_an_async_stage_that_raises_stop_async_iteration_does_not_end_a_stream() -> None:
    class Broken:
        def astage(self) -> Any:
            async def stage(event: Any) -> Any:
                if isinstance(event, TextDelta):
                    raise StopAsyncIteration
                return (event,)

            return stage

    with pytest.raises(RuntimeError, match="raised StopAsyncIteration"):
        await drain(normalize(Async(Source("a"))).map(Broken()))


def test_stages_run_in_order() -> None:
    stream = normalize(["a"], lambda event: [event, event]).text().pipe(lambda text: [text * 2])
    assert list(stream) == ["aa", "aa"]


async def test_a_slow_reader_is_never_run_ahead_of() -> None:
    source = Source(*"abcdef")
    seen = 0
    async for event in normalize(Async(source)):
        if isinstance(event, TextDelta):
            seen += 1
            await asyncio.sleep(0.001)
            assert source.pulled == seen


async def test_a_stream_that_was_read_is_not_read_again() -> None:
    sync, other = normalize(["a"]), normalize(Async(Source("a")))
    assert list(sync)
    assert [it async for it in other]
    for again in (lambda: iter(sync), lambda: aiter(other)):
        with pytest.raises(UsageError, match="a stream is read once"):
            again()


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_run_starts_when_its_first_item_is_asked_for(is_async: bool) -> None:
    now = [1.0]

    def slow() -> Iterator[str]:
        now[0] = 5.0
        yield "a"

    async def aslow() -> AsyncIterator[str]:
        for item in slow():
            yield item

    stream: Any = normalize(aslow() if is_async else slow(), clock=lambda: now[0])
    now[0] = 2.0
    events = [it async for it in stream] if is_async else [*stream]
    assert [it.timestamp for it in events[:2]] == [2.0, 5.0]


async def test_no_task_is_started() -> None:
    async for _ in normalize(Async(Source(*"abc"))):
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_collect_and_messages_work_async() -> None:
    result = await normalize(Async(Source("a", "b"))).collect()
    assert (result.text, result.status) == ("ab", "completed")
    messages = [message async for message in normalize(Async(Source("a", "b"))).messages()]
    assert [message.content for message in messages] == ["ab"]
    assert [text async for text in normalize(Async(Source("a", "b"))).text()] == ["a", "b"]


def _same(event: Event) -> list[Event]:
    return [event]


def _type(event: Event) -> list[str]:
    return [event.type]


def _wrapped(event: Event) -> list[tuple[Event]]:
    return [(event,)]


@pytest.mark.parametrize("stages", [[_same], [_type], [_wrapped, list]])
def test_behind_stages_each_event_is_recorded_once(stages: list[Any]) -> None:
    stream: Any = normalize([("custom", 1), ("custom", 2), ("custom", 3)], *stages)
    list(stream)
    assert [it.data for it in stream.result.custom] == [1, 2, 3]


def test_generators_are_looked_for_in_lists_within_lists_and_no_deeper() -> None:
    assert [*_flat([[["a"]], [[["b"]]], {"c": ("d",)}])] == ["a", ["b"], "c", "d"]


class Twice:
    """Emits each delta twice."""

    def __call__(self, event: Any) -> Any:
        return [event, event] if isinstance(event, TextDelta) else [event]


def same(event: Any) -> Any:
    return (event,)


def lazily(event: Any) -> Any:
    yield event


def no_delta(event: Any) -> Any:
    return () if isinstance(event, TextDelta) else (event,)


def louder(event: Any) -> Any:
    return [replace(event, text=event.text.upper()) if isinstance(event, TextDelta) else event]


def only_text(event: Any) -> Any:
    """Makes no events, and None of a part of the text."""
    text = getattr(event, "text", None)
    return [] if text is None else [None if text == "lo" else text]


STAGES = (tokens, tools, Twice(), same, lazily, no_delta, louder)


@pytest.mark.parametrize("last", [same, only_text])
@pytest.mark.parametrize("stages", [*product(STAGES, repeat=2), ()])
def test_what_stages_make_of_a_stream_is_what_each_makes_of_the_one_before(
    stages: tuple[Any, ...], last: Any
) -> None:
    """A delta alone takes a shorter way than other events, whatever the stages are."""
    words = [AIMessageChunk(it, id="m") for it in ("Hel", "lo", " you")]
    expected: list[Any] = list(normalize(words, clock=lambda: 0.0))
    for stage in (*stages, last):
        made = stage_of(stage)
        expected = [out for item in expected for out in made(item)]
    stream = normalize(iter(words), *stages, clock=lambda: 0.0).pipe(last)
    assert list(stream) == expected
    later = normalize(iter(words), clock=lambda: 0.0)  # and behind what was read already
    begun = [next(later) for _ in range(4)]
    assert begun[-1].text == "Hel"  # type: ignore[union-attr]
    assert list(later.pipe(only_text)) == [None, " you", "Hello you", "Hello you"]
