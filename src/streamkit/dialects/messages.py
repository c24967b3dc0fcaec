"""LangGraph's ``messages`` mode: ``(message, metadata)`` pairs.

    graph.stream(inputs, stream_mode="messages")

    (AIMessageChunk(content="Hel", id="lc_run--019a…"), {"langgraph_node": "agent", …})
    (ToolMessage(content="sunny", tool_call_id="call_1"), {"langgraph_node": "tools", …})
    (AIMessage(content="Done.", id="m7"), {"langgraph_node": "wrap_up", …})

Before langchain-core 1.0 no chunk is marked as the last. So a message also ends when its graph
goes on to the next superstep, when a tool answers it, when its node ends, or with the stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from .._core.assembly import Assembly
from .._core.kinds import fields_of, kind_of, kind_of_class, message_in
from .._core.message import Message
from .._core.open_messages import OpenMessage, OpenMessages
from .._core.origin import checkpoint_ns, is_models_own
from ..errors import MalformedItem
from ..values import Origin, Status

__all__ = ["MessagePairs", "is_message_pair"]


def is_message_pair(raw: Any) -> TypeGuard[tuple[Any, dict[str, Any]]]:
    """Tell whether ``raw`` is a 2-tuple of a message and LangGraph's metadata."""
    return (
        raw.__class__ is tuple
        and len(raw) == 2  # noqa: PLR2004  (a pair)
        and raw[1].__class__ is dict
        and "langgraph_node" in raw[1]
        and (kind_of_class(raw[0].__class__) is not None or message_in(raw[0]) is not None)
    )


class MessagePairs:
    """Reads ``(message, metadata)`` pairs into an assembly."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._open = OpenMessages(assembly, self.before_end)
        self._origin: Origin = Origin()
        self.writing: Mapping[int, OpenMessage] = self._open.by_metadata
        """The open messages, by the identity of their metadata: proof of what such a pair is."""

    def read(self, raw: object) -> None:
        """Tell the assembly what one pair means."""
        if not is_message_pair(raw):
            raise MalformedItem(f"expected (message, metadata), got {raw!r:.200}", raw)
        self.add(raw[0], raw[1])

    def add(self, message: object, metadata: dict[str, Any]) -> None:
        """Tell the assembly what a message means that stands in a pair."""
        kind = kind_of_class(message.__class__)
        if kind is None:
            message = message_in(message)
            kind = kind_of(message)
        origin = self._origin
        if metadata is not origin.metadata:
            origin = self._enter(metadata)
        if kind == "chunk":
            self._open.add(message, metadata, origin)
        else:
            self._read_whole(message, origin)

    def before_end(self, message: Message) -> None:
        """Say the rest of a message that is about to end; here nothing was held back."""

    def end_task(self, task_id: str, left: Status = "incomplete") -> None:
        """End the messages of a node that ended; ``left`` says how, if it left them half said."""
        for message, origin in self._open:
            if task_id in origin.parent_ids:
                self._open.end(message, left)

    def close_superseded(self, message: object) -> None:
        """End the open message that a whole one repeats, or that a tool's result answers."""
        fields = fields_of(message)
        streamed = self._open.named(fields.get("id"))
        if streamed:
            self._open.end(streamed)
        for asking, _ in self._open:
            if any(call.id == fields.get("tool_call_id") for call in asking.calls):
                self._open.end(asking)

    def _enter(self, metadata: dict[str, Any]) -> Origin:
        for message, origin in self._open:
            if origin.metadata is metadata:  # a parallel model: back to it
                self._origin = message.origin
                return message.origin
        origin = self._origin = self._assembly.scopes.origin_from(metadata)
        self._assembly.start_run(Origin(thread_id=origin.thread_id))
        for message, earlier in self._open:
            if _is_before(earlier, origin):
                self._open.end(message)
        return origin

    def _read_whole(self, message: object, origin: Origin) -> None:
        self.close_superseded(message)
        if not is_models_own(origin.metadata):  # its node returned it: its models are done
            self._end_models_of(checkpoint_ns(origin.metadata))
        self._assembly.whole_message(message, origin)

    def _end_models_of(self, task: str) -> None:
        for message, origin in self._open:
            if task and f"{checkpoint_ns(origin.metadata)}|".startswith(f"{task}|"):
                self._open.end(message)


def _is_before(earlier: Origin, later: Origin) -> bool:
    same_graph = earlier.namespace == later.namespace
    return same_graph and (earlier.step or 0) < (later.step or 0)
