"""A tool's result is what its node puts into the state, whatever the tool itself returned."""

import time
from copy import copy
from typing import Annotated, Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState, ToolNode
from langgraph.types import Command, Send

from run_sources import SOURCES, STATES, read, result, rows, state
from small_graphs import (
    LANGGRAPH,
    agent,
    all_at_once,
    call,
    calling,
    each_alone,
    gives,
    of,
    says,
)
from streamkit import MessageAdded, MessageReplaced, ToolEnd, ToolError, ToolStart, normalize
from streamkit.filters import conversation
from streamkit.wire import ai_sdk, chat, langgraph_sse, ndjson, openai_responses, sse

SECRET = "4111-1111"  # noqa: S105  (no password)
ALL = tuple(SOURCES)


@tool
def card(name: str) -> str:
    """Look up."""
    return f"{SECRET} of {name}"


@tool
def failing(name: str) -> str:
    """Raise."""
    raise ValueError(f"no card of {name}")


def hiding(tools: Any) -> Any:
    """A node that runs its calls and hides, caches or explains what comes of them."""
    by_name = {it.name: it for it in tools}

    def run_one(call: Any) -> ToolMessage:
        call = {**call, "type": "tool_call"}
        try:
            found = by_name[call["name"]].invoke(call)
        except ValueError:
            words, status = "nothing found", "error"
        else:
            words, status = found.content.replace(SECRET, "[hidden]"), "success"
        return ToolMessage(words, tool_call_id=call["id"], name=call["name"], status=status)

    def run_all(state: Any) -> Any:
        calls = [state] if "args" in state else state["messages"][-1].tool_calls
        return {"messages": [run_one(call) for call in calls]}

    return run_all


def model() -> Any:
    return calling(
        ("c1", "card", '{"name": "Ann"}'),
        ("c2", "card", '{"name": "Bob"}'),
        ("c3", "failing", '{"name": "Cid"}'),
    )


@pytest.mark.parametrize("build", [each_alone, all_at_once])
@pytest.mark.parametrize("source", ALL)
def test_a_result_is_what_the_node_makes_of_it(source: str, build: Any) -> None:
    events = read(source, build(hiding([card, failing]), model()))
    ends = {it.tool_call_id: it.output for it in of(events, ToolEnd)}
    assert ends == {"c1": "[hidden] of Ann", "c2": "[hidden] of Bob"}
    assert [it.tool_call_id for it in of(events, ToolError)] == ["c3"]
    assert of(events, MessageReplaced) == []
    assert all(it.confirmed for it in of(events, ToolEnd))
    told = {it.tool_call_id: it for it in result(events).messages if it.type == "tool"}
    assert {id: it.content for id, it in told.items()} == {**ends, "c3": "nothing found"}
    assert SECRET not in repr(events)


@pytest.mark.parametrize("source", ["astream()", "stream()", "events v2", "callbacks"])
def test_a_failed_tool_has_its_exception_and_the_transcript_has_the_nodes_words(
    source: str,
) -> None:
    events = read(source, each_alone(hiding([card, failing]), model()))
    (error,) = of(events, ToolError)
    assert (error.error.name, error.error.message) == ("ValueError", "no card of Cid")


@pytest.mark.parametrize("source", ["astream()", "events v2"])
def test_the_end_of_a_tool_has_the_time_when_it_returned(source: str) -> None:
    @tool
    def quick() -> str:
        """Return at once."""
        return "done"

    def slow(state: Any) -> Any:
        call = {**state["messages"][-1].tool_calls[0], "type": "tool_call"}
        message = quick.invoke(call)
        time.sleep(0.1)
        return {"messages": [message]}

    events = read(source, all_at_once(slow, calling(("c1", "quick", "{}"))))
    (start,), (end,) = of(events, ToolStart), of(events, ToolEnd)
    assert end.timestamp - start.timestamp < 0.09


@pytest.mark.parametrize("source", ["astream()", "events v2", "events v1", "callbacks"])
def test_a_result_that_no_message_holds_is_not_confirmed(source: str) -> None:
    def forgets(state: Any) -> Any:
        call = {**state["messages"][-1].tool_calls[0], "type": "tool_call"}
        card.invoke(call)
        return {"messages": [HumanMessage("never mind")]}

    graph = all_at_once(forgets, calling(("c1", "card", '{"name": "Ann"}')))
    (end,) = of(read(source, graph), ToolEnd)
    assert (end.output, end.confirmed) == (f"{SECRET} of Ann", False)


WIRES = {
    "sse": sse.encoder,
    "ndjson": ndjson.encoder,
    "ai_sdk": ai_sdk.encoder,
    "chat": chat.encoder,
    "openai_responses": openai_responses.encoder,
    "langgraph_sse": lambda **options: langgraph_sse.encoder(thread_id="t", **options),
}


@pytest.mark.parametrize("wire", WIRES)
def test_no_wire_writes_a_result_that_is_not_confirmed(wire: str) -> None:
    def forgets(state: Any) -> Any:
        call = {**state["messages"][-1].tool_calls[0], "type": "tool_call"}
        card.invoke(call)
        return {"messages": [HumanMessage("never mind")]}

    def written(**options: Any) -> bytes:
        graph = all_at_once(forgets, calling(("c1", "card", '{"name": "Ann"}')))
        stage = WIRES[wire](**options).stage()
        return b"".join(it for event in read("events v2", graph) for it in stage(event))

    assert SECRET.encode() not in written()
    if wire in {"sse", "ndjson"}:
        assert SECRET.encode() in written(private=True)


@pytest.mark.parametrize("source", ["astream()", "events v2", "callbacks"])
def test_a_tool_that_no_model_asked_for_is_its_own_word(source: str) -> None:
    def helps(state: Any) -> Any:
        return {"messages": [AIMessage(card.invoke({"name": "Ann"})[-3:])]}

    builder = StateGraph(MessagesState).add_node("n", helps)
    (end,) = of(read(source, builder.add_edge(START, "n").compile()), ToolEnd)
    assert (end.output, end.confirmed) == (f"{SECRET} of Ann", True)


@pytest.mark.parametrize("source", ALL)
def test_the_message_for_its_call_is_found_in_lists_and_commands(source: str) -> None:
    @tool
    def listed(q: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
        """Return a list."""
        return [ToolMessage(f"listed {q}", tool_call_id=tool_call_id, name="listed")]

    @tool
    def mixed(q: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
        """Return two commands."""
        own = ToolMessage(f"mixed {q}", tool_call_id=tool_call_id, name="mixed")
        return [
            Command(update={"messages": [HumanMessage("by the way", id="extra")]}),
            Command(update={"messages": [own]}),
        ]

    if LANGGRAPH < (1, 1):
        pytest.skip("this ToolNode takes no lists")
    asks_both = calling(("c1", "listed", '{"q": "a"}'), ("c2", "mixed", '{"q": "b"}'))
    events = read(source, agent(asks_both, [listed, mixed]))
    ends = {it.tool_call_id: it.output for it in of(events, ToolEnd)}
    assert ends == {"c1": "listed a", "c2": "mixed b"}


def test_tools_mode_alone_says_what_the_tool_returned() -> None:
    """Nothing else comes, so nothing is held: a wrapper's changes are not seen."""
    if LANGGRAPH < (1, 2):
        pytest.skip("this LangGraph has no such mode")
    graph = each_alone(hiding([card, failing]), model())
    events = list(
        normalize(graph.stream({"messages": [("user", "hi")]}, stream_mode="tools"), mode="tools")
    )
    outputs = sorted(it.output for it in of(events, ToolEnd))
    assert outputs == [f"{SECRET} of Ann", f"{SECRET} of Bob"]


def test_tools_beside_other_modes_wait_for_the_nodes_message() -> None:
    if LANGGRAPH < (1, 2):
        pytest.skip("this LangGraph has no such mode")
    for other in ("updates", "values", "messages"):
        graph = each_alone(hiding([card, failing]), model())
        given = {"messages": [HumanMessage("hi", id="ask")]}
        events = list(normalize(graph.stream(given, stream_mode=["tools", other], subgraphs=True)))
        ends = {it.tool_call_id: it.output for it in of(events, ToolEnd)}
        assert ends == {"c1": "[hidden] of Ann", "c2": "[hidden] of Bob"}, other
        assert SECRET not in repr(events), other


def test_a_tool_node_may_be_wrapped() -> None:
    """`ToolNode` as another runnable's step ends before its node does."""
    inner = ToolNode([card])
    node = inner | (lambda it: {"messages": [ToolMessage("[hidden]", tool_call_id="c1")]})
    graph = all_at_once(node, calling(("c1", "card", '{"name": "Ann"}')))
    events = read("events v2", graph)
    told = [it for it in result(events).messages if it.type == "tool"]
    assert [it.content for it in told] == ["[hidden]"]


def test_a_call_that_is_answered_twice_is_replaced_once() -> None:
    call = {"name": "look", "args": {}, "id": "c1"}
    asked = gives(AIMessage("", id="m1", tool_calls=[call]))
    first = gives(ToolMessage("one", tool_call_id="c1", id="t1", name="look"))
    second = gives(ToolMessage("two", tool_call_id="c1", id="t1", name="look"))
    builder = StateGraph(MessagesState)
    for name, node in {"a": asked, "b": first, "c": second, "d": second}.items():
        builder.add_node(name, node)
    for before, after in ((START, "a"), ("a", "b"), ("b", "c"), ("c", "d")):
        builder.add_edge(before, after)
    events = read("events v2", builder.compile())
    assert [it.tool_call_id for it in of(events, MessageReplaced)] == ["c1"]


def handing_over(how: str) -> Any:
    """An agent that looks up a card, and then hands over to a node of the graph around it."""

    @tool
    def hand_over(
        state: Annotated[Any, InjectedState], tool_call_id: Annotated[str, InjectedToolCallId]
    ) -> Command[Any]:
        """Hand over."""
        done = ToolMessage("handed over", tool_call_id=tool_call_id, name="hand_over")
        history = {"messages": [*state["messages"], *([] if how == "silent" else [done])]}
        if how == "sent":
            return Command(graph=Command.PARENT, goto=[Send("after", history)])
        return Command(graph=Command.PARENT, goto="after", update=history)

    asking = [[call(0, "c1", "card", '{"name": "Ann"}')], [call(0, "h1", "hand_over", "{}")]]
    builder = StateGraph(MessagesState)
    builder.add_node("agent", agent(says(*asking), [card, hand_over]), destinations=("after",))
    builder.add_node("after", gives(AIMessage("it is done")))
    builder.add_edge(START, "agent")
    return builder.compile()


@pytest.mark.parametrize(
    ("how", "output"), [("written", "handed over"), ("sent", "handed over"), ("silent", None)]
)
@pytest.mark.parametrize("source", ["astream()", "stream()", "events v2", "callbacks"])
def test_the_result_of_a_handoff_is_in_its_command(source: str, how: str, output: Any) -> None:
    events = read(source, handing_over(how))
    looked_up, handed_over = of(events, ToolEnd)
    assert (looked_up.tool_call_id, looked_up.output) == ("c1", f"{SECRET} of Ann")
    assert handed_over.tool_call_id == "h1"
    if output:
        assert handed_over.output == output
    else:  # the only result in the history is that of the other call
        assert isinstance(handed_over.output, Command)
    is_known = bool(output) and (
        source in {"astream()", "stream()", "callbacks"} or how == "written"
    )
    assert handed_over.confirmed is is_known


def dividing() -> Any:
    """A supervisor that hands one of its model's two calls to a subgraph, as a message of its own.

    So langgraph-supervisor does with handoffs that a model makes at once.
    """

    @tool
    def hand_over(
        state: Annotated[Any, InjectedState], tool_call_id: Annotated[str, InjectedToolCallId]
    ) -> Command[Any]:
        """Hand over."""
        *before, asked = state["messages"]
        own = [it for it in asked.tool_calls if it["id"] == tool_call_id]
        divided = AIMessage(asked.content, tool_calls=own, id=f"only {tool_call_id}")
        done = ToolMessage("handed over", tool_call_id=tool_call_id, name="hand_over", id="done")
        history = {"messages": [*before, divided, done]}
        return Command(graph=Command.PARENT, goto=[Send("helper", history)])

    both = [
        AIMessageChunk("Both. "),
        call(0, "c1", "card", '{"name": "Ann"}'),
        call(1, "h1", "hand_over", "{}"),
    ]
    builder = StateGraph(MessagesState)
    builder.add_node("boss", agent(says(both), [card, hand_over]), destinations=("helper",))
    builder.add_node("helper", agent(says("It is done."), []))
    builder.add_edge(START, "boss")
    return builder.compile()


@pytest.mark.parametrize("source", [it for it in STATES if it != "updates"])  # all is new to them
def test_what_a_handoff_sends_is_history_to_the_subgraph_and_new_to_the_graph_around(
    source: str,
) -> None:
    graph = dividing()
    events = read(source, graph)
    messages = result(events).messages
    assert rows(messages) == state(graph)
    assert [it["id"] for it in messages[0].tool_calls] == ["h1"]
    assert [it.id for it in messages[:2]] == ["only h1", "done"]
    shown = "".join(it.text for it in normalize(events, conversation) if it.type == "text.delta")
    assert shown == "Both. It is done."  # as `messages` mode, which leaves out what was sent
    assert [it.tool_call_id for it in of(events, ToolEnd)].count("h1") == 1


def assigning(task: Any) -> Any:
    """A supervisor that sends a subgraph nothing but a task of its own, in the user's name."""

    @tool
    def assign() -> Command[Any]:
        """Assign."""
        sent = copy(task)  # a state gives it an id, in place
        return Command(graph=Command.PARENT, goto=[Send("helper", {"messages": [sent]})])

    builder = StateGraph(MessagesState)
    asking = [AIMessageChunk("On it. "), call(0, "a1", "assign", "{}")]
    builder.add_node("boss", agent(says(asking), [assign]), destinations=("helper",))
    builder.add_node("helper", agent(says("It is done."), []))
    builder.add_edge(START, "boss")
    return builder.compile()


KNOWING = [it for it in STATES if it not in {"modes", "updates", "log"}]
"""Those that know what the state held before a node wrote."""


TASKS = [HumanMessage("Look.", id="t1"), HumanMessage("Look."), {"role": "user", "content": "!"}]


@pytest.mark.parametrize("task", TASKS, ids=["named", "nameless", "dict"])
@pytest.mark.parametrize("source", KNOWING)
def test_a_task_that_is_sent_to_a_subgraph_is_new_to_the_graph_around(
    source: str, task: Any
) -> None:
    graph = assigning(task)
    events = read(source, graph)
    assert rows(result(events).messages) == state(graph)
    (added,) = of(events, MessageAdded)
    assert added.origin.namespace == ()


@tool
def tells(tool_call_id: Annotated[str, InjectedToolCallId]) -> Command[Any]:
    """Write to the user, too."""
    done = ToolMessage("ok", tool_call_id=tool_call_id, name="tells")
    return Command(update={"messages": [done, AIMessage("By the way.")]})


@pytest.mark.parametrize("source", ALL)
def test_what_a_tool_puts_into_the_state_is_shown(source: str) -> None:
    asking = {"name": "tells", "args": {}, "id": "c1"}
    builder = StateGraph(MessagesState)
    builder.add_node("model", gives(AIMessage("", id="asks", tool_calls=[asking])))
    builder.add_node("tools", ToolNode([tells]))
    builder.add_edge(START, "model")
    builder.add_edge("model", "tools")
    events = read(source, builder.compile())
    told = [it.text for it in normalize(events, conversation) if it.type == "text.delta"]
    assert told == ["By the way."]
    assert b"By the way." in b"".join(normalize(events).pipe(ai_sdk.encoder()))
