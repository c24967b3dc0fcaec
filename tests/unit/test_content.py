"""Blocks of content that no recorded provider sends, or sends in this form."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk

from streamkit import Event, ReasoningEnd, ToolCallEnd, ToolCallStart, Unrecognized, normalize


def events_of(*content: Any, **fields: Any) -> list[Event]:
    return list(normalize([AIMessageChunk(content=list(content), id="m1", **fields)]))


def one(events: list[Event], kind: Any) -> Any:
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


@pytest.mark.parametrize("name", ["text", "refusal"])
def test_a_text_that_is_none_is_shown_under_its_name(name: str) -> None:
    event = one(events_of({"type": name, name: 5, "index": 0}), Unrecognized)
    assert (event.raw, event.reason) == ({name: 5}, f"{name} is no text")


@pytest.mark.parametrize("signature", ["S", None])
def test_reasoning_of_bedrock_may_be_signed(signature: str | None) -> None:
    inner = {"text": "hm", **({"signature": signature} if signature else {})}
    block = {"type": "reasoning_content", "reasoning_content": inner, "index": 0}
    event = one(events_of(block), ReasoningEnd)
    assert (event.text, event.signature) == ("hm", signature)


def test_a_number_for_the_name_of_a_tool_is_its_text() -> None:
    block = {"type": "server_tool_call", "id": "c1", "name": 7, "args": {}, "index": 0}
    assert one(events_of(block), ToolCallStart).name == "7"


def test_code_that_google_runs_is_a_call_that_the_provider_executes() -> None:
    code = {"executable_code": "print(1)", "language": "PYTHON", "id": "c1"}
    events = events_of({"type": "executable_code", **code})
    assert one(events, ToolCallStart).name == "code_execution"
    end = one(events, ToolCallEnd)
    assert (end.provider_executed, end.args) == (True, {"code": "print(1)", "language": "PYTHON"})
