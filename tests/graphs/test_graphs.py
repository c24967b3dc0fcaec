"""The structure of graphs: brackets, subgraphs, jumps, parallel nodes and the order of things."""

import asyncio
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, Send

from small_graphs import (
    ALL_APIS,
    APIS,
    ASK,
    ASYNC,
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
    answer,
    asks,
    chain,
    facts,
    of,
    parallel,
    result_of,
    run,
    says,
    source,
)
from streamkit import MessageEnd, MessageStart, StateUpdate, StepEnd, StepStart, normalize
from streamkit.testing import check_stream

pytestmark = pytest.mark.filterwarnings(IGNORE_V1)

MESSAGES = (SYNC, ASYNC)
UNTIL_CORE_1 = CORE < (1,)


def steps(events: list[Any]) -> list[tuple[str, str]]:
    """The steps in the order they began, without those of the models' wrappers."""
    starts = of(events, StepStart)
    return [(it.kind, it.origin.name) for it in starts if it.kind in {"graph", "node"}]


# --- brackets


def test_nodes_lie_in_their_graph_and_updates_in_their_nodes() -> None:
    events = run(chain(asks(says("one")), asks(says("two"))), EVENTS)
    shown = [it for it in events if not (isinstance(it, (StepStart, StepEnd)) and is_inner(it))]
    assert [
        (it.type, it.origin.node)
        for it in shown
        if it.type in {"step.start", "step.end", "message.start", "message.end", "state.update"}
    ] == [
        ("step.start", None),
        ("step.start", "a"),
        ("message.start", "a"),
        ("message.end", "a"),
        ("state.update", "a"),
        ("step.end", "a"),
        ("step.start", "b"),
        ("message.start", "b"),
        ("message.end", "b"),
        ("state.update", "b"),
        ("step.end", "b"),
        ("step.end", None),
    ]


def is_inner(event: Any) -> bool:
    return event.kind not in {"graph", "node"}


def test_the_run_says_what_went_in_and_what_came_out() -> None:
    start, *_, end = run(chain(asks(says("one"))), EVENTS)
    assert start.input == ASK
    assert [message.content for message in end.output["messages"]] == ["hi", "one"]
    assert start.run_id == end.origin.run_id == start.origin.run_id


@pytest.mark.parametrize("api", ALL_APIS)
def test_where_events_come_from(api: str) -> None:
    events = run(chain(asks(says("one")), asks(says("two"))), api, ASK, THREAD)
    assert [
        (it.origin.node, it.origin.step, it.origin.thread_id) for it in of(events, MessageStart)
    ] == [("a", 1, "here"), ("b", 2, "here")]
    if api != EVENTS_1:  # which has no metadata for its root
        assert events[0].origin.thread_id == events[-1].origin.thread_id == "here"


def test_graphs_with_names() -> None:
    """Upstream does not say at its start that a named run is a graph, but a node is always one."""
    inner = chain(asks(says("one")), name="a")
    events = run(chain(inner, name="top"), EVENTS)
    assert [name for kind, name in steps(events) if kind == "node"] == ["a", "a"]
    if LANGGRAPH >= (1, 2):
        assert steps(events)[0] == ("graph", "top")
    assert steps(run(chain(chain(asks(says("one")))), EVENTS)) == [
        ("graph", "LangGraph"),
        ("node", "a"),
        ("graph", "LangGraph"),
        ("node", "a"),
    ]


def test_sync_equals_async() -> None:
    """The same graph gives the same events, apart from when, and under what ids."""
    graph = chain(asks(says(answer("one", 1, 2))), lambda _: {"messages": AIMessage("own", id="x")})
    types = [[event.type for event in run(graph, api)] for api in MESSAGES]
    assert types[0] == types[1]


# --- one after the other


@pytest.mark.parametrize("api", ALL_APIS)
def test_two_models_in_one_node(api: str) -> None:
    async def acall(state: Any, config: RunnableConfig) -> Any:
        said = [await says(text).ainvoke("hi", config) for text in ("one", "two")]
        return {"messages": said}

    def call(state: Any, config: RunnableConfig) -> Any:
        return {"messages": [says(text).invoke("hi", config) for text in ("one", "two")]}

    graph = chain(RunnableLambda(call, acall))
    assert facts(run(graph, api)) == Facts(messages=["one", "two"])


@pytest.mark.parametrize("api", MESSAGES)
def test_the_last_words_are_the_answer(api: str) -> None:
    def call(state: Any, config: RunnableConfig) -> Any:
        return {"messages": [says(text).invoke("hi", config) for text in ("one", "two")]}

    async def read(raw: Any) -> Any:
        return await normalize(raw).collect()

    raw = source(chain(call), api)
    result = normalize(raw).collect() if api == SYNC else asyncio.run(read(raw))
    assert result.text == "two"
    assert [message.content for message in result.messages] == ["one", "two"]


# --- at once


@pytest.mark.parametrize("api", ALL_APIS)
def test_one_node_sent_to_several_times_at_once(api: str) -> None:
    def model(state: Any) -> Any:
        return says(answer(f"for {state['number']}", 1, 1), pace=0.001)

    def work(state: Any, config: RunnableConfig) -> Any:
        return {"messages": [model(state).invoke("hi", config)]}

    async def awork(state: Any, config: RunnableConfig) -> Any:
        return {"messages": [await model(state).ainvoke("hi", config)]}

    builder = StateGraph(MessagesState)
    builder.add_node("plan", lambda _: {})
    builder.add_node("work", RunnableLambda(work, awork))
    builder.add_edge(START, "plan")
    sent = [Send("work", {"number": number}) for number in range(4)]
    builder.add_conditional_edges("plan", lambda _: sent, ["work"])
    events = run(builder.compile(), api)
    assert facts(events).sorted() == Facts(
        messages=["for 0", "for 1", "for 2", "for 3"], usage=(4, 4)
    )
    tasks = {it.origin.metadata["langgraph_checkpoint_ns"] for it in of(events, MessageEnd)}
    assert len(tasks) == 4
    if api in {EVENTS, EVENTS_1}:
        assert [it.node for it in of(events, StateUpdate)] == ["plan", *["work"] * 4]
        assert sorted(name for _, name in steps(events)) == ["LangGraph", "plan", *["work"] * 4]


@pytest.mark.parametrize("api", ALL_APIS)
def test_parallel_nodes_of_different_pace(api: str) -> None:
    slow, fast = says("s l o w", pace=0.003), says("fast", pace=0.001)
    events = run(parallel(asks(slow), asks(fast)), api)
    assert facts(events).sorted() == Facts(messages=["fast", "s l o w"])
    assert {it.text: it.origin.node for it in of(events, MessageEnd)} == {
        "s l o w": "a",
        "fast": "b",
    }


# --- subgraphs


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_subgraph_and_a_node_after_it(api: str) -> None:
    inner = chain(asks(says(answer("inner words", 1, 1))))
    events = run(chain(inner, asks(says(answer("outer words", 2, 2)))), api)
    assert facts(events) == Facts(messages=["inner words", "outer words"], usage=(3, 3))


@pytest.mark.parametrize("api", ALL_APIS)
@pytest.mark.parametrize("depth", [1, 2])
def test_a_message_from_a_subgraph_is_shown_once_where_it_was_said(depth: int, api: str) -> None:
    graph = asks(says(answer("inner words", 1, 1)))
    for _ in range(depth + 1):
        graph = chain(graph)
    events = run(graph, api)
    assert facts(events) == Facts(messages=["inner words"], usage=(1, 1))
    namespace = of(events, MessageEnd)[0].origin.namespace
    nodes = [part.split(":")[0] for part in namespace]
    if api in MESSAGES and LANGGRAPH >= (0, 6):
        assert nodes == []  # without `subgraphs=True` it shows at the outermost node
    else:
        assert nodes == ["a"] * depth


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_subgraph_called_by_a_function(api: str) -> None:
    inner = chain(asks(says("inner words")))

    def calls(state: Any, config: RunnableConfig) -> Any:
        return {"messages": inner.invoke(state, config)["messages"]}

    assert facts(run(chain(calls), api)) == Facts(messages=["inner words"])


# --- jumps


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_command_goes_to_another_node(api: str) -> None:
    going = Command(goto="c", update={"messages": [AIMessage("going", id="g")]})
    builder = StateGraph(MessagesState)
    builder.add_node("a", lambda _: going)
    builder.add_node("b", asks(says("never")))
    builder.add_node("c", asks(says("there")))
    builder.add_edge(START, "a")
    assert facts(run(builder.compile(), api)) == Facts(messages=["going", "there"])


def jumper(leaves: Any) -> Any:
    """A graph whose first node is a subgraph that leaves for the second one."""
    builder = StateGraph(MessagesState)
    builder.add_node("a", chain(leaves))
    builder.add_node("b", asks(says("landed")))
    builder.add_edge(START, "a")
    builder.add_edge("b", END)
    return builder.compile()


def jump(state: Any, config: RunnableConfig) -> Any:
    said = says("off we go").invoke("hi", config)
    return Command(graph=Command.PARENT, goto="b", update={"messages": [said]})


@pytest.mark.parametrize("api", APIS)
def test_a_jump_to_the_parent_graph(api: str) -> None:
    """A jump's update does not reach ``messages`` mode, and its nodes have no ends in events."""
    messages = ["off we go", "landed"]
    if api in MESSAGES and LANGGRAPH >= (0, 6):
        messages.remove("off we go")
    assert facts(run(jumper(jump), api)) == Facts(messages=messages)


LEFT = Command(graph=Command.PARENT, goto="b", update={"messages": [AIMessage("bye", id="x")]})


def test_what_a_jump_writes_is_shown() -> None:
    events = run(jumper(lambda _: LEFT), EVENTS)
    assert facts(events) == Facts(messages=["bye", "landed"])
    assert [it.node for it in of(events, StateUpdate)] == ["a", "b"]


@pytest.mark.parametrize("api", [EVENTS, MODES, OWN, OWN_SYNC])
def test_what_a_jump_inside_a_subgraph_writes_is_shown(api: str) -> None:
    """Of the graphs inside, events have no chunks: the next node's input shows what was written."""
    events = run(chain(jumper(lambda _: LEFT)), api)
    assert facts(events) == Facts(messages=["bye", "landed"])
    assert [it.content for it in result_of(events).messages] == ["bye", "landed"]
    if api == EVENTS:
        assert of(before(events, "b"), StepEnd)[-1].origin.name == "a"


async def test_a_jump_to_the_end_of_a_subgraph_whose_chunks_are_streamed() -> None:
    """Its update may come after the end of all of it."""
    builder = StateGraph(MessagesState)
    builder.add_node("a", chain(lambda _: Command(graph=Command.PARENT, update=LEFT.update)))
    builder.add_edge(START, "a")
    graph = chain(builder.compile(), lambda _: None)
    raws = graph.astream_events(ASK, version="v2", subgraphs=True)
    events = [event async for event in normalize(raws, strict=True)]
    check_stream(events)
    assert facts(events) == Facts(messages=["bye"])


def test_a_node_that_jumped_ends_before_its_successor_starts() -> None:
    events = run(jumper(jump), EVENTS)
    ends = {(it.origin.name, it.origin.namespace) for it in of(before(events, "b"), StepEnd)}
    assert ("a", ()) in ends


def before(events: list[Any], node: str) -> list[Any]:
    """The events before the first one from ``node``."""
    first = next(number for number, it in enumerate(events) if it.origin.node == node)
    return events[:first]
