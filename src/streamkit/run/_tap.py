"""Makes a call, and gives what it yields and what its handler notes as one source.

Laws of this file:

1. The call goes on only while somebody waits for more: nothing is read ahead.
2. A sync call runs in its caller's thread. What is noted comes out when the call next yields.
3. An async call runs from beginning to end in one task of its own, so that what is noted comes
   out at once, whatever the call waits for. (It cannot wait in its caller's task and let the
   caller go on: a timeout inside the call would then strike the caller.)
4. Closing the tap, cancelling its reader, or letting go of it ends that task. The first two wait
   until the task is done.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from ._bell import Bell
from ._confluence import Confluence, Note

if TYPE_CHECKING:
    from ._worker import Worker

__all__ = ["AsyncTap", "SyncTap", "Wire"]


class Wire(Confluence):
    """What stands between a call and its reader.

    Args:
        wrap: makes a raw item of what the call yields.
        bell: sends the notes' signs through what the call yields, where it can.
        tokens_ring: whether the pieces of a model's answer have signs, too.
    """

    def __init__(
        self, wrap: Callable[[Any], Any], bell: Bell | None = None, *, tokens_ring: bool = False
    ) -> None:
        super().__init__()
        self.wake: Callable[[], None] = _nobody_sleeps
        self._wrap = wrap
        self._bell = bell
        self._tokens_ring = tokens_ring

    def post(self, event: dict[str, Any], is_token: bool) -> None:
        """Take a note, in any thread."""
        note = Note(event)
        bell = None if is_token and not self._tokens_ring else self._bell
        note.is_held = bell is not None and bell.is_near(event)
        self.add_note(note)
        if bell and note.is_held and not bell.ring(note):
            note.is_held = False
        self.wake()

    def put(self, item: Any) -> None:
        """Take what the call yielded."""
        sign = self._bell and self._bell.sign_in(item)
        if sign:
            self.add_sign(sign)
        else:
            self.add_yielded(self._wrap(item))


def _nobody_sleeps() -> None:
    """A sync reader is woken by what the call yields."""


class SyncTap(Iterator[Any]):
    """A sync call as a source."""

    def __init__(self, call: Callable[[], Iterator[Any]], wire: Wire) -> None:
        self._call = call
        self._wire = wire
        self._items: Iterator[Any] | None = None
        self._error: Exception | None = None

    def __next__(self) -> Any:
        while (raw := self._wire.take()) is None:
            if self._wire.is_over:
                error, self._error = self._error, None
                raise error or StopIteration
            self._pull()
        return raw

    def _pull(self) -> None:
        if self._items is None:
            self._items = self._call()
        try:
            self._wire.put(next(self._items))
        except StopIteration:
            self._wire.is_over = True
        except Exception as error:  # noqa: BLE001  (raised again, after what was noted of it)
            self._wire.is_over = True
            self._error = error

    def close(self) -> None:
        """Close the call."""
        close = getattr(self._items, "close", None)
        if close:
            close()


class AsyncTap(AsyncIterator[Any]):
    """An async call as a source."""

    def __init__(self, call: Callable[[], AsyncIterator[Any]], wire: Wire) -> None:
        self._call = call
        self._wire = wire
        self._worker: Worker | None = None

    async def __anext__(self) -> Any:
        worker = self._worker or self._start()
        while (raw := self._wire.take()) is None:
            if self._wire.is_over:
                worker.raise_error()
                raise StopAsyncIteration
            if worker.is_done:
                self._wire.is_over = True
            else:
                await worker.work()
        return raw

    def _start(self) -> Worker:
        from ._worker import Worker  # noqa: PLC0415  (importing streamkit imports no asyncio)

        self._worker = Worker(self._call, self._wire.put)
        self._wire.wake = self._worker.wake
        return self._worker

    async def aclose(self) -> None:
        """Stop the call, and wait until it is done."""
        if self._worker:
            await self._worker.stop()

    def __del__(self) -> None:
        if self._worker:
            self._worker.let_go()
