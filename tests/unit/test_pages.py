"""Pages that scripts write are current, and the code and the docs are in plain words."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

if not (ROOT / "scripts").is_dir():
    pytest.skip("the scripts are in the repository alone", allow_module_level=True)


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_public_names_are_listed() -> None:
    api = script("api_page")
    assert api.PAGE.read_text() == api.page(), "run: python scripts/build_pages.py"


def test_every_public_name_is_documented() -> None:
    api = script("api_page")
    assert [f"{it.__name__}.{name}" for it, name in api.names() if not api.summary(it, name)] == []


def test_the_public_names_are_few() -> None:
    """Names are added for what users import, and not for what a module of ours needs."""
    api = script("api_page")
    assert api.page().count("\n| `") <= 200
    assert all(len(api.formats_with(name)) > 1 for name in api.OF_FORMATS)


def test_the_layers_are_drawn() -> None:
    structure = script("structure")
    assert structure.PAGE.read_text() == structure.page(), "run: python scripts/build_pages.py"


def test_the_table_of_what_leaves_is_current() -> None:
    reliability = script("reliability_page")
    page = reliability.page(counted=False)
    assert reliability.PAGE.read_text() == page, "run: python scripts/build_pages.py"


def test_every_promise_names_tests_that_exist() -> None:
    reliability = script("reliability_page").PAGE.read_text().partition("\n## The matrix")[0]
    security = (ROOT / "SECURITY.md").read_text()
    promises = [
        *re.findall(r"^\| \*\*.*$", reliability, re.MULTILINE),
        *re.findall(r"^- \*\*.*(?:\n  .*)*", security, re.MULTILINE),
    ]
    assert len(promises) >= 20
    for promise in promises:
        named = re.findall(r"`(tests/[a-z_0-9/]+\.py)`", promise)
        assert named, promise
        assert [it for it in named if not (ROOT / it).is_file()] == []


def test_words_are_plain() -> None:
    words = script("words")
    assert [it for path in words.files() for it in words.findings(path)] == []


def test_the_words_rule_finds_what_it_is_for(tmp_path: Path) -> None:
    words = script("words")
    module = tmp_path / "module.py"
    module.write_text('"""Give a ledger."""\n\nsieve = 1  # the house\n')
    found = "\n".join(words.findings(module))
    for word in ("ledger", "sieve", "house", "'Give'"):
        assert word in found
