"""The one task that an async call runs in, and how it takes turns with its reader.

Nothing here refers to the reader, so that a reader nobody holds any more is gone at once, and can
end the task.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

__all__ = ["Sleeper", "Worker"]


class Sleeper:
    """Somebody who sleeps on this loop until woken, from whatever thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._asleep: asyncio.Future[None] | None = None

    async def sleep(self) -> None:
        """Sleep until woken."""
        self._asleep = self._loop.create_future()
        await self._asleep

    def wake(self) -> None:
        """Wake whoever sleeps by the time the loop hears of it."""
        if threading.get_ident() == self._thread:
            self._wake()
        else:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._asleep and not self._asleep.done():
            self._asleep.set_result(None)


class Worker:
    """Runs a call while its reader waits.

    Args:
        call: starts the call.
        put: takes what the call yields.
    """

    def __init__(self, call: Callable[[], AsyncIterator[Any]], put: Callable[[Any], None]) -> None:
        self._put = put
        self._reader = Sleeper()
        self._turn: asyncio.Future[None] | None = None  # while the task waits for the reader
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(call))
        self._task.add_done_callback(self._over)
        self.wake = self._reader.wake

    # --- the reader's side

    @property
    def is_done(self) -> bool:
        """Whether the call is over."""
        return self._task.done()

    async def work(self) -> None:
        """Let the call go on until something was noted, or yielded, or it is over."""
        turn, self._turn = self._turn, None
        if turn and not turn.done():
            turn.set_result(None)
        try:
            await self._reader.sleep()
        except asyncio.CancelledError:
            await self.stop()
            raise

    def raise_error(self) -> None:
        """Raise what the call raised, as it was."""
        self._task.result()

    async def stop(self) -> None:
        """Cancel the call, and wait until it is over."""
        self._task.cancel()
        if not self._task.done():
            await asyncio.wait({self._task})

    def let_go(self) -> None:
        """Cancel the call, from whatever thread."""
        if not self._task.done():
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._task.cancel)

    # --- the task's side

    async def _run(self, call: Callable[[], AsyncIterator[Any]]) -> None:
        items = call()
        try:
            async for item in items:
                self._put(item)
                self._turn = self._loop.create_future()
                self.wake()
                await self._turn
        finally:
            aclose = getattr(items, "aclose", None)
            if aclose:
                await aclose()

    def _over(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # or asyncio says that nobody has asked for it
        self.wake()
