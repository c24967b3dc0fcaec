"""Any value as one short line that a terminal can print: payloads, token counts, paths.

A payload is the user's: it may be huge, contain itself, contain control characters, or raise when
it is read. So it is rendered piece by piece up to a limit, escaped, and never raises.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, cast

from ._namespaces import nodes_around
from ._printable import escape
from .values import Origin, Usage

LIMIT = 400
"""How many characters of a payload are shown where nobody asks for more or less."""

_SCALARS = (bool, int, float, type(None))
_DEPTH = 20  # levels of a payload that are shown


def brief(value: object, limit: int = LIMIT) -> str:
    """Return any value as one line of about JSON; an object that is no JSON data has its class.

    >>> brief({"city": "Paris", "days": [1, 2]})
    '{"city": "Paris", "days": [1, 2]}'
    >>> brief([ValueError("no"), object(), b"abc"])
    '[ValueError("no"), <object>, <3 bytes>]'
    >>> brief("x" * 100, limit=9)
    '"xxxxxxxx…'
    """
    pieces: list[str] = []
    length = 0
    for piece in _pieces(value, limit, _DEPTH):
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            return f"{''.join(pieces)[:limit]}…"
    return "".join(pieces)


def _pieces(value: object, limit: int, depth: int) -> Iterator[str]:
    if not depth:
        yield "…"
        return
    try:
        yield from _of_type(value, limit, depth)
    except Exception:  # noqa: BLE001  (a foreign object's own methods may raise anything)
        yield f"<{type(value).__name__}>"


def _of_type(value: object, limit: int, depth: int) -> Iterator[str]:
    match value:
        case str():
            yield _json(value[: limit + 1])
        case bytes() | bytearray():
            yield f"<{len(value)} bytes>"
        case Mapping():
            yield from _mapping(cast("Any", value), limit, depth)
        case list() | tuple():
            items = cast("Iterable[object]", value)
            yield from _joined("[", (("", item) for item in items), "]", limit, depth)
        case AbstractSet():
            # The order of a set of texts differs in every process (PYTHONHASHSEED).
            members = sorted(cast("AbstractSet[object]", value), key=repr)
            yield from _joined("{", (("", item) for item in members), "}", limit, depth)
        case _ if isinstance(value, _SCALARS):
            yield json.dumps(value)
        case _:
            yield from _object(value, limit, depth)


def _mapping(fields: Mapping[Any, Any], limit: int, depth: int) -> Iterator[str]:
    """Render a mapping; the wire's form of an object as that object: a replay reads as its run."""
    match fields:
        case {"type": str(kind), "data": {"content": content, **more}} if len(fields) == 2:  # noqa: PLR2004
            yield from _message(kind, content, more.get("tool_calls"), limit, depth)
        case {"$object": str(name)}:
            yield f"<{name.rpartition('.')[2]}>"
        case {"$error": {"name": str(name), **more}}:
            yield f"{name}({_json(str(more.get('message', ''))[: limit + 1])})"
        case {"$command": Mapping()}:
            yield from _record("Command", fields["$command"].items(), limit, depth)
        case {"$interrupt": {"id": id, "value": asked}}:
            yield from _record("Interrupt", (("value", asked), ("id", id)), limit, depth)
        case _:
            named = ((f"{_json(str(key))}: ", item) for key, item in fields.items())
            yield from _joined("{", named, "}", limit, depth)


def _joined(
    start: str, items: Iterable[tuple[str, object]], end: str, limit: int, depth: int
) -> Iterator[str]:
    """Render values with commas between them, each behind its name."""
    yield start
    comma = ""
    for name, item in items:
        yield comma + name
        yield from _pieces(item, limit, depth - 1)
        comma = ", "
    yield end


def _object(value: Any, limit: int, depth: int) -> Iterator[str]:
    name = type(value).__name__
    if isinstance(value, BaseException):
        yield f"{name}({_json(str(value)[: limit + 1])})"
    elif isinstance(getattr(value, "type", None), str) and hasattr(value, "content"):
        calls = getattr(value, "tool_calls", None)
        yield from _message(value.type, value.content, calls, limit, depth)
    elif hasattr(value, "page_content"):
        yield from _joined(f"{name}(", [("", value.page_content)], ")", limit, depth)
    elif dataclasses.is_dataclass(value):
        fields = ((it.name, getattr(value, it.name, None)) for it in dataclasses.fields(value))
        yield from _record(name, fields, limit, depth)
    else:
        yield f"<{name}>"


def _record(
    name: str, fields: Iterable[tuple[str, object]], limit: int, depth: int
) -> Iterator[str]:
    """Render an object by its fields."""
    # Of LangGraph's `Command` and `Interrupt`, say, most fields are empty.
    filled = ((f"{field}=", item) for field, item in fields if not _is_empty(item))
    yield from _joined(f"{name}(", filled, ")", limit, depth)


def _message(type: str, content: object, calls: Any, limit: int, depth: int) -> Iterator[str]:
    """Render a LangChain message as its type, its content and the tools it calls."""
    # `AIMessageChunk` is the type of a chunk of an `ai` message.
    kind = type.removesuffix("MessageChunk").lower()
    yield from _joined(f"{kind}(", [("", content)], "", limit, depth)
    for call in calls or ():
        yield f", {call['name']}"
    yield ")"


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, (tuple, list, dict)) and not value)


def quote(text: str) -> str:
    r"""Return ``text`` between quotes, on one line, with every control character escaped.

    >>> quote("Hel\n")
    '"Hel\\n"'
    >>> quote('{"city": ')
    '\'{"city": \''
    """
    quoted = _json(text)
    if '"' in text and "'" not in text:
        return "'" + quoted[1:-1].replace('\\"', '"') + "'"
    return quoted


def _json(text: str) -> str:
    return escape(json.dumps(text, ensure_ascii=False))


def tokens(usage: Usage | None) -> str:
    """Return token counts as ``input+output``, and their parts where there are any.

    >>> tokens(Usage(input_tokens=12, output_tokens=7, input_token_details={"cache_read": 5}))
    '12+7 tokens (cache_read 5)'
    """
    if usage is None:
        return ""
    parts = {**usage.input_token_details, **usage.output_token_details}
    details = ", ".join(f"{name} {count}" for name, count in parts.items() if count)
    counts = f"{usage.input_tokens}+{usage.output_tokens} tokens"
    return f"{counts} ({details})" if details else counts


def path(origin: Origin) -> str:
    """Return the node an event comes from, below the nodes whose subgraphs it runs in.

    >>> path(Origin(namespace=("booking:1d4f",), node="confirm"))
    'booking/confirm'
    """
    return "/".join((*nodes_around(origin.namespace), origin.node or "")).strip("/")
