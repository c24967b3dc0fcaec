"""The AI SDK's stream by its own laws, over random streams; its clients are asked elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from random_events import EVENTS
from random_streams import SOURCES
from streamkit import (
    BadRequest,
    Citation,
    Content,
    ErrorInfo,
    Event,
    Interrupt,
    MessageEnd,
    MessageRemoved,
    MessageReplaced,
    MessageStart,
    Origin,
    ReasoningEnd,
    ReasoningStart,
    RetrievalEnd,
    RunEnd,
    RunStart,
    StateSnapshot,
    StepDelta,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolCallEnd,
    ToolCallStart,
    ToolDelta,
    ToolEnd,
    ToolError,
    ToolStart,
    Usage,
    normalize,
)
from streamkit.wire import ai_sdk

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
        elif chunk["type"] == "reset-step":
            opened.clear()  # as the client does; what stays is written once more
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


# --- attempts that were abandoned, and calls without a result


AT: dict[str, Any] = {"origin": Origin(), "timestamp": 0.5}
PAY = ToolCall(id="c1", name="pay", args={}, text="{}")
OTHER = ToolCall(id="c2", name="other", args={}, text="{}")
ASKED = {"action_requests": [{"name": "pay", "args": {}}]}


def speaking(id: str, text: str, status: str = "completed") -> list[Event]:
    part: dict[str, Any] = {**AT, "message_id": id, "block_id": 0}
    return [
        MessageStart(**AT, message_id=id),
        TextStart(**part),
        TextDelta(**part, text=text),
        TextEnd(**part, text=text),
        MessageEnd(**AT, message_id=id, status=status, text=text),  # type: ignore[arg-type]
    ]


def shown_texts(chunks: list[Any]) -> list[str]:
    """What a client shows: it drops the parts of the step at a reset."""
    parts: list[Any] = []
    for it in chunks:
        match it["type"]:
            case "start-step":
                parts.append(None)
            case "text-start":
                parts.append([it["id"], ""])
            case "text-delta":
                next(p for p in reversed(parts) if p and p[0] == it["id"])[1] += it["delta"]
            case "reset-step":
                while parts[-1] is not None:
                    parts.pop()
    return [it[1] for it in parts if it]


@pytest.mark.parametrize(("target", "shown"), [(6, ["first", "second"]), (7, ["second"])])
def test_an_abandoned_attempt_is_taken_back(target: Any, shown: list[str]) -> None:
    events = [*speaking("a", "first", "abandoned"), *speaking("b", "second")]
    chunks = chunks_of([*events, RunEnd(**AT, status="completed")], target=target)
    check(chunks)
    assert shown_texts(chunks) == shown
    assert [it["type"] for it in chunks].count("start-step") == (1 if target == 7 else 2)


def test_what_others_wrote_in_the_step_stays() -> None:
    """Where the attempt is known to be abandoned only after its successor has spoken."""
    *first, end = speaking("a", "first", "abandoned")
    events = [*first, *speaking("b", "second"), end, RunEnd(**AT, status="completed")]
    chunks = chunks_of(events, target=7)
    check(chunks)
    assert shown_texts(chunks) == ["second"]


def test_behind_an_attempt_that_was_taken_back_each_message_is_a_step() -> None:
    spoken = [*speaking("a", "first", "abandoned"), *speaking("b", "second"), *speaking("c", "3")]
    chunks = chunks_of([*spoken, RunEnd(**AT, status="completed")], target=7)
    check(chunks)
    assert shown_texts(chunks) == ["second", "3"]
    assert [it["type"] for it in chunks].count("start-step") == 2


def test_a_text_that_is_replaced_while_it_is_written_has_ended() -> None:
    start, text, delta, *ends = speaking("a", "first")
    thought: dict[str, Any] = {**AT, "message_id": "a", "block_id": 1}
    events = [
        *(start, ReasoningStart(**thought), text, delta, replaced("a", "other")),
        *(ends[0], ReasoningEnd(**thought, text=""), ends[1]),
    ]
    chunks = chunks_of([*events, RunEnd(**AT, status="completed")], target=7)
    check(chunks)
    assert shown_texts(chunks) == ["other"]
    assert [it["type"] for it in chunks if it["type"].endswith("-end")][-1] == "reasoning-end"


INNER = Origin(node="agent", namespace=("tools:1",), tool_call_id="c1")


def inside(event: type[Event], **fields: Any) -> Any:
    return event(origin=INNER, timestamp=0.5, **fields)


def in_a_tool(n: int) -> list[Event]:
    """A tool whose agent says ``n`` texts, and then calls a tool of its own."""
    called: dict[str, Any] = {"tool_call_id": "i1", "name": "look"}
    events: list[Event] = [ToolStart(**AT, tool_call_id="c1", name="ask", input={})]
    for at in range(n):
        whole: dict[str, Any] = {"message_id": f"m{at}"}
        part = {**whole, "block_id": 0}
        events += [inside(MessageStart, **whole), inside(TextStart, **part)]
        events += [inside(TextDelta, **part, text="psst")]
        events += [inside(TextEnd, **part, text=f"psst {at}")]
        if at == n - 1:
            call = {**part, "block_id": 1, **called}
            events.append(inside(ToolCallStart, **call))
            events.append(inside(ToolCallEnd, **call, args={}, text="{}"))
        events.append(inside(MessageEnd, **whole, status="completed", text=f"psst {at}"))
    events.append(inside(ToolStart, **called, input={}))
    events.append(inside(ToolEnd, **called, status="completed", output="sunny"))
    end = ToolEnd(**AT, tool_call_id="c1", name="ask", status="completed", output="done")
    return [*events, end, RunEnd(**AT, status="completed")]


@pytest.mark.parametrize("target", [5, 6, 7])
def test_the_words_of_an_agent_in_a_tool_are_its_preliminary_output(target: Any) -> None:
    chunks = chunks_of(in_a_tool(1), target=target)
    check(chunks)
    outputs = [it for it in chunks if it["type"] == "tool-output-available"]
    about = [(it["toolCallId"], it.get("preliminary"), it["output"]) for it in outputs]
    said = {"type": "text", "text": "psst 0", "state": "done"}
    message = {"id": "c1:inner", "role": "assistant", "parts": [said]}
    assert about == [("c1", True, message), ("i1", None, "sunny"), ("c1", None, "done")]
    assert [it["type"] for it in chunks if "text" in it["type"]] == []
    called = next(
        it for it in chunks if it["type"] == "tool-input-available" and it["toolCallId"] == "i1"
    )
    about_it = {"node": "agent", "namespace": ["tools:1"], "toolCallId": "c1"}
    assert called["providerMetadata"] == {"streamkit": about_it}


def test_a_long_talk_in_a_tool_costs_no_more_for_each_part() -> None:
    sizes = [sum(len(str(it)) for it in chunks_of(in_a_tool(n))) for n in (100, 200, 300)]
    assert abs((sizes[2] - sizes[1]) / (sizes[1] - sizes[0]) - 1) < 0.05


def test_the_user_may_be_asked_about_a_call_in_a_tool() -> None:
    *events, _, _, _ = in_a_tool(1)
    about: dict[str, Any] = {"tool_call_id": "i1", "response_schema": {"type": "boolean"}}
    asked = inside(Interrupt, interrupt_id="0", value=1, **about)
    chunks = chunks_of([*events, asked, RunEnd(**AT, status="interrupted")])
    check(chunks)
    kinds = [(it["type"], it.get("toolCallId")) for it in chunks]
    assert ("tool-input-available", "i1") in kinds
    question = next(it for it in chunks if it["type"] == "data-interrupt")
    assert question["data"]["toolCallId"] == "i1"
    assert question["data"]["responseSchema"] == {"type": "boolean"}

    part = {"type": "dynamic-tool", "toolName": "ask", "toolCallId": "c1", "input": {}}
    half = {**part, "state": "output-available", "output": {"parts": []}, "preliminary": True}
    told = {"id": "a", "role": "assistant", "parts": [half, question]}
    with pytest.raises(BadRequest, match="nothing in it was answered"):
        ai_sdk.read_request({"id": "chat", "messages": [told]})


def test_a_text_that_the_state_changes_is_changed_within_its_step() -> None:
    events = [*speaking("a", "first"), replaced("a", "other"), *speaking("b", "second")]
    events += [replaced("a", "too late"), MessageRemoved(**AT, message_id="b")]
    for target, shown in ((6, ["first", "second"]), (7, ["other"])):
        chunks = chunks_of([*events, RunEnd(**AT, status="completed")], target=target)
        check(chunks)
        assert shown_texts(chunks) == shown


@pytest.mark.parametrize("status", ["completed", "interrupted", "cancelled", "incomplete"])
def test_calls_that_will_have_no_result_end_with_the_run(status: Any) -> None:
    call: dict[str, Any] = {
        **AT,
        "message_id": "m",
        "block_id": 0,
        "tool_call_id": "c",
        "name": "f",
    }
    events = [
        ToolCallStart(**call),
        ToolCallEnd(**call, args={}, text="{}"),
        RunEnd(**AT, status=status),
    ]
    kinds = [it["type"] for it in chunks_of(events)]
    waits = status in {"completed", "interrupted"}  # for the client, or for an answer
    assert kinds.count("tool-output-error") == (0 if waits else 1)


@pytest.mark.parametrize(("status", "count"), [("cancelled", 1), ("interrupted", 0)])
def test_a_tool_that_waits_for_an_answer_has_not_failed(status: Any, count: int) -> None:
    ran = [about_call(ToolStart), about_call(ToolEnd, status=status)]
    chunks = chunks_of([*ran, RunEnd(**AT, status="interrupted")])
    assert [it["type"] for it in chunks].count("tool-output-error") == count


def test_a_call_that_never_started_is_not_written() -> None:
    """Clients throw at the end of a call that they do not know."""
    chunks = chunks_of([RunStart(**AT), WRITTEN[1], RunEnd(**AT, status="completed")])
    assert not [it for it in chunks if "tool" in it["type"]]


def replaced(id: str, text: str) -> Event:
    return MessageReplaced(**AT, message_id=id, message=AIMessage(text, id=id))


def about_call(event: type[Event], **fields: Any) -> Any:
    return event(**AT, tool_call_id="c1", name="pay", **fields)


WRITTEN = [
    about_call(ToolCallStart, message_id="m", block_id=0),
    about_call(ToolCallEnd, message_id="m", block_id=0, args={}, text="{}"),
]


@pytest.mark.parametrize(
    ("ends", "kinds"),
    [
        (
            [
                MessageEnd(
                    **AT, message_id="m", status="abandoned", text="", tool_calls=(PAY, OTHER)
                )
            ],
            ["tool-output-error"],
        ),
        (
            [about_call(ToolStart), about_call(ToolEnd, status="interrupted")],
            ["tool-output-error"],  # by the end of the run
        ),
        ([about_call(ToolStart), about_call(ToolEnd, status="cancelled")], ["tool-output-error"]),
        ([replaced("t", "of a message")], ["tool-output-error"]),
        (
            [
                MessageReplaced(
                    **AT,
                    message_id="t",
                    tool_call_id="c2",
                    message=ToolMessage("of a call nobody has seen", id="t", tool_call_id="c2"),
                )
            ],
            ["tool-output-error"],
        ),
        (
            [
                about_call(ToolStart),
                about_call(ToolEnd, status="completed", output="4111"),
                MessageReplaced(
                    **AT,
                    message_id="t",
                    tool_call_id="c1",
                    message=ToolMessage("a card", id="t", tool_call_id="c1"),
                ),
            ],
            ["tool-output-available", "tool-output-available"],
        ),
    ],
)
def test_how_a_call_ends(ends: Any, kinds: list[str]) -> None:
    chunks = chunks_of([MessageStart(**AT, message_id="m"), *WRITTEN, *ends])
    check(chunks)
    found = [it for it in chunks if it["type"].startswith("tool-output")]
    assert [it["type"] for it in found] == kinds
    assert found[-1].get("output", "a card") == "a card"


def test_a_call_with_broken_arguments_shows_its_text_and_why() -> None:
    end = about_call(ToolCallEnd, message_id="m", block_id=0, args=None, text='{"a', error="cut")
    chunks = chunks_of([WRITTEN[0], end])
    [bad] = [it for it in chunks if it["type"] == "tool-input-error"]
    assert (bad["input"], bad["errorText"]) == ('{"a', "cut")


def test_a_call_leaves_with_the_answer_that_the_state_takes_back() -> None:
    events = [
        MessageStart(**AT, message_id="m"),
        TextStart(**AT, message_id="m", block_id=1),
        TextStart(**AT, message_id="n", block_id=0),
        *WRITTEN,
        MessageRemoved(**AT, message_id="m"),
        TextDelta(**AT, message_id="m", block_id=1, text="too late"),
        MessageEnd(**AT, message_id="m", status="completed", text=""),
    ]
    chunks = chunks_of(events, target=7)
    check(chunks)
    after = [it["type"] for it in chunks]
    after = after[after.index("reset-step") :]
    assert not {it for it in after if it.startswith("tool-")}
    assert [it["id"] for it in chunks if it["type"] == "text-end"] == ["n:0"]


def test_other_events_and_ones_own_data_are_written_where_they_are_asked_for() -> None:
    state = StateSnapshot(**AT, values={"n": 1})
    machine = ai_sdk.Encoder(also=["state.snapshot"])
    frames = [
        it for item in (state, {"type": "app.stock", "n": 2}, "bare") for it in machine.feed(item)
    ]
    _, whole, stock, bare = [json.loads(it[6:]) for it in frames if b"start-step" not in it]
    assert (whole["type"], whole["transient"]) == ("data-event", True)
    assert whole["data"]["values"] == {"n": 1}
    assert (stock["type"], stock["data"]["n"]) == ("data-app.stock", 2)
    assert (bare["type"], bare["data"]) == ("data-custom", "bare")


def test_a_question_that_was_answered_is_closed_and_a_denied_call_says_so() -> None:
    asked = {"interruptId": "i1", "value": ASKED, "toolCallId": "c1"}
    approval = {"id": "i1/0", "approved": False, "reason": "no money"}
    tool = {"type": "dynamic-tool", "toolName": "pay", "toolCallId": "c1", "input": {}}
    parts = [
        {**tool, "state": "approval-responded", "approval": approval},
        {"type": "data-interrupt", "data": asked},
    ]
    request = ai_sdk.read_request(
        {"id": "chat", "messages": [{"id": "a", "role": "assistant", "parts": parts}]}
    )
    assert request.resume == {"i1": {"decisions": [{"type": "reject", "message": "no money"}]}}
    assert ai_sdk.graph_input(request).resume == request.resume  # type: ignore[union-attr]
    error = about_call(ToolError, error=ErrorInfo(name="ValueError"))
    chunks = chunks_of([about_call(ToolStart), error], request=request)
    check(chunks)
    [answered] = [it for it in chunks if it["type"] == "data-interrupt"]
    assert (answered["id"], answered["data"]) == ("i1", {**asked, "answered": True})
    assert [it["type"] for it in chunks if it["type"].startswith("tool-")] == ["tool-output-denied"]


def test_what_stands_beside_text_has_parts_of_its_own() -> None:
    call: dict[str, Any] = {**AT, "message_id": "m", "block_id": 0, "tool_call_id": "s1"}
    call |= {"name": "search", "provider_executed": True}
    part: dict[str, Any] = {**AT, "message_id": "m"}
    found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [1]}
    documents = ({"metadata": {"source": "https://x.test"}}, {"metadata": {}})
    chunks = chunks_of(
        [
            MessageStart(**AT, message_id="m"),
            ToolCallStart(**call),
            ToolCallEnd(**call, args={}, text="{}"),
            Content(**part, block_id=1, block=found),
            ReasoningStart(**part, block_id=2),
            ReasoningEnd(**part, block_id=2, text="", signature="signed"),
            Citation(**part, block_id=3, citation={"url": "https://y.test", "title": "Y"}),
            Content(**part, block_id=4, block={"type": "odd"}),
            Content(**part, block_id=5, block={"type": "file", "url": "https://z.test/f"}),
            MessageEnd(**AT, message_id="m", status="completed", text=""),
            RetrievalEnd(**AT, retrieval_id="r", name="r", status="completed", documents=documents),
            StepDelta(**AT, step_id=None, value=1),
            StepDelta(**AT, step_id=None, value=2, cumulative=True),
            StepDelta(**AT, step_id="parser", value=3),
        ]
    )
    check(chunks)
    [output] = [it for it in chunks if it["type"] == "tool-output-available"]
    assert (output["output"], output["providerExecuted"]) == ([1], True)
    [end] = [it for it in chunks if it["type"] == "reasoning-end"]
    assert end["providerMetadata"]["streamkit"]["signature"] == "signed"
    sources = [it for it in chunks if it["type"] == "source-url"]
    assert [it["url"] for it in sources] == ["https://y.test", "https://x.test"]
    assert next((it["sourceId"], it.get("title")) for it in sources) == ("source-1", "Y")
    assert [it["data"] for it in chunks if it["type"] == "data-content"] == [{"type": "odd"}]
    files = [(it["url"], it["mediaType"]) for it in chunks if it["type"] == "file"]
    assert files == [("https://z.test/f", "application/octet-stream")]
    outputs = [(it["data"], it.get("id")) for it in chunks if it["type"] == "data-output"]
    assert outputs == [(1, None), (2, "output")]


def test_words_inside_a_tool_that_does_not_run_are_left_out() -> None:
    part: dict[str, Any] = {"message_id": "m0", "block_id": 0}
    events = [
        inside(MessageStart, message_id="m0"),
        inside(TextStart, **part),
        inside(TextEnd, **part, text="psst"),
    ]
    assert not any("psst" in str(it) for it in chunks_of(events))


@pytest.mark.parametrize(("target", "count"), [(5, 0), (6, 1)])
def test_clients_that_know_no_approvals_get_the_question_alone(target: Any, count: int) -> None:
    asked = Interrupt(**AT, interrupt_id="i1", value=ASKED)
    chunks = chunks_of([MessageStart(**AT, message_id="m"), *WRITTEN, asked], target=target)
    kinds = [it["type"] for it in chunks]
    assert kinds.count("tool-approval-request") == count
    assert kinds.count("data-interrupt") == 1


def test_results_of_the_clients_own_tools_are_new_messages() -> None:
    tool = {"type": "tool-look", "toolCallId": "c1", "state": "output-available"}
    part = {"type": "text", "text": "I look."}
    said = [
        {"id": "u", "role": "user", "parts": [{"type": "text", "text": "Look"}]},
        {
            "id": "a",
            "role": "assistant",
            "parts": [{"type": "step-start"}, part, {**tool, "input": {}, "output": "blue"}],
        },
    ]
    request = ai_sdk.read_request({"id": "chat", "messages": said})
    [result] = ai_sdk.graph_input(request)["messages"]  # type: ignore[index]
    assert (result.type, result.content, result.tool_call_id) == ("tool", "blue", "c1")


# --- stored messages


def test_stored_messages_are_shown_as_a_live_run_shows_them() -> None:
    made = ai_sdk.ui_messages(
        [
            SystemMessage("Be kind.", id="s1"),
            HumanMessage([{"type": "text", "text": "Look"}, PICTURE, {"type": "odd"}], id="h1"),
            AIMessage(
                [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "I look."}],
                id="a1",
                tool_calls=[
                    {"id": "call_0", "name": "look", "args": {"at": 1}},
                    {"id": "call_1", "name": "fail", "args": {}},
                ],
            ),
            ToolMessage("seen", tool_call_id="call_0", artifact={"n": 1}),
            ToolMessage("hush", tool_call_id="call_1", status="error"),
            AIMessage(
                "", id="a2", tool_calls=[{"id": "call_0", "name": "look", "args": {"at": 2}}]
            ),
            ToolMessage("seen again", tool_call_id="call_0"),
            AIMessage("Done.", id="a3"),
            HumanMessage("Thanks", id="h2"),
        ]
    )
    assert [(it["id"], it["role"]) for it in made] == [
        ("h1", "user"),
        ("a1", "assistant"),
        ("h2", "user"),
    ]
    assert made[0]["parts"] == [
        {"type": "text", "text": "Look"},
        {"type": "file", "url": "data:image/png;base64,aGk=", "mediaType": "image/png"},
    ]
    step = {"type": "step-start"}
    tool: dict[str, Any] = {"type": "dynamic-tool", "toolName": "look"}
    done = {"state": "output-available"}
    assert made[1]["parts"] == [
        step,
        {"type": "reasoning", "text": "hm", "state": "done"},
        {"type": "text", "text": "I look.", "state": "done"},
        {**tool, **done, "toolCallId": "call_0", "input": {"at": 1}, "output": "seen"},
        {
            **tool,
            "toolName": "fail",
            "toolCallId": "call_1",
            "input": {},
            "state": "output-error",
            "errorText": "error",
        },
        {"type": "data-artifact", "data": {"toolCallId": "call_0", "artifact": {"n": 1}}},
        step,
        {**tool, **done, "toolCallId": "call_0#2", "input": {"at": 2}, "output": "seen again"},
        step,
        {"type": "text", "text": "Done.", "state": "done"},
    ]
    json.dumps(made)


PICTURE = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}


@pytest.mark.parametrize(
    ("block", "media_type"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/webp;base64,aGk="}}, "image/webp"),
        ({"type": "image_url", "image_url": {"url": "data:,hi"}}, "image/*"),
        ({"type": "audio", "id": "a1", "data": "aGk=", "transcript": "Hi"}, "audio/*"),
    ],
)
def test_a_file_has_the_media_type_of_its_url(block: Any, media_type: str) -> None:
    file = Content(**AT, message_id="m1", block_id=0, block=block)
    (sent,) = (it for it in chunks_of([RunStart(**AT), file]) if it["type"] == "file")
    assert sent["mediaType"] == media_type


@pytest.mark.parametrize(("form", "media_type"), [({}, "png"), ({"output_format": "webp"}, "webp")])
def test_an_image_of_openais_own_tool_is_a_result_and_a_file(form: Any, media_type: str) -> None:
    made = {"type": "image_generation_call", "id": "ig1", "result": "aGk=", **form}
    chunk = AIMessageChunk(content=[{**made, "revised_prompt": "a cat"}], id="m1")
    sent = chunks_of(list(normalize([chunk])))
    (output,) = (it for it in sent if it["type"] == "tool-output-available")
    (file,) = (it for it in sent if it["type"] == "file")
    assert (output["toolCallId"], output["output"]["result"]) == ("ig1", "aGk=")
    url = f"data:image/{media_type};base64,aGk="
    assert (file["url"], file["mediaType"]) == (url, f"image/{media_type}")


def test_partial_outputs_are_written_and_not_kept_by_the_client() -> None:
    (piece,) = (
        it
        for it in chunks_of([RunStart(**AT), ToolDelta(**AT, tool_call_id="c1", delta="half")])
        if it["type"] == "data-tool-delta"
    )
    assert piece["data"] == {"toolCallId": "c1", "delta": "half"}
    assert piece["transient"] is True


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({}, {}),
        ({"input_token_details": {"cache_read": 3}}, {"cachedInputTokens": 3}),
        ({"output_token_details": {"reasoning": 2}}, {"reasoningTokens": 2}),
    ],
)
def test_tokens_have_the_names_of_the_ai_sdk(details: Any, told: dict[str, int]) -> None:
    usage = Usage(input_tokens=5, output_tokens=4, total_tokens=9, **details)
    events = [RunStart(**AT), RunEnd(**AT, status="completed", usage=usage)]
    (metadata,) = (it for it in chunks_of(events) if it["type"] == "message-metadata")
    counts = {"inputTokens": 5, "outputTokens": 4, "totalTokens": 9}
    assert metadata["messageMetadata"] == {"usage": {**counts, **told}}
