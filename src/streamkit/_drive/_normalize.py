"""The call `normalize`, which turns any stream into events."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from time import time
from typing import Any, overload

from .._protocols import AnyStage
from ..dialects import Dialect, RegisteredDialect
from ..dialects.stream_modes import Mode
from ..events import Event
from ._async_stream import AsyncEventStream
from ._pipeline import Pipeline
from ._source import require_stream, resume_of
from ._stream import OnError
from ._sync_stream import EventStream


@overload
def normalize(
    source: AsyncIterable[Any],
    *stages: AnyStage[Event, Event],
    dialect: Dialect | RegisteredDialect | None = ...,
    mode: Mode | None = ...,
    subgraphs: bool | None = ...,
    strict: bool = ...,
    on_error: OnError = ...,
    clock: Callable[[], float] = ...,
) -> AsyncEventStream[Event]: ...


@overload
def normalize(
    source: Iterable[Any],
    *stages: AnyStage[Event, Event],
    dialect: Dialect | RegisteredDialect | None = ...,
    mode: Mode | None = ...,
    subgraphs: bool | None = ...,
    strict: bool = ...,
    on_error: OnError = ...,
    clock: Callable[[], float] = ...,
) -> EventStream[Event]: ...


def normalize(  # noqa: PLR0913  (a source has many sides)
    source: AsyncIterable[Any] | Iterable[Any],
    *stages: AnyStage[Event, Event],
    dialect: Dialect | RegisteredDialect | None = None,
    mode: Mode | None = None,
    subgraphs: bool | None = None,
    strict: bool = False,
    on_error: OnError = "raise",
    clock: Callable[[], float] = time,
) -> AsyncEventStream[Event] | EventStream[Event]:
    """Return any LangChain or LangGraph stream, or events of ours, as one stream of events.

    Args:
        source: what ``.stream()``, ``.astream()`` or ``.astream_events()`` returned, a stream of
            ours, or any iterable of our events, such as a recording. A sync source gives an
            `EventStream`, an async one an `AsyncEventStream`.
        stages: callables behind the reader, each from one event to any number of events.
        dialect: what the source is, where its first item does not prove it: mostly ``"chunks"``.
        mode: the one ``stream_mode`` that a graph was asked for, where it was a single one other
            than ``"messages"``: such items do not have their mode in them.
        subgraphs: whether a graph with that one mode was asked for ``subgraphs=True``; needed
            only for ``custom``, whose payload may look like anything.
        strict: raise `MalformedItem` for an item that cannot be read, instead of passing it on
            as an `Unrecognized` event.
        on_error: ``"raise"`` raises an exception of the source after the closing events;
            ``"event"`` ends with the `RunError` event alone.
        clock: returns the events' timestamps, in unix seconds; called when the first item is asked
            for, which is when ``run.start`` is stamped, and once per item.

    Raises:
        UsageError: at once if ``source`` is no stream; at the first item (as `UnknownSource`)
            if nothing proves what it is, or if it is plainly not what ``dialect`` or ``mode`` says.

    >>> for event in normalize(["Hel", "lo"]):
    ...     print(event.type)
    run.start
    message.start
    text.start
    text.delta
    text.delta
    text.end
    message.end
    run.end
    """
    require_stream(source)
    if mode is not None or subgraphs is not None:
        dialect = dialect or "graph"
    pipeline = Pipeline(
        dialect,
        mode=mode,
        subgraphs=subgraphs,
        resume=resume_of(source),
        strict=strict,
        clock=clock,
    )
    for stage in stages:
        pipeline.add_stage(stage)
    if isinstance(source, AsyncIterable):
        return AsyncEventStream(aiter(source), pipeline, on_error, source)
    return EventStream(iter(source), pipeline, on_error, source)
