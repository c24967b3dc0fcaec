"""A run as a person watches it in a terminal, drawn by rich (extra ``terminal``).

    with TerminalView() as view:
        for event in normalize(graph.stream(...)):
            view.feed(event)

    scout_food      Eat tagliatelle at Osteria Lina, by the market.
    scout_sights    Climb the Asinelli tower and walk the porticoes.
    planner         ┊ I need the weather, a train and a table.
                    Let me check a few things.
                    → check_weather  {"city": "Bologna"}
    tools           ✓ check_weather  Sunny in Bologna on Monday and Tuesday.

Each model and tool has rows of its own, also those that run in parallel. In a pipe the rows are
the same, each written when it is complete.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TextIO, TypeAlias

from typing_extensions import override

from .. import events as ev
from .._brief import brief
from .._printable import clean
from ..values import Usage
from ._paragraphs import BUSY, CALL, NOTE, THOUGHT, TROUBLE, one_line, payload, speaker, whole
from ._screen import Look, Paragraph, Screen, View

__all__ = ["TerminalView"]

Prose: TypeAlias = (
    ev.TextStart
    | ev.TextDelta
    | ev.TextEnd
    | ev.ReasoningStart
    | ev.ReasoningDelta
    | ev.ReasoningEnd
)
Part: TypeAlias = Prose | ev.ToolCallStart | ev.ToolCallDelta | ev.ToolCallEnd


class TerminalView(View):
    r"""A view of the events given to `feed`.

    Args:
        out: where to write; by default the standard output.
        color: whether to use colours; by default as the terminal, ``NO_COLOR`` and ``FORCE_COLOR``
            say.
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
        self._screen = Screen(sys.stdout if out is None else out, color=color, live=live)
        self._growing: dict[tuple[str, int], Paragraph] = {}
        self._labels: dict[str, str] = {}
        self._usage: Usage | None = None
        self._messages = 0
        self._status = ""
        self._failed_at = ""
        self._changes = self._table()

    def _table(self) -> dict[type[Any], Callable[[Any], None]]:
        return {
            ev.MessageStart: self._message_start,
            ev.TextStart: self._text_start,
            ev.TextDelta: self._delta,
            ev.TextEnd: self._text_end,
            ev.ReasoningStart: self._text_start,
            ev.ReasoningDelta: self._delta,
            ev.ReasoningEnd: self._text_end,
            ev.ToolCallStart: self._call_start,
            ev.ToolCallDelta: self._call_delta,
            ev.ToolCallEnd: self._call_end,
            ev.MessageEnd: self._message_end,
            ev.ToolStart: self._tool_start,
            ev.ToolDelta: self._tool_delta,
            ev.ToolEnd: self._tool_end,
            ev.ToolError: self._tool_end,
            ev.RetrievalStart: self._retrieval_start,
            ev.RetrievalEnd: self._retrieval_end,
            ev.StepEnd: self._step_end,
            ev.Interrupt: self._interrupt,
            ev.RunEnd: self._run_end,
            ev.RunError: self._run_end,
        }

    def feed(self, event: ev.Event) -> None:
        """Show one more event."""
        change = self._changes.get(type(event))
        if change:
            change(event)
        paragraph = whole(event)
        if paragraph:
            if isinstance(event, ev.RunError):
                paragraph.label = self._failed_at or paragraph.label
            self._screen.add(paragraph)
        self._screen.update()

    def refresh(self) -> None:
        """Draw now what would be drawn within a twentieth of a second."""
        self._screen.draw()

    def note(self, text: str, *, label: str | None = None) -> None:
        """Show a line that belongs to no event, between two empty rows."""
        look = NOTE if label is None else Look()
        self._screen.add_gap()
        self._screen.add(Paragraph(label, clean(text, lines=True), look, done=True))
        self._screen.add_gap()
        self._screen.draw()

    @override
    def close(self) -> None:
        """Show the totals, and leave the terminal as it was."""
        self._close_all()
        if self._status:
            self._screen.add_gap()
            self._screen.add(Paragraph(None, self._total(), NOTE))
        self._screen.close()

    @override
    def _stop(self) -> None:
        self._screen.stop()

    def _total(self) -> str:
        count = f"{self._messages} message{'s' * (self._messages != 1)}"
        usage = self._usage
        counts = f"{usage.input_tokens} tokens in, {usage.output_tokens} out" if usage else ""
        return " · ".join(filter(None, (self._status, count, counts)))

    # --- messages

    def _message_start(self, event: ev.MessageStart) -> None:
        label = speaker(event.origin) or event.model or ""
        # Without a graph, only the model's name distinguishes two speakers.
        self._labels[event.message_id] = label if event.role == "assistant" else event.role

    def _grow(self, event: Part, look: Look, head: str = "") -> Paragraph:
        """Return the paragraph of a block; its start may have been filtered out."""
        key = (event.message_id, event.block_id)
        paragraph = self._growing.get(key)
        if paragraph is None:
            label = self._labels.get(event.message_id) or speaker(event.origin)
            paragraph = self._growing[key] = Paragraph(clean(label), "", look, clean(head))
            self._screen.add(paragraph)
        return paragraph

    def _prose(self, event: Prose) -> Paragraph:
        return self._grow(event, THOUGHT if event.type.startswith("reasoning") else Look())

    def _text_start(self, event: ev.TextStart | ev.ReasoningStart) -> None:
        self._prose(event)

    def _delta(self, event: ev.TextDelta | ev.ReasoningDelta) -> None:
        self._prose(event).text += clean(event.text, lines=True)

    def _text_end(self, event: ev.TextEnd | ev.ReasoningEnd) -> None:
        paragraph = self._prose(event)
        if not (paragraph.text or paragraph.continued):  # the deltas were filtered out
            paragraph.text = clean(event.text, lines=True)
        self._end_block((event.message_id, event.block_id))

    def _call_start(self, event: ev.ToolCallStart) -> None:
        self._grow(event, CALL, event.name)

    def _call_delta(self, event: ev.ToolCallDelta) -> None:
        self._grow(event, CALL).text += clean(event.args, lines=True)

    def _call_end(self, event: ev.ToolCallEnd) -> None:
        paragraph = self._grow(event, CALL, event.name)
        if event.error is None:
            paragraph.text = one_line(brief(event.args))
        else:
            paragraph.text, paragraph.look = one_line(f"{event.text} ({event.error})"), TROUBLE
        self._end_block((event.message_id, event.block_id))

    def _end_block(self, key: tuple[str, int]) -> None:
        self._growing.pop(key).done = True

    def _message_end(self, event: ev.MessageEnd) -> None:
        self._messages += 1
        self._labels.pop(event.message_id, None)
        for key in list(self._growing):
            if key[0] == event.message_id:
                self._end_block(key)

    # --- tools and retrievers

    def _tool_start(self, event: ev.ToolStart) -> None:
        # Names come from a model too: without `clean`, its escape sequences would reach the
        # terminal.
        busy = Paragraph(speaker(event.origin), "", BUSY, clean(event.name))
        self._screen.busy[event.tool_call_id] = busy

    def _tool_delta(self, event: ev.ToolDelta) -> None:
        paragraph = self._screen.busy.get(event.tool_call_id)
        if paragraph:
            paragraph.text = one_line(paragraph.text + payload(event.delta))

    def _tool_end(self, event: ev.ToolEnd | ev.ToolError) -> None:
        self._screen.busy.pop(event.tool_call_id, None)

    def _retrieval_start(self, event: ev.RetrievalStart) -> None:
        busy = Paragraph(speaker(event.origin), "", BUSY, clean(event.name))
        self._screen.busy[event.retrieval_id] = busy

    def _retrieval_end(self, event: ev.RetrievalEnd) -> None:
        self._screen.busy.pop(event.retrieval_id, None)

    # --- the run

    def _step_end(self, event: ev.StepEnd) -> None:
        if event.error:  # `RunError` has the same text, and shows it
            self._failed_at = speaker(event.origin)

    def _interrupt(self, _event: ev.Interrupt) -> None:
        self._screen.add_gap()

    def _run_end(self, event: ev.RunEnd | ev.RunError) -> None:
        self._close_all()
        self._status = event.status if isinstance(event, ev.RunEnd) else "failed"
        if event.usage:
            self._usage = self._usage + event.usage if self._usage else event.usage
        if isinstance(event, ev.RunError):
            self._screen.add_gap()

    def _close_all(self) -> None:
        self._screen.busy.clear()
        for key in list(self._growing):
            self._end_block(key)
