"""Reading a stream to its end, whatever the end is."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any


def drained(stream: Iterable[Any]) -> tuple[list[Any], Any]:
    """What a stream gives, and what it raises after that."""
    items: list[Any] = []
    try:
        items.extend(stream)
    except Exception as error:
        return items, error
    return items, None


async def adrained(stream: AsyncIterable[Any]) -> tuple[list[Any], Any]:
    """The same of an async stream."""
    items: list[Any] = []
    try:
        async for item in stream:
            items.append(item)
    except Exception as error:
        return items, error
    return items, None


async def read(stream: AsyncIterable[Any]) -> list[Any]:
    """All that an async stream gives."""
    return [item async for item in stream]


async def of(items: Iterable[Any]) -> AsyncIterator[Any]:
    """An async source."""
    for item in items:
        yield item
