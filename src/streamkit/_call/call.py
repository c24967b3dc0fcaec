"""The owning call: it makes the call itself, with the cheapest source of every fact.

    async with streamkit.astream(graph, inputs, config) as events:
        async for event in events: ...

Every call gets a callback handler of ours, which notes what happens to which run. A graph also
gets the stream modes that hold what callbacks do not see. Of anything else its own stream is
read: a model's chunks are noted already, and any other runnable's are its output.

What no stage can keep is not requested: no such stream mode, no tokens, no notes.

A graph's items come as ``(namespace, mode, payload)``, which every version of LangGraph yields for
a list of modes with ``subgraphs=True``. The parts of its ``version="v2"`` hold no more, and they
break a run whose typed state is not complete from the start.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from time import time
from typing import TYPE_CHECKING, Any, get_args

from .._drive import AsyncEventStream, EventStream, OnError, Pipeline
from .._protocols import AnyStage, leave_unawaited
from ..dialects.callbacks import Yielded
from ..errors import UsageError
from ..events import Checkpoint, Custom, Event, StateSnapshot, StepDelta
from .options import require_config, require_options, wanted_by
from .source import CallQueue, CallSource
from .stream_order import OrderMarker

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable, RunnableConfig


def stream(  # noqa: PLR0913  (a call has many sides)
    runnable: Runnable[Any, Any],
    input: Any,
    config: RunnableConfig | None = None,
    *stages: AnyStage[Event, Event],
    strict: bool = False,
    on_error: OnError = "raise",
    clock: Callable[[], float] = time,
    **options: Any,
) -> EventStream[Event]:
    """Run a graph, a model or a chain, and return everything that happens as one stream of events.

    The call runs in the caller's thread, while the stream is read. Closing the stream stops it.

    Args:
        runnable: what to run.
        input: its input; for a graph that waits, ``Command(resume=...)``.
        config: its config. It is not changed; its callbacks, and those of a run around this
            call, are called as ever.
        stages: what chooses or changes events, as for `normalize`. What the filters in front can
            never keep is not requested, and costs nothing.
        strict: raise `MalformedItem` for an item that cannot be read, instead of passing it on
            as an `Unrecognized` event.
        on_error: ``"raise"`` raises an exception of the run after the closing events;
            ``"event"`` ends with the `RunError` event alone.
        clock: gives the events' timestamps, in unix seconds.
        options: whatever else the runnable's own ``stream`` takes, such as a graph's
            ``context``, ``durability`` or ``interrupt_before``.

    Raises:
        UsageError: a keyword is misspelt or belongs elsewhere, or what is given cannot be run here.

    >>> from langchain_core.runnables import RunnableLambda
    >>> [event.type for event in stream(RunnableLambda(len), "four")]
    ['run.start', 'step.start', 'step.delta', 'step.end', 'run.end']
    """
    call = _Call(runnable, stages, clock, is_async=False)
    source = CallSource(call.started(input, config, options, runnable.stream), call.queue)
    pipeline = call.pipeline(stages, strict=strict)
    return EventStream(source, pipeline, on_error, source)


def astream(  # noqa: PLR0913  (as above)
    runnable: Runnable[Any, Any],
    input: Any,
    config: RunnableConfig | None = None,
    *stages: AnyStage[Event, Event],
    strict: bool = False,
    on_error: OnError = "raise",
    clock: Callable[[], float] = time,
    **options: Any,
) -> AsyncEventStream[Event]:
    """Run a graph, a model or a chain, and return everything as it happens: see `stream`.

    The call runs in one task of its own, which runs only while the stream is read, and is
    cancelled when the stream is closed, its reader is cancelled, or no reference to it is left.

    A chain is only invoked, at a fraction of the cost, if its own output need not be streamed, as
    with the stages ``tokens`` or ``~only(StepDelta)``. Its models' answers are streamed all the
    same. So it is with a chain that is a node of a graph.

    >>> import asyncio
    >>> from langchain_core.runnables import RunnableLambda
    >>> asyncio.run(astream(RunnableLambda(len), "four").collect()).output
    4
    """
    from .worker import AsyncCallSource  # noqa: PLC0415  (importing streamkit imports no asyncio)

    call = _Call(runnable, stages, clock, is_async=True)
    start = _invoking(runnable) if call.only_invokes else runnable.astream
    source = AsyncCallSource(call.started(input, config, options, start), call.queue)
    pipeline = call.pipeline(stages, strict=strict)
    return AsyncEventStream(source, pipeline, on_error, source)


class _Call:
    """One call: what it runs, what is wanted of it, and so how it is made."""

    def __init__(
        self,
        runnable: Any,
        stages: Sequence[object],
        clock: Callable[[], float],
        *,
        is_async: bool,
    ) -> None:
        _require_local_runnable(runnable)
        self._runnable = runnable
        self._wanted = wanted_by(stages)
        self._has_remote_step = is_async and _has_remote_step(runnable)
        if self._has_remote_step:
            self._wanted -= {StepDelta}
        self._clock = clock
        self._is_graph = _is_graph(runnable)
        self._is_model = _is_model(runnable)
        is_plain = not (self._is_graph or self._is_model)
        self.only_invokes: bool = is_async and is_plain and StepDelta not in self._wanted
        # An async reader is woken without it, so there only the order is at stake.
        has_marker = self._is_graph and (not is_async or Custom in self._wanted)
        self._marker = OrderMarker() if has_marker else None
        self.queue: CallQueue = CallQueue(Yielded, self._marker, pieces_marked=not is_async)

    def started(
        self,
        input: object,
        config: RunnableConfig | None,
        options: dict[str, Any],
        start: Callable[..., Any],
    ) -> Callable[[], Any]:
        """Return a function that starts the call."""
        require_config(config)
        require_options(self._runnable, options, is_graph=self._is_graph)
        from .recorder import graph_handlers, recorder_for, with_handlers  # noqa: PLC0415  (it imports LangChain)

        noted: Any = (self.queue.post, self._wanted, self._clock, input)
        if not self._is_graph:
            alone = [recorder_for(*noted)]
            handlers = graph_handlers(*noted)[1] if self._has_remote_step else alone
            given = with_handlers(config, handlers)
            return lambda: start(input, given, **options)
        from .stream_writer import NamingWriter, with_stream_writer  # noqa: PLC0415  (as above)

        bound: Any = {} if hasattr(self._runnable, "bound") else self._runnable.config or {}
        recorder, handlers = graph_handlers(*noted)
        given = with_handlers(config, handlers, bound)
        if self._marker and Custom in self._wanted:
            marker = self._marker
            naming = NamingWriter(recorder.run_ids, marker.keep_writer, marker.keep_context)
            given = with_stream_writer(given, self._runnable, naming)
        options = {**options, **self._modes()}
        return lambda: start(input, given, **options)

    def pipeline(self, stages: Iterable[AnyStage[Event, Event]], *, strict: bool) -> Pipeline:
        """Return the pipeline that reads it."""
        pipeline = Pipeline(
            "callbacks",
            clock=self._clock,
            strict=strict,
            graph=self._is_graph,
            model=self._is_model,
        )
        for stage in stages:
            pipeline.add_stage(stage)
        return pipeline

    def _modes(self) -> dict[str, Any]:
        """Return the options that make a graph stream what callbacks do not see."""
        modes = ["updates"]  # also for breakpoints, which are in no other mode
        if StateSnapshot in self._wanted:
            modes.append("values")
        if Custom in self._wanted or self._marker:
            modes.append("custom")
        if Checkpoint in self._wanted:
            modes.append(_checkpoints_mode())
        return {"stream_mode": modes, "subgraphs": True}


def _invoking(runnable: Runnable[Any, Any]) -> Callable[..., AsyncIterator[Any]]:
    """Return an ``astream`` that yields nothing: the handler sees it all."""

    async def invoke(*args: Any, **options: Any) -> AsyncIterator[Any]:
        await runnable.ainvoke(*args, **options)
        return
        yield

    return invoke


# --- the kind of a runnable, found without importing its class


def _require_local_runnable(runnable: object) -> None:
    kind = type(runnable).__name__
    if kind == "RemoteGraph":
        raise UsageError(
            "a RemoteGraph runs where no callbacks are heard; normalize what it streams: "
            "normalize(graph.stream(..., stream_mode=['messages', 'updates'], subgraphs=True))"
        )
    if isinstance(runnable, type) or not (
        hasattr(runnable, "stream") and hasattr(runnable, "ainvoke")
    ):
        remedy = "pass a graph, a chain or a model first, then its input"
        if isinstance(runnable, type):
            kind = f"class {runnable.__name__}"
            remedy = f"make one of it: {runnable.__name__}(...)"
        elif isinstance(runnable, str):
            remedy += f"; a name makes a model by init_chat_model({runnable!r:.80})"
        elif isinstance(runnable, (list, tuple)) or (
            hasattr(runnable, "__next__") or hasattr(runnable, "__anext__")
        ):
            remedy = "for a stream that has been started, write normalize(...)"
        elif hasattr(runnable, "compile"):
            remedy = "compile it: graph.compile()"
        elif hasattr(runnable, "__await__"):
            leave_unawaited(runnable)
            remedy = "await it first"
        elif callable(runnable):
            remedy = "pass RunnableLambda(function), or normalize(function(...)) if it streams"
        raise UsageError(f"got a {kind}, which is nothing to run; {remedy}")


def _has_remote_step(runnable: Any) -> bool:
    """Return whether a step or a node is a RemoteGraph, which must be invoked and not streamed.

    An async graph with a streaming handler (langgraph 1.2) takes the sum of what each node streams
    for its result. A RemoteGraph streams the updates of its nodes, and none of them has a key of
    the state.
    """
    steps: Any = getattr(runnable, "steps", None)
    inside: list[Any] = list(steps) if isinstance(steps, list) else []  # pyright: ignore[reportUnknownArgumentType]
    inside.append(getattr(runnable, "bound", None))
    if _is_graph(runnable):
        inside += [node.bound for node in runnable.nodes.values()]
    return any(type(it).__name__ == "RemoteGraph" or _has_remote_step(it) for it in inside if it)


def _is_graph(runnable: object) -> bool:
    return hasattr(runnable, "stream_mode") and hasattr(runnable, "checkpointer")


def _is_model(runnable: object) -> bool:
    """Return whether it is a model, whatever is bound to it: a binding has no run of its own."""
    while (inner := getattr(runnable, "bound", None)) is not None:
        runnable = inner
    return any(cls.__name__ in {"BaseChatModel", "BaseLLM"} for cls in type(runnable).__mro__)


def _checkpoints_mode() -> str:
    """Return the stream mode that has checkpoints; LangGraph ignores modes that it lacks."""
    from langgraph.types import StreamMode  # noqa: PLC0415  (of a graph)

    return "checkpoints" if "checkpoints" in get_args(StreamMode) else "debug"
