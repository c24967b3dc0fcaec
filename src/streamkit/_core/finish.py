"""Why a model stopped: every provider's word for it, in ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..values import FinishReason

__all__ = ["finish_reason"]

_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "completed": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "complete": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "error": "error",
    "failed": "error",
    "malformed_function_call": "error",
}


def finish_reason(metadata: Mapping[str, Any]) -> tuple[FinishReason | None, str | None]:
    """Give why the model stopped, in our word and in the provider's."""
    details: Mapping[str, Any] = metadata.get("incomplete_details") or {}
    raw = (
        metadata.get("finish_reason")
        or metadata.get("stop_reason")
        or metadata.get("stopReason")
        or metadata.get("done_reason")
        or details.get("reason")
        or metadata.get("status")
    )
    if not isinstance(raw, str) or raw == "in_progress":
        return None, None
    return _FINISH_REASONS.get(raw.lower(), "other"), raw
