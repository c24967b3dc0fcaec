"""Same run, same events: one run through every source, fact by fact."""

from __future__ import annotations

from typing import Any

import pytest

import sources_page
from capabilities import (
    CALLS,
    EVERY_MODE,
    FACTS,
    GRAPH,
    MODES,
    SERVER,
    Source,
    carried_by_chunks,
    carries,
    modes,
    owned,
    recording,
    run,
)
from reference_agent import TELLS_DELTAS
from small_graphs import CORE, LANGGRAPH

pytestmark = [
    pytest.mark.filterwarnings("ignore:astream_events version='v1' is deprecated"),
    pytest.mark.filterwarnings("ignore:astream_log is deprecated"),
    pytest.mark.filterwarnings("ignore:The v3 streaming protocol on Pregel is experimental"),
]
is_newest = pytest.mark.skipif(not TELLS_DELTAS, reason="about a graph that streams tools")

# What is told otherwise than `astream` tells it, because upstream does.
LOOKS_FINISHED = "finished messages and their calls"
IN_STATE = {
    LOOKS_FINISHED,
    "tokens",
    "finish reasons",
    "a message's node",
    "its superstep",
    "its parent runs",
}
IN_PART: dict[str, set[str]] = {
    "events v1": {LOOKS_FINISHED, "state updates of nodes", "the run's output"},
    "log": {LOOKS_FINISHED, "retrievals", "state updates of nodes", "the run's output"},
    "v3": {"its run id"},
    "`updates`": IN_STATE,
    "`values`": IN_STATE,
    "server: `messages`": {LOOKS_FINISHED, "a call's arguments, as they are written"},
}
if CORE < (1,):  # no chunk is marked as the last
    IN_PART["`messages`"] = IN_PART[EVERY_MODE] = {LOOKS_FINISHED}


def in_part(events: Any) -> set[str]:
    return {fact for fact, how in carries(events, run(owned)).items() if how == "part"}


def test_astream_tells_every_fact() -> None:
    told = carries(run(owned), run(owned))
    missing = {fact for fact, how in told.items() if how != "yes"}
    assert missing == (set() if TELLS_DELTAS else {"a tool's output, piece by piece"})


@pytest.mark.parametrize("name", [*CALLS, *GRAPH])
def test_the_same_run_gives_the_same_events(name: str) -> None:
    if name == "v3" and LANGGRAPH < (1, 2):
        pytest.skip("this langgraph has no version 3")
    source: Source = {**CALLS, **GRAPH}[name]
    assert in_part(run(source)) == IN_PART.get(name, set())


@is_newest
@pytest.mark.parametrize("name", SERVER)
def test_so_it_does_on_a_server(name: str) -> None:
    events = recording(SERVER[name])
    assert in_part(events) == IN_PART.get(f"server: {name}", set())


@pytest.mark.skipif(LANGGRAPH < (1, 1), reason="this langgraph has no version 2")
@pytest.mark.parametrize("names", [*([it] for it in MODES), MODES], ids=str)
def test_version_2_of_the_modes_says_what_version_1_says(names: list[str]) -> None:
    first, second = (run(modes(*names, **version)) for version in ({}, {"version": "v2"}))
    for name, fact in FACTS.items():
        assert fact(first) == fact(second), name


def test_a_model_s_chunks_tell_what_the_model_tells() -> None:
    assert "part" not in carried_by_chunks().values()


@is_newest
def test_the_tables_are_current() -> None:
    assert sources_page.page() == sources_page.PAGE.read_text()
