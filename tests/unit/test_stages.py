"""The laws behind any stages at all: hypothesis puts filters, presets and mappers in a row."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ids import count_ids_anew, ids_restored, tick  # noqa: F401  (a fixture)
from random_streams import agent_events, chat_events, chunks, messages_items
from read_streams import drained, of
from streamkit import (
    Event,
    Filter,
    MessageEnd,
    RunEnd,
    RunError,
    RunStart,
    TextDelta,
    UsageError,
    map_events,
    normalize,
)
from streamkit.filters import (
    agents,
    depth,
    inside_tools,
    nodes,
    only,
    roles,
    runs,
    tool_names,
    where,
    within,
)
from streamkit.mapping import per_run, typed_payloads
from streamkit.metrics import totals
from streamkit.presets import (
    answer,
    chat,
    debug,
    final,
    lifecycle,
    optimistic_answer,
    sources,
    state,
    tokens,
    tools,
    ui,
)
from streamkit.stages import coalesce, guard, redact, sequential, think_tags
from streamkit.testing import check_stream

SOURCES = st.one_of(
    st.tuples(st.just("chunks"), chunks()),
    st.tuples(st.just("events"), chat_events()),
    st.tuples(st.just("events"), agent_events()),
    st.tuples(st.just("messages"), messages_items()),
)

CLASSES = st.lists(st.sampled_from(get_args(Event)), min_size=1, max_size=4, unique=True)
NODES = st.sampled_from(["node0", "node1", "root", "tools"])
ATOMS = st.one_of(
    st.sampled_from([tokens, tools, chat, lifecycle, state, debug, final, inside_tools]),
    CLASSES.map(lambda classes: only(*classes)),
    NODES.map(nodes),
    NODES.map(within),
    st.integers(0, 2).map(depth),
    st.sampled_from([roles("assistant"), tool_names("t", "tool"), agents("nobody")]),
    st.sampled_from(["chain", "chat_model", "tool"]).map(lambda it: runs(include_types=[it])),
    NODES.map(lambda name: runs(exclude_names=[name])),
    st.integers(2, 5).map(lambda n: where(lambda it: hash(it.type.partition(".")[0]) % n > 0)),
)
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map(lambda it: ~it),
        st.tuples(inner, inner).map(lambda both: both[0] & both[1]),
        st.tuples(inner, inner).map(lambda both: both[0] | both[1]),
    ),
    max_leaves=5,
)


def same(event: Event) -> Event:
    return event


def broken(event: Event) -> Event:
    raise LookupError(event.type)


STAGES = st.one_of(
    FILTERS,
    st.just(ui),
    st.integers(1, 9).map(lambda n: coalesce(characters=n)),
    st.integers(0, 5).map(lambda n: coalesce(seconds=n)),
    st.sampled_from(
        [
            coalesce(),
            sequential,
            think_tags("a", "b"),
            redact("[aeiou]{2}", hold=4),
            redact(".", hold=1),
            guard(lambda text: "c" not in text, hold=2),
            guard(lambda text: "x" not in text, hold=None),
            totals(),
            answer,
            optimistic_answer,
            sources,
            map_events(same),
            map_events(broken).or_pass(),
            typed_payloads({"node0": dict, None: str}),
            per_run(lambda: lambda event: [event]),
            per_run(lambda: only(TextDelta)),
        ]
    ),
)
ROWS = st.lists(STAGES, max_size=4)


def read(source: Any, row: list[Any], dialect: str, **options: Any) -> Any:
    count_ids_anew()
    stream: Any = normalize(source, dialect=dialect, clock=tick(), **options)
    for stage in row:
        stream = stream.pipe(stage)
    return stream


def check(events: list[Event]) -> None:
    check_stream(events, filtered=True)
    assert isinstance(events[0], RunStart)
    assert isinstance(events[-1], (RunEnd, RunError))


@given(SOURCES, ROWS, st.data())
def test_grammar_of_any_prefix(source: tuple[str, list[Any]], row: list[Any], data: Any) -> None:
    dialect, items = source
    cut = data.draw(st.integers(0, len(items)))
    check(list(read(items[:cut], row, dialect)))


@given(SOURCES, ROWS, st.data())
def test_an_exception_comes_after_the_closing_events(
    source: tuple[str, list[Any]], row: list[Any], data: Any
) -> None:
    dialect, items = source
    cut = data.draw(st.integers(0, len(items)))
    boom = ValueError("boom")

    def cut_off() -> Iterator[Any]:
        yield from items[:cut]
        raise boom

    events, error = drained(read(cut_off(), row, dialect))
    assert error is boom
    check(events)
    assert isinstance(events[-1], RunError)


@given(SOURCES, ROWS, st.data())
def test_closing_early_leaves_the_closing_events_to_be_read(
    source: tuple[str, list[Any]], row: list[Any], data: Any
) -> None:
    dialect, items = source
    stream = read(items, row, dialect)
    taken = data.draw(st.integers(0, len(items)))
    events = [event for _, event in zip(range(taken), stream, strict=False)]
    stream.close()
    check([*events, *iter(lambda: next(stream, None), None)])


@given(SOURCES, ROWS)
def test_sync_equals_async(source: tuple[str, list[Any]], row: list[Any]) -> None:
    dialect, items = source

    async def collect() -> list[Event]:
        return [event async for event in read(of(items), row, dialect)]

    assert asyncio.run(collect()) == list(read(items, row, dialect))


@given(SOURCES, ROWS)
def test_stages_are_made_anew_for_every_stream(
    source: tuple[str, list[Any]], row: list[Any]
) -> None:
    dialect, items = source
    half = read(items, row, dialect)
    next(half)
    assert list(read(items, row, dialect)) == list(read(items, row, dialect))


@given(SOURCES, FILTERS)
def test_a_filter_adds_and_changes_nothing(source: tuple[str, list[Any]], keep: Filter) -> None:
    dialect, items = source
    everything = list(read(items, [], dialect))
    rest = iter(everything)
    for event in read(items, [keep], dialect):
        if event.type == "message.start":  # it may come out later, with its first kept block
            assert event in everything
        else:
            assert any(event == it for it in rest)


@given(SOURCES, st.integers(1, 9))
def test_coalescing_loses_no_character(source: tuple[str, list[Any]], characters: int) -> None:
    dialect, items = source
    plain = list(read(items, [], dialect))
    events = list(read(items, [coalesce(characters=characters)], dialect))
    check_stream(events)
    deltas = {"text.delta", "reasoning.delta", "tool_call.delta"}
    ends = [event for event in plain if event.type not in deltas]
    assert [event for event in events if event.type not in deltas] == ends
    whole = list(read(items, [coalesce()], dialect))
    assert sum(isinstance(event, MessageEnd) for event in whole) == sum(
        isinstance(event, MessageEnd) for event in plain
    )


# --- stages that break


class Breaks:
    """A stage that raises wherever it is told to."""

    def __init__(self, *types: str) -> None:
        self.types = types

    def __call__(self, event: Event) -> list[Event]:
        if event.type in self.types:
            raise LookupError(event.type)
        return [event]


@given(SOURCES, st.lists(st.sampled_from(["text.end", "message.end", "tool.end", "step.end"])))
def test_a_stage_that_raises_loses_nothing_but_what_it_was_given(
    source: tuple[str, list[Any]], types: list[str]
) -> None:
    dialect, items = source
    seen: list[Event] = []

    def watch(event: Event) -> list[Event]:
        seen.append(event)
        return [event]

    stream = read(items, [watch, Breaks(*types)], dialect)
    events, error = drained(stream)
    check_stream(seen)
    assert events == [event for event in seen if event.type not in types]
    assert (error is None) == (len(events) == len(seen))
    assert next(stream, None) is None


def test_a_stage_that_stops_iteration_ends_no_stream() -> None:
    def stops(event: Event) -> list[Event]:
        if isinstance(event, TextDelta):
            return next(iter([]))  # a bug that Python would take for the end of the source
        return [event]

    events, error = drained(normalize(["a", "b"], stops))
    assert isinstance(error, RuntimeError)
    assert events[-1].type == "run.error"


def test_what_is_no_stage_is_refused() -> None:
    with pytest.raises(UsageError, match="3 is no stage; pass a callable"):
        normalize([], 3)  # type: ignore[call-overload]


def test_a_stage_that_breaks_on_a_closing_event_is_heard() -> None:
    events, error = drained(normalize(["a"], Breaks("run.end")))
    assert isinstance(error, LookupError)
    assert events[-1].type == "message.end"
    stream = normalize(["a", "b"], Breaks("run.end"))
    next(stream)
    stream.close()
    events, error = drained(stream)
    assert isinstance(error, LookupError)
