"""A source that knows how much of it was pulled, and where it was closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

__all__ = ["Async", "Source", "Sync"]


class Source:
    """Yields the items, and then raises the error. ``pace`` is the seconds before an async item."""

    def __init__(self, *items: Any, error: BaseException | None = None, pace: float = 0) -> None:
        self.items, self.error, self.pace = items, error, pace
        self.pulled = 0
        self.closed_in: Any = None
        """The task that closed it, or "here"."""

    def __iter__(self) -> Iterator[Any]:
        try:
            for item in self.items:
                self.pulled += 1
                yield item
            if self.error:
                raise self.error
        finally:
            self.closed_in = "here"

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            for item in self.items:
                self.pulled += 1
                await asyncio.sleep(self.pace)
                yield item
            if self.error:
                raise self.error
        finally:
            self.closed_in = asyncio.current_task()


class Sync:
    """A source that can be read in the sync way alone."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __iter__(self) -> Iterator[Any]:
        return iter(self.source)


class Async:
    """A source that can be read in the async way alone."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __aiter__(self) -> AsyncIterator[Any]:
        return aiter(self.source)
