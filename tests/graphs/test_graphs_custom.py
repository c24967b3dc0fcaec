"""The application's own events: named ones from callbacks, nameless ones from the stream writer."""

from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.callbacks import Callbacks
from langchain_core.callbacks.manager import adispatch_custom_event, dispatch_custom_event
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.types import StreamWriter

from small_graphs import (
    APIS,
    ASK,
    ASYNC_MODES,
    EVENTS,
    EVENTS_1,
    IGNORE_V1,
    LANGGRAPH,
    MODES,
    Facts,
    agent,
    asks,
    calling,
    chain,
    facts,
    of,
    run,
    says,
)
from streamkit import Custom, StepDelta, ToolEnd, ToolStart

pytestmark = pytest.mark.filterwarnings(IGNORE_V1)


def dispatches(*payloads: Any) -> Any:
    def node(state: Any, config: RunnableConfig) -> Any:
        for payload in payloads:
            dispatch_custom_event("mine", payload, config=config)

    return node


def writes(*payloads: Any) -> Any:
    def node(state: Any, writer: StreamWriter) -> Any:
        for payload in payloads:
            writer(payload)

    return node


def customs(events: list[Any]) -> list[tuple[str | None, Any]]:
    return [(it.name, it.data) for it in of(events, Custom)]


PAYLOADS = ({"a": 1}, "text", 5, None, [1, 2], ("messages", 1), ((), "updates", {}))
"""Some of them look like LangGraph's own items, which is no reason to take them for such."""


@pytest.mark.parametrize("payload", PAYLOADS, ids=repr)
def test_any_payload(payload: Any) -> None:
    events = run(chain(dispatches(payload)), EVENTS)
    assert customs(events) == [("mine", payload)]


@pytest.mark.parametrize("payload", PAYLOADS, ids=repr)
@pytest.mark.parametrize("api", [MODES, ASYNC_MODES])
def test_any_payload_from_the_writer(payload: Any, api: str) -> None:
    assert customs(run(chain(writes(payload)), api)) == [(None, payload)]


def test_where_it_comes_from() -> None:
    events = run(chain(asks(says("one")), chain(dispatches("deep"))), EVENTS)
    (shown,) = of(events, Custom)
    assert shown.origin.node == "a"
    assert [part.split(":")[0] for part in shown.origin.namespace] == ["b"]
    assert facts(events) == Facts(messages=["one"])


def test_from_the_loop() -> None:
    async def node(state: Any, config: RunnableConfig) -> Any:
        await adispatch_custom_event("mine", 1, config=config)
        await adispatch_custom_event("mine", 2, config=config)

    assert customs(run(chain(node), EVENTS)) == [("mine", 1), ("mine", 2)]


def test_from_a_tool() -> None:
    @tool
    def tell(x: int, callbacks: Callbacks = None) -> str:
        """Tell how far it is."""
        dispatch_custom_event("progress", x, config={"callbacks": callbacks})
        return "done"

    events = run(agent(calling(("c1", "tell", '{"x": 1}')), [tell]), EVENTS)
    start, shown, end = of(events, ToolStart, Custom, ToolEnd)
    assert (shown.name, shown.data) == ("progress", 1)
    assert shown.origin.run_id == start.origin.run_id == end.origin.run_id


def test_from_a_chain_inside_a_node() -> None:
    from langchain_core.runnables import RunnableLambda

    def inner(value: Any, config: RunnableConfig) -> Any:
        dispatch_custom_event("mine", "inner", config=config)
        return value

    def node(state: Any, config: RunnableConfig) -> Any:
        RunnableLambda(inner).invoke(1, config)

    (shown,) = of(run(chain(node), EVENTS), Custom)
    assert (shown.data, shown.origin.name, shown.origin.node) == ("inner", "inner", "a")


@pytest.mark.parametrize("api", [*(api for api in APIS if api != EVENTS), EVENTS_1])
def test_other_apis_have_no_word_for_it(api: str) -> None:
    assert facts(run(chain(dispatches({"a": 1})), api)) == Facts()


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("subgraphs", [False, True])
@pytest.mark.parametrize("mode", [["updates", "custom"], ["custom"]], ids=str)
def test_what_the_writer_wrote_in_events(mode: Any, subgraphs: bool, depth: int) -> None:
    """Events show it where the caller asked for the mode, in the chunks of the root graph."""
    graph = chain(writes({"w": 1}, "text"))
    for _ in range(depth):
        graph = chain(graph)
    events = run(graph, EVENTS, stream_mode=mode, subgraphs=subgraphs)
    is_heard = subgraphs or depth == 0 or LANGGRAPH < (0, 6)
    assert customs(events) == ([(None, {"w": 1}), (None, "text")] if is_heard else [])


@pytest.mark.parametrize("mode", ["custom", "values"])
def test_what_a_single_mode_yields_in_events(mode: str) -> None:
    """Nothing tells what it is, so it is passed on as the graph's own output."""
    events = run(chain(writes({"w": 1}, "text")), EVENTS, stream_mode=mode)
    shown = [it.value for it in of(events, StepDelta) if it.step_id == events[0].run_id]
    assert shown[0] == ({"w": 1} if mode == "custom" else ASK)
