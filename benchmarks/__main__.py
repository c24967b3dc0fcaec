"""All benchmarks, with one command and in one table.

    python -m benchmarks [--quick] [--only replay,merging] [--beside PYTHON] [--page]

It takes ten minutes, with ``--quick`` less, and as long again for another Python beside this one.
What is not installed (extra ``bench``) or not there (valgrind) is left out, and the table says so.
The exit status is 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

from . import (
    arguments,
    browser,
    desks,
    encoding,
    flat,
    importing,
    live,
    looking,
    many,
    merging,
    replay,
    report,
    resuming,
    serving,
)
from .bars import BARS, FULL, QUICK, Effort, Row

MODULES = {
    "desks": desks,
    "replay": replay,
    "live": live,
    "browser": browser,
    "many": many,
    "merging": merging,
    "arguments": arguments,
    "encoding": encoding,
    "serving": serving,
    "resuming": resuming,
    "looking": looking,
    "flat": flat,
    "importing": importing,
}


def _measured(name: str, effort: Effort) -> list[Row]:
    begin = time.monotonic()
    rows = list(MODULES[name].rows(effort))
    print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr)
    return rows


def _measure_beside(python: str, path: Path, *, quick: bool, only: str | None) -> None:
    """Run the same command with another Python."""
    options = [
        "--json",
        str(path),
        *["--quick"] * quick,
        *(["--only", only] if only is not None else []),
    ]
    subprocess.run([python, "-m", "benchmarks", *options], stdout=subprocess.DEVNULL, check=False)  # noqa: S603


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--only", help="some modules; the others' rows are those of the JSON file")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), help="where to")
    parser.add_argument("--beside", help="another Python that has the same installed")
    parser.add_argument("--page", action="store_true", help="put the table into the docs, too")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # upstream's notices, such as that version 3 is experimental
    effort = QUICK if given.quick else FULL
    effort = effort._replace(counts=bool(shutil.which("valgrind")))
    paths: list[Path] = [given.json]
    if given.beside:
        paths.append(given.json.with_suffix(".beside.json"))
        _measure_beside(given.beside, paths[1], quick=given.quick, only=given.only)
    rows = report.earlier(given.json) if given.only is not None else {}
    for name in MODULES if given.only is None else filter(None, given.only.split(",")):
        rows[name] = _measured(name, effort)
        report.write(given.json, rows)
    every = [
        [row for name in MODULES for row in report.earlier(path).get(name, ())] for path in paths
    ]
    machines = [report.earlier_machine(path) for path in paths]
    shown = (
        f"{report.heading(machines)}\n\n{report.table(every, [it['python'] for it in machines])}"
    )
    print(shown)
    if given.page:
        report.put_into_page(shown)
    by_id = [{row.id: row for row in rows} for rows in every]
    return int(any(report.misses(id, by_id) for id in BARS))


if __name__ == "__main__":
    sys.exit(main())
