"""The base of our structs: a short ``repr``, and what pydantic and FastAPI make of them."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any, cast

import msgspec

_HIDDEN = ("metadata", "response_metadata", "timestamp")
"""Fields that a ``repr`` leaves out: they say little and are long."""

_PLACE = ("agent", "node", "namespace", "tool_call_id", "internal")
"""The fields of an origin that the ``repr`` of an event shows."""


class Base:
    """The methods that all our structs share."""

    __slots__ = ()

    def __repr__(self) -> str:
        fields: list[str] = []
        for name, default in _fields_of(cast("Any", type(self))):
            value = getattr(self, name)
            if name == "origin" and isinstance(value, Base):
                value = _Place(value)
            if not _is(value, default):
                fields.append(f"{name}={_short(value)}")
        return f"{type(self).__name__}({', '.join(fields)})"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        """Let pydantic models and FastAPI routes name this class as a field's type."""
        from pydantic_core import core_schema  # noqa: PLC0415  (importing streamkit stays light)

        from .wire.schema import from_plain, to_plain  # noqa: PLC0415  (as above)

        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else from_plain(value, cls),
            serialization=core_schema.plain_serializer_function_ser_schema(to_plain),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        """Return the JSON Schema of this class as the wire has it, whole in itself."""
        from .wire.schema import schema_of  # noqa: PLC0415  (as above)

        return schema_of(cls)


class _Place:
    """An origin inside an event's ``repr``: only where it is."""

    def __init__(self, origin: Any) -> None:
        self._shown = [
            f"{name}={_short(getattr(origin, name))}" for name in _PLACE if getattr(origin, name)
        ]

    def __repr__(self) -> str:
        return f"Origin({', '.join(self._shown)})"

    def __eq__(self, _: object) -> bool:
        return not self._shown  # like the default, it says nothing

    __hash__ = None  # type: ignore[assignment]


@cache
def _fields_of(cls: type[Base]) -> list[tuple[str, Any]]:
    """Return a class's fields and their defaults, its own first and those of its bases last."""
    defaults = {it.name: _default(it) for it in msgspec.structs.fields(cast("Any", cls))}
    names: list[str] = []
    structs = [it for it in cls.__mro__ if issubclass(it, msgspec.Struct)]
    fields = [it.__struct_fields__ for it in structs if it is not msgspec.Struct]
    for own, inherited in pairwise([*fields, ()]):
        names += [name for name in own if name not in inherited]
    return [(name, defaults[name]) for name in names if name not in _HIDDEN]


def _default(field: Any) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _is(value: object, default: object) -> bool:
    try:
        return bool(value == default)
    except Exception:  # noqa: BLE001  (an array, say, which has no one truth)
        return False


_LONGEST = 50  # characters of one value


def _short(value: object) -> str:
    from reprlib import Repr  # noqa: PLC0415  (importing streamkit stays light)

    if type(value) is _Place:
        return repr(value)
    shorten = Repr()
    shorten.maxlevel, shorten.maxstring, shorten.maxother = 2, 48, 60
    shorten.maxdict = shorten.maxlist = shorten.maxtuple = 3
    try:
        text = shorten.repr(value)
    except Exception:  # noqa: BLE001  (a foreign object may raise anything)
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
