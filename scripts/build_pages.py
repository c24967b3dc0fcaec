"""Build every generated file of docs/: ``python scripts/build_pages.py``.

The tests compare each of them with what this writes, and name the script where one is out of date.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

PAGES = (
    "scripts/events_page.py",
    "scripts/presets_page.py",
    "scripts/sources_page.py",
    "scripts/look_page.py",
    "scripts/api_page.py",
    "scripts/structure.py",
    "scripts/reliability_page.py",
)


def build() -> None:
    """Run each script, and write the schema for other programs."""
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests" / "support")])
    env = {**os.environ, "PYTHONPATH": paths}
    for page in PAGES:
        print(page)
        subprocess.run([sys.executable, page], cwd=ROOT, env=env, check=True)
    for option, name in (("--json", "schema.json"), ("--typescript", "schema.d.ts")):
        command = [sys.executable, "-m", "streamkit", "schema", option]
        done = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True)
        (ROOT / "docs" / name).write_bytes(done.stdout)


if __name__ == "__main__":
    build()
