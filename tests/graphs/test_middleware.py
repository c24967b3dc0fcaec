"""Every middleware that LangChain and deepagents ship, through every source.

No expectation is written down. The text that streamkit shows equals what LangGraph's own
``messages`` mode shows of the same script, without the words of internal models and of models
inside tools; the transcript equals the state of the very run, ids included.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from types import NoneType
from typing import Any, TypeAlias
from uuid import uuid4

import pytest
from langchain.agents.middleware import ModelRefusalMiddleware
from langchain.agents.middleware.internal_call_transformer import InternalCallTransformer

from middleware import COMBINED, SCENARIOS, Scenario, shipped
from read_streams import adrained, drained
from small_graphs import of
from streamkit import (
    CallbackSource,
    Event,
    RunEnd,
    RunError,
    StateSnapshot,
    Unrecognized,
    astream,
    normalize,
    stream,
)
from streamkit.folds import RunFold, text_of
from streamkit.presets import tokens
from streamkit.testing import check_stream

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.long]

Run: TypeAlias = Callable[[Any, Any, Any], Any]
"""Starts a run of a graph with an input and a config, and returns its events."""

MODES = ["messages", "updates", "custom"]
ALL_MODES = [*MODES, "values", "tasks", "checkpoints"]


def listed(*names: str, is_async: bool = True) -> Run:
    def start(graph: Any, given: Any, config: Any) -> Any:
        run = graph.astream if is_async else graph.stream
        return normalize(run(given, config, stream_mode=list(names), subgraphs=True))

    return start


def events_v2(graph: Any, given: Any, config: Any) -> Any:
    return normalize(graph.astream_events(given, config, version="v2"))


async def v3(graph: Any, given: Any, config: Any) -> Any:
    return normalize(await graph.astream_events(given, config, version="v3"))


def v3_sync(graph: Any, given: Any, config: Any) -> Any:
    return normalize(graph.stream_events(given, config, version="v3"))


async def callbacks(graph: Any, given: Any, config: Any) -> Any:
    source = CallbackSource()
    with suppress(Exception):  # it is the last event
        await graph.ainvoke(given, {**config, "callbacks": [source.handler]})
    return source.events()


SOURCES: dict[str, Run] = {
    "astream()": astream,
    "stream()": stream,
    "events v2": events_v2,
    "modes": listed(*MODES),
    "modes, sync": listed(*ALL_MODES, is_async=False),
    "v3": v3,
    "callbacks": callbacks,
}
if os.environ.get("STREAMKIT_FUZZ"):
    SOURCES |= {
        "all modes": listed(*ALL_MODES),
        "modes with values": listed("messages", "values"),
        "v3, sync": v3_sync,
    }
EVERY = {**SCENARIOS, **COMBINED}


def test_every_shipped_middleware_has_a_scenario() -> None:
    covered = {type(it) for build in EVERY.values() for it in build().middleware}
    assert [it.__qualname__ for it in shipped() if it not in covered] == []


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", EVERY)
def test_what_is_shown_and_kept(name: str, source: str) -> None:
    scenario, config, build = EVERY[name](), new_thread(), EVERY[name]
    runs = [asyncio.run(events_of(SOURCES[source], scenario, it, config)) for it in scenario.inputs]
    differs = source.startswith("v3") and differs_in_version_3(scenario)
    expected = (shown_in_version_3 if differs else shown_upstream)(build())
    kept = last_snapshot(runs) if differs else state(scenario, config)
    assert "".join(map(text, runs)).replace("\n\n", "") == expected
    asked = given(scenario)
    assert rows(transcript(runs), asked) == rows(kept, asked)


def new_thread() -> dict[str, Any]:
    return {"configurable": {"thread_id": str(uuid4())}}


async def events_of(start: Run, scenario: Scenario, asked: Any, config: Any) -> list[Event]:
    """The events of one run, whatever its end is."""
    run = start(scenario.graph, asked, config)
    run = await run if asyncio.iscoroutine(run) else run
    events, error = await adrained(run) if hasattr(run, "__aiter__") else drained(run)
    assert isinstance(error, (scenario.error, NoneType))
    check_stream(events)
    assert isinstance(events[-1], RunError if scenario.error else RunEnd)
    assert not of(events, Unrecognized)
    return events


def text(events: list[Event]) -> str:
    """What a user reads while the run goes on."""
    shows = tokens.stage()
    return "".join(text for event in events for it in shows(event) for text in text_of(it))


# --- what LangGraph says of the same


def shown_upstream(scenario: Scenario) -> str:
    """The text in ``messages`` mode of models that speak for the agent itself."""
    found, config = list[str](), new_thread()
    for asked in scenario.inputs:
        with suppress(scenario.error):
            for message, about in scenario.graph.stream(asked, config, stream_mode="messages"):
                if message.type in {"ai", "AIMessageChunk"} and is_shown(about):
                    found.append(spoken(message))
    return "".join(found)


def is_shown(about: dict[str, Any]) -> bool:
    return about["langgraph_node"] != "tools" and "lc_internal_call" not in about


def differs_in_version_3(scenario: Scenario) -> bool:
    """Whether version 3 streams something else than the modes do: then it is measured by itself.

    Middleware against PII rewrites what is streamed, messages and states. A refusal is no block
    that `ModelRefusalMiddleware` (langchain 1.5) knows there, so no other model is asked.
    """
    made = [it for part in scenario.middleware for it in part.transformers]
    is_rewritten = any(it is not InternalCallTransformer for it in made)
    return is_rewritten or any(isinstance(it, ModelRefusalMiddleware) for it in scenario.middleware)


def shown_in_version_3(scenario: Scenario) -> str:
    """The text that version 3 streams of the outermost graph."""
    found, config = list[str](), new_thread()
    for asked in scenario.inputs:
        with suppress(scenario.error):
            for event in scenario.graph.stream_events(asked, config, version="v3"):
                if event["method"] == "messages" and not event["params"]["namespace"]:
                    found.append(words_of(*event["params"]["data"]))
    return "".join(found)


def words_of(item: Any, about: dict[str, Any]) -> str:
    """What a whole message says, or a block that is complete: deltas may be held back in it."""
    if not is_shown(about):
        return ""
    if not isinstance(item, dict):
        return spoken(item) if item.type == "ai" else ""
    block = item["content"] if item["event"] == "content-block-finish" else {}
    return str(block.get("text") or block.get("refusal") or "")


def spoken(message: Any) -> str:
    """The text of a message, and a refusal, which is shown as text."""
    blocks = message.content if isinstance(message.content, list) else []
    refusals = (it.get("refusal", "") for it in blocks if isinstance(it, dict))
    return "".join([message.text, *refusals])


def last_snapshot(runs: list[list[Event]]) -> list[Any]:
    """The messages of the last state that the outermost graph was seen to have."""
    states = [it for events in runs for it in of(events, StateSnapshot) if not it.origin.namespace]
    return states[-1].values["messages"] if states else []


def state(scenario: Scenario, config: Any) -> list[Any]:
    return scenario.graph.get_state(config).values["messages"]


def given(scenario: Scenario) -> set[str]:
    return {it.id for it in scenario.inputs[0]["messages"]}


def transcript(runs: list[list[Event]]) -> list[Any]:
    """What all runs of a thread add up to."""
    fold = RunFold()
    for event in (event for events in runs for event in events):
        fold.feed(event)
    return fold.result().messages


def rows(messages: list[Any], but: set[str]) -> list[Any]:
    """What a message is; its content may be a text here, and blocks there."""
    return [row(it) for it in messages if it.id not in but]


def row(message: Any) -> tuple[Any, ...]:
    kind = message.type.removesuffix("MessageChunk").lower()
    calls = [(it["id"], it["name"], it["args"]) for it in getattr(message, "tool_calls", ())]
    answers = getattr(message, "tool_call_id", None), getattr(message, "status", None)
    return kind, message.id, message.text, message.name, calls, answers
