"""Anything at all as one short line that a terminal can show: payloads, ids, tokens, places.

A payload is the user's: it may be huge, hold itself, or hold control characters. So it is
rendered piece by piece and left at the limit, and what would move a cursor is escaped.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, cast

from ..values import Origin, Usage

__all__ = ["LIMIT", "brief", "path", "quote", "tokens"]

LIMIT = 400
"""How many characters of a payload are shown where nobody asks for more or less."""

_SCALARS = (bool, int, float, type(None))
_UNPRINTABLE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def brief(value: object, limit: int = LIMIT) -> str:
    """Give any value as one line of about JSON; what is no JSON is named by its class.

    >>> brief({"city": "Paris", "days": [1, 2]})
    '{"city": "Paris", "days": [1, 2]}'
    >>> brief([ValueError("no"), object(), b"abc"])
    '[ValueError("no"), <object>, <3 bytes>]'
    >>> brief("x" * 100, limit=9)
    '"xxxxxxxx…'
    """
    pieces: list[str] = []
    length = 0
    for piece in _pieces(value, limit):
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            return f"{''.join(pieces)[:limit]}…"
    return "".join(pieces)


def _pieces(value: object, limit: int) -> Iterator[str]:
    match value:
        case str():
            yield _json(value[: limit + 1])
        case bytes() | bytearray():
            yield f"<{len(value)} bytes>"
        case Mapping():
            yield from _mapping(cast("Mapping[object, object]", value), limit)
        case list() | tuple():
            yield from _listed("[", cast("Iterable[object]", value), "]", limit)
        case AbstractSet():
            items = sorted(cast("AbstractSet[object]", value), key=repr)
            yield from _listed("{", items, "}", limit)
        case _ if isinstance(value, _SCALARS):
            yield json.dumps(value)
        case _:
            yield from _object(value, limit)


def _listed(start: str, items: Iterable[object], end: str, limit: int) -> Iterator[str]:
    yield start
    for index, item in enumerate(items):
        yield ", " if index else ""
        yield from _pieces(item, limit)
    yield end


def _mapping(mapping: Mapping[object, object], limit: int) -> Iterator[str]:
    yield "{"
    for index, (key, item) in enumerate(mapping.items()):
        yield ", " if index else ""
        yield f"{_json(str(key))}: "
        yield from _pieces(item, limit)
    yield "}"


def _object(value: Any, limit: int) -> Iterator[str]:
    name = type(value).__name__
    if isinstance(value, BaseException):
        yield f"{name}({_json(str(value)[: limit + 1])})"
    elif isinstance(getattr(value, "type", None), str) and hasattr(value, "content"):
        yield from _message(value, limit)
    elif hasattr(value, "page_content"):
        yield from _listed(f"{name}(", [value.page_content], ")", limit)
    elif dataclasses.is_dataclass(value):
        yield from _record(name, value, limit)
    else:
        yield f"<{name}>"


def _message(message: Any, limit: int) -> Iterator[str]:
    """Show a LangChain message by its kind, its content and the tools it calls."""
    kind = message.type.removesuffix("MessageChunk").lower()
    yield from _listed(f"{kind}(", [message.content], "", limit)
    for call in getattr(message, "tool_calls", None) or ():
        yield f", {call['name']}"
    yield ")"


def _record(name: str, value: Any, limit: int) -> Iterator[str]:
    """Show those of a dataclass's fields that say anything."""
    yield f"{name}("
    comma = ""
    for field in dataclasses.fields(value):
        item = getattr(value, field.name, None)
        if not _is_empty(item):
            yield f"{comma}{field.name}="
            yield from _pieces(item, limit)
            comma = ", "
    yield ")"


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, (tuple, list, dict)) and not value)


def quote(text: str) -> str:
    r"""Give ``text`` between quotes, on one line, with every control character escaped.

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
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def tokens(usage: Usage | None) -> str:
    """Give token counts as ``input+output``, and their parts where there are any.

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
    """Give the node an event comes from, below the nodes whose subgraphs it runs in.

    >>> path(Origin(namespace=("booking:1d4f",), node="confirm"))
    'booking/confirm'
    """
    outer = [part.partition(":")[0] for part in origin.namespace]
    return "/".join((*outer, origin.node or "")).strip("/")
