"""Version 3 from real Agent Servers: what they sent (see `record_server`), read back.

What is right stands in each recording: the last state of the outermost graph is the transcript,
and what was written, updated and returned is told as it was sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

import server_recordings as recorded
from small_graphs import of
from streamkit import (
    Custom,
    Event,
    Interrupt,
    MessageAdded,
    MessageEnd,
    MessageStart,
    StateUpdate,
    StepStart,
    ToolEnd,
    ToolError,
    ToolStart,
    Unrecognized,
    normalize,
)
from streamkit.folds import RunFold, text_of
from streamkit.presets import tokens
from streamkit.testing import check_stream

EVERY = pytest.mark.parametrize("name", recorded.VERSION_3)
WHOLE = pytest.mark.parametrize("name", [it for it in recorded.VERSION_3 if "breaking" not in it])
TOWNS = pytest.mark.parametrize(
    "name", [it for it in recorded.VERSION_3 if "town" in it or "full" in it]
)
FULL = pytest.mark.parametrize("name", [it for it in recorded.VERSION_3 if "full" in it])
TALKS = pytest.mark.parametrize(
    "name", [it for it in recorded.VERSION_3 if "breaking" not in it and "trip" not in it]
)
CLASSIC = pytest.mark.parametrize("name", ["v3-classic", "v3-next-classic"])


@cache
def read(name: str) -> list[Event]:
    """The events of all runs."""
    found: list[Event] = []
    for run in recorded.threads(name):
        events = list(normalize(run, on_error="event"))
        check_stream(events)
        found += events
    return found


def sent(name: str, method: str, namespace: Any = None) -> Iterator[Any]:
    """The data of all events of a method, in one namespace or all."""
    for event in recorded.parts(name):
        params = event["params"]
        if event["method"] == method and namespace in {None, tuple(params["namespace"])}:
            yield params["data"]


def last_state(name: str) -> list[Any]:
    *_, state = sent(name, "values", ())
    return [it for it in state["messages"] if it["id"] != "ask"]


def words(content: Any) -> str:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return "".join(it["text"] for it in blocks if it["type"] == "text")


@TALKS
def test_nothing_is_unrecognized(name: str) -> None:
    assert [it.reason for it in of(read(name), Unrecognized)] == []


@pytest.mark.parametrize("channels", [{"values", "lifecycle"}, {"messages", "lifecycle", "values"}])
@pytest.mark.parametrize("is_text", [True, False])
def test_what_an_sse_client_has_decoded_is_unwrapped(channels: set[str], is_text: bool) -> None:
    run = [it for it in recorded.threads("v3-town")[0][1:] if it["method"] in channels]
    assert run[0]["method"] == "values"  # which is also a name of the earlier versions
    sent = [
        {"event": it["method"], "data": json.dumps(it) if is_text else it, "id": str(it["seq"])}
        for it in run
    ]
    assert list(normalize(sent, clock=lambda: 0.0)) == list(normalize(run, clock=lambda: 0.0))


@pytest.mark.parametrize("name", ["v3-trip", "v3-next-trip"])
def test_but_for_models_that_talk_at_once(name: str) -> None:
    """A server's event does not say which of two messages in one namespace it is about."""
    for lost in of(read(name), Unrecognized):
        assert "2 messages are open in its namespace" in lost.reason


@WHOLE
def test_the_transcript_is_the_last_state(name: str) -> None:
    fold = RunFold()
    for event in read(name):
        fold.feed(event)
    found = [
        (it.type, it.id, words(it.content), it.name, getattr(it, "tool_call_id", None))
        for it in fold.result().messages
    ]
    assert found == [
        (it["type"], it["id"], words(it["content"]), it.get("name"), it.get("tool_call_id"))
        for it in last_state(name)
    ]


@TALKS
def test_the_text_shown_is_that_of_the_last_state(name: str) -> None:
    """The mirrored results of tools, and what agents inside tools say, are not the answer."""
    shows = tokens.stage()
    shown = "".join(it for event in read(name) for kept in shows(event) for it in text_of(kept))
    spoken = [it for it in last_state(name) if it["type"] == "ai"]
    assert shown.replace("\n\n", "") == "".join(words(it["content"]) for it in spoken)


@EVERY
def test_each_result_is_told_once_as_the_state_has_it(name: str) -> None:
    states = [it for state in sent(name, "values") for it in state.get("messages", ())]
    results = {it["tool_call_id"]: it for it in states if it["type"] == "tool"}
    ends = of(read(name), ToolEnd, ToolError)
    completed = [it for it in ends if it.type == "tool.error" or it.status == "completed"]
    assert sorted(it.tool_call_id for it in completed) == sorted(results)
    outputs = {it.tool_call_id: it.output for it in of(ends, ToolEnd)}
    good = {id: it["content"] for id, it in results.items() if it["status"] == "success"}
    assert {id: outputs[id] for id in good} == good


@TOWNS
def test_a_tool_has_its_input_with_and_without_the_channel_of_tools(name: str) -> None:
    starts = {it.tool_call_id: (it.name, it.input) for it in of(read(name), ToolStart)}
    assert starts == {
        "call_add": ("add", {"a": 2, "b": 3}),
        "call_scout": ("ask_scout", {"request": "look"}),
        "call_fail": ("fail", {"x": 1}),
    }


@FULL
def test_what_is_written_is_told_as_at_home(name: str) -> None:
    written = [(None, it) for it in sent(name, "custom") if "payload" not in it]
    assert written == [(None, {"progress": 1}), (None, {"adding": [2, 3]})]
    found = [(it.name, it.data) for it in of(read(name), Custom)]
    assert [it for it in found if it[0] is None] == written
    counted = [("notes", it["payload"]) for it in sent(name, "custom") if "payload" in it]
    assert [it for it in found if it[0] == "notes"] == counted
    assert len(counted) > 3


@FULL
def test_updates_are_told_with_their_nodes(name: str) -> None:
    nodes = [node for update in sent(name, "updates") for node in update]
    assert [it.node for it in of(read(name), StateUpdate)] == nodes


@CLASSIC
def test_a_classic_run_read_as_a_thread(name: str) -> None:
    """The node stands beside the update, and what is written is wrapped."""
    events = read(name)
    assert [it.node for it in of(events, StateUpdate)] == ["greet", "clerk", "wave"]
    assert all("messages" in it.values for it in of(events, StateUpdate))
    assert [(it.name, it.data) for it in of(events, Custom)] == [(None, {"progress": 1})]


@TOWNS
def test_messages_that_no_model_wrote(name: str) -> None:
    """A server leaves out what is empty in them."""
    events = read(name)
    assert {"Welcome.", "Good bye."} < {it.text for it in of(events, MessageEnd)}
    assert [it.message.content for it in of(events, MessageAdded)] == ["Noted.", "Hurry."]
    names = {it.name for it in of(events, MessageStart)}
    assert "porter" in names


@TOWNS
def test_an_agent_in_a_tool_has_its_call(name: str) -> None:
    events = read(name)
    (scouting,) = [it for it in of(events, MessageEnd) if it.text == "Scouting done."]
    assert scouting.origin.tool_call_id == "call_scout"
    (graph,) = [it for it in of(events, StepStart) if it.origin.name == "scout"]
    assert graph.origin.tool_call_id == "call_scout"
    outer = [it for it in of(events, MessageEnd) if it.text == "Let me see."]
    assert [it.origin.tool_call_id for it in outer] == [None]


@pytest.mark.parametrize("name", ["v3-breaking", "v3-next-breaking"])
def test_a_model_that_breaks_off(name: str) -> None:
    events = read(name)
    assert [(it.text, it.status) for it in of(events, MessageEnd)] == [("Half an", "failed")]
    (said,) = [it["error"] for it in sent(name, "lifecycle") if "error" in it]
    assert said in events[-1].error.message


@pytest.mark.parametrize("name", ["v3-trip", "v3-asking", "v3-next-trip", "v3-next-asking"])
def test_a_question_and_what_comes_after_it(name: str) -> None:
    events = read(name)
    asked = [it["payload"] for it in sent(name, "input.requested")]
    assert [it.value for it in of(events, Interrupt)] == asked
    assert len(asked) == 1
    ends = [it.status for it in events if it.type == "run.end"]
    assert ends == ["interrupted", "completed"]
