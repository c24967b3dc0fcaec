"""Real clients in a real browser, on two uvicorn workers behind one port, with runs in one Redis.

Whichever worker a request reaches, the page shows the whole answer: reloaded in mid-run, in a second
tab, stopped from another tab, after its network was cut, and after ``kill -9`` of the run's owner.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("redis", reason="redis-py is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from chromium import BROWSER, FLAGS
from js_clients import FOLDER
from loopback_server import Line
from redis_server import RedisServer, redis_server  # noqa: F401  (a fixture)
from workers import one_port

ESBUILD = FOLDER / "node_modules" / ".bin" / "esbuild"
WIRES = ["sse", "ai_sdk", "ag_ui", "langgraph_sse"]
ENDS = {"completed", "success", "ready"}


@pytest.fixture(scope="module")
def address(redis_server: RedisServer, tmp_path_factory: Any) -> Iterator[str]:  # noqa: F811
    if not ESBUILD.exists():
        pytest.skip("the JavaScript clients are not installed; run: npm ci --prefix tests/js")
    bundle: Path = tmp_path_factory.mktemp("page") / "page.js"
    command = [ESBUILD, "page.mjs", "--bundle", "--format=esm", f"--outfile={bundle}"]
    subprocess.run(command, cwd=FOLDER, check=True, capture_output=True)
    with one_port(redis_server.url, bundle) as address:
        workers: set[str] = set()
        end = monotonic() + 30
        while len(workers) < 2:
            assert monotonic() < end, "two workers never answered"
            try:
                workers.add(httpx.get(address).headers["x-worker"])
            except httpx.TransportError:
                sleep(0.05)
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not BROWSER:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)


class Tab:
    """A tab of the chat, and the workers that answered it."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.page.set_default_timeout(15_000)
        self.workers: list[tuple[str, str]] = []
        self.page.on("response", self._note)
        self.page.goto(url)

    def _note(self, response: Any) -> None:
        if "/stream" in response.url or "/runs" in response.url or "/ask" in response.url:
            self.workers.append((response.request.method, response.headers["x-worker"]))

    @property
    def owner(self) -> str:
        """The worker that runs what was asked here."""
        return next(worker for method, worker in self.workers if method == "POST")

    @property
    def text(self) -> str:
        return self.page.evaluate("shown.text")

    @property
    def status(self) -> str:
        return self.page.evaluate("shown.status")

    def until(self, condition: str) -> Tab:
        self.page.wait_for_function(f"() => {condition}")
        return self

    def ask(self) -> Tab:
        self.page.evaluate("ask()")
        return self.until("shown.text.length > 20")

    def end(self) -> str:
        """Wait for the end of the answer, and return how it ended."""
        self.until("shown.text && !['streaming', 'submitted'].includes(shown.status)")
        return self.status


class Chat:
    """A chat of one format, for any number of tabs in browsers of their own."""

    def __init__(self, browser: Browser, address: str, wire: str) -> None:
        self.browser = browser
        self.address = address
        self.name = uuid4().hex
        self.query = f"wire={wire}&name={self.name}&pace=0.01"

    def finish(self) -> None:
        """Let the answer come to its end."""
        httpx.post(f"{self.address}/chats/{self.name}/finish")

    def open(self, *, not_on: str = "") -> Tab:
        """Open a tab; if asked to, one whose answer comes from another worker."""
        for _ in range(40):
            tab = Tab(self.browser.new_context(), f"{self.address}/?{self.query}")
            if not not_on:
                return tab
            tab.until("shown.text.length > 0")
            if tab.workers[-1][1] != not_on:
                return tab
            tab.context.close()
        raise AssertionError("all connections reach one worker")


def is_whole(text: str) -> bool:
    """Return whether no word is missing or doubled."""
    return [int(it) for it in text.split()] == list(range(len(text.split())))


@pytest.fixture
def chat(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Any]:
    yield lambda wire: Chat(browser, address, wire)
    for context in browser.contexts:
        context.close()


@pytest.mark.parametrize("wire", WIRES)
def test_a_reload_and_a_second_tab_show_the_whole_answer(wire, chat):
    running = chat(wire)
    first = running.open().ask()
    second = running.open(not_on=first.owner)
    first.page.reload()
    first.until("shown.text.length > 20")
    running.finish()
    assert {first.end(), second.end()} <= ENDS
    assert first.text == second.text
    assert is_whole(first.text)
    first.page.reload()  # the answer is over, and its page has it in its history
    first.page.wait_for_load_state("networkidle")
    assert (first.text, first.status) == ("", "ready")


@pytest.mark.parametrize("wire", WIRES)
def test_an_answer_is_stopped_from_another_tab(wire, chat):
    running = chat(wire)
    first = running.open().ask()
    second = running.open(not_on=first.owner)
    second.page.evaluate("stop()")
    assert {first.end(), second.end()} <= {"cancelled", "interrupted", *ENDS}
    assert first.text == second.text
    assert is_whole(first.text)


@pytest.mark.parametrize("wire", [*WIRES, "ai_sdk&package=ai5"])
def test_an_answer_goes_on_after_the_network_was_cut(wire, chat):
    running = chat(wire)
    line = Line(httpx.URL(running.address).port or 0)
    tab = Tab(running.browser.new_context(), f"{line.url}/?{running.query}").ask()
    line.cut()
    tab.until("shown.cuts > 0")
    before = tab.text
    tab.until(f"shown.text.length > {len(before) + 20}")
    running.finish()
    assert tab.end() in ENDS
    assert is_whole(tab.text)
    line.close()


@pytest.mark.parametrize("wire", WIRES)
def test_an_owner_that_is_killed_leaves_its_tab_all_that_was_stored(wire, chat):
    running = chat(wire)
    first = running.open().ask()
    owner = first.owner
    second = running.open(not_on=owner)
    os.kill(int(owner), signal.SIGKILL)
    for tab in (first, second):
        assert "incomplete" in tab.end().lower()
    late = running.open()
    late.end()
    assert second.text == late.text
    assert first.text.startswith(late.text)  # its own worker may have sent more than was stored
    assert is_whole(first.text)
