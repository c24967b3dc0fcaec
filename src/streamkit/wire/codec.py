"""Events as JSON data, and back.

- Keys come in one order: ``type``, ``origin``, ``timestamp``, then the fields as the class lists
  them. What equals its default is left out, as is an origin that says nothing.
- Payloads go through one conversion that never fails: see `streamkit.wire.dumps` for its rules.
  Decoding leaves them as JSON data. It never makes objects out of what somebody sent.
- Unless ``private`` is set, these stay in the process: exception texts (the class name and the
  code go out), the inputs of runs and steps and whatever else is a prompt or a system message,
  ``origin.metadata``, checkpoint metadata and what a config holds beside its ids, the provider's
  ``response_metadata``, and items that were not recognised.
- An exception object never leaves. `Unrecognized` takes the place of an event type that is not
  known here, and fields that are not known are skipped.
- What a mapper made of an event is written by the same conversion, with the ``type`` of its class.
  Readers that are told of that class, by ``types=``, give it back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Generic, cast, get_args

import msgspec
from msgspec.structs import asdict
from typing_extensions import Never, TypeVar

from .._reading import Read
from ..errors import MalformedItem
from ..events import (
    Event,
    ReasoningDelta,
    ReasoningStart,
    TextDelta,
    TextStart,
    ToolCallDelta,
    Unrecognized,
)
from ..values import Origin
from ._json import dump_fields, dump_scalars, dump_text, encode, loads
from ._records import event_fields, origin_form, payloads_in, tag_of
from ._types import Types, dump_own, readers_of

__all__ = ["Inbox", "Own", "Reader", "Writer", "from_dict", "to_dict"]

Own = TypeVar("Own", default=Never)
"""The application's own events."""

_EVENTS: tuple[type[Event], ...] = get_args(Event)
_KNOWN = frozenset(_EVENTS)
_CLASSES: dict[str, type[Event]] = {tag_of(cls): cls for cls in _EVENTS}
_WORDS = frozenset({TextDelta, ReasoningDelta})
"""Most of a stream: a block's deltas differ in nothing but their time and their text."""
_SCALAR = frozenset({TextStart, ReasoningStart, ToolCallDelta})
"""Other events of texts and numbers alone, all of them required."""
_MAX_ORIGINS = 256
_MAX_BLOCKS = 256


def to_dict(event: Event, *, private: bool = False) -> dict[str, Any]:
    """Give an event as JSON data, as it looks on every wire of ours.

    Never raises. ``private=True`` also writes what otherwise stays in the process.

    >>> from streamkit import Origin, TextDelta
    >>> to_dict(TextDelta(origin=Origin(), timestamp=0.5, message_id="m", block_id=0, text="Hi"))
    {'type': 'text.delta', 'timestamp': 0.5, 'message_id': 'm', 'block_id': 0, 'text': 'Hi'}
    """
    return cast("dict[str, Any]", loads(Writer(private=private).write(event)))


def from_dict(data: object) -> Event:
    """Give the event that `to_dict` made ``data`` of.

    Raises:
        MalformedItem: It is no dict, has no ``type``, or a field does not fit its type.

    >>> from_dict({"type": "custom", "timestamp": 0.5, "data": [1, 2]}).data
    [1, 2]
    """
    return _READER.convert(data)


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    """Put in what has no default in its class, and yet may have been left out."""
    filled: dict[str, Any] = {"origin": {}, **fields}
    filled["timestamp"] = fields.get("timestamp") or 0.0
    error = fields.get("error")
    if isinstance(error, dict):
        filled["error"] = {"message": "", **cast("dict[str, Any]", error)}
    if fields["type"] == "unrecognized":
        return {"raw": None, "reason": "", **filled}
    return filled


def _unknown(fields: dict[str, Any], tag: str) -> Unrecognized:
    known: dict[str, Any] = {"type": "unrecognized", "raw": fields}
    known |= {name: fields[name] for name in ("origin", "timestamp") if name in fields}
    known["reason"] = f"no event has the type {tag!r}"
    return msgspec.convert(_filled(known), Unrecognized)


class Reader(Generic[Own]):
    """Reads events, the application's own among them: see `streamkit.wire.ndjson.Decoder`.

    Raises:
        UsageError: ``types`` cannot be told apart, or are no types of data.

    >>> Reader().read(b'{"type":"custom","timestamp":0.5,"data":1}').data
    1
    """

    def __init__(self, types: Types = ()) -> None:
        self._own = readers_of(types)

    def read(self, data: bytes | str) -> Event | Own:
        """Give the event that a JSON text holds.

        Raises:
            MalformedItem: It is no JSON, or no event.
        """
        try:
            value = loads(data)
        except ValueError as error:
            raise MalformedItem(f"no JSON: {error}; got {data[:80]!r}", data) from error
        return self.convert(value)

    def convert(self, data: object) -> Event | Own:
        """Give the event that a dict holds.

        Raises:
            MalformedItem: It is no dict, has no ``type``, or does not fit its type.
        """
        given = cast("Any", data)
        if not isinstance(data, dict) or not isinstance(given.get("type"), str):
            raise MalformedItem(f"expected a dict with a type, got a {type(given).__name__}", given)
        tag: str = given["type"]
        read = self._own.get(tag)
        return _own(given, tag, read) if read else _event(given, tag)


def _own(fields: dict[str, Any], tag: str, read: Read) -> Any:
    try:
        return read(fields)
    except Exception as error:  # (validators may raise anything)
        raise MalformedItem(f"no {tag} event: {error}", fields) from error


def _event(fields: dict[str, Any], tag: str) -> Event:
    cls = _CLASSES.get(tag)
    try:
        return msgspec.convert(_filled(fields), cls) if cls else _unknown(fields, tag)
    except (msgspec.ValidationError, RecursionError) as error:
        raise MalformedItem(f"no {tag} event of this schema: {error}", fields) from error


_READER = Reader()


class Inbox(Generic[Own]):
    """What was read and not yet handed out: texts of events, and errors in their places.

    An error is raised in its turn: what came before it is handed out first, and the next call goes
    on behind it. So the outcome is the same wherever the bytes were split.
    """

    def __init__(self, types: Types = ()) -> None:
        self._read = Reader[Own](types).read
        self._items: deque[bytes | str | MalformedItem] = deque()

    def add(self, items: Iterable[bytes | str | MalformedItem]) -> None:
        """Add what was read; blank texts are no events."""
        self._items.extend(it for it in items if isinstance(it, MalformedItem) or it.strip())

    def take(self) -> list[Event | Own]:
        """Give the events up to the next error.

        Raises:
            MalformedItem: The next item is one, or is no event.
        """
        events: list[Event | Own] = []
        while self._items:
            item = self._items.popleft()
            try:
                events.append(self._read_or_raise(item))
            except MalformedItem as error:
                if not events:
                    raise
                self._items.appendleft(error)
                break
        return events

    def _read_or_raise(self, item: bytes | str | MalformedItem) -> Event | Own:
        if isinstance(item, MalformedItem):
            raise item
        return self._read(item)


class Writer:
    """Writes the events of one stream as JSON texts, and each origin among them only once.

    ``before`` and ``after`` are written around each text.

    >>> from streamkit import Custom, Origin
    >>> Writer(after=b";").write(Custom(origin=Origin(node="agent"), timestamp=0.5, data=1))
    b'{"type":"custom","origin":{"node":"agent"},"timestamp":0.5,"data":1};'
    """

    def __init__(self, *, private: bool = False, before: bytes = b"", after: bytes = b"") -> None:
        self._private = private
        self._before = before
        self._after = after
        self._origins: dict[int, tuple[Origin, dict[type, bytes]]] = {}
        self._origin: Origin | None = None
        self._heads: dict[type, bytes] = {}
        self._blocks: dict[tuple[str, int], bytes] = {}

    def write(self, event: Any) -> bytes:
        """Give an event as one line of JSON, without a line end of its own.

        Raises:
            UsageError: It is no event of ours, and goes by the ``type`` of one.
        """
        if event.__class__ not in _KNOWN and not isinstance(event, _EVENTS):
            return self._before + dump_own(event, private=self._private) + self._after
        if event.origin is not self._origin:
            self._turn_to(event.origin)
        cls = event.__class__
        head = self._heads.get(cls) or self._new_head(cls, event.origin)
        if cls in _WORDS:
            words: Any = event
            block = self._blocks.get((words.message_id, words.block_id)) or self._new_block(words)
            said = (head, encode(words.timestamp), block, dump_text(words.text), self._after)
            return b'%b"timestamp":%b,%b%b}%b' % said
        if cls in _SCALAR:
            return head + dump_scalars(_without(event, "origin"))[1:] + self._after
        fields = event_fields(event, self._private)
        text = dump_fields(fields, payloads_in(event, fields), private=self._private)
        return head + text[1:] + self._after

    def _turn_to(self, origin: Origin) -> None:
        if len(self._origins) == _MAX_ORIGINS:
            self._origins.clear()
        self._origin, self._heads = self._origins.setdefault(id(origin), (origin, {}))

    def _new_block(self, event: TextDelta | ReasoningDelta) -> bytes:
        """Give what all deltas of a block say before their text."""
        if len(self._blocks) == _MAX_BLOCKS:
            self._blocks.clear()
        fields = _without(event, "origin", "timestamp", "text")
        said = dump_scalars(fields)[1:-1] + b',"text":'
        self._blocks[event.message_id, event.block_id] = said
        return said

    def _new_head(self, cls: type, origin: Origin) -> bytes:
        """Give what all events of a class and an origin begin with."""
        form = origin_form(origin, self._private)
        text = dump_fields(form, payloads_in(origin, form), private=self._private)
        said = b'"origin":%b,' % text if form else b""
        head = b'%b{"type":"%b",%b' % (self._before, tag_of(cls).encode(), said)
        self._heads[cls] = head
        return head


def _without(event: Event, *names: str) -> dict[str, Any]:
    fields = asdict(event)
    for name in names:
        del fields[name]
    return fields
