"""Second tries: a retry or a fallback leaves half a message behind, and upstream never says so."""

import asyncio
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.callbacks import dispatch_custom_event
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, RetryPolicy, interrupt

from small_graphs import (
    APIS,
    ASK,
    ASYNC,
    CORE,
    EVENTS,
    EVENTS_1,
    IGNORE_V1,
    LANGGRAPH,
    OWN,
    OWN_SYNC,
    SYNC,
    THREAD,
    Facts,
    answer,
    asks,
    attempt,
    calling,
    chain,
    facts,
    hesitant,
    of,
    run,
    says,
    source,
    transcript,
    words,
)
from streamkit import (
    Custom,
    MessageEnd,
    MessageStart,
    StateUpdate,
    StepEnd,
    ToolEnd,
    ToolError,
    normalize,
    stream,
)

pytestmark = pytest.mark.filterwarnings(IGNORE_V1)

MESSAGES = (SYNC, ASYNC)
HALF = [*words("half a"), ValueError("dropped")]
WHOLE = answer("the whole", 1, 2)


def retried(seconds: float) -> dict[str, Any]:
    policy = RetryPolicy(initial_interval=seconds, jitter=False, retry_on=ValueError)
    return {"retry_policy" if LANGGRAPH >= (0, 6) else "retry": policy}


POLICY = retried(0.01)


def retried_node() -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("a", asks(says(HALF, WHOLE)), **POLICY)
    builder.add_edge(START, "a")
    return builder.compile()


def retried_tools(*calls: str) -> Any:
    """A graph whose tool fails when it is called first; all its calls are made again."""
    tools = ToolNode([hesitant(ValueError("not yet"))], handle_tool_errors=False)
    model = calling(*((id, "hesitate", f'{{"x": "{id}"}}') for id in calls))
    builder = StateGraph(MessagesState)
    builder.add_node("a", asks(model))
    builder.add_node("b", tools, **POLICY)
    builder.add_edge(START, "a")
    builder.add_edge("a", "b")
    return builder.compile()


def retried_model() -> Any:
    model = says(HALF, WHOLE).with_retry(stop_after_attempt=2, wait_exponential_jitter=False)
    return chain(asks(model))


def fallback() -> Any:
    return chain(asks(says(HALF).with_fallbacks([says(WHOLE)])))


def caught() -> Any:
    """A node that tries again by itself."""

    def ask(state: Any, config: RunnableConfig) -> Any:
        try:
            says(HALF).invoke("hi", config)
        except ValueError:
            return {"messages": [says(WHOLE).invoke("hi", config)]}

    async def aask(state: Any, config: RunnableConfig) -> Any:
        try:
            await says(HALF).ainvoke("hi", config)
        except ValueError:
            return {"messages": [await says(WHOLE).ainvoke("hi", config)]}

    return chain(RunnableLambda(ask, aask))


SECOND_TRIES = {it.__name__: it for it in (retried_node, retried_model, fallback, caught)}


def half(api: str) -> Any:
    """Before langchain-core 1.0 nothing in ``messages`` mode tells half a message from a whole."""
    return ("half a", "abandoned") if api == EVENTS or CORE >= (1,) else "half a"


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("kind", SECOND_TRIES)
def test_the_first_half_is_abandoned_and_the_second_try_complete(kind: str, api: str) -> None:
    events = run(SECOND_TRIES[kind](), api)
    expected = Facts(messages=[half(api), "the whole"], usage=(1, 2))
    assert facts(events).sorted() == expected.sorted()
    assert [it.text for it in sorted_ends(events)] == ["half a", "the whole"]


def sorted_ends(events: list[Any]) -> list[Any]:
    """The ends of messages in the order these began."""
    ids = [it.message_id for it in of(events, MessageStart)]
    return sorted(of(events, MessageEnd), key=lambda end: ids.index(end.message_id))


@pytest.mark.parametrize("kind", ["retried_node", "retried_model"])
def test_half_a_message_ends_before_its_successor_starts(kind: str) -> None:
    """Events tell a retry by its tags, or by the task that starts again."""
    events = run(SECOND_TRIES[kind](), EVENTS)
    (end, _), (_, start) = of(events, MessageEnd), of(events, MessageStart)
    assert events.index(end) < events.index(start)


@pytest.mark.parametrize("kind", SECOND_TRIES)
def test_half_a_message_ends_before_its_node_does(kind: str) -> None:
    events = run(SECOND_TRIES[kind](), EVENTS)
    node = [it for it in of(events, StepEnd) if it.kind == "node" and it.status == "completed"]
    assert all(events.index(it) < events.index(node[-1]) for it in of(events, MessageEnd))
    assert [update.node for update in of(events, StateUpdate)] == ["a"]


def test_the_attempt_that_failed_is_an_abandoned_step() -> None:
    events = run(retried_node(), EVENTS)
    nodes = [it.status for it in of(events, StepEnd) if it.kind == "node"]
    assert nodes == ["abandoned", "completed"]
    models = [it.status for it in of(events, StepEnd) if it.kind == "chat_model"]
    assert models == ["abandoned", "completed"]


def breaking(text: str) -> list[Any]:
    return [*words(text), ValueError(text)]


def failing_in_other_words(*replies: Any) -> Any:
    """A node that raises an exception of its own in place of its model's."""
    model = says(*replies)

    def ask(state: Any, config: RunnableConfig) -> Any:
        try:
            return {"messages": [model.invoke("hi", config)]}
        except ValueError as error:
            raise ValueError("no answer") from error

    return ask


def failing_with_its_fallback(*replies: Any) -> Any:
    """A node whose exception is that of its first model, after its second has failed, too."""
    return asks(says(*replies).with_fallbacks([says(breaking("half b"))]))


@pytest.mark.parametrize("api", [EVENTS, OWN, OWN_SYNC])
@pytest.mark.parametrize("failing", [failing_in_other_words, failing_with_its_fallback])
def test_a_node_is_tried_again_that_raised_another_exception(failing: Any, api: str) -> None:
    builder = StateGraph(MessagesState)
    builder.add_node("a", failing(breaking("half a"), WHOLE), **POLICY)
    builder.add_edge(START, "a")
    events = run(builder.compile(), api)
    *halves, whole = facts(events).messages
    assert halves == [("half a", "abandoned"), ("half b", "abandoned")][: len(halves)]
    assert whole == "the whole"
    assert [it.content for it in transcript(events)][-1] == "the whole"


@pytest.mark.parametrize("api", [OWN, OWN_SYNC])
def test_what_fails_for_good_has_failed_whatever_was_raised(api: str) -> None:
    events, error = attempt(chain(failing_in_other_words(breaking("half a"))), api)
    assert str(error) == "no answer"
    assert facts(events).messages == [("half a", "failed")]
    assert [(it.error and it.error.message, it.status) for it in of(events, StepEnd)] == [
        ("half a", "failed"),
        ("no answer", "failed"),
        (None, "failed"),
    ]


def waits(_: Any) -> Any:
    return {"messages": [AIMessage(interrupt("try again?"))]}


def goes_on(_: Any) -> Any:
    return Command(graph=Command.PARENT, update={"messages": [AIMessage("moved on")]})


@pytest.mark.parametrize("api", [OWN, OWN_SYNC])
@pytest.mark.parametrize("after", [waits, goes_on])
def test_half_a_message_is_abandoned_whose_node_waits_or_goes_on(after: Any, api: str) -> None:
    model = says(breaking("half a"))

    def ask(state: Any, config: RunnableConfig) -> Any:
        try:
            return model.invoke("hi", config)
        except ValueError:
            return after(state)

    graph = chain(chain(ask), checkpointer=InMemorySaver())
    events = run(graph, api, ASK, THREAD)
    assert facts(events).messages[0] == ("half a", "abandoned")
    assert not any("half" in it.content for it in transcript(events))


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("kind", SECOND_TRIES)
def test_the_answer_is_what_is_complete(kind: str, api: str) -> None:
    async def read(raw: Any) -> Any:
        return await normalize(raw).collect()

    raw = source(SECOND_TRIES[kind](), api)
    result = normalize(raw).collect() if api == SYNC else asyncio.run(read(raw))
    assert result.text == "the whole"


@pytest.mark.parametrize("api", APIS)
def test_a_model_that_fails_before_it_says_anything_leaves_nothing(api: str) -> None:
    silent = says([ValueError("dropped")])
    events = run(chain(asks(silent.with_fallbacks([says(WHOLE)]))), api)
    assert facts(events) == Facts(messages=["the whole"], usage=(1, 2))


@pytest.mark.parametrize("api", APIS)
def test_a_node_that_does_without(api: str) -> None:
    def gives_up(state: Any, config: RunnableConfig) -> Any:
        try:
            says(HALF).invoke("hi", config)
        except ValueError:
            return {"messages": [AIMessage("sorry")]}

    events = run(chain(gives_up, asks(says("next"))), api)
    expected = Facts(messages=[half(api), "sorry", "next"])
    assert facts(events).sorted() == expected.sorted()
    assert facts(events).messages[-1] == "next"


def test_what_comes_before_the_end_of_who_caught_the_failure_decides_nothing() -> None:
    def gives_up(_: Any, config: RunnableConfig) -> str:
        try:
            says(HALF).invoke("hi", config)
        except ValueError:
            dispatch_custom_event("mood", "sad", config=config)
        return "sorry"

    events = list(stream(RunnableLambda(gives_up), "hi"))
    ends = of(events, MessageEnd, Custom, StepEnd)
    assert [it.type for it in ends] == ["custom", "message.end", "step.end", "step.end"]
    assert [it.status for it in ends[1:]] == ["abandoned", "failed", "completed"]


@pytest.mark.parametrize("kind", list(SECOND_TRIES))
def test_version_1(kind: str) -> None:
    """Version 1 has an end for every run, also for one that failed: its output is None."""
    events = run(SECOND_TRIES[kind](), EVENTS_1)
    assert [it.text for it in sorted_ends(events)] == ["half a", "the whole"]


@pytest.mark.parametrize("kind", ["retried_node", "fallback", "caught"])
def test_version_1_knows_half_a_message(kind: str) -> None:
    events = run(SECOND_TRIES[kind](), EVENTS_1)
    assert [it.status for it in sorted_ends(events)] == ["abandoned", "completed"]


@pytest.mark.parametrize("api", [EVENTS, OWN, OWN_SYNC])
@pytest.mark.parametrize("ids", [["c1"], ["c1", "c2"]])
def test_each_try_of_a_tool_answers_its_call(ids: list[str], api: str) -> None:
    """Most versions do not tell a tool's start which call it answers."""
    events = run(retried_tools(*ids), api)
    tools = facts(events).tools
    assert {id for id, *_ in tools} == {*ids}
    assert {*tools} >= {(id, "hesitate", f"done {id}") for id in ids}
    _, *results = transcript(events)
    assert sorted((it.tool_call_id, it.content) for it in results) == [
        (id, f"done {id}") for id in ids
    ]


@pytest.mark.parametrize(("api", "left"), [(EVENTS, "abandoned"), (OWN, "incomplete")])
def test_a_tool_may_end_after_its_node(api: str, left: str) -> None:
    """The node ends with the first tool that raises; another goes on, and ends unheard."""
    again, begun = asyncio.Event(), []

    @tool
    async def hesitate(x: str) -> str:
        """Raise in the first call, and let the other one go on in the second."""
        begun.append(x)
        if len(begun) == 1:
            raise ValueError("not yet")
        again.set()
        await asyncio.sleep(0.01)
        return "done"

    @tool
    async def ask(x: str) -> str:
        """Ask a model when it is late."""
        await again.wait()
        return "".join([it.text async for it in says("late words").astream(x)])

    calls = (("c1", "hesitate", '{"x": "1"}'), ("c2", "ask", '{"x": "2"}'))
    builder = StateGraph(MessagesState)
    builder.add_node("a", asks(calling(*calls)))
    builder.add_node("b", ToolNode([hesitate, ask], handle_tool_errors=False), **retried(0.01))
    builder.add_edge(START, "a")
    builder.add_edge("a", "b")
    events = run(builder.compile(), api)
    ends = [(it.name, getattr(it, "status", "failed")) for it in of(events, ToolEnd, ToolError)]
    assert ends[:2] == [("ask", left), ("hesitate", "failed")]
    assert sorted(ends[2:]) == [("ask", "completed"), ("hesitate", "completed")]
    assert [it.text for it in of(events, MessageEnd)][1:] == ["late words"]


def test_equal_steps_at_once_are_no_attempts_of_each_other() -> None:
    """Two steps inside a node are named like the node: neither takes the place of the other."""
    steps = RunnableParallel(
        {name: RunnableLambda(lambda state: "done", name="a") for name in ("left", "right")}
    )
    events = run(chain(steps | RunnableLambda(lambda _: {"messages": []})), EVENTS)
    inside = [it for it in of(events, StepEnd) if it.kind == "chain" and it.output == "done"]
    assert [it.status for it in inside] == ["completed", "completed"]
