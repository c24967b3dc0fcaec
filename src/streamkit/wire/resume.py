"""The facts about a format that a server needs so that clients can reconnect to a run.

A format that has a ``RESUME`` states two things about its frames: which of them are deltas that add
up, so that the past of a long run fits into few frames; and what ends a stream that was cut off
with no encoder left to end it, because the process that ran it is dead.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from .._fields import dict_or_empty
from ._plain_json import one_line

__all__ = ["Resume", "typed_deltas"]


class Delta(NamedTuple):
    """A frame that adds text to a block."""

    key: Hashable
    """Equal for deltas that add up."""
    text: str
    """The text that the delta adds."""
    frame: Callable[[str], bytes]
    """A function that returns the same frame with another text."""


class Resume(NamedTuple):
    """The facts about a format's frames that reconnecting needs."""

    delta_of: Callable[[bytes], Delta | None]
    """A function that reads a frame without its ``id:`` line; it returns None for other frames."""
    cut_off: Callable[[Iterable[bytes]], list[bytes]]
    """A function that returns the frames that end a stream which was cut off after these."""


class Joiner:
    r"""Frames in which deltas that follow each other are joined, one for each block.

    Any other frame keeps its place among them.

    >>> joiner = Joiner(typed_deltas({"text": "delta"}))
    >>> for n in range(1000):
    ...     joiner.add(b'data: {"type":"text","id":1,"delta":"a"}\n\n')
    >>> [len(frame) for frame in joiner.frames()]
    [1041]
    """

    def __init__(self, delta_of: Callable[[bytes], Delta | None]) -> None:
        self.size: int = 0
        """The approximate number of bytes of the frames."""
        self._delta_of = delta_of
        self._entries: list[bytes | tuple[Delta, list[str]]] = []
        self._open: dict[Hashable, list[str]] = {}

    def add(self, frame: bytes) -> None:
        """Add one more frame."""
        delta = self._delta_of(frame)
        if delta is None:
            self._open.clear()
            self._entries.append(frame)
            self.size += len(frame)
            return
        texts = self._open.get(delta.key)
        if texts is None:
            texts = self._open[delta.key] = []
            self._entries.append((delta, texts))
            self.size += len(frame) - len(delta.text)
        texts.append(delta.text)
        self.size += len(delta.text)

    def frames(self) -> list[bytes]:
        """Return all of them."""
        return [
            it if isinstance(it, bytes) else it[0].frame("".join(it[1])) for it in self._entries
        ]


Find: TypeAlias = Callable[[Any], "tuple[dict[str, Any], str, object] | None"]
"""A function that finds the text in a delta's JSON data: the object that has it, its key there, and
what deltas that add up have in common. It returns None for other data."""


def deltas(marks: Iterable[str], find: Find) -> Callable[[bytes], Delta | None]:
    """Return a reader of frames with JSON data.

    Args:
        marks: texts, one of which each delta has near its beginning.
        find: finds the text in the data.
    """
    words = [mark.encode() for mark in marks]

    def delta_of(frame: bytes) -> Delta | None:
        head = frame[:160]
        if not any(word in head for word in words):
            return None
        event, end, line = frame.removesuffix(b"\n\n").rpartition(b"\n")
        try:
            data = msgspec.json.decode(line.removeprefix(_DATA))
        except (msgspec.MsgspecError, ValueError):  # such as half a surrogate pair
            return None
        found = find(data)
        if found is None or not isinstance(found[0].get(found[1]), str):
            return None
        holder, key, common = found
        text, holder[key] = holder[key], ""

        def written(said: str) -> bytes:
            holder[key] = said
            return json_frame(data, event + end)

        return Delta((event, key, msgspec.json.encode(common)), text, written)

    return delta_of


def typed_deltas(texts: Mapping[str, str]) -> Callable[[bytes], Delta | None]:
    r"""Return a reader of frames that are JSON objects with a ``type``.

    Args:
        texts: the types that are deltas, each with the key of its text. Two of them add up if they
            differ in nothing else but their ``timestamp``.

    >>> delta = typed_deltas({"text": "delta"})(b'data: {"type":"text","id":1,"delta":"Hel"}\n\n')
    >>> delta.frame("lo") if delta else None
    b'data: {"type":"text","id":1,"delta":"lo"}\n\n'
    """

    def find(data: Any) -> tuple[dict[str, Any], str, object] | None:
        match data:
            case {"type": str(kind)} if kind in texts:
                # A timestamp differs in every delta: the joined one has that of the first.
                left_out = {texts[kind], "timestamp"}
                return data, texts[kind], {it: data[it] for it in data if it not in left_out}
            case _:
                return None

    return deltas([f'"type":"{kind}"' for kind in texts], find)


_DATA = b"data: "


def json_frame(data: Any, event: bytes = b"") -> bytes:
    """Return JSON data as a frame."""
    # Not by `frame`, which renames keys such as `__proto__`: our own formats keep them, and the
    # frames of others have been through it.
    return b"%bdata: %b\n\n" % (event, one_line(msgspec.json.encode(data)))


def payloads(frames: Iterable[bytes]) -> Iterable[dict[str, Any]]:
    """Return the JSON objects in frames; those that hold none are skipped."""
    for frame in frames:
        _, found, data = frame.partition(_DATA)
        if found and data.startswith(b"{"):
            try:
                yield dict_or_empty(msgspec.json.decode(data))
            except (msgspec.MsgspecError, ValueError):
                continue
