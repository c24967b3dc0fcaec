"""Tools that run: each call is answered once, under its own id, however the tool ends."""

from typing import Annotated, Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.callbacks import Callbacks
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.prebuilt import InjectedState
from langgraph.types import Command

from small_graphs import (
    ALL_APIS,
    APIS,
    ASYNC,
    CORE,
    EVENTS,
    EVENTS_1,
    IGNORE_V1,
    SYNC,
    Facts,
    LastFirst,
    add,
    agent,
    answer,
    broken,
    call,
    calling,
    chain,
    facts,
    finish,
    of,
    run,
    says,
)
from streamkit import MessageEnd, MessageStart, RunEnd, ToolCallEnd, ToolEnd, ToolError, ToolStart

pytestmark = pytest.mark.filterwarnings(IGNORE_V1)

MESSAGES = (SYNC, ASYNC)
SAYS_WHY = CORE >= (1,)
"""Before langchain-core 1.0 there is no event for a tool that raises."""


@tool
def whose(x: int, tool_call_id: Annotated[str, InjectedToolCallId]) -> str:
    """Tell which call this is."""
    return f"from {tool_call_id}"


@tool
def command(x: int, tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
    """Answer by a Command."""
    message = ToolMessage(f"from {tool_call_id}", tool_call_id=tool_call_id)
    return Command(update={"messages": [message]})


@tool(response_format="content_and_artifact")
def picture(x: int) -> Any:
    """Answer with something the model does not see."""
    return "a picture", {"pixels": x}


@tool
def count_messages(x: int, state: Annotated[dict[str, Any], InjectedState]) -> str:
    """Use what the graph injects."""
    return f"{x} of {len(state['messages'])}"


# A tool's config belongs to the node that runs it; its callbacks belong to the tool.


@tool
def outer(x: int, config: RunnableConfig) -> int:
    """Call another tool, beside this one."""
    return add.invoke({"a": x, "b": 1}, config)


@tool
def around(x: int, callbacks: Callbacks = None) -> int:
    """Call another tool, inside this one."""
    return add.invoke({"a": x, "b": 1}, {"callbacks": callbacks})


@tool
def think(question: str, callbacks: Callbacks = None) -> str:
    """Ask a model."""
    model = says(answer("inner thought", 1, 1))
    return str(model.invoke(question, {"callbacks": callbacks}).content)


@tool
def delegate(question: str, callbacks: Callbacks = None) -> str:
    """Ask an agent."""
    inner = agent(calling(("c2", "add", '{"a": 3, "b": 4}'), then="seven"), [add])
    given = {"messages": [HumanMessage(question)]}
    return str(inner.invoke(given, {"callbacks": callbacks})["messages"][-1].content)


@tool
def nothing() -> None:
    """Return nothing."""


TOOLS = [
    *(add, broken, whose, command, picture, count_messages, nothing),
    *(outer, around, think, delegate),
]
DONE = {"messages": ["", "all done"], "usage": (12, 12)}


# --- tools that answer

GOOD: dict[str, tuple[str, str, str, Any, str]] = {
    "a value": ("c1", "add", '{"a": 1, "b": 2}', {"a": 1, "b": 2}, "3"),
    "no parameters, no result": ("c1", "nothing", "", {}, "null"),
    "a Command": ("c1", "command", '{"x": 1}', {"x": 1}, "from c1"),
    "an artifact": ("c1", "picture", '{"x": 1}', {"x": 1}, "a picture"),
    "an injected id": ("c1", "whose", '{"x": 1}', {"x": 1}, "from c1"),
    "an injected state": ("c1", "count_messages", '{"x": 1}', {"x": 1}, "1 of 2"),
}


@pytest.mark.parametrize("api", ALL_APIS)
@pytest.mark.parametrize("kind", GOOD)
def test_a_tool_answers_its_call(kind: str, api: str) -> None:
    id, name, text, args, output = GOOD[kind]
    events = run(agent(calling((id, name, text)), TOOLS), api)
    assert facts(events) == Facts(calls=[(id, name, args)], tools=[(id, name, output)], **DONE)
    (start,), (end,) = of(events, ToolStart), of(events, ToolEnd)
    assert args.items() <= start.input.items()
    assert end.artifact == ({"pixels": 1} if name == "picture" else None)
    assert events.index(of(events, ToolCallEnd)[0]) < events.index(start)


@pytest.mark.parametrize("api", ALL_APIS)
@pytest.mark.parametrize("name", ["whose", "command"])
def test_identical_calls(name: str, api: str) -> None:
    """Events tell no id when a tool starts. Of equal calls any may be meant, until one ends."""
    function = {"whose": whose, "command": command}[name].func
    tools = [LastFirst.from_function(function)]
    calls = [(id, name, '{"x": 1}') for id in ("c1", "c2", "c3")]
    events = run(agent(calling(*calls), tools), api)
    assert facts(events).sorted() == Facts(
        calls=[(id, name, {"x": 1}) for id, *_ in calls],
        tools=[(id, name, f"from {id}") for id, *_ in calls],
        **DONE,
    )


@pytest.mark.parametrize("api", ALL_APIS)
def test_the_same_call_id_again_in_a_later_turn(api: str) -> None:
    ask = [call(0, "c1", "add", '{"a": 1, "b": 2}'), finish("tool_calls")]
    events = run(agent(says(ask, ask, "all done"), TOOLS), api)
    assert facts(events) == Facts(
        messages=["", "", "all done"],
        calls=[("c1", "add", {"a": 1, "b": 2})] * 2,
        tools=[("c1", "add", "3")] * 2,
    )


@pytest.mark.parametrize(
    ("name", "api"),
    [
        ("outer", EVENTS),
        ("outer", EVENTS_1),
        ("around", EVENTS_1),
        ("around", EVENTS),
    ],
)
def test_a_tool_that_a_tool_calls_has_an_id_of_its_own(name: str, api: str) -> None:
    events = run(agent(calling(("c1", name, '{"x": 1}')), TOOLS), api)
    asked, inner = of(events, ToolStart)
    assert (asked.tool_call_id, inner.name) == ("c1", "add")
    assert inner.tool_call_id == inner.origin.run_id
    assert facts(events).tools == [(inner.tool_call_id, "add", 2), ("c1", name, "2")]


@pytest.mark.parametrize("api", [EVENTS, EVENTS_1])
def test_an_agent_inside_a_tool(api: str) -> None:
    events = run(agent(calling(("c1", "delegate", '{"question": "3+4"}')), TOOLS), api)
    assert facts(events) == Facts(
        messages=["", "", "seven", "all done"],
        calls=[("c1", "delegate", {"question": "3+4"}), ("c2", "add", {"a": 3, "b": 4})],
        tools=[("c2", "add", "7"), ("c1", "delegate", "seven")],
        usage=(24, 24),
    )


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_model_inside_a_tool(api: str) -> None:
    events = run(agent(calling(("c1", "think", '{"question": "why"}')), TOOLS), api)
    assert facts(events) == Facts(
        messages=["", "inner thought", "all done"],
        calls=[("c1", "think", {"question": "why"})],
        tools=[("c1", "think", "inner thought")],
        usage=(13, 13),
    )
    _, inner, _ = of(events, MessageStart)
    assert inner.origin.node == "tools"
    if api == EVENTS:
        kinds = (ToolStart, MessageStart, MessageEnd, ToolEnd)
        asked = of(events, *kinds)[2:-2]
        assert [it.type for it in asked] == [
            "tool.start",
            "message.start",
            "message.end",
            "tool.end",
        ]
        assert asked[0].origin.run_id in inner.origin.parent_ids


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_tool_that_no_model_asked_for(api: str) -> None:
    def calls(state: Any, config: RunnableConfig) -> Any:
        return {"messages": [HumanMessage(str(add.invoke({"a": 1, "b": 2}, config)), id="h")]}

    events = run(chain(calls), api)
    id = events[3].tool_call_id if api in {EVENTS, EVENTS_1} else None
    assert facts(events) == Facts(tools=[(id, "add", 3)] if id else [], added=["3"])


# --- tools that fail, and a graph that goes on


def failure(api: str, *, name: str) -> str:
    return name if api == EVENTS and SAYS_WHY else "ToolError"


BAD: dict[str, tuple[str, str, Any, str]] = {
    "it raises": ("broken", '{"x": 1}', {"x": 1}, "ValueError"),
    "bad arguments": ("add", '{"a": "one"}', {"a": "one"}, "ValidationError"),
    "no such tool": ("unheard_of", '{"x": 1}', {"x": 1}, "ToolError"),
}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("kind", ["it raises", "bad arguments"])
def test_a_tool_that_fails(kind: str, api: str) -> None:
    name, text, args, error = BAD[kind]
    events = run(agent(calling(("c1", name, text), ("c2", "add", '{"a": 1, "b": 2}')), TOOLS), api)
    assert facts(events).sorted() == Facts(
        calls=[("c1", name, args), ("c2", "add", {"a": 1, "b": 2})],
        tools=[("c1", name, failure(api, name=error)), ("c2", "add", "3")],
        **DONE,
    )


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_tool_that_does_not_exist(api: str) -> None:
    events = run(agent(calling(("c1", "unheard_of", '{"x": 1}')), TOOLS), api)
    tools = [("c1", "unheard_of", "ToolError")]
    assert facts(events) == Facts(calls=[("c1", "unheard_of", {"x": 1})], tools=tools, **DONE)
    (error,) = of(events, ToolError)
    assert "unheard_of is not a valid tool" in error.error.message


@pytest.mark.parametrize("api", APIS)
def test_arguments_that_are_cut_off(api: str) -> None:
    """Upstream guesses at them and runs the tool."""
    events = run(agent(calling(("c1", "add", '{"a": 1')), TOOLS), api)
    tools = [("c1", "add", failure(api, name="ValidationError"))]
    assert facts(events) == Facts(calls=[("c1", "add", None)], tools=tools, **DONE)


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_call_that_nobody_answers(api: str) -> None:
    events = run(chain(lambda _: {}, lambda _: {}), api)
    assert facts(events) == Facts()
    asked = says([call(0, "c1", "add", '{"a": 1, "b": 2}'), finish("tool_calls")])
    events = run(chain(asks_only(asked)), api)
    assert facts(events) == Facts(messages=[""], calls=[("c1", "add", {"a": 1, "b": 2})])
    assert isinstance(events[-1], RunEnd)


def asks_only(model: Any) -> Any:
    return lambda state, config: {"messages": [model.invoke(state["messages"], config)]}


@pytest.mark.parametrize("api", MESSAGES)
def test_a_failure_says_what_the_model_was_told(api: str) -> None:
    (error,) = of(run(agent(calling(("c1", "broken", '{"x": 1}')), TOOLS), api), ToolError)
    assert "broken" in error.error.message


@pytest.mark.parametrize("api", [EVENTS])
@pytest.mark.skipif(not SAYS_WHY, reason="there is no event for a tool that raises")
def test_a_failure_has_the_exception(api: str) -> None:
    (error,) = of(run(agent(calling(("c1", "broken", '{"x": 1}')), TOOLS), api), ToolError)
    assert isinstance(error.error.exception, ValueError)
