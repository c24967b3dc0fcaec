"""One JSON for every payload, whatever it holds: valid UTF-8, on one line, and never an exception.

1. What JSON has a word for stays as it is. So does what msgspec has one for: dates are ISO 8601,
   UUIDs and Decimals text, bytes base64, tuples and sets lists. All else has a form: `_forms`.
2. Integers keep all their digits, though readers that only have doubles round them past 2^53.
   NaN and the infinities become null.
3. A key that is no string becomes the text of its JSON: ``{1: …}`` is ``{"1": …}``. Of two keys
   with the same text the later one wins.
4. Half of a surrogate pair becomes U+FFFD: JSON could spell it, but UTF-8 cannot.
5. U+2028, U+2029 and U+0085 are escaped: some readers take them for the end of the line.
6. A payload has limits, so that a small one cannot become a large text: see `_walk`. What is left
   out says so in its place.

Two ways lead there. The fast one lets msgspec write the payload; a little one is looked at before,
any other after. Where that goes wrong, or is not for msgspec to write, the slow one copies it value
by value.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import msgspec

from ._forms import MAX_VALUES, form, is_record
from ._records import TEXTS_AND_NUMBERS
from ._walk import BOXES, MAX_CHARACTERS, MAX_DEPTH, SCALARS, contents, pairs, plain

__all__ = [
    "dump_carefully",
    "dump_fields",
    "dump_scalars",
    "dump_text",
    "dumps",
    "encode",
    "jsonable",
    "loads",
    "one_line",
    "written",
]

encode = msgspec.json.Encoder().encode
"""msgspec's own: for values that JSON surely has words for."""
_decode = msgspec.json.Decoder().decode

_SIZES = (2**12, 2**16, 2**20, MAX_CHARACTERS)
_class: Callable[[object], Any] = type
_PLAIN = frozenset({*SCALARS, dict, list, tuple, set, frozenset})
_Forms = dict[int, tuple[object, Any]]
"""Forms by the id of what they are for, beside that itself, so that no other gets its id."""


def dumps(value: object, *, private: bool = False) -> bytes:
    """Give any value as JSON: one line of UTF-8, without the line's end.

    Never raises. Without ``private``, system prompts, exception texts and response metadata are
    left out.

    >>> dumps({"who": {"Ada"}, "why": ValueError("a secret"), 1: float("nan")})
    b'{"who":["Ada"],"why":{"$error":{"name":"ValueError"}},"1":null}'
    """
    data = written(value, value, private)
    return _encoded(plain(value, private)) if data is None else one_line(data)


def jsonable(value: object, *, private: bool = False) -> Any:
    """Give any value as JSON data: None, bools, numbers, strings, lists and dicts.

    Never raises. It is what a reader of `dumps` gets.

    >>> jsonable({"data": (b"streamkit", 2.5)})
    {'data': ['c3RyZWFta2l0', 2.5]}
    """
    return _decode(dumps(value, private=private))


def loads(data: bytes | str) -> Any:
    """Give the value that a JSON text holds.

    Raises:
        ValueError: It is no JSON, or deeper than Python can read.

    >>> loads(b'[1, "a"]')
    [1, 'a']
    """
    try:
        return _decode(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from error


def dump_fields(fields: dict[str, Any], payloads: list[Any], *, private: bool) -> bytes:
    """Give a dict as `dumps` does, but so that the limits hold for each of its values.

    ``payloads`` are those of them that are more than texts and numbers.
    """
    if not payloads:
        return dump_scalars(fields)
    data = written(fields, payloads, private)
    return dump_carefully(fields, private) if data is None else one_line(data)


def dump_scalars(fields: dict[str, Any]) -> bytes:
    """Give a dict of texts and numbers as `dumps` does, only sooner."""
    try:
        return one_line(encode(fields))
    except Exception:  # noqa: BLE001  (a surrogate, most likely)
        return dump_carefully(fields, private=False)


def dump_text(text: str) -> bytes:
    """Give a text as `dumps` does, only sooner."""
    if text.isascii():
        return encode(text)
    try:
        return one_line(encode(text))
    except UnicodeEncodeError:  # half of a surrogate pair
        return dumps(text)


def dump_carefully(fields: dict[str, Any], private: bool) -> bytes:
    """Give a dict as `dump_fields` does, whatever it holds: value by value."""
    return _encoded({name: plain(value, private) for name, value in fields.items()})


def one_line(data: bytes) -> bytes:
    """Escape what is no line end in JSON, but is one elsewhere."""
    if data.isascii():
        return data
    return (
        data.replace(b"\xe2\x80\xa8", b"\\u2028")
        .replace(b"\xe2\x80\xa9", b"\\u2029")
        .replace(b"\xc2\x85", b"\\u0085")
    )


def _encoded(value: object) -> bytes:
    try:
        return one_line(encode(value))
    except Exception as error:  # noqa: BLE001  (only where the caller left no stack at all)
        return encode({"$cut": f"not written: {type(error).__name__}"})


# --- the fast way


_LITTLE = 64
"""How many values a payload may hold, all in all, to be looked at before it is written.

So few have not too many levels, and what is shared among them is not written too often.
"""
_ROWS = frozenset({list, tuple})

# What every message has, and what those have of which not all may leave.
_MESSAGE = b'"content":'
_MARKS = (b'"system"', b'"developer"', b'"response_metadata"', b'"error"')


def written(value: object, payload: object, private: bool) -> bytes | None:
    """Give what msgspec writes; None where it cannot, or should not have.

    ``payload`` is what of the value others made.
    """
    try:
        if _left_by(payload, _LITTLE) >= 0:
            data = encode(value)
            if len(data) < MAX_CHARACTERS:
                return data
        return _checked(value, payload, private)
    except Exception:  # noqa: BLE001  (then the slow way finds out what is wrong)
        return None


def _left_by(value: Any, room: int) -> int:
    """Give for how many more values there is room after plain data; less than 0 if there is none.

    Nor is there any after all else, or what may be a message, which may have secrets.
    """
    cls = _class(value)
    if cls is dict:
        if "content" in value:
            return -1
        value = value.values()
    elif cls not in _ROWS:
        return -1
    room -= len(value)
    if room >= 0:
        for item in value:
            if _class(item) not in TEXTS_AND_NUMBERS:
                room = _left_by(item, room)
    return room


def _checked(value: object, payload: object, private: bool) -> bytes | None:
    """Give what msgspec writes, if it is within limits and may leave; None if not."""
    forms: _Forms = {}
    data = _bounded(msgspec.json.Encoder(enc_hook=_Hook(forms, private)), value)
    is_hidden = not private and _may_be_secret(data)
    return data if not is_hidden and _is_tame([payload], forms) else None


def _may_be_secret(data: bytes) -> bool:
    # Not `in`: with bytes it asks first whether they are a number, which takes longer than looking.
    return data.find(_MESSAGE) >= 0 and any(data.find(mark) >= 0 for mark in _MARKS)


class _Hook:
    """Gives msgspec the forms of what it does not know, and remembers them."""

    def __init__(self, forms: _Forms, private: bool) -> None:
        self._forms = forms
        self._private = private
        self._left = MAX_VALUES // 8

    def __call__(self, value: object) -> Any:
        self._left -= 1
        if self._left < 0:
            raise OverflowError
        known = self._forms.get(id(value))
        if known is None:
            known = self._forms[id(value)] = (value, form(value, self._private))
        return known[1]


def _bounded(encoder: msgspec.json.Encoder, value: object) -> bytes:
    """Let msgspec write, but not without end: a few lists inside each other can make terabytes."""
    for size in _SIZES:
        buffer = bytearray(size)
        try:
            # A bytearray that somebody looks at cannot grow: then msgspec stops.
            with memoryview(buffer):
                encoder.encode_into(value, buffer)
        except BufferError:
            continue
        return bytes(buffer)
    raise OverflowError


def _is_tame(level: list[Any], forms: _Forms) -> bool:
    """Tell whether payloads that could be written are within the limits, and all plain data.

    Looks at level after level at once, so that no loop of Python's runs over texts and numbers.
    """
    count = 0
    for _ in range(MAX_DEPTH + 1):
        if not _PLAIN.issuperset(map(type, level)):
            boxes = _boxes(level, forms)
            if boxes is None:
                return False
            level = boxes
        level = gc.get_referents(*level)
        count += len(level)
        if not level or count > MAX_VALUES:
            break
    return not level


def _boxes(level: Sequence[Any], forms: _Forms) -> list[Any] | None:
    """Give what holds the next level; None where something is not for msgspec to write."""
    boxes: list[Any] = []
    for item in level:
        while id(item) in forms:
            item = forms[id(item)][1]  # noqa: PLW2901  (what was written in its place)
        cls = _class(item)
        if cls in _PLAIN:
            boxes.append(item)
        elif issubclass(cls, dict):
            boxes.append([value for _, value in pairs(item)])
        elif issubclass(cls, BOXES):
            boxes.append(contents(item))
        elif issubclass(cls, Enum):
            boxes.append([item.value])
        elif is_record(cls):
            return None
    return boxes
