"""What is written to a graph's stream in our own calls has the node and the call of its writer."""

import asyncio
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_store, get_stream_writer
from langgraph.prebuilt import ToolNode
from langgraph.store.memory import InMemoryStore
from langgraph.types import StreamWriter
from test_graphs_speakers import sends

from run_sources import read
from small_graphs import (
    ASK,
    LANGGRAPH,
    OWN,
    OWN_SYNC,
    agent,
    calling,
    chain,
    each_alone,
    of,
    parallel,
)
from streamkit import Custom, StateSnapshot, astream, stream
from streamkit.filters import only

BOTH = pytest.mark.parametrize("source", [OWN, OWN_SYNC])
pytestmark = pytest.mark.skipif(LANGGRAPH < (0, 6), reason="its writer cannot be replaced")

TWO = (("c1", "work", '{"x": "a"}'), ("c2", "work", '{"x": "b"}'))
OWNERS = {("a", "c1", "tools"), ("b", "c2", "tools")}


@tool
def work(x: str) -> str:
    """Write twice."""
    get_stream_writer()(x)
    get_stream_writer()(x)
    return x


@tool("work")
async def works_async(x: str) -> str:
    """Write, wait for the others, write."""
    write = get_stream_writer()
    write(x)
    await asyncio.sleep(0.01)
    write(x)
    return x


def owners(events: list[Any]) -> set[tuple[Any, Any, Any]]:
    return {(it.data, it.origin.tool_call_id, it.origin.node) for it in of(events, Custom)}


@BOTH
def test_tools_that_one_node_runs_at_once(source: str) -> None:
    events = read(source, agent(calling(*TWO), [work]))
    assert owners(events) == OWNERS
    assert len(of(events, Custom)) == 4


@BOTH
def test_tools_that_have_a_task_each(source: str) -> None:
    assert owners(read(source, each_alone(sends(work), calling(*TWO)))) == OWNERS


@pytest.mark.parametrize("node", [ToolNode, None])
def test_async_tools_take_turns(node: Any) -> None:
    async def run(call: Any, config: RunnableConfig) -> Any:
        return {"messages": [await works_async.ainvoke({**call, "type": "tool_call"}, config)]}

    model = calling(*TWO)
    graph = agent(model, [works_async]) if node else each_alone(run, model)
    events = list(asyncio.run(_all(graph)))
    assert owners(events) == OWNERS
    assert [it.data for it in of(events, Custom)] == ["a", "b", "a", "b"]


async def _all(graph: Any, *stages: Any, **options: Any) -> list[Any]:
    async with astream(graph, ASK, None, *stages, **options) as events:
        return [event async for event in events]


@BOTH
def test_the_writer_that_a_tool_is_given(source: str) -> None:
    prebuilt = pytest.importorskip("langgraph.prebuilt")
    if not hasattr(prebuilt, "ToolRuntime"):
        pytest.skip("this LangGraph has no ToolRuntime")

    def work(x: str, runtime: Any) -> str:
        """Write with the runtime."""
        runtime.stream_writer(x)
        return x

    work.__annotations__["runtime"] = prebuilt.ToolRuntime
    assert owners(read(source, agent(calling(*TWO), [tool(work)]))) == OWNERS


@BOTH
def test_an_agent_inside_a_tool(source: str) -> None:
    """What its tools write has their calls, what its nodes write has the call around it."""

    def tells(state: Any, writer: StreamWriter) -> None:
        writer(f"node of {state['messages'][0].content}")

    @tool("work")
    def delegate(x: str) -> str:
        """Run an agent."""
        inner = agent(calling((f"{x}1", "work", f'{{"x": "{x}-in"}}')), [work])
        inner.invoke({"messages": [HumanMessage(x)]})
        chain(tells).invoke({"messages": [HumanMessage(x)]})
        return x

    assert owners(read(source, agent(calling(*TWO), [delegate]))) == {
        ("a-in", "a1", "tools"),
        ("b-in", "b1", "tools"),
        ("node of a", "c1", "a"),
        ("node of b", "c2", "a"),
    }


@BOTH
def test_nodes_that_run_at_once(source: str) -> None:
    def writes(data: str) -> Any:
        def node(state: Any, writer: StreamWriter) -> None:
            writer(data)

        return node

    found = owners(read(source, parallel(writes("one"), writes("two"))))
    assert found == {("one", None, "a"), ("two", None, "b")}


def test_what_a_tool_leaves_behind_has_no_call_of_another() -> None:
    left: list[Any] = []

    @tool
    async def leave(x: str) -> str:
        """End before what it started."""

        async def late() -> None:
            await asyncio.sleep(0.02)
            get_stream_writer()("late")

        left.append(asyncio.create_task(late()))
        return x

    @tool
    async def wait(x: str) -> str:
        """Take longer."""
        await asyncio.sleep(0.05)
        return x

    model = calling(("c1", "leave", '{"x": "a"}'), ("c2", "wait", '{"x": "b"}'))
    assert owners(asyncio.run(_all(agent(model, [leave, wait])))) == {("late", None, "tools")}


@BOTH
@pytest.mark.parametrize("payload", [None, 5, ("messages", 1), ((), "updates", {})], ids=repr)
def test_any_payload_is_handed_on_as_it_is(source: str, payload: Any) -> None:
    def node(state: Any, writer: StreamWriter) -> None:
        writer(payload)

    assert [it.data for it in of(read(source, chain(node)), Custom)] == [payload]


# --- nothing else of the call changes


def test_the_graph_keeps_its_store() -> None:
    store = InMemoryStore()
    seen: list[Any] = []
    graph = chain(lambda state: seen.append(get_store()))
    graph.store = store
    list(stream(graph, ASK))
    assert seen == [store]


def test_a_call_inside_a_node_keeps_what_is_around_it() -> None:
    """The outer graph's store, and its own writer; what the inner one writes is the inner's."""
    store = InMemoryStore()
    seen: list[Any] = []

    def inner(state: Any, writer: StreamWriter) -> None:
        seen.append(get_store())
        writer("inner")

    def outer(state: Any, config: RunnableConfig, writer: StreamWriter) -> None:
        for given in (None, config):
            seen.append(owners(list(stream(chain(inner), ASK, given))))
        writer("outer")

    graph = chain(outer)
    graph.store = store
    assert owners(list(stream(graph, ASK))) == {("outer", None, "a")}
    assert seen == [store, {("inner", None, "a")}] * 2


def test_a_thread_that_is_missing_is_said_by_the_graph() -> None:
    graph = chain(lambda state: None)
    graph.checkpointer = InMemorySaver()
    with pytest.raises(ValueError, match="thread_id"):
        list(stream(graph, ASK))


def test_the_config_keeps_what_is_bound_to_the_graph() -> None:
    seen: list[Any] = []

    def node(state: Any, config: RunnableConfig) -> None:
        seen.append(config["configurable"]["mine"])

    given: RunnableConfig = {"metadata": {"a": 1}}
    list(stream(chain(node).with_config(configurable={"mine": 1}), ASK, given))
    assert seen == [1]
    assert given == {"metadata": {"a": 1}}


def test_without_custom_events_the_writer_is_the_graphs() -> None:
    seen: list[Any] = []
    list(
        stream(
            chain(lambda state: seen.append(get_stream_writer())), ASK, None, only(StateSnapshot)
        )
    )
    assert "streamkit" not in seen[0].__module__


def test_a_graph_with_something_bound_to_it() -> None:
    graph = agent(calling(*TWO), [work]).bind()
    assert owners(list(stream(graph, ASK))) == OWNERS


def test_a_version_that_keeps_no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then LangGraph's own writer is called, and no call is claimed that is not certain."""
    monkeypatch.delattr("langgraph._internal._constants.CONFIG_KEY_RUNTIME")
    found = owners(list(stream(agent(calling(*TWO), [work]), ASK)))
    assert found <= OWNERS | {("a", None, "tools"), ("b", None, "tools")}
