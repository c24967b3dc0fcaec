"""The programs in the pages: ``python scripts/page_programs.py`` checks their types and imports.

Each block that begins with three backticks and ``python`` is a whole program: it imports what it
uses. The tests run every one by itself (tests/unit/test_docs.py). This script writes each to a
file, with the lines where the page has them, and runs pyright and ruff on all of them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RULES = "E,F,I,B,UP"


@dataclass(frozen=True)
class Program:
    """One program of a page, and the line of its first statement."""

    page: Path
    line: int
    code: str

    def __str__(self) -> str:
        """Return where it is: ``docs/run.md:12``."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def padded(self) -> str:
        """The program with as many lines before it as the page has, so that line numbers agree."""
        return "\n" * (self.line - 1) + self.code


def pages() -> list[Path]:
    """Return the README and all pages of the manual."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def programs() -> Iterator[Program]:
    """Return the programs of all pages."""
    for page in pages():
        text = page.read_text("utf-8")
        for block in BLOCK.finditer(text):
            yield Program(page, text.count("\n", 0, block.start(1)) + 1, block[1])


def check() -> int:
    """Write every program to a file, and return whether pyright or ruff found anything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program in programs():
            stem = re.sub(r"\W", "_", str(program.page.relative_to(ROOT).with_suffix("")))
            (folder / f"{stem}_{program.line}.py").write_text(program.padded, "utf-8")
        settings = {
            "typeCheckingMode": "basic",
            "pythonVersion": "3.11",
            "extraPaths": [f"{ROOT}/src"],
        }
        (folder / "pyrightconfig.json").write_text(json.dumps(settings))
        commands = [
            ["pyright", "--pythonpath", sys.executable, "-p", name],
            ["ruff", "check", "--isolated", "--select", RULES, "--ignore", "E501", name],
        ]
        return max(subprocess.run(_found(command), check=False).returncode for command in commands)


def _found(command: list[str]) -> list[str]:
    """Return the command with the program beside this Python, or the one in the path."""
    beside = Path(sys.executable).with_name(command[0])
    return [
        str(beside) if beside.exists() else shutil.which(command[0]) or command[0],
        *command[1:],
    ]


if __name__ == "__main__":
    sys.exit(check())
