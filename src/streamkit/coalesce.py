"""Fewer and larger deltas, for readers that are slow or far away.

Laws of this file:

1. Every character comes out, in its own block, and before the next event that is no delta.
2. Nothing but an item of the stream lets anything out: there is no timer and no task.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any, cast

from msgspec.structs import replace

from .events import Event, ReasoningDelta, TextDelta, ToolCallDelta
from .mapping import PerRun, per_run

__all__ = ["coalesce"]


def coalesce(
    *, seconds: float | None = None, characters: int | None = None
) -> PerRun[Event, Event]:
    """Give a stage that joins deltas of one block into fewer and larger ones.

    Args:
        seconds: how long a delta may be held back, by the clock of the events.
        characters: how many characters may be held back.

    Any event that is no delta lets out what is held first. With neither argument every block comes
    as one delta. A stream that stalls in the middle of a text keeps what is held until it goes on.

    >>> from streamkit import normalize
    >>> list(normalize(["H", "e", "l", "l", "o"], coalesce(characters=2)).text())
    ['He', 'll', 'o']
    """
    limits = (inf if seconds is None else seconds, inf if characters is None else characters)
    return per_run(lambda: _Coalescer(*limits))


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
