"""Any graph: every API tells the same of it, and what they tell is what its state then holds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

pytest.importorskip("langgraph")


from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send, interrupt

from small_graphs import (
    ALL_MODES,
    ASK,
    CORE,
    EVENTS,
    OWN,
    OWN_SYNC,
    TASKS,
    THREAD,
    Facts,
    add,
    answer,
    asks,
    broken,
    call,
    facts,
    finish,
    gives,
    of,
    piece,
    result_of,
    run,
    says,
    usage,
)
from streamkit import MessageAdded

APIS = (OWN, OWN_SYNC, EVENTS, TASKS, ALL_MODES)

# --- what a graph may be made of: a step's name makes its nodes, one after the other


def calls(name: str, tool: str, args: str) -> Any:
    return asks(says([call(0, name, tool, args), finish("tool_calls"), usage(5, 5)]))


def waits(name: str) -> Any:
    def wait(_: Any) -> Any:
        return {"messages": [AIMessage(f"{name} got {interrupt(name)}")]}

    return wait


def catches(name: str) -> Any:
    def catch(_: Any, config: RunnableConfig) -> Any:
        try:
            return says([piece("half "), ConnectionError()]).invoke("hi", config)
        except ConnectionError:
            return {"messages": [AIMessage(f"{name} is sorry", id=name)]}

    return catch


def asks_two(name: str) -> Any:
    models = [says(answer(f"{name} {which}", 1, 1)) for which in ("one", "two")]
    return lambda _, config: {"messages": [model.invoke("hi", config) for model in models]}


def commands(name: str) -> ToolNode:
    @tool
    def command(x: int, tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
        """Say more than a result."""
        written = [ToolMessage("done", tool_call_id=tool_call_id), HumanMessage(f"{name} and?")]
        return Command(update={"messages": written})

    return ToolNode([command])


def delegates(name: str) -> ToolNode:
    graph = graph_of(["model", "answer without id"], f"{name}in")

    @tool
    def delegate(x: int, config: RunnableConfig) -> str:
        """Ask another graph."""
        return str(graph.invoke(ASK, config)["messages"][-1].content)

    return ToolNode([delegate])


LEAVES: dict[str, Callable[[str], list[Any]]] = {
    "model": lambda name: [asks(says(answer(f"{name} says so", 2, 3)))],
    "hidden model": lambda name: [
        asks(says(answer(f"{name} hints", 2, 3)).with_config(tags=["nostream"]))
    ],
    "fallback": lambda name: [
        asks(says([piece("half "), ConnectionError()]).with_fallbacks([says(f"{name} instead")]))
    ],
    "retry": lambda name: [
        asks(
            says([piece("half "), ConnectionError()], f"{name} at last").with_retry(
                wait_exponential_jitter=False
            )
        )
    ],
    "two models": lambda name: [asks_two(name)],
    "caught failure": lambda name: [catches(name)],
    "answer by hand": lambda name: [gives(AIMessage(f"{name} by hand", id=name))],
    "answer without id": lambda name: [gives(AIMessage(f"{name} by hand"))],
    "question": lambda name: [gives(HumanMessage(f"{name}?"))],
    "command": lambda name: [lambda _: Command(update=gives(AIMessage(name, id=name))(_))],
    "history": lambda name: [lambda state: {"messages": [*state["messages"], AIMessage(name)]}],
    "tool": lambda name: [calls(name, "add", '{"a": 1, "b": 2}'), ToolNode([add])],
    "broken tool": lambda name: [
        calls(name, "broken", '{"x": 1}'),
        ToolNode([broken], handle_tool_errors=True),
    ],
    "tool that commands": lambda name: [calls(name, "command", '{"x": 1}'), commands(name)],
    "tool that delegates": lambda name: [calls(name, "delegate", '{"x": 1}'), delegates(name)],
    "pause": lambda name: [waits(name)],
    "nothing": lambda _: [lambda _: None],
}


def subgraph(name: str, steps: Any) -> Any:
    return graph_of(steps, name)


def invoked(name: str, steps: Any) -> Any:
    graph = graph_of(steps, name)
    return lambda state, config: {"messages": graph.invoke(state, config)["messages"][-1:]}


def invoked_for_all(name: str, steps: Any) -> Any:
    graph = graph_of(steps, name)
    return lambda state, config: {"messages": graph.invoke(state, config)["messages"]}


INNER: dict[str, Callable[[str, Any], Any]] = {
    "subgraph": subgraph,
    "invoked": invoked,
    "invoked for all": invoked_for_all,
}
# What was done beside a pause is told again when it is over, and not by all alike.
PARALLEL = st.sampled_from([it for it in LEAVES if "tool" not in it and it != "pause"])
STEPS = st.recursive(
    st.lists(st.sampled_from([*LEAVES]), min_size=1, max_size=3),
    lambda inner: st.lists(
        st.sampled_from([*LEAVES])
        | st.tuples(st.sampled_from([*INNER]), inner)
        | st.tuples(st.just("at once"), st.lists(PARALLEL, min_size=2, max_size=3))
        | st.just("sent"),
        min_size=1,
        max_size=3,
    ),
    max_leaves=5,
)


def graph_of(steps: Any, path: str = "", **options: Any) -> Any:
    """A graph of these steps, in a row. Whatever is in it is named by its place."""
    builder = StateGraph(MessagesState)
    last = [START]
    for number, step in enumerate(steps):
        last = _add(builder, step, f"{path}s{number}", last)
    for name in last:
        builder.add_edge(name, END)
    return builder.compile(**options)


def _add(builder: Any, step: Any, name: str, last: list[str]) -> list[str]:
    """Add a step behind the last nodes, and give those that are last now."""
    kind, inner = (step, ()) if isinstance(step, str) else step
    if kind == "at once":
        return [
            _put(builder, LEAVES[it](f"{name}{n}")[0], f"{name}{n}", last)
            for n, it in enumerate(inner)
        ]
    if kind in INNER:
        return [_put(builder, INNER[kind](name, inner), name, last)]
    if kind == "sent":
        builder.add_node(name, lambda state: gives(AIMessage(f"{state['of']} sent"))(None))
        before = _put(builder, lambda _: None, f"{name}before", last)
        sent = [Send(name, {"of": f"{name}{n}"}) for n in range(2)]
        builder.add_conditional_edges(before, lambda _: sent, [name])
        return [_put(builder, lambda _: None, f"{name}after", [name])]
    for number, node in enumerate(LEAVES[kind](name)):
        last = [_put(builder, node, f"{name}_{number}", last)]
    return last


def _put(builder: Any, node: Any, name: str, last: list[str]) -> str:
    builder.add_node(name, node)
    builder.add_edge(last if len(last) > 1 else last[0], name)
    return name


# --- what is told of it


@given(STEPS)
@example([("subgraph", ["tool", "pause"])])
@example([("subgraph", ["broken tool", "pause"])])
@example([("subgraph", ["question", "model"])])
def test_every_api_tells_the_same(steps: Any) -> None:
    told = {api: story(steps, api) for api in APIS}
    assert told == dict.fromkeys(APIS, told[OWN])


def story(steps: Any, api: str) -> list[Facts]:
    """What is told of a run and its continuations, which together tell all that the state holds."""
    graph = graph_of(steps, checkpointer=InMemorySaver())
    told: list[Facts] = []
    heard: list[Any] = [said(it) for it in ASK["messages"]]
    given: Any = ASK
    while not told or graph.get_state(THREAD).next:
        events = run(graph, api, given, THREAD)
        result = result_of(events)
        heard += [said(it) for it in result.messages]
        if result.status == "interrupted":  # what a subgraph wrote is in no outer state yet
            added = [it.message for it in of(events, MessageAdded)]
            heard += map(said, [*result.side_messages, *added])
            outputs = ((it, FAILED if it.error else it.output) for it in result.tools)
            heard += [("tool", output, [], it.tool_call_id) for it, output in outputs]
        told.append(in_any_order(facts(events)))
        given = Command(resume="yes")
    state = [said(it) for it in graph.get_state(THREAD).values["messages"]]
    assert [it for it in state if it not in heard] == []
    return told


FAILED = "an error"
"""What a failed tool says: a run of it has the error, and its message a text made of that."""


def said(message: Any) -> tuple[Any, ...]:
    calls = [call["id"] for call in getattr(message, "tool_calls", ())]
    content = FAILED if getattr(message, "status", None) == "error" else message.content
    return message.type, content, calls, getattr(message, "tool_call_id", None)


def in_any_order(told: Facts) -> Facts:
    """What all can tell: only some tell why a message broke off, or what a tool raised.

    Before langchain-core 1.0 many do not even tell that it broke off.
    """
    cut = "…" if CORE >= (1,) else ""
    texts = [it if isinstance(it, str) else it[0] + cut for it in told.messages]
    errors = dict.fromkeys(("ValueError", "ToolError"), FAILED)
    tools = [(id, name, errors.get(output, output)) for id, name, output in told.tools]
    return replace(told, messages=texts, tools=tools).sorted()
