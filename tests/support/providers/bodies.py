"""The table: each body with what it says and what the real client makes of it.

`expected` is the truth of the wire. `seen` is what the client's chunks carry, in any of its output
versions, observed with langchain-core, langchain-openai and langchain-anthropic 1.7. Where the two
differ the client lost something before anybody else could see it, and the comment says what.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from . import anthropic_messages as anthropic
from . import clients
from . import openai_chat as chat
from . import openai_responses as responses
from .expected import READERS, Expected
from .server import Body

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from .server import ProviderServer

Api = Literal["chat.completions", "responses", "messages"]

CLIENTS = {
    "chat.completions": clients.chat_openai,
    "responses": clients.chat_openai_responses,
    "messages": clients.chat_anthropic,
}


@dataclass(frozen=True)
class Case:
    """One body for one client."""

    api: Api
    body: bytes
    expected: Expected
    differs: dict[str, Any] = field(default_factory=dict)  # what the client's chunks say instead
    options: dict[str, Any] = field(default_factory=dict)  # for the client's constructor

    @property
    def seen(self) -> Expected:
        """The facts of the client's chunks. An error is not among them: the client raises it."""
        return replace(self.expected, **self.differs, error=None)

    def read(self) -> Expected:
        """The body, read from its bytes."""
        return READERS[self.api](self.body)

    def model(self, server: ProviderServer, body: Body | None = None, **kw: Any) -> BaseChatModel:
        """The real client, its next request to be answered with this body (or this form of it)."""
        server.play(body or Body(self.body))
        return CLIENTS[self.api](server, **{**self.options, **kw})


LIST = "Grüße 🚀 aus Zürich.\n\n- eins\n- zwei\u2028drei"
REFUSAL = "I can't help with that."
ANSWER = "The answer is 42."
WEATHER = ("call_a", "weather", '{"city": "Zürich 🏔"}')
CLOCK = ("call_b", "clock", '{"tz": "CET"}')
HALF = Expected("Half a sent")


def openai_chat(body: bytes, expected: Expected, *, options: Any = None, **differs: Any) -> Case:
    return Case("chat.completions", body, expected, differs, options or {})


def openai_responses(body: bytes, expected: Expected, **differs: Any) -> Case:
    return Case("responses", body, expected, differs)


def anthropic_messages(body: bytes, expected: Expected, *, options: Any = None, **differs: Any):
    return Case("messages", body, expected, differs, options or {})


CHAT = {
    "chat_text": openai_chat(chat.text(), Expected(LIST, finish_reason="stop")),
    "chat_text_usage": openai_chat(
        chat.text_usage(), Expected("Hi 👩\u200d🚀!", usage=(11, 3), finish_reason="stop")
    ),
    "chat_two_choices": openai_chat(
        chat.two_choices(),
        Expected("A0 A1", finish_reason="stop"),
        options={"n": 2},
        text="A0 B0 A1B1",  # every chunk's first choice is read, whatever its index
    ),
    "chat_content_filter": openai_chat(
        chat.content_filter(), Expected("I was about to", finish_reason="content_filter")
    ),
    "chat_refusal": openai_chat(
        chat.refusal(),
        Expected(refusal=REFUSAL, finish_reason="stop"),
        refusal="",  # dropped: the message looks like an empty answer
    ),
    "chat_tool_call": openai_chat(
        chat.tool_call(), Expected(tool_calls=(WEATHER,), finish_reason="tool_calls")
    ),
    "chat_parallel_calls": openai_chat(
        chat.parallel_calls(), Expected(tool_calls=(WEATHER, CLOCK), finish_reason="tool_calls")
    ),
    "chat_whole_call": openai_chat(
        chat.whole_call(), Expected(tool_calls=(WEATHER,), finish_reason="tool_calls")
    ),
    "chat_text_then_call": openai_chat(
        chat.text_then_call(),
        Expected("Let me look. 🔎", tool_calls=(WEATHER,), finish_reason="tool_calls"),
    ),
    "chat_cut_args": openai_chat(
        chat.cut_args(),
        Expected(tool_calls=(("call_a", "weather", '{"city": "Zür'),), finish_reason="length"),
    ),
    "chat_error": openai_chat(chat.error(), replace(HALF, error="The server had an error")),
    "chat_no_finish": openai_chat(chat.no_finish(), HALF),
    "chat_reasoning_content": openai_chat(
        chat.reasoning_content(),
        Expected("Done.", reasoning="First 🤔 then.", finish_reason="stop"),
        reasoning="",  # not OpenAI's field: dropped
    ),
    "chat_usage_every_chunk": openai_chat(
        chat.usage_every_chunk(), Expected("one two three", usage=(20, 3), finish_reason="stop")
    ),
    "chat_repeated_name": openai_chat(
        chat.repeated_name(), Expected(tool_calls=(WEATHER,), finish_reason="tool_calls")
    ),
    "chat_index_zero_whole": openai_chat(
        chat.index_zero_whole(), Expected(tool_calls=(WEATHER, CLOCK), finish_reason="tool_calls")
    ),
    "chat_index_zero_split": openai_chat(
        chat.index_zero_split(), Expected(tool_calls=(WEATHER, CLOCK), finish_reason="tool_calls")
    ),
    "chat_no_index": openai_chat(
        chat.no_index(), Expected(tool_calls=(WEATHER, CLOCK), finish_reason="tool_calls")
    ),
}

RESPONSES = {
    "responses_text": openai_responses(
        responses.text(), Expected(LIST, usage=(12, 7), finish_reason="completed")
    ),
    "responses_reasoning": openai_responses(
        responses.reasoning(),
        Expected(
            ANSWER,
            reasoning="**Plan**\nThink 🤔**Check**\nAgain.",
            usage=(12, 7),
            finish_reason="completed",
        ),
    ),
    "responses_reasoning_text": openai_responses(
        responses.reasoning_text(),
        Expected("Done.", reasoning="First 🤔 then.", usage=(12, 7), finish_reason="completed"),
        reasoning="",  # only summaries are read
    ),
    "responses_reasoning_call": openai_responses(
        responses.reasoning_call(),
        Expected(
            reasoning="I need the weather.",
            tool_calls=(WEATHER,),
            usage=(12, 7),
            finish_reason="completed",
        ),
    ),
    "responses_two_calls": openai_responses(
        responses.two_calls(),
        Expected(tool_calls=(WEATHER, CLOCK), usage=(12, 7), finish_reason="completed"),
    ),
    "responses_refusal": openai_responses(
        responses.refusal(),
        Expected(refusal=REFUSAL, usage=(12, 7), finish_reason="completed"),
    ),
    "responses_custom_tool_call": openai_responses(
        responses.custom_tool_call(),
        Expected(
            tool_calls=(("call_c", "run_code", 'print("é 🐍")\n'),),
            usage=(12, 7),
            finish_reason="completed",
        ),
        # Wrapped in JSON, and whole: the deltas are not read.
        tool_calls=(("call_c", "run_code", json.dumps({"__arg1": 'print("é 🐍")\n'})),),
    ),
    "responses_web_search": openai_responses(
        responses.web_search(),
        Expected(
            "It is sunny ☀️.",
            usage=(12, 7),
            finish_reason="completed",
            server_tools=("web_search",),
            citations=(responses.URL,),
        ),
    ),
    "responses_incomplete": openai_responses(
        responses.incomplete(), replace(HALF, usage=(12, 4), finish_reason="max_output_tokens")
    ),
    "responses_no_finish": openai_responses(responses.no_finish(), HALF),
    "responses_failed": openai_responses(
        responses.failed(),
        replace(HALF, finish_reason="failed", error="The model failed"),
        finish_reason=None,  # nothing but the exception says so
    ),
    "responses_error": openai_responses(responses.error(), replace(HALF, error="Too many tokens")),
}

# Content stays a string unless the request has tools or thinking in it.
TOOLS = {"model_kwargs": {"tools": [{"name": "weather", "input_schema": {"type": "object"}}]}}
SEARCH = {"model_kwargs": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}

ANTHROPIC = {
    "anthropic_text": anthropic_messages(
        anthropic.text(), Expected(LIST, usage=(25, 9), finish_reason="end_turn")
    ),
    "anthropic_text_blocks": anthropic_messages(
        anthropic.text(), Expected(LIST, usage=(25, 9), finish_reason="end_turn"), options=TOOLS
    ),
    "anthropic_pings": anthropic_messages(
        anthropic.pings(), Expected("ping pong", usage=(25, 9), finish_reason="end_turn")
    ),
    "anthropic_thinking": anthropic_messages(
        anthropic.thinking(),
        Expected(ANSWER, reasoning="First 🤔\nthen.", usage=(25, 9), finish_reason="end_turn"),
        options=THINKING,
    ),
    "anthropic_redacted_thinking": anthropic_messages(
        anthropic.redacted_thinking(),
        Expected(ANSWER, usage=(25, 9), finish_reason="end_turn"),
        options=THINKING,
    ),
    "anthropic_text_then_call": anthropic_messages(
        anthropic.text_then_call(),
        Expected(
            "Let me look. 🔎",
            tool_calls=(("toolu_a", *WEATHER[1:]),),
            usage=(25, 9),
            finish_reason="tool_use",
        ),
        options=TOOLS,
    ),
    "anthropic_two_calls": anthropic_messages(
        anthropic.two_calls(),
        Expected(
            tool_calls=(("toolu_a", *WEATHER[1:]), ("toolu_b", *CLOCK[1:])),
            usage=(25, 9),
            finish_reason="tool_use",
        ),
        options=TOOLS,
    ),
    "anthropic_call_without_args": anthropic_messages(
        anthropic.call_without_args(),
        Expected(tool_calls=(("toolu_a", "now", ""),), usage=(25, 9), finish_reason="tool_use"),
        options=TOOLS,
    ),
    "anthropic_cut_args": anthropic_messages(
        anthropic.cut_args(),
        Expected(
            tool_calls=(("toolu_a", "weather", anthropic.CUT_ARGS),),
            usage=(25, 9),
            finish_reason="max_tokens",
        ),
        options=TOOLS,
    ),
    "anthropic_web_search": anthropic_messages(
        anthropic.web_search(),
        Expected(
            "Let me look. 🔎It is sunny ☀️. Bye.",
            usage=(25, 9),
            finish_reason="end_turn",
            server_tools=("web_search",),
            citations=(anthropic.URL,),
        ),
        options=SEARCH,
    ),
    "anthropic_cache_usage": anthropic_messages(
        anthropic.cache_usage(), Expected("Hi.", usage=(35, 9), finish_reason="end_turn")
    ),
    "anthropic_usage_at_start": anthropic_messages(
        anthropic.usage_at_start(),
        Expected("Hi.", usage=(25, 9), finish_reason="end_turn"),
        usage=(0, 9),  # the counts of message_start are never read
    ),
    "anthropic_no_finish": anthropic_messages(
        anthropic.no_finish(), replace(HALF, usage=(25, 1)), usage=None
    ),
    "anthropic_error": anthropic_messages(
        anthropic.error(), replace(HALF, usage=(25, 1), error="Overloaded"), usage=None
    ),
}

CASES: dict[str, Case] = {**CHAT, **RESPONSES, **ANTHROPIC}
