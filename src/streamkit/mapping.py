"""Mapping: turn our events into yours, with plain functions, and give payloads their types.

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
2. A function of a registry returns one item, None for none, or many as a list or an iterator
   (generator functions do). Any other value is one item, be it a tuple, a dict or a model.
3. Where a function raises, `BrokenMapper` names the item; with `or_pass` the item passes as it is.
   Either way nothing else is lost.
4. A coroutine function is refused where its result would not be awaited.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Literal, NoReturn, TypeAlias, TypeVar, cast, overload

from msgspec.structs import replace

from ._event_classes import derived, named_classes
from ._fields import dict_or_empty, shown
from ._protocols import AnyStage, Stage, is_async, leave_unawaited, require_no_generator, stage_of
from ._reading import Read, reader_of
from .errors import BrokenMapper, UsageError
from .events import Custom, Event, EventType, ToolDelta, ToolEnd, ToolError, ToolStart, Unrecognized

__all__ = [
    "AsyncMapper",
    "Mapper",
    "ToolEvent",
    "map_events",
    "per_run",
    "typed_payloads",
]

T = TypeVar("T")
U = TypeVar("U")
R = TypeVar("R")
E = TypeVar("E")
E2 = TypeVar("E2")
E3 = TypeVar("E3")

Outcome: TypeAlias = U | Iterator[U] | list[U] | None
"""The return type of a function of a `Mapper`: one item, many of them, or none."""

ToolEvent: TypeAlias = ToolStart | ToolDelta | ToolEnd | ToolError
"""The events of a running tool."""

Function: TypeAlias = Callable[[E], R]
Begin: TypeAlias = Callable[[], Callable[[T], Sequence[U]]]
AsyncBegin: TypeAlias = Callable[[], Callable[[T], Awaitable[Sequence[U]]]]


class Mapped(Generic[T, U]):
    """A mapping, which makes a new stage for each stream."""

    def __init__(self, begin: Begin[T, U], *, passes: bool = False) -> None:
        self._begin = begin
        self._passes = passes

    def or_pass(self) -> Mapped[T, T | U]:
        """Return the same mapping, but let an item pass as it is where the function raises."""
        return Mapped(self._begin, passes=True)

    def stage(self) -> Stage[T, U]:
        """Return a new stage."""
        outcomes = self._begin()

        def stage(item: T) -> Sequence[U]:
            try:
                return outcomes(item)
            except Exception as error:  # noqa: BLE001  (the caller's function may raise anything)
                return _broken(item, error, passes=self._passes)

        return stage


class AsyncMapped(Generic[T, U]):
    """A mapping by coroutine functions, for `AsyncEventStream.map` alone."""

    def __init__(self, begin: AsyncBegin[T, U], *, passes: bool = False) -> None:
        self._begin = begin
        self._passes = passes

    def or_pass(self) -> AsyncMapped[T, T | U]:
        """Return the same mapping, but let an item pass as it is where the function raises."""
        return AsyncMapped(self._begin, passes=True)

    def astage(self) -> Callable[[T], Awaitable[Sequence[U]]]:
        """Return a new stage."""
        outcomes = self._begin()

        async def stage(item: T) -> Sequence[U]:
            try:
                return await outcomes(item)
            except Exception as error:  # noqa: BLE001  (as above)
                return _broken(item, error, passes=self._passes)

        return stage


def _broken(item: Any, error: Exception, *, passes: bool) -> Sequence[Any]:
    if passes and not isinstance(error, UsageError):  # a call that can never work
        return (item,)
    raise BrokenMapper(
        f"a mapping function raised {shown(error)}; it was given {shown(item)}; "
        f"correct it, or let such items pass as they are: map_events(function).or_pass()",
        item,
    ) from error


@overload
def map_events(  # type: ignore[overload-overlap]  # an awaitable is meant to be awaited
    function: Callable[[T], Awaitable[U | None]],
) -> AsyncMapped[T, U]: ...
@overload
def map_events(function: Callable[[T], U | None]) -> Mapped[T, U]: ...
def map_events(function: Callable[[Any], Any]) -> Any:
    """Return the mapping of a function from one item to one other, or to None for none.

    It is what ``stream.map(function)`` makes of the function. For many items of one, pass
    ``stream.pipe`` a function to a list, or fill a `Mapper`.

    Raises:
        UsageError: ``function`` is no function, or a generator function.

    >>> from streamkit import Event, normalize
    >>> def word(event: Event) -> str:
    ...     return event.type.upper()
    >>> list(normalize([]).map(map_events(word)))
    ['RUN.START', 'RUN.END']
    """
    if not callable(function):
        raise UsageError(
            f"map() takes a function from one item to one other, not {shown(function, 60)}"
        )
    require_no_generator(
        function,
        "map() takes a function from one item to one other: for many, write .pipe() of a plain "
        "generator function, or fill an AsyncMapper with functions that return lists",
        sync=True,
    )
    if is_async(function):
        return AsyncMapped(lambda: _awaited(function, _one))
    return Mapped[Any, Any](lambda: lambda item: _one(function(item)))


def mapped(mapper: Any) -> Any:
    """Return a mapping, also of a plain function."""
    is_mapping = hasattr(mapper, "stage") or hasattr(mapper, "astage")
    return cast("Any", mapper if is_mapping else map_events(mapper))


def _awaited(
    function: Callable[[Any], Any], spread: Callable[[Any], Sequence[Any]]
) -> Callable[[Any], Awaitable[Sequence[Any]]]:
    async def outcomes(item: object) -> Sequence[Any]:
        # Whether a function is async is not certain: a partial or a wrapper may hide it.
        outcome = function(item)
        return spread(await outcome if hasattr(outcome, "__await__") else outcome)

    return outcomes


def _one(outcome: object) -> Sequence[Any]:
    if hasattr(outcome, "__await__"):
        _refuse_awaitable(outcome)
    return () if outcome is None else (outcome,)


def _many(outcome: object) -> Sequence[Any]:
    # Other iterables are one item: a pydantic model and a dict can be iterated, too.
    if isinstance(outcome, (list, Iterator)):
        return list(cast("Iterable[Any]", outcome))
    return _one(outcome)


def _refuse_awaitable(outcome: Any) -> NoReturn:
    leave_unawaited(outcome)
    raise UsageError(
        "a mapping function returned an awaitable; write it as an async def, and map an async "
        "stream with it: normalize(runnable.astream(...)).map(function)"
    )


class PerRun(Generic[T, U]):
    """A stage with state: ``stage()`` makes one for each stream.

    Args:
        factory: makes the stage, or what makes it.
        expression: its ``repr``.
        asks: the classes of events it can pass on, if it is like a filter: see `Filter`.
    """

    def __init__(
        self,
        factory: Callable[[], AnyStage[T, U]],
        expression: str,
        asks: frozenset[type[Event]] | None = None,
    ) -> None:
        self._factory = factory
        self._expression = expression
        self.asks: frozenset[type[Event]] | None = asks

    def __repr__(self) -> str:
        return self._expression

    def _is_no_filter(self, *_: object) -> NoReturn:
        raise UsageError(
            f"{self!r} changes events and is no filter, so & | ~ do not go with it; "
            f"put it in a row behind the filters: normalize(source, filter, {self!r})"
        )

    __and__: Callable[..., NoReturn] = _is_no_filter
    __rand__: Callable[..., NoReturn] = _is_no_filter
    __or__: Callable[..., NoReturn] = _is_no_filter
    __ror__: Callable[..., NoReturn] = _is_no_filter
    __invert__: Callable[..., NoReturn] = _is_no_filter

    def stage(self) -> Stage[T, U]:
        """Return a new stage."""
        return stage_of(self._factory())


def per_run(factory: Callable[[], AnyStage[T, U]]) -> PerRun[T, U]:
    """Return a stage with state, made anew by ``factory`` for every stream.

    ``factory`` is a class or a function; what it makes is a stage, or a `Mapper`.

    Raises:
        UsageError: it is no function, but a stage, say.

    >>> from itertools import count
    >>> from streamkit import normalize
    >>> def numbered():
    ...     numbers = count(1)
    ...     return lambda event: [f"{next(numbers)} {event.type}"]
    >>> stage = per_run(numbered)
    >>> [list(normalize([]).pipe(stage)) for _ in range(2)]
    [['1 run.start', '2 run.end'], ['1 run.start', '2 run.end']]
    """
    if not callable(cast("object", factory)):
        raise UsageError(
            f"{shown(factory, 60)} does not make stages; a stage is passed as it is, or made by a "
            f"function: per_run(lambda: stage)"
        )
    return PerRun(factory, f"per_run({getattr(factory, '__name__', 'factory')})")


# --- the registry


class _Registry(Generic[R]):
    """The functions of a mapper, by the events that they map."""

    _awaits = False

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
    @overload
    def on(self, *types: EventType) -> Callable[[Function[Any, R]], Function[Any, R]]: ...
    def on(self, *classes: Any) -> Any:
        """Map events of these classes with the decorated function.

        An event's type, such as ``"text.delta"``, names its class as well.

        Raises:
            UsageError: a class is no event's, none is given, or one has a function already.
        """
        return self._registers(*named_classes("@mapper.on", classes))

    def tool(self, *names: str) -> Callable[[Function[ToolEvent, R]], Function[ToolEvent, R]]:
        """Map what tools of these names do with the decorated function.

        Raises:
            UsageError: no name is given, or something that is none.
        """
        return self._registers(*_named("tool", names))

    def custom(self, *names: str) -> Callable[[Function[Custom, R]], Function[Custom, R]]:
        """Map custom events of these names with the decorated function.

        Raises:
            UsageError: as `tool` does.
        """
        return self._registers(*_named("custom", names))

    def payload(self, cls: type[E]) -> Callable[[Function[E, R]], Function[E, R]]:
        """Map custom payloads of this class with the decorated function: it gets the payload.

        `typed_payloads` makes payloads objects of their class.
        """
        return self._registers(("payload", cls))

    def otherwise(self, function: Function[Event, R]) -> Function[Event, R]:
        """Map whatever no other function is for with the decorated function."""
        register: Callable[[Function[Event, R]], Function[Event, R]] = self._registers(None)
        return register(function)

    def _registers(self, *keys: object) -> Callable[[Any], Any]:
        def register(function: Any) -> Any:
            if not self._awaits and is_async(function):
                raise UsageError(
                    f"{getattr(function, '__name__', function)!s} is async, and a Mapper does not "
                    f"await; fill an AsyncMapper, for async streams"
                )
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
        """Return the same mapping, but let an event pass as it is where a function raises."""
        return Mapped(self._begin, passes=True)

    def stage(self) -> Stage[Event, U]:
        """Return a new stage."""
        return Mapped(self._begin).stage()

    def _begin(self) -> Callable[[Event], Sequence[U]]:
        dispatch = _Dispatch(self._functions)
        return lambda event: _many(dispatch(event))


class AsyncMapper(_Registry["Outcome[U] | Awaitable[Outcome[U]]"], Generic[U]):
    """A `Mapper` of which some functions are coroutine functions; for async streams alone.

    >>> import asyncio
    >>> from streamkit import TextDelta
    >>> mapper = AsyncMapper[str]()
    >>> @mapper.on(TextDelta)
    ... async def token(event: TextDelta) -> str:
    ...     await asyncio.sleep(0)
    ...     return event.text.upper()
    """

    _awaits = True

    def or_pass(self) -> AsyncMapped[Event, Event | U]:
        """Return the same mapping, but let an event pass as it is where a function raises."""
        return AsyncMapped(self._begin, passes=True)

    def astage(self) -> Callable[[Event], Awaitable[Sequence[U]]]:
        """Return a new stage."""
        return AsyncMapped(self._begin).astage()

    def _begin(self) -> Callable[[Event], Awaitable[Sequence[U]]]:
        return _awaited(_Dispatch(self._functions), _many)


class _Dispatch(Generic[R]):
    """The lookup of the function that maps an event, for one run."""

    def __init__(self, functions: dict[object, Callable[[Any], R]]) -> None:
        self._functions = functions
        self._tools: dict[str, str] = {}

    def __call__(self, event: Event) -> R | None:
        # A payload has a class only after `typed_payloads`, or where the node wrote an object.
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
        """Return the name under which a function may be registered for just this event."""
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


def _named(kind: str, names: tuple[object, ...]) -> list[tuple[str, object]]:
    """Return the keys of functions for names, without which nothing would ever be mapped."""
    if not names or not all(isinstance(name, str) for name in names):
        raise UsageError(f"{kind}() takes names; write @mapper.{kind}('name')")
    return [(kind, name) for name in names]


# --- payloads with a type


def typed_payloads(
    types: Mapping[str, Any] | Mapping[str | None, Any],
    *,
    key: str = "type",
    on_error: Literal["event", "pass"] = "event",
) -> Stage[Event, Event]:
    """Return a stage that makes custom events carry objects of your types instead of plain data.

    Args:
        types: what to make of which event: a dataclass, TypedDict, msgspec struct, pydantic model
            or dataclass, or a function that raises where the payload does not fit. Events without
            a name, as a graph's stream writer sends them, go by what their payload has under
            ``key``; the name None stands for all that go by no other.
        key: the key of a nameless payload's type.
        on_error: how to treat a payload that does not fit: ``"event"`` puts an `Unrecognized`
            with the reason in its place; ``"pass"`` passes it as it is.

    Raises:
        UsageError: something in ``types`` is neither a type of data nor a function.

    >>> from dataclasses import dataclass
    >>> from streamkit import normalize
    >>> @dataclass
    ... class Progress:
    ...     done: int
    >>> items = [("custom", {"type": "progress", "done": 3})]
    >>> [custom] = normalize(items, typed_payloads({"progress": Progress})).pipe(
    ...     lambda event: [event.data] if isinstance(event, Custom) else []
    ... )
    >>> custom
    Progress(done=3)
    """
    if on_error not in {"event", "pass"}:
        raise UsageError(f"on_error must be 'event' or 'pass', not {on_error!r}")
    if not isinstance(cast("object", types), Mapping):
        raise UsageError("typed_payloads() takes types by names: {'forecast': Forecast}")
    readers: dict[str | None, Read] = {name: reader_of(it) for name, it in types.items()}

    def stage(event: Event) -> Iterable[Event]:
        if not isinstance(event, Custom):
            return (event,)
        name = dict_or_empty(event.data).get(key) if event.name is None else event.name
        read = readers.get(name if isinstance(name, str) else None) or readers.get(None)
        if read is None:
            return (event,)
        try:
            return (replace(event, data=read(event.data)),)
        except Exception as error:  # noqa: BLE001  (validators may raise anything)
            return (event,) if on_error == "pass" else (_misfit(event, name, error),)

    return stage


def _misfit(event: Custom, name: object, error: Exception) -> Event:
    reason = f"the payload of custom event {name!r} does not fit: {error}"
    return derived(Unrecognized, event, raw=event.data, reason=reason)
