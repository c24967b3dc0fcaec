"""A run as a tree: agents, nodes, models and tools, with their times and tokens.

    trip  graph                                 completed    1.05 s
      planner  node                             completed   0.36 s
        gpt-5-mini  model                       completed   0.34 s  first 0.01 s  214+76 tokens
        check_weather  tool                     completed   0.02 s  Sunny in Bologna

While the run goes on, a terminal shows the last rows that fit; at its end the whole tree is
printed once. In a pipe it is printed once, as plain text.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TextIO

import msgspec
from rich.console import Group
from rich.text import Text
from typing_extensions import override

from .._event_classes import require_event
from .._printable import clean
from .._spans import Span, SpanFold
from ..events import Event, RunEnd, RunError, TextDelta
from ._paragraphs import text_of
from ._screen import View, console_on, region_on, rows_of

_NAMES = 44  # columns of the names and kinds
_PREVIEW = 200  # characters of a text that is shown
_STYLES = {"failed": "red", "running": "cyan", "completed": "dim"}


class _Row(msgspec.Struct, kw_only=True, eq=False):
    """A row of the tree, with the rows below it."""

    span: Span
    inside: list[_Row] = msgspec.field(default_factory=list["_Row"])


class TreeView(View):
    r"""A view of the events given to `feed`, as a tree of runs.

    Args:
        out: where to write; by default the standard output.
        color: whether to use colours; by default as the terminal, ``NO_COLOR`` and ``FORCE_COLOR``
            say.
        live: whether the tree is drawn while the run goes on; by default on a terminal only.
        steps: whether prompts, parsers and other inner steps have rows.

    >>> import io
    >>> from streamkit import normalize
    >>> out = io.StringIO()
    >>> with TreeView(out) as view:
    ...     for event in normalize(["Hel", "lo"], clock=lambda: 0.0):
    ...         view.feed(event)
    >>> print(*(" ".join(row.split()) for row in out.getvalue().splitlines()), sep="\n")
    run run completed 0.00 s
    assistant model completed 0.00 s Hello
    """

    def __init__(
        self,
        out: TextIO | None = None,
        *,
        color: bool | None = None,
        live: bool | None = None,
        steps: bool = False,
    ) -> None:
        self._console = console_on(sys.stdout if out is None else out, color=color, live=live)
        self._steps = steps
        self._now = 0.0
        self._begin()
        self._region = region_on(self._console, self._last_rows, live=live)

    def _begin(self) -> None:
        self._spans = SpanFold()
        self._roots: list[_Row] = []
        self._rows: dict[int, _Row] = {}
        self._texts: dict[str, str] = {}

    def feed(self, event: Event) -> None:
        """Show one more event."""
        require_event(event, "for event in normalize(stream): view.feed(event)")
        self._now = event.timestamp
        span = self._spans.feed(event)
        if span is not None:
            self._read(span)
        elif isinstance(event, TextDelta):
            text = self._texts.get(event.message_id, "") + event.text
            self._texts[event.message_id] = text[-_PREVIEW:]
        if isinstance(event, (RunEnd, RunError)):
            self._print()
        elif self._region and self._region.is_due:
            self.refresh()

    def refresh(self) -> None:
        """Draw now what would be drawn within a twentieth of a second."""
        if self._region:
            self._region.draw()

    @override
    def close(self) -> None:
        """Print the tree of a run that has not ended, and leave the terminal as it was."""
        try:
            self._print()
        finally:
            self._stop()

    @override
    def _stop(self) -> None:
        if self._region:
            self._region.stop()

    # --- the tree

    def _read(self, span: Span) -> None:
        if span.ended is not None and span.kind != "interrupt":
            self._texts.pop(span.message_id or "", None)
        elif self._steps or span.kind != "step":
            row = self._rows[id(span)] = _Row(span=span)
            around = (self._rows[id(it)] for it in span.around() if id(it) in self._rows)
            siblings = next((it.inside for it in around), self._roots)
            siblings.append(row)

    def _flat(self) -> Iterator[tuple[int, _Row]]:
        waiting = [(0, row) for row in reversed(self._roots)]
        while waiting:
            depth, row = waiting.pop()
            yield depth, row
            waiting.extend((depth + 1, it) for it in reversed(row.inside))

    def _print(self) -> None:
        lines = [self._line(*row) for row in self._flat()]
        self._begin()
        if self._region:
            self._region.draw(lines)
        elif lines:
            self._console.print(Group(*lines), soft_wrap=True)

    def _last_rows(self) -> Group:
        rows = [*self._flat()][-rows_of(self._console) :]
        width = self._console.width - 1
        lines = [self._line(*row) for row in rows]
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        return Group(*lines)

    def _line(self, depth: int, row: _Row) -> Text:
        line = Text("  " * depth, no_wrap=True)
        span = row.span
        if span.kind == "interrupt":
            return line.append(f"? {_preview(span.input) or 'breakpoint'}", "bold yellow")
        name = span.model or span.name if span.kind == "model" else span.name
        line.append(clean(name)[:60], "bold" if span.kind in {"run", "graph"} else "")
        line.append(f"  {span.kind}", "dim")
        line.append(" " * max(1, _NAMES - line.cell_len))
        line.append(f"{span.status:<11}", _STYLES.get(span.status, "yellow"))
        ended = self._now if span.ended is None else span.ended
        line.append(f" {ended - span.started:>7.2f} s")
        for part in filter(None, self._parts(span)):
            line.append(f"  {part}", "dim")
        return line

    def _parts(self, span: Span) -> Iterator[str]:
        if span.kind == "model" and span.has_request and span.first_token:
            yield f"first {span.first_token - span.started:.2f} s"
        if span.kind in {"model", "run"} and span.usage:
            yield f"{span.usage.input_tokens}+{span.usage.output_tokens} tokens"
        if span.error:
            yield _preview(f"{span.error.name}: {span.error.message}")
        elif span.kind == "model":
            calls = ", ".join(call.name for call in span.tool_calls)
            text = span.output or self._texts.get(span.message_id or "", "")
            yield _preview(text)
            yield _preview(calls and f"→ {calls}")
        elif span.kind in {"tool", "retrieval"}:
            yield _preview(span.output if span.ended else span.input)


def _preview(value: object) -> str:
    text = "" if value is None else text_of(value, _PREVIEW)
    return " ".join(clean(text[:_PREVIEW], lines=True).split())
