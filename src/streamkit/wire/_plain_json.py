"""Any value as plain JSON data: one walk over it, whatever it holds, and never an exception.

1. What JSON has a word for stays as it is. Dates become ISO 8601, UUIDs and Decimals text, bytes
   base64, tuples and sets lists. Objects have a form by their class: see `_forms`.
2. Integers keep all their digits, though readers that only have doubles round them past 2^53.
   NaN and the infinities become null.
3. A key that is no string becomes the text of its JSON: ``{1: …}`` is ``{"1": …}``. Of two keys
   with the same text the later one wins.
4. Half of a surrogate pair becomes U+FFFD: JSON could spell it, but UTF-8 cannot.
5. In JSON text, U+2028, U+2029 and U+0085 are escaped: some readers take them for a line's end.
6. A value is bounded in depth, in number of values and in size, so that a small one cannot become a
   large text. A value that is left out is replaced by its reason: ``{"$cut": "a cycle"}``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any, cast
from uuid import UUID

import msgspec

from .._fields import dict_or_empty, items_of
from ._forms import (
    MAX_VALUES,
    PAIR,
    SYSTEM_ROLES,
    cut,
    form,
    is_prompt_pair,
    opaque,
    without_secrets,
)

MAX_DEPTH = 100
"""How many lists and dicts one value may hold inside each other."""
MAX_CHARACTERS = 2**25
"""The most characters in all texts of one value together; a byte counts for two."""
PLAIN = frozenset({str, int, float, bool, type(None)})
"""Classes whose values are JSON data, or are made valid when the text is written."""

_VALUE = MAX_CHARACTERS // MAX_VALUES
"""How many characters a value costs, apart from its text."""
_CONTAINER = 16 * _VALUE
"""How many a list, a dict or an object costs, apart from what it holds."""
_SURE_BITS = 2000
"""Integers up to this size are always written; CPython 3.11 refuses more than 4300 digits,
unless it is configured otherwise."""

_WORD = 64
"""Bits of an integer that costs no more than any value."""
_CONTAINERS = (dict, list, tuple, set, frozenset)
_BYTES = frozenset({bytes, bytearray, memoryview})
_SCALARS = _BYTES | {date, datetime, time, timedelta, Decimal, UUID}
"""The types that msgspec writes as text."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def jsonable(value: object, *, private: bool = False, flat: bool = False) -> Any:
    """Return any value as JSON data: None, bools, numbers, strings, lists and dicts.

    Never raises. Without ``private``, system prompts, exception texts and response metadata are
    left out. Messages take LangChain's stored form, ``{"type": "ai", "data": {…}}``, and with
    ``flat`` the one that servers send, ``{"type": "ai", "content": …}``.

    >>> jsonable({"who": {"Ada"}, "why": ValueError("a secret"), 1: float("nan")})
    {'who': ['Ada'], 'why': {'$error': {'name': 'ValueError'}}, '1': None}
    """
    return _Walk(private, flat).plain(value, 0)


def payload_reader(*, private: bool, flat: bool) -> Callable[[Any], Any]:
    """Return what makes payloads JSON data, as `jsonable` does: those that are it pass as they are.

    They are written as they are, too: NaN becomes null only there.

    >>> plain = payload_reader(private=False, flat=False)
    >>> plain({"a": [1, "b"]}), plain({"a": {1}})
    ({'a': [1, 'b']}, {'a': [1]})
    """

    def plain(value: Any) -> Any:
        cls = type(value)  # pyright: ignore[reportUnknownVariableType]
        if cls is dict or cls is list:
            is_plain = not value or _budget_after(value, MAX_CHARACTERS, MAX_DEPTH) >= 0
        else:
            is_plain = cls in PLAIN and (cls is not str or len(value) <= MAX_CHARACTERS)
        return value if is_plain else jsonable(value, private=private, flat=flat)

    return plain


def _budget_after(value: Any, budget: int, depth: int) -> int:  # noqa: C901  (calls take longer)
    """Return what is left of a budget after a list or dict of JSON data; else less than 0.

    Most payloads only come through this short loop; the walk is for the others.
    """
    cls = type(value)  # pyright: ignore[reportUnknownVariableType]
    items = value
    if cls is dict:
        if "content" in value:  # a message, with its secrets
            return -1
        for key in value:
            if type(key) is not str:
                return -1
            budget -= len(key)
        items = value.values()
    elif cls is list:
        # What looks like a prompt: `is_prompt_pair` decides, in the walk.
        if len(value) == PAIR and type(value[0]) is str and value[0] in SYSTEM_ROLES:
            return -1
    else:
        return -1
    budget -= _CONTAINER + _VALUE * len(items)
    if budget < 0 or depth == 0:
        return -1
    for item in items:
        cls = type(item)  # pyright: ignore[reportUnknownVariableType]
        if cls is str:
            budget -= len(item)
        elif cls is int:
            budget -= item.bit_length()
        elif cls not in PLAIN:
            budget = _budget_after(item, budget, depth - 1)
    return budget


def dumps(value: object, *, private: bool = False) -> bytes:
    """Return any value as JSON text: one line of UTF-8, without the line's end.

    Never raises. It is `jsonable`, written.

    >>> dumps({"data": (b"streamkit", 2.5)})
    b'{"data":["c3RyZWFta2l0",2.5]}'
    """
    try:
        return one_line(_encode(jsonable(value, private=private)))
    except Exception as error:  # noqa: BLE001  (only where the caller left no stack at all)
        return _encode(cut(f"not written: {type(error).__name__}"))


def loads(data: bytes | str) -> Any:
    """Return the value that a JSON text holds.

    Raises:
        ValueError: it is no JSON, or deeper than Python can read.

    >>> loads(b'[1, "a"]')
    [1, 'a']
    """
    try:
        return _decode(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from error


def dump_plain(value: Any) -> bytes:
    """Return plain data as JSON text: the fast way for what `jsonable` has seen.

    Never raises: data that is not quite plain, such as half of a surrogate pair, is walked.
    """
    try:
        data = _encode(value)
        return data if data.isascii() else one_line(data)
    except Exception:  # noqa: BLE001  (the walk finds out what is wrong)
        return dumps(value, private=True)


def dump_text(text: str) -> bytes:
    """Return a text as JSON text."""
    try:
        return _encode(text) if text.isascii() else one_line(_encode(text))
    except Exception:  # noqa: BLE001  (half of a surrogate pair, or a subclass of str)
        return dumps(text)


def one_line(data: bytes) -> bytes:
    """Escape characters that are line ends in other formats but not in JSON."""
    if data.isascii():
        return data
    return (
        data.replace(b"\xe2\x80\xa8", b"\\u2028")
        .replace(b"\xe2\x80\xa9", b"\\u2029")
        .replace(b"\xc2\x85", b"\\u0085")
    )


class _Walk:
    """One walk: the size budget that is left, and the containers around the current value."""

    def __init__(self, private: bool, flat: bool) -> None:
        self._private = private
        self._flat = flat
        self._budget = MAX_CHARACTERS
        self._around: set[int] = set()

    def plain(self, value: Any, depth: int) -> Any:
        self._budget -= _VALUE
        cls = cast("Any", type(value))
        if cls is str:
            return self._text(value)
        if value is None or cls is bool:
            return value
        if cls is int:
            return value if value.bit_length() <= _WORD else self._large_integer(value)
        if cls is float:
            # JSON has no NaN and no infinity: `JSON.parse` fails on Python's spelling.
            return value if isfinite(value) else None
        return self._guarded(
            self._container if issubclass(cls, _CONTAINERS) else self._other, value, depth
        )

    def _guarded(self, walk: Callable[[Any, int], Any], value: object, depth: int) -> Any:
        """Walk into something that may hold itself."""
        self._budget -= _CONTAINER
        key = id(value)
        if key in self._around:
            return cut("a cycle")
        self._around.add(key)
        try:
            return walk(value, depth)
        except Exception as error:  # noqa: BLE001  (such as a RecursionError)
            return cut(f"not written: {type(error).__name__}")
        finally:
            self._around.remove(key)

    # --- leaves

    def _text(self, text: str) -> Any:
        if len(text) > self._budget:
            return cut(f"a text of {len(text)} characters")
        self._budget -= len(text)
        return text if text.isascii() else _valid(text)

    def _large_integer(self, number: int) -> Any:
        bits = number.bit_length()
        if bits > _SURE_BITS:
            try:
                _encode(number)
            except ValueError:
                return cut(f"an integer of {bits} bits")
        self._budget -= bits  # more than its digits: writing them takes the square of their time
        return number

    def _other(self, value: object, depth: int) -> Any:
        try:
            inner = self._scalar(value) if type(value) in _SCALARS else form(value, self._private)
        except Exception:  # noqa: BLE001  (an object, or a time zone, of a foreign class)
            inner = opaque(value)
        return self.plain(inner, depth)

    def _scalar(self, value: Any) -> Any:
        if type(value) in _BYTES:
            size = memoryview(value).nbytes
            if 2 * size > self._budget:
                return cut(f"{size} bytes")
        return msgspec.to_builtins(value)

    # --- containers

    def _container(self, value: Any, depth: int) -> Any:
        if depth == MAX_DEPTH:
            return cut(f"more than {MAX_DEPTH} levels")
        walk = self._dict if issubclass(type(value), dict) else self._list
        return walk(value, depth + 1)

    def _list(self, values: Any, depth: int) -> list[Any]:
        items = items_of(values, _CONTAINERS)
        if not self._private and is_prompt_pair(items):
            items[1] = ""
        left = len(items)
        out: list[Any] = []
        for item in items:
            if self._budget < _VALUE:
                out.append(cut(f"{left} more values"))
                break
            out.append(self.plain(item, depth))
            left -= 1
        return out

    def _dict(self, values: dict[Any, Any], depth: int) -> dict[str, Any]:
        if not self._private:
            values = without_secrets(values)
        items = list(cast("Any", dict).items(values))  # (whatever its class makes of `items`)
        left = len(items)
        out: dict[str, Any] = {}
        for key, value in items:
            if self._budget < _VALUE:
                out["$cut"] = f"{left} more keys"
                break
            text = self._text(key) if type(key) is str else self._key(key, depth)
            out[text if type(text) is str else _encode(text).decode()] = self.plain(value, depth)
            left -= 1
        return _flattened(out) if self._flat and "data" in out else out

    def _key(self, key: object, depth: int) -> str:
        """Return a key as msgspec writes it, or else the text of its JSON."""
        # msgspec 0.23 writes texts and numbers as keys, and raises for None, bools and tuples. A
        # key that is no finite number is a text to it, although the value is null.
        if isinstance(key, float) and not isfinite(key):
            return str(float(key))
        written = self.plain(key, depth)
        return written if isinstance(written, str) else _encode(written).decode()


def _valid(text: str) -> str:
    """Return a text that UTF-8 can write: halves of a pair are joined, a lone one is U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _flattened(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a stored message flat; any other dict as it is."""
    data = dict_or_empty(fields["data"])
    is_stored = len(fields) == 2 and isinstance(fields.get("type"), str) and "content" in data  # noqa: PLR2004
    return {"type": fields["type"], **data} if is_stored else fields
