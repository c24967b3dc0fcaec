"""The whole way: a provider's chunks as SSE bytes, beside the loop that people write by hand.

The loop knows text and tool calls, writes them with ``json.dumps``, and nothing else: no blocks, no
starts and ends, no ids, no errors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from streamkit import normalize

from . import counting
from .bars import Effort, Row, Rows
from .timing import Contender, side_by_side
from .workloads import recorded


def by_hand(pairs: Iterable[Any]) -> Iterator[bytes]:
    for message, metadata in pairs:
        node = metadata["langgraph_node"]
        if message.content:
            data = {"type": "text", "id": message.id, "node": node, "text": message.content}
            yield f"event: text\ndata: {json.dumps(data)}\n\n".encode()
        for call in message.tool_call_chunks:
            data = {"type": "tool", "id": message.id, "node": node, **call}
            yield f"event: tool\ndata: {json.dumps(data)}\n\n".encode()


def ours(pairs: Iterable[Any]) -> Iterable[bytes]:
    from streamkit.wire import sse

    return normalize(iter(pairs), strict=True).pipe(sse.encoder())


def case(name: str, workload: str, tokens: int) -> tuple[Contender, int]:
    pairs = recorded(workload, "messages", tokens)
    write = ours if name == "ours" else by_hand

    def run() -> None:
        for _ in write(pairs):
            pass

    return run, len(pairs)


def rows(effort: Effort) -> Rows:
    counts = counting.counted("bytes") if effort.counts else {}
    for workload in counting.WRITTEN:
        name = f"chunk to SSE bytes, {workload}"
        if counts:
            mine, theirs = counts[f"bytes ours {workload}"], counts[f"bytes by hand {workload}"]
            note = f"{mine:,.0f} instructions"
            figure = counting.exact(mine / theirs)
            yield Row(f"bytes.{workload}", name, figure, "x by hand", note)
        contenders = {it: case(it, workload, effort.tokens)[0] for it in ("ours", "by hand")}
        times = side_by_side(contenders, effort.rounds)
        note = f"{times.of('ours', effort.tokens).value:.1f} us"
        ratio = times.ratio("ours", "by hand")
        yield Row(f"bytes.time.{workload}", f"{name}, time", ratio, "x by hand", note)
