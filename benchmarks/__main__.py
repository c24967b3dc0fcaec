"""All benchmarks, with one command and in one table.

    python -m benchmarks [--quick] [--only replay,merging] [--beside PYTHON] [--page]

With ``--quick`` it takes a quarter of an hour for two Pythons on two quiet cores; without, an hour.
Each module has a process of its own. Two Pythons run at the same time, one on each core, except for
modules that read the clock on the wall, or need other processes themselves.

What is not installed (extra ``bench``) or not there (valgrind) is left out, and the table says so.
The exit status is 0 only where each bar was measured, and holds on each Python.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from . import report
from .bars import BARS

MODULES = (
    "desks",
    "replay",
    "live",
    "browser",
    "many",
    "merging",
    "arguments",
    "encoding",
    "serving",
    "resuming",
    "looking",
    "flat",
    "importing",
)
ALONE = {"many", "serving", "resuming", "importing"}
"""Modules that no other may run beside."""


def _measure(name: str, files: dict[str, Path], *, quick: bool, limit: float) -> None:
    """Measure a module with each Python, and write its rows into that Python's file."""
    pythons = list(files)
    for together in [[it] for it in pythons] if name in ALONE else [pythons]:
        begin = time.monotonic()
        children = {it: _started(it, name, quick=quick) for it in together}
        try:
            for python, child in children.items():
                printed = _printed(child, begin + limit)
                took = f"{time.monotonic() - begin:.0f} s{'' if printed else ', without rows'}"
                print(f"{name}: {took} ({python})", file=sys.stderr)
                if printed:
                    found = json.loads(printed.splitlines()[-1])  # (what it starts may print, too)
                    report.write(files[python], found["machine"], name, found["rows"])
        finally:
            for child in children.values():
                with suppress(ProcessLookupError):  # it has ended, with all of its own
                    os.killpg(child.pid, signal.SIGKILL)


def _started(python: str, name: str, *, quick: bool) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  (this very package)
        [python, "-m", "benchmarks.measure", name, *["--quick"] * quick],
        stdout=subprocess.PIPE,
        start_new_session=True,  # it has processes of its own, such as valgrind and servers
    )


def _printed(child: subprocess.Popen[bytes], until: float) -> bytes:
    """Return what a module prints; nothing where it fails, or takes longer than it may."""
    try:
        return child.communicate(timeout=max(0.0, until - time.monotonic()))[0]
    except subprocess.TimeoutExpired:
        return b""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"modules: {', '.join(MODULES)}",
    )
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--only", help="some modules; the others' rows are those of the JSON files")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), help="where to")
    parser.add_argument("--beside", help="another Python that has the same installed")
    parser.add_argument("--page", action="store_true", help="put the table into the docs, too")
    parser.add_argument("--limit", type=float, default=1_200, help="seconds that a module may take")
    given = parser.parse_args()
    names = MODULES if given.only is None else tuple(filter(None, given.only.split(",")))
    unknown = ", ".join(set(names) - set(MODULES))
    if unknown:
        parser.error(f"no module is called {unknown}; choose from {', '.join(MODULES)}")
    files = {sys.executable: given.json}
    if given.beside:
        files[given.beside] = given.json.with_suffix(".beside.json")
    if given.only is None:
        for path in files.values():
            path.unlink(missing_ok=True)
    for name in names:
        _measure(name, files, quick=given.quick, limit=given.limit)
    machines = [report.machine_of(path) for path in files.values()]
    every = [report.rows_of(path, MODULES) for path in files.values()]
    shown = (
        f"{report.heading(machines)}\n\n{report.table(every, [it['python'] for it in machines])}"
    )
    print(shown)
    if given.page:
        report.put_into_page(shown)
    by_id = [{row.id: row for row in rows} for rows in every]
    return int(not all(report.holds(id, by_id) for id in BARS))


if __name__ == "__main__":
    sys.exit(main())
