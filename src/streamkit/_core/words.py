"""What a block of text or of reasoning says, in every provider's words for it."""

from __future__ import annotations

from typing import Any

from .._fields import Fields
from .sink import Sink

__all__ = ["bedrock_reasoning", "reasoning", "redacted", "seal", "seal_of", "text", "thinking"]


def text(block: Fields, sink: Sink) -> None:
    index = block.get("index")
    sink.text(block.get("text") or "", index)
    for citation in block.get("annotations") or block.get("citations") or ():
        sink.citation(citation, index=index)
    seal(block, sink)


def seal(block: Fields, sink: Sink) -> None:
    """Gemini seals texts and calls, too."""
    if "extras" in block:
        sink.reasoning("", signature=seal_of(block))


def thinking(block: Fields, sink: Sink) -> None:
    # Mistral's `thinking` is a list of text blocks; everybody else's is a str.
    text = _joined(block.get("thinking"))
    sink.reasoning(text, block.get("index"), signature=block.get("signature"))


def redacted(block: Fields, sink: Sink) -> None:
    sink.reasoning("", block.get("index"), signature=block.get("data"), redacted=True)


def reasoning(block: Fields, sink: Sink) -> None:
    text = block.get("reasoning") or _joined(block.get("summary")) or _joined(block.get("content"))
    sink.reasoning(text or "", block.get("index"), signature=seal_of(block))


def seal_of(block: Fields) -> str | None:
    """Give what a provider wants back unchanged: a signature, or its encrypted reasoning."""
    extras: Fields = block.get("extras") or {}
    places = ((it, name) for it in (extras, block) for name in ("signature", "encrypted_content"))
    return next((it[name] for it, name in places if it.get(name)), None)


def bedrock_reasoning(block: Fields, sink: Sink) -> None:
    inner: Fields = block.get("reasoning_content") or {}
    text = inner.get("text") or ""
    sink.reasoning(text, block.get("index"), signature=inner.get("signature"))


def _joined(parts: str | list[Any] | None) -> str:
    if isinstance(parts, list):
        return "".join(part.get("text") or "" for part in parts)
    return parts or ""
