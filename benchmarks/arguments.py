"""Tool arguments in flight: `PartialJSON` fed five characters at a time, each time to be shown."""

from __future__ import annotations

import json
import time
from typing import Any

from streamkit.partial_json import PartialJSON

from .bars import Effort, Row, Rows
from .timing import Figure, side_by_side

STEP = 5


def document(characters: int) -> list[str]:
    """The arguments of a call that writes a file, with escapes, in pieces."""
    text = json.dumps({"path": "a.py", "body": "x = 'caf\u00e9' \U0001f600\n" * (characters // 30)})
    return [text[at : at + STEP] for at in range(0, len(text), STEP)]


def feed(chunks: list[str]) -> float:
    """Read it all; give the seconds of the slowest single feed."""
    reader, slowest = PartialJSON(), 0.0
    for it in chunks:
        begin = time.thread_time()
        reader.feed(it)
        slowest = max(slowest, time.thread_time() - begin)
    reader.close()
    return slowest


def lost_at_cuts() -> int:
    """How often a value vanishes, or another comes, when a chunk ends inside an escape."""
    value: Any = {"a": "caf\u00e9 \U0001f600"}
    text, lost = json.dumps(value), 0
    for cut in range(len(text)):
        reader = PartialJSON()
        reader.feed(text[:cut])
        shown = (reader.value or {}).get("a", "")
        reader.feed(text[cut:])
        lost += not value["a"].startswith(shown) or reader.close() != value
        lost += cut > text.index("caf") + 3 and not shown.startswith("caf")
    return lost


def rows(effort: Effort) -> Rows:
    short, long = document(10_000), document(200_000)
    contenders = {"short": lambda: feed(short), "long": lambda: feed(long)}
    times = side_by_side(contenders, max(3, effort.rounds // 3))
    factor = len(short) / len(long)
    growth = times.ratio("long", "short").scaled(factor)
    note = f"{times.of('long', len(long)).value:.1f} us a chunk"
    yield Row("arguments.growth", "a chunk at 200 kB, beside 10 kB", growth, "x", note)
    slowest = min(feed(long) for _ in range(3)) * 1e3
    yield Row("arguments.slowest", "the slowest feed at 200 kB", Figure(slowest), "ms")
    cuts = Figure(lost_at_cuts())
    yield Row("arguments.lost", "values lost where an escape was cut", cuts, "")
