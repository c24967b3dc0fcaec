"""Folds: events back to LangChain's own messages, and to a whole transcript."""

from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langgraph.prebuilt import ToolNode

from graphs import (
    ASK,
    ASYNC,
    EVENTS,
    MODES,
    add,
    agent,
    asks,
    call,
    calling,
    chain,
    finish,
    gives,
    run,
    says,
    transcript,
)
from streamkit import (
    Citation,
    Content,
    MessageEnd,
    MessageFold,
    Origin,
    ReasoningEnd,
    TextEnd,
    ToolCallEnd,
)

AT: dict[str, Any] = {"origin": Origin(), "timestamp": 0.0, "message_id": "m"}


def folded(*events: Any) -> AIMessage:
    fold = MessageFold()
    (message,) = [it for event in (*events, end()) for it in fold(event)]
    return message


def end() -> MessageEnd:
    return MessageEnd(**AT, status="completed", text="")


def told(graph: Any, api: str) -> list[Any]:
    return transcript(run(graph, api))


@pytest.mark.parametrize("api", [ASYNC, EVENTS])
def test_the_transcript_of_an_agent_is_its_state(api: str) -> None:
    given = {"messages": [HumanMessage("what is 1+2?")]}
    graph = agent(calling(("c1", "add", '{"a": 1, "b": 2}')), [add])
    expected = graph.invoke(given)["messages"][1:]
    fields = ("type", "content", "tool_calls", "usage_metadata", "tool_call_id", "name", "status")
    found = told(agent(calling(("c1", "add", '{"a": 1, "b": 2}')), [add]), api)
    assert [facts_of(it, fields) for it in found] == [facts_of(it, fields) for it in expected]


def facts_of(message: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(message, name, None) for name in fields}


def test_what_nodes_add_and_remove_is_added_and_removed() -> None:
    removes = lambda state: {"messages": [RemoveMessage(id=state["messages"][-1].id)]}  # noqa: E731
    asked = gives(HumanMessage("and now?", id="h"))
    messages = told(chain(asks(says("some words")), removes, asked), EVENTS)
    assert [(it.type, it.content) for it in messages] == [("human", "and now?")]
    fresh = gives(RemoveMessage(id="__remove_all__"), HumanMessage("fresh"))
    messages = told(chain(asks(says("some words")), fresh), EVENTS)
    assert [(it.type, it.content) for it in messages] == [("human", "fresh")]


def test_what_a_node_keeps_when_it_removes_all_is_kept() -> None:
    """As LangChain's ``SummarizationMiddleware`` keeps the last messages, behind its summary."""

    def summarize(state: Any) -> Any:
        _, _, *last = state["messages"]
        return {"messages": [RemoveMessage(id="__remove_all__"), HumanMessage("so far"), *last]}

    def graph() -> Any:
        model = calling(("c1", "add", '{"a": 1, "b": 2}'))
        return chain(asks(model), ToolNode([add]), asks(model), summarize, asks(says("bye")))

    expected = [(it.type, it.content) for it in graph().invoke(ASK)["messages"]]
    assert expected == [("human", "so far"), ("tool", "3"), ("ai", "all done"), ("ai", "bye")]
    for api in (EVENTS, MODES):
        assert [(it.type, it.content) for it in told(graph(), api)] == expected


def test_a_result_has_the_id_that_its_node_gave_it() -> None:
    removes = lambda state: {"messages": [RemoveMessage(id=state["messages"][-1].id)]}  # noqa: E731
    model = calling(("c1", "add", '{"a": 1, "b": 2}'))
    messages = told(chain(asks(model), ToolNode([add]), removes), EVENTS)
    assert [it.type for it in messages] == ["ai"]


@pytest.mark.parametrize("api", [ASYNC, EVENTS])
def test_a_model_that_uses_its_ids_again_has_both_results(api: str) -> None:
    ask = [call(0, "c1", "add", '{"a": 1, "b": 2}'), finish("tool_calls")]
    messages = told(agent(says(ask, ask, "all done"), [add]), api)
    assert [it.type for it in messages] == ["ai", "tool", "ai", "tool", "ai"]


def test_texts_are_a_str() -> None:
    texts = [TextEnd(**AT, block_id=number, text=text) for number, text in enumerate(["a", "b"])]
    assert folded(*texts).content == "ab"


def test_sealed_reasoning_stands_among_the_blocks() -> None:
    reasoning = ReasoningEnd(**AT, block_id=0, text="hm", signature="S")
    message = folded(reasoning, TextEnd(**AT, block_id=1, text="Hi"))
    assert message.content == [
        {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "S"}},
        {"type": "text", "text": "Hi"},
    ]


@pytest.mark.parametrize("is_late", [False, True])
def test_a_citation_stands_at_its_text(is_late: bool) -> None:
    cited = [Citation(**AT, block_id=1, citation={"url": "u"}), TextEnd(**AT, block_id=1, text="b")]
    first = TextEnd(**AT, block_id=0, text="a")
    assert folded(first, *(reversed(cited) if is_late else cited)).content == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b", "annotations": [{"url": "u"}]},
    ]


def test_a_call_that_the_provider_runs_stands_among_the_blocks() -> None:
    call = {"tool_call_id": "s", "name": "web_search", "args": {"q": 1}, "text": '{"q": 1}'}
    begun = ToolCallEnd(**AT, block_id=0, **call, provider_executed=True)
    block = {"type": "server_tool_call", "id": "s", "name": "web_search", "args": {"q": 1}}
    result = {"type": "server_tool_result", "tool_call_id": "s", "output": "found"}
    whole = {"type": "web_search_call", "id": "s", "status": "completed"}
    assert folded(begun, Content(**AT, block_id=1, block=result)).content == [block, result]
    assert folded(begun, Content(**AT, block_id=1, block=whole)).content == [whole]
