"""The open messages of an API that gives no run ids: which one does a chunk belong to?

1. The same metadata *object* means the same model run: LangGraph hands out one dict per run.
2. Otherwise the same id does. But a provider may change the id in mid-message (the OpenAI
   Responses API: ``resp_1`` first, then ``lc_run--…``), so an id of LangChain's own making and
   one of the provider's may be two names of one message; two of LangChain's never are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from ..errors import MalformedItem
from ..values import Origin, Status
from .assembly import Assembly
from .message import Message

__all__ = ["OpenMessage", "OpenMessages"]


class OpenMessage:
    """An open message and every name it has gone by."""

    __slots__ = ("ids", "key", "message", "origin")

    def __init__(self, key: Hashable, message: Message, origin: Origin) -> None:
        self.key: Hashable = key
        self.message: Message = message
        self.origin: Origin = origin
        self.ids: set[str | None] = set()

    def may_be(self, id: str | None) -> bool:
        """Tell whether ``id`` is, or may have become, a name of this message."""
        if id in self.ids or not id:
            return True
        has_langchain_id = any(map(_is_langchain_id, self.ids))
        return has_langchain_id != _is_langchain_id(id)


def _is_langchain_id(id: str | None) -> bool:
    """LangChain's own ids: ``run-`` (0.3.40), ``run--`` (0.3.86), ``lc_run--`` (1.0 and later)."""
    return id is not None and id.startswith(("lc_run-", "run-"))


class OpenMessages:
    """The open messages, and the way from a chunk to its message."""

    def __init__(
        self, assembly: Assembly, before_end: Callable[[Message], None] | None = None
    ) -> None:
        self._assembly = assembly
        self._before_end = before_end
        self._open: list[OpenMessage] = []
        self._count = 0
        self.by_metadata: dict[int, OpenMessage] = {}
        """The open messages, by the identity of the metadata that their chunks come with."""
        self.last: Message | None = None
        """The message that the last chunk was about."""

    def __iter__(self) -> Iterator[tuple[Message, Origin]]:
        return iter([(track.message, track.origin) for track in self._open])

    def add(self, chunk: Any, metadata: dict[str, Any] | None, origin: Origin) -> None:
        """Add a chunk to its message, which it may open or end."""
        message_id: str | None = chunk.id
        track = self.by_metadata.get(id(metadata)) or self._by_id(message_id, origin)
        if track is None:
            if message_id in self._assembly.seen.message_ids:
                return _refuse_late(chunk)
            track = self._start(message_id, origin)
        track.ids.add(message_id)
        self.last = track.message
        track.message.add_chunk(chunk)
        if track.message.has_last_chunk:
            self._end(track)
        return None

    def end(self, message: Message, left: Status = "incomplete") -> None:
        """End a message, because something that comes after it has come."""
        for track in list(self._open):
            if track.message is message:
                self._end(track, left)

    def named(self, id: str | None) -> Message | None:
        """Give the open message that has gone by this id."""
        return next((track.message for track in self._open if id and id in track.ids), None)

    def _by_id(self, id: str | None, origin: Origin) -> OpenMessage | None:
        fitting = [it for it in self._open if it.origin.metadata == origin.metadata]
        exact = (track for track in fitting if id in track.ids)
        return next(exact, next((track for track in fitting if track.may_be(id)), None))

    def _start(self, message_id: str | None, origin: Origin) -> OpenMessage:
        self._count += 1
        key = ("track", self._count)
        track = OpenMessage(key, self._assembly.start_message(key, origin, message_id), origin)
        self._open.append(track)
        self.by_metadata[id(origin.metadata)] = track
        return track

    def _end(self, track: OpenMessage, left: Status = "incomplete") -> None:
        message = track.message
        if self._before_end:
            self._before_end(message)
        self._open.remove(track)
        self.by_metadata.pop(id(track.origin.metadata), None)
        # A chunk of before langchain-core 1.0 does not say whether it is the last.
        is_cut = not message.is_complete and (message.marks_its_end or left == "failed")
        self._assembly.end_message(track.key, left if is_cut else "completed")
        seen = self._assembly.seen
        ids = seen.internal_ids if message.origin.internal else seen.message_ids
        ids.update(filter(None, track.ids))


def _refuse_late(chunk: Any) -> None:
    if chunk.content or chunk.tool_call_chunks:
        raise MalformedItem(f"a chunk after the end of message {chunk.id!r}", chunk)
