"""The owning call and the callback source where it gets awkward."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Iterable
from threading import Event as Signal
from threading import Lock
from typing import Any, TypedDict

import pytest
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

import streamkit
from read_streams import adrained, drained
from small_graphs import (
    ASK,
    LANGGRAPH,
    THREAD,
    add,
    agent,
    answer,
    asks,
    calling,
    chain,
    facts,
    of,
    piece,
    says,
)
from streamkit import (
    CallbackSource,
    Checkpoint,
    Event,
    Interrupt,
    MessageEnd,
    RunError,
    StateUpdate,
    StepDelta,
    StepEnd,
    StepStart,
    ToolStart,
    astream,
    normalize,
    presets,
    stream,
)
from streamkit.filters import only
from streamkit.testing import check_stream

BOTH = pytest.mark.parametrize("is_async", [False, True], ids=["stream", "astream"])


def attempt(runnable: Any, *given: Any, is_async: bool, **options: Any) -> tuple[list[Event], Any]:
    """The events of a call, checked, and what it raised after them."""
    events: list[Event] = []

    async def read() -> None:
        async for event in streamkit.astream(runnable, *given, strict=True, **options):
            events.append(event)

    error = None
    try:
        if is_async:
            asyncio.run(read())
        else:
            events.extend(
                streamkit.stream(runnable, *given, strict=True, on_error="event", **options)
            )
    except Exception as raised:
        error = raised
    check_stream(events)
    return events, error


def run(runnable: Any, *given: Any, **options: Any) -> list[Event]:
    events, error = attempt(runnable, *given, **options)
    assert error is None
    return events


# --- what goes in


@BOTH
@pytest.mark.parametrize("kind", ["list", "manager", "none"])
def test_a_config_is_never_changed(kind: str, is_async: bool) -> None:
    mine = BaseCallbackHandler()
    callbacks = {"list": [mine], "manager": CallbackManager([mine]), "none": None}[kind]
    config: Any = {**THREAD, "metadata": {"a": {"b": 1}}, "tags": ["t"], "callbacks": callbacks}
    before = {name: copy.deepcopy(it) for name, it in config.items() if name != "callbacks"}
    run(chain(asks(says("Hello"))), ASK, config, is_async=is_async)
    assert {name: it for name, it in config.items() if name != "callbacks"} == before
    assert config["callbacks"] is callbacks
    handlers = {"list": callbacks, "manager": getattr(callbacks, "handlers", None), "none": [mine]}
    assert handlers[kind] == [mine]


@BOTH
def test_the_thread_is_told_and_resumed(is_async: bool) -> None:
    def ask(_: Any) -> Any:
        return {"messages": [("ai", interrupt("go on?"))]}

    graph = chain(ask, checkpointer=InMemorySaver())
    events = run(graph, ASK, THREAD, is_async=is_async)
    assert [it.value for it in of(events, Interrupt)] == ["go on?"]
    assert events[-1].status == "interrupted"
    assert {it.origin.thread_id for it in of(events, StepStart)} == {"here"}
    resumed = run(graph, Command(resume="yes"), THREAD, is_async=is_async)
    assert facts(resumed).messages == ["yes"]
    assert resumed[-1].status == "completed"


@pytest.mark.skipif(LANGGRAPH < (0, 6), reason="this langgraph has no context")
@BOTH
def test_context_and_durability_are_handed_on(is_async: bool) -> None:
    from langgraph.runtime import Runtime

    def greet(_: Any, runtime: Runtime[dict[str, str]]) -> Any:
        return {"messages": [("ai", f"Hello {runtime.context['name']}")]}

    builder = StateGraph(MessagesState, context_schema=dict)
    builder.add_node("greet", greet)
    builder.add_edge(START, "greet")
    graph = builder.compile(checkpointer=InMemorySaver())
    options: Any = {"context": {"name": "Ada"}, "durability": "exit"}
    events = run(graph, ASK, THREAD, is_async=is_async, **options)
    assert facts(events).messages == ["Hello Ada"]
    assert of(events, Checkpoint)


@BOTH
def test_a_breakpoint_is_told(is_async: bool) -> None:
    graph = chain(asks(says("one")), asks(says("two")), checkpointer=InMemorySaver())
    events = run(graph, ASK, THREAD, is_async=is_async, interrupt_before=["b"])
    assert [it.static for it in of(events, Interrupt)] == [True]
    assert (facts(events).messages, events[-1].status) == (["one"], "interrupted")


# --- what goes wrong


@BOTH
def test_too_many_steps(is_async: bool) -> None:
    calls = [[piece(tool_call_chunks=[{"name": "f", "args": "{}", "id": "c", "index": 0}])]]

    def f() -> str:
        """Do nothing."""
        return "again"

    graph = agent(says(*calls), [f])
    events, error = attempt(graph, ASK, {"recursion_limit": 4}, is_async=is_async)
    assert isinstance(events[-1], RunError)
    assert events[-1].error.name == "GraphRecursionError"
    assert isinstance(error, GraphRecursionError) or not is_async


@BOTH
def test_a_fallback_tells_both_attempts(is_async: bool) -> None:
    broken = says([piece("Ha"), ConnectionError("gone")])
    model = broken.with_fallbacks([says("Hello there")])
    events = run(chain(asks(model)), ASK, None, is_async=is_async)
    assert facts(events).messages == [("Ha", "abandoned"), "Hello there"]
    assert events[-1].status == "completed"


@BOTH
def test_a_retry_tells_every_attempt(is_async: bool) -> None:
    model = says([piece("Ha"), ConnectionError("gone")], answer("Hello", 1, 2))
    retried = model.with_retry(stop_after_attempt=2, wait_exponential_jitter=False)
    events = run(chain(asks(retried)), ASK, None, is_async=is_async)
    assert facts(events).messages == [("Ha", "abandoned"), "Hello"]
    assert facts(events).usage == (1, 2)


def test_a_step_that_takes_too_long() -> None:
    async def wait(_: Any) -> None:
        await asyncio.sleep(30)

    builder = StateGraph(MessagesState)
    builder.add_node("wait", wait)
    builder.add_edge(START, "wait")
    graph = builder.compile()
    graph.step_timeout = 0.05
    events, error = attempt(graph, ASK, None, is_async=True)
    assert isinstance(error, asyncio.TimeoutError)
    assert events[-1].error.name == "TimeoutError"
    (node,) = [it for it in of(events, StepEnd) if it.kind == "node"]
    assert node.status in {"cancelled", "failed"}


@BOTH
def test_a_jump_out_of_a_subgraph(is_async: bool) -> None:
    def leave(_: Any) -> Command[Any]:
        return Command(graph=Command.PARENT, goto="after", update={"messages": [("ai", "left")]})

    inner = chain(leave)
    builder = StateGraph(MessagesState)
    builder.add_node("inner", inner)
    builder.add_node("after", asks(says("done")))
    builder.add_edge(START, "inner")
    events = run(builder.compile(), ASK, None, is_async=is_async)
    assert events[-1].status == "completed"
    assert "done" in facts(events).messages
    assert not [it for it in of(events, StepEnd) if it.status == "failed"]
    assert {it.node for it in of(events, StateUpdate)} >= {"after"}


# --- calls that somebody else makes


def shout(text: str) -> str:
    if text == "bad":
        raise ValueError(text)
    return text.upper()


@pytest.mark.parametrize("how", ["batch", "abatch"])
def test_each_call_of_a_batch_is_a_run_and_fails_alone(how: str) -> None:
    source = CallbackSource(strict=True)
    config: Any = {"callbacks": [source.handler]}
    runnable = RunnableLambda(shout)
    given = ["one", "bad", "two"]
    if how == "batch":
        out = runnable.batch(given, config, return_exceptions=True)
    else:
        out = asyncio.run(runnable.abatch(given, config, return_exceptions=True))
    assert [str(it) for it in out] == ["ONE", "bad", "TWO"]
    runs = [list(stream) for stream in source.runs()]
    for events in runs:
        check_stream(events)
    ends = sorted(
        it[-1].error.name if isinstance(it[-1], RunError) else it[-1].output for it in runs
    )
    assert ends == ["ONE", "TWO", "ValueError"]


def test_what_a_node_adds_to_the_list_it_was_given_is_its_own() -> None:
    """Also where the events are read after it has: a start has its input as it was then."""

    def node(state: Any) -> Any:
        state["messages"].append(AIMessage("by hand"))
        return state

    source = CallbackSource(strict=True)
    result = chain(node).invoke(ASK, {"callbacks": [source.handler]})
    events = list(source.events())
    assert [it.text for it in of(events, MessageEnd)] == ["by hand"]
    assert normalize(events).collect().messages == result["messages"][1:]


def test_what_a_node_adds_to_the_list_of_the_input_is_the_runs() -> None:
    """Without a reducer, the state's list is the caller's own."""

    class State(TypedDict):
        messages: list[Any]

    def node(state: State) -> State:
        state["messages"].append(AIMessage("by hand"))
        return state

    given: Any = {"messages": [*ASK["messages"]]}
    result = stream(chain(node, state=State), given).collect()
    assert ([it.content for it in result.messages], result.text) == (["by hand"], "by hand")


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
def test_a_plain_call_raises_what_it_raises(how: str) -> None:
    source = CallbackSource(strict=True)
    graph = chain(asks(says([piece("Ha"), ConnectionError("gone")])))
    config: Any = {"callbacks": [source.handler]}
    with pytest.raises(ConnectionError, match="gone"):
        if how == "invoke":
            graph.invoke(ASK, config)
        else:
            asyncio.run(graph.ainvoke(ASK, config))
    events = list(source.events())
    check_stream(events)
    assert events[-1].error.name == "ConnectionError"
    assert [(it.text, it.status) for it in of(events, MessageEnd)] == [("Ha", "failed")]


def test_an_agent_in_a_batch_tells_its_tools() -> None:
    def f(x: int) -> int:
        """Double."""
        return 2 * x

    source = CallbackSource(strict=True)
    graph = agent(calling(("c", "f", '{"x": 3}')), [f])
    graph.batch([ASK], {"callbacks": [source.handler]})
    (stream,) = source.runs()
    assert facts(list(stream)).tools == [("c", "f", "6")]


class AtOnce:
    """How many calls ran at the same time, at most. Each waits a while for so many to come."""

    def __init__(self, expected: int) -> None:
        self.most = 0
        self._all = Signal()
        self._expected = expected
        self._now = 0
        self._lock = Lock()

    def _count(self, change: int) -> None:
        with self._lock:
            self._now += change
            self.most = max(self.most, self._now)
        if self.most >= self._expected:
            self._all.set()

    def call(self, _: int) -> None:
        self._count(1)
        self._all.wait(5)
        time.sleep(0.1)  # and for more than that
        self._count(-1)

    async def acall(self, _: int) -> None:
        self._count(1)
        await asyncio.sleep(0.1)
        self._count(-1)


@pytest.mark.parametrize(("limit", "expected"), [(None, 4), (2, 2), (1, 1)])
@pytest.mark.parametrize("how", ["batch", "abatch"])
def test_how_many_calls_of_a_batch_run_at_once(how: str, limit: int | None, expected: int) -> None:
    """``batch`` has threads, ``abatch`` tasks; both start all at once unless they are told not to."""
    counting = AtOnce(expected)
    runnable = RunnableLambda(counting.call, counting.acall)
    source = CallbackSource(strict=True)
    config: Any = {"callbacks": [source.handler]}
    if limit:
        config["max_concurrency"] = limit
    if how == "batch":
        runnable.batch([0, 1, 2, 3], config)
    else:
        asyncio.run(runnable.abatch([0, 1, 2, 3], config))
    assert counting.most == expected
    assert len(source.runs()) == 4


# --- what a filter at the call saves


def everything() -> Any:
    """A graph with a step inside a node, a pushed message, a tool, and an agent inside a node."""

    def push(_: Any) -> Any:
        if LANGGRAPH < (0, 6):
            return {}
        from langgraph.graph.message import push_message

        push_message(AIMessage("half way", id="pushed"), state_key=None)
        return {}

    steps = RunnableLambda(lambda state: state["messages"]) | says("step by step", "and again")
    spoken = steps | RunnableLambda(lambda message: {"messages": [message]})
    inner = agent(calling(("call_1", "add", '{"a": 1, "b": 2}')), [add])
    return chain(spoken, push, inner)


FILTERS = {
    **{it: getattr(presets, it) for it in ("tokens", "tools", "chat", "ui", "state", "final")},
    "no steps": ~only(StepDelta),
    "only tools": only(ToolStart),
    "only steps": only(StepDelta),
}


@BOTH
@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_at_the_call_keeps_what_it_keeps_behind_one(name: str, is_async: bool) -> None:
    """Less is asked of LangChain and LangGraph then, and no event of these differs.

    Only the order may: a step that is not streamed starts with its whole input, and in langgraph
    0.3 a node may start before the update of the one before it, or behind it.
    """

    def said(events: Iterable[Event]) -> list[Any]:
        kinds = [(it.type, getattr(it, "text", None), getattr(it, "name", None)) for it in events]
        return sorted(kinds, key=str)

    whole = run(everything(), ASK, is_async=is_async)
    given = (everything(), ASK, None, FILTERS[name])
    asked = asyncio.run(adrained(astream(*given))) if is_async else drained(stream(*given))
    assert said(asked[0]) == said(normalize(whole, FILTERS[name]))
    assert "step by step" in [it.text for it in of(whole, MessageEnd)]
