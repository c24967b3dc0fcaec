"""What it costs to look at a run: to record it, to measure it, to trace it, and to watch it.

Recording stands beside the same lines, written to the same kind of file by hand: a system call a
line takes three times as long as encoding it. What metrics and spans add is a few percent of a live
run, so instructions are counted. Views are timed on a terminal that draws nothing: they must keep
up with 5,000 events a second.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamkit import Event, normalize
from streamkit.record import record
from streamkit.terminal import TerminalView, TreeView
from streamkit.wire import ndjson

from . import counting
from .bars import Effort, Row, Rows
from .timing import Contender, side_by_side
from .workloads import recorded

RATE = 5_000  # events a second


def rows(effort: Effort) -> Rows:
    events = list(normalize(recorded("text", "events", effort.tokens)))
    yield from _recording(effort, events)
    yield from _viewing(effort, (events * (1 + RATE // len(events)))[:RATE])
    if effort.counts:
        yield from _added()


def _recording(effort: Effort, events: list[Event]) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"

        def through(make: Callable[[], Any]) -> Contender:
            def run() -> None:
                stage = make()
                for event in events:
                    stage(event)

            return run

        def by_hand(buffering: int) -> Contender:
            def run() -> None:
                encode = ndjson.encoder(private=True).stage()
                with path.open("wb", buffering) as file:
                    for event in events:
                        for line in encode(event):
                            file.write(line)

            return run

        contenders = {
            "encoder": through(lambda: ndjson.encoder(private=True).stage()),
            "flushed": through(lambda: record(path).stage()),
            "flushed by hand": by_hand(0),
            "batched": through(lambda: record(path, flush=False).stage()),
            "batched by hand": by_hand(1 << 16),
        }
        times = side_by_side(contenders, effort.rounds)
    for name in ("flushed", "batched"):
        ratio = times.ratio(name, f"{name} by hand")
        yield Row(f"look.record.{name}", f"record(), {name}", ratio, "x encoded, written by hand")
        cost = times.of(name, len(events)).value - times.of("encoder", len(events)).value
        note = f"{cost:.2f} us an event more"
        ratio = times.ratio(name, "encoder")
        yield Row(f"time.record.{name}", f"record(), {name}", ratio, "x ndjson.encoder()", note)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _viewing(effort: Effort, events: list[Event]) -> Rows:
    def watched(view_class: type[TerminalView | TreeView]) -> Contender:
        def run() -> None:
            with view_class(_Terminal(), live=True) as view:
                for event in events:
                    view.feed(event)

        return run

    contenders = {"view": watched(TerminalView), "tree": watched(TreeView)}
    times = side_by_side(contenders, max(5, effort.rounds // 5))
    for name, what in (("view", "TerminalView"), ("tree", "TreeView")):
        share = times.of(name).scaled(1e-6)
        yield Row(f"look.{name}", f"{what}, 5,000 events in a second", share, "of the second")


def _added() -> Rows:
    counts = counting.looking()
    for api in counting.APIS:
        bare, ours = counts[f"live {api} bare"], counts[f"live {api} ours"]
        for name in ("metrics", "spans"):
            added = 100 * (counts[f"live {api} {name}"] - ours) / bare
            what = f"{name} added to a graph's {api}"
            yield Row(f"look.{name}.{api}", what, counting.exact(added), "%")
