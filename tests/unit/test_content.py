"""Blocks of content that no recorded provider sends, or sends in this form."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

from streamkit import (
    Citation,
    Content,
    Event,
    MalformedItem,
    MessageEnd,
    ReasoningEnd,
    TextEnd,
    TextStart,
    ToolCallEnd,
    ToolCallStart,
    Unrecognized,
    normalize,
)


def events_of(*content: Any, **fields: Any) -> list[Event]:
    return list(normalize([AIMessageChunk(content=list(content), id="m1", **fields)]))


def one(events: list[Event], kind: Any) -> Any:
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


@pytest.mark.parametrize("name", ["text", "refusal"])
def test_a_text_that_is_none_is_shown_under_its_name(name: str) -> None:
    event = one(events_of({"type": name, name: 5, "index": 0}), Unrecognized)
    assert (event.raw, event.reason) == ({name: 5}, f"{name} is no text")
    with pytest.raises(MalformedItem, match="is no text"):
        list(normalize([AIMessageChunk(content=[{"type": name, name: 5}], id="m")], strict=True))


@pytest.mark.parametrize("signature", ["S", None])
def test_reasoning_of_bedrock_may_be_signed(signature: str | None) -> None:
    inner = {"text": "hm", **({"signature": signature} if signature else {})}
    block = {"type": "reasoning_content", "reasoning_content": inner, "index": 0}
    event = one(events_of(block), ReasoningEnd)
    assert (event.text, event.signature) == ("hm", signature)


def test_a_number_for_the_name_of_a_tool_is_its_text() -> None:
    block = {"type": "server_tool_call", "id": "c1", "name": 7, "args": {}, "index": 0}
    assert one(events_of(block), ToolCallStart).name == "7"


def test_code_that_google_runs_is_a_call_that_the_provider_executes() -> None:
    code = {"executable_code": "print(1)", "language": "PYTHON", "id": "c1"}
    events = events_of({"type": "executable_code", **code})
    assert one(events, ToolCallStart).name == "code_execution"
    end = one(events, ToolCallEnd)
    assert (end.provider_executed, end.args) == (True, {"code": "print(1)", "language": "PYTHON"})


@pytest.mark.parametrize(("version", "count"), [("v0", 1), ("v1", 0), (None, 1)])
def test_a_tool_of_groq_is_read_from_the_blocks_where_these_repeat_it(
    version: str | None, count: int
) -> None:
    tool = {"index": 0, "type": "search", "arguments": '{"q":1}'}
    metadata = {"output_version": version} if version else {}
    more = {"executed_tools": [tool]}
    events = events_of(response_metadata=metadata, additional_kwargs=more)
    calls = [it for it in events if isinstance(it, ToolCallEnd)]
    assert [(it.name, it.args) for it in calls] == [("search", {"q": 1})] * count


def test_arguments_that_are_no_text_are_shown_and_the_call_has_none() -> None:
    tool = {"index": 0, "type": "search", "arguments": {"q": 1}}
    events = events_of(additional_kwargs={"executed_tools": [tool]})
    lost = one(events, Unrecognized)
    assert (lost.raw, lost.reason) == ({"args": {"q": 1}}, "args is no text")
    assert one(events, ToolCallEnd).args == {}


def test_a_text_beside_a_piece_of_a_call_is_shown() -> None:
    def piece(content: list[Any], args: str, **named: Any) -> AIMessageChunk:
        call = {"name": None, "id": None, **named, "args": args, "index": 1}
        return AIMessageChunk(content=content, id="m1", tool_call_chunks=[call])

    words = [{"type": "text", "text": "Look", "index": 0}]
    inputs = [{"type": "input_json_delta", "partial_json": '"x"}', "index": 1}]
    events = list(
        normalize(
            [
                piece([], "", name="look", id="c1"),
                piece(words, '{"a":'),
                piece([*inputs, *words], '"x"}'),
            ]
        )
    )
    assert one(events, ToolCallEnd).args == {"a": "x"}
    assert one(events, MessageEnd).text == "LookLook"


def test_arguments_of_openais_tools_that_are_no_object_have_the_name_of_their_field() -> None:
    events = events_of({"type": "file_search_call", "id": "f", "queries": ["cats"]})
    assert one(events, ToolCallEnd).args == {"queries": ["cats"]}


def test_a_name_of_another_class_of_text_is_plain() -> None:
    class Name(str):
        __slots__ = ()

    block = {"type": "server_tool_call", "id": "c1", "name": Name("look"), "args": {}, "index": 0}
    name = one(events_of(block), ToolCallStart).name
    assert (name, type(name)) == ("look", str)


def test_a_call_of_anthropics_connector_is_one_that_the_provider_executes() -> None:
    call = {"type": "mcp_tool_use", "id": "m1", "name": "look", "server_name": "s", "input": {}}
    piece = {"type": "input_json_delta", "partial_json": '{"at": 1}', "index": 0}
    end = one(events_of({**call, "index": 0}, piece), ToolCallEnd)
    assert (end.name, end.args, end.provider_executed) == ("look", {"at": 1}, True)


@pytest.mark.parametrize("kind", ["server_tool_use", "mcp_tool_use"])
def test_arguments_that_were_streamed_are_in_the_state(kind: str) -> None:
    call = {"type": kind, "id": "s1", "name": "look", "input": {}, "partial_json": '{"at": 1}'}
    found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}
    stored = AIMessage([{**call, "index": 0}, {**found, "index": 1}], id="m1")
    events = list(normalize([stored]))
    assert one(events, ToolCallEnd).args == {"at": 1}
    kinds = [type(event) for event in events]
    assert kinds.index(ToolCallEnd) < kinds.index(Content)


def test_a_call_of_openais_custom_tools_is_read_once() -> None:
    block = {"type": "custom_tool_call", "id": "i1", "call_id": "c1", "name": "run", "input": "ls"}
    args = {"name": "run", "id": "c1", "args": '{"__arg1": "ls"}', "index": 0}
    events = events_of(block, tool_call_chunks=[args])
    assert one(events, ToolCallEnd).args == {"__arg1": "ls"}
    assert not [event for event in events if isinstance(event, Content)]


def test_reasoning_in_blocks_of_one_kind_is_not_redacted() -> None:
    def thought(text: str) -> AIMessageChunk:
        block = {"type": "thinking", "thinking": text, "index": 0}
        return AIMessageChunk(content=[block], id="m1")

    end = one(list(normalize([thought("a"), thought("b"), thought("c")])), ReasoningEnd)
    assert (end.text, end.redacted) == ("abc", False)


def test_a_value_of_another_type_is_refused_where_reading_is_strict() -> None:
    chunk = AIMessageChunk("Hi", additional_kwargs={"reasoning_content": 7})
    with pytest.raises(MalformedItem, match="reasoning_content is no text"):
        list(normalize([chunk], strict=True))


def test_a_call_that_the_provider_executes_may_be_signed() -> None:
    call = {"id": "c1", "name": "look", "args": {}, "extras": {"signature": "S"}}
    events = events_of({"type": "server_tool_call", **call, "index": 0})
    assert one(events, ReasoningEnd).signature == "S"


def test_what_a_tool_of_groq_gave_is_content() -> None:
    tool = {"index": 0, "type": "search", "output": "found"}
    events = events_of(additional_kwargs={"executed_tools": [tool]})
    block = one(events, Content).block
    assert (block["type"], block["output"]) == ("search", "found")


def test_what_is_no_dict_among_dicts_is_shown_and_the_others_are_read() -> None:
    tools = [7, {"index": 0, "type": "search", "arguments": "{}"}]
    events = events_of(additional_kwargs={"executed_tools": tools})
    lost = one(events, Unrecognized)
    assert (lost.raw, lost.reason) == ({"executed_tools": 7}, "executed_tools is no list of dicts")
    assert one(events, ToolCallEnd).name == "search"


# --- what providers put beside the content


@pytest.mark.parametrize(
    ("detail", "end"),
    [
        ({"type": "reasoning.text", "text": "hm", "signature": "S"}, ("hm", "S", False)),
        ({"type": "reasoning.encrypted", "data": "X"}, ("hm", "X", True)),
        ({"type": "reasoning.text", "text": "hm"}, ("hm", None, False)),
    ],
)
def test_signatures_of_openrouter_are_those_of_the_reasoning(detail: Any, end: Any) -> None:
    more = {"reasoning_content": "hm", "reasoning_details": [detail]}
    event = one(events_of(additional_kwargs=more), ReasoningEnd)
    assert (event.text, event.signature, event.redacted) == end


def test_signatures_of_openrouter_are_beside_blocks_of_version_1() -> None:
    more = {"reasoning_content": "hm", "reasoning_details": [{"signature": "S"}]}
    thought = {"type": "reasoning", "reasoning": "hm", "index": 0}
    event = one(events_of(thought, additional_kwargs=more), ReasoningEnd)
    assert (event.text, event.signature) == ("hm", "S")


def test_encrypted_reasoning_of_openrouter_may_have_no_words() -> None:
    detail = {"type": "reasoning.encrypted", "data": "X"}
    event = one(events_of(additional_kwargs={"reasoning_details": [detail]}), ReasoningEnd)
    assert (event.text, event.signature, event.redacted) == ("", "X", True)


WAV = {"type": "audio", "base64": "UklGRg==", "mime_type": "audio/wav"}
SPOKEN = {"id": "a1", "data": "aGk=", "transcript": "Hi"}


@pytest.mark.parametrize(
    ("audio", "block"),
    [
        pytest.param(b"RIFF", WAV, id="Gemini"),
        pytest.param("UklGRg==", WAV, id="Gemini, as JSON has it"),
        pytest.param(SPOKEN, {"type": "audio", **SPOKEN}, id="OpenAI"),
    ],
)
def test_what_a_model_speaks_is_content(audio: object, block: object) -> None:
    assert one(events_of(additional_kwargs={"audio": audio}), Content).block == block


def test_audio_that_a_block_holds_is_read_once() -> None:
    block = {"type": "audio", "base64": "UklGRg==", "mime_type": "audio/wav"}
    events = events_of(block, additional_kwargs={"audio": b"RIFF"})
    assert one(events, Content).block == block


def test_audio_of_another_type_is_shown() -> None:
    events = events_of(additional_kwargs={"audio": 7})
    assert one(events, Unrecognized).raw == {"audio": 7}
    assert not [event for event in events if isinstance(event, Content)]


def test_openais_own_tools_are_read_beside_the_content_of_version_0() -> None:
    tool = {"type": "web_search_call", "id": "w1", "action": {"query": "cats"}}
    events = events_of(additional_kwargs={"tool_outputs": [tool]})
    end = one(events, ToolCallEnd)
    assert (end.name, end.args, end.provider_executed) == ("web_search", {"query": "cats"}, True)
    assert one(events, Content).block == tool


SOURCE = {"title": "Cats", "url": "https://a.test"}


@pytest.mark.parametrize(
    ("additional", "citation"),
    [
        ({"citations": ["https://a.test"]}, {"type": "citation", "url": "https://a.test"}),
        ({"citations": ["https://a.test"], "search_results": [SOURCE]}, SOURCE),
        ({"search_results": [SOURCE, {"document_ids": ["d1"]}]}, SOURCE),
        ({"citations": [{"start": 0}], "search_results": [SOURCE]}, {"start": 0}),
        ({"citations": [{"block_id": 0, "citation": SOURCE}]}, SOURCE),
    ],
)
def test_sources_beside_the_content_are_citations(additional: Any, citation: Any) -> None:
    event = one(events_of("Cats purr.", additional_kwargs=additional), Citation)
    assert (event.citation, event.block_id) == (citation, 0)


def test_a_text_of_mistral_that_has_sources_is_cited() -> None:
    text = {"type": "text", "text": "Cats purr.", "reference": {"reference_ids": [1]}, "index": 0}
    event = one(events_of(text), Citation)
    assert event.citation == {"type": "reference", "reference_ids": [1]}


GROUNDING = {
    "grounding_chunks": [{"web": {"uri": "https://a.test", "title": "Cats"}, "maps": None}],
    "grounding_supports": [
        {"segment": {"end_index": 4, "text": "Cats"}, "grounding_chunk_indices": [0, 7, "x"]}
    ],
}


def test_what_gemini_grounds_an_answer_on_is_cited() -> None:
    events = events_of("Cats purr.", response_metadata={"grounding_metadata": GROUNDING})
    cited = [event.citation for event in events if isinstance(event, Citation)]
    text = {"type": "citation", "end_index": 4, "cited_text": "Cats"}
    # The second and third sources are not there; what they support is.
    assert cited == [{**text, "url": "https://a.test", "title": "Cats"}, text, text]


def test_grounding_is_read_once_where_blocks_of_version_1_repeat_it() -> None:
    text = {"type": "text", "text": "Cats purr.", "annotations": [{"type": "citation"}]}
    metadata = {"grounding_metadata": GROUNDING, "output_version": "v1"}
    assert one(events_of(text, response_metadata=metadata), Citation).citation == {
        "type": "citation"
    }


def test_grounding_is_read_where_a_chunk_of_version_1_has_no_text() -> None:
    metadata = {"grounding_metadata": GROUNDING, "output_version": "v1"}
    events = events_of(response_metadata=metadata)
    assert len([event for event in events if isinstance(event, Citation)]) == 3


def test_a_citation_without_a_place_is_of_the_last_text() -> None:
    text = {"type": "text", "text": "Cats purr.", "index": 0}
    thought = {"type": "thinking", "thinking": "Done.", "index": 1}
    events = events_of(text, thought, additional_kwargs={"citations": ["https://a.test"]})
    assert one(events, Citation).block_id == one(events, TextEnd).block_id


def test_a_citation_without_any_text_begins_one() -> None:
    events = events_of(additional_kwargs={"citations": ["https://a.test"]})
    assert one(events, Citation).block_id == one(events, TextStart).block_id


# --- summaries of reasoning


def summary(*parts: tuple[int, str], **more: Any) -> dict[str, Any]:
    texts = [{"type": "summary_text", "text": text, "index": index} for index, text in parts]
    return {"type": "reasoning", "summary": texts, "index": 0, **more}


@pytest.mark.parametrize("numbered", [True, False])
def test_each_part_of_a_summary_is_a_paragraph(numbered: bool) -> None:
    streamed = [summary((0, "Pl")), summary((0, "an")), summary((1, "Check"), id="r1")]
    whole = summary((0, "Plan"), (1, "Check"), id="r1")
    if not numbered:
        for part in whole["summary"]:
            del part["index"]
    sealed = {"type": "reasoning", "encrypted_content": "X", "index": 0}
    for blocks in ([*streamed, sealed], [{**whole, "encrypted_content": "X"}]):
        ends = [it for it in events_of(*blocks) if isinstance(it, ReasoningEnd)]
        assert [(it.text, it.signature) for it in ends] == [("Plan", None), ("Check", "X")]


def test_a_signature_of_other_reasoning_is_a_block_of_its_own() -> None:
    other = {"type": "reasoning", "encrypted_content": "X", "index": 1}
    ends = [it for it in events_of(summary((0, "Plan")), other) if isinstance(it, ReasoningEnd)]
    assert [(it.text, it.signature) for it in ends] == [("Plan", None), ("", "X")]
