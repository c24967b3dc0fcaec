"""The shapes that others may fill in: a dialect's reader, and the stages behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, TypeAlias, TypeVar, cast

from .errors import UsageError
from .events import Event

__all__ = [
    "Adapter",
    "AnyStage",
    "AsyncStageMaker",
    "RunOver",
    "Stage",
    "StageMaker",
    "stage_of",
]

T = TypeVar("T")
U = TypeVar("U")
T_contra = TypeVar("T_contra", contravariant=True)
U_co = TypeVar("U_co", covariant=True)

Stage: TypeAlias = Callable[[T], Iterable[U]]
"""A plain callable behind the reader: one item in, any number out. It sees the terminal event."""


class StageMaker(Protocol[T_contra, U_co]):
    """Makes a new stage for each stream, such as a filter, whose stage remembers what is open."""

    def stage(self) -> Callable[[T_contra], Iterable[U_co]]:
        """Give a new stage."""
        ...


class AsyncStageMaker(Protocol[T_contra, U_co]):
    """Makes a new stage that awaits, which only `AsyncEventStream.map` can put behind a stream."""

    def astage(self) -> Callable[[T_contra], Awaitable[Iterable[U_co]]]:
        """Give a new stage."""
        ...


AnyStage: TypeAlias = Stage[T, U] | StageMaker[T, U]
"""A stage for one stream, or what makes one for each."""


def stage_of(stage: AnyStage[T, U]) -> Stage[T, U]:
    """Give the stage itself: a new one from what makes stages.

    Raises:
        UsageError: it is neither.
    """
    make = getattr(stage, "stage", None)
    made = make() if make else stage
    if not callable(made):
        remedy = "pass a callable from one item to any number of items"
        if hasattr(stage, "astage"):
            remedy = "it awaits, which only the map() of an async stream can do"
        raise UsageError(f"{stage!r:.80} is no stage here; {remedy}")
    return cast("Stage[T, U]", made)


class RunOver(Exception):
    """What `Adapter.feed` raises if the run is over, though its source would go on waiting."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("the run is over")
        self.error = error


class Adapter(Protocol):
    """A dialect's reader: a state machine that turns raw items into events, without any I/O.

    `feed` is called once per raw item; then either `close` or `fail` is called, once.
    """

    def feed(self, raw: object) -> Sequence[Event]:
        """Give the events that ``raw`` causes; raise `MalformedItem` where it cannot be read.

        Or raise `RunOver`, with the error that ended it if one did, to be pulled no more.
        """
        ...

    def close(self) -> Sequence[Event]:
        """Give the closing events: the source has no more items."""
        ...

    def fail(self, error: BaseException) -> Sequence[Event]:
        """Give the closing events: the source raised, or its reader left (``GeneratorExit``)."""
        ...
