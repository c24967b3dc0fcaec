"""Our events as one more projection of LangGraph's own v3 run streams.

    from streamkit.langgraph import StreamkitTransformer

    run = graph.stream_events(inputs, version="v3", transformers=[StreamkitTransformer])
    for event in run.streamkit:
        ...

It can be compiled in, too: ``builder.compile(transformers=[StreamkitTransformer])``. A handle from
``run.subgraphs`` has a ``streamkit`` of its own, with the events of that subgraph alone.

`streamkit.normalize` reads the same run from outside and is all that most need. The projection is
for code that also reads the others (``run.messages``, ``run.values``), and it carries more: it asks
the graph for the modes that it wants and sees events that upstream keeps out of the run's own log,
so that nodes have their steps and tools their own start and end.
"""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import time
from typing import Any, ClassVar

from ._drive import Pipeline
from ._extras import MissingExtra
from ._protocols import AnyStage
from .events import Event

try:
    from langgraph.stream import ProtocolEvent, StreamChannel, StreamTransformer
except ImportError as _missing:
    raise MissingExtra(
        "streamkit.langgraph needs langgraph 1.2 or later, which has v3 streams; "
        "pip install 'langchain-streamkit[langgraph]' 'langgraph>=1.2'",
        name="langgraph.stream",
    ) from _missing

__all__ = ["StreamkitTransformer"]


class StreamkitTransformer(StreamTransformer):
    """A v3 transformer whose projection, ``run.streamkit``, holds our events.

    Args:
        scope: the path of the graph that it is for; LangGraph gives it.
        stages: callables behind the reader, as for `normalize`. Say
            ``transformers=[partial(StreamkitTransformer, stages=[...])]``.
        clock: gives the events' timestamps where LangGraph's have none.

    Where the run fails, the closing events come first and then its exception is raised. As with all
    projections, reading begins with the first reader: what came before is not kept, and a
    projection that nobody reads costs nothing.
    """

    # LangGraph 1.2 puts the projection of a native transformer on the run itself: `run.streamkit`.
    _native = True
    required_stream_modes: ClassVar[tuple[str, ...]] = (
        "values",
        "updates",
        "messages",
        "custom",
        "tasks",
        "tools",
    )
    """The stream modes that the graph is asked for; a subclass may add ``"checkpoints"``."""

    def __init__(
        self,
        scope: tuple[str, ...] = (),
        *,
        stages: Sequence[AnyStage[Any, Any]] = (),
        clock: Callable[[], float] = time,
    ) -> None:
        super().__init__(scope)
        self._channel: StreamChannel[Event] = StreamChannel()
        self._pipeline = Pipeline("v3", scope=scope, clock=clock)
        for stage in stages:
            self._pipeline.add_stage(stage)

    def init(self) -> dict[str, Any]:
        """Return the projection."""
        return {"streamkit": self._channel}

    def process(self, event: ProtocolEvent) -> bool:
        """Read one protocol event, and leave it to the others."""
        if self._is_read:
            self._push(self._pipeline.feed(event))
        # False would keep the event out of LangGraph's own event log.
        return True

    def finalize(self) -> None:
        """End our run with LangGraph's."""
        self._push(self._pipeline.close())

    def fail(self, err: BaseException) -> None:
        """End our run as LangGraph's failed."""
        self._push(self._pipeline.close(err))

    @property
    def _is_read(self) -> bool:
        # A `StreamChannel` of langgraph 1.2 drops what is pushed while it has no subscriber:
        # reading for nobody would only cost time.
        return getattr(self._channel, "_subscribed", True)

    def _push(self, events: Iterable[Event]) -> None:
        for event in events:
            self._channel.push(event)
