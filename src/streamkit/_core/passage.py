"""A block of words: text or reasoning."""

from __future__ import annotations

__all__ = ["Passage"]


class Passage:
    """A block of text or of reasoning, while it is being written."""

    __slots__ = (
        "block_id",
        "chunk_class",
        "chunk_id",
        "index",
        "parts",
        "reasoning",
        "redacted",
        "signature",
    )

    def __init__(self, block_id: int, *, reasoning: bool) -> None:
        self.block_id = block_id
        self.reasoning = reasoning
        self.index: object = None
        self.parts: list[str] = []
        self.signature: str | None = None
        self.redacted = False
        # Of the last chunk that was read with care.
        self.chunk_class: object = None
        self.chunk_id: str | None = None

    def is_over(self, index: object, signature: str | None) -> bool:
        """Tell whether another block has begun: at another index, or under a seal of its own."""
        moved = index is not None and self.index is not None and index != self.index
        return moved or (signature is not None and self.signature not in {None, signature})
