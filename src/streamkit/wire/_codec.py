"""Events as JSON data, and back.

- Keys come in one order: ``type``, ``origin``, ``timestamp``, then the fields as the class lists
  them. What equals its default is left out, as is an empty origin.
- Payloads go through one conversion that never fails: see ``_plain_json.py``.
  Decoding leaves them as JSON data. It never makes objects out of data that was sent.
- Unless ``private`` is set, these stay in the process: exception texts (the class name and the
  code go out), the inputs of runs and steps and whatever else is a prompt or a system message,
  ``origin.metadata``, checkpoint metadata and what a config holds beside its ids, the provider's
  ``response_metadata``, and items that were not recognised.
- An exception object never leaves. Decoding an unknown event type gives an `Unrecognized`, and
  unknown fields are skipped.
- What a mapper made of an event is written by the same conversion, with the ``type`` of its class.
  A reader returns it as that class, if it was passed the class by ``types=``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from typing import Any, Generic, Never, cast, overload

import msgspec
from typing_extensions import TypeVar

from .._event_classes import EVENTS
from .._reading import Read
from ..errors import MalformedItem
from ..events import Event, Unrecognized
from ._lines import MAX_LINE
from ._own_types import Types, readers_of
from ._plain_json import loads
from ._writer import Writer

Own = TypeVar("Own", default=Never)
"""The application's own events."""

_CLASSES: dict[str, type[Event]] = {cls.type: cls for cls in EVENTS}


def to_dict(event: Event, *, private: bool = False) -> dict[str, Any]:
    """Return an event as JSON data, as it looks on every wire of ours.

    Never raises. ``private=True`` also writes what otherwise stays in the process.

    >>> from streamkit import Origin, TextDelta
    >>> to_dict(TextDelta(origin=Origin(), timestamp=0.5, message_id="m", block_id=0, text="Hi"))
    {'type': 'text.delta', 'timestamp': 0.5, 'message_id': 'm', 'block_id': 0, 'text': 'Hi'}
    """
    return cast("dict[str, Any]", loads(Writer(private=private).write(event)))


def from_dict(data: object) -> Event:
    """Return the event that `to_dict` made ``data`` of.

    Raises:
        MalformedItem: It is no dict, has no ``type``, or a field does not fit its type.

    >>> from_dict({"type": "custom", "timestamp": 0.5, "data": [1, 2]}).data
    [1, 2]
    """
    return _READER.convert(data)


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    """Add what has no default in its class, and yet may have been left out."""
    return {**fields, "timestamp": fields.get("timestamp") or 0.0}


def _unknown(fields: dict[str, Any], tag: str) -> Unrecognized:
    known: dict[str, Any] = {"raw": fields}
    known |= {name: fields[name] for name in ("origin", "timestamp") if name in fields}
    known["reason"] = f"no event has the type {tag!r}"
    return msgspec.convert(_filled(known), Unrecognized)


class Reader(Generic[Own]):
    """A decoder of events, also of the application's own: see `streamkit.wire.ndjson.Decoder`.

    Raises:
        UsageError: ``types`` cannot be distinguished, or are no types of data.

    >>> Reader().read(b'{"type":"custom","timestamp":0.5,"data":1}').data
    1
    """

    def __init__(self, types: Types = ()) -> None:
        self._own = readers_of(types)

    def read(self, data: bytes | str) -> Event | Own:
        """Return the event that a JSON text holds.

        Raises:
            MalformedItem: It is no JSON, or no event.
        """
        try:
            value = loads(data)
        except ValueError as error:
            raise MalformedItem(f"no JSON: {error}; got {data[:80]!r}", data) from error
        return self.convert(value)

    def convert(self, data: object) -> Event | Own:
        """Return the event that a dict holds.

        Raises:
            MalformedItem: It is no dict, has no ``type``, or does not fit its type.
        """
        given = cast("Any", data)
        if not isinstance(data, dict) or not isinstance(given.get("type"), str):
            got = f"a {type(given).__name__}" if not isinstance(data, dict) else "one without"
            raise MalformedItem(f"expected a dict with a type, got {got}", given)
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


class EventDecoder(ABC, Generic[Own]):
    """The part that all decoders share: items that were read, and events in their order.

    An error is raised in its turn: items before it are returned first, and the next call goes on
    behind it. So the outcome is the same wherever the bytes were split.
    """

    @overload
    def __init__(self: EventDecoder[Never], *, max_line: int = ...) -> None: ...

    @overload
    def __init__(self, *, types: Types, max_line: int = ...) -> None: ...

    def __init__(self, *, types: Types = (), max_line: int = MAX_LINE) -> None:
        self._max_line = max_line
        self._read = Reader[Own](types).read
        self._items: deque[bytes | str | MalformedItem] = deque()

    @abstractmethod
    def feed(self, data: bytes) -> list[Event | Own]:
        """Return the events that ``data`` completes."""

    def _take(self, items: Iterable[bytes | str | MalformedItem]) -> list[Event | Own]:
        """Return the events of texts that were read, up to the next error; skip blank ones.

        Raises:
            MalformedItem: The next item is one, or is no event.
        """
        self._items.extend(it for it in items if isinstance(it, MalformedItem) or it.strip())
        events: list[Event | Own] = []
        while self._items:
            item = self._items.popleft()
            try:
                if isinstance(item, MalformedItem):
                    raise item
                events.append(self._read(item))
            except MalformedItem as error:
                if not events:
                    raise
                self._items.appendleft(error)
                break
        return events
