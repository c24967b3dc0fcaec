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
import re
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any, TypeAlias

import pytest

pytest.importorskip("deepagents", reason="deepagents is not installed")

from langchain_core.messages import messages_from_dict

from frontend_talks import TALKS, Again, Ask, Resume, Step, Talk, history_of, input_of
from js_clients import AI_SDK, Clients
from read_streams import adrained, drained
from streamkit import Event, astream, normalize
from streamkit.wire import ag_ui, ai_sdk, jsonable, langgraph_sse

pytestmark = pytest.mark.filterwarnings("ignore")

PII = ("input", "output", "tool_results")
EDITS = {
    "an_edited_question",
    "the_last_question_edited",
    "another_answer",
    "another_answer_after_tools",
}
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
    yield from (("reasoning", it) for it in thoughts_of(message))
    refusals = [it.get("refusal", "") for it in message.content if isinstance(it, dict)]
    if text := "".join([message.text, *refusals]):
        yield ("text", text)
    for call in message.tool_calls:
        found = next((it for it in answers if it.tool_call_id == call["id"]), None)
        if found:
            answers.remove(found)
        yield ("call", call["name"], call["args"], result_of(found))


def thoughts_of(message: Any) -> list[str]:
    """Reasoning in the standard form, or as one provider's content that names no provider."""
    content = message.content if isinstance(message.content, list) else []
    blocks = [*message.content_blocks, *(it for it in content if isinstance(it, dict))]
    found = [it.get("reasoning" if it["type"] == "reasoning" else "thinking") for it in blocks]
    return [it for it in dict.fromkeys(found) if it]


def result_of(message: Any) -> Any:
    if message is None:
        return None
    return "failed" if message.status == "error" else plain(jsonable(message.content))


def plain(value: Any) -> Any:
    """A result; blocks of text as their text, as AG-UI has them."""
    if isinstance(value, list) and all(isinstance(it, dict) and "text" in it for it in value):
        return "".join(it["text"] for it in value)
    return value


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
        elif kind == "dynamic-tool" and not is_inside(part):
            state = part["state"].removeprefix("output-")
            result = plain(part.get("output")) if state == "available" else "failed"
            yield ("call", part["toolName"], part["input"], None if "input" in state else result)


def is_inside(part: Any) -> bool:
    """Whether an agent inside a tool made the call, which the state does not have."""
    about = part.get("callProviderMetadata") or {}
    return "toolCallId" in about.get("streamkit", {})


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


def of_langgraph(messages: list[Any]) -> list[Row]:
    """LangChain's messages, as its JavaScript has them."""
    made = [it for it in messages if it["type"] not in {"system", "remove"}]
    return of_state(messages_from_dict([{"type": it["type"], "data": it} for it in made]))


def of_ag_ui(messages: list[Any]) -> list[Row]:
    """AG-UI's messages."""
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
        self.transport = ""
        """The code that makes the transport; the package's own by default."""

    def read(self, *more: bytes) -> Any:
        return self.clients.read(
            "ai_sdk",
            *self.bodies,
            *more,
            package=self.package,
            messages=self.begun,
            said=self.said,
            then=self.then,
            transport=self.transport,
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

    def rows(self, messages: list[Any]) -> list[Row]:
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

    def rows(self, messages: list[Any]) -> list[Row]:
        """The main chat: a subagent's words are in it where the state has them."""
        told = self.read()
        assert told["warnings"] == []
        kept = {it.id for it in messages}
        shown = [it for it in told["all"] if not it.get("subagentRunId") or is_in(kept, it)]
        return of_ag_ui(shown)

    def reloaded(self, messages: list[Any]) -> list[Row]:
        return of_ag_ui(ag_ui.ui_messages(messages))


def is_in(kept: set[str | None], message: Any) -> bool:
    """Whether the state has a message of AG-UI; its results and reasoning go with their calls."""
    return message["role"] == "tool" or message["id"].partition(":")[0] in kept


class LangGraph:
    """The orchestrator under ``useStream``."""

    def __init__(self, clients: Clients, _: str, history: list[Any]) -> None:
        self.clients = clients
        self.history = history
        self.bodies: list[bytes] = []
        self.then: list[Any] = []

    def read(self, *more: bytes) -> Any:
        values = {"messages": jsonable(self.history, flat=True)}
        bodies = (*self.bodies, *more)
        return self.clients.read("langgraph", *bodies, input=None, values=values, then=self.then)

    def request(self, step: Step, asked: Any, known: list[str]) -> langgraph_sse.Request:
        match step:
            case Ask(id=id, text=text):
                self.then.append([{"messages": [{"type": "human", "id": id, "content": text}]}])
            case Resume(value=value):
                self.then.append([None, {"command": {"resume": value}}])
            case _:
                raise AssertionError("this client forks from a checkpoint")
        self.read(b"")
        return langgraph_sse.read_request(self.clients.requests[-1]["body"])

    def given(self, request: langgraph_sse.Request, state: Any) -> Any:
        return langgraph_sse.graph_input(request)

    def answer(self, request: langgraph_sse.Request, events: list[Event]) -> None:
        machine = langgraph_sse.Encoder(request=request, thread_id="t1", run_id="r1")
        self.bodies.append(b"".join(frame for event in events for frame in machine.feed(event)))

    def rows(self, messages: list[Any]) -> list[Row]:
        return of_langgraph(self.read()["messages"])

    def reloaded(self, messages: list[Any]) -> list[Row]:
        values = {"messages": jsonable(messages, flat=True)}
        told = self.clients.read("langgraph", input=None, values=values)
        return of_langgraph(told["messages"])


TalkClient: TypeAlias = AiSdk | AgUi | LangGraph


def play(talk: Talk, source: str, client: TalkClient) -> list[Any]:
    """Play a talk to its end; return the state's messages."""
    for step in talk.steps:
        state = talk.graph.get_state(CONFIG)
        known = [it.id for it in state.values.get("messages", [])]
        asked = [it.id for task in state.tasks for it in task.interrupts]
        request = client.request(step, asked[0] if asked else None, known)
        given = client.given(request, state)
        if isinstance(step, Ask) and step.given:
            last = given["messages"][-1]
            assert (last["id"] if isinstance(last, dict) else last.id) == step.id
            given = input_of(step)
        events = asyncio.run(events_of(source, talk.graph, given, talk.error))
        client.answer(request, events)
    return talk.graph.get_state(CONFIG).values["messages"]


CLIENTS: dict[str, Any] = {
    **dict.fromkeys(AI_SDK, AiSdk),
    "@ag-ui/client": AgUi,
    "ag-ui-first": AgUi,
    "langgraph": LangGraph,
}
UNTIL_7 = tuple(it for it in AI_SDK if it < "ai7")
AG_UI = ("@ag-ui/client", "ag-ui-first")

LIMITS: dict[str, tuple[str, tuple[str, ...]]] = {
    "patched_tool_calls": ("a result of a call in an earlier answer", AI_SDK),
    "rubric": ("calls of a subgraph that are not in the state", (*AI_SDK, "ag-ui-first")),
    "thinking_tags_are_cleaned": ("reasoning that a node found in a text", (*AI_SDK, *AG_UI)),
    "nudges_and_guards": ("a user's message that a node wrote", AI_SDK),
    "model_refusal": ("a refused answer that middleware drops", (*AI_SDK, *AG_UI)),
    "pii_redact_input": ("a question that a node changed", AI_SDK),
    "pii_mask_input": ("a question that a node changed", AI_SDK),
    "pii_hash_input": ("a question that a node changed", AI_SDK),
    "summarization": ("a history that a node shortened", (*AI_SDK, *AG_UI)),
    "a_long_talk_with_approval": ("a history that a node shortened", (*AI_SDK, *AG_UI)),
    **dict.fromkeys(
        (
            "an_application_s_own",
            "a_message_that_a_node_edits",
            "a_message_that_a_node_removes",
            "calls_written_as_text",
            "pii_redact_output",
            "pii_mask_output",
            "pii_hash_output",
            "a_structured_answer_without_secrets",
            "a_deep_agent",
            "all_that_retries",
            "model_fallback",
            "model_retry",
            "model_retry_gives_up",
            "rate_limit_retry",
        ),
        ("a text that a node changed, or an attempt that failed", UNTIL_7),
    ),
}
"""What a client cannot show of a run that goes on, and does after a reload; and which clients."""

AGENTS_IN_TOOLS = {
    "an_agent_in_a_tool",
    "an_agent_in_a_tool_asks",
    "two_agents_in_tools_at_once",
}
INSIDE = {
    "modes": {"sub_agents", "a_deep_agent", *AGENTS_IN_TOOLS},
    "v3": AGENTS_IN_TOOLS,
}
"""Talks of agents inside tools where a source does not say for which call an agent runs: the AI SDK
has the agent's calls as parts of the answer."""

NOT_IN_V3 = {f"pii_{how}_{what}" for how in ("redact", "mask", "hash") for what in PII} | {
    "a_structured_answer_without_secrets",
    "a_long_talk_with_approval",
    "reasoning_between_calls",
    "thinking_tags_are_cleaned",
}
"""Talks of which version 3 (langchain 1.5) streams something else than the state has."""


def is_limited(name: str, source: str, client: str) -> bool:
    if source == "modes" and name == "calls_written_as_text" and client != "langgraph":
        return True  # nothing says what the tool was called with
    if client in AI_SDK and name in INSIDE.get(source, ()):
        return True
    return client in LIMITS.get(name, ("", ()))[1]


def is_asked(name: str, source: str, client: str) -> bool:
    """Whether there is such a conversation."""
    if client == "langgraph" and (name in EDITS or TALKS[name]().error):
        return False  # it forks from checkpoints; and of a failed run it shows no question
    return not (source == "v3" and name in NOT_IN_V3)


EVERYTHING = bool(os.environ.get("STREAMKIT_FRONTENDS"))
ALL = [(name, source, client) for name in TALKS for source in SOURCES for client in CLIENTS]
TURN = cycle(
    [
        (source, client)
        for client in ("ai7", "@ag-ui/client", "langgraph", "ai5-first", "ag-ui-first")
        for source in SOURCES
    ]
)
SOME = [(name, *next(TURN)) for name in list(TALKS)[::2]]
"""Every other talk, in another source and client each."""


@pytest.mark.parametrize(("name", "source", "client"), ALL if EVERYTHING else SOME)
def test_a_client_shows_the_state(clients: Clients, name: str, source: str, client: str) -> None:
    if not is_asked(name, source, client):
        pytest.skip("there is no such conversation")
    talk = TALKS[name]()
    first = talk.steps[0]
    assert isinstance(first, Ask)
    page = CLIENTS[client](clients, client, history_of(first))
    messages = play(talk, source, page)
    expected = of_state(messages)
    assert page.reloaded(messages) == expected
    if is_limited(name, source, client):
        assert page.rows(messages) != expected
    else:
        assert page.rows(messages) == expected


PAGE = Path(__file__).parents[2] / "docs" / "wire-ai-sdk.md"
SHORT = ("two_turns", *sorted(EDITS), "an_interrupt", "a_tool_that_asks", "approval_given")


@pytest.mark.parametrize("package", ["ai5-first", "ai6", "ai7"])
@pytest.mark.parametrize("name", SHORT)
def test_a_client_that_sends_its_last_message_alone(
    clients: Clients, name: str, package: str
) -> None:
    """The transport of the page on the AI SDK: the graph remembers the rest."""
    talk = TALKS[name]()
    page = AiSdk(clients, package, [])
    blocks = re.findall(r"^```js\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    [page.transport] = [it for it in blocks if "prepareSendMessagesRequest" in it]
    messages = play(talk, "astream()", page)
    assert page.rows(messages) == of_state(messages)
    assert [len(it["body"]["messages"]) for it in clients.requests] == [1] * len(talk.steps)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("package", ["ai5-first", "ai7"])
def test_sources_files_and_artifacts_are_there_after_a_reload(
    clients: Clients, package: str, source: str
) -> None:
    talk = TALKS["sources_a_file_and_an_artifact"]()
    page = AiSdk(clients, package, [])
    messages = play(talk, source, page)
    live, loaded = (attached(it) for it in (page.read()["messages"], ai_sdk.ui_messages(messages)))
    assert live == loaded
    assert live == [
        ("data-artifact", {"toolCallId": "c1", "artifact": {"pages": 2}}, None),
        ("source-url", "https://a.test/b", "A page"),
        ("source-document", None, "A book"),
        ("file", "data:image/png;base64,aGk=", None),
    ]


def attached(messages: list[Any]) -> list[Row]:
    """What is beside the text and the calls."""
    kinds = ("data-artifact", "source-url", "source-document", "file")
    parts = [part for it in messages for part in it["parts"] if part["type"] in kinds]
    return [(it["type"], it.get("url", it.get("data")), it.get("title")) for it in parts]


def test_there_are_forty_conversations_and_more() -> None:
    assert len(TALKS) >= 80
    assert len(SOURCES) * len(CLIENTS) >= 36
