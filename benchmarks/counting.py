"""Instructions in place of seconds, where a few percent matter: valgrind counts them.

One process runs everything under callgrind, a small and a large run of each case; what the large
one costs more is divided by the items it has more. Nobody else on the machine changes that.

Callgrind is switched on once the process has imported and recorded everything, which takes minutes
otherwise. From then on it writes its counters down, and starts anew, before each ``getppid``: that
is how the process says where a run begins and ends.
"""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from streamkit import normalize
from streamkit.metrics import Metrics
from streamkit.otel import spans
from streamkit.wire import sse

from .floor import floor
from .timing import Contender, Figure, run
from .workloads import GRAPHS, Api, question, recorded, replay
from .workloads import live as started

SMALL, LARGE = 200, 600
REPLAYED = ("text", "tool arguments", "blocks with thinking")
APIS: tuple[Api, ...] = ("events", "messages")

Case = Callable[[int], tuple[Contender, int]]
"""Makes a run of so many tokens, and says how many items that is."""


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


def _replayed(workload: str, api: Api, tokens: int) -> tuple[Contender, int]:
    items = recorded(workload, api, tokens)
    return lambda: run(drain(normalize(replay(items), strict=True))), len(items)


def _floor(workload: str, api: Api, tokens: int) -> tuple[Contender, int]:
    items = recorded(workload, api, tokens)
    return lambda: floor(api, items), len(items)


def _live(api: Api, wrap: Callable[[Any], Any], tokens: int) -> tuple[Contender, int]:
    graph = GRAPHS["text"](tokens)
    return lambda: run(drain(wrap(started(graph, api, question("text"))))), tokens


def _as_sse(source: Any) -> Any:
    return normalize(source).pipe(sse.encoder())


def _measured(source: Any) -> Any:
    return normalize(source).pipe(Metrics())


def _traced(source: Any) -> Any:
    return normalize(source).pipe(spans(_tracer()))


@cache
def _tracer() -> Any:
    from opentelemetry.sdk.trace import TracerProvider

    return TracerProvider().get_tracer("benchmarks")


LIVE: dict[str, Callable[[Any], Any]] = {
    "bare": lambda it: it,
    "ours": normalize,
    "sse": _as_sse,
    "metrics": _measured,
    "spans": _traced,
}


def cases() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for api in APIS:
        for workload in REPLAYED:
            found[f"{api} floor {workload}"] = partial(_floor, workload, api)
            found[f"{api} ours {workload}"] = partial(_replayed, workload, api)
        for name, wrap in LIVE.items():
            found[f"live {api} {name}"] = partial(_live, api, wrap)
    return found


def replayed() -> dict[str, float]:
    """Instructions per recorded item, ours and the floor's."""
    return _instructions([name for name in cases() if not name.startswith("live")])


def live() -> dict[str, float]:
    """Instructions per token of a live graph, bare and normalized."""
    return _live_counts("bare", "ours", "sse")


def looking() -> dict[str, float]:
    """Instructions per token of a live graph, bare, normalized, measured and traced."""
    return _live_counts("bare", "ours", "metrics", "spans")


def _live_counts(*names: str) -> dict[str, float]:
    return _instructions([f"live {api} {name}" for api in APIS for name in names])


def exact(value: float) -> Figure:
    return Figure(value)


def _instructions(names: list[str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "counts"
        _count(names, out)
        dumps = [Path(f"{out}.{number}") for number in range(2, 4 * len(names) + 1, 2)]
        counts = iter([_total(it) for it in dumps])
    return {name: _slope(name, next(counts), next(counts)) for name in names}


def _count(names: list[str], out: Path) -> None:
    callgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--dump-before=os_getppid"]
    python = [sys.executable, "-m", "benchmarks.counting", *names]
    with subprocess.Popen(  # noqa: S603  (this very file)
        [*callgrind, f"--callgrind-out-file={out}", *python],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    ) as child:
        assert child.stdin
        assert child.stdout
        child.stdout.readline()  # it is ready
        subprocess.run(["callgrind_control", "-i", "on", str(child.pid)], check=True)  # noqa: S603, S607
        child.stdin.write(b"\n")
        child.stdin.flush()
        assert child.wait() == 0


def _total(dump: Path) -> int:
    found = re.search(r"^totals: (\d+)", dump.read_text(), re.MULTILINE)
    assert found, "callgrind's format has changed"
    return int(found[1])


def _slope(name: str, small: int, large: int) -> float:
    items = [cases()[name](tokens)[1] for tokens in (SMALL, LARGE)]
    return (large - small) / (items[1] - items[0])


def _run(names: list[str]) -> None:
    """What runs under valgrind."""
    runs = [(cases()[name](SMALL)[0], cases()[name](LARGE)[0]) for name in names]
    for small, _ in runs:
        small()  # to warm up
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    sys.stdin.readline()
    for small, large in runs:
        _counted(small)
        _counted(large)


def _counted(run: Contender) -> None:
    gc.collect()  # or a collection falls into one run that others have caused
    os.getppid()
    run()
    os.getppid()


if __name__ == "__main__":
    _run(sys.argv[1:])
