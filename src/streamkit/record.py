"""Runs in files: record a stream, and replay it.

    normalize(graph.stream(inputs)).pipe(record("run.jsonl"))    # write while somebody reads
    replay("run.jsonl").collect()                                # the same events again

    normalize(record_raw(graph.stream(inputs), "bug.jsonl"))     # what upstream sent, for a report
    normalize(replay_raw("bug.jsonl"))

A recording is one event a line, as `streamkit.wire.ndjson` writes it; a raw recording is one item a
line, in LangChain's own serialisation as JSON. A path that ends in ``.gz`` is compressed. Neither
kind runs code when it is read.

A recording keeps prompts, inputs and exception texts unless ``private=False``.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar, cast, overload

from . import _raw_json
from ._drive import AsyncEventStream, EventStream, normalize
from ._drive._source import require_stream, stops
from ._drive._stream import OnError
from ._files import PathLike, open_to_read, open_to_write, reader_of, whole_lines
from ._protocols import Stage
from .errors import MalformedItem, RunFailed, UsageError
from .events import Event, RunEnd, RunError
from .folds import Result
from .html import run_html
from .mapping import PerRun, per_run
from .metrics import Metrics, Prices, RunMetrics
from .wire import ndjson
from .wire._writer import Writer

__all__ = ["Recording", "areplay", "record", "record_raw", "replay", "replay_raw"]

T = TypeVar("T")

_RAW_VERSION = 1


# --- events


def record(path: PathLike, *, private: bool = True, flush: bool = True) -> PerRun[Event, Event]:
    """Return a stage that writes every event to a file and passes it on.

    Args:
        path: the file, which is written anew for each run; ``.gz`` at its end compresses it. Of
            runs at the same time it holds the one that came last.
        private: whether to keep what a wire leaves out by default: prompts, inputs, exception
            texts and metadata. Set it to False before you hand the file on. What internal models
            wrote is kept in any case.
        flush: whether each line is written at once, so that another process can follow it and a
            crash costs nothing; otherwise lines are written in batches and at the run's end.

    Raises:
        OSError: The file cannot be written: when the stage is put behind a stream, or later.
        UsageError: The file is being replayed: it would be emptied.

    >>> import tempfile
    >>> from streamkit import normalize
    >>> path = tempfile.mkdtemp() + "/run.jsonl"
    >>> normalize(["Hel", "lo"]).pipe(record(path)).collect().text
    'Hello'
    >>> replay(path).collect().text
    'Hello'
    """
    return per_run(lambda: _recorder(path, private=private, flush=flush))


def _recorder(path: PathLike, *, private: bool, flush: bool) -> Stage[Event, Event]:
    file = open_to_write(path, flush=flush)
    # A recording keeps internal models, which a replay needs for the same tokens and the same tree.
    encode = Writer(private=private, internal=True, after=b"\n").feed
    write = file.write

    def stage(event: Event) -> Iterable[Event]:
        for line in encode(event):
            if not file.closed:  # by a later run, which writes it anew
                write(line)
        if event.__class__ in _ENDS:
            file.close()
        return (event,)

    return stage


_ENDS = frozenset({RunEnd, RunError})


def replay(
    path: PathLike, *, speed: float | None = None, on_error: OnError = "raise"
) -> EventStream[Event]:
    """Return the stream that was recorded, with its timestamps.

    A file that was cut off is read up to its last whole line, and its run is closed as
    ``incomplete``. A run that failed raises `RunFailed` after its last event.

    Args:
        path: the file that `record` wrote.
        speed: 1.0 takes the time that the run took, 2.0 half of it; None takes no time.
        on_error: ``"event"`` ends with the `RunError` event alone.

    Raises:
        OSError: The file cannot be read.
        UsageError: It is a raw recording, or ``speed`` is not positive.
        MalformedItem: While reading: a line is no event; the message has its number.
    """
    _require(path, speed)
    return normalize(
        timed(reader_of(path, _events_in(path)), speed), dialect="own", on_error=on_error
    )


def areplay(
    path: PathLike, *, speed: float | None = None, on_error: OnError = "raise"
) -> AsyncEventStream[Event]:
    """Return the stream that was recorded as an async one: see `replay`."""
    _require(path, speed)
    return normalize(
        _async_timed(reader_of(path, _events_in(path)), speed), dialect="own", on_error=on_error
    )


class Recording:
    """A recorded run, to be read any number of times; a notebook shows it as a folded table.

    >>> import tempfile
    >>> from streamkit import normalize
    >>> path = tempfile.mkdtemp() + "/run.jsonl"
    >>> _ = normalize(["Hel", "lo"]).pipe(record(path)).collect()
    >>> recording = Recording(path)
    >>> recording.result().text, len(list(recording))
    ('Hello', 8)
    """

    def __init__(self, path: PathLike) -> None:
        self.path: Path = Path(path)
        """The file."""

    def __iter__(self) -> Iterator[Event]:
        """Return the events of the run, closed where the file was cut; never raise its error."""
        with suppress(RunFailed):  # not what makes the file unreadable
            yield from replay(self.path)

    def result(self) -> Result:
        """Return the whole run."""
        events = replay(self.path)
        with suppress(RunFailed):
            return events.collect()
        return events.result

    def metrics(self, prices: Prices | None = None) -> RunMetrics:
        """Return what the run took and cost."""
        metrics = Metrics(prices)
        for event in self:
            metrics.feed(event)
        return metrics.result()

    def _repr_html_(self) -> str:
        """Return a small, folded table: what a notebook shows."""
        return run_html(self)


def _events_in(path: PathLike) -> Generator[Event]:
    with open_to_read(path) as file:
        for number, line in whole_lines(file):
            yield event_in(number, line)


def event_in(number: int, line: bytes) -> Event:
    """Return the event of a line.

    Raises:
        UsageError: It is the first line of a raw recording.
        MalformedItem: It is no event; the message has the line's number.
    """
    decoder = ndjson.Decoder()
    try:
        (event,) = decoder.feed(line + b"\n")
    except MalformedItem as error:
        if number == 1 and is_raw_header(line):
            raise UsageError(
                "this is a raw recording; write normalize(replay_raw(path))"
            ) from error
        raise MalformedItem(f"line {number}: {error}", line) from error
    return event


def _require(path: PathLike, speed: float | None) -> None:
    """Raise an error of the path or speed at the call, and not at the first item."""
    Path(path).stat()
    if speed is not None and not (isinstance(cast("Any", speed), (int, float)) and speed > 0):
        raise UsageError(f"speed must be positive, or None for as fast as possible, not {speed!r}")


def _pauses(speed: float | None, first: float | None = None) -> Callable[[float], float]:
    """Return a function from a moment of a recording to the seconds until it is due.

    ``first`` is the moment that is now; by default the first one that is asked for.
    """
    began = time.monotonic()

    def pause(moment: float) -> float:
        nonlocal began, first
        if speed is None:
            return 0.0
        if first is None:
            first, began = moment, time.monotonic()
        return max(0.0, began + (moment - first) / speed - time.monotonic())

    return pause


def timed(events: Iterator[Event], speed: float | None) -> Iterator[Event]:
    """Return the events, each when it is due."""
    pause = _pauses(speed)
    for event in events:
        _sleep(pause(event.timestamp))
        yield event


async def _async_timed(events: Iterator[Event], speed: float | None) -> AsyncIterator[Event]:
    pause = _pauses(speed)
    for event in events:
        await asyncio.sleep(pause(event.timestamp))
        yield event


def _sleep(seconds: float) -> None:
    if seconds:
        time.sleep(seconds)


# --- raw items


@overload
def record_raw(
    source: AsyncIterable[T], path: PathLike, *, flush: bool = ...
) -> AsyncIterator[T]: ...


@overload
def record_raw(source: Iterable[T], path: PathLike, *, flush: bool = ...) -> Iterator[T]: ...


def record_raw(source: Any, path: PathLike, *, flush: bool = True) -> Any:
    """Return the items of ``source`` as they come, and write each to a file.

    A value that JSON and LangChain's serialisation cannot hold is written by its fields, or else by
    its class's name alone. An exception of the source is the last line.

    Args:
        source: what ``.stream()``, ``.astream()`` or ``.astream_events()`` returned.
        path: the file, which is written anew; ``.gz`` at its end compresses it.
        flush: whether each line is written at once.

    Raises:
        UsageError: ``source`` is no stream, or the file is being replayed.
        OSError: The file cannot be written.
    """
    require_stream(source)
    writer = _RawWriter(path, flush=flush)
    if isinstance(source, AsyncIterable):
        return _AsyncRawItems(cast("AsyncIterable[object]", source), writer)
    return _RawItems(source, writer)


class _RawWriter:
    """A file of raw items, one a line."""

    def __init__(self, path: PathLike, *, flush: bool) -> None:
        self._file = open_to_write(path, flush=flush)
        self._began = time.monotonic()
        self._write({"streamkit_raw": _RAW_VERSION, "versions": _versions()})

    def item(self, item: object) -> None:
        self._write({"at": time.monotonic() - self._began, "item": _raw_json.to_json(item)})

    def __enter__(self) -> None:
        """Watch the source while it is pulled: how it ends is the end of the file."""

    def __exit__(self, _type: object, error: object, _traceback: object) -> None:
        if not isinstance(error, Exception):
            return
        if not isinstance(error, (StopIteration, StopAsyncIteration)):
            self._write({"at": time.monotonic() - self._began, "raised": _raw_json.to_json(error)})
        self.close()

    def close(self) -> None:
        self._file.close()

    def _write(self, line: object) -> None:
        if not self._file.closed:
            self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


class _RawItems(Iterator[Any]):
    def __init__(self, source: Iterable[Any], writer: _RawWriter) -> None:
        self._source = source
        self._iterator = iter(source)
        self._writer = writer

    def __next__(self) -> Any:
        with self._writer:
            item = next(self._iterator)
        self._writer.item(item)
        return item

    def close(self) -> None:
        """Close the file and the source."""
        self._writer.close()
        # A v3 run of langgraph 1.2 is stopped by its `abort`, and not with its iterator.
        for stop in stops(self._iterator, self._source):
            stop()


class _AsyncRawItems(AsyncIterator[Any]):
    def __init__(self, source: AsyncIterable[Any], writer: _RawWriter) -> None:
        self._source = source
        self._iterator = aiter(source)
        self._writer = writer

    async def __anext__(self) -> Any:
        with self._writer:
            item = await anext(self._iterator)
        self._writer.item(item)
        return item

    async def aclose(self) -> None:
        """Close the file and the source."""
        self._writer.close()
        for stop in stops(self._iterator, self._source, is_async=True):
            # An async generator's `aclose` is awaited; `abort` (langgraph 1.2) may be sync.
            stopping = stop()
            if hasattr(stopping, "__await__"):
                await stopping


def replay_raw(path: PathLike, *, speed: float | None = None) -> Iterator[Any]:
    """Return the raw items that `record_raw` wrote, for `normalize`.

    Messages, documents and LangGraph's types are objects again; a class that streamkit does not
    know is a dataclass of the same name and fields. Reading runs no code of the file.

    Args:
        path: the file.
        speed: 1.0 takes the time that the run took; None takes no time.

    Raises:
        UsageError: It is no raw recording, or ``speed`` is not positive.
        MalformedItem: A line cannot be read; the message has its number.

    >>> import tempfile
    >>> from langchain_core.messages import AIMessageChunk
    >>> path = tempfile.mkdtemp() + "/bug.jsonl"
    >>> for _ in record_raw(iter([AIMessageChunk("Hi", id="1")]), path):
    ...     pass
    >>> [item.content for item in replay_raw(path)]
    ['Hi']
    """
    _require(path, speed)
    return reader_of(path, _raw_items_in(path, speed))


def _raw_items_in(path: PathLike, speed: float | None) -> Generator[Any]:
    with open_to_read(path) as file:
        lines = whole_lines(file)
        if not is_raw_header(next(lines, (0, b""))[1]):
            raise UsageError("this is no raw recording; a file of events is for replay(path)")
        yield from raw_items(lines, speed)


def raw_items(lines: Iterable[tuple[int, bytes]], speed: float | None = None) -> Iterator[Any]:
    """Return the raw items of numbered lines, and raise what their source raised."""
    pause = _pauses(speed, 0.0)
    for number, line in lines:
        if is_raw_header(line):
            raise MalformedItem(f"line {number}: another raw recording; split the file here", line)
        try:
            read = json.loads(line)
            at, item = read["at"], _raw_json.from_json(read.get("raised", read.get("item")))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise MalformedItem(f"line {number}: no raw item: {error}", line) from error
        _sleep(pause(at))
        if "raised" in read:
            raise item
        yield item


def is_raw_header(line: bytes) -> bool:
    """Return whether a file with this first line is a raw recording."""
    return line.startswith(b'{"streamkit_raw":')


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    # Shapes differ by version: a report of a fault without them cannot be reproduced.
    for package in ("langchain-streamkit", "langchain-core", "langgraph", "langchain"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
