"""Events as JSON data and back, and what of them stays in the process."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompt_values import ChatPromptValue

from random_events import CLASSES, EVENTS, JSON, events_of
from streamkit import (
    BatchItem,
    Checkpoint,
    Custom,
    ErrorInfo,
    Event,
    MalformedItem,
    MessageAdded,
    MessageEnd,
    MessageStart,
    Origin,
    RetrievalEnd,
    RunEnd,
    RunError,
    RunStart,
    StateSnapshot,
    StateUpdate,
    StepEnd,
    StepStart,
    TextDelta,
    ToolCall,
    ToolCallEnd,
    ToolEnd,
    ToolError,
    ToolStart,
    Unrecognized,
    Usage,
)
from streamkit.wire import from_dict, ndjson, sse, to_dict
from streamkit.wire._codec import Reader
from streamkit.wire._plain_json import loads
from streamkit.wire._redact import redactor
from streamkit.wire._writer import Writer

HUSH = "hush"
AT: dict[str, Any] = {"origin": Origin(), "timestamp": 0.5}
ERROR = ErrorInfo(name="ValueError", message=HUSH, exception=ValueError(HUSH))


# --- round trips


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.type)
@given(data=st.data())
def test_an_event_comes_back_as_it_was(cls, data):
    event = data.draw(events_of(cls))
    written = to_dict(event, private=True)
    assert from_dict(written) == event
    assert Reader().read(Writer(private=True).write(event)) == event
    assert json.loads(json.dumps(written)) == written


@given(EVENTS)
def test_what_is_public_is_no_more_than_what_is_private(event):
    public, private = to_dict(event), to_dict(event, private=True)
    assert list(public) == [key for key in private if key in public]
    again = from_dict(public)
    assert type(again) is type(event)
    assert to_dict(again) == public


@given(st.lists(EVENTS, max_size=6), st.booleans())
def test_a_writer_writes_each_event_as_if_it_were_the_only_one(events, private):
    writer = Writer(private=private)
    for event in events * 2:
        assert writer.write(event) == Writer(private=private).write(event)
        assert loads(writer.write(event)) == to_dict(event, private=private)


@given(EVENTS)
def test_every_text_is_one_line(event):
    text = Writer().write(event).decode()
    assert text.splitlines() == [text]


# --- the form


def test_keys_come_in_the_order_of_the_schema_and_defaults_are_left_out():
    event = RunEnd(
        origin=Origin(tags=("b",), run_id="r", metadata={"a": 1}),
        timestamp=0.5,
        status="completed",
        output=[1],
        usage=Usage(input_tokens=3, output_tokens=4, output_token_details={"reasoning": 1}),
        usage_by_model={"m": Usage()},
    )
    assert json.dumps(to_dict(event)) == json.dumps(
        {
            "type": "run.end",
            "origin": {"run_id": "r", "tags": ["b"]},
            "timestamp": 0.5,
            "usage": {
                "input_tokens": 3,
                "output_tokens": 4,
                "total_tokens": 7,
                "input_token_details": {},
                "output_token_details": {"reasoning": 1},
            },
            "usage_by_model": {
                "m": {
                    "input_tokens": 0,
                    "output_tokens": 0,
                    "total_tokens": 0,
                    "input_token_details": {},
                    "output_token_details": {},
                }
            },
            "status": "completed",
            "output": [1],
        }
    )
    assert to_dict(RunStart(**AT)) == {"type": "run.start", "timestamp": 0.5}


def test_a_search_that_found_nothing_has_no_documents_on_the_wire():
    event = RetrievalEnd(**AT, retrieval_id="r", name="f", status="completed")
    assert "documents" not in to_dict(event)
    assert b"documents" not in ndjson.encode(event)
    assert b"documents" not in b"".join(sse.encoder().stage()(event))


def test_a_field_without_a_default_is_always_written():
    end = ToolCallEnd(
        **AT, message_id="m", block_id=0, tool_call_id="c", name="f", args=None, text="{", error="cut off"
    )  # fmt: skip
    assert to_dict(end) == {
        "type": "tool_call.end",
        "timestamp": 0.5,
        "message_id": "m",
        "block_id": 0,
        "tool_call_id": "c",
        "name": "f",
        "args": None,
        "text": "{",
        "error": "cut off",
    }
    assert from_dict(to_dict(StateSnapshot(**AT, values=None))).values is None


def test_a_finished_message_is_written_with_its_calls():
    call = ToolCall(id="c", name="f", args={"a": [1]}, text='{"a":[1]}')
    event = MessageEnd(**AT, message_id="m", status="completed", text="", tool_calls=(call,))
    assert to_dict(event)["tool_calls"] == [
        {"id": "c", "name": "f", "args": {"a": [1]}, "text": '{"a":[1]}'}
    ]
    assert from_dict(to_dict(event)) == event


def test_payloads_of_any_kind_are_written_and_never_break_the_stream():
    assert to_dict(Custom(**AT, data={"when": {1, 2}, 3: object()}))["data"] == {
        "when": [1, 2],
        "3": {"$object": "object"},
    }
    cycle: list[Any] = []
    cycle.append(cycle)
    event = StateUpdate(**AT, node="\ud800", values=cycle)
    assert to_dict(event) == {
        "type": "state.update",
        "timestamp": 0.5,
        "node": "\ufffd",
        "values": [{"$cut": "a cycle"}],
    }
    assert from_dict(to_dict(event)).values == [{"$cut": "a cycle"}]
    lone = TextDelta(**AT, message_id="m", block_id=0, text="\ud83d")
    assert from_dict(to_dict(lone)).text == "\ufffd"
    calls = (ToolCall(id="c", name="f", args=cycle, text=""),)
    event = MessageEnd(**AT, message_id="m", status="completed", text="", tool_calls=calls)
    assert from_dict(to_dict(event)).tool_calls[0].args == [{"$cut": "a cycle"}]


def test_a_limit_that_one_payload_meets_is_not_met_by_the_next():
    big = [0] * 1_200_000
    event = ToolEnd(**AT, tool_call_id="c", name="f", status="completed", output=big, artifact="a")
    written = to_dict(event)
    assert "more values" in written["output"][-1]["$cut"]
    assert written["artifact"] == "a"


def test_a_clock_that_gives_no_number_breaks_nothing():
    event = RunStart(origin=Origin(), timestamp=float("nan"))
    assert from_dict(to_dict(event)).timestamp == 0.0


def test_nothing_of_the_event_is_changed():
    metadata, values = {"a": 1}, {"messages": [AIMessage("a", response_metadata={"b": 1})]}
    event = StateUpdate(origin=Origin(metadata=metadata), timestamp=0.5, node="n", values=values)
    before = repr(event)
    to_dict(event)
    to_dict(event, private=True)
    assert repr(event) == before


# --- reading what others wrote


def test_unknown_fields_are_skipped():
    data = {"type": "run.start", "timestamp": 0.5, "new": 1, "origin": {"node": "a", "new": 2}}
    assert from_dict(data) == RunStart(origin=Origin(node="a"), timestamp=0.5)


def test_an_unknown_type_is_unrecognized():
    data = {"type": "poem.start", "timestamp": 0.5, "origin": {"node": "a"}, "verse": 1}
    event = from_dict(data)
    assert event == Unrecognized(
        origin=Origin(node="a"),
        timestamp=0.5,
        raw=data,
        reason="no event has the type 'poem.start'",
    )
    assert from_dict({"type": ""}).raw == {"type": ""}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "got a NoneType"),
        ([], "got a list"),
        ({}, "got one without"),
        ({"type": 1}, "got one without"),
        ({"type": None}, "got one without"),
        ({"type": "text.delta"}, r"no text\.delta event .* missing required field"),
        ({"type": "custom", "timestamp": "now"}, r"Expected `float`"),
        ({"type": "custom", "origin": []}, r"Expected `object`"),
        ({"type": "run.end", "status": "so-so"}, r"no run\.end event"),
        ({"type": "poem", "origin": 1}, r"no poem event"),
        ({"type": "run.error", "error": {}}, r"no run\.error event"),
    ],
)
def test_what_is_no_event_is_refused_by_name(data, says):
    with pytest.raises(MalformedItem, match=says) as caught:
        from_dict(data)
    assert caught.value.item is data


@given(JSON | st.fixed_dictionaries({"type": st.sampled_from([it.type for it in CLASSES])}, optional={
    name: JSON for cls in CLASSES for name in cls.__struct_fields__
}))  # fmt: skip
def test_garbage_is_an_event_or_a_malformed_item(data):
    try:
        event = from_dict(data)
    except MalformedItem:
        return
    to_dict(event)


@given(st.binary() | st.text())
def test_no_text_raises_anything_else(text):
    with pytest.raises(MalformedItem):
        Reader().read(text)


# --- privacy


ORIGIN = Origin(node="a", metadata={"key": HUSH})
MESSAGES = {"messages": [SystemMessage(HUSH), HumanMessage("Hi")]}
CONFIG = {
    "configurable": {"thread_id": "t", "checkpoint_ns": "", "checkpoint_id": "i", "api_key": HUSH},
    "metadata": {"user": HUSH},
}
IDS = {"configurable": {"thread_id": "t", "checkpoint_ns": "", "checkpoint_id": "i"}}
PRIVATE: list[tuple[Event, dict[str, Any]]] = [
    (MessageStart(origin=ORIGIN, timestamp=0.5, message_id="m"), {"origin": {"node": "a"}}),
    (RunStart(**AT, input=MESSAGES), {"input": None}),
    *[
        (StepStart(**AT, step_id="s", kind=kind, input={"topic": HUSH}), {"input": None})
        for kind in ("graph", "node", "chain", "prompt", "parser", "chat_model", "llm")
    ],
    (StepEnd(**AT, step_id="s", kind="prompt", status="completed", output=[HUSH]), {"output": None}),
    (
        StepEnd(
            **AT, step_id="s", kind="chain", status="completed",
            output=ChatPromptValue(messages=[HumanMessage(HUSH)]),
        ),
        {"output": {"$object": "langchain_core.prompt_values.ChatPromptValue"}},
    ),
    (StepEnd(**AT, step_id="s", kind="node", status="failed", error=ERROR), {"error": {"name": "ValueError"}}),
    (RunError(**AT, error=ERROR), {"error": {"name": "ValueError"}}),
    (ToolError(**AT, tool_call_id="c", name="f", error=ERROR), {"error": {"name": "ValueError"}}),
    (
        RetrievalEnd(**AT, retrieval_id="r", name="f", status="failed", error=ERROR),
        {"error": {"name": "ValueError"}},
    ),
    (BatchItem(**AT, index=0, error=ERROR), {"error": {"name": "ValueError"}}),
    (BatchItem(**AT, index=0, output=ValueError(HUSH)), {"output": {"$error": {"name": "ValueError"}}}),
    (
        MessageEnd(**AT, message_id="m", status="completed", text="", response_metadata={"id": HUSH}),
        {"response_metadata": None},
    ),
    (
        MessageAdded(**AT, message=SystemMessage(HUSH)),
        {"message": {"type": "system", "data": {"content": ""}}},
    ),
    (
        StateSnapshot(**AT, values={"messages": [ToolMessage(HUSH, tool_call_id="c", status="error")]}),
        {"values": {"messages": [
            {"type": "tool", "data": {"content": "error", "tool_call_id": "c", "status": "error"}}
        ]}},
    ),
    (StateUpdate(**AT, node="n", values=[{"role": "system", "content": HUSH}]), {
        "values": [{"role": "system", "content": ""}]
    }),
    (
        Checkpoint(**AT, config=CONFIG, parent_config=CONFIG, metadata={"user": HUSH}, next=("n",)),
        {"config": IDS, "parent_config": IDS, "metadata": None, "next": ["n"]},
    ),
    (Unrecognized(**AT, raw=HUSH, reason=f"cannot read {HUSH!r}"), {"raw": None, "reason": None}),
    (Custom(**AT, data=RunStart(**AT, input=HUSH)), {"data": {"type": "run.start", "timestamp": 0.5}}),
]  # fmt: skip


@pytest.mark.parametrize(("event", "shown"), PRIVATE, ids=lambda it: type(it).__name__)
def test_secrets_stay_in_the_process(event, shown):
    written = to_dict(event)
    assert HUSH not in json.dumps(written)
    assert {name: written.get(name) for name in shown} == shown
    assert type(from_dict(written)) is type(event)
    assert HUSH in json.dumps(to_dict(event, private=True))


def test_a_class_made_of_an_event_keeps_its_secrets():
    class Begun(RunStart, frozen=True, kw_only=True):
        topic: str = ""

    shown = {"type": "run.start", "timestamp": 0.5, "topic": "Bologna"}
    assert to_dict(Begun(**AT, input=HUSH, topic="Bologna")) == shown


def test_what_is_no_call_where_calls_stand_is_plain_data():
    """Nothing checks what a program of one's own puts into an event."""
    odd = MessageEnd(**AT, message_id="m", status="completed", text="", tool_calls=({"name": "f"},))
    assert to_dict(odd)["tool_calls"] == [{"name": "f"}]


def test_a_config_that_cannot_be_read_leaves_no_ids():
    class Key(str):
        __slots__ = ()

        def __hash__(self):
            if len(config) > 0:
                raise RuntimeError(HUSH)
            return 1

    class Config(dict):
        pass

    config = Config()
    config[Key("thread_id")] = HUSH
    event = Checkpoint(
        **AT, config={"configurable": config}, parent_config=None, metadata={}, next=()
    )
    assert to_dict(event)["config"] == {"configurable": {}}


def test_what_a_client_needs_is_no_secret():
    shown = [
        (ToolStart(**AT, tool_call_id="c", name="f", input={"city": "Paris"}), {"city": "Paris"}),
        (ToolEnd(**AT, tool_call_id="c", name="f", status="completed", output="sunny"), "sunny"),
        (Custom(**AT, name="n", data={"progress": 0.5}), {"progress": 0.5}),
    ]
    for event, value in shown:
        assert value in to_dict(event).values()


def test_an_exception_object_never_leaves():
    written = to_dict(RunError(**AT, error=ERROR), private=True)
    assert written["error"] == {"name": "ValueError", "message": HUSH}
    assert from_dict(to_dict(RunError(**AT, error=ERROR))).error == ErrorInfo(
        name="ValueError", message=""
    )


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.type)
@given(data=st.data())
def test_every_field_that_others_fill_is_plain_behind_the_entrance(cls, data):
    """A payload that JSON has no word for, in any field that may hold one."""
    event = data.draw(events_of(cls))
    call = ToolCall(id="c", name="f", args={HUSH: {1}}, text="")
    odd = {
        Any: {1},
        tuple[Any, ...]: ({1},),
        dict[str, Any]: {"a": {1}},
        tuple[ToolCall, ...]: (call,),
    }
    fields = {it.name: odd[it.type] for it in msgspec.structs.fields(cls) if it.type in odd}
    redacted = redactor(private=True).event(msgspec.structs.replace(event, **fields))
    for name in fields:
        value = getattr(redacted, name)
        assert "{1}" not in str(value)
        assert "[1]" in str(value)


def test_an_origin_is_cleaned_once_and_told_apart_from_its_like():
    redact = redactor().event
    first, second = (
        Origin(node="a", metadata={"key": HUSH}),
        Origin(node="b", metadata={"key": HUSH}),
    )
    events = [
        MessageStart(origin=it, timestamp=0.5, message_id="m") for it in (first, second, first)
    ]
    one, two, again = map(redact, events)
    assert one.origin is again.origin
    assert (one.origin, two.origin) == (Origin(node="a"), Origin(node="b"))
    assert events[0].origin.metadata == {"key": HUSH}
