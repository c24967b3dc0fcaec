"""An async call in a task of its own, which takes turns with its reader.

More laws of this file (the first is that of `source`):

2. A call runs from beginning to end in one task of its own, so that what is noted comes out at
   once, whatever the call waits for. (It cannot wait in its caller's task and let the caller
   continue: a timeout inside the call would then strike the caller.)
3. Closing the source, cancelling its reader, or dropping the last reference ends that task. The
   first two wait until the task is done.
4. The task does not refer to the source, so that one without references is freed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from threading import get_ident
from typing import Any

from .._drive import Buffered, Inside
from .source import CallQueue


class Sleeper:
    """A reader that sleeps on this loop until it is woken, from any thread.

    One that is awake is not woken, so it looks for something to read between `sleep` and the wait:
    another thread may have brought it just before.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        self._asleep: asyncio.Future[None] | None = None
        self._is_called = False  # from another thread, of which the loop has not heard yet

    def sleep(self) -> asyncio.Future[None]:
        """Return an awaitable that ends when the sleeper is woken."""
        self._asleep = asleep = self._loop.create_future()
        return asleep

    def wake(self) -> None:
        """Wake the sleeping task as soon as the loop runs."""
        asleep = self._asleep
        if asleep is None:
            return
        if get_ident() == self._thread:
            self._asleep = None
            if not asleep.done():
                asleep.set_result(None)
        elif not self._is_called:
            self._is_called = True  # before it is: the loop may be quicker than this thread
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._called)

    def _called(self) -> None:
        self._is_called = False
        self.wake()


class _Worker:
    """Runs a call while its reader waits.

    Args:
        call: starts the call.
        queue: takes what the call yields, and learns when it is over.
    """

    def __init__(self, call: Callable[[], AsyncIterator[Any]], queue: CallQueue) -> None:
        self._queue = queue
        self.reader = Sleeper()
        self.turn: asyncio.Future[None] | None = None  # while the task waits for the reader
        self._items: object = None
        self._stopping: asyncio.Task[None] | None = None  # which the loop does not keep
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(call))
        self._task.add_done_callback(self._over)
        queue.wake = self.reader.wake

    # --- the reader's side

    def resume(self) -> None:
        """Let the call go on: what it yielded has been read."""
        turn, self.turn = self.turn, None
        if turn and not turn.done():
            turn.set_result(None)

    def raise_error(self) -> None:
        """Raise what the call raised, as it was."""
        self._task.result()

    async def stop(self) -> None:
        """Cancel the call, and wait until it is over."""
        inside = Inside(self._items)
        self._task.cancel()
        if not self._task.done():
            await asyncio.wait({self._task})
        await inside.aclose()

    def cancel(self) -> None:
        """Cancel the call, from any thread."""
        if not self._task.done():
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._stop_soon)

    def _stop_soon(self) -> None:
        self._stopping = self._loop.create_task(self.stop())

    # --- the task's side

    async def _run(self, call: Callable[[], AsyncIterator[Any]]) -> None:
        self._items = items = call()
        try:
            async for item in items:
                is_first = self._queue.put(item)
                self.reader.wake()
                if is_first:
                    self.turn = self._loop.create_future()
                    await self.turn
        finally:
            aclose = getattr(items, "aclose", None)
            if aclose:
                await aclose()

    def _over(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # or asyncio logs that it was never retrieved
        self._queue.is_over = True
        self.reader.wake()


class AsyncCallSource(Buffered):
    """An async call as a source."""

    def __init__(self, call: Callable[[], AsyncIterator[Any]], queue: CallQueue) -> None:
        self._call = call
        self._queue = queue
        self._worker: _Worker | None = None

    @property
    def take(self) -> Callable[[], Any]:
        """The function that returns the next item, or None where the call has not made it yet."""
        return self._queue.take

    async def __anext__(self) -> Any:
        if self._worker is None:
            self._worker = _Worker(self._call, self._queue)
        raw = None
        while raw is None:
            asleep = self._worker.reader.sleep()
            if (raw := self._queue.take()) is not None:
                break
            if self._queue.is_over:
                self._worker.raise_error()
                raise StopAsyncIteration
            if self._worker.turn:
                self._worker.resume()
            try:
                await asleep
            except asyncio.CancelledError:
                await self._worker.stop()
                raise
            raw = self._queue.take()
        return raw

    async def aclose(self) -> None:
        """Stop the call, and wait until it is done."""
        if self._worker:
            await self._worker.stop()

    def __del__(self) -> None:
        if self._worker:
            self._worker.cancel()
