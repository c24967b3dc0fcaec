"""One message being written: what its events hold, whatever its chunks hold."""

from __future__ import annotations

import functools
import operator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables.utils import AddableDict
from langchain_core.tools import tool

import streamkit
from streamkit import (
    Content,
    Event,
    MessageEnd,
    MessageReplaced,
    MessageStart,
    Origin,
    ReasoningEnd,
    TextDelta,
    TextEnd,
    ToolCallStart,
    ToolEnd,
    UsageError,
    normalize,
)
from streamkit._core.kinds import kind_of
from streamkit._core.pending_calls import PendingCalls
from streamkit._core.seen import SeenRegistry
from streamkit.testing import check_stream
from streamkit.values import ToolCall
from streamkit.wire import (
    ag_ui,
    ai_sdk,
    chat,
    langgraph_sse,
    ndjson,
    openai_chunks,
    openai_responses,
    sse,
)


class OwnText(str):
    """A str subclass, such as the `TextAccessor` that LangChain 1.x's parsers yield."""

    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("text is read as the str that it is")


PARSED = [OwnText("Hello "), OwnText(""), OwnText("you all")]


def test_text_of_a_subclass_is_emitted_as_plain_str() -> None:
    events: list[Event] = list(normalize(PARSED))
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    (end,) = [event.text for event in events if isinstance(event, TextEnd)]
    assert deltas == ["Hello ", "you all"]
    assert {type(text) for text in (*deltas, end)} == {str}


@pytest.mark.parametrize(
    "wire",
    [sse, ndjson, ai_sdk, ag_ui, langgraph_sse, openai_chunks, openai_responses, chat],
    ids=lambda it: it.__name__,
)
def test_every_wire_writes_the_text_of_a_parser(wire) -> None:
    assert b"you all" in b"".join(normalize(PARSED).pipe(wire.encoder()))


def test_texts_of_a_chain_add_up_to_its_output() -> None:
    assert normalize(["Hel", "lo"]).collect().output == "Hello"


def test_dicts_that_add_up_are_the_output() -> None:
    chunks: list[dict[str, Any]] = [
        AddableDict(answer="Hel"),
        AddableDict(docs=["a"], inner=AddableDict(x="1")),
        AddableDict(answer="lo", docs=None, inner=AddableDict(x="2", y=1)),
        AddableDict(model=AIMessageChunk(content="a", id="m")),
        AddableDict(model=AIMessageChunk(content="b", id="m"), docs=["b"]),
    ]
    output = normalize(list(chunks)).collect().output
    assert output == functools.reduce(operator.add, chunks)
    assert chunks[1]["docs"] == ["a"]


def test_what_cannot_be_added_replaces_what_was_before() -> None:
    chunks = [AddableDict(a=1), AddableDict(a="text"), AddableDict(a=None), AddableDict(a={"b": 1})]
    assert normalize(chunks).collect().output == {"a": {"b": 1}}


def test_patches_add_up_to_all_of_them() -> None:
    """As a parser with ``diff=True`` yields them, and LangChain adds lists."""
    chunks = [[{"op": "add", "path": f"/{name}", "value": 1}] for name in "abc"]
    assert normalize(list(chunks)).collect().output == [*chunks[0], *chunks[1], *chunks[2]]
    assert len(chunks[0]) == 1
    lists = [AddableDict(docs=[1]), AddableDict(docs=[2]), AddableDict(docs="none")]
    assert normalize(lists[:2]).collect().output == {"docs": [1, 2]}
    assert normalize(lists).collect().output == {"docs": "none"}


def test_of_an_object_that_grows_the_last_state_is_the_output() -> None:
    result = normalize([{"a": 1}, {"a": 1, "b": 2}], dialect="chunks").collect()
    assert result.output == {"a": 1, "b": 2}


# --- what chunks and messages hold now and then


def shown(*items: Any) -> list[Event]:
    events: list[Event] = list(normalize(items))
    check_stream(events)
    return events


def ended(*items: Any) -> MessageEnd:
    (end,) = (event for event in shown(*items) if isinstance(event, MessageEnd))
    return end


def piece(content: Any = "", **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=content, id="m", **fields)


def call_piece(args: str, index: int = 0, **named: Any) -> AIMessageChunk:
    call = {"name": None, "id": None, "args": args, "index": index, **named}
    return piece(tool_call_chunks=[call])


def test_the_pieces_of_a_refusal_are_one() -> None:
    pieces = ["I ca", "nnot ", "do it."]
    events = shown(*(piece([{"type": "refusal", "refusal": it, "index": 0}]) for it in pieces))
    assert [it.block for it in events if isinstance(it, Content)] == [
        {"type": "refusal", "refusal": "I cannot do it."}
    ]


def test_equal_calls_at_one_index_with_other_arguments_are_two() -> None:
    pieces = [call_piece(args, name="look") for args in ('{"at": 1}', '{"at": 2}')]
    assert [call.args for call in ended(*pieces).tool_calls] == [{"at": 1}, {"at": 2}]


def test_a_whole_message_of_merged_chunks_has_its_calls_as_they_were_written() -> None:
    merged = call_piece('{"at": ', name="look") + call_piece("1, ")
    given = {"event": "on_chat_model_end", "name": "m", "run_id": "1", "parent_ids": []}
    started = {**given, "event": "on_chat_model_start", "data": {}}
    (call,) = ended(started, {**given, "data": {"output": merged}}).tool_calls
    assert (call.args, call.text) == (None, '{"at": 1, ')


def test_a_whole_message_with_a_call_that_is_no_json() -> None:
    wrong = {"name": "look", "id": "1", "args": '{"at": ', "error": None}
    (call,) = ended(AIMessage("", invalid_tool_calls=[wrong])).tool_calls
    assert (call.id, call.args, call.text) == ("1", None, '{"at": ')


def test_reasoning_that_is_a_block_beside_the_content() -> None:
    # The Responses API of langchain-openai 0.3.
    summary = [{"type": "summary_text", "text": "Let me see."}]
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": summary}
    events = shown(AIMessage("Yes.", additional_kwargs={"reasoning": reasoning}))
    assert [it.text for it in events if isinstance(it, ReasoningEnd)] == ["Let me see."]


@pytest.mark.parametrize("index", [[1], {}, 1.5, True])
def test_a_text_at_an_odd_index_is_shown(index: Any) -> None:
    assert ended(piece([{"type": "text", "text": "Hi", "index": index}])).text == "Hi"


def test_a_tool_search_that_the_caller_answers_is_no_call_of_the_provider() -> None:
    block = {"type": "tool_search_call", "id": "ts_1", "call_id": "c", "arguments": {}}
    events = shown(AIMessage([block]))
    assert [it.block for it in events if isinstance(it, Content)] == [block]
    assert not any(it.tool_calls for it in events if isinstance(it, MessageEnd))


class Unspeakable:
    def __str__(self) -> str:
        raise LookupError("never")

    __repr__ = __str__


circle: dict[str, Any] = {}
circle["at"] = circle


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"at": Unspeakable()}, '{"at": "<Unspeakable>"}'),
        (circle, "\"{'at': {...}}\""),
        ({("a", 1): 2}, "\"{('a', 1): 2}\""),
    ],
)
def test_arguments_that_are_no_json_data_cost_nothing_else(args: Any, text: str) -> None:
    message = AIMessage("Hi", tool_calls=[{"name": "look", "id": "1", "args": {}}])
    message.tool_calls[0]["args"] = args
    end = ended(message)
    assert (end.text, [call.text for call in end.tool_calls]) == ("Hi", [text])


def test_a_tool_may_return_an_object_that_cannot_be_shown() -> None:
    @tool
    def look() -> Any:
        """Look."""
        return Unspeakable()

    events = list(streamkit.stream(look, {}, strict=True))
    check_stream(events)
    assert any(isinstance(it, ToolEnd) for it in events)


def test_metadata_that_cannot_be_compared_is_kept() -> None:
    numpy = pytest.importorskip("numpy")
    chunks = [piece(it, response_metadata={"logits": numpy.zeros(2)}) for it in ("Hi", "!")]
    assert ended(*chunks).text == "Hi!"


def test_any_number_of_classes_of_chunks_can_be_told_apart() -> None:
    for number in range(1100):
        assert kind_of(type(f"Chunk{number}", (), {})()) is None
    assert kind_of(piece("Hi")) == "chunk"


def test_of_calls_that_nothing_answers_the_oldest_give_up_their_arguments() -> None:
    calls = PendingCalls()
    for id in "abc":
        call = ToolCall(id=id, name="look", args={"at": id}, text="x" * 1_900_000)
        calls.add(call, id, Origin())
    found = [calls.find("look", {"at": id}, ()) for id in "abc"]
    assert [it and it.id for it in found] == [None, "b", "c"]
    assert [calls._calls[id][0].args for id in "abc"] == [None, {"at": "b"}, {"at": "c"}]


def test_a_call_with_the_id_of_one_that_waits_in_another_node_gets_its_own() -> None:
    def spoken(id: str, node: str) -> tuple[AIMessage, dict[str, Any]]:
        call = {"name": "look", "id": "call_0", "args": {}}
        return AIMessage("", id=id, tool_calls=[call]), {
            "langgraph_node": node,
            "langgraph_checkpoint_ns": f"{node}:1",
        }

    events = shown(spoken("m1", "a"), spoken("m2", "b"))
    calls = [it.tool_call_id for it in events if isinstance(it, ToolCallStart)]
    assert calls == ["call_0", "call_0#2"]


def test_a_chunk_as_models_make_it_is_read_as_its_message() -> None:
    assert ended(ChatGenerationChunk(message=piece("Hi"))).text == "Hi"


def test_chunks_of_which_no_message_can_be_made_are_no_output() -> None:
    odd = piece("x")
    odd.__dict__["name"] = 3
    assert normalize([AddableDict(a=odd)]).collect().output == {"a": None}


def test_an_event_that_no_result_can_hold_is_named_when_the_result_is_asked_for() -> None:
    at: Any = {"origin": Origin(), "timestamp": 0.0, "message_id": "m"}
    stream = normalize(
        [MessageStart(**at), MessageEnd(**at, status="completed", text="", tool_calls=(3,))]
    )
    assert list(stream)
    with pytest.raises(UsageError, match="could not become a part of the result"):
        _ = stream.result


@pytest.mark.parametrize("item", [[{"op": "sell", "path": "/a"}], [{"op": "add", "path": 1}]])
def test_a_list_is_a_patch_where_each_item_is_an_operation_on_a_path(item: Any) -> None:
    assert normalize([item], dialect="chunks").collect().output == item


def test_a_call_is_found_in_its_own_graph_and_else_anywhere() -> None:
    calls = PendingCalls()
    call = ToolCall(id="c", name="look", args={"at": 1}, text="{}")
    for namespace in (("a",), ("b",)):
        calls.add(call, "c", Origin(namespace=namespace))

    def namespaces_of(*given: tuple[str, ...]) -> list[Any]:
        return [it and it.namespace for it in (calls.find("look", {"at": 1}, at) for at in given)]

    assert namespaces_of(("a",), ("b",), ("c",)) == [("a",), ("b",), ("a",)]
    assert len(calls._calls["c"]) == 2
    calls.add(call, "c", Origin(namespace=("b",)))
    assert [it.namespace for it in calls._calls["c"]] == [("a",), ("b",)]


def test_of_tools_that_ask_under_one_id_each_has_its_own_question() -> None:
    seen = SeenRegistry()
    for value, call in (("a", "c1"), ("b", "c2")):
        seen.note_waiting("i", value, call)
    asking = [seen.tool_waiting(*it) for it in (("i", "a"), ("i", "b"), ("j", "b"))]
    assert asking == ["c1", "c2", None]


def test_other_arguments_under_the_id_of_a_message_replace_it() -> None:
    def message(at: int) -> Any:
        calls = [{"name": "look", "id": "c", "args": {"at": at}}]
        return ((), "updates", {"n": {"messages": [AIMessage("", id="m", tool_calls=calls)]}})

    def replaced(*items: Any) -> int:
        return sum(isinstance(it, MessageReplaced) for it in shown(*items))

    written = (call_piece('{"at": 1}', name="look", id="c"), {"langgraph_node": "n"})
    streamed = ((), "messages", (written[0].model_copy(update={"id": "m"}), written[1]))
    assert [replaced(streamed, message(at)) for at in (1, 2)] == [0, 1]
