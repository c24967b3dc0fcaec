"""LangGraph's functional API: entrypoints and tasks, which are graphs without a drawing."""

import asyncio
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.types import Command, interrupt

from small_graphs import ASYNC_MODES, EVENTS, LANGGRAPH, MODES, SYNC, answer, facts, of, run, says
from streamkit import Interrupt, StepDelta, StepStart, astream
from streamkit.testing import check_stream

pytestmark = pytest.mark.skipif(
    LANGGRAPH < (1, 2),
    reason="until langgraph 1.2 messages mode leaves tasks out, and under events they return None",
)
THREAD = {"configurable": {"thread_id": "1"}}
ENTRYPOINT_APIS = [SYNC, EVENTS, MODES, ASYNC_MODES]


def flow() -> Any:
    """Two model calls in tasks, and a question between them."""
    model = says(answer("hello there", 1, 2), answer("second one", 3, 4))

    @task
    def ask(question: str, config: RunnableConfig) -> str:
        return str(model.invoke([HumanMessage(question)], config).content)

    @entrypoint(checkpointer=InMemorySaver())
    def talk(question: str) -> dict[str, Any]:
        first = ask(question).result()
        is_good = interrupt({"good?": first})
        return {"first": first, "second": ask(first).result(), "good": is_good}

    return talk


@pytest.mark.parametrize("api", ENTRYPOINT_APIS)
def test_an_entrypoint_asks_and_goes_on(api: str) -> None:
    graph = flow()
    events = run(graph, api, "hi", THREAD)
    assert facts(events).messages == ["hello there"]
    assert events[-1].status == "interrupted" or api == SYNC  # messages mode shows no interrupt
    assert [it.value for it in of(events, Interrupt)] == [{"good?": "hello there"}] * (api != SYNC)
    events = run(graph, api, Command(resume="yes"), THREAD)
    assert facts(events).messages == ["second one"]
    assert events[-1].status == "completed"


def test_a_task_is_a_step_and_its_result_is_told_once() -> None:
    events = run(flow(), EVENTS, "hi", THREAD)
    (ask,) = [it for it in of(events, StepStart) if it.origin.name == "ask"]
    assert ask.origin.node == "ask"
    assert not [it for it in of(events, StepDelta) if it.value == {"ask": "hello there"}]


def test_the_owning_call() -> None:
    async def read() -> list[Any]:
        return [event async for event in astream(flow(), "hi", THREAD, strict=True)]

    events = asyncio.run(read())
    check_stream(events)
    assert facts(events).messages == ["hello there"]
    assert of(events, Interrupt)[0].value == {"good?": "hello there"}
