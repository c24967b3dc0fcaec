"""A stream for a person to watch in a terminal.

    with TerminalView() as view:
        for event in normalize(graph.stream(...)):
            view.feed(event)

    scout_food      Eat tagliatelle at Osteria Lina, by the market.
    scout_sights    Climb the Asinelli tower and walk the porticoes.
    planner         ┊ I need the weather, a train and a table.
                    Let me check a few things.
                    → check_weather  {"city": "Bologna"}
    tools           ✓ check_weather  Sunny in Bologna on Monday and Tuesday.

Everybody speaks in rows of their own, also models that speak at once. In a pipe the rows are
the same, each written when it is complete.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from ..events import (
    Event,
    Interrupt,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RetrievalEnd,
    RetrievalStart,
    RunEnd,
    RunError,
    StepEnd,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolDelta,
    ToolEnd,
    ToolError,
    ToolStart,
)
from ..values import Usage
from ._brief import brief
from ._paragraphs import BUSY, CALL, NOTE, THOUGHT, TROUBLE, one_line, payload, speaker, whole
from ._screen import Look, Paragraph, Screen, clean

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["TerminalView", "is_terminal", "wants_color"]

Prose: TypeAlias = TextStart | TextDelta | TextEnd | ReasoningStart | ReasoningDelta | ReasoningEnd
Part: TypeAlias = Prose | ToolCallStart | ToolCallDelta | ToolCallEnd


def wants_color(out: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether ``out`` is to be coloured: ``NO_COLOR``, ``FORCE_COLOR``, or a terminal.

    >>> import io
    >>> wants_color(io.StringIO(), {"FORCE_COLOR": "1"})
    True
    """
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return environ["FORCE_COLOR"] != "0"
    return is_terminal(out, environ)


def is_terminal(out: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether ``out`` is a terminal whose cursor can be moved.

    >>> import io
    >>> is_terminal(io.StringIO())
    False
    """
    obeys = environ.get("WT_SESSION") if os.name == "nt" else environ.get("TERM", "dumb") != "dumb"
    return out.isatty() and bool(obeys)


class TerminalView:
    r"""Shows the events it is fed.

    Args:
        out: where to write; by default the standard output.
        color: whether to colour; by default what `wants_color` says.
        live: whether text grows in place; by default on a terminal only.

    >>> import io
    >>> from streamkit import normalize
    >>> out = io.StringIO()
    >>> with TerminalView(out) as view:
    ...     for event in normalize(["Hel", "lo"]):
    ...         view.feed(event)
    >>> print(out.getvalue().strip())
    Hello
    <BLANKLINE>
    completed · 1 message
    """

    def __init__(
        self, out: TextIO | None = None, *, color: bool | None = None, live: bool | None = None
    ) -> None:
        stream = sys.stdout if out is None else out
        self._screen = Screen(
            stream,
            color=wants_color(stream) if color is None else color,
            live=is_terminal(stream) if live is None else live,
        )
        self._growing: dict[tuple[str, int], Paragraph] = {}
        self._speakers: dict[str, str] = {}
        self._usage: Usage | None = None
        self._messages = 0
        self._status = ""
        self._culprit = ""
        self._changes = self._table()

    def _table(self) -> dict[type[Any], Callable[[Any], None]]:
        return {
            MessageStart: self._message_start,
            TextStart: self._text_start,
            TextDelta: self._delta,
            TextEnd: self._text_end,
            ReasoningStart: self._text_start,
            ReasoningDelta: self._delta,
            ReasoningEnd: self._text_end,
            ToolCallStart: self._call_start,
            ToolCallDelta: self._call_delta,
            ToolCallEnd: self._call_end,
            MessageEnd: self._message_end,
            ToolStart: self._tool_start,
            ToolDelta: self._tool_delta,
            ToolEnd: self._tool_end,
            ToolError: self._tool_end,
            RetrievalStart: self._retrieval_start,
            RetrievalEnd: self._retrieval_end,
            StepEnd: self._step_end,
            Interrupt: self._interrupt,
            RunEnd: self._run_end,
            RunError: self._run_end,
        }

    def feed(self, event: Event) -> None:
        """Show one more event."""
        change = self._changes.get(type(event))
        if change:
            change(event)
        paragraph = whole(event)
        if paragraph:
            if isinstance(event, RunError):
                paragraph.label = self._culprit or paragraph.label
            self._screen.add(paragraph)
        self._screen.update()

    def note(self, text: str, *, label: str | None = None) -> None:
        """Show a line that is no event's, with room around it."""
        look = NOTE if label is None else Look()
        self._screen.add_gap()
        self._screen.add(Paragraph(label, text, look, done=True))
        self._screen.add_gap()
        self._screen.update()

    def close(self) -> None:
        """Show what it all came to, and leave the cursor on a new line."""
        self._settle()
        if self._status:
            self._screen.add_gap()
            self._screen.add(Paragraph(None, self._total(), NOTE))
        self._screen.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not isinstance(exc, OSError):  # a closed pipe has no use for the rest
            self.close()

    def _total(self) -> str:
        said = f"{self._messages} message{'s' * (self._messages != 1)}"
        usage = self._usage
        counts = f"{usage.input_tokens} tokens in, {usage.output_tokens} out" if usage else ""
        return " · ".join(filter(None, (self._status, said, counts)))

    # --- messages: what grows

    def _message_start(self, event: MessageStart) -> None:
        who = speaker(event.origin) or event.model or ""
        self._speakers[event.message_id] = who if event.role == "assistant" else event.role

    def _grow(self, event: Part, look: Look, head: str = "") -> Paragraph:
        """Give the paragraph of a block; its start may have been filtered out."""
        key = (event.message_id, event.block_id)
        paragraph = self._growing.get(key)
        if paragraph is None:
            label = self._speakers.get(event.message_id) or speaker(event.origin)
            paragraph = self._growing[key] = Paragraph(clean(label), "", look, clean(head))
            self._screen.add(paragraph)
        return paragraph

    def _prose(self, event: Prose) -> Paragraph:
        return self._grow(event, THOUGHT if event.type.startswith("reasoning") else Look())

    def _text_start(self, event: TextStart | ReasoningStart) -> None:
        self._prose(event)

    def _delta(self, event: TextDelta | ReasoningDelta) -> None:
        self._prose(event).text += clean(event.text)

    def _text_end(self, event: TextEnd | ReasoningEnd) -> None:
        paragraph = self._prose(event)
        if not (paragraph.text or paragraph.continued):  # the deltas were filtered out
            paragraph.text = clean(event.text)
        self._end_block((event.message_id, event.block_id))

    def _call_start(self, event: ToolCallStart) -> None:
        self._grow(event, CALL, event.name)

    def _call_delta(self, event: ToolCallDelta) -> None:
        self._grow(event, CALL).text += clean(event.args)

    def _call_end(self, event: ToolCallEnd) -> None:
        paragraph = self._grow(event, CALL, event.name)
        if event.error is None:
            paragraph.text = one_line(brief(event.args))
        else:
            paragraph.text, paragraph.look = one_line(f"{event.text} ({event.error})"), TROUBLE
        self._end_block((event.message_id, event.block_id))

    def _end_block(self, key: tuple[str, int]) -> None:
        self._growing.pop(key).done = True

    def _message_end(self, event: MessageEnd) -> None:
        self._messages += 1
        self._speakers.pop(event.message_id, None)
        for key in list(self._growing):
            if key[0] == event.message_id:
                self._end_block(key)

    # --- tools and retrievers: what lasts

    def _tool_start(self, event: ToolStart) -> None:
        busy = Paragraph(speaker(event.origin), "", BUSY, clean(event.name))
        self._screen.busy[event.tool_call_id] = busy

    def _tool_delta(self, event: ToolDelta) -> None:
        paragraph = self._screen.busy.get(event.tool_call_id)
        if paragraph:
            paragraph.text = one_line(paragraph.text + payload(event.delta))

    def _tool_end(self, event: ToolEnd | ToolError) -> None:
        self._screen.busy.pop(event.tool_call_id, None)

    def _retrieval_start(self, event: RetrievalStart) -> None:
        busy = Paragraph(speaker(event.origin), "", BUSY, clean(event.name))
        self._screen.busy[event.retrieval_id] = busy

    def _retrieval_end(self, event: RetrievalEnd) -> None:
        self._screen.busy.pop(event.retrieval_id, None)

    # --- the run

    def _step_end(self, event: StepEnd) -> None:
        if event.error:  # its text is the run's, soon to come
            self._culprit = speaker(event.origin)

    def _interrupt(self, _event: Interrupt) -> None:
        self._screen.add_gap()

    def _run_end(self, event: RunEnd | RunError) -> None:
        self._settle()
        self._status = event.status if isinstance(event, RunEnd) else "failed"
        if event.usage:
            self._usage = self._usage + event.usage if self._usage else event.usage
        if isinstance(event, RunError):
            self._screen.add_gap()

    def _settle(self) -> None:
        self._screen.busy.clear()
        for key in list(self._growing):
            self._end_block(key)
