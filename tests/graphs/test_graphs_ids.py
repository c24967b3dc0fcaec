"""Ids that repeat or are missing: each run of a tool has its own result, each message its own id."""

from __future__ import annotations

import json
from threading import Event
from time import sleep
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
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Send

from small_graphs import (
    ALL_MODES,
    ASK,
    ASYNC,
    EVENTS,
    LANGGRAPH,
    MODES,
    OWN,
    OWN_SYNC,
    SYNC,
    TASKS,
    THREAD,
    add,
    agent,
    asks,
    attempt,
    call,
    calling,
    chain,
    finish,
    gives,
    of,
    result_of,
    run,
    says,
    usage,
)
from streamkit import (
    MessageAdded,
    MessageEnd,
    MessageRemoved,
    MessageStart,
    RunEnd,
    RunError,
    RunStart,
    StepEnd,
    ToolCallStart,
    ToolEnd,
    ToolStart,
    Unrecognized,
    normalize,
)
from streamkit.testing import check_stream
from streamkit.wire import agent_protocol, ndjson

SOURCES = (SYNC, ASYNC, EVENTS, MODES, TASKS, ALL_MODES, OWN, OWN_SYNC)


@tool
def weather(city: str) -> str:
    """The weather."""
    return f"{city} is sunny"


@tool
def humidity(city: str) -> str:
    """The humidity."""
    return f"{city} is dry"


def city(name: str) -> str:
    return json.dumps({"city": name})


def runs(events: list[Any]) -> list[Any]:
    """``(name, city, output)`` of every tool run."""
    tools: dict[str, Any] = {}
    done: list[Any] = []
    for event in of(events, ToolStart, ToolEnd):
        if isinstance(event, ToolStart):
            tools[event.tool_call_id] = (event.name, (event.input or {}).get("city"))
        else:
            done.append((*tools.pop(event.tool_call_id), event.output))
    assert not tools
    return sorted(done)


@pytest.mark.parametrize("api", SOURCES)
def test_one_id_for_two_calls_of_a_message(api: str) -> None:
    model = calling(("call_0", "weather", city("Paris")), ("call_0", "humidity", city("Rome")))
    events = run(agent(model, [weather, humidity]), api)
    check_stream(events)
    assert runs(events) == [
        ("humidity", "Rome", "Rome is dry"),
        ("weather", "Paris", "Paris is sunny"),
    ]
    written = [it.tool_call_id for it in of(events, ToolCallStart)]
    assert written == ["call_0", "call_0#2"]
    assert sorted(it.tool_call_id for it in of(events, ToolStart)) == written
    results = [it.content for it in result_of(events).messages if it.type == "tool"]
    assert sorted(results) == ["Paris is sunny", "Rome is dry"]


@pytest.mark.parametrize("api", SOURCES)
def test_calls_without_an_id(api: str) -> None:
    """Some servers leave it empty; each run has the id that its call has in our events."""
    calls = [("", "weather", city(it)) for it in ("Paris", "Rome")]
    whole = run(agent(calling(*calls), [weather]), api)
    options: Any = {"checkpointer": InMemorySaver(), "interrupt_before": ["tools"]}
    graph = agent(calling(("", "weather", city("Oslo")), then=""), [weather])
    earlier = graph.invoke(ASK)["messages"]
    graph = agent(calling(*calls), [weather], **options)
    paused = run(graph, api, {"messages": [*earlier, *ASK["messages"]]}, THREAD)
    resumed = run(graph, api, None, THREAD)
    written = sorted(it.tool_call_id for it in of(whole, ToolCallStart))
    assert sorted(it.tool_call_id for it in of(whole, ToolStart)) == written
    for events in (whole, resumed):
        outputs = ["Paris is sunny", "Rome is sunny"]
        assert sorted(it.output for it in of(events, ToolEnd)) == outputs
        assert len({it.tool_call_id for it in of(events, ToolStart)} - {""}) == 2
    assert not of(paused, ToolStart)


@pytest.mark.parametrize("api", [EVENTS, ALL_MODES, OWN, OWN_SYNC])
def test_calls_without_an_id_of_which_one_fails(api: str) -> None:
    @tool
    def look(city: str) -> str:
        """Look."""
        if city == "Oslo":
            raise ValueError(city)
        return f"{city} is there"

    calls = [("", "look", city(it)) for it in ("Oslo", "Rome")]
    graph = agent(calling(*calls), [look], checkpointer=InMemorySaver())
    result = normalize(run(graph, api, ASK, THREAD)).collect()
    assert result.messages == graph.get_state(THREAD).values["messages"][1:]
    statuses = {it.input["city"]: it.status for it in result.tools if it.input}
    assert statuses == {"Oslo": "failed", "Rome": "completed"}


@pytest.mark.parametrize("id", ["", "c1"])
def test_a_call_whose_id_the_tool_is_not_given_in_tools_mode(id: str) -> None:
    """LangGraph 1.2 reports the tool's run in its place, also where there is none."""
    metadata = {"langgraph_node": "agent"}
    call = {"id": id, "name": "look", "args": {"at": 1}}
    chunk = AIMessageChunk("", id="m", tool_calls=[call], chunk_position="last")
    started = {"event": "tool-started", "tool_name": "look", "input": {"at": 1}}
    ended = {"event": "tool-finished", "output": "seen"}
    tools = [("tools", {**it, "tool_call_id": "run-1"}) for it in (started, ended)]
    events = list(normalize([("messages", (chunk, metadata)), *tools], strict=True))
    (made,), (start,), (end,) = (of(events, it) for it in (ToolCallStart, ToolStart, ToolEnd))
    assert made.tool_call_id == start.tool_call_id == end.tool_call_id
    assert end.output == "seen"


@pytest.mark.skipif(LANGGRAPH < (1, 2), reason="there is no tools mode")
def test_a_node_that_passes_only_the_arguments_on() -> None:
    """LangGraph's own first example of an agent invokes its tools so."""

    def work(state: Any) -> Any:
        made = [(it, add.invoke(it["args"])) for it in state["messages"][-1].tool_calls]
        return {"messages": [ToolMessage(str(done), tool_call_id=it["id"]) for it, done in made]}

    model = calling(("c1", "add", '{"a": 1, "b": 2}'), ("c2", "add", '{"a": 1, "b": 2}'))
    modes = ["messages", "updates", "tools"]
    events = list(normalize(chain(asks(model), work).stream(ASK, stream_mode=modes), strict=True))
    assert [it.tool_call_id for it in of(events, ToolStart)] == ["c1", "c2"]
    assert [(it.tool_call_id, it.output) for it in of(events, ToolEnd)] == [
        ("c1", "3"),
        ("c2", "3"),
    ]


def test_the_result_of_a_call_without_an_id_in_messages_mode() -> None:
    asking = AIMessageChunk("", id="m", tool_calls=[{"id": "", "name": "look", "args": {}}])
    result = ToolMessage("seen", tool_call_id="", name="look")
    nodes = [{"langgraph_node": it, "langgraph_step": n} for n, it in enumerate(("model", "tools"))]
    events = list(normalize(zip((asking, result), nodes, strict=True)))
    (made,), (end,) = of(events, ToolCallStart), of(events, ToolEnd)
    assert (end.tool_call_id, end.output) == (made.tool_call_id, "seen")


def test_a_turn_that_one_update_holds_is_no_history() -> None:
    """Structured output is one: its call and its result, and later the same id again."""

    def turn(text: str) -> Any:
        call = {"id": "call_0", "name": "look", "args": {}}
        return gives(AIMessage(text, tool_calls=[call]), ToolMessage(text, tool_call_id="call_0"))

    graph = chain(turn("one"), turn("two"))
    items = graph.stream(ASK, stream_mode="updates")
    events = list(normalize(items, mode="updates", subgraphs=False, strict=True))
    assert [it.text for it in of(events, MessageEnd)] == ["one", "two"]
    assert [it.output for it in of(events, ToolEnd)] == ["one", "two"]


@pytest.mark.parametrize("api", SOURCES)
def test_one_id_in_every_turn(api: str) -> None:
    turns = [
        [call(0, "look:0", "weather", city(it)), finish("tool_calls"), usage(1, 1)]
        for it in ("Paris", "Rome", "Oslo")
    ]
    events = run(agent(says(*turns, "done"), [weather]), api)
    assert [it.output for it in of(events, ToolEnd)] == [
        "Paris is sunny",
        "Rome is sunny",
        "Oslo is sunny",
    ]
    assert {it.tool_call_id for it in of(events, ToolStart)} == {"look:0"}


@pytest.mark.parametrize("api", [MODES, TASKS, ALL_MODES, EVENTS, OWN, OWN_SYNC])
def test_a_result_under_the_id_of_a_call_that_another_agent_is_writing(api: str) -> None:
    has_begun = Event()
    begins = [call(0, "c1", "look", '{"at": '), has_begun.set, lambda: sleep(0.05)]
    inner = chain(asks(says([*begins, call(0, None, None, "3}"), finish("tool_calls")])))

    @tool
    def look(at: int) -> str:
        """Look while the other agent writes."""
        has_begun.wait(5)
        return f"seen {at}"

    @tool
    def delegate(to: str, config: RunnableConfig) -> str:
        """Ask another agent."""
        return str(inner.invoke({"messages": [HumanMessage(to)]}, config)["messages"][-1].id)

    builder = StateGraph(MessagesState)
    asked = [("s1", "delegate", '{"to": "bob"}'), ("c1", "look", '{"at": 1}')]
    builder.add_node("agent", asks(calling(*asked)))
    builder.add_node("tools", ToolNode([delegate, look]))
    builder.add_edge(START, "agent")
    each = lambda state: [Send("tools", [it]) for it in state["messages"][-1].tool_calls]  # noqa: E731
    builder.add_conditional_edges("agent", each, ["tools"])
    events = run(builder.compile(), api)
    ends = of(events, MessageEnd)
    assert {it.status for it in ends} == {"completed"}
    assert [it.args for end in ends if end.origin.namespace for it in end.tool_calls] == [{"at": 3}]
    assert ("look", "seen 1") in {(it.name, it.output) for it in of(events, ToolEnd)}


@pytest.mark.parametrize("api", SOURCES)
def test_one_id_for_the_answers_of_several_tasks(api: str) -> None:
    def fixed(*texts: str) -> Any:
        return asks(says([AIMessageChunk(content=it, id="fixed") for it in texts]))

    graph = chain(fixed("one"), fixed("two", " three"), checkpointer=InMemorySaver())
    for _ in range(2):  # and of several runs
        events = run(graph, api, ASK, THREAD)
        ends = [(it.message_id, it.text, it.status) for it in of(events, MessageEnd)]
        assert ends == [("fixed", "one", "completed"), ("fixed", "two three", "completed")]


@pytest.mark.skipif(LANGGRAPH < (1,), reason="its messages mode has no namespace of its own")
@pytest.mark.parametrize("api", [EVENTS, TASKS, ALL_MODES, OWN, OWN_SYNC])
def test_an_agent_whose_call_has_the_id_of_the_call_that_started_it(api: str) -> None:
    @tool
    def ask(city: str) -> str:
        """Ask an agent."""
        inner = agent(calling(("c1", "weather", json.dumps({"city": city}))), [weather])
        return str(inner.invoke(ASK)["messages"][-1].content)

    events = run(agent(calling(("c1", "ask", city("Paris"))), [ask]), api)
    check_stream(events)
    got = runs(events)
    assert ("ask", "Paris", "all done") in got
    assert [it for it in got if it[0] == "weather"] in (
        [],
        [("weather", "Paris", "Paris is sunny")],
    )


def nameless(state: Any) -> Any:
    return {"messages": [AIMessage("first"), AIMessage("second"), AIMessage("first")]}


@pytest.mark.parametrize("api", SOURCES)
def test_messages_without_an_id_get_the_states_or_a_new_one(api: str) -> None:
    graph = chain(nameless, checkpointer=InMemorySaver())
    ids: list[str] = []
    for _ in range(2):
        events = run(graph, api, ASK, THREAD)
        assert [it.text for it in of(events, MessageEnd)] == ["first", "second", "first"]
        ids += [it.message_id for it in of(events, MessageStart)]
    assert len(set(ids)) == 6
    if api in {SYNC, ASYNC, OWN, OWN_SYNC}:  # the others show them before the state has any
        state = {it.id for it in graph.get_state(THREAD).values["messages"]}
        assert set(ids) <= state


@pytest.mark.parametrize("items", [["Hel", "lo"], [AIMessage("Hello")]])
def test_streams_of_messages_without_ids(items: list[Any]) -> None:
    one, two = (of(normalize(items), MessageStart)[0].message_id for _ in range(2))
    assert one != two


# --- the thread


@pytest.mark.parametrize("api", SOURCES)
def test_the_run_has_its_thread(api: str) -> None:
    events = run(chain(asks(says("hello")), checkpointer=InMemorySaver()), api, ASK, THREAD)
    assert events[-1].origin.thread_id == "here"
    if api not in {TASKS, ALL_MODES}:  # whose first item has no metadata
        assert events[0].origin.thread_id == "here"
    assert isinstance(events[0], RunStart)
    assert isinstance(events[-1], RunEnd)


# --- who raised an error


@pytest.mark.parametrize("words", ["timed out", "something else"])
@pytest.mark.parametrize("api", [OWN, OWN_SYNC])
def test_equal_words_are_not_the_same_error(api: str, words: str) -> None:
    def handles(state: Any) -> Any:
        def fails(state: Any) -> Any:
            raise RuntimeError("timed out")

        try:
            chain(fails).invoke(state)
        except RuntimeError:
            return {"messages": [AIMessage("never mind")]}

    def fails_again(state: Any) -> Any:
        raise RuntimeError(words)

    events, error = attempt(chain(handles, fails_again), api)
    assert str(error) == words
    shown = [it.error.message for it in of(events, StepEnd) if it.error]
    assert shown == ["timed out", words]
    assert isinstance(events[-1], RunError)


# --- ids that are no text


@pytest.mark.parametrize(("given", "shown"), [(7, "7"), (2.5, "2.5")])
@pytest.mark.parametrize("api", [SYNC, EVENTS, OWN])
def test_the_number_of_a_thread_is_its_name(api: str, given: Any, shown: str) -> None:
    graph = chain(lambda _: {"messages": [AIMessage("Hi")]}, checkpointer=InMemorySaver())
    events = run(graph, api, ASK, {"configurable": {"thread_id": given}})
    assert {it.origin.thread_id for it in events} <= {None, shown}
    assert events[-1].origin.thread_id == shown
    sent = b"".join(map(ndjson.encode, events))
    assert len(ndjson.Decoder().feed(sent)) == len(events)


ODD_MESSAGES: list[Any] = [
    {"type": "ai", "id": {"a": 1}, "content": "x", "additional_kwargs": {}},
    {"type": "tool", "id": "t", "content": "x", "tool_call_id": ["c"], "additional_kwargs": {}},
    {"type": "tool", "content": "x", "name": 5, "tool_call_id": "c", "additional_kwargs": {}},
    {"type": "ai", "data": {"type": [None], "content": "x"}},
]


@pytest.mark.parametrize("odd", ODD_MESSAGES)
def test_json_whose_id_or_name_is_no_text_is_no_message(odd: Any) -> None:
    items: Any = [("updates", {"a": {"messages": [odd]}}), ("values", {"messages": [odd]})]
    stream = normalize(items)
    events = list(stream)
    assert not of(events, MessageStart)
    assert not of(events, ToolEnd)
    assert stream.result.messages == []
    sent = b"".join(normalize(events).pipe(agent_protocol.encoder()))
    assert sent.count(b'"content":"x"') == 2


@pytest.mark.parametrize("odd", [7, ["m"], {"a": 1}])
def test_a_message_whose_id_is_no_text_has_none(odd: Any) -> None:
    message, removal = HumanMessage("x"), RemoveMessage(id="m")
    message.id = removal.id = odd  # pydantic checks ids where messages are made, but not here
    items: Any = [
        ("values", {"messages": []}),
        ("updates", {"a": {"messages": [message]}}),
        ("updates", {"b": {"messages": [removal]}}),
        ("values", {"messages": [message]}),
    ]
    stream = normalize(items, strict=True)
    events = list(stream)
    assert len(of(events, MessageAdded)) == 1
    assert not of(events, MessageRemoved)
    assert stream.result.messages == [message]


def test_nodes_and_namespaces_that_are_no_text_are_unrecognized() -> None:
    items: Any = [
        ((), "updates", {1: {"a": 1}}),
        ((None,), "updates", {"a": {}}),
        ((), "custom", 1),
    ]
    assert len(of(list(normalize(items)), Unrecognized)) == 2


def test_a_block_with_the_id_of_a_call_of_the_provider_comes_any_number_of_times() -> None:
    call = {"type": "server_tool_call", "id": "s", "name": "search", "args": {}}
    result = {"type": "other", "id": "s"}
    message = AIMessage([call, result, dict(result), {"type": "other", "id": ["s"]}])
    result_of = normalize([(message, {"langgraph_node": "a"})]).collect()
    assert len(result_of.messages[0].content) == 3


# --- messages that nodes push


@pytest.mark.skipif(LANGGRAPH < (0, 6), reason="push_message is of 0.6")
@pytest.mark.parametrize("in_state", [True, False])
@pytest.mark.parametrize("api", [SYNC, ASYNC, MODES, OWN, OWN_SYNC, EVENTS])
def test_pushed_messages_are_shown_once(api: str, in_state: bool) -> None:
    from langgraph.graph.message import push_message

    def pushes(state: Any) -> Any:
        for number in "12":
            message = AIMessage(f"step {number}", id=f"p{number}")
            push_message(message, state_key="messages" if in_state else None)
        return {"messages": [AIMessage("the answer", id="a")]}

    told = sorted(it.text for it in of(run(chain(pushes), api), MessageEnd))
    if api == EVENTS and not in_state:  # which shows nothing but the state of them
        assert told == ["the answer"]
    else:
        assert told == ["step 1", "step 2", "the answer"]
