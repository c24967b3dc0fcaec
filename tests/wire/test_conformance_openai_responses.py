"""OpenAI's own clients read our Responses API events, and must hold what the events say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage

from case_table import CASES, FOOD, SIGHTS, call, calls, chunk, last, usage
from frontend_expected import expected
from frontend_runs import HUSHED, SCENES
from js_clients import Clients
from streamkit import (
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
    RunEnd,
    RunError,
    RunStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolEnd,
    ToolError,
    ToolStart,
    Usage,
    normalize,
)
from streamkit.testing import check_stream
from streamkit.wire import openai_responses
from streamkit.wire.resume import payloads

openai = pytest.importorskip("openai", reason="openai is not installed")
httpx = pytest.importorskip("httpx2", reason="openai 3 needs httpx2")

AT: dict[str, Any] = {"origin": Origin(), "timestamp": 0.5}
FAILED = {"cancelled", "incomplete", "failed"}


def read(name: str) -> list[Event]:
    dialect = "chunks" if name.startswith("objects") else None
    events = list(normalize(CASES[name](), dialect=dialect, on_error="event"))
    check_stream(events)
    return events


def sent(events: list[Event], **options: Any) -> bytes:
    machine = openai_responses.Encoder(**options)
    return b"".join(frame for event in events for frame in machine.feed(event))


def python_client(body: bytes, content_type: str = "text/event-stream") -> Any:
    def answer(_request: Any) -> Any:
        return httpx.Response(200, headers={"content-type": content_type}, content=body)

    transport = httpx.MockTransport(answer)
    options = {"api_key": "none", "base_url": "http://chat.test/v1", "max_retries": 0}
    return openai.OpenAI(**options, http_client=httpx.Client(transport=transport))


def in_python(body: bytes) -> Any:
    """What the Python client holds; its helper and its plain stream must agree."""
    with python_client(body).responses.stream(model="m", input="Hi") as stream:
        events = list(stream)
    plain = list(python_client(body).responses.create(model="m", input="Hi", stream=True))
    assert [it.type for it in plain] == [it.type for it in events]
    assert [it.sequence_number for it in plain] == list(range(1, len(plain) + 1))
    return events[-1].response.model_dump(exclude_none=True)


def in_node(clients: Clients, body: bytes) -> Any:
    found = clients.read("openai", body, api="responses")
    frames = list(payloads(it + b"\n\n" for it in body.split(b"\n\n")))
    assert found["types"] == [it["type"] for it in frames]
    return found["response"]


def texts(response: Any) -> list[str]:
    parts = [part for it in response["output"] if it["type"] == "message" for part in it["content"]]
    return [it.get("text", it.get("refusal")) for it in parts]


def held(clients: Clients, events: list[Event], **options: Any) -> Any:
    """The response as both clients have it; that it is what the events say was compared."""
    body = sent(events, **options)
    response = in_node(clients, body)
    read_here = in_python(body)
    assert texts(read_here) == texts(response)
    assert [it["id"] for it in read_here["output"]] == [it["id"] for it in response["output"]]
    end = events[-1]
    status = end.status if isinstance(end, RunEnd) else "failed"
    if status in FAILED:
        assert response["status"] == "failed"
        return response
    whole = expected(events)
    assert texts(response) == _texts_of(events, whole)
    thoughts = [it["summary"][0]["text"] for it in response["output"] if it["type"] == "reasoning"]
    kept = [it for id, said in whole.kept.items() for it in said.reasoning if id not in whole.gone]
    assert sorted(thoughts) == sorted(kept)
    ran = [it["name"] for it in response["output"] if it["type"] == "mcp_call"]
    assert ran == [it.name for it in events if isinstance(it, ToolStart)]
    if isinstance(end, RunEnd) and end.usage:
        assert response["usage"]["total_tokens"] == end.usage.total_tokens
    return response


def _texts_of(events: list[Event], whole: Any) -> list[str]:
    """The texts that are left in the end, block by block, in the order in which they begin."""
    ends = {(it.message_id, it.block_id): it.text for it in events if isinstance(it, TextEnd)}
    left: list[str] = []
    for it in events:
        if isinstance(it, TextStart) and it.message_id not in whole.gone:
            left.append(ends[it.message_id, it.block_id])
        elif isinstance(it, Content) and it.block.get("type") == "refusal":
            left.append(it.block["refusal"])
    return left


@pytest.mark.parametrize("name", CASES)
def test_every_case(clients: Clients, name: str) -> None:
    held(clients, read(name))


@pytest.mark.parametrize("name", SCENES)
def test_every_scene(clients: Clients, name: str) -> None:
    held(clients, SCENES[name]())


def test_models_that_write_at_once_come_one_after_the_other(clients: Clients) -> None:
    events = SCENES["parallel_models"]()
    response = held(clients, events)
    assert sorted(texts(response)) == ["climb one two three", "eat one two three"]
    frames = payloads(it + b"\n\n" for it in sent(events).split(b"\n\n"))
    order = [it["output_index"] for it in frames if it["type"] == "response.output_text.delta"]
    assert order == sorted(order)
    assert len(set(order)) == 2


def test_tools_that_ran_here_are_calls_of_the_server_with_their_results(clients: Clients) -> None:
    tool: dict[str, Any] = {**AT, "name": "look"}
    events: list[Event] = [
        RunStart(**AT),
        ToolStart(**tool, tool_call_id="c1", input={"at": "x"}),
        ToolStart(**tool, tool_call_id="c2"),
        ToolEnd(**tool, tool_call_id="c1", status="completed", output={"sky": "blue"}),
        ToolError(**tool, tool_call_id="c2", error=ErrorInfo(name="ValueError", message=HUSHED)),
        ToolStart(**tool, tool_call_id="c3"),
        ToolEnd(**tool, tool_call_id="c3", status="cancelled"),
        RunEnd(**AT, status="completed"),
    ]
    seen, failed, cut = held(clients, events)["output"]
    assert (seen["arguments"], seen["output"]) == ('{"at":"x"}', '{"sky":"blue"}')
    assert failed["error"]["content"] == [{"type": "text", "text": "ValueError"}]
    assert [it["status"] for it in (seen, failed, cut)] == ["completed", "failed", "incomplete"]
    assert HUSHED.encode() in sent(events, private=True)


def test_a_call_that_nobody_ran_is_the_clients(clients: Clients) -> None:
    response = held(clients, read("calls_in_turns"))
    asked = [it for it in response["output"] if it["type"] == "function_call"]
    assert [it["name"] for it in asked] == ["look", "find"]
    assert all(json.loads(it["arguments"]) is not None for it in asked)


@pytest.mark.parametrize("name", ["calls_in_turns", "name_and_id_in_every_chunk"])
def test_calls_may_be_shown_as_they_are_written(clients: Clients, name: str) -> None:
    events = read(name)
    asked = [
        (it["call_id"], it["name"], it["arguments"])
        for it in held(clients, events, calls="all")["output"]
        if it["type"] == "function_call"
    ]
    written = [call for it in events if isinstance(it, MessageEnd) for call in it.tool_calls]
    assert asked == [(it.id, it.name, it.text) for it in written]
    assert sent(events, calls="all").count(b"arguments.delta") > len(asked)


def test_what_was_cut_by_a_limit_is_incomplete(clients: Clients) -> None:
    response = held(clients, read("arguments_cut_off"))
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}


def test_what_was_abandoned_removed_or_replaced_is_not_in_the_response(clients: Clients) -> None:
    def message(id: str, text: str, status: Any = "completed") -> list[Event]:
        block: dict[str, Any] = {**AT, "message_id": id, "block_id": 0}
        return [
            MessageStart(**AT, message_id=id),
            TextStart(**block),
            TextDelta(**block, text=text),
            TextEnd(**block, text=text),
            MessageEnd(**AT, message_id=id, text=text, status=status),
        ]

    new = AIMessage("new", id="c")
    events: list[Event] = [
        RunStart(**AT),
        *message("a", "half", "abandoned"),
        *message("b", "gone"),
        MessageRemoved(**AT, message_id="b"),
        *message("c", "old"),
        MessageReplaced(**AT, message_id="c", message=new),
        MessageReplaced(**AT, message_id="question", message=new),
        RunEnd(**AT, status="completed"),
    ]
    body = sent(events)
    assert texts(in_node(clients, body)) == texts(in_python(body)) == ["new"]


def test_a_replaced_result_is_in_the_response(clients: Clients) -> None:
    tool: dict[str, Any] = {**AT, "name": "look", "tool_call_id": "c1"}
    new = ToolMessage("[redacted]", id="t", tool_call_id="c1")
    events: list[Event] = [
        RunStart(**AT),
        ToolStart(**tool),
        ToolEnd(**tool, status="completed", output="1234"),
        MessageReplaced(**AT, message_id="t", message=new, tool_call_id="c1"),
        RunEnd(**AT, status="completed"),
    ]
    assert held(clients, events)["output"][0]["output"] == "[redacted]"


def test_an_error_says_its_class_alone(clients: Clients) -> None:
    events = SCENES["an_error"]()
    response = held(clients, events)
    assert response["error"] == {"code": "server_error", "message": "ValueError"}
    assert HUSHED.encode() not in sent(events)
    assert HUSHED.encode() in sent(events, private=True)
    limit = RunError(**AT, error=ErrorInfo(name="RateLimitError", code=429))
    assert b'"code":"rate_limit_exceeded"' in sent([RunStart(**AT), limit])


def test_events_that_stop_before_their_run_fail_with_what_there_is(clients: Clients) -> None:
    items = [(chunk("Hel", id="a"), FOOD), (chunk("Up", id="b"), SIGHTS)]
    events = [it for it in normalize(items) if not it.type.endswith(".end")]
    machine = openai_responses.Encoder()
    frames = [frame for event in events for frame in machine.feed(event)]
    body = b"".join((*frames, *machine.close()))
    response = in_node(clients, body)
    assert response["status"] == "failed"
    assert response["error"]["message"] == "incomplete"
    assert [it["status"] for it in response["output"]] == ["incomplete", "incomplete"]


def test_usage_refusals_citations_images_and_the_model(clients: Clients) -> None:
    block: dict[str, Any] = {**AT, "message_id": "run-1"}
    start = [chunk("Hi", response_metadata={"model_name": "m-1"})]
    events = list(normalize([*start, last(content="", id="run-1", usage_metadata=usage(3, 2))]))
    cited = {"url": "https://x.test", "title": "X", "start_index": 1, "end_index": 2}
    image = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
    events[-2:-2] = [
        Citation(**block, block_id=0, citation=cited),
        Citation(**block, block_id=0, citation={"title": "no url"}),
        Content(**block, block_id=8, block=image),
        Content(**block, block_id=9, block={"type": "refusal", "refusal": "No."}),
    ]
    tokens = Usage(
        input_tokens=3,
        output_tokens=2,
        input_token_details={"cache_read": 1},
        output_token_details={"reasoning": 2},
    )
    events[-1] = RunEnd(**AT, status="completed", usage=tokens)
    body = sent(events)
    for response in (in_node(clients, body), in_python(body)):
        said, picture, refused = response["output"]
        assert said["content"][0]["annotations"] == [{"type": "url_citation", **cited}]
        assert picture["result"] == "aGk="
        assert refused["content"][0]["refusal"] == "No."
        assert response["model"] == "m-1"
        assert response["usage"]["input_tokens_details"]["cached_tokens"] == 1
        assert response["usage"]["output_tokens_details"]["reasoning_tokens"] == 2


def test_questions_about_calls_are_requests_for_approval(clients: Clients) -> None:
    given = list(
        normalize(
            [(calls(call('{"a":1}', "c1", "look")), FOOD), (last(content="", id="run-1"), FOOD)]
        )
    )
    asked = {"action_requests": [{"name": "look", "args": {"a": 1}}, {"name": "pay", "args": {}}]}
    given[-1:] = [
        Interrupt(**AT, interrupt_id="i1", value=asked),
        Interrupt(**AT, interrupt_id="i2", value="a question about no call"),
        RunEnd(**AT, status="interrupted"),
    ]
    body = sent(given)
    for response in (in_node(clients, body), in_python(body)):
        assert response["status"] == "completed"
        first, second = response["output"]
        assert first["type"] == second["type"] == "mcp_approval_request"
        assert (first["id"], first["name"], first["arguments"]) == ("i1/0", "look", '{"a":1}')
        assert (second["id"], second["name"]) == ("i1/1", "pay")


@pytest.mark.parametrize("name", ["an_agent", "calls_in_turns", "text_from_a_model"])
def test_one_document_is_what_the_stream_ends_with(clients: Clients, name: str) -> None:
    body = sent(read(name))
    status, document = openai_responses.document(body)
    assert status == 200
    assert document == next(iter(payloads([body.split(b"\n\n")[-2]])))["response"]
    text = json.dumps(document).encode()
    headers = {"content-type": "application/json"}
    found = clients.read("openai", text, api="responses", whole=True, headers=headers)
    here = python_client(text, "application/json").responses.create(model="m", input="Hi")
    assert found["text"] == here.output_text == "".join(texts(document))


@pytest.mark.parametrize("scene", ["the_demo", "parallel_models"])
def test_a_stream_that_was_cut_off_fails_with_the_items_that_are_done(
    clients: Clients, scene: str
) -> None:
    whole = openai_responses.RESUME
    frames = [it + b"\n\n" for it in sent(SCENES[scene]()).split(b"\n\n")[:-1]]
    for cut in range(len(frames)):
        ended = list(payloads([*frames[:cut], *whole.cut_off(frames[:cut])]))
        assert ended[0]["type"] == "response.created"
        assert ended[-1]["type"] == "response.failed"
        assert [it["sequence_number"] for it in ended] == list(range(1, len(ended) + 1))
        done = [it["item"] for it in ended if it["type"] == "response.output_item.done"]
        assert ended[-1]["response"]["output"] == done
    assert whole.cut_off(frames) == []
    assert openai_responses.document(b"".join(frames[:-1]))[0] == 500
    assert in_node(clients, b"".join([*frames[:-1], *whole.cut_off(frames[:-1])]))["error"]
