"""The AI SDK's stream by its own laws, over random streams; its clients are asked elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit import Event, Origin, TextDelta, TextStart, normalize
from streamkit.wire import ai_sdk
from test_laws import SOURCES
from wire_events import EVENTS

TARGETS = st.sampled_from([5, 6, 7])
ENDS = {"finish", "abort", "error"}


def chunks_of(events: Iterable[Event], **options: Any) -> list[Any]:
    machine = ai_sdk.Encoder(**options)
    frames = [frame for event in events for frame in machine.feed(event)]
    frames += machine.close()
    assert machine.close() == ()
    assert frames.pop() == b"data: [DONE]\n\n"
    for frame in frames:
        assert frame.startswith(b"data: {")
        assert frame.endswith(b"}\n\n")
        assert frame.count(b"\n") == 2
    return [json.loads(frame[6:]) for frame in frames]


def check(chunks: list[Any]) -> None:
    """The laws of the encoder."""
    kinds = [chunk["type"] for chunk in chunks]
    assert kinds[0] == "start"
    assert kinds.count("start") == 1
    assert kinds[-1] in ENDS
    assert len(ENDS.intersection(kinds)) == sum(kind in ENDS for kind in kinds) == 1
    assert all(value is not None for it in chunks for key, value in it.items() if key not in NULLS)
    opened: set[tuple[str, str]] = set()
    in_step = False
    for chunk in chunks:
        name, _, verb = chunk["type"].rpartition("-")
        if name in {"text", "reasoning"}:
            part = (name, chunk["id"])
            assert (part in opened) is (verb != "start")
            (opened.discard if verb == "end" else opened.add)(part)
        elif chunk["type"] in {"start-step", "finish-step"}:
            assert not opened
            assert in_step is (chunk["type"] == "finish-step")
            in_step = not in_step
    assert not opened
    assert not in_step


NULLS = {"input", "output", "data"}


@given(SOURCES, TARGETS)
def test_every_stream_keeps_the_laws(source: Any, target: Any) -> None:
    dialect, items = source
    events = list(normalize(items, dialect=dialect, on_error="event"))
    check(chunks_of(events, target=target))


@given(SOURCES, TARGETS, st.data())
def test_so_does_a_stream_that_stops_anywhere(source: Any, target: Any, draw: Any) -> None:
    dialect, items = source
    events = list(normalize(items, dialect=dialect, on_error="event"))
    cut = events[: draw.draw(st.integers(0, len(events) - 1))]
    chunks = chunks_of(cut, target=target)
    check(chunks)
    assert chunks[-1] == {"type": "error", "errorText": "incomplete"}


@given(st.lists(EVENTS, max_size=12), TARGETS, st.booleans())
def test_events_in_any_order_are_written_too(events: Any, target: Any, private: bool) -> None:
    chunks = chunks_of(events, target=target, private=private)
    assert chunks[0]["type"] == "start"
    assert sum(chunk["type"] in ENDS for chunk in chunks) == 1


def test_deltas_are_written_as_a_model_would_write_them() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Chunk(pydantic.BaseModel):  # type: ignore[name-defined,misc]
        type: Literal["text-delta"] = "text-delta"
        id: str
        delta: str

    part: dict[str, Any] = {"origin": Origin(), "message_id": "lc_run--1", "block_id": 0}
    deltas = [TextDelta(**part, timestamp=float(n), text=f" word {n}") for n in range(9)]
    machine = ai_sdk.Encoder()
    machine.feed(TextStart(**part, timestamp=0.0))

    def model(event: TextDelta) -> bytes:
        chunk = Chunk(id=f"{event.message_id}:{event.block_id}", delta=event.text)
        return f"data: {chunk.model_dump_json()}\n\n".encode()

    assert [machine.feed(it) for it in deltas] == [(model(it),) for it in deltas]
