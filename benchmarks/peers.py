"""Others on the same recording. Each is what its users run; they do different amounts of work.

Both sides are Python, so instructions compare them, as everywhere: a long recording less a short
one, which leaves out what a run costs by itself. What is not installed (extra ``bench``) is left
out, and the table says so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, NamedTuple

from streamkit import normalize

from .timing import Contender, run
from .workloads import GRAPHS, Api, chunk, recorded, replay, text

WORKLOAD = "text"
TOKENS = 1_000
"""As many as when the bars were set: a longer recording leaves the caches, and costs us more."""


def ag_ui_langgraph(tokens: int, *, default: bool) -> Contender:
    """Its agent without raw events, or as its endpoint runs it: with them, and encoded."""
    from ag_ui.core import RunAgentInput, UserMessage
    from ag_ui.encoder import EventEncoder
    from ag_ui_langgraph import LangGraphAgent
    from langgraph.checkpoint.memory import InMemorySaver

    items = recorded(WORKLOAD, "events", tokens)
    graph = GRAPHS[WORKLOAD](1)
    graph.checkpointer = InMemorySaver()
    graph.astream_events = lambda **_: replay(items)
    given = RunAgentInput(
        thread_id="t",
        run_id="r",
        messages=[UserMessage(id="u", role="user", content="go")],
        tools=[],
        state={},
        context=[],
        forwarded_props={},
    )

    async def converse() -> None:
        agent = LangGraphAgent(name="agent", graph=graph, emit_raw_events=default)
        encode = EventEncoder().encode if default else lambda event: event
        count = 0
        async for event in agent.run(given):
            encode(event)
            count += 1
        assert count > tokens

    return lambda: run(converse())


def langgraph_stream_parser(tokens: int) -> Contender:
    from langgraph_stream_parser import StreamParser

    items = recorded(WORKLOAD, "dual", tokens)

    def read() -> None:
        parser = StreamParser(stream_mode=["updates", "messages"])
        assert sum(1 for _ in parser.parse(iter(items))) >= tokens

    return read


def v3_mux(tokens: int) -> Contender:
    """LangGraph's own, with the transformers that every run has."""
    from langgraph.stream import transformers as its
    from langgraph.stream._mux import StreamMux

    items = recorded(WORKLOAD, "v3", tokens)
    factories: list[Any] = [
        its.ValuesTransformer,
        its.MessagesTransformer,
        its.LifecycleTransformer,
        its.SubgraphTransformer,
    ]

    def read() -> None:
        mux = StreamMux(factories=factories)
        for item in items:
            mux.push(item)
        with suppress(RuntimeError):
            mux.close()

    return read


def pydantic_ai_parts(tokens: int) -> Contender:
    """Its parts manager, which is a part of its own normalizer: text deltas alone."""
    from pydantic_ai._parts_manager import ModelResponsePartsManager
    from pydantic_ai.models import ModelRequestParameters

    def read() -> None:
        parts = ModelResponsePartsManager(model_request_parameters=ModelRequestParameters())
        for number in range(tokens):
            for _ in parts.handle_text_delta(vendor_part_id="content", content=f"word{number} "):
                pass

    return read


def _ours(tokens: int, *, encoded: bool = False) -> Contender:
    items = recorded(WORKLOAD, "events", tokens)

    async def read() -> None:
        stream: Any = normalize(replay(items), strict=True)
        if encoded:
            from streamkit.wire import ag_ui

            stream = stream.pipe(ag_ui.encoder())
        async for _ in stream:
            pass

    return lambda: run(read())


def _ours_sync(items: list[Any]) -> Contender:
    def read() -> None:
        for _ in normalize(iter(items), strict=True):
            pass

    return read


def _ours_of(api: Api, tokens: int) -> Contender:
    return _ours_sync(recorded(WORKLOAD, api, tokens))


class Peer(NamedTuple):
    """Another library's reader, and ours for what it reads."""

    package: str
    theirs: Callable[[int], Contender]
    ours: Callable[[int], Contender]


PEERS = {
    "ag-ui-langgraph": Peer("ag_ui_langgraph", lambda n: ag_ui_langgraph(n, default=False), _ours),
    "ag-ui-langgraph endpoint": Peer(
        "ag_ui_langgraph",
        lambda n: ag_ui_langgraph(n, default=True),
        lambda n: _ours(n, encoded=True),
    ),
    "langgraph-stream-parser": Peer(
        "langgraph_stream_parser", langgraph_stream_parser, lambda n: _ours_of("dual", n)
    ),
    "v3 mux": Peer("langgraph", v3_mux, lambda n: _ours_of("v3", n)),
    "pydantic-ai parts": Peer(
        "pydantic_ai",
        pydantic_ai_parts,
        lambda n: _ours_sync([*text(n), chunk(chunk_position="last")]),
    ),
}


def installed() -> list[str]:
    """Return the names of those that are here."""
    return [name for name, peer in PEERS.items() if find_spec(peer.package)]
