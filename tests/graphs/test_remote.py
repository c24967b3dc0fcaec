"""What an Agent Server streams: recorded from a real one, and live where one can be started."""

import asyncio
import copy
import json
import pickle
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from langchain_core.load import dumpd
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    message_chunk_to_message,
)
from langchain_core.messages.base import message_to_dict
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph_sdk import get_client, get_sync_client

import agent_server as served
import server_recordings as recorded
from capabilities import FACTS
from reference_agent import INPUT
from server_recordings import StreamPart
from small_graphs import CORE, LANGGRAPH, facts, of
from streamkit import (
    Custom,
    Event,
    Interrupt,
    MalformedItem,
    MessageAdded,
    MessageEnd,
    MessageRemoved,
    ReasoningEnd,
    RunError,
    RunFailed,
    RunStart,
    SourceError,
    StateSnapshot,
    StateUpdate,
    StepEnd,
    TextDelta,
    TextEnd,
    ToolEnd,
    UnknownSource,
    Unrecognized,
    astream,
    normalize,
)
from streamkit._core.json_message import JsonMessage, json_message
from streamkit.dialects import reader_for
from streamkit.strategies import model_chunks
from streamkit.testing import check_stream
from streamkit.wire._codec import from_dict, to_dict


def events_of(source: Any, **options: Any) -> list[Event]:
    events = list(normalize(source, strict=True, **options))
    check_stream(events)
    return events


# --- recordings

EVERY_RUN = list(recorded.every_run())


@pytest.mark.parametrize(("name", "number"), EVERY_RUN)
def test_a_recording_is_understood_to_the_last_part(name: str, number: int) -> None:
    events = events_of(recorded.runs(name)[number], on_error="event", clock=lambda: 0.0)
    last = events[-1]
    assert isinstance(last, RunError) or last.status in {"completed", "interrupted"}
    assert isinstance(events[0], RunStart)
    assert events[0].run_id


@pytest.mark.parametrize("name", ["trip-messages", "trip-tuples", "trip-everything"])
def test_a_part_of_the_sdk_is_what_any_sse_client_decodes(name: str) -> None:
    run = recorded.runs(name)[0]
    plain = [part._asdict() for part in run]
    read = [events_of(it, clock=lambda: 0.0) for it in (run, plain)]
    assert read[0] == read[1]


class ServerSentEvent:
    """As httpx-sse has it, among others: the data is the text that was sent."""

    def __init__(self, event: str, data: Any) -> None:
        self.event, self.data = event, json.dumps(data)
        self.id, self.retry = "1", None


@pytest.mark.parametrize("is_object", [True, False])
@pytest.mark.parametrize("name", ["trip-messages", "trip-modes", "trip-events"])
def test_data_that_no_client_has_decoded_is_decoded(name: str, is_object: bool) -> None:
    run = recorded.runs(name)[0]
    sent: list[Any] = [ServerSentEvent(part.event, part.data) for part in run]
    if not is_object:
        sent = [{"event": it.event, "data": it.data, "id": it.id} for it in sent]
    assert events_of(sent, clock=lambda: 0.0) == events_of(run, clock=lambda: 0.0)


def test_a_text_that_an_application_wrote_stays_a_text() -> None:
    """The SDK decodes what the server sends."""
    for text in ('{"a": 1}', "[", "plain"):
        sent = [StreamPart("metadata", {"run_id": "r"}), StreamPart("custom", text)]
        (custom,) = of(events_of(sent), Custom)
        assert custom.data == text
    sent = [{"event": "metadata", "data": '{"run_id": "r"}'}, {"event": "custom", "data": '"["'}]
    (custom,) = of(events_of(sent), Custom)
    assert custom.data == "["


def test_calls_of_growing_messages_are_told_when_they_are_certain() -> None:
    growing, pieces = (
        {it.message_id: it for it in of(events_of(recorded.runs(name)[0]), MessageEnd)}
        for name in ("trip-messages", "trip-tuples")
    )
    calls = [[it.tool_calls for it in ends.values()] for ends in (growing, pieces)]
    assert calls[0] == calls[1]


@pytest.mark.parametrize("name", ["broken-updates", "broken-events", "broken-tasks"])
def test_an_error_item_ends_the_run_and_is_raised(name: str) -> None:
    events: list[Event] = []
    with pytest.raises(RunFailed, match="ValueError: boom") as raised:
        events.extend(normalize(recorded.runs(name)[0], strict=True))
    assert isinstance(raised.value, SourceError)
    events = events_of(recorded.runs(name)[0], on_error="event")
    (error,) = of(events, RunError)
    assert (error.error.name, error.error.message) == ("ValueError", "boom")
    assert error.usage.total_tokens == 7
    assert facts(events).messages == ["So far, so good."]


@pytest.mark.parametrize(
    "content", ["Hello.", [{"type": "text", "text": "Hello."}, {"type": "image", "url": "a.png"}]]
)
def test_a_message_that_stays_json_has_its_text(content: Any) -> None:
    said = {"type": "human", "id": "m1", "content": content, "additional_kwargs": {}}
    (added,) = of(events_of([StreamPart("updates", {"node": {"messages": [said]}})]), MessageAdded)
    assert added.message == said
    assert added.message.text == "Hello."


def test_an_error_of_the_server_ends_the_run_at_its_own_time() -> None:
    times = iter([1.0, 2.0])
    reader = reader_for("remote", clock=lambda: next(times), strict=True)
    assert {it.timestamp for it in reader.feed({"event": "values", "data": {"a": 1}})} == {1.0}
    (error,) = reader.fail(RunFailed("ValueError", "boom"))
    assert (error.timestamp, error.type) == (2.0, "run.error")


def test_tasks_say_which_node_failed() -> None:
    ends = of(events_of(recorded.runs("broken-tasks")[0], on_error="event"), StepEnd)
    assert [(it.origin.node, it.status) for it in ends] == [
        ("speak", "completed"),
        ("fail", "failed"),
    ]
    assert ends[1].error.name == "ValueError"


@pytest.mark.parametrize("name", ["asking-events", "asking-modes", "trip-events"])
def test_a_run_that_is_joined_late_is_read_from_there(name: str) -> None:
    """``client.runs.join_stream`` sends what comes from now on, and no start of what is open."""
    run = recorded.runs(name)[0]
    whole = events_of(run)
    texts = [it.text for it in of(whole, MessageEnd)]
    for at in range(0, len(run) - 1, len(run) // 20):
        events = events_of(run[at:])
        assert not of(events, Unrecognized)
        assert events[-1].status == whole[-1].status
        for end in of(events, MessageEnd):
            assert any(text.endswith(end.text) for text in texts)
        assert len(of(events, Interrupt)) == len(of(whole, Interrupt))


@pytest.mark.parametrize("name", ["asking-modes", "asking-events"])
def test_a_tool_that_asks_is_no_error(name: str) -> None:
    first, second = recorded.runs(name)
    events = events_of(first)
    (asked,) = of(events, Interrupt)
    assert asked.value == {"pay": 3}
    assert events[-1].status == "interrupted"
    tools = {it.tool_call_id: it for it in of(events, ToolEnd)}
    assert tools["call_note"].output == "noted tea"
    assert tools.get("call_pay") is None or tools["call_pay"].status == "interrupted"
    resumed = events_of(second)
    assert [(it.tool_call_id, it.output) for it in of(resumed, ToolEnd)] == [("call_pay", "paid 3")]
    assert facts(resumed).messages == ["All done."]


def test_a_breakpoint_is_an_interrupt_that_asks_nothing() -> None:
    events = events_of(recorded.runs("asking-breakpoint")[0])
    (waiting,) = of(events, Interrupt)
    assert waiting.static
    assert events[-1].status == "interrupted"


# --- messages as JSON

MESSAGES = [
    AIMessage("Hi", id="1", tool_calls=[{"name": "t", "args": {}, "id": "c"}]),
    AIMessageChunk(content="Hi", id="1"),
    ToolMessage("sunny", tool_call_id="c", artifact={"a": 1}, status="error"),
    HumanMessage("hi", id="2"),
    RemoveMessage("2"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda it: it.type)
def test_a_message_as_json_is_read_like_the_message(message: Any) -> None:
    for raw in (message.model_dump(), dumpd(message), message_to_dict(message)):
        read = json_message(raw)
        assert read is not None, raw
        assert read == raw
        assert read.content == message.content
        assert read.id == message.id
        assert getattr(read, "tool_calls", []) == getattr(message, "tool_calls", [])
        assert copy.deepcopy(read) == read
        restored = pickle.loads(pickle.dumps(read))
        assert (type(restored), vars(restored)) == (type(read), vars(read))


@pytest.mark.parametrize(
    "value",
    [
        {"type": "ai", "content": "an application's own"},
        {"type": "text", "content": "x", "additional_kwargs": {}},
        {"type": ["ai"], "content": "x", "additional_kwargs": {}},
        {"role": "assistant", "content": "x"},
        {"lc": 1, "type": "constructor", "id": ["langchain", "Chain"], "kwargs": {"content": ""}},
        AIMessage("Hi"),
        "Hi",
        None,
    ],
    ids=repr,
)
def test_what_is_no_message_as_json(value: Any) -> None:
    assert json_message(value) is None


def of_javascript(content: str, **fields: Any) -> Any:
    """A chunk as a server in JavaScript writes it: of the type of the whole message."""
    lists: dict[str, Any] = {
        name: [] for name in ("tool_calls", "invalid_tool_calls", "tool_call_chunks")
    }
    plain: dict[str, Any] = {"additional_kwargs": {}, "response_metadata": {}}
    return {"type": "ai", "id": "m1", "content": content, **plain, **lists, **fields}


@pytest.mark.parametrize("is_stored", [False, True])
def test_chunks_of_langchain_js_are_pieces_of_one_message(is_stored: bool) -> None:
    piece = {"index": 0, "type": "tool_call_chunk"}
    chunks = [
        of_javascript("Let me "),
        of_javascript("see."),
        of_javascript("", tool_call_chunks=[{**piece, "id": "c", "name": "add", "args": '{"a"'}]),
        of_javascript("", tool_call_chunks=[{**piece, "args": ": 1}"}]),
    ]
    if is_stored:
        chunks = [{"type": "ai", "data": {**it, "type": None}} for it in chunks]
    answer = {**of_javascript("Let me see."), "tool_calls": [call("add", "c")]}
    del answer["tool_call_chunks"]
    parts = [StreamPart("messages", [it, {"langgraph_node": "n"}]) for it in chunks]
    events = events_of([*parts, StreamPart("values", {"messages": [answer]})])
    (end,) = of(events, MessageEnd)
    assert (end.text, [(it.name, it.args) for it in end.tool_calls]) == (
        "Let me see.",
        [("add", {"a": 1})],
    )
    assert [it.text for it in of(events, TextDelta)] == ["Let me ", "see."]


def call(name: str, id: str) -> dict[str, Any]:
    return {"name": name, "id": id, "args": {"a": 1}, "type": "tool_call"}


def test_a_message_that_langchain_js_serialized_has_the_type_of_its_class() -> None:
    def serialized(name: str, **fields: Any) -> dict[str, Any]:
        place = ["langchain_core", "messages", name]
        return {"lc": 1, "type": "constructor", "id": place, "kwargs": {"content": "", **fields}}

    written = [
        serialized("AIMessage", content="no", id="m1"),
        serialized("HumanMessage", content="hi", id="h"),
    ]
    types = [json_message(it) for it in (*written, serialized("AIMessageChunk"))]
    assert [it and it.type for it in types] == ["ai", "human", "AIMessageChunk"]
    stored = json_message({"type": "human", "data": {"content": "hi"}})
    assert stored is not None
    assert stored.type == "human"
    removal = {"messages": [serialized("RemoveMessage", id="m1")]}
    updates = [{"n": {"messages": written}}, {"n": removal}]
    events = events_of([StreamPart("updates", it) for it in updates])
    assert [it.message.type for it in of(events, MessageAdded)] == ["human"]
    assert [it.message_id for it in of(events, MessageRemoved)] == ["m1"]


def test_a_message_added_is_the_json_that_came_and_can_be_read_like_a_message() -> None:
    raw = HumanMessage("hi", id="2").model_dump()
    events = events_of([StreamPart("updates", {"ask": {"messages": [raw]}})])
    (added,) = of(events, MessageAdded)
    assert isinstance(added.message, JsonMessage)
    assert added.message == raw
    assert added.message.content == "hi"
    written = [to_dict(event, private=True) for event in events]
    (back,) = of(map(from_dict, written), MessageAdded)
    assert back.message == raw


def test_a_prompt_in_json_keeps_to_itself_like_any_other() -> None:
    prompt = SystemMessage("a secret", id="1").model_dump()
    events = events_of([StreamPart("values", {"messages": [prompt]})])
    (state,) = of(events, StateSnapshot)
    assert "a secret" not in str(to_dict(state))
    assert "a secret" in str(to_dict(state, private=True))


def test_a_failed_tools_text_and_a_models_metadata_in_json_keep_to_themselves() -> None:
    failed = ToolMessage("a secret", tool_call_id="c1", status="error").model_dump()
    answer = AIMessage("Hi", response_metadata={"request": "a secret"}).model_dump()
    events = events_of([StreamPart("values", {"said": [failed, {"type": "ai", "data": answer}]})])
    (state,) = of(events, StateSnapshot)
    assert "a secret" not in str(to_dict(state))
    assert "Hi" in str(to_dict(state))
    assert str(to_dict(state, private=True)).count("a secret") == 2


# --- messages that grow


def growing(chunks: list[Any], node: str = "agent") -> Iterator[StreamPart]:
    """What a server makes of chunks: ever longer messages, as its own code does."""
    so_far: Any = None
    for chunk in chunks:
        if so_far is None:
            about = {"metadata": {"langgraph_node": node, "langgraph_checkpoint_ns": f"{node}:1"}}
            yield StreamPart("messages/metadata", {chunk.id: about})
        mine = chunk.model_copy(deep=True)  # upstream merges into the first one
        so_far = mine if so_far is None else so_far + mine
        whole = message_chunk_to_message(so_far)
        yield StreamPart("messages/partial", [whole.model_dump()])
    if so_far is not None:
        yield StreamPart("messages/partial", [whole.model_dump()])


def pairs(chunks: list[Any]) -> list[Any]:
    metadata = {"langgraph_node": "agent", "langgraph_checkpoint_ns": "agent:1"}
    return [(chunk, metadata) for chunk in chunks]


@given(model_chunks("run-1"))
def test_a_message_that_grows_says_what_its_chunks_say(chunks: list[Any]) -> None:
    """Apart from the arguments of calls, which come whole."""
    grown, piecewise = events_of(growing(chunks)), events_of(pairs(chunks))
    assert blocks(grown) == blocks(piecewise)
    ends = [of(events, MessageEnd)[0] for events in (grown, piecewise)]
    assert ends[0].text == ends[1].text
    assert [(it.id, it.name, it.args) for it in ends[0].tool_calls] == [
        (it.id, it.name, it.args) for it in ends[1].tool_calls
    ]
    assert ends[0].usage == ends[1].usage
    assert (ends[0].status, ends[0].finish_reason) == (ends[1].status, ends[1].finish_reason)


def blocks(events: list[Event]) -> Any:
    return [it.text for it in of(events, TextEnd)], [it.text for it in of(events, ReasoningEnd)]


def thought(text: str, **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(id="m", content=[{"type": "thinking", "index": 0, "thinking": text}])


@pytest.mark.skipif(CORE <= (0, 3, 40), reason="this langchain-core cannot merge such chunks")
def test_blocks_grow_one_by_one() -> None:
    chunks = [
        AIMessageChunk(id="m", content=""),
        thought("Let me"),
        thought(" think"),
        AIMessageChunk(id="m", content=[{"type": "text", "index": 1, "text": "Well"}]),
        AIMessageChunk(id="m", content=[{"type": "text", "index": 1, "text": ", yes"}]),
    ]
    assert blocks(events_of(growing(chunks))) == (["Well, yes"], ["Let me think"])
    deltas = of(events_of(growing(chunks)), TextDelta)
    assert [it.text for it in deltas] == ["Well", ", yes"]


def test_arguments_that_were_cut_off_are_an_error_and_no_guess() -> None:
    call = {"name": "t", "args": '{"city": "Par', "id": "c", "index": 0}
    cut = AIMessageChunk(id="m", content="", response_metadata={"finish_reason": "length"})
    chunks = [AIMessageChunk(id="m", content="", tool_call_chunks=[call]), cut]
    (end,) = of(events_of(growing(chunks)), MessageEnd)
    (call,) = end.tool_calls
    assert (call.args, call.text) == (None, '{"city": "Par')
    assert "not complete JSON" in call.error


def test_arguments_of_a_run_that_broke_off_are_an_error() -> None:
    call = {"name": "t", "args": '{"city": "Par', "id": "c", "index": 0}
    parts = [*growing([AIMessageChunk(id="m", content="", tool_call_chunks=[call])])]
    failed = StreamPart("error", {"error": "ValueError", "message": "boom"})
    (end,) = of(events_of([*parts, failed], on_error="event"), MessageEnd)
    assert end.status == "failed"
    assert end.tool_calls[0].error


def test_a_message_completed_after_it_was_partial_is_one_message() -> None:
    parts = list(growing([AIMessageChunk(id="m", content="Hel")]))
    whole = StreamPart("messages/complete", [AIMessage("Hello", id="m").model_dump()])
    events = events_of([*parts, whole])
    assert facts(events).messages == ["Hello"]
    assert [it.text for it in of(events, TextDelta)] == ["Hel", "lo"]


def whole(content: Any, id: str = "m", **fields: Any) -> StreamPart:
    return StreamPart("messages/partial", [AIMessage(content, id=id, **fields).model_dump()])


def test_the_last_partial_of_an_earlier_step_may_come_again() -> None:
    steps = [
        StreamPart("messages/metadata", {id: {"metadata": {"langgraph_node": id, **step}}})
        for id, step in (("m", {"langgraph_step": 1}), ("n", {"langgraph_step": 2}))
    ]
    parts = [steps[0], whole("Hello"), steps[1], whole("there", "n"), whole("Hello")]
    assert facts(events_of(parts)).messages == ["Hello", "there"]


def test_the_arguments_of_a_providers_own_call_grow_too() -> None:
    call = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}, "index": 0}
    parts = [
        whole([call | more]) for more in ({}, {"partial_json": '{"q'}, {"partial_json": '{"q": 1}'})
    ]
    (end,) = of(events_of(parts), MessageEnd)
    (made,) = end.tool_calls
    assert (made.name, made.args, made.provider_executed) == ("web_search", {"q": 1}, True)


def test_a_call_that_comes_without_arguments_ends_as_an_error() -> None:
    part = whole("Hi", tool_calls=[{"name": "t", "args": {}, "id": "c"}])
    del part.data[0]["tool_calls"][0]["args"]
    events = list(normalize([part]))
    check_stream(events)
    (lost,) = of(events, Unrecognized)
    assert "what message 'm' ended with" in lost.reason
    (end,) = of(events, MessageEnd)
    assert end.text == "Hi"
    assert end.tool_calls[0].error


# --- parts


def test_next_to_events_a_task_says_nothing_new() -> None:
    run = {"name": "len", "run_id": "1", "parent_ids": [], "tags": [], "metadata": {}}
    parts = [
        StreamPart("events", {"event": "on_chain_start", "data": {"input": "hi"}, **run}),
        StreamPart("debug", {"type": "task", "payload": {"id": "t"}}),
        StreamPart("events", {"event": "on_chain_end", "data": {"output": 2}, **run}),
    ]
    assert [it.type for it in events_of(parts)] == [
        *("run.start", "step.start", "step.end", "run.end")
    ]


def test_updates_of_a_run_whose_end_was_seen_say_nothing() -> None:
    run = {"name": "len", "run_id": "1", "parent_ids": [], "tags": [], "metadata": {}}
    parts = [
        StreamPart("events", {"event": "on_chain_start", "data": {"input": "hi"}, **run}),
        StreamPart("events", {"event": "on_chain_end", "data": {"output": 2}, **run}),
        StreamPart("updates", {"len": {"length": 2}}),
    ]
    types = [it.type for it in events_of(parts)]
    assert types == ["run.start", "step.start", "step.end", "run.end"]


def test_the_words_of_a_completion_model_in_json() -> None:
    run = {"name": "llm", "run_id": "1", "parent_ids": [], "tags": [], "metadata": {}}
    chunk = {"type": "GenerationChunk", "text": "Hi!", "generation_info": None}
    parts = [
        StreamPart("events", {"event": f"on_llm_{verb}", "data": data, **run})
        for verb, data in (("start", {"input": "hi"}), ("stream", {"chunk": chunk}), ("end", {}))
    ]
    assert facts(events_of(parts)).messages == ["Hi!"]


def test_what_says_nothing_of_the_run_is_passed_over() -> None:
    events = events_of([StreamPart("feedback", {"key": "https://…"}), StreamPart("end", None)])
    assert [it.type for it in events] == ["run.start", "run.end"]


def test_what_is_no_part_is_not_lost() -> None:
    parts = [StreamPart("metadata", {"run_id": "r"}), StreamPart("weather", "sunny")]
    with pytest.raises(MalformedItem, match="'weather'"):
        list(normalize(parts, strict=True))
    (lost,) = of(normalize(parts), Unrecognized)
    assert lost.raw == parts[1]
    (lost,) = of(normalize([StreamPart("messages/partial", ["x"])]), Unrecognized)
    assert "expected a message" in lost.reason


def test_a_message_whose_field_is_of_another_type_is_not_lost() -> None:
    message = AIMessage("Hi", id="m").model_dump() | {"response_metadata": "none"}
    (lost,) = of(normalize([StreamPart("messages/partial", [message])]), Unrecognized)
    assert "a message's response_metadata is no" in lost.reason


@pytest.mark.parametrize("data", ["out of memory", {"message": "out of memory"}, None])
def test_an_error_in_another_shape(data: Any) -> None:
    (error,) = of(normalize([StreamPart("error", data)], on_error="event"), RunError)
    assert error.error.name == "Error"
    assert error.error.message == ("None" if data is None else "out of memory")


@pytest.mark.parametrize(
    "item",
    [
        {"event": "updates", "data": {}, "more": 1},
        {"event": "something", "data": {}},
        {"event": ["updates"], "data": {}},
        {"event": "updates"},
        {"type": "something", "ns": [], "data": {}},
    ],
    ids=repr,
)
def test_what_does_not_prove_a_server(item: Any) -> None:
    with pytest.raises(UnknownSource):
        list(normalize([item]))


def test_a_tool_that_asks_is_no_error_in_the_events_of_a_server() -> None:
    def sent(name: str, run: str, **data: Any) -> StreamPart:
        about = {"name": "n", "run_id": run, "parent_ids": [], "tags": [], "metadata": {}}
        return StreamPart("events", {"event": name, "data": data, **about})

    asked = {"error": "GraphInterrupt", "message": "(Interrupt(value='Sure?'),)"}
    events = events_of(
        [sent("on_tool_start", "t", input={}), sent("on_tool_error", "t", error=asked)]
    )
    assert [it.status for it in of(events, ToolEnd)] == ["interrupted"]


def test_a_frame_of_another_client_may_have_an_id_and_a_retry_time() -> None:
    frame = {"event": "values", "data": {"a": 1}, "id": "1", "retry": 500}
    assert [it.values for it in of(events_of([frame]), StateSnapshot)] == [{"a": 1}]


def test_a_result_as_json_need_not_have_an_artifact() -> None:
    stored = {"type": "tool", "data": {"content": "sunny", "tool_call_id": "c"}}
    result = json_message(stored)
    assert result is not None
    assert result.artifact is None


def test_a_task_in_debug_mode_is_a_step() -> None:
    task: dict[str, Any] = {"id": "t", "name": "n", "interrupts": []}
    begun = {"type": "task", "payload": {**task, "input": {}, "triggers": []}}
    ended = {"type": "task_result", "payload": {**task, "result": {"x": 1}, "error": None}}
    events = events_of([StreamPart("debug", begun), StreamPart("debug", ended)])
    assert [(it.step_id, it.output) for it in of(events, StepEnd)] == [("t", {"x": 1})]


def test_what_a_node_of_a_server_wrote_is_its_update() -> None:
    events = events_of([StreamPart("updates", {"n": {"x": 1}})])
    assert [(it.node, it.values) for it in of(events, StateUpdate)] == [("n", {"x": 1})]


def test_an_interrupt_in_the_state_alone_is_no_state() -> None:
    """As servers with an older langgraph tell it, where ``updates`` was not asked for."""
    waiting = {"__interrupt__": [{"value": "go on?", "id": "i"}]}
    events = events_of([StreamPart("values", waiting)])
    assert not of(events, StateSnapshot)
    assert [it.value for it in of(events, Interrupt)] == ["go on?"]


# --- live

live = pytest.mark.skipif(
    served.PYTHON is None,
    reason="no langgraph-api here: name a Python that has it in STREAMKIT_AGENT_SERVER",
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served.agent_server() as address:
        yield address


QUESTION = {"messages": [{"role": "user", "content": INPUT["messages"][0].content, "id": "ask"}]}


@live
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("subgraphs", [False, True])
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    "mode",
    [
        "messages",
        "updates",
        "values",
        "custom",
        "tasks",
        "checkpoints",
        "debug",
        ["messages", "updates", "custom"],
    ],
    ids=str,
)
def test_a_remote_graph_tells_what_the_graph_tells(
    url: str, mode: Any, version: str, subgraphs: bool, is_async: bool
) -> None:
    if version == "v2" and LANGGRAPH < (1, 1):
        pytest.skip("this langgraph has no version 2")
    how = {"stream_mode": mode, "subgraphs": subgraphs}
    if version == "v2":
        how["version"] = "v2"
    named: dict[str, Any] = {}
    if isinstance(mode, str) and version == "v1":
        named = {"mode": mode, "subgraphs": subgraphs}
    graph = served.trip()
    graph.checkpointer = InMemorySaver()
    here = list(normalize(graph.stream(INPUT, THREAD, **how), strict=True, **named))
    there = asyncio.run(far(url, how, named)) if is_async else near(url, how, named)
    check_stream(there)
    for name, fact in FACTS.items():
        assert fact(there) == fact(here), name


THREAD: Any = {"configurable": {"thread_id": "here"}}


def new_thread() -> Any:
    return {"configurable": {"thread_id": str(uuid4())}}


def near(url: str, how: Any, named: Any) -> list[Event]:
    with get_sync_client(url=url) as client:
        graph = RemoteGraph("trip", sync_client=client)
        return list(normalize(graph.stream(QUESTION, new_thread(), **how), strict=True, **named))


async def far(url: str, how: Any, named: Any) -> list[Event]:
    async with get_client(url=url) as client:
        graph = RemoteGraph("trip", client=client)
        source = normalize(graph.astream(QUESTION, new_thread(), **how), strict=True, **named)
        return [event async for event in source]


class FarRuns:
    """The runs of a server without a network: each has two states, and an update between them."""

    async def stream(self, *_: Any, stream_mode: Any, **__: Any) -> Any:
        ask = {"type": "human", "id": "ask", "content": "Hi", "additional_kwargs": {}}
        answer = {"type": "ai", "id": "m1", "content": "Hello.", "additional_kwargs": {}}
        sent = [
            StreamPart("values", {"messages": [ask]}),
            StreamPart("updates", {"agent": {"messages": [answer]}}),
            StreamPart("values", {"messages": [ask, answer]}),
        ]
        for part in sent:
            if part.event in stream_mode:
                yield part


@pytest.mark.parametrize("around", ["graph", "subgraph", "chain"])
async def test_a_remote_graph_as_a_node_keeps_its_result(around: str) -> None:
    """LangGraph would stream it, take its updates for its result, and keep nothing of them."""
    far = RemoteGraph("far", client=SimpleNamespace(runs=FarRuns()))  # type: ignore[arg-type]
    graph: Any = StateGraph(MessagesState).add_node("far", far).add_edge(START, "far").compile()
    if around == "subgraph":
        graph = StateGraph(MessagesState).add_node("in", graph).add_edge(START, "in").compile()
    elif around == "chain":
        graph = RunnableLambda(lambda it: it) | graph
    inputs: Any = {"messages": [HumanMessage("Hi", id="ask")]}
    result = await astream(graph, inputs).collect()
    assert [it.content for it in result.output["messages"]] == ["Hi", "Hello."]
    assert result.output == await graph.ainvoke(inputs)


@pytest.mark.parametrize("is_task", [True, False])
def test_a_run_that_its_server_cancelled_is_incomplete(is_task: bool) -> None:
    """langgraph-api 0.16 ends the stream, and says nothing."""
    chunk = {"type": "AIMessageChunk", "id": "m1", "content": "Half", "additional_kwargs": {}}
    about = {
        "langgraph_node": "agent",
        "langgraph_checkpoint_ns": "agent:1",
        "ls_model_type": "chat",
    }
    task = {"id": "1", "name": "agent", "input": {}, "triggers": [], "interrupts": []}
    message = StreamPart("messages", [{**chunk, "chunk_position": None}, about])
    events = events_of([StreamPart("tasks", task) if is_task else message])
    assert events[-1].status == "incomplete"


@live
def test_a_remote_graph_that_fails_raises(url: str) -> None:
    with get_sync_client(url=url) as client:
        graph = RemoteGraph("broken", sync_client=client)
        how: Any = {"stream_mode": ["updates"], "subgraphs": True}
        with pytest.raises(RemoteException, match="boom"):
            list(normalize(graph.stream(QUESTION, **how), strict=True))
        events = events_of(graph.stream(QUESTION, **how), on_error="event")
    assert events[-1].error.name == "RemoteException"


@live
async def test_joining_a_run_that_has_begun(url: str) -> None:
    modes: Any = ["messages-tuple", "updates"]
    async with get_client(url=url) as client:
        thread = (await client.threads.create())["thread_id"]
        options = {"stream_mode": modes, "stream_resumable": True}
        run = await client.runs.create(thread, "trip", input=QUESTION, **options)
        source = client.runs.join_stream(thread, run["run_id"], last_event_id="-1")
        events = [event async for event in normalize(source, strict=True)]
    check_stream(events)
    assert len(of(events, ToolEnd)) == 4
    assert events[-1].status == "interrupted"


@live
async def test_leaving_a_run_early(url: str) -> None:
    async with get_client(url=url) as client:
        source = client.runs.stream(None, "trip", input=QUESTION, stream_mode=["messages-tuple"])
        async with normalize(source) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        rest = [event async for event in stream]
    assert rest[-1].status == "cancelled"
