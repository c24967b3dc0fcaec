"""Every ```python block of the README and the docs runs, page by page, on the embedded model."""

from __future__ import annotations

import ast
import asyncio
import doctest
import importlib
import inspect
import pkgutil
import re
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import events_page
import look_page
import streamkit

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def renewed(graph: Any) -> Any:
    """The graph, with a thread of its own for each call, as a page's examples expect.

    A call that resumes goes on with the thread of the call before.
    """
    threads = count()
    thread = next(threads)

    def config_for(given: Any, config: Any) -> dict[str, Any]:
        nonlocal thread
        if type(given).__name__ != "Command":
            thread = next(threads)
        return {**(config or {}), "configurable": {"thread_id": str(thread)}}

    def in_a_thread_of_its_own(method: Any) -> Any:
        return lambda given, config=None, **options: method(
            given, config_for(given, config), **options
        )

    for name in ("stream", "astream", "astream_events", "invoke", "ainvoke"):
        setattr(graph, name, in_a_thread_of_its_own(getattr(graph, name)))
    return graph


def names() -> dict[str, Any]:
    """What a page may take for granted."""
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    from streamkit.demo import build_graph, demo_input
    from streamkit.testing import Reply, ScriptedChatModel

    model = ScriptedChatModel(script=[Reply("Hello there, friend.", usage=(3, 4))])
    prompt = ChatPromptTemplate.from_template("{question}")
    return {
        "__name__": "__page__",
        "graph": renewed(build_graph(pace=0)),
        "model": model,
        "chain": prompt | model | StrOutputParser(),
        "inputs": demo_input(),
        "config": {"configurable": {"thread_id": "1"}},
        "normalize": streamkit.normalize,
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_page_runs(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("langgraph", reason="langgraph is not installed")
    for needed in ("langchain.agents", "streamkit.otel"):
        if needed in page.read_text():
            pytest.importorskip(NEEDS.get(needed, needed), reason=f"{page.name} needs it")
    monkeypatch.chdir(tmp_path)
    if "streamkit.serve" in page.read_text():
        pytest.importorskip("fastapi", reason="fastapi is not installed")
    scope = names()
    for block in BLOCK.findall(page.read_text()):
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(block, page.name, "exec", flags=flags, dont_inherit=True)
        result = eval(code, scope)
        if inspect.isawaitable(result):
            await asyncio.wait_for(result, 20)
    capsys.readouterr()


def fields_that_are_none(code: str) -> list[str]:
    """The fields in ``case Class(field=...)`` and ``Class(field=...)`` that our class lacks."""
    wrong: list[str] = []
    for node in ast.walk(
        compile(code, "page", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    ):
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_names_fields_that_exist(page: Path) -> None:
    """A wrong field in a ``case`` raises nothing when it runs: it never matches."""
    for block in BLOCK.findall(page.read_text()):
        assert fields_that_are_none(block) == []


def test_a_wrong_field_in_a_case_is_found() -> None:
    code = "match event:\n    case ToolCallDelta(text=text, args=args):\n        pass"
    assert fields_that_are_none(code) == ["ToolCallDelta(text=…)"]


MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(streamkit.__path__, "streamkit.")
    if ".demo" not in module.name and "__main__" not in module.name
)


NEEDS = {
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
