"""Version 3 on real graphs and models: run streams, chat-model streams, and our transformer."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

pytest.importorskip("langgraph.stream", reason="this langgraph has no version 3")

from langgraph import stream as transformers
from langgraph.prebuilt import ToolCallTransformer
from langgraph.types import Command

from small_graphs import Says, answer, asks, chain, of, says, words
from streamkit import (
    Custom,
    Event,
    Interrupt,
    MessageAdded,
    MessageEnd,
    MessageStart,
    ReasoningEnd,
    RunError,
    StateSnapshot,
    StepEnd,
    StepStart,
    TextDelta,
    ToolEnd,
    ToolError,
    ToolStart,
    Usage,
    UsageError,
    normalize,
)
from streamkit.demo import RESUME, build_graph, demo_input
from streamkit.langgraph import StreamkitTransformer
from streamkit.testing import check_stream

# Upstream's own notice that version 3 is young.
BETA = "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
pytestmark = pytest.mark.filterwarnings(BETA)

ASK = {"messages": [HumanMessage("hi", id="ask")]}


def read(items: Any, **options: Any) -> list[Event]:
    events = list(normalize(items, **{"strict": True, **options}))
    check_stream(events)
    return events


async def aread(items: Any) -> list[Event]:
    events = [event async for event in normalize(items, strict=True)]
    check_stream(events)
    return events


# --- the same run, the same events

THREAD = {"configurable": {"thread_id": "1"}}


def facts(events: list[Event]) -> dict[str, Any]:
    """What any of the APIs can carry."""
    ends = of(events, MessageEnd)
    return {
        "texts": sorted(end.text for end in ends),
        "thoughts": sorted(event.text for event in of(events, ReasoningEnd)),
        "calls": sorted((call.id, call.name, call.text) for end in ends for call in end.tool_calls),
        "reasons": sorted(end.finish_reason for end in ends),
        "tools": sorted((it.tool_call_id, it.type) for it in of(events, ToolEnd, ToolError)),
        "inputs": sorted((it.tool_call_id, str(it.input)) for it in of(events, ToolStart)),
        "interrupts": [event.value["question"] for event in of(events, Interrupt)],
        "usage": events[-1].usage,
        "status": events[-1].status,
    }


def demo_runs(start: Any) -> list[list[Event]]:
    """The demo's two runs, to the interrupt and from it, through what ``start`` makes of them."""
    graph = build_graph(pace=0)
    return [start(graph, asked) for asked in (demo_input(), Command(resume=RESUME))]


def through_v3(graph: Any, asked: Any, **options: Any) -> list[Event]:
    return read(graph.stream_events(asked, THREAD, version="v3", **options))


def through_async_v3(graph: Any, asked: Any) -> list[Event]:
    async def run() -> list[Event]:
        return await aread(await graph.astream_events(asked, THREAD, version="v3"))

    return asyncio.run(run())


def through_v2(graph: Any, asked: Any) -> list[Event]:
    return asyncio.run(aread(graph.astream_events(asked, THREAD, version="v2")))


def through_modes(graph: Any, asked: Any) -> list[Event]:
    modes = ["messages", "updates"]
    return read(graph.stream(asked, THREAD, stream_mode=modes, subgraphs=True))


def with_all_transformers(graph: Any, asked: Any) -> list[Event]:
    names = ("Updates", "Custom", "Tasks", "Checkpoints", "Debug")
    extra = [getattr(transformers, f"{name}Transformer") for name in names]
    return through_v3(graph, asked, transformers=[*extra, ToolCallTransformer])


@pytest.mark.parametrize("start", [through_v3, through_async_v3, with_all_transformers])
def test_the_same_run_says_the_same(start: Any) -> None:
    v3 = [facts(events) for events in demo_runs(start)]
    assert v3 == [facts(events) for events in demo_runs(through_modes)]
    assert v3 == [facts(events) for events in demo_runs(through_v2)]


def test_what_a_run_stream_carries_beside() -> None:
    first, second = demo_runs(through_v3)
    assert of(first, StepStart) == []  # nothing brackets a node
    assert [(it.kind, it.origin.name) for it in of(second, StepStart)] == [("graph", "booking")]
    assert first[-1].output["messages"][-1].content
    assert {event.origin.node for event in of(first, MessageStart)} >= {"scout_food", "planner"}
    everything, _ = demo_runs(with_all_transformers)
    assert len(of(everything, StepStart)) > 5
    assert len(of(everything, Custom)) == 2


def test_a_run_stream_says_the_real_time() -> None:
    before = time.time()
    first, _ = demo_runs(through_v3)
    assert all(before - 1 < event.timestamp < time.time() + 1 for event in first)


class TestShapesOfMessages:
    def run(self, node: Any, **options: Any) -> list[Event]:
        return read(chain(node).stream_events(ASK, version="v3"), **options)

    def test_a_model_that_does_not_stream(self) -> None:
        events = self.run(asks(says("one two", disable_streaming=True)))
        (end,) = of(events, MessageEnd)
        assert (end.text, end.status) == ("one two", "completed")

    def test_a_node_that_streams_its_model_itself_gets_it_whole(self) -> None:
        def node(state: Any) -> Any:
            parts = list(says("one two").stream(state["messages"]))
            return {"messages": [sum(parts[1:], parts[0])]}

        events = self.run(node)
        assert [end.text for end in of(events, MessageEnd)] == ["one two"]

    def test_messages_that_are_no_answers(self) -> None:
        events = self.run(lambda _: {"messages": [HumanMessage("me, too", id="h")]})
        assert [event.message.content for event in of(events, MessageAdded)] == ["me, too"]

    def test_a_copy_under_another_id_is_not_shown_again(self) -> None:
        def node(state: Any) -> Any:
            answer = says("one two").invoke(state["messages"])
            return {"messages": [AIMessage(answer.content, id="copy")]}

        events = self.run(node)
        assert [end.text for end in of(events, MessageEnd)] == ["one two"]

    def test_a_model_that_fails(self) -> None:
        model = says([*words("half a"), ValueError("broken")])
        events = self.run(asks(model), on_error="event")
        (end,) = of(events, MessageEnd)
        assert (end.text, end.status) == ("half a", "failed")
        assert events[-1].error.message == "broken"


# --- chat-model streams


@pytest.fixture
def model() -> Any:
    return says(answer("one two three", 5, 3))


def test_a_chat_models_own_stream(model: Any) -> None:
    events = read(model.stream_events("hi", version="v3"))
    (end,) = of(events, MessageEnd)
    assert (end.text, end.usage, end.finish_reason) == (
        "one two three",
        Usage(input_tokens=5, output_tokens=3),
        "stop",
    )
    assert [event.text for event in of(events, TextDelta)] == ["one", " two", " three"]


async def test_a_chat_models_own_async_stream(model: Any) -> None:
    stream = normalize(await model.astream_events("hi", version="v3"))
    assert (await stream.collect()).text == "one two three"
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_chat_models_error_is_raised_as_it_was() -> None:
    broken = ValueError("broken")
    source = says([*words("half a"), broken])
    events: list[Event] = []
    with pytest.raises(ValueError, match="broken") as caught:
        async for event in normalize(await source.astream_events("hi", version="v3")):
            events.append(event)
    assert caught.value is broken
    check_stream(events)
    assert [end.status for end in of(events, MessageEnd)] == ["failed"]


def test_a_v3_call_that_is_not_awaited_is_refused(model: Any) -> None:
    with pytest.raises(UsageError, match="await it first"):
        normalize(model.astream_events("hi", version="v3"))


# --- leaving early


class Slow:
    """A model and a node that take their time, and know how they ended."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.reached = asyncio.Event()

    def model(self) -> Any:
        outer = self

        class Model(Says):
            def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
                try:
                    yield from super()._stream(*args, **kwargs)
                finally:
                    outer.log.append("closed")

            async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
                try:
                    async for chunk in super()._astream(*args, **kwargs):
                        yield chunk
                        outer.reached.set()
                        await asyncio.sleep(0.01)
                finally:
                    outer.log.append("closed")

        return Model(replies=says("one two three four").replies)

    async def node(self, _: Any) -> Any:
        try:
            self.reached.set()
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            self.log.append("closed")

    async def model_stream(self) -> Any:
        return await self.model().astream_events("hi", version="v3")

    async def graph_stream(self) -> Any:
        return await chain(self.node).astream_events({"messages": []}, version="v3")


SOURCES = ["model_stream", "graph_stream"]


@pytest.mark.parametrize("source", SOURCES)
async def test_leaving_an_async_with_block_stops_everything(source: str) -> None:
    slow = Slow()
    async with normalize(await getattr(slow, source)()) as stream:
        async for event in stream:
            if isinstance(event, (TextDelta, StateSnapshot)):
                break
    assert asyncio.all_tasks() == {asyncio.current_task()}
    rest = [event async for event in stream]
    assert rest[-1].status == "cancelled"
    if source == "model_stream":
        assert slow.log == ["closed"]


@pytest.mark.parametrize("source", SOURCES)
async def test_cancelling_the_reader_stops_everything(source: str) -> None:
    slow = Slow()
    stream = normalize(await getattr(slow, source)())
    events: list[Event] = []

    async def reads() -> None:
        async for event in stream:
            events.append(event)

    task = asyncio.create_task(reads())
    await slow.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert slow.log == ["closed"]
    events += [event async for event in stream]
    check_stream(events)
    assert events[-1].status == "cancelled"


def test_leaving_a_sync_model_stream_closes_the_model() -> None:
    slow = Slow()
    source = slow.model().stream_events("hi", version="v3")
    gc.disable()  # nobody else lets go of it
    try:
        with normalize(source) as stream:
            assert any(isinstance(event, TextDelta) for event in stream)
        assert slow.log == ["closed"]
    finally:
        gc.enable()
    assert list(stream)[-1].status == "cancelled"


def test_leaving_a_sync_run_stream_aborts_it() -> None:
    slow = Slow()
    source = chain(asks(slow.model())).stream_events(ASK, version="v3")
    with normalize(source) as stream:
        assert any(isinstance(event, TextDelta) for event in stream)
    assert slow.log == ["closed"]
    assert not list(source.values)


def test_a_run_that_was_read_to_its_end_still_has_its_output(model: Any) -> None:
    source = chain(asks(model)).stream_events(ASK, version="v3")
    with normalize(source) as stream:
        events = list(stream)
    assert source.output == events[-1].output


# --- our transformer


class TestTransformer:
    def start(self, graph: Any, asked: Any) -> list[Event]:
        options = {"version": "v3", "transformers": [StreamkitTransformer]}
        events = list(graph.stream_events(asked, THREAD, **options).streamkit)
        check_stream(events)
        return events

    def start_async(self, graph: Any, asked: Any) -> list[Event]:
        async def run() -> list[Event]:
            options = {"version": "v3", "transformers": [StreamkitTransformer]}
            source = await graph.astream_events(asked, THREAD, **options)
            return [event async for event in source.streamkit]

        events = asyncio.run(run())
        check_stream(events)
        return events

    def test_it_says_the_same_as_a_run_read_from_outside(self) -> None:
        outside = [facts(events) for events in demo_runs(through_v3)]
        assert [facts(events) for events in demo_runs(self.start)] == outside
        assert [facts(events) for events in demo_runs(self.start_async)] == outside

    def test_it_carries_more(self) -> None:
        first, second = demo_runs(self.start)
        assert {step.kind for step in of(first, StepStart)} == {"node"}
        assert len(of(first, Custom)) == 2
        assert [it.status for it in of(first, StepEnd)][-1] == "interrupted"
        assert {step.origin.node for step in of(second, StepStart)} >= {"hold", "confirm"}

    def test_a_subgraph_has_one_of_its_own(self) -> None:
        def start(graph: Any, asked: Any) -> list[Event]:
            options = {"version": "v3", "transformers": [StreamkitTransformer]}
            run = graph.stream_events(asked, THREAD, **options)
            events = [event for subgraph in run.subgraphs for event in subgraph.streamkit]
            if events:
                check_stream(events)
            return events

        first, second = demo_runs(start)
        assert first == []
        assert [end.text for end in of(second, MessageEnd)] == [
            "All booked as BLQ-4821, have a lovely time!"
        ]
        assert second[-1].output["reference"] == "BLQ-4821"

    def test_stages_go_behind_it(self, model: Any) -> None:
        def texts(event: Event) -> list[str]:
            return [event.text] if isinstance(event, TextDelta) else []

        graph = chain(asks(model))
        ours = partial(StreamkitTransformer, stages=[texts])
        run = graph.stream_events(ASK, version="v3", transformers=[ours])
        assert list(run.streamkit) == ["one", " two", " three"]

    def test_a_run_that_fails_is_closed_and_raised(self) -> None:
        graph = chain(asks(says([*words("half a"), ValueError("broken")])))
        run = graph.stream_events(ASK, version="v3", transformers=[StreamkitTransformer])
        events: list[Event] = []
        with pytest.raises(ValueError, match="broken"):
            for event in run.streamkit:
                events.append(event)
        check_stream(events)
        assert isinstance(events[-1], RunError)
        assert [end.status for end in of(events, MessageEnd)] == ["failed"]

    def test_a_run_that_is_aborted_is_incomplete(self) -> None:
        graph = chain(asks(Slow().model()))
        run = graph.stream_events(ASK, version="v3", transformers=[StreamkitTransformer])
        events: list[Event] = []
        for event in run.streamkit:
            events.append(event)
            if isinstance(event, TextDelta):
                run.abort()
        check_stream(events)
        assert events[-1].status == "incomplete"

    def test_who_reads_another_projection_pays_nothing(self, model: Any) -> None:
        graph = chain(asks(model))
        run = graph.stream_events(ASK, version="v3", transformers=[StreamkitTransformer])
        assert run.output
        assert list(run.streamkit) == []
