"""Bodies of Anthropic's `POST /v1/messages` with `"stream": true`.

A message is a list of content blocks, one open at a time and known by its index. Events are
named by their type. Token counts come at the start and, cumulative, in the closing delta.
"""

from __future__ import annotations

from typing import Any

from .wire import join, sse

URL = "https://example.org/zürich"
CUT_ARGS = '{"city": "Zür'


def event(type: str, **fields: Any) -> bytes:
    return sse(type, {"type": type, **fields})


PING = event("ping")


def start(**usage: int) -> bytes:
    counts = {"input_tokens": 25, "output_tokens": 1, **usage}
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test",
        "content": [], "stop_reason": None, "stop_sequence": None, "usage": counts,
    }  # fmt: skip
    return event("message_start", message=message)


def stop(reason: str, **usage: int) -> bytes:
    counts = {"input_tokens": 25, "output_tokens": 9, **usage}
    delta = {"stop_reason": reason, "stop_sequence": None}
    return join(event("message_delta", delta=delta, usage=counts), event("message_stop"))


def block(at: int, begin: dict[str, Any], *deltas: dict[str, Any]) -> bytes:
    return join(
        event("content_block_start", index=at, content_block=begin),
        *(event("content_block_delta", index=at, delta=delta) for delta in deltas),
        event("content_block_stop", index=at),
    )


def say(at: int, *pieces: str, cites: tuple[dict[str, Any], ...] = ()) -> bytes:
    return block(
        at,
        {"type": "text", "text": ""},
        *({"type": "citations_delta", "citation": cite} for cite in cites),
        *({"type": "text_delta", "text": piece} for piece in pieces),
    )


def think(at: int, *pieces: str, signature: str = "c2lnbmVk") -> bytes:
    return block(
        at,
        {"type": "thinking", "thinking": "", "signature": ""},
        *({"type": "thinking_delta", "thinking": piece} for piece in pieces),
        {"type": "signature_delta", "signature": signature},
    )


def call(at: int, id: str, name: str, *pieces: str, type: str = "tool_use") -> bytes:
    begin = {"type": type, "id": id, "name": name, "input": {}}
    return block(at, begin, *({"type": "input_json_delta", "partial_json": p} for p in pieces))


def search(at: int, query: str) -> bytes:
    """The server's own web search and what it found: two blocks."""
    asked = call(
        at, "srvtoolu_1", "web_search", "", '{"query"', f': "{query}"}}', type="server_tool_use"
    )
    found = {
        "type": "web_search_result", "url": URL, "title": "Zürich", "encrypted_content": "eHg=",
        "page_age": None,
    }  # fmt: skip
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [found]}
    return join(asked, block(at + 1, result))


# -- the bodies -------------------------------------------------------------------------------


def text() -> bytes:
    spoken = say(0, "Grüße 🚀", " aus", " Zürich.\n", "\n- eins\n- zw", "ei\u2028drei")
    return join(start(), spoken, stop("end_turn"))


def pings() -> bytes:
    """Keep-alives wherever they may stand, one of them in the middle of a block."""
    piece = {"type": "text_delta", "text": "pong"}
    return join(
        start(), PING,
        event("content_block_start", index=0, content_block={"type": "text", "text": "ping "}),
        PING,
        event("content_block_delta", index=0, delta=piece), PING,
        event("content_block_stop", index=0), stop("end_turn"),
    )  # fmt: skip


def thinking() -> bytes:
    return join(
        start(), think(0, "First 🤔", "\nthen."), say(1, "The answer", " is 42."), stop("end_turn")
    )


def redacted_thinking() -> bytes:
    hidden = block(0, {"type": "redacted_thinking", "data": "aGlkZGVu"})
    return join(start(), hidden, say(1, "The answer", " is 42."), stop("end_turn"))


def text_then_call() -> bytes:
    asked = call(1, "toolu_a", "weather", "", '{"city": "Zür', 'ich 🏔"', "}")
    return join(start(), say(0, "Let me", " look. 🔎"), asked, stop("tool_use"))


def two_calls() -> bytes:
    return join(
        start(),
        call(0, "toolu_a", "weather", "", '{"city": ', '"Zürich 🏔"}'),
        call(1, "toolu_b", "clock", "", '{"tz": ', '"CET"}'),
        stop("tool_use"),
    )


def call_without_args() -> bytes:
    return join(start(), call(0, "toolu_a", "now"), stop("tool_use"))


def cut_args() -> bytes:
    """The token limit falls into the arguments."""
    asked = call(0, "toolu_a", "weather", "", '{"city": ', '"Zür')
    return join(start(), asked, stop("max_tokens"))


def web_search() -> bytes:
    cite = {
        "type": "web_search_result_location", "url": URL, "title": "Zürich",
        "encrypted_index": "eHg=", "cited_text": "sunny",
    }  # fmt: skip
    before, after = say(0, "Let me", " look. 🔎"), say(4, " Bye.")
    cited = say(3, "It is", " sunny ☀️.", cites=(cite,))
    return join(start(), before, search(1, "Zürich"), cited, after, stop("end_turn"))


def cache_usage() -> bytes:
    cached = {"cache_creation_input_tokens": 7, "cache_read_input_tokens": 3}
    return join(start(**cached), say(0, "Hi."), stop("end_turn", **cached))


def usage_at_start() -> bytes:
    """As older servers did: the closing delta counts only the output."""
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    close = event("message_delta", delta=delta, usage={"output_tokens": 9})
    return join(start(), say(0, "Hi."), close, event("message_stop"))


def no_finish() -> bytes:
    """The body ends properly for HTTP, but in the middle of a block."""
    half = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    delta = {"type": "text_delta", "text": "Half a sent"}
    return join(start(), half, event("content_block_delta", index=0, delta=delta))


def error() -> bytes:
    told = {"type": "overloaded_error", "message": "Overloaded"}
    return join(no_finish(), event("error", error=told))
