"""The house itself: what the door shows, which way imports go, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import FunctionType
from typing import get_args

import pytest

import streamkit
from streamkit import events, values

SOURCE = Path(streamkit.__file__).parent

# A module may import from its own floor's folder and from the floors below.
FLOORS: list[set[str]] = [
    {"values", "errors", "events"},
    {"_payload", "_origin", "_protocols", "_brief", "_calls", "_usage", "_growing", "partial_json"},
    {"_message", "_describe", "folds", "merge", "wire"},
    {"_ledger"},
    {"_assembly"},
    {"dialects"},
    {"_pipeline"},
    {"_drive", "testing"},
    {"__init__"},
    {"demo", "__main__"},
]


def floor_of(module: str) -> int:
    room = module.split(".")[0]
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def imports_of(path: Path) -> set[str]:
    """The modules of ours that a file imports when it is imported itself."""
    tree = ast.parse(path.read_text())
    depth = len(path.relative_to(SOURCE).parts) - 1
    found = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level > depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found.update(name for name in names if name)
    return found


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE))
)
def test_imports_go_down(path: Path) -> None:
    own = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    for name in imports_of(path):
        assert floor_of(name) <= floor_of(own), f"{own} imports {name}, which lies above it"
        assert floor_of(name) < floor_of(own) or floor_of(own) == 0 or floor_of(own) == 1


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")))
def test_no_file_is_long(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= (560 if path.name == "events.py" else 400), f"{path.name}: {lines} lines"


def test_the_door_shows_what_it_says() -> None:
    assert streamkit.__all__ == sorted(streamkit.__all__)
    shown = {name for name in vars(streamkit) if not name.startswith("_")}
    modules = {path.stem for path in SOURCE.glob("*")}
    assert shown - modules == set(streamkit.__all__)
    for name in (*events.__all__, *values.__all__):
        assert name in streamkit.__all__


def test_every_event_has_its_tag() -> None:
    classes = get_args(events.Event)
    tags = [cls.__struct_config__.tag for cls in classes]
    assert tags == [cls.type for cls in classes] == list(get_args(events.EventType))
    assert len(set(tags)) == len(tags)


def test_the_wire_words_never_change() -> None:
    """Renaming one of these is a major version."""
    assert (
        list(get_args(events.EventType))
        == (
            "run.start run.end run.error step.start step.delta step.end message.start "
            "text.start text.delta text.end reasoning.start reasoning.delta reasoning.end "
            "tool_call.start tool_call.delta tool_call.end content citation message.end "
            "tool.start tool.delta tool.end tool.error retrieval.start retrieval.end "
            "state.update state.snapshot checkpoint interrupt message.added custom batch.item "
            "unrecognized"
        ).split()
    )


def test_every_public_name_is_documented() -> None:
    for name in streamkit.__all__:
        value = getattr(streamkit, name)
        if isinstance(value, (type, FunctionType)):
            assert value.__doc__, name


def test_every_field_is_documented() -> None:
    for module in (events, values):
        for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text())):
            if isinstance(node, ast.ClassDef):
                for field, after in zip(node.body, [*node.body[1:], None], strict=True):
                    if isinstance(field, ast.AnnAssign) and "ClassVar" not in ast.dump(field):
                        assert isinstance(after, ast.Expr), f"{node.name}.{ast.unparse(field)}"


def test_importing_is_light() -> None:
    code = "import sys, streamkit; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = ("langchain", "langgraph", "pydantic", "asyncio")
    loaded = [name for name in run.stdout.split() if name.split(".")[0].startswith(heavy)]
    assert loaded == []
