"""Merging chunks: streamkit beside LangChain's fold and its n-ary add, on nine workloads.

    python benchmarks/merge.py [--quick]

Rounds are interleaved and the median of their ratios is shown, because a shared machine changes
its speed by the second. A ratio says how many times longer the other takes for the same chunks;
the fold is given fewer of them, for it takes a minute for 10,000 fragments of one tool call.
``growth`` is our time for four times as many chunks: 4 is linear. ``!`` marks a missed goal.
"""

from __future__ import annotations

import argparse
import functools
import json
import operator
import statistics
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import add_ai_message_chunks

from streamkit.merge import merge_chunks

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = "lc_run--0197"


def chunk(content: Any = "", **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=content, id=RUN, **fields)


def pieces(n: int) -> list[str]:
    """A JSON object of n pieces, as the arguments of a call that writes a file."""
    text = json.dumps({"path": "a.py", "body": "x = 1; " * n})
    size = -(-len(text) // n)
    return [text[at : at + size] for at in range(0, len(text), size)]


def call(index: int, args: str, **start: str) -> dict[str, Any]:
    return {"name": None, "id": None, **start, "args": args, "index": index}


def text(n: int) -> list[AIMessageChunk]:
    return [chunk(f"word{i % 10} ") for i in range(n)]


def one_tool_call(n: int) -> list[AIMessageChunk]:
    start = chunk(tool_call_chunks=[call(0, "", name="write_file", id="call_0")])
    return [start, *(chunk(tool_call_chunks=[call(0, piece)]) for piece in pieces(n))]


def four_tool_calls(n: int) -> list[AIMessageChunk]:
    chunks: list[AIMessageChunk] = []
    for i in range(4):
        start = call(i, "", name=f"tool{i}", id=f"call_{i}")
        rest = (call(i, piece) for piece in pieces(n // 4))
        chunks += (chunk(tool_call_chunks=[fragment]) for fragment in [start, *rest])
    return chunks


def anthropic_text(n: int) -> list[AIMessageChunk]:
    return [chunk([{"type": "text", "text": f"word{i % 10} ", "index": 0}]) for i in range(n)]


def thinking_text_tool_use(n: int) -> list[AIMessageChunk]:
    third = n // 3
    start = {"type": "tool_use", "id": "toolu_1", "name": "write_file", "input": {}, "index": 2}
    return [
        *(chunk([{"type": "thinking", "thinking": "hm ", "index": 0}]) for _ in range(third)),
        chunk([{"type": "thinking", "signature": "c2lnbmVk", "index": 0}]),
        *(chunk([{"type": "text", "text": "word ", "index": 1}]) for _ in range(third)),
        chunk([start], tool_call_chunks=[call(2, "", name="write_file", id="toolu_1")]),
        *(
            chunk(
                [{"type": "input_json_delta", "partial_json": piece, "index": 2}],
                tool_call_chunks=[call(2, piece)],
            )
            for piece in pieces(third)
        ),
    ]


def v1_blocks(n: int) -> list[AIMessageChunk]:
    v1 = {"output_version": "v1"}
    return [
        chunk(
            [{"type": "text", "text": f"word{i % 10} ", "index": "lc_txt_0"}], response_metadata=v1
        )
        for i in range(n)
    ]


def usage(n: int) -> list[AIMessageChunk]:
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


def reasoning(n: int) -> list[AIMessageChunk]:
    return [chunk(additional_kwargs={"reasoning_content": f"hm{i % 10} "}) for i in range(n)]


def mixed(n: int) -> list[AIMessageChunk]:
    end = chunk(response_metadata={"finish_reason": "tool_calls", "model_name": "m"})
    return [*reasoning(n // 4), *text(n // 4), *one_tool_call(n // 4), *usage(n // 4), end]


class Goal(NamedTuple):
    """How many times faster than the others at least."""

    fold: float = 4
    nary: float = 1 / 1.2


GROWTH = 6

WORKLOADS: dict[Callable[[int], list[AIMessageChunk]], Goal] = {
    text: Goal(fold=12, nary=2),
    one_tool_call: Goal(fold=100, nary=2),
    four_tool_calls: Goal(nary=2),
    anthropic_text: Goal(),
    thinking_text_tool_use: Goal(),
    v1_blocks: Goal(),
    usage: Goal(),
    reasoning: Goal(),
    mixed: Goal(),
}


def fold(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    return functools.reduce(operator.add, chunks)


def nary(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    return add_ai_message_chunks(chunks[0], *chunks[1:])


def seconds(merge: Callable[[Any], Any], chunks: list[AIMessageChunk]) -> float:
    start = time.perf_counter()
    merge(chunks)
    return time.perf_counter() - start


def ratio(slow: tuple[Any, Any], fast: tuple[Any, Any], rounds: int) -> float:
    """The median of how many times longer the first (merge, chunks) takes than the second."""
    return statistics.median(seconds(*slow) / seconds(*fast) for _ in range(rounds))


def shown(value: float, *, good: bool) -> str:
    return f"{value:9.1f}{' ' if good else '!'}"


def main() -> None:
    parser = argparse.ArgumentParser(description="time merge_chunks beside LangChain's merges")
    parser.add_argument("--quick", action="store_true", help="fewer chunks and rounds")
    quick = parser.parse_args().quick
    size, fold_size, rounds = (2_000, 1_000, 5) if quick else (10_000, 2_000, 9)
    print(f"{'':24}{'us/chunk':>9}{'n-ary':>10}{'fold':>10}{'growth':>10}")
    for workload, goal in WORKLOADS.items():
        chunks, few = workload(size), workload(fold_size)
        assert merge_chunks(few) == nary(few), workload.__name__
        cost = min(seconds(merge_chunks, chunks) for _ in range(rounds)) / len(chunks)
        by_nary = ratio((nary, chunks), (merge_chunks, chunks), rounds)
        by_fold = ratio((fold, few), (merge_chunks, few), 3)
        growth = ratio((merge_chunks, workload(16_000)), (merge_chunks, workload(4_000)), rounds)
        print(
            f"{workload.__name__:24}{cost * 1e6:9.2f}",
            shown(by_nary, good=by_nary >= goal.nary),
            shown(by_fold, good=by_fold >= goal.fold),
            shown(growth, good=growth <= GROWTH),
            sep="",
        )


if __name__ == "__main__":
    main()
