"""Lines for transcripts: every event has one, it is one, and it is the same in every run."""

import json
import uuid
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage

from streamkit import events as ev
from streamkit import normalize
from streamkit._brief import brief, quote, tokens
from streamkit.transcript import Transcript, describe, transcript
from streamkit.values import ErrorInfo, Origin, Usage
from streamkit.wire import jsonable

RUN = "019a2f0c-1111-7222-8333-444455556666"
OTHER_RUN = "019a2f0c-9999-7222-8333-444455556666"
AT_AGENT = Origin(name="ChatX", node="agent")
INSIDE = Origin(name="confirm", node="confirm", namespace=(f"booking:{RUN}",))
NO = ErrorInfo(name="ValueError", message="no")
SOME = Usage(input_tokens=12, output_tokens=7)
IN_MESSAGE = {"message_id": f"lc_run--{RUN}", "block_id": 0}
A_CALL = {"message_id": "m", "block_id": 2, "tool_call_id": "call_1"}
A_TOOL = {"tool_call_id": "call_1", "name": "get_weather"}

CASES = [
    (ev.RunStart, {"run_id": RUN}, "run.start"),
    (ev.RunStart, {"input": {"q": 1}}, 'run.start {"q": 1}'),
    (ev.RunEnd, {"status": "completed", "usage": SOME}, "run.end completed 12+7 tokens"),
    (ev.RunError, {"error": NO}, 'run.error ValueError "no"'),
    (ev.StepStart, {"step_id": RUN, "kind": "chat_model"}, "step.start s1 chat_model ChatX @agent"),
    (
        ev.StepStart,
        {"step_id": RUN, "kind": "node", "origin": INSIDE},
        "step.start s1 node confirm @booking",
    ),
    (ev.StepDelta, {"step_id": RUN, "value": "Eat", "cumulative": False}, 'step.delta s1 + "Eat"'),
    (
        ev.StepDelta,
        {"step_id": None, "value": {"a": 1}, "cumulative": True},
        'step.delta = {"a": 1}',
    ),
    (ev.StepDelta, {"step_id": None, "value": None}, "step.delta ? null"),
    (
        ev.StepEnd,
        {"step_id": RUN, "kind": "node", "status": "completed"},
        "step.end s1 ChatX completed",
    ),
    (
        ev.StepEnd,
        {"step_id": RUN, "kind": "node", "status": "failed", "error": NO},
        'step.end s1 ChatX failed ValueError "no"',
    ),
    (ev.MessageStart, {"message_id": RUN, "model": "scripted"}, "message.start m1 scripted @agent"),
    (
        ev.MessageStart,
        {"message_id": "m", "role": "user", "origin": INSIDE},
        "message.start m1 user @booking/confirm",
    ),
    (ev.TextStart, IN_MESSAGE, "text.start m1/0"),
    (ev.TextDelta, {**IN_MESSAGE, "text": "Hel"}, 'text.delta m1/0 "Hel"'),
    (ev.TextEnd, {**IN_MESSAGE, "text": "Hello\n"}, 'text.end m1/0 "Hello\\n"'),
    (ev.ReasoningStart, IN_MESSAGE, "reasoning.start m1/0"),
    (ev.ReasoningDelta, {**IN_MESSAGE, "text": "Hm"}, 'reasoning.delta m1/0 "Hm"'),
    (
        ev.ReasoningEnd,
        {**IN_MESSAGE, "text": "Hm", "signature": "x"},
        'reasoning.end m1/0 "Hm" signed',
    ),
    (
        ev.ReasoningEnd,
        {**IN_MESSAGE, "text": "", "redacted": True},
        'reasoning.end m1/0 "" redacted',
    ),
    (ev.ToolCallStart, {**A_CALL, "name": "f"}, "tool_call.start m1/2 call_1 f"),
    (
        ev.ToolCallStart,
        {**A_CALL, "name": "f", "provider_executed": True},
        "tool_call.start m1/2 call_1 f by the provider",
    ),
    (ev.ToolCallDelta, {**A_CALL, "args": '{"a'}, "tool_call.delta m1/2 call_1 '{\"a'"),
    (
        ev.ToolCallEnd,
        {**A_CALL, "name": "f", "args": {"a": "b"}, "text": ""},
        'tool_call.end m1/2 call_1 f {"a": "b"}',
    ),
    (
        ev.ToolCallEnd,
        {**A_CALL, "name": "f", "args": None, "text": "{", "error": "cut"},
        'tool_call.end m1/2 call_1 f "{" error "cut"',
    ),
    (ev.Content, {**IN_MESSAGE, "block": {"type": "image"}}, 'content m1/0 {"type": "image"}'),
    (ev.Citation, {**IN_MESSAGE, "citation": {"url": "x"}}, 'citation m1/0 {"url": "x"}'),
    (
        ev.MessageEnd,
        {
            "message_id": "m",
            "status": "completed",
            "text": "",
            "finish_reason": "stop",
            "usage": SOME,
        },
        "message.end m1 completed stop 12+7 tokens",
    ),
    (
        ev.MessageEnd,
        {"message_id": "m", "status": "incomplete", "text": ""},
        "message.end m1 incomplete",
    ),
    (
        ev.ToolStart,
        {**A_TOOL, "input": {"city": "Paris"}},
        'tool.start call_1 get_weather {"city": "Paris"} @agent',
    ),
    (ev.ToolStart, {**A_TOOL, "tool_call_id": RUN}, "tool.start id1 get_weather @agent"),
    (ev.ToolDelta, {"tool_call_id": "call_1", "delta": "so far"}, 'tool.delta call_1 "so far"'),
    (
        ev.ToolEnd,
        {**A_TOOL, "status": "completed", "output": "sunny", "artifact": b"abc"},
        'tool.end call_1 get_weather completed "sunny" artifact <3 bytes>',
    ),
    (ev.ToolError, {**A_TOOL, "error": NO}, 'tool.error call_1 get_weather ValueError "no"'),
    (
        ev.RetrievalStart,
        {"retrieval_id": RUN, "name": "Guide", "query": "q"},
        'retrieval.start r1 Guide "q" @agent',
    ),
    (
        ev.RetrievalEnd,
        {"retrieval_id": RUN, "name": "Guide", "status": "completed", "documents": (1,)},
        "retrieval.end r1 Guide completed 1 document",
    ),
    (ev.StateUpdate, {"node": "agent", "values": {"n": None}}, 'state.update agent {"n": null}'),
    (ev.StateUpdate, {"node": "confirm", "origin": INSIDE}, "state.update confirm @booking"),
    (ev.StateSnapshot, {"values": {"n": 1}}, 'state.snapshot {"n": 1} @agent'),
    (
        ev.Checkpoint,
        {"metadata": {"source": "loop", "step": 0}, "next": ("a", "b"), "config": {"id": RUN}},
        "checkpoint loop step 0 next a, b @agent",
    ),
    (ev.Interrupt, {"interrupt_id": RUN, "value": "Book it?"}, 'interrupt "Book it?" @agent'),
    (
        ev.Interrupt,
        {"interrupt_id": RUN, "static": True, "tool_call_id": "call_1"},
        "interrupt static call_1 @agent",
    ),
    (ev.MessageAdded, {"message": HumanMessage("Hi")}, 'message.added human("Hi") @agent'),
    (
        ev.MessageReplaced,
        {"message_id": "m", "message": HumanMessage("Hi")},
        'message.replaced m1 human("Hi") @agent',
    ),
    (ev.MessageRemoved, {"message_id": "m"}, "message.removed m1 @agent"),
    (ev.Custom, {"name": "forecast", "data": 1}, "custom forecast 1 @agent"),
    (ev.Custom, {"data": "x", "origin": Origin()}, 'custom "x"'),
    (ev.BatchItem, {"index": 0, "output": "a"}, 'batch.item 0 "a"'),
    (ev.BatchItem, {"index": 1, "error": NO}, 'batch.item 1 ValueError "no"'),
    (ev.Unrecognized, {"raw": object(), "reason": f"run {RUN}"}, 'unrecognized "run id1" <object>'),
]


def make(event_class, fields):
    return event_class(**{"origin": AT_AGENT, "timestamp": 0.0, **fields})


@pytest.mark.parametrize(
    ("event_class", "fields", "line"), CASES, ids=[case[2][:40] for case in CASES]
)
def test_a_line_per_event(event_class, fields, line):
    assert describe(make(event_class, fields)) == line


def test_every_event_is_in_the_table_above():
    assert {case[0] for case in CASES} == set(get_args(ev.Event))


class TestIds:
    def test_are_numbered_in_the_order_in_which_they_appear(self):
        starts = [make(ev.MessageStart, {"message_id": id}) for id in ("x", "a", "x")]
        assert transcript(starts) == [f"message.start {name} @agent" for name in ("m1", "m2", "m1")]

    def test_of_runs_are_numbered_wherever_they_stand(self):
        view = Transcript()
        view.line(make(ev.Custom, {"data": {"run": RUN}}))
        event = make(ev.ToolStart, {**A_TOOL, "tool_call_id": f"call-{OTHER_RUN}", "input": RUN})
        assert view.line(event) == 'tool.start call-id2 get_weather "id1" @agent'

    def test_of_providers_stay(self):
        event = make(ev.ToolDelta, {"tool_call_id": "toolu_01AbC9", "delta": 1})
        assert describe(event) == "tool.delta toolu_01AbC9 1"

    def test_made_up_from_a_messages_are_named_after_it(self):
        view = Transcript()
        view.line(make(ev.MessageStart, {"message_id": "msg_77"}))
        event = make(ev.ToolDelta, {"tool_call_id": "msg_77:0", "delta": 1})
        assert view.line(event) == "tool.delta m1:0 1"

    def test_do_not_tell_two_runs_apart(self):
        def run():
            chunks = [
                AIMessageChunk(
                    content="",
                    id=f"run-{uuid.uuid4()}",
                    tool_call_chunks=[
                        {"name": "f", "args": "{}", "id": str(uuid.uuid4()), "index": 0}
                    ],
                )
            ]
            return transcript(normalize(chunks))

        assert run() == run()


class TestBrief:
    def test_shows_messages_and_documents_by_what_they_say(self):
        call = {"name": "f", "args": {}, "id": "c", "type": "tool_call"}
        assert brief(AIMessage("Hi", tool_calls=[call])) == 'ai("Hi", f)'
        assert brief(AIMessageChunk("Hi")) == 'ai("Hi")'
        assert brief(ToolMessage("sunny", tool_call_id="c")) == 'tool("sunny")'
        assert brief([Document("page")]) == '[Document("page")]'

    def test_shows_records_by_the_fields_that_say_something(self):
        types = pytest.importorskip("langgraph.types")
        assert (
            brief(types.Command(resume={"approved": True})) == 'Command(resume={"approved": true})'
        )

    def test_shows_what_comes_from_a_recording_as_it_was_in_the_process(self):
        types = pytest.importorskip("langgraph.types")
        call = {"name": "f", "args": {}, "id": "c", "type": "tool_call"}
        for value in (
            AIMessage("Hi", tool_calls=[call]),
            AIMessageChunk([{"type": "text", "text": "Hi"}]),
            {"messages": [HumanMessage("Hi"), ToolMessage("sunny", tool_call_id="c")]},
            types.Command(resume={"approved": True}),
            types.Command(update={"messages": [HumanMessage("Hi")]}, goto="n"),
            ValueError("no"),
            object(),
        ):
            assert brief(jsonable(value, private=True)) == brief(value)
        asked = {"$interrupt": {"id": "i", "value": "Sure?"}}
        assert brief(asked) == 'Interrupt(value="Sure?", id="i")'

    def test_shows_what_only_looks_like_that_as_it_is(self):
        for data in ({"type": "ai", "data": {}}, {"$error": 1}, {"$command": None}, {"$cut": "x"}):
            assert brief(data) == json.dumps(data)

    def test_shows_no_memory_address(self):
        assert (
            describe(make(ev.Custom, {"data": str(object())})) == 'custom "<object object>" @agent'
        )

    def test_ends_where_a_payload_goes_too_deep_or_raises(self):
        class Broken(dict):
            def items(self):
                raise LookupError

        deep = []
        for _ in range(100):
            deep = [deep]
        assert "…" in brief(deep, limit=1000)
        assert brief([Broken(), 1]) == "[<Broken>, 1]"

    def test_sorts_sets(self):
        assert brief({"b", "a"}) == '{"a", "b"}'

    def test_leaves_a_payload_at_the_limit(self):
        endless = []
        endless.append(endless)
        assert brief(endless, limit=5) == "[[[[[…"
        assert brief({"key": "x" * 10**6}, limit=12) == '{"key": "xxx…'

    @given(
        st.recursive(
            st.none() | st.floats() | st.text() | st.binary(),
            lambda it: st.lists(it) | st.dictionaries(st.text(), it),
        )
    )
    def test_is_one_printable_line_of_anything(self, value):
        line = brief(value)
        assert len(line.splitlines()) == 1
        assert not any(char < " " or "\x7f" <= char <= "\x9f" for char in line)
        line.encode()


class TestQuote:
    @given(st.text(st.characters()))
    def test_is_one_printable_line_of_any_text(self, text):
        line = quote(text)
        assert len(line.splitlines()) == 1
        assert not any(char < " " or "\x7f" <= char <= "\x9f" for char in line)
        line.encode()

    def test_prefers_the_quotes_that_need_no_escape(self):
        assert quote('say "a"') == "'say \"a\"'"
        assert quote("it's") == '"it\'s"'
        assert quote('it\'s "a"') == '"it\'s \\"a\\""'


def test_tokens_name_their_parts():
    usage = Usage(
        input_tokens=9,
        output_tokens=4,
        input_token_details={"cache_read": 3, "audio": 0},
        output_token_details={"reasoning": 2},
    )
    assert tokens(usage) == "9+4 tokens (cache_read 3, reasoning 2)"
    assert tokens(None) == ""


def test_a_transcript_is_a_stage():
    assert list(normalize(["Hi"]).pipe(Transcript())) == transcript(normalize(["Hi"]))
