"""End to end on recorded bodies: the real clients, through every API, against the bytes.

The difference between the bytes and the client's chunks is the client's (`corpus.DEFECTS`); any
between the chunks and the events is ours, and there is none that is excused. Version 3 of events
has a list of its own (`corpus_v3`): there langchain-core reads the chunks before we do.

Some APIs are asked of the client itself. To the others a model plays the chunks that the client
made, which is all that they ever see of it. The summary of the test run says how many streams,
texts, calls and thoughts came through each API as they were recorded.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest
from typing import Any, NamedTuple

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import agenerate_from_stream
from langchain_core.outputs import ChatGenerationChunk

import corpus
from corpus import Recording
from corpus_v3 import LOSSES, losses_of
from providers.chunk_facts import read_chunks
from providers.event_facts import read_events
from providers.expected import Expected, ToolCall
from providers.server import ProviderServer
from read_streams import adrained, of
from streamkit import CallbackSource, Event, MessageEnd, RunEnd, ToolCallEnd, astream, normalize
from streamkit.testing import check_stream

if not (corpus.ROOT / "index.json").exists():
    pytest.skip(
        f"no recordings in {corpus.ROOT}: name their directory in STREAMKIT_CORPUS",
        allow_module_level=True,
    )

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # Google's client about running code, and OpenAI's about what Mistral sends.
    pytest.mark.filterwarnings("ignore:(?s).*Output may vary each run"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
    pytest.mark.filterwarnings("ignore:.*is in beta"),
    pytest.mark.filterwarnings("ignore:The v3 streaming protocol"),
    pytest.mark.filterwarnings("ignore:astream_events version='v1' is deprecated"),
    pytest.mark.filterwarnings("ignore:astream_log is deprecated"),
]
RECORDINGS = list(corpus.recordings())


# -- the ways from a body to its events -------------------------------------------------------


class Path(NamedTuple):
    """One API, and whether it gives v1 blocks: because the model is told to, or by itself."""

    start: Callable[[Any], Awaitable[AsyncIterator[Any]]]
    v1: bool = False
    is_told: bool = True
    is_replayed: bool = False


async def stream(model: Any) -> AsyncIterator[Any]:
    return model.astream("hi")


async def events_v1(model: Any) -> AsyncIterator[Any]:
    return model.astream_events("hi", version="v1")


async def events_v2(model: Any) -> AsyncIterator[Any]:
    return model.astream_events("hi", version="v2")


async def log(model: Any) -> AsyncIterator[Any]:
    return model.astream_log("hi")


async def owned(model: Any) -> AsyncIterator[Any]:
    return astream(model, "hi", strict=True)


async def callbacks(model: Any) -> AsyncIterator[Any]:
    source = CallbackSource(strict=True)
    with suppress(Exception):  # it is the last event
        await model.ainvoke("hi", {"callbacks": [source.handler]})
    return of(source.events())


def graph_of(model: Any) -> Any:
    graph = pytest.importorskip("langgraph.graph", reason="langgraph is not installed")

    async def call(state: dict[str, Any]) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = graph.StateGraph(graph.MessagesState)
    builder.add_node("agent", call)
    builder.add_edge(graph.START, "agent")
    return builder.compile()


ASK = {"messages": [("human", "hi")]}
LIST = ["messages", "updates", "values"]


async def messages(model: Any) -> AsyncIterator[Any]:
    return graph_of(model).astream(ASK, stream_mode="messages")


async def modes(model: Any) -> AsyncIterator[Any]:
    return graph_of(model).astream(ASK, stream_mode=LIST, subgraphs=True)


async def owned_graph(model: Any) -> AsyncIterator[Any]:
    return astream(graph_of(model), ASK, strict=True)


async def protocol(model: Any) -> AsyncIterator[Any]:
    pytest.importorskip("langgraph.stream", reason="this langchain has no version 3")
    return await model.astream_events("hi", version="v3")


async def protocol_of_a_graph(model: Any) -> AsyncIterator[Any]:
    pytest.importorskip("langgraph.stream", reason="this langchain has no version 3")
    return await graph_of(model).astream_events(ASK, version="v3")


PATHS = {
    "stream": Path(stream),
    "stream, v1 blocks": Path(stream, v1=True),
    "events v2": Path(events_v2),
    "messages": Path(messages),
    "v3": Path(protocol, v1=True, is_told=False),
    "events v1": Path(events_v1, is_replayed=True),
    "log": Path(log, is_replayed=True),
    "astream()": Path(owned, is_replayed=True),
    "callbacks": Path(callbacks, is_replayed=True),
    "a graph's modes": Path(modes, is_replayed=True),
    "astream() of a graph": Path(owned_graph, is_replayed=True),
    "v3 of a graph": Path(protocol_of_a_graph, v1=True, is_told=False, is_replayed=True),
}


def carries(name: str, recording: Recording) -> bool:
    """Not every body takes every path: completions are no messages, and one play is enough
    to know what a client that is not the provider's own makes of a body."""
    if not recording.is_own:
        return name == "stream"
    return recording.client.is_chat or name in {"stream", "events v2"}


class Replay(BaseChatModel):
    """Yields the chunks that a client made, and raises what it raised."""

    chunks: list[Any]
    error: Any = None

    @property
    def _llm_type(self) -> str:
        return "replay"

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
        return await agenerate_from_stream(self._astream())

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        for chunk in self.chunks:
            yield ChatGenerationChunk(message=chunk.model_copy())
        if self.error is not None:
            raise self.error


PLAYS = [
    pytest.param(name, recording, id=f"{name}-{recording.name}")
    for name in PATHS
    for recording in RECORDINGS
    if carries(name, recording)
]


class Player:
    """The clients, each made once, and the one server that they all talk to."""

    def __init__(self, server: ProviderServer) -> None:
        self.server = server
        self._models: dict[str, Any] = {}
        self._replays: dict[str, Replay] = {}

    def model(self, recording: Recording, *, v1: bool) -> Any:
        """The client of this recording, its next request to be answered with the body."""
        self.server.reset()
        self.server.play(recording.body)
        options = recording.client.options(recording.request)
        if v1:
            options["output_version"] = "v1"
        key = f"{recording.client.name} {json.dumps(options)}"
        if key not in self._models:
            self._models[key] = recording.client.make(self.server, **options)
        return self._models[key]

    async def replay(self, recording: Recording) -> Replay:
        """A model that says what this recording's client says, without asking anybody."""
        if recording.name not in self._replays:
            chunks, error = await adrained(self.model(recording, v1=False).astream("hi"))
            self._replays[recording.name] = Replay(chunks=chunks, error=error)
        return self._replays[recording.name]


@pytest.fixture(scope="module")
def player() -> Iterator[Player]:
    with ProviderServer() as server:
        yield Player(server)


# -- the test ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "recording"), PLAYS)
async def test_a_recording(
    name: str, recording: Recording, player: Player, record_property: Callable[[str, Any], None]
) -> None:
    path = PATHS[name]
    chunks: list[Any] = []
    if path.is_replayed:
        model: Any = await player.replay(recording)
    else:
        model = player.model(recording, v1=path.v1 and path.is_told)
    source = kept(await path.start(model), chunks)
    events = [event async for event in normalize(source, strict=True, on_error="event")]
    check_stream(events)
    told = read_events(events)
    record_property("corpus", [name, counts(recording, told, v1=path.v1)])

    expected = recording.seen(v1=path.v1)
    if not recording.client.is_chat and name == "stream":
        expected = Expected(expected.text, order=expected.order)  # the API gives only strings
    elif path.start is stream:
        seen = read_chunks(chunks, adds_up=recording.client.usage_adds_up)
        # An error is not among the chunks: the client raises it.
        agree("the client", replace(expected, error=None), seen)
    agree(
        "streamkit",
        expected,
        told,
        but=losses_of(recording.name) if name.startswith("v3") else set(),
    )
    check_end(expected, events)


async def kept(source: AsyncIterator[Any], items: list[Any]) -> AsyncIterator[Any]:
    async for item in source:
        items.append(item)
        yield item


def agree(
    who: str, expected: Expected, found: Expected, but: AbstractSet[str] = frozenset()
) -> None:
    """All facts, also those that `==` leaves out. An id that is not on the wire is free."""
    assert all(id for id, _, _ in found.tool_calls)
    found = replace(found, tool_calls=known_ids(expected.tool_calls, found.tool_calls))
    wrong = {
        fact: (value, vars(found)[fact])
        for fact, value in vars(expected).items()
        if vars(found)[fact] != value
    }
    assert wrong.keys() == but, f"{who} differs from the bytes, but for {but or 'nothing'}: {wrong}"


def known_ids(expected: Sequence[ToolCall], found: Sequence[ToolCall]) -> tuple[ToolCall, ...]:
    """The calls found, without the ids of those that have none on the wire."""
    calls = zip_longest(found, expected[: len(found)], fillvalue=("any", "", ""))
    return tuple((known and id, name, args) for (id, name, args), (known, _, _) in calls)


def check_end(expected: Expected, events: list[Event]) -> None:
    """What the bytes say in other words, or not at all, but which follows from them."""
    (end,) = (event for event in events if isinstance(event, MessageEnd))
    assert end.finish_reason == finish_word(expected)
    for call in events:
        if isinstance(call, ToolCallEnd) and call.error is None:
            assert call.args == json.loads(call.text or "{}")
    if isinstance(events[-1], RunEnd):
        assert events[-1].usage == end.usage
        assert end.status == "completed"


def finish_word(expected: Expected) -> str | None:
    if expected.finish_reason is None:
        return None
    word = FINISHES[expected.finish_reason]
    return "tool_calls" if expected.tool_calls and word == "stop" else word


FINISHES = {
    **dict.fromkeys(["stop", "end_turn", "completed", "STOP", "COMPLETE", "pause_turn"], "stop"),
    **dict.fromkeys(["length", "max_tokens", "max_output_tokens"], "length"),
    **dict.fromkeys(["tool_calls", "tool_use", "TOOL_CALL"], "tool_calls"),
}


# -- the tables -------------------------------------------------------------------------------


async def test_what_is_not_played_says_why() -> None:
    assert [entry["file"] for entry, reason in corpus.not_played() if reason is None] == []


async def test_every_defect_is_still_met() -> None:
    met = {name for it in RECORDINGS for v1 in (False, True) for name in it.defects(v1=v1)}
    assert met == corpus.DEFECTS.keys()


async def test_every_loss_of_version_3_is_one_of_a_recording() -> None:
    ends = {end for loss in LOSSES for end in loss.recordings}
    assert {end for end in ends if not any(it.name.endswith(end) for it in RECORDINGS)} == set()


# -- the counts: `conftest` adds them up and prints them

FACTS = {"texts": "text", "calls": "tool_calls", "thoughts": "reasoning"}


def counts(recording: Recording, told: Expected, *, v1: bool) -> dict[str, list[int]]:
    """Of each fact: how often the client has it, it is exact, and the client had changed it."""
    seen, sent = recording.seen(v1=v1), recording.expected
    return {
        name: [
            size(getattr(seen, fact)),
            size(getattr(seen, fact)) * is_same(fact, seen, told),
            size(getattr(seen, fact)) * (getattr(seen, fact) != getattr(sent, fact)),
        ]
        for name, fact in FACTS.items()
    }


def size(value: Any) -> int:
    return len(value) if isinstance(value, tuple) else bool(value)


def is_same(fact: str, seen: Expected, told: Expected) -> bool:
    value, found = getattr(seen, fact), getattr(told, fact)
    if fact == "tool_calls":  # of arguments the value counts: version 3 drops their spaces
        return [*map(parsed, value)] == [*map(parsed, known_ids(value, found))]
    return bool(value == found)


def parsed(call: ToolCall) -> Any:
    id, name, args = call
    with suppress(ValueError):
        return id, name, json.loads(args)
    return call
