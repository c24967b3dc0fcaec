"""What one chunk or message says, told piece by piece to a `Sink`.

With `blocks`, all there is to know of LangChain's attributes. It imports none of LangChain:
messages are told by the names of their classes, and read through the dict that holds their fields,
because asking a pydantic object for an attribute that its version lacks costs microseconds.

Where one fact stands in two places it is read once: client tool calls only from
``tool_call_chunks`` (or ``tool_calls`` of a whole message), the provider's own tools only from
``content``, and reasoning from wherever the provider puts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from .._fields import Fields, dict_or_empty, json_text
from ..values import Usage
from . import server_tools, words
from .blocks import read_content
from .json_message import JsonMessage, Kind, json_message
from .sink import Sink

__all__ = [
    "Kind",
    "fields_of",
    "is_removal",
    "kind_of",
    "kind_of_class",
    "message_in",
    "messages_in",
    "read_chunk",
    "read_message",
    "usage_of",
    "written_in",
]

_MAX_CLASSES = 1024
_KINDS: dict[str, Kind] = {
    "langchain_core.messages.ai.AIMessageChunk": "chunk",
    "langchain_core.messages.ai.AIMessage": "ai",
    "langchain_core.messages.tool.ToolMessage": "tool",
    "langchain_core.messages.base.BaseMessage": "other",
    "langchain_core.outputs.generation.Generation": "generation",
}


def kind_of(value: object) -> Kind | None:
    """Give what kind of message ``value`` is, or None where it is none."""
    return kind_of_class(type(value))


class _KindsByClass(dict[type, "Kind | None"]):
    """What was found out about classes, of which a program may make any number."""

    def __missing__(self, cls: type) -> Kind | None:
        if len(self) == _MAX_CLASSES:
            self.clear()
        self[cls] = kind = _kind_found(cls)
        return kind


def _kind_found(cls: type) -> Kind | None:
    if issubclass(cls, JsonMessage):
        return cls.kind
    names = (f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__)
    return next((_KINDS[name] for name in names if name in _KINDS), None)


kind_of_class: Callable[[type], Kind | None] = _KindsByClass().__getitem__
"""Give what kind of message a class makes: `kind_of` for where every call counts."""


def message_in(value: object) -> Any:
    """Give ``value`` if it is a message, also one that came as JSON, and None if not."""
    return value if kind_of_class(value.__class__) else json_message(value)


fields_of: Callable[[object], dict[str, Any]] = vars
"""Give the dict that holds a message's fields. It is the message's own: read it only."""


def is_removal(message: object) -> bool:
    """Tell whether a message is a RemoveMessage: its id is that of what it removes."""
    return fields_of(message).get("type") == "remove"


def written_in(output: object) -> Any:
    """Give what an output writes to the state: the update of a ``Command``, or the output itself.

    A server sends a ``Command`` as a dict of its fields.
    """
    if _is_command(output):
        return cast("Any", output).update
    fields = dict_or_empty(output)
    return fields["update"] if fields.keys() == _COMMAND else output


_COMMAND = frozenset({"graph", "update", "resume", "goto"})


def _is_command(value: object) -> bool:
    cls = value.__class__
    return cls.__name__ == "Command" and cls.__module__ == "langgraph.types"


def messages_in(values: object) -> Iterator[Any]:
    """Give the messages that a node's output holds, in order, whatever shape the output has."""
    values = written_in(values)
    channels: Fields = {} if message_in(values) else _channels(values)
    for value in channels.values() if channels else (values,):
        yield from _messages(value)


def _channels(state: object) -> Fields:
    """Give a state by its channels: it may be a dict, a dataclass or a pydantic model."""
    cls: Any = state.__class__
    names: Any = getattr(cls, "__dataclass_fields__", None) or getattr(cls, "model_fields", ())
    return {name: getattr(state, name, None) for name in names} or dict_or_empty(state)


def _messages(value: object) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in cast("list[object]", value):
            if _is_command(item) or item.__class__ is dict:
                yield from messages_in(item)
            elif kind_of(item):
                yield item
    elif message := message_in(value):
        yield message


def read_chunk(fields: Fields, sink: Sink) -> None:
    """Tell ``sink`` what a chunk adds."""
    if fields["additional_kwargs"]:
        _read_additional(fields, sink)
    if fields["content"]:
        read_content(fields["content"], sink)
    for call in fields["tool_call_chunks"]:
        sink.tool_call(call.get("index"), call.get("id"), call.get("name"), call.get("args") or "")
    _read_numbers(fields, sink)


def read_message(fields: Fields, sink: Sink) -> None:
    """Tell ``sink`` what a whole message says, as if it were one large chunk."""
    if fields.get("tool_call_chunks"):  # merged chunks: the text of the calls, not a guess at it
        read_chunk(fields, sink)
        return
    _read_additional(fields, sink)
    read_content(fields["content"], sink)
    for number, call in enumerate(fields["tool_calls"]):
        index = ("whole", number)
        sink.tool_call(index, call.get("id"), call.get("name"), json_text(call.get("args")))
    for number, call in enumerate(fields["invalid_tool_calls"]):
        index = ("invalid", number)
        sink.tool_call(index, call.get("id"), call.get("name"), call.get("args") or "")
    _read_numbers(fields, sink)


def _read_numbers(fields: Fields, sink: Sink) -> None:
    usage = usage_of(fields["usage_metadata"])
    if usage:
        sink.usage(usage)
    if fields["response_metadata"]:
        sink.response(fields["response_metadata"])


def usage_of(metadata: Fields | None) -> Usage | None:
    """Give LangChain's ``usage_metadata`` as a `Usage`; None where there is none."""
    if not metadata:
        return None
    return Usage(
        input_tokens=metadata.get("input_tokens") or 0,
        output_tokens=metadata.get("output_tokens") or 0,
        total_tokens=metadata.get("total_tokens", -1),
        input_token_details=_counts(metadata.get("input_token_details")),
        output_token_details=_counts(metadata.get("output_token_details")),
    )


def _counts(details: Fields | None) -> dict[str, int]:
    return {key: count for key, count in (details or {}).items() if isinstance(count, int)}


def _read_additional(fields: Fields, sink: Sink) -> None:
    additional: Fields = fields["additional_kwargs"]
    if not additional:
        return
    reasoning: Any = additional.get("reasoning_content") or additional.get("reasoning")
    if _has_reasoning(fields["content"]):
        pass  # said twice: content blocks of version 1 repeat it
    elif isinstance(reasoning, dict):
        words.reasoning(cast("Fields", reasoning), sink)
    elif reasoning:
        sink.reasoning(reasoning)
    if additional.get("refusal"):
        sink.content({"type": "refusal", "refusal": additional["refusal"]})

    if not _is_v1(fields):
        for tool in additional.get("executed_tools") or ():
            server_tools.executed(tool, sink)


def _is_v1(fields: Fields) -> bool:
    return bool(fields["response_metadata"].get("output_version") == "v1")


def _has_reasoning(content: str | list[Any]) -> bool:
    blocks = () if isinstance(content, str) else content
    return any(dict_or_empty(block).get("type") == "reasoning" for block in blocks)
