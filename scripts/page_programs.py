"""The programs in the pages: ``python scripts/page_programs.py`` checks their types and imports.

Each block that begins with three backticks and ``python`` is a whole program: it imports what it
uses. A block with a ``title`` is a file, which later programs of the page may import. The tests run
every program by itself (tests/unit/test_docs.py). This script writes each to a folder, on the lines
that it has in the page, and runs pyright and ruff on all of them.
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
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OUTPUT = re.compile(r"\n\n```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RULES = "E,F,I,B,UP"


@dataclass(frozen=True)
class Program:
    """One program of a page, the line of its first statement, and the files that it may use."""

    page: Path
    line: int
    name: str
    code: str
    files: dict[str, str]
    output: str | None
    """The block of text right below it: what it prints."""

    def __str__(self) -> str:
        """Return where it is: ``docs/run.md:12``."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_test(self) -> bool:
        """Whether it is for pytest."""
        return "\ndef test_" in self.code

    def write(self, folder: Path) -> Path:
        """Write it and its files to a folder, and return its path."""
        # As many lines before it as the page has, so that the lines of errors are the page's.
        files = {**self.files, self.name: "\n" * (self.line - 1) + self.code}
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")
        return folder / self.name


def pages() -> list[Path]:
    """Return the README and all pages of the manual."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def programs() -> Iterator[Program]:
    """Return the programs of all pages."""
    for page in pages():
        text, files = page.read_text("utf-8"), dict[str, str]()
        for block in BLOCK.finditer(text):
            language, title, code = block.groups()
            if language == "python":
                line = text.count("\n", 0, block.start(3)) + 1
                below = OUTPUT.match(text, block.end())
                output = below and below[1]
                yield Program(page, line, title or "program.py", code, dict(files), output)
            if title:
                files[title] = code


def check() -> int:
    """Write every program to a file, and return whether pyright or ruff found anything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program in programs():
            own = folder / re.sub(r"\W", "_", str(program))
            own.mkdir()
            program.write(own)
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
