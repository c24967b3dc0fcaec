"""Paragraphs on a terminal, drawn by rich: several grow at once, each in rows of its own.

Finished rows are printed for good; below them is a region of rows that may still change:

    planner         Let me check a few things.        finished
    scout_food      Eat tagliatelle at Ost            open, first in the queue
    scout_sights    Climb the Asinelli t              open, waits to be printed
    tools           ⋯ find_trains                     busy: shown while it runs

Laws of this file:

1. Paragraphs are printed in the order in which they were added. One that holds up too many
   finished rows goes behind them.
2. A finished row is printed once and never changed: a log has the same rows.
3. Where the output is no terminal, the region is not drawn, and a row is as long as its text.
4. Drawing does not depend on the number of events: the region is drawn at most 20 times a second.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Event as ThreadEvent
from threading import Lock, Thread
from time import monotonic
from typing import Any, Final, NamedTuple, NoReturn, Self, TextIO, cast

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.segment import Segment
from rich.text import Text
from typing_extensions import override

from ..errors import UsageError

_GAP: Final = "\n"  # no label: the first row after a gap has its label again
_NOBODY: Final = "-"  # or the row would seem to belong to the label above it
_MARKS: Final = "┊→⋯✓✗•▪"
_GUTTER: Final = 17  # columns
_NARROW: Final = 60  # columns
_COLORS: Final = ("cyan", "magenta", "blue", "yellow", "green")  # of the labels, in turn
_INTERVAL: Final = 0.05  # seconds between two drawings
_PAUSE: Final = 0.125  # seconds until the last change is drawn
_WAITING: Final = 24  # rows that may wait behind an open paragraph
_LONG: Final = 4_000  # characters of an open paragraph that are drawn again and again


class View(ABC):
    """A view that a ``with`` statement closes."""

    @abstractmethod
    def close(self) -> None:
        """Print what is left, and leave the terminal as it was."""

    @abstractmethod
    def _stop(self) -> None:
        """Leave the terminal as it was."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, exc: object, _traceback: object) -> None:
        # Nobody reads a closed pipe. A run may raise any other `OSError`, such as `TimeoutError`.
        if isinstance(exc, BrokenPipeError):
            self._stop()
        else:
            self.close()


class Look(NamedTuple):
    """A mark before a paragraph, its stand-in in ASCII, and rich's styles for mark and text."""

    mark: str = ""
    plain_mark: str = ""
    mark_style: str = ""
    style: str = ""


@dataclass
class Paragraph:
    """A text that may still grow, its label, and perhaps a name before it."""

    label: str | None = ""  # None: no label, and no column for one
    text: str = ""
    look: Look = Look()  # noqa: RUF009  (immutable)
    head: str = ""
    done: bool = False
    gap: bool = False
    continued: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no text is left to show."""
        return not (self.text or self.head or self.gap)


class Screen:
    """The list of paragraphs on the terminal: change them, then call `update`.

    Args:
        out: where to write.
        color: whether to use colours; None follows the terminal, ``NO_COLOR`` and ``FORCE_COLOR``.
        live: whether the region is drawn; None means on a terminal only.
    """

    def __init__(self, out: TextIO, *, color: bool | None = None, live: bool | None = None) -> None:
        self.busy: dict[str, Paragraph] = {}
        self._console = console_on(out, color=color, live=live)
        self._has_marks = encodable(_MARKS, self._console.encoding) == _MARKS
        self._queue: list[Paragraph] = []
        self._colors: dict[str, str] = {_NOBODY: "dim"}
        self._label = _GAP
        self._region = region_on(self._console, self._open_rows, live=live)

    def add(self, paragraph: Paragraph) -> Paragraph:
        """Put a paragraph below the others."""
        self._queue.append(paragraph)
        return paragraph

    def add_gap(self) -> None:
        """Put an empty row below the others, unless there is one already."""
        self._queue.append(Paragraph(gap=True, done=True))

    def update(self) -> None:
        """Show every change since the last time: on a terminal, at the next drawing."""
        if self._region is None or self._region.is_due:
            self.draw()

    def draw(self) -> None:
        """Show every change now."""
        finished = self._finish()
        if self._region:
            self._region.draw(finished)
        elif finished:
            self._console.print(Group(*finished), soft_wrap=True)

    def close(self) -> None:
        """Print everything for good, finished or not."""
        self.busy.clear()
        for paragraph in self._queue:
            paragraph.done = True
        try:
            self.draw()
        finally:
            self.stop()

    def stop(self) -> None:
        """Leave the terminal as it was; nothing more is printed."""
        if self._region:
            self._region.stop()

    # --- which rows are finished

    def _finish(self) -> list[Text]:
        rows = self._finish_first()
        while self._is_crowded():
            self._queue.append(self._queue.pop(0))
            rows += self._finish_first()
        return rows

    def _finish_first(self) -> list[Text]:
        count = next((n for n, it in enumerate(self._queue) if not it.done), len(self._queue))
        finished, self._queue = self._queue[:count], self._queue[count:]
        first = self._queue[0] if self._queue else None
        if first and not first.head:
            finished += self._full_lines(first)
        rows, self._label = self._rows(finished, self._label)
        return rows

    def _full_lines(self, paragraph: Paragraph) -> list[Paragraph]:
        """Take those lines out of an open paragraph that no further text can change."""
        cut = paragraph.text.rfind("\n")
        if cut < 0 and self._region and len(paragraph.text) > _LONG:
            cut = paragraph.text.rfind(" ")
        if cut < 0:
            return []
        lines = replace(paragraph, text=paragraph.text[:cut])
        paragraph.text, paragraph.continued = paragraph.text[cut + 1 :], True
        return [lines]

    def _is_crowded(self) -> bool:
        waiting = [it for it in self._queue[1:] if it.done]
        limit = min(_WAITING, rows_of(self._console) - 1) if self._region else _WAITING
        return len(waiting) + sum(it.text.count("\n") for it in waiting) >= max(1, limit)

    def _open_rows(self) -> Group:
        rows, _ = self._rows([*self._queue, *self.busy.values()], self._label)
        return Group(*rows[-rows_of(self._console) :])

    # --- what a row looks like

    def _rows(self, paragraphs: Iterable[Paragraph], label: str) -> tuple[list[Text], str]:
        """Return the rows of ``paragraphs`` below a row of ``label``, and the last label."""
        rows: list[Text] = []
        for paragraph in paragraphs:
            if paragraph.gap:
                rows += [] if label == _GAP else [Text("")]
                label = _GAP
            elif not paragraph.is_empty:
                rows += self._labelled(paragraph, label)
                label = paragraph.label or ""
        return rows, label

    def _labelled(self, paragraph: Paragraph, above: str) -> list[Text]:
        bodies = self._bodies(paragraph)
        if paragraph.label is None:
            return bodies
        label = "" if paragraph.label == above else paragraph.label
        if not paragraph.label and above not in {"", _GAP}:
            label = _NOBODY
        shown = Text()
        if label:
            shown.append(label, self._color_of(label))
        margin = self._margin()
        if shown.cell_len >= margin:
            first = [shown]
        else:
            shown.append(" " * (margin - shown.cell_len))
            first = [_trimmed(shown.append_text(bodies.pop(0)))]
        return [*first, *(_trimmed(Text(" " * margin).append_text(it)) for it in bodies)]

    def _bodies(self, paragraph: Paragraph) -> list[Text]:
        look = paragraph.look
        mark = look.mark if self._has_marks else look.plain_mark
        body = Text()
        if paragraph.head:
            body.append(paragraph.head, look.mark_style)
            body.append("  " if paragraph.text else "")
        body.append(paragraph.text, look.style)
        rows = self._wrapped(body, (paragraph.label is not None) * self._margin() + len(mark) + 1)
        if not mark:
            return rows
        blank = " " * (len(mark) + 1)
        return [
            Text()
            .append(blank if n or paragraph.continued else f"{mark} ", look.mark_style)
            .append_text(row)
            for n, row in enumerate(rows)
        ]

    def _wrapped(self, body: Text, before: int) -> list[Text]:
        if not self._region:
            return list(body.split("\n", allow_blank=True))
        return list(body.wrap(self._console, max(8, self._console.width - before)))

    def _color_of(self, label: str) -> str:
        return self._colors.setdefault(label, _COLORS[(len(self._colors) - 1) % len(_COLORS)])

    def _margin(self) -> int:
        return 2 if self._region and self._console.width < _NARROW else _GUTTER


def console_on(out: TextIO, *, color: bool | None, live: bool | None) -> Console:
    """Return the console that writes to ``out``: all text is as it is, without markup."""
    if not hasattr(cast("object", out), "write"):
        raise UsageError(
            f"got a {type(out).__name__}, not a file to write to; feed the view event by event: "
            f"for event in stream: view.feed(event)"
        )
    # rich takes no file for a terminal whose `isatty` denies it, such as the pty of a test.
    options: dict[str, Any] = {"force_terminal": True} if live else {}
    if color is not None:
        options |= {"color_system": "standard" if color else None, "no_color": not color}
    return _Console(file=out, highlight=False, markup=False, emoji=False, **options)


class _Console(Console):
    """A console that writes texts of others to any output, and never ends the process."""

    @override
    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment._replace(text=encodable(segment.text, self.encoding))

    @override
    def on_broken_pipe(self) -> NoReturn:
        # rich 15 exits here, with 1, and closes the standard output, whatever the file is.
        raise  # noqa: PLE0704  (it is called where the error is handled)


def rows_of(console: Console) -> int:
    """Return how many rows a region may have: `Live` cannot erase what has left the top."""
    return max(1, console.height - 1)


def encodable(text: str, encoding: str) -> str:
    """Return ``text`` with a mark in place of each character that ``encoding`` lacks."""
    return text.encode(encoding, "replace").decode(encoding)


class Region:
    """The rows below the finished ones, drawn again until they are finished, too.

    A thread draws the last change before a pause. It is not rich's own thread: that one may draw
    between the erasing and the printing of another thread (rich 15), and a finished row is lost.
    """

    def __init__(self, console: Console, rows: Callable[[], Group]) -> None:
        is_standard = console.file is sys.stdout
        self._console = console
        self._live = Live(
            console=console,
            get_renderable=rows,
            auto_refresh=False,
            transient=True,
            redirect_stdout=is_standard,
            redirect_stderr=is_standard,
        )
        self._drawn_at = 0.0
        self._lock = Lock()
        self._stopped = ThreadEvent()
        self._thread = Thread(target=self._draw_on, daemon=True)

    @property
    def is_due(self) -> bool:
        """Whether the last drawing was long enough ago."""
        return monotonic() - self._drawn_at >= _INTERVAL

    def draw(self, finished: Iterable[Text] = ()) -> None:
        """Print finished rows above the region, and draw it."""
        rows = [*finished]
        with self._lock:
            if rows:
                self._console.print(Group(*rows), soft_wrap=True)
            self._live.start()
            self._live.refresh()
        self._drawn_at = monotonic()
        if self._thread.ident is None:
            self._thread.start()

    def _draw_on(self) -> None:
        while not self._stopped.wait(_PAUSE):
            with self._lock, suppress(OSError):
                self._live.refresh()

    def stop(self) -> None:
        """Erase the region and leave the terminal as it was."""
        self._stopped.set()
        with self._lock, suppress(OSError):
            self._live.stop()


def region_on(console: Console, rows: Callable[[], Group], *, live: bool | None) -> Region | None:
    """Return a region on a terminal, or where ``live`` asks for one."""
    is_terminal: bool = console.file.isatty() and not console.is_dumb_terminal
    return Region(console, rows) if (is_terminal if live is None else live) else None


def _trimmed(row: Text) -> Text:
    row.rstrip()
    return row
