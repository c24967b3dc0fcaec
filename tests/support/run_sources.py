"""Every source of one graph run, by name, and what the run adds up to: for the tests of what a
stream says beside LangGraph's own state."""

import asyncio
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

from small_graphs import ALL_MODES, ASK, CORE, LANGGRAPH, MODES, OWN, OWN_SYNC, SYNC, TASKS, run
from streamkit import AsyncEventStream, CallbackSource, Event, Result, RunFold, normalize
from streamkit.testing import check_stream

Read: TypeAlias = Callable[[Any, Any], list[Event]]


def _in_graphs(api: str) -> Read:
    return lambda graph, given: run(graph, api, given)


def _listened(graph: Any, input: Any) -> list[Event]:
    source = CallbackSource()
    graph.invoke(input, {"callbacks": [source.handler]})
    return list(source.events())


def _log(graph: Any, input: Any) -> list[Event]:
    return asyncio.run(_collected(normalize(graph.astream_log(input))))


def _v3(graph: Any, input: Any) -> list[Event]:
    return list(normalize(graph.stream_events(input, version="v3")))


def _one_mode(mode: str) -> Read:
    return lambda graph, given: list(
        normalize(graph.stream(given, stream_mode=mode), mode=mode, subgraphs=False)
    )


async def _collected(events: AsyncEventStream[Event]) -> list[Event]:
    return [event async for event in events]


SOURCES: dict[str, Read] = {
    **{api: _in_graphs(api) for api in (OWN, OWN_SYNC, "events v2", "events v1")},
    **{api: _in_graphs(api) for api in (SYNC, MODES, TASKS, ALL_MODES)},
    "callbacks": _listened,
    "log": _log,
    "updates": _one_mode("updates"),
    "values": _one_mode("values"),
}
if CORE >= (1, 7) and LANGGRAPH >= (1, 2):
    SOURCES["v3"] = _v3

RUNS = tuple(it for it in (OWN, OWN_SYNC, "events v2", "events v1", "callbacks", "log"))
"""Those that name runs."""
STATES = tuple(it for it in SOURCES if it != SYNC)
"""Those that say what nodes write: all but ``messages`` mode by itself."""
TOKENS = tuple(it for it in SOURCES if it not in {"updates", "values"})
"""Those that have what models write as they write it."""


def read(source: str, graph: Any, input: Any = ASK) -> list[Event]:
    """The events of a run, checked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        events = SOURCES[source](graph, input)
    check_stream(events)
    return events


def result(events: list[Event]) -> Result:
    fold = RunFold()
    for event in events:
        fold.feed(event)
    return fold.result()


def rows(messages: list[Any], *, without: Any = ()) -> list[tuple[Any, ...]]:
    """Kind, text and name of each message, without those of the input."""
    known = {it.id for it in without}
    kinds = {"AIMessageChunk": "ai"}
    return [
        (kinds.get(it.type, it.type), _text(it), it.name)
        for it in messages
        if it.id is None or it.id not in known
    ]


def _text(message: Any) -> str:
    text = message.text  # a method before langchain-core 1.0, and a str that can be called since
    return str(text) if isinstance(text, str) else str(text())


def state(graph: Any, input: Any = ASK) -> list[tuple[Any, ...]]:
    """What the graph's state holds after a run, as rows, without the input."""
    return rows(graph.invoke(input)["messages"], without=input["messages"])
