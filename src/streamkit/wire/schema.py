"""The schema for other programs: JSON Schema, and types for TypeScript.

Both say what stands on the wire, unless ``private`` was set or not: a field that may be left out,
because it equals its default or stays in the process, is optional. Readers skip what they do not
know.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import Any, cast

import msgspec

from .. import events, values
from .._event_classes import EVENTS, is_event
from .._secrets import secrets_of
from ..errors import MalformedItem
from ._codec import from_dict, to_dict
from ._plain_json import dumps, loads

__all__ = ["json_schema", "typescript"]

_NULL = {"type": "null"}
_COUNTS = ["input_tokens", "output_tokens", "total_tokens"]  # always written
_WORDS = {
    "boolean": "boolean",
    "integer": "number",
    "null": "null",
    "number": "number",
    "string": "string",
}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of any event as `streamkit.wire` writes it.

    >>> json_schema()["$defs"]["TextDelta"]["required"]
    ['type', 'timestamp', 'message_id', 'block_id', 'text']
    """
    (union,), found = msgspec.json.schema_components([events.Event])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "streamkit events, version 1",
        "oneOf": union["anyOf"],
        "$defs": {name: _as_written(name, found[name]) for name in sorted(found)},
    }


def schema_of(cls: type) -> dict[str, Any]:
    """Return the JSON Schema of one of our classes, with nothing to be looked up elsewhere.

    >>> schema_of(values.ToolCall)["properties"]["id"]["type"]
    'string'
    """
    (_,), found = msgspec.json.schema_components([cls])
    written = {name: _as_written(name, it) if _is_known(name) else it for name, it in found.items()}
    inlined: dict[str, Any] = _inlined(written[cls.__name__], written)
    return inlined


def _is_known(name: str) -> bool:
    return hasattr(events, name) or hasattr(values, name)


def _inlined(schema: Any, found: dict[str, Any]) -> Any:
    """Replace references by their definitions: none of ours refers to itself."""
    match schema:
        case {"$ref": str(reference), **more}:
            return _inlined(found[reference.rpartition("/")[2]], found) | more
        case dict():
            fields = cast("dict[str, Any]", schema)
            return {key: _inlined(value, found) for key, value in fields.items()}
        case list():
            items = cast("Any", schema)
            return [_inlined(it, found) for it in items]
        case _:
            return schema


def from_plain(data: Any, cls: type[Any]) -> Any:
    """Return the object of ``cls`` that JSON data is.

    Raises:
        ValueError: it is none.
    """
    try:
        made = from_dict(data) if issubclass(cls, events.EventBase) else msgspec.convert(data, cls)
    except (MalformedItem, msgspec.ValidationError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(made, cls):
        raise ValueError(f"no {cls.__name__}, but a {type(made).__name__}")  # noqa: TRY004
    return made


def to_plain(value: Any) -> Any:
    """Return one of our objects as JSON data, as it looks on every wire of ours."""
    return to_dict(value) if is_event(value) else loads(dumps(value))


def _as_written(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    cls = getattr(events, name, None) or getattr(values, name)
    notes = _notes_of(cls)
    optional = secrets_of(cls)
    return {
        "description": _text((cls.__doc__ or "").partition("\n\n")[0]),
        "type": "object",
        "properties": {
            field: _without_null(it) | notes.get(field, {})
            for field, it in schema["properties"].items()
            if field != "exception"  # the object itself, which no codec writes
        },
        "required": [field for field in schema["required"] if field not in optional]
        or (_COUNTS if cls is values.Usage else []),
    }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a field's schema without its default: what equals it is left out, null above all."""
    kept: dict[str, Any] = {key: value for key, value in schema.items() if key != "default"}
    arms: list[dict[str, Any]] = [
        arm for arm in kept.pop("anyOf", ()) if arm != _NULL or "default" not in schema
    ]
    if len(arms) == 1:
        return kept | arms[0]
    return kept | {"anyOf": arms} if arms else kept


def _notes_of(cls: type[Any]) -> dict[str, dict[str, str]]:
    """Return the docstrings below the fields of a class and its bases."""
    ours = {module.__name__: _notes_in(module) for module in (events, values)}
    notes: dict[str, dict[str, str]] = {}
    for base in reversed(cls.__mro__):
        notes |= ours.get(base.__module__, {}).get(base.__name__, {})
    return notes


@cache
def _notes_in(module: ModuleType) -> dict[str, dict[str, dict[str, str]]]:
    tree = ast.parse(inspect.getsource(module))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {cls.name: dict(_notes_below(cls.body)) for cls in classes}


def _notes_below(body: list[ast.stmt]) -> Iterator[tuple[str, dict[str, str]]]:
    for field, note in pairwise(body):
        match field, note:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(ast.Constant(str(text))):
                yield name, {"description": _text(text)}
            case _:
                pass


def _text(docstring: str) -> str:
    return " ".join(docstring.replace("``", "`").split())


# --- TypeScript


def typescript() -> str:
    """Return declarations for TypeScript: an interface per event, and ``StreamEvent``, their union.

    >>> "export interface TextDelta {" in typescript()
    True
    """
    definitions = json_schema()["$defs"]
    names = [cls.__name__ for cls in EVENTS]
    others = [name for name in definitions if name not in names]
    interfaces = [_interface(name, definitions[name]) for name in [*names, *others]]
    union = "\n".join(f"  | {name}" for name in names)
    return "\n".join(
        [
            "// streamkit's events, version 1, as JSON. Made by: streamkit schema --typescript\n",
            "/** Any event of the schema. */",
            f"export type StreamEvent =\n{union};\n",
            '/** Any event\'s `type`. */\nexport type EventType = StreamEvent["type"];\n',
            *interfaces,
        ]
    )


def _interface(name: str, schema: dict[str, Any]) -> str:
    fields = "".join(
        _field(field, it, field in schema["required"]) for field, it in schema["properties"].items()
    )
    return f"{_comment(schema)}export interface {name} {{\n{fields}}}\n"


def _field(name: str, schema: dict[str, Any], required: bool) -> str:
    note = "  ".join(["", *_comment(schema).splitlines(keepends=True)])
    return f"{note}  {name}{'' if required else '?'}: {_type(schema)};\n"


def _comment(schema: dict[str, Any]) -> str:
    text = schema.get("description")
    return f"/** {text} */\n" if text else ""


def _type(schema: dict[str, Any]) -> str:
    match schema:
        case {"$ref": str(reference)}:
            return reference.rpartition("/")[2]
        case {"enum": [*words]}:
            return " | ".join(map(json.dumps, words))
        case {"anyOf": [*arms]}:
            return " | ".join(map(_type, arms))
        case {"type": "array"}:
            return f"{_type(schema.get('items', {}))}[]"
        case {"type": "object"}:
            return f"Record<string, {_type(schema.get('additionalProperties', {}))}>"
        case _:
            return _WORDS.get(schema.get("type", ""), "unknown")
