"""Whatever a field holds, nothing escapes and the grammar holds; in strict mode it is one error.

``STREAMKIT_MUTANTS`` says how many streams are changed, ``STREAMKIT_SEED`` which is the first seed.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

pytest.importorskip("langgraph")

from test_merge import chunk

from mutations import BLOCKS, ODD, STREAMS, every, read_any_way
from streamkit import (
    Event,
    MessageEnd,
    ReasoningEnd,
    TextDelta,
    ToolCallEnd,
    Unrecognized,
    normalize,
)
from streamkit.testing import check_stream

pytestmark = pytest.mark.long

OF_A_SEED = 105
NUMBER = int(os.environ.get("STREAMKIT_MUTANTS", "2100")) // OF_A_SEED
FIRST = int(os.environ.get("STREAMKIT_SEED", "1000"))

FOUND = [
    0,  # a message with an object as its id
    8,  # a start whose data is None, and a block whose type raises when it is compared
    11,  # a message with a number as its id that the state removes
    7587,  # a message whose type is a list, in a graph's state
    90242,  # a start without data, in version 1
    400022,  # a checkpoint whose step has no text
]
"""Seeds that have found a fault."""


@pytest.mark.parametrize("seed", [*FOUND, *range(FIRST, FIRST + NUMBER)])
def test_a_stream_with_one_odd_value_is_read_to_its_end(seed: int) -> None:
    for name, options, items in every(seed, OF_A_SEED):
        try:
            read_any_way(options, items)
        except Exception as error:
            error.add_note(name)
            raise


@pytest.mark.parametrize("name", STREAMS())
def test_unchanged_the_streams_are_understood(name: str) -> None:
    options, items = STREAMS()[name]
    assert not of(read_any_way(options, items), Unrecognized)


def of(events: list[Event], kind: Any) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def read(*items: Any) -> list[Event]:
    events = list(normalize(items, dialect="chunks"))
    check_stream(events)
    return events


ODD_FIELDS: dict[str, tuple[Any, Any]] = {
    "text": ([{"type": "text", "text": {"value": "x"}}], {"text": {"value": "x"}}),
    "thinking": ([{"type": "thinking", "thinking": 7}], {"thinking": 7}),
    "summary": ([{"type": "reasoning", "summary": [{"text": 7}]}], {"summary": 7}),
    "signature": ([{"type": "thinking", "signature": b"s"}], {"signature": b"s"}),
    "refusal": ([{"type": "refusal", "refusal": []}, 7], {"content": 7}),
    "extras": ([{"type": "text", "text": "", "extras": "s"}], {"extras": "s"}),
}


@pytest.mark.parametrize("name", ODD_FIELDS)
def test_an_odd_field_is_unrecognized_and_the_rest_is_read(name: str) -> None:
    content, raw = ODD_FIELDS[name]
    odd = chunk("")
    odd.content = [{"type": "text", "text": "before "}, *content, {"type": "text", "text": "after"}]
    events = read(odd)
    assert "".join(event.text for event in of(events, TextDelta)) == "before after"
    assert raw in [event.raw for event in of(events, Unrecognized)]


def test_odd_reasoning_beside_the_content_is_unrecognized() -> None:
    events = read(chunk("text", additional_kwargs={"reasoning_content": ["a"]}))
    (odd,) = of(events, Unrecognized)
    assert (odd.raw, of(events, MessageEnd)[0].text) == ({"reasoning_content": ["a"]}, "text")


def test_tokens_are_whole_numbers_whatever_came() -> None:
    odd = chunk("a", usage_metadata={"input_tokens": 0, "output_tokens": 0, "total_tokens": 0})
    odd.usage_metadata = {  # type: ignore[typeddict-item]
        "input_tokens": "10",
        "output_tokens": 2.0,
        "total_tokens": None,
        "input_token_details": {"cache_read": "3", "audio": [1]},
    }
    (end,) = of(read(odd), MessageEnd)
    counts = (end.usage.input_tokens, end.usage.output_tokens, end.usage.total_tokens)
    assert (counts, end.usage.input_token_details) == ((10, 2, 12), {"cache_read": 3})
    assert {type(count) for count in counts} == {int}


def test_an_odd_piece_of_a_call_costs_only_itself() -> None:
    odd = chunk("")
    odd.tool_call_chunks = [
        {"index": 0, "id": 7, "name": "f", "args": '{"a":'},
        "nonsense",
        {"index": 0, "id": None, "name": None, "args": {"b": 1}},
        {"index": 0, "id": None, "name": None, "args": "1}"},
    ]
    events = read(odd)
    (call,) = of(events, ToolCallEnd)
    assert (call.tool_call_id, call.name, call.args) == ("7", "f", {"a": 1})
    assert len(of(events, Unrecognized)) == 2


@pytest.mark.parametrize("odd", ODD, ids=lambda it: type(it).__name__)
def test_a_block_whose_type_is_odd_ends_nothing(odd: Any) -> None:
    broken = chunk("")
    broken.content = [*BLOCKS, {"type": odd, "text": "x"}, {"type": "text", "text": "end"}]
    assert of(read(broken), MessageEnd)[0].text.endswith("end")


BEGIN = {"event": "message-start", "role": "ai", "id": "m1"}
END = {"event": "message-finish"}


def block_delta(index: int, kind: str, field: str, value: Any, **start: Any) -> list[Any]:
    """The protocol events that begin a block and continue it."""
    return [
        {"event": "content-block-start", "index": index, "content": {"type": kind, **start}},
        {
            "event": "content-block-delta",
            "index": index,
            "delta": {"type": f"{field.replace('args', 'tool-call')}-delta", field: value},
        },
    ]


def read_protocol(payloads: list[dict[str, Any]], run_id: Any = "r") -> list[Event]:
    about = {"namespace": [], "timestamp": 1}
    items = [
        {
            "type": "event",
            "method": "messages",
            "params": {**about, "data": (it, {"run_id": run_id})},
        }
        for it in payloads
    ]
    events = list(normalize(items, dialect="v3"))
    check_stream(events)
    return events


@pytest.mark.parametrize("odd", ODD, ids=lambda it: type(it).__name__)
def test_a_message_whose_run_has_an_odd_id_is_read(odd: Any) -> None:
    """Protocol events come with metadata, whose ``run_id`` may be anything on a server."""
    events = read_protocol([BEGIN, *block_delta(0, "text", "text", "words"), END], run_id=odd)
    assert [it.text for it in of(events, MessageEnd)] == ["words"]


@pytest.mark.parametrize(
    "odd", [it for it in ODD if not isinstance(it, str)], ids=lambda it: type(it).__name__
)
def test_an_odd_delta_of_the_protocol_costs_only_itself(odd: Any) -> None:
    def twice(kind: str, field: str, value: str, **start: Any) -> list[dict[str, Any]]:
        begin, delta = block_delta(len(kind), kind, field, odd, **start)
        return [begin, delta, {**delta, "delta": {**delta["delta"], field: value}}]

    events = read_protocol(
        [
            BEGIN,
            *twice("text", "text", "words"),
            *twice("reasoning", "reasoning", "thoughts"),
            *twice("tool_call_chunk", "args", '{"a": 1}', id="c1", name="look"),
            END,
        ]
    )
    (end,) = of(events, MessageEnd)
    assert (end.text, [it.text for it in of(events, ReasoningEnd)]) == ("words", ["thoughts"])
    assert [(it.tool_call_id, it.args) for it in of(events, ToolCallEnd)] == [("c1", {"a": 1})]
    assert len(of(events, Unrecognized)) == (0 if odd is None else 3)


@pytest.mark.parametrize(
    "odd", [it for it in ODD if not isinstance(it, str)], ids=lambda it: type(it).__name__
)
def test_an_odd_name_of_a_call_of_the_protocol_is_none(odd: Any) -> None:
    odd_ones = block_delta(0, "tool_call_chunk", "args", "{}", id=odd, name=odd)
    finish = {"type": "tool_call", "id": "c1", "name": "look", "args": {}}
    done = {"event": "content-block-finish", "index": 0, "content": finish}
    events = read_protocol([BEGIN, *odd_ones, done, END])
    assert [(it.tool_call_id, it.name) for it in of(events, ToolCallEnd)] == [("c1", "look")]
