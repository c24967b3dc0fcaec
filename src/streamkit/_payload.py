"""What one chunk or message says, told piece by piece to a `Sink`.

The only file that knows LangChain's attributes. It imports none of LangChain: messages are told
by the names of their classes, and read through the dict that holds their fields, because asking
a pydantic object for an attribute that its version lacks costs microseconds.

Where one fact stands in two places it is read once: client tool calls only from
``tool_call_chunks`` (or ``tool_calls`` of a whole message), the provider's own tools only from
``content``, and reasoning from wherever the provider puts it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, Protocol, TypeAlias, cast

from .values import Usage

__all__ = [
    "Fields",
    "Kind",
    "Sink",
    "dict_or_empty",
    "fields_of",
    "is_command",
    "json_text",
    "kind_of",
    "messages_in",
    "read_block",
    "read_chunk",
    "read_message",
    "seal_of",
    "text_in",
    "usage_of",
]

Fields: TypeAlias = Mapping[str, Any]
Kind: TypeAlias = Literal["chunk", "ai", "tool", "generation", "other"]
"""An AIMessageChunk, a whole AIMessage, a ToolMessage, a GenerationChunk, any other message."""

_KINDS: dict[str, Kind] = {
    "langchain_core.messages.ai.AIMessageChunk": "chunk",
    "langchain_core.messages.ai.AIMessage": "ai",
    "langchain_core.messages.tool.ToolMessage": "tool",
    "langchain_core.messages.base.BaseMessage": "other",
    "langchain_core.outputs.generation.Generation": "generation",
}


class Sink(Protocol):
    """Whoever wants to know what a chunk says."""

    def text(self, text: str, index: object = None) -> None:
        """Some text, of the block at ``index`` where blocks have one."""
        ...

    def reasoning(
        self,
        text: str,
        index: object = None,
        *,
        signature: str | None = None,
        redacted: bool = False,
    ) -> None:
        """Some reasoning, or only its seal."""
        ...

    def tool_call(
        self,
        index: object,
        id: str | None,
        name: str | None,
        args: str,
        *,
        provider_executed: bool = False,
    ) -> None:
        """A call, or the next piece of one."""
        ...

    def call_input(self, index: object, args: str) -> None:
        """More arguments of a call that the provider runs; any other index is not meant."""
        ...

    def content(self, block: object) -> None:
        """A block that is whole as it is."""
        ...

    def citation(self, citation: object, *, index: object = None) -> None:
        """An annotation on the text of the block at ``index``, or on the text so far."""
        ...

    def usage(self, usage: Usage) -> None:
        """A report of tokens."""
        ...

    def response(self, metadata: Fields) -> None:
        """What else the provider said."""
        ...


def kind_of(value: object) -> Kind | None:
    """Give what kind of message ``value`` is, or None where it is none."""
    return _kind_of_class(type(value))  # type: ignore[arg-type]  # mypy: a class has no hash?


@lru_cache(maxsize=1024)
def _kind_of_class(cls: type) -> Kind | None:
    for base in cls.__mro__:
        kind = _KINDS.get(f"{base.__module__}.{base.__qualname__}")
        if kind:
            return kind
    return None


def fields_of(message: object) -> dict[str, Any]:
    """Give the dict that holds a message's fields. It is the message's own: read it only."""
    return vars(message)


def is_command(value: object) -> bool:
    """Tell whether ``value`` is LangGraph's ``Command``."""
    cls = value.__class__
    return cls.__name__ == "Command" and cls.__module__ == "langgraph.types"


def dict_or_empty(value: object) -> dict[str, Any]:
    """Give ``value`` if it is a dict, and an empty one if not."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def messages_in(values: object) -> Iterator[Any]:
    """Give the messages that a node's output holds, in order, whatever shape the output has."""
    if is_command(values):
        values = cast("Any", values).update
    parts = dict_or_empty(values)
    for value in parts.values() if parts else (values,):
        yield from _messages(value)


def _messages(value: object) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in cast("list[object]", value):
            if is_command(item) or item.__class__ is dict:
                yield from messages_in(item)
            elif kind_of(item):
                yield item
    elif kind_of(value):
        yield value


def read_chunk(fields: Fields, sink: Sink) -> None:
    """Tell ``sink`` what a chunk adds."""
    _read_additional(fields, sink)
    _read_content(fields["content"], sink)
    for call in fields["tool_call_chunks"]:
        sink.tool_call(call.get("index"), call.get("id"), call.get("name"), call.get("args") or "")
    _read_numbers(fields, sink)


def read_message(fields: Fields, sink: Sink) -> None:
    """Tell ``sink`` what a whole message says, as if it were one large chunk."""
    if fields.get("tool_call_chunks"):  # merged chunks: the text of the calls, not a guess at it
        read_chunk(fields, sink)
        return
    _read_additional(fields, sink)
    _read_content(fields["content"], sink)
    for number, call in enumerate(fields["tool_calls"]):
        index = ("whole", number)
        sink.tool_call(index, call.get("id"), call.get("name"), json_text(call.get("args")))
    for number, call in enumerate(fields["invalid_tool_calls"]):
        index = ("invalid", number)
        sink.tool_call(index, call.get("id"), call.get("name"), call.get("args") or "")
    _read_numbers(fields, sink)


def json_text(args: object) -> str:
    """Give arguments that came parsed as the text they may have been."""
    return json.dumps(args, ensure_ascii=False, default=str)


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


# --- content: a str, or a list of strs and blocks -------------------------------------------


def _read_content(content: str | list[Any], sink: Sink) -> None:
    if isinstance(content, str):
        sink.text(content)
        return
    for block in content:
        if isinstance(block, str):
            sink.text(block)
        else:
            read_block(block, sink)


def read_block(block: Fields, sink: Sink) -> None:
    """Tell ``sink`` what one block of content says."""
    _BLOCKS.get(block.get("type"), _whole)(block, sink)


def text_in(content: str | list[Any]) -> str:
    """Give only the text of a message's content."""
    if isinstance(content, str):
        return content
    blocks = ({"type": "text", "text": it} if isinstance(it, str) else it for it in content)
    return "".join(it.get("text") or "" for it in blocks if _BLOCKS.get(it.get("type")) is _text)


def _text(block: Fields, sink: Sink) -> None:
    index = block.get("index")
    sink.text(block.get("text") or "", index)
    for citation in block.get("annotations") or block.get("citations") or ():
        sink.citation(citation, index=index)
    _seal(block, sink)


def _seal(block: Fields, sink: Sink) -> None:
    """Gemini seals texts and calls, too."""
    if "extras" in block:
        sink.reasoning("", signature=seal_of(block))


def _thinking(block: Fields, sink: Sink) -> None:
    # Mistral's `thinking` is a list of text blocks; everybody else's is a str.
    text = _joined(block.get("thinking"))
    sink.reasoning(text, block.get("index"), signature=block.get("signature"))


def _redacted(block: Fields, sink: Sink) -> None:
    sink.reasoning("", block.get("index"), signature=block.get("data"), redacted=True)


def _reasoning(block: Fields, sink: Sink) -> None:
    text = block.get("reasoning") or _joined(block.get("summary")) or _joined(block.get("content"))
    sink.reasoning(text or "", block.get("index"), signature=seal_of(block))


def seal_of(block: Fields) -> str | None:
    """Give what a provider wants back unchanged: a signature, or its encrypted reasoning."""
    extras: Fields = block.get("extras") or {}
    places = ((it, name) for it in (extras, block) for name in ("signature", "encrypted_content"))
    return next((it[name] for it, name in places if it.get(name)), None)


def _bedrock_reasoning(block: Fields, sink: Sink) -> None:
    inner: Fields = block.get("reasoning_content") or {}
    text = inner.get("text") or ""
    sink.reasoning(text, block.get("index"), signature=inner.get("signature"))


def _joined(parts: str | list[Any] | None) -> str:
    if isinstance(parts, list):
        return "".join(part.get("text") or "" for part in parts)
    return parts or ""


def _server_call(block: Fields, sink: Sink) -> None:
    args = block.get("args") or block.get("input") or _none_yet(block)
    text = args if isinstance(args, str) else json_text(args)
    sink.tool_call(
        ("server", block.get("index")),
        block.get("id"),
        block.get("name"),
        text,
        provider_executed=True,
    )
    _seal(block, sink)


def _none_yet(block: Fields) -> str:
    """What no arguments mean: of a block that is whole, that there are none."""
    return "{}" if block.get("type") == "server_tool_call" else ""


def _server_item(block: Fields, sink: Sink) -> None:
    """The Responses API's own tools: a call and its result in one block, which stays whole."""
    if block.get("call_id"):  # a tool search that the caller is to answer
        sink.content(block)
        return
    kind: str = block["type"]
    given: Any = block.get(_SERVER_ITEMS[kind])
    is_object = isinstance(given, dict) or kind == "mcp_call"
    args = cast("Any", given if is_object else {_SERVER_ITEMS[kind]: given})
    sink.tool_call(
        ("server", block.get("id")),
        block.get("id"),
        block.get("name") or kind.removesuffix("_call"),
        args if isinstance(args, str) else json_text(args),
        provider_executed=True,
    )
    sink.content(block)


def _executable_code(block: Fields, sink: Sink) -> None:
    """Google's own tool; its result is a block of its own."""
    args = json_text({"code": block.get("executable_code"), "language": block.get("language")})
    id = block.get("id")
    sink.tool_call(("server", id), id, "code_execution", args, provider_executed=True)


def _input_delta(block: Fields, sink: Sink) -> None:
    sink.call_input(("server", block.get("index")), block.get("partial_json") or "")


def _whole(block: object, sink: Sink) -> None:
    sink.content(block)


def _non_standard(block: Fields, sink: Sink) -> None:
    """A provider's own block in the wrapping of version 1, which may well be one that we know."""
    value = dict_or_empty(block.get("value"))
    read = _BLOCKS.get(value.get("type"))
    if read:
        read({"index": block.get("index"), **value}, sink)
    else:
        sink.content(block)


def _read_elsewhere(_block: Fields, _sink: Sink) -> None:
    """Client tool calls: `read_chunk` takes them from ``tool_call_chunks``."""


# Where each keeps what it was called with.
_SERVER_ITEMS = {
    "web_search_call": "action",
    "file_search_call": "queries",
    "code_interpreter_call": "code",
    "image_generation_call": "revised_prompt",
    "mcp_call": "arguments",
    "tool_search_call": "arguments",
}

_BLOCKS: dict[str | None, Callable[[Any, Sink], None]] = {
    "text": _text,
    "output_text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "reasoning": _reasoning,
    "reasoning_content": _bedrock_reasoning,
    "server_tool_use": _server_call,
    "server_tool_call": _server_call,
    "server_tool_call_chunk": _server_call,
    "input_json_delta": _input_delta,
    "tool_use": _read_elsewhere,
    "tool_call": _read_elsewhere,
    "tool_call_chunk": _read_elsewhere,
    "invalid_tool_call": _read_elsewhere,
    "function_call": _read_elsewhere,
    "executable_code": _executable_code,
    "non_standard": _non_standard,
    **dict.fromkeys(_SERVER_ITEMS, _server_item),
}


def _read_additional(fields: Fields, sink: Sink) -> None:
    additional: Fields = fields["additional_kwargs"]
    if not additional:
        return
    reasoning: Any = additional.get("reasoning_content") or additional.get("reasoning")
    if _has_reasoning(fields["content"]):
        pass  # said twice: content blocks of version 1 repeat it
    elif isinstance(reasoning, dict):
        _reasoning(cast("Fields", reasoning), sink)
    elif reasoning:
        sink.reasoning(reasoning)
    if additional.get("refusal"):
        sink.content({"type": "refusal", "refusal": additional["refusal"]})

    if not _is_v1(fields):
        for tool in additional.get("executed_tools") or ():
            _executed_tool(tool, sink)


def _is_v1(fields: Fields) -> bool:
    return bool(fields["response_metadata"].get("output_version") == "v1")


def _executed_tool(tool: Fields, sink: Sink) -> None:
    """Groq's own tools: first the call, then under the same index its output, and only that."""
    if "output" in tool:
        sink.content({"type": "executed_tool", **tool})
    else:
        index = ("server", tool.get("index"))
        name, args = tool.get("type"), tool.get("arguments") or ""
        sink.tool_call(index, None, name, args, provider_executed=True)


def _has_reasoning(content: str | list[Any]) -> bool:
    blocks = () if isinstance(content, str) else content
    return any(dict_or_empty(block).get("type") == "reasoning" for block in blocks)
