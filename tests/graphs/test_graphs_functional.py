"""LangGraph's functional API: entrypoints and tasks, which are graphs without a drawing."""

import asyncio
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.types import Command, interrupt

from run_sources import RUNS, STATES, read, result, rows
from small_graphs import (
    ALL_MODES,
    ASK,
    ASYNC_MODES,
    EVENTS,
    LANGGRAPH,
    MODES,
    OWN,
    OWN_SYNC,
    SYNC,
    TASKS,
    add,
    answer,
    asks,
    broken,
    calling,
    chain,
    facts,
    of,
    run,
    says,
    started,
)
from streamkit import (
    CallbackSource,
    Interrupt,
    MessageStart,
    StepDelta,
    StepStart,
    ToolEnd,
    ToolStart,
    astream,
)
from streamkit.testing import check_stream
from streamkit.wire import ag_ui, ai_sdk

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


# --- agents that are workflows


def workflow() -> Any:
    """An agent whose tools run in tasks; it returns the answer, and saves it."""
    calls = (("c1", "add", '{"a": 1, "b": 2}'), ("c1", "broken", '{"x": 1}'))
    model, tools = calling(*calls), {it.name: it for it in (add, broken)}

    @task
    def ask(messages: list[Any], config: RunnableConfig) -> Any:
        return model.invoke(messages, config)

    @task
    def work(call: Any, config: RunnableConfig) -> Any:
        try:
            return tools[call["name"]].invoke({**call, "type": "tool_call"}, config)
        except ValueError:
            return ToolMessage("it broke", name=call["name"], tool_call_id=call["id"])

    @entrypoint()
    def talk(question: str) -> Any:
        asked = ask([HumanMessage(question)]).result()
        results = [it.result() for it in [work(call) for call in asked.tool_calls]]
        reply = ask([asked, *results]).result()
        return entrypoint.final(value=reply, save=[asked, *results, reply])

    return talk


@pytest.mark.parametrize("source", RUNS)
def test_the_result_of_a_tool_is_what_its_task_returns(source: str) -> None:
    events = read(source, workflow(), "hi")
    ends = {it.name: it for it in of(events, ToolEnd)}
    assert {name: (it.output, it.confirmed) for name, it in ends.items()} == {
        "add": ("3", True),
        "broken": ("it broke", True),
    }


def test_a_wire_has_the_results_of_tools_that_run_in_tasks() -> None:
    frames = list(started(workflow(), OWN_SYNC, "hi").pipe(ai_sdk.encoder()))
    results = b"".join(it for it in frames if b"tool-output-available" in it)
    assert all(it in results for it in (b'"output":"3"', b'"output":"it broke"'))


# The one state of `values` looks like the one that a graph starts from.
@pytest.mark.parametrize("source", [it for it in STATES if it != "values"])
def test_the_answer_is_what_a_workflow_returns_not_what_it_saves(source: str) -> None:
    messages = result(read(source, workflow(), "hi")).messages
    assert rows(messages)[-1] == ("ai", "all done", None)
    assert [it[1] for it in rows(messages)].count("all done") == 1


@pytest.mark.parametrize("source", [*RUNS, MODES, TASKS, ALL_MODES])
def test_a_task_belongs_to_the_graph_of_its_workflow(source: str) -> None:
    events = read(source, workflow(), "hi")
    told = of(events, MessageStart, ToolStart)
    assert {it.origin.namespace for it in told} == {()}


def test_a_workflow_is_no_subagent() -> None:
    frames = b"".join(started(workflow(), OWN_SYNC, "hi").pipe(ag_ui.encoder()))
    assert b"TEXT_MESSAGE_CONTENT" in frames
    assert b"ubagent" not in frames


def test_a_graph_in_a_task_is_a_subgraph() -> None:
    inner = chain(asks(says("inside")))

    @task
    def ask(_: str) -> Any:
        return inner.invoke(ASK)["messages"][-1]

    @entrypoint()
    def talk(question: str) -> Any:
        return [ask(question).result()]

    (start,) = of(read(OWN_SYNC, talk, "hi"), MessageStart)
    assert [it.partition(":")[0] for it in start.origin.namespace] == ["talk", "ask"]


def reviewed() -> Any:
    """An agent as a workflow that asks before it runs its tools."""
    model = calling(("c1", "add", '{"a": 1, "b": 2}'))

    @task
    def ask(messages: list[Any], config: RunnableConfig) -> Any:
        return model.invoke(messages, config)

    @task
    def work(call: Any, config: RunnableConfig) -> Any:
        return add.invoke({**call, "type": "tool_call"}, config)

    @entrypoint(checkpointer=InMemorySaver())
    def talk(question: str) -> Any:
        asked = ask([HumanMessage(question)]).result()
        interrupt(asked.tool_calls)
        results = [work(call).result() for call in asked.tool_calls]
        return [asked, *results, ask([asked, *results]).result()]

    return talk


@pytest.mark.parametrize("api", [OWN, OWN_SYNC, EVENTS, "callbacks"])
def test_a_tool_that_runs_after_a_pause_runs_once(api: str) -> None:
    graph = reviewed()
    graph.invoke("hi", THREAD)
    if api == "callbacks":
        source = CallbackSource()
        graph.invoke(Command(resume="yes"), {**THREAD, "callbacks": [source.handler]})
        events = list(source.events())
    else:
        events = run(graph, api, Command(resume="yes"), THREAD)
    assert [(it.tool_call_id, it.output) for it in of(events, ToolEnd)] == [("c1", "3")]
    assert [it[0] for it in rows(result(events).messages)] == ["ai", "tool", "ai"]


@pytest.mark.parametrize("kept", ["returned", "saved"])
def test_what_a_workflow_returns_of_an_earlier_run_looks_new(kept: str) -> None:
    model = says("one", "two")

    @task
    def ask(question: str, config: RunnableConfig) -> Any:
        return model.invoke(question, config)

    @entrypoint(checkpointer=InMemorySaver())
    def talk(question: str, *, previous: Any = None) -> Any:
        all_said = [*(previous or []), ask(question).result()]
        if kept == "returned":
            return all_said
        return entrypoint.final(value=all_said[-1:], save=all_said)

    run(talk, OWN_SYNC, "first", THREAD)
    messages = result(run(talk, OWN_SYNC, "then", THREAD)).messages
    assert [it[1] for it in rows(messages)] == (["one", "two"] if kept == "returned" else ["two"])
