"""LangChain's messages as LangGraph's server writes them: flat, wherever in a value they stand.

`streamkit.wire.dumps` writes a message in LangChain's stored form, ``{"type": "ai", "data": {…}}``.
Frontends know the other one, ``{"type": "ai", "content": …, "id": …}``.
"""

from __future__ import annotations

from typing import Any

from .._fields import dict_or_empty
from ._blocks import as_list
from ._json import jsonable

__all__ = ["flat"]


def flat(value: object, *, private: bool = False) -> Any:
    """Give any value as JSON data, with its messages flat.

    Never raises. Without ``private``, what `streamkit.wire.dumps` leaves out is left out here.

    >>> from langchain_core.messages import HumanMessage
    >>> (message,) = flat([HumanMessage("Hi", id="h1")])
    >>> message["type"], message["content"], message["id"]
    ('human', 'Hi', 'h1')
    """
    return _flat(jsonable(value, private=private))


def _flat(value: Any) -> Any:
    items, fields = as_list(value), dict_or_empty(value)
    if items:
        return [_flat(it) for it in items]
    if not fields:
        return value
    if len(fields) == 2 and _is_stored(fields.get("type"), fields.get("data")):  # noqa: PLR2004
        return {"type": fields["type"], **_flat(fields["data"])}
    return {key: _flat(it) for key, it in fields.items()}


def _is_stored(kind: object, data: object) -> bool:
    return isinstance(kind, str) and isinstance(data, dict) and "content" in data
