"""Normalizing what was recorded: beside the least, beside an earlier commit, beside others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from streamkit import normalize
from streamkit.wire import ag_ui

from . import counting, floor, peers
from .bars import Effort, Row, Rows
from .floor import least, sync_least
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
        for workload in GRAPHS if effort.times else ("text",):
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
            "least": partial(least, items),
            "ours": ours(items),
            "sync least": partial(sync_least, items),
            "sync": partial(ours_sync, items),
        },
        effort.rounds,
    )
    name = f"{workload}, {api}"
    cost = f"{times.of('ours', len(items)).value:.1f} us an item"
    yield Row(f"replay.{api}.{workload}", name, times.ratio("ours", "least"), "x least", cost)
    if workload == "text":
        cost = f"{times.of('sync', len(items)).value:.1f} us an item"
        ratio = times.ratio("sync", "sync least")
        yield Row(f"replay.sync.{api}", f"{name}, sync", ratio, "x least", cost)


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
    counts = {name: it for api in counting.APIS for name, it in counting.counted(api).items()}
    for api in counting.APIS:
        for kind in (*counting.REPLAYED, "sync text"):
            way, workload = ("sync ", "text") if kind == "sync text" else ("", kind)
            mine = counts[f"{api} {way}ours {workload}"]
            ratio = counting.exact(mine / counts[f"{api} {way}least {workload}"])
            name = f"{workload}, {api}{', sync' if way else ''}, instructions"
            yield Row(f"count.{api}.{kind}", name, ratio, "x least", f"{mine:,.0f} an item")
    with floor.earlier() as source:
        before = counting.earlier(source) if source else {}
    for api in counting.APIS:
        for way in ("", "sync "):
            name = f"{api} {way}ours text"
            what = f"text, {api}{', sync' if way else ''}, instructions, beside {floor.EARLIER}"
            figure = counting.exact(counts[name] / before[name]) if before else None
            note = f"{before[name]:,.0f} an item there" if before else "no git"
            yield Row(f"earlier.{api}{'.sync' if way else ''}", what, figure, "x", note)
