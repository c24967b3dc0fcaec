"""One message at a time, for readers that cannot take two.

Laws of this file:

1. The events of a message stand together: between its start and its end nothing else comes.
2. Nothing is lost, and all else keeps its order: it waits until the open message ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from .events import Event, MessageEnd, MessageStart, RunEnd, RunError
from .mapping import PerRun, per_run

__all__ = ["sequential"]


class _Queue:
    """One run's stage: the message that is let through, and what waits for its end."""

    def __init__(self) -> None:
        self._open: str | None = None
        self._waiting: deque[Event] = deque()

    def __call__(self, event: Event) -> Iterator[Event]:
        ahead = deque((event,))
        while ahead:
            event = ahead.popleft()
            if not self._passes(event):
                self._waiting.append(event)
                continue
            if isinstance(event, (RunEnd, RunError)):
                yield from self._waiting
            yield event
            if isinstance(event, MessageEnd):
                self._open = None
                ahead.extendleft(reversed(self._waiting))
                self._waiting.clear()

    def _passes(self, event: Event) -> bool:
        """Tell whether an event may come now, and take note of a message that it opens."""
        if self._open is not None and not isinstance(event, (RunEnd, RunError)):
            return getattr(event, "message_id", None) == self._open
        if isinstance(event, MessageStart):
            self._open = event.message_id
        return True


sequential: PerRun[Event, Event] = per_run(_Queue)
"""One message at a time: what other models say meanwhile comes after it, and all else too.

>>> from streamkit import normalize
>>> [event.type for event in normalize(["Hi"], sequential)][:3]
['run.start', 'message.start', 'text.start']
"""
