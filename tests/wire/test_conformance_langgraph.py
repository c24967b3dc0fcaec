"""What LangGraph's own clients hold after our frames, against what streamkit makes of them."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from langchain_core.messages import AIMessageChunk
from langgraph.checkpoint.memory import InMemorySaver

from case_table import CASES
from frontend_expected import Expected, Said, expected, last_tools, results
from frontend_runs import HUSHED, SCENES, an_interrupted_graph, food, graph_of, run, thanks
from js_clients import Clients
from random_streams import ITEMS
from streamkit import Event, normalize
from streamkit.wire import jsonable, langgraph_sse

STREAMED = langgraph_sse.Request(stream_mode="messages-tuple")


def body(events: list[Event], **options: Any) -> bytes:
    write = langgraph_sse.Encoder(**{"thread_id": "t1", "run_id": "r1", **options})
    return b"".join(frame for event in events for frame in write.feed(event))


def doubles(text: str) -> Any:
    """A JSON text's value, all its numbers being what JavaScript makes of them."""
    return json.loads(text, parse_int=float)


def unescaped(value: Any) -> Any:
    """A value without what LangChain's JavaScript puts around objects with an ``lc`` in them."""
    if isinstance(value, list):
        return [unescaped(it) for it in value]
    if not isinstance(value, dict):
        return value
    inner = {key: unescaped(it) for key, it in value.items()}
    return inner["__lc_escaped__"] if inner.keys() == {"__lc_escaped__"} else inner


def said(message: dict[str, Any]) -> Said:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return Said(
        text="".join(it["text"] for it in blocks if it["type"] == "text"),
        calls=[
            (it["id"], it["name"], doubles(json.dumps(unescaped(it["args"]))))
            for it in message["tool_calls"]
        ],
        reasoning=[it["reasoning"] for it in blocks if it["type"] == "reasoning"],
    )


def wanted(events: list[Event]) -> tuple[dict[str, Said], Expected]:
    """The messages with their calls' arguments as values, as JavaScript has them."""
    told = expected(events)
    provider = {call.id for call in told.result.tool_calls if call.provider_executed}
    for message in told.messages.values():
        message.calls = [
            (id, name, doubles(args)) for id, name, args in message.calls if id not in provider
        ]
    return told.messages, told


def assert_streams(told: dict[str, Any], events: list[Event]) -> None:
    """Every text, call, reasoning and result is where it belongs, from the chunks alone."""
    messages, whole = wanted(events)
    assert told["warnings"] == []
    shown = {it["id"]: said(it) for it in told["messages"] if it["type"] == "ai"}
    assert {id: it for id, it in shown.items() if it} == messages
    texts = Counter(it.message_id for it in events if it.type in {"text.end", "content"})
    for message in told["messages"]:  # a text is one block, however many chunks it came in
        blocks = message["content"] if isinstance(message["content"], list) else []
        assert sum(it["type"] == "text" for it in blocks) <= texts[message["id"]]
    answers = {it["tool_call_id"]: it for it in told["messages"] if it["type"] == "tool"}
    stored = {getattr(it, "tool_call_id", None) for it in events if it.type == "message.replaced"}
    unchecked = {it.tool_call_id for it in events if it.type == "tool.end" and not it.confirmed}
    ended = results(whole.result)
    ended = {id: it for id, it in ended.items() if id not in unchecked - stored}
    assert set(answers) == set(ended)
    for tool in last_tools(whole.result):
        if tool.tool_call_id in ended:
            answer, result = answers[tool.tool_call_id], ended[tool.tool_call_id]
            text = result if isinstance(result, str) else json.dumps(jsonable(result))
            assert answer["content"] == ("error" if tool.error else text)
            assert answer["status"] == ("error" if tool.error else "success")
    used = [
        it["usage_metadata"]["total_tokens"] for it in told["messages"] if it.get("usage_metadata")
    ]
    assert sum(used) == (whole.result.usage.total_tokens if whole.result.usage else 0)
    error = whole.result.error
    assert told.get("error") == (error and {"name": error.name, "message": error.name})


@pytest.mark.parametrize("name", [it for it in CASES if it != "arguments_cut_off"])
def test_cases(clients: Clients, name: str) -> None:
    dialect = "chunks" if name.startswith("objects") else None
    events = list(normalize(CASES[name](), dialect=dialect, on_error="event"))
    assert_streams(clients.read("langgraph", body(events, request=STREAMED)), events)


def test_arguments_that_look_like_what_langchain_serializes(clients: Clients) -> None:
    call = {"name": "tool", "args": '{"lc": 0, "in": [{"lc": 1}]}', "id": "c", "index": 0}
    said = [AIMessageChunk(content="", id="m", tool_call_chunks=[call])]
    events = list(normalize(said, strict=True))
    assert_streams(clients.read("langgraph", body(events, request=STREAMED)), events)


@given(ITEMS)
def test_random_streams(clients: Clients, items: list[Any]) -> None:
    events = list(normalize(items, on_error="event"))
    assert_streams(clients.read("langgraph", body(events, request=STREAMED)), events)


def test_the_client_guesses_at_arguments_that_were_cut_off(clients: Clients) -> None:
    """It does so with every stream; the arguments as they were written are there too."""
    events = list(normalize(CASES["arguments_cut_off"]()))
    (message,) = clients.read("langgraph", body(events))["messages"]
    assert message["tool_call_chunks"][0]["args"] == '{"city": "Par'
    assert message["tool_calls"][0]["args"] == {"city": "Par"}


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("cut", [0, 7])
def test_real_graphs(clients: Clients, name: str, cut: int) -> None:
    """The chunks alone say what the state says, and all modes together end in the state."""
    events = SCENES[name]()
    assert_streams(clients.read("langgraph", body(events, request=STREAMED), cut=cut), events)
    told = clients.read("langgraph", body(events), cut=cut)
    states = [it.values for it in events if it.type == "state.snapshot" and not it.origin.namespace]
    values = {
        name: it for name, it in told["values"].items() if name not in {"messages", "__interrupt__"}
    }
    last = jsonable(states[-1], flat=True)
    messages = last.pop("messages")
    assert values == last
    streamed = [(it["id"], it["content"]) for it in told["messages"]]
    assert streamed[: len(messages)] == [(it["id"], it["content"]) for it in messages]
    assert len(streamed) == len(messages) + (name in {"an_error", "an_abort"})
    assert told["metadata"] == [{"run_id": "r1", "thread_id": "t1"}]
    updates = [it for it in events if it.type == "state.update"]
    nodes = [list(data) for _, data in told["updates"] if "__interrupt__" not in data]
    assert nodes == [[it.node] for it in updates]
    custom = [it.data for it in events if it.type == "custom"]
    assert [data for _, data in told["custom"]] == [jsonable(it, flat=True) for it in custom]


def test_an_error_keeps_its_secret(clients: Clients) -> None:
    events = SCENES["an_error"]()
    assert HUSHED.encode() not in body(events)
    told = clients.read("langgraph", body(events, private=True))
    assert told["error"] == {"name": "ValueError", "message": HUSHED}


def test_subgraphs_have_their_namespace(clients: Clients) -> None:
    told = clients.read("langgraph", body(SCENES["a_subgraph"]()))
    nodes = {name: namespace for namespace, data in told["updates"] for name in data}
    assert nodes["food"] == nodes["inner"] == []
    assert nodes["sights"][0].startswith("inner:")
    ours = {it["streamMetadata"]["langgraph_node"] for it in told["metadataOfMessages"] if it}
    assert ours == {"food", "sights"}


def test_an_interrupt_is_answered(clients: Clients) -> None:
    """The client's own next request, read back, is what goes on with the graph."""
    graph = an_interrupted_graph()
    bodies, then = [body(list(normalize(run(graph))))], []
    for resume in ({"ok": True}, "yes"):
        asked = clients.read("langgraph", *bodies, then=then)["interrupts"][-1]
        assert [it["value"] for it in asked] == [["Sure?"], [{"question": "Shall I?"}]][not then]
        then.append([None, {"command": {"resume": resume}}])
        clients.read("langgraph", *bodies, b"", then=then)
        request = langgraph_sse.read_request(json.dumps(clients.requests[-1]["body"]))
        assert request.thread_id == "t1"
        bodies.append(body(list(normalize(run(graph, langgraph_sse.graph_input(request))))))
    told = clients.read("langgraph", *bodies, then=then)
    assert [len(it) for it in told["interrupts"]] == [1, 1, 0]
    assert told["messages"][-1]["content"] == "You said [{'ok': True}, 'yes']"


def test_a_breakpoint_is_passed(clients: Clients) -> None:
    builder = graph_of(food, thanks)
    graph = builder.compile(checkpointer=InMemorySaver(), interrupt_before=["thanks"])
    given = {"messages": [("human", "Hi")], "answers": ["none"]}
    bodies = [body(list(normalize(run(graph, given))))]
    then = [[None]]
    asked = clients.read("langgraph", *bodies, b"", then=then)["interrupts"]
    assert asked[0] == [{"when": "breakpoint"}]
    request = langgraph_sse.read_request(clients.requests[-1]["body"])
    bodies.append(body(list(normalize(run(graph, langgraph_sse.graph_input(request))))))
    told = clients.read("langgraph", *bodies, then=then)
    assert told["interrupts"][-1] == []
    assert told["messages"][-1]["content"] == "You said ['none']"


def test_a_stream_that_stops_is_an_error(clients: Clients) -> None:
    events = SCENES["the_demo"]()
    for size in range(1, len(events) - 1, 9):
        write = langgraph_sse.Encoder()
        frames = [frame for event in events[:size] for frame in write.feed(event)]
        told = clients.read("langgraph", b"".join((*frames, *write.close())))
        assert told["error"]["name"] == "Incomplete"
    assert "error" not in clients.read("langgraph", b"".join(frames))


# --- the SDK's client


def test_the_sdk_reads_every_part(clients: Clients) -> None:
    events = SCENES["the_demo"]()
    parts = clients.read("langgraph_sdk", body(events, first_id=7))
    assert [it["id"] for it in parts] == [str(7 + at) for at in range(len(parts))]
    assert parts[0]["event"] == "metadata"
    end = {"run_id": "r1", "status": "interrupted"}
    assert (parts[-1]["event"], parts[-1]["data"]) == ("end", end)
    tools = [it["data"] for it in parts if it["event"] == "tools"]
    assert {it["toolCallId"]: it["event"] for it in tools} == {
        "call_weather": "on_tool_end",
        "call_trains": "on_tool_end",
        "call_monday": "on_tool_error",
        "call_tuesday": "on_tool_end",
    }


def test_the_sdk_gets_what_it_asks_for(clients: Clients) -> None:
    asked = {"input": {"messages": []}, "streamMode": ["messages-tuple", "custom"]}
    clients.read("langgraph_sdk", b"", payload=asked | {"streamSubgraphs": True})
    request = langgraph_sse.read_request(clients.requests[0]["body"])
    assert request.stream_subgraphs
    assert langgraph_sse.graph_input(request) == {"messages": []}
    parts = clients.read("langgraph_sdk", body(SCENES["the_demo"](), request=request))
    assert {it["event"] for it in parts} == {"metadata", "messages", "custom", "end"}
