"""The chat page in a real browser, before a real server: what a person sees, and can do.

One server and one browser for all tests: each application has a path of its own, and each test a
browser context.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("langgraph", reason="langgraph is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

import httpx
import pytest_asyncio
from langchain_core.messages import AIMessageChunk
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from chromium import BROWSER, FLAGS
from loopback_server import other_tasks, served, until
from redis_server import redis_server  # noqa: F401  (a fixture)
from streamkit.demo import build_graph
from streamkit.testing import Reply, ScriptedChatModel

ROOT = Path(__file__).parents[2] / "examples" / "chat"
REQUEST = "Plan me two days in Bologna, Monday and Tuesday."
PLAN = (
    "On Monday take the 9:05 train and walk the porticoes in the sun. "
    "On Tuesday climb the tower, then dine at Osteria Lina at eight."
)
BOOKED = "All booked as BLQ-4821, have a lovely time!"
SOMETHING = re.compile("...")

MARKDOWN = """\
# Bologna

A **bold** _word_, `code`, and [a link](https://a.test/b).

- one
- two

| day | place |
| --- | --- |
| Monday | market |

```
1 < 2
```

<img src=x onerror="document.title='broken into'"><script>document.title='broken into'</script>
<form><input name=a></form>

[bad](javascript:alert(1)) and ![spy](https://a.test/spy.png "x")
"""
CITED = [
    AIMessageChunk(content=[{"type": "text", "text": MARKDOWN, "index": 0}]),
    AIMessageChunk(
        content=[
            {
                "type": "text",
                "text": "",
                "index": 0,
                "annotations": [
                    {"type": "citation", "url": "https://a.test/page", "title": "A page"},
                    {"type": "citation", "url": "javascript:alert(1)", "title": "No link"},
                ],
            }
        ]
    ),
]

# Notes what the page shows for a moment only, at each change.
WITNESS = """
window.seen = new Set();
const shown = (name) => [...document.querySelectorAll(name)];
new MutationObserver(() => {
  const button = document.getElementById("send")?.textContent;
  for (const it of shown(".lost")) seen.add(it.textContent);
  for (const it of shown(".text")) seen.add(`${button}: ${it.textContent.trim()}`);
  for (const it of shown(".tool.running")) {
    const { animationName } = getComputedStyle(it.querySelector(".icon"), "::before");
    seen.add(`${animationName}: ${it.querySelector(".args").textContent}`);
  }
}).observe(document, { subtree: true, childList: true, attributes: true });
"""

in_a_browser = pytest.mark.skipif(not BROWSER, reason="chromium is not installed")
in_one_loop = pytest.mark.asyncio(loop_scope="module")


def example() -> Any:
    spec = importlib.util.spec_from_file_location("chat_example", ROOT / "app.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build_app(pace: float, store: Any = None) -> Any:
    return example().build_app(build_graph(pace=pace), store)


def one_model(*chunks: AIMessageChunk) -> Any:
    """A graph of one model that answers with these chunks."""
    model = ScriptedChatModel(script=[Reply(chunks=chunks)])

    async def agent(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState).add_node("agent", agent).add_edge(START, "agent")
    return builder.compile(checkpointer=InMemorySaver())


class Cut:
    """An application whose streams break off, each after some pieces, until nothing is left to cut."""

    def __init__(self, app: Any, *lengths: int) -> None:
        self.app = app
        self.lengths = list(lengths)
        self.last_ids: list[str | None] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if "/runs/" not in scope["path"] or scope["method"] != "GET":
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        self.last_ids.append(headers.get(b"last-event-id", b"").decode() or None)
        left = self.lengths.pop(0) if self.lengths else 10**9
        begins = b"retry: 50\n\n"  # milliseconds; a browser's own are three seconds

        async def cut(message: Any) -> None:
            nonlocal left, begins
            if message["type"] == "http.response.body":
                left -= 1
                message = {**message, "body": begins + message["body"]}
                begins = b""
            if left < 0:
                raise ConnectionAbortedError
            await send(message)

        return await self.app(scope, receive, cut)


CUT = Cut(build_app(pace=0.015), 6, 9)
GONE = build_app(pace=0)


async def gone(scope: Any, receive: Any, send: Any) -> None:
    """An application that forgets every run at once."""
    if "/runs/" in scope["path"]:
        scope = {**scope, "path": scope["root_path"] + "/runs/nobody"}
    await GONE(scope, receive, send)


APPS = {
    "demo": build_app(pace=0.015),
    "fast": build_app(pace=0),
    "slow": build_app(pace=0.2),
    "markdown": example().build_app(one_model(*CITED)),
    "cut": CUT,
    "gone": gone,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[str]:
    """The address of the server, which has each application at its name."""
    mounts = [Mount(f"/{name}", app) for name, app in APPS.items()]
    async with served(Starlette(routes=mounts)) as client:
        yield str(client.base_url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(browser: Browser, url: str, *complaints: str, **options: Any) -> Any:
    """A page; whatever its browser complains of must be one of these."""
    context = await browser.new_context(**options)
    heard: list[str] = []

    def listen(page: Page) -> None:
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("console", lambda it: heard.append(it.text) if it.type != "log" else None)

    context.on("page", listen)
    context.set_default_timeout(10_000)
    await context.add_init_script(WITNESS)
    page = await context.new_page()
    await page.goto(url)
    yield page
    await context.close()
    assert [it for it in heard if not it.startswith(complaints or "\0")] == []


async def another(context: BrowserContext, url: str) -> Page:
    """A second tab."""
    page = await context.new_page()
    await page.goto(url)
    return page


async def texts(page: Page, name: str) -> list[str]:
    return [it.strip() for it in await page.locator(name).all_text_contents()]


async def conversation(page: Page) -> list[str]:
    """What the page shows of the state: questions, answers, and calls with their results."""
    return await page.evaluate(
        """() => [...document.querySelectorAll(".words, .text, .tool")].filter((it) =>
          !it.closest(".row")?.children[1]).map((it) => it.textContent.trim())"""
    )


@in_a_browser
@in_one_loop
async def test_a_trip_is_planned_and_booked(browser, site):
    async with opened(browser, f"{site}/demo/") as page:
        await page.fill("#text", REQUEST)
        await page.press("#text", "Enter")
        await expect(page.locator(".said .words")).to_have_text(REQUEST)

        await expect(page.locator(".ask p")).to_have_text("Shall I book this trip?", timeout=20_000)
        assert await texts(page, ".row > .message .who") == [
            "scout food", "scout sights", "planner", "planner", "planner"
        ]  # fmt: skip
        assert (await texts(page, ".text"))[-1] == PLAN
        assert await page.locator(".tool.completed").count() == 3
        await expect(page.locator(".tool.failed .state")).to_have_text("failed")
        await expect(page.locator(".end")).to_contain_text("1,052 tokens in")
        await expect(page.locator("#send")).to_have_text("Send")
        assert await texts(page, ".sources .chip") == [
            "Bologna guide, p. 12",
            "Bologna guide, p. 31",
        ]

        # Tokens showed while they came, as many as the machine was quick enough to draw; a spinner
        # and the arguments while a tool ran.
        seen = await page.evaluate("[...seen]")
        words = PLAN.split(" ")
        came = [n for n in range(1, len(words)) if f"Stop: {' '.join(words[:n])}" in seen]
        assert len(came) > 2
        assert "spin: city: Bologna" in seen
        assert "spin: place: Osteria Lina, day: Tuesday" in seen

        # Reasoning and results are there for who wants to see them.
        thought = page.locator(".reasoning").first
        await expect(thought.locator("p")).to_be_hidden()
        await thought.locator("summary").click()
        await expect(thought.locator("p")).to_have_text("I need the weather, a train and a table.")
        await expect(thought.locator("p")).to_be_visible()
        await page.locator(".tool summary").first.click()
        await expect(page.locator(".tool .result").first).to_be_visible()

        await page.click("text=Book it")
        await expect(page.locator(".text").last).to_have_text(BOOKED)
        await expect(page.locator(".end").last).to_contain_text("47 tokens in")
        await expect(page.locator(".ask")).to_contain_text("You approved.")
        assert await page.locator(".busy").count() == 0

        # All that the state holds is there again when the page is.
        before = await conversation(page)
        await page.reload()
        await expect(page.locator(".text").last).to_have_text(BOOKED)
        assert await conversation(page) == before
        assert await page.locator(".row > :nth-child(2), .ask").count() == 0


@in_a_browser
@in_one_loop
async def test_a_trip_may_be_declined_and_another_one_planned(browser, site):
    async with opened(browser, f"{site}/fast/") as page:
        await page.click("#example")
        await page.click("text=Not now")
        await expect(page.locator(".end")).to_have_count(2)
        assert "BLQ" not in await page.locator("#log").inner_text()
        await page.fill("#text", "<img src=x onerror=alert(1)>")
        await page.click("#send")
        await expect(page.locator(".words").last).to_have_text("<img src=x onerror=alert(1)>")
        await expect(page.locator(".ask")).to_have_count(2)

        await page.click("#new")
        await expect(page.locator(".hello")).to_be_visible()
        await expect(page.locator("#log > *")).to_have_count(0)
        await page.go_back()
        await expect(page.locator(".words")).to_have_count(2)


@in_a_browser
@in_one_loop
async def test_a_question_is_edited_and_its_answer_made_anew(browser, site):
    async with opened(browser, f"{site}/fast/") as page:
        await page.click("#example")
        await page.click("text=Not now")
        await expect(page.locator(".end")).to_have_count(2)
        await page.fill("#text", "And Rome?")
        await page.press("#text", "Enter")
        await expect(page.locator(".ask")).to_have_count(2)

        await page.click(".again >> visible=true")
        await expect(page.locator(".ask .choice")).to_have_count(1)
        assert await texts(page, ".words") == [REQUEST, "And Rome?"]

        await page.locator(".edit").first.click()
        await page.keyboard.press("Escape")
        await expect(page.locator(".edit").first).to_be_focused()
        assert await texts(page, ".words") == [REQUEST, "And Rome?"]
        await page.keyboard.press("Enter")
        await page.locator(".editor textarea").fill("Plan me one day.")
        await page.keyboard.press("Enter")
        await expect(page.locator(".ask .choice")).to_have_count(1)
        await expect(page.locator(".words")).to_have_text(["Plan me one day."])

        await page.click("text=Book it")
        await expect(page.locator(".text").last).to_have_text(BOOKED)
        shown = await conversation(page)
        thread = page.url.partition("#")[2]
        stored = httpx.URL(f"{site}/fast/threads/{thread}")
        async with httpx.AsyncClient() as client:
            events = (await client.get(stored)).json()["events"]
        asked = [it["message"]["data"]["content"] for it in events if it["type"] == "message.added"]
        said = [it["text"] for it in events if it["type"] == "text.end"]
        assert asked == ["Plan me one day."]
        assert (
            [it for it in shown if it in said]
            == said
            == ["Let me check a few things.", PLAN, BOOKED]
        )


@in_a_browser
@in_one_loop
async def test_any_tab_joins_a_run_and_stops_it(browser, site):
    async with opened(browser, f"{site}/slow/") as page:
        idle = other_tasks()
        await page.click("#example")
        await expect(page.locator(".text").first).to_have_text(SOMETHING)
        assert len(other_tasks()) > len(idle)
        other = await another(page.context, page.url)
        await expect(other.locator(".words")).to_have_text(REQUEST)
        await expect(other.locator(".text").first).to_have_text(SOMETHING)
        await other.click("#send")
        for tab in (page, other):
            await expect(tab.locator(".end.cancelled")).to_contain_text("Stopped")
            await expect(tab.locator("#send")).to_have_text("Send")
            assert await tab.locator(".open, .busy").count() == 0
        said = await texts(page, ".text")
        assert await texts(other, ".text") == said
        await until(lambda: len(other_tasks()) <= len(idle))
        await asyncio.sleep(0.5)  # more than two tokens
        assert await texts(page, ".text") == said


@in_a_browser
@in_one_loop
async def test_a_page_that_is_reloaded_goes_on(browser, site):
    async with opened(browser, f"{site}/demo/") as page:
        await page.click("#example")
        await page.wait_for_selector(".tool.completed")
        await page.reload()
        await page.wait_for_selector(
            ".busy, .ask p"
        )  # a busy machine may have come to the question
        await expect(page.locator(".ask p")).to_be_visible(timeout=20_000)
        assert await texts(page, ".text") == [
            "Eat tagliatelle at Osteria Lina, by the market.",
            "Climb the Asinelli tower and walk the porticoes.",
            "Let me check a few things.",
            PLAN,
        ]
        assert await page.locator(".tool").count() == 4
        await page.reload()  # while the graph waits
        await page.click("text=Book it")
        await page.wait_for_selector(".busy")
        await page.reload()
        await expect(page.locator(".text").last).to_have_text(BOOKED)
        assert await texts(page, ".text") == ["Let me check a few things.", PLAN, BOOKED]


@in_a_browser
@in_one_loop
async def test_two_tabs_ask_at_once(browser, site):
    async with opened(browser, f"{site}/demo/", "Failed to load resource: the server resp") as page:
        other = await another(page.context, page.url)
        await page.click("#example")
        await page.wait_for_selector(".busy")
        await other.fill("#text", "And Rome?")
        await other.press("#text", "Enter")
        await expect(other.locator(".words")).to_have_text([REQUEST])
        await other.press("#text", "Escape")
        for tab in (page, other):
            await expect(tab.locator(".end.cancelled")).to_have_count(1)
            assert await texts(tab, ".words") == [REQUEST]


@in_a_browser
@in_one_loop
async def test_a_lost_connection_loses_nothing(browser, site):
    lost = "Failed to load resource: net::ERR_INCOMPLETE_CHUNKED"
    async with opened(browser, f"{site}/cut/", lost) as page:
        await page.click("#example")
        await expect(page.locator(".ask p")).to_be_visible(timeout=20_000)
        assert "Connection lost. Reconnecting …" in await page.evaluate("[...seen]")
        await expect(page.locator("#link.lost")).to_have_count(0)
        assert await texts(page, ".text") == [
            "Eat tagliatelle at Osteria Lina, by the market.",
            "Climb the Asinelli tower and walk the porticoes.",
            "Let me check a few things.",
            PLAN,
        ]
        assert await page.locator(".notes", has_text="missed").count() == 0
    first, *others = CUT.last_ids
    assert first is None
    assert len(others) == 2
    assert 0 < int(others[0] or 0) < int(others[1] or 0)


@in_a_browser
@in_one_loop
async def test_a_run_that_is_gone_is_shown(browser, site):
    missing = "Failed to load resource: the server responded with a status of 404"
    async with opened(browser, f"{site}/gone/", missing) as page:
        await page.click("#example")
        await expect(page.locator(".end.failed")).to_have_text("The connection is lost.")
        await expect(page.locator("#send")).to_have_text("Send")


@in_a_browser
@in_one_loop
async def test_markdown_and_sources_are_shown_and_nothing_runs(browser, site):
    async with opened(browser, f"{site}/markdown/") as page:
        for shown in ("live", "again"):
            if shown == "again":
                await page.reload()
            else:
                await page.click("#example")
            answer = page.locator(".text")
            await expect(answer.locator("h1")).to_have_text("Bologna")
            await expect(page.locator("#send")).to_have_text("Send")
            assert await answer.locator("strong, em, p > code, li").all_text_contents() == [
                "bold", "word", "code", "one", "two"
            ]  # fmt: skip
            assert await texts(page, ".text td") == ["Monday", "market"]
            assert await texts(page, ".text pre") == ["1 < 2"]
            link = answer.locator("a[href]")
            assert await link.evaluate_all("all => all.map(it => [it.href, it.rel])") == [
                ["https://a.test/b", "noopener noreferrer"]
            ]
            assert await page.locator("img, form form, .text input, .text script").count() == 0
            await expect(answer).to_contain_text("<img src=x onerror=")
            await expect(answer.locator("p").last).to_have_text("bad and spy")
            chips = page.locator(".sources .chip")
            assert await chips.evaluate_all("all => all.map(it => [it.innerText, it.href])") == [
                ["A page", "https://a.test/page"],
                ["No link", None],
            ]
            assert await page.title() == "Trip planner"


@in_a_browser
@in_one_loop
async def test_keyboard_and_screen_reader(browser, site):
    async with opened(browser, f"{site}/fast/") as page:
        await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
        await page.keyboard.type(REQUEST)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("region", name="Question to you")).to_be_visible()
        log = page.get_by_role("main", name="Conversation")
        await expect(log).to_have_attribute("aria-busy", "false")
        await expect(page.get_by_role("status")).to_have_text("Shall I book this trip?")
        await expect(page.get_by_role("article", name="You")).to_contain_text(REQUEST)
        await expect(page.get_by_role("article", name="planner")).to_have_count(3)
        await expect(page.get_by_role("list", name="Sources")).to_be_visible()

        # Back from the message box: what can be done, the last first.
        await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
        for name in ("Regenerate", "Not now", "Book it"):
            await page.keyboard.press("Shift+Tab")
            await expect(page.get_by_role("button", name=name)).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_have_text(BOOKED)
        await expect(page.get_by_role("textbox", name="Message")).to_be_focused()

        address = page.url
        await page.get_by_role("link", name="Skip to the message box").focus()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="New chat")).to_be_focused()
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
        assert page.url == address


@in_a_browser
@in_one_loop
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_phone_in_both_colours(browser, site, scheme):
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme, "has_touch": True}
    async with opened(browser, f"{site}/markdown/", **phone) as page:
        await page.click("#example")
        await expect(page.locator(".text td")).to_have_count(2)
        wide = "() => document.documentElement.scrollWidth"
        assert await page.evaluate(wide) <= 360
        faint = await page.evaluate(CONTRAST)
        assert faint == []


CONTRAST = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((it) => it / 255).map((it) =>
      it <= 0.03928 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return /, 0\\)$|transparent/.test(colour) ? behind(element.parentElement) : colour;
  };
  return [...document.querySelectorAll("header *, main *")].filter((it) =>
    it.checkVisibility() && [...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
  ).filter((it) => {
    const [a, b] = [light(getComputedStyle(it).color), light(behind(it))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05) < 4.5;
  }).map((it) => it.outerHTML);
}"""
"""The texts with less contrast than WCAG 2 asks for at level AA."""


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("questions", b"", 400),
        ("questions", b"{}", 422),
        ("questions", {"id": "u" * 41, "text": "Hi"}, 422),
        ("questions", {"id": "u1", "text": ""}, 422),
        ("questions", {"id": "u1", "text": "x" * 4001}, 422),
        ("questions", b"x" * 2_000_000, 413),
        ("answers", {"approved": "yes"}, 422),
    ],
)
async def test_junk_is_refused(path, body, status):
    async with served(APPS["fast"]) as client:
        given = {"content": body} if isinstance(body, bytes) else {"json": body}
        declared = {"content-type": "application/json"}
        answer = await client.post(f"/threads/{uuid4()}/{path}", headers=declared, **given)
        assert answer.status_code == status
        assert list(answer.json()) == ["error"]


async def test_a_form_of_another_site_is_refused():
    async with served(APPS["fast"]) as client:
        answer = await client.post("/threads/t1/questions", data={"id": "u1", "text": "Hi"})
    assert answer.status_code == 415


async def test_runs_are_shared_by_two_of_them(redis_server):  # noqa: F811
    from streamkit.serve import Redis

    apps = [build_app(0.01, Redis(redis_server.url)) for _ in range(2)]
    async with served(apps[0]) as one, served(apps[1]) as other:
        asked = await one.post("/threads/t1/questions", json={"id": "u1", "text": REQUEST})
        run = asked.json()["run"]
        answers = [await client.get(f"/runs/{run}") for client in (other, one)]
    assert answers[0].content == answers[1].content
    assert b"Shall I book this trip?" in answers[0].content


async def test_the_page_needs_nothing_from_elsewhere():
    pieces = sorted((ROOT / "page").iterdir())
    assert [it.name for it in pieces] == ["chat.css", "chat.js", "index.html", "text.js", "view.js"]
    for piece in pieces:
        for word in ("http://", "https://", "innerHTML", "eval(", "unsafe-inline"):
            assert word not in piece.read_text(), piece.name


def test_vendored_files_are_those_of_the_package_list():
    vendor = ROOT / "vendor"
    wanted = json.loads((vendor / "package.json").read_text())["dependencies"]
    heads = {it.name: it.read_text()[:300] for it in vendor.glob("*js")}
    assert f"marked v{wanted['marked']}" in heads["marked.esm.js"]
    assert f"DOMPurify {wanted['dompurify']}" in heads["purify.es.mjs"]
    assert {it.name for it in vendor.glob("*LICENSE")} == {"marked.LICENSE", "dompurify.LICENSE"}


async def test_ctrl_c_stops_at_once_with_a_page_open(tmp_path):
    """The real program, in a process of its own: its open stream ends as its format does.

    The conversation is in the file that it was given.
    """
    saver = pytest.importorskip("langgraph.checkpoint.sqlite", reason="it keeps conversations")
    threads = str(tmp_path / "chat.db")
    port = 20_000 + hash(str(tmp_path)) % 20_000
    command = (sys.executable, str(ROOT / "app.py"), "--port", str(port), "--threads", threads)
    quiet = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(timeout=60) as client:
            while process.returncode is None:  # on a busy machine it takes long to start
                try:
                    assert "Trip planner" in (await client.get(url)).text
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
            question = {"id": "u1", "text": REQUEST}
            answer = await client.post(f"{url}/threads/t1/questions", json=question)
            async with client.stream("GET", f"{url}/runs/{answer.json()['run']}") as page:
                lines = page.aiter_lines()
                assert (await anext(lines)).startswith("id: 1")
                process.send_signal(signal.SIGINT)
                began = monotonic()
                sent = [line async for line in lines]
                _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert monotonic() - began < 10  # and not as long as the page stays open
    assert process.returncode in {0, -signal.SIGINT}
    assert b"Traceback" not in errors, errors.decode()
    assert '"type":"run.end"' in "".join(sent)
    with saver.SqliteSaver.from_conn_string(threads) as stored:
        state = stored.get({"configurable": {"thread_id": "t1"}})
    assert [it.text for it in state["channel_values"]["messages"]][:1] == [REQUEST]
