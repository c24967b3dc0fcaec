"""The demo: a run up to its interrupt, and its resumption with the answer."""
# LangGraph leaves type parameters of its own methods open.
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from streamkit import (
    AsyncEventStream,
    Event,
    EventStream,
    Interrupt,
    RunError,
    UsageError,
    normalize,
)
from streamkit.demo._graph import RESUME, demo_input

if TYPE_CHECKING:
    from streamkit.demo._graph import TripGraph

Source: TypeAlias = AsyncIterable[Any] | Iterable[Any]
Start: TypeAlias = "Callable[[TripGraph, Any, RunnableConfig], Source]"
"""A function that starts a stream of the graph with one of its methods."""

Act: TypeAlias = AsyncEventStream[Event] | EventStream[Event]

_CONFIG: RunnableConfig = {"configurable": {"thread_id": "demo"}}


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report what went wrong in a task, unless it is only the end of what nobody reads any more.

    A ``RunnableParallel`` that is left leaves such tasks behind (langchain-core 1.8).
    """
    if not isinstance(context.get("exception"), StopAsyncIteration):
        loop.default_exception_handler(context)


class Audience(Protocol):
    """The receiver of the demo's events."""

    def feed(self, event: Event) -> None:
        """Take the next event."""
        ...

    def request(self, text: str) -> None:
        """Take the human's request."""
        ...

    def answer(self, value: object, unseen: str | None) -> None:
        """Return the answer of the human; ``unseen`` is a waiting node that no event reported."""
        ...


class Play:
    """One run of the demo.

    Args:
        graph: what `build_graph` returned.
        start: starts a stream of it.
        audience: the receiver of every event, as it happens.
    """

    def __init__(self, graph: "TripGraph", start: Start, audience: Audience) -> None:
        self.failed: bool = False
        self._graph = graph
        self._start = start
        self._audience = audience
        self._was_asked = False

    def perform(self) -> None:
        """Run to the end, with a sync or an async API."""
        given = demo_input()
        self._audience.request(given["messages"][0][1])
        act = self._act(given)
        if isinstance(act, AsyncEventStream):
            # One loop for all acts: a model's connections live and die with theirs.
            asyncio.run(self._perform_async(act))
        else:
            self._perform_sync(act)

    async def _perform_async(self, act: Act | None) -> None:
        asyncio.get_running_loop().set_exception_handler(_report)
        while isinstance(act, AsyncEventStream):
            try:
                async with act:
                    async for event in act:
                        self._feed(event)
            except asyncio.CancelledError:
                async for event in act:  # the closing events
                    self._feed(event)
                raise
            act = self._next_act()

    def _perform_sync(self, act: Act | None) -> None:
        while isinstance(act, EventStream):
            try:
                with act:
                    for event in act:
                        self._feed(event)
            except KeyboardInterrupt:
                for event in act:  # the closing events
                    self._feed(event)
                raise
            act = self._next_act()

    def _act(self, given: object) -> Act:
        return normalize(self._start(self._graph, given, _CONFIG), on_error="event")

    def _next_act(self) -> Act | None:
        """Resume the graph, if it waits for the human."""
        waiting = () if self.failed else self._graph.get_state(_CONFIG).next
        if not waiting:
            return None
        self._audience.answer(RESUME, None if self._was_asked else waiting[0])
        self._was_asked = False
        return self._act(Command(resume=RESUME))

    def _feed(self, event: Event) -> None:
        self._was_asked |= isinstance(event, Interrupt)
        self.failed = self.failed or isinstance(event, RunError)
        self._audience.feed(event)


def load_model(name: str) -> BaseChatModel:
    """Return the chat model called ``provider:model``, with whatever package it takes.

    Raises:
        UsageError: if the package or the provider's key is missing.
    """
    if not all(name.partition(":")):
        raise UsageError(f"--model takes provider:name, such as openai:gpt-5-mini, not {name!r}")
    try:
        from langchain.chat_models import init_chat_model  # noqa: PLC0415  (an optional package)
    except ImportError as error:
        raise UsageError(f"--model needs langchain ({error}); pip install langchain") from error
    try:
        return init_chat_model(name)
    except Exception as error:  # a provider may refuse in any way
        reason = " ".join(str(error).split())
        raise UsageError(f"cannot set up the model {name!r}: {reason:.300}") from error
