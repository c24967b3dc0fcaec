"""The harness itself: streams written by hand, as their protocols' own documents spell them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from js_clients import ClientError, Clients, Reader


def sse(*frames: Any) -> bytes:
    texts = [frame if isinstance(frame, str) else json.dumps(frame) for frame in frames]
    return "".join(f"data: {text}\n\n" for text in texts).encode()


HELLO = sse(
    {"type": "start", "messageId": "m1"},
    {"type": "text-start", "id": "t"},
    {"type": "text-delta", "id": "t", "delta": "Hel"},
    {"type": "text-delta", "id": "t", "delta": "lo ü"},
    {"type": "text-end", "id": "t"},
    {"type": "finish"},
    "[DONE]",
)


@pytest.mark.parametrize("cut", [0, 1, 7])
def test_the_ai_sdk_reads(reader: Reader, cut: int) -> None:
    result = reader.read(HELLO, cut=cut)
    user, answer = result["messages"]
    assert user["role"] == "user"
    assert answer["id"] == "m1"
    assert answer["parts"] == [{"type": "text", "text": "Hello ü", "state": "done"}]
    assert result["status"] == "ready"
    (request,) = reader.requests
    assert request["messages"] == [user]


def test_the_ai_sdk_refuses(reader: Reader) -> None:
    result = reader.read(sse({"type": "text-delta", "id": "t"}))
    assert result["status"] == "error"
    assert "validation" in result["error"]


def piece(delta: Any, finish_reason: str | None = None) -> Any:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    kind = "chat.completion.chunk"
    return {"id": "c", "object": kind, "created": 1, "model": "m", "choices": [choice]}


def test_openai_reads(clients: Clients) -> None:
    told = sse(piece({"role": "assistant", "content": "Hello"}), piece({}, "stop"), "[DONE]")
    result = clients.read("openai", told)
    assert result["completion"]["choices"][0]["message"]["content"] == "Hello"


def test_openai_refuses(clients: Clients) -> None:
    with pytest.raises(ClientError, match="missing finish_reason"):
        clients.read("openai", sse(piece({"role": "assistant", "content": "Hello"}), "[DONE]"))


def test_a_client_that_does_not_exist(clients: Clients) -> None:
    with pytest.raises(ClientError, match="nobody"):
        clients.read("nobody", b"")
