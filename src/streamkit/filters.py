"""Filters: keep the events you want, always as whole brackets.

    answers = nodes("agent") & only(TextDelta, ToolStart) & ~inside_tools
    normalize(graph.astream_events(inputs), answers)

What a filter does to brackets is law in `_sieve`. In short: it is asked about starts, and about
what has no length; deltas and ends go with their start; a kept block keeps its message's start
and end; ``run.start`` and the terminal event always pass. The two kinds of delta that no end sums
up, ``step.delta`` and ``tool.delta``, are asked about on their own inside a kept bracket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast, get_args

from ._fields import dict_or_empty
from ._sieve import Open, Sieve, Test
from .errors import UsageError
from .events import (
    Citation,
    Custom,
    Event,
    MessageAdded,
    MessageEnd,
    MessageReplaced,
    MessageStart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RetrievalEnd,
    RetrievalStart,
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

__all__ = [
    "Filter",
    "agents",
    "conversation",
    "depth",
    "inside_tools",
    "internal",
    "nodes",
    "only",
    "roles",
    "runs",
    "tool_names",
    "where",
    "within",
]


class Filter:
    """Says which events of a run to keep. Filters combine with ``&``, ``|`` and ``~``.

    One filter serves any number of streams: `stage` gives each its own memory of what is open.

    >>> from streamkit import normalize
    >>> quiet = ~only(TextDelta)
    >>> [event.type for event in normalize(["Hel", "lo"], quiet)]
    ['run.start', 'message.start', 'message.end', 'run.end']
    """

    __slots__ = ("keeps",)

    def __init__(self, keeps: Test) -> None:
        self.keeps: Test = keeps

    def __and__(self, other: Filter) -> Filter:
        return Filter(lambda event, now: self.keeps(event, now) and other.keeps(event, now))

    def __or__(self, other: Filter) -> Filter:
        return Filter(lambda event, now: self.keeps(event, now) or other.keeps(event, now))

    def __invert__(self) -> Filter:
        return Filter(lambda event, now: not self.keeps(event, now))

    def stage(self) -> Callable[[Event], Iterable[Event]]:
        """Give the stage that filters one run."""
        return Sieve(self.keeps)


# --- by class, and by anything


def only(*classes: type[Event]) -> Filter:
    """Keep what has one of these classes; any class of a bracket names the whole bracket.

    So ``only(ToolEnd)`` keeps ``tool.start``, ``tool.delta`` and ``tool.error`` as well. A message
    is but its start and its end: name its blocks, too, to keep them.

    Raises:
        UsageError: something given is no event class.

    >>> from streamkit import MessageEnd, normalize
    >>> [event.type for event in normalize(["Hel", "lo"], only(MessageEnd))]
    ['run.start', 'message.start', 'message.end', 'run.end']
    """
    for it in classes:
        if it not in get_args(Event):
            raise UsageError(f"{it!r} is no event class; write only(TextDelta, ToolStart), say")
    asked = frozenset(name for it in classes for name in _ASKED.get(it, (it,)))
    return Filter(lambda event, _: event.__class__ in asked)


_ASKED: Mapping[type, tuple[type, ...]] = {
    **dict.fromkeys((StepStart, StepDelta, StepEnd), (StepStart, StepDelta)),
    **dict.fromkeys((ToolStart, ToolDelta, ToolEnd, ToolError), (ToolStart, ToolDelta)),
    RetrievalEnd: (RetrievalStart,),
    MessageEnd: (MessageStart,),
    **dict.fromkeys((TextDelta, TextEnd), (TextStart,)),
    **dict.fromkeys((ReasoningDelta, ReasoningEnd), (ReasoningStart,)),
    **dict.fromkeys((ToolCallDelta, ToolCallEnd), (ToolCallStart,)),
    Citation: (TextStart, Citation),
}
"""What a filter is asked about, where that is not the class itself."""


def where(predicate: Callable[[Event], bool]) -> Filter:
    """Keep what ``predicate`` says yes to: it is asked about starts, and what has no length.

    >>> from streamkit import normalize
    >>> mine = where(lambda event: "mine" in event.origin.tags)
    >>> [event.type for event in normalize(["Hel", "lo"], mine)]
    ['run.start', 'run.end']
    """
    return Filter(lambda event, _: predicate(event))


# --- as astream_events filters


def runs(  # noqa: PLR0913  (these are the six words of upstream)
    *,
    include_names: Sequence[str] | None = None,
    include_types: Sequence[str] | None = None,
    include_tags: Sequence[str] | None = None,
    exclude_names: Sequence[str] | None = None,
    exclude_types: Sequence[str] | None = None,
    exclude_tags: Sequence[str] | None = None,
) -> Filter:
    """Keep the runs that ``astream_events`` would keep, given the same words.

    To be kept is to be named by any of the ``include_`` lists, if there is one, and by none of
    the ``exclude_`` lists. Types are ``chain`` (also graphs and nodes), ``chat_model``, ``llm``,
    ``prompt``, ``parser``, ``tool`` and ``retriever``; a custom event's name is also its type.
    Messages go with the model that wrote them. Not every API tells names and tags.

    Raises:
        UsageError: a bare string was given, of which upstream would compare the letters.

    >>> from streamkit import normalize
    >>> models = runs(include_types=["chat_model"], exclude_tags=["internal"])
    >>> "".join(normalize(["Hel", "lo"], models).text())
    'Hello'
    """
    lists = (include_names, include_types, include_tags, exclude_names, exclude_types, exclude_tags)
    for words in lists:
        if isinstance(words, str):
            raise UsageError(f"expected a list of names, got {words!r}; write [{words!r}]")
    include = [None if words is None else frozenset(words) for words in lists[:3]]
    exclude = [frozenset(words or ()) for words in lists[3:]]
    takes_all = all(words is None for words in include)

    def keeps(event: Event, now: Open) -> bool:
        said = ((_name(event),), (_type(event, now),), event.origin.tags)
        if not takes_all and not _any_of(said, include):
            return False
        return not _any_of(said, exclude)

    return Filter(keeps)


def _any_of(said: Sequence[Sequence[str | None]], lists: Sequence[frozenset[str] | None]) -> bool:
    return any(
        words and not words.isdisjoint(each) for each, words in zip(said, lists, strict=True)
    )


def _name(event: Event) -> str | None:
    match event:
        case ToolStart(name=name) | RetrievalStart(name=name) | Custom(name=str(name)):
            return name
        case _:
            return event.origin.name


def _type(event: Event, now: Open) -> str:
    """Give upstream's word for the run that an event belongs to."""
    match event:
        case ToolStart() | ToolDelta():
            return "tool"
        case RetrievalStart():
            return "retriever"
        case Custom(name=str(name)):
            return name
        case _:
            is_message = hasattr(event, "message_id")
            run_id: str = getattr(event, "step_id", None) or event.origin.run_id or ""
            kind = now.kinds.get(run_id, "chat_model" if is_message else "chain")
            return "chain" if kind in {"graph", "node"} else kind


# --- by place


def nodes(*names: str) -> Filter:
    """Keep what happens in these LangGraph nodes, at any depth.

    >>> from streamkit import normalize
    >>> [event.type for event in normalize(["Hel", "lo"], nodes("agent"))]
    ['run.start', 'run.end']
    """
    return where(lambda event: event.origin.node in names)


def agents(*names: str) -> Filter:
    """Keep what agents of these names do, as ``create_agent(name=...)`` names them.

    >>> from streamkit import normalize
    >>> [event.type for event in normalize(["Hel", "lo"], agents("researcher"))]
    ['run.start', 'run.end']
    """
    return where(lambda event: event.origin.agent in names)


def within(*path: str) -> Filter:
    """Keep what happens inside this subgraph: its node's name, below the names of those around.

    Each part may also be the whole ``"node:task_id"``, to name one run of it.

    >>> from streamkit import normalize
    >>> [event.type for event in normalize(["Hel", "lo"], within("booking", "payment"))]
    ['run.start', 'run.end']
    """

    def keeps(event: Event) -> bool:
        namespace = event.origin.namespace[: len(path)]
        return len(namespace) == len(path) and all(
            name in {part, part.partition(":")[0]}
            for name, part in zip(path, namespace, strict=True)
        )

    return where(keeps)


def depth(most: int) -> Filter:
    """Keep what happens at most this many subgraphs deep; 0 is the root graph alone.

    >>> from streamkit import normalize
    >>> "".join(normalize(["Hel", "lo"], depth(0)).text())
    'Hello'
    """
    return where(lambda event: len(event.origin.namespace) <= most)


inside_tools: Filter = Filter(lambda event, now: now.has_tool_around(event))
"""Keeps what happens inside a tool, such as the messages of a model that a tool calls.

By ``origin.tool_call_id`` where the source has it. In ``messages`` mode, a model's message of the
node ``"tools"``.
"""

internal: Filter = where(lambda event: event.origin.internal)
"""Keeps what models do that upstream keeps from users, such as LangChain's own summaries."""

conversation: Filter = ~(internal | inside_tools)
"""Keeps what belongs to the outermost conversation: nothing internal, and nothing inside tools.

`EventStream.text`, the presets and the wire formats show only this, unless they are asked for more.
"""


# --- by who and what


def roles(*names: str) -> Filter:
    """Keep messages whose speaker is one of these: ``assistant``, ``user``, ``system``, ...

    >>> from streamkit import normalize
    >>> "".join(normalize(["Hel", "lo"], roles("assistant")).text())
    'Hello'
    """
    return Filter(lambda event, now: _role(event, now) in names)


_ROLES = {"human": "user", "ai": "assistant"}


def _role(event: Event, now: Open) -> str | None:
    if isinstance(event, (MessageAdded, MessageReplaced)):
        fields = dict_or_empty(event.message)
        kind = fields.get("role") or fields.get("type") or getattr(event.message, "type", None)
        return _ROLES.get(cast("str", kind), cast("str", kind))
    return now.roles.get(getattr(event, "message_id", ""))


def tool_names(*names: str) -> Filter:
    """Keep what these tools do, and the calls that models write to them.

    >>> from streamkit import normalize
    >>> [event.type for event in normalize(["Hel", "lo"], tool_names("get_weather"))]
    ['run.start', 'run.end']
    """
    return Filter(lambda event, now: _tool_name(event, now) in names)


def _tool_name(event: Event, now: Open) -> str | None:
    match event:
        case ToolStart(name=name) | ToolCallStart(name=name):
            return name
        case ToolDelta(tool_call_id=id):
            return now.tools[id].name
        case _:
            return None
