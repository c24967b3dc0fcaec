"""``astream_log`` and the batches: the same run, as far as they can tell it."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableGenerator, RunnableLambda, RunnableParallel
from langchain_core.tools import tool

from streamkit import (
    BatchItem,
    Event,
    MessageEnd,
    RetrievalEnd,
    RunEnd,
    StepEnd,
    ToolEnd,
    ToolError,
    Unrecognized,
    normalize,
)
from streamkit.testing import check_stream

pytest.importorskip("langgraph", reason="langgraph is not installed")

from streamkit.demo import build_graph, demo_input
from streamkit.testing import Reply, ScriptedChatModel

pytestmark = pytest.mark.filterwarnings("ignore:astream_log is deprecated")


def chain() -> Any:
    model = ScriptedChatModel(script=[Reply("Hello there", usage=(3, 4))])
    return ChatPromptTemplate.from_template("{question}") | model | StrOutputParser()


async def events_of(source: Any) -> list[Event]:
    events = [event async for event in normalize(source, strict=True)]
    check_stream(events)
    return events


@pytest.mark.parametrize("diff", [True, False])
async def test_a_chain(diff: bool) -> None:
    events = await events_of(chain().astream_log({"question": "hi"}, diff=diff))
    [message] = [event for event in events if isinstance(event, MessageEnd)]
    assert (message.text, message.status) == ("Hello there", "completed")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (3, 4)
    steps = {event.kind: event.output for event in events if isinstance(event, StepEnd)}
    assert list(steps) == ["prompt", "chat_model", "parser", "chain"]
    assert steps["parser"] == steps["chain"] == "Hello there"
    assert isinstance(events[-1], RunEnd)
    assert events[-1].output == "Hello there"
    assert events[1].timestamp <= events[-1].timestamp


@pytest.mark.parametrize("diff", [True, False])
async def test_the_output_of_parallel_chains_is_whole(diff: bool) -> None:
    both = RunnableParallel(answer=chain(), asked=lambda given: given["question"])
    events = await events_of(both.astream_log({"question": "hi"}, diff=diff))
    assert isinstance(events[-1], RunEnd)
    assert events[-1].output == {"answer": "Hello there", "asked": "hi"}


async def test_the_output_of_a_list_that_grows_is_whole() -> None:
    async def letters(_: Any) -> Any:
        yield ["a"]
        yield ["b"]

    events = await events_of(RunnableGenerator(letters).astream_log("any"))
    assert isinstance(events[-1], RunEnd)
    assert events[-1].output == ["a", "b"]


@pytest.mark.parametrize("diff", [True, False])
async def test_the_output_of_the_root_is_the_sum_of_what_it_streamed(diff: bool) -> None:
    """The log itself writes that sum piece by piece, as patches deep inside its output."""

    @tool
    def greet(name: str) -> str:
        """Greet."""
        return f"Hello {name}"

    parts = RunnableParallel(output=chain(), words=chain() | RunnableLambda(str.split))
    only = RunnableParallel(output=chain())
    question = {"question": "hi"}
    for runnable, given, output in (
        (parts, question, {"output": "Hello there", "words": ["Hello", "there"]}),
        (only, question, {"output": "Hello there"}),
        (greet, {"name": "you"}, "Hello you"),
    ):
        events = await events_of(runnable.astream_log(given, diff=diff))
        assert events[-1].output == output
        for ended in events:
            if isinstance(ended, ToolEnd):
                assert (ended.status, ended.output) == ("completed", output)


async def test_a_graph_says_what_events_say() -> None:
    def facts(events: list[Event]) -> list[Any]:
        return [
            sorted(event.text for event in events if isinstance(event, MessageEnd)),
            sorted(
                event.tool_call_id for event in events if isinstance(event, (ToolEnd, ToolError))
            ),
            [len(event.documents) for event in events if isinstance(event, RetrievalEnd)],
            events[-1].status,
            events[-1].usage,
        ]

    config = {"configurable": {"thread_id": "1"}}
    log = await events_of(build_graph(pace=0).astream_log(demo_input(), config))
    graph = build_graph(pace=0)
    events = await events_of(graph.astream_events(demo_input(), config, version="v2"))
    assert facts(log) == facts(events)
    assert events[-1].status == "interrupted"


async def test_an_error_ends_what_is_open() -> None:
    def boom(_: Any) -> None:
        raise ValueError("boom")

    source = (chain() | RunnableLambda(boom)).astream_log({"question": "hi"})
    stream = normalize(source, on_error="event")
    events = [event async for event in stream]
    check_stream(events)
    assert events[-1].type == "run.error"
    assert events[-1].error.name == "ValueError"


def test_a_batch() -> None:
    def reply(messages: Any) -> Reply:
        if messages[-1].content == "bad":
            raise ValueError("no")
        return Reply(messages[-1].content.upper(), usage=(1, 1))

    model = ScriptedChatModel(script=reply)
    source = model.batch_as_completed(["a", "bad", "c"], return_exceptions=True)
    events = list(normalize(source, dialect="batch", strict=True))
    check_stream(events)
    items = {event.index: event for event in events if isinstance(event, BatchItem)}
    assert sorted(items) == [0, 1, 2]
    assert (items[0].output.content, items[2].output.content) == ("A", "C")
    assert (items[1].error.name, items[1].output) == ("ValueError", None)
    assert events[-1].usage.total_tokens == 4


async def test_an_async_batch() -> None:
    source = RunnableLambda(lambda x: x + 1).abatch_as_completed([1, 2])
    events = [event async for event in normalize(source, dialect="batch")]
    outputs = {event.index: event.output for event in events if isinstance(event, BatchItem)}
    assert outputs == {0: 2, 1: 3}


def test_a_batch_takes_pairs_only() -> None:
    events = list(normalize([(0, "a"), "b", (1,)], dialect="batch"))
    check_stream(events)
    assert sum(isinstance(event, Unrecognized) for event in events) == 2
