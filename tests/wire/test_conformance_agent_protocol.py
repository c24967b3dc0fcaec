"""What the controller under @langchain/react's `useStream` holds after our frames.

Its own langgraph-sdk 1.11.0, and the newest one: tests/serve/test_react_client.py has the browser.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given

from case_table import CASES
from frontend_expected import Said, expected, results
from frontend_runs import SCENES, an_interrupted_graph, run
from js_clients import Clients
from random_streams import ITEMS
from streamkit import Event, normalize
from streamkit.wire import agent_protocol, jsonable

NEWEST = [False, True]


def body(events: list[Event], **options: Any) -> bytes:
    write = agent_protocol.Encoder(**options)
    return b"".join(frame for event in events for frame in write.feed(event))


def doubles(text: str) -> Any:
    """A JSON text's value, all its numbers being what JavaScript makes of them."""
    return json.loads(text, parse_int=float)


def said(message: dict[str, Any]) -> Said:
    blocks = message["content"]
    return Said(
        text="".join(it["text"] for it in blocks if it["type"] == "text"),
        calls=[(it["id"], it["name"], doubles(json.dumps(it["args"]))) for it in message["calls"]],
        reasoning=[it["reasoning"] for it in blocks if it["type"] == "reasoning"],
    )


def assert_streams(told: dict[str, Any], events: list[Event]) -> None:
    """Every text, call and reasoning is where it belongs, from the pieces alone."""
    wanted = expected(events)
    result = wanted.result
    ours = {it.id for it in result.tool_calls if not (it.provider_executed or it.error)}
    for message in wanted.messages.values():
        message.calls = [(*it[:2], doubles(it[2])) for it in message.calls if it[0] in ours]
    shown = {it["id"]: said(it) for it in told["assembled"] if it["type"] == "ai"}
    for id, text in wanted.replaced.items():  # written again, as a whole
        replaced = shown.pop(id, None)
        wanted.messages.pop(id, None)
        assert replaced is None or replaced.text == text
    assert {id: it for id, it in shown.items() if it} == {
        id: it for id, it in wanted.messages.items() if it
    }
    used = [it["usage"]["total_tokens"] for it in told["assembled"] if it.get("usage")]
    if not wanted.replaced:
        assert sum(used) == (result.usage.total_tokens if result.usage else 0)
    assert not told["loading"]
    assert told["error"] == (result.error and result.error.name)


@pytest.mark.parametrize("newest", NEWEST)
@pytest.mark.parametrize("name", CASES)
def test_cases(clients: Clients, name: str, newest: bool) -> None:
    dialect = "chunks" if name.startswith("objects") else None
    events = list(normalize(CASES[name](), dialect=dialect, on_error="event"))
    assert_streams(clients.read("agent_protocol", body(events), newest=newest), events)


@given(ITEMS)
def test_random_streams(clients: Clients, items: list[Any]) -> None:
    events = list(normalize(items, on_error="event"))
    assert_streams(clients.read("agent_protocol", body(events)), events)


@pytest.mark.parametrize("newest", NEWEST)
@pytest.mark.parametrize("name", SCENES)
def test_real_graphs(clients: Clients, name: str, newest: bool) -> None:
    """In the end the client has the state, and no other message."""
    events = SCENES[name]()
    told = clients.read("agent_protocol", body(events), newest=newest, cut=7)
    assert_streams(told, events)
    states = [it.values for it in events if it.type == "state.snapshot" and not it.origin.namespace]
    last = jsonable(states[-1], flat=True)
    messages = last.pop("messages")
    assert told["values"] == last
    assert [it["id"] for it in told["messages"]] == [it["id"] for it in messages]
    ended = results(expected(events).result)
    calls = Counter(it[0] for it in told["calls"])
    assert set(calls) <= set(ended) | {it.tool_call_id for it in expected(events).result.tools}
    assert set(calls.values()) <= {1}
    assert "running" not in {it[1] for it in told["calls"]}


@pytest.mark.parametrize("newest", NEWEST)
def test_questions_of_a_subgraph(clients: Clients, newest: bool) -> None:
    graph = an_interrupted_graph()
    told = clients.read("agent_protocol", body(list(normalize(run(graph)))), newest=newest)
    assert [it["value"] for it in told["interrupts"]] == [{"question": "Shall I?"}]
    [interrupt] = graph.get_state({"configurable": {"thread_id": "t1"}}).tasks[0].interrupts
    assert told["interrupts"][0]["id"] == interrupt.id
