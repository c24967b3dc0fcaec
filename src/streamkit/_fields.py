"""Dicts from elsewhere, of which nothing is known for sure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, TypeAlias, cast

Fields: TypeAlias = Mapping[str, Any]
"""The fields of a chunk or a message, which are only read."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object, or some of its fields."""

REMOVE_ALL = "__remove_all__"
"""The id of the RemoveMessage that stands for all messages of a channel of LangGraph's."""


def dict_or_empty(value: Any) -> dict[str, Any]:
    """Return ``value`` if it is a dict, and an empty one if not.

    Of a class of its own, whose methods may raise or lie, it is copied into a plain dict.
    """
    # `isinstance` asks the object itself, which may raise.
    cls: Any = type(value)  # pyright: ignore[reportUnknownVariableType]
    if cls is dict:
        fields: dict[str, Any] = value
        return fields
    return dict(cast("Any", dict).items(value)) if issubclass(cls, dict) else {}


def items_of(value: object, classes: tuple[type, ...] = (list, tuple)) -> list[Any]:
    """Return what a list or tuple holds, whatever its class makes of iterating; else nothing."""
    base = next((it for it in classes if issubclass(type(value), it)), None)
    return [*cast("Any", base).__iter__(value)] if base else []


def text_or_none(value: object) -> str | None:
    """Return a value as plain `str` if it is text that is not empty, else None."""
    return str.__str__(cast("str", value)) or None if issubclass(type(value), str) else None


def configurable_of(config: object) -> dict[str, Any]:
    """Return what stands under ``configurable`` in a config, such as the thread's id."""
    return dict_or_empty(dict_or_empty(config).get("configurable"))


def field_of(owner: object, name: str) -> Any:
    """Return a field of an object of LangGraph's, or of the same as JSON data."""
    if issubclass(type(owner), dict):
        return dict_or_empty(owner).get(name)
    return getattr(owner, name, None)


def interrupt_id(item: object) -> str:
    """Return the id that resumes an interrupt of LangGraph's."""
    # No field before langgraph 0.6: 0.3 has only the namespace `ns`, 0.4 a property `interrupt_id`.
    id = field_of(item, "id") or field_of(item, "interrupt_id")
    return str(id or "|".join(field_of(item, "ns") or ()) or "interrupt")


def refusal_of(block: object) -> str | None:
    """Return the words with which a model refuses to answer, if a block holds them.

    >>> refusal_of({"type": "refusal", "refusal": "I cannot help with that."})
    'I cannot help with that.'
    """
    fields = dict_or_empty(block)
    is_refusal = text_or_none(fields.get("type")) == "refusal"
    return text_or_none(fields.get("refusal")) if is_refusal else None


def numbered_id(given_id: str, n: int) -> str:
    """Return what the n-th of those that share an id is known by.

    >>> numbered_id("call_0", 1), numbered_id("call_0", 2)
    ('call_0', 'call_0#2')
    """
    return given_id if n == 1 else f"{given_id}#{n}"


def free_id(given_id: str, is_taken: Callable[[str], bool]) -> str:
    """Return an id, or the first of ``id#2``, ``id#3`` and so on that is not taken."""
    return next(it for n in count(1) if not is_taken(it := numbered_id(given_id, n)))


def required_text(payload: Mapping[str, Any], key: str) -> str:
    """Return a field that must be text, such as the id that a start and its end share.

    Raises:
        TypeError: it is something else; a reader of raw items makes a malformed item of that.
    """
    value = payload[key]
    if not isinstance(value, str):
        raise TypeError(f"{key!r} is no text")
    return value


def json_text(args: object) -> str:
    """Return parsed arguments as JSON text: a text in JSON where they are no JSON data."""
    try:
        return json.dumps(args, ensure_ascii=False, default=text_of)
    except Exception:  # noqa: BLE001  (a circle, or a foreign mapping that raises anything)
        return json.dumps(shown(args))


def text_of(value: Any) -> str:
    """Return an object's ``str``, which may raise."""
    try:
        return str.__str__(value) if issubclass(type(value), str) else str(value)
    except Exception:  # noqa: BLE001  (a foreign object may raise anything)
        return f"<{type(value).__name__}>"


def shown(value: object, limit: int = 200) -> str:
    """Return the start of an object's ``repr``, which may raise or recurse for ever."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  (a foreign object may raise anything)
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"
