"""Stages: what changes a stream of events on its way, each made anew for every stream.

Laws of this file:

1. Nothing but an item of the stream makes a stage emit anything: there is no timer and no task.
2. `coalesce`: every character is emitted in its own block, before the next event that is no delta.
3. `sequential`: between a message's start and its end nothing else comes; nothing is lost, and all
   else keeps its order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from math import inf
from typing import Any, cast

from msgspec.structs import replace

from .events import (
    Event,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    RunEnd,
    RunError,
    TextDelta,
    ToolCallDelta,
)
from .mapping import PerRun

__all__ = ["coalesce", "sequential"]


def coalesce(
    *, seconds: float | None = None, characters: int | None = None
) -> PerRun[Event, Event]:
    """Return a stage that joins deltas of one block into fewer and larger ones.

    Args:
        seconds: how long a delta may be held back, by the clock of the events.
        characters: how many characters may be held back.

    Any event that is no delta emits what is held first. With neither argument every block comes
    as one delta. A stream that stalls in the middle of a text keeps what is held until it goes on.

    >>> from streamkit import normalize
    >>> list(normalize(["H", "e", "l", "l", "o"], coalesce(characters=2)).text())
    ['He', 'll', 'o']
    """
    limits = (inf if seconds is None else seconds, inf if characters is None else characters)
    given = {"seconds": seconds, "characters": characters}
    options = ", ".join(f"{name}={it}" for name, it in given.items() if it is not None)
    return PerRun(lambda: _Coalescer(*limits), f"coalesce({options})")


class _Pieces:
    """The deltas of one block that are held back."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.size = 0
        self.held: list[Event] = []


class _Coalescer:
    """One run's stage."""

    def __init__(self, seconds: float, characters: float) -> None:
        self._seconds = seconds
        self._characters = characters
        self._blocks: dict[tuple[str, int], _Pieces] = {}

    def __call__(self, event: Event) -> Iterable[Event]:
        if not isinstance(event, (TextDelta, ReasoningDelta, ToolCallDelta)):
            return (*self._release([*self._blocks]), event)
        key = (event.message_id, event.block_id)
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = _Pieces(event.timestamp)
        block.held.append(event)
        block.size += len(_text(event))
        is_full = block.size >= self._characters
        return self._release([key] if is_full else self._overdue(event.timestamp))

    def _overdue(self, now: float) -> list[tuple[str, int]]:
        return [key for key, it in self._blocks.items() if now - it.since >= self._seconds]

    def _release(self, keys: Iterable[tuple[str, int]]) -> list[Event]:
        return [_joined(self._blocks.pop(key).held) for key in keys]


def _text(event: Any) -> str:
    return cast("str", event.args if isinstance(event, ToolCallDelta) else event.text)


def _joined(held: list[Event]) -> Event:
    name = "args" if isinstance(held[-1], ToolCallDelta) else "text"
    return replace(held[-1], **{name: "".join(map(_text, held))})


# --- one message at a time


class _Queue:
    """One run's stage: the message that passes, and what waits for its end."""

    def __init__(self) -> None:
        self._open: str | None = None
        self._waiting: deque[Event] = deque()

    def __call__(self, event: Event) -> Iterator[Event]:
        ahead = deque((event,))
        while ahead:
            event = ahead.popleft()
            if not self._opens_or_passes(event):
                self._waiting.append(event)
                continue
            if isinstance(event, (RunEnd, RunError)):
                yield from self._waiting
            yield event
            if isinstance(event, MessageEnd):
                self._open = None
                ahead.extendleft(reversed(self._waiting))
                self._waiting.clear()

    def _opens_or_passes(self, event: Event) -> bool:
        """Return whether an event may come now, after opening the message that it starts."""
        if self._open is not None and not isinstance(event, (RunEnd, RunError)):
            return getattr(event, "message_id", None) == self._open
        if isinstance(event, MessageStart):
            self._open = event.message_id
        return True


sequential: PerRun[Event, Event] = PerRun(_Queue, "sequential")
"""One message at a time: what other models write meanwhile comes after it, and all else too.

>>> from streamkit import normalize
>>> [event.type for event in normalize(["Hi"], sequential)][:3]
['run.start', 'message.start', 'text.start']
"""
