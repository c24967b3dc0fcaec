"""The options of a call: the classes its stages can keep, and the keywords it takes.

An unknown keyword is an error that names the nearest known one. A graph's ``stream`` would ignore
it (LangGraph 1.2 takes ``**kwargs``), and so would most runnables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from .._bracket_filter import DECIDED
from .._event_classes import EVENT_CLASSES
from .._fields import items_of, shown
from ..errors import UsageError
from ..events import Citation, Content, Event, ReasoningStart, TextStart, ToolCallStart

PIECES: frozenset[type[Event]] = frozenset(
    {Citation, Content, ReasoningStart, TextStart, ToolCallStart}
)
"""The event classes that come in pieces if a model streams."""


def wanted_by(stages: Iterable[object]) -> frozenset[type[Event]]:
    """Return the classes that these stages can keep, of those that a filter decides about.

    The filters in front decide it; filters behind a stage of another kind do not count.

    >>> from streamkit.filters import only
    >>> from streamkit.events import ToolDelta
    >>> sorted(cls.__name__ for cls in wanted_by([only(ToolDelta)]))
    ['ToolDelta', 'ToolStart']
    """
    wanted = DECIDED
    for stage in stages:
        asks: frozenset[type[Event]] | None = getattr(stage, "asks", None)
        if asks is None:
            break
        wanted &= asks
    return wanted


def require_config(config: object) -> None:
    """Refuse what is no config, such as a stage in its place."""
    if config is None or isinstance(config, Mapping):
        return
    if isinstance(config, str):
        raise UsageError(
            f"{config!r:.80} is no config; for a thread's id write "
            f"{{'configurable': {{'thread_id': {config!r:.80}}}}}"
        )
    raise UsageError(
        f"{shown(config, 60)} is no config; stages come behind the config, which may be None: "
        f"astream(runnable, input, None, {shown(config, 60)})"
    )


_OURS = ("strict", "on_error", "clock")
_CHOICES = ("include", "exclude")
_OF_NORMALIZE = ("dialect", "mode")
_OF_MODES = ("stream_mode", "version")


def require_options(runnable: Any, options: Mapping[str, Any], *, is_graph: bool) -> None:
    """Refuse keywords that are misspelt or belong elsewhere.

    Of a graph, the names in the signature of its ``stream`` pass, and no others. Other runnables
    hand unknown keywords on, such as ``temperature`` to a model.
    """
    from difflib import get_close_matches  # noqa: PLC0415  (importing streamkit stays light)

    known = _names_of(runnable) if is_graph else frozenset[str]()
    for name, value in options.items():
        near: str = (get_close_matches(name, (*_OURS, *_CHOICES, *known), 1, 0.82) or [""])[0]
        stages = [value, *items_of(value)]
        if any(hasattr(it, "asks") for it in stages):  # a filter, say, under whatever keyword
            listed = ", ".join(shown(it, 60) for it in stages if hasattr(it, "asks"))
            raise UsageError(
                f"unexpected keyword {name}=; pass a stage behind the config: "
                f"astream(runnable, input, config, {listed})"
            )
        if near in _CHOICES and name not in known:
            refuse_include(name, near, value)
        if name in _OF_NORMALIZE:
            raise UsageError(
                f"{name}= is an option of normalize(), which reads a stream that you started; "
                f"astream() and stream() make the call themselves and need no {name}"
            )
        if name in _OF_MODES or (is_graph and name == "subgraphs"):
            raise UsageError(
                f"{name}= is chosen by streamkit here; pass stages for what you want, or stream "
                f"the graph yourself: normalize(graph.stream(..., {name}={value!r}))"
            )
        if near and near != name and name not in known:
            raise UsageError(f"unexpected keyword {name}=; did you mean {near}=?")
        if is_graph and name not in known:
            raise UsageError(f"unexpected keyword {name}=; {_place_of(name, known)}")


def _place_of(name: str, known: Iterable[str]) -> str:
    from langchain_core.runnables import RunnableConfig  # noqa: PLC0415  (as above)

    if name == "thread_id":
        return "it belongs in the config: {'configurable': {'thread_id': ...}}"
    if name in RunnableConfig.__annotations__:
        return f"it belongs in the config: {{{name!r}: ...}}"
    return f"a graph's stream() takes {', '.join(sorted(known))}"


def _names_of(graph: Any) -> frozenset[str]:
    from inspect import Parameter, signature  # noqa: PLC0415  (as above)

    # `with_config`, `bind` and the like wrap a graph in `RunnableBinding` of langchain-core.
    while not hasattr(cast("Any", type(graph)), "stream_mode") and hasattr(graph, "bound"):
        graph = graph.bound  # a binding takes any keyword and passes it on
    taken = {"input", "config", "subgraphs", *_OF_MODES}
    parameters = signature(graph.stream).parameters.values()
    return frozenset(it.name for it in parameters if it.kind is Parameter.KEYWORD_ONLY) - taken


def refuse_include(name: str, meant: str, value: Any) -> None:
    """Refuse a keyword that looks like a choice of events, and name the stage to pass.

    >>> refuse_include("include", "include", {"text"})
    Traceback (most recent call last):
    streamkit.errors.UsageError: unexpected keyword include=; pass a stage behind the config: \
astream(runnable, input, config, only(TextDelta))
    """
    words: Any = [value] if isinstance(value, (str, type)) else value
    try:
        names = [_class_named(it) for it in cast("Iterable[Any]", words)]
    except TypeError:
        names = []
    stage = f"only({', '.join(dict.fromkeys(names or ['TextDelta']))})"
    raise UsageError(
        f"unexpected keyword {name}=; pass a stage behind the config: "
        f"astream(runnable, input, config, {'~' * (meant == 'exclude')}{stage})"
    )


def _class_named(word: Any) -> str:
    """Return the class of events that a word probably means."""
    if isinstance(word, type):
        return word.__name__
    types: dict[str, str] = {cls.type: cls.__name__ for cls in EVENT_CLASSES}
    for verb in ("", ".delta" if word in {"text", "reasoning"} else ".start"):
        if f"{word}{verb}" in types:
            return types[f"{word}{verb}"]
    return "TextDelta"
