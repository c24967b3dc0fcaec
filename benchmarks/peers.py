"""Others on the same recording. Each is what its users run; they do different amounts of work.

What is not installed (extra ``bench``) is left out, and the table says so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .timing import Contender, run
from .workloads import GRAPHS, recorded, replay

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


def installed(make: Callable[[], Contender]) -> Contender | None:
    try:
        return make()
    except ImportError:
        return None
