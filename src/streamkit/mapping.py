"""Mappers: turn our events into yours, with plain functions.

    mapper = Mapper[Token | Progress]()

    @mapper.on(TextDelta)
    def token(event: TextDelta) -> Token:
        return Token(event.text)

    @mapper.custom("progress")
    def progress(event: Custom) -> Progress:
        return Progress(**event.data)

    normalize(graph.astream_events(inputs)).map(mapper)  # an AsyncEventStream[Token | Progress]

Laws of this file:

1. One function maps an event: the one for its payload's class, else for its custom name or its
   tool, else for its class, else `otherwise`. An event that none is for is left out.
2. A function of a registry gives one item, None for none, or many as a list or an iterator
   (generator functions do). Any other value is one item, be it a tuple, a dict or a model.
3. Where a function raises, `BrokenMapper` says on what; with `or_pass` the item passes as it is.
   Either way nothing else is lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from inspect import isawaitable, iscoroutinefunction
from typing import Any, Generic, TypeAlias, TypeVar, Union, cast, overload

from ._protocols import AnyStage, Stage, stage_of
from .errors import BrokenMapper, UsageError
from .events import Custom, Event, ToolDelta, ToolEnd, ToolError, ToolStart

__all__ = [
    "AsyncMapped",
    "AsyncMapper",
    "Mapped",
    "Mapper",
    "Outcome",
    "PerRun",
    "ToolEvent",
    "map_events",
    "mapped",
    "per_run",
]

T = TypeVar("T")
U = TypeVar("U")
R = TypeVar("R")
E = TypeVar("E")
E2 = TypeVar("E2")
E3 = TypeVar("E3")

Outcome: TypeAlias = Union[U, Iterator[U], list[U], None]  # noqa: UP007  (U may be quoted)
"""What a function of a `Mapper` gives: one item, many of them, or none."""

ToolEvent: TypeAlias = Union[ToolStart, ToolDelta, ToolEnd, ToolError]  # noqa: UP007  (as above)
"""What happens to a running tool."""

Function: TypeAlias = Callable[[E], R]
Begin: TypeAlias = Callable[[], Callable[[T], Sequence[U]]]
AsyncBegin: TypeAlias = Callable[[], Callable[[T], Awaitable[Sequence[U]]]]


class Mapped(Generic[T, U]):
    """A mapping: makes the stage of each stream that it maps."""

    def __init__(self, begin: Begin[T, U], *, passes: bool = False) -> None:
        self._begin = begin
        self._passes = passes

    def or_pass(self) -> Mapped[T, T | U]:
        """Give the same mapping, but let an item pass as it is where the function raises."""
        return Mapped(self._begin, passes=True)

    def stage(self) -> Stage[T, U]:
        """Give a new stage."""
        outcomes = self._begin()

        def stage(item: T) -> Sequence[U]:
            try:
                return outcomes(item)
            except Exception as error:  # noqa: BLE001  (the caller's function may raise anything)
                return _broken(item, error, passes=self._passes)

        return stage


class AsyncMapped(Generic[T, U]):
    """The same for coroutine functions: it makes stages for `AsyncEventStream.map` alone."""

    def __init__(self, begin: AsyncBegin[T, U], *, passes: bool = False) -> None:
        self._begin = begin
        self._passes = passes

    def or_pass(self) -> AsyncMapped[T, T | U]:
        """Give the same mapping, but let an item pass as it is where the function raises."""
        return AsyncMapped(self._begin, passes=True)

    def astage(self) -> Callable[[T], Awaitable[Sequence[U]]]:
        """Give a new stage."""
        outcomes = self._begin()

        async def stage(item: T) -> Sequence[U]:
            try:
                return await outcomes(item)
            except Exception as error:  # noqa: BLE001  (as above)
                return _broken(item, error, passes=self._passes)

        return stage


def _broken(item: Any, error: Exception, *, passes: bool) -> Sequence[Any]:
    if passes:
        return (item,)
    raise BrokenMapper(
        f"a mapping function raised {type(error).__name__}: {error}; it was given {item!r:.200}; "
        f"mend it, or let such items pass as they are: map_events(function).or_pass()",
        item,
    ) from error


@overload
def map_events(  # type: ignore[overload-overlap]  # an awaitable is meant to be awaited
    function: Callable[[T], Awaitable[U | None]],
) -> AsyncMapped[T, U]: ...
@overload
def map_events(function: Callable[[T], U | None]) -> Mapped[T, U]: ...
def map_events(function: Callable[[Any], Any]) -> Any:
    """Give a function from one item to one other, or to None for none, as a mapping.

    It is what ``stream.map(function)`` makes of the function. For many items of one, let
    ``stream.pipe`` have a function to a list, or fill a `Mapper`.

    >>> from streamkit import Event, normalize
    >>> def word(event: Event) -> str:
    ...     return event.type.upper()
    >>> list(normalize([]).map(map_events(word)))
    ['RUN.START', 'RUN.END']
    """
    if _is_async(function):
        return AsyncMapped(lambda: _awaited(function, _one))
    return Mapped[Any, Any](lambda: lambda item: _one(function(item)))


def mapped(mapper: Any) -> Any:
    """Give a mapping, also of a plain function."""
    is_mapping = hasattr(mapper, "stage") or hasattr(mapper, "astage")
    return cast("Any", mapper if is_mapping else map_events(mapper))


def _is_async(function: object) -> bool:
    return iscoroutinefunction(function) or iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  (an object may have an async one)
    )


def _awaited(
    function: Callable[[Any], Any], spread: Callable[[Any], Sequence[Any]]
) -> Callable[[Any], Awaitable[Sequence[Any]]]:
    async def outcomes(item: object) -> Sequence[Any]:
        outcome = function(item)
        return spread(await outcome if isawaitable(outcome) else outcome)

    return outcomes


def _one(outcome: object) -> Sequence[Any]:
    return () if outcome is None else (outcome,)


def _many(outcome: object) -> Sequence[Any]:
    if isinstance(outcome, (list, Iterator)):
        return list(cast("Iterable[Any]", outcome))
    return _one(outcome)


class PerRun(Generic[T, U]):
    """What `per_run` gives."""

    def __init__(self, factory: Callable[[], AnyStage[T, U]]) -> None:
        self._factory = factory

    def stage(self) -> Stage[T, U]:
        """Give a new stage."""
        return stage_of(self._factory())


def per_run(factory: Callable[[], AnyStage[T, U]]) -> PerRun[T, U]:
    """Give a stage that remembers things, made anew by ``factory`` for every stream.

    ``factory`` is a class or a function; what it makes is a stage, or a `Mapper`.

    >>> from itertools import count
    >>> from streamkit import normalize
    >>> def numbered():
    ...     numbers = count(1)
    ...     return lambda event: [f"{next(numbers)} {event.type}"]
    >>> stage = per_run(numbered)
    >>> [list(normalize([]).pipe(stage)) for _ in range(2)]
    [['1 run.start', '2 run.end'], ['1 run.start', '2 run.end']]
    """
    return PerRun(factory)


# --- the registry


class _Registry(Generic[R]):
    """Functions, by what they are for."""

    def __init__(self) -> None:
        self._functions: dict[object, Callable[[Any], R]] = {}

    @overload
    def on(self, cls: type[E], /) -> Callable[[Function[E, R]], Function[E, R]]: ...
    @overload
    def on(
        self, cls: type[E], cls2: type[E2], /
    ) -> Callable[[Function[E | E2, R]], Function[E | E2, R]]: ...
    @overload
    def on(
        self, cls: type[E], cls2: type[E2], cls3: type[E3], /
    ) -> Callable[[Function[E | E2 | E3, R]], Function[E | E2 | E3, R]]: ...
    def on(self, *classes: type) -> Any:
        """Map events of these classes with the decorated function."""
        return self._registers(*classes)

    def tool(self, *names: str) -> Callable[[Function[ToolEvent, R]], Function[ToolEvent, R]]:
        """Map what tools of these names do with the decorated function."""
        return self._registers(*(("tool", name) for name in names))

    def custom(self, *names: str) -> Callable[[Function[Custom, R]], Function[Custom, R]]:
        """Map custom events of these names with the decorated function."""
        return self._registers(*(("custom", name) for name in names))

    def payload(self, cls: type[E]) -> Callable[[Function[E, R]], Function[E, R]]:
        """Map custom payloads of this class with the decorated function: it gets the payload.

        `typed_payloads` gives payloads their class.
        """
        return self._registers(("payload", cls))

    def otherwise(self, function: Function[Event, R]) -> Function[Event, R]:
        """Map whatever no other function is for with the decorated function."""
        register: Callable[[Function[Event, R]], Function[Event, R]] = self._registers(None)
        return register(function)

    def _registers(self, *keys: object) -> Callable[[Any], Any]:
        def register(function: Any) -> Any:
            for key in keys:
                if key in self._functions:
                    raise UsageError(f"{key!r} has a function already; let that one do both")
                self._functions[key] = function
            return function

        return register


class Mapper(_Registry["Outcome[U]"], Generic[U]):
    """A registry of functions from events to items of your own, filled by its decorators.

    One mapper serves any number of streams.

    >>> from streamkit import MessageEnd, TextDelta, normalize
    >>> mapper = Mapper[str]()
    >>> @mapper.on(TextDelta)
    ... def token(event: TextDelta) -> str:
    ...     return event.text.upper()
    >>> @mapper.on(MessageEnd)
    ... def finish(event: MessageEnd) -> list[str]:
    ...     return ["!", "!"]
    >>> "".join(normalize(["Hel", "lo"]).map(mapper))
    'HELLO!!'
    """

    def or_pass(self) -> Mapped[Event, Event | U]:
        """Give the same mapping, but let an event pass as it is where a function raises."""
        return Mapped(self._begin, passes=True)

    def stage(self) -> Stage[Event, U]:
        """Give a new stage."""
        return Mapped(self._begin).stage()

    def _begin(self) -> Callable[[Event], Sequence[U]]:
        dispatch = _Dispatch(self._functions)
        return lambda event: _many(dispatch(event))


class AsyncMapper(_Registry["Outcome[U] | Awaitable[Outcome[U]]"], Generic[U]):
    """The same for functions of which some are coroutine functions; for async streams alone.

    >>> import asyncio
    >>> from streamkit import TextDelta
    >>> mapper = AsyncMapper[str]()
    >>> @mapper.on(TextDelta)
    ... async def token(event: TextDelta) -> str:
    ...     await asyncio.sleep(0)
    ...     return event.text.upper()
    """

    def or_pass(self) -> AsyncMapped[Event, Event | U]:
        """Give the same mapping, but let an event pass as it is where a function raises."""
        return AsyncMapped(self._begin, passes=True)

    def astage(self) -> Callable[[Event], Awaitable[Sequence[U]]]:
        """Give a new stage."""
        return AsyncMapped(self._begin).astage()

    def _begin(self) -> Callable[[Event], Awaitable[Sequence[U]]]:
        return _awaited(_Dispatch(self._functions), _many)


class _Dispatch(Generic[R]):
    """One run's way from an event to the function that maps it."""

    def __init__(self, functions: dict[object, Callable[[Any], R]]) -> None:
        self._functions = functions
        self._tools: dict[str, str] = {}

    def __call__(self, event: Event) -> R | None:
        if isinstance(event, Custom):
            cls: type = event.data.__class__
            by_payload = self._functions.get(("payload", cls))
            if by_payload:
                return by_payload(event.data)
        for key in (self._name(event), type(event), None):
            function = self._functions.get(key)
            if function:
                return function(event)
        return None

    def _name(self, event: Event) -> object:
        """Give the name under which a function may be registered for just this event."""
        match event:
            case Custom(name=name):
                return ("custom", name)
            case ToolStart(tool_call_id=id, name=name):
                self._tools[id] = name
                return ("tool", name)
            case ToolDelta(tool_call_id=id):
                return ("tool", self._tools.get(id))
            case ToolEnd(tool_call_id=id, name=name) | ToolError(tool_call_id=id, name=name):
                self._tools.pop(id, None)
                return ("tool", name)
            case _:
                return type(event)
