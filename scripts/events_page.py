"""Writes docs/events.md from the schema's own docstrings: ``python scripts/build_pages.py``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

from streamkit import events, values

PAGE = Path(__file__).parent.parent / "docs" / "events.md"

HEAD = """# Events

The schema, version 1. Every event also has `origin`, where it comes from, and `timestamp`, unix
seconds read once per raw item.

A new event type, or a new field with a default, is a minor version. Renaming, removing or
retyping is a major one. Readers skip fields they do not know.

For other programs, `streamkit schema --json` prints the same as [JSON Schema](schema.json), and
`streamkit schema --typescript` as [declarations for TypeScript](schema.d.ts).
"""

CHAPTERS = {
    "The run": ("run",),
    "Steps": ("step",),
    "Messages": ("message.start", "message.end"),
    "The parts of a message": ("text", "reasoning", "tool_call", "content", "citation"),
    "Tools and retrievers": ("tool", "retrieval"),
    "State": (
        "state",
        "checkpoint",
        "interrupt",
        "message.added",
        "message.replaced",
        "message.removed",
    ),
    "The rest": ("custom", "batch", "unrecognized"),
}


def page() -> str:
    """Give the whole page."""
    return "\n".join([HEAD, *_chapters(), *_parts(), *_vocabularies()])


def _chapters() -> Iterator[str]:
    for title, nouns in CHAPTERS.items():
        yield f"## {title}\n"
        for event in get_args(events.Event):
            if event.type in nouns or event.type.split(".")[0] in nouns:
                yield f"### `{event.type}`\n\n`{event.__name__}`. {_text(event.__doc__)}\n"
                yield from _table([row for base in _bases(event) for row in _fields(events, base)])


def _parts() -> Iterator[str]:
    yield "## What events are made of\n"
    for name in ("Origin", "Usage", "ErrorInfo", "ToolCall"):
        first = getattr(values, name).__doc__.split("\n\n")[0]
        yield f"### `{name}`\n\n{_text(first)}\n"
        yield from _table(_fields(values, name))


def _vocabularies() -> Iterator[str]:
    yield "### Vocabularies\n"
    for name in ("Status", "StepKind", "FinishReason"):
        words = ", ".join(f"`{word}`" for word in get_args(getattr(values, name)))
        yield f"- `{name}`: {words}"
    yield ""


def _bases(event: type) -> list[str]:
    return [base.__name__ for base in reversed(event.__mro__) if base.__name__ != "EventBase"]


def _table(rows: list[str]) -> list[str]:
    return ["| field | type | meaning |\n|---|---|---|", *rows, ""] if rows else []


def _fields(module: ModuleType, name: str) -> list[str]:
    tree = ast.parse(Path(module.__file__ or "").read_text())
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            pairs = zip(node.body, node.body[1:], strict=False)
            return [_row(a, b) for a, b in pairs if _is_field(a) and isinstance(b, ast.Expr)]
    return []


def _is_field(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.unparse(node.annotation)


def _row(field: ast.stmt, doc: ast.stmt) -> str:
    name, kind = ast.unparse(field.target), ast.unparse(field.annotation).replace("|", "\\|")
    return f"| `{name}` | `{kind}` | {_text(doc.value.value)} |"


def _text(doc: str | None) -> str:
    return " ".join((doc or "").replace("``", "`").split())


if __name__ == "__main__":
    PAGE.write_text(page())
