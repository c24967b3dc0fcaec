"""The two loops, and nothing else: no other file pulls from a source.

Both are iterator classes and no generators. A generator between the source and its reader would
close the source late and in another task; a class closes it at once, in the caller's.

Laws of this file:

1. Nothing is pulled before the last pull's outputs have been handed out.
2. Whatever ends a stream early (an exception, `close`, cancellation), its closing events are
   still there to be read; then an exception of the source is raised as it was.
3. ``CancelledError``, ``GeneratorExit`` and ``KeyboardInterrupt`` are raised as soon as the
   source is closed, and never swallowed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack
from time import time
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, cast, overload

from ._pipeline import Pipeline, Stages
from ._protocols import AnyStage, AsyncStageMaker, RunOver, StageMaker
from ._source import Stop, require_stream, stops
from .errors import UsageError
from .events import Event
from .folds import MessageFold, Result, RunFold, text_of
from .mapping import mapped

if TYPE_CHECKING:
    from types import TracebackType

    from langchain_core.messages import AIMessage, ToolMessage
    from typing_extensions import Self

__all__ = ["AsyncEventStream", "EventStream", "OnError", "normalize"]

T = TypeVar("T")
U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)

OnError: TypeAlias = Literal["raise", "event"]


class _Stream(Generic[T_co]):
    """What both loops share: the pipeline, the outputs not yet handed out, and how it ended."""

    def __init__(
        self,
        iterator: object,
        pull: Callable[[], Any],
        pipeline: Stages,
        on_error: OnError,
        source: object = None,
    ) -> None:
        if on_error not in {"raise", "event"}:
            raise UsageError(f"on_error must be 'raise' or 'event', not {on_error!r}")
        self._iterator = iterator
        self._source = iterator if source is None else source
        self._pull = pull
        self._pipeline = pipeline
        self._feed: Callable[[Any], Iterable[T_co]] = pipeline.feed
        self._on_error: OnError = on_error
        self._ready: deque[T_co] = deque()
        self._error: BaseException | None = None
        self._done = False
        self._ended = False

    def _end(self) -> None:
        """The source has no more items."""
        self._ended = True
        if not self._done:
            self._done = True
            broken = self._hand_out(self._pipeline.close())
            self._error = self._error or broken

    def _fail(self, error: BaseException) -> None:
        """The source, a reader or a stage raised, or the caller left."""
        if not self._done:
            self._done = True
            broken = self._hand_out(self._pipeline.fail(error))
            if not isinstance(error, Exception):
                self._error = broken
            elif self._on_error == "raise":
                self._error = error

    def _over(self, error: Exception | None) -> None:
        """The run is over, though the source would go on waiting."""
        self._ended = True
        if error:
            self._fail(error)
        else:
            self._end()

    def _stops(self, *, is_async: bool = False) -> list[Stop]:
        return stops(self._iterator, self._source, is_async=is_async, ended=self._ended)

    def _hand_out(self, closing: Iterable[T_co]) -> Exception | None:
        """Make the closing events ready, and give what a stage raised on the way."""
        try:
            self._ready.extend(closing)
        except Exception as error:  # noqa: BLE001  (raised again, after the closing events)
            return error
        return None

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error:
            raise error

    def _extended(self, stage: AnyStage[Any, Any]) -> Any:
        self._pipeline.add_stage(stage)
        return self


class EventStream(_Stream[T_co], Iterator[T_co]):
    """An iterator of events over a sync source; also a context manager that closes the source."""

    def __next__(self) -> T_co:
        while not self._ready:
            if self._done:
                self._raise_error()
                raise StopIteration
            try:
                self._ready.extend(self._feed(self._pull()))
            except StopIteration:
                self._end()
            except RunOver as over:
                self._over(over.error)
                self._close_source()
            except Exception as error:  # noqa: BLE001  (raised again, after the closing events)
                self._fail(error)
                self._close_source()
            except BaseException as error:
                self._fail(error)
                self._close_source()
                raise
        return self._ready.popleft()

    def close(self) -> None:
        """Stop: close the source. What is still to be read are the closing events."""
        self._fail(GeneratorExit())
        self._close_source()

    def _close_source(self) -> None:
        with ExitStack() as closing:
            for stop in reversed(self._stops()):
                closing.callback(stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def pipe(self, stage: AnyStage[T_co, U]) -> EventStream[U]:
        """Give this stream with one more stage behind it.

        A stage is any callable from one item to any number of them, or what makes one, such as
        a filter. The stream itself is extended: go on with what `pipe` returns.

        >>> shout = normalize(["Hel", "lo"]).text().pipe(lambda text: [text.upper()])
        >>> list(shout)
        ['HEL', 'LO']
        """
        return cast("EventStream[U]", self._extended(stage))

    def map(self, mapper: StageMaker[T_co, U] | Callable[[T_co], U | None]) -> EventStream[U]:
        """Give what ``mapper`` makes of each item: a function (None for nothing) or a `Mapper`.

        Where the function raises, the stream raises `BrokenMapper`.

        >>> sizes = normalize(["Hel", "lo"]).text().map(len)
        >>> list(sizes)
        [3, 2]
        """
        return self.pipe(mapped(mapper))

    def text(self: EventStream[Event]) -> EventStream[str]:
        """Give only the text, piece by piece.

        >>> "".join(normalize(["Hel", "lo"]).text())
        'Hello'
        """
        return self.pipe(text_of)

    def messages(self: EventStream[Event]) -> EventStream[AIMessage | ToolMessage]:
        """Give only the finished messages, as LangChain's own, each when it is complete.

        >>> [message.content for message in normalize(["Hel", "lo"]).messages()]
        ['Hello']
        """
        return self.pipe(MessageFold())

    def collect(self: EventStream[Event]) -> Result:
        """Read to the end and give the whole run as one object.

        Raises whatever the source raises; with ``on_error="event"`` it is in ``result.error``.

        >>> normalize(["Hel", "lo"]).collect().text
        'Hello'
        """
        fold = RunFold()
        for event in self:
            fold.feed(event)
        return fold.result()


class AsyncEventStream(_Stream[T_co], AsyncIterator[T_co]):
    """The same over an async source, for ``async for`` and ``async with``."""

    async def __anext__(self) -> T_co:
        while not self._ready:
            if self._done:
                self._raise_error()
                raise StopAsyncIteration
            try:
                self._ready.extend(self._feed(await self._pull()))
            except StopAsyncIteration:
                self._end()
                await self._close_source()
            except RunOver as over:
                self._over(over.error)
                await self._close_source()
            except Exception as error:  # noqa: BLE001  (raised again, after the closing events)
                self._fail(error)
                await self._close_source()
            except BaseException as error:
                self._fail(error)
                if not isinstance(error, GeneratorExit):  # which may be thrown in to await no more
                    await self._close_source()
                raise
        return self._ready.popleft()

    async def aclose(self) -> None:
        """Stop: close the source. What is still to be read are the closing events."""
        self._fail(GeneratorExit())
        await self._close_source()

    async def _close_source(self) -> None:
        async with AsyncExitStack() as closing:
            for stop in reversed(self._stops(is_async=True)):
                closing.push_async_callback(_awaited, stop)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def pipe(self, stage: AnyStage[T_co, U]) -> AsyncEventStream[U]:
        """Give this stream with one more stage behind it: see `EventStream.pipe`."""
        return cast("AsyncEventStream[U]", self._extended(stage))

    @overload
    def map(
        self, mapper: AsyncStageMaker[T_co, U] | Callable[[T_co], Awaitable[U | None]]
    ) -> AsyncEventStream[U]: ...
    @overload
    def map(
        self, mapper: StageMaker[T_co, U] | Callable[[T_co], U | None]
    ) -> AsyncEventStream[U]: ...
    def map(self, mapper: Any) -> Any:
        """Give what ``mapper`` makes of each item: see `EventStream.map`.

        Coroutine functions are awaited, one item after the other.
        """
        stage = mapped(mapper)
        if not hasattr(stage, "astage"):
            return self.pipe(stage)
        from .views._relay import Awaiting  # noqa: PLC0415  (it is made of what is here)

        return Awaiting(self, stage.astage())

    def text(self: AsyncEventStream[Event]) -> AsyncEventStream[str]:
        """Give only the text, piece by piece: see `EventStream.text`."""
        return self.pipe(text_of)

    def messages(self: AsyncEventStream[Event]) -> AsyncEventStream[AIMessage | ToolMessage]:
        """Give only the finished messages: see `EventStream.messages`."""
        return self.pipe(MessageFold())

    async def collect(self: AsyncEventStream[Event]) -> Result:
        """Read to the end and give the whole run as one object: see `EventStream.collect`."""
        fold = RunFold()
        async for event in self:
            fold.feed(event)
        return fold.result()


async def _awaited(stop: Stop) -> None:
    stopping = stop()
    if hasattr(stopping, "__await__"):
        await stopping


@overload
def normalize(
    source: AsyncIterable[Any],
    *stages: AnyStage[Event, Event],
    dialect: str | None = ...,
    mode: str | None = ...,
    subgraphs: bool | None = ...,
    strict: bool = ...,
    on_error: OnError = ...,
    clock: Callable[[], float] = ...,
) -> AsyncEventStream[Event]: ...


@overload
def normalize(
    source: Iterable[Any],
    *stages: AnyStage[Event, Event],
    dialect: str | None = ...,
    mode: str | None = ...,
    subgraphs: bool | None = ...,
    strict: bool = ...,
    on_error: OnError = ...,
    clock: Callable[[], float] = ...,
) -> EventStream[Event]: ...


def normalize(  # noqa: PLR0913  (a source has many sides)
    source: AsyncIterable[Any] | Iterable[Any],
    *stages: AnyStage[Event, Event],
    dialect: str | None = None,
    mode: str | None = None,
    subgraphs: bool | None = None,
    strict: bool = False,
    on_error: OnError = "raise",
    clock: Callable[[], float] = time,
) -> AsyncEventStream[Event] | EventStream[Event]:
    """Give any LangChain or LangGraph stream as one stream of events.

    Args:
        source: what ``.stream()``, ``.astream()`` or ``.astream_events()`` returned. A sync
            source gives an `EventStream`, an async one an `AsyncEventStream`.
        stages: callables behind the reader, each from one event to any number of events.
        dialect: what the source is, where its first item does not prove it: ``"chunks"``,
            ``"events"``, ``"graph"`` or ``"messages"``.
        mode: the one ``stream_mode`` that a graph was asked for, where it was a single one other
            than ``"messages"``: such items do not say what they are.
        subgraphs: whether a graph with that one mode was asked for ``subgraphs=True``; needed
            only for ``custom``, whose payload may look like anything.
        strict: raise `MalformedItem` for an item that cannot be read, instead of passing it on
            as an `Unrecognized` event.
        on_error: ``"raise"`` hands an exception of the source on after the closing events;
            ``"event"`` ends with the `RunError` event alone.
        clock: gives the events' timestamps, in unix seconds; called once per item.

    Raises:
        UsageError: at once if ``source`` is no stream; at the first item (as `UnknownSource`)
            if nothing proves what it is.

    >>> for event in normalize(["Hel", "lo"]):
    ...     print(event.type)
    run.start
    message.start
    text.start
    text.delta
    text.delta
    text.end
    message.end
    run.end
    """
    require_stream(source)
    if mode is not None or subgraphs is not None:
        dialect = dialect or "graph"
    pipeline = Pipeline(dialect, mode=mode, subgraphs=subgraphs, strict=strict, clock=clock)
    for stage in stages:
        pipeline.add_stage(stage)
    if isinstance(source, AsyncIterable):
        items = source.__aiter__()
        return AsyncEventStream(items, items.__anext__, pipeline, on_error, source)
    iterator = iter(source)
    return EventStream(iterator, iterator.__next__, pipeline, on_error, source)
