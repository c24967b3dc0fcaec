"""What OpenAI's formats make of events, as one document: what a client holds in the end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from msgspec.structs import replace

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
    RunStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolEnd,
    ToolError,
    ToolStart,
)
from streamkit.testing import check_stream
from streamkit.wire import openai_chunks, openai_responses
from streamkit.wire.resume import payloads

AT: dict[str, Any] = {"origin": Origin(), "timestamp": 0.5}
CITED = {"url": "https://x.test", "title": "X", "start_index": 1, "end_index": 2}


def message(id: str, *inside: Event, text: str = "", **end: Any) -> list[Event]:
    """A message with a text, if it has one, and other events behind that."""
    part: dict[str, Any] = {**AT, "message_id": id, "block_id": 0}
    words = [TextStart(**part), TextDelta(**part, text=text), TextEnd(**part, text=text)]
    told = [*words[: 3 if text else 0], *inside]
    calls = tuple(
        ToolCall(id=it.tool_call_id, name=it.name, args=it.args, text=it.text, error=it.error)
        for it in inside
        if isinstance(it, ToolCallEnd)
    )
    end = {"status": "completed", "text": text, "tool_calls": calls, **end}
    return [MessageStart(**AT, message_id=id), *told, MessageEnd(**AT, message_id=id, **end)]


def call(id: str, text: str, block: int, **more: Any) -> list[Event]:
    about: dict[str, Any] = {**AT, "message_id": "m", "block_id": block, "tool_call_id": id}
    about |= {"name": "look", "provider_executed": more.pop("provider_executed", False)}
    args = None if more else json.loads(text)
    return [
        ToolCallStart(**about),
        ToolCallDelta(
            **{name: about[name] for name in about if name not in {"name", "provider_executed"}},
            args=text,
        ),
        ToolCallEnd(**about, args=args, text=text, **more),
    ]


def document(wire: Any, *events: Event, **options: Any) -> Any:
    whole = [RunStart(**AT), *events, RunEnd(**AT, status="completed")]
    check_stream(whole)
    machine = wire.Encoder(**options)
    status, found = wire.document(b"".join(it for event in whole for it in machine.feed(event)))
    assert status == 200
    return found if wire is openai_responses else found["choices"][0]


def output(*events: Event, **options: Any) -> list[Any]:
    return document(openai_responses, *events, **options)["output"]


def test_a_message_holds_its_citations_and_a_refusal() -> None:
    part: dict[str, Any] = {**AT, "message_id": "m", "block_id": 0}
    start, first, delta, *rest = message("m", text="Hi")
    cited = [Citation(**part, citation=CITED), Citation(**part, citation={"title": "no url"})]
    block = {"type": "refusal", "refusal": "No."}
    refused = Content(**{**part, "block_id": 1}, block=block)
    image = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
    picture = Content(**{**part, "block_id": 2}, block=image)
    made = {"type": "image_generation_call", "id": "ig1", "result": "bW9yZQ=="}
    own = Content(**{**part, "block_id": 4}, block=made)
    other = Content(**{**part, "block_id": 3}, block={"type": "thing"})
    events = [start, first, delta, *cited, rest[0], refused, picture, other, own, rest[1]]

    choice = document(openai_chunks, *events)
    assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "stop", None)
    said = choice["message"]
    assert (said["content"], said["refusal"]) == ("Hi", "No.")
    url = {"url": "https://x.test", "title": "X"}
    assert said["annotations"] == [{"type": "url_citation", "url_citation": url}]

    text, refusal, drawn, made = output(*events)
    assert text["content"][0]["annotations"] == [{"type": "url_citation", **CITED}]
    assert refusal["content"] == [{"type": "refusal", "refusal": "No."}]
    assert (drawn["type"], drawn["result"]) == ("image_generation_call", "aGk=")
    assert (made["type"], made["result"]) == ("image_generation_call", "bW9yZQ==")


@pytest.mark.parametrize("wire", [openai_chunks, openai_responses])
def test_the_client_runs_no_call_that_was_abandoned_or_is_the_providers(wire: Any) -> None:
    late = call("c3", '{"a":1}', 1)
    found = document(
        wire,
        *message("m", *call("c1", "{}", 0), status="abandoned"),
        *message("m", *call("c2", "{}", 0, provider_executed=True), *late),
    )
    asked = found["message"]["tool_calls"] if wire is openai_chunks else found["output"]
    names = [
        it.get("call_id", it["id"]) for it in asked if it["type"] in {"function", "function_call"}
    ]
    assert names == ["c3"]


@pytest.mark.parametrize(("written", "shown"), [('{"a":1}', '{"a":1}'), ("", "{}")])
def test_a_call_of_the_clients_has_its_arguments(written: str, shown: str) -> None:
    begin, *pieces, end = call("c1", written or "{}", 0)
    call_of = [begin, *(pieces if written else ()), replace(end, text=written)]
    (item,) = output(*message("m", *call_of))
    assert (item["type"], item["arguments"]) == ("function_call", shown)
    (asked,) = document(openai_chunks, *message("m", *call_of))["message"]["tool_calls"]
    assert asked["function"] == {"name": "look", "arguments": shown}


def test_calls_that_are_all_the_clients_are_written_as_they_are() -> None:
    calls = [*call("c1", '{"a":1}', 0), *call("c2", '{"a', 1, error="it was cut off")]
    asked = output(*message("m", *calls), calls="all")
    assert [(it["call_id"], it["arguments"], it["status"]) for it in asked] == [
        ("c1", '{"a":1}', "completed"),
        ("c2", '{"a', "incomplete"),
    ]


@pytest.mark.parametrize("calls", ["unanswered", "all"])
def test_a_call_of_an_id_that_the_client_knows_gets_one_of_its_own(calls: Any) -> None:
    """OpenAI's Agents SDK takes a result to the first call of its id in the conversation."""
    function = {"name": "look", "arguments": "{}"}
    said = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [{"id": "c1", "function": function}, {"id": 1}]},
        {"role": "tool", "tool_call_id": "c1", "content": "seen"},
    ]
    request: Any = openai_chunks.read_request({"model": "m", "messages": said})
    events = message("m", *call("c1", "{}", 0), *call("c2", "{}", 1))
    found = document(openai_chunks, *events, request=request, calls=calls)
    assert [it["id"] for it in found["message"]["tool_calls"]] == ["c1#2", "c2"]
    items = [
        {"type": "function_call", "call_id": "c1", **function},
        {"type": "function_call_output", "call_id": "c1", "output": "seen"},
    ]
    request = openai_responses.read_request({"model": "m", "input": items})
    found = output(*events, request=request, calls=calls)
    assert [it["call_id"] for it in found] == ["c1#2", "c2"]


@pytest.mark.parametrize(
    ("reason", "why"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_a_response_that_was_cut_by_a_limit_is_incomplete(reason: Any, why: str) -> None:
    events = message("m", text="Hi", finish_reason=reason)
    found = document(openai_responses, *events)
    assert (found["status"], found["incomplete_details"]) == ("incomplete", {"reason": why})
    assert document(openai_chunks, *events)["finish_reason"] == reason


def test_tools_that_ran_have_their_results_in_the_response() -> None:
    tools: list[Event] = []
    for id in ("c1", "c2", "c3", "c4", "c5"):
        tools.append(ToolStart(**AT, name="look", tool_call_id=id))
    ends: list[Event] = [
        ToolEnd(**AT, name="look", tool_call_id="c1", status="completed", output="4111"),
        ToolEnd(
            **AT,
            name="look",
            tool_call_id="c2",
            status="completed",
            output=[{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}],
        ),
        ToolEnd(**AT, name="look", tool_call_id="c3", status="cancelled"),
        ToolEnd(**AT, name="look", tool_call_id="c5", status="completed", output={"n": 1}),
        ToolError(**AT, name="look", tool_call_id="c4", error=ErrorInfo(name="ValueError")),
    ]
    new = ToolMessage("a card", id="t", tool_call_id="c1")
    changed = MessageReplaced(**AT, message_id="t", message=new, tool_call_id="c1")
    unknown = MessageReplaced(**AT, message_id="u", message=new)
    found = output(*tools, *ends, changed, unknown)
    assert [(it["status"], it["output"]) for it in found] == [
        ("completed", "a card"),
        ("completed", "Hello"),
        ("incomplete", None),
        ("failed", None),
        ("completed", '{"n":1}'),
    ]
    assert found[3]["error"]["content"] == [{"type": "text", "text": "ValueError"}]


def test_what_was_abandoned_removed_or_replaced_is_not_in_the_response() -> None:
    new = MessageReplaced(**AT, message_id="c", message=AIMessage("new", id="c"))
    found = output(
        *message("a", text="half", status="abandoned"),
        *message("b", text="gone"),
        MessageRemoved(**AT, message_id="b"),
        *message("c", text="old"),
        new,
    )
    assert [it["content"][0]["text"] for it in found] == ["new"]


def test_a_tool_whose_start_was_filtered_out_is_no_item() -> None:
    machine = openai_responses.Encoder()
    machine.feed(RunStart(**AT))
    error = ErrorInfo(name="ValueError")
    assert machine.feed(ToolError(**AT, name="look", tool_call_id="c1", error=error)) == ()
    end = ToolEnd(**AT, name="look", tool_call_id="c1", status="completed")
    assert machine.feed(end) == ()


def test_each_citation_has_its_place_among_those_of_its_text() -> None:
    part: dict[str, Any] = {**AT, "message_id": "m", "block_id": 0}
    machine = openai_responses.Encoder()
    begun = [RunStart(**AT), MessageStart(**AT, message_id="m"), TextStart(**part)]
    cited = [
        Citation(**part, citation={"url": url}) for url in ("https://a.test", "https://b.test")
    ]
    found = [it for event in [*begun, *cited] for it in payloads(machine.feed(event))]
    added = [it for it in found if it["type"] == "response.output_text.annotation.added"]
    assert [(it["annotation_index"], it["annotation"]["url"]) for it in added] == [
        (0, "https://a.test"),
        (1, "https://b.test"),
    ]


def test_a_question_about_a_call_has_its_name_and_arguments() -> None:
    machine = openai_responses.Encoder()
    asks = Interrupt(**AT, interrupt_id="i", value="Sure?", tool_call_id="c1")
    for event in [RunStart(**AT), *message("m", *call("c1", '{"at":"home"}', 0))]:
        machine.feed(event)
    item = next(it["item"] for it in payloads(machine.feed(asks)) if "item" in it)
    assert item == {
        "type": "mcp_approval_request",
        "id": "i/0",
        "name": "look",
        "server_label": "agent",
        "status": "in_progress",
        "arguments": '{"at":"home"}',
    }


def test_a_tool_that_ran_is_an_item_of_the_server() -> None:
    about: dict[str, Any] = {**AT, "name": "look", "tool_call_id": "c1"}
    start = ToolStart(**about, input={"at": "home"})
    [item] = output(start, ToolEnd(**about, status="completed", output="sunny"))
    assert {name: item[name] for name in ("type", "name", "server_label", "arguments")} == {
        "type": "mcp_call",
        "name": "look",
        "server_label": "agent",
        "arguments": '{"at":"home"}',
    }


def test_the_arguments_of_a_tool_that_runs_are_whole_before_it_ends_and_its_error_has_a_type() -> (
    None
):
    about: dict[str, Any] = {**AT, "name": "look", "tool_call_id": "c1"}
    machine = openai_responses.Encoder()
    start = ToolStart(**about, input={"at": "home"})
    failed = ToolError(**about, error=ErrorInfo(name="ValueError", message="no"))
    whole = RunEnd(**AT, status="completed")
    told = [it for event in (RunStart(**AT), start, failed, whole) for it in machine.feed(event)]
    created, *_, completed = payloads(told)
    done = next(it for it in payloads(told) if it["type"] == "response.mcp_call_arguments.done")
    assert done["arguments"] == '{"at":"home"}'
    kinds = [it["type"].removeprefix("response.") for it in payloads(told)]
    assert kinds[2:-2] == [
        *("output_item.added", "mcp_call.in_progress", "mcp_call_arguments.delta"),
        *("mcp_call_arguments.done", "mcp_call.failed"),
    ]
    assert created["response"]["output"] == []
    [item] = completed["response"]["output"]
    text = {"type": "text", "text": "ValueError"}
    assert item["error"] == {"type": "mcp_tool_execution_error", "content": [text]}


def test_an_item_that_never_ended_is_incomplete_in_the_last_response() -> None:
    machine = openai_responses.Encoder()
    start = ToolStart(**AT, tool_call_id="c1", name="look", input={})
    events = [RunStart(**AT), start, RunEnd(**AT, status="cancelled")]
    created, *_, failed = payloads([it for event in events for it in machine.feed(event)])
    assert created["response"]["output"] == []
    [item] = failed["response"]["output"]
    assert (item["type"], item["status"]) == ("mcp_call", "incomplete")
