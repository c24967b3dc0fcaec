"""The outermost conversation: what `EventStream.text` and `EventStream.messages` yield.

Laws of this file:

1. Internal models, and those inside tools, are left out. Whether a message is shown is decided
   once, when it starts; a text delta costs one look-up.
2. The text of two models never mixes: one message is written at a time, and the others' text waits.
3. A refusal is shown as text. The text of an attempt that was abandoned is dropped if it still
   waits; what was handed out cannot be taken back here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ._event_classes import EVENT_CLASSES
from ._fields import refusal_of
from .errors import UsageError
from .events import Content, MessageEnd, MessageStart, RunEnd, RunError, TextDelta
from .filters import conversation
from .folds import MessageFold

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, ToolMessage


class ConversationText:
    """A stage from the events of one run to the text that users see."""

    def __init__(self) -> None:
        self._filter = conversation.stage()
        self._hidden: set[str] = set()
        self._speaking: str | None = None
        self._waiting: dict[str, list[str]] = {}
        self._ended: set[str] = set()  # of those that wait

    def __call__(self, event: Any) -> Iterable[str]:
        """Return the text that an event adds to the conversation."""
        if event.__class__ is TextDelta:
            if event.message_id == self._speaking:
                return (event.text,)
            return self._said(event.message_id, event.text)
        if event.__class__ not in EVENT_CLASSES:
            raise UsageError(
                f"text() got a {type(event).__name__}, not an event; write it before "
                f"map(...), messages() and encoders: normalize(source).text()"
            )
        kept = [*self._filter(event)]
        match event:
            case MessageStart(message_id=id) if not kept:
                self._hidden.add(id)
            case Content(message_id=id, block=block):
                words = refusal_of(block)
                return self._said(id, words) if words else ()
            case MessageEnd():
                return self._end(event)
            case RunEnd() | RunError():
                return self._rest()
            case _:
                pass
        return ()

    def _said(self, id: str, text: str) -> Iterable[str]:
        """Add text of a message that was not known to speak."""
        if id in self._hidden:
            return ()
        if self._speaking is None:
            self._speaking = id
        # Models that run at once send their pieces in turn; their texts are read one by one.
        if id == self._speaking:
            return (text,)
        self._waiting.setdefault(id, []).append(text)
        return ()

    def _end(self, event: MessageEnd) -> Iterable[str]:
        id = event.message_id
        self._hidden.discard(id)
        if id != self._speaking:
            if event.status == "abandoned":
                self._waiting.pop(id, None)
            elif id in self._waiting:
                self._ended.add(id)
            return ()
        self._speaking = None
        return self._next()

    def _next(self) -> list[str]:
        """Return the text that waited, up to a message that is still being written."""
        out: list[str] = []
        while self._waiting and self._speaking is None:
            id = next(iter(self._waiting))
            out += self._waiting.pop(id)
            if id in self._ended:
                self._ended.discard(id)
            else:
                self._speaking = id
        return out

    def _rest(self) -> list[str]:
        out = [piece for pieces in self._waiting.values() for piece in pieces]
        self._waiting.clear()
        return out


def conversation_messages() -> Callable[[Any], Iterable[AIMessage | ToolMessage]]:
    """Return a stage from the events of one run to the finished messages of the conversation."""
    keep, fold = conversation.stage(), MessageFold()
    return lambda event: [message for kept in keep(event) for message in fold(kept)]
