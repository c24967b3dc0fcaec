"""Runs that fail: everything closes, one `run.error` says why, and the exception is raised as is."""

import asyncio
from threading import Event
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.documents import Document
from langchain_core.messages import AIMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from langgraph.errors import GraphRecursionError
from langgraph.graph import START, MessagesState, StateGraph

from small_graphs import (
    ALL_APIS,
    APIS,
    ASYNC,
    EVENTS,
    EVENTS_1,
    IGNORE_V1,
    LANGGRAPH,
    SYNC,
    Facts,
    agent,
    answer,
    asks,
    attempt,
    call,
    calling,
    chain,
    facts,
    of,
    parallel,
    piece,
    run,
    says,
    source,
    words,
)
from streamkit import (
    MessageEnd,
    RetrievalEnd,
    RunEnd,
    RunError,
    StepEnd,
    ToolCallEnd,
    ToolError,
    normalize,
)
from streamkit.testing import check_stream

pytestmark = pytest.mark.filterwarnings(IGNORE_V1)

MESSAGES = (SYNC, ASYNC)


class Oops(ValueError):
    """What the nodes, tools and models of these tests raise."""


def fail(*_: Any, **__: Any) -> Any:
    raise Oops("oops")


async def afail(*_: Any, **__: Any) -> Any:
    raise Oops("oops")


def failing(graph: Any, api: str, *given: Any) -> tuple[list[Any], Any]:
    """The events of a run that fails; its one `run.error` is last and has the very exception."""
    events, error = attempt(graph, api, *given)
    assert error is not None
    (last,) = of(events, RunError)
    assert last is events[-1]
    assert last.error.exception is error
    assert (last.error.name, last.error.message) == (type(error).__name__, str(error))
    assert not of(events, RunEnd)
    assert_only_the_innermost_is_blamed(events)
    return events, error


def assert_only_the_innermost_is_blamed(events: list[Any]) -> None:
    ends = of(events, StepEnd, RetrievalEnd, ToolError)
    blamed = [number for number, it in enumerate(ends) if it.error is not None]
    assert len(blamed) <= 1
    for end in of(events, StepEnd):
        assert end.status in {"completed", "failed"}


def blamed(events: list[Any]) -> str:
    """The name of what carries the error."""
    (end,) = [it for it in of(events, StepEnd, RetrievalEnd, ToolError) if it.error is not None]
    assert end.error.exception is events[-1].error.exception
    return str(end.origin.name)


# --- models


@pytest.mark.parametrize("api", APIS)
def test_a_model_raises_in_the_middle_of_its_text(api: str) -> None:
    events, error = failing(chain(asks(says([*words("half a"), Oops("oops")]))), api)
    assert facts(events) == Facts(messages=[("half a", "failed")], status="failed")
    assert isinstance(error, Oops)
    if api == EVENTS:
        assert blamed(events) == "Says"


def test_a_model_raises_in_the_middle_of_its_text_in_version_1() -> None:
    events, _ = failing(chain(asks(says([*words("half a"), Oops("oops")]))), EVENTS_1)
    (end,) = of(events, MessageEnd)
    assert end.status != "completed"


@pytest.mark.parametrize("api", APIS)
def test_a_model_raises_in_the_middle_of_a_call(api: str) -> None:
    model = says([piece("Wait"), call(0, "c1", "f", '{"a": '), Oops("oops")])
    events, _ = failing(chain(asks(model)), api)
    assert facts(events) == Facts([("Wait", "failed")], [("c1", "f", None)], status="failed")
    (end,) = of(events, ToolCallEnd)
    assert (end.text, end.args) == ('{"a": ', None)
    assert "not complete JSON" in end.error


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_model_raises_before_it_says_anything(api: str) -> None:
    events, _ = failing(chain(asks(says([Oops("oops")]))), api)
    assert facts(events) == Facts(status="failed")


@pytest.mark.parametrize("api", APIS)
def test_a_model_raises_in_a_subgraph(api: str) -> None:
    broken = says([*words("half a"), Oops("oops")])
    events, _ = failing(chain(asks(says(answer("fine", 1, 1))), chain(asks(broken))), api)
    expected = ["fine", ("half a", "failed")]
    if api in MESSAGES and LANGGRAPH >= (0, 6):
        expected.pop()  # without `subgraphs=True` no chunk of a subgraph is shown
    assert facts(events) == Facts(messages=expected, usage=(1, 1), status="failed")
    if api == EVENTS:
        assert blamed(events) == "Says"
        failed = [it.kind for it in of(events, StepEnd) if it.status == "failed"]
        assert failed == ["chat_model", "chain", "node", "graph", "node", "graph"]


# --- nodes


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_node_raises(api: str) -> None:
    events, error = failing(chain(asks(says(answer("fine", 1, 1))), fail), api)
    assert facts(events) == Facts(messages=["fine"], usage=(1, 1), status="failed")
    assert isinstance(error, Oops)
    if api == EVENTS:
        assert blamed(events) == "b"


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_router_raises(api: str) -> None:
    builder = StateGraph(MessagesState)
    builder.add_node("a", asks(says(answer("fine", 1, 1))))
    builder.add_edge(START, "a")
    builder.add_conditional_edges("a", fail)
    events, _ = failing(builder.compile(), api)
    assert facts(events) == Facts(messages=["fine"], usage=(1, 1), status="failed")


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_node_returns_what_its_graph_cannot_take(api: str) -> None:
    events, error = failing(chain(lambda _: 5), api)
    assert type(error).__name__ == "InvalidUpdateError"
    assert facts(events) == Facts(status="failed")


@pytest.mark.parametrize("api", ALL_APIS)
def test_the_recursion_limit(api: str) -> None:
    builder = StateGraph(MessagesState)
    builder.add_node("a", asks(says("again")))
    builder.add_edge(START, "a")
    builder.add_edge("a", "a")
    events, error = failing(builder.compile(), api, {"messages": []}, {"recursion_limit": 3})
    assert isinstance(error, GraphRecursionError)
    assert facts(events) == Facts(messages=["again"] * 3, status="failed")
    if api == EVENTS:
        assert blamed(events) == "LangGraph"


@pytest.mark.parametrize("api", APIS)
def test_one_of_two_parallel_nodes_raises(api: str) -> None:
    """Where several things are open, nothing tells which one failed: none of them is blamed."""

    spoke = Event()

    def late(_: Any) -> Any:
        spoke.wait(5)
        raise Oops("oops")

    async def alate(_: Any) -> Any:
        await asyncio.to_thread(spoke.wait, 5)
        raise Oops("oops")

    slow = says([piece("one"), spoke.set, *words("two three four")], pace=0.02)
    events, _ = failing(parallel(asks(slow), RunnableLambda(late, alate)), api)
    (text, status) = facts(events).messages[0]
    assert text.startswith("one")
    assert status == "failed"
    if api == EVENTS:
        assert [it.error for it in of(events, StepEnd) if it.error] == []


@pytest.mark.parametrize("api", ALL_APIS)
def test_bad_input(api: str) -> None:
    events, _ = failing(chain(asks(says("never"))), api, {"messages": [{"role": "nobody"}]})
    assert facts(events) == Facts(status="failed")


# --- tools and retrievers


@tool
def broken(x: int) -> str:
    """Raise."""
    raise Oops("oops")


@pytest.mark.parametrize("api", APIS)
def test_a_tool_raises_and_nobody_handles_it(api: str) -> None:
    graph = agent(calling(("c1", "broken", '{"x": 1}')), [broken], handle=False)
    events, _ = failing(graph, api)
    tools = [("c1", "broken", "Oops")] if api == EVENTS else []
    assert facts(events) == Facts(
        [""], [("c1", "broken", {"x": 1})], tools, (5, 5), status="failed"
    )
    if api == EVENTS:
        assert blamed(events) == "broken"


class Library(BaseRetriever):
    """A retriever that fails where it is asked for nothing."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        if not query:
            raise Oops("oops")
        return [Document(f"about {query}")]


def looks_up(query: str) -> Any:
    def look_up(state: Any, config: RunnableConfig) -> Any:
        (found,) = Library().invoke(query, config)
        return {"messages": [AIMessage(found.page_content)]}

    return look_up


def test_a_retriever_finds() -> None:
    events = run(chain(looks_up("cats")), EVENTS)
    (end,) = of(events, RetrievalEnd)
    assert ([it.page_content for it in end.documents], end.status) == (["about cats"], "completed")
    assert facts(events) == Facts(messages=["about cats"])


def test_a_retriever_raises() -> None:
    events, _ = failing(chain(looks_up("")), EVENTS)
    (end,) = of(events, RetrievalEnd)
    assert (end.documents, end.status, end.error.name) == ((), "failed", "Oops")
    assert blamed(events) == "Library"


@pytest.mark.parametrize("api", [EVENTS_1])
def test_a_retriever_raises_in_version_1(api: str) -> None:
    (end,) = of(failing(chain(looks_up("")), api)[0], RetrievalEnd)
    assert end.status != "completed"


# --- and no exception, if that is what the reader wants


@pytest.mark.parametrize("api", ALL_APIS)
def test_on_error_event(api: str) -> None:
    async def read(raw: Any) -> list[Any]:
        return [event async for event in normalize(raw, on_error="event")]

    raw = source(chain(asks(says("fine")), RunnableLambda(fail, afail)), api)
    events = list(normalize(raw, on_error="event")) if api == SYNC else asyncio.run(read(raw))
    check_stream(events)
    assert isinstance(events[-1], RunError)
    assert isinstance(events[-1].error.exception, Oops)


@pytest.mark.parametrize("api", MESSAGES)
def test_on_error_event_in_a_result(api: str) -> None:
    async def read(raw: Any) -> Any:
        return await normalize(raw, on_error="event").collect()

    raw = source(chain(asks(says("fine")), fail), api)
    result = normalize(raw, on_error="event").collect() if api == SYNC else asyncio.run(read(raw))
    assert (result.text, result.status, result.error.name) == ("fine", "failed", "Oops")
