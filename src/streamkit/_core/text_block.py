"""Blocks of a message while they are written: text, reasoning and refusals."""

from __future__ import annotations

__all__ = ["Refusal", "TextBlock"]


class TextBlock:
    """A block of text or of reasoning, while it is being written."""

    __slots__ = (
        "block_id",
        "index",
        "is_reasoning",
        "parts",
        "redacted",
        "signature",
    )

    def __init__(self, block_id: int, *, is_reasoning: bool) -> None:
        self.block_id = block_id
        self.is_reasoning = is_reasoning
        self.index: object = None
        self.parts: list[str] = []
        self.signature: str | None = None
        self.redacted = False

    def takes(self, index: object, signature: str | None) -> bool:
        """Return whether a piece with this index and signature belongs to this block."""
        has_moved = index is not None and self.index is not None and index != self.index
        return not has_moved and (signature is None or self.signature in {None, signature})


class Refusal:
    """A refusal, while it is being written."""

    __slots__ = ("block_id", "index", "text")

    def __init__(self, block_id: int, index: object) -> None:
        self.block_id = block_id
        self.index = index
        self.text = ""
