"""The lines a chat window needs, from made-up events and from a real graph."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, ToolMessage

from streamkit import (
    AsyncEventStream,
    Citation,
    Content,
    Custom,
    ErrorInfo,
    Event,
    EventStream,
    Interrupt,
    MessageEnd,
    MessageRemoved,
    MessageReplaced,
    MessageStart,
    Origin,
    ReasoningDelta,
    RetrievalEnd,
    RunEnd,
    RunError,
    RunStart,
    TextDelta,
    TextEnd,
    ToolCallDelta,
    ToolCallEnd,
    ToolDelta,
    ToolEnd,
    ToolError,
    ToolStart,
    Usage,
    UsageError,
    normalize,
)
from streamkit.wire import chat, chat_lines

AT: dict[str, Any] = {"origin": Origin(), "timestamp": 0.5}
PART: dict[str, Any] = {**AT, "message_id": "m", "block_id": 0}
CALL: dict[str, Any] = {**PART, "tool_call_id": "c", "name": "f"}
TOOL: dict[str, Any] = {**AT, "tool_call_id": "c", "name": "f"}
HUSH = ErrorInfo(name="ValueError", message="hush", exception=ValueError("hush"))
USAGE = Usage(input_tokens=3, output_tokens=4)

LINES: list[tuple[Event, str]] = [
    (TextDelta(**PART, text="a\n\u2028b"), r'{"type":"token","content":"a\n\u2028b","message_id":"m"}'),
    (TextDelta(**PART, text="\ud83d"), '{"type":"token","content":"\ufffd","message_id":"m"}'),
    (ToolCallEnd(**CALL, args={"a": [1]}, text=""), '{"type":"tool_call","name":"f","args":{"a":[1]}}'),
    (ToolCallEnd(**CALL, args={}, text=""), '{"type":"tool_call","name":"f","args":{}}'),
    (ToolCallEnd(**CALL, args=None, text='{"a', error="cut off"), ""),
    (ToolEnd(**TOOL, status="completed", output="sunny"), '{"type":"tool_result","name":"f","result":"sunny"}'),
    (ToolEnd(**TOOL, status="completed"), '{"type":"tool_result","name":"f","result":null}'),
    (
        ToolEnd(**TOOL, status="completed", output=({1}, ValueError("hush"))),
        '{"type":"tool_result","name":"f","result":[[1],{"$error":{"name":"ValueError"}}]}',
    ),
    (ToolEnd(**TOOL, status="interrupted"), ""),
    (ToolEnd(**TOOL, status="cancelled"), ""),
    (ToolError(**TOOL, error=HUSH), '{"type":"tool_result","name":"f","result":"error: ValueError"}'),
    (
        ToolError(**TOOL, error=ErrorInfo(name="ToolError", message="Error: hush")),
        '{"type":"tool_result","name":"f","result":"error: ToolError"}',
    ),
    (
        RunEnd(**AT, status="completed", usage=USAGE),
        '{"type":"usage","input_tokens":3,"output_tokens":4}\n{"type":"end","status":"completed"}',
    ),
    (
        RunError(**AT, error=HUSH, usage=USAGE),
        '{"type":"usage","input_tokens":3,"output_tokens":4}\n{"type":"error","name":"ValueError"}\n{"type":"end","status":"failed"}',
    ),
    (
        RunEnd(**AT, status="completed", usage=Usage()),
        '{"type":"usage","input_tokens":0,"output_tokens":0}\n{"type":"end","status":"completed"}',
    ),
    (RunEnd(**AT, status="incomplete"), '{"type":"end","status":"incomplete"}'),
    (
        Interrupt(**AT, interrupt_id="i", value={"ask": "Sure?"}),
        '{"type":"interrupt","id":"i","value":{"ask":"Sure?"}}',
    ),
    (
        Citation(**PART, citation={"url": "https://a.test", "title": "A"}),
        '{"type":"sources","sources":[{"url":"https://a.test","title":"A"}]}',
    ),
    (Citation(**PART, citation={"index": 1}), ""),
    (
        RetrievalEnd(**AT, retrieval_id="r", name="f", status="completed", documents=(
            Document("a", metadata={"source": "b.pdf"}), Document("hush"),
        )),
        '{"type":"sources","sources":[{"url":null,"title":"b.pdf"}]}',
    ),
    (
        Content(**PART, block={"type": "refusal", "refusal": "No."}),
        '{"type":"token","content":"No.","message_id":"m"}',
    ),
    (MessageEnd(**AT, message_id="m", status="abandoned", text=""), ""),
    (MessageRemoved(**AT, message_id="m"), ""),
    (
        MessageReplaced(**AT, message_id="t", tool_call_id="c", message=ToolMessage("new", tool_call_id="c", name="f")),
        '{"type":"tool_result","name":"f","result":"new"}',
    ),
    (TextDelta(**{**PART, "origin": Origin(internal=True)}, text="hush"), ""),
    (RunStart(**AT), ""),
    (ReasoningDelta(**PART, text="hm"), ""),
    (TextEnd(**PART, text="all"), ""),
    (ToolCallDelta(**PART, tool_call_id="c", args="{"), ""),
    (ToolStart(**TOOL, input={}), ""),
    (ToolDelta(**AT, tool_call_id="c", delta="x"), ""),
    (MessageEnd(**AT, message_id="m", status="completed", text="all", usage=USAGE), ""),
    (Custom(**AT, data=1), ""),
]  # fmt: skip


@pytest.mark.parametrize(("event", "line"), LINES, ids=lambda it: getattr(it, "type", ""))
def test_each_event_is_worth_a_line_or_none(event, line):
    assert b"".join(chat.Encoder().feed(event)).decode() == (line and line + "\n")


def written(*events, **options):
    encoder = chat.Encoder(**options)
    return [json.loads(line) for event in events for line in encoder.feed(event)]


def test_private_shows_the_texts_of_exceptions():
    lines = written(ToolError(**TOOL, error=HUSH), RunError(**AT, error=HUSH), private=True)
    assert [it.get("result") or it.get("message") for it in lines] == ["error: hush", "hush", None]


def test_the_text_of_an_abandoned_attempt_is_taken_back():
    other = {**PART, "message_id": "n"}
    lines = written(
        TextDelta(**PART, text="first"),
        TextDelta(**other, text="beside"),
        MessageEnd(**AT, message_id="m", status="abandoned", text="first"),
        TextDelta(**{**PART, "message_id": "o"}, text="second"),
    )
    shown = {}
    for it in lines:
        if it["type"] == "discard":
            del shown[it["message_id"]]
        else:
            shown[it["message_id"]] = shown.get(it["message_id"], "") + it["content"]
    assert shown == {"n": "beside", "o": "second"}


def test_a_page_that_only_appends_is_right_after_a_late_discard():
    """Where an attempt is known to be abandoned only after its successor has spoken."""
    lines = written(
        MessageStart(**AT, message_id="m"),
        TextDelta(**PART, text="first"),
        MessageStart(**AT, message_id="o"),
        TextDelta(**{**PART, "message_id": "o"}, text="sec"),
        TextDelta(**{**PART, "message_id": "o"}, text="ond"),
        MessageEnd(**AT, message_id="o", status="completed", text="second"),
        MessageEnd(**AT, message_id="m", status="abandoned", text="first"),
    )
    appended, by_message = [], {}
    for it in lines:
        if it["type"] == "discard":
            appended.clear()
            del by_message[it["message_id"]]
        else:
            appended.append(it["content"])
            by_message[it["message_id"]] = by_message.get(it["message_id"], "") + it["content"]
    assert "".join(appended) == "second"
    assert by_message == {"o": "second"}


def test_a_text_that_changes_is_taken_back_and_written_again():
    lines = written(
        TextDelta(**PART, text="the card 4111"),
        MessageEnd(**AT, message_id="m", status="completed", text="the card 4111"),
        MessageReplaced(**AT, message_id="m", message=AIMessage("the card [redacted]", id="m")),
        MessageRemoved(**AT, message_id="m"),
        MessageRemoved(**AT, message_id="m"),
    )
    assert [(it["type"], it.get("content")) for it in lines] == [
        ("token", "the card 4111"),
        ("discard", None),
        ("token", "the card [redacted]"),
        ("discard", None),
    ]


def test_a_text_that_the_state_empties_is_taken_back_and_one_never_shown_says_nothing():
    lines = written(
        TextDelta(**PART, text="the card 4111"),
        MessageReplaced(**AT, message_id="m", message=AIMessage("", id="m")),
        MessageReplaced(**AT, message_id="other", message=AIMessage("Hi", id="other")),
    )
    assert [it["type"] for it in lines] == ["token", "discard"]


def test_a_stream_may_be_piped_or_wrapped():
    piped = normalize(["Hel", "lo"]).pipe(chat.encoder())
    wrapped = chat_lines(["Hel", "lo"])
    assert isinstance(wrapped, EventStream)
    one, two = ([json.loads(it) for it in lines] for lines in (piped, wrapped))
    assert [(it["type"], it.get("content")) for it in one] == [
        ("token", "Hel"), ("token", "lo"), ("end", None)
    ]  # fmt: skip
    assert [it["type"] for it in one] == [it["type"] for it in two]


def test_what_a_mapper_returned_is_a_line():
    mapped = normalize(["Hi"]).map(lambda it: {"mine": it.type} if it.type == "run.end" else it)
    *_, last = (json.loads(it) for it in mapped.pipe(chat.encoder()))
    assert last == {"mine": "run.end"}


def test_options_are_those_of_normalize():
    options = inspect.signature(normalize).parameters.values()
    names = {it.name for it in options if it.kind is inspect.Parameter.KEYWORD_ONLY}
    assert set(chat.Options.__annotations__) == names


def test_options_go_to_normalize():
    def broken() -> Iterator[str]:
        yield "Hi"
        raise ValueError("hush")

    with pytest.raises(ValueError, match="hush"):
        list(chat_lines(broken()))
    lines = map(json.loads, chat_lines(broken(), on_error="event", dialect="chunks"))
    assert [it["type"] for it in lines] == ["token", "error", "end"]
    with pytest.raises(UsageError):
        chat_lines(42)  # type: ignore[call-overload]


# --- a real graph


TRANSCRIPT = """\
token: Let me check a few things.
call check_weather {"city": "Bologna"}
call find_trains {"to": "Bologna"}
call reserve_table {"place": "Osteria Lina", "day": "Monday"}
result check_weather: Sunny in Bologna on Monday and Tuesday.
result find_trains: Trains to Bologna leave at 8:05 and 9:05.
result reserve_table: error
call reserve_table {"place": "Osteria Lina", "day": "Tuesday"}
result reserve_table: A table at Osteria Lina on Tuesday at eight.
token: On Monday take the 9:05 train and walk the porticoes in the sun. On Tuesday climb the tower, then dine at Osteria Lina at eight.
usage {"input_tokens": 1052, "output_tokens": 171}"""


def no_scouts(event: Event) -> list[Event]:
    """Two models that talk at the same time."""
    return [] if (event.origin.node or "").startswith("scout") else [event]


def told(lines: list[bytes]) -> list[str]:
    """The lines as a transcript: tokens that follow each other are one entry."""
    out: list[str] = []
    for line in map(json.loads, lines):
        match line:
            case {"type": "token", "content": text}:
                if not out or not out[-1].startswith("token: "):
                    out.append("token: ")
                out[-1] += text
            case {"type": "tool_call", "name": name, "args": args}:
                out.append(f"call {name} {json.dumps(args)}")
            case {"type": "tool_result", "name": name, "result": result}:
                out.append(f"result {name}: {result}")
            case {"type": "usage", **tokens}:
                out.append(f"usage {json.dumps(tokens)}")
    return out


def told_in_order(lines: list[bytes]) -> str:
    """What tools that ran at the same time said, by name: who was first is chance."""
    out = told(lines)
    start = next(n for n, line in enumerate(out) if line.startswith("result "))
    out[start : start + 3] = sorted(out[start : start + 3])
    # What a tool raised only the callbacks know: the message says that it failed.
    return "\n".join(out).replace("error: ValueError", "error").replace("error: ToolError", "error")


CONFIG: dict[str, Any] = {"configurable": {"thread_id": "trip"}}


def demo() -> tuple[Any, Any]:
    pytest.importorskip("langgraph")
    from streamkit.demo import build_graph, demo_input

    return build_graph(pace=0.002), demo_input()


def test_a_real_graph_tells_its_story():
    graph, given = demo()
    lines = chat_lines(graph.stream(given, CONFIG, stream_mode="messages"), no_scouts)
    assert told_in_order(list(lines)) == TRANSCRIPT


@pytest.mark.parametrize("api", ["messages", "events"])
def test_the_story_is_the_same_through_any_async_api(api):
    async def story() -> str:
        graph, given = demo()
        source: AsyncIterator[Any] = (
            graph.astream(given, CONFIG, stream_mode="messages")
            if api == "messages"
            else graph.astream_events(given, CONFIG, version="v2")
        )
        lines = chat_lines(source, no_scouts)
        assert isinstance(lines, AsyncEventStream)
        return told_in_order([line async for line in lines])

    assert asyncio.run(story()) == TRANSCRIPT


def test_lines_is_a_stage_and_can_be_called_with_events() -> None:
    events = list(normalize(["Hel", "lo"]))
    written = list(normalize(events).pipe(chat.lines))
    for _ in range(2):  # one run after the other
        assert [line for event in events for line in chat.lines(event)] == written


def test_lines_refuses_the_events_of_two_runs_at_once() -> None:
    start, *_ = normalize(["Hi"])
    chat.lines(start)
    with pytest.raises(UsageError, match=r"encoder\(\)\.stage\(\) for each run"):
        chat.lines(start)
