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

from benchmarks import report  # noqa: E402
from benchmarks.bars import Row  # noqa: E402
from benchmarks.timing import Figure  # noqa: E402

pytestmark = pytest.mark.long


def command(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_its_table_and_writes_it_as_json(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = command("--only", "arguments,encoding", "--json", str(out))
    assert done.returncode == 1, done.stderr  # bars of other modules were not measured
    assert "| values lost where an escape was cut | 0 | at most 0: holds |" in done.stdout
    rows = json.loads(out.read_text())["rows"]
    assert set(rows) == {"arguments", "encoding"}
    assert "arguments.slowest" in {row["id"] for row in rows["arguments"]}


def test_two_pythons_have_a_column_each_and_rows_of_earlier_runs_stay(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    command("--only", "arguments", "--json", str(out))
    # A Python that has nothing installed: its module fails, and the table is printed all the same.
    done = command("--only", "desks", "--json", str(out), "--beside", "/bin/false")
    assert done.returncode == 1
    assert "desks: " in done.stderr
    assert "without rows (/bin/false)" in done.stderr
    assert "| values lost where an escape was cut | 0 |  | at most 0: **missed** |" in done.stdout


def test_a_module_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = command("--only", "encoding", "--json", str(out), "--limit", "0.1")
    assert "without rows" in done.stderr
    assert not out.exists()


def test_a_bar_holds_only_where_it_was_measured_and_holds_on_each_python() -> None:
    good, bad = ({"bytes.text": Row("bytes.text", "", Figure(it))} for it in (0.5, 1.5))
    assert report.holds("bytes.text", [good, good])
    assert not report.holds("bytes.text", [good, bad])
    assert not report.holds("bytes.text", [good, {}])
    assert not report.holds("bytes.text", [{"bytes.text": Row("bytes.text", "", None)}])


def test_a_module_that_is_unknown_is_refused() -> None:
    done = command("--only", "replays")
    assert done.returncode == 2
    assert "no module is called replays; choose from desks" in done.stderr
