"""Leaving a chain closes the model's generator at once, without the garbage collector.

Upstream leaves it open: a chain's steps read from generators that nobody closes.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableGenerator, RunnableParallel, RunnablePassthrough

from small_graphs import IGNORE_V1, Says
from streamkit import astream, normalize, stream

pytestmark = [
    pytest.mark.filterwarnings(IGNORE_V1),
    pytest.mark.filterwarnings("ignore:astream_log is deprecated"),
]

ASK = {"x": "hi"}


class Endless(Says):
    """A model that writes until it is closed."""

    opened: list[int]
    closed: list[int]

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        self.opened.append(1)
        try:
            while True:
                yield ChatGenerationChunk(message=AIMessageChunk(content="word "))
        finally:
            self.closed.append(1)

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        self.opened.append(1)
        try:
            while True:
                await asyncio.sleep(0)
                yield ChatGenerationChunk(message=AIMessageChunk(content="word "))
        finally:
            self.closed.append(1)


async def _afifth_breaks(words: AsyncIterator[Any]) -> AsyncIterator[Any]:
    number = 0
    async for word in words:
        number += 1
        if number == 5:
            raise KeyError("broken step")
        yield word


def _fifth_breaks(words: Iterator[Any]) -> Iterator[Any]:
    for number, word in enumerate(words, 1):
        if number == 5:
            raise KeyError("broken step")
        yield word


CHAINS: dict[str, Callable[[Any], Any]] = {
    "in a row": lambda one: one,
    "parallel": lambda one: RunnableParallel(a=one, b=one),
    "assigned": lambda one: RunnablePassthrough.assign(a=one),
    "with a fallback": lambda one: one.with_fallbacks([one]),
    "behind a step that raises": lambda one: one | RunnableGenerator(_fifth_breaks, _afifth_breaks),
}
APIS: dict[str, Callable[[Any], Any]] = {
    "astream()": lambda it: astream(it, ASK),
    "astream": lambda it: normalize(it.astream(ASK), dialect="chunks"),
    "events v2": lambda it: normalize(it.astream_events(ASK, version="v2")),
    "events v1": lambda it: normalize(it.astream_events(ASK, version="v1")),
    "log": lambda it: normalize(it.astream_log(ASK)),
}
SYNC_APIS: dict[str, Callable[[Any], Any]] = {
    "stream()": lambda it: stream(it, ASK),
    "stream": lambda it: normalize(it.stream(ASK), dialect="chunks"),
}


def chain_of(model: Any, form: str) -> Any:
    return CHAINS[form](ChatPromptTemplate.from_template("{x}") | model | StrOutputParser())


@pytest.fixture
def endless() -> Iterator[Endless]:
    gc.disable()
    try:
        yield Endless(replies=[], opened=[], closed=[])
    finally:
        gc.enable()


def is_closed(model: Endless) -> bool:
    return bool(model.opened) and model.opened == model.closed


@pytest.mark.parametrize("form", CHAINS)
@pytest.mark.parametrize("api", APIS)
async def test_leaving_a_chain_closes_its_models(endless: Endless, api: str, form: str) -> None:
    before = asyncio.all_tasks()
    events = APIS[api](chain_of(endless, form))
    try:
        async with events:
            number = 0
            async for _ in events:
                number += bool(endless.opened)
                if number == 9 and "raises" not in form:
                    break
    except KeyError as error:
        assert error.args == ("broken step",)  # noqa: PT017  (the others raise nothing)
    assert is_closed(endless)
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("turns", range(190, 204))
async def test_a_cancelled_reader_closes_the_models_of_a_chain(
    endless: Endless, turns: int
) -> None:
    # Not the chain's own astream and version 2: LangChain closes the generator that it reads from,
    # and drops what that one has read from. Nor version 1 and the log: there it waits for the end
    # of the run, whatever the reader's task does.
    events = astream(chain_of(endless, "in a row"), ASK)

    async def read() -> None:
        async for _ in events:
            pass

    reader = asyncio.create_task(read())
    for _ in range(turns):
        await asyncio.sleep(0)
    assert endless.opened
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert is_closed(endless)


async def test_a_chain_that_nobody_holds_any_more_is_stopped(endless: Endless) -> None:
    events = astream(chain_of(endless, "in a row"), ASK)
    while not endless.opened:
        await anext(events)
    del events
    for _ in range(50):
        await asyncio.sleep(0)
    assert is_closed(endless)


@pytest.mark.parametrize("form", CHAINS)
@pytest.mark.parametrize("api", SYNC_APIS)
def test_leaving_a_sync_chain_closes_its_models(endless: Endless, api: str, form: str) -> None:
    events = SYNC_APIS[api](chain_of(endless, form))
    held: list[Any] = []  # whoever keeps events keeps the exception, and with it the frames
    try:
        with events:
            for event in events:
                held.append(event)
                if len(held) > 9 and endless.opened and "raises" not in form:
                    break
    except KeyError as error:
        held.append(error)
    assert is_closed(endless)
