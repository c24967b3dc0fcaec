"""Normalizing what was recorded: beside the floor, and beside others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from streamkit import normalize
from streamkit.wire import ag_ui

from . import counting, peers
from .bars import Effort, Row, Rows
from .floor import floor, sync_floor
from .timing import Contender, run, side_by_side
from .workloads import GRAPHS, Api, chunk, recorded, replay, text


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


def ours(items: list[Any], **options: Any) -> Contender:
    return lambda: run(drain(normalize(replay(items), strict=True, **options)))


def ours_sync(items: list[Any]) -> None:
    for _ in normalize(iter(items), strict=True):
        pass


def rows(effort: Effort) -> Rows:
    for api in ("events", "messages"):
        for workload in GRAPHS:
            is_nested = workload.startswith("depth") and workload != "depth 1"
            source: Api = "subgraphs" if api == "messages" and is_nested else api
            yield from _beside_floor(source, workload, effort)
    yield from _beside_peers(effort)
    if effort.counts:
        yield from _in_instructions()


def _beside_floor(api: Api, workload: str, effort: Effort) -> Rows:
    items = recorded(workload, api, effort.tokens)
    times = side_by_side(
        {
            "floor": partial(floor, api, items),
            "ours": ours(items),
            "sync floor": partial(sync_floor, api, items),
            "sync": partial(ours_sync, items),
        },
        effort.rounds,
    )
    name = f"{workload}, {api}"
    cost = f"{times.of('ours', len(items)).value:.1f} us an item"
    yield Row(f"replay.{api}.{workload}", name, times.ratio("ours", "floor"), "x floor", cost)
    if workload == "text":
        cost = f"{times.of('sync', len(items)).value:.1f} us an item, beside a bare `for`"
        ratio = times.ratio("sync", "sync floor")
        yield Row(f"replay.sync.{api}", f"{name}, sync", ratio, "x floor", cost)


def _beside_peers(effort: Effort) -> Rows:
    n = peers.TOKENS
    events, dual = recorded("text", "events", n), recorded("text", "dual", n)
    v3, chunks = recorded("text", "v3", n), [*text(n), chunk(chunk_position="last")]
    encoded = lambda: run(drain(normalize(replay(events)).pipe(ag_ui.encoder())))  # noqa: E731
    beside: list[tuple[str, Callable[[], Contender], Contender]] = [
        ("ag-ui-langgraph", lambda: peers.ag_ui_langgraph(n, default=False), ours(events)),
        ("ag-ui-langgraph endpoint", lambda: peers.ag_ui_langgraph(n, default=True), encoded),
        (
            "langgraph-stream-parser",
            lambda: peers.langgraph_stream_parser(n),
            lambda: ours_sync(dual),
        ),
        ("v3 mux", lambda: peers.v3_mux(n), lambda: ours_sync(v3)),
        ("pydantic-ai parts", lambda: peers.pydantic_ai_parts(n), lambda: ours_sync(chunks)),
    ]
    for name, make, mine in beside:
        peer = peers.installed(make)
        title = f"{name}, beside ours"
        if peer is None:
            yield Row(f"peer.{name}", title, None, note="not installed")
            continue
        times = side_by_side({"peer": peer, "ours": mine}, max(9, effort.rounds))
        cost = f"{times.of('peer', n).value:.1f} us a token"
        yield Row(f"peer.{name}", title, times.ratio("peer", "ours"), "x ours", cost)


def _in_instructions() -> Rows:
    counts = counting.replayed()
    for api in counting.APIS:
        for workload in counting.REPLAYED:
            mine, base = counts[f"{api} ours {workload}"], counts[f"{api} floor {workload}"]
            name = f"{workload}, {api}, instructions"
            note = f"{mine:,.0f} an item"
            yield Row(f"count.{api}.{workload}", name, counting.exact(mine / base), "x floor", note)
