"""The floor: the least that any reader of a stream does. A loop, and a call by the item's name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from .timing import run
from .workloads import replay

Handlers = defaultdict[Any, Callable[[Any], None]]


def _ignore(_item: Any) -> None:
    pass


def _handlers() -> Handlers:
    return defaultdict(lambda: _ignore)


async def _events(source: Any) -> None:
    handlers = _handlers()
    async for item in source:
        handlers[item["event"]](item)


async def _messages(source: Any) -> None:
    handlers = _handlers()
    async for item in source:
        handlers[item[0].__class__](item)


def floor(api: str, items: list[Any]) -> None:
    run((_events if api == "events" else _messages)(replay(items)))


def sync_floor(api: str, items: list[Any]) -> None:
    handlers = _handlers()
    if api == "events":
        for item in items:
            handlers[item["event"]](item)
    else:
        for item in items:
            handlers[item[0].__class__](item)
