"""The two shapes that others may fill in: a dialect's reader, and a stage behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias, TypeVar

from .events import Event

__all__ = ["Adapter", "Stage"]

T = TypeVar("T")
U = TypeVar("U")

Stage: TypeAlias = Callable[[T], Iterable[U]]
"""A plain callable behind the reader: one item in, any number out. It sees the terminal event."""


class Adapter(Protocol):
    """A dialect's reader: a state machine that turns raw items into events, without any I/O.

    `feed` is called once per raw item; then either `close` or `fail` is called, once.
    """

    def feed(self, raw: object) -> Sequence[Event]:
        """Give the events that ``raw`` causes; raise `MalformedItem` where it cannot be read."""
        ...

    def close(self) -> Sequence[Event]:
        """Give the closing events: the source has no more items."""
        ...

    def fail(self, error: BaseException) -> Sequence[Event]:
        """Give the closing events: the source raised, or its reader left (``GeneratorExit``)."""
        ...
