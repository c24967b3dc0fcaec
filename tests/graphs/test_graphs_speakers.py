"""Who speaks, and on behalf of which call: agents, names and calls in the origins of events."""

from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.callbacks import dispatch_custom_event
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Send

from run_sources import RUNS, SOURCES, TOKENS, read, result, rows, state
from small_graphs import (
    LANGGRAPH,
    OWN,
    OWN_SYNC,
    TASKS,
    asks,
    calling,
    chain,
    each_alone,
    gives,
    of,
    says,
)
from streamkit import Custom, MessageEnd, MessageStart, ToolEnd, ToolStart
from streamkit.filters import agents, inside_tools

KNOWS_CALLS = [*(it for it in RUNS if it != "log"), TASKS]
"""The log leaves out what a node is given."""


@tool
def look(city: str, config: RunnableConfig) -> str:
    """Ask a model."""
    return str(says(f"{city} is sunny").invoke("?", config).content)


def sends(*tools: Any) -> Any:
    """A node that runs the one call it is sent."""
    by_name = {it.name: it for it in tools}

    def run(call: Any, config: RunnableConfig) -> Any:
        return {"messages": [by_name[call["name"]].invoke({**call, "type": "tool_call"}, config)]}

    return run


def two_cities() -> Any:
    return calling(("c1", "look", '{"city": "Rome"}'), ("c2", "look", '{"city": "Oslo"}'))


# --- agents


@pytest.mark.parametrize("source", RUNS)
def test_a_graph_with_a_name_is_an_agent(source: str) -> None:
    inner = chain(asks(says("three")), name="math")
    events = read(source, chain(inner, asks(says("so, three"))))
    speakers = {it.text: it.origin.agent for it in of(events, MessageEnd)}
    assert speakers == {"three": "math", "so, three": None}
    keep = agents("math").stage()
    assert [it.text for event in events for it in keep(event) if isinstance(it, MessageEnd)] == [
        "three"
    ]


@pytest.mark.skipif("v3" not in SOURCES, reason="this LangGraph has no version 3")
def test_version_3_calls_a_subgraph_by_its_node() -> None:
    """Unless an agent of LangChain's says its name: its lifecycle has no other."""
    inner = chain(asks(says("three")), name="math")
    events = read("v3", chain(inner, asks(says("so, three"))))
    speakers = {it.text: it.origin.agent for it in of(events, MessageEnd)}
    assert speakers == {"three": "a", "so, three": None}


@pytest.mark.parametrize("source", RUNS)
def test_the_outermost_graph_may_be_the_agent(source: str) -> None:
    events = read(source, chain(asks(says("alone")), name="solo"))
    assert [it.origin.agent for it in of(events, MessageEnd)] == ["solo"]


@pytest.mark.parametrize("source", [it for it in SOURCES if it != "v3"])
def test_a_graph_without_a_name_is_no_agent(source: str) -> None:
    events = read(source, chain(chain(asks(says("nobody")))))
    assert {it.origin.agent for it in events} == {None}


# --- calls


@pytest.mark.parametrize("source", KNOWS_CALLS)
def test_what_happens_inside_a_tool_has_its_call(source: str) -> None:
    events = read(source, each_alone(sends(look), two_cities()))
    behind = {it.text: it.origin.tool_call_id for it in of(events, MessageEnd)}
    assert behind == {"": None, "Rome is sunny": "c1", "Oslo is sunny": "c2", "all done": None}
    assert [it.origin.tool_call_id for it in of(events, ToolStart, ToolEnd)] == [None] * 4


@pytest.mark.parametrize("source", TOKENS)
def test_the_text_leaves_out_what_tools_say(source: str) -> None:
    events = read(source, each_alone(sends(look), two_cities()))
    keep = (~inside_tools).stage()
    kept = [it for event in events for it in keep(event)]
    assert [it.text for it in of(kept, MessageEnd)] == ["", "all done"]


@pytest.mark.parametrize("source", KNOWS_CALLS)
def test_an_agent_inside_a_tool_acts_for_the_call_of_that_tool(source: str) -> None:
    @tool
    def inner_look(city: str) -> str:
        """Look."""
        return f"{city} is sunny"

    @tool
    def delegate(city: str, config: RunnableConfig) -> str:
        """Run an agent."""
        model = calling(("i1", "inner_look", f'{{"city": "{city}"}}'), then=f"saw {city}")
        agent = each_alone(sends(inner_look), model, name="scout")
        return str(agent.invoke({"messages": [HumanMessage("go")]}, config)["messages"][-1].content)

    model = calling(("c1", "delegate", '{"city": "Rome"}'))
    events = read(source, each_alone(sends(delegate), model))
    behind = {it.text: it.origin.tool_call_id for it in of(events, MessageEnd)}
    assert behind["saw Rome"] == "c1"
    assert behind["all done"] is None
    if source in {OWN, OWN_SYNC, "events v2", "callbacks"}:
        starts = {it.name: it.origin.tool_call_id for it in of(events, ToolStart)}
        assert starts == {"delegate": None, "inner_look": "c1"}


@pytest.mark.skipif("v3" not in SOURCES, reason="this LangGraph has no version 3")
def test_version_3_knows_the_call_behind_an_agent_that_says_its_name() -> None:
    scout = chain(asks(says("saw it"))).with_config(metadata={"lc_agent_name": "scout"})

    @tool
    def delegate(city: str, config: RunnableConfig) -> str:
        """Run an agent."""
        return str(scout.invoke({"messages": [HumanMessage("go")]}, config)["messages"][-1].content)

    def run(calls: Any, config: RunnableConfig) -> Any:
        return {"messages": [delegate.invoke({**calls[0], "type": "tool_call"}, config)]}

    def route(state: Any) -> Any:
        return [Send("tools", [it]) for it in state["messages"][-1].tool_calls] or END

    builder = StateGraph(MessagesState).add_node("tools", run)
    builder.add_node("agent", asks(calling(("c1", "delegate", '{"city": "Rome"}'))))
    builder.add_edge(START, "agent").add_edge("tools", "agent")
    builder.add_conditional_edges("agent", route, ["tools", END])
    events = read("v3", builder.compile())
    behind = {it.text: (it.origin.agent, it.origin.tool_call_id) for it in of(events, MessageEnd)}
    assert behind == {"": (None, None), "saw it": ("scout", "c1"), "all done": (None, None)}


@pytest.mark.parametrize("source", [OWN, OWN_SYNC, "events v2", "callbacks"])
def test_a_dispatched_event_has_the_call_and_the_node_of_its_tool(source: str) -> None:
    @tool
    def ping(x: str, config: RunnableConfig) -> str:
        """Dispatch."""
        dispatch_custom_event("ping", {"x": x}, config=config)
        return x

    model = calling(("c1", "ping", '{"x": "a"}'), ("c2", "ping", '{"x": "b"}'))
    events = of(read(source, each_alone(sends(ping), model)), Custom)
    owners = {it.data["x"]: (it.origin.tool_call_id, it.origin.node) for it in events}
    assert owners == {"a": ("c1", "tools"), "b": ("c2", "tools")}


@pytest.mark.skipif(LANGGRAPH < (0, 6), reason="its writer says nothing of the graph it is in")
@pytest.mark.parametrize("source", [OWN, OWN_SYNC, TASKS])
def test_what_a_tool_writes_has_its_node_and_if_it_runs_alone_its_call(source: str) -> None:
    @tool
    def work(x: str) -> str:
        """Write."""
        get_stream_writer()({"x": x})
        return x

    alone = read(source, each_alone(sends(work), calling(("c1", "work", '{"x": "a"}'))))
    (written,) = of(alone, Custom)
    assert (written.origin.node, written.origin.tool_call_id) == ("tools", "c1")
    model = calling(("c1", "work", '{"x": "a"}'), ("c2", "work", '{"x": "b"}'))
    both = read(source, each_alone(sends(work), model))
    calls = {"a": "c1", "b": "c2"}
    for it in of(both, Custom):
        assert it.origin.tool_call_id in {None, calls[it.data["x"]]}


# --- names


@pytest.mark.parametrize("source", TOKENS)
def test_a_whole_message_starts_with_its_name(source: str) -> None:
    events = read(source, chain(gives(AIMessage("a line", id="m1", name="poet"))))
    assert [it.name for it in of(events, MessageStart)] == ["poet"]


@pytest.mark.parametrize("source", [it for it in SOURCES if it != "messages"])
def test_the_transcript_has_the_names_of_the_state(source: str) -> None:
    def named(state: Any) -> Any:
        answer = says("some words").invoke(state["messages"])
        answer.name = "critic"
        return {"messages": [answer, HumanMessage("well done", id="h2", name="fan")]}

    events = read(source, chain(named))
    assert rows(result(events).messages) == state(chain(named))
