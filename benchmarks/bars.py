"""Every bar in one table: what must hold, and the row that says whether it does.

All are ratios of two costs in one run, or exact counts, so that they mean the same on any machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .timing import Figure


class Effort(NamedTuple):
    """How long to look."""

    rounds: int
    tokens: int
    long: int
    counts: bool
    """Whether to count instructions."""
    times: bool = True
    """Whether to measure the time, too, of what is counted."""


FULL = Effort(rounds=25, tokens=2_000, long=100_000, counts=True)
QUICK = Effort(rounds=7, tokens=1_000, long=100_000, counts=True, times=False)


class Row(NamedTuple):
    """A line of the table. What has a bar is found by its id."""

    id: str
    what: str
    figure: Figure | None
    unit: str = "x"
    note: str = ""


Rows = Iterator[Row]


class Bar(NamedTuple):
    limit: float
    at_most: bool

    def holds(self, value: float) -> bool:
        return value <= self.limit if self.at_most else value >= self.limit


def _at_most(limit: float) -> Bar:
    return Bar(limit, at_most=True)


def _at_least(limit: float) -> Bar:
    return Bar(limit, at_most=False)


BARS: dict[str, Bar] = {
    # Looking at a run: recording, beside the encoder and a file; views in one second; percent of a
    # live run.
    "look.record.flushed": _at_most(1.25),
    "look.record.batched": _at_most(1.25),
    "look.view": _at_most(1.0),
    "look.tree": _at_most(1.0),
    "look.metrics.events": _at_most(2.0),
    "look.metrics.messages": _at_most(2.0),
    "look.spans.events": _at_most(2.0),
    "look.spans.messages": _at_most(2.0),
    # Normalizing what was recorded, in instructions, beside the least and an earlier commit.
    "count.events.text": _at_most(3),
    "count.messages.text": _at_most(3),
    "count.events.sync text": _at_most(3),
    "count.messages.sync text": _at_most(3),
    "count.events.tool arguments": _at_most(5),
    "count.messages.tool arguments": _at_most(5),
    "count.events.blocks with thinking": _at_most(5),
    "count.messages.blocks with thinking": _at_most(5),
    "earlier.events": _at_most(0.7),
    "earlier.messages": _at_most(0.7),
    "earlier.events.sync": _at_most(0.7),
    "earlier.messages.sync": _at_most(0.7),
    # Beside others, on the same recording.
    "peer.ag-ui-langgraph": _at_least(20),
    "peer.ag-ui-langgraph endpoint": _at_least(45),
    "peer.langgraph-stream-parser": _at_least(3),
    "peer.v3 mux": _at_least(3),
    # Added to a live graph, in instructions.
    "live.events": _at_most(3),
    "live.messages": _at_most(6),
    "live.events.sse": _at_most(5),
    "live.messages.sse": _at_most(9),
    # The owning call, in instructions, beside the same call with an idle handler.
    "own.agent.own": _at_most(1.15),
    "own.graph.own": _at_most(1.15),
    "own.chain.own": _at_most(1.15),
    "own.agent.tokens": _at_most(1.05),
    "own.graph.tokens": _at_most(1.05),
    "own.chain.tokens": _at_most(1.05),
    "own.chain.tokens.events": _at_most(0.15),
    # The whole way to the browser, in instructions, beside a loop written by hand.
    "bytes.text": _at_most(1),
    "bytes.tool arguments": _at_most(1),
    # Many streams in one process.
    "many.cost": _at_most(1.2),
    "many.delay": _at_most(3),
    "many.kept": _at_most(12),
    # Merging chunks.
    "merge.growth": _at_most(6),
    "merge.fold.text": _at_least(12),
    "merge.fold.one tool call": _at_least(500),
    "merge.fold.any": _at_least(4),
    "merge.nary.text": _at_least(2),
    "merge.nary.tool arguments": _at_least(2),
    "merge.nary.any": _at_least(1 / 1.2),
    # Arguments in flight.
    "arguments.growth": _at_most(4),
    "arguments.slowest": _at_most(5),
    "arguments.lost": _at_most(0),
    # Bytes.
    "encode.text": _at_most(2),
    "encode.others": _at_most(8),
    "encode.state": _at_most(2),
    "encode.ag-ui": _at_least(5),
    "encode.ai-sdk": _at_least(5),
    "serve.share": _at_most(20),
    "serve.sends": _at_most(1),
    # Runs in Redis, beside runs in memory; a follower in another process.
    "runs.redis": _at_most(1.6),
    "runs.redis.many": _at_most(2.0),
    "runs.delay": _at_most(6),
    "runs.delay.ms": _at_most(5),
    "runs.followers": _at_most(1.2),
    "runs.followers.one": _at_most(1.0),
    # Flat, forever.
    "flat.tasks": _at_most(0),
    "flat.generators": _at_most(0),
    "flat.time.events.1000": _at_most(1.05),
    "flat.time.messages.1000": _at_most(1.05),
    "flat.runs": _at_most(0),
    "flat.bytes": _at_most(32),
    "flat.first token": _at_most(1),
    "import.time": _at_most(12),
    "import.use": _at_most(15),
    "import.heavy": _at_most(0),
}
