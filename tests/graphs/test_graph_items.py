"""The grammar holds for every order of well-shaped items of a graph's stream, and closing is total."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    RemoveMessage,
    ToolMessage,
)

from graph_items import ITEMS, MODELS, STREAMS
from read_streams import drained
from streamkit import (
    Custom,
    Event,
    Interrupt,
    MalformedItem,
    MessageEnd,
    MessageRemoved,
    MessageReplaced,
    RunEnd,
    RunError,
    StateSnapshot,
    StateUpdate,
    StepEnd,
    StepStart,
    TextDelta,
    ToolEnd,
    ToolError,
    Unrecognized,
    normalize,
)
from streamkit.dialects import reader_for
from streamkit.testing import check_stream

MANY = settings(max_examples=50 * int(os.environ.get("STREAMKIT_FUZZ", "6")))


def assert_texts_are_whole(events: list[Event]) -> None:
    said: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event, TextDelta):
            said.setdefault(event.message_id, []).append(event.text)
        elif isinstance(event, MessageEnd):
            assert event.text == "".join(said.pop(event.message_id, []))
    assert not said


@MANY
@given(STREAMS)
def test_any_order_keeps_the_grammar(items: list[Any]) -> None:
    events = list(normalize(items, dialect="graph"))
    check_stream(events)
    assert isinstance(events[-1], RunEnd)
    assert_texts_are_whole(events)


@given(STREAMS, st.sampled_from([ValueError("no"), KeyError("no")]))
def test_a_stream_of_any_order_that_breaks(items: list[Any], error: Exception) -> None:
    def broken() -> Iterator[Any]:
        yield from items
        raise error

    events, raised = drained(normalize(broken(), dialect="graph"))
    check_stream(events)
    assert isinstance(events[-1], RunError)
    assert raised is error


# --- odd values


class Hostile:
    """Raises whatever it is asked."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")


ODD = st.sampled_from(
    [None, 0, 1.5, "", "text", b"bytes", [], [1], {}, {"type": 3}, [None], Hostile(), object()]
)
FIELDS = st.sampled_from(
    [
        *("content", "id", "tool_call_chunks", "usage_metadata", "response_metadata"),
        *("additional_kwargs", "chunk_position", "tool_calls", "name"),
    ]
)
CALL_FIELDS = st.fixed_dictionaries(dict.fromkeys(("id", "name", "args", "index"), ODD))


@st.composite
def odd_chunks(draw: Any) -> AIMessageChunk:
    """Chunks of which no pydantic model has checked the fields."""
    chunk = AIMessageChunk(content="word", id="m1")
    for name in draw(st.lists(FIELDS, max_size=2)):
        chunk.__dict__[name] = draw(ODD)
    if draw(st.booleans()):
        chunk.__dict__["tool_call_chunks"] = draw(st.lists(CALL_FIELDS, max_size=2))
    return chunk


@st.composite
def odd_items(draw: Any) -> Any:
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return ((), "messages", (draw(odd_chunks()), draw(st.sampled_from(MODELS))))
    if kind == 1:
        namespace, mode, payload = draw(ITEMS)
        if isinstance(payload, dict) and payload:
            key = draw(st.sampled_from(sorted(payload)))
            payload = {**payload, key: draw(ODD)}
        return (namespace, mode, payload)
    if kind == 2:
        return ((), draw(st.sampled_from(["updates", "values", "tasks", "tools"])), draw(ODD))
    return draw(ITEMS)


STARTED = {"event": "tool-started", "tool_call_id": "c1", "tool_name": "look", "input": {}}
NAMELESS = {"id": None, "name": "outer", "input": {}, "triggers": ()}


@settings(max_examples=max(200, settings.default.max_examples))
@given(st.lists(odd_items(), max_size=8), st.booleans())
@example([((), "tools", STARTED), ((), "tasks", NAMELESS)], False)
def test_closing_is_total(items: list[Any], breaks: bool) -> None:
    def source() -> Iterator[Any]:
        yield from items
        if breaks:
            raise LookupError("gone")

    events, raised = drained(normalize(source(), dialect="graph"))
    check_stream(events)
    assert isinstance(events[-1], RunError if breaks else RunEnd)
    assert isinstance(raised, LookupError) == breaks


class UglyError(Exception):
    """An error whose attributes raise, too."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    @property
    def status_code(self) -> int:
        raise RuntimeError("no code")


@pytest.mark.parametrize("dialect", ["graph", "chunks", "events", "v3"])
def test_an_error_that_cannot_be_asked_ends_the_run(dialect: str) -> None:
    def source() -> Iterator[Any]:
        raise UglyError
        yield

    events, raised = drained(normalize(source(), dialect=dialect))
    check_stream(events)
    assert events[-1].error.name == "UglyError"
    assert isinstance(raised, UglyError)


# --- items one by one


def shown(*items: Any, **options: Any) -> list[Any]:
    events = list(normalize(items, **{"strict": True, **options}))
    check_stream(events)
    return events


def test_a_message_that_is_removed_by_a_message_of_its_own() -> None:
    node = {"langgraph_node": "tidy", "langgraph_checkpoint_ns": "tidy:1"}
    events = shown((AIMessage("Hi", id="m1"), node), (RemoveMessage("m1"), node))
    assert [it.message_id for it in events if isinstance(it, MessageRemoved)] == ["m1"]


def tool(event: str, name: str | None = None, **fields: Any) -> Any:
    names = {"tool_name": name} if name else {}
    return ((), "tools", {"event": event, "tool_call_id": "c", **names, **fields})


def test_two_tools_at_once_under_one_id_end_by_their_names() -> None:
    results = [ToolMessage(it.upper(), name=it, tool_call_id="c") for it in ("see", "hear")]
    events = shown(
        *(tool("tool-started", it, input={}) for it in ("hear", "see")),
        *(tool("tool-finished", output=it) for it in results),
    )
    ends = [(it.name, it.output) for it in events if isinstance(it, ToolEnd)]
    assert ends == [("see", "SEE"), ("hear", "HEAR")]
    for unclear in (tool("tool-finished", output="SEE"), tool("tool-paused")):
        with pytest.raises(MalformedItem):
            shown(*(tool("tool-started", it, input={}) for it in ("hear", "see")), unclear)


def test_a_tool_whose_node_writes_no_message_ends_with_the_state_after_it() -> None:
    events = shown(
        ((), "values", {"messages": [AIMessage("Hi", id="m")]}),
        *(tool("tool-started", "see", input={}), tool("tool-finished", output="SEE")),
        ((), "values", {"seen": 1}),
        ((), "custom", "later"),
    )
    names = [it.type for it in events]
    assert names.index("tool.end") < names.index("custom")


@pytest.mark.parametrize(("names", "at_fault"), [(["see"], ["see"]), (["see", "hear"], [])])
def test_of_tools_at_once_none_is_known_to_have_broken_the_run(
    names: list[str], at_fault: list[str]
) -> None:
    def source() -> Iterator[Any]:
        yield from (tool("tool-started", it, input={}, tool_call_id=it) for it in names)
        raise LookupError("gone")

    events, _ = drained(normalize(source(), strict=True))
    assert [it.name for it in events if isinstance(it, ToolError)] == at_fault
    left = [it.name for it in events if isinstance(it, ToolEnd) and it.status == "failed"]
    assert sorted(left + at_fault) == sorted(names)
    assert [it.type for it in normalize(events[:-1]).messages()] == ["tool"] * len(at_fault)


def test_of_the_cached_tasks_of_a_node_each_ends_once() -> None:
    def task(id: str, **more: Any) -> Any:
        return ((), "tasks", {"id": id, "name": "n", "interrupts": [], **more})

    events = shown(
        *(task(id, input={}, triggers=()) for id in "ab"),
        ((), "updates", {"n": {"x": 1}, "__metadata__": {"cached": True}}),
        task("a", result={"x": 2}, error=None),
    )
    ends = [(it.step_id, it.output, it.status) for it in events if isinstance(it, StepEnd)]
    assert ends == [("a", {"x": 2}, "completed"), ("b", {"x": 1}, "completed")]


@pytest.mark.parametrize("edited", [{"at": 2}, [{"at": 2}], {"decisions": [{"args": {"at": 2}}]}])
def test_a_call_that_a_human_has_edited_is_a_changed_message(edited: Any) -> None:
    reader = reader_for("graph", clock=lambda: 0.0, resume=edited)
    message = AIMessage("", id="m", tool_calls=[{"name": "look", "id": "c", "args": {"at": 2}}])
    events = reader.feed(((), "updates", {"ask": {"messages": [message]}}))
    assert [it.message for it in events if isinstance(it, MessageReplaced)] == [message]


def test_items_that_lack_the_namespace_they_are_said_to_have() -> None:
    events = shown({"a": 1}, mode="custom", subgraphs=True, strict=False)
    assert "expected (namespace, payload)" in next(
        it.reason for it in events if isinstance(it, Unrecognized)
    )


KINDS = ("tool", "retriever", "chain", "chat_model", "llm", "parser")
WORDS = [("stream", {"chunk": "x"}), ("end", {"output": None}), ("error", {"error": OSError()})]


@pytest.mark.parametrize("started", KINDS)
def test_a_run_that_is_told_of_as_another_kind_breaks_nothing(started: str) -> None:
    def event(name: str, id: str = "1", **data: Any) -> dict[str, Any]:
        run = {"name": "n", "run_id": id, "parent_ids": ["0"][: int(id)]}
        return {"event": f"on_{name}", "data": data, **run}

    for told, (verb, data) in itertools.product(KINDS, WORDS):
        events = shown(
            *(event("chain_start", "0"), event(f"{started}_start", input={})),
            *(event(f"{told}_{verb}", **data), event(f"{started}_end", output=None)),
            event("chain_end", "0", output=None),
            strict=False,
        )
        assert events[-1].status == "completed"


def test_only_a_parts_state_has_interrupts_beside_it() -> None:
    asked = {"value": "Shall I?", "id": "i1"}
    state = {"type": "values", "ns": (), "data": {"a": 1}, "interrupts": (asked,)}
    update = {"type": "updates", "ns": (), "data": {"n": {"a": 2}}}
    events = list(normalize([state, update]))
    assert [it.values for it in events if isinstance(it, StateSnapshot)] == [{"a": 1}]
    assert [it.interrupt_id for it in events if isinstance(it, Interrupt)] == ["i1"]
    assert [it.node for it in events if isinstance(it, StateUpdate)] == ["n"]


def test_before_langgraph_1_1_the_name_of_an_agent_shows_its_graph() -> None:
    def started(run: str, name: str, *parents: str) -> dict[str, Any]:
        at: dict[str, Any] = {"event": "on_chain_start", "name": name, "run_id": run, "tags": []}
        metadata = {"lc_agent_name": "helper"}
        return {**at, "parent_ids": parents, "metadata": metadata, "data": {"input": 1}}

    events = normalize([started("1", "all"), started("2", "helper", "1")])
    kinds = {it.step_id: it.kind for it in events if isinstance(it, StepStart)}
    assert kinds == {"1": "chain", "2": "graph"}


def test_a_piece_that_only_continues_its_text_takes_the_short_way() -> None:
    reader = reader_for("graph", clock=lambda: 0.0)
    at = {"langgraph_node": "n", "langgraph_checkpoint_ns": "n:1", "ls_model_type": "chat"}
    first, second = (("messages", (AIMessageChunk(it, id="m"), at)) for it in ("a", "b"))
    reader.feed(first)
    delta = reader.delta_of(second)
    assert isinstance(delta, TextDelta)
    assert delta.text == "b"


def test_an_answer_that_its_node_writes_anew_without_an_id_is_no_other_message() -> None:
    call = {"name": "look", "args": {}, "id": "c1"}
    at = {"langgraph_node": "n", "langgraph_checkpoint_ns": "n:1"}
    events = shown(
        (
            (),
            "messages",
            (AIMessage("", id="m", tool_calls=[call]), {**at, "ls_model_type": "chat"}),
        ),
        ((), "messages", (AIMessage("", tool_calls=[call]), at)),
    )
    assert [it.message_id for it in events if isinstance(it, MessageEnd)] == ["m"]


def test_what_stands_before_an_answer_that_is_still_open_is_of_earlier_turns() -> None:
    at = {"langgraph_node": "n", "langgraph_checkpoint_ns": "n:1", "ls_model_type": "chat"}
    whole = [HumanMessage("Before", id="h1"), AIMessage("Hi", id="m")]
    events = shown(
        ((), "messages", (AIMessageChunk("Hi", id="m"), at)),
        ((), "updates", {"n": {"messages": whole}}),
    )
    assert [it.type for it in events if it.type.startswith("message.")] == [
        "message.start",
        "message.end",
    ]


def answers(*items: Any) -> list[str]:
    return [it.text for it in shown(*items) if isinstance(it, MessageEnd)]


def test_a_message_without_an_id_that_comes_again_is_one_message() -> None:
    message = AIMessage("Hi")
    first, again = (((), "updates", {it: {"messages": [message]}}) for it in "ab")
    assert answers(first, again) == ["Hi"]
    inner = {"langgraph_node": "n", "langgraph_checkpoint_ns": "outer:1|n:2"}
    outer = {"langgraph_node": "outer", "langgraph_checkpoint_ns": "outer:1"}
    named = ((), "messages", (AIMessage("Hi", id="m"), outer))
    assert answers((("outer:1",), "messages", (AIMessage("Hi"), inner)), named, named) == ["Hi"]
    assert answers((("outer:1",), "messages", (AIMessage("Ho"), inner)), named) == ["Ho", "Hi"]


def test_what_a_task_does_that_was_sent_a_call_is_done_for_that_call() -> None:
    call = {"name": "look", "args": {}, "id": "c9", "type": "tool_call"}
    task = {"id": "t1", "name": "tools", "input": [call], "triggers": ()}
    events = shown(((), "tasks", task), (("tools:t1",), "custom", 1))
    assert [it.origin.tool_call_id for it in events if isinstance(it, Custom)] == ["c9"]


def test_updates_of_a_dict_class_of_langgraphs_own_are_read() -> None:
    """LangGraph 0.3 yields such."""

    class Updates(dict[str, Any]):
        pass

    items = [("updates", Updates(ask={"topic": "cats"}))]
    events = list(normalize(items, strict=True))
    updates = [it for it in events if isinstance(it, StateUpdate)]
    assert [(it.node, it.values) for it in updates] == [("ask", {"topic": "cats"})]


def test_pairs_of_a_graph_on_a_server_inside_a_graph_here_are_lists() -> None:
    """A ``RemoteGraph`` as a node hands on what its server sent."""
    chunk: dict[str, Any] = {"type": "AIMessageChunk", "id": "m1", "additional_kwargs": {}}
    pairs = [[{**chunk, "content": it}, {"langgraph_node": "agent"}] for it in ("Hel", "lo")]
    items = [(("far:1",), "messages", pair) for pair in pairs]
    events = list(normalize(items, strict=True))
    check_stream(events)
    assert [it.text for it in events if isinstance(it, TextDelta)] == ["Hel", "lo"]


def test_a_failed_tool_that_answers_in_blocks_has_their_text_as_its_error() -> None:
    """So do the tools of an MCP server (langchain-mcp-adapters 0.3)."""
    said: Any = [{"type": "text", "text": "Error: no "}, {"type": "text", "text": "such town"}]
    message = ToolMessage(said, tool_call_id="c1", status="error")
    items = [("updates", {"tools": {"messages": [message]}})]
    (end,) = [it for it in normalize(items, strict=True) if isinstance(it, ToolError)]
    assert end.error.message == "Error: no such town"
