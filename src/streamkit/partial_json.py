r"""Read JSON while it is still being written.

`PartialJSON` is fed text as it comes and never goes back: a feed costs what its own text costs,
however long the document has grown. The laws:

- *Closed, it is strict.* Wherever the text was cut, even inside ``\ud83d`` or between the halves
  of a surrogate pair, ``close`` gives what `json.loads` gives of the whole, and fails where that
  fails. Only nesting has no limit.
- *Open, it is a guess.* ``value`` shows strings, lists and objects as far as they have come, and
  what it shows only grows. Numbers and literals show once they are whole, for 1 may become 12;
  a key shows with its value. Of a key written twice the last value holds, so it starts anew.
- *Broken, it stops.* ``value`` keeps what was good, ``error`` says what was not, and whatever is
  fed after that is ignored.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar

from .errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    Moves: TypeAlias = Mapping[str, Callable[[Any], None]]

__all__ = ["PartialJSON"]

_HEX = "[0-9a-fA-F]"
_HIGH = rf"\\u[dD][89abAB]{_HEX}{{2}}"
_LOW = rf"\\u[dD][c-fC-F]{_HEX}{{2}}"
_ESCAPE = rf'{_HIGH}{_LOW}|\\u{_HEX}{{4}}|\\["\\/bfnrt]'
# What the next text may make an escape of, or the first half of a surrogate pair.
_CUT = rf"(?:{_HIGH})?\\(?:u{_HEX}{{0,3}})?\Z|{_HIGH}\Z"

_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"[-+.0-9A-Za-z]*")
_CUT_ESCAPE = re.compile(_CUT)
_CHARACTERS = {
    strict: re.compile(rf"(?:{plain}+|(?!{_CUT})(?:{_ESCAPE}))*")
    for strict, plain in [(True, r'[^"\\\x00-\x1f]'), (False, r'[^"\\]')]
}
_decode = json.JSONDecoder(strict=False).decode


class PartialJSON:
    r"""The JSON value so far, out of text that is fed in pieces.

    With ``strict=False`` strings may hold bare line breaks, as they may for `json.loads`. It suits
    the arguments of tool calls, for models do write such strings and LangChain accepts them.

    >>> args = PartialJSON()
    >>> args.feed('{"city": "Par')
    >>> args.value
    {'city': 'Par'}
    >>> args.feed('is", "days": 1')
    >>> args.value
    {'city': 'Paris'}
    >>> args.feed("2}")
    >>> args.close()
    {'city': 'Paris', 'days': 12}
    """

    def __init__(self, *, strict: bool = True) -> None:
        self.error: str | None = None
        """The error in the text; None as long as there is none."""
        self._characters = _CHARACTERS[strict]
        # The value is the one item of a list, so that it needs no case of its own.
        self._top: list[Any] = []
        self._here: Any = self._top
        self._slot: Any = -1  # where the open value stands in it; None while its key is read
        self._outer: list[tuple[Any, Any]] = []
        self._moves: Moves = self._VALUE
        self._token: Callable[[PartialJSON, str, int], int] | None = None
        self._parts: list[str] = []
        self._held = ""
        self._offset = 0

    @property
    def value(self) -> Any:
        """The best guess so far; None before anything shows.

        It is the reader's own object and goes on growing: copy what you keep.
        """
        if self._token is PartialJSON._in_string and self._slot is not None:
            self._parts = ["".join(self._parts)]
            self._here[self._slot] = self._parts[0]
        return self._top[0] if self._top else None

    def feed(self, text: str) -> None:
        """Read on. Broken JSON raises nothing; it sets ``error``."""
        if self.error is not None:
            return
        text, self._held = self._held + text, ""
        at = 0
        try:
            while at < len(text):
                at = (self._token or PartialJSON._between)(self, text, at)
        except ValueError as broken:
            self.error = str(broken)
        self._offset += len(text) - len(self._held)

    def close(self) -> Any:
        """The whole value, as `json.loads` reads it.

        Raises:
            SourceError: The text is not JSON, or not all of it. ``value`` still has the guess.
        """
        if self._token is PartialJSON._in_word:
            self.feed(" ")
        if self.error is None and self._moves is not self._NOTHING:
            self.error = f"the text ends at character {self._offset}, inside of the value"
        if self.error is not None:
            raise SourceError(f"{self.error}; see .value for what could be read")
        return self.value

    # Between tokens: one character decides, and what it may be is in the tables below.

    def _between(self, text: str, at: int) -> int:
        at += len(_matched(_SPACE, text, at))
        if at == len(text):
            return at
        move = self._moves.get(text[at])
        if move is None:
            raise self._unexpected(text, at)
        self._parts = [text[at]]
        move(self)
        return at + 1

    def _unexpected(self, text: str, at: int) -> ValueError:
        return ValueError(f"unexpected {text[at]!r} at character {self._offset + at}")

    def _expect_value(self) -> None:
        self._moves = self._VALUE

    def _expect_key(self) -> None:
        self._moves = self._KEY

    def _open_list(self) -> None:
        self._open([], -1, self._FIRST_VALUE)

    def _open_object(self) -> None:
        self._open({}, None, self._FIRST_KEY)

    def _open(self, container: Any, slot: int | None, moves: Moves) -> None:
        self._place(container)
        self._outer.append((self._here, self._slot))
        self._here, self._slot, self._moves = container, slot, moves

    def _close(self) -> None:
        self._here, self._slot = self._outer.pop()
        self._end_value()

    def _place(self, value: Any) -> None:
        if self._here.__class__ is list:
            self._here.append(value)
        else:
            self._here[self._slot] = value

    def _end_value(self) -> None:
        self._token = None
        if not self._outer:
            self._moves = self._NOTHING
        else:
            self._moves = self._IN_LIST if self._here.__class__ is list else self._IN_OBJECT

    # Inside of a token: strings, keys, and words, which are numbers and literals.

    def _begin_string(self) -> None:
        self._place("")
        self._parts = []
        self._token = PartialJSON._in_string

    def _begin_key(self) -> None:
        self._slot = None
        self._parts = []
        self._token = PartialJSON._in_string

    def _begin_word(self) -> None:
        self._token = PartialJSON._in_word

    def _in_string(self, text: str, at: int) -> int:
        characters = _matched(self._characters, text, at)
        self._parts.append(_unescaped(characters))
        at += len(characters)
        if at == len(text):
            return at
        if text[at] == '"':
            self._end_string()
            return at + 1
        if not _CUT_ESCAPE.match(text, at):
            raise self._unexpected(text, at)
        self._held = text[at:]
        return len(text)

    def _end_string(self) -> None:
        string = "".join(self._parts)
        if self._slot is None:
            self._slot, self._token, self._moves = string, None, self._COLON
        else:
            self._here[self._slot] = string
            self._end_value()

    def _in_word(self, text: str, at: int) -> int:
        characters = _matched(_WORD, text, at)
        self._parts.append(characters)
        at += len(characters)
        if at < len(text):
            self._end_word()
        return at

    def _end_word(self) -> None:
        word = "".join(self._parts)
        try:
            self._place(_decode(word))
        except ValueError:
            raise ValueError(f"{word[:40]!r} is no JSON value") from None
        self._end_value()

    # The grammar: what may come next, and what it does.

    _VALUE: ClassVar[Moves] = {
        '"': _begin_string,
        "{": _open_object,
        "[": _open_list,
        **dict.fromkeys("-0123456789tfnNI", _begin_word),
    }
    _FIRST_VALUE: ClassVar[Moves] = {**_VALUE, "]": _close}
    _KEY: ClassVar[Moves] = {'"': _begin_key}
    _FIRST_KEY: ClassVar[Moves] = {**_KEY, "}": _close}
    _COLON: ClassVar[Moves] = {":": _expect_value}
    _IN_LIST: ClassVar[Moves] = {",": _expect_value, "]": _close}
    _IN_OBJECT: ClassVar[Moves] = {",": _expect_key, "}": _close}
    _NOTHING: ClassVar[Moves] = {}


def _matched(pattern: re.Pattern[str], text: str, at: int) -> str:
    match = pattern.match(text, at)
    return match.group() if match else ""


def _unescaped(characters: str) -> str:
    return _decode(f'"{characters}"') if "\\" in characters else characters
