"""Markers that keep a note's place among what a graph's nodes write.

LangGraph streams through a queue of its own, so what it streams comes later than callbacks do, and
the caller of a sync graph is blocked until that queue has an item. A note whose marker goes through
the same queue wakes the caller and keeps its place among what the nodes write.

The stream writer is public (``langgraph.config.get_stream_writer``), but works only inside a node,
so no marker can be sent before a run inside a node begins, or a node writes. No other reader sees a
marker: the writer is that of the outermost graph, never that of a graph which a node streams.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, NamedTuple

from .._core.origin import checkpoint_ns
from .call_queue import OrderedNote


class MarkerWriter(NamedTuple):
    """The writer, and the context that it must be called in."""

    context: Context
    write: Callable[[object], None]

    def send(self, note: OrderedNote) -> bool:
        """Send a note's marker, in any thread; return whether it was sent."""
        try:
            # In a copy, for a context cannot be entered twice.
            self.context.copy().run(self.write, note)
        except Exception:  # noqa: BLE001  (the graph is over: its queue, or its loop, is closed)
            return False
        return True


class OrderMarker:
    """Sends markers through one graph's stream."""

    def __init__(self) -> None:
        self._depth = 0
        self._write: Callable[[object], None] | None = None
        self._writer: MarkerWriter | None = None

    def find_writer(self, run: dict[str, Any]) -> MarkerWriter | None:
        """Return the writer, which is also looked for at the run just noted."""
        if self._writer is None:
            self._look_for_writer(run)
        return self._writer

    def keep_writer(self, write: Callable[[object], None]) -> None:
        """Keep the graph's own writer.

        A node's may be another: that of a node with a timeout (langgraph 1.2) writes nothing once
        the time is over.
        """
        self._write = write

    def keep_context(self) -> None:
        """Keep the context of a run inside a node, which is about to write."""
        if self._writer is None and self._write is not None:
            self._writer = MarkerWriter(copy_context(), self._write)

    def marked_note(self, item: Any) -> OrderedNote | None:
        """Return the note whose marker an item of the stream is, or None."""
        _, mode, payload = item
        return payload if mode == "custom" and payload.__class__ is OrderedNote else None

    def _look_for_writer(self, run: dict[str, Any]) -> None:
        """Find the writer, if this was noted inside a node of the outermost graph.

        Whatever a node does, the first run inside it begins in the context of the node.
        """
        path = checkpoint_ns(run["metadata"])
        depth = len(path.split("|")) if path else 0
        if not run["parent_ids"]:
            self._depth = depth  # not 0 if the whole call is made in a node of another graph
        elif depth == self._depth + 1:
            self._writer = _writer_in(path, self._write)


def _writer_in(path: str, write: Callable[[object], None] | None) -> MarkerWriter | None:
    """Return the writer in this context, if it is the context of the node's task at ``path``."""
    from langgraph.config import get_config, get_stream_writer  # noqa: PLC0415  (of a graph)

    try:
        config = get_config()
        is_here = checkpoint_ns(config.get("metadata") or {}) == path
        return MarkerWriter(copy_context(), write or get_stream_writer()) if is_here else None
    except (AttributeError, LookupError, RuntimeError):
        return None
