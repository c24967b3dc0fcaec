"""The AI SDK's own clients read our streams, and must show what the events say.

Validators do not notice text that went into the wrong message. So what the client shows in the end
is compared with what streamkit's own fold of the same events holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given

from case_table import CASES, FOOD, SIGHTS, call, calls, chunk, last
from frontend_expected import last_tools, public
from frontend_runs import SCENES
from js_clients import Reader
from random_streams import SOURCES
from streamkit import (
    Citation,
    Content,
    Custom,
    ErrorInfo,
    Event,
    MessageEnd,
    MessageRemoved,
    MessageReplaced,
    MessageStart,
    Origin,
    ReasoningEnd,
    ReasoningStart,
    RunEnd,
    RunError,
    RunFold,
    TextEnd,
    TextStart,
    ToolDelta,
    ToolEnd,
    ToolError,
    ToolStart,
    Usage,
    UsageError,
    normalize,
)
from streamkit.testing import check_stream
from streamkit.wire import ai_sdk, jsonable
from streamkit.wire._blocks import text_of


def read(source: Iterable[Any], **options: Any) -> list[Event]:
    events = list(normalize(source, on_error="event", **options))
    check_stream(events)
    return events


def wire(events: Iterable[Event], **options: Any) -> bytes:
    machine = ai_sdk.Encoder(**options)
    return b"".join(frame for event in events for frame in machine.feed(event))


def shown(reader: Reader, events: list[Event], **options: Any) -> Any:
    """What the client shows of these events; that it is what they say was compared."""
    result = reader.read(wire(events, target=reader.major, **options))
    fold = RunFold()
    for event in events:
        fold.feed(public(event))
    run = fold.result()
    failed = run.status in {"failed", "incomplete"}
    assert result["status"] == ("error" if failed else "ready"), result["error"]
    message = answer(result)
    assert texts(message, "text") == spoken_in(events, resets=reader.major == 7)
    assert texts(message, "reasoning") == blocks(events, ReasoningStart, ReasoningEnd)
    assert all(it["state"] == "done" for it in message["parts"] if it["type"] == "text")
    assert {it["toolCallId"]: it for it in tools(message)}.keys() >= {
        it.id for it in run.tool_calls
    }
    for called in run.tool_calls:
        part = tool(message, called.id)
        assert part["toolName"] == called.name
        assert doubles(part.get("input")) == (called.text if called.error else doubles(called.args))
    for ran in last_tools(run):
        part = tool(message, ran.tool_call_id)
        if ran.status == "completed":
            assert part["state"] == "output-available"
            assert doubles(part["output"]) == doubles(jsonable(ran.output))
        elif ran.error:
            assert part["state"] == "output-error"
            assert part["errorText"] == ran.error.name
    if run.usage:
        assert message["metadata"]["usage"]["outputTokens"] == run.usage.output_tokens
    return result


def doubles(value: Any) -> Any:
    """JSON data as JavaScript has it: integers past 2^53 are rounded."""
    return json.loads(json.dumps(value), parse_int=lambda digits: int(float(digits)))


def answer(result: Any) -> Any:
    """The assistant's message; the client keeps none where nothing was said."""
    message = result["messages"][-1]
    return message if message["role"] == "assistant" else {"parts": []}


def texts(message: Any, kind: str) -> list[str]:
    return [it["text"] for it in message["parts"] if it["type"] == kind]


def tools(message: Any) -> list[Any]:
    return [it for it in message["parts"] if it["type"] == "dynamic-tool"]


def tool(message: Any, id: str) -> Any:
    (part,) = (it for it in tools(message) if it["toolCallId"] == id)
    return part


def data(message: Any, name: str) -> list[Any]:
    return [it["data"] for it in message["parts"] if it["type"] == f"data-{name}"]


def spoken_in(events: list[Event], *, resets: bool) -> list[str]:
    """The texts of all blocks in the order they began, refusals among them.

    Where the client can, those of an abandoned attempt are taken back, and so is what the state
    replaces or removes, as long as the step goes on: until a message starts while nothing is open.
    """
    whole = {(it.message_id, it.block_id): it.text for it in events if isinstance(it, TextEnd)}
    shown: list[tuple[str, str]] = []
    open_now, step = set[str](), set[str]()
    for it in events:
        id = getattr(it, "message_id", "")
        if isinstance(it, MessageStart) and not open_now:
            step = set()
        if isinstance(it, (MessageStart, ToolStart)):
            open_now.add(id or it.tool_call_id)
        if isinstance(it, (MessageEnd, ToolEnd, ToolError)):
            open_now.discard(id or it.tool_call_id)
        if isinstance(it, MessageStart):
            step.add(id)
        if isinstance(it, TextStart):
            shown.append((id, whole[id, it.block_id]))
        elif isinstance(it, Content) and "refusal" in it.block:
            shown.append((id, it.block["refusal"]))
        elif resets and id in step and is_rewritten(it):
            places = [at for at, (owner, _) in enumerate(shown) if owner == id]
            text = new_text(it)
            if text:
                shown.insert(places[0] if places else len(shown), (id, text))
                places = [at + 1 for at in places]
            shown = [it for at, it in enumerate(shown) if at not in places]
    return [text for _, text in shown]


def is_rewritten(event: Event) -> bool:
    """Whether a message is taken back or changed, and not the result of a call."""
    if isinstance(event, MessageReplaced):
        return event.tool_call_id is None
    is_abandoned = isinstance(event, MessageEnd) and event.status == "abandoned"
    return is_abandoned or isinstance(event, MessageRemoved)


def new_text(event: Event) -> str:
    if not isinstance(event, MessageReplaced):
        return ""
    return text_of(jsonable(event.message, flat=True).get("content"))


def blocks(events: list[Event], start: Any, end: Any) -> list[str]:
    """The texts of all blocks of a kind, in the order they began."""
    whole = {(it.message_id, it.block_id): it.text for it in events if isinstance(it, end)}
    return [whole[it.message_id, it.block_id] for it in events if isinstance(it, start)]


@pytest.mark.parametrize("name", CASES)
def test_every_case(reader: Reader, name: str) -> None:
    dialect = "chunks" if name.startswith("objects") else None
    shown(reader, read(CASES[name](), dialect=dialect))


@pytest.mark.parametrize("name", SCENES)
def test_every_scene(reader: Reader, name: str) -> None:
    shown(reader, SCENES[name]())


@given(source=SOURCES)
def test_any_stream(reader: Reader, source: Any) -> None:
    dialect, items = source
    shown(reader, read(items, dialect=dialect))


# --- what the cases do not hold

AT: dict[str, Any] = {"origin": Origin(), "timestamp": 0.5}
HUSH = ErrorInfo(name="ValueError", message="hush", exception=ValueError("hush"))


def run(*items: Any, mode: str | None = None) -> list[Event]:
    return read(items, mode=mode)


def spoken(*more: Event, end: Event | None = None) -> list[Event]:
    """One message, and then whatever is given."""
    events = read([chunk("Hello"), last(content="", id="run-1")])
    return [*events[:-1], *more, end or events[-1]]


def test_parallel_models_do_not_mix(reader: Reader) -> None:
    events = run(
        (chunk("A", id="a"), FOOD),
        (chunk("B", id="b"), SIGHTS),
        (chunk(" one", id="a"), FOOD),
        (chunk(" two", id="b"), SIGHTS),
        (calls(call('{"of":', "c1", "look")), FOOD),
        (chunk(tool_call_chunks=[call('{"of":"b"}', "c2", "look")], id="b"), SIGHTS),
        (calls(call('"a"}')), FOOD),
        (last(content="", id="a"), FOOD),
        (last(content="", id="b"), SIGHTS),
    )
    message = answer(shown(reader, events))
    assert texts(message, "text") == ["A one", "B two"]
    assert [it["input"] for it in tools(message)] == [{"of": "a"}, {"of": "b"}]
    nodes = [it["providerMetadata"]["streamkit"]["node"] for it in message["parts"] if "text" in it]
    assert nodes == ["food", "sights"]


def test_a_step_is_what_happens_until_nothing_is_open(reader: Reader) -> None:
    events = run(
        (chunk("A", id="a"), FOOD),
        (chunk("B", id="b"), SIGHTS),
        (last(content="", id="a"), FOOD),
        (last(content="", id="b"), SIGHTS),
        (last(content="C", id="c"), {**FOOD, "langgraph_step": 2}),
    )
    message = answer(shown(reader, events))
    kinds = [it.get("text") or it["type"] for it in message["parts"]]
    assert kinds == ["step-start", "A", "B", "step-start", "C"]


@pytest.mark.parametrize("private", [False, True])
def test_an_error_ends_the_stream_and_says_its_class_alone(reader: Reader, private: bool) -> None:
    events = spoken(end=RunError(**AT, error=HUSH, usage=Usage(input_tokens=3, output_tokens=4)))
    sent = wire(events, target=reader.major, private=private)
    assert (b"hush" in sent) is private
    result = reader.read(sent)
    assert (result["status"], result["error"]) == ("error", "hush" if private else "ValueError")
    assert texts(answer(result), "text") == ["Hello"]
    assert answer(result)["metadata"]["usage"]["totalTokens"] == 7


def test_a_failed_tool_says_its_class_alone(reader: Reader) -> None:
    tool_call: dict[str, Any] = {**AT, "tool_call_id": "c1", "name": "pay"}
    events = spoken(ToolStart(**tool_call, input={"sum": 1}), ToolError(**tool_call, error=HUSH))
    assert b"hush" not in wire(events)
    assert tool(answer(shown(reader, events)), "c1")["input"] == {"sum": 1}


@pytest.mark.parametrize(
    ("status", "shows"),
    [("completed", "ready"), ("cancelled", "ready"), ("incomplete", "error")],
)
def test_however_a_run_ends_there_is_one_end(reader: Reader, status: Any, shows: str) -> None:
    sent = wire(spoken(end=RunEnd(**AT, status=status)), target=reader.major)
    frames = [json.loads(it[6:]) for it in sent.split(b"\n\n")[:-2]]
    ends = [it["type"] for it in frames if it["type"] in {"finish", "abort", "error"}]
    assert ends == [frames[-1]["type"]]
    assert sent.endswith(b"\n\ndata: [DONE]\n\n")
    assert reader.read(sent)["status"] == shows


def test_events_that_stop_before_their_run_are_closed(reader: Reader) -> None:
    whole = run(
        (calls(call('{"a":', "c1", "look")), FOOD),
        (chunk("Hel", id="run-2"), SIGHTS),
        (chunk("lo", id="run-2"), SIGHTS),
    )
    tool_call: dict[str, Any] = {**AT, "tool_call_id": "c2", "name": "pay"}
    cut = whole[: next(n for n, it in enumerate(whole) if it.type.endswith(".end"))]
    machine = ai_sdk.Encoder(target=reader.major)
    events = [*cut, ToolStart(**tool_call)]
    frames = [frame for event in events for frame in machine.feed(event)]
    result = reader.read(b"".join((*frames, *machine.close())))
    assert machine.close() == machine.feed(whole[-1]) == ()
    assert (result["status"], result["error"]) == ("error", "incomplete")
    (text,) = (it for it in answer(result)["parts"] if it["type"] == "text")
    assert (text["text"], text["state"]) == ("Hello", "done")
    assert {it["state"] for it in tools(answer(result))} == {"output-error"}


def test_what_the_provider_ran_has_its_result(reader: Reader) -> None:
    use = {"type": "server_tool_use", "id": "s1", "name": "search", "input": {"q": 1}, "index": 0}
    found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"url": "u"}]}
    events = run(chunk([use]), chunk([{**found, "index": 1}]), last(content="", id="run-1"))
    part = tool(answer(shown(reader, events)), "s1")
    assert part["providerExecuted"] is True
    assert (part["input"], part["output"]) == ({"q": 1}, [{"url": "u"}])


def test_files_sources_and_other_blocks(reader: Reader) -> None:
    block: dict[str, Any] = {**AT, "message_id": "run-1", "block_id": 9}
    events = spoken(
        Content(**block, block={"type": "image", "base64": "aGk=", "mime_type": "image/png"}),
        Content(**block, block={"type": "image_url", "image_url": {"url": "https://x.test/i"}}),
        Content(**block, block={"type": "refusal", "refusal": "No."}),
        Citation(**block, citation={"url": "https://x.test", "title": "X", "start_index": 3}),
        Citation(**block, citation={"document_title": "Report", "cited_text": "so"}),
        Citation(**block, citation={"index": 7}),
    )
    parts = answer(shown(reader, events))["parts"]
    files = [(it["url"], it["mediaType"]) for it in parts if it["type"] == "file"]
    assert files == [("data:image/png;base64,aGk=", "image/png"), ("https://x.test/i", "image/*")]
    link, document = (it for it in parts if it["type"].startswith("source-"))
    assert (link["url"], link["title"]) == ("https://x.test", "X")
    assert link["providerMetadata"]["streamkit"]["citation"]["start_index"] == 3
    assert (document["title"], document["mediaType"]) == ("Report", "text/plain")
    assert link["sourceId"] != document["sourceId"]
    assert texts({"parts": parts}, "text") == ["Hello", "No."]
    assert data({"parts": parts}, "citation") == [{"index": 7}]


def test_custom_data_is_kept_and_replaced_by_its_id(reader: Reader) -> None:
    events = spoken(
        Custom(**AT, name="my progress!", data={"id": "p", "done": 1}),
        Custom(**AT, name="my progress!", data={"id": "p", "done": 2}),
        Custom(**AT, data=None),
        Custom(**AT, data=[float("nan")]),
    )
    message = answer(shown(reader, events))
    assert data(message, "my-progress-") == [{"id": "p", "done": 2}]
    assert data(message, "custom") == [None, [None]]


def test_what_a_tool_says_as_it_runs_reaches_on_data(reader: Reader) -> None:
    tool_call: dict[str, Any] = {**AT, "tool_call_id": "c1"}
    events = spoken(
        ToolStart(**tool_call, name="dig", input={}),
        ToolDelta(**tool_call, delta="half"),
        ToolEnd(**tool_call, name="dig", status="completed", output=None, artifact={"gold": 3}),
    )
    result = shown(reader, events)
    assert result["data"][0]["data"] == {"toolCallId": "c1", "delta": "half"}
    assert data(answer(result), "tool-delta") == []
    assert data(answer(result), "artifact") == [{"toolCallId": "c1", "artifact": {"gold": 3}}]


def test_other_events_reach_on_data_where_they_are_asked_for(reader: Reader) -> None:
    events = run({"n": 1}, {"n": 2}, mode="values")
    assert shown(reader, events)["data"] == []
    told = shown(reader, events, also=["state.snapshot"])["data"]
    assert [it["data"]["values"] for it in told] == [{"n": 1}, {"n": 2}]


def test_an_id_that_comes_again_is_another_call(reader: Reader) -> None:
    events = run(
        (calls(call('{"n":1}', "call_0", "look")), FOOD),
        (chunk(id="run-2", tool_call_chunks=[call('{"n":2', "call_0", "look")]), SIGHTS),
        (last(content="", id="run-1"), FOOD),
        (chunk(id="run-2", tool_call_chunks=[call("}")]), SIGHTS),
        (last(content="", id="run-2"), SIGHTS),
    )
    sent = wire(events, target=reader.major)
    parts = tools(answer(reader.read(sent)))
    assert [(it["toolCallId"], it["input"]) for it in parts] == [
        ("call_0", {"n": 1}),
        ("call_0#2", {"n": 2}),
    ]


@pytest.mark.parametrize(
    "trap",
    [
        {"__proto__": {"polluted": 1}},
        {"constructor": {"prototype": {"polluted": 1}}},
        {"text": 'a string with "__proto__": in it', "lone": "\ud83d", "line": "\u2028\r\n\n"},
        {"big": 2**70, "nan": float("nan"), "none": None, "when": ValueError("hush")},
    ],
)
def test_no_payload_breaks_the_stream(reader: Reader, trap: Any) -> None:
    tool_call: dict[str, Any] = {**AT, "tool_call_id": "c1", "name": "trap"}
    events = spoken(
        ToolStart(**tool_call, input=trap), ToolEnd(**tool_call, status="completed", output=trap)
    )
    result = reader.read(wire(events, target=reader.major))
    assert result["status"] == "ready", result["error"]
    output = tool(answer(result), "c1")["output"]
    assert list(output) == [key.replace("__proto__", "$proto__") for key in trap]
    assert output.get("text") == trap.get("text")
    assert "hush" not in json.dumps(output)


@dataclass
class Stock:
    symbol: str
    id: str = "s1"
    type: str = "app.stock"


def test_what_a_mapper_gave_goes_by_its_type(reader: Reader) -> None:
    own: list[Any] = [Stock("A"), Stock("B"), "bare"]
    sent = wire(spoken(*own), target=reader.major)
    message = answer(reader.read(sent))
    assert data(message, "app.stock") == [{"symbol": "B", "id": "s1", "type": "app.stock"}]
    assert data(message, "custom") == ["bare"]


def test_there_is_no_other_target() -> None:
    with pytest.raises(UsageError, match="pass 5, 6 or 7"):
        ai_sdk.encoder(target=4)  # type: ignore[arg-type]


def test_an_encoder_may_serve_many_streams() -> None:
    stage = ai_sdk.encoder()
    first, second = (list(normalize(["Hi"]).pipe(stage)) for _ in range(2))
    assert [len(it) for it in (first, second)] == [8, 8]
    assert all(it[0].startswith(b'data: {"type":"start","messageId":') for it in (first, second))
