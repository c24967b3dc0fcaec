"""Messages that change in the state: what was shown is replaced or removed, once, in every source
that says what nodes write. ``messages`` mode by itself never says it."""

import json
from copy import copy
from typing import Annotated, Any, TypedDict

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Send

from run_sources import SOURCES, STATES, read, result, rows, state
from small_graphs import (
    ASK,
    CORE,
    EVENTS_1,
    LANGGRAPH,
    MODES,
    OWN,
    OWN_SYNC,
    SYNC,
    asks,
    chain,
    gives,
    of,
    says,
)
from streamkit import (
    MessageAdded,
    MessageEnd,
    MessageRemoved,
    MessageReplaced,
    MessageStart,
    StateUpdate,
    ToolEnd,
    normalize,
    stream,
)
from streamkit.testing import check_stream
from streamkit.wire import ag_ui

RUNNING = [it for it in STATES if it not in {"updates", "log"}]
"""Those that say what is removed by the side of others."""
INFORMED = [it for it in RUNNING if it != MODES]
"""Those that also say what the run was given."""


TOLD = ("messages", "updates", "tasks")


def writes(*messages: Any) -> Any:
    """A node that writes these, each made anew from what the state holds."""
    return lambda state: {"messages": [it(state["messages"]) for it in messages]}


def same_id(text: str) -> Any:
    return lambda messages: AIMessage(text, id=messages[-1].id)


def removal(messages: list[Any]) -> Any:
    return RemoveMessage(id=messages[-1].id)


@pytest.mark.parametrize("source", STATES)
def test_other_words_under_the_id_of_an_answer_replace_it(source: str) -> None:
    def make() -> Any:
        return chain(asks(says("call me at 555 123")), writes(same_id("call me at [hidden]")))

    events = read(source, make())
    (change,) = of(events, MessageReplaced)
    assert change.message_id == of(events, MessageEnd)[0].message_id
    assert change.message.content == "call me at [hidden]"
    told = result(events)
    assert rows(told.messages) == state(make())
    assert told.text == "call me at [hidden]"


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_answer_again_says_nothing(source: str) -> None:
    again = lambda state: {"messages": [state["messages"][-1]]}  # noqa: E731
    events = read(source, chain(asks(says("some words")), again, writes(same_id("some words"))))
    assert of(events, MessageReplaced, MessageRemoved, MessageAdded) == []
    assert rows(result(events).messages) == [("ai", "some words", None)]


@pytest.mark.parametrize("source", STATES)
def test_a_copy_under_an_id_of_its_own_is_edited_under_the_id_that_was_shown(source: str) -> None:
    def copies(state: Any) -> Any:
        answer = says("one two").invoke(state["messages"])
        return {"messages": [AIMessage(answer.content, id="copy")]}

    events = read(source, chain(copies, gives(AIMessage("three", id="copy"))))
    (end, *_), (change,) = of(events, MessageEnd), of(events, MessageReplaced)
    assert change.message_id == end.message_id
    assert rows(result(events).messages) == [("ai", "three", None)]


@pytest.mark.parametrize("source", STATES)
def test_other_arguments_of_a_call_replace_its_message(source: str) -> None:
    def ask(city: str) -> Any:
        call = {"name": "look", "args": {"city": city}, "id": "c1"}
        return gives(AIMessage("", id="m1", tool_calls=[call]))

    events = read(source, chain(ask("Rome"), ask("Paris")))
    (change,) = of(events, MessageReplaced)
    assert change.message.tool_calls[0]["args"] == {"city": "Paris"}


@pytest.mark.parametrize("source", STATES)
def test_an_edited_result_names_its_call(source: str) -> None:
    call = {"name": "look", "args": {}, "id": "c1"}
    asked = gives(AIMessage("", id="m1", tool_calls=[call]))
    found = gives(ToolMessage("secret", tool_call_id="c1", id="t1", name="look"))
    hidden = gives(ToolMessage("[hidden]", tool_call_id="c1", id="t1", name="look"))
    events = read(source, chain(asked, found, hidden))
    (change,) = of(events, MessageReplaced)
    assert (change.message_id, change.tool_call_id) == ("t1", "c1")
    told = result(events)
    assert rows(told.messages)[1:] == [("tool", "[hidden]", "look")]
    assert [it.output for it in told.tools] == ["[hidden]"]


@pytest.mark.parametrize("source", STATES)
def test_an_edited_result_names_its_call_where_two_have_the_same_id(source: str) -> None:
    calls = [{"name": name, "args": {}, "id": "c1"} for name in ("look", "read")]
    found = [
        ToolMessage("found", tool_call_id="c1", id=name, name=name) for name in ("look", "read")
    ]
    hidden = ToolMessage("[hidden]", tool_call_id="c1", id="read", name="read")
    asked = gives(AIMessage("", id="m1", tool_calls=calls))
    events = read(source, chain(asked, gives(*found), gives(hidden)))
    (change,), ids = (
        of(events, MessageReplaced),
        {it.name: it.tool_call_id for it in of(events, ToolEnd)},
    )
    assert ids["look"] != ids["read"]
    assert (change.message_id, change.tool_call_id) == ("read", ids["read"])


WITHOUT_ID = {
    "an object": lambda _: {"messages": [AIMessage("first")]},
    "a pair": lambda _: {"messages": [("ai", "first")]},
    "an object, in a subgraph": chain(lambda _: {"messages": [AIMessage("first")]}),
    "a pair, in a subgraph": chain(lambda _: {"messages": [("ai", "first")]}),
}


@pytest.mark.parametrize("change", [same_id("edited"), lambda it: RemoveMessage(id=it[-1].id)])
@pytest.mark.parametrize("shape", WITHOUT_ID)
@pytest.mark.parametrize("source", [it for it in INFORMED if it != EVENTS_1])  # which has copies
def test_a_change_names_the_id_that_a_message_without_one_was_shown_with(
    source: str, shape: str, change: Any
) -> None:
    """The state gives it an id of its own later."""
    graph = chain(WITHOUT_ID[shape], writes(change))
    events = read(source, graph)
    (start,) = of(events, MessageStart)
    (changed,) = of(events, MessageReplaced, MessageRemoved)
    assert changed.message_id == start.message_id
    expected = ["edited"] if isinstance(changed, MessageReplaced) else []
    assert [it.content for it in result(events).messages] == expected


@pytest.mark.parametrize("change", [same_id("edited"), lambda it: RemoveMessage(id=it[-1].id)])
@pytest.mark.parametrize(
    "words", [HumanMessage("first"), "first", {"role": "user", "content": "first"}]
)
@pytest.mark.parametrize("nest", [lambda it: it, chain], ids=["node", "subgraph"])
def test_a_question_without_an_id_is_changed_while_the_run_goes_on(
    nest: Any, words: Any, change: Any
) -> None:
    graph = chain(nest(lambda _: {"messages": [copy(words)]}), writes(change))
    for events in (stream(graph, ASK), normalize(graph.stream(ASK, stream_mode=[*TOLD]))):
        kinds = [type(event) for event in events]
        expected = ["edited"] if MessageReplaced in kinds else []
        assert kinds.count(MessageReplaced) + kinds.count(MessageRemoved) == 1
        assert [it.content for it in events.result.messages] == expected


@pytest.mark.parametrize("source", INFORMED)
def test_an_edited_question_is_replaced(source: str) -> None:
    """The application has it under this id."""
    events = read(source, chain(writes(lambda _: HumanMessage("[hidden]", id="ask"))))
    (change,) = of(events, MessageReplaced)
    assert (change.message_id, change.message.content) == ("ask", "[hidden]")


@pytest.mark.parametrize("source", STATES)
def test_what_a_node_removes_is_removed_once(source: str) -> None:
    events = read(source, chain(asks(says("some words")), writes(removal)))
    (gone,) = of(events, MessageRemoved)
    assert gone.message_id == of(events, MessageEnd)[0].message_id
    assert of(events, MessageAdded) == []
    told = result(events)
    assert (told.messages, told.text) == ([], "")


@pytest.mark.parametrize("source", STATES)
def test_a_removed_result_names_its_call(source: str) -> None:
    call = {"name": "look", "args": {}, "id": "c1"}
    asked = gives(AIMessage("", id="m1", tool_calls=[call]))
    found = gives(ToolMessage("found", tool_call_id="c1", id="t1", name="look"))
    forget = writes(lambda _: RemoveMessage(id="m1"), lambda _: RemoveMessage(id="t1"))
    events = read(source, chain(asked, found, forget))
    gone = [(it.message_id, it.tool_call_id) for it in of(events, MessageRemoved)]
    assert sorted(gone) == [("m1", None), ("t1", "c1")]
    assert result(events).messages == []


@pytest.mark.skipif(LANGGRAPH < (0, 4), reason="it cannot remove all at once")
@pytest.mark.parametrize("source", INFORMED)
def test_the_removal_of_all_is_one_event_for_each_that_is_gone(source: str) -> None:
    def restart(state: Any) -> Any:
        kept = state["messages"][1]
        return {
            "messages": [RemoveMessage(id="__remove_all__"), SystemMessage("new", id="s1"), kept]
        }

    def make() -> Any:
        return chain(gives(AIMessage("one", id="m1"), AIMessage("two", id="m2")), restart)

    events = read(source, make())
    assert sorted(it.message_id for it in of(events, MessageRemoved)) == ["ask", "m2"]
    assert [it.message.id for it in of(events, MessageAdded)] == ["s1"]
    assert (
        rows(result(events).messages)
        == state(make())
        == [
            ("system", "new", None),
            ("ai", "one", None),
        ]
    )


@pytest.mark.parametrize("source", RUNNING)
def test_an_overwritten_channel_keeps_changes_and_drops(source: str) -> None:
    types = pytest.importorskip("langgraph.types")
    if not hasattr(types, "Overwrite"):
        pytest.skip("this LangGraph has no Overwrite")

    def restart(state: Any) -> Any:
        kept = [state["messages"][0], AIMessage("one, corrected", id="m1"), AIMessage("x", id="m3")]
        return {"messages": types.Overwrite(kept)}

    def make() -> Any:
        return chain(gives(AIMessage("one", id="m1"), AIMessage("two", id="m2")), restart)

    events = read(source, make())
    assert [it.message_id for it in of(events, MessageRemoved)] == ["m2"]
    assert [it.message_id for it in of(events, MessageReplaced)] == ["m1"]
    assert rows(result(events).messages) == state(make())


@pytest.mark.parametrize(
    "modes", [["updates", "values"], ["updates", "tasks"], ["messages", "tasks", "updates"]]
)
def test_a_message_before_those_that_an_overwrite_keeps_is_new_where_the_state_was_seen(
    modes: list[str],
) -> None:
    """A summary stands in front of what is kept; ``updates`` alone takes it for history."""
    types = pytest.importorskip("langgraph.types")
    if not hasattr(types, "Overwrite"):
        pytest.skip("this LangGraph has no Overwrite")

    def sum_up(state: Any) -> Any:
        summary = HumanMessage("so far", id="summary")
        return {"messages": types.Overwrite([summary, state["messages"][-1]])}

    def make() -> Any:
        return chain(gives(AIMessage("one", id="m1")), sum_up, gives(AIMessage("two", id="m2")))

    events = list(normalize(make().stream(ASK, stream_mode=modes), strict=True))
    check_stream(events)
    assert rows(result(events).messages) == state(make())
    assert [it.message.id for it in of(events, MessageAdded)] == ["summary"]


@pytest.mark.parametrize("source", RUNNING)
def test_a_message_that_comes_back_is_shown_again(source: str) -> None:
    once = gives(AIMessage("here", id="m1"))
    events = read(source, chain(once, writes(removal), once))
    told = [type(it) for it in of(events, MessageEnd, MessageRemoved)]
    assert told == [MessageEnd, MessageRemoved, MessageEnd]
    assert rows(result(events).messages) == [("ai", "here", None)]


@pytest.mark.parametrize("source", [OWN, OWN_SYNC, "events v2", "modes", "all modes"])
def test_what_a_subgraph_forgets_the_graph_around_keeps(source: str) -> None:
    """``add_messages`` never removes what it is not told to."""
    forgets = chain(
        lambda state: {"messages": [RemoveMessage(id="m1")]}, gives(AIMessage("b", id="m2"))
    )

    def make() -> Any:
        return chain(gives(AIMessage("a", id="m1")), forgets, state=MessagesState)

    events = read(source, make())
    assert of(events, MessageRemoved) == []
    assert rows(result(events).messages) == state(make()) == [("ai", "a", None), ("ai", "b", None)]


@pytest.mark.parametrize("source", STATES)
def test_a_change_comes_before_the_update_that_makes_it(source: str) -> None:
    events = read(source, chain(asks(says("draft")), writes(same_id("final"))))
    if not of(events, StateUpdate):
        return
    change = next(n for n, it in enumerate(events) if isinstance(it, MessageReplaced))
    updates = [n for n, it in enumerate(events) if isinstance(it, StateUpdate) and it.node == "b"]
    assert change < updates[-1]


def test_messages_mode_alone_says_no_change() -> None:
    """LangGraph drops there whatever has an id that it has shown."""
    graph = chain(asks(says("draft")), writes(same_id("final")), writes(removal))
    assert of(read(SYNC, graph), MessageReplaced, MessageRemoved) == []


def test_a_change_in_the_state_of_a_version_3_stream_is_found_by_comparison() -> None:
    if CORE < (1, 7) or LANGGRAPH < (1, 2):
        pytest.skip("this LangChain has no version 3")
    events = read("v3", chain(asks(says("draft")), writes(removal)), ASK)
    assert len(of(events, MessageRemoved)) == 1


@pytest.mark.parametrize("source", ["modes", "all modes", "values", "v3"])
def test_what_a_workflow_returns_removes_nothing(source: str) -> None:
    """It is no state: what its tasks returned stays."""
    func = pytest.importorskip("langgraph.func")
    if source not in SOURCES:
        pytest.skip("this LangGraph has no version 3")

    @func.task
    def draft(text: str) -> AIMessage:
        return AIMessage(text, id="d1")

    @func.entrypoint()
    def workflow(given: Any) -> list[AIMessage]:
        return [AIMessage(draft("draft").result().content.upper(), id="f1")]

    assert of(read(source, workflow), MessageRemoved) == []


@pytest.mark.skipif(LANGGRAPH < (0, 4), reason="it cannot remove all at once")
@pytest.mark.parametrize("source", STATES)
def test_what_a_task_was_sent_is_no_state_that_could_lose_it(source: str) -> None:
    def make() -> Any:
        builder = StateGraph(MessagesState)
        builder.add_node("sent", gives(AIMessage("as told")))
        builder.add_node("last", gives(RemoveMessage(id="__remove_all__"), AIMessage("the end")))
        order = {"messages": [HumanMessage("do as you are told", id="order")]}
        builder.add_conditional_edges(START, lambda _: [Send("sent", order)], ["sent"])
        builder.add_edge("sent", "last")
        return builder.compile()

    events = read(source, make())
    assert "order" not in {it.message_id for it in of(events, MessageRemoved)}
    assert rows(result(events).messages) == [("ai", "the end", None)]


@pytest.mark.parametrize("source", INFORMED)
def test_what_another_channel_keeps_is_not_removed(source: str) -> None:
    """A prompt that each turn writes anew (``llm_input_messages``) is no part of the history."""

    class Prompted(MessagesState):
        prompt: list[Any]

    def shorten(state: Any) -> Any:
        return {"prompt": state["messages"][-1:]}

    graph = chain(shorten, asks(says("once")), shorten, asks(says("twice")), state=Prompted)
    events = read(source, graph)
    assert of(events, MessageRemoved, MessageAdded) == []
    assert [it[1] for it in rows(result(events).messages)] == ["once", "twice"]


@pytest.mark.parametrize("source", [it for it in INFORMED if it != "values"])
def test_a_state_without_ids_removes_nothing(source: str) -> None:
    """A reducer may make the messages anew: in OpenAI's format they have no ids."""

    class Formatted(TypedDict):
        messages: Annotated[list[Any], add_messages(format="langchain-openai")]

    events = read(source, chain(asks(says("one")), asks(says("two")), state=Formatted))
    assert of(events, MessageRemoved) == []
    assert [it[1] for it in rows(result(events).messages)] == ["one", "two"]


def asked_twice() -> Any:
    """A node that runs two agents, one after the other, and returns all that was said."""
    one, two = chain(asks(says("one"))), chain(asks(says("two")))

    def ask(_: Any, config: RunnableConfig) -> Any:
        runs = [it.invoke({"messages": [HumanMessage("ask")]}, config) for it in (one, two)]
        return {"messages": [message for run in runs for message in run["messages"]]}

    return chain(ask)


@pytest.mark.parametrize("source", INFORMED)
def test_what_each_graph_of_a_node_was_given_is_new_to_the_graph_around(source: str) -> None:
    """LangGraph tells the second from the first by a number in the namespace, which is no level."""
    assert rows(result(read(source, asked_twice())).messages) == state(asked_twice())


def test_each_graph_of_a_node_is_a_subagent() -> None:
    frames = b"".join(stream(asked_twice(), ASK).pipe(ag_ui.encoder()))
    events = [json.loads(it[6:]) for it in frames.split(b"\n\n") if b"SUBAGENT_STARTED" in it]
    assert [it["name"] for it in events] == ["a", "a"]
    assert not [it for it in events if "parentSubagentRunId" in it]
