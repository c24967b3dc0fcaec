"""The table, as Markdown and as JSON, and its place in the docs."""

from __future__ import annotations

import json
import os
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


def table(measured: Sequence[Sequence[Row]], names: Sequence[str]) -> str:
    """Return the rows with a bar first, in the bars' order; then the others.

    Each Python has a column. A bar that only holds on one is missed.
    """
    by_id = [{row.id: row for row in rows} for rows in measured]
    others = {row.id: row for rows in reversed(measured) for row in rows if row.id not in BARS}
    columns = " | ".join(names)
    return "\n".join(
        [
            f"| what | {columns} | bar | |",
            f"|---|{'---|' * len(names)}---|---|",
            *(_line(id, by_id, _bar(id, by_id)) for id in BARS),
            "",
            "Without a bar:",
            "",
            f"| what | {columns} | |",
            f"|---|{'---|' * len(names)}---|",
            *(_line(id, by_id) for id in others),
        ]
    )


def _line(id: str, by_id: Sequence[Mapping[str, Row]], *bar: str) -> str:
    rows = [it.get(id) or Row(id, id, None, note="not measured in this run") for it in by_id]
    values = [_value(row) for row in rows]
    return f"| {' | '.join([rows[0].what, *values, *bar, rows[0].note])} |"


def _value(row: Row) -> str:
    figure = row.figure
    if figure is None:
        return ""
    quartiles = ""
    if figure.low is not None and figure.high is not None:
        quartiles = f" ({_number(figure.low)} to {_number(figure.high)})"
    return f"{_number(figure.value)} {row.unit}".strip() + quartiles


def holds(id: str, by_id: Sequence[Mapping[str, Row]]) -> bool:
    """Return whether a bar was measured, and holds, on each of the Pythons."""
    figures = [it[id].figure if id in it else None for it in by_id]
    return all(it is not None and BARS[id].holds(it.value) for it in figures)


def _bar(id: str, by_id: Sequence[Mapping[str, Row]]) -> str:
    bar = BARS[id]
    limit = f"{'at most' if bar.at_most else 'at least'} {_number(bar.limit)}"
    if not any(id in it and it[id].figure for it in by_id):
        return f"{limit}: ?"
    return f"{limit}: {'holds' if holds(id, by_id) else '**missed**'}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.2f}"


def machine() -> dict[str, str]:
    """Return the Python, the packages, and the load of the last quarter of an hour."""
    build = "with" if "--enable-optimizations" in _config() else "without"
    load = os.getloadavg()[2] if hasattr(os, "getloadavg") else 0.0
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "build": f"{build} PGO",
        "packages": ", ".join(_installed()),
        "load": f"{load:.1f} on {os.cpu_count()} cores",
    }


def heading(machines: Sequence[Mapping[str, str]]) -> str:
    """Return what the table was measured on."""
    pythons = " and ".join(f"{it['python']} ({it['build']}, load {it['load']})" for it in machines)
    return f"{pythons}; {machines[0]['packages']}"


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


def write(path: Path, machine: Mapping[str, str], name: str, rows: Sequence[Any]) -> None:
    """Put a module's rows into a Python's file, in place of those of an earlier run."""
    earlier = json.loads(path.read_text())["rows"] if path.exists() else {}
    path.write_text(json.dumps({"machine": machine, "rows": {**earlier, name: rows}}, indent=2))


def as_dict(row: Row) -> dict[str, Any]:
    """Return a row as JSON data."""
    fields: dict[str, Any] = row._asdict()
    if row.figure:
        fields["figure"] = row.figure._asdict()
        bar = BARS.get(row.id)
        if bar:
            fields |= {"bar": bar._asdict(), "holds": bar.holds(row.figure.value)}
    return fields


def rows_of(path: Path, names: Sequence[str]) -> list[Row]:
    """Return the rows of a Python's file, module by module."""
    rows = json.loads(path.read_text())["rows"] if path.exists() else {}
    return [_as_row(fields) for name in names for fields in rows.get(name, ())]


def machine_of(path: Path) -> dict[str, str]:
    """Return what the newest rows of a Python's file were measured on."""
    if not path.exists():
        return {"python": "no Python", "build": "?", "load": "?", "packages": "nothing"}
    found: dict[str, str] = json.loads(path.read_text())["machine"]
    return found


def _as_row(fields: dict[str, Any]) -> Row:
    figure = fields["figure"]
    row = Row(**{name: fields[name] for name in Row._fields})
    return row._replace(figure=figure and Figure(**figure))


def put_into_page(text: str) -> None:
    """Replace what stands between the page's two marks."""
    marks = r"(<!-- table -->\n).*(<!-- end -->)"
    page = re.sub(marks, lambda it: f"{it[1]}{text}\n{it[2]}", PAGE.read_text(), flags=re.DOTALL)
    PAGE.write_text(page)
