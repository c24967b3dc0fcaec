"""One run's filter: decides each bracket at its start, and sticks to it.

Laws of this file:

1. ``run.start`` and the terminal event always pass.
2. No delta and no end passes whose start did not.
3. What is kept of a message brings ``message.start`` and ``message.end`` along: the start comes
   out as soon as it, or the first block of the message, is kept.
4. Nothing else depends on what is around it, and events pass as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from ._core.origin import is_models_own
from .events import (
    Citation,
    Content,
    Event,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RetrievalEnd,
    RetrievalStart,
    RunEnd,
    RunError,
    RunStart,
    StepDelta,
    StepEnd,
    StepStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolDelta,
    ToolEnd,
    ToolError,
    ToolStart,
)
from .values import Origin

__all__ = ["Open", "Sieve", "Test"]

Test: TypeAlias = "Callable[[Event, Open], bool]"
"""Says whether to keep a start, or what has no length, given what is open."""


class Open:
    """What is open in a run, dropped or not: for tests that one event alone cannot answer."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}
        self.roles: dict[str, str] = {}
        self.tools: dict[str, ToolStart] = {}

    def begin(self, event: Event) -> None:
        """Take note of a start."""
        match event:
            case StepStart(step_id=id, kind=kind):
                self.kinds[id] = kind
            case MessageStart(message_id=id, role=role):
                self.roles[id] = role
            case ToolStart(tool_call_id=id):
                self.tools[id] = event
            case _:
                pass

    def end(self, event: Event) -> None:
        """Forget what has ended."""
        match event:
            case StepEnd(step_id=id):
                self.kinds.pop(id, None)
            case MessageEnd(message_id=id):
                self.roles.pop(id, None)
            case ToolEnd(tool_call_id=id) | ToolError(tool_call_id=id):
                self.tools.pop(id, None)
            case _:
                pass

    def has_tool_around(self, event: Event) -> bool:
        """Return whether ``event`` happens inside a tool, as far as its source has that fact."""
        inner = event.origin
        if inner.tool_call_id is not None or _is_below_tools(inner):
            return True
        if isinstance(event, (ToolStart, ToolDelta)):
            return False
        if hasattr(event, "message_id") and inner.node == _TOOLS and is_models_own(inner.metadata):
            return True  # a model's message; not one that the node itself puts into the state
        return any(self._is_beside(inner, tool.origin) for tool in self.tools.values())

    def _is_beside(self, inner: Origin, tool: Origin) -> bool:
        """Tell whether a tool handed its own config on: then what it runs lies beside it."""
        if inner.run_id is not None and inner.run_id == tool.run_id:
            return True
        node = tool.parent_ids[-1] if tool.parent_ids else ""
        return node in inner.parent_ids and self.kinds.get(node, "node") == "node"


_TOOLS = "tools"
"""What ToolNode and every prebuilt agent call the node that runs tools."""


def _is_below_tools(origin: Origin) -> bool:
    """Tell whether a node is one of a graph that a tool runs, such as an agent of its own."""
    around = (part.partition(":")[0] for part in origin.namespace)
    return origin.node is not None and _TOOLS in around


class _Message:
    """An open message: its start while nobody was shown it, and the blocks that are kept."""

    __slots__ = ("blocks", "unshown")

    def __init__(self, start: MessageStart) -> None:
        self.unshown: MessageStart | None = start
        self.blocks: set[int] = set()


class Sieve:
    """One run's filter."""

    def __init__(self, keeps: Test) -> None:
        self._keeps = keeps
        self._open = Open()
        self._kept: set[tuple[str, str | None]] = set()
        self._messages: dict[str, _Message] = {}

    def __call__(self, event: Event) -> Iterable[Event]:
        rule = _RULES.get(event.__class__)
        if rule is None:
            return (event,) if self._keeps(event, self._open) else ()
        return rule(self, event)

    def always(self, event: Event) -> Iterable[Event]:
        return (event,)

    # --- brackets of their own

    def start(self, event: Any) -> Iterable[Event]:
        self._open.begin(event)
        if not self._keeps(event, self._open):
            return ()
        self._kept.add(_key(event))
        return (event,)

    def delta(self, event: Any) -> Iterable[Event]:
        key = _key(event)
        is_inside = key in self._kept or key == ("step_id", None)  # of the root, which is no step
        return (event,) if is_inside and self._keeps(event, self._open) else ()

    def end(self, event: Any) -> Iterable[Event]:
        self._open.end(event)
        key = _key(event)
        if key not in self._kept:
            return ()
        self._kept.remove(key)
        return (event,)

    # --- messages

    def message_start(self, event: MessageStart) -> Iterable[Event]:
        self._open.begin(event)
        message = self._messages[event.message_id] = _Message(event)
        return _shown(message) if self._keeps(event, self._open) else ()

    def message_end(self, event: MessageEnd) -> Iterable[Event]:
        self._open.end(event)
        message = self._messages.pop(event.message_id, None)
        return (event,) if message and not message.unshown else ()

    def block(self, event: Any) -> Iterable[Event]:
        """The start of a block, or a block that arrives whole."""
        message = self._messages.get(event.message_id)
        if message is None or not self._keeps(event, self._open):
            return ()
        message.blocks.add(event.block_id)
        return (*_shown(message), event)

    def in_block(self, event: Any) -> Iterable[Event]:
        message = self._messages.get(event.message_id)
        return (event,) if message and event.block_id in message.blocks else ()

    def citation(self, event: Citation) -> Iterable[Event]:
        return self.in_block(event) if self._keeps(event, self._open) else ()


def _shown(message: _Message) -> tuple[Event, ...]:
    start, message.unshown = message.unshown, None
    return (start,) if start else ()


def _key(event: Any) -> tuple[str, str | None]:
    name = _IDS[event.__class__]
    return name, getattr(event, name)


_IDS: Mapping[type, str] = {
    **dict.fromkeys((StepStart, StepDelta, StepEnd), "step_id"),
    **dict.fromkeys((ToolStart, ToolDelta, ToolEnd, ToolError), "tool_call_id"),
    **dict.fromkeys((RetrievalStart, RetrievalEnd), "retrieval_id"),
}

_RULES: Mapping[type, Callable[[Sieve, Any], Iterable[Event]]] = {
    **dict.fromkeys((RunStart, RunEnd, RunError), Sieve.always),
    **dict.fromkeys((StepStart, ToolStart, RetrievalStart), Sieve.start),
    **dict.fromkeys((StepDelta, ToolDelta), Sieve.delta),
    **dict.fromkeys((StepEnd, ToolEnd, ToolError, RetrievalEnd), Sieve.end),
    **dict.fromkeys((TextStart, ReasoningStart, ToolCallStart, Content), Sieve.block),
    **dict.fromkeys((TextDelta, ReasoningDelta, ToolCallDelta), Sieve.in_block),
    **dict.fromkeys((TextEnd, ReasoningEnd, ToolCallEnd), Sieve.in_block),
    MessageStart: Sieve.message_start,
    MessageEnd: Sieve.message_end,
    Citation: Sieve.citation,
}
