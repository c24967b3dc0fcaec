"""Readers that make an object of an application's own type out of plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any, TypeAlias, cast, get_args, get_origin, get_type_hints, is_typeddict

import msgspec

from .errors import UsageError

Read: TypeAlias = Callable[[Any], Any]


def reader_of(kind: Any) -> Read:
    """Return a function that reads data as ``kind``; an object of that kind is returned as it is.

    ``kind`` is a dataclass, TypedDict, attrs class, msgspec struct, pydantic model or dataclass, a
    list or a union of them, or a function that raises where the data does not fit. No pydantic is
    imported but the caller's.

    Raises:
        UsageError: it is neither a type of data nor a function.
    """
    if _has_pydantic(kind):
        return cast("Read", _adapter(kind).validate_python)
    if _is_function(kind):
        return cast("Read", kind)
    _require_data(kind)
    return lambda data: data if kind in type(data).__mro__ else msgspec.convert(data, kind)


def json_reader_of(kind: Any) -> Read:
    """Return what does the same with data out of JSON: keys are text, and so are dates and bytes.

    Raises:
        UsageError: it is neither a type of data nor a function.
    """
    if _has_pydantic(kind):
        validate = _adapter(kind).validate_json  # a strict model takes text for dates only here
        return lambda data: validate(msgspec.json.encode(data))
    if _is_function(kind):
        return cast("Read", kind)
    _require_data(kind)
    return lambda data: msgspec.convert(data, kind, str_keys=True)


def is_pydantic(kind: Any) -> bool:
    """Return whether this is a pydantic model or a dataclass."""
    return hasattr(kind, "__pydantic_validator__")


def _has_pydantic(kind: Any, around: tuple[Any, ...] = ()) -> bool:
    """Return whether this is of pydantic, or made of such types: msgspec cannot read those."""
    if is_pydantic(kind):
        return True
    inside = list(get_args(kind))
    if is_dataclass(kind) or is_typeddict(kind):
        inside += get_type_hints(kind, include_extras=True).values()
    return kind not in around and any(_has_pydantic(it, (*around, kind)) for it in inside)


def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter  # noqa: PLC0415  (importing streamkit stays light)

    return TypeAdapter(kind)


def _is_function(kind: Any) -> bool:
    return callable(kind) and not isinstance(kind, type) and get_origin(kind) is None


def _require_data(kind: Any) -> None:
    try:
        is_data = not isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.CustomType)
    except TypeError:
        is_data = False
    if not is_data:
        raise UsageError(f"cannot read payloads as {kind!r}; name a type of data, or a function")
