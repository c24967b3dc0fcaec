"""The shapes that others may fill in: a dialect's reader, and the stages behind it.

A stage has one of two shapes: a callable from one item to any number of items, or an object whose
``stage()`` makes such a callable for each stream, because it remembers things.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from types import ModuleType
from typing import Any, NoReturn, Protocol, TypeAlias, TypeVar, cast

from ._event_classes import EVENT_CLASSES
from ._fields import shown
from .errors import UsageError
from .events import Event

T = TypeVar("T")
U = TypeVar("U")
T_contra = TypeVar("T_contra", contravariant=True)
U_co = TypeVar("U_co", covariant=True)

Stage: TypeAlias = Callable[[T], Iterable[U]]
"""A plain callable behind the reader: one item in, any number out. It sees the terminal event."""


class StageMaker(Protocol[T_contra, U_co]):
    """Makes a new stage for each stream, such as a filter, whose stage remembers what is open."""

    def stage(self) -> Callable[[T_contra], Iterable[U_co]]:
        """Return a new stage."""
        ...


class AsyncStageMaker(Protocol[T_contra, U_co]):
    """Makes a new stage that awaits, which only `AsyncEventStream.map` can put behind a stream."""

    def astage(self) -> Callable[[T_contra], Awaitable[Iterable[U_co]]]:
        """Return a new stage."""
        ...


AnyStage: TypeAlias = Stage[T, U] | StageMaker[T, U]
"""A stage for one stream, or what makes one for each."""


def stage_of(stage: AnyStage[T, U]) -> Stage[T, U]:
    """Return the stage itself: a new one from what makes stages.

    Raises:
        UsageError: it is neither, it awaits, or it cannot be called with one item.
    """
    make = getattr(stage, "stage", None)
    made = stage if make is None or isinstance(stage, type) else make()
    require_no_generator(made, "on an async stream write .map() of a coroutine function")
    if hasattr(stage, "astage") or is_async(made):
        name = "this mapping" if hasattr(stage, "astage") else _name(stage)
        raise UsageError(
            f"{name} is async, and stages do not await; on an async stream write "
            f".map(function), which awaits it, and on a sync one pass a plain function"
        )
    if not callable(made) or (isinstance(made, type) and made in EVENT_CLASSES):
        raise UsageError(f"{shown(stage, 80)} is no stage; {_remedy(stage)}")
    is_fold = isinstance(made, type) and hasattr(made, "feed")  # it takes one, but no event
    if is_fold or not _takes_one(made):
        raise UsageError(f"{_name(stage)} cannot be called with one item; {_call_it(stage)}")
    return cast("Stage[T, U]", made)


def _remedy(stage: object) -> str:
    match stage:
        case list() | tuple():
            return "pass the stages one after the other, separated by commas"
        case str():
            return _import_of(stage)
        case type():
            return f"to keep these events, pass streamkit.filters.only({stage.__name__})"
        case ModuleType(encoder=_, __name__=name):
            return f"pass its encoder: {name.rpartition('.')[2]}.encoder()"
        case _ if hasattr(stage, "feed"):
            return f"make one for each run: mapping.per_run(lambda: {_name(stage)}(...).feed)"
        case _:
            return "pass a callable from one item to any number of items"


def _import_of(name: str) -> str:
    """Return how to import what a text names: a preset, or the format of an encoder."""
    from importlib import import_module  # noqa: PLC0415  (only to explain)

    presets: list[str] = import_module(".presets", __package__).__all__
    if name in presets:
        return f"import it, as in: from streamkit.presets import {name}"
    known = ", ".join(presets)
    return f"streamkit.presets has {known}; a format has its stage as encoder(): sse.encoder()"


def _call_it(stage: object) -> str:
    return f"it makes the stage: pass {_name(stage)}(), with its options"


def is_async(function: object) -> bool:
    """Return whether calling ``function`` gives a coroutine."""
    from inspect import iscoroutinefunction  # noqa: PLC0415  (importing streamkit stays light)

    return iscoroutinefunction(function) or iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  (an object may have an async one)
    )


def require_no_generator(function: object, remedy: str, *, sync: bool = False) -> None:
    """Refuse an async generator function, and with ``sync`` a plain one, where none is iterated."""
    from inspect import isasyncgenfunction, isgeneratorfunction  # noqa: PLC0415  (as above)

    if isasyncgenfunction(function) or (sync and isgeneratorfunction(function)):
        raise UsageError(f"{_name(function)} is a generator function; {remedy}")


def leave_unawaited(awaitable: object) -> None:
    """Close a coroutine that is refused, or Python warns that it was never awaited."""
    if isinstance(awaitable, Coroutine):
        awaitable.close()


def not_items(stage: object, made: Any) -> NoReturn:
    """Refuse what a stage returned in place of items, and say what to write."""
    if hasattr(made, "__await__"):
        leave_unawaited(made)
        raise UsageError(
            f"the stage {_name(stage)} returned an awaitable; on an async stream write "
            f".map({_name(stage)}), which awaits it"
        )
    if hasattr(made, "stage"):
        raise UsageError(f"{_name(stage)} is no stage; {_call_it(stage)}")
    remedy = "() for no items" if made is None else "a list of it, [item], or use .map(function)"
    raise UsageError(
        f"the stage {_name(stage)} returned a {type(made).__name__}, not an iterable of items; "
        f"return {remedy}"
    )


def _takes_one(function: Callable[..., Any]) -> bool:
    from inspect import signature  # noqa: PLC0415  (as above)

    try:
        signature(function).bind(None)
    except TypeError:
        return False
    except ValueError:  # a builtin does not show its signature
        return True
    return True


def _name(stage: object) -> str:
    name = getattr(stage, "__qualname__", None)
    return name.rpartition(">.")[2] if isinstance(name, str) else type(stage).__name__


class RunOver(Exception):
    """The exception of `Adapter.feed` for a run that is over while its source still waits."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("the run is over")
        self.error = error


class Adapter(Protocol):
    """A dialect's reader: a state machine that turns raw items into events, without any I/O.

    `feed` is called once per raw item; then either `close` or `fail` is called, once.
    """

    def feed(self, raw: object) -> Sequence[Event]:
        """Return the events that ``raw`` causes; raise `MalformedItem` where it cannot be read.

        Or raise `RunOver`, with the error that ended it if one did, to be pulled no more.
        """
        ...

    def close(self) -> Sequence[Event]:
        """Return the closing events: the source has no more items."""
        ...

    def fail(self, error: BaseException) -> Sequence[Event]:
        """Return the closing events: the source raised, or its reader left (``GeneratorExit``)."""
        ...
