"""Second tries: a retry or a fallback leaves half a message behind, and upstream never says so."""

import asyncio
import time
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.callbacks import dispatch_custom_event
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, RetryPolicy, StreamWriter, interrupt

from run_sources import STATES, TOKENS, read, result, rows, state
from small_graphs import (
    ALL_MODES,
    APIS,
    ASK,
    ASYNC,
    ASYNC_MODES,
    CORE,
    EVENTS,
    EVENTS_1,
    IGNORE_V1,
    LANGGRAPH,
    OWN,
    OWN_SYNC,
    SYNC,
    TASKS,
    THREAD,
    Facts,
    answer,
    asks,
    attempt,
    broken,
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
    TextDelta,
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


def out_of_time(kind: str) -> Any:
    """A graph whose node has a time limit: its first attempt stops in the middle of an answer."""
    from langgraph.types import TimeoutPolicy

    attempts: list[int] = []
    first, second = says(answer("too slow an answer")), says(WHOLE)

    async def ask(_: Any, config: RunnableConfig, writer: StreamWriter) -> Any:
        attempts.append(len(attempts))
        writer(attempts[-1])
        if attempts[-1]:
            return {"messages": [await second.ainvoke("hi", config)]}
        async for piece in first.astream("hi", config):
            if piece.content == " slow":
                await asyncio.Event().wait()
        return None

    def handle(_: Any) -> Any:
        return Command(goto="b", update={"messages": [AIMessage("no time", id="m1")]})

    builder = StateGraph(MessagesState)
    limit = {"timeout": TimeoutPolicy(idle_timeout=0.2)}
    policy: Any = {"retry_policy": RetryPolicy(initial_interval=0, retry_on=Exception)}
    after = policy if kind == "retried" else {"error_handler": handle}
    builder.add_node("a", ask, **limit, **after)
    builder.add_node("b", asks(says("afterwards")))
    builder.add_edge(START, "a")
    if kind == "retried":
        builder.add_edge("a", "b")
    return builder.compile()


@pytest.mark.skipif(LANGGRAPH < (1, 2), reason="nodes have no time limit")
@pytest.mark.parametrize("api", [OWN, EVENTS, ASYNC_MODES])
@pytest.mark.parametrize("kind", ["retried", "handled"])
def test_a_node_that_had_no_time_left(kind: str, api: str) -> None:
    events = run(out_of_time(kind), api)
    then = "the whole" if kind == "retried" else "no time"
    assert [(it.text, it.status) for it in sorted_ends(events)] == [
        ("too slow", "abandoned"),
        (then, "completed"),
        ("afterwards", "completed"),
    ]
    assert [it[1] for it in rows(result(events).messages) if it[0] == "ai"] == [then, "afterwards"]
    if api != EVENTS:
        assert [it.data for it in of(events, Custom)] == [0, 1][: 2 if kind == "retried" else 1]


def handled(kind: str) -> Any:
    """A graph in which what a node left undone is made good by its error handler."""

    @tool
    def slow(x: int) -> str:
        """Take longer than the tool beside it, which raises."""
        time.sleep(0.05)
        return "too late"

    def handle(state: Any, config: RunnableConfig) -> Any:
        calls = getattr(state["messages"][-1], "tool_calls", [])
        results = [ToolMessage("went wrong", tool_call_id=it["id"]) for it in calls]
        messages = results or [says(answer("excuse me")).invoke("hi", config)]
        return Command(goto="c", update={"messages": messages})

    calls = (("c1", "slow", '{"x": 1}'), ("c2", "broken", '{"x": 2}'))
    builder = StateGraph(MessagesState)
    builder.add_node("a", asks(calling(*calls)) if kind == "tools" else asks(says("at first")))
    failing = ToolNode([slow, broken], handle_tool_errors=False)
    builder.add_node("b", failing if kind == "tools" else asks(says(HALF)), error_handler=handle)
    builder.add_node("c", asks(says("afterwards")))
    builder.add_edge(START, "a")
    builder.add_edge("a", "b")
    return builder.compile()


HANDLES = pytest.mark.skipif(LANGGRAPH < (1, 2), reason="nodes have no error handler")


@HANDLES
@pytest.mark.parametrize("source", STATES)
@pytest.mark.parametrize("kind", ["model", "tools"])
def test_an_error_handler_writes_to_the_state_of_its_graph(kind: str, source: str) -> None:
    events = read(source, handled(kind))
    assert rows(result(events).messages) == state(handled(kind))
    assert {it.origin.namespace for it in of(events, MessageStart)} == {()}


@HANDLES
@pytest.mark.parametrize("source", [it for it in TOKENS if it not in {SYNC, "v3"}])
def test_what_is_handled_is_taken_back(source: str) -> None:
    events = read(source, handled("model"))
    left = next(it for it in of(events, MessageEnd) if it.text == "half a")
    # A failed task ends, in `tasks` mode, before anything shows that its error is handled.
    assert left.status == ("failed" if source in {TASKS, ALL_MODES} else "abandoned")
    texts = [it.text for it in events if isinstance(it, MessageEnd | TextDelta)]
    assert texts.index("half a") < texts.index("excuse")
