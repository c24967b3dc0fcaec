"""All benchmarks, with one command and in one table.

    python -m benchmarks [--quick] [--only replay,merging] [--json FILE] [--page]

It takes six minutes, with ``--quick`` less. What is not installed (extra
``bench``) or not there (valgrind) is left out, and the table says so. The exit status is 1 where a
bar is missed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
import warnings
from pathlib import Path

from . import (
    arguments,
    desks,
    encoding,
    flat,
    importing,
    live,
    looking,
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


def _misses(row: Row) -> bool:
    bar = BARS.get(row.id)
    return bool(bar and row.figure and not bar.holds(row.figure.value))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer tokens and rounds")
    parser.add_argument("--only", help="some modules; the others' rows are those of the JSON file")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), help="where to")
    parser.add_argument("--page", action="store_true", help="put the table into the docs, too")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # upstream's notices, such as that version 3 is experimental
    effort = QUICK if given.quick else FULL
    effort = effort._replace(counts=bool(shutil.which("valgrind")))
    rows = report.earlier(given.json) if given.only is not None else {}
    for name in MODULES if given.only is None else filter(None, given.only.split(",")):
        rows[name] = _measured(name, effort)
        report.write(given.json, rows)
    every = [row for name in MODULES for row in rows.get(name, ())]
    told = f"{report.machine()}\n\n{report.table(every)}"
    print(told)
    if given.page:
        report.put_into_page(told)
    return int(any(map(_misses, every)))


if __name__ == "__main__":
    sys.exit(main())
