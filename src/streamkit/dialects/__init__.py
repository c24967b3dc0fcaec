"""The input dialects: a table of readers, and how to tell from one item which it is.

`detect` answers only where the shape of the item proves the dialect. A plain dict proves
nothing: a parser's chunk, a graph's ``updates``, ``values`` and ``custom`` items all look alike.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .._protocols import Adapter
from ..errors import UnknownSource, UsageError
from .astream_events import EventsReader, is_event
from .chunks import ChunksReader, is_chunk
from .graph import MODES, GraphReader, is_graph_item

__all__ = ["DIALECTS", "MODES", "detect", "reader_for"]

DIALECTS: dict[str, Callable[..., Adapter]] = {
    "chunks": ChunksReader,
    "events": EventsReader,
    "graph": GraphReader,
    "messages": partial(GraphReader, mode="messages"),
}


def detect(raw: object) -> str:
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
    if is_graph_item(raw):
        return "graph"
    if is_chunk(raw):
        return "chunks"
    raise UnknownSource(
        f"cannot tell what stream this {type(raw).__name__} item is from: {raw!r:.120}; "
        f"say mode='updates' (or 'values', 'custom', ...) if it is a graph's single stream mode, "
        f"or dialect='chunks' if it is any other runnable's own .stream()",
        raw,
    )


def reader_for(
    dialect: str, *, mode: str | None = None, subgraphs: bool | None = None, **options: object
) -> Adapter:
    """Give a new reader of the dialect called ``dialect``; a mode makes it ``"graph"``.

    Raises:
        UsageError: if there is no such dialect or mode.
    """
    if dialect not in DIALECTS:
        raise UsageError(f"unknown dialect {dialect!r}; choose one of {', '.join(DIALECTS)}")
    if mode is not None and mode not in MODES:
        raise UsageError(f"unknown stream mode {mode!r}; choose one of {', '.join(MODES)}")
    if mode is None and subgraphs is None:
        return DIALECTS[dialect](**options)
    if dialect != "graph":
        raise UsageError(f"mode= and subgraphs= are for graphs; they do not go with {dialect!r}")
    return GraphReader(mode=mode, subgraphs=subgraphs, **options)
