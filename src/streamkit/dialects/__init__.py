"""The input dialects: a table of readers, and how to tell from one item which it is.

`detect` answers only where the shape of the item proves the dialect. A plain dict proves
nothing: a parser's chunk, a graph's ``updates``, ``values`` and ``custom`` items all look alike.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .._protocols import Adapter
from ..errors import UnknownSource, UsageError
from ._reader import Reader
from .astream_events import EventsReader, is_event
from .batch import BatchReader
from .callbacks import CallbackReader
from .chunks import ChunksReader, is_chunk
from .graph import GraphReader, is_graph_item
from .own import OwnReader, is_own
from .protocol_v3 import V3Reader, is_v3
from .registered import REGISTERED, Registration, add, name_that_detects
from .remote import RemoteReader, is_remote
from .run_log import RunLogReader, is_run_log
from .stream_modes import MODES

__all__ = ["DIALECTS", "MODES", "Reader", "detect", "reader_for", "register"]

DIALECTS: dict[str, Callable[..., Adapter]] = {
    "batch": BatchReader,
    "callbacks": CallbackReader,
    "chunks": ChunksReader,
    "events": EventsReader,
    "graph": GraphReader,
    "log": RunLogReader,
    "messages": partial(GraphReader, mode="messages"),
    "own": OwnReader,
    "remote": RemoteReader,
    "v3": V3Reader,
}

_PROOFS: dict[str, Callable[[object], bool]] = {
    "own": is_own,
    "events": is_event,
    "remote": is_remote,
    "graph": is_graph_item,
    "v3": is_v3,
    "log": is_run_log,
    "chunks": is_chunk,
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
    for dialect, is_known in _PROOFS.items():
        if is_known(raw):
            return dialect
    registered = name_that_detects(raw)
    if registered:
        return registered
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
    registered = REGISTERED.get(dialect)
    if registered is None and dialect not in DIALECTS:
        known = ", ".join((*DIALECTS, *REGISTERED))
        raise UsageError(f"unknown dialect {dialect!r}; choose one of {known}")
    if mode is not None and mode not in MODES:
        raise UsageError(f"unknown stream mode {mode!r}; choose one of {', '.join(MODES)}")
    if mode is None and subgraphs is None:
        if registered:
            return registered.reader(dialect, **options)
        return DIALECTS[dialect](**options)
    if dialect != "graph":
        raise UsageError(f"mode= and subgraphs= are for graphs; they do not go with {dialect!r}")
    return GraphReader(mode=mode, subgraphs=subgraphs, **options)


def register(
    name: str,
    factory: Callable[..., Adapter],
    *,
    detect: Callable[[object], bool] | None = None,
) -> None:
    """Teach streamkit a dialect of yours: from now on ``dialect=name`` is known.

    Args:
        name: what to call it.
        factory: makes a new reader for every stream, given the keywords ``clock`` (a function
            that tells the time in unix seconds) and ``strict``: a class of `Reader`'s, or whatever
            makes an `Adapter`.
        detect: tells from the first item whether a stream is in the dialect, so that nobody has
            to name it. It is asked only about items that streamkit does not know itself.

    Registering the same again does nothing.

    Raises:
        UsageError: if the name is taken or no name, or something else is not what it should be.

    >>> from streamkit import Origin, normalize
    >>> class Telegrams(Reader):
    ...     def read(self, raw):
    ...         self.assembly.start_run()
    ...         self.assembly.start_message("telegram", Origin(), raw["id"]).text(raw["says"])
    ...         self.assembly.end_message("telegram")
    >>> register("telegrams", Telegrams)
    >>> telegrams = [{"id": "1", "says": "ARRIVED "}, {"id": "2", "says": "SEND MONEY"}]
    >>> "".join(normalize(telegrams, dialect="telegrams").text())
    'ARRIVED SEND MONEY'
    """
    add(name, Registration(factory, detect), DIALECTS)
