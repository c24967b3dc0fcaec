"""One source and its several readers, each with what it has not read yet.

A source is pulled because a reader waits, and never while all readers have something to read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any
from weakref import WeakSet

from .._drive import AsyncEventStream, AsyncRelay, EventStream, Relay, normalize
from ..errors import UsageError


class Hub:
    """A source and its readers. A reader that nobody holds any more is none."""

    def __init__(self, stream: Any, ahead: int | None) -> None:
        self.stream = stream
        self.readers: WeakSet[Reader] = WeakSet()
        self.deliver: Callable[[Any], None] = self.deliver_to_all
        self._ahead = ahead

    def deliver_to_all(self, item: object) -> None:
        for reader in self.readers:
            reader.unread.append(item)

    def is_full(self) -> bool:
        """Return whether the slowest reader is as far behind as it may be."""
        ahead = self._ahead
        return ahead is not None and any(len(it.unread) >= ahead for it in self.readers)

    def end(self, error: Exception | None = None) -> None:
        for reader in self.readers:
            if not reader.is_done:
                reader.is_done, reader.error = True, error

    def on_space_freed(self) -> None:
        """Continue pulling: a reader has taken an item, or left."""


class Reader:
    """A reader's place: what it has not read yet, and how that ends."""

    def __init__(self, hub: Hub) -> None:
        self.unread: deque[Any] = deque()
        self.is_done = False
        self.error: Exception | None = None
        self.is_owner = False  # its end is that of all the others
        self._hub = hub
        hub.readers.add(self)

    def take(self) -> Any:
        item = self.unread.popleft()
        self._hub.on_space_freed()
        return item

    def take_error(self, end: type[Exception]) -> Exception:
        error, self.error = self.error, None
        return error or end()

    def leave(self) -> bool:
        """Leave; return whether the source is to be closed: nobody reads it, or its owner left."""
        self.is_done = True
        self.unread.clear()
        self._hub.readers.discard(self)
        self._hub.on_space_freed()
        return self.is_owner or not self._hub.readers


class SyncHub(Hub):
    def reader(self) -> SyncReader:
        return SyncReader(self)

    def pull(self) -> None:
        if self.is_full():
            raise UsageError(f"a reader is {self._ahead} items behind; read it, or close it")
        try:
            self.deliver(next(self.stream))
        except StopIteration:
            self.end()
        except Exception as error:  # noqa: BLE001  (each reader raises it)
            self.end(error)
            self.stream.close()


class SyncReader(Reader, Iterator[Any]):
    _hub: SyncHub

    def stream(self) -> Relay[Any]:
        return Relay(self)

    def __next__(self) -> Any:
        while not self.unread:
            if self.is_done:
                raise self.take_error(StopIteration)
            self._hub.pull()
        return self.take()

    def close(self) -> None:
        if self.leave():
            self._hub.stream.close()


class AsyncHub(Hub):
    """Each pull is a task, so that a reader that is cancelled cancels nobody else's."""

    def __init__(self, stream: Any, ahead: int | None) -> None:
        super().__init__(stream, ahead)
        self._task: asyncio.Task[None] | None = None
        self._has_space = asyncio.Event()

    def reader(self) -> AsyncReader:
        return AsyncReader(self)

    def on_space_freed(self) -> None:
        self._has_space.set()

    async def pull(self) -> None:
        if self.is_full():
            self._has_space.clear()
            await self._has_space.wait()
            return
        self._task = self._task or asyncio.ensure_future(self._pull_one())
        # To await the task would cancel it with this reader; `wait` does not.
        await asyncio.wait({self._task})

    async def _pull_one(self) -> None:
        try:
            self.deliver(await self.stream.__anext__())
        except StopAsyncIteration:
            self.end()
        except Exception as error:  # noqa: BLE001  (each reader raises it)
            self.end(error)
            await self.stream.aclose()
        finally:
            self._task = None

    async def aclose(self) -> None:
        await cancelled({self._task} if self._task else set())
        await self.stream.aclose()


class AsyncReader(Reader, AsyncIterator[Any]):
    _hub: AsyncHub

    def stream(self) -> AsyncRelay[Any]:
        return AsyncRelay(self)

    async def __anext__(self) -> Any:
        while not self.unread:
            if self.is_done:
                raise self.take_error(StopAsyncIteration)
            await self._hub.pull()
        return self.take()

    async def aclose(self) -> None:
        if self.leave():
            await self._hub.aclose()


async def cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until they are done."""
    for task in (waiting := set(tasks)):
        task.cancel()
    if waiting:
        await asyncio.wait(waiting)


def hub_of(stream: Any, ahead: int | None) -> SyncHub | AsyncHub:
    if isinstance(stream, AsyncEventStream):
        return AsyncHub(stream, ahead)
    if isinstance(stream, EventStream):
        return SyncHub(stream, ahead)
    return hub_of(normalize(stream), ahead)
