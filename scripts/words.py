"""Find words and docstrings that are not plain technical English.

    python scripts/words.py                  # src/ and docs/
    python scripts/words.py FILE ...

Two rules. A short list of words may not appear in identifiers, docstrings, comments, messages or
pages, because the field has a standard term for what they mean (the second column). And the first
word of a docstring is a verb in the imperative or begins a noun phrase.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

WORDS = {
    "bell": "order marker",
    "confluence": "queue",
    "desk": "benchmark stage",
    "door": "__init__, or the public names",
    "echoes": "duplicates",
    "goes_on": "try_append_text",
    "house": "package",
    "ledger": "registry",
    "news": "unseen, or a change",
    "passage": "text block",
    "riddle": "name the thing",
    "rope": "order marker",
    "room": "module or package",
    "rooms": "modules or packages",
    "sieve": "filter",
    "told": "emitted, reported",
    "tells": "reports, contains",
    "whoever": "the caller, the reader",
    "whosoever": "the caller, the reader",
}
"""A word that may not appear, and what to write instead."""

FIRST_WORDS = frozenset(
    {"give", "gives", "tell", "tells", "say", "says", "what", "whatever", "whoever"}
)
"""Words with which no docstring begins."""

_PATTERN = re.compile(rf"(?<![A-Za-z])({'|'.join(WORDS)})(?![A-Za-z])", re.IGNORECASE)


def findings(path: Path) -> Iterator[str]:
    """Return one line for each place of a file that breaks a rule."""
    text = path.read_text()
    # Drawings and outputs keep the names that they show: a fenced block is replaced by its lines.
    prose = re.sub(r"(?ms)^```text$.*?^```$", lambda it: "\n" * it[0].count("\n"), text)
    for number, line in enumerate(prose.splitlines(), 1):
        for word in _PATTERN.findall(line):
            yield f"{path}:{number}: {word!r}: write {WORDS[word.lower()]}"
    if path.suffix == ".py":
        yield from _docstrings(path, text)


def _docstrings(path: Path, text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        is_string = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_string and isinstance(node.value.value, str):
            first = node.value.value.split(maxsplit=1)[:1]
            if first and first[0].lower().strip(".,:") in FIRST_WORDS:
                yield f"{path}:{node.lineno}: a docstring does not begin with {first[0]!r}"


def files() -> list[Path]:
    """Return every file that the rules hold for."""
    pages = [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]
    return [*sorted((ROOT / "src").rglob("*.py")), *sorted(it for it in pages if it.exists())]


if __name__ == "__main__":
    found = (
        [it for path in map(Path, sys.argv[1:]) for it in findings(path)]
        if sys.argv[1:]
        else [it for path in files() for it in findings(path)]
    )
    print("\n".join(found) or "nothing found")
    sys.exit(bool(found))
