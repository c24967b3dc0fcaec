"""The site and the tutorial's page in a real browser: search without a server, a chat with approval."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="playwright is not installed")
pytest.importorskip("langchain.agents", reason="langchain is not installed")
pytest.importorskip("fastapi", reason="fastapi is not installed")

import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from chromium import BROWSER, FLAGS
from loopback_server import served
from page_programs import programs

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site() -> Path:
    """The folder of the site, as `mkdocs build` writes it."""
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    folder = ROOT / "site"
    if not (folder / "index.html").exists():
        environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
        command = [sys.executable, "-m", "mkdocs", "build"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return folder


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        await browser.close()


async def test_search_works_from_files_and_nothing_is_loaded_from_the_web(
    site: Path, browser: Browser
) -> None:
    page = await browser.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    await page.goto((site / "index.html").as_uri())
    await page.get_by_role("textbox", name="Search").press_sequentially("coalesce")
    await expect(page.locator(".md-search-result__item").first).to_contain_text(
        re.compile("coalesce", re.IGNORECASE), timeout=20_000
    )
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requests)


async def test_the_chat_of_the_tutorial_asks_before_it_sends_a_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Browser
) -> None:
    *_, last = (it for it in programs() if it.page.name == "tutorial.md")
    last.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("REDIS_URL", raising=False)
    for name in ("agent", "store", "app", "answers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import answers  # type: ignore[import-not-found]

    questions: list[str] = []

    async def approve(dialog: Any) -> None:
        questions.append(dialog.message)
        await dialog.accept()

    async with served(answers.app) as client:
        page = await browser.new_page()
        page.on("dialog", approve)
        await page.goto(str(client.base_url))
        await page.get_by_role("textbox").fill("Tell Ann about the weather in Paris.")
        await page.keyboard.press("Enter")
        await expect(page.locator("pre")).to_contain_text("[send_mail …]\nDone.", timeout=20_000)
    assert questions == ['send_mail {"to":"Ann","text":"Take a hat."}?']
