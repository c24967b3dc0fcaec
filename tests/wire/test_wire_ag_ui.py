"""AG-UI frames against the protocol's own models and rules, and the way back."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from case_table import CASES
from frontend_runs import HUSHED, SCENES
from random_events import JSON
from random_streams import ITEMS
from streamkit import (
    BadRequest,
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
    RunEnd,
    RunError,
    RunStart,
    StateSnapshot,
    StepEnd,
    StepStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallEnd,
    ToolCallStart,
    ToolEnd,
    ToolStart,
    Usage,
    normalize,
)
from streamkit.wire import ag_ui
from streamkit.wire._patch import patch

AT: dict[str, Any] = {"origin": Origin(), "timestamp": 0.5}
PART: dict[str, Any] = {**AT, "message_id": "m", "block_id": 0}
INSIDE: dict[str, Any] = {"origin": Origin(namespace=("a:1", "b:2")), "timestamp": 0.5}

ENDS = {
    "TEXT_MESSAGE_START": "TEXT_MESSAGE_END",
    "REASONING_START": "REASONING_END",
    "REASONING_MESSAGE_START": "REASONING_MESSAGE_END",
    "TOOL_CALL_START": "TOOL_CALL_END",
    "STEP_STARTED": "STEP_FINISHED",
    "SUBAGENT_STARTED": "SUBAGENT_FINISHED",
}
DELTAS = {
    "TEXT_MESSAGE_CONTENT": "TEXT_MESSAGE_END",
    "REASONING_MESSAGE_CONTENT": "REASONING_MESSAGE_END",
    "TOOL_CALL_ARGS": "TOOL_CALL_END",
}


def read(frames: list[bytes]) -> list[dict[str, Any]]:
    """The events in the frames: one to a frame, on one line, and LF alone."""
    for frame in frames:
        assert frame.startswith(b"data: {")
        assert frame.endswith(b"}\n\n")
        assert frame.count(b"\n") == 2
        assert b"\r" not in frame
    return [json.loads(frame[6:]) for frame in frames]


def written(*events: Event, **options: Any) -> list[dict[str, Any]]:
    write = ag_ui.Encoder(**options)
    return read([frame for event in events for frame in write.feed(event)])


def key(event: dict[str, Any], end: str) -> Any:
    names = ("messageId", "toolCallId", "stepName", "subagentRunId")
    return end, next(event[name] for name in names if name in event)


def check(told: list[dict[str, Any]]) -> None:
    """The order that AG-UI asks for, with no client to be lenient about it."""
    open: set[Any] = set()
    assert told[0]["type"] == "RUN_STARTED"
    for event in told[1:]:
        kind = event["type"]
        assert kind != "RUN_STARTED"
        if kind in ENDS:
            assert key(event, ENDS[kind]) not in open
            open.add(key(event, ENDS[kind]))
        elif kind in ENDS.values() or kind == "SUBAGENT_ERROR":
            open.remove(key(event, kind.replace("_ERROR", "_FINISHED")))
        elif kind in DELTAS:
            assert key(event, DELTAS[kind]) in open
        elif kind in {"RUN_FINISHED", "RUN_ERROR"}:
            assert event is told[-1]
            assert not open
    assert told[-1]["type"] in {"RUN_FINISHED", "RUN_ERROR"}


def validate(told: list[dict[str, Any]]) -> None:
    """The protocol's own models know every field, and miss none."""
    core = pytest.importorskip("ag_ui.core")
    pydantic = pytest.importorskip("pydantic")
    events = pydantic.TypeAdapter(core.Event)

    def strange(model: Any) -> set[str]:
        if isinstance(model, list):
            return set().union(*map(strange, model))
        if not isinstance(model, pydantic.BaseModel):
            return set()
        inner = (strange(getattr(model, name)) for name in type(model).model_fields)
        return set(model.model_extra or ()).union(*inner)

    for event in told:
        assert strange(events.validate_python(event)) == set(), event
        assert None not in [
            value for name, value in event.items() if name not in {"value", "snapshot"}
        ]


def stream(items: Any, cut: int | None = None) -> list[Event]:
    return list(normalize(items if cut is None else items[:cut], on_error="event"))


@given(ITEMS, st.booleans())
def test_any_stream(items: list[Any], subagents: bool) -> None:
    told = written(*stream(items), subagents=subagents)
    check(told)
    validate(told)


@given(ITEMS, st.data())
def test_any_cut(items: list[Any], data: Any) -> None:
    """A source that stops, and events that stop: both end, and what was open before."""
    check(written(*stream(items, data.draw(st.integers(0, len(items))))))
    events = stream(items)
    write = ag_ui.Encoder()
    size = data.draw(st.integers(1, len(events)))
    frames = [frame for event in events[:size] for frame in write.feed(event)]
    check(read([*frames, *write.close()]))
    assert write.close() == ()
    assert [*map(write.feed, events)] == [()] * len(events)


@pytest.mark.parametrize("name", [*CASES, *SCENES])
def test_every_case_and_scene(name: str) -> None:
    dialect = "chunks" if name.startswith("objects") else None
    events = (
        SCENES[name]()
        if name in SCENES
        else list(normalize(CASES[name](), dialect=dialect, on_error="event"))
    )
    told = written(*events)
    check(told)
    validate(told)


@given(JSON, JSON)
def test_a_patch_leads_to_the_new_value(old: Any, new: Any) -> None:
    jsonpatch = pytest.importorskip("jsonpatch")
    old, new = (msgspec.json.decode(msgspec.json.encode(it)) for it in (old, new))
    assert jsonpatch.apply_patch(old, patch(old, new)) == new
    assert patch(new, new) == []


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        (1, 1, []),
        ([1, 2], [1], [{"op": "remove", "path": "/1"}]),
        (1, 2, [{"op": "replace", "path": "", "value": 2}]),
        ({"a/b": 1}, {"a/b": True}, [{"op": "replace", "path": "/a~1b", "value": True}]),
    ],
)
def test_a_value_that_is_no_container_is_replaced(old: Any, new: Any, changes: Any) -> None:
    assert patch(old, new) == changes


def test_state() -> None:
    long = "x" * 200
    states: list[Any] = [{"a": long}, {"a": long, "b": [1]}, {"a": long, "b": [1]}, {"c": None}]
    told = written(*(StateSnapshot(**AT, values=state) for state in states))
    assert told == [
        {"type": "STATE_SNAPSHOT", "snapshot": {"a": long}},
        {"type": "STATE_DELTA", "delta": [{"op": "add", "path": "/b", "value": [1]}]},
        {"type": "STATE_SNAPSHOT", "snapshot": {"c": None}},
    ]


def test_a_subgraphs_state_is_not_the_state() -> None:
    told = written(StateSnapshot(**INSIDE, values={"a": 1}))
    assert [it["type"] for it in told] == ["SUBAGENT_STARTED", "SUBAGENT_STARTED", "CUSTOM"]
    assert told[1]["parentSubagentRunId"] == told[0]["subagentRunId"] == "a:1"
    assert told[2]["name"] == "streamkit.state.snapshot"


def test_what_has_no_word_is_custom() -> None:
    told = written(
        Custom(**AT, name="progress", data={"done": 1}),
        Custom(**AT, data={"type": "step"}),
        Custom(**AT, data=None),
        Citation(**PART, citation={"url": "u"}),
        Content(**PART, block={"type": "image", "url": "u"}),
    )
    assert [it["name"] for it in told] == [
        "progress",
        "step",
        "custom",
        "streamkit.citation",
        "streamkit.content",
    ]
    assert told[2]["value"] is None
    assert told[3]["value"]["citation"] == {"url": "u"}
    assert told[4]["value"]["block"] == {"type": "image", "url": "u"}


def test_a_tool_nobody_called() -> None:
    """A graph may run a tool by itself; and the call may stand in the client's history."""
    start = ToolStart(**AT, tool_call_id="c1", name="look", input={"at": "ü"})
    end = ToolEnd(**AT, tool_call_id="c1", name="look", status="completed", output={"sky": "sunny"})
    told = written(start, end)
    assert [it["type"].removeprefix("TOOL_CALL_") for it in told] == [
        "START",
        "ARGS",
        "END",
        "RESULT",
    ]
    assert json.loads(told[1]["delta"]) == {"at": "ü"}
    assert told[3]["content"] == '{"sky":"sunny"}'
    history = [{"id": "a", "role": "assistant", "toolCalls": [{"id": "c1"}]}]
    request = ag_ui.Request(thread_id="t", run_id="r", messages=history)
    assert [it["type"] for it in written(start, end, request=request)] == ["TOOL_CALL_RESULT"]


def test_a_call_that_is_seen_only_when_its_tool_has_ended() -> None:
    end = ToolEnd(**AT, tool_call_id="c1", name="look", status="completed", output="sunny")
    start, args, *rest = written(end)
    assert (start["toolCallId"], start["toolCallName"], args["delta"]) == ("c1", "look", "{}")
    assert [it["type"] for it in rest] == ["TOOL_CALL_END", "TOOL_CALL_RESULT"]


def test_a_call_that_ran_twice_has_two_results() -> None:
    """A node that is tried again runs its tools again: the messages differ, the call does not."""
    start = ToolStart(**AT, tool_call_id="c1", name="look")
    end = ToolEnd(**AT, tool_call_id="c1", name="look", status="completed", output="ok")
    told = [it for it in written(start, end, start, end) if it["type"] == "TOOL_CALL_RESULT"]
    assert [it["messageId"] for it in told] == ["c1:result", "c1:result-2"]
    assert [it["toolCallId"] for it in told] == ["c1", "c1"]


@pytest.mark.parametrize(
    ("status", "end"),
    [("completed", "SUBAGENT_FINISHED"), ("failed", "SUBAGENT_ERROR")],
)
def test_a_subagent_ends_with_its_graph(status: Any, end: str) -> None:
    """And it knows the call of the tool that runs it."""
    outer = Origin(run_id="g", parent_ids=("root", "t"))
    inner = Origin(run_id="n", parent_ids=("root", "t", "g"), namespace=("tools:1",), agent="Ada")
    tool = {"origin": Origin(run_id="t", parent_ids=("root",)), "timestamp": 0.5}
    told = written(
        ToolStart(**tool, tool_call_id="c1", name="task"),
        StepStart(origin=outer, timestamp=0.5, step_id="g", kind="graph"),
        Custom(origin=inner, timestamp=0.5, data=1),
        StepEnd(origin=outer, timestamp=0.5, step_id="g", kind="graph", status=status),
        Custom(**AT, data=2),
    )
    validate(told)
    start, custom, finish, _ = told[3:]
    assert start == {
        "type": "SUBAGENT_STARTED",
        "subagentRunId": "tools:1",
        "name": "Ada",
        "parentToolCallId": "c1",
    }
    assert custom["subagentRunId"] == "tools:1"
    assert (finish["type"], finish["subagentRunId"]) == (end, "tools:1")


def test_a_subagent_that_waits_for_an_answer_says_for_which() -> None:
    inner, deeper = Origin(namespace=("a:1",)), Origin(namespace=("a:1", "b:2"))
    told = written(
        Custom(origin=inner, timestamp=0.5, data=1),
        Custom(origin=deeper, timestamp=0.5, data=2),
        Interrupt(origin=deeper, timestamp=0.5, interrupt_id="i1", value="Sure?"),
        RunEnd(**AT, status="interrupted"),
    )
    starts = [it for it in told if it["type"] == "SUBAGENT_STARTED"]
    assert [it["subagentRunId"] for it in starts] == ["a:1", "a:1|b:2"]
    ends = [it for it in told if it["type"] == "SUBAGENT_FINISHED"]
    assert [it["outcome"]["interruptIds"] for it in ends] == [["i1"], ["i1"]]


def test_a_streamed_message_that_is_no_answer_has_its_role() -> None:
    told = written(
        MessageStart(**AT, message_id="m", role="human"),
        TextStart(**PART),
        TextEnd(**PART, text=""),
    )
    assert told[0] == {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "user"}


def test_steps_of_one_node_at_a_time() -> None:
    def step(kind: type, id: str, **fields: Any) -> Any:
        return kind(**AT | {"origin": Origin(node="n")}, step_id=id, kind="node", **fields)

    ended = {"status": "completed"}
    told = written(
        step(StepStart, "1"),
        step(StepStart, "2"),
        step(StepEnd, "1", **ended),
        step(StepStart, "3"),
        step(StepEnd, "2", **ended),
        step(StepEnd, "3", **ended),
        step(StepStart, "4"),
        StepStart(**AT, step_id="5", kind="chain"),
    )
    assert [it["stepName"] for it in told] == ["n", "n#2", "n", "n#3", "n#2", "n#3", "n"]


PICTURE = {"type": "image", "base64": "QUJD", "mime_type": "image/png"}
PICTURE_PART = {
    "type": "image",
    "source": {"type": "data", "value": "QUJD", "mimeType": "image/png"},
}
LINK = {"type": "url", "value": "https://x.test/a"}


@pytest.mark.parametrize(
    ("output", "content"),
    [
        (["See ", {"type": "text", "text": "this"}], "See this"),
        (["See", PICTURE], [{"type": "text", "text": "See"}, PICTURE_PART]),
        (
            [{"type": "file", "url": LINK["value"], "mime_type": "a/b"}],
            [{"type": "document", "source": {**LINK, "mimeType": "a/b"}}],
        ),
        ([{"type": "audio", "url": LINK["value"]}], [{"type": "audio", "source": LINK}]),
        ([{**PICTURE, "base64": None, "data": "QUJD"}], [PICTURE_PART]),
        (
            [{**PICTURE, "mime_type": None}],
            [{"type": "image", "source": {**PICTURE_PART["source"], "mimeType": "image/*"}}],
        ),
        (
            [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}],
            [PICTURE_PART],
        ),
        ([{"type": "image_url", "image_url": LINK["value"]}], [{"type": "image", "source": LINK}]),
        (
            [{"type": "file", "file": {"file_data": "data:a/b;base64,QQ==", "filename": "a.b"}}],
            [
                {
                    "type": "document",
                    "source": {"type": "data", "value": "QQ==", "mimeType": "a/b"},
                    "metadata": {"filename": "a.b"},
                }
            ],
        ),
        (
            [{"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}],
            [
                {
                    "type": "audio",
                    "source": {"type": "data", "value": "QQ==", "mimeType": "audio/wav"},
                }
            ],
        ),
        # What AG-UI has no part for is JSON.
        ([PICTURE, {"type": "map", "text": "x"}], None),
        ([PICTURE, {"type": "text", "text": 1}], None),
        ([{"type": "map", "url": LINK["value"]}], None),
        ([{"type": "image"}], None),
        ([], None),
    ],
)
def test_parts_of_a_result(output: Any, content: Any) -> None:
    *_, result = written(
        ToolEnd(**AT, tool_call_id="c1", name="look", status="completed", output=output)
    )
    written_as = result["content"] if content else json.loads(result["content"])
    assert written_as == (content or output)
    validate([result])


def test_a_result_with_a_picture() -> None:
    picture = {"type": "image", "base64": "QUJD", "mime_type": "image/png"}
    output = [{"type": "text", "text": "See"}, picture]
    *_, told = written(
        ToolEnd(**AT, tool_call_id="c1", name="look", status="completed", output=output)
    )
    source = {"type": "data", "value": "QUJD", "mimeType": "image/png"}
    assert told["content"] == [{"type": "text", "text": "See"}, {"type": "image", "source": source}]
    validate([told])


@pytest.mark.parametrize(
    ("kind", "told"),
    [("image", "image"), ("audio", "audio"), ("video", "video"), ("file", "document")],
)
def test_a_result_may_hold_any_medium(kind: str, told: str) -> None:
    block = {"type": kind, "url": "https://a.test/b"}
    event = ToolEnd(**AT, tool_call_id="c1", name="look", status="completed", output=[block])
    *_, result = written(event)
    assert result["content"] == [{"type": told, "source": {"type": "url", "value": block["url"]}}]


@pytest.mark.parametrize("status", ["interrupted", "cancelled", "incomplete"])
def test_a_tool_that_was_stopped_has_no_result(status: Any) -> None:
    assert written(ToolEnd(**AT, tool_call_id="c1", name="look", status=status)) == []


def test_interrupts() -> None:
    interrupts = [
        Interrupt(**AT, interrupt_id="i1", value="Sure?", response_schema={"type": "boolean"}),
        Interrupt(**AT, interrupt_id="i2", value={"a": 1}, tool_call_id="c1"),
        Interrupt(**AT, interrupt_id="static-2", static=True),
    ]
    (told,) = written(*interrupts, RunEnd(**AT, status="interrupted"))
    validate([told])
    first, second, third = told["outcome"]["interrupts"]
    assert (first["message"], first["responseSchema"]) == ("Sure?", {"type": "boolean"})
    assert (second["reason"], second["toolCallId"]) == ("tool_call", "c1")
    assert second["metadata"] == {"value": {"a": 1}}
    assert third["reason"] == "breakpoint"


def test_an_approval_names_its_call() -> None:
    """The middleware names the tool and its arguments; the client, the call."""
    call = {**PART, "tool_call_id": "c1", "name": "pay"}
    request = {"name": "pay", "args": {"sum": 1}, "description": "Pay 1?"}
    told = written(
        ToolCallStart(**call),
        ToolCallEnd(**call, args={"sum": 1}, text='{"sum":1}'),
        Interrupt(**AT, interrupt_id="i1", value={"action_requests": [request]}),
        Interrupt(**AT, interrupt_id="i2", value={"action_requests": [request, request]}),
        RunEnd(**AT, status="interrupted"),
    )
    one, two = told[-1]["outcome"]["interrupts"]
    assert (one["reason"], one["toolCallId"], one["message"]) == ("tool_call", "c1", "Pay 1?")
    assert (two["reason"], "toolCallId" in two) == ("input_required", False)


def test_usage_model_by_model() -> None:
    usage = Usage(
        input_tokens=5,
        output_tokens=4,
        input_token_details={"cache_read": 3, "audio": 1},
        output_token_details={"reasoning": 2},
    )
    (told,) = written(RunEnd(**AT, status="completed", usage=usage, usage_by_model={"m": usage}))
    validate([told])
    assert told["usage"] == [
        {
            "model": "m",
            "inputTokens": 5,
            "outputTokens": 4,
            "totalTokens": 9,
            "cachedInputTokens": 3,
            "reasoningTokens": 2,
        }
    ]


def test_usage_of_models_without_a_name() -> None:
    (told,) = written(RunEnd(**AT, status="completed", usage=Usage(input_tokens=5)))
    assert told["usage"] == [{"inputTokens": 5, "outputTokens": 0, "totalTokens": 5}]


def test_clients_without_subagents_get_the_interrupts_of_subgraphs_too() -> None:
    asked = Interrupt(**INSIDE, interrupt_id="i1", value="Sure?")
    (told,) = written(asked, RunEnd(**AT, status="interrupted"), subagents=False)
    assert [it["id"] for it in told["outcome"]["interrupts"]] == ["i1"]


def test_errors_say_their_class_alone() -> None:
    error = RunError(**AT, error=ErrorInfo(name="ValueError", message=HUSHED, code=503))
    assert written(error) == [{"type": "RUN_ERROR", "message": "ValueError", "code": "503"}]
    assert written(error, private=True)[0]["message"] == HUSHED


def test_ids_where_nobody_names_them() -> None:
    (told,) = written(RunStart(origin=Origin(thread_id="t"), timestamp=0.5, run_id="r"))
    assert (told["threadId"], told["runId"]) == ("t", "r")
    (told,) = written(RunStart(**AT))
    assert told["threadId"]
    assert told["runId"]


def test_deltas_say_what_the_protocols_own_models_say() -> None:
    encoder = pytest.importorskip("ag_ui.encoder").EventEncoder()
    core = pytest.importorskip("ag_ui.core")
    deltas = [TextDelta(**PART, text=f"word {number} ") for number in range(9)]
    write = ag_ui.Encoder()
    write.feed(TextStart(**PART))

    def theirs(event: TextDelta) -> bytes:
        model = core.TextMessageContentEvent(message_id=event.message_id, delta=event.text)
        return encoder.encode(model).encode()

    assert [json.loads(theirs(it)[6:]) for it in deltas] == read(
        [*map(_only, map(write.feed, deltas))]
    )


def _only(frames: tuple[bytes, ...]) -> bytes:
    (frame,) = frames
    return frame


# --- the way back

HISTORY: list[dict[str, Any]] = [
    {"id": "s1", "role": "system", "content": "Be kind."},
    {"id": "u1", "role": "user", "content": "Hi", "name": "Ada"},
    {"id": "r1", "role": "reasoning", "content": "Hm"},
    {
        "id": "a1",
        "role": "assistant",
        "toolCalls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}},
            {"id": "c2", "type": "function", "function": {"name": "look", "arguments": '{"a'}},
        ],
    },
    {"id": "t1", "role": "tool", "toolCallId": "c1", "content": "seen"},
    {"id": "t2", "role": "tool", "toolCallId": "c2", "content": "no", "error": "it broke"},
    {"id": "a2", "role": "assistant", "content": "Done."},
    {"id": "p1", "role": "activity", "activityType": "plan", "content": {}},
    {
        "id": "u2",
        "role": "user",
        "content": [
            {"type": "text", "text": "And this?"},
            {"type": "image", "source": {"type": "url", "value": "https://x.test/a.png"}},
            {"type": "document", "source": {"type": "data", "value": "QQ==", "mimeType": "a/b"}},
        ],
    },
]


def request(**fields: Any) -> ag_ui.Request:
    return ag_ui.read_request({"threadId": "t", "runId": "r", "messages": [], **fields})


def test_history_becomes_messages() -> None:
    system, user, asked, seen, broke, done, last = ag_ui.to_messages(HISTORY)
    assert system == SystemMessage("Be kind.", id="s1")
    assert user == HumanMessage("Hi", id="u1", name="Ada")
    assert isinstance(asked, AIMessage)
    assert [(it["id"], it["args"]) for it in asked.tool_calls] == [("c1", {"a": 1})]
    assert [(it["id"], it["args"]) for it in asked.invalid_tool_calls] == [("c2", '{"a')]
    assert seen == ToolMessage("seen", tool_call_id="c1", id="t1")
    assert isinstance(broke, ToolMessage)
    assert broke.status == "error"
    assert done == AIMessage("Done.", id="a2")
    assert last.content == [
        {"type": "text", "text": "And this?"},
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
        {"type": "file", "base64": "QQ==", "mime_type": "a/b"},
    ]


DATA = {"type": "data", "value": "QQ==", "mimeType": "a/b"}
NAMED = {"type": "file", "mime_type": "a/b", "filename": "a.b", "base64": "QQ=="}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"type": "document", "source": DATA, "metadata": {"filename": "a.b"}}, NAMED),
        ({"type": "binary", "mimeType": "a/b", "data": "QQ==", "filename": "a.b"}, NAMED),
        (
            {"type": "binary", "mimeType": "audio/wav", "url": "https://x.test/a"},
            {"type": "audio", "mime_type": "audio/wav", "url": "https://x.test/a"},
        ),
        (
            {"type": "binary", "mimeType": "a/b", "id": "f1"},
            {"type": "file", "file_id": "f1", "mime_type": "a/b"},
        ),
        (
            {"type": "audio", "source": {"type": "url", "value": "https://x.test/a"}},
            {"type": "audio", "url": "https://x.test/a"},
        ),
        (
            {"type": "image", "source": {"type": "file", "value": "f1"}, "metadata": 1},
            {"type": "file", "file_id": "f1"},
        ),
    ],
    ids=["named", "old, data", "old, url", "old, id", "no media type", "at the provider"],
)
def test_files_of_every_client_become_blocks(part: Any, block: Any) -> None:
    """CopilotKit 1.54 and assistant-ui sent `binary` parts, which AG-UI 1.0 no longer has."""
    (message,) = ag_ui.to_messages([{"id": "u", "role": "user", "content": [part]}])
    assert message.content == [block]


def test_a_file_comes_back_as_it_was_sent() -> None:
    picture = {"type": "image", "source": {"type": "url", "value": "https://x.test/a"}}
    named = {"type": "document", "source": DATA, "metadata": {"filename": "a.b"}}
    content = [{"type": "text", "text": "See"}, picture, named]
    (message,) = ag_ui.to_messages([{"id": "u", "role": "user", "content": content}])
    assert ag_ui.ui_messages([message]) == [{"id": "u", "role": "user", "content": content}]


def test_calls_without_a_result_are_left_out() -> None:
    """Such as one that asked something, where the user then asked something else."""
    call = {"id": "c9", "type": "function", "function": {"name": "ask", "arguments": "{}"}}
    alone = {"id": "a3", "role": "assistant", "toolCalls": [call]}
    spoken = {**alone, "id": "a4", "content": "I ask."}
    silent = {"id": "a5", "role": "assistant", "content": ""}
    *_, user, said, empty = ag_ui.to_messages([*HISTORY, alone, spoken, silent])
    assert (user.id, said, empty) == ("u2", AIMessage("I ask.", id="a4"), AIMessage("", id="a5"))


def test_a_graph_that_remembers_gets_what_is_new() -> None:
    asked = request(messages=HISTORY)
    assert [it.id for it in ag_ui.graph_input(asked)["messages"]] == ["u2"]
    assert len(ag_ui.graph_input(asked, stateful=False)["messages"]) == 7


def test_answers_become_a_command() -> None:
    pytest.importorskip("langgraph")
    answers = [
        {"interruptId": "i1", "status": "resolved", "payload": [1]},
        {"interruptId": "i2", "status": "cancelled"},
        {"interruptId": "static-2", "status": "resolved"},
    ]
    assert ag_ui.graph_input(request(resume=answers)).resume == {"i1": [1], "i2": None}
    assert ag_ui.graph_input(request(resume=answers[2:])) is None


@pytest.mark.parametrize("answer", [False, 0, "", "yes", {"approved": True}])
def test_answers_of_older_copilotkit_hooks_become_a_command(answer: Any) -> None:
    pytest.importorskip("langgraph")
    command = {"resume": answer, "interruptEvent": {"id": "i1"}}
    asked = request(messages=HISTORY, forwardedProps={"command": command})
    assert ag_ui.graph_input(asked).resume == answer
    command["resume"] = None
    for props in ({"command": command}, {"command": 1}, [1], None):
        given = ag_ui.graph_input(request(messages=HISTORY, forwardedProps=props))
        assert [it.id for it in given["messages"]] == ["u2"]


LOCAL = {"type": "url", "value": "file:///etc/passwd"}


@pytest.mark.parametrize("body", ["", "[]", "{}", b"\xff", {"threadId": 1, "runId": "r"}])
def test_bad_requests(body: Any) -> None:
    with pytest.raises(BadRequest, match=r"no AG-UI request|no JSON object"):
        ag_ui.read_request(body)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"id": "a"},
        {"id": "a", "role": "tool", "content": "x"},
        {"id": "a", "role": "user", "content": [{"type": "x"}]},
        {"id": "a", "role": "user", "content": ["x"]},
        {"id": "a", "role": "user", "content": [{"type": "image", "source": {"type": "url"}}]},
        {"id": "a", "role": "user", "content": [{"type": "binary", "mimeType": "a/b"}]},
        {"id": "a", "role": "user", "content": [{"type": "audio", "source": LOCAL}]},
        {"id": "a", "role": "assistant", "toolCalls": [{}]},
        {"id": "a", "role": "user", "content": 7},
        {"id": "a", "role": "assistant", "toolCalls": 7},
    ],
)
def test_bad_messages(message: Any) -> None:
    ag_ui.Encoder(request(messages=[message]))
    with pytest.raises(BadRequest, match=r"no AG-UI message|a call must have an id|must begin"):
        ag_ui.to_messages([message])


@given(JSON)
def test_any_body_is_read_or_refused(value: Any) -> None:
    try:
        asked = ag_ui.read_request(
            msgspec.json.encode({"threadId": "t", "runId": "r", "messages": value})
        )
        ag_ui.Encoder(asked)
        ag_ui.graph_input(asked, stateful=False)
    except BadRequest:
        pass


# --- what a client holds


SAID = {"id": "u1", "role": "user", "content": "Hi"}
ASKED = ag_ui.Request(thread_id="t", run_id="r", protocol_version="1.0", messages=[SAID])


def speaking(id: str, text: str, status: Any = "completed") -> list[Event]:
    part: dict[str, Any] = {**AT, "message_id": id, "block_id": 0}
    return [
        MessageStart(**AT, message_id=id),
        TextStart(**part),
        TextDelta(**part, text=text),
        TextEnd(**part, text=text),
        MessageEnd(**AT, message_id=id, status=status, text=text),
    ]


def snapshots(*events: Event) -> list[Any]:
    write = ag_ui.Encoder(ASKED)
    frames = [json.loads(it[6:]) for event in events for it in write.feed(event)]
    validate(frames)
    return [it["messages"] for it in frames if it["type"] == "MESSAGES_SNAPSHOT"]


def answer(id: str, text: str) -> dict[str, str]:
    return {"id": id, "role": "assistant", "content": text}


def test_an_abandoned_attempt_is_taken_back() -> None:
    done = RunEnd(**AT, status="completed")
    gone, kept = speaking("a", "first", "abandoned"), speaking("b", "second")
    assert snapshots(*gone, *kept, done) == [[SAID]]
    *gone, end = gone
    assert snapshots(*gone, *kept, end, done) == [[SAID, answer("b", "second")]]
    assert snapshots(*gone, *kept[:-2], end, *kept[-2:], done) == [[SAID, answer("b", "second")]]


def test_what_the_state_changes_the_client_holds() -> None:
    changed = MessageReplaced(**AT, message_id="a", message=AIMessage("[redacted]", id="a"))
    same = MessageReplaced(**AT, message_id="a", message=AIMessage("[redacted]", id="a"))
    gone = MessageRemoved(**AT, message_id="u1")
    unknown = MessageRemoved(**AT, message_id="nobody")
    assert snapshots(*speaking("a", "4111"), changed, same, gone, unknown) == [
        [SAID, answer("a", "[redacted]")],
        [answer("a", "[redacted]")],
    ]


def test_a_result_that_the_state_changes_is_the_calls_last() -> None:
    tool: dict[str, Any] = {**AT, "tool_call_id": "c1", "name": "look"}
    stored = ToolMessage("[redacted]", tool_call_id="c1", id="t1")
    (held,) = snapshots(
        ToolStart(**tool),
        ToolEnd(**tool, status="completed", output="4111"),
        MessageReplaced(**AT, message_id="t1", tool_call_id="c1", message=stored),
    )
    assert held[-1] == {
        "id": "c1:result",
        "role": "tool",
        "toolCallId": "c1",
        "content": "[redacted]",
    }


def test_a_client_that_names_no_version_gets_texts_and_no_subagents() -> None:
    inside: dict[str, Any] = {**AT, "origin": Origin(node="n", namespace=("hotel:1",))}
    output = [{"type": "text", "text": "See"}, {"type": "image", "url": "https://a.test/b.png"}]
    tool: dict[str, Any] = {**inside, "tool_call_id": "c1", "name": "look"}
    write = ag_ui.Encoder(ag_ui.Request(thread_id="t", run_id="r"))
    events = [ToolStart(**tool), ToolEnd(**tool, status="completed", output=output)]
    told = [json.loads(it[6:]) for event in events for it in write.feed(event)]
    assert told[-1]["content"] == "See"
    assert not any("subagentRunId" in it for it in told)


def test_a_message_that_a_node_writes_for_the_user_is_in_the_next_snapshot() -> None:
    at: dict[str, Any] = {"origin": Origin(), "timestamp": 0.5}
    write = ag_ui.Encoder()
    assert write.feed(MessageAdded(**at, message=SystemMessage("Be kind.", id="s1"))) == ()
    [frame] = write.feed(MessageAdded(**at, message=HumanMessage("Go on.", id="h1")))
    told = json.loads(frame[6:])
    assert told["type"] == "MESSAGES_SNAPSHOT"
    assert told["messages"] == [{"id": "h1", "role": "user", "content": "Go on."}]


def test_stored_messages_are_those_of_a_live_run() -> None:
    made = ag_ui.ui_messages(
        [
            SystemMessage("Be kind.", id="s1"),
            HumanMessage("Look", id="h1"),
            AIMessage(
                "I look.", id="a1", tool_calls=[{"id": "c", "name": "look", "args": {"at": 1}}]
            ),
            ToolMessage("seen", tool_call_id="c"),
            AIMessage("", id="a2", tool_calls=[{"id": "c", "name": "look", "args": {"at": 2}}]),
            ToolMessage("hush", tool_call_id="c", status="error"),
        ]
    )

    def calling(id: str, at: int) -> list[Any]:
        function = {"name": "look", "arguments": f'{{"at": {at}}}'}
        return [{"id": id, "type": "function", "function": function}]

    assert made == [
        {"id": "h1", "role": "user", "content": "Look"},
        {**answer("a1", "I look."), "toolCalls": calling("c", 1)},
        {"id": "c:result", "role": "tool", "toolCallId": "c", "content": "seen"},
        {"id": "a2", "role": "assistant", "toolCalls": calling("c#2", 2)},
        {
            "id": "c#2:result",
            "role": "tool",
            "toolCallId": "c#2",
            "content": "error",
            "metadata": {"status": "error", "error": "error"},
        },
    ]
    validate([{"type": "MESSAGES_SNAPSHOT", "messages": made}])


def test_an_edited_question_removes_what_was_behind_it() -> None:
    state = [HumanMessage("Hi", id="u1"), AIMessage("Hello", id="a1")]
    asked = ag_ui.read_request({"threadId": "t", "runId": "r", "messages": [SAID]})
    given = ag_ui.graph_input(asked, state={"messages": state})
    assert [(it.type, it.id) for it in given["messages"]] == [("remove", "a1"), ("human", "u1")]


def test_a_thread_has_a_name() -> None:
    with pytest.raises(BadRequest, match="'threadId' is empty"):
        ag_ui.read_request({"threadId": "", "runId": "r", "messages": []})
