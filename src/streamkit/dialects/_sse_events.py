r"""Events of a server's stream as any SSE client decodes them: a name, and data that may be text.

{"event": "values", "data": "{\"messages\": []}", "id": "1"}               # of a client by hand
ServerSentEvent(event="values", data="{\"messages\": []}", id="1", retry=None)       # httpx-sse
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from .._fields import dict_or_empty

_KEYS = ("event", "data", "id", "retry")


class SseEvent(NamedTuple):
    """An event: its name and its data."""

    name: Any
    data: Any


def sse_event_in(raw: object) -> SseEvent | None:
    """Return an event that an SSE client has decoded, or None where ``raw`` is something else."""
    fields = dict_or_empty(raw)
    if fields:
        is_event = fields.keys() >= {"event", "data"} and fields.keys() <= set(_KEYS)
        return SseEvent(fields["event"], fields["data"]) if is_event else None
    if all(hasattr(raw, name) for name in _KEYS):
        return SseEvent(raw.event, raw.data)  # type: ignore[attr-defined]
    return None


def from_json(text: str) -> Any:
    """Return what a text says in JSON, or the text where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text
