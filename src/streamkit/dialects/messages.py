"""LangGraph's ``messages`` mode: ``(message, metadata)`` pairs.

    graph.stream(inputs, stream_mode="messages")

    (AIMessageChunk(content="Hel", id="lc_run--019a…"), {"langgraph_node": "agent", …})
    (ToolMessage(content="sunny", tool_call_id="call_1"), {"langgraph_node": "tools", …})
    (AIMessage(content="Done.", id="m7"), {"langgraph_node": "wrap_up", …})

Before langchain-core 1.0 no chunk is marked as the last. So a message also ends when its graph
begins the next superstep, when a tool answers it, when its node ends or its error is handled, or
with the stream.
"""

from __future__ import annotations

from typing import Any, TypeGuard, cast

from .._core.assembly import Assembly
from .._core.kinds import kind_of, kind_of_class, message_in
from .._core.message import Message
from .._core.origin import checkpoint_ns, failed_task, is_models_own
from .._fields import shown
from ..errors import MalformedItem
from ..values import Origin


def is_message_pair(raw: Any) -> TypeGuard[tuple[Any, dict[str, Any]]]:
    """Return whether ``raw`` is a 2-tuple of a message and LangGraph's metadata."""
    return (
        raw.__class__ is tuple
        and len(raw) == 2  # noqa: PLR2004  (a pair)
        and raw[1].__class__ is dict
        and "langgraph_node" in raw[1]
        and (kind_of_class(raw[0].__class__) is not None or message_in(raw[0]) is not None)
    )


def add_chunk(assembly: Assembly, chunk: Any, origin: Origin) -> Message | None:
    """Add a chunk to its message, which it may open or end; return the message."""
    id: str | None = chunk.id
    message = assembly.messages.of_chunk(id, origin)
    if message is None:
        if assembly.seen.is_over(id, checkpoint_ns(origin.metadata)):
            if chunk.content or chunk.tool_call_chunks:
                raise MalformedItem(f"a chunk after the end of message {id!r}", chunk)
            return None
        # Not by its id: some providers send none, or change it in mid-message.
        message = assembly.start_message(object(), origin, id)
    message.ids.add(id)
    message.add_chunk(chunk)
    if message.has_last_chunk:
        assembly.end_message(message.key)
    return message


class MessagePairs:
    """The reader of ``(message, metadata)`` pairs."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._origin: Origin = Origin()

    def read(self, raw: object) -> None:
        """Read one pair into the assembly; one that came as JSON is a list."""
        if isinstance(raw, list):  # of a server, also in a graph here that has a RemoteGraph in it
            raw = tuple(cast("list[object]", raw))
        if not is_message_pair(raw):
            raise MalformedItem(f"expected (message, metadata), got {shown(raw, 200)}", raw)
        self.add(raw[0], raw[1])

    def add(self, message: object, metadata: dict[str, Any]) -> None:
        """Read the message of a pair into the assembly."""
        kind = kind_of_class(message.__class__)
        if kind is None:
            message = message_in(message)
            kind = kind_of(message)
        origin = self._origin
        if metadata is not origin.metadata:
            origin = self._enter(metadata)
        if kind == "chunk":
            add_chunk(self._assembly, message, origin)
        else:
            self._read_whole(message, origin)

    def _enter(self, metadata: dict[str, Any]) -> Origin:
        message = self._assembly.messages.by_metadata.get(id(metadata))
        if message:  # a parallel model: back to it
            self._origin = message.origin
            return message.origin
        origin = self._origin = self._assembly.scopes.origin_from(metadata)
        self._assembly.start_run(Origin(thread_id=origin.thread_id))
        failed = failed_task(metadata)
        for earlier in self._assembly.messages:
            is_of_failed = failed and checkpoint_ns(earlier.origin.metadata) == failed
            if is_of_failed or is_before(earlier.origin, origin):
                self._assembly.leave_message(earlier, "completed")
        return origin

    def _read_whole(self, message: object, origin: Origin) -> None:
        if not is_models_own(origin.metadata):  # its node returned it: its models are done
            self._end_models_of(checkpoint_ns(origin.metadata))
        self._assembly.whole_message(message, origin)

    def _end_models_of(self, task: str) -> None:
        for message in self._assembly.messages:
            path = checkpoint_ns(message.origin.metadata)
            if task and f"{path}|".startswith(f"{task}|"):
                self._assembly.leave_message(message, "completed")


def is_before(earlier: Origin, later: Origin) -> bool:
    """Return whether something is of an earlier superstep of the same graph."""
    same_graph = earlier.namespace == later.namespace
    return same_graph and (earlier.step or 0) < (later.step or 0)
