"""The test double of a chat model: what it is told to send, it sends, by every method."""

import re
import time

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage

from streamkit import UsageError, normalize
from streamkit.testing import Call, Reply, ScriptedChatModel, check_stream

WHOLE = Reply(
    "It is sunny.",
    reasoning="Look outside.",
    tool_calls=(Call("look", {"where": "outside"}, "c1"),),
    usage=(3, 4),
)


async def by_every_method(model, question="Hi"):
    """The same reply by each of the four methods, as messages."""
    streamed = [*model.stream(question)]
    astreamed = [chunk async for chunk in model.astream(question)]
    sums = [sum(it[1:], start=it[0]) for it in (streamed, astreamed)]
    return [*sums, model.invoke(question), await model.ainvoke(question)]


async def test_every_method_gives_the_same():
    for message in await by_every_method(ScriptedChatModel(script=[WHOLE])):
        assert message.content == "It is sunny."
        assert message.additional_kwargs["reasoning_content"] == "Look outside."
        assert [(it["name"], it["args"], it["id"]) for it in message.tool_calls] == [
            ("look", {"where": "outside"}, "c1")
        ]
        assert message.usage_metadata["total_tokens"] == 7
        assert message.response_metadata["finish_reason"] == "tool_calls"


def test_a_str_is_a_reply():
    model = ScriptedChatModel(script=["Hello!", "Bye!"])
    assert model.invoke([HumanMessage("Hi"), AIMessage("Hello!")]).content == "Bye!"


@pytest.mark.parametrize("cut", [1, 5, 1000, list, lambda text: [text[:2], "", text[2:]]])
def test_texts_and_arguments_may_be_cut_anywhere(cut):
    stream = normalize(ScriptedChatModel(script=[WHOLE], cut=cut).stream("Hi"))
    events = list(stream)
    check_stream(events)
    result = normalize(events).collect()
    assert (result.text, result.tool_calls[0].args) == ("It is sunny.", {"where": "outside"})


def test_it_fails_where_it_is_told_to():
    model = ScriptedChatModel(script=[Reply("Half", error=ConnectionError("gone"))])
    stream = model.stream("Hi")
    assert next(stream).content == "Half"
    with pytest.raises(ConnectionError, match="gone"):
        next(stream)
    with pytest.raises(ConnectionError, match="gone"):
        model.invoke("Hi")


def test_it_waits_where_it_is_told_to():
    model = ScriptedChatModel(script=[Reply("Hi", delay=0.05)], pace=0.02)
    began = time.monotonic()
    next(model.stream("Hi"))
    assert time.monotonic() - began >= 0.07


def test_it_sends_chunks_as_they_are():
    chunks = (AIMessageChunk("a", id="x"), AIMessageChunk([{"type": "text", "text": "b"}], id="y"))
    model = ScriptedChatModel(script=[Reply(chunks=chunks)])
    assert [chunk.content for chunk in model.stream("Hi")][:2] == [
        "a",
        [{"type": "text", "text": "b"}],
    ]


def test_it_sends_its_chunks_again_under_the_id_of_the_next_run():
    """langchain-core writes the run's id into a chunk without one."""
    model = ScriptedChatModel(script=[Reply(chunks=(AIMessageChunk("a"), AIMessageChunk("b")))])
    for _ in range(2):
        assert len({chunk.id for chunk in model.stream("Hi")}) == 1
    first, second = (next(model.stream("Hi")).id for _ in range(2))
    assert first != second


def test_arguments_may_be_broken():
    model = ScriptedChatModel(
        script=[Reply(tool_calls=(Call("f", "oops", "c"),), finish_reason="length")]
    )
    message = model.invoke("Hi")
    assert message.tool_calls == []
    assert message.invalid_tool_calls[0]["args"] == "oops"
    assert message.response_metadata["finish_reason"] == "length"


def test_usage_may_have_details():
    details = {
        "input_tokens": 5,
        "output_tokens": 1,
        "total_tokens": 6,
        "input_token_details": {"cache_read": 4},
    }
    assert (
        ScriptedChatModel(script=[Reply("Hi", usage=details)]).invoke("Hi").usage_metadata
        == details
    )


def test_its_trace_names_what_it_stops_at():
    assert ScriptedChatModel(script=["Hi"])._get_ls_params(stop=["."])["ls_stop"] == ["."]


def test_it_keeps_what_it_was_asked():
    model = ScriptedChatModel(script=lambda messages: f"{len(messages)} messages")
    assert model.invoke("Hi").content == "1 messages"
    assert [[it.content for it in request] for request in model.requests] == [["Hi"]]


def test_a_script_that_is_too_short_says_so():
    with pytest.raises(ValueError, match="turn 1 is not in the script, which has 0 replies"):
        ScriptedChatModel(script=[]).invoke("Hi")


async def test_an_iterator_has_a_reply_for_each_request():
    replies = iter([Reply("Half", error=ConnectionError("gone")), "Whole"])
    model = ScriptedChatModel(script=lambda _: next(replies)).with_retry(
        wait_exponential_jitter=False
    )
    assert model.invoke("Hi").content == "Whole"
    with pytest.raises(ValueError, match="the script's iterator has no more replies"):
        model.bound.invoke("Hi")
    with pytest.raises(ValueError, match="the script's iterator has no more replies"):
        await model.bound.ainvoke("Hi")


@pytest.mark.parametrize(
    ("script", "remedy"),
    [
        ("Hi", "write script=[…]"),
        (Reply("Hi"), "write script=[…]"),
        (iter(["Hi"]), "write script=lambda _: next(it)"),
        ([AIMessage("Hi")], 'not a AIMessage; write Reply("text", tool_calls=(Call('),
        (lambda _: AIMessage("Hi"), 'not a AIMessage; write Reply("text", tool_calls=(Call('),
        (lambda _: None, "a reply is a str or a Reply, not a NoneType"),
    ],
)
def test_another_script_is_refused_with_what_to_write(script, remedy):
    with pytest.raises(UsageError, match=re.escape(remedy)):
        ScriptedChatModel(script=script).invoke("Hi")


def test_the_script_may_stand_first_and_other_options_are_refused():
    assert ScriptedChatModel(["Hi"], model="small").invoke("x").content == "Hi"
    with pytest.raises(ValueError, match="speed"):
        ScriptedChatModel(["Hi"], speed=2)
