"""Instructions in place of seconds, where a few percent matter: valgrind counts them.

One process runs everything under callgrind, a small and a large run of each case; what the large
one costs more is divided by the items it has more. Nobody else on the machine changes that. The
large run is long enough that the garbage collector's few large collections do not fall into one
contender by chance: with a third of it, an agent and a graph of one model differed by a twentieth.

Callgrind is switched on once the process has imported and recorded everything, which takes minutes
otherwise. From then on it writes its counters down, and starts anew, before each ``getppid``: that
is how the process says where a run begins and ends.

The code of an earlier commit is counted by this file, too, so what that lacks is imported late.

Valgrind makes everything some fifty times as slow, and not the clock. So a stream that lets the
loop run every ten milliseconds does that every half second here.
"""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

from streamkit import normalize

from .floor import least, sync_least
from .timing import Contender, Figure, run
from .workloads import GRAPHS, Api, question, recorded, replay
from .workloads import live as started

SMALL, LARGE = 200, 1_400
SLOWER = 50
ROUNDS = 3
REPLAYED = ("text", "tool arguments", "blocks with thinking")
APIS: tuple[Api, ...] = ("events", "messages")
RUNNABLES = ("agent", "graph", "chain")
CALLS = ("events", "limit", "own", "tokens limit", "tokens")
WRITTEN = ("text", "tool arguments")
PEERS = (
    "ag-ui-langgraph",
    "ag-ui-langgraph endpoint",
    "langgraph-stream-parser",
    "v3 mux",
    "pydantic-ai parts",
)

Case = Callable[[int], tuple[Contender, int]]
"""Makes a run of so many tokens, and says how many items that is."""


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


def _each(stream: Iterable[Any]) -> None:
    for _ in stream:
        pass


# --- what was recorded


def _replayed(workload: str, api: Api, tokens: int) -> tuple[Contender, int]:
    items = recorded(workload, api, tokens)
    return lambda: run(drain(normalize(replay(items), strict=True))), len(items)


def _sync(workload: str, api: Api, tokens: int) -> tuple[Contender, int]:
    items = recorded(workload, api, tokens)
    return lambda: _each(normalize(iter(items), strict=True)), len(items)


def _floor(
    floor: Callable[[list[Any]], None], workload: str, api: Api, tokens: int
) -> tuple[Contender, int]:
    items = recorded(workload, api, tokens)
    return partial(floor, items), len(items)


def _bytes(name: str, workload: str, tokens: int) -> tuple[Contender, int]:
    from . import browser

    return browser.case(name, workload, tokens)


def _peer(name: str, side: str, tokens: int) -> tuple[Contender, int]:
    from . import peers

    return getattr(peers.PEERS[name], side)(tokens), tokens


# --- live graphs


def _live(api: Api, wrap: Callable[[Any], Any], tokens: int) -> tuple[Contender, int]:
    graph = GRAPHS["text"](tokens)
    return lambda: run(drain(wrap(started(graph, api, question("text"))))), tokens


def _called(runnable: str, call: str, tokens: int) -> tuple[Contender, int]:
    from . import live

    return live.case(runnable, call, tokens), tokens


def _as_sse(source: Any) -> Any:
    from streamkit.wire import sse

    return normalize(source).pipe(sse.encoder())


def _measured(source: Any) -> Any:
    from streamkit.metrics import Metrics

    return normalize(source).pipe(Metrics())


def _traced(source: Any) -> Any:
    from streamkit.otel import spans

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
            found[f"{api} least {workload}"] = partial(_floor, least, workload, api)
            found[f"{api} ours {workload}"] = partial(_replayed, workload, api)
        found[f"{api} sync least text"] = partial(_floor, sync_least, "text", api)
        found[f"{api} sync ours text"] = partial(_sync, "text", api)
        for name, wrap in LIVE.items():
            found[f"live {api} {name}"] = partial(_live, api, wrap)
    for name in RUNNABLES:
        for call in CALLS:
            found[f"call {name} {call}"] = partial(_called, name, call)
    for workload in WRITTEN:
        for name in ("ours", "by hand"):
            found[f"bytes {name} {workload}"] = partial(_bytes, name, workload)
    for name in PEERS:
        for side in ("theirs", "ours"):
            found[f"peer {name} {side}"] = partial(_peer, name, side)
    return found


def counted(beginning: str, source: str | None = None) -> dict[str, float]:
    """Return the instructions per item of each case whose name begins so.

    ``source`` is where an earlier streamkit is.
    """
    names = [name for name in cases() if name.startswith(beginning)]
    return _instructions(names, source)


def peers(names: list[str]) -> dict[str, float]:
    """Return the instructions per token of other libraries, and of ours on the same recording."""
    return _instructions([f"peer {name} {side}" for name in names for side in ("theirs", "ours")])


def earlier(source: str) -> dict[str, float]:
    """Return the instructions that an earlier streamkit takes for an item."""
    kinds = ("ours text", "sync ours text")
    return _instructions([f"{api} {kind}" for api in APIS for kind in kinds], source)


def live() -> dict[str, float]:
    """Return the instructions per token of a live graph, bare and normalized."""
    return _live_counts("bare", "ours", "sse")


def looking() -> dict[str, float]:
    """Return the instructions per token of a live graph, bare, normalized, measured and traced."""
    return _live_counts("bare", "ours", "metrics", "spans")


def _live_counts(*names: str) -> dict[str, float]:
    # What is added is the small difference of two large counts, each good to a fifth of a percent.
    return _instructions([f"live {api} {name}" for api in APIS for name in names], rounds=ROUNDS)


def exact(value: float) -> Figure:
    return Figure(value)


def _instructions(names: list[str], source: str | None = None, rounds: int = 1) -> dict[str, float]:
    """Return the median of the rounds, in which the contenders take turns."""
    names = names * rounds
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "counts"
        _count(names, out, source)
        dumps = [Path(f"{out}.{number}") for number in range(2, 4 * len(names) + 1, 2)]
        counts = iter([_total(it) for it in dumps])
        slopes = [(name, _slope(name, next(counts), next(counts))) for name in names]
    return {name: median(slope for it, slope in slopes if it == name) for name in names}


def _count(names: list[str], out: Path, source: str | None) -> None:
    callgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--dump-before=getppid"]
    python = [sys.executable, "-m", "benchmarks.counting", *names]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    if source:
        environment["PYTHONPATH"] = source
    with subprocess.Popen(  # noqa: S603  (this very file)
        [*callgrind, f"--callgrind-out-file={out}", *python],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as child:
        assert child.stdin
        assert child.stdout
        child.stdout.readline()  # it is ready
        control = ["callgrind_control", "-i", "on", str(child.pid)]
        subprocess.run(control, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
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
    with suppress(AttributeError, ImportError):  # the earlier code has no such turns
        from streamkit._drive import _async_stream

        _async_stream._TURN *= SLOWER
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
