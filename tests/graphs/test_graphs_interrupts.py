"""Graphs that wait for somebody: each pause is shown once, where it was raised, and is no failure."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, interrupt

from small_graphs import (
    ALL_MODES,
    ASK,
    ASYNC,
    ASYNC_MODES,
    CORE,
    EVENTS,
    EVENTS_1,
    IGNORE_V1,
    LANGGRAPH,
    MODES,
    OWN,
    OWN_SYNC,
    SYNC,
    THREAD,
    Facts,
    add,
    agent,
    answer,
    asks,
    calling,
    chain,
    facts,
    of,
    parallel,
    result_of,
    run,
    says,
)
from streamkit import (
    Interrupt,
    MessageRemoved,
    MessageReplaced,
    RunStart,
    StateUpdate,
    StepEnd,
    ToolEnd,
    ToolStart,
    normalize,
)
from streamkit._drive._source import resume_of

pytestmark = pytest.mark.filterwarnings(IGNORE_V1)

MESSAGES = (SYNC, ASYNC)
TELLING = (EVENTS, EVENTS_1, MODES, ASYNC_MODES)
"""The APIs that show interrupts: ``messages`` mode alone has none."""


def runs(graph: Any, api: str, *inputs: Any) -> Iterator[list[Any]]:
    """The run, and its continuations."""
    return (run(graph, api, it, THREAD) for it in (ASK, *inputs))


def waits(value: Any = "go on?") -> Any:
    def wait(state: Any) -> Any:
        return {"messages": [AIMessage(f"got {interrupt(value)}")]}

    return wait


def saved() -> dict[str, Any]:
    return {"checkpointer": InMemorySaver()}


def paused(*values: Any, **rest: Any) -> Facts:
    return Facts(interrupts=list(values), status="interrupted", **rest)


# --- in a node


@pytest.mark.parametrize("api", TELLING)
@pytest.mark.parametrize("value", ["go on?", {"question": ["go on?"]}, None, 0])
def test_a_node_waits(value: Any, api: str) -> None:
    first, second = runs(chain(waits(value), **saved()), api, Command(resume="yes"))
    assert facts(first) == paused(value)
    (shown,) = of(first, Interrupt)
    assert (shown.static, shown.origin.namespace) == (False, ())
    assert facts(second) == Facts(messages=["got yes"])


def test_where_a_node_waits() -> None:
    graph = chain(asks(says("one")), waits(), **saved())
    first, second = runs(graph, EVENTS, Command(resume="yes"))
    (shown,) = of(first, Interrupt)
    assert (shown.origin.node, shown.origin.thread_id) == ("b", "here")
    assert [(it.origin.name, it.status) for it in of(first, StepEnd)] == [
        ("Says", "completed"),
        ("ask", "completed"),
        ("a", "completed"),
        ("b", "interrupted"),
        ("LangGraph", "interrupted"),
    ]
    (start,) = of(second, RunStart)
    assert start.input == Command(resume="yes")


@pytest.mark.parametrize("api", MESSAGES)
def test_messages_mode_cannot_tell(api: str) -> None:
    first, second = runs(chain(waits(), **saved()), api, Command(resume="yes"))
    assert facts(first) == Facts()
    assert facts(second) == Facts(messages=["got yes"])


@pytest.mark.parametrize("api", TELLING)
def test_a_node_waits_twice(api: str) -> None:
    def wait(state: Any) -> Any:
        return {"messages": [AIMessage(f"{interrupt('one?')} {interrupt('two?')}")]}

    graph = chain(wait, **saved())
    first, second, third = runs(graph, api, Command(resume="1"), Command(resume="2"))
    assert facts(first) == paused("one?")
    assert facts(second) == paused("two?")
    assert facts(third) == Facts(messages=["1 2"])
    ids = {of(events, Interrupt)[0].interrupt_id for events in (first, second)}
    assert len(ids) == (2 if LANGGRAPH >= (1, 2) else 1)  # older ones name the task, not the pause


@pytest.mark.parametrize("api", [*TELLING, OWN, ALL_MODES])
def test_a_model_speaks_before_its_node_waits(api: str) -> None:
    def wait(state: Any, config: RunnableConfig) -> Any:
        said = says(answer("before it", 1, 1)).invoke("hi", config)
        return {"messages": [said, AIMessage(interrupt("go on?"))]}

    first, second = runs(chain(wait, **saved()), api, Command(resume="after it"))
    assert facts(first) == paused("go on?", messages=["before it"], usage=(1, 1))
    # The node runs again from its beginning: what it said at first is in no state.
    assert facts(second) == Facts(messages=["before it", "after it"], usage=(1, 1))
    results = [result_of(events) for events in (first, second)]
    assert [[it.content for it in result.messages] for result in results] == [
        [],
        ["before it", "after it"],
    ]
    assert [it.content for it in results[0].side_messages] == ["before it"]


@pytest.mark.parametrize("api", TELLING)
def test_a_parallel_node_goes_on(api: str) -> None:
    graph = parallel(waits(), asks(says(answer("all the while", 1, 1))), **saved())
    first, second = runs(graph, api, Command(resume="yes"))
    assert facts(first) == paused("go on?", messages=["all the while"], usage=(1, 1))
    # What the finished node wrote is repeated, so that a new reader knows of it, but not paid again.
    assert facts(second) == Facts(messages=["all the while", "got yes"])
    assert [(it.node, it.cached) for it in of(second, StateUpdate)] == [("b", True), ("a", False)]


@pytest.mark.parametrize("api", [ALL_MODES, *TELLING])
@pytest.mark.parametrize("depth", [0, 1])
def test_a_node_waits_after_another_has_written(depth: int, api: str) -> None:
    def wait(_: Any) -> Any:
        time.sleep(0.05)
        interrupt("go on?")

    # The state that comes with the interrupt lacks the answer, and a later one has it again.
    graph = parallel(wait, asks(says(answer("written before", 1, 1))), **saved())
    first, _ = runs(chain(graph, **saved()) if depth else graph, api, Command(resume="yes"))
    assert facts(first) == paused("go on?", messages=["written before"], usage=(1, 1))
    assert not of(first, MessageRemoved, MessageReplaced)


# --- several at once


@pytest.mark.skipif(LANGGRAPH < (0, 6), reason="interrupts have no ids to resume them by")
@pytest.mark.parametrize("api", TELLING)
def test_two_nodes_wait_at_once_and_their_ids_resume_them(api: str) -> None:
    graph = parallel(waits("A?"), waits("B?"), **saved())
    first = run(graph, api, ASK, THREAD)
    assert facts(first).sorted() == paused("A?", "B?")
    answers = {it.interrupt_id: f"{it.value} yes" for it in of(first, Interrupt)}
    second = run(graph, api, Command(resume=answers), THREAD)
    assert facts(second).sorted() == Facts(messages=["got A? yes", "got B? yes"])


@pytest.mark.skipif(LANGGRAPH < (0, 6), reason="interrupts have no ids to resume them by")
@pytest.mark.parametrize("api", TELLING)
def test_of_two_pauses_one_is_answered(api: str) -> None:
    graph = parallel(waits("A?"), waits("B?"), **saved())
    first = run(graph, api, ASK, THREAD)
    ids = {it.value: it.interrupt_id for it in of(first, Interrupt)}
    second = run(graph, api, Command(resume={ids["A?"]: "yes"}), THREAD)
    assert facts(second) == paused("B?", messages=["got yes"])
    assert of(second, Interrupt)[0].interrupt_id == ids["B?"]


# --- breakpoints


@pytest.mark.parametrize("api", TELLING)
@pytest.mark.parametrize("where", [{"interrupt_before": ["b"]}, {"interrupt_after": ["a"]}])
def test_a_breakpoint(where: Any, api: str) -> None:
    graph = chain(asks(says("one")), asks(says("two")), **where, **saved())
    first, second = runs(graph, api, None)
    assert facts(first) == paused(None, messages=["one"])
    assert of(first, Interrupt)[0].static
    assert facts(second) == Facts(messages=["two"])


@pytest.mark.parametrize("api", [OWN, OWN_SYNC, *TELLING])
@pytest.mark.parametrize("where", [{"interrupt_before": ["b"]}, {"interrupt_after": ["a"]}])
def test_a_breakpoint_in_a_subgraph(where: Any, api: str) -> None:
    inner = chain(asks(says("one")), asks(says("two")), **where)
    first, second = runs(chain(chain(inner), **saved()), api, None)
    assert facts(first) == paused(None, messages=["one"])
    assert facts(second).interrupts == []
    assert "two" in facts(second).messages


# --- in a subgraph


@pytest.mark.parametrize("api", TELLING)
@pytest.mark.parametrize("depth", [1, 2])
def test_a_subgraph_goes_on(depth: int, api: str) -> None:
    _, second = runs(nested(depth), api, Command(resume="yes"))
    assert facts(second) == Facts(messages=["got yes"])


@pytest.mark.parametrize("api", TELLING)
@pytest.mark.parametrize("depth", [1, 2])
def test_a_subgraph_waits(depth: int, api: str) -> None:
    """LangGraph shows the pause once per graph around it; here it is shown once, innermost."""
    first = run(nested(depth), api, ASK, THREAD)
    assert facts(first) == paused("go on?")
    (shown,) = of(first, Interrupt)
    if api != EVENTS_1:  # which does not tell what lies in what
        assert [part.split(":")[0] for part in shown.origin.namespace] == ["a"] * depth


def nested(depth: int) -> Any:
    graph = waits()
    for _ in range(depth):
        graph = chain(graph)
    return chain(graph, **saved())


# --- in a tool


@tool
def hold(x: int) -> str:
    """Wait for somebody."""
    return f"held {interrupt(f'tool {x}?')}"


ONE = (("c1", "hold", '{"x": 1}'),)
TWO = (*ONE, ("c2", "hold", '{"x": 2}'))


@pytest.mark.parametrize("api", [EVENTS, MODES, ASYNC_MODES])
def test_a_tool_waits(api: str) -> None:
    first = run(agent(calling(*ONE), [hold], **saved()), api, ASK, THREAD)
    # Only events show tools while they run.
    tools = [("c1", "hold", (None, "interrupted"))] if api == EVENTS else []
    calls = [("c1", "hold", {"x": 1})]
    assert facts(first) == paused("tool 1?", messages=[""], calls=calls, tools=tools, usage=(5, 5))
    (shown,) = of(first, Interrupt)
    # Before langchain-core 1.0 nothing tells that the pause came out of the tool.
    assert shown.tool_call_id == ("c1" if api == EVENTS and CORE >= (1,) else None)


@pytest.mark.parametrize("api", [EVENTS, MODES, OWN, OWN_SYNC])
def test_a_tool_that_waits_has_no_message(api: str) -> None:
    events = run(agent(calling(*ONE), [hold], **saved()), api, ASK, THREAD)
    assert [it.type for it in normalize(events).messages()] == ["ai"]


@pytest.mark.parametrize("api", [EVENTS, MODES, ASYNC_MODES, OWN, OWN_SYNC])
def test_a_tool_goes_on(api: str) -> None:
    """Also where the state comes before its node starts."""
    _, second = runs(agent(calling(*ONE), [hold], **saved()), api, Command(resume="yes"))
    tools = [("c1", "hold", "held yes")]
    assert facts(second) == Facts(messages=["all done"], tools=tools, usage=(7, 7))


def test_two_tools_wait() -> None:
    """One of them is asked for at a time; the other one waits as well."""

    @tool("hold")
    async def ahold(x: int, config: RunnableConfig) -> str:
        """Wait for somebody, on the loop: the first one waits first."""
        return f"held {interrupt(f'tool {x}?')}"

    first = run(agent(calling(*TWO), [ahold], **saved()), EVENTS, ASK, THREAD)
    ends = of(first, ToolEnd)
    assert {it.tool_call_id: it.status for it in ends} == {"c1": "interrupted", "c2": "interrupted"}
    (shown,) = of(first, Interrupt)
    assert shown.value == "tool 1?"
    assert shown.tool_call_id == ("c1" if CORE >= (1,) else None)


def approves(state: Any) -> Any:
    """Ask for leave, and return the message that calls: as LangChain's middleware does."""
    interrupt("may it?")
    return {"messages": [state["messages"][-1]]}


def approving() -> Any:
    model = calling(("c1", "add", '{"a": 1, "b": 2}'))
    return chain(asks(model), approves, ToolNode([add]), asks(model), **saved())


ADDED = [("c1", "add", "3")]
GOES_ON = Facts(messages=["all done"], usage=(7, 7), tools=ADDED)
TOLD_AGAIN = Facts(
    messages=["", "all done"],
    calls=[("c1", "add", {"a": 1, "b": 2})],
    usage=(12, 12),
    tools=ADDED,
)
LISTS = [
    pytest.param(
        ["messages", "updates", "tasks"],
        marks=pytest.mark.skipif(LANGGRAPH < (0, 6), reason="it has no tasks mode"),
    ),
    ["messages", "updates", "values"],
    ["updates", "messages"],
    ["messages", "updates", "custom"],
]


def paused_graph(graph: Any) -> Any:
    graph.invoke(ASK, THREAD)
    return graph


@pytest.mark.parametrize("subgraphs", [False, True])
@pytest.mark.parametrize("modes", LISTS)
async def test_a_node_returns_what_it_asked_about(modes: list[str], subgraphs: bool) -> None:
    options: dict[str, Any] = {"stream_mode": modes, "subgraphs": subgraphs}
    yes = Command(resume="yes")
    raw = paused_graph(approving()).stream(yes, THREAD, **options)
    assert facts(list(normalize(raw, strict=True))) == GOES_ON
    raw = paused_graph(approving()).astream(yes, THREAD, **options)
    events = [it async for it in normalize(raw, strict=True)]
    assert facts(events) == GOES_ON
    assert not of(events, MessageReplaced)


def test_the_call_that_was_asked_about_is_known() -> None:
    modes = ["messages", "updates"]
    raw = paused_graph(approving()).stream(Command(resume="yes"), THREAD, stream_mode=modes)
    (started,) = of(normalize(raw, strict=True), ToolStart)
    assert started.input == {"a": 1, "b": 2}


def recorded(items: Iterator[Any]) -> Any:
    return list(items)


def wrapped(items: Iterator[Any]) -> Any:
    yield from items


@pytest.mark.parametrize("taken", [recorded, wrapped])
def test_a_source_that_does_not_say_it_is_resumed(taken: Any) -> None:
    """Updates alone do not tell that an earlier run has shown a message, and paid for it."""
    modes = ["messages", "updates"]
    raw = paused_graph(approving()).stream(Command(resume="yes"), THREAD, stream_mode=modes)
    assert facts(list(normalize(taken(raw), strict=True))) == TOLD_AGAIN


def test_updates_without_messages_mode_are_all_there_is() -> None:
    raw = paused_graph(approving()).stream(Command(resume="yes"), THREAD, stream_mode=["updates"])
    assert facts(list(normalize(raw, strict=True))) == TOLD_AGAIN


def changes(state: Any) -> Any:
    asking = state["messages"][-1]
    calls = [{**asking.tool_calls[0], "args": interrupt("with what?")["args"]}]
    return {"messages": [AIMessage("", id=asking.id, tool_calls=calls)]}


def test_an_answer_with_other_arguments_changes_the_message() -> None:
    model = calling(("c1", "add", '{"a": 1, "b": 2}'))
    graph = paused_graph(chain(asks(model), changes, ToolNode([add]), asks(model), **saved()))
    given = Command(resume={"args": {"a": 2, "b": 2}})
    raw = graph.stream(given, THREAD, stream_mode=["messages", "updates"])
    events = list(normalize(raw, strict=True))
    assert facts(events) == replace(GOES_ON, tools=[("c1", "add", "4")])
    (changed,) = of(events, MessageReplaced)
    assert changed.message.tool_calls[0]["args"] == {"a": 2, "b": 2}
    assert changed.message_id == graph.get_state(THREAD).values["messages"][1].id


CALL = {"name": "add", "args": {"a": 1, "b": 2}, "id": "n1", "type": "tool_call"}
NEW = AIMessage("new", id="new", tool_calls=[CALL])


def hands_over(_: Any) -> Any:
    done = ToolMessage("handed over", tool_call_id="n1", id="n2")
    return Command(graph=Command.PARENT, update={"messages": [NEW, done]})


def internal_model(_: Any) -> Any:
    model = says([AIMessageChunk("new", id="new", tool_calls=[CALL], tool_call_chunks=[])])
    return {"messages": [model.with_config(tags=["nostream"]).invoke("go")]}


@pytest.mark.parametrize("subgraphs", [False, True])
@pytest.mark.parametrize(
    "node",
    [
        pytest.param(lambda _: {"messages": [NEW]}, id="a message of its own"),
        pytest.param(lambda _: Command(update={"messages": [NEW]}), id="a command"),
        pytest.param(lambda _: {"messages": NEW}, id="no list"),
        pytest.param(
            lambda _: {"messages": [{**NEW.model_dump(), "role": "assistant"}]}, id="a dict"
        ),
        pytest.param(internal_model, id="a model that is not streamed"),
        pytest.param(chain(hands_over), id="a handoff to the graph around"),
        pytest.param(chain(lambda _: {"messages": [NEW]}), id="a subgraph"),
    ],
)
def test_a_new_message_with_calls_is_shown_after_a_pause(node: Any, subgraphs: bool) -> None:
    graph = paused_graph(chain(waits(), node, **saved()))
    options: dict[str, Any] = {"stream_mode": ["messages", "updates"], "subgraphs": subgraphs}
    raw = graph.stream(Command(resume="yes"), THREAD, **options)
    events = list(normalize(raw, strict=True))
    assert facts(events).messages == ["got yes", "new"]
    assert graph.get_state(THREAD).values["messages"][2].content == "new"


@pytest.mark.parametrize("api", [EVENTS, EVENTS_1, SYNC, ASYNC])
def test_a_node_returns_what_it_asked_about_elsewhere(api: str) -> None:
    _, second = runs(approving(), api, Command(resume="yes"))
    assert facts(second) == GOES_ON


@pytest.mark.parametrize(
    ("modes", "known"),
    [
        (["messages", "updates"], "yes"),
        (["updates", "values"], None),
        (["messages"], None),
        ("updates", None),
    ],
)
def test_what_a_graph_is_resumed_with_is_known_where_both_modes_are_streamed(
    modes: Any, known: str | None
) -> None:
    source = chain(asks(says("Hi"))).stream(Command(resume="yes"), THREAD, stream_mode=modes)
    assert resume_of(source) == known


@pytest.mark.parametrize("api", [OWN, OWN_SYNC, EVENTS])
def test_an_agent_in_a_tool_waits_in_a_call_with_the_id_of_its_own(api: str) -> None:
    """The run that resumes has seen neither call: both have the id ``c1``."""

    @tool
    def colour(of: str) -> str:
        """Ask for a colour."""
        return f"{of} is {interrupt('Which colour?')}"

    inner = agent(calling(("c1", "colour", '{"of": "sky"}'), then="it is blue"), [colour])

    @tool
    def research(q: str, config: RunnableConfig) -> str:
        """Ask an agent."""
        answer: str = inner.invoke({"messages": [("human", q)]}, config)["messages"][-1].content
        return answer

    graph = agent(calling(("c1", "research", '{"q": "x"}')), [research], **saved())
    _, second = runs(graph, api, Command(resume="blue"))
    assert [(it.name, it.output) for it in of(second, ToolEnd)] == [
        ("colour", "sky is blue"),
        ("research", "it is blue"),
    ]
    assert [it.name for it in of(second, ToolStart)] == ["research", "colour"]


@pytest.mark.parametrize("api", [OWN, OWN_SYNC, EVENTS])
def test_a_tool_that_is_invoked_with_the_arguments_of_the_answer_answers_its_call(api: str) -> None:
    """The call's message is of an earlier run, and the node that asked has edited it."""

    def ask(state: Any) -> Any:
        (call,) = state["messages"][-1].tool_calls
        edited = {**call, "args": interrupt(call["args"])}
        message = AIMessage("", id=state["messages"][-1].id, tool_calls=[edited])
        return {"messages": [message]}

    def work(state: Any) -> Any:
        (call,) = state["messages"][-1].tool_calls
        return {"messages": [ToolMessage(str(add.invoke(call["args"])), tool_call_id=call["id"])]}

    model = calling(("c1", "add", '{"a": 1, "b": 2}'))
    graph = chain(asks(model), ask, work, checkpointer=InMemorySaver())
    run(graph, api, ASK, THREAD)
    events = run(graph, api, Command(resume={"a": 9, "b": 9}), THREAD)
    assert [(it.tool_call_id, it.output) for it in of(events, ToolEnd)] == [("c1", "18")]
