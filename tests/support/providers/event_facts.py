"""What normalized events tell, in the form that bodies are read into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamkit import (
    Citation,
    Content,
    Event,
    MessageEnd,
    ReasoningEnd,
    ReasoningStart,
    RunError,
    TextEnd,
    TextStart,
    ToolCallStart,
)

from .expected import Expected, source_of

__all__ = ["read_events"]

DETAILS = ("cache_read", "cache_creation", "reasoning")


def read_events(events: Sequence[Event]) -> Expected:
    """The facts of the one message that these events are about."""
    (end,) = (event for event in events if isinstance(event, MessageEnd))
    thoughts = [event for event in events if isinstance(event, ReasoningEnd)]
    blocks = [event.block for event in events if isinstance(event, Content)]
    errors = [event.error.message for event in events if isinstance(event, RunError)]
    return Expected(
        text="".join(event.text for event in events if isinstance(event, TextEnd)),
        reasoning="".join(event.text for event in thoughts),
        tool_calls=tuple(
            (call.id, call.name, call.text) for call in end.tool_calls if not call.provider_executed
        ),
        usage=(end.usage.input_tokens, end.usage.output_tokens) if end.usage else None,
        finish_reason=end.raw_finish_reason,
        refusal="".join(map(_refusal, blocks)),
        server_tools=tuple(call.name for call in end.tool_calls if call.provider_executed),
        citations=tuple(source_of(it.citation) for it in events if isinstance(it, Citation)),
        error=errors[0] if errors else None,
        order=tuple(filter(None, map(_kind, events))),
        seals=tuple(event.signature for event in thoughts if event.signature),
        details=_details(end),
    )


def _refusal(block: Any) -> str:
    block = block.get("value", block)
    return block.get("refusal", "") if block.get("type") == "refusal" else ""


def _kind(event: Event) -> str | None:
    if isinstance(event, ToolCallStart):
        return "server" if event.provider_executed else "call"
    if isinstance(event, TextStart):
        return "text"
    return "reasoning" if isinstance(event, ReasoningStart) else None


def _details(end: MessageEnd) -> dict[str, int]:
    if end.usage is None:
        return {}
    counts = {**end.usage.input_token_details, **end.usage.output_token_details}
    return {name: counts[name] for name in DETAILS if counts.get(name)}
