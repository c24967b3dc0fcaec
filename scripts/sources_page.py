"""Writes the tables in docs/sources.md: ``python scripts/build_pages.py``."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

from capabilities import (
    carried_by_a_server,
    carried_by_calls,
    carried_by_modes,
    known_to_calls,
    known_to_modes,
)

PAGE = Path(__file__).parent.parent / "docs" / "sources.md"

TABLES: dict[str, Callable[[], dict[str, dict[str, str]]]] = {
    "calls": carried_by_calls,
    "modes": carried_by_modes,
    "server": carried_by_a_server,
    "calls, of truths": known_to_calls,
    "modes, of truths": known_to_modes,
}


def table(columns: dict[str, dict[str, str]]) -> str:
    """One table: a fact a row."""
    rows = [["", *columns], ["---", *(":-:" for _ in columns)]]
    facts = next(iter(columns.values()))
    rows += [[fact, *(column[fact] for column in columns.values())] for fact in facts]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def page() -> str:
    """The page as it is, with the tables as they should be."""
    text = PAGE.read_text()
    for name, columns in TABLES.items():
        place = re.compile(rf"(?<=<!-- carried by {name} -->\n).*?(?=<!-- end -->)", re.DOTALL)
        made = table(columns())
        text = place.sub(lambda _, made=made: made, text, count=1)
    return text


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    PAGE.write_text(page())
