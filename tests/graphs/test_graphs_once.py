"""What LangGraph tells several times, and without a name to know it by, is shown once."""

import operator
from collections.abc import Callable
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
from langgraph.types import Command

from small_graphs import (
    ALL_MODES,
    ASK,
    ASYNC_MODES,
    EVENTS,
    EVENTS_1,
    IGNORE_V1,
    LANGGRAPH,
    MODES,
    OWN,
    OWN_SYNC,
    SYNC,
    Facts,
    answer,
    asks,
    chain,
    facts,
    gives,
    normalize,
    of,
    run,
    says,
    transcript,
)
from streamkit import CallbackSource, MessageRemoved, StateUpdate, StepEnd
from streamkit.testing import check_stream

pytestmark = pytest.mark.filterwarnings(IGNORE_V1)

EVERY_API = (SYNC, EVENTS, EVENTS_1, MODES, ASYNC_MODES, ALL_MODES, OWN, OWN_SYNC)


class Plain(TypedDict):
    """A state that gives its messages no ids."""

    messages: Annotated[list[Any], operator.add]


def nested(depth: int, state: Any, make: Callable[[], list[Any]]) -> Any:
    """A graph of one node, in graphs of one node."""
    node: Any = lambda _: {"messages": make()}  # noqa: E731
    for _ in range(depth):
        node = chain(node, state=state)
    return node


def by_hand() -> list[Any]:
    return [AIMessage("by hand"), HumanMessage("said so"), SystemMessage("be nice")]


@pytest.mark.parametrize("api", EVERY_API)
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("state", [MessagesState, Plain])
def test_messages_without_ids(state: Any, depth: int, api: str) -> None:
    if state is Plain and depth > 1 and api == EVENTS_1:
        pytest.skip("its items are copies, and nothing tells one from another")
    told = facts(run(nested(depth, state, by_hand), api))
    assert told == Facts(messages=["by hand"], added=["said so", "be nice"])


@pytest.mark.parametrize("api", EVERY_API)
def test_messages_without_ids_before_a_models_own(api: str) -> None:
    def node(state: Any, config: RunnableConfig) -> Any:
        said = says(answer("as seen", 1, 1)).invoke(state["messages"], config)
        call: Any = {"name": "look", "args": {"at": 1}, "id": "c1"}
        asked = AIMessage("looking", tool_calls=[call])
        return {
            "messages": [AIMessage("well"), asked, ToolMessage("seen", tool_call_id="c1"), said]
        }

    events = run(chain(node), api)
    assert facts(events) == Facts(
        messages=["as seen", "well", "looking"],
        calls=[("c1", "look", {"at": 1})],
        tools=[("c1", "look", "seen")],
        usage=(1, 1),
    )
    if api != SYNC:  # which does not have the state
        assert [it.content for it in transcript(events)] == ["well", "looking", "seen", "as seen"]


HISTORY = Facts(added=["hi"])


@pytest.mark.parametrize(
    ("modes", "told"),
    [
        pytest.param(
            ["messages", "updates", "tasks"],
            Facts(),
            marks=pytest.mark.skipif(LANGGRAPH < (0, 6), reason="it has no tasks mode"),
        ),
        (["messages", "updates", "values"], Facts()),
        (["messages", "updates"], HISTORY),
        (["updates"], HISTORY),
    ],
)
def test_a_subgraph_that_adds_nothing(modes: list[str], told: Facts) -> None:
    """It returns what it was given, and nothing in an update tells that it is old."""
    raw = nested(2, MessagesState, list).stream(ASK, stream_mode=modes, subgraphs=True)
    assert facts(list(normalize(raw, strict=True))) == told


def makes_room() -> list[Any]:
    return [RemoveMessage(id="__remove_all__"), HumanMessage("what was said so far")]


@pytest.mark.skipif(LANGGRAPH < (0, 4), reason="it cannot remove all at once")
@pytest.mark.parametrize("api", EVERY_API)
def test_a_removal(api: str) -> None:
    events = run(nested(1, MessagesState, makes_room), api)
    assert facts(events) == Facts(added=["what was said so far"])
    assert [it.content for it in transcript(events)] == ["what was said so far"]


@pytest.mark.skipif(LANGGRAPH < (0, 4), reason="it cannot remove all at once")
@pytest.mark.parametrize("api", [EVENTS, OWN, OWN_SYNC])
def test_each_of_two_removals_is_one(api: str) -> None:
    node = gives(*makes_room())
    events = run(chain(node, node), api)
    assert facts(events) == Facts(added=["what was said so far"] * 2)
    gone = [it.message_id for it in of(events, MessageRemoved)]
    assert gone[0] == "ask"
    assert len(set(gone)) == len(gone) == 2
    assert [it.content for it in transcript(events)] == ["what was said so far"]


@pytest.mark.parametrize("modes", ["updates", ["updates", "custom"]], ids=str)
async def test_nodes_of_one_name_in_a_graph_and_its_subgraph_are_not_confused(modes: Any) -> None:
    """With ``subgraphs=True`` the root's chunks hold the updates of all graphs."""
    inner = chain(asks(says("inner a")), asks(says("inner b")))
    graph = chain(asks(says("outer a")), inner, asks(says("outer c")))
    source = graph.astream_events(ASK, version="v2", stream_mode=modes, subgraphs=True)
    events = [event async for event in normalize(source, strict=True)]
    check_stream(events)
    assert [it.content for it in transcript(events)] == ["outer a", "inner a", "inner b", "outer c"]
    assert [it.status for it in of(events, StepEnd) if it.kind == "node"] == ["completed"] * 5


def handing_off(depth: int) -> Any:
    """A node of a subgraph that leaves for a node of the graph around, with words of its own."""

    def leave(_: Any) -> Any:
        words = AIMessage("over to you", id="m1")
        return Command(goto="b", graph=Command.PARENT, update={"messages": [words]})

    builder = StateGraph(MessagesState)
    builder.add_node("a", chain(leave), destinations=("b",))
    builder.add_node("b", asks(says("thank you")))
    builder.add_edge(START, "a")
    graph = builder.compile()
    return chain(graph, asks(says("the end"))) if depth > 1 else graph


@pytest.mark.parametrize("depth", [1, 2])
def test_what_a_node_writes_to_the_graph_around_when_it_leaves_is_heard_by_a_handler(
    depth: int,
) -> None:
    source = CallbackSource()
    given = handing_off(depth).invoke(ASK, {"callbacks": [source.handler]})
    events = list(source.events())
    check_stream(events)
    assert [it.content for it in transcript(events)] == [
        it.content for it in given["messages"] if it.id != "ask"
    ]
    assert [it.node for it in of(events, StateUpdate)].count("a") == depth


async def test_a_jump_inside_a_subgraph_that_is_shown_late_ends_nothing() -> None:
    source = handing_off(2).astream_events(ASK, version="v2", subgraphs=True)
    events = [event async for event in normalize(source, strict=True)]
    check_stream(events)
    assert [it.content for it in transcript(events)][-2:] == ["thank you", "the end"]
