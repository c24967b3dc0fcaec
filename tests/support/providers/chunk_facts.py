"""What the chunks of a LangChain client say, read one by one, without adding them up.

`chunk + chunk` has habits of its own (see the tests): this reader takes each chunk at its word.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .expected import Expected, Facts

if TYPE_CHECKING:
    from langchain_core.messages import AIMessageChunk

FINISHES = ("finish_reason", "stop_reason", "stopReason")
DETAILS = {"cache_read": "input", "cache_creation": "input", "reasoning": "output"}


def read_chunks(chunks: Iterable[AIMessageChunk], *, adds_up: bool = False) -> Expected:
    """The facts in these chunks, whichever `output_version` they are in.

    `adds_up`: this client reports only what is new in each chunk's usage.
    """
    facts = Facts()
    for chunk in chunks:
        for part in _parts(chunk):
            _read(facts, part)
        for call in chunk.tool_call_chunks:
            facts.call(call["index"], call["id"], call["name"], call["args"])
        if chunk.response_metadata.get("output_version") != "v1":
            _grounding(facts, chunk.response_metadata.get("grounding_metadata") or {})
        if chunk.usage_metadata:
            _count(facts, chunk.usage_metadata, adds_up=adds_up)
        facts.finish = _finish(chunk.response_metadata) or facts.finish
    return facts.result()


def _parts(chunk: AIMessageChunk) -> list[Any]:
    """Strings and blocks: the content, and what some clients keep beside it.

    With `output_version="v1"` it is all in the content, and some of it still beside it.
    """
    content, kwargs = chunk.content, chunk.additional_kwargs
    if chunk.response_metadata.get("output_version") == "v1":
        kwargs = {}
    beside: list[Any] = list(kwargs.get("tool_outputs") or ())  # of output_version="v0"
    if "reasoning" in kwargs:
        beside.append({**kwargs["reasoning"], "type": "reasoning"})
    if "refusal" in kwargs:
        beside.append({"type": "refusal", "refusal": kwargs["refusal"]})
    if "reasoning_content" in kwargs:  # Groq, DeepSeek, OpenRouter
        beside.append({"type": "reasoning", "reasoning": kwargs["reasoning_content"]})
    for tool in kwargs.get("executed_tools") or ():  # Groq
        beside += [{"type": "server_tool_call", "name": tool["type"]}] if "type" in tool else []
    return [*beside, *([content] if isinstance(content, str) else content)]


def _grounding(facts: Facts, grounding: dict[str, Any]) -> None:
    """Google's citations, which are beside the text unless v1 blocks are asked for."""
    for support in grounding.get("grounding_supports") or ():
        for number in support["grounding_chunk_indices"]:
            (source,) = filter(None, grounding["grounding_chunks"][number].values())
            place = {"url": source.get("uri"), "title": source.get("title")}
            facts.cite({**place, "cited_text": support["segment"]["text"]})


def _read(facts: Facts, part: str | dict[str, Any]) -> None:
    if isinstance(part, str):
        facts.text(part)
        return
    kind, place = part["type"], part.get("index")
    if kind == "text":
        facts.text(part.get("text"), place)
        for citation in part.get("citations") or part.get("annotations") or ():
            facts.cite(citation)
        facts.seal(_signature(part))
    elif kind in {"thinking", "reasoning", "reasoning_content"}:
        _reasoning(facts, part, place)
    elif kind == "redacted_thinking":
        facts.seal(part["data"], place)
    elif kind == "refusal":
        facts.refusal(part["refusal"])
    elif kind == "executable_code":  # Google
        facts.server_tool("code_execution")
    elif kind in SERVER_TOOL_CALLS:
        if part.get("name"):
            facts.server_tool(part["name"])
            facts.seal(_signature(part))
    elif kind == "non_standard":
        _read(facts, {"index": place, **part["value"]})
    elif kind.endswith("_call") and kind not in CLIENT_CALLS and not part.get("call_id"):
        facts.server_tool(part.get("name") or kind.removesuffix("_call"))


CLIENT_CALLS = {"tool_call", "function_call", "custom_tool_call"}
SERVER_TOOL_CALLS = {"server_tool_use", "server_tool_call", "server_tool_call_chunk"}


def _signature(part: dict[str, Any]) -> str | None:
    """Google's, which it may put on any part."""
    return (part.get("extras") or {}).get("signature")


def _reasoning(facts: Facts, part: dict[str, Any], place: Any) -> None:
    """A string, a list of texts (Mistral's thinking, OpenAI's summary), or a dict (Bedrock's)."""
    inner = part.get("reasoning_content") or {}
    for words in (part.get("thinking"), part.get("reasoning"), part.get("summary"), inner):
        if isinstance(words, list):
            for text in words:
                facts.reasoning(text.get("text"), place)
        else:
            facts.reasoning(words.get("text") if isinstance(words, dict) else words, place)
    sealed = (part, part.get("extras") or {}, inner)
    seals = (it.get(name) for it in sealed for name in ("signature", "encrypted_content"))
    facts.seal(next(filter(None, seals), None), place)


def _count(facts: Facts, usage: Any, *, adds_up: bool) -> None:
    counts = usage["input_tokens"], usage["output_tokens"]
    details = {
        name: (usage.get(f"{side}_token_details") or {}).get(name) or 0
        for name, side in DETAILS.items()
    }
    if adds_up and facts.usage:
        counts = counts[0] + facts.usage[0], counts[1] + facts.usage[1]
        details = {name: count + facts.details.get(name, 0) for name, count in details.items()}
    facts.counts(*counts, **details)


def _finish(metadata: dict[str, Any]) -> str | None:
    for key in FINISHES:
        if metadata.get(key):
            return metadata[key]
    return (metadata.get("incomplete_details") or {}).get("reason") or metadata.get("status")
