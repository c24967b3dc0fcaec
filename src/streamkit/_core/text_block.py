"""A block of text, of reasoning or of a refusal while it is written, and its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..events import (
    Content,
    Event,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    TextDelta,
    TextEnd,
    TextStart,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .message import Message

Kind: TypeAlias = Literal["text", "reasoning", "refusal"]
"""The kind of a block's text."""


class TextBlock:
    """A block that is being written, which emits its events through its message."""

    __slots__ = (
        "_message",
        "block_id",
        "index",
        "is_plain",
        "kind",
        "parts",
        "redacted",
        "signature",
    )

    def __init__(self, message: Message, block_id: int, kind: Kind, index: object = None) -> None:
        self.block_id = block_id
        self.kind = kind
        self.index = index
        self.is_plain = kind == "text" and index is None  # so a content of text continues it
        self.parts: list[str] = []
        self.signature: str | None = None
        self.redacted = False
        self._message = message

    def takes(self, index: object, signature: str | None = None) -> bool:
        """Return whether a piece with this index and signature belongs to this block."""
        own: Any = self.index
        if signature is not None and own.__class__ is tuple:
            own = own[0]  # the last part of a summary, of which the signature is, too
        has_moved = index is not None and own is not None and index != own
        return not has_moved and (signature is None or self.signature in {None, signature})

    def start(self) -> None:
        """Emit the start of a text or of reasoning."""
        start = TextStart if self.kind == "text" else ReasoningStart
        self._message.emit(start, block_id=self.block_id)

    def delta(self, text: str, clock: Callable[[], float] | None = None) -> Event:
        """Add text, and return its delta."""
        self.parts.append(text)
        message = self._message
        return (TextDelta if self.kind == "text" else ReasoningDelta)(
            origin=message.origin,
            timestamp=clock() if clock else message.outlet.now,
            message_id=message.message_id,
            block_id=self.block_id,
            text=text,
        )

    def end(self) -> str:
        """Emit the end, and return the text."""
        emit, id, text = self._message.emit, self.block_id, "".join(self.parts)
        if self.kind == "text":
            emit(TextEnd, block_id=id, text=text)
        elif self.kind == "refusal":
            emit(Content, block_id=id, block={"type": "refusal", "refusal": text})
        else:
            signed = {"signature": self.signature, "redacted": self.redacted}
            emit(ReasoningEnd, block_id=id, text=text, **signed)
        return text
