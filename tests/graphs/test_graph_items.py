"""The grammar holds for every order of well-shaped items of a graph's stream, and closing is total."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk

from graph_items import ITEMS, MODELS, STREAMS
from read_streams import drained
from streamkit import Event, MessageEnd, RunEnd, RunError, TextDelta, normalize
from streamkit.testing import check_stream

MANY = settings(max_examples=100_000 if os.environ.get("STREAMKIT_FUZZ") else 300)


def assert_texts_are_whole(events: list[Event]) -> None:
    said: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event, TextDelta):
            said.setdefault(event.message_id, []).append(event.text)
        elif isinstance(event, MessageEnd):
            assert event.text == "".join(said.pop(event.message_id, []))
    assert not said


@MANY
@given(STREAMS)
def test_any_order_keeps_the_grammar(items: list[Any]) -> None:
    events = list(normalize(items, dialect="graph"))
    check_stream(events)
    assert isinstance(events[-1], RunEnd)
    assert_texts_are_whole(events)


@given(STREAMS, st.sampled_from([ValueError("no"), KeyError("no")]))
def test_a_stream_of_any_order_that_breaks(items: list[Any], error: Exception) -> None:
    def broken() -> Iterator[Any]:
        yield from items
        raise error

    events, raised = drained(normalize(broken(), dialect="graph"))
    check_stream(events)
    assert isinstance(events[-1], RunError)
    assert raised is error


# --- odd values


class Hostile:
    """Raises whatever it is asked."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")


ODD = st.sampled_from(
    [None, 0, 1.5, "", "text", b"bytes", [], [1], {}, {"type": 3}, [None], Hostile(), object()]
)
FIELDS = st.sampled_from(
    [
        *("content", "id", "tool_call_chunks", "usage_metadata", "response_metadata"),
        *("additional_kwargs", "chunk_position", "tool_calls", "name"),
    ]
)
CALL_FIELDS = st.fixed_dictionaries(dict.fromkeys(("id", "name", "args", "index"), ODD))


@st.composite
def odd_chunks(draw: Any) -> AIMessageChunk:
    """Chunks of which no pydantic model has checked the fields."""
    chunk = AIMessageChunk(content="word", id="m1")
    for name in draw(st.lists(FIELDS, max_size=2)):
        chunk.__dict__[name] = draw(ODD)
    if draw(st.booleans()):
        chunk.__dict__["tool_call_chunks"] = draw(st.lists(CALL_FIELDS, max_size=2))
    return chunk


@st.composite
def odd_items(draw: Any) -> Any:
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return ((), "messages", (draw(odd_chunks()), draw(st.sampled_from(MODELS))))
    if kind == 1:
        namespace, mode, payload = draw(ITEMS)
        if isinstance(payload, dict) and payload:
            key = draw(st.sampled_from(sorted(payload)))
            payload = {**payload, key: draw(ODD)}
        return (namespace, mode, payload)
    if kind == 2:
        return ((), draw(st.sampled_from(["updates", "values", "tasks", "tools"])), draw(ODD))
    return draw(ITEMS)


STARTED = {"event": "tool-started", "tool_call_id": "c1", "tool_name": "look", "input": {}}
NAMELESS = {"id": None, "name": "outer", "input": {}, "triggers": ()}


@settings(max_examples=max(200, settings.default.max_examples))
@given(st.lists(odd_items(), max_size=8), st.booleans())
@example([((), "tools", STARTED), ((), "tasks", NAMELESS)], False)
def test_closing_is_total(items: list[Any], breaks: bool) -> None:
    def source() -> Iterator[Any]:
        yield from items
        if breaks:
            raise LookupError("gone")

    events, raised = drained(normalize(source(), dialect="graph"))
    check_stream(events)
    assert isinstance(events[-1], RunError if breaks else RunEnd)
    assert isinstance(raised, LookupError) == breaks


class UglyError(Exception):
    """An error whose attributes raise, too."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    @property
    def status_code(self) -> int:
        raise RuntimeError("no code")


@pytest.mark.parametrize("dialect", ["graph", "chunks", "events", "v3"])
def test_an_error_that_cannot_be_asked_ends_the_run(dialect: str) -> None:
    def source() -> Iterator[Any]:
        raise UglyError
        yield

    events, raised = drained(normalize(source(), dialect=dialect))
    check_stream(events)
    assert events[-1].error.name == "UglyError"
    assert isinstance(raised, UglyError)
