"""Streams over a stream of ours, which keeps the laws and closes itself.

So a relay is done only when its source is: after `close`, or an error of a stage, it still
returns what the source yields until its end.
"""

# A stream may reach into another of its own family.
# ruff: noqa: SLF001

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ._pipeline import Stages
from ._streams import AsyncEventStream, EventStream

if TYPE_CHECKING:
    from ..folds import Result

__all__ = ["AsyncRelay", "Awaiting", "Relay"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Relay(EventStream[T_co]):
    """A sync stream over ``source``, which has a ``close`` that keeps the laws."""

    def __init__(self, source: Iterator[T_co]) -> None:
        super().__init__(source, Stages(), "raise", source)

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or _only_exception(error)


class AsyncRelay(AsyncEventStream[T_co]):
    """An async stream over ``source``, which has an ``aclose`` that keeps the laws."""

    def __init__(self, source: AsyncIterator[Any], items: AsyncIterator[Any] | None = None) -> None:
        super().__init__(items or source, Stages(), "raise", source)

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or _only_exception(error)


class _Staged(AsyncIterator[Any]):
    """The items that a stage which awaits makes of those of a stream; no task is made."""

    def __init__(
        self, items: AsyncIterator[T], stage: Callable[[T], Awaitable[Iterable[Any]]]
    ) -> None:
        self._items = items
        self._stage = stage

    async def __anext__(self) -> Iterable[Any]:
        return await self._stage(await anext(self._items))


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


def _only_exception(error: BaseException) -> Exception | None:
    return error if isinstance(error, Exception) else None
