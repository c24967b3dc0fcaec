"""What is measured: scripted models, the graphs around them, and what they streamed once.

A token is one chunk of a model. Nothing here waits, unless it says so: what is left is cost.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from functools import lru_cache, partial
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from .timing import run

Api = Literal["events", "messages", "subgraphs", "dual", "v3"]

# --- what a model says


def chunk(content: Any = "", **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=content, **fields)


def call(index: int, args: str, **start: str) -> dict[str, Any]:
    """A fragment of a tool call."""
    return {"name": None, "id": None, **start, "args": args, "index": index}


def pieces(n: int) -> list[str]:
    """A JSON object of n pieces, as the arguments of a call that writes a file."""
    text = json.dumps({"path": "a.py", "body": "x = 1; " * n})
    size = -(-len(text) // n)
    return [text[at : at + size] for at in range(0, len(text), size)]


def text(n: int) -> list[AIMessageChunk]:
    return [chunk(f"word{i % 10} ") for i in range(n)]


def tool_args(n: int) -> list[AIMessageChunk]:
    start = chunk(tool_call_chunks=[call(0, "", name="write_file", id="call_0")])
    return [start, *(chunk(tool_call_chunks=[call(0, piece)]) for piece in pieces(n))]


def blocks(n: int) -> list[AIMessageChunk]:
    """What Anthropic's models say: thinking and its seal, text, and a call, as blocks."""
    third = n // 3
    start = {"type": "tool_use", "id": "toolu_1", "name": "write_file", "input": {}, "index": 2}
    return [
        *(chunk([{"type": "thinking", "thinking": "hm ", "index": 0}]) for _ in range(third)),
        chunk([{"type": "thinking", "signature": "c2lnbmVk", "index": 0}]),
        *(chunk([{"type": "text", "text": "word ", "index": 1}]) for _ in range(third)),
        chunk([start], tool_call_chunks=[call(2, "", name="write_file", id="toolu_1")]),
        *(
            chunk(
                [{"type": "input_json_delta", "partial_json": piece, "index": 2}],
                tool_call_chunks=[call(2, piece)],
            )
            for piece in pieces(third)
        ),
    ]


def asks(_n: int) -> list[AIMessageChunk]:
    return [chunk(tool_call_chunks=[call(0, '{"word": "a"}', name="look_up", id="call_1")])]


class Says(BaseChatModel):
    """Says the same each time; a ``question`` makes it call its tool first."""

    says: Callable[[int], list[AIMessageChunk]]
    tokens: int
    waits: bool = False

    @property
    def _llm_type(self) -> str:
        return "says"

    def _chunks(self, messages: list[Any]) -> Iterator[ChatGenerationChunk]:
        says = asks if messages[-1].content == "question" else self.says
        return (ChatGenerationChunk(message=it) for it in says(self.tokens))

    def _generate(self, messages: list[Any], *_: Any, **__: Any) -> Any:
        return generate_from_stream(self._chunks(messages))

    def _stream(self, messages: list[Any], *_: Any, **__: Any) -> Any:
        yield from self._chunks(messages)

    async def _astream(self, messages: list[Any], *_: Any, **__: Any) -> Any:
        for it in self._chunks(messages):
            if self.waits:
                await asyncio.sleep(0)  # gives the loop a turn, as a network does
            yield it


# --- what runs it


def _asking(model: Any) -> Any:
    """A node that asks the model."""

    async def ask(state: Any, config: RunnableConfig) -> Any:
        return {"messages": [await model.ainvoke(state["messages"], config)]}

    return RunnableLambda(partial(_ask, model), ask)


def _ask(model: Any, state: Any, config: RunnableConfig) -> Any:
    return {"messages": [model.invoke(state["messages"], config)]}


@tool
def look_up(word: str) -> str:
    """Look up a word."""
    return word


def one_node(model: Any) -> Any:
    return side_by_side(model, 1)


def side_by_side(model: Any, nodes: int = 2) -> Any:
    """Nodes that run at the same time, each asking the model."""
    builder = StateGraph(MessagesState)
    for number in range(nodes):
        builder.add_node(f"model{number}", _asking(model))
        builder.add_edge(START, f"model{number}")
    return builder.compile()


def nested(model: Any, depth: int) -> Any:
    """Graphs in graphs, the innermost of which asks the model."""
    graph = one_node(model)
    for level in range(1, depth):
        builder = StateGraph(MessagesState)
        builder.add_node(f"level{level}", graph)
        builder.add_edge(START, f"level{level}")
        graph = builder.compile()
    return graph


def agent(model: Any) -> Any:
    """A ReAct agent: a model, its tool, and the model again."""
    builder = StateGraph(MessagesState)
    builder.add_node("agent", _asking(model))
    builder.add_node("tools", ToolNode([look_up]))
    builder.add_edge(START, "agent")
    builder.add_conditional_edges("agent", tools_condition)
    builder.add_edge("tools", "agent")
    return builder.compile()


def chain(model: Any) -> Any:
    return ChatPromptTemplate.from_template("{messages}") | model | StrOutputParser()


GRAPHS: dict[str, Callable[[int], Any]] = {
    "text": lambda n: one_node(Says(says=text, tokens=n)),
    "tool arguments": lambda n: one_node(Says(says=tool_args, tokens=n)),
    "blocks with thinking": lambda n: one_node(Says(says=blocks, tokens=n)),
    "ReAct agent": lambda n: agent(Says(says=text, tokens=n)),
    "two parallel nodes": lambda n: side_by_side(Says(says=text, tokens=n // 2)),
    **{f"depth {d}": lambda n, d=d: nested(Says(says=text, tokens=n), d) for d in (1, 2, 4, 8)},
}


def question(workload: str) -> dict[str, Any]:
    return {"messages": [HumanMessage("question" if workload == "ReAct agent" else "go")]}


# --- what it streamed


def live(graph: Any, api: Api, input: Any) -> Any:
    """The async source itself; version 3 is started by awaiting it."""
    match api:
        case "events":
            return graph.astream_events(input, version="v2")
        case "messages":
            return graph.astream(input, stream_mode="messages")
        case "subgraphs":
            return graph.astream(input, stream_mode="messages", subgraphs=True)
        case "dual":
            return graph.astream(input, stream_mode=["updates", "messages"])
        case "v3":
            return graph.astream_events(input, version="v3")


async def _all_of(source: Any) -> list[Any]:
    source = await source if isinstance(source, Awaitable) else source
    return [item async for item in source]


@lru_cache(maxsize=32)
def recorded(workload: str, api: Api, tokens: int) -> list[Any]:
    """Everything that a run of a workload streamed: run once, replayed often."""
    return run(_all_of(live(GRAPHS[workload](tokens), api, question(workload))))


async def replay(items: list[Any]) -> Any:
    """A source that has it all."""
    for item in items:
        yield item
