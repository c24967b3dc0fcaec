"""The table of docs/migrating.md has every event that ``astream_events`` can emit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from streamkit import EventType
from upstream_names import emitted

PAGE = Path(__file__).parents[2] / "docs" / "migrating.md"


def spelled(cells: list[str], separator: str) -> set[str]:
    """The names in cells, in which ``_end`` or ``.end`` stands for the name before it so changed."""
    found: set[str] = set()
    for cell in cells:
        last = ""
        for name in re.findall(r"`([\w.*]+)`", cell):
            last = last.rpartition(separator)[0] + name if name.startswith(separator) else name
            found.add(last)
    return found


@pytest.fixture
def table() -> list[list[str]]:
    if not PAGE.is_file():
        pytest.skip("the pages are in the repository alone")
    text = PAGE.read_text("utf-8")
    rows = text[text.index("Event by event:") : text.index("```python")].splitlines()
    return [row.strip("| ").split(" | ") for row in rows if row.startswith("| ")][1:]


def test_every_upstream_event_is_in_the_table(table: list[list[str]]) -> None:
    pytest.importorskip("langchain_protocol", reason="the newest LangChain has the names")
    upstream = {name for key, name in emitted() if key == "event" and re.match(r"on_\w+_\w+", name)}
    assert len(upstream) >= 20
    assert upstream <= spelled([row[0] for row in table], "_")


def test_every_event_beside_it_is_ours(table: list[list[str]]) -> None:
    named = {it for it in spelled([row[1] for row in table], ".") if "." in it and "*" not in it}
    assert named <= {*get_args(EventType)}
    assert len(named) > 20
