"""What ``import streamkit`` costs, beside LangChain's messages: each in a fresh process.

Both put off most of it until a name is first used: langchain-core since 1.8. So a first use stands
beside a first use. What is added to a program that has LangChain's messages, as every one that
streams has, is a row of its own: they share a third of what they import.

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
THEIRS_USED = "from langchain_core.messages import AIMessageChunk; AIMessageChunk(content='Hel')"
SHARES = [
    ("import.time", f"`{OURS}` of `{THEIRS}`", OURS, THEIRS, ""),
    ("import.use", "import and first use, of LangChain's messages'", USED, THEIRS_USED, ""),
    ("import.added", "the same, after LangChain's messages", USED, THEIRS_USED, THEIRS_USED),
    ("import.msgspec", "`import msgspec`, of that use", "import msgspec", THEIRS_USED, ""),
]
HEAVY = ("langchain", "pydantic", "asyncio")


def _told(code: str, compiled: str) -> str:
    env = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
    told = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    return told.stdout


def _seconds(code: str, compiled: str, before: str = "") -> float:
    clock = "from time import process_time as now; begin = now()"
    return float(_told(f"{before}\n{clock}\n{code}\nprint(now() - begin)", compiled))


def rows(effort: Effort) -> Rows:
    with TemporaryDirectory() as compiled:
        yield from _rows(max(5, effort.rounds // 2), compiled)


def _rows(rounds: int, compiled: str) -> Rows:
    for id, what, code, base, before in SHARES:
        times = [
            (_seconds(code, compiled, before), _seconds(base, compiled)) for _ in range(1 + rounds)
        ]
        times = times[1:]  # the first was to compile
        share = median([100 * ours / theirs for ours, theirs in times])
        took = median([ours for ours, _ in times]).scaled(1e3).value
        yield Row(id, what, share, "%", f"{took:.1f} ms")
    loaded = _told(f"{OURS}\nimport sys\nprint(*sys.modules)", compiled).split()
    heavy = [name for name in loaded if name.split(".")[0].startswith(HEAVY)]
    what = "modules of langchain, pydantic and asyncio loaded"
    yield Row("import.heavy", what, Figure(len(heavy)), "", f"{len(loaded)} in all")
