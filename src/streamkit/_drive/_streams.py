"""The two loops: no other file pulls from a source.

Both are iterator classes and no generators. A generator between the source and its reader would
close the source late and in another task; a class closes it at once, in the caller's.

Laws of this file:

1. Nothing is pulled before the last pull's outputs have been handed out.
2. Whatever ends a stream early (an exception, `close`, cancellation), its closing events are
   still there to be read; then an exception of the source is raised as it was.
3. ``CancelledError``, ``GeneratorExit`` and ``KeyboardInterrupt`` are raised as soon as the
   source is closed, and never swallowed.
"""

# A stream may reach into another of its own family.
# ruff: noqa: SLF001

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, cast, overload

from .._conversation import ConversationText
from .._protocols import AnyStage, AsyncStageMaker, RunOver, StageMaker
from ..errors import UsageError
from ..events import Event
from ..filters import conversation
from ..folds import MessageFold, Result, RunFold
from ..mapping import mapped
from ._pipeline import Stages
from ._source import Stop, stops

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from langchain_core.messages import AIMessage, ToolMessage

__all__ = ["AsyncEventStream", "AsyncRelay", "EventStream", "OnError", "Relay"]

T = TypeVar("T")
U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)

_IN_HAND = frozenset({list, tuple})  # and not still to be made

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
                outputs: Any = self._pipeline.feed(self._pull())
                if outputs.__class__ in _IN_HAND and len(outputs) == 1:  # as most items give
                    only: T_co = outputs[0]
                    return only
                self._ready.extend(outputs)
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

        >>> from streamkit import normalize
        >>> shout = normalize(["Hel", "lo"]).text().pipe(lambda text: [text.upper()])
        >>> list(shout)
        ['HEL', 'LO']
        """
        return cast("EventStream[U]", self._extended(stage))

    def map(self, mapper: StageMaker[T_co, U] | Callable[[T_co], U | None]) -> EventStream[U]:
        """Give what ``mapper`` makes of each item: a function (None for nothing) or a `Mapper`.

        Where the function raises, the stream raises `BrokenMapper`.

        >>> from streamkit import normalize
        >>> sizes = normalize(["Hel", "lo"]).text().map(len)
        >>> list(sizes)
        [3, 2]
        """
        return self.pipe(mapped(mapper))

    def text(self: EventStream[Event]) -> EventStream[str]:
        """Return only the text of the conversation, piece by piece.

        Text of internal models, and of those inside tools, is left out. To have it as well, write
        ``pipe(text_of)``, with `streamkit.folds.text_of`.

        >>> from streamkit import normalize
        >>> "".join(normalize(["Hel", "lo"]).text())
        'Hello'
        """
        return self.pipe(ConversationText())

    def messages(self: EventStream[Event]) -> EventStream[AIMessage | ToolMessage]:
        """Return only the finished messages, as LangChain's own, each when it is complete.

        They are those of the conversation: none of internal models, and none inside tools.

        >>> from streamkit import normalize
        >>> [message.content for message in normalize(["Hel", "lo"]).messages()]
        ['Hello']
        """
        return self.pipe(conversation).pipe(MessageFold())

    def collect(self: EventStream[Event]) -> Result:
        """Read to the end and give the whole run as one object.

        Raises whatever the source raises; with ``on_error="event"`` it is in ``result.error``.

        >>> from streamkit import normalize
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
                outputs: Any = self._pipeline.feed(await self._pull())
                if outputs.__class__ in _IN_HAND and len(outputs) == 1:  # as most items give
                    only: T_co = outputs[0]
                    return only
                self._ready.extend(outputs)
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
        return Awaiting(self, stage.astage())

    def text(self: AsyncEventStream[Event]) -> AsyncEventStream[str]:
        """Give only the text, piece by piece: see `EventStream.text`."""
        return self.pipe(ConversationText())

    def messages(self: AsyncEventStream[Event]) -> AsyncEventStream[AIMessage | ToolMessage]:
        """Give only the finished messages: see `EventStream.messages`."""
        return self.pipe(conversation).pipe(MessageFold())

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


# --- streams over a stream of ours, which keeps the laws and closes itself
#
# So a relay is done only when its source is: after `close`, or an error of a stage, it still hands
# out what the source gives to the end.


class Relay(EventStream[T_co]):
    """A sync stream over ``source``, which has a ``close`` that keeps the laws."""

    def __init__(self, source: Iterator[T_co]) -> None:
        super().__init__(source, source.__next__, Stages(), "raise")

    def close(self) -> None:
        """Stop: close the source. What is still to be read are the closing events."""
        self._close_source()

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or _only_exception(error)


class AsyncRelay(AsyncEventStream[T_co]):
    """An async stream over ``source``, which has an ``aclose`` that keeps the laws."""

    def __init__(self, source: AsyncIterator[Any]) -> None:
        super().__init__(source, source.__anext__, Stages(), "raise")

    async def aclose(self) -> None:
        """Stop: close the source. What is still to be read are the closing events."""
        await self._close_source()

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or _only_exception(error)


class Awaiting(AsyncRelay[T_co]):
    """An async stream behind a stage that awaits: its own pull awaits both, and no task is made."""

    def __init__(
        self, inner: AsyncEventStream[T], stage: Callable[[T], Awaitable[Iterable[T_co]]]
    ) -> None:
        super().__init__(inner)
        self._inner = inner
        self._stage = stage
        self._pull = self._staged
        self._pipeline.feed = self._pipeline.through  # it pulls any number of items at once
        self._on_error = inner._on_error
        self._is_quiet = False

    async def _staged(self) -> Iterable[T_co]:
        return await self._stage(await self._inner.__anext__())

    def _fail(self, error: BaseException) -> None:
        inner = self._inner
        if not inner._done:
            inner._fail(error)
            self._is_quiet = self._on_error == "event"
        elif isinstance(error, Exception) and not self._is_quiet:
            self._error = self._error or inner._error or error


def _only_exception(error: BaseException) -> Exception | None:
    return error if isinstance(error, Exception) else None
