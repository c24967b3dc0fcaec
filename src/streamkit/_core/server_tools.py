"""The tools that providers run themselves: what a block says of a call to one."""

from __future__ import annotations

from typing import Any, cast

from .._fields import Fields, json_text
from .sink import Sink
from .words import seal

__all__ = ["ITEMS", "call", "executable_code", "executed", "input_delta", "item"]

# Where each keeps what it was called with.
ITEMS = {
    "web_search_call": "action",
    "file_search_call": "queries",
    "code_interpreter_call": "code",
    "image_generation_call": "revised_prompt",
    "mcp_call": "arguments",
    "tool_search_call": "arguments",
}


def call(block: Fields, sink: Sink) -> None:
    args = block.get("args") or block.get("input") or _none_yet(block)
    text = args if isinstance(args, str) else json_text(args)
    sink.tool_call(
        ("server", block.get("index")),
        block.get("id"),
        block.get("name"),
        text,
        provider_executed=True,
    )
    seal(block, sink)


def _none_yet(block: Fields) -> str:
    """What no arguments mean: of a block that is whole, that there are none."""
    return "{}" if block.get("type") == "server_tool_call" else ""


def item(block: Fields, sink: Sink) -> None:
    """The Responses API's own tools: a call and its result in one block, which stays whole."""
    if block.get("call_id"):  # a tool search that the caller is to answer
        sink.content(block)
        return
    kind: str = block["type"]
    given: Any = block.get(ITEMS[kind])
    is_object = isinstance(given, dict) or kind == "mcp_call"
    args = cast("Any", given if is_object else {ITEMS[kind]: given})
    sink.tool_call(
        ("server", block.get("id")),
        block.get("id"),
        block.get("name") or kind.removesuffix("_call"),
        args if isinstance(args, str) else json_text(args),
        provider_executed=True,
    )
    sink.content(block)


def executable_code(block: Fields, sink: Sink) -> None:
    """Google's own tool; its result is a block of its own."""
    args = json_text({"code": block.get("executable_code"), "language": block.get("language")})
    id = block.get("id")
    sink.tool_call(("server", id), id, "code_execution", args, provider_executed=True)


def input_delta(block: Fields, sink: Sink) -> None:
    sink.call_input(("server", block.get("index")), block.get("partial_json") or "")


def executed(tool: Fields, sink: Sink) -> None:
    """Groq's own tools: first the call, then under the same index its output, and only that."""
    if "output" in tool:
        sink.content({"type": "executed_tool", **tool})
    else:
        index = ("server", tool.get("index"))
        name, args = tool.get("type"), tool.get("arguments") or ""
        sink.tool_call(index, None, name, args, provider_executed=True)
