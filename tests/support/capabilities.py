"""What of one run each source carries: `FACTS` by `SOURCES`, over the reference agent.

A fact is what a list of events says of one side of the run, without ids and in no order that
depends on who was faster; what is empty is not carried. A run is the interrupted one and the one
that resumes it, together.
"""

import asyncio
from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any, TypeAlias

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

import server_recordings as recorded
import streamkit
from known_facts import TRUTHS
from reference_agent import INPUT, RESUME, build, reply
from small_graphs import ASK, of
from streamkit import (
    CallbackSource,
    Checkpoint,
    Custom,
    Event,
    Interrupt,
    MessageAdded,
    MessageEnd,
    ReasoningDelta,
    RetrievalEnd,
    RetrievalStart,
    RunEnd,
    RunStart,
    StateSnapshot,
    StateUpdate,
    StepDelta,
    StepEnd,
    StepStart,
    TextDelta,
    ToolCallDelta,
    ToolDelta,
    ToolEnd,
    ToolError,
    ToolStart,
    normalize,
)
from streamkit.demo import ScriptedChatModel
from streamkit.demo.script import PLANNER
from streamkit.testing import check_stream

Events: TypeAlias = list[Event]

# --- facts


def pieces(events: Events, kind: Any) -> Any:
    """What was written, piece by piece; nothing where it came whole."""
    found: dict[Any, list[str]] = {}
    for event in of(events, kind):
        found.setdefault((event.message_id, event.block_id), []).append(
            event.args if kind is ToolCallDelta else event.text
        )
    is_whole = all(len(it) == 1 for it in found.values())
    return [] if is_whole else sorted(found.values())


def messages(events: Events) -> Any:
    ended = [it for it in of(events, MessageEnd) if it.status == "completed"]
    return sorted((it.text, [(call.id, call.args) for call in it.tool_calls]) for it in ended)


def steps(events: Events, *kinds: str) -> Any:
    ends = {it.step_id for it in of(events, StepEnd)}
    starts = [it for it in of(events, StepStart) if it.kind in kinds and it.step_id in ends]
    inner = [
        it
        for it in starts
        if it.origin.run_id not in {start.run_id for start in of(events, RunStart)}
    ]
    return sorted({(place(it), it.origin.name or "") for it in inner})


def place(event: Any) -> tuple[str, ...]:
    """The graph it happened in: the nodes around it."""
    return tuple(part.partition(":")[0] for part in event.origin.namespace)


def early_starts(events: Events) -> Any:
    """The tools that were seen to start before they were seen to end."""
    ends = {it.tool_call_id: it.timestamp for it in of(events, ToolEnd, ToolError)}
    early = [it for it in of(events, ToolStart) if it.timestamp < ends[it.tool_call_id]]
    return sorted((it.tool_call_id, it.name) for it in early)


def searches(events: Events) -> Any:
    queries = [it.query for it in of(events, RetrievalStart)]
    pages = [text(page) for it in of(events, RetrievalEnd) for page in it.documents]
    return queries + pages


def text(page: Any) -> str:
    return page["page_content"] if isinstance(page, dict) else page.page_content


def customs(events: Events, *, is_named: bool) -> Any:
    found = [it for it in of(events, Custom) if bool(it.name) == is_named]
    return sorted(repr((it.name, it.data)) for it in found)


def said_of_messages(events: Events, name: str) -> Any:
    return sorted({it.text: getattr(it.origin, name) for it in of(events, MessageEnd)}.items())


def ids(events: Events) -> Any:
    """Whether each message can be joined with its model's run."""
    return [it.text for it in sorted_ends(events) if it.origin.run_id]


def parents(events: Events) -> Any:
    """Whether the way from each message up to the root is known, step by step."""
    known = {it.step_id for it in of(events, StepStart)}
    return [it.text for it in sorted_ends(events) if known.issuperset(it.origin.parent_ids)]


def sorted_ends(events: Events) -> list[MessageEnd]:
    return sorted(of(events, MessageEnd), key=lambda it: it.text)


def tokens(events: Events) -> Any:
    totals = [it.usage for it in of(events, RunEnd)]
    return [(it.input_tokens, it.output_tokens) for it in totals if it]


FACTS: dict[str, Callable[[Events], Any]] = {
    "text, as it is written": lambda it: pieces(it, TextDelta),
    "reasoning, as it is written": lambda it: pieces(it, ReasoningDelta),
    "a call's arguments, as they are written": lambda it: pieces(it, ToolCallDelta),
    "finished messages and their calls": messages,
    "abandoned attempts": lambda it: sorted(
        end.text for end in of(it, MessageEnd) if end.status != "completed"
    ),
    "tokens": tokens,
    "finish reasons": lambda it: sorted(
        {(end.text, end.finish_reason) for end in of(it, MessageEnd) if end.finish_reason}
    ),
    "the model's name": lambda it: sorted({end.model for end in of(it, MessageEnd) if end.model}),
    "nodes, from start to end": lambda it: steps(it, "node"),
    "models, from start to end": lambda it: steps(it, "chat_model"),
    "chains, prompts and parsers": lambda it: steps(it, "chain", "prompt", "parser"),
    "their outputs, as they are streamed": lambda it: sorted(
        str(step.value) for step in of(it, StepDelta) if isinstance(step.value, str)
    ),
    "a tool's start, when it starts": early_starts,
    "a tool's result": lambda it: sorted(
        (end.tool_call_id, end.name, end.output)
        for end in of(it, ToolEnd)
        if end.status == "completed"
    ),
    "a tool's failure": lambda it: sorted(
        (end.tool_call_id, end.name) for end in of(it, ToolError)
    ),
    "the exception it raised": lambda it: sorted(
        end.error.name for end in of(it, ToolError) if end.error.name != "ToolError"
    ),
    "a tool's output, piece by piece": lambda it: [end.delta for end in of(it, ToolDelta)],
    "retrievals": searches,
    "state updates of nodes": lambda it: sorted(
        (place(update), update.node, sorted(update.values or ())) for update in of(it, StateUpdate)
    ),
    "the whole state": lambda it: sorted(
        (place(state), sorted(state.values)) for state in of(it, StateSnapshot)
    ),
    "checkpoints": lambda it: sorted((place(saved), saved.next) for saved in of(it, Checkpoint)),
    "interrupts": lambda it: [asked.value for asked in of(it, Interrupt)],
    "messages that no model wrote": lambda it: sorted(
        added.message.content for added in of(it, MessageAdded)
    ),
    "`dispatch_custom_event`": lambda it: customs(it, is_named=True),
    "`get_stream_writer`": lambda it: customs(it, is_named=False),
    "the run's input": lambda it: [1 for start in of(it, RunStart) if start.input is not None],
    "the run's output": lambda it: [
        sorted(map(str, end.output)) for end in of(it, RunEnd) if end.output
    ],
    "the run's id": lambda it: [1 for start in of(it, RunStart) if start.run_id],
    "a message's node": lambda it: said_of_messages(it, "node"),
    "its superstep": lambda it: said_of_messages(it, "step"),
    "its namespace": lambda it: sorted({place(end) for end in of(it, MessageEnd)} - {()}),
    "its run id": ids,
    "its parent runs": parents,
}


# --- sources

Source: TypeAlias = Callable[[Any, Any, Any], Any]
"""Starts a run of a graph with an input and a config, and gives its events or a raw stream."""


def clock() -> Callable[[], float]:
    """Tells apart what two items say."""
    return map(float, count()).__next__


def mode(name: str) -> Source:
    def start(graph: Any, input: Any, config: Any) -> Any:
        source = graph.astream(input, config, stream_mode=name, subgraphs=True)
        return normalize(source, mode=name, subgraphs=True, strict=True, clock=clock())

    return start


def modes(*names: str, **options: Any) -> Source:
    def start(graph: Any, input: Any, config: Any) -> Any:
        source = graph.astream(input, config, stream_mode=list(names), subgraphs=True, **options)
        return normalize(source, strict=True, clock=clock())

    return start


def events(version: Any, **options: Any) -> Source:
    def start(graph: Any, input: Any, config: Any) -> Any:
        source = graph.astream_events(input, config, version=version, **options)
        return normalize(source, strict=True, clock=clock())

    return start


async def v3(graph: Any, input: Any, config: Any) -> Any:
    run = await graph.astream_events(input, config, version="v3")
    return normalize(run, strict=True, clock=clock())


def log(graph: Any, input: Any, config: Any) -> Any:
    return normalize(graph.astream_log(input, config), strict=True, clock=clock())


def owned(graph: Any, input: Any, config: Any) -> Any:
    return streamkit.astream(graph, input, config, strict=True, clock=clock())


def owned_sync(graph: Any, input: Any, config: Any) -> Any:
    return streamkit.stream(graph, input, config, strict=True, clock=clock())


async def callbacks(graph: Any, input: Any, config: Any) -> Any:
    source = CallbackSource(strict=True, clock=clock())
    await graph.ainvoke(input, {**config, "callbacks": [source.handler]})
    return source.events()


def chunks(model: Any, input: Any, config: Any) -> Any:
    return normalize(model.astream(input, config), strict=True, clock=clock())


MODES = ("messages", "updates", "values", "custom", "tasks", "checkpoints", "debug", "tools")
EVERY_MODE = "all of them"

CALLS: dict[str, Source] = {
    "`astream()`": owned,
    "`stream()`": owned_sync,
    "`CallbackSource`": callbacks,
    "events v2": events("v2"),
    "events v1": events("v1"),
    "v3": v3,
    "log": log,
}
GRAPH: dict[str, Source] = {
    **{f"`{name}`": mode(name) for name in MODES},
    EVERY_MODE: modes(*MODES),
}
SERVER = {
    "`messages`": "trip-messages",
    "`messages-tuple`, `updates`, `custom`": "trip-tuples",
    "all modes": "trip-modes",
    "`events`": "trip-events",
    "`events` and all modes": "trip-everything",
}


@cache
def run(source: Source) -> Events:
    """The events of the reference agent's run and of its resumption."""
    return asyncio.run(_run(source))


async def _run(source: Source) -> Events:
    saver = InMemorySaver()
    config = {"configurable": {"thread_id": "here"}}
    found: Events = []
    for given in (INPUT, Command(resume=RESUME)):
        found += await _read(source(build(saver, pace=0.001), given, config))
    return found


@cache
def run_of_a_model(source: Source) -> Events:
    """The events of a model's run."""
    model = ScriptedChatModel(script=reply)
    return asyncio.run(_read(source(model, [("system", PLANNER), *INPUT["messages"]], None)))


async def _read(stream: Any) -> Events:
    stream = await stream if asyncio.iscoroutine(stream) else stream
    is_async = hasattr(stream, "__aiter__")
    found = [event async for event in stream] if is_async else list(stream)
    check_stream(found)
    return found


@cache
def recording(name: str) -> Events:
    """The events of a recording."""
    parts = recorded.runs(name)
    return [it for run in parts for it in normalize(run, strict=True, clock=clock())]


# --- what each carries


def carries(events: Events, reference: Events) -> dict[str, str]:
    """Of every fact, how the events carry it: ``yes``, ``part``, or not at all."""
    both = {name: (fact(events), fact(reference)) for name, fact in FACTS.items()}
    return {
        name: "yes" if said and said == known else "part" if said else ""
        for name, (said, known) in both.items()
    }


def carried_by_calls() -> dict[str, dict[str, str]]:
    """Calls of the whole agent; and a model's own chunks."""
    reference = run(owned)
    found = {name: carries(run(source), reference) for name, source in CALLS.items()}
    return {**found, "chunks": carried_by_chunks()}


def carried_by_chunks() -> dict[str, str]:
    """A model's own chunks."""
    return carries(run_of_a_model(chunks), run_of_a_model(owned))


def carried_by_modes() -> dict[str, dict[str, str]]:
    """A graph's stream modes."""
    return {name: carries(run(source), run(owned)) for name, source in GRAPH.items()}


def known_to(*groups: dict[str, Source]) -> dict[str, dict[str, str]]:
    """Which truths each source knows, each from a run of a small graph."""
    sources = {name: source for group in groups for name, source in group.items()}
    return {name: _knows(source) for name, source in sources.items()}


def _knows(source: Source) -> dict[str, str]:
    async def says(build: Any, is_said: Any) -> bool:
        events = await _read(source(build(), ASK, {"configurable": {"thread_id": "here"}}))
        return bool(is_said(events))

    return {
        truth: "yes" if asyncio.run(says(build, is_said)) else ""
        for truth, (build, is_said) in TRUTHS.items()
    }


def known_to_calls() -> dict[str, dict[str, str]]:
    """Calls of a whole graph."""
    return known_to(CALLS)


def known_to_modes() -> dict[str, dict[str, str]]:
    """Stream modes, and lists of them that applications ask for."""
    return known_to(
        {name: GRAPH[f"`{name}`"] for name in ("messages", "updates", "values", "tools")},
        {
            "`messages`, `updates`, `custom`": modes("messages", "updates", "custom"),
            EVERY_MODE: GRAPH[EVERY_MODE],
        },
    )


def carried_by_a_server() -> dict[str, dict[str, str]]:
    """What an Agent Server was asked for."""
    return {name: carries(recording(it), run(owned)) for name, it in SERVER.items()}
