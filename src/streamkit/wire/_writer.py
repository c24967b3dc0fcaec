"""Events to JSON texts: what all events of an origin and a class begin with is written once.

Deltas of text are most of a stream, and are put together from pieces. Of all other events msgspec
writes the form (see `_records`), if what others put into it may be written that way (see `_json`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, get_args

import msgspec

from ..events import Event, ReasoningDelta, TextDelta
from ..values import Origin
from ._json import dump_carefully, dump_scalars, dump_text, encode, one_line, written
from ._records import plan_of, record_form, tag_of
from ._types import dump_own

__all__ = ["Writer"]

Write: TypeAlias = Callable[[Any], bytes]

_EVENTS: tuple[type[Event], ...] = get_args(Event)
_WORDS = frozenset({TextDelta, ReasoningDelta})
_MAX_ORIGINS = 256


class Writer:
    """Writes the events of one stream as JSON texts, each on one line.

    ``before`` and ``after`` are written around each text.

    >>> from streamkit import Custom, Origin
    >>> Writer(after=b";").write(Custom(origin=Origin(node="agent"), timestamp=0.5, data=1))
    b'{"type":"custom","origin":{"node":"agent"},"timestamp":0.5,"data":1};'
    """

    def __init__(self, *, private: bool = False, before: bytes = b"", after: bytes = b"") -> None:
        self._private = private
        self._before = before
        self._after = after
        self._frame = b"%b%%b%b" % (before.replace(b"%", b"%%"), after.replace(b"%", b"%%"))
        self._origins: dict[int, tuple[Origin, bytes, dict[type, Write]]] = {}
        self._origin: Origin | None = None
        self._start = b""
        self._writes: dict[type, Write] = {}

    def write(self, event: Any) -> bytes:
        """Give an event as one line of JSON, without a line end of its own.

        Raises:
            UsageError: It is no event of ours, and goes by the ``type`` of one.
        """
        return self.feed(event)[0]

    def feed(self, event: Any) -> tuple[bytes]:
        """Give the same as a stage does."""
        write = self._writes.get(event.__class__)
        if write is None or event.origin is not self._origin:
            write = self._find(event)
        return (write(event),)

    def _find(self, event: Any) -> Write:
        """Give what writes events of this class and origin."""
        cls = event.__class__
        if not isinstance(event, _EVENTS):
            return self._own
        if event.origin is not self._origin:
            self._turn_to(event.origin)
        return self._writes.get(cls) or self._writes.setdefault(cls, self._new(cls))

    def _own(self, item: object) -> bytes:
        return self._frame % dump_own(item, private=self._private)

    def _turn_to(self, origin: Origin) -> None:
        known = self._origins.get(id(origin))
        if not known:
            if len(self._origins) == _MAX_ORIGINS:
                self._origins.clear()
            known = self._origins[id(origin)] = (origin, self._start_of(origin), {})
        self._origin, self._start, self._writes = known

    def _start_of(self, origin: Origin) -> bytes:
        """Give what stands between an event's type and its time."""
        said = _Records(type(origin), self._private).write(origin)
        return b"" if said == b"{}" else b',"origin":' + said

    def _new(self, cls: type) -> Write:
        head = b'"%b"%b' % (tag_of(cls).encode(), self._start)
        if cls in _WORDS:
            return _Words(b'%b{"type":%b' % (self._before, head), self._after).write
        return _Records(cls, self._private, head, self._frame).write


class _Words:
    """Writes deltas of text: those of one block differ in nothing but their time and their text."""

    __slots__ = ("_after", "_before", "_block", "_block_id", "_message_id")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = before + b',"timestamp":'
        self._after = b"}" + after
        self._block = b""
        self._message_id: str | None = None
        self._block_id = 0

    def write(self, event: TextDelta) -> bytes:
        if event.message_id != self._message_id or event.block_id != self._block_id:
            self._turn_to(event)
        text = event.text  # written by `dump_text`, for ASCII without the call
        said = encode(text) if text.isascii() else dump_text(text)
        return b"".join((self._before, encode(event.timestamp), self._block, said, self._after))

    def _turn_to(self, event: TextDelta) -> None:
        self._message_id, self._block_id = event.message_id, event.block_id
        about = dump_scalars({"message_id": event.message_id, "block_id": event.block_id})
        self._block = b',%b,"text":' % about[1:-1]


class _Records:
    """Writes the instances of one class of structs; events begin with ``head``."""

    __slots__ = ("_form", "_frame", "_head", "_payload", "_private")

    def __init__(
        self, cls: type, private: bool, head: bytes | None = None, frame: bytes = b"%b"
    ) -> None:
        plan = plan_of(cls, private)
        self._form, self._payload = plan.form, plan.payload
        self._private = private
        self._head = head if head is None else msgspec.Raw(head)
        self._frame = frame

    def write(self, record: Any) -> bytes:
        try:
            form = self._form(record, self._head)
            payload = self._payload and self._payload(form)
            data = encode(form) if payload is None else written(form, payload, self._private)
        except Exception:  # noqa: BLE001  (what is wrong is found out value by value)
            data = None
        if data is None:
            data = self._carefully(record)
        return self._frame % (data if data.isascii() else one_line(data))

    def _carefully(self, record: Any) -> bytes:
        data = dump_carefully(record_form(record, self._private), self._private)
        return data if self._head is None else b'{"type":%b,%b' % (self._head, data[1:])
