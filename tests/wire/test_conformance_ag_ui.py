"""What AG-UI's own client holds after our frames, against what streamkit itself makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from langchain_core.messages import AIMessage, ToolMessage

from case_table import CASES, TOOLS, call, calls
from frontend_expected import Expected, Said, expected, last_tools, results
from frontend_runs import (
    HUSHED,
    SCENES,
    State,
    an_interrupted_graph,
    food,
    graph_of,
    run,
    sights,
)
from js_clients import Clients
from random_streams import ITEMS, last
from small_graphs import LANGGRAPH
from streamkit import Event, RunEnd, normalize
from streamkit.stages import sequential
from streamkit.wire import ag_ui, jsonable

pytest.importorskip("langgraph")
REQUEST = ag_ui.Request(
    thread_id="t1",
    run_id="r1",
    protocol_version="1.0",
    messages=[{"id": "u1", "role": "user", "content": "Hi"}],
)
OUTCOMES = {
    "completed": "success",
    "interrupted": "interrupt",
    "cancelled": "cancelled",
    "incomplete": "error",
    "failed": "error",
}


def body(events: list[Event], request: ag_ui.Request = REQUEST, **options: Any) -> bytes:
    write = ag_ui.Encoder(request, **options)
    return b"".join(frame for event in events for frame in write.feed(event))


def shown(messages: list[dict[str, Any]]) -> tuple[dict[str, Said], dict[str, Any]]:
    """The client's messages, and the results of its calls."""
    said: dict[str, Said] = {}
    answers: dict[str, Any] = {}
    for message in messages:
        if message["role"] == "user":
            continue
        if message["role"] == "reasoning":
            owner, _, _ = message["id"].rpartition(":")
            said.setdefault(owner, Said()).reasoning.append(message["content"])
        elif message["role"] == "tool":
            answers[message["toolCallId"]] = message["content"]
        else:
            found = said.setdefault(message["id"], Said())
            found.text = message.get("content") or ""
            found.calls = [
                (call["id"], call["function"]["name"], call["function"]["arguments"])
                for call in message.get("toolCalls", ())
            ]
    return said, answers


def assert_shows(told: dict[str, Any], wanted: Expected) -> None:
    """Every text, call, reasoning and result is where it belongs."""
    assert not told["errors"] or wanted.result.error
    assert told["warnings"] == []
    said, answers = shown(told["messages"])
    made_up = {tool.tool_call_id for tool in wanted.result.tools} & set(said)
    assert {id: it for id, it in said.items() if id not in made_up} == wanted.kept
    for id, result in results(wanted.result).items():
        tool = next(it for it in last_tools(wanted.result) if it.tool_call_id == id)
        text = result if isinstance(result, str) else json.dumps(jsonable(result))
        assert answers.pop(id) == ("error" if tool.error else text)
    provider = {call.id for call in wanted.result.tool_calls if call.provider_executed}
    assert set(answers) <= provider
    (end,) = told["ends"]
    assert end["outcome"] == OUTCOMES[wanted.result.status]
    usage = wanted.result.usage
    assert sum(it["totalTokens"] for it in end.get("usage", [])) == (
        usage.total_tokens if usage else 0
    )


@pytest.mark.parametrize("name", CASES)
def test_cases(clients: Clients, name: str) -> None:
    dialect = "chunks" if name.startswith("objects") else None
    events = list(normalize(CASES[name](), dialect=dialect, on_error="event"))
    assert_shows(clients.read("ag_ui", body(events)), expected(events))


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("cut", [0, 7])
def test_real_graphs(clients: Clients, name: str, cut: int) -> None:
    events = SCENES[name]()
    told = clients.read("ag_ui", body(events), cut=cut)
    assert_shows(told, expected(events))
    states = [it.values for it in events if it.type == "state.snapshot" and not it.origin.namespace]
    assert told["state"] == jsonable(states[-1], flat=True)


@given(ITEMS)
def test_random_streams(clients: Clients, items: list[Any]) -> None:
    events = list(normalize(items, on_error="event"))
    assert_shows(clients.read("ag_ui", body(events)), expected(events))


def test_models_that_talk_at_once_do_so_here(clients: Clients) -> None:
    """The scene is one: their pieces alternate. In turn, each message stands alone."""
    events = SCENES["parallel_models"]()
    assert len(told_turns(events)) > 3
    stage = sequential.stage()
    one_by_one = [out for event in events for out in stage(event)]
    assert len(told_turns(one_by_one)) == 2
    assert_shows(clients.read("ag_ui", body(one_by_one)), expected(events))


def told_turns(events: list[Event]) -> list[str]:
    """Whose text it is, each time that changes."""
    ids = [event.message_id for event in events if event.type == "text.delta"]
    return [id for id, before in zip(ids, [None, *ids], strict=False) if id != before]


def test_an_error_keeps_its_secret(clients: Clients) -> None:
    events = SCENES["an_error"]()
    assert HUSHED.encode() not in body(events)
    (end,) = clients.read("ag_ui", body(events))["ends"]
    assert end["message"] == "ValueError"
    (end,) = clients.read("ag_ui", body(events, private=True))["ends"]
    assert end["message"] == HUSHED


def test_subgraphs_are_subagents(clients: Clients) -> None:
    events = SCENES["a_subgraph"]()
    told = clients.read("ag_ui", body(events))
    start, end = told["subagents"]
    assert start["name"] == "inner"
    assert end["type"] == "SUBAGENT_FINISHED"
    owners = {it["content"]: it.get("subagentRunId") for it in told["messages"]}
    assert owners == {"eat one two three": None, "climb one two three": start["subagentRunId"]}
    assert clients.read("ag_ui", body(events, subagents=False))["subagents"] == []


def test_a_snapshot_keeps_what_a_message_belongs_to(clients: Clients) -> None:
    """A node edits the first message, so that the client gets all of them once more."""

    def edits(state: State) -> Any:
        first = next(it for it in state["messages"] if it.type == "ai")
        return {"messages": [AIMessage("eat nothing", id=first.id)]}

    builder = graph_of(food)
    builder.add_node("inner", graph_of(sights).compile())
    builder.add_node(edits)
    builder.add_edge("food", "inner")
    builder.add_edge("inner", "edits")
    sent = body(list(normalize(run(builder.compile()))))
    assert b"MESSAGES_SNAPSHOT" in sent
    told = clients.read("ag_ui", sent)
    [inner] = {it["subagentRunId"] for it in told["subagents"]}
    about = {
        it["content"]: (it.get("subagentRunId"), it["metadata"]["node"]) for it in told["messages"]
    }
    assert about == {"eat nothing": (None, "food"), "climb one two three": (inner, "sights")}


@pytest.mark.skipif(LANGGRAPH < (0, 4), reason="this langgraph knows no answers by id")
def test_an_interrupt_is_answered(clients: Clients) -> None:
    """The client's own next request, read back, is what goes on with the graph."""
    graph = an_interrupted_graph()
    bodies, then = [body(list(normalize(run(graph))))], []
    asked = clients.read("ag_ui", *bodies)
    (first,) = asked["interrupts"]
    assert first["metadata"] == {"value": {"question": "Shall I?"}}
    assert first["subagentRunId"] == asked["subagents"][0]["subagentRunId"]
    assert asked["subagents"][-1]["outcome"] == {"type": "suspended", "interruptIds": [first["id"]]}
    for status, payload in (("resolved", {"ok": True}), ("cancelled", None)):
        (open,) = clients.read("ag_ui", *bodies, then=then)["interrupts"]
        answer = {"interruptId": open["id"], "status": status}
        then.append({"resume": [answer | ({"payload": payload} if payload else {})]})
        clients.read("ag_ui", *bodies, b"", then=then)
        request = ag_ui.read_request(json.dumps(clients.requests[-1]["body"]))
        events = list(normalize(run(graph, ag_ui.graph_input(request))))
        bodies.append(body(events, request))
    told = clients.read("ag_ui", *bodies, then=then)
    assert told["errors"] == told["warnings"] == told["interrupts"] == []
    assert [end["outcome"] for end in told["ends"]] == ["interrupt", "interrupt", "success"]
    texts = [it["content"] for it in told["messages"]]
    assert texts == ["eat one two three", "You said [{'ok': True}, None]"]


def test_an_open_interrupt_must_be_answered(clients: Clients) -> None:
    first = body(list(normalize(run(an_interrupted_graph()))))
    told = clients.read("ag_ui", first, b"", then=[{}])
    assert "interrupt" in told["errors"][0]


def test_a_stream_that_stops_is_an_error(clients: Clients) -> None:
    """Events that end nowhere, as a recording's may: the client alone would call it a success."""
    events = SCENES["the_demo"]()
    for size in range(1, len(events) - 1, 5):
        write = ag_ui.Encoder(REQUEST)
        frames = [frame for event in events[:size] for frame in write.feed(event)]
        told = clients.read("ag_ui", b"".join((*frames, *write.close())))
        assert [end["outcome"] for end in told["ends"]] == ["error"]
        assert told["ends"][0]["code"] == "incomplete"
    assert clients.read("ag_ui", b"".join(frames))["ends"] == []


def test_one_id_for_two_calls(clients: Clients) -> None:
    """A model that repeats its ids: the client would join the arguments of both calls."""
    items = []
    for number in "12":
        at = {"langgraph_node": "agent", "langgraph_checkpoint_ns": f"agent:{number}"}
        piece = calls(call(f'{{"n":{number}}}', "c1", "look"))
        items += [(piece.model_copy(update={"id": f"run-{number}"}), at)]
        items += [(last(content="", id=f"run-{number}"), at)]
        items += [(ToolMessage(number, tool_call_id="c1", name="look", id=f"t{number}"), TOOLS)]
    events = list(normalize(items))
    told = clients.read("ag_ui", body(events))
    said, answers = shown(told["messages"])
    assert [it.calls for it in said.values()] == [
        [("c1", "look", '{"n":1}')],
        [("c1#2", "look", '{"n":2}')],
    ]
    assert answers == {"c1": "1", "c1#2": "2"}
    assert isinstance(events[-1], RunEnd)
