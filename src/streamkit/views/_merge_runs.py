"""Several streams read as one.

    events = merge_runs({"fast": normalize(...), "deep": normalize(...)})

Law of this file: each stream may be one item ahead of its reader, and no more. What holds for all
views is said in `_split`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Hashable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from typing import Any, TypeVar, cast, overload

from .._drive import AsyncEventStream, AsyncRelay, EventStream, Relay, normalize
from ..errors import UsageError
from ..events import Event
from ._hub import cancelled

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@overload
def merge_runs(  # type: ignore[overload-overlap]  # ours go first
    streams: Mapping[K, EventStream[T]],
) -> EventStream[tuple[K, T]]: ...
@overload
def merge_runs(  # type: ignore[overload-overlap]  # ours go first
    streams: Mapping[K, AsyncEventStream[T]],
) -> AsyncEventStream[tuple[K, T]]: ...
@overload
def merge_runs(
    streams: Mapping[K, AsyncIterable[Any]],
) -> AsyncEventStream[tuple[K, Event]]: ...
@overload
def merge_runs(streams: Mapping[K, Iterable[Any]]) -> EventStream[tuple[K, Event]]: ...
def merge_runs(streams: Mapping[Any, Any]) -> Any:
    """Yield the items of several streams as ``(key, item)``, in the order in which they come.

    Async streams run at once, sync ones take turns. If one raises, the others are closed, and the
    exception is raised after all closing events.

    Raises:
        UsageError: some of ``streams`` are sync and some async, or no streams, or without keys.

    >>> from streamkit import normalize
    >>> runs = {"a": normalize(["Hel", "lo"]).text(), "b": normalize(["Bye"]).text()}
    >>> list(merge_runs(runs))
    [('a', 'Hel'), ('b', 'Bye'), ('a', 'lo')]
    """
    if not isinstance(cast("object", streams), Mapping):
        raise UsageError(
            "merge_runs() takes streams by their keys: {'a': stream, ...}; of a list, write "
            "merge_runs(dict(enumerate(streams)))"
        )
    ours = {key: _ours(stream) for key, stream in streams.items()}
    if all(isinstance(stream, AsyncEventStream) for stream in ours.values()):
        return AsyncRelay[Any](AsyncMerger(ours))
    if all(isinstance(stream, EventStream) for stream in ours.values()):
        return Relay(_Merger(ours))
    raise UsageError("merge_runs() needs streams that are all sync or all async")


def _ours(stream: Any) -> Any:
    if issubclass(stream.__class__, (EventStream, AsyncEventStream)):
        return stream
    return cast("Any", normalize(stream))


class _Merger(Iterator[Any]):
    """Pulls sync streams in turn."""

    def __init__(self, streams: dict[Any, EventStream[Any]]) -> None:
        self._turns = deque(streams.items())
        self._error: Exception | None = None

    def __next__(self) -> tuple[Any, Any]:
        while self._turns:
            key, stream = self._turns[0]
            try:
                item = next(stream)
            except StopIteration:
                self._turns.popleft()
            except Exception as error:  # noqa: BLE001  (raised when all streams are at their end)
                self._error = self._error or error
                self.close()
            else:
                self._turns.rotate(-1)
                return key, item
        broken, self._error = self._error, None
        raise broken or StopIteration

    def close(self) -> None:
        with ExitStack() as stack:
            for _, stream in self._turns:
                stack.callback(stream.close)


class AsyncMerger(AsyncIterator[Any]):
    """Pulls async streams at once: one task for each, and for one item only."""

    def __init__(self, streams: dict[Any, AsyncEventStream[Any]]) -> None:
        self._streams = streams
        self._tasks: dict[Any, asyncio.Task[Any]] = {}
        self._ready: deque[Any] = deque()
        self._error: Exception | None = None

    async def __anext__(self) -> tuple[Any, Any]:
        while not self._ready:
            self.begin_more()
            if not self._streams:
                error, self._error = self._error, None
                raise error or StopAsyncIteration
            for key in self._streams.keys() - self._tasks.keys():
                pull: Any = self._streams[key].__anext__()
                self._tasks[key] = asyncio.ensure_future(pull)
            try:
                await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                await self.aclose()
                raise
            await self._gather()
        return cast("tuple[Any, Any]", self._ready.popleft())

    def begin_more(self) -> None:
        """Begin streams that have waited for others to end: here there are none."""

    async def _gather(self) -> None:
        """Take what the tasks that are done have brought."""
        for key, task in [it for it in self._tasks.items() if it[1].done()]:
            del self._tasks[key]
            if task.cancelled():
                continue  # its stream has its closing events ready
            error = task.exception()
            if error is None:
                self._ready.append((key, task.result()))
                continue
            del self._streams[key]
            if isinstance(error, StopAsyncIteration):
                continue
            if not isinstance(error, Exception):
                raise error
            self._error = self._error or error
            await self.aclose()

    async def aclose(self) -> None:
        await cancelled(self._tasks.values())
        async with AsyncExitStack() as stack:
            for stream in self._streams.values():
                stack.push_async_callback(stream.aclose)
