"""What ``import streamkit`` costs, beside LangChain's messages: each in a fresh process.

All modules are compiled before, into a directory of this run's, as an installer compiles them: an
environment may forbid Python to do so, and compiling is most of what such an import costs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from tempfile import TemporaryDirectory

from .bars import Effort, Row, Rows
from .timing import Figure, median

OURS, THEIRS = "import streamkit", "import langchain_core.messages"
USED = "from streamkit import TextDelta, normalize; list(normalize(['Hel', 'lo']))"
SHARES = [
    ("import.time", f"`{OURS}` of `{THEIRS}`", OURS),
    ("import.use", "import and first use, of LangChain's messages", USED),
    ("import.msgspec", "`import msgspec`, a part of that use, likewise", "import msgspec"),
]
HEAVY = ("langchain", "pydantic", "asyncio")


def _told(code: str, compiled: str) -> str:
    env = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
    told = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    return told.stdout


def _seconds(code: str, compiled: str) -> float:
    clock = "from time import process_time as now; begin = now()"
    return float(_told(f"{clock}\n{code}\nprint(now() - begin)", compiled))


def rows(effort: Effort) -> Rows:
    with TemporaryDirectory() as compiled:
        yield from _rows(max(5, effort.rounds // 2), compiled)


def _rows(rounds: int, compiled: str) -> Rows:
    for id, what, code in SHARES:
        times = [(_seconds(code, compiled), _seconds(THEIRS, compiled)) for _ in range(1 + rounds)]
        times = times[1:]  # the first was to compile
        share = median([100 * ours / theirs for ours, theirs in times])
        took = median([ours for ours, _ in times]).scaled(1e3).value
        yield Row(id, what, share, "%", f"{took:.1f} ms")
    loaded = _told(f"{OURS}\nimport sys\nprint(*sys.modules)", compiled).split()
    heavy = [name for name in loaded if name.split(".")[0].startswith(HEAVY)]
    what = "modules of langchain, pydantic and asyncio loaded"
    yield Row("import.heavy", what, Figure(len(heavy)), "", f"{len(loaded)} in all")
