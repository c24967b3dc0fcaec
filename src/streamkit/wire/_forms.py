"""The JSON form of values that have none of their own: one per class, by the class's name.

A form is one step: plain data, whose parts may need a form themselves. No class is imported to be
recognised, and nothing of an unknown object is called, not even its ``__repr__``.

- A message: ``{"type": "ai", "data": {"content": …}}``, LangChain's own stored form, which
  ``messages_from_dict`` of LangChain (and `mapStoredMessagesToChatMessages` of LangChain.js) reads.
- A document, and any other pydantic model, dataclass, attrs class or struct: its fields.
- ``{"$command": …}``, ``{"$send": …}``, ``{"$interrupt": …}``, ``{"$error": {"name": …}}``.
- Anything else: ``{"$object": "module.Class"}``.

Unless ``private`` is set, system messages keep no content, those of failed tools say ``error``,
messages keep no ``response_metadata``, prompts only their name, and exceptions only theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias, cast

import msgspec

from .._secrets import secrets_of

Form: TypeAlias = Callable[[Any, bool], Any]

FAILED = "error"
"""The content written for a failed tool's message: LangGraph writes an exception's text there."""
MAX_VALUES = 2**20
"""How many values one payload may hold."""

_EMPTY_BY_DEFAULT = frozenset(
    {
        "additional_kwargs",
        "invalid_tool_calls",
        "response_metadata",
        "tool_call_chunks",
        "tool_calls",
    }
)
PAIR = 2
SYSTEM_ROLES = frozenset({"system", "developer"})
_FRAMEWORKS = ("langchain", "langgraph", "langsmith")


def form(value: object, private: bool) -> Any:
    """Return the form of a value that is no str, int, float, bool, None or plain container.

    May raise anything: it reads objects that others wrote.
    """
    return _form_of(cast("Hashable", type(value)))(value, private)


def cut(what: str) -> dict[str, str]:
    """Return the mark of something that was left out."""
    return {"$cut": what}


def opaque(value: object, _private: bool = False) -> dict[str, str]:
    """Return the class of an object that is no data."""
    try:
        cls = type(value)
        name = f"{cls.__module__}.{cls.__qualname__}"
    except Exception:  # noqa: BLE001  (a metaclass may do anything)
        name = "object"
    return {"$object": name.removeprefix("builtins.")}


def _is_prompt(data: dict[Any, Any]) -> bool:
    """Return whether a dict is a system message: as LangGraph reads it, or LangChain stores it."""
    get = cast("Any", dict).get
    role, kind, inner = get(data, "role"), get(data, "type"), get(data, "data")
    is_role = type(role) is str and role in SYSTEM_ROLES
    # `convert_to_messages` (langchain-core 0.3 on) reads a role that stands under `type`, too.
    if not is_role and (type(kind) is not str or kind not in SYSTEM_ROLES):
        return False
    return "content" in data or (type(inner) is dict and "content" in inner)


def without_secrets(data: dict[Any, Any]) -> dict[Any, Any]:
    """Return a message that came as JSON without its secrets; any other dict as it is."""
    if _is_prompt(data):
        return _without_prompt(data)
    if "content" not in data:
        return data
    if "tool_call_id" in data and data.get("status") == "error":
        data = {**data, "content": FAILED}
    if "additional_kwargs" in data and "response_metadata" in data:
        data = {name: it for name, it in data.items() if name != "response_metadata"}
    return data


def is_prompt_pair(items: Sequence[Any]) -> bool:
    """Return whether a sequence is a system prompt as ``(role, text)``, which LangGraph reads."""
    if len(items) != PAIR or type(items[0]) is not str or items[0] not in SYSTEM_ROLES:
        return False
    return isinstance(items[1], (str, list))


def _without_prompt(data: dict[Any, Any]) -> dict[str, Any]:
    if "content" in data:
        return _emptied(data)
    return {"type": "system", "data": _emptied(data["data"])}


def _emptied(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in ("role", "type", "id") if name in data} | {"content": ""}


def _has(cls: type[Any], name: str) -> bool:
    return any(name in vars(base) for base in cls.__mro__)


@lru_cache(maxsize=4096)
def _form_of(cls: type[Any]) -> Form:
    for base in cls.__mro__:
        known = _FORMS.get(f"{base.__module__}.{base.__qualname__}")
        if known:
            return known
    if issubclass(cls, msgspec.Struct):
        return _struct
    if _has(cls, "__dataclass_fields__"):
        # `ModelRequest` of langchain 1.x and the `Runtime` of langgraph 1.x are dataclasses with
        # the system prompt, the context and the store in them.
        return opaque if _is_framework(cls) else _dataclass
    if _has(cls, "__attrs_attrs__"):
        return _attrs
    if issubclass(cls, Mapping):
        return _mapping
    return _values if issubclass(cls, (Sequence, AbstractSet, ValuesView)) else opaque


def _is_framework(cls: type[Any]) -> bool:
    """Return whether a dataclass is a runtime or a request, which hold prompts and clients."""
    package = cls.__module__.partition(".")[0].partition("_")[0]
    return package in _FRAMEWORKS and cls.__module__ != "langgraph.types"


def _attributes(value: object) -> dict[str, Any]:
    """Return an object's own dict, whatever its class makes of attribute access."""
    return cast("dict[str, Any]", object.__getattribute__(value, "__dict__"))


def _named(value: object, names: Iterable[str]) -> dict[str, Any]:
    """Return the attributes of these names that are set."""
    found = ((name, _attribute(value, name)) for name in names)
    return {name: it for name, it in found if it is not msgspec.UNSET}


def _attribute(value: object, name: str) -> Any:
    try:
        return object.__getattribute__(value, name)
    except AttributeError:  # a slot that was never filled
        return msgspec.UNSET


# --- the schema's own structs


def _record(record: msgspec.Struct, private: bool) -> dict[str, Any]:
    """Return the fields that msgspec writes of a struct of the schema, less its secrets."""
    cls = type(record)
    hidden = secrets_of(cls, private=private)
    omits = cls.__struct_config__.omit_defaults
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(cls):
        make = hidden.get(field.name)
        value = make(record) if make else getattr(record, field.name)
        if not (omits and _is_default(value, field)):
            found[field.name] = value
    return found


def _is_default(value: object, field: msgspec.structs.FieldInfo) -> bool:
    if field.default_factory is not msgspec.NODEFAULT:
        return type(value) is field.default_factory and not value
    return type(value) is type(field.default) and value == field.default


def _event(event: Any, private: bool) -> dict[str, Any]:
    form: dict[str, Any] = {"type": event.type, **_record(event, private)}
    if not _record(event.origin, private):
        form.pop("origin", None)
    return form


# --- LangChain


def _message(value: object, private: bool) -> dict[str, Any]:
    data = {
        name: it
        for name, it in _model_fields(value).items()
        # `messages_from_dict` fills in what is left out: five fields of each chunk.
        if it is not None and (name not in _EMPTY_BY_DEFAULT or it)
    }
    if not private:
        data.pop("response_metadata", None)
        data = without_secrets(data)
    return {"type": data.pop("type", None), "data": data}


def _system_message(value: object, private: bool) -> dict[str, Any]:
    stored = _message(value, private)
    if not private:
        stored["data"] = _emptied(stored["data"])
    return stored


def _prompt(value: object, private: bool) -> dict[str, Any]:
    return _model(value, private) if private else opaque(value)


def _command(value: object, _private: bool) -> dict[str, Any]:
    fields = _named(value, ("graph", "update", "resume", "goto"))
    given = {name: it for name, it in fields.items() if it is not None}
    if given.get("goto") == ():
        del given["goto"]
    return {"$command": given}


def _send(value: object, _private: bool) -> dict[str, Any]:
    return {"$send": _named(value, ("node", "arg"))}


def _interrupt(value: object, _private: bool) -> dict[str, Any]:
    id = _attribute(value, "id")
    if id is msgspec.UNSET:  # LangGraph before 0.6
        id = _named(value, ("interrupt_id",)).get("interrupt_id")
    return {"$interrupt": {"id": id, "value": _attribute(value, "value")}}


# --- pydantic and other records


def _model_fields(value: object) -> dict[str, Any]:
    fields = dict(_attributes(value))
    # Messages allow fields of their own, which pydantic keeps apart.
    extra = _attribute(value, "__pydantic_extra__")
    return fields | extra if extra else fields


def _model(value: Any, _private: bool) -> Any:
    fields = _model_fields(value)
    excluded, custom = _serialization(cast("Any", type(value)))
    if custom is None:
        return value.model_dump(warnings=False)
    for name in excluded:
        fields.pop(name, None)
    if custom:
        # pydantic 2 would warn of each value that does not fit its field, once for every event.
        fields.update(value.model_dump(include=set(custom), warnings=False))
    return fields


def _root_model(value: object, _private: bool) -> Any:
    # pydantic 2 keeps the value of a `RootModel` under this name.
    return _attributes(value)["root"]


@lru_cache(maxsize=1024)
def _serialization(cls: Any) -> tuple[frozenset[str], frozenset[str] | None]:
    """Return the fields a model does not show, and those it shows in a way of its own.

    The second are None where the whole model has a way of its own. All other fields are read as
    they are, so that messages in a model keep their form, and their secrets.
    """
    decorators, fields = cls.__pydantic_decorators__, cls.model_fields
    excluded = frozenset(name for name, field in fields.items() if field.exclude)
    if decorators.model_serializers:
        return excluded, None
    custom = set(decorators.computed_fields)
    for serializer in decorators.field_serializers.values():
        custom.update(serializer.info.fields)
    if "*" in custom:
        custom.update(fields)
    for name, field in fields.items():
        if any(type(note).__name__.endswith("Serializer") for note in field.metadata):
            custom.add(name)
    return excluded, frozenset(custom - excluded)


def _dataclass(value: object, _private: bool) -> dict[str, Any]:
    return _named(value, cast("Any", type(value)).__dataclass_fields__)


def _attrs(value: object, _private: bool) -> dict[str, Any]:
    return _named(value, (field.name for field in cast("Any", type(value)).__attrs_attrs__))


def _struct(value: msgspec.Struct, _private: bool) -> dict[str, Any]:
    config = type(value).__struct_config__
    tag = {} if config.tag_field is None else {config.tag_field: config.tag}
    return tag | _named(value, value.__struct_fields__)


# --- Python's own, and numpy's


def _exception(value: BaseException, private: bool) -> dict[str, Any]:
    error = {"name": type(value).__name__}
    if private:
        error["message"] = str(value)
    return {"$error": error}


def _enum(value: object, _private: bool) -> Any:
    return object.__getattribute__(value, "_value_")


def _array(value: Any, _private: bool) -> Any:
    if value.size > MAX_VALUES:
        return cut(f"an array of {value.size} values")
    return value.tolist()


def _number(value: Any, _private: bool) -> Any:
    item = value.item()
    return float(item) if type(item) is type(value) else item  # such as longdouble


def _duration(value: timedelta, _private: bool) -> timedelta:
    return timedelta(value.days, value.seconds, value.microseconds)


def _mapping(value: Mapping[Any, Any], _private: bool) -> dict[Any, Any]:
    return {key: value[key] for key in islice(value, MAX_VALUES + 1)}


def _values(value: Iterable[Any], _private: bool) -> list[Any]:
    return list(islice(value, MAX_VALUES + 1))


_FORMS: Mapping[str, Form] = {
    "builtins.BaseException": _exception,
    "builtins.bytes": lambda value, _: memoryview(value).tobytes(),
    "builtins.float": lambda value, _: float.__float__(value),
    "builtins.int": lambda value, _: int.__int__(value),
    "builtins.str": lambda value, _: str.__str__(value),
    "collections.UserString": lambda value, _: str(value.data),
    "datetime.date": lambda value, _: date.isoformat(value),
    "datetime.datetime": lambda value, _: datetime.fromisoformat(datetime.isoformat(value)),
    "datetime.time": lambda value, _: time.isoformat(value),
    "datetime.timedelta": _duration,
    "decimal.Decimal": lambda value, _: str(value),
    "enum.Enum": _enum,
    "langchain_core.messages.base.BaseMessage": _message,
    "langchain_core.messages.system.SystemMessage": _system_message,
    "langchain_core.prompt_values.PromptValue": _prompt,
    "langchain_core.runnables.base.Runnable": opaque,
    "langgraph.types.Command": _command,
    "langgraph.types.Interrupt": _interrupt,
    "langgraph.types.Send": _send,
    "numpy.generic": _number,
    "numpy.ndarray": _array,
    "pathlib.PurePath": lambda value, _: str(value),
    "pathlib._local.PurePath": lambda value, _: str(value),  # Python 3.13
    "pydantic.main.BaseModel": _model,
    "pydantic.root_model.RootModel": _root_model,
    "streamkit.events.EventBase": _event,
    "streamkit.values.ErrorInfo": _record,
    "streamkit.values.Origin": _record,
    "streamkit.values.ToolCall": _record,
    "streamkit.values.Usage": _record,
    "uuid.UUID": lambda value, _: str(value),
}
