"""How much the properties are tried: 20 examples each, or as many as ``STREAMKIT_FUZZ`` says.

And the fixtures that several modules share.
"""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from js_clients import clients, reader

__all__ = ["clients", "reader"]

QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]

# The gate tries the same examples each time, so that it fails for what was changed.
SAME = "CI" in os.environ and "STREAMKIT_FUZZ" not in os.environ
EXAMPLES = int(os.environ.get("STREAMKIT_FUZZ", "20"))
settings.register_profile(
    "streamkit",
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=QUIET,
    derandomize=SAME,
)
settings.load_profile("streamkit")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors: many tests wait for a server."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage among what stays to the end: that is a third of the time.

    It is not frozen: hypothesis 6.100 then takes examples that it has tried for others.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a browser: the plain run leaves it out, and `.ci/run` has a step for it."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


def pytest_sessionfinish() -> None:
    """Save what coverage has measured: xdist kills a worker that takes ten seconds to exit."""
    coverage: Any = sys.modules.get("coverage")
    measuring = coverage and coverage.Coverage.current()
    if measuring:
        measuring.save()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many facts of the recorded provider streams came through each API exactly."""
    rows: dict[str, Counter[tuple[str, int]]] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == "corpus":
                api, facts = value
                row = rows.setdefault(api, Counter())
                row["streams", 0] += 1
                row.update(
                    {(fact, nth): it for fact in facts for nth, it in enumerate(facts[fact])}
                )
    for api, row in rows.items():
        facts = ("texts", "calls", "thoughts")
        exact = ", ".join(f"{row[it, 1]} of {row[it, 0]} {it}" for it in facts)
        changed = ", ".join(f"{row[it, 2]} {it}" for it in facts if row[it, 2])
        note = f" (clients had changed {changed})" if changed else ""
        terminalreporter.write_line(f"{api:22}{row['streams', 0]:>4} streams: {exact}{note}")
