"""The package: its public names, which way imports go, and what importing costs."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType
from typing import Any, get_args

import pytest

import streamkit
from streamkit import errors, events, values

SOURCE = Path(streamkit.__file__).parent
WHOLE = (errors, events, values)
PACKAGE = ast.parse((SOURCE / "__init__.py").read_text())

# From the lowest up. What is in one layer imports only from the layers below it.
LAYERS: list[set[str]] = [
    {"values", "errors", "events"},
    {"_fields", "_event_classes", "_growing"},
    {"_protocols"},
    {"_core"},
    {"dialects"},
    {"_drive"},
    {"_call", "views"},
    {"callbacks", "serve"},
    {"__init__"},
    {"demo"},
    {"_cli"},
    {"__main__"},
]


def module_of(path: Path) -> tuple[str, ...]:
    return path.relative_to(SOURCE).with_suffix("").parts


def imports_of(path: Path) -> set[tuple[str, ...]]:
    """Return our modules that a file needs when it is imported; of the package, when it is used."""
    package, found = module_of(path)[:-1], set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if path == SOURCE / "__init__.py" else tree.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found.update((*base, *name.split(".")) for name in names)
    return found


NEEDS = {module_of(path): imports_of(path) for path in sorted(SOURCE.rglob("*.py"))}
PARTS: dict[str, set[str]] = {}
for _module, _needed in NEEDS.items():
    PARTS.setdefault(_module[0], set()).update({it[0] for it in _needed} - {_module[0]})


def everything_under(start: Any, needs: Mapping[Any, set[Any]]) -> set[Any]:
    needed, ahead = set(), set(needs[start])
    while ahead:
        needed |= ahead
        ahead = set().union(*(needs.get(it, set()) for it in ahead)) - needed
    return needed


@pytest.mark.parametrize("module", sorted(NEEDS))
def test_no_module_needs_itself(module: tuple[str, ...]) -> None:
    assert module not in everything_under(module, NEEDS)


@pytest.mark.parametrize("part", sorted(PARTS))
def test_imports_go_down(part: str) -> None:
    """What a part needs, directly or not, lies below it, and never needs it back."""
    needed = everything_under(part, PARTS)
    assert part not in needed, f"{part} needs itself"
    layers = {name: number for number, parts in enumerate(LAYERS) for name in parts}
    if part in layers:
        above = {name for name in needed if layers.get(name, -1) >= layers[part]}
        assert not above or layers[part] <= 1, f"{part} needs {above}, which lie no lower"


def test_only_the_loops_know_sources() -> None:
    assert "_drive" not in PARTS["dialects"]
    assert PARTS["_core"] <= {"_fields", "_growing", "_namespaces", "errors", "values", "events"}
    assert not {"dialects", "_core"} & PARTS["wire"]


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")))
def test_no_file_is_long(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= (640 if path.name == "events.py" else 500), f"{path.name}: {lines} lines"


def shown_to_type_checkers() -> dict[str, str]:
    """Return the public names, and the modules that type checkers find them in."""
    imports = [
        node for node in ast.walk(PACKAGE) if isinstance(node, ast.ImportFrom) and node.level
    ]
    names = {alias.name: node.module or "" for node in imports for alias in node.names}
    names.pop("*")
    return names | {name: it.__name__.rpartition(".")[2] for it in WHOLE for name in it.__all__}


def test_type_checkers_see_the_same_names() -> None:
    modules = shown_to_type_checkers()
    assert sorted(modules) == streamkit.__all__
    for name, path in modules.items():
        module = importlib.import_module(f"streamkit.{path}")
        assert getattr(streamkit, name) is getattr(module, name)


def test_the_package_has_its_public_names_alone() -> None:
    """What is no public name, and no module, is not there; nor does a name hide a module."""
    modules = {path.stem for path in SOURCE.glob("*")}
    assert modules.isdisjoint(streamkit.__all__)
    # pytest rewrites the asserts of a distribution with a plugin, and leaves names with an @ in it.
    assert {it for it in dir(streamkit) if it[0] not in "_@"} - modules == {
        *streamkit.__all__,
        *("TYPE_CHECKING", "Any", "annotations", "import_module"),
    }
    assert not hasattr(streamkit, "")
    with pytest.raises(AttributeError, match="no attribute 'normalise'"):
        streamkit.normalise  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'normalise'"):
        from streamkit import normalise  # type: ignore[attr-defined]  # noqa: F401


@pytest.mark.parametrize(
    "use",
    [
        "import streamkit; streamkit.normalize(['a']).collect()",
        "import streamkit; streamkit.events.TextDelta, streamkit.filters.Filter",
        "from streamkit import *; TextDelta, normalize(['a']).collect()",
        "import pickle, streamkit; pickle.loads(b'cstreamkit\\nTextDelta\\n.')",
        "import streamkit; assert 'astream' in dir(streamkit); help(streamkit)",
        "import inspect, streamkit; assert dict(inspect.getmembers(streamkit))['Usage']",
    ],
)
def test_names_are_imported_when_used(use: str) -> None:
    """In a fresh process, where no module is imported yet."""
    subprocess.run([sys.executable, "-c", use], check=True, capture_output=True)


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
            "state.update state.snapshot checkpoint interrupt message.added message.replaced "
            "message.removed custom batch.item "
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
    heavy = ("langchain", "langgraph", "pydantic", "asyncio", "starlette", "anyio")
    loaded = [name for name in run.stdout.split() if name.split(".")[0].startswith(heavy)]
    assert loaded == []


def test_nothing_is_private_unless_asked_for() -> None:
    """Whatever writes for a client keeps private fields by default."""
    defaults: list[Any] = []
    for path in (*SOURCE.glob("wire/**/*.py"), *SOURCE.glob("serve/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.arguments):
                given = zip(node.kwonlyargs, node.kw_defaults, strict=True)
                defaults += [default for arg, default in given if arg.arg == "private"]
    assert len(defaults) > 20
    assert {ast.unparse(it) for it in defaults if it} == {"...", "False"}
