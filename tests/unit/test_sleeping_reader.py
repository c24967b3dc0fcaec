"""A reader that waits for a call is woken, also where another thread is just quicker.

One that is awake is not woken. So what comes between its look and its sleep must be found by
the look that follows.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from threading import Thread
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

from streamkit import CallbackSource
from streamkit._call.source import CallQueue
from streamkit._call.worker import AsyncCallSource, Sleeper


def in_a_thread_before_each_sleep(
    monkeypatch: pytest.MonkeyPatch, bring: Callable[[], object]
) -> None:
    """Let another thread bring something after the reader's look, once before each sleep."""
    sleep = Sleeper.sleep

    def late(self: Sleeper) -> Any:
        thread = Thread(target=bring)
        thread.start()
        thread.join()
        return sleep(self)

    monkeypatch.setattr(Sleeper, "sleep", late)


async def waits_for_ever() -> AsyncIterator[Any]:
    await asyncio.Event().wait()
    yield None


def test_a_note_that_comes_while_the_reader_falls_asleep_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def read() -> Any:
        queue = CallQueue(lambda item: item)
        notes = iter([{"event": "first"}, {"event": "second"}])
        in_a_thread_before_each_sleep(monkeypatch, lambda: queue.post({}, next(notes)))
        source = AsyncCallSource(waits_for_ever, queue)
        try:
            return [await asyncio.wait_for(anext(source), 5) for _ in range(2)]
        finally:
            await source.aclose()

    assert [note["event"] for note in asyncio.run(read())] == ["first", "second"]


def test_a_call_that_begins_and_ends_while_its_listener_falls_asleep_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def listen() -> Any:
        source = CallbackSource()
        config: Any = {"callbacks": [source.handler]}
        in_a_thread_before_each_sleep(
            monkeypatch, lambda: RunnableLambda(len).invoke("four", config)
        )
        return await asyncio.wait_for(source.live().collect(), 5)

    assert asyncio.run(listen()).output == 4
