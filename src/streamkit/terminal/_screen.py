"""Paragraphs on a terminal: several grow at once, each in its own place, and none mixes.

Finished rows scroll away for good; below them lies a region of rows that may still change:

    planner         Let me check a few things.        finished
    scout_food      Eat tagliatelle at Ost            open, first in the queue
    scout_sights    Climb the Asinelli t              open, waits for its turn to scroll away
    tools           ⋯ find_trains                     busy: shown while it lasts

Laws of this file:

1. Paragraphs scroll away in the order in which they were added. One that holds up a screenful
   of finished ones gives up its place and goes on below them.
2. Rows that are finished are written once and never again: a log has the same rows.
3. Where the cursor cannot be moved (a pipe, a dumb terminal), the region is not drawn, and rows
   are as long as their text.
"""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple, TextIO

__all__ = ["Look", "Paragraph", "Screen", "clean", "columns", "wrap"]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ENDLESS: Final = 1_000_000
_GAP: Final = "\n"  # no label: who speaks after a gap is named again
_NOBODY: Final = "-"  # or it would look as if the one before spoke
_MARKS: Final = "┊→⋯✓✗•▪"
_GUTTER: Final = 17
_NARROW: Final = 60
_COLORS: Final = ("36", "35", "34", "33", "32")  # of the labels, in turn
_USUAL_SIZE: Final = os.terminal_size((80, 24))
_PATIENCE: Final = 24  # rows that may wait behind an open paragraph where no screen limits them


def clean(text: str) -> str:
    r"""Give ``text`` without what would move a cursor or change a colour: no model may.

    >>> clean("one\r\ntwo\t\x1b[31mred")
    'one\ntwo    \ufffd[31mred'
    """
    text = text.replace("\r", "").replace("\t", "    ")
    return _CONTROL.sub("\ufffd", text)


def columns(text: str) -> int:
    """Give how many columns ``text`` takes on a terminal.

    >>> columns("日本"), columns("ab")
    (4, 2)
    """
    return len(text) if text.isascii() else sum(map(_columns_of, text))


@cache
def _columns_of(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def wrap(text: str, width: int) -> list[tuple[int, int]]:
    """Give the rows of ``text`` as places in it: broken at spaces, or else where the row is full.

    >>> text = "to be or not"
    >>> [text[start:end] for start, end in wrap(text, 6)]
    ['to be', 'or not']
    """
    rows: list[tuple[int, int]] = []
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        rows += [(start, end)] if columns(line) <= width else _wrap_line(text, start, end, width)
        start = end + 1
    return rows


def _wrap_line(text: str, start: int, end: int, width: int) -> Iterator[tuple[int, int]]:
    index, used, gap = start, 0, -1
    while index < end:
        if text[index] == " ":
            gap = index
        used += _columns_of(text[index])
        if used <= width or index == start:
            index += 1
            continue
        cut = gap if gap > start else index
        yield start, cut
        start = index = cut + (text[cut] == " ")
        used, gap = 0, -1
    yield start, end


class Look(NamedTuple):
    """A mark before a paragraph and its stand-in in ASCII, and styles as SGR codes."""

    mark: str = ""
    plain_mark: str = ""
    mark_style: str = ""
    style: str = ""


@dataclass
class Paragraph:
    """A text that may still grow, who says it, and perhaps a name before it."""

    label: str | None = ""  # None: no label, and no room for one
    text: str = ""
    look: Look = Look()  # noqa: RUF009  (immutable)
    head: str = ""
    done: bool = False
    gap: bool = False
    continued: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show, or nothing left of it."""
        return not (self.text or self.head or self.gap)

    @property
    def plain(self) -> str:
        """Its text as it is wrapped."""
        return f"{self.head}  {self.text}".rstrip() if self.head else self.text


class Screen:
    """Where paragraphs go. Change them at will, then call `update`."""

    def __init__(self, out: TextIO, *, color: bool, live: bool) -> None:
        self.busy: dict[str, Paragraph] = {}
        self._out = out
        self._color = color
        self._live = live
        self._queue: list[Paragraph] = []
        self._encoding = out.encoding or "utf-8"
        self._has_marks = _MARKS.encode(self._encoding, "ignore").decode(self._encoding) == _MARKS
        self._colors: dict[str, str] = {_NOBODY: "2"}
        self._label = _GAP
        self._drawn = ""

    def add(self, paragraph: Paragraph) -> Paragraph:
        """Put a paragraph below the others."""
        self._queue.append(paragraph)
        return paragraph

    def add_gap(self) -> None:
        """Put an empty row below the others, unless there is one already."""
        self._queue.append(Paragraph(gap=True, done=True))

    def update(self) -> None:
        """Show every change since the last time."""
        settled = self._settle()
        region = self._region() if self._live else []
        self._draw(settled, "\n".join(region[-self._height() :]))

    def close(self) -> None:
        """Let everything scroll away, finished or not."""
        self.busy.clear()
        for paragraph in self._queue:
            paragraph.done = True
        self.update()

    # --- which rows are finished

    def _settle(self) -> list[str]:
        rows = self._settle_first()
        if self._is_crowded():
            self._queue.append(self._queue.pop(0))
            rows += self._settle_first()
        return rows

    def _settle_first(self) -> list[str]:
        rows: list[str] = []
        while self._queue and self._queue[0].done:
            rows += self._rows_of(self._queue.pop(0))
        if self._queue and not self._queue[0].head:
            rows += self._full_rows(self._queue[0])
        return rows

    def _full_rows(self, paragraph: Paragraph) -> list[str]:
        """Take those rows out of an open paragraph that no further text can change."""
        start, _ = wrap(paragraph.text, self._body_width(paragraph))[-1]
        if not start:
            return []
        rows = self._rows_of(paragraph)[:-1]
        paragraph.text, paragraph.continued = paragraph.text[start:], True
        return rows

    def _is_crowded(self) -> bool:
        if not any(paragraph.done for paragraph in self._queue):
            return False
        rows = sum(len(wrap(it.plain, self._body_width(it))) for it in self._queue)
        return rows > (self._height() if self._live else _PATIENCE)

    def _region(self) -> list[str]:
        label = self._label
        paragraphs = (*self._queue, *self.busy.values())
        rows = [row for paragraph in paragraphs for row in self._rows_of(paragraph)]
        self._label = label
        return rows

    # --- what a row looks like

    def _rows_of(self, paragraph: Paragraph) -> list[str]:
        """Render a paragraph as if it were the next to scroll away."""
        if paragraph.is_empty:
            return []
        if paragraph.gap:
            is_double, self._label = self._label == _GAP, _GAP
            return [] if is_double else [""]
        rows = list(self._bodies(paragraph))
        return self._labelled(paragraph, rows)

    def _labelled(self, paragraph: Paragraph, rows: list[str]) -> list[str]:
        if paragraph.label is None:
            self._label = ""
            return rows
        margin = " " * self._margin()
        label = "" if paragraph.label == self._label else paragraph.label
        if not paragraph.label and self._label not in {"", _GAP}:
            label = _NOBODY
        self._label = paragraph.label
        shown = self._paint(label, self._color_of(label)) if label else ""
        if len(label) >= self._margin():
            return [shown, *((margin + row).rstrip() for row in rows)]
        first = shown + " " * (self._margin() - columns(label)) + rows[0]
        return [first.rstrip(), *((margin + row).rstrip() for row in rows[1:])]

    def _bodies(self, paragraph: Paragraph) -> Iterator[str]:
        mark, look = self._mark(paragraph), paragraph.look
        blank = " " * columns(mark)
        plain, head = paragraph.plain, len(paragraph.head)
        for index, (start, end) in enumerate(wrap(plain, self._body_width(paragraph))):
            is_first = index == 0 and not paragraph.continued
            before = self._paint(mark, look.mark_style) if is_first else blank
            name = self._paint(plain[start : min(end, head)], look.mark_style)
            yield before + name + self._paint(plain[max(start, head) : end], look.style)

    def _mark(self, paragraph: Paragraph) -> str:
        look = paragraph.look
        mark = look.mark if self._has_marks else look.plain_mark
        return f"{mark} " if mark else ""

    def _color_of(self, label: str) -> str:
        return self._colors.setdefault(label, _COLORS[(len(self._colors) - 1) % len(_COLORS)])

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if text and style and self._color else text

    # --- how large it is

    def _size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self._out.fileno())
        except (OSError, ValueError):
            size = shutil.get_terminal_size()
        return size if all(size) else _USUAL_SIZE  # some terminals say that they are 0 by 0

    def _height(self) -> int:
        return max(2, self._size().lines - 1)

    def _margin(self) -> int:
        return 2 if self._live and self._size().columns < _NARROW else _GUTTER

    def _body_width(self, paragraph: Paragraph) -> int:
        if not self._live:
            return _ENDLESS
        # A row that fills the line to its end leaves the cursor in two places at once.
        margin = 0 if paragraph.label is None else self._margin()
        return max(8, self._size().columns - 1 - margin - columns(self._mark(paragraph)))

    # --- writing

    def _draw(self, settled: list[str], region: str) -> None:
        if not settled and region.startswith(self._drawn):
            self._write(region[len(self._drawn) :])
        else:
            self._write(self._erasure() + "".join(f"{row}\n" for row in settled) + region)
        self._drawn = region

    def _erasure(self) -> str:
        if not self._drawn:
            return ""
        rows = self._drawn.count("\n")
        return f"\r\x1b[{rows}A\x1b[J" if rows else "\r\x1b[J"

    def _write(self, text: str) -> None:
        if text:
            self._out.write(text.encode(self._encoding, "replace").decode(self._encoding))
            self._out.flush()
