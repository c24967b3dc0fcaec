"""The table, as Markdown and as JSON, and its place in the docs."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .bars import BARS, Row
from .timing import Figure

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_PACKAGES = (
    "langchain-core",
    "langgraph",
    "pydantic",
    "msgspec",
    "orjson",
    "ag-ui-langgraph",
    "ag-ui-protocol",
    "langgraph-stream-parser",
    "pydantic-ai-slim",
    "sse-starlette",
    "fastapi",
    "uvicorn",
)


def table(rows: Sequence[Row]) -> str:
    """The rows with a bar first, in the bars' order; then the others."""
    by_id = {row.id: row for row in rows}
    missing = [Row(id, id, None, note="not measured in this run") for id in BARS if id not in by_id]
    barred = [by_id[id] for id in BARS if id in by_id] + missing
    others = [row for row in rows if row.id not in BARS]
    return "\n".join(
        [
            "| what | measured | quartiles | bar | |",
            "|---|---|---|---|---|",
            *(line(row) for row in barred),
            "",
            "Without a bar:",
            "",
            "| what | measured | quartiles | |",
            "|---|---|---|---|",
            *(line(row, barless=True) for row in others),
        ]
    )


def line(row: Row, *, barless: bool = False) -> str:
    bar = "" if barless else f" {_bar(row)} |"
    return f"| {row.what} | {_value(row)} | {_spread(row.figure)} |{bar} {row.note} |"


def _value(row: Row) -> str:
    return f"{_number(row.figure.value)} {row.unit}".strip() if row.figure else ""


def _spread(figure: Figure | None) -> str:
    if figure is None or figure.low is None or figure.high is None:
        return ""
    return f"{_number(figure.low)} to {_number(figure.high)}"


def _bar(row: Row) -> str:
    bar = BARS[row.id]
    limit = f"{'at most' if bar.at_most else 'at least'} {_number(bar.limit)}"
    if row.figure is None:
        return f"{limit}: ?"
    return f"{limit}: {'holds' if bar.holds(row.figure.value) else '**missed**'}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.2f}"


def machine() -> str:
    build = "with" if "--enable-optimizations" in _config() else "without"
    python = f"{platform.python_implementation()} {platform.python_version()}, {build} PGO"
    return f"{python}; {', '.join(_installed())}"


def _config() -> str:
    import sysconfig

    return str(sysconfig.get_config_var("CONFIG_ARGS"))


def _installed() -> list[str]:
    found: list[str] = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return found


def write(path: Path, measured: Mapping[str, Sequence[Row]]) -> None:
    """Write the rows of each module."""
    rows = {name: [_as_dict(row) for row in rows] for name, rows in measured.items()}
    path.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=2))


def _as_dict(row: Row) -> dict[str, Any]:
    fields: dict[str, Any] = row._asdict()
    if row.figure:
        fields["figure"] = row.figure._asdict()
        bar = BARS.get(row.id)
        if bar:
            fields |= {"bar": bar._asdict(), "holds": bar.holds(row.figure.value)}
    return fields


def earlier(path: Path) -> dict[str, list[Row]]:
    """Read what an earlier run wrote."""
    if not path.exists():
        return {}
    rows = json.loads(path.read_text())["rows"]
    return {name: [_as_row(fields) for fields in its] for name, its in rows.items()}


def _as_row(fields: dict[str, Any]) -> Row:
    figure = fields["figure"]
    row = Row(**{name: fields[name] for name in Row._fields})
    return row._replace(figure=figure and Figure(**figure))


def put_into_page(text: str) -> None:
    """Replace what stands between the page's two marks."""
    marks = r"(<!-- table -->\n).*(<!-- end -->)"
    page = re.sub(marks, lambda it: f"{it[1]}{text}\n{it[2]}", PAGE.read_text(), flags=re.DOTALL)
    PAGE.write_text(page)
