"""Every stream mode of a real graph, alone and in lists, in all the shapes LangGraph wraps them."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import (
    Custom,
    Event,
    Interrupt,
    MessageEnd,
    RunEnd,
    StateUpdate,
    StepEnd,
    ToolEnd,
    ToolError,
    UnknownSource,
    Unrecognized,
    UsageError,
    normalize,
)
from streamkit.testing import check_stream

pytest.importorskip("langgraph", reason="langgraph is not installed")

from langchain_core.messages import AIMessageChunk
from langgraph.types import Command

from streamkit.demo import RESUME, build_graph, demo_input

MODES = ["values", "updates", "messages", "custom", "tasks", "checkpoints", "debug", "tools"]


def has_parts() -> bool:
    """Whether this langgraph knows ``version="v2"``; older ones take the word and ignore it."""
    try:
        source = graph().stream(demo_input(), config(), stream_mode="values", version="v2")
        first = next(iter(source))
    except TypeError:
        return False
    return isinstance(first, dict) and first.keys() >= {"type", "ns", "data"}


def graph() -> Any:
    return build_graph(pace=0)


def config() -> dict[str, Any]:
    return {"configurable": {"thread_id": "1"}}


def run(modes: Any, *, subgraphs: bool, version: str | None, **options: Any) -> list[list[Event]]:
    """The demo's two runs, to the interrupt and from it."""
    trip, at = graph(), config()
    given = {"version": version} if version else {}
    runs = []
    for asked in (demo_input(), Command(resume=RESUME)):
        source = trip.stream(asked, at, stream_mode=modes, subgraphs=subgraphs, **given)
        events = list(normalize(source, strict=True, **options))
        check_stream(events)
        runs.append(events)
    return runs


def facts(events: list[Event]) -> dict[str, Any]:
    """What any of the APIs can carry."""
    return {
        "texts": sorted(e.text for e in events if isinstance(e, MessageEnd) and e.text),
        "calls": sorted(
            (call.id, call.text)
            for e in events
            if isinstance(e, MessageEnd)
            for call in e.tool_calls
        ),
        "tools": sorted(
            (e.tool_call_id, e.type) for e in events if isinstance(e, (ToolEnd, ToolError))
        ),
        "interrupts": [e.value["question"] for e in events if isinstance(e, Interrupt)],
    }


@pytest.mark.parametrize("subgraphs", [False, True])
@pytest.mark.parametrize("modes", [[mode] for mode in MODES] + [MODES], ids=",".join)
def test_labelled_items_say_what_they_are(modes: list[str], subgraphs: bool) -> None:
    first, second = run(modes, subgraphs=subgraphs, version=None, dialect="graph")
    assert isinstance(second[-1], RunEnd)
    assert first[0].type == "run.start"


@pytest.mark.parametrize("subgraphs", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_one_mode_is_named_by_the_caller(mode: str, subgraphs: bool) -> None:
    source = graph().stream(demo_input(), config(), stream_mode=mode, subgraphs=subgraphs)
    named = list(normalize(source, mode=mode, subgraphs=subgraphs, strict=True))
    labelled = list(
        normalize(
            graph().stream(demo_input(), config(), stream_mode=[mode], subgraphs=subgraphs),
            dialect="graph",
        )
    )
    check_stream(named)
    assert sorted(e.type for e in named) == sorted(e.type for e in labelled)


@pytest.mark.parametrize("subgraphs", [False, True])
@pytest.mark.parametrize("modes", [*MODES, MODES], ids=str)
def test_v2_parts_say_what_they_are(modes: Any, subgraphs: bool) -> None:
    if not has_parts():
        pytest.skip("this langgraph has no version='v2'")
    parts = run(modes, subgraphs=subgraphs, version="v2")
    listed = [modes] if isinstance(modes, str) else modes
    labelled = run(listed, subgraphs=subgraphs, version=None, dialect="graph")
    for part, label in zip(parts, labelled, strict=True):
        assert facts(part) == facts(label)


def test_modes_together_say_nothing_twice() -> None:
    everything, _ = run(MODES, subgraphs=True, version=None)
    alone, _ = run(["messages", "updates"], subgraphs=True, version=None)
    assert facts(everything) == facts(alone)
    ids = [e.message_id for e in everything if isinstance(e, MessageEnd)]
    assert len(ids) == len(set(ids))


def test_the_same_run_through_events_says_the_same() -> None:
    import asyncio

    async def collect() -> list[Event]:
        source = graph().astream_events(demo_input(), config(), version="v2")
        return [event async for event in normalize(source, strict=True)]

    modes, _ = run(["messages", "updates"], subgraphs=True, version=None)
    assert facts(asyncio.run(collect())) == facts(modes)


def test_a_waiting_run_ends_interrupted_wherever_the_api_tells() -> None:
    for modes in (["updates"], ["updates", "tasks"]):
        first, second = run(modes, subgraphs=True, version=None, dialect="graph")
        assert isinstance(first[-1], RunEnd)
        assert isinstance(second[-1], RunEnd)
        assert (first[-1].status, second[-1].status) == ("interrupted", "completed")
        steps = [e for e in first if isinstance(e, StepEnd)]
        assert all(e.status == "completed" for e in steps[:-1])


@pytest.mark.parametrize(
    "payload",
    [
        ("messages", 1),
        ((), "updates", {}),
        {"type": "updates", "ns": (), "data": {}},
        ((), {}),
        None,
    ],
    ids=repr,
)
def test_a_custom_payload_that_looks_like_a_label_is_still_a_payload(payload: Any) -> None:
    stream = normalize([("custom", payload)], strict=True)
    assert [e.data for e in stream if isinstance(e, Custom)] == [payload]
    stream = normalize([((), "custom", payload)], strict=True)
    assert [e.data for e in stream if isinstance(e, Custom)] == [payload]
    stream = normalize([{"type": "custom", "ns": (), "data": payload}], strict=True)
    assert [e.data for e in stream if isinstance(e, Custom)] == [payload]
    stream = normalize([payload], mode="custom", strict=True)
    assert [e.data for e in stream if isinstance(e, Custom)] == [payload]
    stream = normalize([(("a:1",), payload)], mode="custom", subgraphs=True, strict=True)
    assert [(e.data, e.origin.namespace) for e in stream if isinstance(e, Custom)] == [
        (payload, ("a:1",))
    ]


@pytest.mark.parametrize(
    ("label", "mode"), [((), "custom"), (("custom",), None), (((), "custom"), None)]
)
def test_a_pair_that_a_node_wrote_is_data(label: tuple[Any, ...], mode: str | None) -> None:
    """A node that passes on what a graph in it streams, whose metadata both graphs share."""
    metadata = {"langgraph_node": "agent", "ls_model_type": "chat"}
    said = [(AIMessageChunk(content=it, id="m"), metadata) for it in ("Hel", "lo")]
    shown = [] if mode else [(*label[:-1], "messages", it) for it in said]
    written = (*label, said[1]) if label and not mode else said[1]
    events = list(normalize([*shown, written], mode=mode, strict=True))
    assert [it.data for it in events if isinstance(it, Custom)] == [said[1]]


@pytest.mark.parametrize("values", [None, 3, "text", [{"a": 1}], {"a": 1}], ids=repr)
def test_an_update_has_any_shape(values: Any) -> None:
    events = list(normalize([("updates", {"node": values})], strict=True))
    assert [(e.node, e.values) for e in events if isinstance(e, StateUpdate)] == [("node", values)]


def test_a_static_breakpoint_is_an_interrupt_without_a_question() -> None:
    events = list(normalize([("updates", {"__interrupt__": ()})], strict=True))
    stops = [event for event in events if isinstance(event, Interrupt)]
    assert [(stop.static, stop.value) for stop in stops] == [(True, None)]
    assert events[-1].status == "interrupted"


def test_what_does_not_fit_is_unrecognized() -> None:
    items = [("updates", {"a": 1}), ("nope", 1), ("updates", 3), ("tasks", {}), ("debug", {}), 7]
    events = list(normalize(items))
    check_stream(events)
    assert sum(isinstance(event, Unrecognized) for event in events) == 5


def test_a_mode_must_exist_and_go_with_a_graph() -> None:
    with pytest.raises(UsageError, match="unknown stream mode 'nope'; choose one of values"):
        list(normalize([], mode="nope"))
    with pytest.raises(UsageError, match="do not go with 'events'"):
        normalize([], mode="updates", dialect="events")
    with pytest.raises(UnknownSource, match="say mode='updates'"):
        list(normalize(graph().stream(demo_input(), config(), stream_mode="updates")))
