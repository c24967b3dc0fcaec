"""Folds: events back to LangChain's own messages, and to a whole transcript."""

from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    RemoveMessage,
    ToolMessage,
)
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.graph import MessagesState
from langgraph.prebuilt import ToolNode

from small_graphs import (
    ASK,
    ASYNC,
    EVENTS,
    MODES,
    OWN,
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
    Custom,
    MessageAdded,
    MessageEnd,
    MessageFold,
    MessageReplaced,
    MessageStart,
    Origin,
    ReasoningEnd,
    Result,
    RetrievalEnd,
    RetrievalStart,
    RunEnd,
    RunFold,
    RunStart,
    StateUpdate,
    TextEnd,
    TextStart,
    ToolCallEnd,
    ToolEnd,
    ToolStart,
    Usage,
    normalize,
)
from streamkit.wire import ndjson

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


# --- the conversation of a run, and what is beside it


def result_of(graph: Any, api: str) -> Result:
    return collected(run(graph, api))


def collected(events: Any) -> Result:
    fold = RunFold()
    for event in events:
        fold.feed(event)
    return fold.result()


class Graded(MessagesState):
    grade: str


STATEFUL = [EVENTS, MODES, OWN]


@pytest.mark.parametrize("api", STATEFUL)
def test_what_reached_no_state_is_beside_the_conversation(api: str) -> None:
    answers, grades = says("the answer"), says("GRADE: A")

    def node(state: Any, config: RunnableConfig) -> Any:
        answer = answers.invoke(state["messages"], config)
        return {"messages": [answer], "grade": grades.invoke([answer], config).text}

    result = result_of(chain(node, state=Graded), api)
    assert [it.content for it in result.messages] == ["the answer"]
    assert [it.content for it in result.side_messages] == ["GRADE: A"]
    assert result.text == "the answer"


@pytest.mark.parametrize("api", STATEFUL)
def test_messages_are_in_the_order_of_the_state(api: str) -> None:
    model = says("draft one", "draft two")

    def node(state: Any, config: RunnableConfig) -> Any:
        one, two = (model.invoke(state["messages"], config) for _ in range(2))
        return {"messages": [two, one]}

    result = result_of(chain(node), api)
    assert [it.content for it in result.messages] == ["draft two", "draft one"]
    assert result.text == "draft one"


@pytest.mark.parametrize("api", STATEFUL)
def test_a_copy_of_the_answer_under_another_id_is_the_answer(api: str) -> None:
    model = says("the answer")

    def node(state: Any, config: RunnableConfig) -> Any:
        return {"messages": [AIMessage(model.invoke(state["messages"], config).text, id="copy")]}

    result = result_of(chain(node), api)
    assert [(it.content, it.id) for it in result.messages] == [("the answer", "copy")]
    assert result.side_messages == []


@pytest.mark.parametrize("api", [EVENTS, OWN])
def test_what_an_agent_inside_a_tool_wrote_is_in_its_tool_run(api: str) -> None:
    inner = agent(calling(("c9", "add", '{"a": 1, "b": 2}'), then="three"), [add])

    @tool
    def ask(question: str, config: RunnableConfig) -> str:
        """Ask an expert."""
        return inner.invoke({"messages": [HumanMessage(question)]}, config)["messages"][-1].text

    graph = agent(calling(("c1", "ask", '{"question": "1+2?"}'), then="It is three."), [ask])
    result = result_of(graph, api)
    assert [it.type for it in result.messages] == ["ai", "tool", "ai"]
    assert (result.text, result.side_messages) == ("It is three.", [])
    asked, added = result.tools
    assert [(it.type, it.text) for it in asked.messages] == [
        ("ai", ""),
        ("tool", "3"),
        ("ai", "three"),
    ]
    assert (asked.name, added.name, added.messages) == ("ask", "add", [])
    assert asked.seconds is not None
    assert added.seconds is not None
    assert asked.seconds >= added.seconds


def test_everything_else_of_a_run() -> None:
    at: dict[str, Any] = {"origin": Origin()}
    search, error = {"retrieval_id": "r", "name": "wiki"}, ValueError("no")
    result = collected(
        [
            RunStart(**at, timestamp=1.0),
            RetrievalStart(**at, **search, timestamp=2.0, query="cats"),
            RetrievalEnd(**at, **search, timestamp=4.5, status="completed", documents=("a cat",)),
            MessageStart(**at, timestamp=5.0, message_id="half"),
            TextStart(**at, timestamp=5.5, message_id="half", block_id=0),
            TextEnd(**at, timestamp=6.0, message_id="half", block_id=0, text="so"),
            MessageEnd(**at, timestamp=6.0, message_id="half", text="so", status="abandoned"),
            MessageStart(**at, timestamp=6.0, message_id="m"),
            TextEnd(**at, timestamp=6.0, message_id="m", block_id=0, text="some cats"),
            MessageEnd(**at, timestamp=6.0, message_id="m", text="some cats", status="completed"),
            MessageReplaced(**at, timestamp=6.5, message_id="m", message=AIMessage("all cats")),
            Custom(**at, timestamp=7.0, data=error),
            ToolStart(**at, timestamp=7.0, tool_call_id="c", name="t", input={}),
            ToolEnd(**at, timestamp=7.5, tool_call_id="c", name="t", status="completed", output=1),
            RunEnd(**at, timestamp=8.0, status="completed"),
        ]
    )
    (found,) = result.retrievals
    assert (found.query, found.documents, found.status) == ("cats", ("a cat",), "completed")
    assert (found.seconds, result.first_token, result.seconds) == (2.5, 4.5, 7.0)
    assert [event.data for event in result.custom] == [error]
    assert [it.content for it in result.messages] == ["all cats", "1"]
    assert (result.text, result.tools[0].seconds) == ("all cats", 0.5)


def test_results_of_one_superstep_are_in_the_order_of_their_calls() -> None:
    """As the state has them: updates come in the order in which the tools ended."""
    calls: list[Any] = [{"id": id, "name": "t", "args": {}} for id in ("c1", "c2")]
    asking = AIMessage("", id="a", tool_calls=calls)
    results = [ToolMessage(id, tool_call_id=id, id=f"t-{id}") for id in ("c2", "c1")]
    written = [("agent", asking), *(("tools", it) for it in results)]
    updates = [("updates", {node: {"messages": [it]}}) for node, it in written]
    messages = normalize(updates).collect().messages
    assert [it.id for it in messages] == ["a", "t-c1", "t-c2"]


def test_a_message_beside_a_result_stays_with_it() -> None:
    """A tool's Command may hold both; and a node that writes all of them again moves none."""
    calls: list[Any] = [{"id": id, "name": "t", "args": {}} for id in ("c1", "c2")]
    asking = AIMessage("", id="a", tool_calls=calls)
    first, second = (
        [ToolMessage(id, tool_call_id=id, id=f"t-{id}"), AIMessage(f"on {id}", id=f"n-{id}")]
        for id in ("c1", "c2")
    )
    masked = [it.model_copy(update={"content": "***"}) for it in first]
    written = [
        ("agent", [asking]),
        ("tools", second),
        ("tools", first),
        ("mask", [asking, *masked, *second]),
    ]
    updates = [("updates", {node: {"messages": it}}) for node, it in written]
    messages = normalize(updates).collect().messages
    assert [it.id for it in messages] == ["a", "t-c1", "n-c1", "t-c2", "n-c2"]
    assert [it.content for it in messages[1:3]] == ["***", "***"]


def test_results_of_different_nodes_are_in_the_order_of_their_updates() -> None:
    """A middleware that answers a call does so before the tools run."""
    ids = ["c1", "c2", "c3"]
    asking = AIMessage("", id="a", tool_calls=[{"id": id, "name": "t", "args": {}} for id in ids])
    one, two, three = (ToolMessage(id, tool_call_id=id, id=f"t-{id}") for id in ids)
    written = [("model", [asking]), ("limit.after_model", [three, two]), ("tools", [one])]
    updates = [("updates", {node: {"messages": it}}) for node, it in written]
    messages = normalize(updates).collect().messages
    assert [it.id for it in messages] == ["a", "t-c3", "t-c2", "t-c1"]


def test_a_refusal_is_the_answer_in_words() -> None:
    refused = AIMessageChunk(content=[{"type": "refusal", "refusal": "No.", "index": 0}], id="m")
    stream = normalize([refused])
    assert "".join(stream.text()) == "No."
    result = normalize([refused]).collect()
    assert (result.text, result.messages[0].content[0]["type"]) == ("No.", "refusal")


# --- events whose beginning a filter has dropped


HERE: dict[str, Any] = {"origin": Origin(), "timestamp": 0.0}


def test_ends_without_their_starts_add_nothing() -> None:
    ends = [
        ToolEnd(**HERE, tool_call_id="c", name="t", status="completed", output=1),
        RetrievalEnd(**HERE, retrieval_id="r", name="docs", status="completed"),
    ]
    for stream in (normalize(ends), normalize([RunStart(**HERE), *ends])):
        result = stream.collect()
        assert (result.tools, result.status) == ([], "incomplete")


def test_a_citation_of_a_text_that_was_dropped_is_dropped() -> None:
    events = [
        MessageStart(**AT),
        Citation(**AT, block_id=0, citation={"url": "…"}),
        MessageEnd(**AT, status="completed", text=""),
    ]
    assert [it.content for it in normalize(events).collect().messages] == [""]


def test_what_came_after_the_last_state_is_in_a_result_as_far_as_it_was_read() -> None:
    asked, said = HumanMessage("hi", id="1"), AIMessage("Hi!", id="2")
    node = {"langgraph_node": "a", "langgraph_checkpoint_ns": "a:1"}
    stream = normalize([("values", {"messages": [asked]}), ("messages", (said, node))])
    while not any(it.id == "2" for it in stream.result.messages):
        next(stream)
    assert [it.id for it in stream.result.messages] == ["2"]


def test_a_results_table_names_its_tokens() -> None:
    assert "7 tokens" in Result(usage=Usage(input_tokens=3, output_tokens=4))._repr_html_()


def test_a_decoded_run_whose_node_rewrote_a_result_has_what_the_node_wrote() -> None:
    rewritten = ToolMessage("[hidden]", tool_call_id="c", id="t")
    events = [
        RunStart(**HERE),
        ToolStart(**HERE, tool_call_id="c", name="t"),
        ToolEnd(**HERE, tool_call_id="c", name="t", status="completed", output="secret"),
        MessageReplaced(**HERE, message_id="t", tool_call_id="c", message=rewritten),
        MessageAdded(**HERE, message=HumanMessage("hi", id="h")),
        RunEnd(**HERE, status="completed"),
    ]
    decoded = ndjson.Decoder().feed(b"".join(map(ndjson.encode, events)))
    for each in (events, decoded):
        result = normalize(each).collect()
        assert [tool.output for tool in result.tools] == ["[hidden]"]
        assert [it.content for it in result.messages] == ["[hidden]", "hi"]
    assert "<td>human</td><td style='text-align:left'>hi " in result._repr_html_()


class Unreadable:
    """What raises when anything is asked of it, its class included."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    __repr__ = __str__ = __bool__ = object.__getattribute__  # type: ignore[assignment]


class UnreadableDict(dict[Any, Any]):
    """A dict that raises at its own methods."""

    get = items = keys = __iter__ = __len__ = __contains__ = object.__getattribute__  # type: ignore[assignment]


UNREADABLE: dict[str, Any] = {
    "object": Unreadable,
    "dict": lambda: UnreadableDict(a=1),
    "list": lambda: [Unreadable()],
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_in_a_state_or_a_result_costs_only_itself(kind: str) -> None:
    odd = UNREADABLE[kind]()
    broken = AIMessage("", id="b")
    names = ("content", "name", "response_metadata", "additional_kwargs", "tool_calls")
    vars(broken).update(dict.fromkeys(names, odd))  # past every check of pydantic's
    whole = AIMessage("whole", id="w")
    start = MessageStart(**HERE, message_id="w", role="assistant")
    events = [
        RunStart(**HERE, input=odd),
        start,
        MessageEnd(**HERE, message_id="w", status="completed", text="whole"),
        ToolStart(**HERE, tool_call_id="c", name="t"),
        ToolEnd(**HERE, tool_call_id="c", name="t", status="completed", output=odd),
        StateUpdate(**HERE, node="n", values={"messages": [odd, broken, whole], "other": odd}),
        RunEnd(**HERE, status="completed", output=odd),
    ]
    assert len([*normalize(events).messages()]) == 2
    stream = normalize(events)
    assert all(map(repr, stream))
    assert [it.id for it in stream.result.messages] == ["w"]
    assert stream.result._repr_html_()
