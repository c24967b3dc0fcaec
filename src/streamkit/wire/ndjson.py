"""Events as newline-delimited JSON: one event, one line, one LF.

    {"type":"text.delta","origin":{"node":"agent"},"timestamp":1767225600.5,"message_id":"m1",…}

The form of an event as JSON is that of `streamkit.wire.to_dict`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from ..events import Event
from ..mapping import PerRun, per_run
from ._codec import EventDecoder, Own
from ._lines import Lines
from ._writer import Writer

__all__ = ["HEADERS", "Decoder", "encode", "encoder"]

HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "content-type": "application/x-ndjson",
        # Node's `compression` 1.8, which Next.js and dev servers proxy with, compresses by blocks.
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
    }
)
"""The headers of a response that streams such lines, which no proxy may buffer."""


def encode(event: object, *, private: bool = False) -> bytes:
    r"""Return an event as one line of UTF-8, LF included.

    An item that is not one of our events, such as a mapper's, has the ``type`` of its class.
    ``private=True`` also writes what otherwise stays in the process: see `to_dict`.

    Raises:
        UsageError: an object of your own has the ``type`` of an event of ours.

    >>> from streamkit import Custom, Origin
    >>> encode(Custom(origin=Origin(), timestamp=0.5, data={"done": 0.7}))
    b'{"type":"custom","timestamp":0.5,"data":{"done":0.7}}\n'
    """
    return Writer(private=private, after=b"\n").write(event)


def encoder(*, private: bool = False) -> PerRun[Any, bytes]:
    r"""Return a stage that does the same for a whole stream, and in less time.

    Events of internal model calls are left out, unless ``private``.

    >>> from streamkit import normalize
    >>> lines = normalize(["Hel", "lo"], clock=lambda: 0.5).pipe(encoder())
    >>> next(lines)
    b'{"type":"run.start","timestamp":0.5}\n'
    """
    return per_run(lambda: Writer(private=private, after=b"\n").feed)


class Decoder(EventDecoder[Own]):
    """A decoder of events from chunks of bytes, which may be split anywhere.

    Lines end with LF or CRLF, and blank ones are skipped. A line that is no event raises
    `MalformedItem`, after the events before it were returned; the next call continues behind it.
    ``max_line`` is how many bytes a line may have.

    Events of your own come back too, where ``types`` names their classes: dataclasses, TypedDicts,
    attrs classes, msgspec structs and pydantic models that say their ``type`` (a default, a
    ``Literal``, a tag), or else go by their class's name. To say it for them, or to give a function
    in place of a class, pass a mapping. An unknown ``type`` makes an `Unrecognized`.

    Raises:
        UsageError: ``types`` cannot be distinguished, from each other or from streamkit's own.

    >>> decoder = Decoder()
    >>> decoder.feed(b'{"type":"custom","timestamp":0.5,"da')
    []
    >>> [event.data for event in decoder.feed(b'ta":1}' + bytes([10]))]
    [1]
    """

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self._max_line)

    def feed(self, data: bytes) -> list[Event | Own]:
        """Return the events that ``data`` completes.

        Raises:
            MalformedItem: A line is no event, or too long.
        """
        return self._take(self._lines.feed(data))

    def close(self) -> list[Event | Own]:
        """Return the events that are left: there are no more bytes, so the last line is whole.

        Raises:
            MalformedItem: A line is no event; the last one, perhaps, because it was cut off.
        """
        return self._take(self._lines.close())
