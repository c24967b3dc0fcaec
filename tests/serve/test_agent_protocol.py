"""Agent streaming protocol: the requests of `useStream`, made by hand, before real graphs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("langgraph", reason="langgraph is not installed")

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Interrupt, interrupt
from starlette.applications import Starlette

from loopback_server import served, until
from random_events import JSON
from streamkit import Custom, Origin, UsageError
from streamkit.serve import (
    Memory,
    Runs,
    _agent_protocol,
    _thread_streams,
    agent_protocol_routes,
)
from streamkit.testing import Call, Reply, ScriptedChatModel
from streamkit.wire import agent_protocol, sse

try:
    from langchain.agents import create_agent
except ImportError:  # the oldest versions are tested without LangChain
    from langgraph.prebuilt import create_react_agent as create_agent

IS_OLD = not hasattr(Interrupt, "interrupt_id") and not hasattr(Interrupt, "id")
"""Whether this is LangGraph 0.3, whose questions have no ids of their own."""

ALL = ["values", "checkpoints", "lifecycle", "input", "messages", "tools", "custom", "updates"]
HI = {"messages": [{"type": "human", "content": "Hi", "id": "h1"}]}
HUSHED = "the password is 1234"


def model(*replies: Any, **options: Any) -> ScriptedChatModel:
    return ScriptedChatModel(script=replies, **options)


def talker(text: str = "one two three four", **options: Any) -> Any:
    return create_agent(
        ScriptedChatModel(script=lambda _: text, **options), [], checkpointer=InMemorySaver()
    )


def asker() -> Any:
    """A graph that asks twice in one node, and then once in two at the same time."""

    def ask(_: MessagesState) -> Any:
        return {"messages": [AIMessage(f"{interrupt('One?')} {interrupt('Two?')}", id="a1")]}

    def left(_: MessagesState) -> Any:
        return {"messages": [AIMessage(f"left {interrupt('Left?')}", id="a2")]}

    def right(_: MessagesState) -> Any:
        return {"messages": [AIMessage(f"right {interrupt('Right?')}", id="a3")]}

    builder = StateGraph(MessagesState)
    for node in (ask, left, right):
        builder.add_node(node.__name__, node)
    builder.add_edge(START, "ask")
    builder.add_edge("ask", "left")
    builder.add_edge("ask", "right")
    return builder.compile(checkpointer=InMemorySaver())


class Thread:
    """A thread as the client uses it."""

    def __init__(self, http: httpx.AsyncClient, id: str = "t1") -> None:
        self.http = http
        self.path = f"/threads/{id}"

    async def command(self, method: str, **params: Any) -> Any:
        body = {"id": 1, "method": method, "params": params}
        return await self.http.post(f"{self.path}/commands", json=body)

    async def start(self, input: Any = HI, **params: Any) -> str:
        answer = await self.command("run.start", input=input, assistant_id="agent", **params)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]["run_id"]

    async def respond(self, interrupt_id: str, response: Any, **params: Any) -> Any:
        return await self.command(
            "input.respond", interrupt_id=interrupt_id, response=response, namespace=[], **params
        )

    async def state(self) -> Any:
        answer = await self.http.get(f"{self.path}/state")
        return answer.json() if answer.status_code == 200 else answer.status_code

    async def history(self, **body: Any) -> Any:
        return (await self.http.post(f"{self.path}/history", json=body)).json()

    async def events(self, *, runs: int = 1, **body: Any) -> list[Any]:
        """Read a stream until so many runs of the thread have ended."""
        return [it async for it in self.stream(runs, **body)]

    async def stream(self, runs: int = 1, **body: Any) -> AsyncIterator[Any]:
        decoder = sse.FrameDecoder()
        wanted = {"channels": ALL, **body}
        async with self.http.stream("POST", f"{self.path}/stream/events", json=wanted) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            async for data in answer.aiter_raw():
                for frame in decoder.feed(data):
                    event = json.loads(frame.data)
                    yield event
                    runs -= is_end(event)
                    if not runs:
                        return

    async def texts(self) -> list[str]:
        return [text(it) for it in (await self.state())["values"]["messages"]]


def text(message: Any) -> str:
    """A message's text: the state's answers are blocks, as in a live run."""
    content = message["content"]
    return content if isinstance(content, str) else "".join(it.get("text", "") for it in content)


def is_end(event: Any) -> bool:
    state = event["params"]["data"].get("event")
    is_root = event["method"] == "lifecycle" and not event["params"]["namespace"]
    return is_root and state in {"completed", "failed", "interrupted"}


def text_of(events: list[Any]) -> str:
    deltas = [it["params"]["data"].get("delta", {}) for it in events]
    return "".join(it.get("text", "") for it in deltas)


@asynccontextmanager
async def thread_of(graph: Any, runs: Runs | None = None, **options: Any) -> AsyncIterator[Thread]:
    runs = runs or Runs(agent_protocol)
    async with served(Starlette(routes=agent_protocol_routes(graph, runs, **options))) as http:
        yield Thread(http)
        await runs.aclose()


# --- runs and streams


async def test_a_run_that_is_over_is_read_from_its_beginning():
    async with thread_of(talker()) as thread:
        assert await thread.state() == 404
        answer = (await thread.command("run.start", input=HI)).json()
        assert (answer["type"], answer["id"]) == ("success", 1)
        await thread.events()
        events = await thread.events()
        assert text_of(events) == "one two three four"
        assert events[0]["params"]["data"]["event"] == "running"
        numbers = [it["seq"] for it in events]
        assert numbers == sorted(set(numbers))
        assert numbers[0] > answer["meta"]["applied_through_seq"]
        assert [it["event_id"] for it in events] == list(map(str, numbers))

        assert [it["type"] for it in (await thread.state())["values"]["messages"]] == [
            "human",
            "ai",
        ]
        last = [it for it in events if it["method"] == "values"][-1]["params"]["data"]
        stored = (await thread.state())["values"]
        assert [it["id"] for it in last["messages"]] == [it["id"] for it in stored["messages"]]


async def test_the_state_has_the_blocks_of_a_live_run():
    call = Call("nothing", {"x": 1}, "c1")
    reply = Reply("Hello", reasoning="They greet.", tool_calls=(call,))
    graph = StateGraph(MessagesState)
    graph.add_node("n", lambda state: {"messages": [model(reply).invoke(state["messages"])]})
    graph.add_edge(START, "n")
    async with thread_of(graph.compile(checkpointer=InMemorySaver())) as thread:
        await thread.start()
        data = [it["params"]["data"] for it in await thread.events()]
        live = [it["content"] for it in data if it.get("event") == "content-block-finish"]
        assert [it["type"] for it in live] == ["reasoning", "text", "tool_call"]
        for state in (await thread.state(), (await thread.history())[0]):
            assert state["values"]["messages"][-1]["content"] == live


async def test_a_stream_goes_on_with_the_next_run_and_numbers_grow():
    async with thread_of(talker()) as thread:
        stream = thread.stream(runs=2)
        await thread.start()
        seen = [await anext(stream)]
        while not is_end(seen[-1]):
            seen.append(await anext(stream))
        await thread.start({"messages": [("human", "More")]})
        more = [it async for it in stream]
        assert text_of(seen) == text_of(more) == "one two three four"
        assert more[0]["seq"] > seen[-1]["seq"]
        # Who comes now gets the last run alone.
        assert [it["seq"] for it in await thread.events()] == [it["seq"] for it in more]


async def test_a_checkpoint_comes_before_its_state():
    async with thread_of(talker()) as thread:
        await thread.start()
        events = [it for it in await thread.events() if it["method"] in {"checkpoints", "values"}]
        assert [it["method"] for it in events] == ["checkpoints", "values"] * 2
        envelope = [it["params"]["data"] for it in events[::2]]
        assert [it["step"] for it in envelope] == [0, 1]
        assert envelope[1]["parent_id"] == envelope[0]["id"]
        state = await thread.state()
        assert state["checkpoint"]["checkpoint_id"] == envelope[1]["id"]
        assert state["metadata"] == {"step": 1, "source": "loop"}


async def test_a_stream_has_what_its_filter_asks_for():
    builder = StateGraph(MessagesState)
    builder.add_node("inner", create_agent(model("Hello"), []))
    builder.add_edge(START, "inner")
    async with thread_of(builder.compile(checkpointer=InMemorySaver())) as thread:
        await thread.start()
        whole = await thread.events()

        async def found(channels: list[str], **body: Any) -> list[Any]:
            it = await thread.events(channels=[*channels, "lifecycle"], **body)
            return [it for it in it if it["method"] != "lifecycle"]

        inner = next(it for it in whole if it["method"] == "messages")["params"]["namespace"]
        assert [it.partition(":")[0] for it in inner] in (["inner", "model"], ["inner", "agent"])
        assert {it["method"] for it in await found(["messages"])} == {"messages"}
        assert await found(["messages"], namespaces=[[]], depth=1) == []
        assert await found(["messages"], namespaces=[[]], depth=2) == await found(["messages"])
        states = await found(["values"], namespaces=[[]], depth=0)
        assert {tuple(it["params"]["namespace"]) for it in states} == {()}
        for name in ("inner", inner[0]):  # by name, and by task
            below = [it async for it in _first(thread, 3, ["messages", "values"], [[name]])]
            assert {it["params"]["namespace"][0] for it in below} == {inner[0]}
        middle = whole[len(whole) // 2]["seq"]
        rest = await thread.events(since=middle)
        assert [it["seq"] for it in rest] == [it["seq"] for it in whole if it["seq"] > middle]


async def _first(thread: Thread, n: int, channels: Any, namespaces: Any) -> AsyncIterator[Any]:
    async for event in thread.stream(channels=channels, namespaces=namespaces):
        yield event
        n -= 1
        if not n:
            return


def test_a_name_with_the_separator_of_namespaces_is_found():
    event = Custom(timestamp=0.5, origin=Origin(namespace=("n:1",)), name="a| b", data=1)
    [frame] = agent_protocol.Encoder().feed(event)
    line = frame.partition(b"\n")[0].decode().removeprefix("event: ")
    for channels, is_wanted in ((["custom:a| b"], True), (["custom"], True), (["custom:a"], False)):
        wanted = _thread_streams.Filter(channels=channels, namespaces=[["n:1"]])
        assert wanted.wants(line) == is_wanted


async def test_a_silent_stream_has_heartbeats(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_thread_streams, "HEARTBEAT_EVERY", 0.05)
    async with thread_of(talker(pace=0.03)) as thread:
        body = {"channels": ["custom"]}
        stream = thread.http.stream("POST", "/threads/t1/stream/events", json=body)
        async with stream as answer:
            pieces = answer.aiter_raw()
            assert await anext(pieces) == b":\n\n"
            await thread.start()  # whose events pass by
            for _ in range(4):
                assert await anext(pieces) == b":\n\n"


async def test_a_stream_waits_for_a_store_that_is_away(monkeypatch: pytest.MonkeyPatch):
    async def away(self: Memory, name: str) -> Any:
        asked.set()
        raise OSError("no route to the store")

    asked = asyncio.Event()
    monkeypatch.setattr(_thread_streams, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(_thread_streams, "MAX_KNOWN", 1)  # ``event`` lines that are remembered
    async with thread_of(talker()) as thread:
        with monkeypatch.context() as patch:
            patch.setattr(Memory, "name", away)
            reading = asyncio.ensure_future(thread.events())
            await asked.wait()
        await thread.start()
        assert text_of(await reading) == "one two three four"


async def test_a_server_that_shuts_down_ends_its_streams_and_not_the_runs():
    runs = Runs(agent_protocol)
    routes = agent_protocol_routes(talker("on " * 1000, pace=0.01), runs)
    body: list[bytes] = []

    async def receive() -> Any:
        if not body:
            wanted = json.dumps({"channels": ["messages"]}).encode()
            body.append(wanted)
            return {"type": "http.request", "body": wanted}
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        body.append(message.get("body", b""))

    async with served(Starlette(routes=routes)) as http:
        run_id = await Thread(http).start()
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/threads/t1/stream/events",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
        }
        task = asyncio.ensure_future(Starlette(routes=routes)(scope, receive, send))
        await until(lambda: any(b"text-delta" in it for it in body))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await runs.current("t1") == run_id
        await runs.aclose()


async def test_a_run_of_another_process_is_found():
    store = Memory()
    graph = talker(pace=0.01)
    one, other = (Runs(agent_protocol, store=store) for _ in range(2))
    async with thread_of(graph, one) as here, thread_of(graph, other) as there:
        reading = asyncio.ensure_future(there.events())
        run_id = await here.start()
        assert text_of(await reading) == "one two three four"
        assert text_of(await there.events()) == "one two three four"
        answer = await there.http.post(f"/threads/t1/runs/{run_id}/cancel")
        assert answer.status_code == 204


async def test_a_run_is_stopped():
    async with thread_of(talker("on " * 1000, pace=0.01)) as thread:
        run_id = await thread.start()
        seen = []
        async for event in thread.stream():
            seen.append(event)
            if run_id and len(text_of(seen)) > 9:
                [run] = (await thread.http.get("/threads/t1/runs")).json()
                assert run == {"run_id": run_id, "thread_id": "t1", "status": "running"}
                for id, status in (("another", 404), (run_id, 204), (run_id, 204)):
                    answer = await thread.http.post(f"/threads/t1/runs/{id}/cancel?wait=0")
                    assert answer.status_code == status
                run_id = ""
        assert seen[-1]["params"]["data"]["event"] == "interrupted"
        assert (await thread.http.get("/threads/t1/runs")).json() == []
        # The half message, which the state does not hold, is taken back.
        before, after = [it["params"]["data"] for it in seen if it["method"] == "values"][-2:]
        assert [it["type"] for it in before["messages"]] == ["human", "ai"]
        assert after["messages"] == (await thread.state())["values"]["messages"]


async def test_a_new_question_stops_the_run_before():
    async with thread_of(talker("on " * 1000, pace=0.01)) as thread:
        first = await thread.start()
        answer = await thread.command("run.start", input=HI, multitaskStrategy="reject")
        assert answer.status_code == 409
        second = await thread.start({"messages": [("human", "Rather this")]})
        assert first != second
        assert (await thread.texts())[-1] == "Rather this"
        await thread.http.post(f"/threads/t1/runs/{second}/cancel")


# --- questions of the graph


@tool
async def wait(city: str) -> str:
    """Wait for ever."""
    await asyncio.Event().wait()
    return city


async def test_a_thread_goes_on_after_a_stop():
    """No provider takes a call without a result, which the stop has left."""

    def reply_to(messages: Any) -> Any:
        called = [it.tool_calls for it in messages if it.type == "ai"][-1:]
        if called and called[0]:
            assert messages[-2].type == "tool"
            return "Well."
        return Reply("", tool_calls=(Call("wait", {"city": "Rome"}, "c1"),))

    graph = create_agent(ScriptedChatModel(reply_to), [wait], checkpointer=InMemorySaver())
    async with thread_of(graph) as thread:
        run_id = await thread.start()
        async for event in thread.stream(runs=2):
            if run_id and event["method"] == "tools":
                await thread.http.post(f"/threads/t1/runs/{run_id}/cancel")
                run_id = ""
                await thread.start({"messages": [{"type": "human", "content": "So?", "id": "h2"}]})
        said = (await thread.state())["values"]["messages"]
        assert [it["type"] for it in said] == ["human", "ai", "tool", "human", "ai"]
        assert (said[2]["tool_call_id"], said[2]["status"]) == ("c1", "error")
        assert text(said[-1]) == "Well."


def asked(state: Any) -> dict[str, str]:
    return {it["value"]: it["id"] for task in state["tasks"] for it in task["interrupts"]}


async def test_questions_are_answered_one_after_the_other_and_together():
    async with thread_of(asker()) as thread:
        await thread.start()
        events = await thread.events()
        [question] = [it for it in events if it["method"] == "input.requested"]
        assert question["params"]["data"]["payload"] == "One?"
        assert events[-1]["params"]["data"]["event"] == "interrupted"
        for text, answer in [("One?", "yes"), ("Two?", "no")]:
            found = asked(await thread.state())
            assert found.keys() == {text}
            assert (await thread.respond(found[text], answer)).status_code == 200
            await thread.events()
        found = asked(await thread.state())
        assert found.keys() == {"Left?", "Right?"}
        responses = [
            {"interrupt_id": found["Left?"], "response": 1, "namespace": []},
            {"interrupt_id": found["Right?"], "response": 2, "namespace": []},
        ]
        answer = await thread.command("input.respond", responses=responses)
        if IS_OLD:
            assert answer.status_code == 501
            assert answer.json()["message"] == "answers to several questions need langgraph 0.4"
            return
        assert answer.status_code == 200
        assert (await thread.events())[-1]["params"]["data"]["event"] == "completed"
        assert await thread.texts() == ["Hi", "yes no", "left 1", "right 2"]


async def test_an_answer_waits_for_the_run_before_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_agent_protocol, "WAIT_FOR_END", 0.02)
    async with thread_of(talker("on " * 1000, pace=0.01)) as thread:
        await thread.start()
        answer = await thread.respond("i", "yes")
        assert (answer.status_code, answer.json()["message"]) == (
            409,
            "a run of this thread is going on",
        )


@pytest.mark.skipif(IS_OLD, reason="LangGraph 0.3 does not know which question is answered")
async def test_one_of_two_questions_is_answered():
    async with thread_of(asker()) as thread:
        await thread.start()
        await thread.events()
        for answer in ("yes", "no"):
            [id] = asked(await thread.state()).values()
            await thread.respond(id, answer)
            await thread.events()
        found = asked(await thread.state())
        await thread.respond(found["Left?"], 1)
        await thread.events()
        assert asked(await thread.state()).keys() == {"Right?"}


async def test_the_decisions_of_langchains_middleware():
    """As the client sends them: an edit has its action under two names."""
    hitl = pytest.importorskip("langchain.agents.middleware", reason="no LangChain")
    from langchain_core.tools import tool

    @tool
    def pay(euros: int) -> str:
        """Pay."""
        return f"paid {euros}"

    call = Reply(tool_calls=(Call("pay", {"euros": 9}, "c1"),))
    middleware: Any = [hitl.HumanInTheLoopMiddleware(interrupt_on={"pay": True})]
    graph = create_agent(
        model(call, "Done."), [pay], middleware=middleware, checkpointer=InMemorySaver()
    )
    async with thread_of(graph) as thread:
        await thread.start()
        await thread.events()
        [question] = [it for task in (await thread.state())["tasks"] for it in task["interrupts"]]
        [request] = question["value"]["action_requests"]
        assert (request["name"], request["args"]) == ("pay", {"euros": 9})
        edited = {"name": "pay", "args": {"euros": 3}}
        decision = {"type": "edit", "edited_action": edited, "editedAction": edited}
        await thread.respond(question["id"], {"decisions": [decision]})
        await thread.events()
        *_, result, answer = await thread.texts()
        assert "paid 3" in result
        assert answer == "Done."


async def test_an_answer_may_only_resume():
    async with thread_of(asker()) as thread:
        await thread.start()
        await thread.events()
        [id] = asked(await thread.state()).values()
        assert (await thread.respond("another", 1)).status_code == 404
        for more in ({"goto": "left"}, {"update": {"messages": []}}):
            answer = await thread.respond(id, 1, **more)
            assert answer.status_code == 403
            assert answer.json()["error"] == "permission_denied"
        assert [*asked(await thread.state()).values()] == [id]
        assert await thread.texts() == ["Hi"]


async def test_what_a_run_answers_is_no_question_any_more():
    resumed = asyncio.Event()

    async def ask(_: MessagesState) -> Any:
        said = interrupt("Shall I?")
        await resumed.wait()
        return {"messages": [AIMessage(said)]}

    builder = StateGraph(MessagesState).add_node("ask", ask).add_edge(START, "ask")
    async with thread_of(builder.compile(checkpointer=InMemorySaver())) as thread:
        await thread.start()
        await thread.events()
        state = await thread.state()
        [id] = asked(state).values()
        await thread.respond(id, "yes")
        assert asked(await thread.state()) == {}
        assert (await thread.state())["next"] == ["ask"]
        resumed.set()
        await thread.events()
        assert (await thread.state())["next"] == []


# --- the past


async def test_an_edit_is_a_run_from_an_earlier_checkpoint():
    async with thread_of(talker("Sure.")) as thread:
        for text in ("One", "Two"):
            await thread.start({"messages": [("human", text)]})
            await thread.events()
        states = await thread.history(limit=50)
        assert states[0] == await thread.state()
        assert len(await thread.history(limit=2)) == 2
        before = next(it for it in states if len(it["values"]["messages"]) == 2)
        older = await thread.history(
            limit=1,
            before={"configurable": {"checkpoint_id": states[0]["checkpoint"]["checkpoint_id"]}},
        )
        assert older == states[1:2]

        fork = {"configurable": {"checkpoint_id": before["checkpoint"]["checkpoint_id"]}}
        await thread.start({"messages": [("human", "Two, but other")]}, config=fork)
        events = await thread.events()
        assert await thread.texts() == ["One", "Sure.", "Two, but other", "Sure."]
        # Without their steps, which the client would take for old ones.
        envelopes = [it["params"]["data"] for it in events if it["method"] == "checkpoints"]
        assert envelopes
        assert not any("step" in it for it in envelopes)


async def test_a_thread_has_its_own_checkpoints_only():
    async with thread_of(talker()) as thread:
        await thread.start()
        await thread.events()
        id = (await thread.state())["checkpoint"]["checkpoint_id"]
        other = Thread(thread.http, "t2")
        for checkpoint, status in ((id, 404), (7, 400)):
            config = {"configurable": {"checkpoint_id": checkpoint, "thread_id": "t1"}}
            answer = await other.command("run.start", input=HI, config=config)
            assert answer.status_code == status
        assert await other.state() == 404


async def test_the_history_of_a_subgraph():
    inner = create_agent(model("Hello", "again"), [], checkpointer=True)
    builder = StateGraph(MessagesState).add_node("inner", inner).add_edge(START, "inner")
    async with thread_of(builder.compile(checkpointer=InMemorySaver())) as thread:
        await thread.start()
        await thread.events()
        states = await thread.history(limit=50)
        [within] = {
            it["checkpoint"]["checkpoint_ns"]
            for state in states
            for it in state["tasks"]
            if it["checkpoint"]
        }
        found = await thread.history(limit=1, checkpoint={"checkpoint_ns": within})
        # LangGraph 0.3 looks for a subgraph that keeps its state where it has not written it.
        texts = [[text(it) for it in state["values"]["messages"]] for state in found]
        assert texts == ([] if IS_OLD else [["Hi", "Hello"]])
        assert await thread.history(checkpoint={"checkpoint_ns": "nothing:1"}) == []


# --- who may do what


async def test_nothing_happens_before_a_request_is_authorized():
    calls: list[Any] = []

    async def authorize(request: Any, thread: str) -> bool:
        calls.append((request.headers.get("x-user"), thread))
        return request.headers.get("x-user") == "ann"

    async with thread_of(talker(), authorize=authorize) as thread:
        posts = {
            "commands": {"id": 1, "method": "run.start", "params": {"input": HI}},
            "stream/events": {"channels": ["values"]},
            "history": {},
            "runs/r1/cancel": {},
        }
        for path, body in posts.items():
            answer = await thread.http.post(f"/threads/t1/{path}", json=body)
            assert (answer.status_code, answer.json()["message"]) == (404, "no such thread")
        assert await thread.state() == 404
        assert (await thread.http.get("/threads/t1/runs")).status_code == 404
        assert calls == [(None, "t1")] * 6
        thread.http.headers["x-user"] = "ann"
        assert await thread.state() == 404
        await thread.start()
        await thread.events()
        assert len(await thread.texts()) == 2


async def test_the_config_of_a_run_is_the_servers():
    seen: list[Any] = []

    def reply(_: MessagesState, config: RunnableConfig) -> Any:
        found = config["configurable"]
        seen.append({key: found.get(key) for key in ("thread_id", "user", "model")})
        return {"messages": [AIMessage("Hello")]}

    async def configure(request: Any, sent: dict[str, Any]) -> Any:
        chosen = sent["configurable"]["model"]
        return {"configurable": {"user": "ann", "model": chosen, "thread_id": "of another"}}

    graph = StateGraph(MessagesState).add_node("reply", reply).add_edge(START, "reply")
    graph = graph.compile(checkpointer=InMemorySaver())
    sent = {"configurable": {"model": "large", "user": "bob", "thread_id": "t2"}}
    for options in ({}, {"configure": configure}):
        async with thread_of(graph, **options) as thread:
            await thread.start(config=sent)
            await thread.events()
    assert seen == [
        {"thread_id": "t1", "user": None, "model": None},
        {"thread_id": "t1", "user": "ann", "model": "large"},
    ]


@pytest.mark.parametrize("private", [False, True])
async def test_what_stays_in_the_process(private: bool):
    def fail(_: MessagesState) -> Any:
        raise ValueError(HUSHED)

    graph = StateGraph(MessagesState).add_node("fail", fail).add_edge(START, "fail")
    async with thread_of(graph.compile(checkpointer=InMemorySaver()), private=private) as thread:
        await thread.start()
        events = await thread.events()
        assert events[-1]["params"]["data"]["event"] == "failed"
        assert (HUSHED in json.dumps(events)) == private
        everything = [await thread.state(), await thread.history()]
        assert private or "ValueError" in json.dumps(events)
        assert private or HUSHED not in json.dumps(everything)


HOSTILE: list[tuple[str, Any, int]] = [
    ("commands", b"{", 400),
    ("commands", b"[]", 400),
    ("commands", b'{"id":1,"method":"run.start","params":{"input":[]}}', 400),
    ("commands", b'{"id":1,"method":"run.start","params":{"input":"\\ud83d"}}', 400),
    ("commands", b'{"id":1,"method":"run.start","params":{"config":7}}', 400),
    ("commands", b'{"id":"1","method":"run.start"}', 400),
    ("commands", b'{"id":1,"method":"state.fork","params":{}}', 501),
    ("commands", b'{"id":1,"method":"' + b"x" * 999 + b'"}', 501),
    ("commands", b'{"id":1,"method":"input.respond","params":{}}', 400),
    ("commands", b'{"id":1,"method":"input.respond","params":{"responses":[]}}', 404),
    ("commands", b'{"id":1,"method":"input.respond","params":{"responses":7}}', 400),
    ("commands", b'{"a":' * 5000, 400),
    ("stream/events", b"{}", 400),
    ("stream/events", b'{"channels":"values"}', 400),
    ("stream/events", b'{"channels":[],"namespaces":[[1]]}', 400),
    ("stream/events", b'{"channels":["' + b"x" * 70_000 + b'"]}', 413),
    ("history", b'{"limit":"all"}', 400),
    ("history", b'{"checkpoint":7}', 400),
    ("history", b'{"checkpoint":{"checkpoint_ns":"a\\u0001"}}', 400),
    ("history", b'{"before":{"configurable":{"checkpoint_id":"' + b"x" * 300 + b'"}}}', 400),
]


async def test_hostile_requests_are_refused():
    async with thread_of(talker()) as thread:
        headers = {"content-type": "application/json"}
        for path, body, status in HOSTILE:
            answer = await thread.http.post(f"/threads/t1/{path}", content=body, headers=headers)
            assert (body[:60], answer.status_code) == (body[:60], status)
            assert answer.json()["type"] == "error"
            assert len(answer.content) < 500
        plain = await thread.http.post("/threads/t1/commands", content=b"{}")
        assert plain.status_code == 415
        for id in ("%00", "x" * 300, "%F0%9F%99%82%0A"):
            assert (await thread.http.get(f"/threads/{id}/state")).status_code == 400
        assert await thread.state() == 404


NAMES = (
    "id method params input config configurable checkpoint_id responses interrupt_id response limit "
    "before checkpoint checkpoint_ns messages"
)
FIELDS = st.sampled_from(NAMES.split())
VALUES = st.recursive(
    JSON | st.sampled_from(["run.start", "input.respond", "reject"]),
    lambda inner: st.dictionaries(FIELDS, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(FIELDS, VALUES, max_size=5), min_size=5, max_size=5))
async def test_no_request_breaks_the_server(bodies: list[Any]):
    """Whatever is asked, the answer is the protocol's own."""
    commands = [
        {"id": 1, "method": it, "params": bodies[-1]} for it in ("run.start", "input.respond")
    ]
    runs = Runs(agent_protocol)
    app = Starlette(routes=agent_protocol_routes(talker(), runs))
    transport = httpx.ASGITransport(app)  # (which raises what the application raises)
    async with httpx.AsyncClient(transport=transport, base_url="http://graph.test") as http:
        for body in (*bodies, *commands):
            for path in ("commands", "history"):
                headers = {"content-type": "application/json"}
                data = json.dumps(body).encode()
                answer = await http.post(f"/threads/t1/{path}", content=data, headers=headers)
                assert answer.status_code in {200, 400, 403, 404, 409, 422, 501}
                assert isinstance(answer.json(), (dict, list))
        assert (await http.get("/threads/t1/state")).status_code in {200, 404, 422}
    await runs.aclose()


async def test_an_input_that_the_graph_refuses_does_not_break_its_thread():
    async with thread_of(talker("Hello")) as thread:
        for bad in ({}, {"type": "remove", "id": "unknown", "content": ""}):
            await thread.start({"messages": [bad]})
            assert (await thread.events())[-1]["params"]["data"]["event"] == "failed"
            assert await thread.state() == 422
        await thread.start()
        assert (await thread.events())[-1]["params"]["data"]["event"] == "completed"
        assert await thread.texts() == ["Hi", "Hello"]


def test_what_the_routes_need():
    graph = StateGraph(MessagesState).add_node("n", print).add_edge(START, "n")
    with pytest.raises(UsageError, match="threads need a checkpointer"):
        agent_protocol_routes(graph.compile())
    with pytest.raises(UsageError, match=r"pass Runs\(agent_protocol\)"):
        agent_protocol_routes(graph.compile(checkpointer=InMemorySaver()), Runs())
