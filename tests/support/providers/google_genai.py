"""Google's `streamGenerateContent`, read from its raw bytes.

Every event is a whole response of its own, with the parts that are new. A call comes whole, its
arguments as an object, and before Gemini 3 without an id. Token counts are running totals; what
the model thought and what its tools read stand beside the rest of the output and of the input.
"""

from __future__ import annotations

import json

from .expected import Expected, Facts, Json, read_json

__all__ = ["read_google"]


def read_google(body: bytes) -> Expected:
    facts = Facts()
    for _, chunk in read_json(body):
        if "error" in chunk:
            facts.error = chunk["error"]["message"]
            break
        for candidate in chunk.get("candidates", ()):
            if candidate.get("index", 0) == 0:
                for part in candidate.get("content", {}).get("parts", ()):
                    _part(facts, part)
                _grounding(facts, candidate.get("groundingMetadata", {}))
                facts.finish = candidate.get("finishReason", facts.finish)
        if "usageMetadata" in chunk:
            _counts(facts, chunk["usageMetadata"])
    return facts.result()


def _part(facts: Facts, part: Json) -> None:
    if "text" in part:
        (facts.reasoning if part.get("thought") else facts.text)(part["text"])
    elif "functionCall" in part:
        call = part["functionCall"]
        args = json.dumps(call.get("args", {}), ensure_ascii=False)
        facts.call(len(facts.order), call.get("id"), call["name"], args)
    elif "executableCode" in part:
        facts.server_tool("code_execution")
    elif "toolCall" in part:
        facts.server_tool(part["toolCall"]["toolType"].lower())
    if "toolResponse" not in part:  # a result is passed on whole, with its own signature
        facts.seal(part.get("thoughtSignature"))


def _grounding(facts: Facts, grounding: Json) -> None:
    """Which piece of the text is supported by which sources."""
    sources = grounding.get("groundingChunks", ())
    for support in grounding.get("groundingSupports", ()):
        cited = {"cited_text": support["segment"]["text"]}
        for number in support["groundingChunkIndices"]:
            (source,) = sources[number].values()
            facts.cite({**cited, "url": source.get("uri"), "title": source.get("title")})


def _counts(facts: Facts, counts: dict[str, int]) -> None:
    thought = counts.get("thoughtsTokenCount", 0)
    facts.counts(
        counts.get("promptTokenCount", 0) + counts.get("toolUsePromptTokenCount", 0),
        counts.get("candidatesTokenCount", 0) + thought,
        cache_read=counts.get("cachedContentTokenCount"),
        reasoning=thought,
    )
