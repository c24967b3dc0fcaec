"""The base of all encoders: what any protocol gets from it, by a protocol made here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, SystemMessage

from random_events import EVENTS
from streamkit import (
    Content,
    Custom,
    ErrorInfo,
    Event,
    Interrupt,
    MessageEnd,
    MessageStart,
    Origin,
    RunEnd,
    RunError,
    RunStart,
    StateSnapshot,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolCallEnd,
    ToolCallStart,
    ToolDelta,
    ToolEnd,
    ToolStart,
    normalize,
)
from streamkit.mapping import per_run
from streamkit.wire import (
    ag_ui,
    agent_protocol,
    ai_sdk,
    langgraph_sse,
    openai_chunks,
    openai_responses,
)
from streamkit.wire._call_ids import CallIds
from streamkit.wire._plain_json import dump_text
from streamkit.wire.protocol import (
    Approval,
    BaseEncoder,
    Question,
    error_text,
    frame,
    questions_in,
    resume_value,
)

AT: dict[str, Any] = {"origin": Origin(), "timestamp": 0.5}


class Names(BaseEncoder):
    """Writes each event's type, and what is asked of it."""

    def begin(self, event: Event) -> Iterator[bytes]:
        yield b"begin"

    def other(self, event: Any) -> Iterator[bytes]:
        yield event.type.encode()

    def text_delta(self, event: TextDelta) -> Iterator[bytes]:
        yield f"text {event.text}".encode()

    def custom(self, event: Custom) -> Iterator[bytes]:
        yield json.dumps(event.data).encode()

    def run_error(self, event: RunError) -> Iterator[bytes]:
        yield error_text(event.error).encode()

    def own(self, data: Any) -> Iterator[bytes]:
        yield json.dumps(data).encode()


def written(*events: Any, encoder: BaseEncoder | None = None) -> list[str]:
    encoder = encoder or Names()
    return [frame.decode() for event in events for frame in encoder.feed(event)]


def test_a_method_writes_the_event_it_is_named_like() -> None:
    shown = list(normalize(["Hel", "lo"]).pipe(per_run(lambda: Names().feed)))
    assert [it.decode() for it in shown] == [
        *("begin", "run.start", "message.start", "text.start", "text Hel", "text lo"),
        *("text.end", "message.end", "run.end"),
    ]


def test_nothing_comes_behind_the_end() -> None:
    encoder = Names()
    assert written(RunEnd(**AT, status="completed"), encoder=encoder) == ["begin", "run.end"]
    assert encoder.is_over
    assert written(RunStart(**AT), {"mine": 1}, encoder=encoder) == []
    assert encoder.close() == ()
    assert Names().close() == (b"begin", b"run.end")


def test_items_of_ones_own_begin_a_stream_too() -> None:
    assert written({"mine": {1}}) == ["begin", '{"mine": [1]}']


def test_a_protocol_leaves_out_what_it_has_no_method_for() -> None:
    class Few(BaseEncoder):
        def text_delta(self, event: TextDelta) -> Iterator[bytes]:
            yield event.text.encode()

    events = (*message(Origin()), *message(INSIDE, "n"), Custom(**AT, data=1), {"mine": 1})
    assert written(*events, encoder=Few()) == ["words"]


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("__proto__", {"$proto__": {"polluted": 1}}),
        ("prototype", {"constructor": {"$prototype": {"polluted": 1}}}),
    ],
)
def test_no_key_of_a_frame_reaches_the_prototypes_of_a_client(key: str, shown: Any) -> None:
    trap: Any = {key: {"polluted": 1}}
    if key == "prototype":
        trap = {"constructor": trap}
    assert json.loads(frame({"data": trap})[6:]) == {"data": shown}
    said = {"text": f'"{key}":'}
    assert json.loads(frame(said)[6:]) == said


@pytest.mark.parametrize(
    ("text", "shown"), [("é\u2028", '"é\\u2028"'), ("half \ud83d", '"half \ufffd"')]
)
def test_a_text_is_one_line_of_utf8(text: str, shown: str) -> None:
    assert dump_text(text).decode() == shown


def test_payloads_are_plain_and_secrets_are_gone() -> None:
    error = ErrorInfo(name="ValueError", message="hush", exception=ValueError("hush"))
    data = {"who": {"Ada"}, "prompt": SystemMessage("hush", id="s"), "why": ValueError("hush")}
    events = (Custom(**AT, data=data), RunError(**AT, error=error))
    shown = written(*events)
    assert json.loads(shown[1]) == {
        "who": ["Ada"],
        "prompt": {"type": "system", "data": {"id": "s", "content": ""}},
        "why": {"$error": {"name": "ValueError"}},
    }
    assert shown[2] == "ValueError"
    assert "hush" in "".join(written(*events, encoder=Names(private=True)))


def test_messages_have_the_spelling_that_the_protocol_asks_for() -> None:
    class Flat(Names):
        flat = True

        def state_snapshot(self, event: StateSnapshot) -> Iterator[bytes]:
            yield json.dumps(event.values["messages"][0]["content"]).encode()

    state = StateSnapshot(**AT, values={"messages": [AIMessage("Hi")]})
    assert written(state, encoder=Flat())[1:] == ['"Hi"']


INSIDE = Origin(node="agent", namespace=("tools:1",), tool_call_id="c1")


def message(origin: Origin, id: str = "m") -> list[Event]:
    part: dict[str, Any] = {"origin": origin, "timestamp": 0.5, "message_id": id, "block_id": 0}
    whole: dict[str, Any] = {"origin": origin, "timestamp": 0.5, "message_id": id}
    call: dict[str, Any] = {**part, "block_id": 1, "tool_call_id": "c9", "name": "f"}
    return [
        MessageStart(**whole),
        TextStart(**part),
        TextDelta(**part, text="words"),
        TextEnd(**part, text="words"),
        ToolCallStart(**call),
        ToolCallEnd(**call, args={}, text="{}"),
        MessageEnd(**whole, status="completed", text="words"),
    ]


ALL = "begin message.start text.start text_words text.end tool_call.start tool_call.end message.end"


INNER = "begin " + " ".join(
    f"inside:{it}"
    for it in "message.start text.start text.end tool_call.start tool_call.end message.end".split()
)


@pytest.mark.parametrize(
    ("inner", "origin", "shown"),
    [
        ("always", INSIDE, ALL),
        ("subgraphs", INSIDE, ALL),
        ("subgraphs", Origin(tool_call_id="c1"), INNER),
        ("never", INSIDE, INNER),
        ("never", Origin(), ALL),
        ("always", Origin(internal=True), "begin"),
    ],
)
def test_what_happens_inside_tools_is_written_where_it_can_be_attributed(
    inner: Any, origin: Origin, shown: str
) -> None:
    class Inner(Names):
        inner_text = inner

        def inside(self, event: Any) -> Iterator[bytes]:
            yield f"inside:{event.type}".encode()

    written_here = written(*message(origin), encoder=Inner())
    assert " ".join(it.replace(" ", "_") for it in written_here) == shown


def test_an_internal_run_still_starts_and_ends() -> None:
    hidden: dict[str, Any] = {"origin": Origin(internal=True), "timestamp": 0.5}
    events = (RunStart(**hidden), Custom(**hidden, data=1), RunEnd(**hidden, status="completed"))
    assert written(*events) == ["begin", "run.start", "run.end"]


def test_a_refusal_is_text_unless_the_protocol_has_a_word_for_it() -> None:
    class Refusing(Names):
        refusals = True

    block = {"type": "refusal", "refusal": "No."}
    refusal = Content(**AT, message_id="m", block_id=2, block=block)
    assert written(refusal) == ["begin", "text.start", "text No.", "text.end"]
    assert written(refusal, encoder=Refusing()) == ["begin", "content"]


@pytest.mark.parametrize(
    "wire", [ag_ui, agent_protocol, ai_sdk, langgraph_sse, openai_chunks, openai_responses]
)
def test_the_texts_of_exceptions_stay_in_the_process_unless_they_are_asked_for(wire: Any) -> None:
    failed = RunError(**AT, error=ErrorInfo(name="ValueError", message="a password"))
    events = [RunStart(**AT), failed]
    for machine, is_private in ((wire.Encoder(), False), (wire.Encoder(private=True), True)):
        body = b"".join(it for event in events for it in machine.feed(event))
        assert (b"a password" in body) is is_private


# --- calls


def spoken(id: str, message_id: str) -> list[Event]:
    call: dict[str, Any] = {**AT, "message_id": message_id, "block_id": 0, "tool_call_id": id}
    whole = ToolCall(id=id, name="f", args={}, text="{}")
    return [
        ToolCallStart(**call, name="f"),
        ToolCallEnd(**call, name="f", args={}, text="{}"),
        MessageEnd(**AT, message_id=message_id, status="completed", text="", tool_calls=(whole,)),
        ToolStart(**AT, tool_call_id=id, name="f"),
        ToolEnd(**AT, tool_call_id=id, name="f", status="completed"),
    ]


def ids_of(events: list[Event], calls: CallIds) -> list[str]:
    renamed: list[Any] = [calls.renamed(it) for it in events]
    return [
        it.tool_calls[0].id if isinstance(it, MessageEnd) else it.tool_call_id for it in renamed
    ]


def test_an_id_that_comes_again_is_another_call() -> None:
    calls = CallIds()
    assert ids_of(spoken("call_0", "m1"), calls) == ["call_0"] * 5
    assert ids_of(spoken("call_0", "m2"), calls) == ["call_0#2"] * 5
    asked = Interrupt(**AT, interrupt_id="i", tool_call_id="call_0")
    assert calls.renamed(asked).tool_call_id == "call_0#2"  # type: ignore[union-attr]


def test_ids_of_earlier_runs_keep_their_meaning() -> None:
    calls = CallIds(["call_0", "call_0#2"])
    _, _, _, start, end = spoken("call_0", "m")
    assert ids_of([start, end], calls) == ["call_0#2"] * 2
    assert ids_of(spoken("call_0", "m"), calls) == ["call_0#3"] * 5


def test_calls_of_one_id_in_earlier_runs_are_told_apart_by_their_names() -> None:
    """An agent's call inside a tool has the id of the tool's own call, and both are resumed."""
    calls = CallIds({"c1": "ask", "c1#2": "look"})
    outer = ToolStart(**AT, tool_call_id="c1", name="ask", input={})
    inner = ToolStart(**AT, tool_call_id="c1#2", name="look", input={})
    piece = ToolDelta(**AT, tool_call_id="c1", delta="so far")
    ended: Any = {**AT, "name": "", "status": "completed"}
    ends = [ToolEnd(**ended, tool_call_id=id) for id in ("c1#2", "c1")]
    shown = ids_of([outer, inner, piece, *ends], calls)
    assert shown == ["c1", "c1#2", "c1", "c1#2", "c1"]
    again = ToolStart(**AT, tool_call_id="c1", name="look", input={})
    assert ids_of([again], calls) == ["c1#2"]  # a source that does not have both at once
    assert ids_of(spoken("c1", "m"), calls) == ["c1#3"] * 5
    assert ids_of([outer], calls) == ["c1#3"]


def test_questions_about_calls_that_are_alike_are_about_each_of_them() -> None:
    calls = CallIds()
    for id in ("c1", "c2"):
        calls.begin(id, "pay").args = {"sum": 1}
    found = [calls.find(Question(None, "pay", {"sum": 1})) for _ in range(2)]
    assert [it.id for it in found if it] == ["c1", "c2"]
    assert calls.find(Question(None, "pay", {"sum": 2})) is None


@pytest.mark.parametrize(
    ("value", "call", "asks", "answer"),
    [
        (
            {"type": "tool_approval", "tool_call_id": "c1", "name": "pay", "args": {"sum": 1}},
            None,
            [Question("c1", "pay", {"sum": 1})],
            {"type": "reject", "message": "no money"},
        ),
        ("Sure?", "c2", [Question("c2", "", None)], {"approved": False, "reason": "no money"}),
        ("Sure?", None, [], {"approved": False, "reason": "no money"}),
    ],
)
def test_a_question_and_its_answer(value: Any, call: Any, asks: Any, answer: Any) -> None:
    assert questions_in(value, call) == asks
    assert resume_value(value, [Approval(approved=False, reason="no money")]) == answer


@given(st.lists(EVENTS, max_size=12), st.booleans())
def test_no_event_makes_an_encoder_raise(events: Any, private: bool) -> None:
    encoder = Names(private=private)
    frames = [frame for event in events for frame in encoder.feed(event)]
    assert encoder.close() or encoder.is_over
    assert frames[:1] == [b"begin"] * bool(events)
