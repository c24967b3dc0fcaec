"""The owning call: makes the call itself, and asks for the cheapest source of every fact.

    async with streamkit.astream(graph, inputs, config) as events:
        async for event in events: ...

Every call gets a callback handler of ours, which notes what happens to which run. A graph is also
asked for the stream modes that tell what callbacks do not see. Anything else is asked for its own
stream: a model's chunks are noted already, and any other runnable's are its output.

What is not wanted is not made: no such stream mode, no tokens, no notes.

A graph's items come as ``(namespace, mode, payload)``, which every version of LangGraph gives for
a list of modes with ``subgraphs=True``. The parts of its ``version="v2"`` tell no more, and asking
for them breaks a run whose typed state is not complete from the start.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from time import time
from typing import TYPE_CHECKING, Any, get_args

from .._drive import AsyncEventStream, EventStream, OnError, Pipeline
from ..dialects.callbacks import Yielded
from ..errors import UsageError
from ..events import Event
from ._facts import Fact, filter_of, wanted
from .source import CallQueue, CallSource
from .stream_order import OrderMarker

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable, RunnableConfig

__all__ = ["astream", "stream"]


def stream(  # noqa: PLR0913  (a call has many sides)
    runnable: Runnable[Any, Any],
    input: Any,
    config: RunnableConfig | None = None,
    *,
    include: Collection[Fact] | None = None,
    exclude: Collection[Fact] = (),
    strict: bool = False,
    on_error: OnError = "raise",
    clock: Callable[[], float] = time,
    **options: Any,
) -> EventStream[Event]:
    """Run a graph, a model or a chain, and give everything that happens as one stream of events.

    The call runs in the caller's thread, while the stream is read. Closing the stream stops it.

    Args:
        runnable: what to run.
        input: its input; for a graph that waits, ``Command(resume=...)``.
        config: its config. It is not changed; its callbacks, and those of a run around this
            call, are called as ever.
        include: the only facts that are wanted, such as ``{"text", "tool"}``. What only others
            need is not asked for, and costs nothing.
        exclude: facts that are not wanted.
        strict: raise `MalformedItem` for an item that cannot be read, instead of passing it on
            as an `Unrecognized` event.
        on_error: ``"raise"`` hands an exception of the run on after the closing events;
            ``"event"`` ends with the `RunError` event alone.
        clock: gives the events' timestamps, in unix seconds.
        options: whatever else the runnable's own ``stream`` takes, such as a graph's
            ``context``, ``durability`` or ``interrupt_before``.

    Raises:
        UsageError: an option, or a word for a fact, is none; or what is given cannot be run here.

    >>> from langchain_core.runnables import RunnableLambda
    >>> [event.type for event in stream(RunnableLambda(len), "four")]
    ['run.start', 'step.start', 'step.delta', 'step.end', 'run.end']
    """
    call = _Call(runnable, wanted(include, exclude), clock, is_async=False)
    source = CallSource(call.started(input, config, options, runnable.stream), call.queue)
    pipeline = call.pipeline(strict=strict)
    return EventStream(source, source.__next__, pipeline, on_error, source)


def astream(  # noqa: PLR0913  (as above)
    runnable: Runnable[Any, Any],
    input: Any,
    config: RunnableConfig | None = None,
    *,
    include: Collection[Fact] | None = None,
    exclude: Collection[Fact] = (),
    strict: bool = False,
    on_error: OnError = "raise",
    clock: Callable[[], float] = time,
    **options: Any,
) -> AsyncEventStream[Event]:
    """Run a graph, a model or a chain, and give everything as it happens: see `stream`.

    The call runs in one task of its own, which goes on only while the stream is read, and is
    cancelled when the stream is closed, its reader is cancelled, or nobody holds it any more.

    A chain is only invoked, at a fraction of the cost, if its output need not be streamed:
    ``exclude={"step.delta"}``. Its models' answers are streamed all the same.

    >>> import asyncio
    >>> from langchain_core.runnables import RunnableLambda
    >>> asyncio.run(astream(RunnableLambda(len), "four").collect()).output
    4
    """
    from .worker import AsyncCallSource  # noqa: PLC0415  (importing streamkit imports no asyncio)

    call = _Call(runnable, wanted(include, exclude), clock, is_async=True)
    start = _invoking(runnable) if call.only_invokes else runnable.astream
    source = AsyncCallSource(call.started(input, config, options, start), call.queue)
    pipeline = call.pipeline(strict=strict)
    return AsyncEventStream(source, source.__anext__, pipeline, on_error, source)


_OWN_OPTIONS = ("stream_mode", "subgraphs", "version")


class _Call:
    """One call: what it runs, what is wanted of it, and so how it is made."""

    def __init__(
        self,
        runnable: Any,
        facts: frozenset[Fact],
        clock: Callable[[], float],
        *,
        is_async: bool,
    ) -> None:
        _require_local_runnable(runnable)
        self._runnable = runnable
        self._facts = facts
        self._clock = clock
        self._is_graph = _is_graph(runnable)
        self._is_model = _is_model(runnable)
        is_plain = not (self._is_graph or self._is_model)
        self.only_invokes: bool = is_async and is_plain and "step.delta" not in facts
        # An async reader is woken without it, so there only the order is at stake.
        has_marker = self._is_graph and (not is_async or "custom" in facts)
        self._marker = OrderMarker() if has_marker else None
        self.queue: CallQueue = CallQueue(Yielded, self._marker, pieces_marked=not is_async)

    def started(
        self,
        input: object,
        config: RunnableConfig | None,
        options: dict[str, Any],
        start: Callable[..., Any],
    ) -> Callable[[], Any]:
        """Give a function that starts the call."""
        from .recorder import recorder_for, with_handler  # noqa: PLC0415  (it imports LangChain)

        bound: Any = None
        if self._is_graph:
            options = {**options, **self._modes(options)}
            bound = {} if hasattr(self._runnable, "bound") else self._runnable.config or {}
        recorder = recorder_for(self.queue.post, self._facts, self._clock, input)
        given = with_handler(config, recorder, bound)
        return lambda: start(input, given, **options)

    def pipeline(self, *, strict: bool) -> Pipeline:
        """Give the machine that reads it."""
        kind = {"graph": self._is_graph, "echoes": self._is_model}
        pipeline = Pipeline("callbacks", clock=self._clock, strict=strict, **kind)
        wanted_only = filter_of(self._facts)
        if wanted_only:
            pipeline.add_stage(wanted_only)
        return pipeline

    def _modes(self, options: dict[str, Any]) -> dict[str, Any]:
        """Give the options that make a graph tell what callbacks do not see."""
        for name in _OWN_OPTIONS:
            if name in options:
                raise UsageError(
                    f"{name} is not yours to choose here; say what you want by include= or "
                    f"exclude=, or stream the graph yourself: normalize(graph.stream(...))"
                )
        facts = self._facts
        modes = ["updates"]  # also for breakpoints, without which nobody would know of a pause
        if "state.snapshot" in facts:
            modes.append("values")
        if "custom" in facts or self._marker:
            modes.append("custom")
        if "checkpoint" in facts:
            modes.append(_checkpoints_mode())
        return {"stream_mode": modes, "subgraphs": True}


def _invoking(runnable: Runnable[Any, Any]) -> Callable[..., AsyncIterator[Any]]:
    """Give an ``astream`` that yields nothing: the handler sees it all."""

    async def invoke(*args: Any, **options: Any) -> AsyncIterator[Any]:
        await runnable.ainvoke(*args, **options)
        return
        yield

    return invoke


# --- what a runnable is, told without importing what it may be


def _require_local_runnable(runnable: object) -> None:
    kind = type(runnable).__name__
    if kind == "RemoteGraph":
        raise UsageError(
            "a RemoteGraph runs where no callbacks are heard; normalize what it streams: "
            "normalize(graph.stream(..., stream_mode=['messages', 'updates'], subgraphs=True))"
        )
    if not (hasattr(runnable, "stream") and hasattr(runnable, "ainvoke")):
        raise UsageError(
            f"got a {kind}, which is nothing to run; "
            f"for a stream that has been started, write normalize(...)"
        )


def _is_graph(runnable: object) -> bool:
    return hasattr(runnable, "stream_mode") and hasattr(runnable, "checkpointer")


def _is_model(runnable: object) -> bool:
    """Tell whether it is a model, whatever is bound to it: a binding has no run of its own."""
    while (inner := getattr(runnable, "bound", None)) is not None:
        runnable = inner
    return any(cls.__name__ in {"BaseChatModel", "BaseLLM"} for cls in type(runnable).__mro__)


def _checkpoints_mode() -> str:
    """Give the stream mode that tells checkpoints; LangGraph ignores modes that it lacks."""
    from langgraph.types import StreamMode  # noqa: PLC0415  (of a graph)

    return "checkpoints" if "checkpoints" in get_args(StreamMode) else "debug"
