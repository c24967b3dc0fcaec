"""The application's own events on the wire: by which ``type`` they go, and back to their classes.

A class goes by the ``type`` it declares: a struct's tag, a ``Literal``, or a default, such as
``type: str = "app.token"``. A class without one goes by its name, which is then written for it.
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

import msgspec
from typing_extensions import is_typeddict

from .._reading import Read, json_reader_of
from ..errors import UsageError
from ..events import EventType
from ._json import dumps

__all__ = ["OURS", "Types", "dump_own", "readers_of"]

Types: TypeAlias = Mapping[str, Any] | Iterable[Any]
"""Classes by their ``type``, or just the classes, where those say it themselves."""

OURS = frozenset(get_args(EventType))
"""What no class of anybody else's may be called."""


class _Typed(msgspec.Struct):
    type: Any = msgspec.UNSET


_look = msgspec.json.Decoder(_Typed).decode


def dump_own(item: object, *, private: bool) -> bytes:
    """Give what is no event of ours as JSON; an object that has no ``type`` gets its class's.

    Raises:
        UsageError: an object goes by a ``type`` of ours, and would be read as that event.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Token:
    ...     text: str
    >>> dump_own(Token("Hi"), private=False)
    b'{"type":"Token","text":"Hi"}'
    """
    text = dumps(item, private=private)
    if isinstance(item, dict) or not text.startswith(b"{"):
        return text
    cls = type(item)
    type_ = _look(text).type
    if type_ is msgspec.UNSET:
        type_ = _word(getattr(cls, "type", None)) or cls.__name__
        text = b'{"type":%b%b' % (dumps(type_), b"}" if text == b"{}" else b"," + text[1:])
    if isinstance(type_, str) and type_ in OURS:
        raise UsageError(_clash(cls, type_))
    return text


def readers_of(types: Types) -> dict[str, Read]:
    """Give what reads each ``type``.

    Raises:
        UsageError: something is no type of data, has no ``type`` or one of ours, or two have one.
    """
    readers: dict[str, Read] = {}
    for name, kind in _named(types):
        if name in OURS:
            raise UsageError(_clash(kind, name))
        if name in readers:
            raise UsageError(f"two classes go by the type {name!r}; give a mapping with two names")
        readers[name] = _reader(kind)
    return readers


def _clash(kind: Any, name: str) -> str:
    shown = getattr(kind, "__qualname__", repr(kind))
    return f"{shown} goes by {name!r}, which is an event of streamkit's; choose another type"


def _named(types: Types) -> Iterable[tuple[str, Any]]:
    if isinstance(types, Mapping):
        return cast("Mapping[str, Any]", types).items()
    return [(name, kind) for kind in types for name in _names_of(kind)]


def _names_of(kind: Any) -> list[str]:
    """Give what a class's ``type`` may be."""
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
    """Give what a class's ``type`` is annotated with."""
    hint = get_type_hints(kind).get("type")
    return get_args(hint)[0] if get_origin(hint) is ClassVar and get_args(hint) else hint


def _default(kind: Any) -> object:
    field = getattr(kind, "model_fields", {}).get("type")  # pydantic's
    return getattr(field, "default", None) if field else getattr(kind, "type", None)


def _word(value: object) -> str | None:
    plain = value.value if isinstance(value, Enum) else value
    return plain if isinstance(plain, str) else None


def _reader(kind: Any) -> Read:
    """Give what reads data as ``kind``, without the ``type`` where the class has no such field."""
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
