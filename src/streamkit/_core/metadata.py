"""The metadata of a message: how many tokens it took, and why the model stopped.

One rule each, for the stream and for `merge`. Metadata holds anything, so every value is checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from .._fields import Fields, dict_or_empty, text_or_none
from .._growing import Facts, built
from ..values import FinishReason, Usage


def name_of(value: object) -> str | None:
    """Return a name or an id as plain text: applications also number their threads.

    >>> name_of("7"), name_of(7), name_of(["7"]), name_of("")
    ('7', '7', None, None)
    """
    return str(value) if type(value) in _NUMBERS else text_or_none(value)


_NUMBERS = frozenset({int, float, bool, UUID})


def names_in(values: Iterable[object] | None) -> tuple[str, ...]:
    """Return those of some values that are names, such as tags."""
    return tuple(filter(None, map(name_of, values or ())))


# --- tokens


def usage_of(metadata: object) -> Usage | None:
    """Return LangChain's ``usage_metadata`` as a `Usage`; None where there is none."""
    fields = dict_or_empty(metadata)
    if not fields:
        return None
    total = _count(fields.get("total_tokens"))
    return Usage(
        input_tokens=_count(fields.get("input_tokens")) or 0,
        output_tokens=_count(fields.get("output_tokens")) or 0,
        total_tokens=-1 if total is None else total,
        input_token_details=_counts(fields.get("input_token_details")),
        output_token_details=_counts(fields.get("output_token_details")),
    )


def usage_metadata(usage: Usage | None) -> Any:
    """Return a `Usage` as LangChain's ``usage_metadata``, which has no empty details."""
    counts: dict[str, Any] = msgspec.to_builtins(usage) if usage else {}
    return {name: it for name, it in counts.items() if it != {}} or None


def _counts(details: object) -> dict[str, int]:
    given = dict_or_empty(details).items()
    return {str(key): count for key, it in given if (count := _count(it)) is not None}


def _count(value: Any) -> int | None:
    """Return a number of tokens as a plain int: some servers send it as text or as a float.

    What nobody can have counted, such as a number that no float can hold, is none.
    """
    if type(value) is int:
        return value if 0 <= value < _TOO_MANY else None
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) <= _MOST_DIGITS else None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value < _TOO_MANY else None


_MOST_DIGITS = 18  # what fits in 64 bits, also summed
_TOO_MANY: int = 10**_MOST_DIGITS


class UsageReports:
    """The tokens of one message, from reports that are increments (most) or running totals (some).

    A report with the input tokens of the sum so far, not zero, and no fewer output tokens is a
    running total and replaces that sum. One with other input tokens begins a new sum, and any
    other report is an increment. So 10/1, 0/1, 0/1 makes 10/3, and 10/1, 10/2, 10/3 makes 10/3.
    """

    __slots__ = ("_earlier", "_sum")

    def __init__(self) -> None:
        self._earlier: Usage | None = None
        self._sum: Usage | None = None

    def add(self, report: Usage) -> None:
        """Count a report."""
        known = self._sum
        if known is None:
            self._sum = report
        elif not report.input_tokens:
            self._sum = known + report
        elif (
            report.input_tokens == known.input_tokens
            and report.output_tokens >= known.output_tokens
        ):
            self._sum = msgspec.structs.replace(
                report,
                input_token_details={**known.input_token_details, **report.input_token_details},
                output_token_details={**known.output_token_details, **report.output_token_details},
            )
        else:
            self._earlier, self._sum = self._earlier + known if self._earlier else known, report

    @property
    def total(self) -> Usage | None:
        """All that was counted; None if nothing was ever reported."""
        return self._earlier + self._sum if self._earlier and self._sum else self._sum


# --- why a model stopped

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
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "refusal": "refusal",
    "error": "error",
    "failed": "error",
    "malformed_function_call": "error",
}

# OpenAI, Gemini and Mistral; Anthropic; Bedrock; Ollama.
_REASONS = ("finish_reason", "stop_reason", "stopReason", "done_reason")


def finish_reason(metadata: Mapping[str, Any]) -> tuple[FinishReason | None, str | None]:
    """Return why the model stopped: our finish reason, and the provider's own."""
    for name in _REASONS:
        raw = metadata.get(name)
        if raw and isinstance(raw, str):
            break
    else:  # the Responses API
        details = dict_or_empty(metadata.get("incomplete_details"))
        raw = text_or_none(details.get("reason")) or text_or_none(metadata.get("status"))
    if raw is None or raw == "in_progress":
        return None, None
    return _FINISH_REASONS.get(raw.lower(), "other"), str.__str__(raw)


class Reports:
    """The reports of a provider about a message beside its content."""

    __slots__ = ("_facts", "finish_reason", "latest", "model", "raw_finish_reason", "usage")

    def __init__(self, model: str | None) -> None:
        self.model: str | None = model
        self.usage: UsageReports = UsageReports()
        self._facts = Facts()
        self.latest: Fields = {}
        self.finish_reason: FinishReason | None = None
        self.raw_finish_reason: str | None = None

    def add(self, metadata: Fields) -> None:
        """Add a report, unless it repeats the one before."""
        try:
            if metadata == self.latest:
                return
        except Exception:  # noqa: BLE001, S110  (arrays raise when compared)
            pass
        self.latest = metadata
        self._facts.add(metadata)
        model = metadata.get("model_name") or metadata.get("model")
        self.model = text_or_none(model) or self.model
        known = self._facts.fields
        details = built(known.get("incomplete_details"))
        self.finish_reason, self.raw_finish_reason = finish_reason(
            {**known, "incomplete_details": details}
        )

    @property
    def metadata(self) -> dict[str, Any]:
        """All reports in one: lists and dicts grow, of other values the last one holds."""
        return self._facts.built()
