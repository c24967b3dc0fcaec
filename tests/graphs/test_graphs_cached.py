"""Nodes that need not run: LangGraph's cache has what they wrote, or the run before this one."""

import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import CachePolicy

from small_graphs import (
    ASK,
    ASYNC_MODES,
    EVENTS,
    EVENTS_1,
    IGNORE_V1,
    LANGGRAPH,
    MODES,
    OWN,
    SYNC,
    THREAD,
    Facts,
    answer,
    asks,
    attempt,
    facts,
    of,
    parallel,
    run,
    says,
)
from streamkit import StateUpdate, StepDelta, StepEnd, normalize
from streamkit.testing import check_stream
from streamkit.wire import langgraph_sse

pytestmark = pytest.mark.filterwarnings(IGNORE_V1)
needs_cache = pytest.mark.skipif(LANGGRAPH < (0, 5), reason="no node of its has a cache")

TELLING = (EVENTS, EVENTS_1, MODES, ASYNC_MODES)
"""The APIs that show what such a node wrote: ``messages`` mode alone shows nothing of it."""


def caching() -> Any:
    """A graph of one node, which runs once and never again."""
    builder = StateGraph(MessagesState)
    policy: Any = CachePolicy(key_func=lambda _: "always the same")
    builder.add_node("a", asks(says(answer("hello there", 1, 2))), cache_policy=policy)
    builder.add_edge(START, "a")
    return builder.compile(cache=InMemoryCache())


@needs_cache
@pytest.mark.parametrize("api", TELLING)
def test_what_a_cache_gives_is_shown_and_not_paid(api: str) -> None:
    graph = caching()
    assert facts(run(graph, api)) == Facts(messages=["hello there"], usage=(1, 2))
    again = run(graph, api)
    assert facts(again) == Facts(messages=["hello there"])
    (update,) = of(again, StateUpdate)
    assert (update.node, update.cached) == ("a", True)
    assert update.origin.node == "a"
    assert not of(again, StepDelta)


@needs_cache
def test_messages_mode_shows_nothing_of_it() -> None:
    graph = caching()
    run(graph, SYNC)
    assert facts(run(graph, SYNC)) == Facts()


@needs_cache
def test_the_owning_call() -> None:
    graph = caching()
    run(graph, OWN)
    again = run(graph, OWN)
    assert facts(again) == Facts(messages=["hello there"])
    assert [it.cached for it in of(again, StateUpdate)] == [True]


def ends(graph: Any, modes: Any, input: Any = ASK, config: Any = None) -> list[Any]:
    """How nodes ended, in a run that was asked for their tasks."""
    stream = graph.stream(input, config, stream_mode=modes)
    events = list(normalize(stream, mode=modes if isinstance(modes, str) else None, strict=True))
    check_stream(events)
    return [(it.origin.node, it.status, it.output is not None) for it in of(events, StepEnd)]


@needs_cache
def test_a_node_that_was_announced_and_does_not_run_ends_with_its_update() -> None:
    graph = caching()
    modes = ["tasks", "updates"]
    assert ends(graph, modes) == [("a", "completed", True)]
    assert ends(graph, modes) == [("a", "completed", True)]


@needs_cache
def test_tasks_mode_alone_cannot_tell_that_it_did_not_run() -> None:
    graph = caching()
    assert ends(graph, "tasks") == [("a", "completed", True)]
    assert ends(graph, "tasks") == [("a", "incomplete", False)]


def breaks_once(saver: InMemorySaver) -> Callable[..., Any]:
    """A node that raises as soon as the other one's work is saved, and goes well from then on."""
    runs: list[int] = []

    def node(_: Any, config: RunnableConfig) -> Any:
        runs.append(1)
        if len(runs) > 1:
            return {"messages": [AIMessage("now", id="now")]}
        while not any(b"hello there" in data for data in saved(saver)):
            time.sleep(0.01)
        raise ValueError("not yet")

    return node


def saved(saver: InMemorySaver) -> list[bytes]:
    writes = [it for of_step in [*saver.writes.values()] for it in [*of_step.values()]]
    return [value for _, _, (_, value), *_ in writes]


@pytest.mark.parametrize("api", TELLING)
def test_what_was_done_before_a_failure_is_not_done_again(api: str) -> None:
    saver, model = InMemorySaver(), says(answer("hello there", 1, 2))
    graph = parallel(asks(model), breaks_once(saver), checkpointer=saver)
    first, error = attempt(graph, api, ASK, THREAD)
    assert isinstance(error, ValueError)
    assert facts(first).usage == (1, 2)
    assert facts(run(graph, api, None, THREAD)) == Facts(messages=["hello there", "now"])


@needs_cache
def test_langgraphs_own_protocol_has_its_word_for_it() -> None:
    graph = caching()
    run(graph, MODES)
    write = langgraph_sse.Encoder(langgraph_sse.Request(stream_mode=["updates"]))
    frames = [frame for event in run(graph, MODES) for frame in write.feed(event)]
    assert any(b'"__metadata__":{"cached":true}' in frame for frame in frames)
