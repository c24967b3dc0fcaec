"""The input dialects: a table of readers, and how to tell from one item which it is.

`detect` answers only where the shape of the item proves the dialect. A plain dict proves
nothing: a parser's chunk, a graph's ``updates``, ``values`` and ``custom`` items all look alike.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..errors import UnknownSource, UsageError
from ._reader import Reader
from .astream_events import EventsReader, is_event
from .chunks import ChunksReader, is_chunk
from .messages import MessagesReader, is_messages_item

__all__ = ["DIALECTS", "DialectName", "detect", "reader_class"]

DialectName: TypeAlias = Literal["chunks", "events", "messages"]

DIALECTS: dict[DialectName, type[Reader]] = {
    "chunks": ChunksReader,
    "events": EventsReader,
    "messages": MessagesReader,
}


def detect(raw: object) -> DialectName:
    """Give the dialect that ``raw`` proves.

    Raises:
        UnknownSource: where it proves none; the message names the candidates.

    >>> detect("Hel")
    'chunks'
    >>> detect({"event": "on_tool_start", "name": "t", "run_id": "r", "data": {}})
    'events'
    """
    if is_event(raw):
        return "events"
    if is_messages_item(raw):
        return "messages"
    if is_chunk(raw):
        return "chunks"
    raise UnknownSource(
        f"cannot tell what stream this {type(raw).__name__} item is from: {raw!r:.120}; "
        f"say what the source is: dialect='chunks' for any runnable's own .stream(), "
        f"'events' for astream_events, 'messages' for a graph's stream_mode='messages'",
        raw,
    )


def reader_class(name: str) -> type[Reader]:
    """Give the reader of the dialect called ``name``.

    Raises:
        UsageError: if there is none of that name.
    """
    for known, reader in DIALECTS.items():
        if known == name:
            return reader
    raise UsageError(f"unknown dialect {name!r}; choose one of {', '.join(map(repr, DIALECTS))}")
