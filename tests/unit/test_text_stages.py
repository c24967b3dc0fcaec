"""Stages over text across deltas: tags, redaction, a guard; the answer; typed objects."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from msgspec.structs import replace
from pydantic import BaseModel

from streamkit import (
    Citation,
    Content,
    Custom,
    ErrorInfo,
    Event,
    MessageEnd,
    MessageStart,
    Origin,
    ReasoningEnd,
    RunEnd,
    RunStart,
    StepDelta,
    TextDelta,
    TextEnd,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolDelta,
    ToolEnd,
    ToolStart,
    UsageError,
    normalize,
    stream,
)
from streamkit._text_stages import Redacted
from streamkit.metrics import Metrics, totals
from streamkit.presets import answer, optimistic_answer
from streamkit.stages import coalesce, guard, redact, sequential, think_tags, typed
from streamkit.testing import ScriptedChatModel, check_stream
from streamkit.wire._codec import to_dict


def cut(text: str, cuts: list[int]) -> list[str]:
    at = [0, *sorted(it % (len(text) + 1) for it in cuts), len(text)]
    return [text[a:b] for a, b in pairwise(at) if a < b]


CUTS = st.lists(st.integers(0, 10**6), max_size=12)


def events_of(pieces: list[str], *stages: Any) -> list[Event]:
    events = list(normalize(pieces, *stages, dialect="chunks"))
    check_stream(events)
    return events


def text_in(events: list[Event]) -> str:
    return "".join(it.text for it in events if isinstance(it, TextDelta))


# --- think tags


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "th", "ink>", "a", "/", " "])), CUTS)
def test_tags_become_reasoning_wherever_the_text_is_cut(words: list[str], cuts: list[int]) -> None:
    text = "x" + "".join(words)
    events = events_of(cut(text, cuts), think_tags())
    parts = re.split("<think>", text, maxsplit=1)
    expected_text, expected_thought, rest = parts[0], "", parts[1:]
    while rest:
        thought, found, after = rest[0].partition("</think>")
        expected_thought += thought
        parts = after.split("<think>", 1) if found else [""]
        expected_text += parts[0]
        rest = parts[1:]
    assert text_in(events) == expected_text
    assert "".join(it.text for it in events if isinstance(it, ReasoningEnd)) == expected_thought
    [end] = [it for it in events if isinstance(it, MessageEnd)]
    assert end.text == expected_text


def test_other_blocks_keep_their_order_and_get_new_numbers() -> None:
    call = {"name": "look", "args": "{}", "id": "c", "index": 0}
    items = [
        AIMessageChunk("<think>hm</think>So ", id="m"),
        AIMessageChunk("", id="m", tool_call_chunks=[call]),
        AIMessageChunk("there.", id="m"),
    ]
    events = list(normalize(items, think_tags()))
    check_stream(events)
    starts = [
        (it.type, it.block_id)
        for it in events
        if it.type.endswith(".start") and hasattr(it, "block_id")
    ]
    assert starts == [
        ("reasoning.start", 0),
        ("text.start", 1),
        ("tool_call.start", 2),
        ("text.start", 3),
    ]
    with pytest.raises(UsageError, match="opening and a closing tag"):
        think_tags("")


# --- redaction

NUMBER = r"\d{3}-\d{4}"


@given(st.lists(st.sampled_from(["555-1234", "a", "5", "-", "12", " "])), CUTS, st.integers(8, 20))
def test_what_matches_never_passes_wherever_it_is_cut(
    words: list[str], cuts: list[int], hold: int
) -> None:
    text = "x" + "".join(words)
    events = events_of(cut(text, cuts), redact(NUMBER, hold=hold, replacement="#"))
    shown = text_in(events)
    assert not re.search(NUMBER, shown)
    assert re.search(NUMBER, text) or shown == text
    [end] = [it for it in events if isinstance(it, MessageEnd)]
    [block] = [it for it in events if isinstance(it, TextEnd)]
    assert end.text == block.text == shown
    reports = [it for it in events if isinstance(it, Custom)]
    assert len(reports) == bool(re.search(NUMBER, text))


def test_a_match_longer_than_what_is_held_is_one_redaction() -> None:
    pieces = ["id ", *["7" * 10] * 50, " end"]
    events = events_of(pieces, redact(r"\d{10,}", hold=16, replacement="#"))
    assert text_in(events) == "id # end"


def test_reasoning_is_redacted_and_is_no_part_of_the_text() -> None:
    def chunk(*blocks: dict[str, Any]) -> AIMessageChunk:
        return AIMessageChunk([{**block, "index": at} for at, block in enumerate(blocks)], id="m")

    first = chunk({"type": "thinking", "thinking": "call 55"})
    last = chunk({"type": "thinking", "thinking": "5 now"}, {"type": "text", "text": "Call 7."})
    events = list(normalize([first, last]).pipe(redact(r"\d+", replacement="#")))
    check_stream(events)
    assert [it.text for it in events if isinstance(it, ReasoningEnd)] == ["call # now"]
    assert [it.text for it in events if isinstance(it, MessageEnd)] == ["Call #."]


def test_the_rest_of_a_text_comes_also_before_an_end_of_a_class_made_of_ours() -> None:
    class OwnEnd(TextEnd, frozen=True, kw_only=True):
        pass

    run = list(normalize(["call ", "12"]))
    at = {name: getattr(run[5], name) for name in TextEnd.__struct_fields__}
    events = list(normalize([*run[:5], OwnEnd(**at), *run[6:]], redact(r"\d{3}")))
    check_stream(events)
    assert (type(run[5]), text_in(events)) == (TextEnd, "call 12")


def test_matches_of_two_patterns_that_overlap_are_one_redaction() -> None:
    assert text_in(events_of(["x ab", "c y"], redact(["ab", "bc"], replacement="#"))) == "x # y"


def test_values_are_redacted_too_and_others_pass_as_they_are() -> None:
    call = {"name": "dial", "args": '{"number": "555-', "id": "c", "index": 0}
    more = {"name": None, "args": '1234", "times": 2}', "id": None, "index": 0}
    items = [
        (
            "messages",
            (AIMessageChunk("", id="m", tool_call_chunks=[call]), {"langgraph_node": "a"}),
        ),
        (
            "messages",
            (AIMessageChunk("", id="m", tool_call_chunks=[more]), {"langgraph_node": "a"}),
        ),
        ("custom", {"call 555-1234": ["555-1234", 3]}),
        ("custom", other := {"nothing": object()}),
    ]
    events = list(normalize(items, redact(NUMBER, replacement="#")))
    check_stream(events)
    [written] = [it for it in events if isinstance(it, ToolCallEnd)]
    assert written.args == {"number": "#", "times": 2}
    [end] = [it for it in events if isinstance(it, MessageEnd)]
    assert (end.tool_calls[0].args, end.tool_calls[0].text) == (written.args, written.text)
    customs = [it for it in events if isinstance(it, Custom) and it.name is None]
    assert customs[0].data == {"call #": ["#", 3]}
    assert customs[1].data is other
    assert "555-1234" not in repr([it.data for it in customs]) + written.text


def test_what_is_withheld_of_the_input_is_reported_behind_the_start_of_the_run() -> None:
    start = RunStart(origin=Origin(), timestamp=0.0, input={"question": "my number is 555-1234"})
    end = RunEnd(origin=Origin(), timestamp=1.0, status="completed", output="555-1234")
    events = list(normalize(iter([start, end]), redact(r"\d{3}-\d{4}")))
    check_stream(events)
    assert [it.type for it in events] == ["run.start", "custom", "run.end"]
    assert "555" not in str(events)
    events = list(normalize(iter([RunStart(origin=Origin(), timestamp=0.0), end]), redact("5")))
    assert [it.type for it in events] == ["run.start", "custom", "run.end"]


@pytest.mark.parametrize(
    "stage",
    [
        coalesce(),
        sequential,
        think_tags(),
        redact("555"),
        guard(lambda text: False),
        typed(dict),
        totals(),
        Metrics(),
    ],
    ids=lambda it: getattr(it, "__name__", type(it).__name__),
)
def test_a_stage_behind_the_text_is_refused(stage: Any) -> None:
    """It would let pass what it is there to change: a number that `redact` looks for, say."""
    with pytest.raises(UsageError, match=r"not an event of ours|a stage over events got a text"):
        list(normalize(["Call 555"]).text().pipe(stage))


def test_objects_of_an_application_pass_a_guard_and_not_a_redaction() -> None:
    item: Any = (1, 2)
    assert list(guard(bool).stage()(item)) == [item]
    with pytest.raises(UsageError, match="got a tuple, not an event of ours; write normalize"):
        list(redact("1").stage()(item))


def test_a_long_text_is_looked_at_only_at_its_end() -> None:
    looked: list[int] = []

    def check(text: str) -> bool:
        looked.append(len(text))
        return True

    events_of(["word "] * 3000, guard(check))
    assert max(looked) <= 2 * 64 + len("word ")
    redacted = Redacted([re.compile(NUMBER)], 64, "#")
    for _ in range(3000):
        redacted.feed("word ")
    assert len(redacted._context) + len(redacted._pending) <= 2 * 64


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: redact("("), "takes regular expressions"),
        (lambda: redact(NUMBER, hold=0), "number of characters, at least 1"),
        (lambda: guard(None), "plain function"),  # type: ignore[arg-type]
        (lambda: guard(bool, hold=-1), "number of characters"),
    ],
)
def test_wrong_options(make: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make()


# --- the guard


@given(st.lists(st.sampled_from(["damn", "da", "mn", "x", " "])), CUTS, st.integers(4, 9))
def test_nothing_refused_passes_the_guard(words: list[str], cuts: list[int], hold: int) -> None:
    text = "x" + "".join(words)
    events = events_of(cut(text, cuts), guard(lambda it: "damn" not in it, hold=hold))
    shown = text_in(events)
    assert text.startswith(shown)
    assert "damn" not in shown
    is_refused = "damn" in text
    assert (shown == text) is not is_refused
    assert [it.name for it in events if isinstance(it, Custom)] == ["withheld"] * is_refused
    assert [it.text for it in events if isinstance(it, MessageEnd)] == [shown]


@pytest.mark.parametrize("hold", [4, None])
def test_what_a_guard_refuses_is_in_no_later_state(hold: int | None) -> None:
    message = AIMessage("Well, damn it.", id="1")
    items: list[Any] = [
        ("messages", (AIMessageChunk("Well, da", id="1"), {"langgraph_node": "n"})),
        ("messages", (AIMessageChunk("mn it.", id="1"), {"langgraph_node": "n"})),
        ("updates", {"n": {"messages": [message], "title": "Well", "count": 1}}),
        ("values", {"messages": [message], "answer": "Well, damn it."}),
    ]
    check = guard(lambda text: "damn" not in text, hold=hold)
    events = list(normalize(items, check))
    check_stream(events)
    assert "damn" not in str([to_dict(it) for it in events])
    result = normalize(items, check).collect()
    assert result.text == ("" if hold is None else "Well")
    assert result.output["answer"] == result.text
    assert [it.name for it in result.custom] == ["withheld"]


@pytest.mark.parametrize("cut", [1, 3, 100])
@pytest.mark.parametrize("last", [RunnableLambda(lambda it: it), RunnablePassthrough()])
def test_what_a_parser_yields_is_redacted_across_its_pieces(cut: int, last: Any) -> None:
    """The pieces of a chain hold the text of its model a second time."""
    chain = ScriptedChatModel(["Call 555-1234 now."], cut=cut) | StrOutputParser() | last
    said = normalize(chain.stream("Hi"), redact(r"\d{3}-\d{4}", hold=8))
    assert "".join(said.text()) == "Call [redacted] now."
    for stage in (redact(r"\d{3}-\d{4}", hold=8), guard(lambda it: "55" not in it, hold=3)):
        events = list(stream(chain, "Hi", None, stage))
        check_stream(events)
        steps = [it for it in events if isinstance(it, StepDelta)]
        for step in {it.step_id for it in steps}:
            pieces = "".join(it.value for it in steps if it.step_id == step)
            assert pieces == "Call [redacted] now." or "Call ".startswith(pieces)
        assert "55-1" not in str([to_dict(it) for it in events])


def test_what_a_tool_yields_is_redacted_across_its_pieces() -> None:
    tool: dict[str, Any] = {"origin": Origin(), "timestamp": 0.0, "tool_call_id": "c"}
    pieces = [
        ToolDelta(**tool, delta=it) for it in ("Call 555-", "12", "34 now.", {"n": "555-1234"})
    ]
    events: list[Event] = [
        RunStart(origin=Origin(), timestamp=0.0),
        ToolStart(**tool, name="t", input=None),
        *pieces,
        ToolEnd(**tool, name="t", output="Call 555-1234 now.", status="completed"),
        RunEnd(origin=Origin(), timestamp=1.0, status="completed"),
    ]
    redacted = list(normalize(iter(events), redact(r"\d{3}-\d{4}", hold=9)))
    check_stream(redacted)
    deltas = [it.delta for it in redacted if isinstance(it, ToolDelta)]
    assert "".join(it for it in deltas if isinstance(it, str)) == "Call [redacted] now."
    assert {"n": "[redacted]"} in deltas
    refused = list(normalize(iter(events), guard(lambda text: False)))
    assert [it for it in refused if isinstance(it, ToolDelta)] == pieces


def test_pieces_of_no_step_end_with_the_run() -> None:
    delta = StepDelta(
        origin=Origin(), timestamp=0.0, step_id=None, value="555-12", cumulative=False
    )
    start = RunStart(origin=Origin(), timestamp=0.0)
    end = RunEnd(origin=Origin(), timestamp=1.0, status="completed", output="555-1234")
    more = replace(delta, value="34.")
    events = list(normalize(iter([start, delta, more, end]), redact(r"\d{3}-\d{4}", hold=9)))
    assert [it.type for it in events] == ["run.start", "custom", "step.delta", "run.end"]
    assert [it.value for it in events if isinstance(it, StepDelta)] == ["[redacted]."]


def test_a_guard_may_hold_whole_blocks() -> None:
    asked: list[str] = []
    events_of(["a", "b"], guard(lambda it: bool(asked.append(it)) or True, hold=None))
    assert asked == ["ab"]
    assert text_in(events_of(["a", "damn"], guard(lambda it: "damn" not in it, hold=None))) == ""


def test_a_guard_that_breaks_lets_nothing_pass() -> None:
    stream = normalize(["a", "b"], guard(lambda _: 1 / 0 > 1, hold=1), on_error="event")
    events = list(stream)
    check_stream(events)
    assert text_in(events) == ""
    assert events[-1].type == "run.error"


# --- the answer


def conversation() -> list[Any]:
    call = {"name": "look", "args": "{}", "id": "c", "index": 0}
    return [
        AIMessageChunk("Let me ", id="1"),
        AIMessageChunk("see.", id="1"),
        AIMessageChunk("", id="1", tool_call_chunks=[call], chunk_position="last"),
        AIMessageChunk("It is ", id="2"),
        AIMessageChunk("three.", id="2", chunk_position="last"),
    ]


def test_the_answer_is_the_message_that_calls_no_tool() -> None:
    events = list(normalize(conversation(), answer))
    check_stream(events, filtered=True)
    assert text_in(events) == "It is three."
    assert [it.message_id for it in events if isinstance(it, MessageEnd)] == ["2"]


def test_an_optimistic_answer_takes_back() -> None:
    events = list(normalize(conversation(), optimistic_answer))
    check_stream(events, filtered=True)
    assert text_in(events) == "Let me see.It is three."
    ends = [(it.message_id, it.status) for it in events if isinstance(it, MessageEnd)]
    assert ends == [("1", "abandoned"), ("2", "completed")]
    assert "tool_call.start" not in {it.type for it in events}


# --- typed objects


class Place(BaseModel):
    name: str
    tags: list[str]


class Trip(BaseModel):
    place: Place
    days: int = 1


TRIP = {"place": {"name": "Bologna", "tags": ["old", "red"]}, "days": 2}


@given(CUTS)
def test_typed_objects_refine_each_other_up_to_the_whole(cuts: list[int]) -> None:
    made = list(normalize(cut(json.dumps(TRIP), cuts)).pipe(typed(Trip)))
    assert made[-1] == Trip.model_validate(TRIP)
    assert type(made[-1]) is Trip
    for one, two in pairwise(made):
        assert isinstance(one, Trip)
        name, longer = (it.place.name if it.place else None for it in (one, two))
        assert (longer or "").startswith(name or "")


def test_typed_objects_from_the_arguments_of_a_call() -> None:
    first = {"name": "Trip", "args": json.dumps(TRIP)[:30], "id": "c", "index": 0}
    rest = {"name": None, "args": json.dumps(TRIP)[30:], "id": None, "index": 0}
    items = [AIMessageChunk("Well: ", id="1")]
    items += [AIMessageChunk("", id="1", tool_call_chunks=[it]) for it in (first, rest)]
    made = list(normalize(items).pipe(typed(Trip)))
    assert len(made) > 1
    assert made[-1] == Trip.model_validate(TRIP)


def test_typed_objects_from_a_parser_and_a_state() -> None:
    growing = [{"place": {"name": "Bo"}}, {"place": {"name": "Bologna", "tags": []}}, TRIP]
    made = list(normalize(growing, dialect="chunks").pipe(typed(Trip)))
    assert [it.place.name for it in made] == ["Bo", "Bologna", "Bologna", "Bologna"][: len(made)]
    update = {"agent": {"structured_response": Trip.model_validate(TRIP)}}
    [whole] = normalize([update], mode="updates").pipe(typed(Trip))
    assert whole == Trip.model_validate(TRIP)
    assert list(normalize(["no JSON at all"]).pipe(typed(Trip))) == []


@pytest.mark.parametrize("stage", [redact("secret"), guard(lambda text: "secret" not in text)])
def test_a_message_whose_blocks_have_no_ends_is_rewritten_whole(stage: Any) -> None:
    def without_ends(event: Event) -> list[Event]:
        return [] if isinstance(event, (TextEnd, ToolCallEnd)) else [event]

    call: Any = {"name": "f", "id": "c", "args": '{"a": "secret"}', "index": 0}
    items = [AIMessageChunk("a secret here", id="m"), AIMessageChunk("", id="m")]
    items[1].tool_call_chunks = [call]
    (end,) = [it for it in normalize(items, without_ends, stage) if isinstance(it, MessageEnd)]
    assert "secret" not in end.text
    if "redact" in repr(stage):
        assert end.text == "a [redacted] here"
        assert (end.tool_calls[0].args, end.tool_calls[0].text) == (
            {"a": "[redacted]"},
            '{"a": "[redacted]"}',
        )


# --- events by hand

AT: Any = {"origin": Origin(), "timestamp": 0.0}
IN: Any = {**AT, "message_id": "m"}


def test_words_of_models_at_once_are_read_one_after_the_other() -> None:
    def said(id: str, *texts: str) -> list[Any]:
        return [TextDelta(**AT, message_id=id, block_id=0, text=it) for it in texts]

    def ends(id: str, status: Any = "completed") -> Any:
        return MessageEnd(**AT, message_id=id, status=status, text="")

    image = Content(**AT, message_id="b", block_id=1, block={"type": "image"})
    starts = [MessageStart(**AT, message_id=id) for id in "abcd"]
    writing = [*said("a", "a1"), *said("b", "b1"), *said("c", "c1"), *said("d", "d1"), image]
    ended = [ends("b"), ends("c", "abandoned"), *said("a", "a2"), ends("a"), *said("d", "d2")]
    texts = list(normalize([RunStart(**AT), *starts, *writing, *ended]).text())
    assert texts == ["a1", "a2", "b1", "d1", "d2"]


def test_arguments_are_shown_as_far_as_nothing_can_be_hidden_in_them() -> None:
    started = ToolCallStart(**IN, block_id=0, tool_call_id="c", name="t")
    args = '{"text": "' + "word " * 60 + 'secret"}'
    pieces = [
        ToolCallDelta(**IN, block_id=0, tool_call_id="c", args=args[at : at + 50])
        for at in range(0, len(args), 50)
    ]
    for sent in ([], pieces):
        ended = ToolCallEnd(**IN, block_id=0, tool_call_id="c", name="t", args={}, text=args)
        events = list(normalize([started, *sent, ended], redact("secret")))
        args_shown = "".join(it.args for it in events if isinstance(it, ToolCallDelta))
        assert "secret" not in args_shown
        assert args_shown.startswith('{"text": "word ' if sent else "")


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (3, 3),
        (None, None),
        (True, True),
        (ErrorInfo(name="E", message="all well"), ErrorInfo(name="E", message="all well")),
        (ErrorInfo(name="E", message="a secret"), ErrorInfo(name="E", message="a ***")),
    ],
)
def test_values_without_text_are_not_touched(given: Any, left: Any) -> None:
    events = normalize([Custom(**AT, name="n", data=given)], redact("secret", replacement="***"))
    *_, event = (it for it in events if isinstance(it, Custom) and it.name == "n")
    assert event.data == left


def test_a_citation_moves_with_its_text() -> None:
    cited = AIMessageChunk(
        content=[
            {"type": "text", "text": "<think>a</think>b", "index": 0, "annotations": [{"n": 1}]}
        ],
        id="m",
    )
    events = events_of([cited], think_tags())
    (cite,) = [it for it in events if isinstance(it, Citation)]
    ends = {it.block_id: it.text for it in events if isinstance(it, TextEnd)}
    assert ends[cite.block_id] == "b"


class Part(BaseModel):
    name: str
    of: Part | list[Part] | None = None


def test_a_value_that_takes_back_what_was_given_is_left_out() -> None:
    values: list[Any] = [{"name": "a"}, {"name": "b"}]
    given = list(normalize(values, dialect="chunks").pipe(typed(Part)))
    assert given == [Part(name="a")]


def test_typed_objects_that_contain_themselves() -> None:
    made = list(normalize(["  ", '{"name": "a", "of": [{"na', 'me": "b"}]}']).pipe(typed(Part)))
    assert made[-1] == Part(name="a", of=[Part(name="b")])


@pytest.mark.parametrize(
    "pieces", [['{"name": 3, "of": 4}'], ['{"name": "a"', "]"], ['{"name" "a"}', "x"]]
)
def test_what_does_not_fit_the_type_is_left_out(pieces: list[str]) -> None:
    assert not any(isinstance(it.of, Part) for it in normalize(pieces).pipe(typed(Part)))
