"""What the schema's own structs become on the wire, and what of them stays in the process.

A field that equals its default is left out; one without a default is always written. Keys come in
the order in which the class lists its fields. Values are not converted here: `_json` does that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias, cast

import msgspec
from msgspec.structs import FieldInfo, asdict

from .._fields import dict_or_empty
from ..events import (
    Checkpoint,
    Event,
    MessageEnd,
    RunStart,
    StepEnd,
    StepStart,
    Unrecognized,
)
from ..values import ErrorInfo, Origin, ToolCall, Usage

__all__ = [
    "SECRETS",
    "error_form",
    "event_fields",
    "event_form",
    "origin_form",
    "payloads_in",
    "record_form",
    "tag_of",
    "usage_form",
]

Record: TypeAlias = dict[str, Any]

SECRETS: dict[type, tuple[str, ...]] = {
    RunStart: ("input",),
    StepStart: ("input",),
    MessageEnd: ("response_metadata",),
    Checkpoint: ("metadata",),
    Unrecognized: ("raw", "reason"),
    Origin: ("metadata",),
    ErrorInfo: ("message",),
}
"""The fields that leave the process only with ``private=True``."""

_TEXTS_AND_NUMBERS = frozenset({str, float, bool, type(None)})
_CHECKPOINT_IDS = ("thread_id", "checkpoint_ns", "checkpoint_id", "checkpoint_map")


class _Plan(NamedTuple):
    """What there is to know of a struct class before one of its instances is seen."""

    optional: tuple[tuple[str, Any], ...]
    """Fields that may be left out, and the values that allow it."""
    secrets: tuple[str, ...]
    """Fields that leave the process only if asked for."""
    nested: tuple[str, ...]
    """Fields that hold structs of ours."""
    payloads: tuple[str, ...]
    """Fields that hold what others made."""


@lru_cache(maxsize=256)
def _plan(cls: type[msgspec.Struct]) -> _Plan:
    fields = msgspec.structs.fields(cls)
    foreign = [it.name for it in fields if "Any" in str(it.type) or it.name == "tool_calls"]
    return _Plan(
        optional=tuple((it.name, _default(it)) for it in fields if not it.required),
        secrets=SECRETS.get(cls, ()),
        nested=tuple(it.name for it in fields if it.name in _NESTED),
        payloads=tuple(foreign),
    )


def _default(field: FieldInfo) -> Any:
    factory = field.default_factory
    return field.default if factory is msgspec.NODEFAULT else cast("Callable[[], Any]", factory)()


def record_form(record: msgspec.Struct, private: bool) -> Record:
    """Give a struct's fields, without its defaults and, unless ``private``, its secrets."""
    plan = _plan(type(record))
    fields = asdict(record)
    for name, default in plan.optional:
        value = fields[name]
        if value is default or (type(value) is type(default) and value == default):
            del fields[name]
    if not private:
        for name in plan.secrets:
            fields.pop(name, None)
    return fields


def payloads_in(record: msgspec.Struct, form: Record) -> list[Any]:
    """Give those of a form's values that others made and that are no mere texts or numbers."""
    values = [form[name] for name in _plan(type(record)).payloads if name in form]
    return [value for value in values if type(value) not in _TEXTS_AND_NUMBERS]


def tag_of(cls: type) -> str:
    """Give the wire tag of an event class."""
    return cast("str", cast("Any", cls).type)


def event_form(event: Event, private: bool) -> Record:
    """Give a whole event."""
    form: Record = {"type": tag_of(type(event))}
    origin = origin_form(event.origin, private)
    if origin:
        form["origin"] = origin
    return form | event_fields(event, private)


def event_fields(event: Event, private: bool) -> Record:
    """Give an event's fields, ``type`` and ``origin`` excepted."""
    fields = record_form(event, private)
    del fields["origin"]
    for name in _plan(type(event)).nested:
        if name in fields:
            fields[name] = _NESTED[name](fields[name], private)
    if not private and isinstance(event, (StepEnd, Checkpoint)):
        _hide(event, fields)
    return fields


def _hide(event: StepEnd | Checkpoint, fields: Record) -> None:
    """Hide what is a secret only at times: a prompt's output, and all of a config but its ids."""
    if isinstance(event, StepEnd):
        if event.kind == "prompt":
            fields.pop("output", None)
        return
    for name in ("config", "parent_config"):
        if name in fields:
            fields[name] = _ids_of(fields[name])


def _ids_of(config: object) -> Record:
    """Give of a config what leads back to the checkpoint: the rest may hold keys and names."""
    known = dict_or_empty(dict_or_empty(config).get("configurable"))
    return {"configurable": {key: known[key] for key in _CHECKPOINT_IDS if key in known}}


def origin_form(origin: Origin, private: bool) -> Record:
    """Give an origin: only what it says."""
    return record_form(origin, private)


def error_form(error: ErrorInfo, private: bool) -> Record:
    """Give an error without the exception object, and without its text unless ``private``."""
    form = record_form(error, private)
    form.pop("exception", None)
    return form


def usage_form(usage: Usage, _private: bool = False) -> Record:
    """Give the three counts always: a reader should not have to know that 0 was left out."""
    form: Record = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
    for name in ("input_token_details", "output_token_details"):
        details: dict[str, int] = getattr(usage, name)
        if details:
            form[name] = details
    return form


_FORMS: Mapping[type, Callable[[Any, bool], Record]] = {
    ErrorInfo: error_form,
    Usage: usage_form,
    ToolCall: record_form,
}


def _nested(value: object, private: bool) -> object:
    form = _FORMS.get(type(value))
    return form(value, private) if form else value


def _nested_list(values: tuple[object, ...], private: bool) -> list[object]:
    return [_nested(value, private) for value in values]


def _nested_dict(values: dict[str, object], private: bool) -> dict[str, object]:
    return {key: _nested(value, private) for key, value in values.items()}


_NESTED: Mapping[str, Callable[[Any, bool], object]] = {
    "error": _nested,
    "usage": _nested,
    "usage_by_model": _nested_dict,
    "tool_calls": _nested_list,
}
"""The fields that hold structs of ours, so that all else may be encoded natively."""
