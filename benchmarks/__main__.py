"""All benchmarks, with one command and in one table.

    python -m benchmarks [--quick] [--only replay,merging] [--json FILE] [--page]

It takes a quarter of an hour, with ``--quick`` a few minutes. What is not installed (extra
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

from . import arguments, encoding, flat, importing, live, merging, replay, report, serving
from .bars import BARS, FULL, QUICK, Effort, Row

MODULES = {
    "replay": replay,
    "live": live,
    "merging": merging,
    "arguments": arguments,
    "encoding": encoding,
    "serving": serving,
    "flat": flat,
    "importing": importing,
}


def _measured(names: list[str], effort: Effort) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        begin = time.monotonic()
        rows += MODULES[name].rows(effort)
        print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer tokens and rounds")
    parser.add_argument("--only", default=",".join(MODULES), help="some of the modules")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), help="where to")
    parser.add_argument("--page", action="store_true", help="put the table into the docs, too")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # upstream's notices, such as that version 3 is experimental
    effort = QUICK if given.quick else FULL
    effort = effort._replace(counts=effort.counts and bool(shutil.which("valgrind")))
    rows = _measured(given.only.split(","), effort)
    told = f"{report.machine()}\n\n{report.table(rows)}"
    print(told)
    given.json.write_text(report.as_json(rows))
    if given.page:
        report.put_into_page(told)
    barred = [row for row in rows if row.figure and row.id in BARS]
    return int(any(not BARS[row.id].holds(row.figure.value) for row in barred if row.figure))


if __name__ == "__main__":
    sys.exit(main())
