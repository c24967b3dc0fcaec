"""What version 3 of `astream_events` tells otherwise, and the recordings where it shows.

Everything else must be exact; and each of these must still be met, or its name goes.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LOSSES", "losses_of"]


@dataclass(frozen=True)
class Loss:
    """A fact that langchain-core's protocol changes on its way from the chunks to the events."""

    fact: str
    reason: str
    recordings: tuple[str, ...]

    def is_met(self, name: str) -> bool:
        """Tell whether it shows in the recording of this name."""
        return any(name.endswith(end) for end in self.recordings)


LOSSES = (
    Loss(
        "order",
        "blocks finish when the message does: seals, and blocks that come whole, stand last",
        (
            "test_thinking[v1]__0",
            "test_anthropic_code_execution_tool_stream__0",
            "test_anthropic_model_thinking_part_redacted_stream__0",
            "test_anthropic_model_thinking_part_stream__0",
            "test_anthropic_web_fetch_tool_stream__0",
            "test_pause_turn_web_search_streaming_vcr__0",
            "test_reused_tool_call_ids_stream___1",
            "test_google_model_file_search_grounding_gemini_3_True___3",
            "test_google_model_thinking_part_iter__0",
            "test_openai_responses_code_execution_return_image_stream__0",
            "test_openai_responses_model_mcp_server_tool_stream__0",
            "test_openai_responses_streaming_usage__0",
            "anthropic_thinking_streaming_legacy__0",
        ),
    ),
    Loss(
        "citations",
        "of the annotations that one block has under the same index, the last is kept",
        (
            "test_file_search__1",
            "test_web_search__1",
            "test_anthropic_web_search_tool_stream__0",
            "test_openai_responses_code_execution_return_image_stream__0",
        ),
    ),
    Loss(
        "details",
        "where each chunk counts only what is new, the last details are taken for all",
        (
            "test_google_model_file_search_grounding_gemini_3_True___3",
            "test_google_model_file_search_tool_stream__3",
            "test_google_model_thinking_part_iter__0",
            "test_google_model_web_search_tool_stream__0",
            "test_google_stream_usage_is_live_mid_stream__0",
            "test_native_output_with_function_tools_stream__1",
        ),
    ),
    Loss(
        "tool_calls",
        "arguments that come with no text before them are told parsed: their spaces are lost",
        (
            "test_tool_use_failed_error_streaming__1",
            "test_cohere_v2_chat_legacy_with_tool_calls_and_streaming_async__0",
        ),
    ),
)


def losses_of(name: str) -> set[str]:
    """Give the facts that version 3 tells otherwise of the recording of this name."""
    return {loss.fact for loss in LOSSES if loss.is_met(name)}
