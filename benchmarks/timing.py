"""Times beside each other: a shared machine changes its speed by the second.

So contenders take turns, round by round, and what is told is the median of the rounds' ratios,
with the quartiles around it. The clock is that of the processor, which stands still while others
have it. Where that is still too coarse, see `counting`.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Contender = Callable[[], object]

run: Callable[[Any], Any] = asyncio.new_event_loop().run_until_complete
"""Runs a coroutine, on one loop for all: making a loop costs as much as a thousand items do."""


class Figure(NamedTuple):
    """A median and its quartiles."""

    value: float
    low: float | None = None
    high: float | None = None

    def scaled(self, factor: float) -> Figure:
        return Figure(*(it if it is None else it * factor for it in self))


def median(values: list[float]) -> Figure:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Figure(middle, low, high)


class Times:
    """How long each contender took, in each round."""

    def __init__(self, seconds: Mapping[str, list[float]]) -> None:
        self._seconds = seconds

    def of(self, name: str, per: int = 1) -> Figure:
        """Microseconds, for one of ``per`` items."""
        return median(self._seconds[name]).scaled(1e6 / per)

    def ratio(self, name: str, base: str) -> Figure:
        """How many times as long one took as the other."""
        rounds = zip(self._seconds[name], self._seconds[base], strict=True)
        return median([slow / fast for slow, fast in rounds])


def side_by_side(
    contenders: Mapping[str, Contender],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> Times:
    """Time each contender once a round, after a round to warm up that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    gc.collect()
    gc.freeze()  # what was recorded would not lie around in a live stream
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            begin = clock()
            contender()
            if number:
                seconds[name].append(clock() - begin)
    gc.unfreeze()
    return Times(seconds)
