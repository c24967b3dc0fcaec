"""Writes the table in docs/filters.md: ``python scripts/build_pages.py``."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path
from typing import Any, get_args

from streamkit import EventType, normalize, presets
from streamkit.demo import build_graph, demo_input

PAGE = Path(__file__).parent.parent / "docs" / "filters.md"
TABLE = re.compile(r"(?<=<!-- presets -->\n).*?(?=<!-- end -->)", re.DOTALL)
PRESETS = ["tokens", "final", "tools", "chat", "ui", "sources", "lifecycle", "state", "debug"]


async def counts(preset: Any) -> Counter[str]:
    """How many events of each type a preset lets through, of one run of the trip planner."""
    config: Any = {"configurable": {"thread_id": "1"}}
    raw = build_graph(pace=0).astream_events(demo_input(), config, version="v2")
    return Counter([event.type async for event in normalize(raw, preset)])


async def table() -> str:
    """The whole table."""
    columns = [await counts(getattr(presets, name)) for name in PRESETS]
    rows = [["", *(f"`{name}`" for name in PRESETS)], ["---", *("---:" for _ in PRESETS)]]
    rows += [
        [f"`{type}`", *(str(column[type] or "") for column in columns)]
        for type in get_args(EventType)
        if columns[-1][type]
    ]
    rows.append(["**all**", *(str(column.total()) for column in columns)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def page() -> str:
    """The page as it is, with the table as it should be."""
    return TABLE.sub(lambda _: asyncio.run(table()), PAGE.read_text())


if __name__ == "__main__":
    PAGE.write_text(page())
