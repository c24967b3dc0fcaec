"""The input dialects: a table of readers, and the detection of a dialect from one item.

A dialect of your own is a `Reader`, which reads each raw item into its `Assembly`; that opens a
`Message` for each answer of a model. See docs/extending.md.

`detect` answers only where the shape of the item proves the dialect. A plain dict proves
nothing: a parser's chunk, a graph's ``updates``, ``values`` and ``custom`` items all look alike.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, NewType, TypeAlias, TypeVar, get_args

from .._core.assembly import Assembly
from .._core.message import Message
from .._event_classes import is_event as is_own
from .._fields import shown
from .._protocols import Adapter
from ..errors import UnknownSource, UsageError
from ._reader import Reader
from .astream_events import EventsReader, is_event
from .batch import BatchReader, is_batch_item
from .callbacks import CallbackReader
from .chunks import ChunksReader, is_chunk
from .graph import GraphReader, is_graph_item, why_not_of_mode
from .own import OwnReader
from .protocol_v3 import V3Reader, is_v3
from .registered import REGISTERED, Registration, add, name_that_detects
from .remote import RemoteReader, is_remote
from .run_log import RunLogReader, is_run_log
from .stream_modes import MODES

__all__ = [
    "Assembly",
    "Message",
    "Reader",
    "register",
]

T = TypeVar("T")

Dialect: TypeAlias = Literal[
    "batch", "chunks", "events", "graph", "log", "messages", "own", "remote", "v3"
]
"""The name of a built-in dialect, for ``normalize(source, dialect=...)``."""

RegisteredDialect = NewType("RegisteredDialect", str)
"""The name of a dialect that `register` added."""

# In the order in which they are asked: a dict of `langgraph_sdk` has the keys of a graph's own part
# as well, and an SSE event of version 3 those of an earlier one. Nothing proves the last two: one
# is our own, the other a mode of a graph.
_DIALECTS: dict[str, tuple[Callable[..., Adapter], Callable[[object], bool] | None]] = {
    "own": (OwnReader, is_own),
    "events": (EventsReader, is_event),
    "v3": (V3Reader, is_v3),
    "remote": (RemoteReader, is_remote),
    "graph": (GraphReader, is_graph_item),
    "log": (RunLogReader, is_run_log),
    "chunks": (ChunksReader, is_chunk),
    "batch": (BatchReader, is_batch_item),
    "callbacks": (CallbackReader, None),
    "messages": (partial(GraphReader, mode="messages"), None),
}
"""The reader of each built-in dialect, and what returns whether an item proves it."""


def detect(raw: object) -> str:
    """Return the dialect that ``raw`` proves.

    Raises:
        UnknownSource: where it proves none; the message names the candidates.

    >>> detect("Hel")
    'chunks'
    >>> detect({"event": "on_tool_start", "name": "t", "run_id": "r", "data": {}})
    'events'
    """
    found = _proved_by(raw) or name_that_detects(raw)
    if found:
        return found
    if type(raw) is bytes:
        raise UnknownSource(
            "bytes are no items; decode our own first: streamkit.wire.sse.Decoder().feed(data)", raw
        )
    raise UnknownSource(
        f"cannot tell what stream this {type(raw).__name__} item is from: {shown(raw, 120)}; "
        f"say mode='updates' (or 'values', 'custom', ...) if it is a graph's single stream mode, "
        f"or dialect='chunks' if it is any other runnable's own .stream(); "
        f"the dialects are {_names()}",
        raw,
    )


def _proved_by(raw: object) -> str | None:
    tests = ((name, proves) for name, (_, proves) in _DIALECTS.items() if proves)
    return next((name for name, proves in tests if _answer(proves, raw)), None)


def _answer(ask: Callable[[object], T], raw: object) -> T | None:
    """Return what a test says of an item, and None where the item raises when it is looked at."""
    try:
        return ask(raw)
    except Exception:  # noqa: BLE001  (an object of a foreign class may raise anything)
        return None


def _names() -> str:
    return ", ".join((*get_args(Dialect), *REGISTERED))


def require_fit(dialect: str, mode: str | None, raw: object) -> None:
    """Refuse an item that plainly is of another dialect or mode than the caller named.

    Raises:
        UsageError: the item proves something else; the message says what to write.

    >>> require_fit("events", None, "Hel")
    Traceback (most recent call last):
    streamkit.errors.UsageError: dialect='events' does not fit this stream: its first item, \
'Hel', is of dialect 'chunks'; leave dialect= out, or write dialect='chunks'
    """
    if dialect == "callbacks" or dialect not in _DIALECTS:
        return  # a registered one, or a reader of our own, whose items may look like any other
    found = _proved_by(raw)
    mode = "messages" if dialect == "messages" else mode
    given = f"dialect={dialect!r}" if mode is None or dialect == "messages" else f"mode={mode!r}"
    is_graph = dialect in {"graph", "messages"}
    if found not in {None, "graph" if is_graph else dialect} and not _may_be(mode, found):
        word = given.partition("=")[0]
        raise UsageError(
            f"{given} does not fit this stream: its first item, {shown(raw, 80)}, is of dialect "
            f"{found!r}; leave {word}= out, or write dialect={found!r}"
        )
    reason = _answer(partial(why_not_of_mode, mode), raw) if is_graph and mode else None
    if reason:
        raise UsageError(
            f"{given} does not fit this stream: its first item, {shown(raw, 80)}, {reason}"
        )


def _may_be(mode: str | None, found: str | None) -> bool:
    """Return whether a mode's bare payload may look like an item of another dialect."""
    # LangGraph yields a single mode's payload bare: a custom one is anything, a state maybe a text.
    return mode == "custom" or (mode == "values" and found in {"chunks", "batch"})


def reader_for(
    dialect: str,
    *,
    mode: str | None = None,
    subgraphs: bool | None = None,
    resume: object = None,
    **options: object,
) -> Adapter:
    """Return a new reader of the dialect called ``dialect``.

    ``mode``, ``subgraphs`` and ``resume`` are what is known of a graph's call.

    Raises:
        UsageError: if there is no such dialect or mode.
    """
    registered = REGISTERED.get(dialect)
    if registered is None and dialect not in _DIALECTS:
        raise UsageError(f"unknown dialect {shown(dialect, 60)}; choose one of {_names()}")
    if mode is not None and mode not in MODES:
        raise UsageError(
            f"unknown stream mode {shown(mode, 60)}; choose one of {', '.join(MODES)}, "
            f"or leave mode= out for a list of modes"
        )
    if mode is None and subgraphs is None:
        if registered:
            return registered.reader(dialect, **options)
        if resume is not None and dialect == "graph":
            options["resume"] = resume
        return _DIALECTS[dialect][0](**options)
    if dialect != "graph":
        raise UsageError(f"mode= and subgraphs= are for graphs; they do not go with {dialect!r}")
    return GraphReader(mode=mode, subgraphs=subgraphs, **options)


def register(
    name: str,
    factory: Callable[..., Adapter],
    *,
    detect: Callable[[object], bool] | None = None,
) -> RegisteredDialect:
    """Add a dialect of yours and return its name, for ``normalize(source, dialect=name)``.

    Args:
        name: what to call it.
        factory: makes a new reader for every stream, given the keywords ``clock`` (a function
            that returns the time in unix seconds) and ``strict``: a subclass of `Reader`, or any
            function that returns an `Adapter`.
        detect: returns whether a stream is in the dialect, given its first item, so that the
            caller need not name it. It is called only for items that no built-in dialect knows.

    Registering the same again does nothing.

    Raises:
        UsageError: if the name is taken or no name, or something else is not what it should be.

    >>> from streamkit import Origin, normalize
    >>> class Telegrams(Reader):
    ...     def read(self, raw):
    ...         self.assembly.start_run()
    ...         self.assembly.start_message("telegram", Origin(), raw["id"]).text(raw["says"])
    ...         self.assembly.end_message("telegram")
    >>> dialect = register("telegrams", Telegrams)
    >>> telegrams = [{"id": "1", "says": "ARRIVED "}, {"id": "2", "says": "SEND MONEY"}]
    >>> "".join(normalize(telegrams, dialect=dialect).text())
    'ARRIVED SEND MONEY'
    """
    add(name, Registration(factory, detect), _DIALECTS)
    return RegisteredDialect(name)
