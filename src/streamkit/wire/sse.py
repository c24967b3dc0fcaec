"""Events as server-sent events: one event, one frame.

    id: 7
    data: {"type":"text.delta","origin":{"node":"agent"},"timestamp":1767225600.5,…}

There is no ``event:`` line, so that a browser hands every event to one place. Its ``type`` is in
the data anyway, and named events would need one listener each::

    const source = new EventSource("/run");
    source.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.type === "text.delta") show(event.text);
      if (event.type === "run.end" || event.type === "run.error") source.close();
    };

Without that last line an ``EventSource`` takes the end of the response for an accident and calls
again. Clients that use ``fetch`` read the same frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from itertools import count
from time import time
from types import MappingProxyType
from typing import Any, Final

import msgspec

from .._protocols import RunOver
from ..errors import MalformedItem, UsageError
from ..events import Custom, Event
from ..mapping import PerRun, per_run
from ._codec import EventDecoder, Own, from_dict
from ._lines import MAX_LINE, Lines, too_long
from ._writer import Writer
from .resume import Resume, payloads, typed_deltas

__all__ = [
    "HEADERS",
    "Decoder",
    "encode",
    "encoder",
]

HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "content-type": "text/event-stream",
        # Node's `compression` 1.8, which Next.js and dev servers proxy with, compresses by blocks.
        "cache-control": "no-cache, no-transform",
        # nginx buffers whole responses by default; it reads this header.
        "x-accel-buffering": "no",
    }
)
"""The headers of a response that streams such frames, which no proxy may buffer."""

_DATA = b"data: "

HEARTBEAT: Final = b":\n\n"
"""A comment frame: clients skip it, and proxies keep the connection open."""


def encode(event: object, *, id: str | int | None = None, private: bool = False) -> bytes:
    r"""Return an event as one frame.

    A reader that loses the connection sends the last ``id`` it saw as ``Last-Event-ID``.
    An item that is not one of our events, such as a mapper's, has the ``type`` of its class.
    ``private=True`` also writes what otherwise stays in the process: see `to_dict`.

    Raises:
        UsageError: ``id`` holds a line end or a NUL, which no frame can carry; or an object of your
            own has the ``type`` of an event of ours.

    >>> from streamkit import Custom, Origin
    >>> encode(Custom(origin=Origin(), timestamp=0.5, data=1), id=7)
    b'id: 7\ndata: {"type":"custom","timestamp":0.5,"data":1}\n\n'
    """
    before = _DATA if id is None else b"id: %b\n%b" % (_checked(str(id)), _DATA)
    return Writer(private=private, before=before, after=b"\n\n").write(event)


def _checked(id: str) -> bytes:
    # A line end would begin another field; browsers ignore an id with a NUL (WHATWG, 9.2.6).
    if any(end in id for end in "\r\n\0"):
        raise UsageError(f"an id cannot hold a line end or a NUL, got {id!r}; leave them out")
    return id.encode(errors="replace")


def encoder(*, private: bool = False, first_id: int | None = None) -> PerRun[Any, bytes]:
    r"""Return a stage that does the same for a whole stream, and in less time.

    Events of internal model calls are left out, unless ``private``. With ``first_id``, frames are
    numbered from there on.

    >>> from streamkit import normalize
    >>> frames = normalize(["Hel", "lo"], clock=lambda: 0.5).pipe(encoder(first_id=1))
    >>> next(frames)
    b'id: 1\ndata: {"type":"run.start","timestamp":0.5}\n\n'
    """

    def stage() -> Callable[[Any], tuple[bytes, ...]]:
        feed = Writer(private=private, before=_DATA, after=b"\n\n").feed
        if first_id is None:
            return feed
        ids = count(first_id)
        return lambda item: tuple(b"id: %d\n%b" % (next(ids), it) for it in feed(item))

    return per_run(stage)


def gap(missed: int) -> bytes:
    """Return the frame that counts the frames which are no longer kept for a client.

    It is a `Custom` event with the name ``gap``. A message's end still has all of its text.

    >>> [event] = Decoder().feed(gap(3))
    >>> event.name, event.data
    ('gap', {'missed': 3})
    """
    return encode(Custom(timestamp=time(), name="gap", data={"missed": missed}))


def _cut_off(frames: Iterable[bytes]) -> list[bytes]:
    from ..dialects.own import OwnReader  # noqa: PLC0415  (only where a run was cut off)

    reader = OwnReader(clock=time)
    for it in payloads(frames):
        with suppress(MalformedItem, RunOver):  # (items of the application's own are no events)
            reader.feed(from_dict(it))
    return [encode(event, private=True) for event in reader.close()]


RESUME: Final = Resume(
    typed_deltas({"text.delta": "text", "reasoning.delta": "text", "tool_call.delta": "args"}),
    _cut_off,
)
"""How a client comes back to a run in this format: for `streamkit.serve.Runs`."""


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One server-sent event with any data."""

    data: str
    """The values of the ``data`` lines, joined by LF."""
    event: str = "message"
    """The value of the ``event`` line."""
    id: str = ""
    """The last ``id`` so far, this frame's own or an earlier one's."""


class FrameDecoder:
    """A decoder of frames from chunks of bytes, by the rules of WHATWG's HTML standard.

    Lines end with LF, CR or CRLF; a frame ends with a blank line, and one without data is none.
    A BOM at the start is skipped, and so are comments.

    >>> FrameDecoder().feed(b": hello" + bytes([10]) + b"data: 1" + bytes([10, 10]))
    [Frame(data='1', event='message', id='')]
    """

    def __init__(self, *, max_line: int = MAX_LINE) -> None:
        self.last_event_id: str = ""
        """The value to send as ``Last-Event-ID`` after the connection was lost."""
        self.retry: int | None = None
        """How many milliseconds the server asks to wait before that."""
        self._lines = Lines(max_line, any_end=True)
        self._max = max_line
        self._id = ""
        self._forget()

    def _forget(self) -> None:
        self._event = ""
        self._data: list[str] = []
        self._size = 0
        self._is_broken = False

    def feed(self, data: bytes) -> list[Frame | MalformedItem]:
        """Return the frames that ``data`` completes; an error stands where one became too long."""
        found: list[Frame | MalformedItem] = []
        for line in self._lines.feed(data):
            if isinstance(line, MalformedItem):
                self._is_broken = True
                found.append(line)
            elif line:
                found.extend(self._field(line))
            else:
                found.extend(self._dispatch())
        return found

    def _field(self, line: bytes) -> Iterator[MalformedItem]:
        name, _, value = line.partition(b":")
        # One space after the colon is no part of the value, a second one is.
        text = value.removeprefix(b" ").decode(errors="replace")
        if name == b"data":
            yield from self._add(text, len(line))
        elif name == b"event":
            self._event = text
        elif name == b"id" and "\0" not in text:
            self._id = text
        elif name == b"retry" and text.isascii() and text.isdigit():
            # (as many digits as a browser keeps exact; more would only cost time)
            self.retry = int(text[:18])

    def _add(self, text: str, size: int) -> Iterator[MalformedItem]:
        fits = self._size <= self._max
        self._size += size
        if self._size <= self._max:
            self._data.append(text)
        elif fits:
            self._is_broken = True
            self._data.clear()
            yield MalformedItem(too_long("frame", self._max), text[:80])

    def _dispatch(self) -> Iterator[Frame]:
        # An id is taken over by the blank line, also where the frame has no data.
        self.last_event_id = self._id
        if self._data and not self._is_broken:
            data = "\n".join(self._data)
            yield Frame(data=data, event=self._event or "message", id=self._id)
        self._forget()


class Decoder(EventDecoder[Own]):
    """A decoder of events from chunks of bytes, which may be split anywhere.

    A frame whose data is no event raises `MalformedItem`, after the events before it were returned;
    the next call continues behind it. Frames with blank data are skipped. ``max_line`` is how many
    bytes the data of a frame may have.

    Events of your own come back too, where ``types`` names their classes: dataclasses, TypedDicts,
    attrs classes, msgspec structs and pydantic models that say their ``type`` (a default, a
    ``Literal``, a tag), or else go by their class's name. To say it for them, or to give a function
    in place of a class, pass a mapping. An unknown ``type`` makes an `Unrecognized`.

    Raises:
        UsageError: ``types`` cannot be distinguished, from each other or from streamkit's own.

    >>> decoder = Decoder()
    >>> decoder.feed(b'data: {"type":"custom","timestamp":0.5,"da')
    []
    >>> [event.data for event in decoder.feed(b'ta":1}' + bytes([10, 10]))]
    [1]
    """

    @cached_property
    def _frames(self) -> FrameDecoder:
        return FrameDecoder(max_line=self._max_line)

    @property
    def last_event_id(self) -> str:
        """The value to send as ``Last-Event-ID`` after the connection was lost.

        The new connection needs a new decoder, since this one may hold half a frame.
        """
        return self._frames.last_event_id

    @property
    def retry(self) -> int | None:
        """How many milliseconds the server asks to wait before that."""
        return self._frames.retry

    def feed(self, data: bytes) -> list[Event | Own]:
        """Return the events that ``data`` completes.

        Raises:
            MalformedItem: A frame's data is no event, or too long.
        """
        frames = self._frames.feed(data)
        return self._take(it.data if isinstance(it, Frame) else it for it in frames)

    def close(self) -> list[Event | Own]:
        """Return the events that are left: a frame that was not ended is none.

        Raises:
            MalformedItem: A frame's data is no event.
        """
        return self._take(())
