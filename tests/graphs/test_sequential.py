"""One message at a time: whatever comes between waits, and nothing else changes."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import Any

from hypothesis import given

import random_streams as streams
from streamkit import (
    Custom,
    Event,
    MessageEnd,
    MessageRemoved,
    MessageReplaced,
    MessageStart,
    Origin,
    RunEnd,
    RunStart,
    normalize,
)
from streamkit.stages import sequential
from streamkit.testing import check_stream

AT: dict[str, Any] = {"origin": Origin(), "timestamp": 0.5}


def in_turn(events: list[Event]) -> list[Event]:
    stage = sequential.stage()
    return [out for event in events for out in stage(event)]


def id_of(event: Event) -> str | None:
    """The message that an event is a part of: what changes in a state later is none."""
    is_part = not isinstance(event, MessageReplaced | MessageRemoved)
    return getattr(event, "message_id", None) if is_part else None


@given(streams.messages_items() | streams.agent_events() | streams.v3_items())
def test_any_stream(items: list[Any]) -> None:
    events = list(normalize(items, on_error="event"))
    told = in_turn(events)
    check_stream(told)
    ids = [id for id, _ in groupby(filter(None, map(id_of, told)))]
    assert len(ids) == len(set(ids))
    for id in {*map(id_of, events)}:
        assert [it for it in told if id_of(it) == id] == [it for it in events if id_of(it) == id]
    for open, event in pairwise(told):
        if id_of(open) and not isinstance(open, MessageEnd):
            assert id_of(event) == id_of(open)


def test_all_else_waits_for_the_open_message_alone() -> None:
    one, two = (
        (
            MessageStart(**AT, message_id=id),
            MessageEnd(**AT, message_id=id, status="completed", text=""),
        )
        for id in "12"
    )
    start, end = RunStart(**AT), RunEnd(**AT, status="completed")
    before, within, after = (Custom(**AT, data=it) for it in range(3))
    told = in_turn([start, before, one[0], two[0], within, one[1], after, two[1], end])
    assert told == [start, before, *one, *two, within, after, end]


def test_what_waits_comes_out_at_the_end_at_the_latest() -> None:
    start, end = MessageStart(**AT, message_id="1"), RunEnd(**AT, status="incomplete")
    custom = Custom(**AT, data=1)
    assert in_turn([start, custom, end]) == [start, custom, end]


def test_a_thousand_messages_at_once() -> None:
    ids = [str(number) for number in range(1000)]
    starts = [MessageStart(**AT, message_id=id) for id in ids]
    ends = [MessageEnd(**AT, message_id=id, status="completed", text="") for id in ids]
    for last in (ends, ends[::-1]):
        told = in_turn([*starts, *last])
        assert list(map(id_of, told)) == [id for id in ids for _ in range(2)]
