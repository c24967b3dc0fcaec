"""End to end: the real clients on a loopback server, through every API, against the bytes.

What is expected comes from the bodies by a reader of their own (`providers.expected`), corrected
only by what the client is known to lose before anybody else sees it (`Case.differs`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel

from providers.bodies import CASES, Case
from providers.expected import Expected
from providers.server import Body, ProviderServer
from streamkit import (
    Citation,
    Content,
    Event,
    MessageEnd,
    ReasoningEnd,
    RunError,
    TextEnd,
    ToolCallEnd,
    normalize,
)
from streamkit.testing import check_stream

langgraph = pytest.importorskip("langgraph.graph", reason="langgraph is not installed")

# A server tool that the request did not name makes ChatAnthropic warn.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Received unexpected tool content block"),
    pytest.mark.filterwarnings("ignore:astream_events version='v1' is deprecated"),
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
]


def graph_of(model: BaseChatModel) -> Any:
    """One node that calls the model: the smallest graph that streams messages."""

    def call(state: dict[str, Any], config: Any) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"], config)]}

    async def acall(state: dict[str, Any], config: Any) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"], config)]}

    from langchain_core.runnables import RunnableLambda

    builder = langgraph.StateGraph(langgraph.MessagesState)
    builder.add_node("agent", RunnableLambda(call, acall))
    builder.add_edge(langgraph.START, "agent")
    return builder.compile()


ASK = {"messages": [("human", "hi")]}

SYNC: dict[str, Callable[[BaseChatModel], Iterator[Any]]] = {
    "stream": lambda model: model.stream("hi"),
    "messages": lambda model: graph_of(model).stream(ASK, stream_mode="messages"),
}
ASYNC: dict[str, Callable[[BaseChatModel], AsyncIterator[Any]]] = {
    "astream": lambda model: model.astream("hi"),
    "model events v2": lambda model: model.astream_events("hi", version="v2"),
    "model events v1": lambda model: model.astream_events("hi", version="v1"),
    "graph events v2": lambda model: graph_of(model).astream_events(ASK, version="v2"),
    "graph messages": lambda model: graph_of(model).astream(ASK, stream_mode="messages"),
}
if find_spec("langgraph.stream"):
    ASYNC["model v3"] = lambda model: awaited(model.astream_events("hi", version="v3"))
    ASYNC["graph v3"] = lambda model: awaited(graph_of(model).astream_events(ASK, version="v3"))


async def awaited(starting: Any) -> AsyncIterator[Any]:
    """What has to be awaited first, as an iterator like the others."""
    async for item in await starting:
        yield item


ONE_CALL = ("call_a", "weather", '{"city": "Zürich 🏔"}{"tz": "CET"}')

# What version 3 makes of the client's chunks before anybody else sees them.
V3_DEFECTS: dict[str, dict[str, Any]] = {
    # Usage reports are added up, running totals as well.
    "chat_usage_every_chunk": {"usage": (80, 9)},
    # Calls that all claim index 0 are one block: the first one's id and name, everybody's args.
    "chat_index_zero_whole": {"tool_calls": (ONE_CALL,)},
    "chat_index_zero_split": {"tool_calls": (ONE_CALL,)},
}


@pytest.fixture(scope="module")
def shared() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server


@pytest.fixture
def server(shared: ProviderServer) -> Iterator[ProviderServer]:
    yield shared
    shared.reset()


def facts(events: list[Event]) -> Expected:
    """What the events say, in the form that the bodies are read into."""
    ends = [event for event in events if isinstance(event, MessageEnd)]
    assert len(ends) == 1, [event.type for event in events]
    end = ends[0]
    blocks = [event.block for event in events if isinstance(event, Content)]
    calls = [event for event in events if isinstance(event, ToolCallEnd)]
    return Expected(
        text="".join(event.text for event in events if isinstance(event, TextEnd)),
        reasoning="".join(event.text for event in events if isinstance(event, ReasoningEnd)),
        tool_calls=tuple(
            (call.tool_call_id, call.name, call.text)
            for call in calls
            if not call.provider_executed
        ),
        usage=(end.usage.input_tokens, end.usage.output_tokens) if end.usage else None,
        finish_reason=end.raw_finish_reason,
        refusal="".join(filter(None, map(refusal, blocks))),
        server_tools=tuple(call.name for call in calls if call.provider_executed),
        citations=tuple(url(event.citation) for event in events if isinstance(event, Citation)),
    )


def refusal(block: Any) -> str:
    block = block.get("value", block)
    return block.get("refusal", "") if block.get("type") == "refusal" else ""


def url(citation: Any) -> str:
    return citation.get("url") or citation.get("value", {}).get("url")


def agree(case: Case, events: list[Event], api: str = "", name: str = "") -> None:
    check_stream(events)
    if failing(case) and api.endswith("v1"):
        return  # version 1 may drop what was streamed before an error; none of it reaches us
    seen = case.seen
    if api.endswith("v3"):
        seen = replace(seen, **V3_DEFECTS.get(name, {}))
    assert facts(events) == seen


def failing(case: Case) -> bool:
    return case.expected.error is not None


@pytest.mark.parametrize("api", SYNC)
@pytest.mark.parametrize("name", CASES)
def test_sync(name: str, api: str, server: ProviderServer) -> None:
    case = CASES[name]
    options = {"on_error": "event"} if failing(case) else {"strict": True}
    agree(case, list(normalize(SYNC[api](case.model(server)), **options)))


@pytest.mark.parametrize("name", CASES)
def test_async(name: str) -> None:
    case = CASES[name]
    options: Any = {"on_error": "event"} if failing(case) else {"strict": True}

    async def run(server: ProviderServer) -> None:
        for api, start in ASYNC.items():
            source = start(case.model(server))
            events = [event async for event in normalize(source, **options)]
            server.reset()
            try:
                agree(case, events, api, name)
            except AssertionError as error:
                raise AssertionError(f"{name} through {api}: {error}") from error

    with ProviderServer() as server:  # a new one for each loop: clients are kept by their url
        asyncio.run(run(server))


@pytest.mark.parametrize("name", CASES)
def test_v1_blocks(name: str, server: ProviderServer) -> None:
    """``output_version="v1"`` puts tool calls in two places; they are read once."""
    case = CASES[name]
    options: Any = {"on_error": "event"} if failing(case) else {"strict": True}
    model = case.model(server, output_version="v1")
    agree(case, list(normalize(model.stream("hi"), **options)))


@pytest.mark.parametrize("name", ["chat_text", "responses_text", "anthropic_text"])
@pytest.mark.parametrize("status", [429, 500])
def test_http_errors(name: str, status: int, server: ProviderServer) -> None:
    """The client's own exception: one `run.error` with its status, and then it is raised."""
    model = CASES[name].model(server, Body.error(status, "slow down"))
    stream = normalize(model.stream("hi"))
    events: list[Event] = []
    with pytest.raises(Exception, match="slow down") as caught:
        events.extend(iter(lambda: next(stream), None))
    assert getattr(caught.value, "status_code", None) == status

    model = CASES[name].model(server, Body.error(status, "slow down"))
    events = list(normalize(model.stream("hi"), on_error="event"))
    check_stream(events)
    last = events[-1]
    assert isinstance(last, RunError)
    assert (last.error.code, type(last.error.exception)) == (status, type(caught.value))


@pytest.mark.parametrize("name", ["chat_text", "responses_text", "anthropic_text"])
@pytest.mark.parametrize("api", ["stream", "messages"])
def test_cut_connection(name: str, api: str, server: ProviderServer) -> None:
    """What came before the cut is delivered, and the message says that it failed."""
    case = CASES[name]
    model = case.model(server, Body(case.body).cut(len(case.body) * 2 // 3))
    events = list(normalize(SYNC[api](model), on_error="event"))
    check_stream(events)
    end = next(event for event in events if isinstance(event, MessageEnd))
    assert end.status == "failed"
    assert end.text
    assert case.expected.text.startswith(end.text)
    assert isinstance(events[-1], RunError)
