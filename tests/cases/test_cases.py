"""The case table: raw items in, a readable transcript out.

The transcripts stand in ``tests/cases/NAME.txt``, one line an event. To write them anew, and then
read the diff: ``STREAMKIT_UPDATE_CASES=1 pytest tests/cases/test_cases.py``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from case_table import CASES
from streamkit import normalize
from streamkit.testing import check_stream
from streamkit.transcript import transcript

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    build = CASES[name]
    dialect = "chunks" if name.startswith("objects") else None
    events = list(normalize(build(), dialect=dialect, on_error="event"))
    check_stream(events)
    told = "\n".join(transcript(events)) + "\n"
    path = FOLDER / f"{name}.txt"
    if os.environ.get("STREAMKIT_UPDATE_CASES"):
        path.write_text(told)
    assert told == path.read_text()


def test_no_transcript_is_left_behind() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(CASES)
