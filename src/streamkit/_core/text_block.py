"""A block of text, of reasoning or of a refusal while it is written."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["Kind", "TextBlock"]

Kind: TypeAlias = Literal["text", "reasoning", "refusal"]
"""The kind of a block's text."""


class TextBlock:
    """A block that is being written."""

    __slots__ = ("block_id", "index", "kind", "parts", "redacted", "signature")

    def __init__(self, block_id: int, kind: Kind, index: object = None) -> None:
        self.block_id = block_id
        self.kind = kind
        self.index = index
        self.parts: list[str] = []
        self.signature: str | None = None
        self.redacted = False

    def takes(self, index: object, signature: str | None = None) -> bool:
        """Return whether a piece with this index and signature belongs to this block."""
        has_moved = index is not None and self.index is not None and index != self.index
        return not has_moved and (signature is None or self.signature in {None, signature})
