"""What ``import streamkit`` costs, beside LangChain's messages: each in a fresh process."""

from __future__ import annotations

import subprocess
import sys

from .bars import Effort, Row, Rows
from .timing import Figure, median

OURS, THEIRS = "import streamkit", "import langchain_core.messages"
HEAVY = ("langchain", "pydantic", "asyncio")


def _told(code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return ran.stdout


def _seconds(code: str) -> float:
    clock = "from time import process_time as now; begin = now()"
    return float(_told(f"{clock}\n{code}\nprint(now() - begin)"))


def rows(effort: Effort) -> Rows:
    _seconds(OURS), _seconds(THEIRS)  # to compile them
    pairs = [(_seconds(OURS), _seconds(THEIRS)) for _ in range(max(5, effort.rounds // 2))]
    share = median([100 * ours / theirs for ours, theirs in pairs])
    note = f"{1e3 * median([ours for ours, _ in pairs]).value:.0f} ms"
    yield Row("import.time", f"`{OURS}` of `{THEIRS}`", share, "%", note)
    loaded = _told(f"{OURS}\nimport sys\nprint(*sys.modules)").split()
    heavy = [name for name in loaded if name.split(".")[0].startswith(HEAVY)]
    what = "modules of langchain, pydantic and asyncio loaded"
    yield Row("import.heavy", what, Figure(len(heavy)), "", f"{len(loaded)} in all")
