"""What an item costs, in exact counts: the same late in a stream as early, and never more calls.

Clocks come in only where a loop in C could hide from the counts, and then with much room.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from functools import lru_cache, partial
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage

from streamkit import Event, RunFold, normalize
from streamkit._protocols import stage_of
from streamkit.dialects import reader_for
from streamkit.merge import merge_chunks
from streamkit.partial_json import PartialJSON
from streamkit.presets import tokens, tools
from streamkit.stages import sequential
from streamkit.wire import ag_ui, ai_sdk, ndjson, openai_chunks, openai_responses, sse

pytestmark = pytest.mark.long

METADATA = {"langgraph_node": "agent", "ls_model_type": "chat", "langgraph_step": 1}
Make = Callable[[int], Any]


def text(n: int) -> list[AIMessageChunk]:
    return [AIMessageChunk(content=f"word{i % 10} ", id="m") for i in range(n)]


def blocks(n: int) -> list[AIMessageChunk]:
    part = [{"type": "text", "text": "word ", "index": 0}]
    return [AIMessageChunk(content=part, id="m") for _ in range(n)]


@lru_cache
def pieces(n: int) -> list[str]:
    body = json.dumps({"body": "x = 1; " * 2 * n})
    return [body[at : at + 8] for at in range(0, len(body), 8)][:n]


def arguments(n: int) -> list[AIMessageChunk]:
    start = {"name": "write_file", "id": "call_1", "args": "", "index": 0}
    rest = [{"name": None, "id": None, "args": piece, "index": 0} for piece in pieces(n)]
    return [AIMessageChunk(content="", id="m", tool_call_chunks=[it]) for it in (start, *rest)]


def event(name: str, **data: Any) -> dict[str, Any]:
    return {
        "event": f"on_chat_model_{name}",
        "name": "model",
        "run_id": "r",
        "parent_ids": [],
        "tags": [],
        "metadata": METADATA,
        "data": data,
    }


def events(chunks: Make) -> Make:
    return lambda n: [event("start"), *(event("stream", chunk=it) for it in chunks(n))]


def pairs(chunks: Make) -> Make:
    return lambda n: [(it, METADATA) for it in chunks(n)]


def labelled(chunks: Make) -> Make:
    return lambda n: [("messages", it) for it in pairs(chunks)(n)]


def protocol(n: int) -> list[dict[str, Any]]:
    """Text as version 3 tells it."""

    def envelope(event: str, **fields: Any) -> dict[str, Any]:
        data = ({"event": event, **fields}, {"run_id": "r"})
        params = {"namespace": [], "timestamp": 1, "data": data}
        return {"type": "event", "method": "messages", "params": params}

    delta = {"type": "text-delta", "text": "word "}
    return [
        envelope("message-start", role="ai", id="m"),
        *(envelope("content-block-delta", index=0, delta=delta) for _ in range(n)),
    ]


def read(items: list[Any], *stages: Any) -> None:
    stream = normalize(iter(items), strict=True)
    for stage in stages:
        stream = stream.pipe(stage())
    for _ in stream:
        pass


async def given(items: list[Any]) -> AsyncIterator[Any]:
    for it in items:
        yield it


def read_async(items: list[Any]) -> None:
    async def read_all() -> None:
        async for _ in normalize(given(items), strict=True):
            pass

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            "streamkit._drive._async_stream._TURN", 60
        )  # or a slow machine counts turns
        asyncio.run(read_all())


def written_by(encoder: Any) -> Callable[[Any], None]:
    return lambda items: read(items, encoder)


def feed(chunks: list[str]) -> None:
    reader = PartialJSON()
    for it in chunks:
        reader.feed(it)


def fold(items: list[Any]) -> None:
    run = RunFold()
    for event in normalize(iter(items), strict=True):
        run.feed(event)


def messages(n: int) -> list[AIMessage]:
    return [AIMessage(content="word", id=f"m{i}") for i in range(n)]


def updates(n: int) -> list[Any]:
    return [("updates", {"agent": {"messages": [it]}}) for it in messages(n)]


def at_once(n: int) -> list[Event]:
    """The events of messages of ten pieces, all of which are open until the run ends."""
    return list(normalize([AIMessageChunk("word ", id=f"m{i // 10}") for i in range(n)]))


def in_a_row(events: list[Event]) -> None:
    stage = stage_of(sequential)
    for it in events:
        for _ in stage(it):
            pass


WORK: dict[str, tuple[Make, Callable[[Any], object]]] = {
    "events, text": (events(text), read),
    "events, blocks": (events(blocks), read),
    "events, arguments": (events(arguments), read),
    "messages, text": (pairs(text), read),
    "messages, blocks": (pairs(blocks), read),
    "messages, arguments": (pairs(arguments), read),
    "labelled, text": (labelled(text), read),
    "chunks, text": (text, read),
    "v3, text": (protocol, read),
    "messages, text, filtered": (pairs(text), lambda items: read(items, lambda: tokens)),
    "messages, text, dropped": (pairs(text), lambda items: read(items, lambda: tools)),
    "messages at once, in a row": (at_once, in_a_row),
    "messages, text, async": (pairs(text), read_async),
    "sse": (pairs(text), written_by(sse.encoder)),
    "sse behind a filter": (pairs(text), lambda it: read(it, lambda: tokens, sse.encoder)),
    "ndjson": (pairs(text), written_by(ndjson.encoder)),
    "ag_ui": (pairs(text), written_by(ag_ui.encoder)),
    "ai_sdk": (pairs(text), written_by(ai_sdk.encoder)),
    "openai_chunks": (pairs(text), written_by(openai_chunks.encoder)),
    "openai_responses": (pairs(text), written_by(openai_responses.encoder)),
    "merging text": (text, merge_chunks),
    "merging blocks": (blocks, merge_chunks),
    "merging arguments": (arguments, merge_chunks),
    "partial JSON": (pieces, feed),
    "fold, messages": (messages, fold),
    "fold, updates": (updates, fold),
}


def calls(work: Callable[[Any], object], items: Any) -> int:
    """How many functions of Python's are called, generators resumed included."""
    count = 0

    def note(_frame: Any, happened: str, _arg: Any) -> None:
        nonlocal count
        count += happened == "call"

    gc.disable()  # what is collected may call anything
    sys.setprofile(note)
    try:
        work(items)
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def calls_of_last(number: int, name: str) -> float:
    """The calls for each of the last 100 of so many items."""
    make, work = WORK[name]
    return (calls(work, make(number)) - calls(work, make(number - 100))) / 100


@pytest.mark.parametrize("name", WORK)
def test_an_item_calls_as_much_late_as_early(name: str) -> None:
    make, work = WORK[name]
    work(make(10))  # what is cached is cached
    assert calls_of_last(1_500, name) == pytest.approx(calls_of_last(300, name), abs=0.5)


@pytest.mark.parametrize("name", WORK)
def test_ten_times_the_items_take_some_ten_times_the_time(name: str) -> None:
    """What is quadratic takes a hundred times as long."""
    make, work = WORK[name]

    def least(number: int) -> float:
        items, times = make(number), []
        for _ in range(3):
            begin = time.process_time()
            work(items)
            times.append(time.process_time() - begin)
        return min(times)

    assert any(least(2_000) < 30 * least(200) for _ in range(5))  # other programs run, too


# What a token costs on its way, in calls, exactly. More of them is a step back, to be taken on
# purpose; fewer is to be kept.
CALLS = {
    "events, text": 3,
    "messages, text": 3,
    "labelled, text": 3,
    "chunks, text": 3,
    "messages, text, filtered": 5,
    "messages, text, dropped": 6,
    "v3, text": 6,
    "events, arguments": 4,
    "events, blocks": 5,
    "messages, arguments": 4,
    "messages, blocks": 5,
    "messages, text, async": 4,  # that of the source included
    "sse": 6,
    "sse behind a filter": 7,
    "ndjson": 6,
    "ag_ui": 8,
    "ai_sdk": 8,
    "openai_chunks": 12,
    "openai_responses": 12,
}


@pytest.mark.parametrize("name", CALLS)
def test_a_token_costs_so_many_calls(name: str) -> None:
    make, work = WORK[name]
    work(make(10))
    assert calls_of_last(300, name) == CALLS[name]


def kept(work: Callable[[], object]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        work()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_an_open_message_keeps_no_more_than_a_reference_of_each_piece() -> None:
    stream = normalize(iter(text(3_000)))
    next(stream)

    def pull() -> None:
        for _ in range(2_000):
            next(stream)

    assert kept(pull) / 2_000 <= 32


def asking(number: int, size: int) -> Any:
    """The update of a node whose model wrote one call."""
    args = {"body": chr(97 + number % 26) * size}
    call: Any = {"name": "f", "id": f"call_{number}", "args": args}
    return "updates", {"n": {"messages": [AIMessage("", id=f"m{number}", tool_calls=[call])]}}


def answered(number: int) -> list[Any]:
    result = ToolMessage("ok", tool_call_id=f"call_{number}", id=f"t{number}")
    return [("updates", {"tools": {"messages": [result]}})]


@pytest.mark.parametrize("answer", [answered, lambda _: []], ids=["answered", "unanswered"])
def test_arguments_are_not_kept_to_the_end_of_the_run(answer: Make) -> None:
    """Nothing answers a call of structured output, for example."""
    reader = reader_for("graph", clock=time.time)
    types: set[str] = set()

    def turns() -> None:
        for it in range(100):
            for raw in (asking(it, 100_000), *answer(it)):
                types.update(event.type for event in reader.feed(raw))

    assert kept(turns) < (1_000_000 if answer is answered else 4_500_000)  # of 10 million
    assert ("tool.end" in types) is (answer is answered)


def test_a_message_without_an_id_is_kept_no_longer_than_by_its_owner() -> None:
    reader = reader_for("graph", clock=time.time)

    def steps() -> None:
        for _ in range(50):
            reader.feed(("updates", {"n": {"messages": [AIMessage("x" * 100_000)]}}))

    assert kept(steps) < 500_000


def test_a_turn_costs_the_same_after_many_calls() -> None:
    def time_of(number: int) -> float:
        raws = [raw for it in range(number) for raw in (asking(it, 1), *answered(it))]
        begin = time.process_time()
        read(raws)
        return time.process_time() - begin

    time_of(10)
    assert any(time_of(2_000) < 30 * time_of(200) for _ in range(5))


def test_nothing_is_kept_of_a_run() -> None:
    items = pairs(text)(3)
    read(items)

    def runs(number: int) -> None:
        for _ in range(number):
            read(items)

    runs(10)
    assert kept(partial(runs, 500)) < 500 * 8
