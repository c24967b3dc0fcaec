"""The rules of docs/policy.md that the source must keep: logging, output, deprecations."""

from __future__ import annotations

import ast
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from typing_extensions import deprecated

import streamkit

SOURCE = Path(streamkit.__file__).parent
PRINTS = ("__main__.py", "_cli", "demo")
"""What a person starts from a command line may print."""

MESSAGE = re.compile(r"use .+; removed in (\d+)\.(\d+)$", re.IGNORECASE)
"""What a deprecation says: what to write instead, and in which version the old name goes."""


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func).removeprefix("logging."), node


def complaints(
    code: str, *, may_print: bool = False, version: tuple[int, int] = (0, 1)
) -> list[str]:
    """Return one line for each call that breaks the rules."""
    found: list[str] = []
    for name, call in calls(ast.parse(code)):
        text = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
        if name == "print" and not may_print:
            found.append("a library does not print")
        if name == "getLogger" and str(text).split(".")[0] != "streamkit":
            found.append(f"a logger outside streamkit: {text}")
        if name == "basicConfig":
            found.append("logging is set up by the application")
        if name == "deprecated":
            match = MESSAGE.search(str(text))
            if not match:
                found.append(f"a deprecation that does not say what to use and until when: {text}")
            elif (int(match[1]), int(match[2])) <= version:
                found.append(f"a deprecated name that should be gone: {text}")
    return found


def test_the_source_keeps_the_rules() -> None:
    major, minor = map(int, streamkit.__version__.split(".")[:2])
    for path in sorted(SOURCE.rglob("*.py")):
        may_print = path.relative_to(SOURCE).parts[0] in PRINTS
        found = complaints(path.read_text(), may_print=may_print, version=(major, minor))
        assert found == [], path


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("print(1)", "does not print"),
        ("logging.getLogger('other')", "outside streamkit"),
        ("logging.getLogger()", "outside streamkit"),
        ("logging.getLogger(__name__)", "outside streamkit"),
        ("logging.basicConfig()", "set up by the application"),
        ("@deprecated('gone soon')\ndef old(): ...", "what to use and until when"),
        ("@deprecated('Use new(); removed in 0.1')\ndef old(): ...", "should be gone"),
    ],
)
def test_the_rules_find_what_they_are_for(code: str, complaint: str) -> None:
    [found] = complaints(code)
    assert complaint in found


def test_a_deprecated_name_works_and_warns_where_it_is_used() -> None:
    """The whole mechanism: type checkers and editors read the same decorator."""
    code = "@deprecated('Use new(); removed in 0.3')\ndef old(): return 1"
    assert complaints(code) == []
    scope = {"deprecated": deprecated}
    exec(code, scope)  # noqa: S102
    with pytest.warns(DeprecationWarning, match=r"Use new\(\); removed in 0.3") as caught:
        assert scope["old"]() == 1  # type: ignore[operator]
    assert caught[0].filename == __file__


def test_a_library_logs_nothing_until_the_application_says_so() -> None:
    pytest.importorskip("streamkit.serve")
    handlers = logging.getLogger("streamkit").handlers
    assert [type(it) for it in handlers] == [logging.NullHandler]


def test_importing_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from streamkit import normalize

        assert normalize(["a"]).collect().text == "a"
