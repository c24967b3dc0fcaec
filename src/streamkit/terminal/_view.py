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
from typing import Any, TextIO

from typing_extensions import override

from .. import events as ev
from .._brief import brief
from .._event_classes import MethodsByClass, require_event
from .._printable import clean
from ..values import Usage
from ._paragraphs import BUSY, CALL, NOTE, THOUGHT, TROUBLE, Paragraphs, one_line, payload, speaker
from ._screen import Look, Paragraph, Screen, View


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
        self._paragraphs = _Growing(self._screen)
        self._paragraph_of = MethodsByClass(self._paragraphs)

    def feed(self, event: ev.Event) -> None:
        """Show one more event."""
        require_event(event, "for event in normalize(stream): view.feed(event)")
        show = self._paragraph_of[type(event)]
        paragraph: Paragraph | None = show(event) if show else None
        if paragraph:
            paragraph.label = paragraph.label or speaker(event.origin)
            paragraph.done = True
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
        self._paragraphs.close()
        self._screen.close()

    @override
    def _stop(self) -> None:
        self._screen.stop()


class _Growing(Paragraphs):
    """The paragraphs of all events, also of those that grow, and the totals."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._growing: dict[tuple[str, int], Paragraph] = {}
        self._labels: dict[str, str] = {}
        self._usage: Usage | None = None
        self._messages = 0
        self._status = ""
        self._failed_at = ""

    def close(self) -> None:
        """Add the totals."""
        self._close_all()
        if self._status:
            self._screen.add_gap()
            self._screen.add(Paragraph(None, self._total(), NOTE))

    def _total(self) -> str:
        count = f"{self._messages} message{'s' * (self._messages != 1)}"
        usage = self._usage
        counts = f"{usage.input_tokens} tokens in, {usage.output_tokens} out" if usage else ""
        return " · ".join(filter(None, (self._status, count, counts)))

    # --- messages

    def message_start(self, event: ev.MessageStart) -> None:
        label = speaker(event.origin) or event.model or ""
        # Without a graph, only the model's name distinguishes two speakers.
        self._labels[event.message_id] = label if event.role == "assistant" else event.role

    def _grow(self, event: Any, look: Look, head: str = "") -> Paragraph:
        """Return the paragraph of a block; its start may have been filtered out."""
        key = (event.message_id, event.block_id)
        paragraph = self._growing.get(key)
        if paragraph is None:
            label = self._labels.get(event.message_id) or speaker(event.origin)
            paragraph = self._growing[key] = Paragraph(clean(label), "", look, clean(head))
            self._screen.add(paragraph)
        return paragraph

    def _prose(self, event: Any) -> Paragraph:
        return self._grow(event, THOUGHT if event.type.startswith("reasoning") else Look())

    def text_start(self, event: ev.TextStart | ev.ReasoningStart) -> None:
        self._prose(event)

    reasoning_start = text_start

    def text_delta(self, event: ev.TextDelta | ev.ReasoningDelta) -> None:
        self._prose(event).text += clean(event.text, lines=True)

    reasoning_delta = text_delta

    def text_end(self, event: ev.TextEnd | ev.ReasoningEnd) -> None:
        paragraph = self._prose(event)
        if not (paragraph.text or paragraph.continued):  # the deltas were filtered out
            paragraph.text = clean(event.text, lines=True)
        self._end_block((event.message_id, event.block_id))

    reasoning_end = text_end

    def tool_call_start(self, event: ev.ToolCallStart) -> None:
        self._grow(event, CALL, event.name)

    def tool_call_delta(self, event: ev.ToolCallDelta) -> None:
        self._grow(event, CALL).text += clean(event.args, lines=True)

    def tool_call_end(self, event: ev.ToolCallEnd) -> None:
        paragraph = self._grow(event, CALL, event.name)
        if event.error is None:
            paragraph.text = one_line(brief(event.args))
        else:
            paragraph.text, paragraph.look = one_line(f"{event.text} ({event.error})"), TROUBLE
        self._end_block((event.message_id, event.block_id))

    def _end_block(self, key: tuple[str, int]) -> None:
        self._growing.pop(key).done = True

    def message_end(self, event: ev.MessageEnd) -> Paragraph | None:
        self._messages += 1
        self._labels.pop(event.message_id, None)
        for key in list(self._growing):
            if key[0] == event.message_id:
                self._end_block(key)
        return super().message_end(event)

    # --- tools and retrievers

    def tool_start(self, event: ev.ToolStart) -> None:
        self._add_busy(event.tool_call_id, event)

    def tool_delta(self, event: ev.ToolDelta) -> None:
        paragraph = self._screen.busy.get(event.tool_call_id)
        if paragraph:
            paragraph.text = one_line(paragraph.text + payload(event.delta))

    def tool_end(self, event: ev.ToolEnd) -> Paragraph:
        self._screen.busy.pop(event.tool_call_id, None)
        return super().tool_end(event)

    def tool_error(self, event: ev.ToolError) -> Paragraph:
        self._screen.busy.pop(event.tool_call_id, None)
        return super().tool_error(event)

    def retrieval_start(self, event: ev.RetrievalStart) -> None:
        self._add_busy(event.retrieval_id, event)

    def retrieval_end(self, event: ev.RetrievalEnd) -> Paragraph:
        self._screen.busy.pop(event.retrieval_id, None)
        return super().retrieval_end(event)

    def _add_busy(self, id: str, event: ev.ToolStart | ev.RetrievalStart) -> None:
        # Names come from a model too, and may hold escape sequences.
        self._screen.busy[id] = Paragraph(speaker(event.origin), "", BUSY, clean(event.name))

    # --- the run

    def step_end(self, event: ev.StepEnd) -> None:
        if event.error:  # `RunError` has the same text, and shows it
            self._failed_at = speaker(event.origin)

    def interrupt(self, event: ev.Interrupt) -> Paragraph:
        self._screen.add_gap()
        return super().interrupt(event)

    def run_end(self, event: ev.RunEnd) -> None:
        self._end_run(event, event.status)

    def run_error(self, event: ev.RunError) -> Paragraph:
        self._end_run(event, "failed")
        self._screen.add_gap()
        paragraph = super().run_error(event)
        paragraph.label = self._failed_at
        return paragraph

    def _end_run(self, event: ev.RunEnd | ev.RunError, status: str) -> None:
        self._close_all()
        self._status = status
        if event.usage:
            self._usage = self._usage + event.usage if self._usage else event.usage

    def _close_all(self) -> None:
        self._screen.busy.clear()
        for key in list(self._growing):
            self._end_block(key)
