"""What the schema's own structs become on the wire, and what of them stays in the process.

A field that equals its default is left out; one without a default is always written. Keys come in
the order in which the class lists its fields. Values are not converted here: `_json` does that.

Each class has a plan, made once. Its form is another struct, of what may leave, which msgspec
writes by itself. What fills a form is compiled, as the ``__init__`` of a dataclass is: a loop over
the fields would take longer than all of the writing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeAlias, cast

import msgspec
from msgspec.structs import FieldInfo, astuple

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

__all__ = ["SECRETS", "TEXTS_AND_NUMBERS", "event_form", "plan_of", "record_form", "tag_of"]

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

TEXTS_AND_NUMBERS = frozenset({str, int, float, bool, type(None)})
"""What is the same on every wire, whoever made it."""

_NEVER: dict[type, tuple[str, ...]] = {ErrorInfo: ("exception",)}
_ALWAYS: dict[type, tuple[str, ...]] = {Usage: ("input_tokens", "output_tokens", "total_tokens")}
"""Fields with a default that are written: a reader need not know that 0 was left out."""
_NOTHING = object()
"""What no field equals."""
_INNER = frozenset({ErrorInfo, ToolCall, Usage})
_CHECKPOINT_IDS = ("thread_id", "checkpoint_ns", "checkpoint_id", "checkpoint_map")


class Form(msgspec.Struct, omit_defaults=True, gc=False):
    """What may leave of one of our structs."""


class Plan(NamedTuple):
    """What there is to know of a struct class before one of its instances is seen."""

    form: Callable[..., Form]
    """Makes the form of an instance. An event's begins with its type and origin, the second
    argument, as one text. Structs inside become forms, or what the third has for their classes."""
    payload: Callable[[Form], Any] | None
    """Gives what in a form others made; None where that is mere texts and numbers."""
    defaults: Mapping[str, Any]
    """What is left out, by the names of a form's fields."""


@lru_cache(maxsize=256)
def plan_of(cls: type[msgspec.Struct], private: bool) -> Plan:
    """Give the plan of a class."""
    hidden = _told(_NEVER, cls) | _told({} if private else SECRETS, cls)
    fields = [it for it in msgspec.structs.fields(cls) if it.name not in hidden]
    defaults = dict(_default(cls, it) for it in fields)
    types = [(name, Any, default) for name, default in defaults.items()]
    arguments = ", ".join(_argument(cls, it, private) for it in fields)
    inner = _INNER if any(it.type in _NESTED for it in fields) else ()
    make = _compiled(
        f"it, head=None, inner=inner: form({arguments})",
        form=msgspec.defstruct(cls.__name__, types, bases=(Form,)),
        inner={it: plan_of(it, private).form for it in inner},
        ids_of=_ids_of,
        **{f"default_{name}": default for name, default in defaults.items()},
    )
    return Plan(make, _payload(fields), defaults)


def _compiled(function: str, **names: Any) -> Callable[..., Any]:
    return cast("Callable[..., Any]", eval(f"lambda {function}", names))  # noqa: S307  (our own)


def _told(table: Mapping[type, Iterable[str]], cls: type) -> set[str]:
    return {name for base in cls.__mro__ for name in table.get(base, ())}


def _default(cls: type, field: FieldInfo) -> tuple[str, Any]:
    """Give the name of a form's field, and the value that is left out."""
    if field.name == "origin":
        return "type", None
    if field.required or field.name in _told(_ALWAYS, cls):
        return field.name, _NOTHING
    factory = field.default_factory
    is_plain = factory is msgspec.NODEFAULT
    return field.name, field.default if is_plain else cast("Callable[[], Any]", factory)()


# --- the expressions that are compiled


def _argument(cls: type, field: FieldInfo, private: bool) -> str:
    """Give what reads a field of ``it``."""
    name = field.name
    if name == "origin":
        return "head"
    if not private and name == "output" and issubclass(cls, StepEnd):
        return "None if it.kind == 'prompt' else it.output"
    if not private and name in {"config", "parent_config"} and issubclass(cls, Checkpoint):
        return f"ids_of(it.{name})"
    if isinstance(field.default, str):
        return _LIKE_DEFAULT.format(name)
    return _NESTED.get(field.type, "it.{0}").format(name)


_LIKE_DEFAULT = "default_{0} if type(it.{0}) is str and it.{0} == default_{0} else it.{0}"
"""What reads a text that may be left out: msgspec does that with the default, not with its like."""


_NESTED: Mapping[Any, str] = {
    ErrorInfo: "inner[type(it.{0})](it.{0})",
    ErrorInfo | None: "None if it.{0} is None else inner[type(it.{0})](it.{0})",
    Usage | None: "None if it.{0} is None else inner[type(it.{0})](it.{0})",
    tuple[ToolCall, ...]: "it.{0} and [inner[type(call)](call) for call in it.{0}]",
    dict[str, Usage]: "it.{0} and {{key: inner[type(n)](n) for key, n in it.{0}.items()}}",
}
"""What reads a field that holds structs of ours, by its type."""


def _payload(fields: Iterable[FieldInfo]) -> Callable[[Form], Any] | None:
    """Compile what gives the payload of a form, or all of them where it has more than one."""
    names = [it.name for it in fields if "Any" in str(it.type)]
    harmless = {f"it.{name}": f"type(it.{name}) in known" for name in names}
    if any(it.name == "tool_calls" for it in fields):
        harmless["[call.args for call in it.tool_calls]"] = "not it.tool_calls"
    if not harmless:
        return None
    values, test = ", ".join(harmless), " and ".join(harmless.values())
    return _compiled(f"it: None if {test} else ({values})", known=TEXTS_AND_NUMBERS)


# --- records inside of others, and records as dicts


class _Dicts(dict[type, Callable[[Any], Any]]):
    """Gives for each class what makes a dict of it, if it is one of ours, and else leaves it."""

    def __missing__(self, cls: type) -> Callable[[Any], Any]:
        return lambda it: it


@lru_cache(maxsize=2)
def _dicts(private: bool) -> _Dicts:
    return _Dicts((cls, partial(record_form, private=private)) for cls in _INNER)


def record_form(record: msgspec.Struct, private: bool) -> Record:
    """Give a struct's fields, without its defaults and, unless ``private``, its secrets."""
    plan = plan_of(type(record), private)
    form = plan.form(record, None, _dicts(private))
    fields = zip(plan.defaults.items(), astuple(form), strict=True)
    return {name: value for (name, default), value in fields if not _is(value, default)}


def _is(value: object, default: object) -> bool:
    return value is default or (type(value) is type(default) and value == default)


def event_form(event: Event, private: bool) -> Record:
    """Give a whole event."""
    form: Record = {"type": tag_of(type(event))}
    origin = record_form(event.origin, private)
    if origin:
        form["origin"] = origin
    return form | record_form(event, private)


def tag_of(cls: type) -> str:
    """Give the wire tag of an event class."""
    return cast("str", cast("Any", cls).type)


def _ids_of(config: object) -> Record | None:
    """Give of a config what leads back to the checkpoint: the rest may hold keys and names."""
    if config is None:
        return None
    try:
        known = dict_or_empty(dict_or_empty(config).get("configurable"))
        ids = {key: known[key] for key in _CHECKPOINT_IDS if key in known}
    except Exception:  # noqa: BLE001  (it is of somebody's own class, and no config)
        ids = {}
    return {"configurable": ids}
