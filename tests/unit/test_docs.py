"""Every ```python block of the README and the docs is a program that runs, without a key."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import events_page
import look_page
import streamkit
from inner_pytest import run_pytest
from page_programs import Program, pages, programs
from streamkit.dialects.registered import REGISTERED

pytest_plugins = ["pytester"]

PROGRAMS = list(programs())
EXTRAS = ("fastapi", "langchain", "langgraph", "opentelemetry", "redis", "rich", "starlette")


def needs(program: Program) -> Iterator[str]:
    """The packages of extras that a program imports, and its files."""
    files = [text for name, text in program.files.items() if name.endswith(".py")]
    for node in ast.walk(ast.parse("".join([*files, program.code]))):
        match node:
            case ast.ImportFrom(module=str(module)):
                names = [module]
            case ast.Import(names=aliases):
                names = [alias.name for alias in aliases]
            case _:
                continue
        for name in names:
            if name.split(".")[0] in EXTRAS:
                yield name
            yield from (needed for start, needed in NEEDS.items() if name.startswith(start))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Program, Path], Path]]:
    """Writes a program to a folder, and returns its path; it has all it needs to run there."""

    def write(program: Program, folder: Path) -> Path:
        for needed in needs(program):
            pytest.importorskip(needed, reason=f"{program} needs {needed}")
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(folder)
        # The demo's graph and the page's own files are new, as in a process of their own.
        for name in ("streamkit.demo", *(Path(it).stem for it in program.files)):
            monkeypatch.delitem(sys.modules, name, raising=False)
        return program.write(folder)

    before = dict(REGISTERED)
    REGISTERED.clear()
    yield write
    REGISTERED.clear()
    REGISTERED.update(before)


@pytest.mark.parametrize("program", [it for it in PROGRAMS if not it.is_test], ids=str)
def test_program_runs(
    program: Program,
    written: Callable[[Program, Path], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each block is a whole program: it runs alone, and prints what the page shows below it."""
    runpy.run_path(str(written(program, tmp_path)), run_name="__main__")
    printed = capsys.readouterr().out
    if program.output is not None:
        shown = re.escape(program.output.strip()).replace("…", "(?s:.*)")
        assert re.fullmatch(shown, printed.strip()), printed


@pytest.mark.parametrize("program", [it for it in PROGRAMS if it.is_test], ids=str)
def test_tests_in_pages_pass(
    program: Program, written: Callable[[Program, Path], Path], pytester: pytest.Pytester
) -> None:
    """A block that holds tests runs under pytest."""
    path = written(program, pytester.path)
    if "assert_transcript(" in program.code:  # its files are not there yet
        assert run_pytest(pytester, "--streamkit-update", str(path)).ret == 0
    assert run_pytest(pytester, str(path)).ret == 0


def test_pages_for_newcomers_are_short() -> None:
    readme, *_ = PROGRAMS
    assert len(readme.code.splitlines()) <= 10
    assert len(readme.page.read_text("utf-8").split()) <= 900
    long = [it for it in PROGRAMS if it.page.parent.name == "how-to" if it.code.count("\n") > 40]
    assert not long


def test_few_blocks_are_no_programs() -> None:
    """Python that is no program carries the mark ``py``, and is rare."""
    fragments = sum(page.read_text("utf-8").count("\n```py\n") for page in pages())
    assert fragments * 10 < len(PROGRAMS)


def fields_that_are_none(code: str) -> list[str]:
    """The fields in ``case Class(field=...)`` and ``Class(field=...)`` that our class lacks."""
    wrong: list[str] = []
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.MatchClass(cls=ast.Name(id=name), kwd_attrs=fields):
                pass
            case ast.Call(func=ast.Name(id=name), keywords=keywords):
                fields = [it.arg for it in keywords if it.arg]
            case _:
                continue
        known = getattr(getattr(streamkit, name, None), "__struct_fields__", None)
        wrong += [f"{name}({it}=…)" for it in fields if known and it not in (*known, "type")]
    return wrong


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_program_names_fields_that_exist(program: Program) -> None:
    """A wrong field in a ``case`` raises nothing when it runs: it never matches."""
    assert fields_that_are_none(program.code) == []


def test_a_wrong_field_in_a_case_is_found() -> None:
    code = "match event:\n    case ToolCallDelta(text=text, args=args):\n        pass"
    assert fields_that_are_none(code) == ["ToolCallDelta(text=…)"]


MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(streamkit.__path__, "streamkit.")
    if ".demo" not in module.name and "__main__" not in module.name
)


NEEDS = {
    "streamkit.demo": "langgraph",
    "streamkit.serve": "starlette",
    "streamkit.langgraph": "langgraph.stream",
    "streamkit.terminal": "rich",
    "streamkit.otel": "opentelemetry",
    "streamkit.strategies": "hypothesis",
}


@pytest.mark.parametrize("name", ["streamkit", *MODULES])
def test_docstrings_run(name: str) -> None:
    for start, needed in NEEDS.items():
        if name.startswith(start):
            pytest.importorskip(needed, reason=f"{name} is for those who have {needed}")
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0


def test_the_events_page_is_current() -> None:
    assert events_page.PAGE.read_text() == events_page.page(), "run: python scripts/build_pages.py"


def test_the_look_page_is_current() -> None:
    pytest.importorskip("rich", reason="rich is not installed")
    assert look_page.PAGE.read_text() == look_page.page(), "run: python scripts/build_pages.py"
