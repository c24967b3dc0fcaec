"""The recognition of messages: which values are messages, and of which kind.

It imports none of LangChain: classes are known by the names of their bases, and messages are read
through the dict that holds their fields, because asking a pydantic object for an attribute that
its version lacks costs microseconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .._fields import dict_or_empty, items_of, text_or_none
from .json_message import JsonMessage, Kind, json_message

_MAX_CLASSES = 1024
_KINDS: dict[str, Kind] = {
    "langchain_core.messages.ai.AIMessageChunk": "chunk",
    "langchain_core.messages.ai.AIMessage": "ai",
    "langchain_core.messages.tool.ToolMessage": "tool",
    "langchain_core.messages.base.BaseMessage": "other",
    # Also GenerationChunk and ChatGenerationChunk, which are its subclasses.
    "langchain_core.outputs.generation.Generation": "generation",
}


def kind_of(value: object) -> Kind | None:
    """Return what kind of message ``value`` is, or None where it is none."""
    return kind_of_class(type(value))


class _KindsByClass(dict[type, "Kind | None"]):
    """The kinds of the classes seen so far, of which a program may make any number."""

    def __missing__(self, cls: type) -> Kind | None:
        if len(self) == _MAX_CLASSES:
            self.clear()
        self[cls] = kind = _kind_by_name(cls)
        return kind


def _kind_by_name(cls: type) -> Kind | None:
    if issubclass(cls, JsonMessage):
        return cls.kind
    names = (f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__)
    return next((_KINDS[name] for name in names if name in _KINDS), None)


kind_of_class: Callable[[type], Kind | None] = _KindsByClass().__getitem__
"""Return what kind of message a class makes: `kind_of` for where every call counts."""


def message_in(value: object) -> Any:
    """Return ``value`` if it is a message, also one that came as JSON, and None if not."""
    return value if kind_of_class(type(value)) else json_message(value)


fields_of: Callable[[object], dict[str, Any]] = vars
"""Return the dict that holds a message's fields. It is the message's own: read it only."""


def id_of(message: object) -> str | None:
    """Return a message's id; None where it has none, or what pydantic let pass and is no text."""
    return text_or_none(fields_of(message).get("id"))


def call_id_of(message: object) -> str | None:
    """Return the id of the call that a tool's message answers, read as `id_of` reads ids."""
    return text_or_none(fields_of(message).get("tool_call_id"))


def made_call_ids(message: object) -> tuple[str, ...]:
    """Return the ids of the calls that a whole message makes, empty where a call has none."""
    calls = items_of(fields_of(message).get("tool_calls"))
    return tuple(text_or_none(dict_or_empty(call).get("id")) or "" for call in calls)


def spelled_message(value: object) -> Any:
    """Return the message that ``add_messages`` makes of a dict, a ``(role, text)`` pair or a text.

    Return None where it makes none. Only a channel of messages may be read so: anywhere else a
    text is a text.
    """
    messages: Any = sys.modules.get("langchain_core.messages")
    if messages is None or not issubclass(type(value), (dict, tuple, list, str)):
        return None  # a graph that runs here has imported it
    try:
        (message,) = messages.convert_to_messages([value]) if value else [None]
    except Exception:  # noqa: BLE001  (it raises several)
        return None
    return message


def is_removal(message: object) -> bool:
    """Return whether a message is a RemoveMessage: its id is that of what it removes."""
    return fields_of(message).get("type") == "remove"
