"""Messages in every spelling that ``add_messages`` accepts: dicts with a role, pairs, texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from typing_extensions import TypedDict

from small_graphs import (
    ALL_MODES,
    ASK,
    EVENTS,
    MODES,
    OWN,
    OWN_SYNC,
    chain,
    of,
    run,
    says,
    transcript,
)
from streamkit import MessageAdded, TextDelta, ToolEnd

APIS = [EVENTS, MODES, ALL_MODES, OWN, OWN_SYNC]

SPELLED = [
    {"role": "assistant", "content": "a dict", "name": "clerk"},
    ("ai", "a pair"),
    {"type": "ai", "content": "a dict with a type"},
    ("human", "a question"),
    {"role": "system", "content": "be kind"},
    "a text",
    "a text",
]
ASKED = {"name": "look", "args": {"city": "Rome"}, "id": "c1", "type": "tool_call"}
CALLED = [
    {"role": "assistant", "content": "", "tool_calls": [ASKED]},
    {"role": "tool", "content": "sunny", "tool_call_id": "c1", "name": "look"},
    ("ai", "It is sunny."),
]


def rows(messages: list[Any]) -> list[tuple[Any, ...]]:
    return [(it.type, it.text, it.name) for it in messages]


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("written", [SPELLED, CALLED, ("assistant", "one pair, no list")])
def test_each_is_shown_once_and_as_the_state_has_it(api: str, written: Any) -> None:
    graph = chain(lambda _: {"messages": written})
    _, *expected = graph.invoke(ASK)["messages"]
    events = run(graph, api)
    assert rows(transcript(events)) == rows(expected)
    shown = "".join(event.text for event in of(events, TextDelta))
    assert shown == "".join(it.text for it in expected if it.type == "ai")
    people = [it for it in expected if it.type in {"human", "system"}]
    assert len(of(events, MessageAdded)) == len(people)
    assert len(of(events, ToolEnd)) == sum(it.type == "tool" for it in expected)


COPIES: dict[str, Callable[[str], Any]] = {
    "dict": lambda text: {"role": "assistant", "content": text},
    "dict with a type": lambda text: {"type": "ai", "content": text},
    "pair": lambda text: ("ai", text),
    "message": AIMessage,
}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("spelling", COPIES)
def test_a_copy_of_a_models_answer_is_shown_once(api: str, spelling: str) -> None:
    model = says("words of the model")

    def node(state: Any, config: RunnableConfig) -> Any:
        return {"messages": [COPIES[spelling](model.invoke(state["messages"], config).text)]}

    events = run(chain(node), api)
    assert "".join(event.text for event in of(events, TextDelta)) == "words of the model"
    assert rows(transcript(events)) == [("ai", "words of the model", None)]


class Notes(TypedDict):
    notes: list[Any]


@pytest.mark.parametrize("api", APIS)
def test_in_any_other_channel_a_text_is_a_text(api: str) -> None:
    events = run(chain(lambda _: {"notes": SPELLED}, state=Notes), api, {"notes": []})
    assert not of(events, MessageAdded, TextDelta)
