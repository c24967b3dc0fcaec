"""Normalizing what was recorded: beside the least, beside an earlier commit, beside others."""

from __future__ import annotations

from functools import partial
from typing import Any

from streamkit import normalize

from . import counting, floor, peers
from .bars import Effort, Row, Rows
from .floor import least, sync_least
from .timing import Contender, run, side_by_side
from .workloads import GRAPHS, Api, recorded, replay


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
    here = peers.installed()
    counts = counting.peers(here) if effort.counts else {}
    for name in peers.PEERS:
        title = f"{name}, beside ours"
        if not counts or name not in here:
            note = "no valgrind" if name in here else "not installed"
            yield Row(f"peer.{name}", f"{title}, instructions", None, note=note)
            continue
        theirs, mine = counts[f"peer {name} theirs"], counts[f"peer {name} ours"]
        note, ratio = f"{theirs:,.0f} a token", counting.exact(theirs / mine)
        yield Row(f"peer.{name}", f"{title}, instructions", ratio, "x ours", note)
    for name in here if effort.times else ():
        contenders = {
            "peer": peers.PEERS[name].theirs(peers.TOKENS),
            "ours": peers.PEERS[name].ours(peers.TOKENS),
        }
        times = side_by_side(contenders, effort.rounds)
        cost = f"{times.of('peer', peers.TOKENS).value:.1f} us a token"
        ratio = times.ratio("peer", "ours")
        yield Row(f"peer.time.{name}", f"{name}, beside ours, time", ratio, "x ours", cost)


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
