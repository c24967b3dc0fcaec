"""The matrix of faults: every source, fault and position, sync and async.

A cell reads a stream with one fault in it, and checks what docs/reliability.md promises: the events
before the fault are those of a run without it, the grammar holds to the end, the original exception
is raised as it was, the source's ``finally`` runs once, in the task or thread that reads, and no
task is left.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from mutations import STREAMS
from streamkit import AsyncEventStream, Event, EventStream, RunFailed, normalize
from streamkit.testing import check_stream

__all__ = ["ASYNC_FAULTS", "RUNNERS", "SYNC_FAULTS", "Cell", "cells", "run_cell"]


class Boom(Exception):
    """What a source, or a reader, raises."""


class Stop(BaseException):
    """A foreign `BaseException`, as a framework's own cancellation is."""


RAISES: dict[str, type[BaseException]] = {
    "source raises": Boom,
    "KeyboardInterrupt": KeyboardInterrupt,
    "BaseException": Stop,
}
BOTH = (
    *RAISES,
    "source ends",
    "closed by its reader",
    "reader raises",
    "reader stops pulling",
    "source ignores GeneratorExit",
    "closing the source raises",
)
SYNC_FAULTS = (*BOTH, "closed from another thread")
ASYNC_FAULTS = (*BOTH, "cancelled", "closed from another task", "closed from a thread", "loop ends")
TRIO_FAULTS = tuple(it for it in BOTH if it != "source ignores GeneratorExit")
BY_READER = {"closed by its reader", "reader raises", "reader stops pulling", "loop ends"}
"""Faults at an event. The others are at an item of the source."""
ILL_CLOSED = {"source ignores GeneratorExit", "closing the source raises"}
"""Faults of the source's own closing, also at an event."""


class Cell(NamedTuple):
    """One cell of the matrix. ``at`` is the number of items, or of events, before the fault."""

    runner: str
    source: str
    fault: str
    at: int


class Watch:
    """What happened to a source."""

    def __init__(self) -> None:
        self.closed: list[object] = []
        self.waits: Any = None
        self.raised: BaseException | None = None
        self.stream: object = None

    def fail(self, fault: str) -> None:
        self.raised = RAISES[fault]("at this item")
        raise self.raised

    def end(self, fault: str, reader: object) -> None:
        self.closed.append(reader)
        if fault == "closing the source raises":
            raise Boom("while closing")


# --- the sources


def sync_source(items: list[Any], cell: Cell, watch: Watch) -> Iterator[Any]:
    """Yield items, with the fault where it belongs."""
    _, _, fault, at = cell
    try:
        for number, item in enumerate(items):
            if number == at:
                if fault in RAISES:
                    watch.fail(fault)
                if fault == "source ends":
                    return
                if fault == "closed from another thread":
                    watch.waits()
            try:
                yield item
            except GeneratorExit:
                if fault != "source ignores GeneratorExit":
                    raise
                yield item
    finally:
        watch.end(fault, threading.get_ident())


async def async_source(items: list[Any], cell: Cell, watch: Watch) -> AsyncIterator[Any]:
    """Yield items, with the fault where it belongs."""
    _, _, fault, at = cell
    try:
        for number, item in enumerate(items):
            if number == at:
                if fault in RAISES:
                    watch.fail(fault)
                if fault == "source ends":
                    return
                if fault in {"cancelled", "closed from another task", "closed from a thread"}:
                    watch.waits.set()
                    await asyncio.Event().wait()
            try:
                yield item
            except GeneratorExit:
                if fault != "source ignores GeneratorExit":
                    raise
                yield item
    finally:
        watch.end(fault, current())


def current() -> object:
    """Return the task that runs, or the thread where there is no asyncio."""
    try:
        return asyncio.current_task() or threading.get_ident()
    except RuntimeError:
        return threading.get_ident()


# --- the readers


def read_sync(cell: Cell, watch: Watch) -> tuple[list[Event], BaseException | None]:
    """Read a cell's stream by a sync loop."""
    options, items = STREAMS()[cell.source]
    stream: EventStream[Event] = normalize(sync_source(items, cell, watch), **options)
    watch.waits = lambda: _in_thread(stream.close)
    events: list[Event] = []
    error: BaseException | None = None
    try:
        with stream:
            _pull(stream, events, cell)
    except (Boom, Stop, KeyboardInterrupt, RuntimeError, RunFailed) as raised:
        error = raised
    try:
        while (event := next(stream, None)) is not None:
            events.append(event)
    except (Boom, RunFailed) as raised:
        error = error or raised
    return events, error


def _pull(stream: EventStream[Event], events: list[Event], cell: Cell) -> None:
    for event in stream:
        events.append(event)
        if cell.fault in BY_READER and len(events) > cell.at:
            if cell.fault == "reader raises":
                raise Boom("the reader's own")
            if cell.fault == "closed by its reader":
                stream.close()
            else:
                break
        if cell.fault in ILL_CLOSED and len(events) > cell.at:
            break


def _in_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


async def read_async(cell: Cell, watch: Watch) -> tuple[list[Event], BaseException | None]:
    """Read a cell's stream by an async loop."""
    options, items = STREAMS()[cell.source]
    stream = normalize(async_source(items, cell, watch), **options)
    events: list[Event] = []
    error: BaseException | None = None
    try:
        if cell.runner == "trio" or cell.fault not in _ELSEWHERE:
            await _apull(stream, events, cell)
        else:
            watch.waits = asyncio.Event()
            reader = asyncio.create_task(_apull(stream, events, cell))
            waiting = asyncio.create_task(watch.waits.wait())
            await asyncio.wait({reader, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            await _ELSEWHERE[cell.fault](stream, reader)
            await reader
    except (Boom, Stop, KeyboardInterrupt, RuntimeError, RunFailed, asyncio.CancelledError) as it:
        error = it
    if cell.fault == "loop ends" and cell.at < len(events):
        watch.stream = stream  # which outlives the loop
        return events, error
    try:
        while (event := await anext(stream, None)) is not None:
            events.append(event)
    except (Boom, RunFailed) as raised:
        error = error or raised
    return events, error


async def _apull(stream: AsyncEventStream[Event], events: list[Event], cell: Cell) -> None:
    if cell.fault == "loop ends":
        async for event in stream:  # and nobody closes it
            events.append(event)
            if len(events) > cell.at:
                return
        return
    async with stream:
        async for event in stream:
            events.append(event)
            if cell.fault in BY_READER and len(events) > cell.at:
                if cell.fault == "reader raises":
                    raise Boom("the reader's own")
                if cell.fault == "closed by its reader":
                    await stream.aclose()
                else:
                    break
            if cell.fault in ILL_CLOSED and len(events) > cell.at:
                break


async def _cancel(_: object, reader: asyncio.Task[None]) -> None:
    reader.cancel()


async def _close(stream: AsyncEventStream[Event], _: object) -> None:
    await stream.aclose()


async def _close_in_thread(stream: AsyncEventStream[Event], reader: asyncio.Task[None]) -> None:
    await asyncio.to_thread(lambda: asyncio.run(stream.aclose()))
    await asyncio.wait({reader})


_ELSEWHERE: dict[str, Callable[[Any, Any], Awaitable[None]]] = {
    "cancelled": _cancel,
    "closed from another task": _close,
    "closed from a thread": _close_in_thread,
}


# --- the runners


def _run_asyncio(main: Any, factory: Any = None) -> Any:
    complaints: list[Any] = []
    with asyncio.Runner(loop_factory=factory) as runner:
        loop = runner.get_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        if factory is _eager_loop:
            loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]

        async def watched() -> Any:
            before = asyncio.all_tasks()
            result = await main()
            for _ in range(5):
                await asyncio.sleep(0)
            assert asyncio.all_tasks() == before, "a task is left"
            return result

        result = runner.run(watched())
    left = [it for it in complaints if "asynchronous generator" not in it["message"]]
    assert not left, left  # (a source that cannot be closed is reported by the loop itself)
    return result


def _eager_loop() -> Any:
    return asyncio.new_event_loop()


def _runners() -> dict[str, Callable[[Any], Any]]:
    found: dict[str, Callable[[Any], Any]] = {"asyncio": _run_asyncio}
    if sys.version_info >= (3, 12):
        found["asyncio, eager tasks"] = lambda main: _run_asyncio(main, _eager_loop)
    try:
        import uvloop
    except ImportError:
        pass
    else:
        found["uvloop"] = lambda main: _run_asyncio(main, uvloop.new_event_loop)
    try:
        import trio
    except ImportError:
        pass
    else:
        found["trio"] = trio.run
    return found


RUNNERS = _runners()


def cells() -> Iterator[Cell]:
    """Yield every cell of the matrix."""
    for source, (_, items) in STREAMS().items():
        events = len(types_of(source))
        for runner in ("sync", *RUNNERS):
            faults = {"sync": SYNC_FAULTS, "trio": TRIO_FAULTS}.get(runner, ASYNC_FAULTS)
            for fault in faults:
                most = len(items) if fault in _AT_ITEMS else min(events, 60)
                for at in range(most):
                    yield Cell(runner, source, fault, at)


_AT_ITEMS = {*RAISES, "source ends", "closed from another thread", *_ELSEWHERE}


def _quiet(stream: EventStream[Event]) -> Iterator[Event]:
    try:
        yield from stream
    except Exception:
        return


def run_cell(cell: Cell) -> None:
    """Read a cell's stream, and raise where a promise is not kept."""
    watch = Watch()
    if cell.runner == "sync":
        events, error = read_sync(cell, watch)
        reader: object = threading.get_ident()
    else:
        events, error = RUNNERS[cell.runner](lambda: read_async(cell, watch))
        reader = None
    _check(cell, watch, events, error, reader)


def _check(
    cell: Cell, watch: Watch, events: list[Event], error: BaseException | None, reader: object
) -> None:
    if cell.fault != "loop ends":
        check_stream(events)
    is_stubborn = cell.fault == "source ignores GeneratorExit"
    assert watch.closed or cell.at == 0 or is_stubborn, "the source was not closed"
    assert len(watch.closed) <= 1, "the source was closed twice"
    if reader is not None and watch.closed:
        assert watch.closed == [reader], "the source was closed elsewhere"
    last: Any = events[-1]
    if cell.fault in RAISES:
        assert error is watch.raised, "another exception was raised"
        _require_traceback(error)
        expected = "run.error" if cell.fault == "source raises" else "run.end"
        assert last.type == expected, last.type
        if last.type == "run.error":
            assert last.error.exception is error
        else:
            assert last.status == "cancelled"
    elif cell.fault == "cancelled":
        assert isinstance(error, asyncio.CancelledError), "the cancellation was swallowed"
        assert last.status == "cancelled"
    elif cell.fault.startswith("closed"):
        assert error is None or isinstance(error, (Boom, RunFailed)), error
        assert last.type in {"run.end", "run.error"}
    elif cell.fault == "reader raises":
        assert isinstance(error, Boom)
    _require_prefix(cell, [event.type for event in events])


def _require_prefix(cell: Cell, types: list[str]) -> None:
    """Require that the events are those of a run without the fault, and then only closing ones."""
    whole = types_of(cell.source)
    pairs = enumerate(zip(types, whole, strict=False))
    same = next((number for number, (one, other) in pairs if one != other), len(types))
    if cell.fault in BY_READER | ILL_CLOSED:
        assert same >= min(cell.at, len(whole)), "events before the fault differ"
    later = {it for it in types[same:] if not it.endswith((".end", ".error"))}
    # What was held back until its end was certain is shown by closing.
    assert later <= {"content", "tool_call.start", "tool_call.delta", "run.start"}, later


@cache
def types_of(source: str) -> list[str]:
    """Return the types of the events of a recorded run."""
    options, items = STREAMS()[source]
    return [event.type for event in _quiet(normalize(iter(items), **options))]


def _require_traceback(error: BaseException | None) -> None:
    names = set()
    traceback = error.__traceback__ if error else None
    while traceback:
        names.add(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert {"fail"} <= names, "the traceback does not lead to the source"
