"""Facts: what a call can be asked to tell, and the filter that keeps the rest out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeAlias, get_args

from ..errors import UsageError
from ..events import (
    Checkpoint,
    Citation,
    Content,
    Custom,
    Event,
    Interrupt,
    MessageAdded,
    MessageRemoved,
    MessageReplaced,
    MessageStart,
    ReasoningStart,
    RetrievalStart,
    StateSnapshot,
    StateUpdate,
    StepDelta,
    StepStart,
    TextStart,
    ToolCallStart,
    ToolDelta,
    ToolStart,
    Unrecognized,
)
from ..filters import Filter, where

__all__ = ["TOKENS", "Fact", "filter_of", "wanted"]

Fact: TypeAlias = Literal[
    "checkpoint",
    "citation",
    "content",
    "custom",
    "interrupt",
    "message",
    "message.added",
    "message.removed",
    "message.replaced",
    "reasoning",
    "retrieval",
    "state.snapshot",
    "state.update",
    "step",
    "step.delta",
    "text",
    "tool",
    "tool.delta",
    "tool_call",
]
"""A kind of event: a bracket by its noun, anything else by its type."""

FACTS: frozenset[Fact] = frozenset(get_args(Fact))

TOKENS: frozenset[Fact] = frozenset({"citation", "content", "reasoning", "text", "tool_call"})
"""What comes in pieces, if a model streams."""

_CLASSES: dict[Fact, type[Event]] = {
    "checkpoint": Checkpoint,
    "citation": Citation,
    "content": Content,
    "custom": Custom,
    "interrupt": Interrupt,
    "message": MessageStart,
    "message.added": MessageAdded,
    "message.removed": MessageRemoved,
    "message.replaced": MessageReplaced,
    "reasoning": ReasoningStart,
    "retrieval": RetrievalStart,
    "state.snapshot": StateSnapshot,
    "state.update": StateUpdate,
    "step": StepStart,
    "step.delta": StepDelta,
    "text": TextStart,
    "tool": ToolStart,
    "tool.delta": ToolDelta,
    "tool_call": ToolCallStart,
}
"""What a filter is asked about to keep each fact."""

_AROUND: dict[Fact, Fact] = {"citation": "text", "step.delta": "step", "tool.delta": "tool"}
"""What lies inside something else, and cannot be had without it."""


def wanted(include: Collection[Fact] | None, exclude: Collection[Fact]) -> frozenset[Fact]:
    """Give the facts that are asked for.

    Raises:
        UsageError: a word is no fact's.

    >>> sorted(wanted({"tool.delta", "text"}, {"text"}))
    ['tool', 'tool.delta']
    """
    asked = FACTS if include is None else _known(include)
    left: set[Fact] = {*(asked - _known(exclude))}
    left.update(_AROUND[fact] for fact in tuple(left) if fact in _AROUND)
    return frozenset(left)


def _known(words: Collection[Fact]) -> frozenset[Fact]:
    if isinstance(words, str):
        raise UsageError(f"expected a collection of facts, got {words!r}; write {{{words!r}}}")
    for word in words:
        if word not in FACTS:
            raise UsageError(f"{word!r} is no fact; choose from {', '.join(sorted(FACTS))}")
    return frozenset(words)


def filter_of(facts: frozenset[Fact]) -> Filter | None:
    """Give the filter that keeps these facts, or None if that is all there are."""
    if facts == FACTS:
        return None
    classes = {Unrecognized, *(_CLASSES[fact] for fact in facts)}
    return where(lambda event: event.__class__ in classes)
