"""Events to bytes, beside orjson on the same data, and beside the frames of others.

``orjson.dumps`` of the ready dict is the base: it makes no frame, and knows no secrets.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from streamkit import (
    Custom,
    Event,
    MessageEnd,
    MessageStart,
    Origin,
    StateSnapshot,
    StateUpdate,
    StepEnd,
    StepStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallEnd,
    ToolEnd,
    ToolStart,
    Usage,
)
from streamkit.values import ToolCall
from streamkit.wire import ag_ui, ai_sdk, sse
from streamkit.wire._codec import to_dict

from .bars import Effort, Row, Rows
from .timing import Contender, Figure, side_by_side

REPEAT = 500
ORIGIN = Origin(
    run_id="019a0000-0000-7000-8000-000000000001",
    parent_ids=("019a0000-0000-7000-8000-000000000000",),
    name="ChatOpenAI",
    node="agent",
    metadata={"langgraph_node": "agent", "langgraph_step": 1},
)
ARGS = {"city": "Paris", "days": 3}
PART: dict[str, Any] = {"message_id": "lc_run--019a", "block_id": 0}
TOOL: dict[str, Any] = {"tool_call_id": "call_1", "name": "get_weather"}


def events() -> list[Event]:
    """One of each kind that an agent's run has most of."""
    at: dict[str, Any] = {"origin": ORIGIN, "timestamp": 1767225600.5}
    call = ToolCall(id="call_1", name="get_weather", args=ARGS, text='{"city": "Paris"}')
    usage = Usage(input_tokens=10, output_tokens=5)
    step: dict[str, Any] = {"step_id": ORIGIN.run_id, "kind": "node"}
    return [
        TextDelta(**at, **PART, text="Hello "),
        TextEnd(**at, **PART, text="Hello there, friend. " * 5),
        ToolCallEnd(
            **at, **PART, tool_call_id=call.id, name=call.name, args=call.args, text=call.text
        ),
        MessageStart(**at, message_id="lc_run--019a", model="gpt-5", provider="openai"),
        MessageEnd(
            **at,
            message_id="lc_run--019a",
            status="completed",
            text="Hello",
            tool_calls=(call,),
            usage=usage,
            finish_reason="stop",
        ),
        ToolStart(**at, **TOOL, input=ARGS),
        ToolEnd(**at, **TOOL, status="completed", output="sunny, 21 degrees"),
        StepStart(**at, **step),
        StepEnd(**at, **step, status="completed", output={"messages": ["sunny"] * 5}),
        StateUpdate(**at, node="agent", values={"city": "Paris", "plan": ["ask", "tell"]}),
        Custom(**at, name="progress", data={"done": 3, "of": 4}),
    ]


def _often(function: Callable[[Any], object], given: Any) -> Contender:
    def run() -> None:
        for _ in range(REPEAT):
            function(given)

    return run


def rows(effort: Effort) -> Rows:
    try:
        import orjson
    except ImportError:
        yield Row("encode.text", "text.delta to an SSE frame", None, note="orjson: not installed")
        return
    worst: list[tuple[Figure, str]] = []
    for event in events():
        contenders = {
            "ours": _often(sse.encoder().stage(), event),
            "orjson": _often(orjson.dumps, to_dict(event)),
        }
        times = side_by_side(contenders, effort.rounds)
        ratio, cost = times.ratio("ours", "orjson"), f"{times.of('ours', REPEAT).value:.1f} us"
        is_text = isinstance(event, TextDelta)
        id = "encode.text" if is_text else f"encode.{event.type}"
        yield Row(id, f"{event.type} to an SSE frame", ratio, "x orjson", cost)
        if not is_text:
            worst.append((ratio, event.type))
    figure, kind = max(worst)
    yield from _state(effort)
    yield Row("encode.others", "the slowest of the others", figure, "x orjson", kind)
    yield from _beside_others(effort)


def _state(effort: Effort) -> Rows:
    """A state of one megabyte, beside msgspec on the same plain data."""
    import msgspec

    documents = [{"id": n, "title": f"No. {n}", "text": "word " * 180} for n in range(1_000)]
    state = {"question": "what?", "documents": documents, "scores": [0.5] * 1_000}
    event = StateSnapshot(origin=ORIGIN, timestamp=1767225600.5, values=state)
    write = sse.encoder().stage()
    contenders: dict[str, Contender] = {
        "ours": lambda: write(event),
        "msgspec": lambda: msgspec.json.encode(state),
    }
    times = side_by_side(contenders, effort.rounds)
    note = f"{times.of('ours').scaled(1e-3).value:.1f} ms"
    ratio = times.ratio("ours", "msgspec")
    yield Row("encode.state", "a state of 1 MB to an SSE frame", ratio, "x msgspec", note)


def _beside_others(effort: Effort) -> Rows:
    delta = events()[0]
    start = TextStart(origin=ORIGIN, timestamp=time.time(), **PART)
    ours: dict[str, Contender] = {}
    for name, wire in {"ag-ui": ag_ui, "ai-sdk": ai_sdk}.items():
        write = ag_ui.Encoder().feed if wire is ag_ui else ai_sdk.Encoder().feed
        write(start)
        ours[name] = _often(write, delta)
    ours["sse"] = _often(sse.encoder().stage(), delta)
    others = _others()
    if not others:
        yield Row("encode.ag-ui", "frames of others", None, note="not installed")
        return
    times = side_by_side({**ours, **others}, effort.rounds)
    for name, title in (("ag-ui", "AG-UI"), ("ai-sdk", "AI SDK")):
        note = f"ours {times.of(name, REPEAT).value:.1f} us"
        ratio = times.ratio("ag-ui-protocol", name)
        yield Row(f"encode.{name}", f"ag-ui-protocol's encoder: {title}", ratio, "x ours", note)
    for name in ("sse-starlette", "fastapi.sse"):
        ratio = times.ratio(name, "sse")
        yield Row(f"encode.{name}", f"{name}: frame around ready JSON", ratio, "x ours, JSON too")


def _others() -> dict[str, Contender]:
    try:
        from ag_ui.core import TextMessageContentEvent
        from ag_ui.encoder import EventEncoder
        from fastapi.sse import format_sse_event
        from sse_starlette import ServerSentEvent
    except ImportError:
        return {}
    encode = EventEncoder().encode
    event = TextMessageContentEvent(message_id="lc_run--019a", delta="Hello ")
    data = '{"type":"text.delta","text":"Hello "}'
    return {
        "ag-ui-protocol": _often(encode, event),
        "sse-starlette": _often(lambda it: ServerSentEvent(it).encode(), data),
        "fastapi.sse": _often(lambda it: format_sse_event(data_str=it), data),
    }
