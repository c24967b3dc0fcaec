"""The values inside of our events as AG-UI has them: outcomes, usage, errors, tool results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._fields import JsonObject, dict_or_empty
from ...events import Custom, Interrupt, RunEnd, RunError
from ...values import ErrorInfo, Status, Usage
from .._blocks import File, as_list, file_of
from .._plain_json import dump_plain
from ..protocol import error_text

_COUNTS = {"reasoning": "reasoningTokens"}
_INPUT_COUNTS = {"cache_read": "cachedInputTokens", "cache_creation": "cacheWriteInputTokens"}
_KINDS = {"image", "audio", "video"}


def custom_name(event: Custom) -> str:
    """Return the name of a custom event; that of a stream writer is in its payload, if at all.

    >>> from streamkit import Origin
    >>> custom_name(Custom(origin=Origin(), timestamp=0.5, data={"type": "progress"}))
    'progress'
    """
    # LangGraph's stream writer sends payloads without a name; `dispatch_custom_event` has one.
    kind = dict_or_empty(event.data).get("type")
    return event.name or (kind if isinstance(kind, str) else "custom")


def run_error_form(error: ErrorInfo) -> JsonObject:
    """Return the event that ends a run that failed."""
    end: JsonObject = {"type": "RUN_ERROR", "message": error_text(error)}
    return end if error.code is None else end | {"code": str(error.code)}


def outcome(status: Status, interrupts: list[JsonObject]) -> JsonObject:
    """Return how a run ended that did not fail."""
    if status == "cancelled":
        return {"type": "cancelled"}
    # The schema demands at least one interrupt; a breakpoint of the graph's own is none.
    if status == "interrupted" and interrupts:
        return {"type": "interrupt", "interrupts": interrupts}
    return {"type": "success"}


def interrupt_form(event: Interrupt, call: str | None, message: str | None) -> JsonObject:
    """Return an interrupt. AG-UI has a text for people, and no place for any other value."""
    asked = event.value
    reason = "breakpoint" if event.static else "input_required"
    form: JsonObject = {"id": event.interrupt_id, "reason": reason, "metadata": {"value": asked}}
    message = asked if isinstance(asked, str) else message
    if message is not None:
        form["message"] = message
    if call is not None:
        form |= {"reason": "tool_call", "toolCallId": call}
    schema = dict_or_empty(event.response_schema)
    if schema:
        form["responseSchema"] = schema
    return form


def usage(event: RunEnd | RunError) -> JsonObject:
    """Return the tokens of a run, model by model where they are known so."""
    if event.usage is None:
        return {}
    if not event.usage_by_model:
        # A list, with an entry for each model.
        return {"usage": [_tokens(event.usage)]}
    return {
        "usage": [{"model": model, **_tokens(it)} for model, it in event.usage_by_model.items()]
    }


def _tokens(usage: Usage) -> JsonObject:
    return {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        **_renamed(usage.input_token_details, _INPUT_COUNTS),
        **_renamed(usage.output_token_details, _COUNTS),
    }


def _renamed(counts: Mapping[str, int], names: Mapping[str, str]) -> JsonObject:
    return {name: counts[key] for key, name in names.items() if key in counts}


def answered_call(block: object) -> str:
    """Return the id of the call that a block answers, or nothing: a provider's own tool did."""
    fields = dict_or_empty(block)
    is_result = str(fields.get("type")).endswith("_result")
    return str(fields.get("tool_use_id") or fields.get("tool_call_id") or "") if is_result else ""


def result_content(value: Any) -> str | list[JsonObject]:
    """Return a tool's output as text; with parts where it holds pictures, sound or files.

    >>> result_content([{"type": "text", "text": "Look: "}, "here"])
    'Look: here'
    >>> result_content({"sky": "sunny"})
    '{"sky":"sunny"}'
    """
    if isinstance(value, str):
        return value
    parts = [_part(it) for it in as_list(value)]
    if not parts or not all(parts):
        return dump_plain(value).decode()
    if any(part["type"] != "text" for part in parts):
        return parts
    return "".join(part["text"] for part in parts)


def _part(block: Any) -> JsonObject:
    """Return a content block as a part; an empty one where there is no part for it."""
    if isinstance(block, str):
        return {"type": "text", "text": block}
    fields, file = dict_or_empty(block), file_of(block)
    if file:
        kind = file.media_type.partition("/")[0]
        part = {"type": kind if kind in _KINDS else "document", "source": _source(file)}
        return part | ({"metadata": {"filename": file.filename}} if file.filename else {})
    text = fields.get("text")
    is_text = fields.get("type") == "text" and isinstance(text, str)
    return {"type": "text", "text": text} if is_text else {}


def _source(file: File) -> JsonObject:
    """Return where the bytes of a file are. AG-UI demands a `mimeType` for data."""
    head, is_held, data = file.url.partition(";base64,")
    if is_held and head.startswith("data:"):
        return {"type": "data", "value": data, "mimeType": file.media_type}
    kind = {"mimeType": file.media_type} if file.is_known else {}
    return {"type": "url", "value": file.url, **kind}
