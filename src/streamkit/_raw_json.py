"""Raw stream items as JSON, and back, without running code of the file.

LangChain's objects are written in its own serialisation (``{"lc": 1, "type": "constructor", …}``).
What JSON has no word for has a form with one key that begins with ``$``:

    {"$tuple": […]}  {"$set": […]}  {"$dict": [[key, value], …]}  {"$bytes": "base64"}
    {"$error": {"name": …, "message": …}}
    {"$object": "module.Class", "fields": {…}}     a dataclass, a model, a dict of a class
    {"$repr": "Class"}                             anything else

Reading makes objects of the classes in a fixed table alone. Of any other class it makes a dataclass
with the same name and fields, which every dialect reads as it reads the original.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, cast

_MAX_DEPTH = 100
_SCALARS = (bool, int, float, type(None))

# Modules whose classes LangChain's serialisation may name, by the last part of its id.
_LANGCHAIN = (
    "langchain_core.messages",
    "langchain_core.documents",
    "langchain_core.outputs",
    "langchain_core.prompt_values",
)
_OTHERS = {
    "langchain_core.runnables.utils": ("AddableDict",),
    "langchain_core.tracers.log_stream": ("RunLog", "RunLogPatch"),
    "langgraph.types": ("Command", "Interrupt", "PregelTask", "Send", "StateSnapshot"),
}


@dataclasses.dataclass(frozen=True)
class Unrecorded:
    """In the place of an object that no recording can hold."""

    name: str
    """The name of its class."""


# --- writing


def to_json(value: object) -> Any:
    """Return ``value`` as JSON data. Never raises.

    >>> to_json((1, {"a": b"xyz"}))
    {'$tuple': [1, {'a': {'$bytes': 'eHl6'}}]}
    """
    return _written(value, _MAX_DEPTH)


def _written(value: Any, depth: int) -> Any:
    if not depth:
        return _repr(value)
    try:
        return _form(value, depth - 1)
    except Exception:  # noqa: BLE001  (a foreign object's own methods may raise anything)
        return _repr(value)


def _form(value: object, depth: int) -> Any:  # noqa: C901, PLR0911  (one form a line)
    instance: Any = value
    if isinstance(value, str):
        return str(value).encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if isinstance(value, _SCALARS) and type(value) in _SCALARS:
        return value
    if type(value) is dict:
        return _dict(cast("dict[object, object]", value), depth)
    if isinstance(value, list):
        return [_written(it, depth) for it in cast("list[object]", value)]
    if isinstance(value, BaseException):
        return {"$error": {"name": type(value).__name__, "message": str(value)}}
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, (set, frozenset)):
        return {"$set": [_written(it, depth) for it in cast("set[object]", value)]}
    if getattr(instance.__class__, "is_lc_serializable", bool)():
        serialized = instance.to_json()
        return {**serialized, "kwargs": _dict(serialized["kwargs"], depth)}
    fields, module, name = _fields(instance), type(value).__module__, type(value).__qualname__
    if isinstance(value, Mapping) and name not in _OTHERS.get(module, ()):
        # A dict again, as a reader takes it: langgraph 0.3 has classes of its own for updates.
        return _dict(fields or {}, depth)
    if fields is not None:
        return {"$object": f"{module}.{name}", "fields": _dict(fields, depth)}
    if isinstance(value, tuple):
        return {"$tuple": [_written(it, depth) for it in cast("tuple[object, ...]", value)]}
    if isinstance(value, (int, float)):  # an enum, a bool of numpy
        return _form(value.__int__() if isinstance(value, int) else float(value), depth)
    return _repr(instance)


def _repr(value: object) -> dict[str, str]:
    return {"$repr": type(value).__name__}


def _fields(value: Any) -> dict[Any, Any] | None:
    """Return the fields of a record: a dataclass, a model, a named tuple, a dict, a log patch."""
    cls: Any = value.__class__
    if isinstance(value, Mapping):
        return {**cast("Mapping[Any, object]", value)}
    if dataclasses.is_dataclass(cls):
        return {it.name: getattr(value, it.name) for it in dataclasses.fields(cls)}
    if hasattr(cls, "model_fields"):
        return {name: getattr(value, name) for name in cls.model_fields}
    if hasattr(cls, "_fields"):
        return dict(value._asdict())
    if hasattr(value, "ops"):
        return {**vars(value)}
    return None


def _dict(fields: Mapping[Any, Any], depth: int) -> Any:
    if all(isinstance(key, str) and not key.startswith("$") for key in fields):
        return {str(key): _written(it, depth) for key, it in fields.items()}
    pairs = [[_written(key, depth), _written(it, depth)] for key, it in fields.items()]
    return {"$dict": pairs}


# --- reading


def from_json(data: Any) -> Any:
    """Return the value that `to_json` made ``data`` of.

    Raises:
        ValueError: It has a form that streamkit does not know.

    >>> from_json({"$tuple": [1, {"a": {"$bytes": "eHl6"}}]})
    (1, {'a': b'xyz'})
    """
    if isinstance(data, list):
        return [from_json(it) for it in cast("list[object]", data)]
    if not isinstance(data, dict):
        return data
    fields = cast("dict[str, Any]", data)
    if fields.get("lc") == 1 and fields.get("type") == "constructor":
        return _constructed(fields)
    name = next(iter(fields), "")
    if not name.startswith("$"):
        return {key: from_json(it) for key, it in fields.items()}
    if name not in _READERS:
        raise ValueError(f"no form is called {name}")
    return _READERS[name](fields)


def _constructed(fields: dict[str, Any]) -> Any:
    name, kwargs = fields["id"][-1], from_json(fields["kwargs"])
    for module in map(import_module, _LANGCHAIN):
        cls = getattr(module, name, None)
        if isinstance(cls, type) and hasattr(cls, "is_lc_serializable"):
            return cls(**kwargs)
    return _of_no_known_class(name, kwargs)


def _object(fields: dict[str, Any]) -> Any:
    module, _, name = fields["$object"].rpartition(".")
    values = from_json(fields["fields"])
    if name not in _OTHERS.get(module, ()):
        return _of_no_known_class(name, values)
    cls: Any = getattr(import_module(module), name)
    if hasattr(cls, "keys"):
        return cls(values)
    if hasattr(cls, "_fields"):
        return cls(**values)
    made = object.__new__(cls)  # its fields are whole: no constructor need run
    for key, value in values.items():
        object.__setattr__(made, key, value)
    return made


def _of_no_known_class(name: str, values: Any) -> Any:
    fields = cast("dict[str, Any]", values)
    if not isinstance(values, dict) or not all(map(_is_name, fields)):
        return fields
    safe = name if _is_name(name) else "Object"
    return dataclasses.make_dataclass(safe, [(key, Any) for key in fields])(**fields)


def _is_name(name: object) -> bool:
    import keyword  # noqa: PLC0415  (rare)

    return isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)


def _error(fields: dict[str, Any]) -> Exception:
    name, message = str(fields["$error"]["name"]), str(fields["$error"]["message"])
    cls = type(name if _is_name(name) else "Error", (Exception,), {})
    return cast("Exception", cls(message))


_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "$tuple": lambda it: tuple(from_json(it["$tuple"])),
    "$set": lambda it: set(from_json(it["$set"])),
    "$dict": lambda it: {from_json(key): from_json(value) for key, value in it["$dict"]},
    "$bytes": lambda it: base64.b64decode(it["$bytes"]),
    "$error": _error,
    "$object": _object,
    "$repr": lambda it: Unrecorded(it["$repr"]),
}
