"""Real raw streams with one value changed: what a field may hold that no one foresaw.

pydantic accepts anything inside blocks and metadata, and JSON from a server is not checked at all.
So any value, of any field, may be of any type.
"""

from __future__ import annotations

import asyncio
import copy
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from random import Random
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import Generation
from pydantic import ValidationError

import server_recordings as recorded
import small_graphs as graphs
from random_streams import last
from small_graphs import agent, call, calling, piece
from streamkit import Event, MalformedItem, RunFailed, normalize
from streamkit.folds import RunFold
from streamkit.testing import check_stream
from streamkit.transcript import describe
from streamkit.wire.ndjson import Decoder, encode

__all__ = ["STREAMS", "mutant", "read_any_way"]

Streams = dict[str, tuple[dict[str, Any], list[Any]]]

_USAGE = {
    "input_tokens": 3,
    "output_tokens": 1,
    "total_tokens": 4,
    "input_token_details": {"cache_read": 1},
}

MOST_ITEMS = 60  # longer recordings have nothing that shorter ones have not

BLOCKS: list[Any] = [
    {"type": "thinking", "thinking": "Hm", "signature": "sig", "index": 0},
    {"type": "redacted_thinking", "data": "xyz", "index": 1},
    {"type": "reasoning", "summary": [{"text": "so", "type": "summary_text"}], "index": 2},
    {"type": "reasoning", "reasoning": "then", "extras": {"signature": "sig"}, "index": 3},
    {"type": "reasoning_content", "reasoning_content": {"text": "and", "signature": "sig"}},
    {"type": "text", "text": "See", "citations": [{"url": "u"}], "index": 4},
    {"type": "text", "text": "that", "reference": {"reference_ids": [1]}, "index": 4},
    {"type": "text", "text": "this", "extras": {"signature": "sig"}, "index": "lc_txt_5"},
    "text",
    {"type": "image", "url": "u", "index": 5},
    {"type": "server_tool_use", "id": "s1", "name": "search", "input": {}, "index": 6},
    {"type": "input_json_delta", "partial_json": '{"q":1}', "index": 6},
    {"type": "web_search_call", "id": "s2", "action": {"query": "q"}, "index": 7},
    {"type": "executable_code", "id": "s3", "executable_code": "1", "language": "python"},
    {"type": "non_standard", "value": {"type": "text", "text": "own"}, "index": 8},
    {"type": "refusal", "refusal": "No.", "index": 9},
    {"type": "tool_use", "id": "c1", "name": "f", "input": {}, "index": 10},
]
ADDITIONAL: dict[str, Any] = {
    "reasoning_content": "Hm",
    "reasoning_details": [{"type": "reasoning.text", "text": "Hm", "signature": "sig"}],
    "refusal": "No.",
    "executed_tools": [{"type": "search", "index": 0, "arguments": "{}"}],
    "tool_outputs": [{"type": "web_search_call", "id": "s4", "action": {"query": "q"}}],
    "audio": {"id": "a1", "data": "aGk=", "transcript": "Hi"},
    "search_results": [{"title": "T", "url": "u"}],
}
METADATA: dict[str, Any] = {
    "finish_reason": "stop",
    "model_name": "m",
    "incomplete_details": {"reason": "max_tokens"},
    "status": "completed",
    "grounding_metadata": {
        "grounding_chunks": [{"web": {"uri": "u", "title": "T"}}],
        "grounding_supports": [{"segment": {"text": "Hel"}, "grounding_chunk_indices": [0]}],
    },
}


def of_every_kind() -> list[AIMessageChunk]:
    """A message of each kind of block, of calls and of metadata."""
    return [
        piece("Hel", id="m1"),
        piece("lo", id="m1"),
        *(piece([block], id="m1") for block in BLOCKS),
        piece(additional_kwargs=ADDITIONAL, id="m1"),
        piece(BLOCKS, id="m1"),
        call(0, "c1", "f", '{"a": '),
        call(0, None, None, "1}"),
        call(None, "c2", "g", "{}"),
        piece("bye", id="m1"),
        last(content="", id="m1", usage_metadata=_USAGE, response_metadata=METADATA),
    ]


def _graph() -> Any:
    return agent(calling(("c1", "add", '{"a": 1, "b": 2}')), [graphs.add])


def _of_graph(api: Callable[[Any], Any]) -> list[Any]:
    async def read() -> list[Any]:
        source = api(_graph())
        source = await source if hasattr(source, "__await__") else source
        return [it async for it in source]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return asyncio.run(read())


@lru_cache
def STREAMS() -> Streams:  # noqa: N802
    """Streams by name: the keywords that `normalize` needs, and the items."""
    chunks = of_every_kind()
    metadata = {"langgraph_node": "n", "langgraph_checkpoint_ns": "n:1", "ls_model_type": "chat"}
    about = {"name": "model", "run_id": "r", "parent_ids": [], "tags": [], "metadata": metadata}
    start = {"event": "on_chat_model_start", **about, "data": {"input": {}}}
    streamed = [
        {"event": "on_chat_model_stream", **about, "data": {"chunk": chunk}} for chunk in chunks
    ]
    given = graphs.ASK
    modes = ["messages", "updates", "values", "custom", "tasks", "debug"]
    found: Streams = {
        "chunks": ({"dialect": "chunks"}, [*chunks]),
        "whole": ({"dialect": "chunks"}, [sum(chunks[2:3], chunks[0]), *chunks[4:6]]),
        "model events": ({"dialect": "events"}, [start, *streamed]),
        "pairs": ({"dialect": "messages"}, [(chunk, metadata) for chunk in chunks]),
        "JSON pairs": (
            {"dialect": "messages"},
            [(json.loads(chunk.model_dump_json()), metadata) for chunk in chunks],
        ),
        "events v2": (
            {"dialect": "events"},
            _of_graph(lambda it: it.astream_events(given, version="v2")),
        ),
        "events v1": (
            {"dialect": "events"},
            _of_graph(lambda it: it.astream_events(given, version="v1")),
        ),
        "log": ({"dialect": "log"}, _of_graph(lambda it: it.astream_log(given))),
        "modes": (
            {"dialect": "graph"},
            _of_graph(lambda it: it.astream(given, stream_mode=modes, subgraphs=True)),
        ),
        "parts": (
            {"dialect": "graph"},
            _of_graph(lambda it: it.astream(given, stream_mode=modes, version="v2"))
            if graphs.LANGGRAPH >= (1, 1)
            else [],
        ),
        "patches": ({"dialect": "chunks"}, [[{"op": "add", "path": "/a", "value": 1}]] * 2),
        "batch": ({"dialect": "batch"}, [(0, "a"), (1, ValueError("no")), (2, chunks[0])]),
    }
    if graphs.LANGGRAPH >= (1, 2):
        source = lambda it: it.astream_events(given, version="v3")  # noqa: E731
        found["v3"] = {"dialect": "v3"}, _of_graph(source)
    for name, number in recorded.every_run():
        found[f"remote {name} {number}"] = {"dialect": "remote"}, recorded.runs(name)[number]
    return {name: stream for name, stream in found.items() if 1 < len(stream[1]) <= MOST_ITEMS}


# --- mutants


class OddText(str):
    """A str of another class."""

    __slots__ = ()


class Unequal:
    """What cannot be compared, as arrays cannot."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")

    def __hash__(self) -> int:
        raise TypeError("unhashable")

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def _odd_values() -> list[Any]:
    deep: Any = "x"
    for _ in range(50):
        deep = [deep]
    return [
        *(None, True, False, 0, -1, 7, 2**70, 1.5, float("nan"), float("inf")),
        *("", "text", "7", "{", '{"a": 1}', "\ud800", "x" * 10_000, OddText("odd"), b"bytes"),
        *([], ["a"], [None], [{}], [[1]], {}, {"value": "x"}, {"a": {"b": []}}, {1: 2}, (), (1, 2)),
        *(
            object(),
            Unequal(),
            deep,
            ValueError("x"),
            int,
            {"type": "text", "text": {"value": "x"}},
        ),
        *({"type": []}, {"id": {}}, {"messages": [{}]}, {"index": []}),
    ]


ODD = _odd_values()


def mutant(items: list[Any], random: Random) -> list[Any]:
    """The items with one value somewhere in one of them replaced, dropped or renamed.

    Not in the first, which may then prove another dialect than the one that is named.
    """
    at = random.randrange(1, len(items))
    return [*items[:at], _changed(items[at], random, 0), *items[at + 1 :]]


def _changed(value: Any, random: Random, depth: int) -> Any:
    if depth and random.random() < 0.25:
        return random.choice(ODD)
    if isinstance(value, dict) and value:
        return _changed_dict(value, random, depth)
    if isinstance(value, (list, tuple)) and value:
        at = random.randrange(len(value))
        items = [*value[:at], _changed(value[at], random, depth + 1), *value[at + 1 :]]
        if isinstance(value, list):
            return items
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, (BaseMessage, Generation)) or hasattr(value, "ops"):
        made = copy.copy(value)
        name = random.choice(sorted(vars(value)))
        fields = {**vars(value), name: _changed(vars(value)[name], random, depth + 1)}
        object.__setattr__(made, "__dict__", fields)  # past every check
        return made
    return random.choice(ODD)


def _changed_dict(value: dict[Any, Any], random: Random, depth: int) -> dict[Any, Any]:
    key = random.choice(list(value))
    fields = dict(value)
    match random.randrange(12):
        case 0:
            del fields[key]
        case 1:
            fields[random.choice(["extra", 1, "index", "id", "type", key])] = random.choice(ODD)
        case _:
            fields[key] = _changed(value[key], random, depth + 1)
    return fields


# --- reading them


def read_any_way(options: dict[str, Any], items: list[Any]) -> list[Event]:
    """Read a stream in both ways: nothing escapes, but for `MalformedItem` in strict mode."""
    events: list[Event] = []
    with suppress(RunFailed):  # as some of the recorded runs did
        events.extend(normalize(iter(items), **options))
    check_stream(events)
    strict: list[Event] = []
    with suppress(RunFailed, MalformedItem):
        strict.extend(normalize(iter(items), strict=True, **options))
    check_stream(strict)
    use_any_way(events)
    return events


def use_any_way(events: list[Event]) -> None:
    """Fields have the types of the schema, and so whoever reads the events copes with them."""
    sent = b"".join(map(encode, events))
    assert len(Decoder().feed(sent)) == len(events)
    for event in events:
        describe(event)
    fold = RunFold()
    for event in events:
        with suppress(ValidationError):  # LangChain refuses to make a message of that
            fold.feed(event)
    fold.result()


def every(seed: int, number: int) -> Iterator[tuple[str, dict[str, Any], list[Any]]]:
    """So many mutants."""
    random = Random(seed)  # noqa: S311
    names = list(STREAMS())
    for _ in range(number):
        name = random.choice(names)
        options, items = STREAMS()[name]
        yield name, options, mutant(items, random)
