"""Hostile payloads by every way out: none raises, takes long, grows, or reaches what shows it.

``STREAMKIT_FUZZ`` makes them a million values wide.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rich", reason="rich is not installed")
pytest.importorskip("starlette", reason="starlette is not installed")
pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from langchain_core.messages import AIMessage
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from streamkit import (
    Custom,
    Event,
    Interrupt,
    MessageReplaced,
    Origin,
    RunEnd,
    RunStart,
    StateSnapshot,
    StateUpdate,
    ToolDelta,
    ToolEnd,
    ToolStart,
    normalize,
)
from streamkit.html import to_html
from streamkit.metrics import Metrics
from streamkit.otel import spans
from streamkit.record import record
from streamkit.serve import Memory, Redis, Runs
from streamkit.terminal import TerminalView, TreeView
from streamkit.transcript import describe, transcript
from streamkit.wire import ag_ui, ai_sdk, chat_lines, langgraph_sse, ndjson, openai_responses, sse
from streamkit.wire._forms import MAX_VALUES
from streamkit.wire._plain_json import MAX_CHARACTERS

from redis_server import redis_server  # noqa: F401  # isort: skip  (a fixture)

pytestmark = pytest.mark.long

IS_LONG = bool(os.environ.get("STREAMKIT_FUZZ"))
WIDTH = 1_000_000 if IS_LONG else 10_000
SECONDS = 12.0 if IS_LONG else 2.0
"""Of processor time for twelve events with one payload: in the long form a second for each."""
MOST = 5 * 3 * 2**25
"""Bytes: of five kinds of events, of whose payloads none is more than 32 Mi characters with its commas."""
MEMORY = 64 * 2**20
"""Bytes for twelve events with one payload, 10,000 values wide, beside what the payload takes itself."""
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"

SHOWN = "\x1b]0;title\x07 \u202e \U000e0041 </script><script>window.hacked=1</script>"


class Hostile:
    """An object that raises at everything."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    __str__ = __repr__


def refuse(*_: object) -> Any:
    raise RuntimeError


class HostileText(str):
    """A text that raises at everything."""

    __slots__ = ()
    __eq__ = __len__ = __iter__ = __getitem__ = __contains__ = __str__ = __repr__ = refuse
    __hash__ = str.__hash__


class HostileDict(dict[Any, Any]):
    """A dict that raises at everything."""

    __eq__ = __len__ = __iter__ = __getitem__ = __contains__ = __bool__ = __repr__ = refuse
    get = items = keys = values = copy = refuse
    __hash__ = None  # type: ignore[assignment]


def deep() -> Any:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    return value


def cycle() -> Any:
    value: dict[str, Any] = {}
    value["itself"] = [value] * 10
    return value


def message_of(value: Any) -> AIMessage:
    """Return a message of which each field was set past every check."""
    message = AIMessage("", id="m")
    vars(message).update(dict.fromkeys([*vars(message), "type", "artifact"], value))
    return message


PAYLOADS: dict[str, Callable[[], Any]] = {
    "giant text": lambda: "x" * 100_000_000,
    "giant bytes": lambda: {"a": b"x" * 20_000_000},
    "many keys": lambda: {str(key): key for key in range(WIDTH)},
    "many levels": deep,
    "a cycle": cycle,
    "an object that raises": Hostile,
    "a text that raises": lambda: HostileText("x"),
    "a dict that raises": lambda: HostileDict(a=HostileText("x")),
    "objects that raise in a record": lambda: {"question": Hostile(), "b": HostileDict(a=1)},
    "a message whose fields raise": lambda: {"messages": [message_of(Hostile())]},
    "a message whose fields are dicts that raise": lambda: [message_of(HostileDict(a=1))],
    "shared often": lambda: [[[1] * 100] * 100] * (WIDTH // 10_000),
    "text for what shows it": lambda: {SHOWN: SHOWN},
}


def events_with(payload: Any) -> list[Event]:
    at: Any = {"origin": Origin(), "timestamp": 0.0}
    return [
        RunStart(**at, input=payload),
        ToolStart(**at, tool_call_id="c", name=SHOWN, input=payload),
        ToolEnd(**at, tool_call_id="c", name=SHOWN, status="completed", output=payload),
        ToolStart(**at, tool_call_id="d", name=SHOWN),
        ToolDelta(**at, tool_call_id="d", delta=payload),
        ToolEnd(**at, tool_call_id="d", name=SHOWN, status="completed"),
        Custom(**at, data=payload),
        StateUpdate(**at, node=SHOWN, values=payload),
        Interrupt(**at, interrupt_id="i", value=payload),
        MessageReplaced(**at, message_id="m", tool_call_id="c", message=payload),
        StateSnapshot(**at, values=payload),
        RunEnd(**at, status="completed", output=payload),
    ]


def encoded(stage: Any) -> Callable[[list[Event], Path], str]:
    return lambda events, _: b"".join(normalize(events).pipe(stage)).decode()


def recorded(events: list[Event], path: Path) -> str:
    list(normalize(events).pipe(record(path)))
    return path.read_text()


def measured(events: list[Event], _: Path) -> str:
    metrics = Metrics()
    for event in events:
        metrics.feed(event)
    return ""


def folded(events: list[Event], _: Path) -> str:
    stream = normalize(events)
    list(stream)
    return repr(stream.result) + stream.result._repr_html_()


def as_messages(events: list[Event], _: Path) -> str:
    assert len([*normalize(events).messages()]) == 2
    return ""


def printed(events: list[Event], _: Path) -> str:
    return "".join(map(repr, events))


def viewed(make: Callable[[io.StringIO], Any]) -> Callable[[list[Event], Path], str]:
    def view(events: list[Event], _: Path) -> str:
        with make(out := io.StringIO()) as shown:
            for event in events:
                shown.feed(event)
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())  # what moves the cursor

    return view


async def kept(store: Any, events: list[Event]) -> str:
    """Return what a store has of a run."""
    runs = Runs(store=store)
    id = await runs.start(events, linger=None)
    parts = [part async for part in store.follow(id)]
    await runs.aclose()
    numbered = {part.first + n: it for part in parts for n, it in enumerate(part.frames)}
    joined = [it for part in parts for it in part.joined]
    return b"".join([*joined, *numbered.values()]).decode()  # (parts may overlap)


def stored(events: list[Event], _: Path) -> str:
    return asyncio.run(kept(Memory(), events))


def traced(events: list[Event], _: Path) -> str:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    list(normalize(events).pipe(spans(provider.get_tracer("streamkit"), content=True)))
    return "".join(span.to_json() for span in exporter.get_finished_spans())


WAYS: dict[str, Callable[[list[Event], Path], str]] = {
    "sse": encoded(sse.encoder()),
    "ndjson": encoded(ndjson.encoder()),
    "private": encoded(ndjson.encoder(private=True)),
    "AG-UI": encoded(ag_ui.encoder()),
    "AI SDK": encoded(ai_sdk.encoder()),
    "LangGraph SSE": encoded(langgraph_sse.encoder()),
    "OpenAI Responses": encoded(openai_responses.encoder()),
    "chat lines": lambda events, _: b"".join(chat_lines(normalize(events))).decode(),
    "recording": recorded,
    "page": lambda events, _: to_html(events, private=True),
    "describe": lambda events, _: "\n".join(describe(event) or "" for event in events),
    "transcript": lambda events, _: "\n".join(transcript(events)),
    "metrics": measured,
    "result": folded,
    "messages": as_messages,
    "repr": printed,
    "terminal": viewed(lambda out: TerminalView(out, live=True)),
    "tree": viewed(lambda out: TreeView(out, live=False)),
    "store": stored,
    "traces": traced,
}
PERSONS = {"describe", "transcript", "terminal", "tree"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PAYLOADS)
def test_a_hostile_payload_costs_little_and_harms_nobody(
    name: str, way: str, tmp_path: Path
) -> None:
    events = events_with(PAYLOADS[name]())
    begin = time.process_time()
    text = WAYS[way](events, tmp_path / "run.jsonl")
    assert time.process_time() - begin < SECONDS
    assert len(text) < MOST
    if way in PERSONS:
        assert not set(text) & {"\x1b", "\x07", "\u202e", "\U000e0041"}
    assert "</script><script>window" not in text or way != "page"


@pytest.mark.parametrize("name", PAYLOADS)
async def test_a_hostile_payload_is_kept_in_redis_as_in_memory(
    name: str,
    redis_server: Any,  # noqa: F811
) -> None:
    events = events_with(PAYLOADS[name]())
    in_memory = await kept(Memory(), events)
    begin = time.process_time()
    in_redis = await kept(Redis(redis_server.url, prefix=name, lease=60), events)
    assert time.process_time() - begin < SECONDS
    assert in_redis == in_memory


@pytest.mark.skipif(IS_LONG, reason="tracemalloc takes minutes for millions of values")
@pytest.mark.parametrize("way", [it for it in WAYS if it not in {"result", "messages"}])
@pytest.mark.parametrize("name", PAYLOADS)
def test_a_hostile_payload_takes_little_memory(name: str, way: str, tmp_path: Path) -> None:
    events = events_with(PAYLOADS[name]())
    tracemalloc.start()
    try:
        WAYS[way](events, tmp_path / "run.jsonl")
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


LARGEST = MAX_CHARACTERS - 100


@pytest.mark.parametrize("character", ["x", "\0", "\u2028"])
def test_the_largest_text_is_written_in_a_second_or_two(character: str) -> None:
    """It is at most six bytes a character, and three times that while it is written."""
    event = Custom(origin=Origin(), timestamp=0.0, data=character * LARGEST)
    begin = time.process_time()
    size = len(ndjson.encode(event))
    assert time.process_time() - begin < SECONDS
    assert LARGEST < size < 6.1 * LARGEST
    tracemalloc.start()
    try:
        ndjson.encode(event)
        assert tracemalloc.get_traced_memory()[1] < 3.5 * size
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("keys", [MAX_VALUES - 10, 3 * MAX_VALUES])
def test_a_million_keys_take_a_second_or_two(keys: int) -> None:
    event = Custom(origin=Origin(), timestamp=0.0, data={str(key): key for key in range(keys)})
    begin = time.process_time()
    size = len(ndjson.encode(event))
    assert time.process_time() - begin < SECONDS
    assert size < 2**24


@pytest.mark.parametrize("way", ["ndjson", "AG-UI", "store"])
def test_a_bare_value_is_cut_like_one_in_a_dict(way: str, tmp_path: Path) -> None:
    text = "x" * (MAX_CHARACTERS + 1)
    for payload in (text, {"a": text}, [text]):
        written = WAYS[way](events_with(payload), tmp_path / "run.jsonl")
        assert f"a text of {len(text)} characters" in written
        assert len(written) < 2**20


def test_the_page_counts_payloads_and_ways() -> None:
    """Redis is one more way."""
    assert f"{len(PAYLOADS)} hostile payloads by {len(WAYS) + 1} ways out" in PAGE.read_text()
