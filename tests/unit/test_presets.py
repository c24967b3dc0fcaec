"""Presets: what each lets through of one run, and what a frontend never sees."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage

import presets_page
from random_streams import ToolBroke, event
from read_streams import drained
from small_graphs import LANGGRAPH
from streamkit import (
    Event,
    MessageEnd,
    RetrievalEnd,
    RetrievalStart,
    RunEnd,
    RunError,
    StepStart,
    TextDelta,
    ToolEnd,
    ToolError,
    ToolStart,
    normalize,
)
from streamkit.demo import build_graph, demo_input
from streamkit.presets import chat, debug, final, lifecycle, state, tokens, tools, ui
from streamkit.testing import check_stream


@pytest.mark.skipif(LANGGRAPH < (1, 2), reason="older graphs have fewer chain chunks")
async def test_the_table_in_the_docs_is_current() -> None:
    table = presets_page.TABLE.search(presets_page.PAGE.read_text())
    assert table is not None
    assert table.group() == await presets_page.table(), "run: python scripts/build_pages.py"


# --- the recipe that presets are there for


async def test_a_chat_ui_in_five_lines() -> None:
    shown = ""
    config: Any = {"configurable": {"thread_id": "1"}}
    source = build_graph(pace=0).astream_events(demo_input(), config, version="v2")
    async for it in normalize(source, tokens | tools):
        match it:
            case TextDelta(text=text):
                shown += text
            case ToolStart(name=name):
                shown += f"[{name}…"
            case ToolEnd() | ToolError():
                shown += "]"
            case RunEnd(usage=usage):
                shown += f" ({usage and usage.total_tokens} tokens)"
    assert "Let me check a few things." in shown
    assert shown.count("[reserve_table…") == 2
    assert shown.endswith(" tokens)")


# --- one run with everything in it

AT: dict[str, Any] = {"langgraph_node": "n", "langgraph_checkpoint_ns": "n:1", "secret": "key"}
RUN: list[Any] = [
    event("on_chain_start", "root", [], {"input": "a prompt"}, label="LangGraph", secret="key"),
    event("on_chain_start", "n", ["root"], {"input": "state"}, label="n", tags=["graph:step:1"], **AT),
    event("on_chat_model_start", "m", ["root", "n"], {"input": {"messages": []}}, **AT),
    event("on_chat_model_stream", "m", ["root", "n"], {"chunk": AIMessageChunk("", additional_kwargs={"reasoning_content": "hm"}, id="run-m")}),
    event("on_chat_model_stream", "m", ["root", "n"], {"chunk": AIMessageChunk("Hi", id="run-m")}),
    event("on_chat_model_stream", "m", ["root", "n"], {"chunk": AIMessageChunk("", id="run-m", tool_call_chunks=[{"name": "look", "args": "{}", "id": "c1", "index": 0}], response_metadata={"system_fingerprint": "fp"})}),
    event("on_chat_model_end", "m", ["root", "n"], {"output": AIMessage("Hi", id="run-m")}),
    event("on_tool_start", "t", ["root", "n"], {"input": {}}, label="look", **AT),
    event("on_chat_model_start", "i", ["root", "n", "t"], {"input": {}}, **AT),
    event("on_chat_model_stream", "i", ["root", "n", "t"], {"chunk": AIMessageChunk("psst", id="run-i")}),
    event("on_chat_model_end", "i", ["root", "n", "t"], {"output": AIMessage("psst", id="run-i")}),
    event("on_custom_event", "t", ["root", "n"], {"step": 1}, label="ping", **AT),
    event("on_tool_error", "t", ["root", "n"], {"error": ToolBroke("the password is 1234")}, label="look", **AT),
    event("on_chain_end", "n", ["root"], {"output": {"messages": [HumanMessage("ok", id="h"), SystemMessage("a prompt", id="s")]}}, label="n", **AT),
    event("on_chain_end", "root", [], {"output": "a prompt"}, label="LangGraph"),
]  # fmt: skip


def types(preset: Any) -> list[str]:
    events = list(normalize(RUN, preset, strict=True))
    check_stream(events, filtered=True)
    return [event.type for event in events][1:-1]


def bracket(noun: str, *inside: str) -> list[str]:
    return [f"{noun}.start", *(inside or [f"{noun}.delta"]), f"{noun}.end"]


def test_tokens() -> None:
    assert types(tokens) == bracket("message", *bracket("text"))
    assert "".join(normalize(RUN, tokens).text()) == "Hi"


def test_tools() -> None:
    call = bracket("message", *bracket("tool_call"))
    assert types(tools) == [*call, "tool.start", "tool.error"]


def test_chat() -> None:
    parts = [part for noun in ("reasoning", "text", "tool_call") for part in bracket(noun)]
    assert types(chat) == [*bracket("message", *parts), "tool.start", "tool.error"]


def test_final() -> None:
    assert types(final) == ["message.start", "message.end"]  # and not that of the model in a tool
    ends = [it for it in normalize(RUN, final) if isinstance(it, MessageEnd)]
    assert [(it.text, len(it.tool_calls)) for it in ends] == [("Hi", 1)]


def test_lifecycle() -> None:
    assert set(types(lifecycle)) == {
        *("step.start", "step.end", "message.start", "message.end", "tool.start", "tool.error")
    }


def test_state() -> None:
    assert types(state) == ["message.added", "message.added", "state.update"]


def test_debug_is_everything() -> None:
    def of(*stages: Any) -> list[Event]:
        return list(normalize(RUN, *stages, clock=lambda: 0.0))

    assert of(debug) == of()


# --- what a frontend may see


def test_ui_shows_nodes_and_custom_events_too() -> None:
    shown = types(ui)
    assert [it for it in shown if it in {"step.start", "custom", "step.end"}] == [
        "step.start",
        "custom",
        "step.end",
    ]
    steps = [it for it in normalize(RUN, ui) if isinstance(it, StepStart)]
    assert [it.kind for it in steps] == ["node"]


def test_ui_has_where_documents_are_from_and_not_their_text() -> None:
    class Hostile:
        @property
        def metadata(self) -> Any:
            raise ValueError("psst")

    found = [Document("psst", metadata={"title": "A", "url": "https://a.test", "key": "psst"})]
    about: Any = {"timestamp": 0.5, "retrieval_id": "r1", "name": "guide"}
    documents = (*found, Hostile(), {"metadata": {"source": "b.pdf"}})
    items = [
        RetrievalStart(**about),
        RetrievalEnd(**about, status="completed", documents=documents),
    ]
    stage = ui.stage()
    [_, end] = [event for item in items for event in stage(item)]
    assert end.documents == (
        {"metadata": {"title": "A", "url": "https://a.test"}},
        {},
        {"metadata": {"source": "b.pdf"}},
    )


def test_ui_holds_no_prompt_no_metadata_and_no_error_text() -> None:
    def source() -> Iterator[Any]:
        yield from RUN[:-1]
        raise ToolBroke("the password is 1234")

    events, error = drained(normalize(source(), ui))
    assert isinstance(error, ToolBroke)  # it stays in the process
    held = pickle.dumps(events)
    for secret in (b"a prompt", b"state", b"1234", b"fp", b"key", b"psst"):
        assert secret not in held, secret
    assert isinstance(events[-1], RunError)
    assert (events[-1].error.name, events[-1].error.exception) == ("ToolBroke", None)
    [failed] = [it for it in events if isinstance(it, ToolError)]
    assert failed.error.name == "ToolBroke"


def test_ui_changes_nothing_of_the_events_it_was_given() -> None:
    seen: list[Event] = []

    def watch(event: Event) -> list[Event]:
        seen.append(event)
        return [event]

    list(normalize(RUN, watch, ui))
    assert any(event.origin.metadata for event in seen)
    assert seen[0].input == "a prompt"  # type: ignore[union-attr]
