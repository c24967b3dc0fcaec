"""The application's own events on the wire: the ``type`` they have, and back to their classes.

A class has the ``type`` it declares: a struct's tag, a ``Literal``, or a default, such as
``type: str = "app.token"``. For a class without one, its name is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import (
    Any,
    ClassVar,
    Literal,
    NoReturn,
    TypeAlias,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from typing_extensions import is_typeddict

from .._reading import Read, json_reader_of
from ..errors import UsageError
from ..events import EventType
from ._plain_json import jsonable

Types: TypeAlias = Mapping[str, Any] | Iterable[Any]
"""Classes by their ``type``, or only the classes, where those declare it."""

OURS = frozenset(get_args(EventType))
"""Types that no class of an application may have."""


def own_form(item: object, *, private: bool = False, flat: bool = False) -> Any:
    """Return an item that is no event of ours as JSON data, an object with its class's ``type``.

    Raises:
        UsageError: an object has a ``type`` of ours, and would be read as that event; or it is a
            stream.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Token:
    ...     text: str
    >>> own_form(Token("Hi"))
    {'type': 'Token', 'text': 'Hi'}
    """
    data = jsonable(item, private=private, flat=flat)
    if isinstance(item, dict) or not isinstance(data, dict):
        return data
    cls = type(item)
    if any(hasattr(cls, it) for it in ("__next__", "__anext__", "__await__")):
        raise UsageError(
            f"got a {cls.__name__}, not an item; a stream is encoded by stream.pipe(encoder())"
        )
    fields = cast("dict[str, Any]", data)
    if "type" not in fields:
        fields = {"type": _word(getattr(cls, "type", None)) or cls.__name__, **fields}
    if isinstance(fields["type"], str) and fields["type"] in OURS:
        raise UsageError(_clash(cls, fields["type"]))
    return fields


def readers_of(types: Types) -> dict[str, Read]:
    """Return what reads each ``type``.

    Raises:
        UsageError: something is no type of data, has no ``type`` or one of ours, or two have one.
    """
    readers: dict[str, Read] = {}
    for name, kind in _named(types):
        if name in OURS:
            raise UsageError(_clash(kind, name))
        if name in readers:
            raise UsageError(f"two classes have the type {name!r}; pass a mapping with two names")
        readers[name] = _reader(kind)
    return readers


def _clash(kind: Any, name: str) -> str:
    shown = getattr(kind, "__qualname__", repr(kind))
    return f"{shown} has the type {name!r} of an event of streamkit; choose another type"


def _named(types: Types) -> Iterable[tuple[str, Any]]:
    if isinstance(types, Mapping):
        return cast("Mapping[str, Any]", types).items()
    if isinstance(cast("object", types), type):
        raise UsageError(f"types= takes several; write types=[{cast('type', types).__name__}]")
    return [(name, kind) for kind in types for name in _names_of(kind)]


def _names_of(kind: Any) -> list[str]:
    """Return the words that a class's ``type`` may be."""
    config = getattr(kind, "__struct_config__", None)
    if config is not None and config.tag_field == "type":
        return [str(config.tag)]
    hint = _hint(kind) if isinstance(kind, type) else Any
    words = get_args(hint) if get_origin(hint) is Literal else (_default(kind),)
    names = [name for name in map(_word, words) if name]
    if names or hint or is_typeddict(kind):
        return names or _raise_nameless(kind)
    return [kind.__name__]


def _raise_nameless(kind: Any) -> NoReturn:
    shown = getattr(kind, "__qualname__", repr(kind))
    raise UsageError(f"{shown} does not say its type; name it: types={{'app.event': {shown}}}")


def _hint(kind: Any) -> Any:
    """Return the annotation of a class's ``type``."""
    # An annotation may be text, as in a module with `from __future__ import annotations`.
    hint = get_type_hints(kind).get("type")
    return get_args(hint)[0] if get_origin(hint) is ClassVar and get_args(hint) else hint


def _default(kind: Any) -> object:
    field = getattr(kind, "model_fields", {}).get("type")  # pydantic's
    return getattr(field, "default", None) if field else getattr(kind, "type", None)


def _word(value: object) -> str | None:
    plain = value.value if isinstance(value, Enum) else value
    return plain if isinstance(plain, str) else None


def _reader(kind: Any) -> Read:
    """Return what reads data as ``kind``, without ``type`` where the class has no such field."""
    read = json_reader_of(kind)
    if not isinstance(kind, type) or _has_field(kind):
        return read
    return lambda data: read({name: value for name, value in data.items() if name != "type"})


def _has_field(kind: Any) -> bool:
    config = getattr(kind, "__struct_config__", None)
    if config is not None and config.tag_field == "type":
        return True
    hint = get_type_hints(kind).get("type")
    return hint is not None and get_origin(hint) is not ClassVar and hint is not ClassVar
