"""Many calls at once as one stream."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

from streamkit import UsageError, astream_batch
from streamkit.presets import lifecycle, tokens
from streamkit.testing import Reply, ScriptedChatModel, check_stream


def model(*words: str) -> Any:
    return ScriptedChatModel(script=[Reply(word) for word in words])


async def test_each_run_has_its_index_and_its_own_events() -> None:
    runs: dict[int, list[Any]] = {0: [], 1: [], 2: []}
    async for index, event in astream_batch(model("one", "two", "three"), ["a", "b", "c"]):
        runs[index].append(event)
    for events in runs.values():
        check_stream(events)
        assert events[-1].status == "completed"


@pytest.mark.parametrize("most", [1, 2, None])
async def test_no_more_run_at_once_than_were_asked_for(most: int | None) -> None:
    running, highest = 0, 0

    async def work(number: int) -> int:
        nonlocal running, highest
        running += 1
        highest = max(highest, running)
        await asyncio.sleep(0.01)
        running -= 1
        return number

    runs = astream_batch(RunnableLambda(work), range(4), None, lifecycle, max_concurrency=most)
    ends = [(index, it.output) async for index, it in runs if it.type == "run.end"]
    assert sorted(ends) == [(n, n) for n in range(4)]
    assert highest == (most or 4)


async def test_a_failure_closes_the_others_or_is_an_event() -> None:
    async def work(number: int) -> int:
        if number == 1:
            raise ValueError("boom")
        await asyncio.sleep(0.01)
        return number

    with pytest.raises(ValueError, match="boom"):
        async for _ in astream_batch(RunnableLambda(work), [0, 1, 2]):
            pass
    quiet = astream_batch(RunnableLambda(work), [0, 1, 2], on_error="event")
    ends = sorted([(n, it.type) async for n, it in quiet if it.type in {"run.end", "run.error"}])
    assert ends == [(0, "run.end"), (1, "run.error"), (2, "run.end")]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_leaving_early_stops_all_and_begins_no_more() -> None:
    begun: list[int] = []

    async def work(number: int) -> int:
        begun.append(number)
        await asyncio.sleep(60)
        return number

    async with astream_batch(RunnableLambda(work), range(9), max_concurrency=2) as runs:
        async for _ in runs:
            if len(begun) == 2:
                break
    assert sorted(begun) == [0, 1]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_progress_bar_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich", reason="rich is not installed")
    runs = astream_batch(model("one", "two"), ["a", "b"], None, tokens, progress=True)
    assert len([it async for it in runs]) > 2
    assert "100%" in capsys.readouterr().out
    with pytest.raises(UsageError, match="at least 1"):
        astream_batch(model("one"), ["a"], max_concurrency=0)


async def test_a_progress_bar_of_tqdm_where_there_is_no_rich(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    runs = astream_batch(model("one", "two"), ["a", "b"], None, tokens, progress=True)
    assert len([it async for it in runs]) > 2
    assert "100%" in capsys.readouterr().err
