"""Filters: keep the events you want, always as whole brackets.

    answers = nodes("agent") & only(TextDelta, ToolStart) & ~inside_tools
    normalize(graph.astream_events(inputs), answers)

A filter decides about starts, and about events without a length; deltas and ends go with their
start; a kept block keeps its message's start and end; ``run.start`` and the terminal event always
pass. The two kinds of delta that no end sums up, ``step.delta`` and ``tool.delta``, are decided one
by one inside a kept bracket. `streamkit._bracket_filter` keeps these laws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, cast

from . import events as ev
from ._bracket_filter import DECIDED_BY, Filter, OpenBrackets, listed, of_classes
from ._event_classes import named_classes
from ._fields import dict_or_empty, shown
from ._protocols import leave_unawaited
from .errors import UsageError
from .values import ErrorInfo, Origin

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
    "under",
    "where",
    "within",
]

# --- by class, and by anything


def only(*classes: type[ev.Event] | ev.EventType) -> Filter:
    """Keep what has one of these classes; any class of a bracket names the whole bracket.

    So ``only(ToolEnd)`` keeps ``tool.start``, ``tool.delta`` and ``tool.error`` as well. A message
    is but its start and its end: name its blocks, too, to keep them. An event's type, such as
    ``"tool.end"``, names its class as well.

    Raises:
        UsageError: nothing is given, or something that is no event class.

    >>> from streamkit import MessageEnd, normalize
    >>> [event.type for event in normalize(["Hel", "lo"], only(MessageEnd))]
    ['run.start', 'message.start', 'message.end', 'run.end']
    """
    named = named_classes("only", classes)
    asked = dict.fromkeys(name for it in named for name in DECIDED_BY.get(it, (it,)))
    return of_classes(*asked, expression=f"only({listed(named)})")


def where(predicate: Callable[[ev.Event], bool]) -> Filter:
    """Keep what ``predicate`` returns True for: it decides about starts, and what has no length.

    It is tried once on sample events: one that accepts a ``text.delta`` but no ``text.start``
    would never be called for the delta.

    Raises:
        UsageError: it is no function, awaits, or accepts deltas or ends whose start it refuses.

    >>> from streamkit import normalize
    >>> mine = where(lambda event: "mine" in event.origin.tags)
    >>> [event.type for event in normalize(["Hel", "lo"], mine)]
    ['run.start', 'run.end']
    """
    if isinstance(predicate, type):
        raise UsageError(f"where() takes a function; for a class write only({predicate.__name__})")
    if not callable(predicate):
        raise UsageError(
            f"where() takes a function from an event to True or False: {shown(predicate, 60)}"
        )
    for cls, deciding in DECIDED_BY.items():
        if not any(_accepts(predicate, it) for it in deciding) and _accepts(predicate, cls):
            raise UsageError(
                f"where() decides about starts, and this function accepts {cls.__name__} but no "
                f"{deciding[0].__name__}; write only({cls.__name__}) for whole brackets, or keep "
                f"single deltas by .map(lambda event: event if ... else None)"
            )
    name = getattr(predicate, "__name__", "function")
    return Filter(
        lambda event, _: predicate(event), "where(...)" if "<" in name else f"where({name})"
    )


def _accepts(predicate: Callable[[ev.Event], bool], cls: type[ev.Event]) -> bool:
    try:
        answer: object = predicate(_sample(cls))
    except Exception:  # noqa: BLE001  (it may need what a sample lacks)
        return False
    if hasattr(answer, "__await__"):  # it is true, and would keep everything
        leave_unawaited(answer)
        raise UsageError("where() takes a plain function, and this one returned an awaitable")
    return bool(answer)


@lru_cache
def _sample(cls: Any) -> ev.Event:
    values: dict[str, Any] = {
        "block_id": 0,
        "error": ErrorInfo(name="ValueError", message="sample"),
        "kind": "chain",
        "origin": Origin(),
        "status": "completed",
        "timestamp": 0.0,
    }
    fields = {name: values.get(name, "sample") for name in cls.__struct_fields__}
    return cast("ev.Event", cls(**fields))


# --- as astream_events filters


def runs(  # noqa: PLR0913  (the six arguments of upstream)
    *,
    include_names: Sequence[str] | None = None,
    include_types: Sequence[str] | None = None,
    include_tags: Sequence[str] | None = None,
    exclude_names: Sequence[str] | None = None,
    exclude_types: Sequence[str] | None = None,
    exclude_tags: Sequence[str] | None = None,
) -> Filter:
    """Keep the runs that ``astream_events`` would keep, given the same arguments.

    To be kept is to be named by any of the ``include_`` lists, if there is one, and by none of
    the ``exclude_`` lists. Types are ``chain`` (also graphs and nodes), ``chat_model``, ``llm``,
    ``prompt``, ``parser``, ``tool`` and ``retriever``; a custom event's name is also its type.
    Messages go with the model that wrote them. Not every API has names and tags.

    Raises:
        UsageError: a bare string was given, of which upstream would compare the letters, or a
            misspelt type.

    >>> from streamkit import normalize
    >>> models = runs(include_types=["chat_model"], exclude_tags=["internal"])
    >>> "".join(normalize(["Hel", "lo"], models).text())
    'Hello'
    """
    given = {
        "include_names": include_names,
        "include_types": include_types,
        "include_tags": include_tags,
        "exclude_names": exclude_names,
        "exclude_types": exclude_types,
        "exclude_tags": exclude_tags,
    }
    for name, words in given.items():
        if isinstance(words, str):
            raise UsageError(f"expected a list of names, got {words!r}; write [{words!r}]")
        for word in words or () if name.endswith("_types") else ():
            _require_type(word)
    lists = [None if words is None else frozenset(words) for words in given.values()]
    include, exclude = lists[:3], lists[3:]
    # As langchain-core's `_RootEventFilter` (0.3 to 1.8): any include list, and no exclude list.
    takes_all = all(words is None for words in include)

    def keeps(event: ev.Event, now: OpenBrackets) -> bool:
        named = ((_name(event),), (_type(event, now),), event.origin.tags)
        if not takes_all and not _any_of(named, include):
            return False
        return not _any_of(named, exclude)

    given_lists = ", ".join(
        f"{name}={words!r}" for name, words in given.items() if words is not None
    )
    return Filter(keeps, f"runs({given_lists})")


_TYPES = ("chain", "chat_model", "llm", "parser", "prompt", "retriever", "tool")


def _require_type(word: str) -> None:
    for known in _TYPES:
        if word != known and word.lower().replace("_", "") == known.replace("_", ""):
            raise UsageError(f"no run has the type {word!r}; write {known!r}")


def _any_of(named: Sequence[Sequence[str | None]], lists: Sequence[frozenset[str] | None]) -> bool:
    return any(
        words and not words.isdisjoint(each) for each, words in zip(named, lists, strict=True)
    )


def _name(event: ev.Event) -> str | None:
    match event:
        case ev.ToolStart(name=name) | ev.RetrievalStart(name=name) | ev.Custom(name=str(name)):
            return name
        case _:
            return event.origin.name


def _type(event: ev.Event, now: OpenBrackets) -> str:
    """Return upstream's type of the run that an event belongs to."""
    # langchain-core has no types for graphs and nodes, and compares a custom event's name instead.
    match event:
        case ev.ToolStart() | ev.ToolDelta():
            return "tool"
        case ev.RetrievalStart():
            return "retriever"
        case ev.Custom(name=str(name)):
            return name
        case _:
            is_message = hasattr(event, "message_id")
            run_id: str = getattr(event, "step_id", None) or event.origin.run_id or ""
            kind = now.kinds.get(run_id, "chat_model" if is_message else "chain")
            return "chain" if kind in {"graph", "node"} else kind


# --- by place


def nodes(*names: str) -> Filter:
    """Keep what happens in these LangGraph nodes, at any depth.

    Raises:
        UsageError: no name is given, or something that is no name.

    >>> from streamkit import normalize
    >>> [event.type for event in normalize(["Hel", "lo"], nodes("agent"))]
    ['run.start', 'run.end']
    """
    expression = _named("nodes", names)
    return Filter(lambda event, _: event.origin.node in names, expression)


def agents(*names: str) -> Filter:
    """Keep what agents of these names do: the name in ``create_agent(name=...)``.

    Raises:
        UsageError: no name is given, or something that is no name.

    >>> from streamkit import normalize
    >>> [event.type for event in normalize(["Hel", "lo"], agents("researcher"))]
    ['run.start', 'run.end']
    """
    expression = _named("agents", names)
    return Filter(lambda event, _: event.origin.agent in names, expression)


def within(*path: str) -> Filter:
    """Keep what happens inside this subgraph: its node's name, below the names of those around.

    Each part may also be the whole ``"node:task_id"``, to name one run of it.

    Raises:
        UsageError: no name is given, or something that is no name.

    >>> from streamkit import normalize
    >>> [event.type for event in normalize(["Hel", "lo"], within("booking", "payment"))]
    ['run.start', 'run.end']
    """

    def keeps(event: ev.Event, _: OpenBrackets) -> bool:
        namespace = event.origin.namespace[: len(path)]
        return len(namespace) == len(path) and all(
            name in {part, part.partition(":")[0]}
            for name, part in zip(path, namespace, strict=True)
        )

    return Filter(keeps, _named("within", path))


def depth(most: int) -> Filter:
    """Keep what happens at most this many subgraphs deep; 0 is the root graph alone.

    Raises:
        UsageError: ``most`` is no int.

    >>> from streamkit import normalize
    >>> "".join(normalize(["Hel", "lo"], depth(0)).text())
    'Hello'
    """
    if not isinstance(most, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(
            f"depth() takes a number of subgraphs, an int such as 0, not {shown(most, 60)}"
        )
    return Filter(lambda event, _: len(event.origin.namespace) <= most, f"depth({most})")


inside_tools: Filter = Filter(lambda event, now: now.has_tool_around(event), "inside_tools")
"""A filter of what happens inside a tool, such as the messages of a model that a tool calls.

It goes by ``origin.tool_call_id`` where the source has it; in ``messages`` mode, by the node
``"tools"``.
"""

internal: Filter = Filter(lambda event, _: event.origin.internal, "internal")
"""A filter of model calls that users do not see, such as LangChain's own summaries."""

conversation: Filter = (~(internal | inside_tools)).named("conversation")
"""A filter of the outermost conversation: nothing internal, and nothing inside tools.

`EventStream.text`, the presets and the wire formats show only this by default.
"""


def under(tool_call_id: str) -> Filter:
    """Keep one call's tool and all that happens inside it, calls of a sub-agent included.

    Raises:
        UsageError: ``tool_call_id`` is no string.

    >>> from streamkit import normalize
    >>> [event.type for event in normalize(["Hel", "lo"], under("call_1"))]
    ['run.start', 'run.end']
    """
    expression = _named("under", (tool_call_id,))
    return Filter(lambda event, now: now.is_under(event, tool_call_id), expression)


# --- by role and by tool


def roles(*names: str) -> Filter:
    """Keep messages whose speaker is one of these: ``assistant``, ``user``, ``system``, ...

    Raises:
        UsageError: no name is given, something that is no name, or LangChain's ``ai``, ``human``.

    >>> from streamkit import normalize
    >>> "".join(normalize(["Hel", "lo"], roles("assistant")).text())
    'Hello'
    """
    expression = _named("roles", names)
    for name in names:
        if name in _ROLES:
            raise UsageError(f"no speaker has the role {name!r}; write roles({_ROLES[name]!r})")
    return Filter(lambda event, now: _role(event, now) in names, expression, asks=_MESSAGE_CLASSES)


_ROLES = {"human": "user", "ai": "assistant"}
_MESSAGE_CLASSES: frozenset[type[ev.Event]] = frozenset(
    {
        *(ev.MessageStart, ev.TextStart, ev.ReasoningStart, ev.ToolCallStart),
        *(ev.Content, ev.Citation, ev.MessageAdded, ev.MessageReplaced),
    }
)


def _role(event: ev.Event, now: OpenBrackets) -> str | None:
    if isinstance(event, (ev.MessageAdded, ev.MessageReplaced)):
        # OpenAI's dicts have a `role`, LangChain's stored form and its objects a `type`.
        fields = dict_or_empty(event.message)
        kind = fields.get("role") or fields.get("type") or getattr(event.message, "type", None)
        return _ROLES.get(cast("str", kind), cast("str", kind))
    return now.roles.get(getattr(event, "message_id", ""))


def tool_names(*names: str) -> Filter:
    """Keep what these tools do, and the calls that models write to them.

    Raises:
        UsageError: no name is given, or something that is no name.

    >>> from streamkit import normalize
    >>> [event.type for event in normalize(["Hel", "lo"], tool_names("get_weather"))]
    ['run.start', 'run.end']
    """
    asks = frozenset[type[ev.Event]]({ev.ToolStart, ev.ToolDelta, ev.ToolCallStart})
    expression = _named("tool_names", names)
    return Filter(lambda event, now: _tool_name(event, now) in names, expression, asks=asks)


def _tool_name(event: ev.Event, now: OpenBrackets) -> str | None:
    match event:
        case ev.ToolStart(name=name) | ev.ToolCallStart(name=name):
            return name
        case ev.ToolDelta(tool_call_id=id):
            tool = now.tools.get(id)
            return tool.name if tool else None
        case _:
            return None


def _named(function: str, names: Sequence[Any]) -> str:
    """Return the expression of a filter by names, which must be names."""
    for name in names:
        if not isinstance(name, str):
            is_list = isinstance(name, (list, tuple, set, frozenset))
            listed = cast("Any", name) if is_list else ("a", "b")
            words = ", ".join(repr(it) for it in listed)
            raise UsageError(
                f"{function}() takes names, not {shown(name, 60)}; write {function}({words})"
            )
    if not names:
        raise UsageError(f"{function}() keeps nothing; name something: {function}('name')")
    return f"{function}({', '.join(map(repr, names))})"
