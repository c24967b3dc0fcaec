"""Whoever wants to know what a chunk says, piece by piece."""

from __future__ import annotations

from typing import Protocol

from .._fields import Fields
from ..values import Usage

__all__ = ["Sink"]


class Sink(Protocol):
    """Whoever wants to know what a chunk says."""

    def text(self, text: str, index: object = None) -> None:
        """Some text, of the block at ``index`` where blocks have one."""
        ...

    def reasoning(
        self,
        text: str,
        index: object = None,
        *,
        signature: str | None = None,
        redacted: bool = False,
    ) -> None:
        """Some reasoning, or only its seal."""
        ...

    def tool_call(
        self,
        index: object,
        id: str | None,
        name: str | None,
        args: str,
        *,
        provider_executed: bool = False,
    ) -> None:
        """A call, or the next piece of one."""
        ...

    def call_input(self, index: object, args: str) -> None:
        """More arguments of a call that the provider runs; any other index is not meant."""
        ...

    def content(self, block: object) -> None:
        """A block that is whole as it is."""
        ...

    def citation(self, citation: object, *, index: object = None) -> None:
        """An annotation on the text of the block at ``index``, or on the text so far."""
        ...

    def usage(self, usage: Usage) -> None:
        """A report of tokens."""
        ...

    def response(self, metadata: Fields) -> None:
        """What else the provider said."""
        ...
