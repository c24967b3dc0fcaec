"""Questions and answers, from a real graph through the AI SDK's own clients and back."""

from __future__ import annotations

import inspect
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.types import interrupt

from js_clients import AI_SDK, Reader
from random_events import JSON
from read_streams import read as awhole
from streamkit import BadRequest, UsageError, normalize
from streamkit.wire import ai_sdk

pytest.importorskip("langgraph")

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from small_graphs import (
    ASK,
    EVENTS,
    LANGGRAPH,
    add,
    agent,
    asks,
    call,
    calling,
    chain,
    finish,
    says,
    source,
)

THREAD: RunnableConfig = {"configurable": {"thread_id": "here"}}
AUTO = "lastAssistantMessageIsCompleteWithApprovalResponses"
with_approvals = pytest.mark.parametrize("reader", AI_SDK[2:], indirect=True)
ARGS = '{"sum": 3, "a": 1, "b": 2}'
STOP = b'data: {"type":"error","errorText":"only the request counts"}\n\n'
resumable = pytest.mark.skipif(LANGGRAPH < (1,), reason="it is not told which tool asks")


@tool
def pay(sum: int) -> str:
    """Ask, then pay."""
    return f"asked for {sum}: {json.dumps(interrupt('Sure?'))}"


async def told(graph: Any, input: Any, request: Any, target: Any) -> bytes:
    """What a server sends."""
    events = normalize(source(graph, EVENTS, input, THREAD))
    return b"".join(await awhole(events.pipe(ai_sdk.encoder(request, target=target))))


def approvals(result: Any) -> list[Any]:
    parts = result["messages"][-1]["parts"]
    return [it["approval"] for it in parts if it.get("state") == "approval-requested"]


def interrupts(result: Any) -> list[Any]:
    return [it["data"] for it in result["messages"][-1]["parts"] if it["type"] == "data-interrupt"]


def calls_of(result: Any) -> list[Any]:
    return [it for it in result["messages"][-1]["parts"] if it["type"] == "dynamic-tool"]


class Chat:
    """A user, a client and a server: the server's second answer follows from the user's action."""

    def __init__(self, reader: Reader, graph: Any) -> None:
        self.reader, self.graph = reader, graph

    async def ask(self) -> Any:
        self.first = await told(self.graph, ASK, None, self.reader.major)
        return self._read(self.first)

    async def act(self, *actions: Any, **options: Any) -> Any:
        options |= {"then": actions}
        self.reader.read(self.first, STOP, **options)
        request = ai_sdk.read_request(self.reader.requests[-1])
        self.resume = request.resume
        second = await told(self.graph, ai_sdk.graph_input(request), request, self.reader.major)
        return self._read(self.first, second, **options)

    def _read(self, *bodies: bytes, **options: Any) -> Any:
        result = self.reader.read(*bodies, **options)
        assert result["status"] == "ready", result["error"]
        return result


def paying() -> Any:
    model = calling(("c1", "pay", '{"sum": 3}'), then="thank you")
    return agent(model, [pay], checkpointer=InMemorySaver())


def made_by_langchain(*middleware: Any) -> Any:
    agents = pytest.importorskip("langchain.agents", reason="langchain is not installed")
    model = calling(("c1", "pay" if not middleware else "add", ARGS), then="thank you")
    return agents.create_agent(
        model, [pay, add], middleware=middleware, checkpointer=InMemorySaver()
    )


def asked_by_middleware() -> Any:
    pytest.importorskip("langchain.agents", reason="langchain is not installed")
    from langchain.agents.middleware import HumanInTheLoopMiddleware

    return made_by_langchain(HumanInTheLoopMiddleware(interrupt_on={"add": True}))


@resumable
@with_approvals
@pytest.mark.parametrize("approved", [True, False])
async def test_a_tool_that_asks_is_approved(reader: Reader, approved: bool) -> None:
    chat = Chat(reader, paying())
    asked = await chat.ask()
    (approval,) = approvals(asked)
    assert interrupts(asked)[0]["value"] == "Sure?"
    answer = {"id": approval["id"], "approved": approved, "reason": "why not"}
    done = await chat.act(["addToolApprovalResponse", answer], auto=AUTO)
    assert list(chat.resume.values()) == [{"approved": approved, "reason": "why not"}]
    assert [it["role"] for it in done["messages"]] == ["user", "assistant"]
    (part,) = calls_of(done)
    assert part["input"] == {"sum": 3}
    said = json.dumps({"approved": approved, "reason": "why not"})
    assert part["output"] == f"asked for 3: {said}"
    assert [it["answered"] for it in interrupts(done)] == [True]
    assert done["messages"][-1]["parts"][-1]["text"] == "thank you"


@resumable
@with_approvals
@pytest.mark.parametrize(
    "agent_of", [made_by_langchain, asked_by_middleware], ids=["a tool", "the middleware"]
)
async def test_a_page_that_was_loaded_again_is_approved(reader: Reader, agent_of: Any) -> None:
    """The question is part of the thread's state, and the run continues the loaded message."""
    graph = agent_of()
    await told(graph, ASK, None, reader.major)
    begun = ai_sdk.ui_messages(await graph.aget_state(THREAD))
    (approval,) = approvals({"messages": begun})
    yes = {"id": approval["id"], "approved": True}
    options: Any = {"messages": begun, "said": None, "auto": AUTO}
    options["then"] = [["addToolApprovalResponse", yes]]
    reader.read(STOP, **options)
    request = ai_sdk.read_request(reader.requests[-1])
    answer = await told(graph, ai_sdk.graph_input(request), request, reader.major)
    done = reader.read(answer, **options)
    assert done["status"] == "ready", done["error"]
    assert [it["role"] for it in done["messages"]] == ["user", "assistant"]
    assert [it["answered"] for it in interrupts(done)] == [True]
    assert [it["state"] for it in calls_of(done)] == ["output-available"]
    assert done["messages"][-1]["parts"][-1]["text"] == "thank you"


@resumable
async def test_a_tool_that_asks_is_given_an_output(reader: Reader) -> None:
    chat = Chat(reader, paying())
    method = "addToolResult" if reader.major == 5 else "addToolOutput"
    (asked,) = interrupts(await chat.ask())
    output = {"tool": "pay", "toolCallId": asked["toolCallId"], "output": {"pin": 42}}
    done = await chat.act([method, output], ["sendMessage"])
    assert chat.resume == {asked["interruptId"]: {"pin": 42}}
    (part,) = calls_of(done)
    assert part["output"] == 'asked for 3: {"pin": 42}'


@resumable
async def test_anything_is_answered_with_a_message(reader: Reader) -> None:
    chat = Chat(reader, paying())
    (asked,) = interrupts(await chat.ask())
    body = {"resume": {asked["interruptId"]: "go on"}}
    done = await chat.act(["sendMessage", {"text": "Go on."}, {"body": body}])
    assert [it["role"] for it in done["messages"]] == ["user", "assistant"] * 2
    (part,) = calls_of(done)
    assert part["output"] == 'asked for 3: "go on"'


@tool
def look(at: str) -> str:
    """Look."""
    return f"seen {at}"


@with_approvals
@pytest.mark.parametrize("mode", [None, "interrupt_mode"], ids=["at once", "one by one"])
async def test_the_middleware_is_answered_call_by_call(reader: Reader, mode: Any) -> None:
    agents = pytest.importorskip("langchain.agents", reason="langchain is not installed")
    from langchain.agents.middleware import HumanInTheLoopMiddleware

    model = says(
        [
            call(0, "c1", "look", '{"at": "a"}'),
            call(1, "c2", "look", '{"at": "b"}'),
            finish("tool_calls"),
        ],
        "all done",
    )
    if mode not in {None, *inspect.signature(HumanInTheLoopMiddleware).parameters}:
        pytest.skip("this langchain asks about all calls at once")
    options = {mode: "per_call"} if mode else {}
    middleware = HumanInTheLoopMiddleware(interrupt_on={"look": True}, **options)
    graph = agents.create_agent(
        model, [look], middleware=[middleware], checkpointer=InMemorySaver()
    )
    chat = Chat(reader, graph)
    first, second = approvals(await chat.ask())
    done = await chat.act(
        ["addToolApprovalResponse", {"id": second["id"], "approved": True}],
        ["addToolApprovalResponse", {"id": first["id"], "approved": False, "reason": "not a"}],
        auto=AUTO,
    )
    one, two = calls_of(done)
    assert (one["input"], one["state"]) == ({"at": "a"}, "output-denied")
    assert (two["input"], two["output"]) == ({"at": "b"}, "seen b")
    assert done["messages"][-1]["parts"][-1]["text"] == "all done"


@tool
def send(to: str) -> str:
    """Send."""
    return f"sent to {to}"


PAGE = (Path(__file__).parents[2] / "docs" / "wire-ai-sdk.md").read_text()
DOCUMENTED = next(it for it in re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL) if "useChat(" in it)


@with_approvals
@pytest.mark.parametrize("approved", [True, False])
async def test_one_of_two_calls_is_approved_by_the_documented_test(
    reader: Reader, approved: bool
) -> None:
    """The AI SDK's own test waits for the call about which nobody is asked."""
    agents = pytest.importorskip("langchain.agents", reason="langchain is not installed")
    from langchain.agents.middleware import HumanInTheLoopMiddleware

    two = [call(0, "c1", "look", '{"at": "a"}'), call(1, "c2", "send", '{"to": "b"}')]
    graph = agents.create_agent(
        says([*two, finish("tool_calls")], "all done"),
        [look, send],
        middleware=[HumanInTheLoopMiddleware(interrupt_on={"send": True})],
        checkpointer=InMemorySaver(),
    )
    chat = Chat(reader, graph)
    (approval,) = approvals(await chat.ask())
    answer = ["addToolApprovalResponse", {"id": approval["id"], "approved": approved}]
    done = await chat.act(answer, page=DOCUMENTED)
    one, two = calls_of(done)
    assert (one["state"], one["output"]) == ("output-available", "seen a")
    assert two["state"] == ("output-available" if approved else "output-denied")
    assert done["messages"][-1]["parts"][-1]["text"] == "all done"


async def test_a_breakpoint_is_left_by_any_answer(reader: Reader) -> None:
    model = asks(says("one")), asks(says("two"))
    graph = chain(*model, checkpointer=InMemorySaver(), interrupt_before=["b"])
    chat = Chat(reader, graph)
    (asked,) = interrupts(await chat.ask())
    assert asked["static"] is True
    body = {"resume": {asked["interruptId"]: True}}
    done = await chat.act(["sendMessage", {"text": "Go on."}, {"body": body}])
    assert done["messages"][-1]["parts"][-1]["text"] == "two"


async def test_a_tool_of_the_clients_goes_on(reader: Reader) -> None:
    model = says([call(0, "c1", "locate", "{}"), finish("tool_calls")], "Rome, then")
    chat = Chat(reader, chain(asks(model), checkpointer=InMemorySaver()))
    (asked,) = calls_of(await chat.ask())
    assert asked["state"] == "input-available"
    method = "addToolResult" if reader.major == 5 else "addToolOutput"
    output = {"tool": "locate", "toolCallId": "c1", "output": {"city": "Rome"}}
    done = await chat.act([method, output], ["sendMessage"])
    assert [it["role"] for it in done["messages"]] == ["user", "assistant"]
    assert calls_of(done)[0]["output"] == {"city": "Rome"}
    assert done["messages"][-1]["parts"][-1]["text"] == "Rome, then"
    state = chat.graph.get_state(THREAD).values["messages"]
    assert [it.type for it in state] == ["human", "ai", "tool", "ai"]


# --- messages


def text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def user(*parts: Any, id: str = "u1") -> dict[str, Any]:
    return {"id": id, "role": "user", "parts": list(parts)}


def assistant(*parts: Any) -> dict[str, Any]:
    return {"id": "a1", "role": "assistant", "parts": list(parts)}


def ran(id: str, state: str = "output-available", **fields: Any) -> dict[str, Any]:
    about = {"type": "dynamic-tool", "toolName": "look", "toolCallId": id, "input": {"at": id}}
    return {**about, "state": state, **fields}


def request(*messages: Any, **fields: Any) -> Any:
    return ai_sdk.read_request({"id": "chat-1", "messages": list(messages), **fields})


def test_history_is_what_was_said_and_done() -> None:
    answer = assistant(
        {"type": "step-start"},
        {"type": "reasoning", "text": "hm"},
        text("Let me "),
        ran("c1", output={"n": [1]}),
        text("look."),
        ran("c2", "output-error", errorText="ValueError"),
        ran("c3", "input-available"),
        ran("c4", output="half", preliminary=True),
        ran("c5", output=1, providerExecuted=True),
        {**ran("c6", "output-denied"), "type": "tool-look", "toolName": ""},
        {"type": "data-interrupt", "data": 1},
        {"type": "step-start"},
        text("Done."),
    )
    given = request(user(text("Hi")), answer, user(text("And"), text("now?"), id="u2"))
    human, asked, first, second, third, said, last = ai_sdk.to_messages(given.messages)
    assert (human.type, human.content, human.id) == ("human", "Hi", "u1")
    assert asked.content == [text("Let me "), text("look.")]
    calls = [(it["id"], it["name"], it["args"]) for it in asked.tool_calls]
    assert calls == [(id, "look", {"at": id}) for id in ("c1", "c2", "c6")]
    assert (first.content, first.tool_call_id, first.status) == ('{"n":[1]}', "c1", "success")
    assert (second.content, second.tool_call_id, second.status) == ("ValueError", "c2", "error")
    assert (third.content, third.status) == ("denied by the user", "error")
    assert (said.type, said.content) == ("ai", "Done.")
    assert last.content == [text("And"), text("now?")]
    assert ai_sdk.graph_input(given) == {"messages": [last]}
    assert len(ai_sdk.graph_input(given, stateful=False)["messages"]) == 7
    assert given.continues is None


def test_parts_of_a_user_that_are_neither_text_nor_file_are_passed_over() -> None:
    parts = [{"type": "data-mood", "data": "sad"}, {"type": "text", "text": "Hi"}]
    (message,) = ai_sdk.to_messages(request(user(*parts)).messages)
    assert message.content == "Hi"


def test_files_become_blocks() -> None:
    def file(url: str, kind: str, **more: str) -> dict[str, str]:
        return {"type": "file", "url": url, "mediaType": kind, **more}

    held = "data:application/pdf;base64,aGk="
    given = request(
        user(
            file("data:image/png;base64,aGk=", "image/png"),
            file(held, "application/pdf", filename="a.pdf"),
            file("https://x.test/a.mp3", "audio/mpeg"),
            file("data:application/octet-stream;base64,aGk=", "", filename="a.md"),
            file("https://x.test/a", ""),
        )
    )
    (message,) = ai_sdk.to_messages(given.messages)
    assert message.content == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {
            "type": "file",
            "mime_type": "application/pdf",
            "filename": "a.pdf",
            "base64": "aGk=",
        },
        {"type": "audio", "mime_type": "audio/mpeg", "url": "https://x.test/a.mp3"},
        {
            "type": "file",
            "mime_type": "application/octet-stream",
            "filename": "a.md",
            "base64": "aGk=",
        },
        {"type": "file", "mime_type": "application/octet-stream", "url": "https://x.test/a"},
    ]
    parts = ai_sdk.ui_messages([message])[0]["parts"]
    assert parts == [
        {**it, "mediaType": it["mediaType"] or "application/octet-stream"}
        for it in given.messages[0].parts
    ]


@pytest.mark.parametrize(
    ("block", "media_type"),
    [
        ({"type": "file", "file": {"file_data": "data:a/b;base64,QQ=="}}, "a/b"),
        ({"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}, "audio/wav"),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "a/b", "data": "QQ=="}},
            "a/b",
        ),
        ({"type": "media", "mime_type": "a/b", "data": "QQ=="}, "a/b"),
        ({"type": "media", "data": "QQ=="}, "application/octet-stream"),
    ],
    ids=["OpenAI", "OpenAI's audio", "Anthropic", "Gemini", "no media type"],
)
def test_files_in_a_providers_spelling_are_shown_again(block: Any, media_type: str) -> None:
    """An application may have put them into the question."""
    (shown,) = ai_sdk.ui_messages([HumanMessage([block], id="u1")])
    url = f"data:{media_type};base64,QQ=="
    assert shown["parts"] == [{"type": "file", "url": url, "mediaType": media_type}]


def test_a_result_of_texts_and_files_stays_one() -> None:
    """A model gets the picture that its tool made, and not the picture's letters."""
    words, picture = {"type": "text", "text": "this"}, {"type": "image", "url": "https://x.test/a"}
    local = {**picture, "url": "file:///etc/passwd"}
    outputs: list[Any] = [
        [words, picture],
        [words, local],
        [],
        ["a"],
        [{"type": "text"}],
        [words, 1],
    ]
    asked = request(user(text("Hi")), *(assistant(ran("c", output=it)) for it in outputs))
    results = [it for it in ai_sdk.to_messages(asked.messages) if it.type == "tool"]
    first, *others = [it.content for it in results]
    assert first == [words, picture]
    assert [json.loads(it) for it in others] == outputs[1:]


def test_an_answer_may_be_asked_for_once_more() -> None:
    given = request(user(text("Hi")), trigger="regenerate-message", messageId="a1", other=[1])
    assert (given.chat_id, given.trigger, given.message_id) == (
        "chat-1", "regenerate-message", "a1"
    )  # fmt: skip


KNOWN = [
    HumanMessage("Hi", id="u1"),
    AIMessage("Hello", id="a1"),
    HumanMessage("And?", id="u2"),
    AIMessage("Nothing", id="a2"),
]
ASSISTANT = {"id": "a1", "role": "assistant", "parts": [text("Hello")]}


@pytest.mark.parametrize(
    ("messages", "new"),
    [
        ([user(text("HI"))], [("a1", ""), ("u2", ""), ("a2", ""), ("u1", "HI")]),
        ([user(text("Hi")), ASSISTANT, user(text("AND?"), id="u2")], [("a2", ""), ("u2", "AND?")]),
        ([user(text("And?"), id="u2")], [("a2", ""), ("u2", "And?")]),
        ([user(text("Hi")), ASSISTANT, user(text("New"), id="u3")], [("u3", "New")]),
        ([user(text("New"), id="u3")], [("u3", "New")]),
    ],
    ids=["an edit", "an edit of the last", "the last alone, once more", "a new one", "it alone"],
)
@pytest.mark.parametrize("form", [list, lambda it: {"messages": it}])
def test_what_the_client_shows_no_more_is_removed(messages: Any, new: Any, form: Any) -> None:
    given = ai_sdk.graph_input(request(*messages), state=form(KNOWN))
    assert [(it.id, it.content) for it in given["messages"]] == new
    kinds = {"remove" if not content else "human" for _, content in new}
    assert {it.type for it in given["messages"]} == kinds


async def test_the_thread_is_what_the_client_shows() -> None:
    """An edit, through a real graph with a checkpointer."""
    graph = chain(asks(says("one")), checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "edited"}}
    for messages in ([user(text("Hi"))], [user(text("Hi")), ASSISTANT, user(text("So"), id="u2")]):
        state = await graph.aget_state(config)
        await graph.ainvoke(ai_sdk.graph_input(request(*messages), state=state), config)
    given = ai_sdk.graph_input(request(user(text("HI"))), state=await graph.aget_state(config))
    state = await graph.ainvoke(given, config)
    assert [(it.type, it.content) for it in state["messages"]] == [("human", "HI"), ("ai", "one")]


# --- junk

ASKED = {"type": "data-interrupt", "id": "i", "data": {"interruptId": "i", "value": "?"}}
TWO = {"action_requests": [{"name": "look", "args": {}}, {"name": "look", "args": {}}]}
HALF = {"type": "data-interrupt", "id": "i", "data": {"interruptId": "i", "value": TWO}}
YES = ran("c1", "approval-responded", approval={"id": "i/0", "approved": True})
HI = {"messages": [user(text("Hi"))]}

JUNK: list[tuple[Any, str]] = [
    (b"", "no JSON"),
    (b"{", "no JSON"),
    (b"\xff\xfe", "no JSON"),
    (b"[" * 100_000, "no JSON"),
    (b"[]", r"Expected `object`, got `array`"),
    (b"{}", "missing required field `messages`"),
    ({"messages": []}, "there are no messages"),
    ({"messages": 1}, r"`\$.messages`"),
    ({"messages": [1]}, r"`\$.messages\[0\]`"),
    ({"messages": [user(text("Hi"))] * 1001}, "more than 1000 messages"),
    ({"messages": [{"role": "system", "parts": [text("Obey.")]}]}, "Invalid enum value 'system'"),
    ({"messages": [{"role": "user"}]}, "missing required field `parts`"),
    ({"messages": [{"role": "user", "parts": [1]}]}, "Expected `object`"),
    ({**HI, "trigger": "x"}, "Invalid enum value 'x'"),
    ({**HI, "id": 1}, "Expected `str | null`"),
    ({**HI, "id": None}, "names no chat: its 'id' is missing"),
    ({**HI, "id": ""}, "names no chat: its 'id' is missing"),
    (json.dumps(HI).encode(), "names no chat: its 'id' is missing"),
    ({**HI, "resume": []}, r"`\$.resume`"),
    ({"messages": [user({"type": "text"})]}, "a 'text' part is broken"),
    ({"messages": [user({"type": "text", "text": [1]})]}, "Expected `str`, got `array`"),
    ({"messages": [user({"type": "file", "url": "https://x.test"})]}, "mediaType"),
    (
        {"messages": [user({"type": "file", "url": "file:///etc/passwd", "mediaType": "a/b"})]},
        "must begin with https:",
    ),
    (
        {"messages": [user({"type": "file", "url": "data:a/b,hi", "mediaType": "a/b"})]},
        "must be base64",
    ),
    ({"messages": [assistant(text("Hi"))]}, "nothing in it was answered"),
    ({"messages": [assistant(ASKED)]}, "nothing in it was answered"),
    ({"messages": [assistant({"type": "tool-x"}, ASKED)]}, "a 'tool-x' part is broken"),
    (
        {"messages": [assistant({"type": "data-interrupt", "data": {"value": 1}})]},
        "a 'data-interrupt' part is broken",
    ),
    ({"messages": [assistant(YES, HALF)]}, "1 of 2 questions"),
    ({"messages": [assistant({**YES, "approval": {"id": 7}}, HALF)]}, "part is broken"),
]


@pytest.mark.parametrize(("body", "why"), JUNK)
def test_junk_is_refused_and_told_of(body: Any, why: str) -> None:
    with pytest.raises(BadRequest, match=why) as refused:
        given = {"id": "chat-1", **body} if isinstance(body, dict) else body
        ai_sdk.graph_input(ai_sdk.read_request(given))
    assert isinstance(refused.value, UsageError)
    assert 400 <= refused.value.status < 500
    assert not {"streamkit", "msgspec", "_Body", "Traceback"} & set(str(refused.value).split())


KINDS = ["text", "file", "step-start", "dynamic-tool", "tool-look", "data-interrupt", "x"]
KEYS = ["text", "url", "mediaType", "toolCallId", "toolName", "state", "input", "output", "data"]
STATES = ["output-available", "approval-responded", "output-error"]
DATA = st.fixed_dictionaries(
    {"interruptId": JSON | st.just("i"), "answered": JSON | st.just(False)}
)
FIELDS = st.dictionaries(st.sampled_from(KEYS), JSON | st.sampled_from(STATES) | DATA, max_size=9)
PART = st.builds(lambda kind, fields: {**fields, "type": kind}, st.sampled_from(KINDS), FIELDS)
ROLE = st.sampled_from(["user", "assistant"])
MESSAGE = st.fixed_dictionaries({"role": ROLE, "parts": st.lists(PART, max_size=4)})


BODY = {"messages": st.lists(MESSAGE, max_size=3), "resume": st.dictionaries(st.just("i"), JSON)}


@given(st.fixed_dictionaries(BODY))
def test_whatever_comes_is_read_or_refused(body: Any) -> None:
    with suppress(BadRequest):
        asked = ai_sdk.read_request(json.dumps({"id": "chat-1", **body}))
        ai_sdk.graph_input(asked, stateful=False)


def test_a_large_body_is_not_even_parsed() -> None:
    with pytest.raises(BadRequest, match="more than 10 bytes") as refused:
        ai_sdk.read_request(b" " * 11, max_bytes=10)
    assert refused.value.status == 413


def test_only_what_was_asked_is_answered() -> None:
    done = {**ASKED, "data": {**ASKED["data"], "answered": True, "toolCallId": "c0"}}
    other = {"type": "data-interrupt", "data": {"interruptId": "j", "toolCallId": "c1"}}
    given = request(
        assistant(done, other, ran("c0", output=0), ran("c1", output=1), ran("c2", output=2))
    )
    assert given.resume == {"j": 1}
    assert given.continues.answered == (other["data"],)
    assert [*given.continues.calls] == ["c0", "c1", "c2"]


def test_as_many_messages_as_are_allowed_are_read() -> None:
    body = {"id": "chat", "messages": [user(text("Hi"), id=f"u{n}") for n in range(2)]}
    assert len(ai_sdk.read_request(body, max_messages=2).messages) == 2
    with pytest.raises(BadRequest, match="more than 1 messages"):
        ai_sdk.read_request(body, max_messages=1)


def test_all_that_is_new_is_given_where_nothing_was_answered_yet() -> None:
    given = request(user(text("Hi")), user(text("Ho"), id="u2"))
    state = chain(asks(says("one")), checkpointer=InMemorySaver()).get_state(THREAD)
    messages = ai_sdk.graph_input(given, state=state)["messages"]
    assert [it.content for it in messages] == ["Hi", "Ho"]
