"""Bodies that no browser sends, but anybody can: a request comes of them, or a `BadRequest`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import BadRequest
from streamkit.wire import ag_ui, ai_sdk, langgraph_sse, openai_chunks, openai_responses

GOOD: dict[Any, Any] = {
    ai_sdk: {
        "id": "c",
        "messages": [{"id": "m", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}],
    },
    ag_ui: {"threadId": "t", "runId": "r", "messages": []},
    openai_chunks: {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    openai_responses: {"model": "m", "input": "Hi"},
    langgraph_sse: {"input": {"messages": []}, "config": {"configurable": {"thread_id": "t"}}},
}
BODIES: list[Any] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b"[" * 9999,
    b'"x"',
    "\ud800",
    [],
    7,
    None,
]


@pytest.mark.parametrize("wire", GOOD)
@pytest.mark.parametrize("body", BODIES, ids=lambda it: repr(it)[:12])
def test_what_is_no_json_object_is_refused(wire, body):
    with pytest.raises(BadRequest, match="the body is no JSON object"):
        wire.read_request(body)


@pytest.mark.parametrize("wire", GOOD)
@pytest.mark.parametrize("odd", ["\ud800", {"\ud83d": 1}, ["a\udfff"]])
def test_half_a_surrogate_pair_never_gets_in(wire, odd):
    body = {**GOOD[wire], "metadata": odd}
    for form in (body, json.dumps(body), json.dumps(body).encode(), str(body)):
        try:
            request = wire.read_request(form)
        except BadRequest:
            continue
        repr(request).encode()  # whatever of it was taken over


@pytest.mark.parametrize("wire", GOOD)
def test_what_is_json_is_read_in_every_form(wire):
    body = {**GOOD[wire], "metadata": {"large": 2**70, "emoji": "\N{SNOWMAN}", "object": object()}}
    wire.read_request(body)
    wire.read_request(json.dumps(GOOD[wire]))
    wire.read_request(json.dumps(GOOD[wire]).encode())


@pytest.mark.parametrize("wire", GOOD)
def test_a_request_is_made_by_keywords_and_cannot_be_changed(wire):
    request = wire.read_request(GOOD[wire])
    field = wire.Request.__struct_fields__[0]
    with pytest.raises(AttributeError, match="immutable"):
        setattr(request, field, getattr(request, field))
    with pytest.raises(TypeError, match="positional"):
        wire.Request(getattr(request, field))
