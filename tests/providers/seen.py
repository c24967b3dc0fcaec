"""What the chunks of a LangChain client say, read one by one, without adding them up.

`chunk + chunk` has habits of its own (see the tests): this reader takes each chunk at its word.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .expected import Calls, Expected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langchain_core.messages import AIMessageChunk

FINISHES = ("finish_reason", "stop_reason")


def read_chunks(chunks: Iterable[AIMessageChunk]) -> Expected:
    """The facts in these chunks, whichever `output_version` they are in."""
    said, calls, usage, finish = _Said(), Calls(), None, None
    for chunk in chunks:
        said.content(chunk.content)
        said.content(_old_style(chunk.additional_kwargs))
        for call in chunk.tool_call_chunks:
            calls.add(call["index"], call["id"], call["name"], call["args"])
        if counts := chunk.usage_metadata:
            usage = counts["input_tokens"], counts["output_tokens"]
        finish = _finish(chunk.response_metadata) or finish
    return Expected(
        text="".join(said.text),
        reasoning="".join(said.thoughts),
        tool_calls=calls.result(),
        usage=usage,
        finish_reason=finish,
        refusal="".join(said.refusals),
        server_tools=tuple(said.server_tools),
        citations=tuple(said.citations),
    )


@dataclass
class _Said:
    text: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    server_tools: list[str] = field(default_factory=list)
    citations: list[str] = field(default_factory=list)

    def content(self, content: str | Iterable[Any]) -> None:
        """A string, or a list of blocks, or a list of both."""
        for part in [content] if isinstance(content, str) else content:
            if isinstance(part, str):
                self.text.append(part)
            else:
                self.block(part)

    def block(self, block: dict[str, Any]) -> None:
        kind = block["type"]
        if kind == "text":
            self.text.append(block.get("text") or "")
            cites = block.get("citations") or block.get("annotations") or ()
            self.citations += [cite["url"] for cite in cites if cite.get("url")]
        elif kind == "thinking":
            thought = block.get("thinking") or ""
            # Mistral's is a list of texts, which a client for OpenAI hands through.
            parts = [{"text": thought}] if isinstance(thought, str) else thought
            self.thoughts += [part["text"] for part in parts]
        elif kind == "reasoning":
            self.thoughts.append(block.get("reasoning") or "")
            self.thoughts += [part["text"] for part in block.get("summary") or ()]
        elif kind == "refusal":
            self.refusals.append(block["refusal"])
        elif kind in SERVER_TOOL_CALLS:
            self.server_tools += [block["name"]] if block.get("name") else []
        elif kind == "non_standard":
            self.block(block["value"])
        elif kind.endswith("_call") and kind not in CLIENT_CALLS and "call_id" not in block:
            self.server_tools.append(kind.removesuffix("_call"))


CLIENT_CALLS = {"tool_call", "function_call"}
SERVER_TOOL_CALLS = {"server_tool_use", "server_tool_call", "server_tool_call_chunk"}


def _old_style(kwargs: dict[str, Any]) -> list[dict[str, Any]]:
    """The blocks that `output_version="v0"` keeps beside the content."""
    blocks = list(kwargs.get("tool_outputs") or ())
    if "reasoning" in kwargs:
        blocks.append({**kwargs["reasoning"], "type": "reasoning"})
    if "refusal" in kwargs:
        blocks.append({"type": "refusal", "refusal": kwargs["refusal"]})
    return blocks


def _finish(metadata: dict[str, Any]) -> str | None:
    for key in FINISHES:
        if metadata.get(key):
            return metadata[key]
    return (metadata.get("incomplete_details") or {}).get("reason") or metadata.get("status")
