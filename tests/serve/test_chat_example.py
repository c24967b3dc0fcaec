"""The chat page in a real browser, before a real server: what a person sees, and can do."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("langgraph", reason="langgraph is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

from playwright.async_api import Page, async_playwright, expect

from loopback_server import other_tasks, served, until
from redis_server import redis_server  # noqa: F401  (a fixture)

EXAMPLE = Path(__file__).parents[2] / "examples" / "chat" / "app.py"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
REQUEST = "Plan me two days in Bologna, Monday and Tuesday."
PLAN = (
    "On Monday take the 9:05 train and walk the porticoes in the sun. "
    "On Tuesday climb the tower, then dine at Osteria Lina at eight."
)

SOMETHING = re.compile("...")

# Notes what the page shows for a moment only, at each change.
WITNESS = """
window.seen = new Set();
const shown = (name) => [...document.querySelectorAll(name)];
new MutationObserver(() => {
  const button = document.getElementById("send")?.textContent;
  for (const it of shown(".text")) seen.add(`${button}: ${it.textContent}`);
  for (const it of shown(".tool.running")) {
    const { animationName } = getComputedStyle(it.querySelector(".icon"), "::before");
    seen.add(`${animationName}: ${it.querySelector(".args").textContent}`);
  }
}).observe(document, { subtree: true, childList: true, attributes: true });
"""

in_a_browser = pytest.mark.skipif(not BROWSER, reason="chromium is not installed")


def build_app(pace: float, store: Any = None) -> Any:
    spec = importlib.util.spec_from_file_location("chat_example", EXAMPLE)
    assert spec
    assert spec.loader
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example.build_app(pace, store)


@asynccontextmanager
async def opened(app: Any, *complaints: str) -> AsyncIterator[Page]:
    """The page of an application; whatever the browser complains of must be one of these."""
    heard: list[str] = []
    async with served(app) as client, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = await browser.new_page()
        page.set_default_timeout(10_000)
        await page.add_init_script(WITNESS)
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("console", lambda it: heard.append(it.text) if it.type != "log" else None)
        await page.goto(str(client.base_url))
        yield page
        await browser.close()
    assert [it for it in heard if not it.startswith(complaints or "\0")] == []


def texts(page: Page, name: str) -> Any:
    return page.locator(name).all_text_contents()


@in_a_browser
async def test_a_trip_is_planned_and_booked():
    async with opened(build_app(pace=0.02)) as page:
        await page.fill("#text", REQUEST)
        await page.press("#text", "Enter")
        await expect(page.locator(".said")).to_have_text(REQUEST)

        await expect(page.locator(".ask p")).to_have_text("Shall I book this trip?", timeout=20_000)
        assert await texts(page, ".row > .message .who") == [
            "scout food", "scout sights", "planner", "planner", "planner"
        ]  # fmt: skip
        assert (await texts(page, ".text"))[-1] == PLAN
        assert await page.locator(".tool.completed").count() == 3
        await expect(page.locator(".tool.failed .state")).to_have_text("ValueError")
        await expect(page.locator(".end")).to_contain_text("1,052 tokens in")
        await expect(page.locator("#send")).to_have_text("Send")

        # Tokens showed while they came, and a spinner and the arguments while a tool ran.
        seen = await page.evaluate("[...seen]")
        words = PLAN.split(" ")
        for n in range(1, len(words)):
            assert f"Stop: {' '.join(words[:n])}" in seen
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
        await expect(page.locator(".text").last).to_have_text(
            "All booked as BLQ-4821, have a lovely time!"
        )
        await expect(page.locator(".end").last).to_contain_text("47 tokens in")
        await expect(page.locator(".ask")).to_contain_text("You approved.")
        assert await page.locator(".busy").count() == 0


@in_a_browser
async def test_a_trip_may_be_declined_and_another_one_planned():
    async with opened(build_app(pace=0)) as page:
        await page.click("#example")
        await page.click("text=Not now")
        await expect(page.locator(".end")).to_have_count(2)
        assert "BLQ" not in await page.locator("#log").inner_text()
        await page.fill("#text", "<img src=x onerror=alert(1)>")
        await page.click("#send")
        await expect(page.locator(".said").last).to_have_text("<img src=x onerror=alert(1)>")
        await expect(page.locator(".ask")).to_have_count(2)


@in_a_browser
async def test_the_stop_button_stops_the_graph():
    async with opened(build_app(pace=0.3)) as page:
        idle = other_tasks()
        await page.click("#example")
        await expect(page.locator(".text").first).to_have_text(SOMETHING)
        assert len(other_tasks()) > len(idle)
        await page.click("#send")
        await expect(page.locator(".end.cancelled")).to_contain_text("Stopped")
        await expect(page.locator("#send")).to_have_text("Send")
        assert await page.locator(".message.open, .busy").count() == 0
        said = await texts(page, ".text")
        await until(lambda: len(other_tasks()) <= len(idle))
        await asyncio.sleep(0.7)  # more than two tokens
        assert await texts(page, ".text") == said


class Cut:
    """An application whose streams break off, each after some pieces, until nothing is left to cut."""

    def __init__(self, app: Any, *lengths: int) -> None:
        self.app = app
        self.lengths = list(lengths)
        self.last_ids: list[str | None] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not scope["path"].startswith("/runs/") or scope["method"] != "GET":
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        self.last_ids.append(headers.get(b"last-event-id", b"").decode() or None)
        left = self.lengths.pop(0) if self.lengths else 10**9

        async def cut(message: Any) -> None:
            nonlocal left
            left -= message["type"] == "http.response.body"
            if left < 0:
                raise ConnectionAbortedError
            await send(message)

        return await self.app(scope, receive, cut)


@in_a_browser
async def test_a_lost_connection_loses_nothing():
    cut = Cut(build_app(pace=0.1), 6, 9)
    async with opened(cut, "Failed to load resource: net::ERR_INCOMPLETE_CHUNKED") as page:
        await page.click("#example")
        await expect(page.locator("#link.lost")).to_be_visible()
        await expect(page.locator(".ask p")).to_be_visible(timeout=20_000)
        await expect(page.locator("#link.lost")).to_have_count(0)
        assert await texts(page, ".text") == [
            "Eat tagliatelle at Osteria Lina, by the market.",
            "Climb the Asinelli tower and walk the porticoes.",
            "Let me check a few things.",
            PLAN,
        ]
        assert await page.locator(".notes", has_text="missed").count() == 0
    first, *others = cut.last_ids
    assert first is None
    assert len(others) == 2
    assert 0 < int(others[0] or 0) < int(others[1] or 0)


@in_a_browser
async def test_a_run_that_is_gone_is_told():
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].startswith("/runs/"):
            scope = {**scope, "path": "/runs/nobody", "raw_path": b"/runs/nobody"}
        await build_app.real(scope, receive, send)

    build_app.real = build_app(pace=0)
    async with opened(
        app, "Failed to load resource: the server responded with a status of 404"
    ) as page:
        await page.click("#example")
        await expect(page.locator(".end.failed")).to_have_text("The connection is lost.")
        await expect(page.locator("#send")).to_have_text("Send")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/messages", b"", 400),
        ("/messages", b"{}", 422),
        ("/messages", {"thread": "../../etc", "text": "Hi"}, 422),
        ("/messages", {"thread": str(uuid4()), "text": ""}, 422),
        ("/messages", {"thread": str(uuid4()), "text": "x" * 4001}, 422),
        ("/messages", b"x" * 2_000_000, 413),
        ("/answers", {"thread": str(uuid4()), "approved": "yes"}, 422),
    ],
)
async def test_junk_is_refused(path, body, status):
    async with served(build_app(pace=0)) as client:
        given = {"content": body} if isinstance(body, bytes) else {"json": body}
        declared = {"content-type": "application/json"}
        answer = await client.post(path, headers=declared, **given)
        assert answer.status_code == status
        assert list(answer.json()) == ["error"]


async def test_a_form_of_another_site_is_refused():
    async with served(build_app(pace=0)) as client:
        answer = await client.post("/messages", data={"thread": str(uuid4()), "text": "Hi"})
    assert answer.status_code == 415


async def test_runs_are_shared_by_two_of_them(redis_server):  # noqa: F811
    from streamkit.serve import Redis

    apps = [build_app(0.01, Redis(redis_server.url)) for _ in range(2)]
    async with served(apps[0]) as one, served(apps[1]) as other:
        given = {"thread": str(uuid4()), "text": REQUEST}
        run = (await one.post("/messages", json=given)).json()["run"]
        answers = [await client.get(f"/runs/{run}") for client in (other, one)]
    assert answers[0].content == answers[1].content
    assert b"Shall I book this trip?" in answers[0].content


async def test_the_page_needs_nothing_from_elsewhere():
    async with served(build_app(pace=0)) as client:
        answer = await client.get("/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for word in ("http://", "https://", "innerHTML", '<link rel="stylesheet"', "src="):
        assert word not in answer.text
