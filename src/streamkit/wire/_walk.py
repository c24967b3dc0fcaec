"""The slow way to JSON data: value by value, for whatever native encoding cannot or must not do.

What is left out says so in its place: ``{"$cut": "a cycle"}``, ``{"$cut": "12 more values"}``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import msgspec

from ._forms import MAX_VALUES, cut, form, opaque, without_secrets

__all__ = [
    "BOXES",
    "BYTES",
    "MAX_CHARACTERS",
    "MAX_DEPTH",
    "SCALARS",
    "VALUE",
    "contents",
    "pairs",
    "plain",
]

MAX_DEPTH = 100
"""How many lists and dicts one payload may hold inside each other."""
MAX_CHARACTERS = 2**25
"""How long the texts of one payload may be, together; a byte counts for two."""
VALUE = MAX_CHARACTERS // MAX_VALUES
"""How many characters a value costs, apart from its text."""
BOX = 16 * VALUE
"""How many a list, a dict or an object costs, apart from what it holds."""

BOXES = (dict, list, tuple, set, frozenset)
BYTES = frozenset({bytes, bytearray, memoryview})
SCALARS = BYTES | {
    str,
    int,
    float,
    bool,
    type(None),
    date,
    datetime,
    time,
    timedelta,
    Decimal,
    UUID,
}
"""What msgspec writes by itself, apart from boxes and records."""
_SURE_BITS = 2000
"""Python refuses to read and write more than 4300 digits, or whatever it is told; never these."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def plain(value: object, private: bool) -> Any:
    """Give a value as None, bools, numbers, strings, lists and dicts. Never raises."""
    return _Walk(private).plain(value, 0)


class _Walk:
    """One walk: what room is left, and what stands between the root and where it is."""

    def __init__(self, private: bool) -> None:
        self._private = private
        self._room = MAX_CHARACTERS
        self._path: set[int] = set()

    def plain(self, value: Any, depth: int) -> Any:
        self._room -= VALUE
        cls = cast("Any", type(value))
        if value is None or cls is bool or cls is float:
            return value
        if cls is str:
            return self._text(value)
        if cls is int:
            return self._integer(value)
        return self._guarded(self._box if issubclass(cls, BOXES) else self._other, value, depth)

    def _guarded(self, walk: Callable[[Any, int], Any], value: object, depth: int) -> Any:
        """Walk into something that may hold itself."""
        self._room -= BOX
        key = id(value)
        if key in self._path:
            return cut("a cycle")
        self._path.add(key)
        try:
            return walk(value, depth)
        except Exception as error:  # noqa: BLE001  (say, no stack is left to walk on)
            return cut(f"not written: {type(error).__name__}")
        finally:
            self._path.remove(key)

    # --- leaves

    def _text(self, text: str) -> Any:
        if len(text) > self._room:
            return cut(f"a text of {len(text)} characters")
        self._room -= len(text)
        return _valid(text)

    def _integer(self, number: int) -> Any:
        bits = number.bit_length()
        if bits > _SURE_BITS:
            try:
                _encode(number)
            except ValueError:
                return cut(f"an integer of {bits} bits")
        self._room -= bits  # more than its digits: writing them takes the square of their time
        return number

    def _other(self, value: object, depth: int) -> Any:
        try:
            inner = self._known(value) if type(value) in SCALARS else form(value, self._private)
        except Exception:  # noqa: BLE001  (it is somebody else's object, or time zone)
            inner = opaque(value)
        return self.plain(inner, depth)

    def _known(self, value: Any) -> Any:
        """Give what msgspec makes of a date, a UUID, bytes, ..."""
        if type(value) in BYTES:
            size = memoryview(value).nbytes
            if 2 * size > self._room:
                return cut(f"{size} bytes")
        return _decode(_encode(value))

    # --- boxes

    def _box(self, box: Any, depth: int) -> Any:
        if depth == MAX_DEPTH:
            return cut(f"more than {MAX_DEPTH} levels")
        walk = self._dict if issubclass(type(box), dict) else self._list
        return walk(box, depth + 1)

    def _list(self, box: Any, depth: int) -> list[Any]:
        values = contents(box)
        left = len(values)
        out: list[Any] = []
        for value in values:
            if self._room < VALUE:
                out.append(cut(f"{left} more values"))
                break
            out.append(self.plain(value, depth))
            left -= 1
        return out

    def _dict(self, values: dict[Any, Any], depth: int) -> dict[str, Any]:
        if not self._private:
            values = without_secrets(values)
        items = pairs(values)
        left = len(items)
        out: dict[str, Any] = {}
        for key, value in items:
            if self._room < VALUE:
                out["$cut"] = f"{left} more keys"
                break
            text = self._key(key, depth)
            out[text] = self.plain(value, depth)
            left -= 1
        return out

    def _key(self, key: object, depth: int) -> str:
        """Give a key as msgspec writes it, or else as the text of its JSON."""
        written = self.plain(key, depth)
        if isinstance(written, float):
            return str(next(iter(_decode(_encode({written: None})))))
        return written if isinstance(written, str) else _encode(written).decode()


def pairs(box: Any) -> list[tuple[Any, Any]]:
    """Give a copy of what a dict holds, whatever its class makes of that."""
    return list(cast("Any", dict).items(box))


def contents(box: Any) -> list[Any]:
    """Give a copy of a list, tuple or set, whatever its class makes of iterating."""
    base = next(base for base in BOXES if issubclass(type(box), base))
    return list(cast("Any", base).__iter__(box))


def _valid(text: str) -> str:
    """Give a text that UTF-8 can write: halves of a pair are joined, a lone one becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
