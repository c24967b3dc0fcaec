"""Whole conversations in real clients: what each shows at the end is what the graph's state holds.

The client asks, edits, regenerates and answers by its own functions. Each of its requests is read
as the recipe of its page does, and what the graph streams, in each of the ways to stream it, is
written back. In the end the client shows the messages of the state, and so does a page that opens
the conversation anew from the state's messages.

A few talks by default; all of them, in every source and version, with ``STREAMKIT_FRONTENDS=1``.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any, TypeAlias

import pytest

pytest.importorskip("deepagents", reason="deepagents is not installed")

from frontend_talks import TALKS, Again, Ask, Resume, Step, Talk, history_of, input_of
from js_clients import AI_SDK, Clients
from read_streams import adrained, drained
from streamkit import Event, astream, normalize
from streamkit.wire import ag_ui, ai_sdk, jsonable

pytestmark = pytest.mark.filterwarnings("ignore")

CONFIG: Any = {"configurable": {"thread_id": "t1"}}
MODES = ["messages", "updates", "values", "custom"]
Row: TypeAlias = tuple[Any, ...]
"""A question, a text, reasoning, or a call with its result."""


def modes(graph: Any, given: Any) -> Any:
    return normalize(graph.astream(given, CONFIG, stream_mode=MODES, subgraphs=True))


async def v3(graph: Any, given: Any) -> Any:
    return normalize(await graph.astream_events(given, CONFIG, version="v3"))


SOURCES: dict[str, Callable[[Any, Any], Any]] = {
    "astream()": lambda graph, given: astream(graph, given, CONFIG),
    "events v2": lambda graph, given: normalize(graph.astream_events(given, CONFIG, version="v2")),
    "modes": modes,
    "v3": v3,
}


async def events_of(source: str, graph: Any, given: Any, error: Any) -> list[Event]:
    run = SOURCES[source](graph, given)
    run = await run if asyncio.iscoroutine(run) else run
    events, raised = await adrained(run) if hasattr(run, "__aiter__") else drained(run)
    assert raised is None or isinstance(raised, error)
    return events


# --- the same rows of everything


def of_state(messages: list[Any]) -> list[Row]:
    """What a user sees of the state's messages: no prompts, and no words of failed tools."""
    results = iter([it for it in messages if it.type == "tool"])
    answers: list[Any] = list(results)
    rows: list[Row] = []
    for message in messages:
        if message.type == "human":
            rows.append(("user", message.text))
        elif message.type == "ai":
            rows += of_answer(message, answers)
    return rows


def of_answer(message: Any, answers: list[Any]) -> Iterator[Row]:
    for block in message.content_blocks:
        if block["type"] == "reasoning" and block.get("reasoning"):
            yield ("reasoning", block["reasoning"])
    refusals = [it.get("refusal", "") for it in message.content if isinstance(it, dict)]
    if text := "".join([message.text, *refusals]):
        yield ("text", text)
    for call in message.tool_calls:
        found = next((it for it in answers if it.tool_call_id == call["id"]), None)
        if found:
            answers.remove(found)
        yield ("call", call["name"], call["args"], result_of(found))


def result_of(message: Any) -> Any:
    if message is None:
        return None
    return "failed" if message.status == "error" else jsonable(message.content)


def of_ai_sdk(messages: list[Any]) -> list[Row]:
    """One UI message for each question and each answer, whose texts are joined to messages."""
    return [row for it in messages for row in merged(of_parts(it))]


def of_parts(message: Any) -> Iterator[Row]:
    for part in message["parts"]:
        kind = part["type"]
        if kind == "step-start":
            yield ("step",)
        elif kind in {"text", "reasoning"} and part["text"]:
            yield ("user" if message["role"] == "user" else kind, part["text"])
        elif kind == "dynamic-tool":
            state = part["state"].removeprefix("output-")
            result = part.get("output") if state == "available" else "failed"
            yield ("call", part["toolName"], part["input"], None if "input" in state else result)


def merged(rows: Iterator[Row]) -> list[Row]:
    """Rows without steps; texts that follow each other in a step are one."""
    found: list[Row] = []
    is_new = True
    for row in rows:
        if row[0] in {"text", "user"} and found and found[-1][0] == row[0] and not is_new:
            found[-1] = (row[0], found[-1][1] + row[1])
        elif row[0] != "step":
            found.append(row)
        is_new = row[0] == "step"
    return found


def of_ag_ui(messages: list[Any]) -> list[Row]:
    """AG-UI's messages of the conversation, without those of subagents."""
    results = {it["toolCallId"]: it for it in messages if it["role"] == "tool"}
    rows: list[Row] = []
    for message in messages:
        role, content = message["role"], message.get("content")
        if role in {"user", "reasoning"}:
            rows.append((role, content))
        elif role == "assistant":
            rows += [("text", content)] if content else []
            for call in message.get("toolCalls", ()):
                args = json.loads(call["function"]["arguments"] or "{}")
                rows.append(("call", call["function"]["name"], args, ag_ui_result(results, call)))
    return rows


def ag_ui_result(results: dict[str, Any], call: Any) -> Any:
    found = results.get(call["id"])
    return found and ("failed" if found["content"] == "error" else found["content"])


# --- the clients


class AiSdk:
    """The chat class under ``useChat``."""

    def __init__(self, clients: Clients, package: str, history: list[Any]) -> None:
        self.clients, self.package = clients, package
        self.target: Any = int(package[2])
        self.begun = ai_sdk.ui_messages(history)
        self.bodies: list[bytes] = []
        self.said: Any = None
        self.then: list[Any] = []

    def read(self, *more: bytes) -> Any:
        return self.clients.read(
            "ai_sdk",
            *self.bodies,
            *more,
            package=self.package,
            messages=self.begun,
            said=self.said,
            then=self.then,
        )

    def request(self, step: Step, asked: Any, known: list[str]) -> ai_sdk.Request:
        match step:
            case Ask(id=id, text=text) if id in known:
                self.then.append(["sendMessage", {"text": text, "messageId": id}])
            case Ask(id=id, text=text):
                parts = [{"type": "text", "text": text}]
                message = {"id": id, "role": "user", "parts": parts}
                if self.said is None and not self.then:
                    self.said = message
                else:
                    self.then.append(["sendMessage", message])
            case Again():
                self.then.append(["regenerate"])
            case Resume(value=value):
                self.then.append(["sendMessage", None, {"body": {"resume": {asked: value}}}])
        self.read(b"")
        return ai_sdk.read_request(self.clients.requests[-1]["body"])

    def given(self, request: ai_sdk.Request, state: Any) -> Any:
        return ai_sdk.graph_input(request, state=state)

    def answer(self, request: ai_sdk.Request, events: list[Event]) -> None:
        machine = ai_sdk.Encoder(request, target=self.target)
        self.bodies.append(b"".join(frame for event in events for frame in machine.feed(event)))

    def rows(self) -> list[Row]:
        return of_ai_sdk(self.read()["messages"])

    def reloaded(self, messages: list[Any]) -> list[Row]:
        return of_ai_sdk(ai_sdk.ui_messages(messages))


class AgUi:
    """`HttpAgent`."""

    def __init__(self, clients: Clients, package: str, history: list[Any]) -> None:
        self.clients, self.package = clients, package
        self.begun: Any = ag_ui.ui_messages(history)
        self.bodies: list[bytes] = []
        self.then: list[Any] = []
        self.is_new = True

    def read(self, *more: bytes) -> Any:
        return self.clients.read(
            "ag_ui",
            *self.bodies,
            *more,
            package=self.package,
            messages=self.begun,
            then=self.then,
        )

    def request(self, step: Step, asked: Any, known: list[str]) -> ag_ui.Request:
        match step:
            case Ask(id=id, text=text):
                message = {"id": id, "role": "user", "content": text}
                if self.is_new:
                    self.begun.append(message)
                else:
                    before = "old.slice(0, at < 0 ? old.length : at)"
                    at = f"const at = old.findIndex((it) => it.id === {json.dumps(id)});"
                    code = f"{at} return [...{before}, {json.dumps(message)}]"
                    self.then.append({"messages": code})
            case Again():
                last = 'old.findLastIndex((it) => it.role === "user")'
                self.then.append({"messages": f"return old.slice(0, {last} + 1)"})
            case Resume(value=value):
                answer = {"interruptId": asked, "status": "resolved", "payload": value}
                self.then.append({"resume": [answer]})
        self.is_new = False
        self.read(b"")
        return ag_ui.read_request(self.clients.requests[-1]["body"])

    def given(self, request: ag_ui.Request, state: Any) -> Any:
        return ag_ui.graph_input(request, state=state)

    def answer(self, request: ag_ui.Request, events: list[Event]) -> None:
        machine = ag_ui.Encoder(request)
        self.bodies.append(b"".join(frame for event in events for frame in machine.feed(event)))

    def rows(self) -> list[Row]:
        told = self.read()
        assert told["warnings"] == []
        main = [it for it in told["all"] if not it.get("subagentRunId")]
        return of_ag_ui(main)

    def reloaded(self, messages: list[Any]) -> list[Row]:
        return of_ag_ui(ag_ui.ui_messages(messages))


TalkClient: TypeAlias = AiSdk | AgUi


def play(talk: Talk, source: str, client: TalkClient) -> list[Any]:
    """Play a talk to its end; return the state's messages."""
    for step in talk.steps:
        state = talk.graph.get_state(CONFIG)
        known = [it.id for it in state.values.get("messages", [])]
        asked = [it.id for task in state.tasks for it in task.interrupts]
        request = client.request(step, asked[0] if asked else None, known)
        given = client.given(request, state)
        if isinstance(step, Ask) and step.given:
            assert given["messages"][-1].id == step.id
            given = input_of(step)
        events = asyncio.run(events_of(source, talk.graph, given, talk.error))
        client.answer(request, events)
    return talk.graph.get_state(CONFIG).values["messages"]


CLIENTS = {
    **dict.fromkeys(AI_SDK, AiSdk),
    "@ag-ui/client": AgUi,
    "ag-ui-first": AgUi,
}
EVERYTHING = bool(os.environ.get("STREAMKIT_FRONTENDS"))
ALL = [(name, source, client) for name in TALKS for source in SOURCES for client in CLIENTS]
NEWEST = cycle([(source, client) for source in SOURCES for client in ("ai7", "@ag-ui/client")])
SOME = [(name, *next(NEWEST)) for name in list(TALKS)[::5]]


@pytest.mark.parametrize(("name", "source", "client"), ALL if EVERYTHING else SOME)
def test_a_client_shows_the_state(clients: Clients, name: str, source: str, client: str) -> None:
    talk = TALKS[name]()
    first = talk.steps[0]
    assert isinstance(first, Ask)
    page = CLIENTS[client](clients, client, history_of(first))
    messages = play(talk, source, page)
    expected = of_state(messages)
    assert page.reloaded(messages) == expected
    assert page.rows() == expected
