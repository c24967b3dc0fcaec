"""The text of the outermost conversation: what `EventStream.text` and its async twin yield.

Whether a message is shown is decided once, when it starts; a text delta costs one look-up.
"""

from __future__ import annotations

from collections.abc import Iterable

from .events import Event, MessageEnd, MessageStart, TextDelta
from .filters import conversation

__all__ = ["ConversationText"]


class ConversationText:
    """A stage from the events of one run to the text that users see."""

    def __init__(self) -> None:
        self._filter = conversation.stage()
        self._hidden: set[str] = set()

    def __call__(self, event: Event) -> Iterable[str]:
        """Return the text that an event adds to the conversation."""
        if event.__class__ is TextDelta:
            return () if event.message_id in self._hidden else (event.text,)
        kept = [*self._filter(event)]
        if isinstance(event, MessageStart) and not kept:
            self._hidden.add(event.message_id)
        elif isinstance(event, MessageEnd):
            self._hidden.discard(event.message_id)
        return ()
