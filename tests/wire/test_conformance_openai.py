"""OpenAI's own client reads our chunks, and must hold what the events say, as far as it can."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from case_table import CASES, FOOD, SIGHTS, TOOLS, call, calls, chunk, last, usage
from frontend_runs import HUSHED, SCENES
from js_clients import ClientError, Clients
from streamkit import (
    Citation,
    Content,
    ErrorInfo,
    Event,
    MessageEnd,
    Origin,
    ReasoningDelta,
    RunEnd,
    RunError,
    TextDelta,
    ToolStart,
    Usage,
    normalize,
)
from streamkit.stages import sequential
from streamkit.testing import check_stream
from streamkit.wire import openai_chunks

AT: dict[str, Any] = {"origin": Origin(), "timestamp": 0.5}


def read(name: str) -> list[Event]:
    dialect = "chunks" if name.startswith("objects") else None
    events = list(normalize(CASES[name](), dialect=dialect, on_error="event"))
    check_stream(events)
    return events


def sent(events: list[Event], **options: Any) -> bytes:
    machine = openai_chunks.Encoder(**options)
    return b"".join(frame for event in events for frame in machine.feed(event))


def whole_text(events: list[Event]) -> str:
    """The texts of all messages in their turn."""
    texts = {it.message_id: "" for it in in_turn(events) if isinstance(it, TextDelta)}
    for event in in_turn(events):
        if isinstance(event, TextDelta):
            texts[event.message_id] += event.text
    ends = {it.message_id: it.text for it in events if isinstance(it, MessageEnd)}
    assert {id: ends[id] for id in texts} == texts
    return "\n\n".join(texts.values())


def in_turn(events: list[Event]) -> list[Event]:
    stage = sequential.stage()
    return [it for event in events for it in stage(event)]


def unanswered(events: list[Event]) -> list[tuple[str, str, str]]:
    """Calls that nobody ran, in the order they began; a client knows each by an id of its own."""
    ran = {it.tool_call_id for it in events if isinstance(it, ToolStart)}
    messages = [it for it in in_turn(events) if isinstance(it, MessageEnd)]
    all_calls = [call for it in messages for call in it.tool_calls]
    mine = [it for it in all_calls if not (it.error or it.provider_executed or it.id in ran)]
    seen: Counter[str] = Counter()
    made = []
    for it in mine:
        seen[it.id] += 1
        id = it.id if seen[it.id] == 1 else f"{it.id}#{seen[it.id]}"
        made.append((id, it.name, it.text))
    return made


def held(clients: Clients, events: list[Event], **options: Any) -> Any:
    """The client's completion; that it is what the events say was compared."""
    body = sent(events, **options)
    end = events[-1]
    if not isinstance(end, RunEnd) or end.status in {"cancelled", "incomplete"}:
        why = end.error.name if isinstance(end, RunError) else end.status
        with pytest.raises(ClientError, match=why):
            clients.read("openai", body)
        return None
    result = clients.read("openai", body)
    completion = result["completion"]
    (choice,) = completion["choices"]
    message = choice["message"]
    assert (message["content"] or "") == whole_text(events)
    thoughts: dict[str, str] = {}
    for it in in_turn(events):
        if isinstance(it, ReasoningDelta):
            thoughts[it.message_id] = thoughts.get(it.message_id, "") + it.text
    assert result["reasoning"] == "\n\n".join(thoughts.values())
    if end.status == "completed" and not options:
        made = message.get("tool_calls") or []
        assert [
            (it["id"], it["function"]["name"], it["function"]["arguments"]) for it in made
        ] == unanswered(events)
    if end.usage:
        assert completion["usage"]["total_tokens"] == end.usage.total_tokens
    return choice


@pytest.mark.parametrize("name", CASES)
def test_every_case(clients: Clients, name: str) -> None:
    held(clients, read(name))


@pytest.mark.parametrize("name", SCENES)
def test_every_scene(clients: Clients, name: str) -> None:
    held(clients, SCENES[name]())


def test_parallel_models_come_one_after_the_other(clients: Clients) -> None:
    choice = held(clients, read("parallel_models"))
    assert choice["message"]["content"] == "Eat well\n\nClimb up"


def test_a_call_that_was_run_here_is_not_shown(clients: Clients) -> None:
    choice = held(clients, read("a_call_and_its_results"))
    assert not choice["message"].get("tool_calls")
    assert choice["finish_reason"] == "stop"


def test_a_call_that_nobody_ran_is_the_clients(clients: Clients) -> None:
    choice = held(clients, read("calls_in_turns"))
    assert choice["finish_reason"] == "tool_calls"
    names = [it["function"]["name"] for it in choice["message"]["tool_calls"]]
    assert names == ["look", "find"]


@pytest.mark.parametrize("name", ["calls_in_turns", "name_and_id_in_every_chunk"])
def test_calls_may_be_shown_as_they_are_written(clients: Clients, name: str) -> None:
    events = read(name)
    choice = held(clients, events, calls="all")
    made = [
        (it["id"], it["function"]["name"], it["function"]["arguments"])
        for it in choice["message"]["tool_calls"]
    ]
    assert made == unanswered(events)
    assert choice["finish_reason"] == "tool_calls"
    assert sent(events, calls="all").count(b"tool_calls") > sent(events).count(b"tool_calls")


@pytest.mark.parametrize("how", ["unanswered", "all"])
def test_calls_that_share_an_id_are_all_shown(clients: Clients, how: Any) -> None:
    items: list[Any] = []
    for n, place in enumerate([FOOD, SIGHTS, TOOLS]):
        asked = call(f'{{"n":{n}}}', "call_0", "look")
        items += [(chunk(id=f"run-{n}", tool_call_chunks=[asked]), place)]
        items += [(last(content="", id=f"run-{n}"), place)]
    choice = held(clients, list(normalize(items)), calls=how)
    arguments = [it["function"]["arguments"] for it in choice["message"]["tool_calls"]]
    assert arguments == ['{"n":0}', '{"n":1}', '{"n":2}']


def test_arguments_that_were_cut_off_say_so(clients: Clients) -> None:
    choice = held(clients, read("arguments_cut_off"))
    assert choice["finish_reason"] == "length"
    assert not choice["message"].get("tool_calls")


def test_what_somebody_was_asked_about_is_not_shown(clients: Clients) -> None:
    items = [(calls(call('{"a":1}', "c1", "look")), FOOD), (last(content="", id="run-1"), FOOD)]
    events = list(normalize(items))
    events[-1] = RunEnd(**AT, status="interrupted")
    assert not held(clients, events)["message"].get("tool_calls")


def test_an_error_says_its_class_alone(clients: Clients) -> None:
    events = SCENES["an_error"]()
    assert HUSHED.encode() not in sent(events)
    assert HUSHED.encode() in sent(events, private=True)
    assert sent(events).endswith(b"\n\ndata: [DONE]\n\n")


def test_an_error_keeps_its_code() -> None:
    error = ErrorInfo(name="RateLimitError", message="hush", code=429)
    frame = sent([RunError(**AT, error=error)]).split(b"\n\n")[0]
    told = {"message": "RateLimitError", "type": "RateLimitError", "param": None, "code": 429}
    assert json.loads(frame[6:]) == {"error": told}


def test_events_that_stop_before_their_run_are_an_error(clients: Clients) -> None:
    items = [(chunk("Hel", id="a"), FOOD), (chunk("Up", id="b"), SIGHTS)]
    events = [it for it in normalize(items) if not it.type.endswith(".end")]
    machine = openai_chunks.Encoder()
    frames = [frame for event in events for frame in machine.feed(event)]
    body = b"".join((*frames, *machine.close()))
    assert machine.close() == ()
    with pytest.raises(ClientError, match="incomplete"):
        clients.read("openai", body)


def test_usage_refusals_citations_and_the_model(clients: Clients) -> None:
    block: dict[str, Any] = {**AT, "message_id": "run-1", "block_id": 9}
    start = [chunk("Hi", response_metadata={"model_name": "m-1"})]
    events = list(normalize([*start, last(content="", id="run-1", usage_metadata=usage(3, 2))]))
    events[-2:-2] = [
        Content(**block, block={"type": "refusal", "refusal": "No."}),
        Citation(**block, citation={"url": "https://x.test", "title": "X"}),
    ]
    read = Usage(
        input_tokens=3,
        output_tokens=2,
        input_token_details={"cache_read": 1},
        output_token_details={"reasoning": 2},
    )
    events[-1] = RunEnd(**AT, status="completed", usage=read)
    completion = clients.read("openai", sent(events, model="mine"))["completion"]
    message = completion["choices"][0]["message"]
    assert message["refusal"] == "No."
    cited = {"type": "url_citation", "url_citation": {"url": "https://x.test", "title": "X"}}
    assert message["annotations"] == [cited]
    assert completion["model"] == "mine"
    assert completion["usage"]["prompt_tokens_details"]["cached_tokens"] == 1
    assert completion["usage"]["completion_tokens_details"]["reasoning_tokens"] == 2
    assert b'"usage"' not in sent(events, usage=False)


@pytest.mark.parametrize("name", [*CASES, *SCENES])
def test_one_document_is_what_the_client_makes_of_the_stream(clients: Clients, name: str) -> None:
    events = read(name) if name in CASES else SCENES[name]()
    body = sent(events)
    status, document = openai_chunks.document(body)
    if status != 200:
        with pytest.raises(ClientError, match=document["error"]["message"]):
            clients.read("openai", body)
        return
    streamed = clients.read("openai", body)["completion"]
    headers = {"content-type": "application/json"}
    sent_whole = json.dumps(document).encode()
    whole = clients.read("openai", sent_whole, whole=True, headers=headers)["completion"]
    (one,), (two,) = whole["choices"], streamed["choices"]
    for key in ("content", "refusal", "tool_calls"):
        assert (one["message"].get(key) or None) == (two["message"].get(key) or None)
    assert one["finish_reason"] == two["finish_reason"]
    assert [whole[key] for key in ("id", "model")] == [streamed[key] for key in ("id", "model")]
    assert whole.get("usage") == streamed.get("usage")


def test_calls_in_pieces_are_whole_in_the_document() -> None:
    body = sent(read("calls_in_turns"), calls="all")
    message = openai_chunks.document(body)[1]["choices"][0]["message"]
    assert message["content"] == "Done"
    assert [it["function"]["arguments"] for it in message["tool_calls"]] == ['{"a":1}', '{"b":2}']


def test_a_body_that_was_cut_off_is_an_error() -> None:
    body = sent(read("text_from_a_model"))
    for end in range(0, len(body) - 8, 7):
        status, document = openai_chunks.document(body[:end])
        assert (status, document["error"]["message"]) == (500, "incomplete")


def test_an_encoder_may_serve_many_streams() -> None:
    stage = openai_chunks.encoder(model="m")
    first, second = (list(normalize(["Hi"]).pipe(stage)) for _ in range(2))
    assert len(first) == len(second) == 4
    assert first[0][:30] != second[0][:30]
