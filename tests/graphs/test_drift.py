"""A new name upstream fails here until a stream with it is read, and gives what is asserted.

Every name that the installed packages can emit (see `upstream_names`) needs a row in `GIVES`, and
every row an item that carries the name: from a real run, from a recording, or, where neither can
be had, written as the types say. The item goes through `normalize` and gives the row's event.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest

pytest.importorskip("langgraph.stream", reason="only the newest langgraph is watched")
pytest.importorskip("langchain.agents.middleware", reason="langchain is not installed")
pytest.importorskip("langchain_protocol", reason="langchain-protocol is not installed")

from langchain.agents import create_agent
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langgraph import stream as transformers
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import ToolCallTransformer
from langgraph.types import Command

import server_recordings as recorded
from middleware import SCENARIOS
from read_streams import adrained
from reference_agent import INPUT, RESUME, build
from small_graphs import Says, add, asks, broken, chain, finish, says
from streamkit import normalize
from streamkit.demo.tools import Guidebook
from upstream_names import KEYS, Name, emitted

pytestmark = pytest.mark.filterwarnings("ignore")

GIVES: dict[Name, str] = {
    # events of callbacks, versions 1 and 2
    **{
        ("event", f"on_{kind}_{phase}"): f"step.{event}"
        for kind in ("chain", "prompt", "parser")
        for phase, event in (("start", "start"), ("stream", "delta"), ("end", "end"))
    },
    **{
        ("event", f"on_{kind}_{phase}"): event
        for kind in ("chat_model", "llm")
        for phase, event in (("start", "step.start"), ("stream", "text.delta"), ("end", "step.end"))
    },
    ("event", "on_tool_start"): "tool.start",
    ("event", "on_tool_stream"): "tool.end",
    ("event", "on_tool_end"): "tool.end",
    ("event", "on_tool_error"): "tool.error",
    ("event", "on_retriever_start"): "retrieval.start",
    ("event", "on_retriever_stream"): "retrieval.end",
    ("event", "on_retriever_end"): "retrieval.end",
    ("event", "on_custom_event"): "custom",
    # LangGraph's modes, in tuples and in parts
    **{
        (key, mode): event
        for key in ("mode", "type", "method")
        for mode, event in {
            "values": "state.snapshot",
            "updates": "state.update",
            "checkpoints": "checkpoint",
            "tasks": "step.start",
            "debug": "step.start",
            "messages": "text.delta",
            "custom": "custom",
        }.items()
    },
    ("mode", "tools"): "tool.start",
    ("type", "task"): "step.start",
    ("type", "task_result"): "step.end",
    ("type", "checkpoint"): "checkpoint",
    ("type", "__overwrite__"): "state.update",
    ("event", "tool-started"): "tool.start",
    ("event", "tool-output-delta"): "tool.delta",
    ("event", "tool-finished"): "tool.end",
    ("event", "tool-error"): "tool.error",
    # version 3
    ("type", "event"): "text.delta",
    ("method", "lifecycle"): "step.start",
    ("method", "tools"): "tool.start",
    ("method", "input.requested"): "interrupt",
    ("event", "started"): "step.start",
    ("event", "completed"): "step.end",
    ("event", "failed"): "step.end",
    ("event", "interrupted"): "step.end",
    ("event", "drained"): "step.end",
    ("event", "running"): "run.start",
    ("type", "toolCall"): "step.start",
    ("type", "send"): "step.start",
    ("type", "edge"): "step.start",
    ("event", "message-start"): "message.start",
    ("event", "content-block-start"): "text.start",
    ("event", "content-block-delta"): "text.delta",
    ("event", "content-block-finish"): "tool_call.end",
    ("event", "message-finish"): "message.end",
    ("event", "error"): "message.end",
    ("role", "ai"): "message.start",
    ("role", "human"): "message.start",
    ("role", "system"): "message.start",
    ("type", "text"): "text.start",
    ("type", "text-delta"): "text.delta",
    ("type", "reasoning"): "reasoning.start",
    ("type", "reasoning-delta"): "reasoning.delta",
    ("type", "tool_call"): "tool_call.end",
    ("type", "tool_call_chunk"): "tool_call.start",
    ("type", "tool-call-delta"): "tool_call.delta",
    ("type", "invalid_tool_call"): "tool_call.end",
    ("type", "server_tool_call"): "tool_call.end",
    ("type", "server_tool_call_chunk"): "tool_call.start",
    ("type", "server_tool_result"): "content",
    ("status", "success"): "content",
    ("status", "error"): "content",
    **{("type", it): "content" for it in ("image", "audio", "video", "file", "non_standard")},
    ("type", "data-delta"): "content",
    ("encoding", "base64"): "content",
    ("type", "block-delta"): "content",
    ("type", "citation"): "citation",
    ("type", "non_standard_annotation"): "citation",
    **{("source", it): "checkpoint" for it in ("input", "loop", "update", "fork")},
    # marks of runs
    ("tag", "nostream"): "step.start",
    ("tag", "langsmith:hidden"): "step.start",
    ("metadata", "lc_agent_name"): "step.start",
    ("metadata", "lc_internal_call"): "step.start",
    ("metadata", "lc_source"): "step.start",
}


# --- what real runs yield

THREAD: Any = {"configurable": {"thread_id": "here"}}
MODES = ["messages", "updates", "values", "custom", "tasks", "checkpoints", "debug", "tools"]
BUT_DEBUG = [it for it in MODES if it != "debug"]  # which says what two of them say
LISTS = (BUT_DEBUG, ["messages", "debug"])
EXTRA = [
    getattr(transformers, f"{it}Transformer") for it in ("Updates", "Custom", "Tasks", "Debug")
]
EXTRA += [transformers.CheckpointsTransformer, ToolCallTransformer]


def trips(start: Callable[[Any, Any], Any]) -> Iterator[list[Any]]:
    """The reference agent's run up to its question, and from the answer on."""
    saver = InMemorySaver()
    for given in (INPUT, Command(resume=RESUME)):
        yield list(start(build(saver), given))


def collected(source: Any) -> list[Any]:
    items, _ = asyncio.run(adrained(source))  # what a run raises comes after its items
    return items


def events(graph: Any, given: Any, version: Any, config: Any = THREAD) -> list[Any]:
    return collected(graph.astream_events(given, config, version=version))


def roots() -> Iterator[list[Any]]:
    """Runs of every kind that are the outermost one: version 1 has a chunk of each."""
    for run, given in (
        (ChatPromptTemplate([("human", "{x}")]), {"x": "1"}),
        (StrOutputParser(), AIMessageChunk(content="hi")),
        (add, {"a": 1, "b": 2}),
        (broken, {"x": 1}),
        (Guidebook(), "q"),
        (FakeListLLM(responses=["hi"]), "q"),
        (says("one two"), "q"),
    ):
        yield events(run, given, "v1", None)
        yield events(run, given, "v2", None)


class Blocks(Says):
    """A model that writes content blocks of LangChain's own kinds."""

    output_version: str | None = "v1"


def block(index: int, type: str, **fields: Any) -> AIMessageChunk:
    content: Any = [{"type": type, "index": index, **fields}]
    return AIMessageChunk(content=content, response_metadata={"output_version": "v1"})


SHOWN = "https://example.org/a"
PIECES = [
    block(0, "text", text="Hi", annotations=[{"type": "citation", "url": SHOWN}]),
    block(1, "reasoning", reasoning="Well"),
    block(2, "tool_call_chunk", id="c1", name="add", args='{"a": 1}'),
    block(3, "tool_call_chunk", id="c2", name="add", args='{"a": 1'),
    block(4, "server_tool_call_chunk", id="s1", name="web_search", args='{"q": '),
    block(4, "server_tool_call_chunk", id=None, name=None, args='"x"}'),
    block(5, "server_tool_result", tool_call_id="s1", status="success", output="found"),
    block(6, "image", base64="aGk=", mime_type="image/png"),
    block(7, "audio", data="aGk=", mime_type="audio/wav"),
    block(8, "video", url=SHOWN),
    block(9, "file", url=SHOWN),
    block(10, "non_standard", value={"own": 1}),
    finish("stop"),
]


def blocks() -> list[Any]:
    return list(Blocks(replies=[PIECES]).stream_events("hi", version="v3"))


# --- what cannot be had here, written as the types say


def envelope(method: str, data: Any, *namespace: str) -> dict[str, Any]:
    params = {"namespace": list(namespace), "timestamp": 1_790_000_000_000, "data": data}
    return {"type": "event", "method": method, "seq": 1, "params": params}


def message(*between: Any, role: str = "ai", id: str = "m1") -> list[Any]:
    """A message of these content blocks and deltas."""
    start = {"event": "message-start", "role": role, "id": id}
    return [start, *between, {"event": "message-finish"}]


def content(index: int, block: Any, *deltas: Any) -> list[Any]:
    about = {"index": index, "content": block}
    pieces = [{"event": "content-block-delta", "index": index, "delta": it} for it in deltas]
    start = {"event": "content-block-start", **about}
    return [start, *pieces, {"event": "content-block-finish", **about}]


def written() -> Iterator[list[Any]]:
    data = {"type": "audio", "data": "aGk=", "mime_type": "audio/wav"}
    image = {"type": "image", "url": SHOWN}
    notes = [{"type": "non_standard_annotation", "value": {"page": 1}}]
    failed = {"type": "server_tool_result", "tool_call_id": "s1", "status": "error", "output": "no"}
    yield message(
        *content(0, data, {"type": "data-delta", "data": "aGk=", "encoding": "base64"}),
        *content(1, image, {"type": "block-delta", "fields": image}),
        *content(2, failed),
        *content(3, {"type": "text", "text": "Hi", "annotations": notes}),
    )
    for role in ("human", "system"):
        yield message(*content(0, {"type": "text", "text": "Hi"}), role=role)
    start, *_ = message()
    broken = {"event": "error", "message": "the line broke", "code": "lost"}
    yield [envelope("values", {}), envelope("messages", start), envelope("messages", broken)]
    for end in ("failed", "interrupted", "drained"):
        began = {"event": "started", "namespace": ["sub:1"], "graph_name": "sub"}
        yield [envelope("lifecycle", began), envelope("lifecycle", {"event": end}, "sub:1")]
    for cause in ({"type": "send", "from_node": "a"}, {"type": "edge", "from_node": "a"}):
        began = {"event": "started", "namespace": ["sub:1"], "graph_name": "sub", "cause": cause}
        yield [envelope("lifecycle", began)]
    written = {"value": [], "type": "__overwrite__"}  # as a server sends an `Overwrite`
    yield [envelope("updates", {"a": {"history": written}})]
    task = {"id": "t1", "name": "a", "input": {}, "triggers": []}
    yield [envelope("tasks", task), envelope("tasks", {"id": "t1", "name": "a", "result": {}})]
    for step, source in enumerate(("input", "loop", "update", "fork")):
        saved = {"id": f"1f0{step}", "parent_id": "1f00", "step": step, "source": source}
        yield [envelope("checkpoints", saved)]


def streams() -> Iterator[list[Any]]:
    """Lists of raw items, each of one stream."""
    yield from trips(lambda graph, given: events(graph, given, "v2"))
    yield from trips(lambda graph, given: events(graph, given, "v1"))
    for modes, version in product(LISTS, ("v1", "v2")):
        how: Any = {"stream_mode": modes, "subgraphs": True, "version": version}
        yield from trips(lambda graph, given, how=how: graph.stream(given, THREAD, **how))
    yield from trips(
        lambda graph, given: graph.stream_events(given, THREAD, version="v3", transformers=EXTRA)
    )
    yield from roots()
    yield blocks()
    for name in ("summarization", "tool_emulator", "tool_selector"):
        scenario = SCENARIOS[name]()
        yield events(scenario.graph, scenario.inputs[0], "v2")
    hidden = chain(asks(says("one two")).with_config(tags=["langsmith:hidden"]))
    yield events(hidden, INPUT, "v2")
    yield events(create_agent(says("one two"), [], name="talker"), INPUT, "v2")
    debugged = chain(asks(says("one two"))).stream_events(
        INPUT, version="v3", transformers=[transformers.DebugTransformer]
    )
    yield list(debugged)
    for name in recorded.VERSION_3:
        yield from recorded.threads(name)
    yield from written()


# --- what they give


def read(items: Iterable[Any]) -> list[tuple[Any, set[str]]]:
    """Each item with the types of the events that come out of it: none is read ahead."""
    found: list[tuple[Any, set[str]]] = []

    def source() -> Iterator[Any]:
        for item in items:
            found.append((item, set()))
            yield item

    for event in normalize(source(), on_error="event"):
        if found:
            found[-1][1].add(event.type)
    return found


def names_in(raw: Any) -> Iterator[Name]:
    """The names that an item carries, at any depth of what is not a message of a state."""
    if isinstance(raw, tuple):
        label = [it for it in raw[:-1] if isinstance(it, str) and it in MODES]
        yield from (("mode", it) for it in label)
        for part in raw:
            yield from names_in(part)
    elif isinstance(raw, dict):
        for key, value in raw.items():
            if isinstance(value, str) and key in (*KEYS, "encoding"):
                yield key, value
            elif key == "tags":
                yield from (("tag", it) for it in value or ())
            elif key == "metadata" and isinstance(value, dict):
                yield from (("metadata", it) for it in value)
            if key not in {"input", "output", "messages", "chunk"}:
                yield from names_in(value)
    elif isinstance(raw, list):
        for part in raw:
            yield from names_in(part)


@cache
def given() -> dict[Name, set[str]]:
    """Every name that was read, and the types of the events that its items gave."""
    found: dict[Name, set[str]] = defaultdict(set)
    for items in streams():
        held: set[Name] = set()  # of items that gave nothing by themselves
        for raw, types in read(items):
            held.update(names_in(raw))
            if types:
                for name in held:
                    found[name] |= types
                held.clear()
    return found


def covered(name: Name) -> bool:
    return name in GIVES and GIVES[name] in given().get(name, ())


@pytest.mark.parametrize("name", GIVES, ids=str)
def test_a_name_gives_its_event(name: Name) -> None:
    assert name in given(), "no item carries it"
    assert GIVES[name] in given()[name]


def test_every_name_that_upstream_can_emit_is_read_by_a_test() -> None:
    missing = {name: where for name, where in emitted().items() if not covered(name)}
    assert missing == {}


def test_no_row_is_left_of_what_upstream_does_not_emit_any_more() -> None:
    assert [name for name in GIVES if name not in emitted()] == []
