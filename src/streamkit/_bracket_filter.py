"""One run's filter: it decides each bracket at its start, and its deltas and end go with it.

Laws of this file:

1. ``run.start`` and the terminal event always pass.
2. No delta and no end passes whose start did not.
3. What is kept of a message brings ``message.start`` and ``message.end`` along: the start comes
   out as soon as it, or the first block of the message, is kept.
4. Nothing else depends on what is around it, and events pass as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeAlias

from . import events as ev
from ._core.origin import is_models_own
from ._event_classes import EVENT_CLASSES, bracket_of
from ._fields import shown
from ._namespaces import nodes_around
from .errors import UsageError
from .values import Origin

Test: TypeAlias = "Callable[[ev.Event, OpenBrackets], bool]"
"""Returns whether to keep a start, or an event without a length, given what is open."""


class OpenBrackets:
    """The open brackets of a run, dropped or not: for tests that one event alone cannot answer."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}
        self.roles: dict[str, str] = {}
        self.tools: dict[str, ev.ToolStart] = {}

    def begin(self, event: ev.Event) -> None:
        """Add a start."""
        match event:
            case ev.StepStart(step_id=id, kind=kind):
                self.kinds[id] = kind
            case ev.MessageStart(message_id=id, role=role):
                self.roles[id] = role
            case ev.ToolStart(tool_call_id=id):
                self.tools[id] = event
            case _:
                pass

    def end(self, event: ev.Event) -> None:
        """Remove what has ended."""
        match event:
            case ev.StepEnd(step_id=id):
                self.kinds.pop(id, None)
            case ev.MessageEnd(message_id=id):
                self.roles.pop(id, None)
            case ev.ToolEnd(tool_call_id=id) | ev.ToolError(tool_call_id=id):
                self.tools.pop(id, None)
            case _:
                pass

    def has_tool_around(self, event: ev.Event) -> bool:
        """Return whether ``event`` happens inside a tool, as far as its source has that fact."""
        inner = event.origin
        if inner.tool_call_id is not None or is_below_tools(inner):
            return True
        if isinstance(event, (ev.ToolStart, ev.ToolDelta)):
            return False
        known = inner.metadata  # nothing of what a node puts into the state, in `updates`
        if hasattr(event, "message_id") and inner.node == _TOOLS and known and is_models_own(known):
            return True  # a model's message; not one that the node itself puts into the state
        return any(self._is_beside(inner, tool.origin) for tool in self.tools.values())

    def is_under(self, event: ev.Event, tool_call_id: str) -> bool:
        """Return whether ``event`` belongs to this call, or to one that was made inside it."""
        if _is_of_tool(event) and getattr(event, "tool_call_id", None) == tool_call_id:
            return True
        outer, seen = event.origin.tool_call_id, set[str]()
        while outer is not None and outer not in seen:
            if outer == tool_call_id:
                return True
            seen.add(outer)  # an agent's inner call may have the id of the outer one
            tool = self.tools.get(outer)
            outer = tool.origin.tool_call_id if tool else None
        return False

    def _is_beside(self, inner: Origin, tool: Origin) -> bool:
        """Return whether a tool passed its own config on: what it runs is then its sibling."""
        if inner.run_id is not None and inner.run_id == tool.run_id:
            return True
        node = tool.parent_ids[-1] if tool.parent_ids else ""
        return node in inner.parent_ids and self.kinds.get(node, "node") == "node"


_TOOLS = "tools"
"""The name that ToolNode and every prebuilt agent give to the node that runs tools."""


def _is_of_tool(event: ev.Event) -> bool:
    return isinstance(event, (ev.ToolStart, ev.ToolDelta, ev.ToolEnd, ev.ToolError))


def is_below_tools(origin: Origin, *, of_tool: bool = False) -> bool:
    """Return whether a node, or a tool, is one of a graph that a tool runs, such as an agent.

    Version 3 (langgraph 1.2) has the node of a model, and none of a tool.
    """
    around = nodes_around(origin.namespace)
    return (of_tool or origin.node is not None) and _TOOLS in around


class _Message:
    """An open message: its start while it is held back, and the blocks that are kept."""

    __slots__ = ("blocks", "held")

    def __init__(self, start: ev.MessageStart) -> None:
        self.held: ev.MessageStart | None = start
        self.blocks: set[int] = set()


class BracketFilter:
    """One run's filter."""

    def __init__(self, keeps: Test) -> None:
        self._keeps = keeps
        self._open = OpenBrackets()
        self._kept: set[_Key] = set()
        self._messages: dict[str, _Message] = {}

    def __call__(self, event: ev.Event) -> Iterable[ev.Event]:
        rule = _RULES.get(event.__class__)
        if rule:
            return rule(self, event)
        if event.__class__ not in EVENT_CLASSES:
            raise UsageError(
                f"a filter got a {type(event).__name__}, not an event; put filters before "
                f"map(...) and encoders: normalize(source, filter).map(function)"
            )
        return (event,) if self._keeps(event, self._open) else ()

    def always(self, event: ev.Event) -> Iterable[ev.Event]:
        return (event,)

    # --- brackets of their own

    def start(self, event: Any) -> Iterable[ev.Event]:
        self._open.begin(event)
        if not self._keeps(event, self._open):
            return ()
        self._kept.add(_key(event))
        return (event,)

    def delta(self, event: Any) -> Iterable[ev.Event]:
        key = _key(event)
        is_inside = key in self._kept or key == ("step", None)  # of the root, which is no step
        return (event,) if is_inside and self._keeps(event, self._open) else ()

    def end(self, event: Any) -> Iterable[ev.Event]:
        self._open.end(event)
        key = _key(event)
        if key not in self._kept:
            return ()
        self._kept.remove(key)
        return (event,)

    # --- messages

    def message_start(self, event: ev.MessageStart) -> Iterable[ev.Event]:
        self._open.begin(event)
        message = self._messages[event.message_id] = _Message(event)
        return _shown(message) if self._keeps(event, self._open) else ()

    def message_end(self, event: ev.MessageEnd) -> Iterable[ev.Event]:
        self._open.end(event)
        message = self._messages.pop(event.message_id, None)
        return (event,) if message and not message.held else ()

    def block(self, event: Any) -> Iterable[ev.Event]:
        """The start of a block, or a block that arrives whole."""
        message = self._messages.get(event.message_id)
        if message is None or not self._keeps(event, self._open):
            return ()
        message.blocks.add(event.block_id)
        return (*_shown(message), event)

    def passes(self, event: Any) -> bool:
        """Return whether what is in a block passes, such as its deltas: as the block does."""
        message = self._messages.get(event.message_id)
        return message is not None and event.block_id in message.blocks

    def in_block(self, event: Any) -> Iterable[ev.Event]:
        return (event,) if self.passes(event) else ()

    def citation(self, event: ev.Citation) -> Iterable[ev.Event]:
        return self.in_block(event) if self._keeps(event, self._open) else ()


def _shown(message: _Message) -> tuple[ev.Event, ...]:
    start, message.held = message.held, None
    return (start,) if start else ()


_Key: TypeAlias = tuple[object, ...]


def _key(event: ev.Event) -> _Key:
    _, key = bracket_of(event)
    if key[0] != "tool":
        return key
    # Two sub-agents at once may use one id.
    return *key, event.origin.run_id, event.origin.namespace


_RULES: Mapping[type, Callable[[BracketFilter, Any], Iterable[ev.Event]]] = {
    **dict.fromkeys((ev.RunStart, ev.RunEnd, ev.RunError), BracketFilter.always),
    **dict.fromkeys((ev.StepStart, ev.ToolStart, ev.RetrievalStart), BracketFilter.start),
    **dict.fromkeys((ev.StepDelta, ev.ToolDelta), BracketFilter.delta),
    **dict.fromkeys((ev.StepEnd, ev.ToolEnd, ev.ToolError, ev.RetrievalEnd), BracketFilter.end),
    **dict.fromkeys(
        (ev.TextStart, ev.ReasoningStart, ev.ToolCallStart, ev.Content), BracketFilter.block
    ),
    **dict.fromkeys((ev.TextDelta, ev.ReasoningDelta, ev.ToolCallDelta), BracketFilter.in_block),
    **dict.fromkeys((ev.TextEnd, ev.ReasoningEnd, ev.ToolCallEnd), BracketFilter.in_block),
    ev.MessageStart: BracketFilter.message_start,
    ev.MessageEnd: BracketFilter.message_end,
    ev.Citation: BracketFilter.citation,
}


# --- filters, which make one for each run

DECIDED_BY: Mapping[type[ev.Event], tuple[type[ev.Event], ...]] = {
    **dict.fromkeys((ev.StepStart, ev.StepDelta, ev.StepEnd), (ev.StepStart, ev.StepDelta)),
    **dict.fromkeys(
        (ev.ToolStart, ev.ToolDelta, ev.ToolEnd, ev.ToolError), (ev.ToolStart, ev.ToolDelta)
    ),
    ev.RetrievalEnd: (ev.RetrievalStart,),
    ev.MessageEnd: (ev.MessageStart,),
    **dict.fromkeys((ev.TextDelta, ev.TextEnd), (ev.TextStart,)),
    **dict.fromkeys((ev.ReasoningDelta, ev.ReasoningEnd), (ev.ReasoningStart,)),
    **dict.fromkeys((ev.ToolCallDelta, ev.ToolCallEnd), (ev.ToolCallStart,)),
    ev.Citation: (ev.TextStart, ev.Citation),
}
"""The classes that a filter decides about to keep a class, where that is not the class itself."""

DECIDED: frozenset[type[ev.Event]] = EVENT_CLASSES - {
    *(ev.RunStart, ev.RunEnd, ev.RunError),
    *(cls for cls, deciding in DECIDED_BY.items() if cls not in deciding),
}
"""Every class that a filter decides about."""


class Filter:
    """A choice of the events of a run to keep. Filters combine with ``&``, ``|`` and ``~``.

    One filter serves any number of streams: `stage` makes what remembers one stream's open
    brackets.

    Args:
        keeps: returns whether to keep an event, given what is open.
        expression: the filter's ``repr``.
        asks: the classes it can keep, of those that a filter decides about. `streamkit.astream`
            asks upstream only for these.
        always: the classes it keeps whatever the event says.

    >>> from streamkit import TextDelta, normalize
    >>> from streamkit.filters import only
    >>> quiet = ~only(TextDelta)
    >>> quiet
    ~only(TextDelta)
    >>> [event.type for event in normalize(["Hel", "lo"], quiet)]
    ['run.start', 'message.start', 'message.end', 'run.end']
    """

    __slots__ = ("_always", "_expression", "asks", "keeps")

    def __init__(
        self,
        keeps: Test,
        expression: str,
        *,
        asks: frozenset[type[ev.Event]] = DECIDED,
        always: frozenset[type[ev.Event]] = frozenset(),
    ) -> None:
        self.keeps: Test = keeps
        self.asks: frozenset[type[ev.Event]] = asks
        self._always = always
        self._expression = expression

    def __and__(self, other: Filter) -> Filter:
        mine, theirs = self.keeps, _filter(other, "&").keeps
        return Filter(
            lambda event, now: mine(event, now) and theirs(event, now),
            f"{self._operand()} & {other._operand()}",
            asks=self.asks & other.asks,
            always=self._always & other._always,
        )

    def __or__(self, other: Filter) -> Filter:
        mine, theirs = self.keeps, _filter(other, "|").keeps
        return Filter(
            lambda event, now: mine(event, now) or theirs(event, now),
            f"{self._operand()} | {other._operand()}",
            asks=self.asks | other.asks,
            always=self._always | other._always,
        )

    def __invert__(self) -> Filter:
        mine = self.keeps
        return Filter(
            lambda event, now: not mine(event, now),
            f"~{self._operand()}",
            asks=DECIDED - self._always,
            always=DECIDED - self.asks,
        )

    def __bool__(self) -> NoReturn:
        raise UsageError(
            f"the filter {self!r} is neither true nor false; combine filters with & | ~ "
            f"instead of and, or, not: tokens | tools, ~tokens"
        )

    def __repr__(self) -> str:
        return self._expression

    def stage(self) -> Callable[[ev.Event], Iterable[ev.Event]]:
        """Return the stage that filters one run."""
        return BracketFilter(self.keeps)

    def named(self, name: str) -> Filter:
        """Return the same filter, with a name for its ``repr``.

        >>> from streamkit import TextDelta
        >>> from streamkit.filters import nodes, only
        >>> (only(TextDelta) & nodes("agent")).named("answers")
        answers
        """
        return Filter(self.keeps, name, asks=self.asks, always=self._always)

    def _operand(self) -> str:
        is_compound = " & " in self._expression or " | " in self._expression
        return f"({self._expression})" if is_compound else self._expression


def _filter(other: Any, operator: str) -> Filter:
    """Return ``other``, which must be a filter to be combined with one."""
    if isinstance(other, Filter):
        return other
    if isinstance(other, type) and other in EVENT_CLASSES:
        raise UsageError(f"{other.__name__} is a class; write {operator} only({other.__name__})")
    raise UsageError(
        f"{shown(other, 60)} is no filter and does not go with {operator}; "
        f"stages go in a row: normalize(source, filter, stage)"
    )


def of_classes(*classes: type[ev.Event], expression: str = "") -> Filter:
    """Return the filter that keeps these classes, each by itself, of those it decides about."""
    asked = frozenset(classes)
    return Filter(
        lambda event, _: event.__class__ in asked,
        expression or f"of_classes({listed(classes)})",
        asks=asked,
        always=asked,
    )


def listed(classes: Iterable[type]) -> str:
    return ", ".join(cls.__name__ for cls in classes)
