"""What content says: a str, or a list of strs and blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._fields import Fields, dict_or_empty
from . import server_tools, words
from .sink import Sink

__all__ = ["read_block", "read_content", "text_in"]


def read_content(content: str | list[Any], sink: Sink) -> None:
    """Tell ``sink`` what a message's content says."""
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
    return "".join(
        it.get("text") or "" for it in blocks if _BLOCKS.get(it.get("type")) is words.text
    )


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


_BLOCKS: dict[str | None, Callable[[Any, Sink], None]] = {
    "text": words.text,
    "output_text": words.text,
    "thinking": words.thinking,
    "redacted_thinking": words.redacted,
    "reasoning": words.reasoning,
    "reasoning_content": words.bedrock_reasoning,
    "server_tool_use": server_tools.call,
    "server_tool_call": server_tools.call,
    "server_tool_call_chunk": server_tools.call,
    "input_json_delta": server_tools.input_delta,
    "tool_use": _read_elsewhere,
    "tool_call": _read_elsewhere,
    "tool_call_chunk": _read_elsewhere,
    "invalid_tool_call": _read_elsewhere,
    "function_call": _read_elsewhere,
    "executable_code": server_tools.executable_code,
    "non_standard": _non_standard,
    **dict.fromkeys(server_tools.ITEMS, server_tools.item),
}
