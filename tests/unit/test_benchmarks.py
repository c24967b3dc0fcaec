"""The benchmarks run: what they say is for people to read, and differs from machine to machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

if not (ROOT / "benchmarks").is_dir():
    pytest.skip("not a checkout", allow_module_level=True)

pytest.importorskip("langgraph", reason="langgraph is not installed")
pytest.importorskip("starlette", reason="starlette is not installed")

pytestmark = pytest.mark.long


def test_the_command_prints_its_table_and_writes_it_as_json(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "arguments,encoding"]
    done = subprocess.run(
        [*command, "--json", str(out)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1}, done.stderr  # 1 where a bar is missed
    assert "| values lost where an escape was cut | 0 | at most 0: holds |" in done.stdout
    assert "arguments.slowest" in json.dumps(json.loads(out.read_text()))
