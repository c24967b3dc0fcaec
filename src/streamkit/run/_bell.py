"""The bell: a note's sign goes through the graph's own stream, by the graph's own stream writer.

LangGraph hands out what it streams through a queue of its own, so it comes later than callbacks
do, and a sync graph's caller sleeps until there is something in that queue. A note whose sign goes
through the same queue wakes the caller, and keeps its place among what the nodes write.

The writer is public (``langgraph.config.get_stream_writer``), but is found only inside a node.
So the bell cannot be rung before the first run inside a node begins; nor, on Python 3.10, in an
async graph, where asyncio loses the context it would be found in. Nobody else ever hears it: it
is the writer of the outermost graph alone, never that of a graph which a node streams by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, NamedTuple

from .._core.origin import checkpoint_ns
from ._confluence import Held

__all__ = ["Bell"]


class _Rope(NamedTuple):
    """The writer, and the context that it must be called in."""

    context: Context
    write: Callable[[object], None]


class Bell:
    """Rings through one graph's stream."""

    def __init__(self) -> None:
        self._depth = 0
        self._rope: _Rope | None = None

    def is_near(self, run: dict[str, Any]) -> bool:
        """Tell whether it can be rung, by now or by the run of which something was just noted."""
        if self._rope is None:
            self._look_for_rope(run)
        return self._rope is not None

    def ring(self, note: Held) -> bool:
        """Send a note's sign, in any thread, and tell whether it went."""
        if self._rope is None:
            return False
        context, write = self._rope
        try:
            context.copy().run(write, note)  # a copy, for a context cannot be entered twice
        except Exception:  # noqa: BLE001  (the graph is over: its queue, or its loop, is closed)
            return False
        return True

    def sign_in(self, item: Any) -> Held | None:
        """Give the note whose sign an item of the stream is, if it is one."""
        _, mode, payload = item
        return payload if mode == "custom" and payload.__class__ is Held else None

    def _look_for_rope(self, run: dict[str, Any]) -> None:
        """Find the writer, if this was noted inside a node of the outermost graph.

        Whatever a node does, the first run inside it begins in the context of the node.
        """
        path = checkpoint_ns(run["metadata"])
        depth = len(path.split("|")) if path else 0
        if not run["parent_ids"]:
            self._depth = depth  # not 0 if the whole call is made in a node of another graph
        elif depth == self._depth + 1:
            self._rope = _rope_in(path)


def _rope_in(path: str) -> _Rope | None:
    """Give the writer in this context, if it is the context of the node's task at ``path``."""
    from langgraph.config import get_config, get_stream_writer  # noqa: PLC0415  (of a graph)

    try:
        config = get_config()
        is_here = checkpoint_ns(config.get("metadata") or {}) == path
        return _Rope(copy_context(), get_stream_writer()) if is_here else None
    except (AttributeError, LookupError, RuntimeError):
        return None
