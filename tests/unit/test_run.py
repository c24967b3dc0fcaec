"""The owning call: the same run as any other source tells, and nothing left behind."""

from __future__ import annotations

import asyncio
import copy
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.language_models import LLM
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import GenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import tool

import streamkit
from read_streams import drained
from streamkit import (
    CallbackSource,
    Custom,
    Event,
    Interrupt,
    MessageEnd,
    RetrievalEnd,
    RunError,
    StateSnapshot,
    TextDelta,
    ToolEnd,
    ToolError,
    ToolStart,
    UsageError,
    normalize,
)
from streamkit._call.call_queue import NoteQueue, OrderedNote
from streamkit._call.source import CallQueue
from streamkit._call.stream_order import OrderMarker
from streamkit.dialects.callbacks import CallbackReader, Piece, Yielded
from streamkit.filters import only
from streamkit.testing import check_stream

pytest.importorskip("langgraph", reason="langgraph is not installed")

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import ParentCommand
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

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


# --- whatever can be run


@tool
def upper(text: str) -> str:
    """Return capitals."""
    return text.upper()


class Words:
    """A runnable of one's own, whose streams are plain iterators."""

    name = None

    def stream(self, *_: Any, **__: Any) -> Any:
        return iter(["Hel", "lo"])

    async def ainvoke(self, *_: Any, **__: Any) -> None: ...

    def astream(self, *_: Any, **__: Any) -> Any:
        class Later:
            def __init__(self) -> None:
                self.words = iter(["Hel", "lo"])

            def __aiter__(self) -> Any:
                return self

            async def __anext__(self) -> str:
                for word in self.words:
                    return word
                raise StopAsyncIteration

        return Later()


async def test_a_stream_without_a_close_is_read_and_left() -> None:
    words: Any = Words()
    assert streamkit.stream(words, None).collect().text == "Hello"
    assert (await streamkit.astream(words, None).collect()).text == "Hello"
    with streamkit.stream(words, None) as events:
        next(events)
        next(events)


async def test_a_call_that_is_never_read_is_never_made() -> None:
    chain = RunnableLambda(lambda _: pytest.fail("it ran"))
    with streamkit.stream(chain, "hi"):
        pass
    async with streamkit.astream(chain, "hi"):
        pass


async def test_a_call_whose_task_is_cancelled_by_others_ends_cancelled() -> None:
    words: Any = Words()
    stream = streamkit.astream(words, None)
    events = [await anext(stream)]
    while not isinstance(events[-1], TextDelta):
        events.append(await anext(stream))
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()  # as a server does that goes down
    with pytest.raises(asyncio.CancelledError):
        await anext(stream)
    check_stream(events + [event async for event in stream])


class Completes(LLM):
    @property
    def _llm_type(self) -> str:
        return "completes"

    def _call(self, prompt: str, *_: Any, **__: Any) -> str:
        return "Hi!"

    def _stream(self, *_: Any, run_manager: Any = None, **__: Any) -> Any:
        for text in ("Hi", "!"):
            chunk = GenerationChunk(text=text)
            if run_manager:
                run_manager.on_llm_new_token(text, chunk=chunk)
            yield chunk


def test_a_completion_model() -> None:
    words = Completes()
    assert "".join(streamkit.stream(words, "hi").text()) == "Hi!"
    chain = ChatPromptTemplate.from_template("{it}") | words
    assert "".join(streamkit.stream(chain, {"it": "hi"}).text()) == "Hi!"


async def test_the_output_of_a_completion_model_is_the_text_that_invoke_returns() -> None:
    words = Completes()
    events = normalize(words.astream_events("hi", version="v2"))
    for stream in (streamkit.astream(words, "hi"), events):
        assert (await stream.collect()).output == words.invoke("hi") == "Hi!"


def test_a_retriever_that_raises() -> None:
    class Broken(BaseRetriever):
        def _get_relevant_documents(self, query: str, **_: Any) -> list[Any]:
            raise OSError("no index")

    events, error = drained(streamkit.stream(Broken(), "hi"))
    check_stream(events)
    (ended,) = [event for event in events if isinstance(event, RetrievalEnd)]
    assert ended.status == "failed"
    assert ended.error
    assert ended.error.exception is error


@pytest.mark.parametrize(
    ("runnable", "config", "says"),
    [
        (type("RemoteGraph", (), {})(), None, "normalize what it streams"),
        ("gpt-5", None, "nothing to run"),
        (RunnableLambda(len), {"callbacks": "print"}, "callbacks must be a list"),
    ],
)
def test_what_cannot_be_run_here_is_refused(runnable: Any, config: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        streamkit.stream(runnable, "hi", config)


def test_what_a_call_says_after_its_end_is_passed_over() -> None:
    source = CallbackSource()
    root, inner = uuid4(), uuid4()
    source.handler.on_chain_start({}, {}, run_id=root, name="outer")
    source.handler.on_chain_start({}, {}, run_id=inner, parent_run_id=root, name="inner")
    source.handler.on_chain_end({}, run_id=root)
    source.handler.on_chain_end({}, run_id=inner)
    events = list(source.events())
    check_stream(events)
    assert len(events) == 6


def test_the_end_of_a_run_whose_start_was_not_heard_is_passed_over() -> None:
    source = CallbackSource()
    source.handler.on_chain_end({}, run_id=uuid4())
    with pytest.raises(UsageError, match="no call has begun"):
        source.events()


def test_a_tool_writes_to_nobody_where_langgraph_has_no_writer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "langgraph.pregel._tools", raising=False)
    assert streamkit.stream(upper, {"text": "hi"}).collect().output == "HI"


def test_a_graph_inside_a_runnable_of_ones_own() -> None:
    class Wrapped(Runnable[Any, Any]):
        def invoke(self, input: Any, config: Any = None, **_: Any) -> Any: ...

        def stream(self, input: Any, config: Any = None, **_: Any) -> Any:
            yield from graph.stream(input, config)

    graph = StateGraph(MessagesState).add_node("ask", lambda _: interrupt("May I?"))
    graph = graph.add_edge(START, "ask").compile(checkpointer=InMemorySaver())
    events = list(streamkit.stream(Wrapped(), {"messages": []}, config()))
    check_stream(events)
    assert [event.value for event in events if isinstance(event, Interrupt)] == ["May I?"]


def test_a_model_that_is_called_with_the_handlers_alone_is_inside_the_run() -> None:
    def ask(_: Any, config: Any) -> Any:
        return model().invoke("hi", {"callbacks": config["callbacks"].handlers}).content

    events = list(streamkit.stream(RunnableLambda(ask), "hi"))
    assert facts(events)[0] == ["Hello there"]
    assert events[-1].status == "completed"


@pytest.mark.parametrize("other", [None, LookupError("given up")])
def test_half_a_message_whose_error_was_handled_outside_is_abandoned(other: Any) -> None:
    def ask(_: Any) -> str:
        try:
            list(ScriptedChatModel(script=[Reply("Hello there", error=OSError())]).stream("hi"))
        except OSError:
            if other:
                raise other from None
        return "never mind"

    events, error = drained(streamkit.stream(RunnableLambda(ask), "hi"))
    check_stream(events)
    (half,) = [event for event in events if isinstance(event, MessageEnd)]
    assert (half.status, error) == ("failed" if other else "abandoned", other)


def test_what_a_tool_returns_is_its_result_and_no_message_as_well() -> None:
    """A tool does not stream: it yields what its end has."""
    events, _ = drained(streamkit.stream(upper, {"text": "hi"}))
    check_stream(events)
    assert [event.output for event in events if isinstance(event, ToolEnd)] == ["HI"]
    assert [event for event in events if isinstance(event, MessageEnd)] == []
    assert events[-1].output == "HI"


async def test_a_tool_that_is_given_the_whole_call_answers_it() -> None:
    call = {"type": "tool_call", "name": "upper", "id": "c", "args": {"text": "hi"}}
    events = [it async for it in normalize(upper.astream_events(call, version="v2"))]
    check_stream(events)
    (ended,) = [event for event in events if isinstance(event, ToolEnd)]
    assert (ended.tool_call_id, ended.output) == ("c", "HI")


def test_a_tool_that_leaves_for_another_node_is_no_failure() -> None:
    @tool
    def leave() -> None:
        """Leave."""
        raise ParentCommand(Command(goto="b"))

    events, _ = drained(streamkit.stream(leave, {}))
    check_stream(events)
    assert [it.status for it in events if isinstance(it, ToolEnd)] == ["interrupted"]


def test_an_answer_that_has_no_id_yet_is_shown_with_that_of_the_state() -> None:
    def echo(state: Any) -> Any:
        return {"messages": [AIMessage("Hi")]}

    graph = StateGraph(MessagesState).add_node("a", echo).add_node("b", echo)
    graph = graph.add_edge(START, "a").add_edge("a", "b").compile()
    events = list(streamkit.stream(graph, {"messages": []}, None, ~only(StateSnapshot)))
    ids = [event.message_id for event in events if isinstance(event, MessageEnd)]
    assert len(set(ids)) == 2
    assert all(ids)


def test_what_older_langgraphs_say_twice_is_passed_over() -> None:
    # `debug` mode, which has the checkpoints before langgraph 0.6, has the tasks as well.
    reader = CallbackReader(graph=True, clock=lambda: 0.0, strict=True)
    assert list(reader.feed(Yielded(((), "debug", {"type": "task", "payload": {}})))) == []


def test_a_piece_has_the_time_at_which_it_came() -> None:
    run = {"name": "m", "run_id": "1", "parent_ids": [], "metadata": {}, "tags": []}
    start = {**run, "event": "on_chat_model_start", "data": {"input": {}}, "timestamp": 1.0}
    reader = CallbackReader(graph=False, clock=lambda: 9.0, strict=True)
    list(reader.feed(start))
    for at in (2.0, 3.0):
        events = reader.feed(Piece(run, AIMessageChunk("Hi", id="m"), at))
        assert {it.timestamp for it in events} == {at}


# --- the order of notes


def test_a_marker_that_comes_late_releases_nothing() -> None:
    queue = NoteQueue()
    first, second = OrderedNote("a"), OrderedNote("b")
    queue.add_note(first)
    queue.add_note(second)
    assert queue.take() is None
    queue.add_marker(second)  # two threads: the markers may change places
    assert [queue.take(), queue.take()] == ["a", "b"]
    queue.add_marker(first)
    queue.add_note(OrderedNote("c"))
    assert queue.take() is None


def test_a_note_does_not_wait_for_a_marker_that_cannot_be_sent() -> None:
    def write(_: object) -> None:
        raise RuntimeError("the loop is closed")

    marker = OrderMarker()
    marker.keep_writer(write)
    marker.keep_context()
    queue = CallQueue(str, marker)
    queue.post({}, {"event": "on_tool_end"})
    assert queue.take() == {"event": "on_tool_end"}


def test_the_handler_is_a_source_by_itself() -> None:
    source = CallbackSource()
    model().invoke("hi", {"callbacks": [source.handler]})
    events = list(source.events())
    assert facts(events)[0] == ["Hello there"]


@pytest.mark.parametrize("inside", [False, True])
async def test_the_handler_hears_the_attempts_of_a_fallback(inside: bool) -> None:
    source = CallbackSource()
    first = ScriptedChatModel(script=[Reply("Half", error=OSError())])
    both: Any = first.with_fallbacks([model()])
    if inside:
        both = RunnableLambda(lambda _: first.with_fallbacks([model()]).invoke("hi"))
    both.invoke("hi", {"callbacks": [source.handler]})
    await both.ainvoke("hi", {"callbacks": [source.handler]})
    for run in source.runs():
        events = list(run)
        check_stream(events)
        ends = [event.status for event in events if isinstance(event, MessageEnd)]
        assert (ends, facts(events)[0]) == (["abandoned", "completed"], ["Half", "Hello there"])


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
@pytest.mark.parametrize(("how", "most"), [(stream_it, 14), (listen_to_it, 10)])
def test_a_token_costs_no_more_calls(how: Any, most: int) -> None:
    """More of them is a step back, to be taken on purpose."""
    calls_of_ours(how, 10)
    assert (calls_of_ours(how, 300) - calls_of_ours(how, 200)) / 100 <= most


async def test_the_input_of_the_root_is_not_that_of_the_first_tool_shown() -> None:
    @tool
    def weather(city: str) -> str:
        """The weather."""
        return f"{city} is sunny"

    chain = RunnableLambda(lambda _: {"city": "Paris"}) | weather
    # langchain-core (to 1.8) puts the root's input into the first event that passes its filter.
    source = chain.astream_events({"question": 1}, version="v2", include_types=["tool"])
    events = normalize(source, strict=True)
    (start,) = [event async for event in events if isinstance(event, ToolStart)]
    assert (start.name, start.input) == ("weather", None)
