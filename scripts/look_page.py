"""Writes what the commands print into docs/look.md: ``python scripts/build_pages.py``.

With ``--record`` the run is recorded anew, and its picture taken; chromium does that.
"""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from streamkit.__main__ import main
from streamkit.html import to_html
from streamkit.record import record, replay

PAGE = Path(__file__).parent.parent / "docs" / "look.md"
RECORDING = PAGE.parent / "look" / "run.jsonl"
PICTURE = PAGE.parent / "look" / "page.png"
OUTPUT = re.compile(r"(<!-- output: (.*?) -->\n)(.*?)(?=<!-- end -->)", re.DOTALL)


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
    """Record a run of the agent anew."""
    from streamkit import astream
    from travel_agent import question, travel

    events = astream(travel, question).pipe(record(RECORDING, private=False))
    await events.collect()


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
