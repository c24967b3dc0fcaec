"""Measures one module and prints its rows as JSON: each module has a process of its own.

    python -m benchmarks.measure replay [--quick]

So what one leaves behind, such as long recordings, slows no other, and each can be stopped.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from importlib import import_module

from . import report
from .bars import FULL, QUICK


def main() -> None:
    name, *options = sys.argv[1:]
    warnings.simplefilter("ignore")  # upstream's notices, such as that version 3 is experimental
    effort = QUICK if "--quick" in options else FULL
    effort = effort._replace(counts=bool(shutil.which("valgrind")))
    rows = list(import_module(f"benchmarks.{name}").rows(effort))
    print(json.dumps({"machine": report.machine(), "rows": list(map(report.as_dict, rows))}))


if __name__ == "__main__":
    main()
