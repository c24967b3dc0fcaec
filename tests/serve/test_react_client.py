"""`useStream` of @langchain/react in a real browser: the page of docs/wire-langgraph.md.

The server and the component are the page's own programs. More graphs are served beside its own.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

pytest.importorskip("langchain", reason="langchain is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

from langchain.agents import create_agent
from langchain_core.callbacks import adispatch_custom_event
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt
from playwright.async_api import Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from chromium import BROWSER, FLAGS
from loopback_server import served
from streamkit.serve import Runs, agent_protocol_routes
from streamkit.testing import Call, Reply, ScriptedChatModel
from streamkit.wire import agent_protocol

JS = Path(__file__).parents[1] / "js"
PAGE = Path(__file__).parents[2] / "docs" / "wire-langgraph.md"

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not BROWSER, reason="chromium is not installed"),
    pytest.mark.skipif(
        not (JS / "node_modules" / "@langchain" / "react").is_dir(),
        reason="the JavaScript clients are not installed; run: npm ci --prefix tests/js",
    ),
]

# What the test puts into the component, to read what it holds.
INSTRUMENTS = {
    "  const send =": "window.stream = stream; window.parts ??= {};"
    "window.progress = useExtension(stream, 'progress');",
    "{stream.error": "{[...stream.subgraphs.values(), ...stream.subagents.values()].map((it) => "
    "<Part key={it.id} stream={stream} part={it} />)}",
    "function Message(": """import { useExtension, useMessages } from "@langchain/react";
    function Part({ stream, part }) {
      const messages = useMessages(stream, part);
      parts[part.id] = messages.map((it) => `${it.type}: ${it.text}`);
      return null;
    }
    """,
}

# What the client holds, as data.
HELD = """() => ({
  messages: stream.messages.map((it) => ({
    id: it.id, type: it.type, text: it.text, calls: it.tool_calls?.map((call) => call.args) ?? [],
  })),
  calls: stream.toolCalls.map((it) => [it.name, it.status, it.input, it.output]),
  questions: stream.interrupts.map((it) => it.value),
  subgraphs: [...stream.subgraphs.values()].map((it) => [it.nodeName, it.status]),
  progress: window.progress,
  subagents: [...stream.subagents.values()].map((it) => [it.name, it.status]),
  loading: stream.isLoading || stream.isThreadLoading,
})"""


GATES = {"words": asyncio.Event(), "tools": asyncio.Event()}
"""What a test closes, so that the page stays as it is in the middle of an answer."""


class Held(ScriptedChatModel):
    """A model that waits at a gate after the fourth piece of an answer."""

    async def _astream(self, *args: Any, **options: Any) -> AsyncIterator[Any]:
        n = 0
        async for chunk in super()._astream(*args, **options):
            yield chunk
            n += 1
            if n == 4:
                await GATES["words"].wait()


@tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    await GATES["tools"].wait()
    return a + b


def reply(messages: list[Any]) -> Reply:
    last = messages[-1]
    if last.type == "tool":
        return Reply(f"It is {messages[-2].content} and {last.content}.", usage=(5, 6))
    if "sums" in last.content:
        calls = Call("add", {"a": 1, "b": 2}, "c1"), Call("add", {"a": 3, "b": 4}, "c2")
        return Reply("Let me see.", reasoning="They want sums.", tool_calls=calls)
    if "fail" in last.content:
        return Reply("Half an answer with no end", error=ValueError("the password is 1234"))
    return Reply(f"You said {last.content}: one two three four five six seven eight.")


def agent() -> Any:
    return create_agent(Held(script=reply), [add], checkpointer=InMemorySaver())


def asker() -> Any:
    """A subgraph with a model, and then a node that asks twice, and has an answer without an id."""

    def ask(_: MessagesState) -> Any:
        return {"messages": [("ai", f"{interrupt('One?')} {interrupt('Two?')}")]}

    async def title(_: MessagesState) -> Any:
        await ScriptedChatModel(script=["A title"]).ainvoke("Hi")
        await adispatch_custom_event("progress", {"done": 1})
        return {}

    builder = StateGraph(MessagesState)
    builder.add_node("inner", create_agent(ScriptedChatModel(script=["Hello there"]), []))
    builder.add_node("title", title)
    builder.add_node("ask", ask)
    builder.add_edge(START, "inner")
    builder.add_edge("inner", "title")
    builder.add_edge("title", "ask")
    return builder.compile(checkpointer=InMemorySaver())


def deep_agent() -> Any:
    """An agent that sends two subagents at once."""
    deepagents = pytest.importorskip("deepagents", reason="deepagents is not installed")

    def delegate(messages: list[Any]) -> Reply | str:
        if messages[-1].type == "tool":
            return "All found."
        calls = [Call("task", {"description": it, "subagent_type": "scout"}, it) for it in "ab"]
        return Reply("I send two.", tool_calls=tuple(calls))

    scout = {
        "name": "scout",
        "description": "Finds things.",
        "system_prompt": "Find it.",
        "model": Held(
            script=lambda messages: f"I have found what you call {messages[-1].content}."
        ),
        "tools": [],
    }
    model = ScriptedChatModel(script=delegate)
    return deepagents.create_deep_agent(
        model=model, subagents=[scout], checkpointer=InMemorySaver()
    )


GRAPHS = {"agent": agent(), "asker": asker()}


def programs() -> tuple[str, str]:
    """The server and the component of the page."""
    text = PAGE.read_text("utf-8")
    [component] = re.findall(r"^```jsx\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    [server, *_] = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return server, component


def bundle(component: str) -> bytes:
    """The component with all that it imports; the test reads the stream that it uses."""
    code = component
    for place, more in INSTRUMENTS.items():
        assert place in code
        code = code.replace(place, more + place)
    options = ["--bundle", "--jsx=automatic", "--loader=jsx", "--log-level=error"]
    command = [JS / "node_modules" / ".bin" / "esbuild", *options]
    done = subprocess.run(command, input=code.encode(), cwd=JS, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def application(server: str, script: bytes, all_runs: list[Runs]) -> Starlette:
    scope: dict[str, Any] = {"__name__": "__page__"}
    server = server.replace("pace=0.05", "pace=0.01")
    exec(compile(server, "server.py", "exec", dont_inherit=True), scope)  # noqa: S102
    all_runs.append(scope["runs"])
    api = {"demo": scope["app"].routes[0].routes}
    GRAPHS["deep"] = deep_agent()
    for name, graph in GRAPHS.items():
        all_runs.append(Runs(agent_protocol))
        api[name] = agent_protocol_routes(graph, all_runs[-1])

    async def page(_: Any) -> Response:
        return HTMLResponse(
            "<div id=root></div><script src=/chat.js></script><link rel=icon href=data:>"
        )

    async def chat(_: Any) -> Response:
        return Response(script, media_type="text/javascript")

    routes: list[Any] = [Route("/chat.js", chat)]
    for name, found in api.items():
        routes += [Mount(f"/{name}/api", routes=found), Route(f"/{name}/", page)]
    return Starlette(routes=routes)


class Cuts:
    """An application whose open responses a test can end, as a proxy or a network does."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._cut = asyncio.Event()

    def end_all(self) -> None:
        cut, self._cut = self._cut, asyncio.Event()
        cut.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        cut = self._cut

        async def receive_or_end() -> Any:
            given, ended = asyncio.ensure_future(receive()), asyncio.ensure_future(cut.wait())
            await asyncio.wait({given, ended}, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            if given.done():
                return given.result()
            given.cancel()
            return {"type": "http.disconnect"}

        await self._app(scope, receive_or_end, send)


class Chat:
    """The page, as a person uses it."""

    def __init__(self, page: Page, base: str, name: str, cuts: Cuts) -> None:
        self.page = page
        self.cuts = cuts
        self.name = name
        self.thread = str(uuid4())
        self.url = f"{base}/{name}/?thread={self.thread}"

    async def ask(self, text: str) -> None:
        await self.page.fill("input", text)
        await self.page.press("input", "Enter")

    async def held(self) -> Any:
        return await self.page.evaluate(HELD)

    async def ended(self, *questions: str) -> Any:
        """What the client holds once no run goes on, with these questions."""
        done = f"() => !stream.isLoading && !stream.isThreadLoading && stream.interrupts.length === {len(questions)}"
        await self.page.wait_for_function(done)
        held = await self.held()
        assert held["questions"] == list(questions)
        return held

    async def settled(self, *questions: str, **more: Any) -> Any:
        """What the client holds once it has the messages of the state and `more`, and no run goes on.

        It shows what its several connections bring one after the other, in no fixed order.
        """
        for _ in range(400):
            held = await self.ended(*questions)
            expected = {**held, "messages": await self.state(), **more}
            if held == expected:
                break
            await asyncio.sleep(0.05)
        assert held == expected
        return held

    async def reload(self) -> None:
        await self.page.reload()
        await self.page.wait_for_function("() => window.stream && !stream.isThreadLoading")

    async def parts(self, *messages: list[str]) -> None:
        """Wait until these are the messages of subgraphs and subagents."""
        same = "(them) => them === [...new Set(Object.values(parts).map(String))].sort().join()"
        await self.page.wait_for_function(same, arg=",".join(map(",".join, messages)))

    async def shows(self, text: str) -> None:
        """Wait until an answer has come so far."""
        await expect(self.page.locator(".ai").last).to_contain_text(text)

    async def state(self) -> list[Any]:
        """The messages of the graph's own state, as the client should hold them."""
        graph = GRAPHS[self.name]
        state = await graph.aget_state({"configurable": {"thread_id": self.thread}})
        return [
            {
                "id": it.id,
                "type": it.type,
                "text": str(it.text),
                "calls": [call["args"] for call in getattr(it, "tool_calls", [])],
            }
            for it in state.values["messages"]
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    server, component = programs()
    all_runs: list[Runs] = []
    cuts = Cuts(application(server, bundle(component), all_runs))
    async with served(cuts) as client, async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield running, str(client.base_url).rstrip("/"), cuts
        await asyncio.gather(*(runs.aclose() for runs in all_runs))


@pytest_asyncio.fixture(loop_scope="module")
async def open_chat(browser: Any) -> AsyncIterator[Any]:
    """A function that opens the page of a graph; what the browser complains of fails the test."""
    running, base, cuts = browser
    heard: list[str] = []
    page = await running.new_page()
    page.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    for gate in GATES.values():
        gate.set()
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda it: heard.append(it.text) if it.type == "error" else None)

    async def open_chat(name: str) -> Chat:
        chat = Chat(page, base, name, cuts)
        await page.goto(chat.url)
        await page.wait_for_function("() => window.stream && !stream.isThreadLoading")
        return chat

    yield open_chat
    for gate in GATES.values():
        gate.set()
    await page.close()
    assert [it for it in heard if "404" not in it] == []  # (a new thread has no state yet)


def messages(held: Any) -> Any:
    return held["messages"]


async def test_the_page_plans_a_trip(open_chat):
    chat = await open_chat("demo")
    await chat.ask("Plan me two days in Bologna, Monday and Tuesday.")
    question = chat.page.locator(".question")
    await expect(question).to_contain_text("Shall I book this trip?")
    held = await chat.ended(*(await chat.held())["questions"])
    # The client counts a failed tool as finished, too, once the state has its message.
    assert {it[1] for it in held["calls"]} == {"finished"}
    await expect(chat.page.locator("i").first).to_contain_text("weather")
    await question.get_by_text("Yes").click()
    await expect(question).to_have_count(0)
    await chat.ended()


async def test_tools_at_once_and_reasoning_before_and_after_a_reload(open_chat):
    chat = await open_chat("agent")
    GATES["words"].clear()
    GATES["tools"].clear()
    await chat.ask("two sums")
    await expect(chat.page.locator(".ai")).to_have_text("They want sums.Let")
    await expect(chat.page.locator(".ai i")).to_have_text("They want sums.")
    GATES["words"].set()
    await expect(chat.page.locator(".running")).to_have_text(["add …", "add …"])
    GATES["tools"].set()
    await chat.shows("It is 3 and 7.")
    held = await chat.settled()
    assert [it["type"] for it in messages(held)] == ["human", "ai", "tool", "tool", "ai"]
    assert sorted(held["calls"], key=str) == [
        ["add", "finished", {"a": 1, "b": 2}, "3"],
        ["add", "finished", {"a": 3, "b": 4}, "7"],
    ]
    await chat.reload()
    await chat.settled()
    await expect(chat.page.locator(".ai i")).to_have_text("They want sums.")


async def test_a_reload_in_the_middle_of_an_answer(open_chat):
    chat = await open_chat("agent")
    await chat.ask("first")
    await chat.shows("first: one two three four")
    await chat.ended()
    GATES["words"].clear()
    await chat.ask("second")
    await chat.shows("You said second: one")
    await chat.reload()
    await chat.shows("You said second: one")
    assert (await chat.held())["loading"]
    assert messages(await chat.held())[:3] == (await chat.state())[:3]
    GATES["words"].set()
    await chat.shows("second: one two three four five six seven eight.")
    await chat.settled()


async def test_a_lost_connection_in_the_middle_of_an_answer(open_chat):
    chat = await open_chat("agent")
    GATES["words"].clear()
    await chat.ask("first")
    await chat.shows("You said first: one")
    chat.cuts.end_all()
    GATES["words"].set()
    await chat.shows("You said first: one two three four five six seven eight.")
    await chat.settled()


async def test_questions_are_answered_before_and_after_a_reload(open_chat):
    chat = await open_chat("asker")
    await chat.ask("Hi")
    held = await chat.settled("One?", subgraphs=[["inner", "complete"]], progress={"done": 1})
    assert [it["text"] for it in messages(held)] == ["Hi", "Hello there"]
    await chat.parts(["human: Hi", "ai: Hello there"])
    await chat.reload()
    await chat.ended("One?")
    await chat.page.evaluate("stream.respond('yes', {interruptId: stream.interrupts[0].id})")
    await chat.page.wait_for_function("() => stream.interrupts[0]?.value === 'Two?'")
    await chat.ended("Two?")
    await chat.page.evaluate("stream.respond('no')")
    await chat.shows("yes no")
    await chat.settled()
    await chat.reload()
    await chat.settled()
    await chat.page.wait_for_function("() => stream.subgraphs.size === 1")  # from the history


async def test_a_stopped_answer_is_taken_back(open_chat):
    chat = await open_chat("agent")
    GATES["words"].clear()
    await chat.ask("first")
    await chat.shows("You said first: one")
    await chat.page.get_by_text("Stop").click()
    await expect(chat.page.locator(".ai")).to_have_count(0)
    await chat.settled()
    GATES["words"].set()
    await chat.ask("second")
    await chat.shows("eight.")
    held = await chat.settled()
    assert [it["type"] for it in messages(held)] == ["human", "human", "ai"]


async def test_an_answer_is_stopped_after_a_reload(open_chat):
    chat = await open_chat("agent")
    GATES["words"].clear()
    await chat.ask("first")
    await chat.shows("You said first: one")
    await chat.reload()
    await chat.page.get_by_text("Stop").click()
    await expect(chat.page.locator(".ai")).to_have_count(0)
    await chat.settled()


async def test_subagents_have_their_messages_before_and_after_a_reload(open_chat):
    chat = await open_chat("deep")
    GATES["words"].clear()
    await chat.ask("Find a and b.")
    await chat.parts(*[[f"human: {it}", "ai: I have found what"] for it in "ab"])
    assert (await chat.held())["subagents"] == [["scout", "running"]] * 2
    assert await chat.page.locator("form > .ai").count() == 1  # the words of others are not its own
    GATES["words"].set()
    await chat.shows("All found.")
    whole = [[f"human: {it}", f"ai: I have found what you call {it}."] for it in "ab"]
    for _ in range(2):
        await chat.settled(subagents=[["scout", "complete"]] * 2)
        await chat.parts(*whole)
        await chat.reload()


async def test_a_failure_shows_its_name_alone(open_chat):
    chat = await open_chat("agent")
    await chat.ask("fail")
    await expect(chat.page.locator(".error")).to_have_text("ValueError")
    assert "password" not in await chat.page.content()
    await chat.settled()
    await chat.ask("again")
    await chat.shows("eight.")
    await chat.settled()


async def test_a_question_is_edited(open_chat):
    """From the checkpoint before it, which the thread's history has."""
    chat = await open_chat("agent")
    await chat.ask("one")
    await chat.shows("said one: one two three four five six seven eight.")
    await chat.ended()
    await chat.ask("two sums")
    await chat.shows("It is 3 and 7.")
    await chat.ended()
    await chat.page.evaluate("""async () => {
      const states = await stream.client.threads.getHistory(stream.threadId, { limit: 50 });
      const before = states.find((it) => it.values.messages?.length === 2);
      const forkFrom = before.checkpoint.checkpoint_id;
      stream.submit({ messages: [{ type: "human", content: "other" }] }, { forkFrom });
    }""")
    await chat.shows("You said other: one two three four five six seven eight.")
    held = await chat.settled()
    assert [it["text"] for it in messages(held) if it["type"] == "human"] == ["one", "other"]
