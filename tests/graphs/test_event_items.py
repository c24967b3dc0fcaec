"""Events of `astream_events` one by one: runs that jump, ask, fall back, or are only seen in part."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

pytest.importorskip("langgraph", reason="langgraph is not installed")

from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langgraph.errors import GraphBubbleUp, GraphInterrupt, ParentCommand
from langgraph.types import Command

from random_streams import event as note
from streamkit import (
    MessageEnd,
    MessageReplaced,
    RetrievalEnd,
    StateUpdate,
    StepEnd,
    StepStart,
    ToolEnd,
    ToolStart,
    normalize,
)
from streamkit.dialects import reader_for
from streamkit.dialects.callbacks import CallbackReader, Yielded
from streamkit.testing import check_stream


def shown(*items: Any, **options: Any) -> list[Any]:
    events = list(normalize(items, **{"strict": True, **options}))
    check_stream(events)
    return events


def begun(kind: str, run: str, *parents: str, name: str = "", **data: Any) -> dict[str, Any]:
    return note(f"on_{kind}_start", run, [*parents], {"input": "hi", **data}, label=name or run)


def streamed(run: str, text: str, *parents: str) -> dict[str, Any]:
    chunk = AIMessageChunk(text, id=f"run-{run}")
    return note("on_chat_model_stream", run, [*parents], {"chunk": chunk})


@pytest.mark.parametrize("around", ["RunnableParallel", "RunnableWithFallbacks"])
def test_models_with_one_input_in_one_sequence_are_no_fallbacks_of_each_other(around: str) -> None:
    inside = ("root", "sequence")
    ends = (
        note("on_chat_model_end", run, [*inside], {"output": AIMessage("Hi", id=f"run-{run}")})
        for run in "ab"
    )
    events = shown(
        begun("chain", "root", name=around),
        begun("chain", "sequence", "root"),
        *(begun("chat_model", "a", *inside), streamed("a", "Hi", *inside)),
        *(begun("chat_model", "b", *inside), streamed("b", "Hi", *inside)),
        *ends,
    )
    assert [it.status for it in events if isinstance(it, MessageEnd)] == ["completed"] * 2


JUMPS = [ParentCommand(Command()), GraphBubbleUp()]


@pytest.mark.parametrize("error", [*JUMPS, GraphInterrupt()], ids=lambda it: type(it).__name__)
def test_a_run_that_jumps_into_the_graph_around_it_asks_nothing(error: Exception) -> None:
    left = note("on_chain_error", "b", ["a"], {"error": error})
    inner, _ = [
        it
        for it in shown(begun("chain", "a"), begun("chain", "b", "a"), left)
        if isinstance(it, StepEnd)
    ]
    assert inner.status == ("completed" if error in JUMPS else "interrupted")


def test_a_retriever_that_says_nothing_was_cut_off_and_one_that_finds_nothing_is_done() -> None:
    for output, status in (
        (None, "incomplete"),
        ([], "completed"),
        ({"documents": []}, "completed"),
    ):
        found = note("on_retriever_end", "r", [], {"output": output})
        events = shown(begun("retriever", "r", query="cats"), found)
        (end,) = [it for it in events if isinstance(it, RetrievalEnd)]
        assert (end.documents, end.status) == ((), status)
        assert (events[-1].status, events[-1].output) == ("completed", [] if output else output)


def test_the_run_of_a_stream_without_its_first_events_is_the_outermost() -> None:
    inner = [begun("chain", "2", "0", "1"), note("on_chain_end", "2", ["0", "1"], {"output": 1})]
    start, step, *_, end = shown(*inner)
    assert (start.run_id, start.origin.name, start.input) == ("0", None, "hi")
    assert step.input is None  # the first event has the input of the outermost run
    assert (end.status, end.output) == ("completed", None)
    assert shown(begun("chain", "0"))[1].input == "hi"


def test_the_agent_of_a_graph_is_named_by_itself_and_not_by_the_graph_around_it() -> None:
    named = {"lc_agent_name": "Ada"}

    def graph(run: str, *parents: str, name: str) -> Any:
        return note("on_chain_start", run, [*parents], {"input": 1}, label=name, **named)

    def node(run: str, *parents: str) -> Any:
        more = {"tags": ["graph:step:1"], "langgraph_node": "n", **named}
        return note("on_chain_start", run, [*parents], {"input": {}}, label="n", **more)

    def model(run: str, *parents: str) -> Any:
        return note("on_chat_model_start", run, [*parents], {"input": {}}, **named)

    events = shown(
        *(graph("1", name="town"), node("2", "1"), model("m1", "1", "2")),
        *(graph("3", "1", name="plan"), node("4", "1", "3"), model("m2", "1", "3", "4")),
    )
    agents = {it.step_id: it.origin.agent for it in events if isinstance(it, StepStart)}
    assert (agents["m1"], agents["m2"]) == ("Ada", "plan")


def test_what_is_open_inside_a_tool_ends_before_the_tool() -> None:
    events = shown(
        *(note("on_tool_start", "t", [], {"input": {}}), begun("chat_model", "m", "t")),
        *(streamed("m", "Hi", "t"), note("on_tool_end", "t", [], {"output": "ok"})),
    )
    names = [it.type for it in events]
    assert names.index("message.end") < names.index("step.end") < names.index("tool.end")


def test_a_node_that_ends_and_then_jumps_has_an_update_of_each() -> None:
    def node(run: str) -> dict[str, Any]:
        more = {"tags": ["graph:step:1"], "langgraph_node": "n"}
        return note("on_chain_start", run, ["g"], {"input": {}}, label="n", **more)

    def written(x: int) -> dict[str, Any]:
        return note("on_chain_stream", "g", [], {"chunk": {"n": {"x": x}}})

    events = shown(
        begun("chain", "g", name="LangGraph"),
        *(node("n1"), note("on_chain_end", "n1", ["g"], {"output": {"x": 1}}), written(1)),
        *(node("n2"), written(2)),
        note("on_chain_end", "g", [], {"output": {}}),
    )
    updates = [it.values for it in events if isinstance(it, StateUpdate)]
    assert updates == [{"x": 1}, {"x": 2}]


def in_a_node(run: str, given: Any = None, name: str = "n", **more: Any) -> dict[str, Any]:
    about: dict[str, Any] = {"label": name, "tags": ["graph:step:1"], "langgraph_node": name}
    return note("on_chain_start", run, ["g"], {"input": given or {}}, **about, **more)


CALL = {"name": "look", "args": {"at": 1}, "id": "c9", "type": "tool_call"}


@pytest.mark.parametrize(
    ("sent", "id"),
    [([CALL], "c9"), ({"tool_call": CALL, "state": {}}, "c9"), ([CALL, CALL], "t")],
)
def test_a_node_that_was_sent_one_call_runs_its_tool_for_it(sent: Any, id: str) -> None:
    events = shown(
        *(begun("chain", "g", name="LangGraph"), in_a_node("n", sent)),
        note("on_tool_start", "t", ["g", "n"], {"input": {"at": 2}}, label="look"),
    )
    assert [it.tool_call_id for it in events if isinstance(it, ToolStart)] == [id]


def test_a_result_that_its_node_confirms_has_the_time_at_which_its_tool_ended() -> None:
    result = ToolMessage("sunny", tool_call_id="c9", id="r")
    items = [
        *(begun("chain", "g", name="LangGraph"), in_a_node("n", [CALL])),
        note("on_tool_start", "t", ["g", "n"], {"input": {"at": 1}}, label="look"),
        note("on_tool_end", "t", ["g", "n"], {"output": result}),
        note("on_chain_end", "n", ["g"], {"output": {"messages": [result]}}),
    ]
    times = itertools.count(0.0)
    events = shown(*items, clock=lambda: next(times))
    start, end, node = [it for it in events if isinstance(it, (ToolStart, ToolEnd, StepEnd))][:3]
    assert isinstance(end, ToolEnd)
    assert end.timestamp == start.timestamp + 1 == node.timestamp - 1


def test_an_update_that_comes_after_a_later_change_changes_nothing_back() -> None:
    """Of our own call: two nodes at once write one message, and then come their updates."""
    reader = CallbackReader(graph=True, clock=lambda: 0.0)
    writes = {name: {"messages": [AIMessage(name, id="m")]} for name in ("a", "b")}
    events: list[Any] = [*reader.feed(begun("chain", "g", name="LangGraph"))]
    for name, write in writes.items():
        events += reader.feed(in_a_node(name, name=name))
        events += reader.feed(note("on_chain_end", name, ["g"], {"output": write}))
    for name, write in writes.items():
        events += reader.feed(Yielded(((), "updates", {name: write})))
    changes = [it.message.content for it in events if isinstance(it, MessageReplaced)]
    assert changes == ["b"]


class Oops(Exception):
    pass


def test_half_a_message_of_an_outermost_model_fails_at_once() -> None:
    reader = reader_for("callbacks", clock=lambda: 0.0)
    for item in (begun("chat_model", "m"), streamed("m", "Hi")):
        reader.feed(item)
    ended = reader.feed(note("on_chat_model_error", "m", [], {"error": Oops()}))
    closed = [(it.type, it.status) for it in ended if isinstance(it, (MessageEnd, StepEnd))]
    assert closed == [("message.end", "failed"), ("step.end", "failed")]


def test_half_a_message_is_abandoned_before_the_next_attempt_and_not_by_what_is_beside_it() -> None:
    reader = reader_for("callbacks", clock=lambda: 0.0)
    before = [begun("chain", "s"), begun("chat_model", "m", "s"), begun("chat_model", "n", "s")]
    for item in (*before, streamed("m", "Hi", "s"), streamed("n", "Yes", "s")):
        reader.feed(item)
    failed = note("on_chat_model_error", "m", ["s"], {"error": Oops()})

    def statuses(item: Any) -> list[str]:
        return [it.status for it in reader.feed(item) if isinstance(it, MessageEnd)]

    assert statuses(failed) == statuses(streamed("n", ", sir", "s")) == []
    assert statuses(begun("chat_model", "again", "s")) == ["abandoned"]


def test_a_run_of_our_own_call_whose_parent_is_not_noted_is_inside_the_outermost() -> None:
    reader = CallbackReader(clock=lambda: 0.0)
    reader.feed(begun("chain", "r"))
    (start,) = reader.feed(begun("chain", "lost"))
    assert start.origin.parent_ids == ("r",)


@pytest.mark.parametrize(("content", "count"), [('{"sky": "blue"}', 0), ("gray", 1)])
def test_a_result_that_its_node_writes_as_json_is_the_same_result(content: str, count: int) -> None:
    """Of a tool inside another, which is shown at once."""
    inside = ["g", "n", "around"]
    stored = {"messages": [ToolMessage(content, tool_call_id="c9", id="r")]}
    events = shown(
        begun("chain", "g", name="LangGraph"),
        in_a_node("n", {"messages": [AIMessage("", id="m", tool_calls=[CALL])]}),
        begun("tool", "around", "g", "n"),
        note("on_tool_start", "t", inside, {"input": {"at": 1}}, label="look"),
        note("on_tool_end", "t", inside, {"output": {"sky": "blue"}}),
        note("on_tool_end", "around", ["g", "n"], {"output": None}),
        note("on_chain_end", "n", ["g"], {"output": stored}),
    )
    assert next(it.tool_call_id for it in events if isinstance(it, ToolEnd)) == "c9"
    assert sum(isinstance(it, MessageReplaced) for it in events) == count


@pytest.mark.parametrize(("tools", "call"), [("t", "t"), ("tu", None), ("tuv", None)])
def test_without_parents_what_runs_beside_two_tools_is_inside_neither(
    tools: str, call: str | None
) -> None:
    """As in version 1 of the events, where only the path of the task is known."""
    at = {"langgraph_node": "n", "langgraph_checkpoint_ns": "n:1"}
    events = shown(
        begun("chain", "g", name="LangGraph"),
        *(note("on_tool_start", it, [], {"input": {"at": it}}, label="look", **at) for it in tools),
        note("on_chat_model_start", "m", [], {"input": {}}, **at),
    )
    (model,) = [it for it in events if isinstance(it, StepStart) and it.kind == "chat_model"]
    assert model.origin.tool_call_id == call


def test_the_usage_of_a_message_may_be_in_the_whole_answer_alone() -> None:
    usage: Any = {"input_tokens": 2, "output_tokens": 1, "total_tokens": 3}
    whole = AIMessage("Hi", id="run-m", usage_metadata=usage)
    events = shown(
        *(begun("chat_model", "m"), streamed("m", "Hi")),
        note("on_chat_model_end", "m", [], {"output": whole}),
    )
    (end,) = [it for it in events if isinstance(it, MessageEnd)]
    assert (end.text, end.usage and end.usage.output_tokens) == ("Hi", 1)


def test_a_result_of_a_call_that_no_open_tool_has_swaps_none() -> None:
    result = ToolMessage("sunny", tool_call_id="c7", id="r")
    events = shown(
        *(begun("chain", "g", name="LangGraph"), in_a_node("n", [CALL])),
        note("on_tool_start", "t", ["g", "n"], {"input": {"at": 1}}, label="look"),
        note("on_tool_start", "u", ["g", "n"], {"input": {"at": 2}}, label="look"),
        note("on_tool_end", "u", ["g", "n"], {"output": result}),
        note("on_tool_end", "t", ["g", "n"], {"output": "dry"}),
        note("on_chain_end", "n", ["g"], {"output": None}),
    )
    ends = [it for it in events if isinstance(it, ToolEnd)]
    assert [(it.tool_call_id, it.output) for it in ends] == [("c9#2", "sunny"), ("c9", "dry")]


def test_a_tool_of_two_alike_runs_for_the_call_whose_arguments_it_has() -> None:
    """What a node injects, such as the state, is in the input alone."""
    calls: list[Any] = [{**CALL, "id": f"c{at}", "args": {"at": at}} for at in (1, 2)]
    events = shown(
        *(
            begun("chain", "g", name="LangGraph"),
            in_a_node("n"),
            begun("chat_model", "m", "g", "n"),
        ),
        note("on_chat_model_end", "m", ["g", "n"], {"output": AIMessage("", tool_calls=calls)}),
        note("on_tool_start", "t", ["g", "n"], {"input": {"at": 2, "state": {}}}, label="look"),
        note("on_tool_start", "u", ["g", "n"], {"input": {"at": 1, "state": {}}}, label="look"),
    )
    assert [it.tool_call_id for it in events if isinstance(it, ToolStart)] == ["c2", "c1"]
