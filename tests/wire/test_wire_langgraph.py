"""LangGraph's server frames: which mode, which namespace, what stays here, and the way back."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import ToolMessage

from frontend_runs import HUSHED
from random_events import JSON
from random_streams import ITEMS
from streamkit import (
    BadRequest,
    Checkpoint,
    Citation,
    Content,
    Custom,
    ErrorInfo,
    Event,
    Interrupt,
    MessageAdded,
    MessageEnd,
    MessageRemoved,
    MessageReplaced,
    MessageStart,
    Origin,
    ReasoningEnd,
    ReasoningStart,
    RetrievalStart,
    RunEnd,
    RunError,
    RunStart,
    StateSnapshot,
    StateUpdate,
    StepDelta,
    StepEnd,
    StepStart,
    TextDelta,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolDelta,
    ToolEnd,
    ToolError,
    ToolStart,
    normalize,
)
from streamkit.wire import langgraph_sse

AT: dict[str, Any] = {"origin": Origin(node="n"), "timestamp": 0.5}
INSIDE: dict[str, Any] = {"origin": Origin(namespace=("a:1", "b:2")), "timestamp": 0.5}
TOOL: dict[str, Any] = {**AT, "tool_call_id": "c1", "name": "look"}
ERROR = ErrorInfo(name="ValueError", message=HUSHED)


def read(frames: Any) -> list[tuple[str, Any]]:
    """Each frame's event and data: two lines, one blank line, and LF alone."""
    told = []
    for frame in frames:
        name, data, *rest = frame.decode().split("\n")
        assert rest == ["", ""]
        assert "\r" not in frame.decode()
        told.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return told


def written(*events: Event, **options: Any) -> list[tuple[str, Any]]:
    write = langgraph_sse.Encoder(**options)
    return read(frame for event in events for frame in write.feed(event))


@given(ITEMS, st.data())
def test_any_cut(items: list[Any], data: Any) -> None:
    """One start, one end, whatever there is and wherever it stops."""
    events = list(normalize(items, on_error="event"))
    size = data.draw(st.integers(1, len(events)))
    write = langgraph_sse.Encoder()
    frames = [frame for event in events[:size] for frame in write.feed(event)]
    names = [name for name, _ in read([*frames, *write.close()])]
    assert names[0] == "metadata"
    assert names[-1] in {"end", "error"}
    assert not {"metadata", "end", "error"} & set(names[1:-1])
    assert write.close() == ()
    assert [*map(write.feed, events)] == [()] * len(events)


@pytest.mark.parametrize("options", [{}, {"private": True}])
def test_exception_texts_are_written_where_asked(options: Any) -> None:
    write = langgraph_sse.encoder(**options).stage()
    frames = write(RunError(**AT, error=ERROR))
    assert (HUSHED in b"".join(frames).decode()) == bool(options)


def test_the_transport_of_use_stream_spells_its_options_in_its_own_way() -> None:
    body = {"input": {}, "streamMode": ["values"], "streamSubgraphs": True}
    request = langgraph_sse.read_request(body)
    assert (request.modes, request.stream_subgraphs) == (["values"], True)


def test_the_first_frame_names_the_thread_and_the_run() -> None:
    stage = langgraph_sse.encoder(thread_id="t", run_id="r").stage()
    [(name, data)] = read(stage(RunStart(**AT)))
    assert (name, data) == ("metadata", {"run_id": "r", "thread_id": "t"})


def test_a_piece_of_the_output_is_written_and_one_of_a_step_is_not() -> None:
    told = written(StepDelta(**AT, step_id=None, value=1), StepDelta(**AT, step_id="s", value=2))
    assert [data["value"] for name, data in told if name == "custom"] == [1]


def test_the_metadata_of_a_message_is_whole_where_asked() -> None:
    origin = Origin(node="n", tags=("t",), metadata={"user": "u", "langgraph_node": "n"})
    start = MessageStart(origin=origin, timestamp=0.5, message_id="m")
    part: dict[str, Any] = {"origin": origin, "timestamp": 0.5, "message_id": "m", "block_id": 0}
    for options in ({}, {"private": True}):
        told = written(start, TextStart(**part), TextDelta(**part, text="Hi"), **options)
        [(_, about)] = [data for name, data in told if name.startswith("messages")]
        assert about["tags"] == ["t"]
        assert about.get("user") == ("u" if options else None)


def test_the_last_values_hold_the_interrupts() -> None:
    told = written(
        StateSnapshot(**AT, values={"n": 1}),
        Interrupt(**INSIDE, interrupt_id="i1", value="Sure?"),
        Interrupt(**INSIDE, interrupt_id="i2", value={"a": 1}),
        StateSnapshot(**INSIDE, values={"m": 2}),
        StateSnapshot(**AT, values={"n": 2}),
        RunEnd(**AT, status="interrupted"),
        run_id="r",
    )
    first, second = {"id": "i1", "value": "Sure?"}, {"id": "i2", "value": {"a": 1}}
    assert told == [
        ("values", {"n": 1}),
        ("updates", {"__interrupt__": [first]}),
        ("updates", {"__interrupt__": [second]}),
        ("values|a:1|b:2", {"m": 2}),
        ("values", {"n": 2}),
        ("values", {"n": 2, "__interrupt__": [first, second]}),
        ("end", {"run_id": "r", "status": "interrupted"}),
    ]


def test_a_breakpoint_is_an_empty_list() -> None:
    stop = Interrupt(**AT, interrupt_id="static-0", static=True)
    told = written(stop, RunEnd(**AT, status="interrupted", output={"n": 1}))
    assert told[0] == ("updates", {"__interrupt__": []})
    assert told[1] == ("values", {"n": 1, "__interrupt__": []})


def test_the_output_is_the_state_where_nothing_else_tells_it() -> None:
    end = RunEnd(**AT, status="completed", output={"n": 2})
    assert written(end, run_id="r") == [
        ("values", {"n": 2}),
        ("end", {"run_id": "r", "status": "success"}),
    ]
    assert [name for name, _ in written(StateSnapshot(**AT, values={"n": 2}), end)] == [
        "values",
        "end",
    ]


def test_tools_have_events_and_messages() -> None:
    told = written(
        ToolStart(**TOOL, input={"x": 1}),
        ToolDelta(**AT, tool_call_id="c1", delta="half"),
        ToolEnd(**TOOL, status="completed", output={"sky": "sunny"}, artifact=[1]),
    )
    about = {"toolCallId": "c1", "name": "look"}
    assert told[:3] == [
        ("tools", {"event": "on_tool_start", **about, "input": {"x": 1}}),
        ("tools", {"event": "on_tool_event", **about, "data": "half"}),
        ("tools", {"event": "on_tool_end", **about, "output": {"sky": "sunny"}}),
    ]
    name, (message, where) = told[3]
    assert name == "messages"
    assert where == {"langgraph_node": "n", "langgraph_checkpoint_ns": "", "tags": []}
    assert message == {
        "type": "tool",
        "id": "c1:result",
        "tool_call_id": "c1",
        "name": "look",
        "content": '{"sky":"sunny"}',
        "status": "success",
        "artifact": [1],
    }


@pytest.mark.parametrize("order", ["the failure first", "the state first"])
@pytest.mark.parametrize("private", [False, True])
def test_a_failed_tools_message_has_one_text(order: str, private: bool) -> None:
    """The chunk and the state: what changes under a reader's eyes is no text."""
    failure = ToolError(**AT, tool_call_id="c1", name="pay", error=ERROR)
    stored = ToolMessage(f"Error: {HUSHED}", tool_call_id="c1", id="t1", status="error")
    state = {"messages": [stored]}
    update = StateUpdate(**AT, node="tools", values=state)
    events = [failure, update] if order == "the failure first" else [update, failure]
    told = written(*events, StateSnapshot(**AT, values=state), private=private)
    (chunk,) = (data[0] for name, data in told if name == "messages")
    (kept,) = next(data["messages"] for name, data in told if name == "values")
    assert chunk["content"] == kept["content"] == (f"Error: {HUSHED}" if private else "error")
    assert chunk["status"] == "error"


def test_the_state_alone_says_what_became_of_a_message() -> None:
    told = written(
        MessageStart(**AT, message_id="m"),
        MessageEnd(**AT, message_id="m", status="abandoned", text=""),
        MessageReplaced(**AT, message_id="n", message={"type": "ai", "content": "new"}),
        MessageRemoved(**AT, message_id="n"),
    )
    assert told == []


def test_a_failure_without_a_state_is_told_by_the_end_at_the_latest() -> None:
    failure = ToolError(**AT, tool_call_id="c1", name="pay", error=ERROR)
    told = written(failure, RunEnd(**AT, status="completed"), private=True)
    (chunk,) = (data[0] for name, data in told if name == "messages")
    assert (chunk["content"], chunk["tool_call_id"]) == (HUSHED, "c1")


@pytest.mark.parametrize(
    ("output", "content"),
    [
        ("sunny", "sunny"),
        ([{"type": "text", "text": "sunny"}], [{"type": "text", "text": "sunny"}]),
        ([1, 2], "[1,2]"),
        ([], "[]"),
        (None, "null"),
    ],
)
def test_what_a_tools_message_holds(output: Any, content: Any) -> None:
    _, (_, (message, _)) = written(ToolEnd(**TOOL, status="completed", output=output))
    assert message["content"] == content


@pytest.mark.parametrize("status", ["interrupted", "cancelled", "incomplete"])
def test_a_tool_that_was_stopped_has_no_message(status: Any) -> None:
    assert [name for name, _ in written(ToolEnd(**TOOL, status=status))] == ["tools"]


def test_secrets() -> None:
    events: list[Event] = [
        ToolError(**TOOL, error=ERROR),
        StepStart(**AT, step_id="s", kind="node", input=HUSHED),
        StepEnd(**AT, step_id="s", kind="node", status="failed", error=ERROR),
        Checkpoint(
            **AT, config={"configurable": {"key": HUSHED, "thread_id": "t"}}, metadata=HUSHED
        ),
        MessageStart(origin=Origin(metadata={"key": HUSHED}), timestamp=0.5, message_id="m"),
        TextDelta(**AT, message_id="m", block_id=0, text="Hi"),
        MessageEnd(
            **AT, message_id="m", status="completed", text="Hi", response_metadata={"key": HUSHED}
        ),
        RunError(**AT, error=ERROR),
    ]
    assert HUSHED not in json.dumps(written(*events))
    told = json.dumps(written(*events, private=True))
    assert told.count(HUSHED) == 10


def test_nodes_are_tasks() -> None:
    told = written(
        StepStart(**AT, step_id="s1", kind="node"),
        StepStart(**AT, step_id="s2", kind="chain"),
        StepEnd(**AT, step_id="s2", kind="chain", status="completed"),
        StepEnd(**AT, step_id="s1", kind="node", status="completed", output={"a": 1}),
    )
    about = {"id": "s1", "name": "n", "interrupts": []}
    assert told == [
        ("tasks", {**about, "triggers": []}),
        ("tasks", {**about, "result": [["a", 1]]}),
    ]


def test_custom_data() -> None:
    told = written(
        Custom(**AT, data={"type": "ui"}),
        Custom(**INSIDE, name="progress", data=1),
        RetrievalStart(**AT, retrieval_id="r", name="d", query="q"),
    )
    assert told[:2] == [
        ("custom", {"type": "ui"}),
        ("custom|a:1|b:2", {"name": "progress", "data": 1}),
    ]
    assert told[2][1]["type"] == "streamkit.retrieval.start"
    assert told[2][1]["query"] == "q"


def test_messages_that_nodes_add() -> None:
    from langchain_core.messages import HumanMessage, RemoveMessage

    told = written(
        MessageAdded(**AT, message=HumanMessage("And?", id="h1")),
        MessageAdded(**AT, message=RemoveMessage(id="m1")),
    )
    assert [data[0]["type"] for _, data in told] == ["human", "remove"]
    assert [data[0]["id"] for _, data in told] == ["h1", "m1"]


def test_modes_and_numbers() -> None:
    events: list[Event] = [
        StateUpdate(**AT, node="n", values=None),
        Custom(**AT, data=1),
        RunEnd(**AT, status="cancelled"),
    ]
    write = langgraph_sse.Encoder(
        langgraph_sse.Request(stream_mode=["custom"]), first_id=3, run_id="r"
    )
    frames = b"".join(frame for event in events for frame in write.feed(event))
    end = b'id: 4\nevent: end\ndata: {"run_id":"r","status":"interrupted"}\n\n'
    assert frames == b"id: 3\nevent: custom\ndata: 1\n\n" + end


def test_a_namespace_cannot_break_a_frame() -> None:
    origin = Origin(namespace=("a\nevent: error\r\n:1",))
    ((name, _),) = written(Custom(origin=origin, timestamp=0.5, data=1))
    assert name == "custom|a event: error :1"


# --- the way back


@pytest.mark.parametrize(
    "body", ["", "[]", b"\xff", {"input": 1}, {"command": []}, '{"config": 1}']
)
def test_bad_requests(body: Any) -> None:
    with pytest.raises(BadRequest, match=r"no request for a run|no JSON object"):
        langgraph_sse.read_request(body)


@pytest.mark.parametrize(
    "config", [None, {}, {"configurable": {"thread_id": ""}}, {"configurable": 1}]
)
def test_a_thread_has_a_name(config: Any) -> None:
    request = langgraph_sse.read_request({"input": {}, "config": config})
    with pytest.raises(BadRequest, match="names no thread"):
        request.thread_id  # noqa: B018
    assert langgraph_sse.Encoder(request, thread_id="of the address").close()


def test_a_client_may_resume_and_no_more() -> None:
    pytest.importorskip("langgraph")
    request = langgraph_sse.read_request({"command": {"resume": False, "goto": None}})
    assert langgraph_sse.graph_input(request).resume is False
    request = langgraph_sse.read_request({"command": {"goto": "admin"}})
    with pytest.raises(BadRequest, match="goto") as caught:
        langgraph_sse.graph_input(request)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("asked", "modes"),
    [
        (None, None),
        ("values", ["values"]),
        (["events", "values", "messages-tuple"], ["messages-tuple", "values"]),
    ],
)
def test_modes_that_can_be_written(asked: Any, modes: Any) -> None:
    assert langgraph_sse.read_request({"stream_mode": asked}).modes == modes


@given(JSON)
def test_any_body_is_read_or_refused(value: Any) -> None:
    try:
        request = langgraph_sse.read_request(json.dumps(value))
    except BadRequest:
        return
    with suppress(BadRequest):
        assert isinstance(request.thread_id, str)
    langgraph_sse.Encoder(request)


# --- the chunks of a message, as `AIMessageChunk.concat` of LangChain.js adds them up


PART: dict[str, Any] = {**AT, "message_id": "m"}


def test_what_stands_beside_text_is_in_the_chunks_of_its_message() -> None:
    call: dict[str, Any] = {**PART, "block_id": 3, "tool_call_id": "s1"}
    name: dict[str, Any] = {"name": "search", "provider_executed": True}
    told = written(
        MessageStart(**PART),
        ReasoningStart(**PART, block_id=0),
        ReasoningEnd(**PART, block_id=0, text="", signature="signed"),
        TextStart(**PART, block_id=1),
        TextDelta(**PART, block_id=1, text="Hi"),
        Citation(**PART, block_id=1, citation={"url": "u"}),
        Content(**PART, block_id=2, block={"type": "image", "url": "u"}),
        ToolCallStart(**call, **name),
        ToolCallDelta(**call, args="{}"),
        ToolCallEnd(**call, **name, args={}, text="{}"),
    )
    chunks = [it[0] for _, it in told]
    assert [it["content"] for it in chunks] == [
        [{"type": "reasoning", "index": 0, "reasoning": "", "extras": {"signature": "signed"}}],
        [{"type": "text", "index": 1, "text": "Hi"}],
        "",
        [{"type": "image", "url": "u", "index": 2}],
        [{"type": "server_tool_call", "id": "s1", "name": "search", "args": {}, "index": 3}],
    ]
    assert chunks[2]["additional_kwargs"] == {
        "citations": [{"block_id": 1, "citation": {"url": "u"}}]
    }


def test_a_call_in_a_message_that_is_left_out_is_left_out() -> None:
    call: dict[str, Any] = {**PART, "block_id": 3, "tool_call_id": "c1"}
    assert written(ToolCallDelta(**call, args="{}")) == []


def test_an_update_says_whether_it_was_cached_and_repeats_no_result() -> None:
    good = ToolMessage("sunny", id="t", tool_call_id="c1")
    told = written(
        StateUpdate(**AT, node="n", values={"messages": [good, {"type": "ai"}]}),
        StateUpdate(**AT, node="n", values={"a": 1}, cached=True),
    )
    assert [name for name, _ in told] == ["updates", "updates"]
    assert told[1][1] == {"n": {"a": 1}, "__metadata__": {"cached": True}}


def test_what_a_run_itself_streams_is_custom_data() -> None:
    told = written(
        StepDelta(**AT, step_id=None, value=1), StepDelta(**AT, step_id="parser", value=1)
    )
    assert [(name, data["type"]) for name, data in told] == [("custom", "streamkit.step.delta")]


def test_a_request_names_its_thread_and_has_an_input() -> None:
    body = {"input": {"n": 1}, "config": {"configurable": {"thread_id": "t"}}}
    request = langgraph_sse.read_request(body)
    assert (request.thread_id, langgraph_sse.graph_input(request)) == ("t", {"n": 1})
