"""What each source knows beside what it is told: small graphs, and what a list of events must say of
their runs. A source that cannot know it has no entry in the table, which the run itself proves."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from langchain_core.callbacks import dispatch_custom_event
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.config import get_stream_writer

from small_graphs import asks, calling, chain, each_alone, gives, of, says
from streamkit import (
    Custom,
    Event,
    MessageEnd,
    MessageRemoved,
    MessageReplaced,
    RunFold,
    TextDelta,
    ToolEnd,
)

Says: TypeAlias = Callable[[list[Event]], bool]


def one_tool(it: Any, *args: str, node: Any = None) -> Any:
    """An agent with one tool, whose calls are each sent to a task of its own."""

    def run(call: Any, config: RunnableConfig) -> Any:
        return {"messages": [it.invoke({**call, "type": "tool_call"}, config)]}

    calls = [(f"c{number}", it.name, given) for number, given in enumerate(args, 1)]
    return each_alone(node or run, calling(*calls))


@tool
def look(city: str, config: RunnableConfig) -> str:
    """Ask a model, write and dispatch."""
    get_stream_writer()({"to": city})
    dispatch_custom_event("ping", {"to": city}, config=config)
    return str(says(f"{city} is sunny").invoke("?", config).content)


def hides(call: Any, config: RunnableConfig) -> Any:
    look.invoke({**call, "type": "tool_call"}, config)
    return {"messages": [ToolMessage("[hidden]", tool_call_id=call["id"], name="look")]}


looks = partial(one_tool, look, '{"city": "Rome"}')
hiding = partial(one_tool, look, '{"city": "Rome"}', node=hides)
both_look = partial(one_tool, look, '{"city": "Rome"}', '{"city": "Oslo"}')


def marked(*, around: bool) -> Any:
    """A model that is marked as internal, itself or by the graph around it."""
    mark: RunnableConfig = {"tags": ["nostream"]}
    inner = chain(asks(says("SECRET plans")))
    model = says("SECRET plans")

    def ask(state: Any, config: RunnableConfig) -> Any:
        if around:
            inner.with_config(mark).invoke(state, config)
        else:
            model.with_config(mark).invoke("?", config)
        return {"messages": [AIMessage("a word", id="m1")]}

    return chain(ask)


def edited() -> Any:
    return chain(
        asks(says("draft")), lambda it: {"messages": [AIMessage("final", id=it["messages"][-1].id)]}
    )


def removed() -> Any:
    return chain(
        asks(says("draft")), lambda it: {"messages": [RemoveMessage(id=it["messages"][-1].id)]}
    )


def edits_question() -> Any:
    return chain(gives(HumanMessage("[hidden]", id="ask")))


def named() -> Any:
    def ask(state: Any) -> Any:
        answer = says("some words").invoke("?")
        answer.name = "critic"
        return {"messages": [answer]}

    return chain(ask)


def agents() -> Any:
    return chain(chain(asks(says("three")), name="math"))


# --- what events say of them


def texts(events: list[Event]) -> str:
    return "".join(it.text for it in of(events, TextDelta) if not it.origin.internal)


def ends(events: list[Event], text: str) -> list[Any]:
    return [it for it in of(events, MessageEnd) if it.text == text]


def transcript(events: list[Event]) -> list[Any]:
    fold = RunFold()
    for event in events:
        fold.feed(event)
    return fold.result().messages


def _results(events: list[Event]) -> bool:
    return [it.output for it in of(events, ToolEnd)] == ["[hidden]"]


def _customs(events: list[Event], *, named: bool, name: str) -> bool:
    found = [it for it in of(events, Custom) if bool(it.name) == named]
    wanted = {"node": "tools", "tool_call_id": "c1"}[name]
    return bool(found) and all(getattr(it.origin, name) == wanted for it in found)


def _each_wrote(events: list[Event]) -> bool:
    written = [it for it in of(events, Custom) if not it.name]
    calls = {it.data["to"]: it.origin.tool_call_id for it in written}
    return calls == {"Rome": "c1", "Oslo": "c2"}


TRUTHS: dict[str, tuple[Callable[[], Any], Says]] = {
    "a model marked as internal is left out": (
        lambda: marked(around=False),
        lambda it: "SECRET" not in texts(it),
    ),
    "so is one in a graph that is marked": (
        lambda: marked(around=True),
        lambda it: "SECRET" not in texts(it),
    ),
    "a result is what the node makes of it": (hiding, _results),
    "an answer that is edited": (edited, lambda it: len(of(it, MessageReplaced)) == 1),
    "a question that is edited": (edits_question, lambda it: len(of(it, MessageReplaced)) == 1),
    "a message that is removed": (removed, lambda it: len(of(it, MessageRemoved)) == 1),
    "the name that a node gives a message": (
        named,
        lambda it: [message.name for message in transcript(it)] == ["critic"],
    ),
    "the agent, by its graph's name": (
        agents,
        lambda it: [end.origin.agent for end in ends(it, "three")] == ["math"],
    ),
    "the call behind what a tool's model says": (
        looks,
        lambda it: [end.origin.tool_call_id for end in ends(it, "Rome is sunny")] == ["c1"],
    ),
    "the node of a dispatched event": (looks, partial(_customs, named=True, name="node")),
    "its call": (looks, partial(_customs, named=True, name="tool_call_id")),
    "the node of what a stream writer wrote": (looks, partial(_customs, named=False, name="node")),
    "its call, where one tool runs alone": (
        looks,
        partial(_customs, named=False, name="tool_call_id"),
    ),
    "its call, where several run at once": (both_look, _each_wrote),
}
