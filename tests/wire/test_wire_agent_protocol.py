"""Agent streaming protocol: the form of each event, what is taken back, and what stays here."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, ToolMessage

from frontend_runs import HUSHED, an_error, parallel_models, the_demo
from random_events import EVENTS
from random_streams import ITEMS
from streamkit import (
    Citation,
    Content,
    Custom,
    ErrorInfo,
    Event,
    Interrupt,
    MessageEnd,
    MessageReplaced,
    MessageStart,
    Origin,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RunEnd,
    RunError,
    RunStart,
    StateSnapshot,
    StepEnd,
    StepStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolDelta,
    ToolEnd,
    ToolError,
    normalize,
)
from streamkit.wire import agent_protocol
from streamkit.wire.resume import Joiner

TASK = {"langgraph_checkpoint_ns": "n:1"}
AT: dict[str, Any] = {"origin": Origin(node="n", metadata=TASK), "timestamp": 0.5}
ROOT: dict[str, Any] = {"origin": Origin(), "timestamp": 0.5}
PART: dict[str, Any] = {**AT, "message_id": "m1"}
ERROR = ErrorInfo(name="ValueError", message=HUSHED)
ENDS = {"completed", "failed", "interrupted"}


def read(frames: Any) -> list[dict[str, Any]]:
    """The events in frames, each of which has the channel and the namespace in its first line."""
    found = []
    for frame in frames:
        name, data, *rest = frame.decode().split("\n")
        assert rest == ["", ""]
        event = json.loads(data.removeprefix("data: "))
        head = name.removeprefix("event: ")
        channel = head.partition("|")[0]
        path = "|".join([channel, *event["params"]["namespace"]])
        assert head == " ".join(path.split())
        assert event["method"].startswith(channel.partition(":")[0])
        found.append(event)
    return found


def written(*events: Event, **options: Any) -> list[dict[str, Any]]:
    write = agent_protocol.Encoder(**options)
    return read(frame for event in events for frame in write.feed(event))


def data(*events: Event, **options: Any) -> list[Any]:
    return [it["params"]["data"] for it in written(*events, **options)]


def is_end(event: dict[str, Any]) -> bool:
    params = event["params"]
    root = event["method"] == "lifecycle" and not params["namespace"]
    return root and params["data"]["event"] in ENDS


@given(ITEMS, st.data())
def test_any_cut(items: list[Any], choice: Any) -> None:
    """One end, which is the last, whatever there is and wherever it stops; numbers grow."""
    events = list(normalize(items, on_error="event"))
    size = choice.draw(st.integers(1, len(events)))
    write = agent_protocol.Encoder(after=0)
    frames = [frame for event in events[:size] for frame in write.feed(event)]
    found = read([*frames, *write.close()])
    assert [is_end(it) for it in found] == [False] * (len(found) - 1) + [True]
    assert [it["seq"] for it in found] == list(range(1, len(found) + 1))
    assert write.close() == ()


@given(EVENTS)
def test_no_event_breaks_a_frame(event: Event) -> None:
    read(agent_protocol.Encoder().feed(event))


def test_a_message():
    events = [
        MessageStart(**PART, model="large", provider="acme"),
        ReasoningStart(**PART, block_id=4),
        ReasoningDelta(**PART, block_id=4, text="Hm"),
        ReasoningEnd(**PART, block_id=4, text="Hm", signature="s"),
        TextStart(**PART, block_id=7),
        TextDelta(**PART, block_id=7, text="Hel\u2028lo"),
        Citation(**PART, block_id=7, citation={"url": "u"}),
        TextEnd(**PART, block_id=7, text="Hel\u2028lo"),
        ToolCallStart(**PART, block_id=9, tool_call_id="c1", name="look"),
        ToolCallDelta(**PART, block_id=9, tool_call_id="c1", args='{"x": 1}'),
        ToolCallEnd(
            **PART, block_id=9, tool_call_id="c1", name="look", args={"x": 1}, text='{"x": 1}'
        ),
        Content(**PART, block_id=10, block={"type": "image", "url": "i"}),
        MessageEnd(**PART, status="completed", text="Hello", finish_reason="stop"),
    ]
    found = written(*events)
    assert {it["method"] for it in found} == {"messages"}
    assert {(*it["params"]["namespace"], it["params"]["node"]) for it in found} == {("n:1", "n")}
    text = {"type": "text", "text": "Hel\u2028lo", "annotations": [{"url": "u"}]}
    piece = {"type": "tool_call_chunk", "args": '{"x": 1}'}
    call = {"type": "tool_call", "id": "c1", "name": "look", "args": {"x": 1}}
    assert [it["params"]["data"] for it in found] == [
        {
            "event": "message-start",
            "role": "ai",
            "id": "m1",
            "metadata": {"provider": "acme", "model": "large"},
        },
        block("start", 0, content={"type": "reasoning", "reasoning": ""}),
        block("delta", 0, delta={"type": "reasoning-delta", "reasoning": "Hm"}),
        block(
            "finish",
            0,
            content={"type": "reasoning", "reasoning": "Hm", "extras": {"signature": "s"}},
        ),
        block("start", 1, content={"type": "text", "text": ""}),
        block("delta", 1, delta={"type": "text-delta", "text": "Hel\u2028lo"}),
        block(
            "delta",
            1,
            delta={
                "type": "block-delta",
                "fields": {"type": "text", "annotations": [{"url": "u"}]},
            },
        ),
        block("finish", 1, content=text),
        block(
            "start",
            2,
            content={"type": "tool_call_chunk", "id": "c1", "name": "look", "args": ""},
        ),
        block("delta", 2, delta={"type": "tool-call-delta", "args": '{"x": 1}'}, content=piece),
        block("finish", 2, content=call),
        block("start", 3, content={"type": "image", "url": "i"}),
        block("finish", 3, content={"type": "image", "url": "i"}),
        {"event": "message-finish", "reason": "stop"},
    ]


def block(edge: str, index: int, **fields: Any) -> dict[str, Any]:
    return {"event": f"content-block-{edge}", "index": index, **fields}


def test_calls_that_are_broken_or_not_ours():
    call: dict[str, Any] = {**PART, "block_id": 0, "tool_call_id": "c1", "name": "look"}
    _, _, broken = data(
        MessageStart(**PART),
        ToolCallStart(**call),
        ToolCallEnd(**call, args=None, text="{", error="cut off"),
    )
    assert broken["content"] == {
        "type": "invalid_tool_call",
        "id": "c1",
        "name": "look",
        "args": "{",
        "error": "cut off",
    }
    _, begun, ended = data(
        MessageStart(**PART),
        ToolCallStart(**call, provider_executed=True),
        ToolCallEnd(**call, args={}, text="{}", provider_executed=True),
    )
    kinds = [it["content"]["type"] for it in (begun, ended)]
    assert kinds == ["server_tool_call_chunk", "server_tool_call"]


def test_two_models_in_one_node_do_not_mix():
    """The client knows a message by its namespace and node alone."""
    one, two = ({**AT, "message_id": id} for id in ("m1", "m2"))
    found = written(
        MessageStart(**one),
        MessageStart(**two),
        TextStart(**one, block_id=0),
        TextStart(**two, block_id=0),
        MessageEnd(**one, status="completed", text=""),
        MessageStart(**one),
    )
    assert [it["params"]["node"] for it in found] == ["n", "n#2", "n", "n#2", "n", "n"]
    at = [(*it["params"]["namespace"], it["params"]["node"]) for it in of(parallel_models())]
    assert len(set(at)) == 2


def of(events: list[Event]) -> list[dict[str, Any]]:
    return [it for it in written(*events) if it["method"] == "messages"]


def test_a_message_that_no_state_has_is_taken_back():
    """A state with it comes first, since the client only drops what a state had before."""
    human = {"type": "human", "id": "h", "content": "Hi"}
    stored = {"type": "ai", "id": "m2", "content": "Hello"}
    found = data(
        MessageStart(**PART),
        MessageEnd(**PART, status="abandoned", text="He"),
        MessageStart(**{**PART, "message_id": "m2"}),
        MessageEnd(**{**PART, "message_id": "m2"}, status="completed", text="Hello"),
        StateSnapshot(**ROOT, values={"messages": [human, stored], "n": 1}),
        RunEnd(**ROOT, status="completed"),
    )
    before, after, _ = found[4:]
    assert after == {"messages": [human, stored], "n": 1}
    assert [it["id"] for it in before["messages"]] == ["h", "m2", "m1"]


def test_messages_of_tools_and_subgraphs_are_not_the_roots():
    for path in ("tools:1", "inner:1|n:2"):
        at = {**PART, "origin": Origin(metadata={"langgraph_checkpoint_ns": path})}
        found = data(
            MessageStart(**at),
            MessageEnd(**at, status="completed", text=""),
            StateSnapshot(**ROOT, values={"messages": []}),
            RunEnd(**ROOT, status="completed"),
        )
        assert found[2:3] == [{"messages": []}]
        assert len(found) == 4


def test_a_message_that_a_node_changes_is_written_again():
    """The client prefers what was streamed to what the state has under the same id."""
    answer = AIMessage("[gone]", id="m1", tool_calls=[{"name": "look", "args": {}, "id": "c1"}])
    result = ToolMessage([{"type": "text", "text": "[gone]"}], id="t1", tool_call_id="c1")
    start, *blocks, end = data(MessageReplaced(**PART, message=answer))
    assert start == {"event": "message-start", "role": "ai", "id": "m1"}
    assert [it["content"]["type"] for it in blocks] == ["text"] * 2 + ["tool_call"] * 2
    assert blocks[1]["content"]["text"] == "[gone]"
    assert end == {"event": "message-finish", "usage": None}
    replaced = MessageReplaced(**{**AT, "message_id": "t1"}, message=result, tool_call_id="c1")
    start, *blocks, _ = data(replaced)
    assert start == {"event": "message-start", "role": "tool", "id": "t1", "tool_call_id": "c1"}
    assert blocks[0] == block("start", 0, content={"type": "text", "text": "[gone]"})
    # The state gives it an id: then the state is enough.
    unnamed = ToolMessage("[gone]", tool_call_id="c1")
    assert data(MessageReplaced(**{**AT, "message_id": "c1"}, message=unnamed)) == []


def test_tools():
    tool: dict[str, Any] = {**AT, "tool_call_id": "c1", "name": "look"}
    found = data(
        ToolDelta(**AT, tool_call_id="c1", delta={"n": 1}),
        ToolEnd(**tool, status="completed", output="it"),
        ToolEnd(**tool, status="completed", output="it", confirmed=False),
        ToolEnd(**tool, status="cancelled"),
        ToolError(**tool, error=ERROR),
    )
    assert found == [
        {"event": "tool-output-delta", "tool_call_id": "c1", "delta": '{"n":1}'},
        {"event": "tool-finished", "tool_call_id": "c1", "output": "it"},
        {"event": "tool-finished", "tool_call_id": "c1", "output": None},
        {"event": "tool-error", "tool_call_id": "c1", "message": "cancelled"},
        {"event": "tool-error", "tool_call_id": "c1", "message": "ValueError"},
    ]
    assert data(ToolError(**tool, error=ERROR), private=True)[0]["message"] == HUSHED


def test_nodes_and_the_run_have_a_lifecycle():
    node: dict[str, Any] = {**AT, "step_id": "s1", "kind": "node"}
    by_call = {**node, "origin": Origin(node="n", metadata=TASK, tool_call_id="c1")}
    chain: dict[str, Any] = {**AT, "step_id": "s2", "kind": "chain"}
    found = data(
        RunStart(**ROOT),
        StepStart(**by_call),
        StepStart(**chain),
        StepEnd(**chain, status="completed"),
        StepEnd(**node, status="failed", error=ERROR),
        RunError(**ROOT, error=ERROR),
    )
    cause = {"type": "toolCall", "tool_call_id": "c1"}
    assert found == [
        {"event": "running"},
        {"event": "started", "graph_name": "n", "cause": cause},
        {"event": "failed", "graph_name": "n", "error": "ValueError"},
        {"event": "failed", "error": "ValueError"},
    ]
    for status, said in [
        ("completed", "completed"),
        ("interrupted", "interrupted"),
        ("cancelled", "interrupted"),
        ("incomplete", "failed"),
    ]:
        assert data(RunEnd(**ROOT, status=status))[0]["event"] == said


def test_questions_and_custom_events():
    question = Interrupt(**AT, interrupt_id="i1", value="Sure?")
    assert data(question) == [{"interrupt_id": "i1", "payload": "Sure?"}]
    assert data(Interrupt(**AT, interrupt_id="i2", static=True)) == []
    assert data(Custom(**AT, data=1), Custom(**AT, name="a\nb", data=2)) == [
        {"payload": 1},
        {"name": "a\nb", "payload": 2},
    ]


def test_exception_texts_stay_here():
    for private in (False, True):
        frames = json.dumps(written(*an_error(), private=private))
        assert (HUSHED in frames) == private


# --- clients that come back


def test_old_deltas_are_joined():
    write = agent_protocol.Encoder()
    joiner = Joiner(agent_protocol.RESUME.delta_of)
    for event in normalize(["Hel", "lo ", "there"]):
        for frame in write.feed(event):
            joiner.add(frame)
    found = [it["params"]["data"].get("delta") for it in read(joiner.frames())]
    assert [it for it in found if it] == [{"type": "text-delta", "text": "Hello there"}]


def test_a_run_that_was_cut_off_fails():
    write = agent_protocol.Encoder(after=6)
    frames = [it for event in the_demo() for it in write.feed(event)]
    [end] = read(agent_protocol.RESUME.cut_off(frames[:9]))
    assert end["params"]["data"] == {"event": "failed", "error": "the run was cut off"}
    assert end["seq"] == 16
    assert agent_protocol.RESUME.cut_off(frames) == []


def test_what_is_missing_is_counted():
    [event] = read([agent_protocol.gap(3)])
    assert event["params"]["data"] == {"name": "streamkit.gap", "payload": {"missed": 3}}


def test_of_a_message_that_is_left_out_nothing_is_written():
    """Such as one whose start was filtered out."""
    block: dict[str, Any] = {**PART, "block_id": 0}
    events = [
        Citation(**block, citation={"url": "u"}),
        TextDelta(**block, text="Hi"),
        TextEnd(**block, text="Hi"),
        MessageEnd(**PART, status="completed", text="Hi"),
    ]
    assert written(*events) == []
