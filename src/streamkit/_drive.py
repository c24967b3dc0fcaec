"""The two loops, and nothing else: no other file pulls from a source.

Both are iterator classes and no generators. A generator between the source and its reader would
close the source late and in another task; a class closes it at once, in the caller's.

Laws of this file:

1. Nothing is pulled before the last pull's outputs have been handed out.
2. Whatever ends a stream early (an exception, `close`, cancellation), its closing events are
   still there to be read; then an exception of the source is raised as it was.
3. ``CancelledError``, ``GeneratorExit`` and ``KeyboardInterrupt`` are raised at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from time import time
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, cast, overload

from ._pipeline import Pipeline
from ._protocols import Stage
from .errors import UsageError
from .events import Event
from .folds import MessageFold, Result, RunFold, text_of

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
        self, source: object, pull: Callable[[], Any], pipeline: Pipeline, on_error: OnError
    ) -> None:
        self._source = source
        self._pull = pull
        self._pipeline = pipeline
        self._feed = pipeline.feed
        self._on_error: OnError = on_error
        self._ready: deque[T_co] = deque()
        self._error: BaseException | None = None
        self._done = False

    def _end(self) -> None:
        """The source has no more items."""
        if not self._done:
            self._done = True
            self._ready.extend(self._pipeline.close())

    def _fail(self, error: BaseException) -> None:
        """The source, a reader or a stage raised, or the caller left."""
        if not self._done:
            self._done = True
            if isinstance(error, Exception) and self._on_error == "raise":
                self._error = error
            self._ready.extend(self._pipeline.fail(error))

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error:
            raise error

    def _extended(self, stage: Stage[Any, Any]) -> Any:
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
            except Exception as error:  # noqa: BLE001  (raised again, after the closing events)
                self._fail(error)
                self._close_source()
            except BaseException as error:
                self._fail(error)
                raise
        return self._ready.popleft()

    def close(self) -> None:
        """Stop: close the source. What is still to be read are the closing events."""
        self._fail(GeneratorExit())
        self._close_source()

    def _close_source(self) -> None:
        close = getattr(self._source, "close", None)
        if close:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def pipe(self, stage: Stage[T_co, U]) -> EventStream[U]:
        """Give this stream with one more stage behind it.

        A stage is any callable from one item to any number of them. The stream itself is
        extended: go on with what `pipe` returns.

        >>> shout = normalize(["Hel", "lo"]).text().pipe(lambda text: [text.upper()])
        >>> list(shout)
        ['HEL', 'LO']
        """
        return cast("EventStream[U]", self._extended(stage))

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
            except Exception as error:  # noqa: BLE001  (raised again, after the closing events)
                self._fail(error)
                await self._close_source()
            except BaseException as error:
                self._fail(error)
                raise
        return self._ready.popleft()

    async def aclose(self) -> None:
        """Stop: close the source. What is still to be read are the closing events."""
        self._fail(GeneratorExit())
        await self._close_source()

    async def _close_source(self) -> None:
        aclose: Callable[[], Awaitable[object]] | None = getattr(self._source, "aclose", None)
        if aclose:
            await aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def pipe(self, stage: Stage[T_co, U]) -> AsyncEventStream[U]:
        """Give this stream with one more stage behind it: see `EventStream.pipe`."""
        return cast("AsyncEventStream[U]", self._extended(stage))

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


@overload
def normalize(
    source: AsyncIterable[Any],
    *stages: Stage[Event, Event],
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
    *stages: Stage[Event, Event],
    dialect: str | None = ...,
    mode: str | None = ...,
    subgraphs: bool | None = ...,
    strict: bool = ...,
    on_error: OnError = ...,
    clock: Callable[[], float] = ...,
) -> EventStream[Event]: ...


def normalize(
    source: AsyncIterable[Any] | Iterable[Any],
    *stages: Stage[Event, Event],
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
    if on_error not in {"raise", "event"}:
        raise UsageError(f"on_error must be 'raise' or 'event', not {on_error!r}")
    _require_stream(source)
    if mode is not None or subgraphs is not None:
        dialect = dialect or "graph"
    pipeline = Pipeline(dialect, mode=mode, subgraphs=subgraphs, strict=strict, clock=clock)
    for stage in stages:
        pipeline.add_stage(stage)
    if isinstance(source, AsyncIterable):
        items = source.__aiter__()
        return AsyncEventStream(items, items.__anext__, pipeline, on_error)
    iterator = iter(source)
    return EventStream(iterator, iterator.__next__, pipeline, on_error)


def _require_stream(source: object) -> None:
    """Refuse what is no stream, and say what to write instead."""
    kind = type(source).__name__
    if hasattr(source, "__await__"):
        close = getattr(source, "close", None)
        if close:
            close()  # or Python warns that the coroutine was never awaited
        raise UsageError(
            f"got a {kind}, not a stream; await it first: "
            f"normalize(await graph.astream_events(..., version='v3'))"
        )
    if hasattr(source, "astream") or hasattr(source, "invoke"):
        raise UsageError(
            f"got a {kind}, not a stream; start it first: "
            f"normalize(runnable.stream(...)) or normalize(runnable.astream_events(...))"
        )
    is_iterable = hasattr(source, "__iter__") or hasattr(source, "__aiter__")
    if callable(source) and not is_iterable:
        raise UsageError(f"got the function {kind}, not a stream; call it: normalize(f(...))")
    is_value = isinstance(source, (str, bytes, dict)) or hasattr(type(source), "model_fields")
    if is_value or not is_iterable:
        raise UsageError(
            f"got {source!r:.80}, a {kind} and not a stream; "
            f"pass what .stream(), .astream() or .astream_events() returns"
        )
