"""A user who goes on while calls have no result: the thread must stay one that providers take."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Send, interrupt

from small_graphs import agent, asks, chain
from streamkit import astream
from streamkit._fields import interrupt_id
from streamkit.testing import Call, Reply, ScriptedChatModel
from streamkit.wire import ag_ui, ai_sdk, langgraph_sse, openai_chunks, openai_responses
from streamkit.wire._continuing import continuing

CONFIG: Any = {"configurable": {"thread_id": "t"}}
NOT_RUN = "no result: the call was not run to its end"


@tool
async def wait(city: str) -> str:
    """Wait for ever."""
    await asyncio.Event().wait()
    return city


@tool
def ask(city: str) -> str:
    """Ask the user."""
    return str(interrupt(f"{city}?"))


def reply_to(messages: Sequence[AnyMessage]) -> Reply:
    """Refuse a history as OpenAI and Anthropic do; call the tool that the user names."""
    missing: list[Any] = []
    for it in messages:
        if it.type == "tool":
            missing.remove(it.tool_call_id)
        else:
            assert not missing, f"400: calls without a result: {missing}"
            missing = [one["id"] for one in it.tool_calls] if it.type == "ai" else []
    assert not missing
    name = str(messages[-1].content)
    calls = (Call(name, {"city": "Rome"}, "call_0"),) if name in {"wait", "ask", "locate"} else ()
    return Reply("" if calls else "Well.", tool_calls=calls)


def of_ai_sdk(state: Any, said: str) -> Any:
    user = {"id": f"u {said}", "role": "user", "parts": [{"type": "text", "text": said}]}
    return ai_sdk.graph_input(ai_sdk.read_request({"id": "t", "messages": [user]}), state=state)


def of_ag_ui(state: Any, said: str) -> Any:
    user = {"id": f"u {said}", "role": "user", "content": said}
    request = ag_ui.read_request({"threadId": "t", "runId": "r", "messages": [user]})
    return ag_ui.graph_input(request, state=state)


def of_openai(state: Any, said: str) -> Any:
    body = {"model": "m", "input": said, "conversation": "t", "instructions": "Be kind."}
    return openai_responses.graph_input(openai_responses.read_request(body), state=state)


def of_langgraph(state: Any, said: str) -> Any:
    request = langgraph_sse.read_request(
        {"input": {"messages": [{"role": "user", "content": said}]}}
    )
    return langgraph_sse.graph_input(request, state=state)


def of_chat_completions(state: Any, said: str) -> Any:
    body = {"model": "m", "messages": [{"role": "user", "content": said}]}
    request = openai_chunks.read_request(body)
    return openai_chunks.graph_input(request, state=state, stateful=True)


READ = [of_ai_sdk, of_ag_ui, of_openai, of_langgraph, of_chat_completions]


@pytest.mark.parametrize("read", READ, ids=lambda it: it.__name__)
@pytest.mark.parametrize("left", ["wait", "ask", "locate"])
async def test_a_user_who_goes_on_gets_an_answer(read: Any, left: str) -> None:
    """Behind a stop button, a question, and a tool of the client's."""
    model = ScriptedChatModel(reply_to)
    graph = (
        chain(asks(model), checkpointer=InMemorySaver())
        if left == "locate"
        else agent(model, [wait, ask], checkpointer=InMemorySaver())
    )
    stream = astream(graph, read(await graph.aget_state(CONFIG), left), CONFIG)
    async for event in stream:
        if event.type == "tool.start" and left == "wait":
            await stream.aclose()
    for said in ("Never mind.", "And now?"):
        given = read(await graph.aget_state(CONFIG), said)
        state = await graph.ainvoke(given, CONFIG)
        assert state["messages"][-1].content == "Well."
    (result,) = (it for it in state["messages"] if it.type == "tool")
    assert (result.tool_call_id, result.name, result.status) == ("call_0", left, "error")
    assert result.content == NOT_RUN


def model_of_two(state: Any) -> Any:
    calls: list[Any] = [{"name": it, "args": {}, "id": it} for it in ("look", "pay")]
    is_asked = state["messages"][-1].content == "Go"
    said = AIMessage("", tool_calls=calls) if is_asked else AIMessage("Well.")
    return {"messages": [said]}


def run_one(call: Any) -> Any:
    if call["name"] == "pay":
        interrupt("Sure?")
    return {"messages": [ToolMessage("seen", tool_call_id=call["id"])]}


def sent(state: Any) -> Any:
    return [Send("tools", it) for it in state["messages"][-1].tool_calls] or END


@pytest.fixture
def one_of_two() -> Any:
    """A thread in which one tool waits for an answer, and the other has ended."""
    builder = StateGraph(MessagesState)
    builder.add_node("model", model_of_two)
    builder.add_node("tools", run_one)
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", sent, ["tools", END])
    builder.add_edge("tools", "model")
    graph = builder.compile(checkpointer=InMemorySaver())
    graph.invoke({"messages": [HumanMessage("Go", id="u Go")]}, CONFIG)
    return graph


@pytest.mark.parametrize("read", READ, ids=lambda it: it.__name__)
def test_what_a_tool_returned_beside_a_question_is_not_lost(one_of_two: Any, read: Any) -> None:
    """It is in the values of the state, but a new input discards it (LangGraph 0.3 to 1.2)."""
    state = one_of_two.invoke(read(one_of_two.get_state(CONFIG), "So?"), CONFIG)
    found = {it.tool_call_id: it.content for it in state["messages"] if it.type == "tool"}
    assert found == {"look": "seen", "pay": NOT_RUN}
    assert [it.type for it in state["messages"]].count("tool") == 2


@pytest.mark.parametrize("read", [of_ai_sdk, of_ag_ui], ids=lambda it: it.__name__)
def test_a_question_comes_again_beside_a_tool_that_waits(one_of_two: Any, read: Any) -> None:
    """LangGraph raises for the removal of a message that the new input has discarded."""
    given = read(one_of_two.get_state(CONFIG), "Go")
    assert [it.type for it in given["messages"]] == ["remove", "human"]
    state = one_of_two.invoke(given, CONFIG)
    assert [it.type for it in state["messages"]][:2] == ["human", "ai"]


def test_a_user_of_ag_ui_cancels_and_asks_something_else(one_of_two: Any) -> None:
    """`@ag-ui/client` sends no message before all questions are answered or cancelled."""
    state = one_of_two.get_state(CONFIG)
    (id,) = (interrupt_id(it) for task in state.tasks for it in task.interrupts)
    go, new = ({"id": f"u {it}", "role": "user", "content": it} for it in ("Go", "So?"))
    shown: list[Any] = [*ag_ui.ui_messages(state), new]

    def given(messages: Any, status: str = "cancelled", state: Any = state) -> Any:
        answer = {"interruptId": id, "status": status}
        body = {"threadId": "t", "runId": "r", "messages": messages, "resume": [answer]}
        return ag_ui.graph_input(ag_ui.read_request(body), state=state)

    assert results(*given(shown)["messages"]) == [("look", "seen"), ("pay", NOT_RUN)]
    for answer in (
        given(shown, "resolved"),
        given(shown, state=None),
        given(shown[:-1]),
        given([go]),
    ):
        assert answer.resume == {id: None}
    assert one_of_two.invoke(given(shown), CONFIG)["messages"][-1].content == "Well."


def test_a_result_beside_a_question_is_found_where_ids_repeat() -> None:
    known = [ASKED, called("c"), ToolMessage("1", tool_call_id="c"), called("c", "c", "c")]
    beside = [ToolMessage(text, tool_call_id="c", id=text) for text in ("2", "3")]
    state = {"values": {"messages": known}, "tasks": [{"result": {"messages": beside}}]}
    expected = [("c", "2"), ("c", "3"), ("c", NOT_RUN)]
    assert results(*continuing(state, [NEXT])) == expected
    given = langgraph_sse.Request(input={"messages": [NEXT]})
    assert results(*langgraph_sse.graph_input(given, state=state)["messages"]) == expected


def as_json(state: Any) -> Any:
    """Return the state as an Agent Server has it."""
    tasks = [
        {
            "path": [*it.path],
            "result": it.result
            and {"messages": [one.model_dump() for one in it.result["messages"]]},
            "interrupts": [{"value": one.value, "id": interrupt_id(one)} for one in it.interrupts],
        }
        for it in state.tasks
    ]
    return {"values": {"messages": state.values["messages"]}, "tasks": tasks}


@pytest.mark.parametrize("form", [lambda it: it, as_json], ids=["a snapshot", "JSON"])
def test_a_page_that_is_loaded_shows_the_question(one_of_two: Any, form: Any) -> None:
    state = one_of_two.get_state(CONFIG)
    _, shown = ai_sdk.ui_messages(form(state))
    look, pay = (it for it in shown["parts"] if it["type"] == "dynamic-tool")
    (asked,) = (it for it in shown["parts"] if it["type"] == "data-interrupt")
    assert (look["state"], look["output"]) == ("output-available", "seen")
    id = asked["data"]["interruptId"]
    assert (pay["state"], pay["approval"]) == ("approval-requested", {"id": f"{id}/0"})
    assert asked["data"] == {
        "interruptId": id,
        "value": "Sure?",
        "answered": False,
        "toolCallId": "pay",
    }
    pay |= {"state": "approval-responded", "approval": {"id": f"{id}/0", "approved": True}}
    request = ai_sdk.read_request({"id": "t", "messages": [shown]})
    assert request.resume == {id: {"approved": True}}


def test_a_question_before_any_answer_is_shown() -> None:
    graph = chain(lambda _: interrupt("Who?"), checkpointer=InMemorySaver())
    graph.invoke({"messages": [ASKED]}, CONFIG)
    _, shown = ai_sdk.ui_messages(graph.get_state(CONFIG))
    assert shown["role"] == "assistant"
    (asked,) = shown["parts"]
    assert (asked["data"]["value"], "toolCallId" in asked["data"]) == ("Who?", False)
    assert ag_ui.ui_messages(graph.get_state(CONFIG)) == ag_ui.ui_messages([ASKED])


def test_a_channel_of_the_applications_is_no_task() -> None:
    values = {"messages": [ASKED], "tasks": [{"interrupts": [{"id": "i", "value": "?"}]}]}
    assert ai_sdk.ui_messages(values) == ai_sdk.ui_messages([ASKED])


def called(*ids: str, broken: str | None = None) -> AIMessage:
    calls: list[Any] = [{"id": id, "name": "look", "args": {}} for id in ids]
    wrong: Any = {"id": broken, "name": None, "args": "{", "error": None}
    return AIMessage("", id="a", tool_calls=calls, invalid_tool_calls=[wrong] if broken else [])


ASKED, NEXT = HumanMessage("Hi", id="u1"), HumanMessage("So", id="u2")


def results(*messages: Any) -> list[Any]:
    return [(it.tool_call_id, it.content) for it in messages if it.type == "tool"]


@pytest.mark.parametrize(
    ("known", "new", "shown", "expected"),
    [
        ([ASKED, called("c")], [NEXT], [("c", "1")], [("c", "1")]),
        ([ASKED, called("c")], [("c", "1")], [], [("c", "1")]),
        ([ASKED, called("c", "d")], [("d", "1")], [], [("d", "1")]),
        ([ASKED, called("c", "d")], [NEXT, ("d", "1")], [], [("d", "1"), ("c", NOT_RUN)]),
        ([ASKED, called("c", broken="d")], [NEXT], [], [("c", NOT_RUN), ("d", NOT_RUN)]),
        ([ASKED, called("c"), ("c", "1")], [("c", "old"), NEXT], [("c", "old")], []),
        ([ASKED, called("c"), NEXT], [ASKED], [], []),
        ([ASKED], [("elsewhere", "1")], [], [("elsewhere", "1")]),
        (None, [("c", "1"), NEXT], [("d", "1")], [("c", "1")]),
        ([ASKED, called("c", "c"), ("c", "1")], [NEXT], [("c#2", "2")], [("c", "2")]),
        (
            [ASKED, called("c"), ("c", "1"), called("c")],
            [NEXT],
            [("c", "1")],
            [("c", NOT_RUN)],
        ),
        (
            [ASKED, called("c"), ("c", "1"), NEXT, called("c")],
            [("c#2", "2")],
            [],
            [("c", "2")],
        ),
        (
            [ASKED, called("c"), ("c", "1"), NEXT, called("c", "d"), ("c", "1")],
            [("c#2", "old"), ("d", "2")],
            [],
            [("d", "2")],
        ),
    ],
    ids=[
        "the client's result",
        "the client's result alone",
        "one of two",
        "one of two, and the user goes on",
        "broken arguments",
        "the thread has the result",
        "the question comes again",
        "a call that the thread does not hold",
        "no state",
        "an id twice in one message",
        "the result of an earlier call of the same id",
        "an id of an earlier answer",
        "an id of an earlier answer that has a result",
    ],
)
def test_a_call_gets_one_result(known: Any, new: Any, shown: Any, expected: Any) -> None:
    def made(messages: Any) -> list[Any]:
        return [
            ToolMessage(it[1], tool_call_id=it[0]) if isinstance(it, tuple) else it
            for it in messages
        ]

    given = continuing(None if known is None else made(known), made(new), made(shown))
    assert results(*given) == expected
    kinds = [it.type for it in given if it.type != "remove"]
    assert kinds == sorted(kinds, key=["tool", "human"].index)


def test_a_history_of_the_clients_keeps_its_order() -> None:
    history = [SystemMessage("Hm"), ASKED, called("c"), ToolMessage("1", tool_call_id="c"), NEXT]
    assert continuing([ASKED, called("c"), history[3]], history)[-5:] == history


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([{"role": "user", "content": "So"}], [("c", NOT_RUN)]),
        ("So", [("c", NOT_RUN)]),
        ([{"role": "tool", "content": "1", "tool_call_id": "c"}], []),
        (
            [
                {"role": "tool", "content": "1", "tool_call_id": "c"},
                {"role": "user", "content": "So"},
            ],
            [],
        ),
        ([{"role": "user", "content": "So"}, {"type": "remove", "content": "", "id": "a"}], []),
        ([{"type": "remove", "content": "", "id": "__remove_all__"}], []),
        ([{"role": "assistant", "content": "Hm", "id": "a"}], []),
        ([], []),
        (None, []),
    ],
    ids=[
        *("a question", "a text", "the result", "both"),
        *("the call is removed", "all is removed", "the call is written over"),
        *("no message", "nothing"),
    ],
)
def test_what_a_client_of_langgraphs_sends_stays_as_it_is(messages: Any, expected: Any) -> None:
    request = langgraph_sse.read_request({"input": {"messages": messages, "n": 1}})
    given = langgraph_sse.graph_input(request, state=[ASKED, called("c")])
    made = given["messages"][: len(expected)] if expected else []
    assert results(*made) == expected
    sent = messages if isinstance(messages, list) or not expected else [messages]
    assert given == {"messages": [*made, *sent] if expected else messages, "n": 1}


def test_an_output_of_the_clients_comes_with_the_next_question() -> None:
    """`addToolOutput` without automatic sending, and then a question."""
    part = {
        "type": "dynamic-tool",
        "toolName": "locate",
        "toolCallId": "c",
        "state": "output-available",
        "input": {},
        "output": "Rome",
    }
    answer = {"id": "a", "role": "assistant", "parts": [{"type": "step-start"}, part]}
    question = {"id": "u2", "role": "user", "parts": [{"type": "text", "text": "So?"}]}
    request = ai_sdk.read_request({"id": "t", "messages": [answer, question]})
    given = ai_sdk.graph_input(request, state=[ASKED, called("c")])["messages"]
    assert [(it.type, it.content) for it in given] == [("tool", "Rome"), ("human", "So?")]
