"""What formats say about their frames: deltas that add up, and the end of a stream that was cut off."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("langgraph", reason="langgraph is not installed")

from langchain_core.messages import AIMessageChunk

from streamkit import Origin, RetrievalStart, RunStart, TextDelta, normalize
from streamkit.demo import build_graph
from streamkit.testing import Call, Reply, ScriptedChatModel, check_stream
from streamkit.wire import (
    ag_ui,
    agent_protocol,
    ai_sdk,
    langgraph_sse,
    openai_chunks,
    openai_responses,
    sse,
)
from streamkit.wire.replay import Replay
from streamkit.wire.resume import Joiner, payloads

WIRES: list[Any] = [sse, ai_sdk, ag_ui, langgraph_sse, openai_chunks, openai_responses]
GIVEN = {"messages": [("human", "Plan me two days in Bologna")]}


@pytest.fixture(scope="module")
def items() -> list[Any]:
    config: Any = {"configurable": {"thread_id": "t"}}
    modes = ["messages", "updates", "values", "custom", "tasks"]
    return list(build_graph(pace=0).stream(GIVEN, config, stream_mode=modes, subgraphs=True))


def frames_of(wire: Any, items: list[Any]) -> list[bytes]:
    return list(normalize(iter(items)).pipe(wire.encoder()))


def test_our_own_stream_is_ended_wherever_it_was_cut(items):
    frames = frames_of(sse, items)
    kinds = set()
    for cut in range(len(frames)):
        end = sse.RESUME.cut_off(frames[:cut])
        events = sse.Decoder().feed(b"".join([*frames[:cut], *end]))
        check_stream(events)
        assert events[-1].status == "incomplete"
        kinds |= {event.type for event in events[cut:]}
    assert kinds >= {"text.end", "message.end", "tool_call.end", "tool.end", "step.end"}
    assert sse.RESUME.cut_off(frames) == []


def test_a_retrieval_of_our_own_stream_is_ended_by_its_id():
    at: Any = {"origin": Origin(), "timestamp": 0.5}
    begun = [RunStart(**at), RetrievalStart(**at, retrieval_id="r", name="docs", query="cats")]
    machine = sse.encoder().stage()
    frames = [frame for event in begun for frame in machine(event)]
    events = sse.Decoder().feed(b"".join([*frames, *sse.RESUME.cut_off(frames)]))
    check_stream(events)
    assert [(it.type, getattr(it, "retrieval_id", None)) for it in events[2:]] == [
        ("retrieval.end", "r"),
        ("run.end", None),
    ]


def test_a_ui_message_stream_is_ended_wherever_it_was_cut(items):
    frames = frames_of(ai_sdk, items)
    for cut in range(len(frames) - 2):
        ended = [*frames[:cut], *ai_sdk.RESUME.cut_off(frames[:cut])]
        opened: list[Any] = []
        calls: dict[str, str] = {}
        for it in payloads(ended):
            match it["type"]:
                case "text-start" | "reasoning-start":
                    opened.append(it["id"])
                case "text-end" | "reasoning-end":
                    opened.remove(it["id"])
                case "start-step":
                    opened.append("step")
                case "finish-step":
                    opened.remove("step")
                case kind if "toolCallId" in it:
                    calls[it["toolCallId"]] = kind
                case _:
                    pass
        assert opened == []
        assert ended[0].startswith(b'data: {"type":"start"')
        assert set(calls.values()) <= {
            "tool-output-available",
            "tool-output-error",
            "tool-input-error",
            "tool-approval-request",
        }
        assert ended[-2:] == [
            b'data: {"type":"error","errorText":"incomplete"}\n\n',
            b"data: [DONE]\n\n",
        ]
    assert ai_sdk.RESUME.cut_off(frames) == []


def test_an_ag_ui_stream_is_ended_wherever_it_was_cut(items):
    frames = frames_of(ag_ui, items)
    for cut in range(1, len(frames)):
        ended = list(payloads([*frames[:cut], *ag_ui.RESUME.cut_off(frames[:cut])]))
        assert ended[-1]["type"] == "RUN_ERROR"
        kinds = [it["type"] for it in ended]
        for start, end in [
            ("TEXT_MESSAGE_START", "TEXT_MESSAGE_END"),
            ("REASONING_START", "REASONING_END"),
            ("TOOL_CALL_START", "TOOL_CALL_END"),
            ("STEP_STARTED", "STEP_FINISHED"),
        ]:
            assert kinds.count(start) == kinds.count(end)
    assert ag_ui.RESUME.cut_off(frames) == []


def test_a_langgraph_stream_is_ended_wherever_it_was_cut(items):
    frames = frames_of(langgraph_sse, items)
    [end] = langgraph_sse.RESUME.cut_off(frames[:-1])
    assert end.startswith(b"event: error\n")
    assert langgraph_sse.RESUME.cut_off(frames) == []


def test_a_completion_is_ended_wherever_it_was_cut(items):
    frames = frames_of(openai_chunks, items)
    for cut in range(len(frames)):
        error, done = openai_chunks.RESUME.cut_off(frames[:cut])
        incomplete = {"message": "incomplete", "type": "incomplete", "param": None, "code": None}
        assert list(payloads([error])) == [{"error": incomplete}]
        assert done == frames[-1]
    assert openai_chunks.RESUME.cut_off(frames) == []


def test_a_response_is_ended_wherever_it_was_cut(items):
    frames = frames_of(openai_responses, items)
    for cut in range(len(frames)):
        ended = list(payloads([*frames[:cut], *openai_responses.RESUME.cut_off(frames[:cut])]))
        assert ended[0]["type"] == "response.created"
        assert ended[-1]["type"] == "response.failed"
        assert ended[-1]["response"]["id"] == ended[0]["response"]["id"]
        assert [it["sequence_number"] for it in ended] == list(range(1, len(ended) + 1))
        done = [it["item"] for it in ended if it["type"] == "response.output_item.done"]
        assert ended[-1]["response"]["output"] == done
    assert openai_responses.RESUME.cut_off(frames) == []
    assert openai_responses.document(b"".join(frames[:-1]))[0] == 500


def test_a_question_about_a_call_keeps_the_call_open_for_its_answer():
    call = b'"toolCallId":"c1","dynamic":true}\n\n'
    frames = [
        b'data: {"type":"start"}\n\n',
        b'data: {"type":"tool-input-available",' + call,
        b'data: {"type":"tool-approval-request","approvalId":"i/0",' + call,
    ]
    kinds = [it["type"] for it in payloads(ai_sdk.RESUME.cut_off(frames))]
    assert kinds == ["error"]


@pytest.mark.parametrize(
    ("before", "end"),
    [
        ("tool-input-start", "tool-input-error"),
        ("tool-input-available", "tool-output-error"),
        ("tool-input-available", "tool-output-available"),
        ("tool-input-available", "tool-output-denied"),
    ],
)
def test_a_call_that_has_ended_is_not_ended_again(before: str, end: str) -> None:
    frames = [b'data: {"type":"%b","toolCallId":"c1"}\n\n' % it.encode() for it in (before, end)]
    kinds = [it["type"] for it in payloads(ai_sdk.RESUME.cut_off(frames))]
    assert kinds == ["start", "error"]


def test_a_call_whose_input_is_whole_lacks_its_output_alone() -> None:
    kinds = ("tool-input-start", "tool-input-available")
    frames = [b'data: {"type":"%b","toolCallId":"c1"}\n\n' % it.encode() for it in kinds]
    ended = [it["type"] for it in payloads(ai_sdk.RESUME.cut_off(frames))]
    assert ended == ["start", "tool-output-error", "error"]


@pytest.mark.parametrize("wire", WIRES)
def test_joined_deltas_say_the_same_in_fewer_frames(wire):
    frames = frames_of(wire, [*[f"{n} \N{SNOWMAN}\u2028 " for n in range(300)], '"\\\n', "end"])
    joiner = Joiner(wire.RESUME.delta_of)
    for frame in frames:
        joiner.add(frame)
    joined = joiner.frames()
    assert len(joined) < 10
    assert joiner.size <= sum(map(len, frames))
    assert text_in(wire, joined) == text_in(wire, frames)
    assert not any("\u2028".encode() in frame for frame in joined)


def text_in(wire: Any, frames: list[bytes]) -> str:
    if wire is sse:
        events = sse.Decoder().feed(b"".join(frames))
        check_stream(events)
        return "".join(it.text for it in events if isinstance(it, TextDelta))
    if wire is langgraph_sse:
        found: Any = sse.FrameDecoder().feed(b"".join(frames))
        parts = [json.loads(it.data)[0] for it in found if it.event.startswith("messages")]
        return "".join(it["content"] for it in parts if isinstance(it["content"], str))
    if wire is openai_chunks:
        choices = [it["choices"][0] for it in payloads(frames) if it["choices"]]
        return "".join(it["delta"].get("content", "") for it in choices)
    deltas = {"response.output_text.delta", "text-delta", "TEXT_MESSAGE_CONTENT"}
    return "".join(it["delta"] for it in payloads(frames) if it["type"] in deltas)


@pytest.mark.parametrize("wire", WIRES)
def test_each_block_of_a_message_is_one_delta(wire):
    arguments = {"cities": [f"city {n}" for n in range(100)]}
    model = ScriptedChatModel(
        script=[
            Reply(
                text="words " * 200,
                reasoning="thoughts " * 200,
                tool_calls=(Call("travel", arguments, "c1"),),
            )
        ]
    )
    frames = frames_of(wire, list(model.stream("Go")))
    joiner = Joiner(wire.RESUME.delta_of)
    for frame in frames:
        joiner.add(frame)
    assert len(frames) > 400
    assert len(joiner.frames()) < 20
    assert in_langchain(wire, joiner.frames()) == in_langchain(wire, frames)


def in_langchain(wire: Any, frames: list[bytes]) -> Any:
    """Return the message as LangChain adds it up, or the text and reasoning of other formats."""
    if wire is not langgraph_sse:
        return text_in(wire, frames)
    found: Any = sse.FrameDecoder().feed(b"".join(frames))
    chunks = [json.loads(it.data)[0] for it in found if it.event.startswith("messages")]
    for it in chunks:
        it.pop("type")
    whole = sum((AIMessageChunk(**it) for it in chunks[1:]), AIMessageChunk(**chunks[0]))
    [call] = whole.tool_calls
    kinds = [block["type"] for block in whole.content if isinstance(block, dict)]
    assert (kinds, len(call["args"]["cities"])) == (["reasoning", "text"], 100)
    return whole


NO_DELTA = (
    b'data: {"object":"chat.completion.chunk","choices":[{"delta":null,"finish_reason":null}]}\n\n'
)


@pytest.mark.parametrize(
    ("wire", "frame"),
    [
        (langgraph_sse, b'event: messages\ndata: {"content":"Hi"}\n\n'),
        (langgraph_sse, b'event: messages\ndata: [{"content":"","tool_call_chunks":[]},{}]\n\n'),
        (openai_chunks, NO_DELTA),
        (ai_sdk, b'data: {"type":"data-x","data":{"type":"text-delta"}}\n\n'),
    ],
)
def test_a_frame_that_only_looks_like_a_delta_is_none(wire, frame):
    assert wire.RESUME.delta_of(frame) is None


def test_what_is_between_two_deltas_stays_between_them():
    delta = b'data: {"type":"text-delta","id":"%d","delta":"%b"}\n\n'
    other = b'data: {"type":"data-x","data":1}\n\n'
    frames = [delta % (1, b"a"), delta % (2, b"x"), delta % (1, b"b"), other, delta % (1, b"c")]
    joiner = Joiner(ai_sdk.RESUME.delta_of)
    for frame in frames:
        joiner.add(frame)
    assert joiner.frames() == [delta % (1, b"ab"), delta % (2, b"x"), other, delta % (1, b"c")]


AGENT = b"event: messages\ndata: "
RESPONSE = b"event: response.output_text.delta\ndata: "


@pytest.mark.parametrize(
    ("wire", "frame"),
    [
        (ai_sdk, b'data: {"type":"text-delta","id":"1","delta":"\\ud83d"}\n\n'),  # half a pair
        (ai_sdk, b'data: {"type":"text-delta","id":"1","delta":1}\n\n'),
        (ai_sdk, b'data: {"type":"text-delta","id":"1"}\n\n'),
        (ai_sdk, b'data: {"type":"text-delta"\n\n'),
        (ai_sdk, b'data: ["type":"text-delta"]\n\n'),
        (ai_sdk, b": text-delta\n\n"),
        (openai_chunks, b'data: {"choices":[{"delta":{"role":"a","content":"x"}}]}\n\n'),
        (openai_chunks, b'data: {"choices":[{"delta":{"content":"x"},"finish_reason":"s"}]}\n\n'),
        (ai_sdk, b""),
        (agent_protocol, AGENT + b'{"params":{"data":{"event":"content-block-delta"}}}\n\n'),
        (agent_protocol, AGENT + b'{"content-block-delta"\n\n'),
        (openai_responses, RESPONSE + b'{"delta":1}\n\n'),
        (langgraph_sse, AGENT + b'[{"content":[{"type":"text","text":"a"}]},{}]\n\n'),
    ],
)
def test_what_is_no_delta_is_kept_as_it_is(wire, frame):
    joiner = Joiner(wire.RESUME.delta_of)
    for _ in range(2):
        joiner.add(frame)
    assert joiner.frames() == [frame, frame]


def test_a_copy_that_cannot_join_begins_with_what_is_still_there():
    replay = Replay(max_frames=2)
    for frame in frames_of(sse, ["Hel", "lo"]):
        replay.add(frame)
    copy = Replay()
    copy.load(replay.whole())
    assert copy.after(0) == replay.after(0)


@pytest.mark.parametrize("max_bytes", [600, 2000, 10**6])
def test_joined_frames_keep_their_bounds_or_are_dropped(max_bytes):
    frames = frames_of(sse, [f"{n} " for n in range(400)])
    replay = Replay(max_frames=30, max_bytes=max_bytes, delta_of=sse.RESUME.delta_of)
    for frame in frames:
        replay.add(frame)
        whole = replay.after(0)
        assert sum(map(len, whole.frames)) <= max_bytes + 1500
    assert (whole.missed > 0) == (max_bytes < 10**6)


@pytest.mark.parametrize("every", [1, 3, 7, 50])
@pytest.mark.parametrize("max_frames", [4, 40, 4000])
def test_a_copy_that_is_sent_what_is_new_equals_the_original(every, max_frames):
    frames = frames_of(sse, [f"{n} " for n in range(200)])
    bounds: Any = {"max_frames": max_frames, "delta_of": sse.RESUME.delta_of}
    replay, copy = Replay(**bounds), Replay(max_frames=4000, delta_of=sse.RESUME.delta_of)
    stored = 0
    for n, frame in enumerate(frames):
        replay.add(frame)
        if n % every == 0 or n == len(frames) - 1:
            part = replay.part_after(stored)
            copy.load(part if copy.last + 1 >= part.first else replay.whole())
            stored = part.last
    assert copy.last == replay.last == len(frames)
    for it in (copy, replay):
        events = sse.Decoder().feed(b"".join(it.after(0).frames))
        check_stream(events)
        assert "".join(e.text for e in events if isinstance(e, TextDelta)).split() == [
            str(n) for n in range(200)
        ]
