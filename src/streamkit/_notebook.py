"""Small, folded tables for notebooks: HTML without script.

This module stands below the folds, whose results print themselves with it. It therefore imports
no wire format: a value that is no text is shown by its text blocks alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ._core.content import text_in
from ._core.kinds import fields_of, message_in
from ._fields import dict_or_empty, items_of, text_of, text_or_none
from ._printable import clean

MAX_ROWS = 40
"""Rows of a table; further ones are left out."""

_MAX_NAME = 200
_MAX_TEXT = 2000


def result_table(
    head: Iterable[str], error: str | None, text: str, messages: Sequence[object]
) -> str:
    """Return a run's result: facts in the folded line, then error, answer and the last messages."""
    rows = "".join(_message_row(message) for message in messages[-MAX_ROWS:])
    failure = f"<p><b>{name_cell(error)}</b></p>" if error else ""
    answer = f"<p>{escape(clean(text[:_MAX_TEXT], lines=True))}</p>"
    return folded(" · ".join(head), f"{failure}{answer}<table>{rows}</table>")


def _message_row(message: object) -> str:
    raw, known = dict_or_empty(message), message_in(message)
    fields = raw if known is None else fields_of(known)
    kinds = map(text_or_none, (fields.get("type"), raw.get("type"), raw.get("role")))
    kind = next(filter(None, kinds), type(message).__name__)
    # LangChain's `tool_calls` are dicts, in a message's object as in its stored form.
    names = [dict_or_empty(call).get("name") for call in items_of(fields.get("tool_calls"))]
    calls = ", ".join(map(text_of, names))
    text = f"{text_in(fields.get('content'))} {calls and f'→ {calls}'}"[:500]
    cell = escape(clean(text, lines=True))
    return f"<tr><td>{name_cell(kind)}</td><td style='text-align:left'>{cell}</td></tr>"


def short_name(text: str) -> str:
    """Return a name in one line, without control characters, cut where it is long."""
    return clean(text)[:_MAX_NAME]


def name_cell(text: str) -> str:
    """Return a short name as HTML."""
    return escape(short_name(text))


def folded(summary: str, body: str) -> str:
    """Return HTML that shows its summary, and its body on click."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"
