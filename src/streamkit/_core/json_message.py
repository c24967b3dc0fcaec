"""Messages as JSON, as an Agent Server sends them, to be read like those that they stand for.

    {"type": "AIMessageChunk", "content": "Hel", "additional_kwargs": {}, …}           # a dump
    {"type": "ai", "id": "m7", "content": "Hello"}                 # of a state, in version 3
    {"type": "ai", "data": {"content": "Hello", …}}                                    # stored
    {"lc": 1, "type": "constructor", "id": […, "AIMessage"], "kwargs": {…}}            # serialized

A `JsonMessage` is the very dict that came (it equals it, and is written as it), and has the
message's fields as attributes, also those that a server leaves out. A dict that merely has a
``type`` and a ``content``, as an application may keep in its state, is no message.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias, cast

from .content import text_in

Kind: TypeAlias = Literal["chunk", "ai", "tool", "generation", "other"]
"""An AIMessageChunk, a whole AIMessage, a ToolMessage, a GenerationChunk, any other message."""


class JsonMessage(dict[str, Any]):
    """A message as JSON."""

    kind: ClassVar[Kind] = "other"
    chunk_position: str | None = None

    def __init__(self, raw: dict[str, Any], fields: dict[str, Any]) -> None:
        super().__init__(raw)
        given = {name: fields[name] for name in _DEFAULTS.keys() & fields.keys()}
        given = {name: it for name, it in given.items() if it is not None}
        self.__dict__.update(_DEFAULTS, **given)
        if "chunk_position" in fields:  # also where it is null: then the last chunk will have one
            self.__dict__["chunk_position"] = fields["chunk_position"]

    @property
    def text(self) -> str:
        """The text of its content, as LangChain's messages have it; of a completion its own."""
        return self.__dict__["text"] or text_in(self.__dict__["content"])


class JsonChunk(JsonMessage):
    """An AIMessageChunk as JSON."""

    kind = "chunk"


class JsonAnswer(JsonMessage):
    """An AIMessage as JSON."""

    kind = "ai"


class JsonToolResult(JsonMessage):
    """A ToolMessage as JSON."""

    kind = "tool"


class JsonGeneration(JsonMessage):
    """A completion model's chunk as JSON."""

    kind = "generation"


_DEFAULTS: dict[str, Any] = {
    "additional_kwargs": {},
    "artifact": None,
    "content": "",
    "id": None,
    "invalid_tool_calls": [],
    "name": None,
    "response_metadata": {},
    "status": "success",
    "text": "",
    "tool_call_chunks": [],
    "tool_call_id": None,
    "tool_calls": [],
    "type": None,
    "usage_metadata": None,
}

# What langgraph-api (0.16) keeps of a message in `values` and `updates` of version 3: it leaves
# out `additional_kwargs`, which proves a message elsewhere, and all that is empty.
_OF_A_STATE = frozenset(
    {
        *("type", "id", "content", "name", "example", "response_metadata", "tool_calls"),
        *("invalid_tool_calls", "tool_call_id", "status", "artifact"),
    }
)

_CLASSES: dict[object, type[JsonMessage]] = {
    "AIMessageChunk": JsonChunk,
    "Generation": JsonGeneration,
    "GenerationChunk": JsonGeneration,
    **dict.fromkeys(("ai", "AIMessage"), JsonAnswer),
    **dict.fromkeys(("tool", "ToolMessage", "ToolMessageChunk"), JsonToolResult),
    **dict.fromkeys(("human", "HumanMessage", "HumanMessageChunk"), JsonMessage),
    **dict.fromkeys(("system", "SystemMessage", "SystemMessageChunk"), JsonMessage),
    **dict.fromkeys(("remove", "RemoveMessage"), JsonMessage),
    **dict.fromkeys(("function", "FunctionMessage", "FunctionMessageChunk"), JsonMessage),
    **dict.fromkeys(("chat", "ChatMessage", "ChatMessageChunk"), JsonMessage),
}


_NAMES = ("id", "name", "tool_call_id", "type")
_TEXT = (str, type(None))
_STORED = 2  # keys of a stored message: its type and its data


def json_message(value: object) -> JsonMessage | None:
    """Return ``value`` as the message that it is, or None where nothing proves that it is one.

    >>> raw = {"type": "ai", "content": "Hi", "additional_kwargs": {}, "tool_calls": []}
    >>> message = json_message(raw)
    >>> message == raw, message.content, message.usage_metadata
    (True, 'Hi', None)
    >>> json_message({"type": "ai", "content": "an application's own"})
    """
    if type(value) is not dict:
        return None
    raw = cast("dict[str, Any]", value)
    match raw:
        case {"lc": 1, "type": "constructor", "id": [*_, name], "kwargs": {"content": _}}:
            fields = raw["kwargs"]
        case {"type": name, "data": {"content": _}} if len(raw) == _STORED:
            fields = raw["data"]  # LangChain's stored form, and our own wire's
        case {"type": name, "content": _, "additional_kwargs": _}:
            fields = raw
        case {"type": name, "content": _, "id": str()} if raw.keys() <= _OF_A_STATE:
            fields = raw
        case {"type": "Generation" | "GenerationChunk" as name, "text": _}:
            fields = raw
        case _:
            return None
    cls = _CLASSES.get(name) if isinstance(name, str) else None
    if cls is None or not all(isinstance(fields.get(it), _TEXT) for it in _NAMES):
        return None
    if cls is JsonAnswer and "tool_call_chunks" in fields:  # a chunk of LangChain.js says "ai"
        cls = JsonChunk
    if not fields.get("type"):  # LangChain.js leaves it out of what it stores and serializes
        fields = {**fields, "type": _type_of_class(name)}
    return cls(raw, fields)


def _type_of_class(name: str) -> str:
    """Return the type of a message's class, such as "human", or the type itself."""
    return (
        name
        if name == "AIMessageChunk"
        else name.removesuffix("Chunk").removesuffix("Message").lower()
    )
