"""Text that a terminal prints as it stands.

A model, a tool or a server may write escape sequences, line breaks, bidirectional controls or
invisible tag characters into any text, names and ids included. None of them reaches a terminal.
"""

from __future__ import annotations

import re
from unicodedata import category, east_asian_width

_UNPRINTABLE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # controls, escape and line breaks
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # bidirectional controls
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff\ufeff\ufff9-\ufffb"  # surrogates, byte order mark, annotations
    "\U000e0000-\U000e007f"  # tags
    "]"
)


def clean(text: str, *, lines: bool = False) -> str:
    r"""Return ``text`` with a mark in place of each character that a terminal would obey.

    With ``lines=True`` a line feed stays, a tab is four spaces, and a carriage return is removed.

    >>> clean("one\ntwo\x1b[31m")
    'one\ufffdtwo\ufffd[31m'
    >>> clean("one\r\ntwo\t\x1b[31mred", lines=True)
    'one\ntwo    \ufffd[31mred'
    """
    if text.isprintable():
        return text
    if not lines:
        return _UNPRINTABLE.sub("\ufffd", text)
    text = text.replace("\r", "").replace("\t", "    ")
    return "\n".join(_UNPRINTABLE.sub("\ufffd", line) for line in text.split("\n"))


def escape(text: str) -> str:
    r"""Return ``text`` with an escape in place of each character that a terminal would obey.

    >>> print(escape("get\x1b[2J\u202eweather"))
    get\u001b[2J\u202eweather
    """
    return text if text.isprintable() else _UNPRINTABLE.sub(_escape, text)


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes.

    >>> columns("abc"), columns("天気"), columns("e\u0301")
    (3, 4, 1)
    """
    visible = (it for it in text if category(it) not in _WITHOUT_WIDTH)
    return sum(2 if east_asian_width(it) in "WF" else 1 for it in visible)


_WITHOUT_WIDTH = frozenset({"Mn", "Me", "Cf"})


def _escape(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1].replace("\\x", "\\u00")
