"""Draws the two pictures of the README: ``python scripts/pictures.py``.

The terminal view comes from rich; the chat page from chromium, which opens examples/chat.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

from streamkit import Checkpoint, StateSnapshot, StateUpdate, stream
from streamkit.demo import config, graph, inputs
from streamkit.filters import only
from streamkit.terminal import TerminalView

ROOT = Path(__file__).parent.parent
LOOK = ROOT / "docs" / "look"
FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # rich's own picture loads one from the web


def terminal() -> str:
    """Return the demo as a terminal shows it; the picture loads nothing from the web."""
    out = io.StringIO()
    with TerminalView(out, color=True, live=False) as view:
        for event in stream(graph, inputs, config, ~only(Checkpoint, StateSnapshot, StateUpdate)):
            view.feed(event)
    console = Console(record=True, width=110, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(out.getvalue().strip("\n")))
    return FONT.sub("", console.export_svg(title="streamkit demo", unique_id="streamkit"))


def chat(path: Path, port: int = 8765) -> None:
    """Write a picture of the chat page at the moment at which it asks for approval."""
    app = [sys.executable, str(ROOT / "examples" / "chat" / "app.py"), "--port", str(port)]
    with subprocess.Popen(app) as server, sync_playwright() as driver:
        try:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 900, "height": 760})
            for _ in range(50):
                try:
                    page.goto(f"http://127.0.0.1:{port}/")
                    break
                except Exception:  # noqa: BLE001  (it is not listening yet)
                    page.wait_for_timeout(200)
            page.get_by_role("textbox").fill(str(inputs["messages"][0][1]))
            page.keyboard.press("Enter")
            page.get_by_role("main").get_by_text("Shall I book this trip?").wait_for()
            page.screenshot(path=path)
            browser.close()
        finally:
            server.terminate()


if __name__ == "__main__":
    (LOOK / "terminal.svg").write_text(terminal(), "utf-8")
    chat(LOOK / "chat.png")
