"""Planted secrets are in nothing that leaves the process: of every source, by every way out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import SystemMessage, ToolMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from redis_server import redis_server  # noqa: F401  (a fixture)
from run_sources import SOURCES
from small_graphs import IGNORE_V1, asks, call, finish, piece, says
from streamkit import Event, astream, normalize, stream
from streamkit.html import to_html
from streamkit.record import record
from streamkit.wire import (
    ag_ui,
    ai_sdk,
    chat_lines,
    langgraph_sse,
    ndjson,
    openai_chunks,
    openai_responses,
    sse,
    to_dict,
)

pytestmark = [
    pytest.mark.filterwarnings(IGNORE_V1),
    pytest.mark.filterwarnings("ignore:astream_log is deprecated"),
    pytest.mark.filterwarnings("ignore:The v3 streaming protocol on Pregel is experimental"),
]

PROMPTS = ("PLANTED-message", "PLANTED-dict", "PLANTED-tuple", "PLANTED-list")
ERROR, RESULT, INTERNAL = "PLANTED-error", "PLANTED-result", "PLANTED-internal"
METADATA, KEY, HEADERS = "PLANTED-metadata", "PLANTED-configurable", "PLANTED-headers"
FATAL = "PLANTED-fatal"

GIVEN = {
    "messages": [
        SystemMessage(PROMPTS[0], id="s1"),
        {"role": "system", "content": PROMPTS[1], "id": "s2"},
        ("system", PROMPTS[2]),
        {"role": "developer", "content": [{"type": "text", "text": PROMPTS[3]}], "id": "s3"},
        ("user", "the question"),
    ]
}


@tool
def fail(x: int) -> str:
    """Raise."""
    raise ValueError(ERROR)


@tool
def fetch(x: int) -> str:
    """Return what a node hides."""
    return f"number {RESULT}"


def hidden(node: ToolNode) -> Any:
    """The tools' node, behind a guard that rewrites one result."""

    def cleaned(update: Any) -> Any:
        messages = update["messages"] if isinstance(update, dict) else update
        return {
            "messages": [
                ToolMessage("[hidden]", tool_call_id=it.tool_call_id, name=it.name, id=it.id)
                if RESULT in str(it.content)
                else it
                for it in messages
            ]
        }

    def run(state: Any, config: RunnableConfig) -> Any:
        return cleaned(node.invoke(state, config))

    async def arun(state: Any, config: RunnableConfig) -> Any:
        return cleaned(await node.ainvoke(state, config))

    return RunnableLambda(run, arun)


def graph(*, breaks: bool = False) -> Any:
    """A graph that meets each secret, and may break at its end."""
    asking = [call(0, "c1", "fail", '{"x": 1}'), call(1, "c2", "fetch", '{"x": 2}')]
    answer = [piece("the answer"), piece(response_metadata={"headers": HEADERS}), finish("stop")]
    model = says([*asking, finish("tool_calls")], answer)
    guard = says([piece(INTERNAL), finish("stop")]).with_config(tags=["nostream"])

    def judge(state: Any, config: RunnableConfig) -> Any:
        guard.invoke("is this allowed?", config)
        if breaks and len(state["messages"]) > len(GIVEN["messages"]):
            raise RuntimeError(FATAL)
        return {}

    async def ajudge(state: Any, config: RunnableConfig) -> Any:
        await guard.ainvoke("is this allowed?", config)
        if breaks and len(state["messages"]) > len(GIVEN["messages"]):
            raise RuntimeError(FATAL)
        return {}

    builder = StateGraph(MessagesState)
    builder.add_node("judge", RunnableLambda(judge, ajudge))
    builder.add_node("agent", asks(model))
    builder.add_node("tools", hidden(ToolNode([fail, fetch], handle_tool_errors=True)))
    builder.add_edge(START, "judge")
    builder.add_edge("judge", "agent")
    builder.add_conditional_edges("agent", tools_condition)
    builder.add_edge("tools", "judge")
    options: Any = {"metadata": {"tenant": METADATA}, "configurable": {"model_key": KEY}}
    return builder.compile().with_config(**options)


ENCODERS: dict[str, Any] = {
    "sse": sse,
    "ndjson": ndjson,
    "AG-UI": ag_ui,
    "AI SDK": ai_sdk,
    "LangGraph SSE": langgraph_sse,
    "OpenAI chunks": openai_chunks,
    "OpenAI Responses": openai_responses,
}


def _written(events: list[Event], **options: Any) -> Iterator[tuple[str, str]]:
    for name, wire in ENCODERS.items():
        if options and name.startswith("OpenAI"):
            continue
        pieces = list(normalize(events, on_error="event").pipe(wire.encoder(**options)))
        yield name, b"".join(pieces).decode()


def ways_out(events: list[Event], path: Path) -> Iterator[tuple[str, str]]:
    """Yield each way out of the process, and what leaves by it."""
    yield from _written(events)
    stream: Any = normalize(events, on_error="event")
    lines: list[bytes] = []
    with suppress(RuntimeError):  # the run's own: chat lines are a source that raises it
        lines.extend(chat_lines(stream))
    assert lines
    yield "chat lines", b"".join(lines).decode()
    shown = [event for event in events if not event.origin.internal]
    yield "dicts", json.dumps([to_dict(event) for event in shown])
    yield "page", to_html(events)
    list(normalize(events, on_error="event").pipe(record(path, private=False)))
    # Recordings are for developers, and keep what internal models wrote.
    yield "recording", path.read_text().replace(INTERNAL, "")
    yield from _traced(events)


def _traced(events: list[Event]) -> Iterator[tuple[str, str]]:
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    from streamkit.otel import spans

    exporter = memory.InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    list(normalize(events, on_error="event").pipe(spans(provider.get_tracer("tests"))))
    yield "spans", "".join(it.to_json() for it in exporter.get_finished_spans())


def leaks(events: list[Event], path: Path) -> list[str]:
    return [
        f"{way}: ...{text[max(0, at - 150) : at + 30]}"
        for way, text in ways_out(events, path)
        if (at := text.find("PLANTED")) >= 0
    ]


@pytest.mark.parametrize("source", SOURCES)
def test_no_secret_leaves_by_any_way(
    source: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="streamkit"):
        events = SOURCES[source](graph(), GIVEN)
    assert any(event.type == "run.end" for event in events)
    assert leaks(events, tmp_path / "run.jsonl") == []
    assert "PLANTED" not in caplog.text


BREAKING: dict[str, Callable[[Any], Any]] = {
    "stream()": lambda it: stream(it, GIVEN, on_error="event"),
    "messages": lambda it: normalize(it.stream(GIVEN, stream_mode="messages"), on_error="event"),
    "modes": lambda it: normalize(
        it.stream(GIVEN, stream_mode=["messages", "updates", "values", "tasks", "debug"]),
        on_error="event",
    ),
}


@pytest.mark.parametrize("source", BREAKING)
def test_nothing_of_an_exception_but_its_class_leaves(source: str, tmp_path: Path) -> None:
    events = list(BREAKING[source](graph(breaks=True)))
    assert (events[-1].type, events[-1].error.message) == ("run.error", FATAL)
    assert leaks(events, tmp_path / "run.jsonl") == []


STORED = [ag_ui, ai_sdk, langgraph_sse, openai_chunks, openai_responses, sse]


async def in_redis(url: str) -> str:
    """Return every key of a server with its value, as text."""
    from redis.asyncio import Redis as Client

    client = Client.from_url(url)
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"none": client.get,  # one that has expired meanwhile
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"stream": client.xrange,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
    }
    found = [(key, await read[await client.type(key)](key)) for key in await client.keys()]
    await client.aclose()
    return repr(found)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Return what loggers of ours have written, tracebacks included."""
    ours = (it for it in caplog.records if it.name.startswith("streamkit"))
    return "\n".join(map(logging.Formatter("%(message)s").format, ours))


@pytest.mark.parametrize("breaks", [False, True])
async def test_no_secret_is_stored_in_redis_or_logged(
    breaks: bool,
    redis_server: Any,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Loggers of others, such as asyncio's and LangChain's, write what they write without us."""
    serve = pytest.importorskip("streamkit.serve", reason="starlette is not installed")
    redis_server.stop()
    redis_server.start()  # empty
    store = serve.Redis(redis_server.url)
    with caplog.at_level(logging.DEBUG):
        for wire in STORED:
            runs = serve.Runs(wire, store=store, linger=None)
            id = await runs.start(astream(graph(breaks=breaks), GIVEN, on_error="event"))
            assert [part async for part in store.follow(id)][-1].is_over
    kept = await in_redis(redis_server.url)
    private = serve.Runs(sse, store=store, linger=None, private=True)
    id = await private.start(astream(graph(breaks=breaks), GIVEN, on_error="event"))
    assert [part async for part in store.follow(id)][-1].is_over
    kept_too = await in_redis(redis_server.url)
    await private.aclose()
    await store.aclose()
    assert "the question" in kept
    assert kept.count("PLANTED") == 0 < kept_too.count("PLANTED")
    assert "PLANTED" not in logged(caplog)


async def test_what_is_private_is_written_when_it_is_asked_for() -> None:
    """The secrets are there, and the property can fail."""
    events = [event async for event in astream(graph(breaks=True), GIVEN, on_error="event")]
    text = dict(_written(events, private=True))["ndjson"]
    asked_for = {*PROMPTS, ERROR, INTERNAL, METADATA, FATAL}
    assert {it for it in asked_for if it not in text} == set()
