"""Merging chunks: `merge_chunks` beside LangChain's fold and its n-ary add, on nine workloads.

The fold takes a minute for 10,000 fragments of one tool call. Where that is too long it is given
fewer, and the row says so: the ratio only grows with their number.
"""

from __future__ import annotations

import functools
import operator
import time
from collections.abc import Callable

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import add_ai_message_chunks

from streamkit.merge import merge_chunks

from .bars import Effort, Row, Rows
from .timing import Figure, side_by_side
from .workloads import blocks, call, chunk, pieces, text, tool_args

Chunks = list[AIMessageChunk]


def four_tool_calls(n: int) -> Chunks:
    chunks: Chunks = []
    for i in range(4):
        start = call(i, "", name=f"tool{i}", id=f"call_{i}")
        rest = (call(i, piece) for piece in pieces(n // 4))
        chunks += (chunk(tool_call_chunks=[fragment]) for fragment in [start, *rest])
    return chunks


def anthropic_text(n: int) -> Chunks:
    return [chunk([{"type": "text", "text": f"word{i % 10} ", "index": 0}]) for i in range(n)]


def v1_blocks(n: int) -> Chunks:
    v1 = {"output_version": "v1"}
    return [
        chunk(
            [{"type": "text", "text": f"word{i % 10} ", "index": "lc_txt_0"}], response_metadata=v1
        )
        for i in range(n)
    ]


def usage(n: int) -> Chunks:
    return [
        chunk(
            "word ",
            usage_metadata={
                "input_tokens": 0 if i else 100,
                "output_tokens": 1,
                "total_tokens": 1 if i else 101,
                "output_token_details": {"reasoning": 0},
            },
        )
        for i in range(n)
    ]


def reasoning(n: int) -> Chunks:
    return [chunk(additional_kwargs={"reasoning_content": f"hm{i % 10} "}) for i in range(n)]


def mixed(n: int) -> Chunks:
    end = chunk(response_metadata={"finish_reason": "tool_calls", "model_name": "m"})
    return [*reasoning(n // 4), *text(n // 4), *tool_args(n // 4), *usage(n // 4), end]


WORKLOADS: dict[str, Callable[[int], Chunks]] = {
    "text": text,
    "one tool call": tool_args,
    "four tool calls": four_tool_calls,
    "blocks of text": anthropic_text,
    "thinking, text and a call": blocks,
    "blocks of version 1": v1_blocks,
    "usage in every chunk": usage,
    "reasoning": reasoning,
    "all of it": mixed,
}
LONG = {"text", "one tool call"}
"""What the fold is given more of: five times the tokens of other benchmarks."""


def fold(chunks: Chunks) -> AIMessageChunk:
    return functools.reduce(operator.add, chunks)


def nary(chunks: Chunks) -> AIMessageChunk:
    return add_ai_message_chunks(chunks[0], *chunks[1:])


def rows(effort: Effort) -> Rows:
    growths, folds, narys = {}, {}, {}
    for name, make in WORKLOADS.items():
        growths[name] = _growth(make, effort)
        narys[name] = _beside_nary(make, effort)
        yield Row(f"merge.growth.{name}", f"{name}: t(16k)/t(4k)", growths[name])
        yield Row(f"merge.nary {name}", f"{name}: n-ary add, 10k", narys[name], "x ours")
        size = 5 * effort.tokens if name in LONG else 2_000
        folds[name] = _beside_fold(make, size)
        id = f"merge.fold.{name}" if name in LONG else f"merge.fold {name}"
        yield Row(id, f"{name}: pairwise fold, {size // 1000}k", folds[name], "x ours")
    yield Row("merge.growth", "the worst growth", max(growths.values()))
    yield Row("merge.fold.any", "the least gain over the fold", min(folds.values()), "x ours")
    yield Row("merge.nary.text", "n-ary add on text", narys["text"], "x ours")
    calls = min(narys["one tool call"], narys["four tool calls"])
    yield Row("merge.nary.tool arguments", "n-ary add on tool arguments", calls, "x ours")
    yield Row("merge.nary.any", "the least gain over n-ary add", min(narys.values()), "x ours")


def _growth(make: Callable[[int], Chunks], effort: Effort) -> Figure:
    few, many = make(4_000), make(16_000)
    contenders = {"few": lambda: merge_chunks(few), "many": lambda: merge_chunks(many)}
    return side_by_side(contenders, effort.rounds // 2).ratio("many", "few")


def _beside_nary(make: Callable[[int], Chunks], effort: Effort) -> Figure:
    chunks = make(10_000)
    contenders = {"nary": lambda: nary(chunks), "ours": lambda: merge_chunks(chunks)}
    return side_by_side(contenders, effort.rounds // 2).ratio("nary", "ours")


def _beside_fold(make: Callable[[int], Chunks], size: int) -> Figure:
    """One round where that takes more than a second, and many times ours; else some."""
    chunks = make(size)
    few = make(200)
    assert merge_chunks(few) == nary(few)
    begin = time.process_time()
    fold(chunks)
    slow = time.process_time() - begin
    contenders = {"fold": lambda: fold(chunks), "ours": lambda: merge_chunks(chunks)}
    if slow < 1:
        return side_by_side(contenders, 5).ratio("fold", "ours")
    del contenders["fold"]
    return Figure(slow * 1e6 / side_by_side(contenders, 5).of("ours").value)
