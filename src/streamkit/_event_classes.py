"""Facts of an event that follow from its class: its bracket, its method's name, shared fields."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypeGuard, TypeVar, get_args

from msgspec import Struct

from ._fields import shown
from .errors import UsageError
from .events import Event, EventBase

E = TypeVar("E", bound=Struct)

EVENTS: tuple[type[Event], ...] = get_args(Event)
"""Every class of the schema, in its order."""

EVENT_CLASSES: frozenset[type[Event]] = frozenset(EVENTS)
"""The same, to ask whether a class is one of them."""

_METHODS = {cls: cls.type.replace(".", "_") for cls in EVENTS}


def _schema_class(cls: type) -> type[Event] | None:
    """Return the class of ours that a class is, or is made of: an application may make one."""
    return next((it for it in cls.__mro__ if it in EVENT_CLASSES), None)


class MethodsByClass(dict[type, Any]):
    """The methods of an object that are named like an event's type, with ``_`` for the dot.

    So what an object does with an event is in one place, and a table cannot forget it. Where there
    is none, it is ``other``. A class made of one of ours has the method of that one.
    """

    def __init__(self, target: object, other: Callable[[Any], Any] | None = None) -> None:
        super().__init__((cls, getattr(target, name, other)) for cls, name in _METHODS.items())
        self._other = other

    def __missing__(self, cls: type) -> Any:
        refuse_text_or_stream(cls)
        base = _schema_class(cls)
        method = self[cls] = self[base] if base else self._other
        return method


_IDS: dict[str, tuple[str, ...]] = {
    "run": (),
    "step": ("step_id",),
    "message": ("message_id",),
    "tool": ("tool_call_id",),
    "retrieval": ("retrieval_id",),
    **dict.fromkeys(("text", "reasoning", "tool_call"), ("message_id", "block_id")),
}
_VERBS = {"start": "start", "delta": "delta", "end": "end", "error": "end"}


def _bracket_of_class(cls: type[Event]) -> tuple[str, str, tuple[str, ...]]:
    noun, _, verb = cls.type.partition(".")
    is_bracket = noun in _IDS and verb in _VERBS
    return (_VERBS[verb], noun, _IDS[noun]) if is_bracket else ("", "", ())


_BRACKETS = {cls: _bracket_of_class(cls) for cls in EVENTS}


def _bracket_of_base(event: Event) -> tuple[str, str, tuple[str, ...]]:
    base = _schema_class(event.__class__)
    return _BRACKETS[base] if base else ("", "", ())


def bracket_of(event: Event) -> tuple[str, tuple[Any, ...]]:
    """Return what an event does to a bracket, and the bracket's key.

    It does ``"start"``, ``"delta"`` or ``"end"`` it; an event of no bracket does ``""``.

    >>> from streamkit import ToolError, ErrorInfo
    >>> bracket_of(ToolError(timestamp=0.0, tool_call_id="c", name="t", error=ErrorInfo(name="E")))
    ('end', ('tool', 'c'))
    """
    verb, noun, ids = _BRACKETS.get(event.__class__) or _bracket_of_base(event)
    return verb, (noun, *[getattr(event, id) for id in ids])


def named_classes(call: str, given: tuple[Any, ...]) -> list[type[Event]]:
    """Return the classes of events that a call names by themselves or by their types.

    Raises:
        UsageError: something names none, or nothing is given.
    """
    types: dict[str, type[Event]] = {cls.type: cls for cls in EVENTS}
    for it in given:
        if isinstance(it, str) and it not in types:
            near = get_close_matches(it, types, 1) or ["text.delta"]
            raise UsageError(f"no event has the type {it!r}; write {call}({near[0]!r}), say")
        if not isinstance(it, str) and not (isinstance(it, type) and it in EVENT_CLASSES):
            raise UsageError(
                f"{shown(it, 80)} is no event class; write {call}(TextDelta, ToolStart), say"
            )
    if not given:
        raise UsageError(f"no event class is named; write {call}(TextDelta, ToolStart), say")
    return [types[it] if isinstance(it, str) else it for it in given]


def derived(cls: type[E], event: Event, **fields: Any) -> E:
    """Return an event of a class: with the fields that it shares with another event, and others.

    >>> from streamkit import TextDelta, TextEnd
    >>> end = TextEnd(timestamp=1.0, message_id="m", block_id=0, text="Hello")
    >>> derived(TextDelta, end, text="lo")
    TextDelta(text='lo', message_id='m', block_id=0)
    """
    names = {*cls.__struct_fields__} & {*event.__struct_fields__}
    return cls(**{name: getattr(event, name) for name in names} | fields)


def is_event(item: object) -> TypeGuard[Event]:
    """Return whether an item is an event of the schema, or of a class made of one.

    One base is asked about, and not 35 classes: that would take microseconds.
    """
    return isinstance(item, EventBase)


def refuse_text_or_stream(cls: type) -> None:
    """Raise an error for texts, of `text()`, say: a stage over events would let them pass.

    Raises:
        UsageError: it is the class of a text, or of a stream in the place of its events.
    """
    if hasattr(cls, "__next__") or hasattr(cls, "__anext__"):
        raise UsageError(
            f"got a {cls.__name__}, not an event; pass the events one by one: "
            f"for event in stream: ..., or put a stage behind the stream: stream.pipe(...)"
        )
    if issubclass(cls, str):
        raise UsageError(
            "a stage over events got a text; put it before text() and map(): "
            "normalize(source, stage).text()"
        )


def require_event(item: object, call: str) -> None:
    """Raise an error that names the right call, for an item that is no event.

    Raises:
        UsageError: it is none.
    """
    if not is_event(item):
        raise UsageError(f"got a {type(item).__name__}, not an event of ours; write {call}")
