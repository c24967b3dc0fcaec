"""LangGraph's ``messages`` mode, alone: ``(message, metadata)`` tuples.

    graph.stream(inputs, stream_mode="messages")

    (AIMessageChunk(content="Hel", id="lc_run--019a…"), {"langgraph_node": "agent", …})
    (ToolMessage(content="sunny", tool_call_id="call_1"), {"langgraph_node": "tools", …})
    (AIMessage(content="Done.", id="m7"), {"langgraph_node": "wrap_up", …})

Before langchain-core 1.0 no chunk is marked as the last. So a message also ends when its graph
goes on to the next superstep, when a tool answers it, or with the stream.
"""

from __future__ import annotations

from typing import Any, TypeGuard, cast

from .._origin import origin_from
from .._payload import fields_of, kind_of
from ..errors import MalformedItem
from ..values import Origin
from ._reader import Reader
from ._tracks import Tracks

__all__ = ["MessagesReader", "is_messages_item"]


def is_messages_item(raw: object) -> TypeGuard[tuple[Any, dict[str, Any]]]:
    """Tell whether ``raw`` is a 2-tuple of a message and LangGraph's metadata."""
    if raw.__class__ is not tuple:
        return False
    items = cast("tuple[object, ...]", raw)
    return (
        len(items) == 2  # noqa: PLR2004  (a pair)
        and kind_of(items[0]) is not None
        and isinstance(items[1], dict)
        and "langgraph_node" in items[1]
    )


class MessagesReader(Reader):
    """Reads ``(message, metadata)`` tuples."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._tracks = Tracks(self.assembly)
        self._origin = Origin()

    def read(self, raw: object) -> None:
        """Tell the assembly what one tuple means."""
        if not is_messages_item(raw):
            raise MalformedItem(f"expected (message, metadata), got {raw!r:.200}", raw)
        message, metadata = raw
        origin = self._origin
        if metadata is not origin.metadata:
            origin = self._enter(metadata)
        if kind_of(message) == "chunk":
            self._tracks.add(message, metadata, origin)
        else:
            self._read_whole(message, origin)

    def _enter(self, metadata: dict[str, Any]) -> Origin:
        for message, origin in self._tracks:
            if origin.metadata is metadata:  # a parallel model: back to it
                self._origin = message.origin
                return message.origin
        origin = self._origin = origin_from(metadata)
        self.assembly.start_run(Origin(thread_id=origin.thread_id))
        for message, earlier in self._tracks:
            if _is_before(earlier, origin):
                self._tracks.end(message)
        return origin

    def _read_whole(self, message: object, origin: Origin) -> None:
        fields = fields_of(message)
        streamed = self._tracks.named(fields.get("id"))
        if streamed:
            self._tracks.end(streamed)
        for asking, _ in self._tracks:
            if any(call.id == fields.get("tool_call_id") for call in asking.calls):
                self._tracks.end(asking)
        self.assembly.whole_message(message, origin)


def _is_before(earlier: Origin, later: Origin) -> bool:
    same_graph = earlier.namespace == later.namespace
    return same_graph and (earlier.step or 0) < (later.step or 0)
