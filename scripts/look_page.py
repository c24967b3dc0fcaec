"""Writes what the commands print into docs/look.md: ``python scripts/build_pages.py``.

With ``--record`` the run is recorded anew, and its picture taken; chromium does that.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import os
import re
import shutil
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from streamkit.__main__ import main
from streamkit.html import to_html
from streamkit.record import record, replay

PAGE = Path(__file__).parent.parent / "docs" / "look.md"
RECORDING = PAGE.parent / "look" / "run.jsonl"
PICTURE = PAGE.parent / "look" / "page.png"
OUTPUT = re.compile(r"(<!-- output: (.*?) -->\n)(.*?)(?=<!-- end -->)", re.DOTALL)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def printed(command: str) -> str:
    """What a command prints in a pipe."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    words = [str(PAGE.parent / it) if it.startswith("look/") else it for it in command.split()]
    with redirect_stdout(out):
        assert main(words) == 0
    lines = [line.rstrip() for line in out.buffer.getvalue().decode().splitlines()]
    return "\n".join(lines).strip("\n")


def page() -> str:
    """The page as it is, with the outputs as they should be."""

    def shown(match: re.Match[str]) -> str:
        command = match[2].replace("look/", "")
        return f"{match[1]}\n```console\n$ streamkit {command}\n{printed(match[2])}\n```\n\n"

    return OUTPUT.sub(shown, PAGE.read_text("utf-8"))


async def _record() -> None:
    """Run the blocks that make the agent and its recording."""
    agent, recording, *_ = BLOCK.findall(PAGE.read_text("utf-8"))
    scope: dict[str, Any] = {"__name__": "__page__"}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for block in (agent, recording):
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            result = eval(compile(block, "look.md", "exec", flags=flags, dont_inherit=True), scope)
            if inspect.isawaitable(result):
                await result
        replay("run.jsonl").pipe(record(RECORDING, private=False)).collect()
        os.chdir(PAGE.parent)


async def _take_picture() -> None:
    from playwright.async_api import async_playwright

    prices = {"large": (2.00, 8.00), "small": (0.20, 0.80)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.html"
        path.write_text(to_html(replay(RECORDING), prices=prices), "utf-8")
        async with async_playwright() as driver:
            flags = ["--no-sandbox", "--disable-gpu"]
            browser = await driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=flags
            )
            tab = await browser.new_page(viewport={"width": 1240, "height": 620})
            await tab.goto(path.as_uri())
            await tab.get_by_text("large model").first.click()
            await tab.screenshot(path=PICTURE)
            await browser.close()


if __name__ == "__main__":
    if "--record" in sys.argv:
        asyncio.run(_record())
        asyncio.run(_take_picture())
    PAGE.write_text(page(), "utf-8")
