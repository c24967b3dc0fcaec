"""The requests of OpenAI's clients: what is read of them, and what is refused with which remedy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("langgraph", reason="langgraph is not installed")

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, Interrupt, PregelTask, StateSnapshot

from random_events import EVENTS
from streamkit import (
    BadRequest,
    Origin,
    RunEnd,
    TextStart,
    ToolCallEnd,
    Usage,
    UsageError,
    normalize,
)
from streamkit.demo import Call, Reply, ScriptedChatModel
from streamkit.wire import openai_chunks, openai_responses
from streamkit.wire.resume import payloads

PNG = "data:image/png;base64,aGk="
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
LOOK = {"id": "c1", "name": "look", "args": {"a": 1}, "type": "tool_call"}


def chat(*messages: Any, **more: Any) -> openai_chunks.Request:
    return openai_chunks.read_request({"model": "m", "messages": [*messages], **more})


def responses(*items: Any, **more: Any) -> openai_responses.Request:
    return openai_responses.read_request({"model": "m", "input": [*items], **more})


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


# --- both


@pytest.mark.parametrize("ask", [chat, responses])
def test_roles_and_texts(ask: Any) -> None:
    wire = openai_chunks if ask is chat else openai_responses
    part = {"type": "text" if ask is chat else "input_text", "text": "Hi"}
    asked = ask({"role": "system", "content": "S"}, {"role": "developer", "content": "D"},
                user([part]), {"role": "assistant", "content": "Yes", "id": "a"}, user("Ho"))  # fmt: skip
    assert wire.graph_input(asked) == {
        "messages": [
            SystemMessage("S"), SystemMessage("D"), HumanMessage("Hi"), AIMessage("Yes"),
            HumanMessage("Ho"),
        ]
    }  # fmt: skip


PARTS = [
    ({"type": "image_url", "image_url": {"url": PNG}}, {"type": "image_url", "image_url": {"url": PNG}}),
    ({"type": "input_image", "image_url": PNG}, {"type": "image_url", "image_url": {"url": PNG}}),
    ({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
     {"type": "audio", "mime_type": "audio/wav", "base64": "aGk="}),
    ({"type": "file", "file": {"filename": "a.pdf", "file_data": "aGk="}},
     {"type": "file", "mime_type": "application/pdf", "filename": "a.pdf", "base64": "aGk="}),
    ({"type": "input_file", "file_data": "data:text/csv;base64,aGk="},
     {"type": "file", "mime_type": "text/csv", "base64": "aGk="}),
    ({"type": "input_file", "file_url": "https://a.test/b.pdf"},
     {"type": "file", "mime_type": "application/pdf", "url": "https://a.test/b.pdf"}),
]  # fmt: skip


@pytest.mark.parametrize(("part", "block"), PARTS)
def test_files(part: Any, block: Any) -> None:
    [message] = openai_responses.graph_input(responses(user(["x", part][1:])))["messages"]
    assert message == HumanMessage([block])
    assert message.content_blocks  # (LangChain knows the block)


BAD_ITEMS = [
    (user(7), "text or a list of parts"),
    (user(["x"]), "send text, images"),
    (user([{"type": "video"}]), "send text, images"),
    (user([{"type": "input_image", "image_url": "file:///etc/passwd"}]), "must begin with https"),
    (user([{"type": "input_file", "file_id": "f"}]), "send 'file_data'"),
    (user([{"type": "input_file", "file_data": "data:text/csv,1"}]), "must be base64"),
    ({"role": "remove", "id": "m1"}, "must have the 'role'"),
    ({"role": "tool", "content": "x"}, "a tool's a 'tool_call_id'"),
    ({"content": "x"}, "must have the 'role'"),
    ({"type": "item_reference", "id": "m1"}, "send messages, 'function_call'"),
    ({"type": "function_call", "call_id": "c1"}, "a call must have an id"),
    ({"role": "assistant", "tool_calls": [{"id": "c1"}]}, "a call must have an id"),
]


@pytest.mark.parametrize(("item", "why"), BAD_ITEMS)
@pytest.mark.parametrize("ask", [chat, responses])
def test_what_cannot_be_read_is_refused_with_the_remedy(ask: Any, item: Any, why: str) -> None:
    wire = openai_chunks if ask is chat else openai_responses
    with pytest.raises(BadRequest, match=why):
        wire.graph_input(ask(item))


def test_a_conversation_has_a_limit() -> None:
    with pytest.raises(BadRequest, match="more than 1000 messages") as found:
        chat(*[user("")] * 1001)
    assert found.value.status == 413
    with pytest.raises(BadRequest, match="more than 2 messages"):
        openai_responses.read_request({"input": [user("")] * 3}, max_items=2)
    openai_chunks.read_request({"messages": [user("")] * 1001}, max_messages=2000)


def test_an_id_from_the_client_replaces_no_stored_message() -> None:
    for item in (user("Hi"), {"role": "assistant", "content": "Hi"}):
        [message] = openai_chunks.graph_input(chat({**item, "id": "m1"}))["messages"]
        assert message.id is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda it: st.lists(it, max_size=3) | st.dictionaries(st.text(max_size=6), it, max_size=3),
    max_leaves=8,
)
KEYS = ["type", "role", "content", "text", "image_url", "url", "input_audio", "data", "format",
        "file", "file_data", "filename", "tool_calls", "function", "name", "arguments", "id",
        "call_id", "output", "approve", "approval_request_id", "tool_call_id", "refusal"]  # fmt: skip
WORDS = ["message", "user", "assistant", "tool", "system", "text", "input_text", "image_url",
         "input_image", "input_audio", "file", "input_file", "function_call", "reasoning",
         "function_call_output", "mcp_approval_response", "https://x.test", PNG]  # fmt: skip
ITEMS = st.recursive(
    JSON | st.sampled_from(WORDS),
    lambda it: st.dictionaries(st.sampled_from(KEYS), it, max_size=4) | st.lists(it, max_size=3),
    max_leaves=12,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "model": JSON, "messages": st.lists(ITEMS, max_size=3) | JSON, "n": JSON,
        "input": st.lists(ITEMS, max_size=3) | JSON, "stream": JSON, "stream_options": JSON,
        "metadata": JSON, "conversation": JSON, "previous_response_id": JSON, "tools": JSON,
        "instructions": JSON,
    },
)  # fmt: skip


@given(BODIES)
def test_any_body_makes_an_input_or_is_refused(body: Any) -> None:
    for wire in (openai_chunks, openai_responses):
        try:
            request: Any = wire.read_request(body)
            wire.graph_input(request)
            list(wire.Encoder(request).close())
        except BadRequest:
            pass
        except UsageError:  # there is an answer, and no state
            assert any(it.get("type") == "mcp_approval_response" for it in body["input"])


@given(st.lists(EVENTS, max_size=8))
def test_any_events_make_numbered_frames_and_a_document(events: Any) -> None:
    for wire in (openai_chunks, openai_responses):
        machine = wire.Encoder()
        frames = [frame for it in events for frame in machine.feed(it)]
        frames += machine.close()
        status, document = wire.document(b"".join(frames))
        assert status in {200, 500}
        assert document
    numbers = [it["sequence_number"] for it in payloads(frames)]
    assert numbers == list(range(1, len(frames) + 1))


def test_the_end_of_a_call_where_a_text_is_open_ends_no_text() -> None:
    at: Any = {"origin": Origin(), "timestamp": 0.0, "message_id": "m", "block_id": 0}
    call = ToolCallEnd(**at, tool_call_id="c", name="f", args={}, text="{}")
    machine = openai_responses.Encoder()
    assert len(list(machine.feed(TextStart(**at)))) > 1
    assert list(machine.feed(call)) == []


# --- chat completions


def test_calls_and_results_of_a_chat() -> None:
    asked = chat(
        user("Hi"),
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    )
    whole = [
        HumanMessage("Hi"),
        AIMessage("", tool_calls=[LOOK]),
        ToolMessage("42", tool_call_id="c1"),
    ]
    assert openai_chunks.graph_input(asked) == {"messages": whole}
    assert openai_chunks.graph_input(asked, stateful=True) == {"messages": whole[2:]}


def test_arguments_that_are_no_json_are_kept_apart() -> None:
    broken = {**CALL, "function": {"name": "look", "arguments": '{"a":'}}
    [said] = openai_chunks.graph_input(chat({"role": "assistant", "tool_calls": [broken]}))[
        "messages"
    ]
    assert said.tool_calls == []
    assert said.invalid_tool_calls[0]["args"] == '{"a":'


def test_what_a_chat_asks_for() -> None:
    options = {"include_usage": True}
    assert chat(user("Hi")).include_usage
    made = openai_chunks.Request(model="m", messages=())
    assert (made.stream, made.include_usage) == (False, True)
    assert not chat(user("Hi"), stream=True).include_usage
    assert chat(user("Hi"), stream=True, stream_options=options).include_usage
    assert chat(user("Hi")).thread_id is None
    assert chat(user("Hi"), metadata={"thread_id": "t"}).thread_id == "t"
    assert chat(user("Hi"), temperature=0.5).settings == {"temperature": 0.5}


@pytest.mark.parametrize(
    ("body", "why"),
    [({"messages": []}, "no messages"), ({"messages": [user("Hi")], "n": 2}, "leave 'n' out"),
     ({"messages": "Hi"}, "no request for a chat completion"), ({}, "no request for a chat")],
)  # fmt: skip
def test_what_is_no_chat_is_refused(body: Any, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        openai_chunks.read_request(body)


def test_a_request_decides_the_name_and_whether_tokens_are_written() -> None:
    events = list(normalize(["Hi"]))
    tokens = Usage(input_tokens=1, output_tokens=1)
    events[-1] = RunEnd(timestamp=0.5, status="completed", usage=tokens)
    for asked, count in [(chat(user("Hi"), stream=True), 0), (chat(user("Hi")), 1)]:
        machine = openai_chunks.Encoder(asked)
        body = b"".join(frame for it in events for frame in machine.feed(it))
        assert body.count(b'"usage"') == count
        assert b'"model":"m"' in body


# --- responses


def test_calls_belong_to_the_answer_before_them() -> None:
    def call(id: str) -> dict[str, Any]:
        return {"type": "function_call", "call_id": id, "name": "look", "arguments": '{"a":1}'}

    asked = responses(
        {"role": "user", "content": "Hi"},
        {"type": "reasoning", "id": "r", "summary": []},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Ok"}],
        },
        call("c1"),
        call("c2"),
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {
            "type": "function_call_output",
            "call_id": "c2",
            "output": [{"type": "input_text", "text": "2"}],
        },
        call("c3"),
        {"type": "mcp_call", "id": "x", "name": "ran here"},
    )
    assert openai_responses.graph_input(asked) == {
        "messages": [
            HumanMessage("Hi"),
            AIMessage("Ok", tool_calls=[LOOK, {**LOOK, "id": "c2"}]),
            ToolMessage("1", tool_call_id="c1"),
            ToolMessage("2", tool_call_id="c2"),
            AIMessage("", tool_calls=[{**LOOK, "id": "c3"}]),
        ]
    }


def test_instructions_take_the_place_of_the_last_ones() -> None:
    from langgraph.graph.message import add_messages

    state: Any = []
    for said in ("one", "two"):
        given = openai_responses.graph_input(responses(user("Hi"), instructions=said))
        state = add_messages(state, given["messages"])
    assert [it.content for it in state] == ["two", "Hi", "Hi"]


def test_a_response_goes_on_in_the_thread_of_the_one_before() -> None:
    first = responses(user("Hi"))
    again = responses(user("Ho"), previous_response_id=first.response_id)
    assert again.thread_id == first.thread_id
    assert again.response_id != first.response_id
    assert responses(user("Hi")).thread_id != first.thread_id
    for named in ({"conversation": "t.1"}, {"conversation": {"id": "t.1"}},
                  {"metadata": {"thread_id": "t.1"}}):  # fmt: skip
        asked = responses(user("Hi"), **named)
        assert asked.thread_id == "t.1"
        assert responses(user("Hi"), previous_response_id=asked.response_id).thread_id == "t.1"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"input": []}, "there is no input"),
        ({"input": 7}, "no request for a response"),
        ({"input": "Hi", "previous_response_id": "resp_1"}, "leave it out to begin a new"),
        ({"input": "Hi", "previous_response_id": f"resp_{'0' * 32}_../x"}, "leave it out"),
        ({"input": "Hi", "conversation": "a/b"}, "letters, digits"),
        ({"input": "Hi", "conversation": "x" * 201}, "up to 200"),
        ({"input": "Hi", "metadata": {"thread_id": 7}}, "leave it out to begin a new one"),
    ],
)
def test_what_is_no_request_for_a_response_is_refused(more: Any, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        openai_responses.read_request(more)


def snapshot(*asked: Interrupt) -> StateSnapshot:
    task = PregelTask("1", "agent", ("agent",), interrupts=asked)
    return StateSnapshot({}, (), {}, None, None, None, (task,), ())


def answer(id: str, approve: Any = True, **more: Any) -> dict[str, Any]:
    return {"type": "mcp_approval_response", "approval_request_id": id, "approve": approve, **more}


TWO = {"action_requests": [{"name": "look", "args": {}}, {"name": "pay", "args": {}}]}


def test_approvals_resume_the_interrupts() -> None:
    state = snapshot(Interrupt(TWO, id="i1"), Interrupt("Sure?", id="i2"))
    given = responses(
        answer("i2/0"), answer("i1/1", approve=False, reason="no money"), answer("i1/0")
    )
    command = openai_responses.graph_input(given, state=state)
    assert command == Command(
        resume={
            "i1": {"decisions": [{"type": "approve"}, {"type": "reject", "message": "no money"}]},
            "i2": {"approved": True},
        }
    )


@pytest.mark.parametrize(
    "answers",
    [[answer("i1/0")], [answer("i1/0"), answer("i1/7")], [answer("i3/0")], [answer("")],
     [answer("i1/0"), answer("i1/1", approve="yes")], [{"type": "mcp_approval_response"}]],
)  # fmt: skip
def test_answers_that_fit_no_question_are_refused(answers: Any) -> None:
    with pytest.raises(BadRequest, match=r"all questions|must have an 'approval_request_id'"):
        openai_responses.graph_input(responses(*answers), state=snapshot(Interrupt(TWO, id="i1")))


async def test_the_middlewares_questions_are_answered() -> None:
    pytest.importorskip("langchain.agents.middleware", reason="langchain is not installed")
    from langchain.agents import create_agent
    from langchain.agents.middleware import HumanInTheLoopMiddleware

    def pay(sum: int) -> str:
        """Pay."""
        return f"paid {sum}"

    def look() -> str:
        """Look."""
        return "seen"

    script = [
        Reply(tool_calls=(Call("pay", {"sum": 7}, "c1"), Call("look", {}, "c2"))),
        Reply("Done."),
    ]
    agent: Any = create_agent(
        ScriptedChatModel(script=script),
        [pay, look],
        middleware=[HumanInTheLoopMiddleware(interrupt_on={"pay": True})],
        checkpointer=InMemorySaver(),
    )

    async def output(body: Any) -> Any:
        asked = openai_responses.read_request(body)
        config = {"configurable": {"thread_id": asked.thread_id}}
        given = openai_responses.graph_input(asked, state=await agent.aget_state(config))
        source = agent.astream_events(given, config, version="v2")
        frames = [it async for it in normalize(source).pipe(openai_responses.encoder(asked))]
        return openai_responses.document(b"".join(frames))[1]

    asks = await output({"input": "Pay 7"})
    [request] = asks["output"]
    assert (request["type"], request["arguments"]) == ("mcp_approval_request", '{"sum":7}')
    done = await output({"previous_response_id": asks["id"], "input": [answer(request["id"])]})
    *ran, said = done["output"]
    assert sorted(it["output"] for it in ran) == ["paid 7", "seen"]
    assert said["content"][0]["text"] == "Done."


def test_answers_need_the_state() -> None:
    with pytest.raises(UsageError, match=r"state=await graph\.aget_state"):
        openai_responses.graph_input(responses(answer("i1/0")))


@pytest.mark.parametrize(
    "kind",
    ["reasoning", "mcp_call", "mcp_approval_request", "mcp_list_tools", "image_generation_call"],
)
def test_items_that_the_server_made_are_passed_over(kind: str) -> None:
    asked = responses(user("Hi"), {"type": kind, "id": "x"}, user("Ho"))
    messages = openai_responses.graph_input(asked)["messages"]
    assert [it.content for it in messages] == ["Hi", "Ho"]
