"""Runs of real graphs that a frontend has to get right, as the items of one API after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Barrier
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import interrupt

from small_graphs import asks, calling, chain, finish, hesitant, says, words
from streamkit import Event, TextDelta, normalize, stream
from streamkit.demo import build_graph, demo_input

MODES = ["messages", "updates", "values", "custom"]
ASKED = {"messages": [("human", "Hi")]}
HUSHED = "the password is 1234"


class State(MessagesState):
    answers: list[Any]


def graph_of(*nodes: Callable[..., Any], parallel: bool = False) -> StateGraph[Any]:
    builder = StateGraph(State)
    last = START
    for node in nodes:
        builder.add_node(node.__name__, node)
        builder.add_edge(last, node.__name__)
        last = START if parallel else node.__name__
    return builder


def food(state: State, config: RunnableConfig) -> Any:
    return {"messages": [says("eat one two three", pace=0.003).invoke("Hi", config)]}


def sights(state: State, config: RunnableConfig) -> Any:
    return {"messages": [says("climb one two three", pace=0.003).invoke("Hi", config)]}


def breaks(state: State, config: RunnableConfig) -> Any:
    chunks = [AIMessageChunk(content="Half an "), ValueError(HUSHED)]
    return {"messages": [says(chunks).invoke("Hi", config)]}


def ask(state: State) -> Any:
    return {"answers": [interrupt({"question": "Shall I?"}), interrupt("Sure?")]}


def thanks(state: State) -> Any:
    return {"messages": [AIMessage(f"You said {state['answers']}", id="thanks")]}


def run(graph: Any, given: Any = ASKED, thread: str = "t1") -> Iterator[Any]:
    """All the modes of a graph at once, subgraphs included."""
    config = {"configurable": {"thread_id": thread}}
    return graph.stream(given, config, stream_mode=MODES, subgraphs=True)


def parallel_models() -> list[Event]:
    """Two models in turns: neither says its next word before the other one has said its own."""
    turn = Barrier(2, timeout=60)

    def says_in_turns(text: str, config: RunnableConfig) -> Any:
        chunks = [it for word in words(text) for it in (word, turn.wait)]
        return {"messages": [says([*chunks, finish("stop")]).invoke("Hi", config)]}

    def eats(state: State, config: RunnableConfig) -> Any:
        return says_in_turns("eat one two three", config)

    def climbs(state: State, config: RunnableConfig) -> Any:
        return says_in_turns("climb one two three", config)

    return list(normalize(run(graph_of(eats, climbs, parallel=True).compile())))


def an_error() -> list[Event]:
    return list(normalize(run(graph_of(food, breaks).compile()), on_error="event"))


def an_abort() -> list[Event]:
    with normalize(run(graph_of(food, sights).compile())) as stream:
        events = []
        for event in stream:
            events.append(event)
            if isinstance(event, TextDelta):
                break
    return [*events, *stream]


def a_subgraph() -> list[Event]:
    builder = graph_of(food)
    builder.add_node("inner", graph_of(sights).compile())
    builder.add_edge("food", "inner")
    return list(normalize(run(builder.compile())))


def an_interrupted_graph() -> Any:
    """A graph that asks twice, in a subgraph."""
    builder = graph_of(food)
    builder.add_node("inner", graph_of(ask).compile())
    builder.add_node("thanks", thanks)
    builder.add_edge("food", "inner")
    builder.add_edge("inner", "thanks")
    return builder.compile(checkpointer=InMemorySaver())


def the_demo() -> list[Event]:
    return list(normalize(run(build_graph(pace=0), demo_input())))


def a_tool_tried_again() -> list[Event]:
    tools = ToolNode([hesitant(ValueError(HUSHED))], handle_tool_errors=False)
    model = calling(("c1", "hesitate", '{"x": "it"}'))
    graph = chain(asks(model), tools.with_retry(wait_exponential_jitter=False), state=State)
    return list(stream(graph, ASKED))


SCENES: dict[str, Callable[[], list[Event]]] = {
    it.__name__: it
    for it in (parallel_models, an_error, an_abort, a_subgraph, a_tool_tried_again, the_demo)
}
