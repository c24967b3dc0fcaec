"""Why a model stopped, in every provider's words, and how many tokens it took."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk

from streamkit import MessageEnd, MessageStart, ReasoningEnd, Usage, normalize
from streamkit._core.metadata import name_of
from streamkit.merge import merge_chunks

REASONS = {  # what a provider documents, by the key that its client writes into the metadata
    "finish_reason": {
        # OpenAI, and the servers that write as it does
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "function_call": "tool_calls",
        "content_filter": "content_filter",
        # Gemini
        "STOP": "stop",
        "MAX_TOKENS": "length",
        "SAFETY": "content_filter",
        "RECITATION": "content_filter",
        "BLOCKLIST": "content_filter",
        "PROHIBITED_CONTENT": "content_filter",
        "SPII": "content_filter",
        "MALFORMED_FUNCTION_CALL": "error",
        "LANGUAGE": "other",
        # Mistral
        "model_length": "length",
        "error": "error",
        # Cohere
        "COMPLETE": "stop",
        "TOOL_CALL": "tool_calls",
        # Text Generation Inference, Together
        "eos_token": "stop",
        "eos": "stop",
    },
    "stop_reason": {  # Anthropic
        "end_turn": "stop",
        "stop_sequence": "stop",
        "pause_turn": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "refusal",
    },
    "stopReason": {  # Bedrock
        "end_turn": "stop",
        "guardrail_intervened": "content_filter",
        "content_filtered": "content_filter",
    },
    "done_reason": {"stop": "stop", "load": "other"},  # Ollama
    "status": {"completed": "stop", "failed": "error"},  # OpenAI's Responses
}
ROWS = [(key, raw, ours) for key, reasons in REASONS.items() for raw, ours in reasons.items()]


def ended(*chunks: AIMessageChunk) -> MessageEnd:
    (end,) = (it for it in normalize(chunks) if isinstance(it, MessageEnd))
    return end


def with_metadata(**metadata: Any) -> MessageEnd:
    return ended(AIMessageChunk("Hi", id="m"), AIMessageChunk("", response_metadata=metadata))


@pytest.mark.parametrize(("key", "raw", "ours"), ROWS)
def test_every_providers_reason_has_one_of_our_names(key: str, raw: str, ours: str) -> None:
    end = with_metadata(**{key: raw})
    assert (end.finish_reason, end.raw_finish_reason) == (ours, raw)


@pytest.mark.parametrize(
    ("details", "ours"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter")],
)
def test_the_responses_api_says_why_an_answer_is_incomplete(details: str, ours: str) -> None:
    end = with_metadata(status="incomplete", incomplete_details={"reason": details})
    assert (end.finish_reason, end.raw_finish_reason) == (ours, details)


@pytest.mark.parametrize("metadata", [{}, {"status": "in_progress"}, {"finish_reason": None}])
def test_an_answer_without_a_reason_has_none(metadata: Any) -> None:
    end = with_metadata(**metadata)
    assert (end.finish_reason, end.raw_finish_reason) == (None, None)


def test_a_reason_that_is_no_text_is_passed_over_for_the_next() -> None:
    assert with_metadata(finish_reason=7, stop_reason="refusal").finish_reason == "refusal"


def test_a_model_that_stops_with_calls_has_made_calls() -> None:
    """Gemini and the Responses API have one reason for both."""
    call: Any = {"index": 0, "id": "c1", "name": "look", "args": "{}", "type": "tool_call_chunk"}
    calling = AIMessageChunk("", id="m", tool_call_chunks=[call])
    stop = AIMessageChunk("", response_metadata={"finish_reason": "STOP"})
    end = ended(calling, stop)
    assert (end.finish_reason, end.raw_finish_reason) == ("tool_calls", "STOP")
    assert ended(AIMessageChunk("Hi", id="m"), stop).finish_reason == "stop"


def test_reasoning_that_stands_twice_is_read_once() -> None:
    """OpenAI-compatible servers: once in the content and once beside it."""
    beside = {"reasoning_content": "so"}
    blocks: Any = [{"type": "reasoning", "reasoning": "so"}, {"type": "text", "text": "Hi"}]
    for content in (blocks, "Hi"):
        events = list(normalize([AIMessageChunk(content, id="m", additional_kwargs=beside)]))
        thoughts = [it for it in events if isinstance(it, ReasoningEnd)]
        assert [(it.text, it.redacted, it.signature) for it in thoughts] == [("so", False, None)]


# --- tokens


def reporting(*reports: dict[str, Any]) -> Usage | None:
    """The tokens of a message whose chunks report these, the same in the stream and in `merge`."""
    chunks = [AIMessageChunk("a", id="m") for _ in reports]
    for chunk, report in zip(chunks, reports, strict=True):
        chunk.usage_metadata = report  # type: ignore[assignment]  (past every check)
    return ended(*chunks).usage


def tokens(read: Any, wrote: Any, **details: Any) -> dict[str, Any]:
    return {"input_tokens": read, "output_tokens": wrote, **details}


@pytest.mark.parametrize(
    ("reports", "total"),
    [
        ([(10, 1), (0, 1), (0, 1)], (10, 3)),  # increments
        ([(10, 1), (10, 2), (10, 3)], (10, 3)),  # running totals
        ([(10, 2), (10, 2)], (10, 2)),
        ([(10, 5), (10, 2)], (20, 7)),  # fewer than before: another call's
        ([(10, 5), (20, 1), (20, 4)], (30, 9)),
        ([(10, 1), (20, 1), (30, 1)], (60, 3)),
        ([(0, 1), (0, 2)], (0, 3)),
    ],
)
def test_reports_of_tokens_are_summed_unless_they_are_running_totals(
    reports: list[tuple[int, int]], total: tuple[int, int]
) -> None:
    usage = reporting(*(tokens(*it) for it in reports))
    assert usage
    assert (usage.input_tokens, usage.output_tokens) == total


def test_details_of_running_totals_replace_those_before() -> None:
    first = tokens(9, 1, input_token_details={"cache_read": 4}, output_token_details={"audio": 1})
    last = tokens(9, 3, input_token_details={"cache_read": 5}, output_token_details={"audio": 2})
    usage = reporting(first, tokens(9, 2), last)
    assert usage
    assert usage.input_token_details == {"cache_read": 5}
    assert usage.output_token_details == {"audio": 2}
    kept = reporting(first, tokens(9, 2))
    assert kept
    assert (kept.input_token_details, kept.output_token_details) == (
        {"cache_read": 4},
        {"audio": 1},
    )


@pytest.mark.parametrize(
    ("given", "count"),
    [
        *[(7, 7), (0, 0), ("12", 12), (2.9, 2), ("9" * 18, int("9" * 18))],
        *[(True, 0), ("9" * 19, 0), ("1.5", 0), (float("inf"), 0), ([1], 0), (None, 0)],
    ],
)
def test_a_number_of_tokens_is_an_int_or_nothing(given: Any, count: int) -> None:
    usage = reporting(tokens(given, 1, input_token_details={"audio": given}))
    assert usage
    assert (usage.input_tokens, type(usage.input_tokens)) == (count, int)
    assert usage.input_token_details == ({"audio": count} if count or given == 0 else {})


@pytest.mark.parametrize(("total", "read"), [(9, 9), (0, 0), (None, 5), ("no", 5)])
def test_the_total_is_the_providers_or_else_the_sum(total: Any, read: int) -> None:
    usage = reporting(tokens(3, 2, total_tokens=total))
    assert usage
    assert usage.total_tokens == read


def test_merge_counts_as_the_stream_does() -> None:
    chunks = [AIMessageChunk("a", id="m") for _ in range(2)]
    for chunk, wrote in zip(chunks, (2, 5), strict=True):
        chunk.usage_metadata = {
            "input_tokens": 3,
            "output_tokens": wrote,
            "total_tokens": 3 + wrote,
        }
    merged = merge_chunks(chunks).usage_metadata
    assert merged
    assert (merged["input_tokens"], merged["output_tokens"]) == (3, 5)


@pytest.mark.parametrize(
    ("given", "name"),
    [(7, "7"), (1.5, "1.5"), (True, "True"), ("7", "7"), (["7"], None), ("", None)],
)
def test_a_number_may_be_a_name(given: Any, name: str | None) -> None:
    assert name_of(given) == name


def test_the_provider_of_a_message_is_in_its_metadata() -> None:
    pair = (AIMessageChunk("Hi", id="m"), {"ls_provider": "acme", "langgraph_node": "n"})
    (start,) = [it for it in normalize([pair]) if isinstance(it, MessageStart)]
    assert start.provider == "acme"


def test_what_comes_piece_by_piece_grows_as_merge_grows_it() -> None:
    def said(token: str, **more: Any) -> AIMessageChunk:
        metadata = {"logprobs": {"content": [{"token": token, "logprob": -1.0}]}, **more}
        return AIMessageChunk(content=token, id="m", response_metadata=metadata)

    chunks = [said("a", model_name="m"), said("b", model_name="m"), said("c", finish_reason="stop")]
    kept = [chunk.model_copy(deep=True) for chunk in chunks]
    (end,) = (event for event in normalize(chunks) if isinstance(event, MessageEnd))
    assert [it["token"] for it in end.response_metadata["logprobs"]["content"]] == ["a", "b", "c"]
    assert end.response_metadata == merge_chunks(chunks).response_metadata
    assert chunks == kept


def test_a_report_in_parts_says_why_an_answer_is_incomplete() -> None:
    parts = [{"incomplete_details": {"index": 0}}, {"incomplete_details": {"reason": "max_tokens"}}]
    chunks = [AIMessageChunk(content="a", id="m", response_metadata=it) for it in parts]
    (end,) = (event for event in normalize(chunks) if isinstance(event, MessageEnd))
    assert end.raw_finish_reason == "max_tokens"
