"""Lines from chunks of bytes, which may be split anywhere."""

from __future__ import annotations

from typing import cast

from ..errors import MalformedItem, UsageError

MAX_LINE = 2**26
"""How many bytes a line may have, unless the caller says otherwise."""

_BOM = b"\xef\xbb\xbf"


def too_long(what: str, limit: int) -> str:
    """Return an error's message."""
    return f"a {what} of more than {limit} bytes; pass max_line= to read longer ones"


class Lines:
    """A splitter of bytes into lines. Each byte is looked at once, and only an open line is kept.

    Lines end with LF; with ``any_end``, also with CR and with CRLF.
    """

    def __init__(self, max_line: int, *, any_end: bool = False) -> None:
        self._max = max_line
        self._any_end = any_end
        self._after_cr = False
        self._is_first = True
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes | MalformedItem]:
        """Return the lines that ``data`` completes; an error stands where one became too long.

        Raises:
            UsageError: it is a text, such as a line of httpx's ``iter_lines``, or a stream.
        """
        if not isinstance(cast("object", data), (bytes, bytearray)):
            raise UsageError("a decoder takes bytes, as from httpx's response.iter_bytes()")
        if self._any_end and data:
            rest_of_end = b"\n" if self._after_cr else b""
            # A CR at the end of a chunk may be half of a CRLF.
            self._after_cr = data.endswith(b"\r")
            data = data.removeprefix(rest_of_end)
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *whole, rest = data.split(b"\n")
        lines: list[bytes | MalformedItem] = []
        for part in whole:
            self._add(part, lines)
            self._end(lines)
        self._add(rest, lines)
        return lines

    def close(self) -> list[bytes | MalformedItem]:
        """Return the line that was never ended, if there is one."""
        lines: list[bytes | MalformedItem] = []
        if self._parts:
            self._end(lines)
        return lines

    def _add(self, part: bytes, lines: list[bytes | MalformedItem]) -> None:
        if not part:
            return
        fits = self._size <= self._max
        self._size += len(part)
        if self._size <= self._max:
            self._parts.append(part)
        elif fits:
            start = b"".join((*self._parts, part))[:80]
            lines.append(MalformedItem(too_long("line", self._max), start))
            self._parts.clear()

    def _end(self, lines: list[bytes | MalformedItem]) -> None:
        if self._size <= self._max:
            line = b"".join(self._parts)
            # A BOM counts at the start of a stream alone (WHATWG HTML, 9.2.5).
            lines.append(line.removeprefix(_BOM) if self._is_first else line)
        self._is_first = False
        self._parts.clear()
        self._size = 0
