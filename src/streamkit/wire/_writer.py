"""Events as JSON texts, in the schema's own form.

msgspec writes them by itself: their structs leave out what equals its default.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .._event_classes import EVENT_CLASSES, is_event
from ..events import Event, TextDelta
from ..values import Origin
from ._own_types import own_form
from ._plain_json import dump_plain, dump_text, dumps, one_line
from ._redact import is_internal, redactor

_encode = msgspec.json.Encoder().encode


class Writer:
    """A writer of one stream's events as JSON texts, each on one line.

    ``before`` and ``after`` are written around each text. ``internal`` lets events of internal
    models pass, which a recording keeps and a browser does not need; by default as ``private``.

    >>> from streamkit import Custom, Origin
    >>> event = Custom(origin=Origin(node="agent"), timestamp=0.5, data=1)
    >>> Writer(after=b";").feed(event)
    (b'{"type":"custom","origin":{"node":"agent"},"timestamp":0.5,"data":1};',)
    """

    def __init__(
        self,
        *,
        private: bool = False,
        internal: bool | None = None,
        before: bytes = b"",
        after: bytes = b"",
    ) -> None:
        self._private = private
        self._before = before
        self._after = after
        self._internal = private if internal is None else internal
        self._redact = redactor(private=private, task_path=True)
        self._block: tuple[bytes, str | None, int, Origin | None] = (b"", None, 0, None)

    def feed(self, item: Any) -> tuple[bytes, ...]:
        """Return the texts of an event or of another item, without line ends of their own.

        Raises:
            UsageError: it is no event of ours, and has the ``type`` of one.
        """
        if item.__class__ is TextDelta:  # most of a stream
            head, id, block_id, origin = self._block
            if item.message_id is not id or item.block_id != block_id or item.origin is not origin:
                head = self._turn_to(item)
            return (head % (_encode(item.timestamp), dump_text(item.text)),) if head else ()
        if item.__class__ not in EVENT_CLASSES and not is_event(item):
            return (self._own(item),)
        if item.origin.internal and not self._internal and is_internal(item):
            return ()
        return (self._text_of(self._redact.event(item)),)

    def _turn_to(self, delta: TextDelta) -> bytes:
        """Return the text of a block's deltas, with two gaps; nothing where they are hidden."""
        head = b""
        if self._internal or not is_internal(delta):
            about = dump_plain({"message_id": delta.message_id, "block_id": delta.block_id})
            origin = dump_plain(self._redact.origin(delta.origin))
            before = b"" if origin == b"{}" else b',"origin":' + origin
            pieces = (self._before + b'{"type":"text.delta"' + before, b"," + about[1:-1])
            first, second = (it.replace(b"%", b"%%") for it in pieces)
            head = first + b',"timestamp":%b' + second + b',"text":%b}' + self._after
        self._block = (head, delta.message_id, delta.block_id, delta.origin)
        return head

    def write(self, item: Any) -> bytes:
        """Return the text of an event alone, whatever stream it is from.

        Raises:
            UsageError: it is no event of ours, and has the ``type`` of one.
        """
        if is_event(item):
            return self._text_of(self._redact.event(item))
        return self._own(item)

    def _own(self, item: object) -> bytes:
        return self._before + dumps(own_form(item, private=self._private)) + self._after

    def _text_of(self, event: Event) -> bytes:
        is_ours = event.__class__ in EVENT_CLASSES  # (a class made of one has a tag of its own)
        try:
            data = _encode(event) if is_ours else dumps(event, private=self._private)
        except Exception:  # noqa: BLE001  (half of a surrogate pair, most likely)
            data = dumps(event, private=self._private)
        text = data if data.isascii() else one_line(data)
        # Joining asks for the memory of a large text once; `%` and `+` take forty times as long.
        return b"".join((self._before, text, self._after))
