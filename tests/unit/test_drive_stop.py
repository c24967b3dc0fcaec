"""One reader at a time, a stop button for everybody else, and a result however a stream is read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import FunctionType
from typing import Any

import pytest

from read_streams import adrained, drained, of, read
from streamkit import ConcurrentRead, Event, TextDelta, UsageError, normalize
from streamkit._drive import Inside
from streamkit.presets import tokens, tools
from streamkit.testing import check_stream


class Slow:
    """An async source that waits before each word, and knows where it was closed."""

    def __init__(self, *words: str, pace: float = 0.01) -> None:
        self.words, self.pace = words, pace
        self.closed_in: Any = None

    async def __aiter__(self) -> AsyncIterator[str]:
        try:
            for word in self.words:
                await asyncio.sleep(self.pace)
                yield word
        finally:
            self.closed_in = asyncio.current_task()


def status(events: list[Any]) -> str:
    check_stream(events)
    return str(events[-1].status)


# --- the stop button


async def test_aclose_from_another_task_wakes_the_reader_which_gets_the_closing_events() -> None:
    source = Slow("a", *["b"] * 9, pace=0.005)
    source.pace = 0.005
    stream = normalize(source)
    first = await anext(stream)
    source.pace = 60
    reader = asyncio.create_task(read(stream))
    await asyncio.sleep(0.02)
    await stream.aclose()
    assert source.closed_in is reader
    assert status([first, *await reader]) == "cancelled"
    assert reader.cancelling() == 0
    assert await anext(stream, None) is None


async def test_aclose_from_another_thread_does_the_same() -> None:
    source = Slow("a", pace=60)
    stream = normalize(source)
    reader = asyncio.create_task(read(stream))
    await asyncio.sleep(0.01)
    await asyncio.to_thread(lambda: asyncio.run(stream.aclose()))
    assert status(await asyncio.wait_for(reader, 60)) == "cancelled"
    assert source.closed_in is reader


async def test_a_source_that_breaks_when_it_is_stopped_is_a_run_that_failed() -> None:
    async def source() -> AsyncIterator[str]:
        yield "a"
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ValueError("in the middle") from None

    stream = normalize(source())
    seen: list[Event] = []

    async def reading() -> None:
        async for event in stream:
            seen.append(event)

    reader = asyncio.create_task(reading())
    await asyncio.sleep(0.01)
    await stream.aclose()
    with pytest.raises(ValueError, match="in the middle"):
        await reader
    assert seen[-1].type == "run.error"
    assert reader.cancelling() == 0


def test_aclose_from_another_task_of_trio_stops_the_reader_at_the_next_item() -> None:
    trio = pytest.importorskip("trio")

    async def main() -> list[Event]:
        waits, goes_on = trio.Event(), trio.Event()
        seen: list[Event] = []

        async def source() -> AsyncIterator[str]:
            yield "a"
            waits.set()
            await goes_on.wait()
            yield "b"

        async def reading() -> None:
            async for event in stream:
                seen.append(event)

        stream = normalize(source())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reading)
            await waits.wait()
            await stream.aclose()
            goes_on.set()
        return seen

    assert status(trio.run(main)) == "cancelled"


async def through_a_generator(stream: Any) -> Any:
    async def passing() -> AsyncIterator[Any]:
        async for event in stream:
            yield event

    return [event async for event in passing()][-1]


async def through_anext(stream: Any) -> Any:
    last = None
    while (event := await anext(stream, None)) is not None:
        last = event
    return last


async def through_timeouts(stream: Any) -> Any:
    """Each of these reads is a task of its own (CPython 3.11)."""
    last = None
    while (event := await asyncio.wait_for(anext(stream, None), 60)) is not None:
        last = event
    return last


async def through_a_mapping(stream: Any) -> Any:
    async def same(event: Any) -> Any:
        return event

    return (await read(stream.map(same)))[-1]


async def through_an_awaitable(stream: Any) -> Any:
    class Awaitable:
        def __await__(self) -> Any:
            return read(stream).__await__()

    return (await Awaitable())[-1]


@pytest.mark.parametrize(
    "reading",
    [
        through_a_generator,
        through_anext,
        through_timeouts,
        through_a_mapping,
        through_an_awaitable,
    ],
)
async def test_aclose_finds_the_reader_however_it_reads(reading: Callable[[Any], Any]) -> None:
    stream = normalize(Slow("a", "b", pace=60))
    others = [asyncio.create_task(asyncio.sleep(60)) for _ in range(3)]
    await asyncio.sleep(0)
    reader = asyncio.create_task(reading(stream))
    await asyncio.sleep(0.01)
    await asyncio.wait_for(stream.aclose(), 5)
    last = await asyncio.wait_for(reader, 5)
    assert (last.type, last.status) == ("run.end", "cancelled")
    assert reader.cancelling() == 0
    for other in others:
        assert not other.done()
        other.cancel()


async def test_aclose_finds_a_reader_that_has_taken_over_from_another() -> None:
    source = Slow("a", "b")
    stream = normalize(source)
    first = await asyncio.create_task(anext(stream))
    source.pace = 60
    reader = asyncio.create_task(read(stream))
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(reader_of(reader))
    await asyncio.sleep(0)
    await stream.aclose()
    assert status([first, *await waiting]) == "cancelled"
    assert source.closed_in is reader


async def reader_of(reader: asyncio.Task[list[Any]]) -> list[Any]:
    """A task that waits for another one reads nothing itself."""
    return await reader


async def test_a_second_aclose_waits_for_the_first() -> None:
    class Closing(Slow):
        async def __aiter__(self) -> AsyncIterator[str]:
            try:
                yield "a"
            finally:
                await asyncio.sleep(0.02)
                self.closed_in = asyncio.current_task()

    source = Closing()
    stream = normalize(source)
    first = await anext(stream)
    closing = asyncio.create_task(stream.aclose())
    await asyncio.sleep(0)
    await asyncio.wait_for(stream.aclose(), 5)
    assert source.closed_in is closing
    assert status([first, *await read(stream)]) == "cancelled"


async def test_cancelling_the_reader_too_is_not_swallowed() -> None:
    stream = normalize(Slow("a", pace=60))
    reader = asyncio.create_task(read(stream))
    await asyncio.sleep(0.01)
    reader.cancel()
    closing = asyncio.create_task(stream.aclose())
    with pytest.raises(asyncio.CancelledError):
        await reader
    await closing
    assert status(await read(stream)) == "cancelled"


async def test_many_may_press_the_stop_button_at_once_and_one_may_leave_before_it_has_stopped() -> (
    None
):
    stream = normalize(Slow("a", pace=60))
    reader = asyncio.create_task(read(stream))
    await asyncio.sleep(0.01)
    closing = [asyncio.create_task(stream.aclose()) for _ in range(3)]
    await asyncio.sleep(0)
    closing[0].cancel()
    assert status(await reader) == "cancelled"
    assert [it and type(it) for it in await asyncio.gather(*closing, return_exceptions=True)] == [
        *(asyncio.CancelledError, None, None)
    ]


class Lines(AsyncIterator[str]):
    """A source that nobody ends, and whose closing waits for nothing."""

    is_closed = False

    async def __anext__(self) -> str:
        await asyncio.sleep(60)
        return "a"

    def close(self) -> None:
        self.is_closed = True


async def test_a_read_that_is_thrown_away_while_it_waits_leaves_a_stream_that_can_be_closed() -> (
    None
):
    lines = Lines()
    stream = normalize(lines)
    reading = stream.__anext__().__await__()
    next(reading)
    reading.close()
    assert not lines.is_closed  # nothing may be awaited then
    await stream.aclose()
    assert lines.is_closed
    assert status(await read(stream)) == "cancelled"


def test_a_generator_of_langchains_that_another_thread_reads_is_not_closed_under_it() -> None:
    def outer(inner: Any) -> Iterator[int]:
        yield 1
        yield from inner

    def waiting() -> Iterator[int]:
        begun.set()
        go_on.wait(5)
        yield 2

    begun, go_on = threading.Event(), threading.Event()
    names = {"__name__": "langchain_core.steps"}  # whose generators are closed beside the source
    outer, waiting = (
        FunctionType(it.__code__, globals() | names, closure=it.__closure__)
        for it in (outer, waiting)
    )
    inner = waiting()
    source = outer(inner)
    next(source)
    reader = threading.Thread(target=lambda: next(inner))
    reader.start()
    begun.wait(5)
    Inside(source).close()
    go_on.set()
    reader.join(5)
    assert list(source) == []
    Inside(source).close()


async def test_aclose_in_a_stage_ends_the_stream_after_its_item() -> None:
    async def closes(event: Event) -> Event:
        if isinstance(event, TextDelta):
            await inner.aclose()
        return event

    inner = normalize(of(["a", "b"]))
    events = await read(inner.map(closes))
    assert [it.text for it in events if isinstance(it, TextDelta)] == ["a"]
    assert status(events) == "cancelled"


def test_close_from_another_thread_while_one_waits() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def source() -> Iterator[str]:
        try:
            yield "a"
            asked.set()
            go_on.wait(5)
            yield "b"
            yield "c"
        finally:
            closed.append(threading.current_thread())

    closed: list[Any] = []
    stream = normalize(source())
    events: list[Any] = []
    reader = threading.Thread(target=lambda: events.extend(stream))
    reader.start()
    asked.wait(5)
    stream.close()
    assert not closed
    go_on.set()
    reader.join(5)
    assert closed == [reader]
    assert [it.text for it in events if isinstance(it, TextDelta)] == ["a", "b"]
    assert status(events) == "cancelled"


def test_close_in_a_stage_ends_the_stream_after_its_item() -> None:
    def closes(event: Event) -> list[Event]:
        if isinstance(event, TextDelta):
            stream.close()
        return [event]

    stream = normalize(["a", "b"]).pipe(closes)
    events = list(stream)
    assert [it.text for it in events if isinstance(it, TextDelta)] == ["a"]
    assert status(events) == "cancelled"


# --- one reader


async def test_a_second_reader_is_refused_and_harms_nobody() -> None:
    stream = normalize(Slow("a", "b"))
    first, second = await asyncio.gather(stream.collect(), stream.collect(), return_exceptions=True)
    assert isinstance(second, ConcurrentRead)
    assert "tee(stream)" in str(second)
    assert (first.text, first.status) == ("ab", "completed")  # type: ignore[union-attr]


def test_a_stage_that_reads_its_own_stream_is_refused() -> None:
    stream = normalize(["a"])
    stream.pipe(lambda _: [next(stream)])
    events, error = drained(stream)
    assert isinstance(error, ConcurrentRead)
    assert events == []


async def test_a_stage_may_close_a_call_of_ours_and_may_not_read_it() -> None:
    """Most of what it reads is at hand, and taken without asking which task reads."""
    pytest.importorskip("langchain_core")
    from streamkit import astream
    from streamkit.testing import Reply, ScriptedChatModel

    refused: list[ConcurrentRead] = []

    def stage(event: Event) -> list[Event]:
        if isinstance(event, TextDelta):
            with pytest.raises(ConcurrentRead) as caught:
                stream.__anext__().send(None)
            refused.append(caught.value)
            with pytest.raises(StopIteration):
                stream.aclose().__await__().__next__()  # it does not wait for itself
        return [event]

    model = ScriptedChatModel(script=[Reply("one two three four")])
    stream = astream(model, "hi", None).pipe(stage)
    events = [event async for event in stream]
    assert len(refused) == 1
    assert status(events) == "cancelled"


async def always_ready() -> AsyncIterator[str]:
    for _ in range(1000):
        yield "word "


async def waiting() -> AsyncIterator[str]:
    async for word in always_ready():
        await asyncio.sleep(0)
        yield word


@pytest.mark.parametrize(
    ("source", "fewest", "most"),
    [(always_ready, 300, 600), (waiting, 990, 1010)],
    ids=["a source that never waits", "one that waits by itself"],
)
async def test_the_loop_runs_now_and_then_and_no_more_often_than_it_must(
    monkeypatch: pytest.MonkeyPatch,
    source: Callable[[], AsyncIterator[str]],
    fewest: int,
    most: int,
) -> None:
    """The stream lets the loop run whenever its turn is over; here a turn takes no time."""
    monkeypatch.setattr("streamkit._drive._async_stream._TURN", 0)
    monkeypatch.setattr("streamkit._drive._async_stream._LOOKS", (True,))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await normalize(source()).collect()
    counting.cancel()
    assert fewest < turns < most


# --- what closing raises


class FailsToClose:
    def __iter__(self) -> Iterator[Any]:
        try:
            yield "a"
            yield "b"
        finally:
            raise RuntimeError("closing failed")


def test_an_error_of_closing_hides_no_other() -> None:
    def broken(event: Event) -> list[Event]:
        if isinstance(event, TextDelta):
            raise LookupError("mine")
        return [event]

    _, error = drained(normalize(FailsToClose(), broken))
    assert isinstance(error, LookupError)


async def test_nor_in_async_streams() -> None:
    async def source() -> AsyncIterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            raise RuntimeError("closing failed")

    def broken(event: Event) -> list[Event]:
        if isinstance(event, TextDelta):
            raise LookupError("mine")
        return [event]

    _, error = await adrained(normalize(source(), broken))
    assert isinstance(error, LookupError)


async def test_an_error_of_closing_is_raised_after_the_events_of_a_run_that_ended_well() -> None:
    class Socket:
        async def __aiter__(self) -> AsyncIterator[str]:
            yield "a"

        async def aclose(self) -> None:
            raise OSError("the socket is gone")

    events, error = await adrained(normalize(Socket()))
    assert status(events) == "completed"
    assert isinstance(error, OSError)


# --- the result


@pytest.mark.parametrize(
    "how",
    [
        list,
        lambda stream: list(stream.text()),
        lambda stream: list(stream.messages()),
        lambda stream: list(stream.map(lambda event: {"type": event.type})),
        lambda stream: list(
            stream.pipe(lambda event: [] if event.type == "run.start" else [event])
        ),
        lambda stream: stream.collect(),
    ],
)
def test_the_result_is_there_however_a_stream_is_read(how: Any) -> None:
    stream = normalize(["Hel", "lo"])
    how(stream)
    for result in (stream.result, stream.collect()):
        assert (result.text, result.status) == ("Hello", "completed")
        assert [it.content for it in result.messages] == ["Hello"]


def test_collect_goes_on_where_the_reader_stopped() -> None:
    stream = normalize(["Hel", "lo"])
    for event in stream:
        if isinstance(event, TextDelta):
            break
    assert stream.result.status == "incomplete"
    assert (stream.collect().text, stream.result.status) == ("Hello", "completed")


def test_the_result_is_of_what_filters_and_other_stages_leave() -> None:
    def louder(event: Event) -> Event:
        from msgspec.structs import replace

        return replace(event, text=event.text.upper()) if hasattr(event, "text") else event  # type: ignore[call-arg]

    assert normalize(["a"]).map(louder).collect().text == "A"
    assert normalize(["a"], tools).collect().text == ""
    assert normalize(["a"], tokens).pipe(lambda event: [event.type]).collect().text == "a"


async def test_a_whole_run_can_be_asked_for_twice() -> None:
    stream = normalize(Slow("a", pace=0))
    assert (await stream.collect()).text == (await stream.collect()).text == "a"


async def test_the_result_of_a_stream_that_awaits() -> None:
    async def only_types(event: Event) -> str:
        return event.type

    stream = normalize(of(["a"])).map(only_types)
    assert "text.delta" in await read(stream)
    assert stream.result.text == "a"


def test_a_stream_is_read_once_and_says_so() -> None:
    stream = normalize(["a"])
    assert "".join(stream.text()) == "a"
    for again in (lambda: list(stream), stream.text, lambda: stream.pipe(tokens)):  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=r"stream\.result, and streamkit\.views\.tee"):
            again()
    assert repr(stream) == "<EventStream, read to its end>"


def test_a_stream_says_whether_it_is_open() -> None:
    stream = normalize(["a"])
    assert repr(stream) == "<EventStream, open>"
    stream.close()
    assert repr(stream) == "<EventStream, closed>"


def test_a_stage_that_stops_its_stream_closes_the_source_once() -> None:
    class Counted:
        closed = 0

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> str:
            return "a"

        def close(self) -> None:
            self.closed += 1

    source, stream = Counted(), None

    def stops(event: Event) -> list[Event]:
        if stream and event.type == "text.delta":
            stream.close()
        return [event]

    stream = normalize(source, stops)
    check_stream(list(stream))
    assert source.closed == 1


# --- the time of the first token


def test_the_run_starts_when_the_first_item_is_asked_for() -> None:
    now = [100.0]

    def source() -> Iterator[str]:
        now[0] += 5
        yield "a"

    stream = normalize(source(), clock=lambda: now[0])
    now[0] += 1
    events = list(stream)
    assert [it.timestamp for it in events[:2]] == [101.0, 106.0]
