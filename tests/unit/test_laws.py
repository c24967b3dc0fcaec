"""The laws, as properties over random streams of all dialects, cut and broken in random ways."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import random_streams as streams
from ids import tick
from random_streams import (
    SOURCES,
    uneven_chunks,
)
from streamkit import (
    Event,
    MessageEnd,
    RunEnd,
    RunError,
    RunStart,
    StreamkitError,
    TextDelta,
    Unrecognized,
    normalize,
)
from streamkit._core.message import Message
from streamkit.dialects._protocol import ProtocolMessages
from streamkit.testing import check_stream

AT = {"langgraph_node": "agent", "langgraph_checkpoint_ns": "agent:1", "ls_model_type": "chat"}
LABELS: list[Any] = [
    lambda pair: pair,
    lambda pair: ((), pair),
    lambda pair: ("messages", pair),
    lambda pair: ((), "messages", pair),
    lambda pair: {"type": "messages", "ns": (), "data": pair},
]


def as_events(said: list[Any]) -> list[dict[str, Any]]:
    start = streams.event("on_chat_model_start", "root", [], {"input": {}})
    more = (streams.event("on_chat_model_stream", "root", [], {"chunk": it}) for it in said)
    return [start, *more]


UNEVEN = uneven_chunks().flatmap(
    lambda said: st.sampled_from(
        [
            ("chunks", said),
            ("events", as_events(said)),
            *(("graph", [label((it, AT)) for it in said]) for label in LABELS),
        ]
    )
)

GARBAGE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.sampled_from([object(), ValueError("x"), int, (None, {}), ({}, None)])
    | st.fixed_dictionaries({"event": st.sampled_from(["on_tool_end", "on_x", "on_chain_start"])}),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(
            st.sampled_from(["event", "data", "name", "run_id", "type", "ns", "messages"]), inner
        )
    ),
    max_leaves=6,
)


@contextmanager
def counted_ids() -> Iterator[None]:
    """Ids of messages that have none are counted, so that events compare equal between runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamkit._core.brackets.uuid4", count().__next__)
        yield


def events_of(items: list[Any], dialect: str, **options: Any) -> list[Event]:
    with counted_ids():
        return list(normalize(items, dialect=dialect, clock=tick(), **options))


@given(SOURCES)
def test_grammar(source: tuple[str, list[Any]]) -> None:
    dialect, items = source
    events = events_of(items, dialect, strict=True)
    check_stream(events)
    assert isinstance(events[-1], RunEnd)


# What finds the short way in each dialect: see "More of the same text" in docs/design.md.
SHORT_WAYS = [(Message, "delta_of"), (ProtocolMessages, "delta_of")]


def assert_short_way_tells_the_same(dialect: str, items: list[Any]) -> None:
    short = events_of(items, dialect, strict=True)
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in SHORT_WAYS:
            patch.setattr(owner, name, lambda *_: None)
        assert events_of(items, dialect, strict=True) == short


@given(SOURCES)
def test_the_short_way_tells_what_the_long_way_tells(source: tuple[str, list[Any]]) -> None:
    assert_short_way_tells_the_same(*source)


@settings(max_examples=max(200, settings.default.max_examples))
@given(UNEVEN)
def test_the_short_way_is_for_chunks_that_say_nothing_besides(
    source: tuple[str, list[Any]],
) -> None:
    assert_short_way_tells_the_same(*source)


@given(SOURCES, st.data())
def test_any_prefix_closes_what_it_opened(source: tuple[str, list[Any]], data: Any) -> None:
    dialect, items = source
    cut = data.draw(st.integers(0, len(items)))
    check_stream(events_of(items[:cut], dialect))


@given(SOURCES, st.data())
def test_an_exception_gives_the_closing_events_and_is_raised_as_it_was(
    source: tuple[str, list[Any]], data: Any
) -> None:
    dialect, items = source
    cut = data.draw(st.integers(0, len(items)))
    boom = ValueError("boom")

    def broken() -> Iterator[Any]:
        yield from items[:cut]
        raise boom

    stream = normalize(broken(), dialect=dialect, clock=tick())
    events = []
    with pytest.raises(ValueError, match="boom") as caught:
        events.extend(event for event in iter(lambda: next(stream), None))
    assert caught.value is boom
    events_quiet = list(normalize(broken(), dialect=dialect, clock=tick(), on_error="event"))
    check_stream(events_quiet)
    last = events_quiet[-1]
    assert isinstance(last, RunError)
    assert last.error.exception is boom


@given(SOURCES, st.data())
def test_closing_early_leaves_the_closing_events_to_be_read(
    source: tuple[str, list[Any]], data: Any
) -> None:
    dialect, items = source
    stream = normalize(items, dialect=dialect, clock=tick())
    taken = data.draw(st.integers(0, len(items)))
    events = [event for _, event in zip(range(taken), stream, strict=False)]
    stream.close()
    events.extend(iter(lambda: next(stream, None), None))  # nothing, where all events were taken
    check_stream(events)
    assert isinstance(events[-1], RunEnd)


@given(SOURCES)
def test_sync_equals_async(source: tuple[str, list[Any]]) -> None:
    dialect, items = source

    async def feed() -> AsyncIterator[Any]:
        for item in items:
            yield item

    async def collect() -> list[Event]:
        return [event async for event in normalize(feed(), dialect=dialect, clock=tick())]

    with counted_ids():
        assert asyncio.run(collect()) == events_of(items, dialect)


@given(SOURCES)
def test_no_text_is_lost_or_doubled(source: tuple[str, list[Any]]) -> None:
    dialect, items = source
    events = events_of(items, dialect)
    deltas: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event, TextDelta):
            deltas.setdefault(event.message_id, []).append(event.text)
    ends = {event.message_id: event.text for event in events if isinstance(event, MessageEnd)}
    assert {id: "".join(parts) for id, parts in deltas.items()} == {
        id: text for id, text in ends.items() if text
    }


@given(SOURCES)
def test_events_come_out_before_the_next_item_is_pulled(source: tuple[str, list[Any]]) -> None:
    dialect, items = source
    read = 0.0

    def clock() -> float:
        nonlocal read
        read += 1
        return read

    # The clock is read before the first item, once for each, and after the last.
    for event in normalize(items, dialect=dialect, clock=clock):
        assert event.timestamp == read or isinstance(event, RunStart)


@given(SOURCES)
def test_nothing_of_the_users_is_changed(source: tuple[str, list[Any]]) -> None:
    dialect, items = source
    before = copy.deepcopy(items)
    events_of(items, dialect)
    assert items == before


@given(SOURCES)
def test_events_compare_by_value_pickle_and_copy(source: tuple[str, list[Any]]) -> None:
    dialect, items = source
    events = events_of(items, dialect)
    assert pickle.loads(pickle.dumps(events)) == events
    assert copy.deepcopy(events) == events


@given(st.lists(GARBAGE, max_size=6), st.sampled_from([None, "chunks", "events", "messages", "v3"]))
def test_garbage_is_accepted_or_raises_one_named_error(items: list[Any], dialect: str) -> None:
    try:
        check_stream(normalize(items, dialect=dialect))
    except StreamkitError:
        pass
    try:
        list(normalize(items, dialect=dialect, strict=True))
    except StreamkitError:
        pass


@given(SOURCES, GARBAGE, st.data())
def test_garbage_amid_a_stream_costs_nothing_else(
    source: tuple[str, list[Any]], junk: Any, data: Any
) -> None:
    dialect, items = source
    if dialect == "chunks" or not items:
        return  # there anything is a chunk; and the first item must fit the dialect
    at = data.draw(st.integers(1, len(items)))
    events = events_of([*items[:at], {"junk": junk}, *items[at:]], dialect)
    check_stream(events)
    assert sum(isinstance(event, Unrecognized) for event in events) == 1
    kept = [event.type for event in events if not isinstance(event, Unrecognized)]
    assert kept == [event.type for event in events_of(items, dialect)]


@given(SOURCES, st.data())
def test_items_that_come_twice_or_in_any_order_break_no_grammar(
    source: tuple[str, list[Any]], data: Any
) -> None:
    dialect, items = source
    shuffled = data.draw(st.permutations(items * data.draw(st.integers(1, 2))))
    check_stream(events_of(list(shuffled), dialect))


@pytest.mark.parametrize("kind", ["chain", "chat_model", "tool", "retriever"])
def test_a_start_that_cannot_be_read_opens_nothing(kind: str) -> None:
    start = streams.event(f"on_{kind}_start", "odd", ["root"], {})
    verbs: list[tuple[str, Any]] = [("stream", {"chunk": "x"}), ("end", {"output": "x"})]
    items: list[Any] = [
        streams.event("on_chain_start", "root", [], {"input": {}}),
        {**start, "data": None},
        *(streams.event(f"on_{kind}_{verb}", "odd", ["root"], data) for verb, data in verbs),
    ]
    events = events_of(items, "events")
    check_stream(events)
    assert [event.type for event in events if event.type != "unrecognized"] == [
        *("run.start", "step.start", "step.end", "run.end"),
    ]
    assert sum(isinstance(event, Unrecognized) for event in events) == len(items) - 1
