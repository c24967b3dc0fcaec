"""Filters: upstream's own words, the algebra, and what becomes of brackets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.callbacks import CallbackManagerForRetrieverRun, adispatch_custom_event
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import tool

import streamkit
from random_streams import agent_events, event, model_chunks
from streamkit import (
    Content,
    Custom,
    Event,
    Filter,
    Interrupt,
    MessageAdded,
    MessageEnd,
    MessageStart,
    Origin,
    RetrievalStart,
    RunEnd,
    RunStart,
    StepDelta,
    StepEnd,
    StepStart,
    TextDelta,
    TextEnd,
    ToolCallDelta,
    ToolDelta,
    ToolEnd,
    ToolStart,
    UsageError,
    normalize,
)
from streamkit.filters import (
    agents,
    depth,
    inside_tools,
    nodes,
    only,
    roles,
    runs,
    tool_names,
    under,
    where,
    within,
)
from streamkit.testing import check_stream

# --- as upstream filters


class Shelf(BaseRetriever):
    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [Document(query)]


@tool
async def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


async def report(text: str, config: RunnableConfig) -> str:
    """Dispatch two events, one of them under the name of a type, and use a tool and the shelf."""
    await adispatch_custom_event("progress", {"done": 1}, config=config)
    await adispatch_custom_event("tool", {"done": 2}, config=config)
    await Shelf(tags=["shelf"]).ainvoke(text, config)
    return str(await shout.ainvoke({"text": text}, config))


MODEL = FakeListChatModel(responses=["hi"], tags=["built in"])
CHAIN: Any = (
    ChatPromptTemplate.from_template("{question}").with_config(run_name="ask")
    | MODEL.with_config(tags=["loud"])
    | StrOutputParser()
    | RunnableLambda(report).with_config(tags=["quiet"], run_name="reporter")
    | FakeListLLM(responses=["ok"])
)
CONFIG: RunnableConfig = {"tags": ["everywhere"], "run_name": "root"}
WORDS = {
    "names": ["root", "ask", "reporter", "progress", "tool", "shout", "Shelf", "StrOutputParser"],
    "types": ["chain", "chat_model", "llm", "prompt", "parser", "tool", "retriever", "progress"],
    "tags": ["everywhere", "loud", "quiet", "shelf", "built in", "seq:step:4", "nobody"],
}


@st.composite
def upstream_options(draw: Any) -> dict[str, Any]:
    options = {}
    for kind, words in WORDS.items():
        for how in ("include", "exclude"):
            most = 3 if how == "include" else 1
            chosen = st.lists(st.sampled_from(words), max_size=most, unique=True)
            options[f"{how}_{kind}"] = draw(st.none() | chosen)
    return options


def facts(events: list[Event]) -> Counter[Any]:
    """What a run shows of its runs, in upstream's words, each with its name and tags."""
    seen: Counter[Any] = Counter()
    for it in events:
        tags = it.origin.tags
        match it:
            case StepStart(kind=kind):
                kind = "chain" if kind in {"graph", "node"} else kind
                seen[kind, "start", it.origin.name, tags] += 1
            case StepDelta() | StepEnd():
                seen[it.type, it.origin.name, tags] += 1
            case ToolStart(name=name) | ToolEnd(name=name) | RetrievalStart(name=name):
                seen[it.type, name, tags] += 1
            case Custom(name=name):
                seen["custom", name, tags] += 1
            case MessageEnd(text=text):
                seen["message", text, tags] += 1
            case _:
                pass
    return seen


async def run_of(options: dict[str, Any], *stages: Any) -> list[Event]:
    raw = CHAIN.astream_events({"question": "hi"}, CONFIG, version="v2", **options)
    return [it async for it in normalize(raw, *stages, strict=True)]


@given(upstream_options())
def test_runs_keeps_what_upstream_keeps(options: dict[str, Any]) -> None:
    async def both() -> tuple[list[Event], list[Event]]:
        return await run_of(options), await run_of({}, runs(**options))

    theirs, ours = asyncio.run(both())
    check_stream(ours, filtered=True)
    assert facts(ours) == facts(theirs)


def test_the_property_above_sees_every_type() -> None:
    seen = facts(asyncio.run(run_of({})))
    kinds = {key[0] for key in seen}
    assert kinds >= {"chain", "chat_model", "llm", "prompt", "parser", "tool.start", "custom"}
    assert kinds >= {"retrieval.start", "step.delta", "message"}


def test_a_bare_string_is_refused() -> None:
    with pytest.raises(UsageError, match=r"write \['agent'\]"):
        runs(include_names="agent")


# --- the algebra and the single filters


def types(events: Any) -> list[str]:
    return [it.type for it in events]


def kept(items: list[Any], *stages: Any, **options: Any) -> list[str]:
    events = list(normalize(items, *stages, strict=True, **options))
    check_stream(events, filtered=True)
    return types(events)[1:-1]


AGENT = [
    event("on_chain_start", "root", [], {"input": {}}, label="LangGraph"),
    event("on_chain_start", "n", ["root"], {"input": {}}, label="agent", tags=["graph:step:1"], langgraph_node="agent", langgraph_checkpoint_ns="agent:1", lc_agent_name="Ada"),
    event("on_chat_model_start", "m", ["root", "n"], {"input": {}}, langgraph_node="agent", langgraph_checkpoint_ns="agent:1|deep:2"),
    event("on_chat_model_stream", "m", ["root", "n"], {"chunk": AIMessageChunk("Hi", id="run-m")}),
    event("on_chat_model_stream", "m", ["root", "n"], {"chunk": AIMessageChunk("", id="run-m", tool_call_chunks=[{"name": "look", "args": "{}", "id": "c1", "index": 0}])}),
    event("on_chat_model_end", "m", ["root", "n"], {"output": AIMessage("Hi", id="run-m")}),
    event("on_chain_end", "n", ["root"], {"output": {"a": 1}}, label="agent"),
    event("on_tool_start", "t", ["root"], {"input": {}}, label="look", langgraph_node="tools"),
    event("on_chat_model_start", "i", ["root", "t"], {"input": {}}, langgraph_node="tools"),
    event("on_chat_model_stream", "i", ["root", "t"], {"chunk": AIMessageChunk("psst", id="run-i")}),
    event("on_chat_model_end", "i", ["root", "t"], {"output": AIMessage("psst", id="run-i")}),
    event("on_custom_event", "t", ["root"], {"x": 1}, label="ping"),
    event("on_tool_end", "t", ["root"], {"output": "found"}, label="look"),
    event("on_chain_end", "root", [], {"output": {}}, label="LangGraph"),
]  # fmt: skip
TEXT = ["text.start", "text.delta", "text.end"]
CALL = ["tool_call.start", "tool_call.delta", "tool_call.end"]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (only(ToolStart) & ~only(ToolStart), []),
        (only(ToolEnd), ["tool.start", "tool.end"]),
        (only(TextEnd) & ~inside_tools, ["message.start", *TEXT, "message.end"]),
        (only(TextEnd) & inside_tools, ["message.start", *TEXT, "message.end"]),
        (only(MessageEnd) & ~inside_tools, ["message.start", "message.end"]),
        (only(ToolCallDelta), ["message.start", *CALL, "message.end"]),
        (only(StepStart) & where(lambda it: it.origin.name == "agent"), ["step.start", "step.end"]),
        (nodes("agent") & only(TextDelta, StepStart), ["step.start", "step.start", "message.start", *TEXT, "message.end", "step.end", "step.end"]),
        (agents("Ada"), ["step.start", "step.start", "message.start", *TEXT, *CALL, "message.end", "step.end", "state.update", "step.end"]),
        (within("agent") & ~only(StepEnd), ["message.start", *TEXT, *CALL, "message.end"]),
        (within("agent:1", "deep"), []),
        (depth(0) & only(MessageStart), ["message.start", "message.end"]),
        (roles("user"), []),
        (tool_names("look"), ["message.start", *CALL, "message.end", "tool.start", "tool.end"]),
        (tool_names("look") & ~only(ToolCallDelta), ["tool.start", "tool.end"]),
        (only(Custom), ["custom"]),
        (inside_tools & ~only(StepStart), ["message.start", *TEXT, "message.end", "custom"]),
        (only(Interrupt) | only(Custom), ["custom"]),
    ],
)  # fmt: skip
def test_a_filter_keeps_whole_brackets(keep: Filter, expected: list[str]) -> None:
    assert kept(AGENT, keep) == expected


def test_a_name_that_is_no_event_class_is_refused() -> None:
    with pytest.raises(UsageError, match=r"write only\('text\.delta'\)"):
        only("text.deltas")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is no event class"):
        only(Origin)  # type: ignore[arg-type]


def test_a_message_is_shown_with_its_first_kept_block() -> None:
    call = {"name": "look", "args": "{}", "id": "c", "index": 0}
    items = [
        AIMessageChunk("Hi", id="run-1"),
        AIMessageChunk("", id="run-1", tool_call_chunks=[call]),
    ]
    events = list(normalize(items, only(ToolCallDelta)))
    assert types(events) == ["run.start", "message.start", *CALL, "message.end", "run.end"]
    *_, end, _ = events
    assert isinstance(end, MessageEnd)
    assert end.text == "Hi"


AT: dict[str, Any] = {"origin": Origin(), "timestamp": 0.0}


@pytest.mark.parametrize(
    "message",
    [HumanMessage("Hi", id="h"), {"role": "user", "content": "Hi"}, {"type": "human", "data": {}}],
    ids=["object", "role", "stored"],
)
def test_a_message_of_a_state_has_its_role_however_it_is_spelled(message: Any) -> None:
    items = [RunStart(**AT), MessageAdded(**AT, message=message), RunEnd(**AT, status="completed")]
    assert kept(items, roles("user")) == ["message.added"]
    assert kept(items, roles("assistant")) == []


def test_content_and_citations_go_with_their_block() -> None:
    blocks = [
        {"type": "text", "text": "Hi", "annotations": [{"type": "citation", "title": "T"}]},
        {"type": "image", "url": "u"},
    ]
    items = [AIMessageChunk(content=blocks, id="run-1")]
    assert kept(items, only(Content)) == ["message.start", "content", "message.end"]
    assert "citation" not in kept(items, ~only(TextDelta))


def test_deltas_that_no_end_sums_up_may_be_dropped_alone() -> None:
    steps = [
        event("on_chain_start", "root", [], {"input": 1}),
        event("on_chain_stream", "root", [], {"chunk": 2}),
        event("on_chain_end", "root", [], {"output": 3}),
    ]
    assert kept(steps) == ["step.start", "step.delta", "step.end"]
    brief = ~where(lambda it: isinstance(it, (StepDelta, ToolDelta)))
    assert kept(steps, brief) == ["step.start", "step.end"]
    assert kept(steps, only(ToolStart)) == []
    assert kept([1, 2], only(StepDelta), dialect="chunks") == ["step.delta", "step.delta"]


def test_one_filter_serves_streams_that_interleave() -> None:
    keep = only(TextDelta)
    first, second = normalize(["a", "b"], keep), normalize(["c", "d"], keep)
    mixed = [it for pair in zip(first, second, strict=True) for it in pair]
    check_stream(mixed[::2], filtered=True)
    check_stream(mixed[1::2], filtered=True)


def test_a_models_message_in_the_tools_node_is_inside_a_tool_and_the_nodes_own_is_not() -> None:
    tools, model = {"langgraph_node": "tools"}, {"ls_model_type": "chat"}
    items = [
        (AIMessageChunk("psst", id="run-1"), {**tools, **model}),
        (AIMessage("By the way. ", id="m1"), tools),
        (ToolMessage("ok", tool_call_id="c", name="look"), tools),
        (AIMessageChunk("Hi", id="run-2"), {"langgraph_node": "agent", **model}),
    ]
    events = list(normalize(items, ~inside_tools))
    assert [it.text for it in events if isinstance(it, TextDelta)] == ["By the way. ", "Hi"]
    assert kept(items, ~inside_tools & only(ToolStart)) == ["tool.start", "tool.end"]
    below = {"langgraph_node": "model", "langgraph_checkpoint_ns": "tools:1|model:2"}
    items = [
        (AIMessageChunk("psst", id="run-1"), below),
        (ToolMessage("ok", tool_call_id="c", name="look"), below),
    ]
    assert kept(items, ~inside_tools) == []


def test_a_model_beside_its_tool_is_inside_it() -> None:
    """A tool that hands on the config it was given makes its models children of its node."""
    at = {"langgraph_node": "act", "langgraph_checkpoint_ns": "act:1"}
    text = AIMessageChunk("psst", id="run-i")
    items = [
        event("on_chain_start", "root", [], {"input": {}}, label="LangGraph"),
        event("on_chain_start", "n", ["root"], {}, label="act", tags=["graph:step:1"], **at),
        event("on_tool_start", "t", ["root", "n"], {"input": {}}, label="look", **at),
        event("on_tool_start", "u", ["root", "n"], {"input": {}}, label="look", **at),
        event("on_chat_model_start", "i", ["root", "n"], {"input": {}}, **at),
        event("on_chat_model_stream", "i", ["root", "n"], {"chunk": text}, **at),
        event("on_tool_end", "t", ["root", "n"], {"output": 1}, label="look", **at),
        event("on_tool_end", "u", ["root", "n"], {"output": 1}, label="look", **at),
    ]
    assert "".join(normalize(items, ~inside_tools).text()) == ""
    assert kept(items, ~inside_tools & only(ToolStart)).count("tool.start") == 2


# --- laws


@given(agent_events())
def test_the_algebra(items: list[Any]) -> None:
    def of(keep: Filter) -> list[Event]:
        return list(normalize(items, keep, clock=lambda: 0.0))

    here, said = nodes("node0"), only(TextDelta, ToolStart)
    everything = list(normalize(items, clock=lambda: 0.0))
    assert of(here | ~here) == of(~(here & ~here)) == everything
    assert types(of(here & ~here)) == ["run.start", "run.end"]
    assert of(~~said) == of(said)
    assert of(here & said) == of(said & here) == of(~(~here | ~said))
    assert all(it in everything for it in of(here & said))


@given(model_chunks("run-1"))
def test_sync_equals_async(items: list[Any]) -> None:
    async def source() -> AsyncIterator[Any]:
        for item in items:
            yield item

    async def read(keep: Filter) -> list[Event]:
        return [it async for it in normalize(source(), keep, clock=lambda: 0.0)]

    keep = only(ToolCallDelta)
    assert asyncio.run(read(keep)) == list(normalize(items, keep, clock=lambda: 0.0))


# --- brackets by hand


def by_hand(of: str, /, *path: str, **fields: Any) -> Any:
    """An event on behalf of the innermost of these calls."""
    origin = Origin(tool_call_id=path[-1] if path else None)
    return getattr(streamkit, of)(origin=origin, timestamp=0.0, **fields)


CALLS = [
    by_hand("RunStart"),
    by_hand("ToolStart", tool_call_id="a", name="look", input={}),
    by_hand("ToolDelta", tool_call_id="a", delta=1),
    by_hand("ToolStart", "a", tool_call_id="b", name="dig", input={}),
    by_hand("Custom", "b", name="inside", data=2),
    by_hand("Custom", "lost", name="elsewhere", data=3),
    by_hand("ToolEnd", "a", tool_call_id="b", name="dig", status="completed", output=4),
    by_hand("ToolEnd", tool_call_id="a", name="look", status="completed", output=5),
    by_hand("RunEnd", status="completed"),
]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (under("a"), [1, 2, 3, 4, 6, 7]),
        (under("b"), [3, 4, 6]),
        (tool_names("look"), [1, 2, 7]),
        (only(ToolDelta) & tool_names("look"), [1, 2, 7]),
    ],
    ids=str,
)
def test_what_calls_inside_calls_do(keep: Filter, kept: list[int]) -> None:
    assert list(normalize(CALLS, keep))[1:-1] == [CALLS[number] for number in kept]


def test_what_runs_beside_its_tool_is_inside_it() -> None:
    # A tool that passes its own config on: what it runs has the run id of the tool.
    run = Origin(run_id="r", parent_ids=("0",))
    events = [
        streamkit.RunStart(origin=Origin(), timestamp=0.0),
        streamkit.ToolStart(origin=run, timestamp=0.0, tool_call_id="a", name="look", input={}),
        streamkit.Custom(origin=run, timestamp=0.0, name="n", data=1),
    ]
    assert not any(isinstance(it, Custom) for it in normalize(events, ~inside_tools))
