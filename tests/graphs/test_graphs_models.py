"""What models say, in every odd shape, in a real graph: alone, at once in one node, and in two."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.runnables import RunnableConfig, RunnableLambda

from small_graphs import (
    ALL_APIS,
    CORE,
    IGNORE_V1,
    asks,
    call,
    chain,
    facts,
    finish,
    of,
    parallel,
    piece,
    run,
    says,
    tokens,
    usage,
)
from streamkit import Event, MessageEnd, ReasoningEnd, TextEnd, ToolCallEnd

pytestmark = pytest.mark.filterwarnings(IGNORE_V1)


@dataclass(frozen=True)
class Answer:
    """One message in short: its blocks, in the order they began."""

    blocks: list[tuple[Any, ...]] = field(default_factory=list)
    usage: tuple[int, int] | None = None
    finish: str | None = None


def answers(events: list[Event]) -> list[Answer]:
    return sorted(
        (
            Answer(
                [it for _, it in sorted(blocks(events, end.message_id))],
                tokens(end.usage),
                end.raw_finish_reason,
            )
            for end in of(events, MessageEnd)
        ),
        key=repr,
    )


def blocks(events: list[Event], message_id: str) -> list[tuple[int, tuple[Any, ...]]]:
    found: list[tuple[int, tuple[Any, ...]]] = []
    for event in of(events, TextEnd, ReasoningEnd, ToolCallEnd):
        if event.message_id != message_id:
            continue
        match event:
            case ToolCallEnd(tool_call_id=id, name=name, args=args, text=text):
                found.append((event.block_id, (id, name, args if event.error is None else text)))
            case TextEnd(text=text):
                found.append((event.block_id, ("text", text)))
            case ReasoningEnd(text=text):
                found.append((event.block_id, ("reasoning", text)))
    return found


def thinking(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "index": 0}


def text(text: str, index: int = 0) -> dict[str, Any]:
    return {"type": "text", "text": text, "index": index}


def two_calls(first: tuple[Any, ...], second: tuple[Any, ...]) -> Any:
    chunk = call(*first)
    return chunk.model_copy(
        update={"tool_call_chunks": [*chunk.tool_call_chunks, *call(*second).tool_call_chunks]}
    )


# langchain-core 0.3.40 itself cannot add to a list of blocks that holds a str.
MORE = [piece([" d", text(" e")])] if CORE > (0, 3, 40) else []

Shape = tuple[Callable[[str], list[Any]], Callable[[str], Answer]]

# Both take a tag that tells two such models apart by their call ids and their words.
SHAPES: dict[str, Shape] = {
    "parallel calls whose arguments interleave": (
        lambda x: [
            call(0, f"{x}1", "f", '{"a"'),
            call(1, f"{x}2", "g", '{"b"'),
            call(0, None, None, ": 1}"),
            call(1, None, None, ": 2}"),
        ],
        lambda x: Answer([(f"{x}1", "f", {"a": 1}), (f"{x}2", "g", {"b": 2})]),
    ),
    "two calls in one chunk": (
        lambda x: [
            two_calls((0, f"{x}1", "f", '{"a": 1'), (1, f"{x}2", "g", "{")),
            two_calls((0, None, None, "}"), (1, None, None, "}")),
        ],
        lambda x: Answer([(f"{x}1", "f", {"a": 1}), (f"{x}2", "g", {})]),
    ),
    "name and arguments in one chunk": (
        lambda x: [call(0, f"{x}1", "f", '{"a": 1}'), call(1, f"{x}2", "f", '{"a": 1}')],
        lambda x: Answer([(f"{x}1", "f", {"a": 1}), (f"{x}2", "f", {"a": 1})]),
    ),
    "name and id in every chunk": (
        lambda x: [
            call(0, f"{x}1", "f", '{"a"'),
            call(0, f"{x}1", "f", ": "),
            call(0, f"{x}1", "f", "1}"),
        ],
        lambda x: Answer([(f"{x}1", "f", {"a": 1})]),
    ),
    "the name, but not the id, in every chunk": (
        lambda x: [
            call(0, f"{x}1", "f", '{"a"'),
            call(0, None, "f", ": 1}"),
        ],
        lambda x: Answer([(f"{x}1", "f", {"a": 1})]),
    ),
    "the id, but not the name, in every chunk": (
        lambda x: [
            call(0, f"{x}1", "f", '{"a"'),
            call(1, f"{x}2", "f", '{"b"'),
            call(0, f"{x}1", None, ": 1}"),
            call(1, f"{x}2", None, ": 2}"),
        ],
        lambda x: Answer([(f"{x}1", "f", {"a": 1}), (f"{x}2", "f", {"b": 2})]),
    ),
    "all calls at index 0, whole": (
        lambda x: [call(0, f"{x}1", "f", '{"a": 1}'), call(0, f"{x}2", "f", '{"a": 1}')],
        lambda x: Answer([(f"{x}1", "f", {"a": 1}), (f"{x}2", "f", {"a": 1})]),
    ),
    "all calls at index 0, in pieces": (
        lambda x: [
            call(0, f"{x}1", "f", '{"a"'),
            call(0, None, None, ": 1}"),
            call(0, f"{x}2", "f", '{"a"'),
            call(0, None, None, ": 2}"),
        ],
        lambda x: Answer([(f"{x}1", "f", {"a": 1}), (f"{x}2", "f", {"a": 2})]),
    ),
    "no index": (
        lambda x: [call(None, f"{x}1", "f", '{"a": 1}'), call(None, f"{x}2", "f", "{}")],
        lambda x: Answer([(f"{x}1", "f", {"a": 1}), (f"{x}2", "f", {})]),
    ),
    "no arguments at all": (
        lambda x: [call(0, f"{x}1", "f", None), call(1, f"{x}2", "g", "")],
        lambda x: Answer([(f"{x}1", "f", {}), (f"{x}2", "g", {})]),
    ),
    "arguments that are cut off": (
        lambda x: [call(0, f"{x}1", "f", '{"a": "Pa'), finish("length")],
        lambda x: Answer([(f"{x}1", "f", '{"a": "Pa')], finish="length"),
    ),
    "the same whole call twice": (
        lambda x: [call(0, f"{x}1", "f", '{"a": 1}'), call(0, f"{x}1", "f", '{"a": 1}')],
        lambda x: Answer([(f"{x}1", "f", {"a": 1})]),
    ),
    "text around a call": (
        lambda x: [
            piece(f"{x} be"),
            piece("fore"),
            call(1, f"{x}1", "f", "{"),
            call(1, None, None, "}"),
            piece("after"),
        ],
        lambda x: Answer([("text", f"{x} before"), (f"{x}1", "f", {}), ("text", "after")]),
    ),
    "thinking and text in one chunk": (
        lambda x: [
            piece([thinking(f"{x} hm")]),
            piece([thinking("m."), text("Hel", 1)]),
            piece([text("lo", 1)]),
        ],
        lambda x: Answer([("reasoning", f"{x} hmm."), ("text", "Hello")]),
    ),
    "thinking between two texts": (
        lambda x: [piece(f"{x} one"), piece([thinking("hm")]), piece("two")],
        lambda x: Answer([("text", f"{x} one"), ("reasoning", "hm"), ("text", "two")]),
    ),
    "content that is now a str and now a list": (
        lambda x: [piece(x), piece([text(" b")]), piece(" c"), *MORE],
        lambda x: Answer([("text", f"{x} b c" + " d e" * bool(MORE))]),
    ),
    "strs and blocks in one list": (
        lambda x: [piece([x, text(" b")]), *MORE],
        lambda x: Answer([("text", f"{x} b" + " d e" * bool(MORE))]),
    ),
    "text and a call in one chunk": (
        lambda x: [call(0, f"{x}1", "f", "{}").model_copy(update={"content": x})],
        lambda x: Answer([("text", x), (f"{x}1", "f", {})]),
    ),
    "usage as a running total in every chunk": (
        lambda x: [usage(10, 1, x), usage(10, 2, " b"), usage(10, 3, " c")],
        lambda x: Answer([("text", f"{x} b c")], usage=(10, 3)),
    ),
    "usage as deltas": (
        lambda x: [usage(10, 1, x), usage(0, 1, " b"), usage(0, 1, " c")],
        lambda x: Answer([("text", f"{x} b c")], usage=(10, 3)),
    ),
    "usage of the input first, of the output last": (
        lambda x: [usage(10, 0), piece(x), usage(0, 3)],
        lambda x: Answer([("text", x)], usage=(10, 3)),
    ),
    "a finish chunk with text, and usage after it": (
        lambda x: [piece(x), finish("stop", " end"), usage(1, 2)],
        lambda x: Answer([("text", f"{x} end")], usage=(1, 2), finish="stop"),
    ),
    "nothing but usage": (
        lambda x: [usage(1, 0)],
        lambda x: Answer(usage=(1, 0)),
    ),
    "an id of the provider's, then LangChain's own": (
        lambda x: [piece(id=f"resp_{x}"), piece(x), piece(" b"), piece(" c")],
        lambda x: Answer([("text", f"{x} b c")]),
    ),
    "LangChain's own id, then the provider's, to and fro": (
        lambda x: [
            piece(x),
            piece(" b", id=f"msg_{x}"),
            piece(" c"),
            piece(" d", id=f"msg_{x}"),
            usage(1, 2),
        ],
        lambda x: Answer([("text", f"{x} b c d")], usage=(1, 2)),
    ),
    "three names for one message": (
        lambda x: [
            piece(id=f"resp_{x}"),
            piece(x),
            piece(" b", id=f"msg_{x}"),
            piece(" c"),
            piece(" d", id=f"resp_{x}"),
        ],
        lambda x: Answer([("text", f"{x} b c d")]),
    ),
    "the provider's id in every chunk": (
        lambda x: [piece(x, id=f"msg_{x}"), piece(" b", id=f"msg_{x}")],
        lambda x: Answer([("text", f"{x} b")]),
    ),
}


def asks_both(first: Any, second: Any) -> Any:
    """A node that invokes two models at once: in threads, or on the loop."""
    models = (first, second)

    def ask(state: Any, config: RunnableConfig) -> Any:
        with ThreadPoolExecutor() as pool:
            said = pool.map(lambda model: model.invoke(state["messages"], config), models)
            return {"messages": list(said)}

    async def aask(state: Any, config: RunnableConfig) -> Any:
        said = (model.ainvoke(state["messages"], config) for model in models)
        return {"messages": await asyncio.gather(*said)}

    return RunnableLambda(ask, aask)


@pytest.mark.parametrize("api", ALL_APIS)
@pytest.mark.parametrize("shape", SHAPES)
def test_alone(shape: str, api: str) -> None:
    chunks, expected = SHAPES[shape]
    events = run(chain(asks(says(chunks("x")))), api)
    assert answers(events) == [expected("x")]
    assert facts(events).usage == expected("x").usage


@pytest.mark.parametrize("api", ALL_APIS)
@pytest.mark.parametrize("shape", SHAPES)
def test_two_at_once_in_one_node(shape: str, api: str) -> None:
    chunks, expected = SHAPES[shape]
    x, y = (says(chunks(tag), pace=0.001) for tag in "xy")
    events = run(chain(asks_both(x, y)), api)
    assert answers(events) == sorted([expected("x"), expected("y")], key=repr)


@pytest.mark.parametrize("api", ALL_APIS)
@pytest.mark.parametrize("shape", SHAPES)
def test_two_at_once_in_two_nodes(shape: str, api: str) -> None:
    chunks, expected = SHAPES[shape]
    x, y = (asks(says(chunks(tag), pace=0.001)) for tag in "xy")
    events = run(parallel(x, y), api)
    assert answers(events) == sorted([expected("x"), expected("y")], key=repr)
