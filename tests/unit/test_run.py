"""The owning call: the same run as any other source tells, and nothing left behind."""

from __future__ import annotations

import asyncio
import copy
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

import streamkit
from streamkit import (
    CallbackSource,
    Custom,
    Event,
    Interrupt,
    MessageEnd,
    RetrievalEnd,
    RunError,
    ToolEnd,
    ToolError,
    normalize,
)
from streamkit.testing import check_stream

pytest.importorskip("langgraph", reason="langgraph is not installed")

from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command

from streamkit.demo import RESUME, build_graph, demo_input
from streamkit.testing import Reply, ScriptedChatModel


def config() -> dict[str, Any]:
    return {"configurable": {"thread_id": "1"}}


def model() -> ScriptedChatModel:
    return ScriptedChatModel(script=[Reply("Hello there", usage=(3, 4))])


def facts(events: list[Event]) -> list[Any]:
    check_stream(events)
    return [
        sorted(event.text for event in events if isinstance(event, MessageEnd)),
        sorted(
            call.text
            for event in events
            if isinstance(event, MessageEnd)
            for call in event.tool_calls
        ),
        sorted(event.tool_call_id for event in events if isinstance(event, (ToolEnd, ToolError))),
        [len(event.documents) for event in events if isinstance(event, RetrievalEnd)],
        [event.value for event in events if isinstance(event, Interrupt)],
        sorted(event.name for event in events if isinstance(event, Custom) and event.name),
        events[-1].status,
        events[-1].usage,
    ]


async def test_a_graph_tells_what_events_tell_and_resumes() -> None:
    ours, theirs = build_graph(pace=0), build_graph(pace=0)
    for given in (demo_input(), Command(resume=RESUME)):
        got = [event async for event in streamkit.astream(ours, given, config(), strict=True)]
        source = theirs.astream_events(given, config(), version="v2")
        want = [event async for event in normalize(source, strict=True)]
        assert facts(got) == facts(want)


async def test_sync_tells_what_async_tells() -> None:
    sync = list(streamkit.stream(build_graph(pace=0), demo_input(), config(), strict=True))
    graph = build_graph(pace=0)
    source = streamkit.astream(graph, demo_input(), config(), strict=True)
    assert facts(sync) == facts([event async for event in source])


@pytest.mark.parametrize("make", [model, lambda: ChatPromptTemplate.from_template("{x}") | model()])
async def test_a_model_and_a_chain(make: Any) -> None:
    given = "hi" if make is model else {"x": "hi"}
    for events in (
        list(streamkit.stream(make(), given, strict=True)),
        [event async for event in streamkit.astream(make(), given, strict=True)],
    ):
        assert facts(events)[0] == ["Hello there"]
        assert events[-1].usage.total_tokens == 7


async def test_an_error_is_raised_as_it_was_after_the_closing_events() -> None:
    boom = ValueError("boom")

    def fail(_: Any) -> None:
        raise boom

    chain = (
        ChatPromptTemplate.from_template("{x}") | model() | StrOutputParser() | RunnableLambda(fail)
    )
    events: list[Event] = []
    with pytest.raises(ValueError, match="boom") as caught:
        async for event in streamkit.astream(chain, {"x": "hi"}):
            events.append(event)
    assert caught.value is boom
    check_stream(events)
    assert isinstance(events[-1], RunError)


async def test_leaving_early_stops_the_graph_and_leaves_no_task() -> None:
    graph = build_graph(pace=0.01)
    async with streamkit.astream(graph, demo_input(), config()) as stream:
        async for event in stream:
            if event.type == "text.delta":
                break
    rest = [event async for event in stream]
    assert rest[-1].status == "cancelled"
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_config_and_input_are_not_changed() -> None:
    given, at = demo_input(), {**config(), "callbacks": [], "tags": ["mine"]}
    before = copy.deepcopy((given, at))
    async for _ in streamkit.astream(build_graph(pace=0), given, at):
        pass
    assert (given, at) == before


async def test_concurrent_runs_never_mix() -> None:
    async def one(text: str) -> list[str]:
        replies = ScriptedChatModel(script=[Reply(text)], pace=0.001)
        events = [event async for event in streamkit.astream(replies, "hi")]
        return facts(events)[0]

    assert await asyncio.gather(*map(one, ["a b c", "d e f"])) == [["a b c"], ["d e f"]]


def test_the_handler_is_a_source_by_itself() -> None:
    source = CallbackSource()
    model().invoke("hi", {"callbacks": [source.handler]})
    events = list(source.events())
    assert facts(events)[0] == ["Hello there"]


def graph_that_says(words: int) -> Any:
    replies = ScriptedChatModel(script=[Reply("word " * words)])

    async def ask(state: MessagesState) -> Any:
        return {"messages": [await replies.ainvoke(state["messages"])]}

    return StateGraph(MessagesState).add_node(ask).add_edge(START, "ask").compile()


async def stream_it(words: int) -> None:
    async for _ in streamkit.astream(graph_that_says(words), {"messages": "hi"}):
        pass


async def listen_to_it(words: int) -> None:
    source = CallbackSource()
    await graph_that_says(words).ainvoke({"messages": "hi"}, {"callbacks": [source.handler]})
    for _ in source.events():
        pass


def calls_of_ours(how: Any, words: int) -> int:
    """How many functions of ours are called in a run, generators and coroutines resumed included."""
    count, ours = 0, str(Path(streamkit.__file__).parent)

    def note(frame: Any, happened: str, _: Any) -> None:
        nonlocal count
        name = frame.f_code.co_filename
        is_ours = name.startswith(ours) and "demo" not in name and "_scripted" not in name
        count += happened == "call" and is_ours

    sys.setprofile(note)
    try:
        asyncio.run(how(words))
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.skipif(
    "chunk_position" not in AIMessageChunk.model_fields,
    reason="a chunk without an end mark takes the longer path",
)
@pytest.mark.parametrize(("how", "most"), [(stream_it, 15), (listen_to_it, 10)])
def test_a_token_costs_no_more_calls(how: Any, most: int) -> None:
    """More of them is a step back, to be taken on purpose."""
    calls_of_ours(how, 10)
    assert (calls_of_ours(how, 300) - calls_of_ours(how, 200)) / 100 <= most
