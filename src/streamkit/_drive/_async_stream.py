"""The loop over async sources: see `_stream` for its laws."""

# A stream may reach into another of its own family.
# ruff: noqa: SLF001

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, suppress
from itertools import cycle
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from .._conversation import ConversationText, conversation_messages
from .._protocols import AnyStage, AsyncStageMaker, StageMaker
from ..events import Event
from ..folds import Result
from ..mapping import mapped
from ._pipeline import LISTED, Stages, raisable
from ._source import Buffered, Inside, Stop, awaiting_frames
from ._stream import END, Stream, concurrent_read, only_exception

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType
    from typing import Self

    from langchain_core.messages import AIMessage, ToolMessage

T = TypeVar("T")
U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)

_TURN = 0.01  # seconds after which a source that never waits lets the loop run
_LOOKS = (True, *[False] * 7)  # for which of eight items it looks at the clock for that


class AsyncEventStream(Stream[T_co], AsyncIterator[T_co]):
    """An async iterator of events over an async source; also an async context manager."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._take = self._iterator.take if isinstance(self._iterator, Buffered) else None
        self._is_taken = False  # by a reader, or by who closes it
        self._task: asyncio.Task[Any] | None = None  # a recent reader, if there are tasks
        self._turn_ends = 0.0
        self._turn: asyncio.Event | None = None  # set once the loop has run
        self._looks = cycle(_LOOKS)
        self._cancels: int | None = None  # of the reader, before the stop button cancelled it
        self._released: list[asyncio.Future[None]] = []

    def __aiter__(self) -> Self:
        self._require_unread()
        return self

    async def __anext__(self) -> T_co:  # noqa: C901, PLR0912  (one loop, read from top to bottom)
        if self._is_taken:
            raise concurrent_read()
        self._is_taken = True
        only: T_co
        try:
            while not self._ready:
                try:
                    if next(self._looks) and monotonic() > self._turn_ends:
                        await self._end_turn()
                    if self._take is None or (raw := self._take()) is None:
                        try:
                            raw = await anext(self._iterator)
                        except StopAsyncIteration:
                            self._ended = True
                            raise
                    delta_of = self._pipeline.delta_of
                    if delta_of is not None and (only := delta_of(raw)) is not None:
                        return only
                    outputs: Any = self._pipeline.feed(raw)
                    if outputs.__class__ in LISTED and len(outputs) == 1:  # as most items give
                        only = outputs[0]
                        if only.__class__ in self._pipeline.recorded:
                            self._pipeline.recording.add(only)
                        return only
                    self._take_outputs(outputs)
                except BaseException as error:
                    if await self._is_raised_now(error):
                        raise
            output: T_co = self._ready.popleft()
            if output is END:
                self._reach_end()
                raise StopAsyncIteration
            return output
        finally:
            if self._stopping:
                await self._stop_now()
            self._is_taken = False

    async def aclose(self) -> None:
        """Stop: close the source. What is still to be read are the closing events.

        Any task, on any loop, may call it at any time. A task that waits for the source meanwhile
        is woken, closes the source and gets the closing events; on its own loop this waits for it.
        """
        if not self._is_taken:
            self._is_taken = True
            try:
                self._fail(GeneratorExit())
                await self._close_source()
            finally:
                self._release()
                self._is_taken = False
            return
        self._stopping = True
        if self._task is None:
            return  # this is no asyncio: the reader stops at the next item
        loop, here = self._task.get_loop(), _current_task()
        if here is None or here.get_loop() is not loop:
            loop.call_soon_threadsafe(self._wake_reader)
        elif self._wake_reader():
            released = loop.create_future()
            self._released.append(released)
            await released

    def cut_off(self) -> list[T_co]:
        """End the stream at once, and return what was still to be read.

        A reader that waits meanwhile finds the stream at its end, and closes the source;
        a server may have no time to wait for that. Nothing is returned of a stream over another
        stream of ours, such as one behind a coroutine function: its end is the other's.
        """
        from asyncio import CancelledError  # noqa: PLC0415  (importing stays light)

        self._fail(CancelledError())
        if not self._done:
            return []
        rest = [it for it in self._ready if it is not END]
        self._ready.clear()
        self._ready.append(END)
        return rest

    def _wake_reader(self) -> bool:
        """Cancel the reader's wait for the source, and no other; return whether a task has one.

        If this is called by a stage, none has: the reader stops at the next item.
        """
        reader = self._find_reader() if self._stopping else None
        if reader is not None and not self._done and self._cancels is None:
            self._cancels = reader.cancelling()
            reader.cancel()
        return reader is not None

    def _find_reader(self) -> asyncio.Task[Any] | None:
        """Return the task that has taken the stream, and waits.

        Only a stop button looks for it: to ask for the task at each item costs a tenth of a token.
        """
        from asyncio import all_tasks  # noqa: PLC0415  (importing stays light)

        ours: Any = AsyncEventStream
        codes = {ours.__anext__.__code__, ours.aclose.__code__}
        here = _current_task()
        for task in (self._task, *all_tasks(self._task.get_loop())) if self._task else ():
            frames = awaiting_frames(task.get_coro()) if task is not here else ()
            if any(it.f_code in codes and it.f_locals["self"] is self for it in frames):
                return task
        return None

    async def _is_raised_now(self, error: BaseException) -> bool:
        """End the stream and close its source; return whether to raise what ended it at once."""
        if isinstance(error, StopAsyncIteration) and self._ended:
            self._end()
        else:
            self._fail_or_end(error)
        if isinstance(error, GeneratorExit):  # thrown in where nothing may be awaited any more
            return True
        await self._close_quietly(error)
        if self._cancels is not None:  # the stop button was pressed
            from asyncio import CancelledError  # noqa: PLC0415  (as above)

            if isinstance(error, CancelledError):
                return not self._take_back_cancel()
        return not isinstance(error, Exception)

    async def _stop_now(self) -> None:
        """Close the stream, as another task or thread has requested of this reader."""
        self._stopping = False
        self._take_back_cancel()
        if not self._done:
            self._fail(GeneratorExit())
            await self._close_quietly()
        self._release()

    def _release(self) -> None:
        """Let all go on who wait until the stream is closed."""
        waiting, self._released = self._released, []
        for released in waiting:
            if not released.done():
                released.set_result(None)

    def _take_back_cancel(self) -> bool:
        """Take back the stop button's own cancelling; return whether there is no other."""
        before, self._cancels = self._cancels, None
        task = _current_task()
        return before is not None and task is not None and task.uncancel() <= before

    async def _end_turn(self) -> None:
        """Let other tasks run, as a source that is always ready never would."""
        import asyncio  # noqa: PLC0415  (as above)

        self._task = _current_task()
        if not self._begun:
            self._begin()
        elif self._task is None:  # this is no asyncio
            return
        elif self._turn is None:  # a source that waits has the loop run before the next look
            self._turn = asyncio.Event()
            asyncio.get_running_loop().call_soon(self._turn.set)
            return
        elif not self._turn.is_set():
            await asyncio.sleep(0)
        self._turn = None
        self._turn_ends = monotonic() + _TURN

    async def _close_quietly(self, error: BaseException | None = None) -> None:
        try:
            await self._close_source(error)
        except Exception as broken:  # noqa: BLE001  (raised after the closing events)
            self._add_error(broken)

    async def _close_source(self, error: BaseException | None = None) -> None:
        async with AsyncExitStack() as closing:
            if not self._ended:
                inside = Inside(self._source, error)
                inside.cancel()
                closing.push_async_callback(inside.aclose)
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
        """Return this stream with one more stage behind it: see `EventStream.pipe`."""
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
        """Return what ``mapper`` makes of each item: see `EventStream.map`.

        Coroutine functions are awaited, one item after the other.
        """
        stage = mapped(mapper)
        if not hasattr(stage, "astage"):
            return self.pipe(stage)
        self._require_unread()
        return Awaiting(self, stage.astage())

    def text(self: AsyncEventStream[Event]) -> AsyncEventStream[str]:
        """Return only the text of the conversation, piece by piece: see `EventStream.text`."""
        return self.pipe(ConversationText())

    def messages(self: AsyncEventStream[Event]) -> AsyncEventStream[AIMessage | ToolMessage]:
        """Return only the finished messages: see `EventStream.messages`."""
        return self.pipe(conversation_messages())

    async def collect(self: AsyncEventStream[Any]) -> Result:
        """Read to the end and return the whole run: see `EventStream.collect`."""
        if not self._exhausted:
            async for _ in self:
                pass
        return self.result


class AsyncRelay(AsyncEventStream[T_co]):
    """An async stream over a stream of ours: see `Relay`."""

    def __init__(self, source: AsyncIterator[Any], items: AsyncIterator[Any] | None = None) -> None:
        super().__init__(items or source, Stages(), "raise", source)

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or only_exception(error)


class _Staged(AsyncIterator[Any]):
    """The items that a stage which awaits makes of those of a stream; no task is made."""

    def __init__(
        self, items: AsyncIterator[T], stage: Callable[[T], Awaitable[Iterable[Any]]]
    ) -> None:
        self._items = items
        self._stage = stage

    async def __anext__(self) -> Iterable[Any]:
        item = await anext(self._items)
        try:
            return await self._stage(item)
        except StopAsyncIteration as error:
            raise raisable(error) from error


class Awaiting(AsyncRelay[T_co]):
    """An async stream behind a stage that awaits."""

    def __init__(
        self, inner: AsyncEventStream[T], stage: Callable[[T], Awaitable[Iterable[T_co]]]
    ) -> None:
        super().__init__(inner, _Staged(inner, stage))
        self._inner = inner
        self._pipeline.feed = self._pipeline.through  # it pulls any number of items at once
        self._on_error = inner._on_error
        self._is_quiet = False

    @property
    def result(self) -> Result:
        """The whole run: of the events behind the mapping, or before it if it passes none on."""
        is_events = not self._pipeline.recording.is_empty
        return super().result if is_events else self._inner.result

    def _fail(self, error: BaseException) -> None:
        inner = self._inner
        if not inner._done:
            inner._fail(error)
            self._is_quiet = self._on_error == "event"
        elif isinstance(error, Exception) and not self._is_quiet:
            self._error = self._error or inner._error or error


def _current_task() -> asyncio.Task[Any] | None:
    """Return the task that runs; None without asyncio, such as under trio."""
    from asyncio import current_task  # noqa: PLC0415  (as above)

    try:
        return current_task()
    except RuntimeError:
        return None


async def _awaited(stop: Stop) -> None:
    stopping = stop()
    if hasattr(stopping, "__await__"):
        with suppress(StopAsyncIteration):  # of a generator that ignored its first closing
            await stopping
