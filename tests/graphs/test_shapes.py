"""What tools make of our types: prints, pydantic's schemas, FastAPI's pages."""

from __future__ import annotations

import json
import statistics
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from streamkit import (
    ErrorInfo,
    Event,
    MessageEnd,
    Origin,
    Result,
    RunError,
    TextDelta,
    ToolCall,
    ToolEnd,
    Usage,
    normalize,
)
from streamkit.wire import to_dict

ORIGIN = Origin(run_id="r" * 36, node="agent", metadata={"secret": "x" * 500})
DELTA = TextDelta(origin=ORIGIN, timestamp=1.5, message_id="m", block_id=0, text="Hel")


def test_an_event_prints_its_own_fields_first_and_nothing_unset() -> None:
    assert (
        repr(DELTA)
        == "TextDelta(text='Hel', message_id='m', block_id=0, origin=Origin(node='agent'))"
    )
    usage = Usage(input_tokens=1)
    assert repr(usage) == "Usage(input_tokens=1, total_tokens=1)"
    assert repr(Result()) == "Result()"


def test_a_print_is_short_and_never_raises() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError

        def __eq__(self, _: object) -> bool:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]

    for output in ("x" * 10**6, list(range(10**5)), Hostile(), {"a": {"b": {"c": Hostile()}}}):
        event = ToolEnd(
            timestamp=0.0, tool_call_id="c", name="t", status="completed", output=output
        )
        assert len(repr(event)) < 200


def test_most_events_of_the_demo_print_in_160_characters() -> None:
    pytest.importorskip("langgraph", reason="langgraph is not installed")
    from streamkit import stream
    from streamkit.demo import build_graph, demo_input

    config: Any = {"configurable": {"thread_id": "1"}}
    sizes = [len(repr(it)) for it in stream(build_graph(pace=0), demo_input(), config)]
    assert statistics.median(sizes) <= 160
    assert max(sizes) <= 600


EVENTS = [
    *normalize(["Hel", "lo"]),
    RunError(timestamp=0.0, error=ErrorInfo(name="ValueError", message="", exception=None)),
]


@pytest.mark.parametrize("kind", [Event, *get_args(Event), Usage, ToolCall, Origin, ErrorInfo])
def test_schemas_are_whole_in_themselves(kind: Any) -> None:
    schema = TypeAdapter(kind).json_schema()
    text = json.dumps(schema)
    assert "$ref" not in text
    assert "properties" in text
    if kind in get_args(Event):
        assert schema["properties"]["type"]["enum"] == [kind.type]


def test_events_go_through_pydantic_as_they_go_over_the_wire() -> None:
    adapter = TypeAdapter[Any](Event)
    for event in EVENTS:
        assert adapter.validate_python(event) is event
        assert adapter.dump_python(event) == to_dict(event)
        assert json.loads(adapter.dump_json(event)) == to_dict(event)
        assert adapter.validate_json(adapter.dump_json(event)) == event
    with pytest.raises(ValidationError):
        adapter.validate_python({"type": "text.delta"})
    with pytest.raises(ValidationError):
        TypeAdapter(MessageEnd).validate_python(to_dict(DELTA))
    usage = TypeAdapter(Usage)
    assert usage.validate_json(usage.dump_json(Usage(input_tokens=3))) == Usage(input_tokens=3)


def test_a_route_with_events_has_its_schema() -> None:
    fastapi = pytest.importorskip("fastapi", reason="fastapi is not installed")
    from fastapi.testclient import TestClient

    app = fastapi.FastAPI()

    @app.get("/one", response_model=Event)
    def one() -> Any:
        return DELTA

    @app.get("/all", response_model=list[Event])
    def every() -> Any:
        return EVENTS

    client = TestClient(app)
    assert client.get("/one").json() == to_dict(DELTA)
    assert client.get("/all").json() == [to_dict(it) for it in EVENTS]
    assert "text.delta" in client.get("/openapi.json").text
