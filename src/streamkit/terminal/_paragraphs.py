"""The terminal's paragraph for each event that arrives whole.

Text, reasoning and calls grow; their paragraphs are in `_view`. Every text of a paragraph passes
`clean`, names, ids and error classes included.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final, cast

from .. import events as ev
from .._brief import brief, path
from .._printable import clean
from ..values import Origin
from ._screen import Look, Paragraph

_LIMIT: Final = 240
NOTE = Look(style="dim")
THOUGHT = Look("┊", ":", "dim", "dim italic")
CALL = Look("→", "->", "cyan")
BUSY = Look("⋯", "~", "dim", "dim")
TROUBLE = Look("✗", "!!", "red", "red")
_GOOD = Look("✓", "ok", "green")
_STOPPED = Look("✗", "!!", "yellow", "yellow")
_PAUSED = Look("⋯", "~", "yellow", "yellow")
_CUSTOM = Look("•", "*", "magenta")
_BLOCK = Look("▪", "#", "cyan")
_QUESTION = Look("?", "?", "bold yellow", "bold yellow")

# `description` is that of LangChain's human-in-the-loop middleware; the others are common in
# interrupts of applications.
_QUESTION_KEYS = ("question", "message", "prompt", "description")
# Finish reasons after which an answer is not what the model would have said.
_PROBLEMS = {
    "length": "cut off at the token limit",
    "content_filter": "stopped by the content filter",
    "error": "stopped by an error",
}


def speaker(origin: Origin) -> str:
    """Return the label of an event: its node's path, its agent or its runnable."""
    return clean(path(origin) or origin.agent or origin.name or "")


def payload(value: object) -> str:
    """Return a payload as text: a string as it is, and None as nothing."""
    if value is None:
        return ""
    return one_line(text_of(value, _LIMIT))


def text_of(value: object, limit: int) -> str:
    """Return a string as it is, and any other value in short; a foreign one may raise anything."""
    # Not `isinstance`, which asks the object for its `__class__`.
    return str.__str__(cast("str", value)) if issubclass(type(value), str) else brief(value, limit)


def one_line(text: str) -> str:
    """Return ``text`` on one line, up to a fixed length."""
    line = " ".join(clean(text[: 4 * _LIMIT], lines=True).split())
    return line if len(line) <= _LIMIT else f"{line[:_LIMIT]}…"


def _record(value: object) -> dict[str, object] | None:
    """Return the first fields of a record; None for any other value, or one that raises."""
    if not issubclass(type(value), Mapping):
        return None
    fields = cast("Mapping[object, object]", value)
    try:
        return {str(key): fields[key] for key in islice(fields, _LIMIT)}
    except Exception:  # noqa: BLE001  (of a foreign class)
        return None


def _written(values: object) -> str:
    """Return the names of what a node wrote; its messages were shown already."""
    record = _record(values)
    if record is None:
        return "" if values is None else f"wrote {payload(values)}"
    names = ", ".join(key for key in record if key != "messages")
    return one_line(f"wrote {names}") if names else ""


def _question(value: object) -> str:
    record = _record(value) or {}
    asked = (record[key] for key in _QUESTION_KEYS if issubclass(type(record.get(key)), str))
    return payload(next(asked, value))


def _facts(data: object) -> str:
    """Return a custom payload: a flat record as words, anything else as it is."""
    record = _record(data)
    if not record or any(issubclass(type(it), _NESTED) for it in record.values()):
        return payload(data)
    return one_line(", ".join(f"{key} {payload(it)}" for key, it in record.items()))


_NESTED = (Mapping, list, tuple)


class Paragraphs:
    """The paragraph of each event that arrives whole, by a method of the event's name."""

    def content(self, event: ev.Content) -> Paragraph:
        return Paragraph(text=payload(event.block), look=_BLOCK)

    def citation(self, event: ev.Citation) -> Paragraph:
        return Paragraph(text=payload(event.citation), look=_BLOCK)

    def message_end(self, event: ev.MessageEnd) -> Paragraph | None:
        problem = _PROBLEMS.get(event.finish_reason or "", "")
        if event.status != "completed":
            problem = event.status
        return Paragraph(text=problem, look=_STOPPED) if problem else None

    def tool_end(self, event: ev.ToolEnd) -> Paragraph:
        if event.status == "completed":
            return Paragraph(head=clean(event.name), text=payload(event.output), look=_GOOD)
        return Paragraph(head=clean(event.name), text=event.status, look=_PAUSED)

    def tool_error(self, event: ev.ToolError) -> Paragraph:
        return Paragraph(head=clean(event.name), text=one_line(event.error.message), look=TROUBLE)

    def retrieval_end(self, event: ev.RetrievalEnd) -> Paragraph:
        if event.status == "completed":
            count = len(event.documents)
            found = f"{count} document{'s' * (count != 1)}"
            return Paragraph(head=clean(event.name), text=found, look=_GOOD)
        reason = event.error.message if event.error else event.status
        return Paragraph(head=clean(event.name), text=one_line(reason), look=TROUBLE)

    def step_delta(self, event: ev.StepDelta) -> Paragraph | None:
        if event.step_id is not None:
            return None  # a parser repeats the text of its model
        return Paragraph(text=payload(event.value))

    def state_update(self, event: ev.StateUpdate) -> Paragraph | None:
        written = _written(event.values)
        label = path(event.origin) or event.node
        return Paragraph(label=clean(label), text=written, look=NOTE) if written else None

    def checkpoint(self, event: ev.Checkpoint) -> Paragraph:
        following = ", ".join(event.next) or "nothing"
        return Paragraph(text=f"checkpoint, next {clean(following)}", look=NOTE)

    def interrupt(self, event: ev.Interrupt) -> Paragraph:
        question = "breakpoint" if event.static else _question(event.value)
        return Paragraph(text=question, look=_QUESTION)

    def message_added(self, event: ev.MessageAdded) -> Paragraph:
        return Paragraph(text=payload(event.message), look=NOTE)

    def message_replaced(self, event: ev.MessageReplaced) -> Paragraph:
        return Paragraph(head="replaced", text=payload(event.message), look=NOTE)

    def message_removed(self, event: ev.MessageRemoved) -> Paragraph:
        return Paragraph(head="removed", text=clean(event.message_id), look=NOTE)

    def custom(self, event: ev.Custom) -> Paragraph:
        return Paragraph(head=clean(event.name or ""), text=_facts(event.data), look=_CUSTOM)

    def batch_item(self, event: ev.BatchItem) -> Paragraph:
        head = f"[{event.index}]"
        if event.error:
            return Paragraph(head=head, text=one_line(event.error.message), look=TROUBLE)
        return Paragraph(head=head, text=payload(event.output), look=_GOOD)

    def unrecognized(self, event: ev.Unrecognized) -> Paragraph:
        text = one_line(f"{event.reason}: {brief(event.raw, _LIMIT)}")
        return Paragraph(head="unrecognized", text=text, look=_STOPPED)

    def run_error(self, event: ev.RunError) -> Paragraph:
        error = event.error
        return Paragraph(head=clean(error.name), text=one_line(error.message), look=TROUBLE)
