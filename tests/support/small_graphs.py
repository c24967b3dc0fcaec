"""Small scripted models, small graphs, and what a run of them says: for the structural tests.

Every graph here serves sync and async runs alike.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import count
from threading import Barrier
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import StructuredTool, tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Send
from pydantic import PrivateAttr

from streamkit import (
    AsyncEventStream,
    Event,
    EventStream,
    Interrupt,
    MessageAdded,
    MessageEnd,
    Result,
    RunError,
    RunFold,
    ToolEnd,
    ToolError,
    Unrecognized,
    Usage,
    astream,
    normalize,
    stream,
)
from streamkit.testing import check_stream


def installed(package: str) -> tuple[int, ...]:
    """The version of a package, to state what differs: ``installed("langgraph") >= (0, 6)``."""
    return tuple(int(part) for part in version(package).split("."))


CORE = installed("langchain-core")
LANGGRAPH = installed("langgraph")

# --- models


class Says(BaseChatModel):
    """Yields exactly the given chunks, one reply per call and the last one from then on.

    An exception in the place of a chunk is raised there, and a function is called.
    """

    replies: list[list[Any]]
    pace: float = 0.0
    _calls: Any = PrivateAttr(default_factory=count)

    @property
    def _llm_type(self) -> str:
        return "says"

    def _next_reply(self) -> Iterator[ChatGenerationChunk]:
        number = min(next(self._calls), len(self.replies) - 1)
        for chunk in self.replies[number]:
            if isinstance(chunk, Exception):
                raise chunk
            if callable(chunk):
                chunk()
                continue
            # Upstream writes ids into the chunks, so each run needs its own.
            yield ChatGenerationChunk(message=chunk.model_copy())

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return generate_from_stream(self._next_reply())

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in self._next_reply():
            time.sleep(self.pace)
            yield chunk

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._next_reply():
            await asyncio.sleep(self.pace)
            yield chunk


def says(*replies: list[Any] | str, **fields: Any) -> Says:
    """A model with these replies; a str is an answer of one chunk per word."""
    return Says(replies=[answer(it) if isinstance(it, str) else it for it in replies], **fields)


def answer(text: str, *tokens: int) -> list[Any]:
    """The chunks of a whole answer; ``tokens`` are those read and those written."""
    return [*words(text), finish("stop"), *([usage(*tokens)] if tokens else [])]


def calling(*calls: tuple[str, str, str], then: str = "all done") -> Says:
    """A model that first writes these calls, ``(id, name, args)``, and after them answers."""
    asks = [call(index, *it) for index, it in enumerate(calls)]
    return says([*asks, finish("tool_calls"), usage(5, 5)], answer(then, 7, 7))


def words(text: str) -> list[Any]:
    first, *rest = text.split(" ")
    return [piece(it) for it in (first, *(f" {it}" for it in rest))]


def piece(content: Any = "", **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=content, **fields)


def call(index: Any, id: str | None, name: str | None, args: str | None) -> AIMessageChunk:
    """A chunk with one piece of a tool call."""
    part: Any = {"index": index, "id": id, "name": name, "args": args}
    return piece(tool_call_chunks=[part])


def finish(reason: str, content: str = "") -> AIMessageChunk:
    return piece(content, response_metadata={"finish_reason": reason})


def usage(read: int, wrote: int, content: str = "") -> AIMessageChunk:
    tokens: Any = {"input_tokens": read, "output_tokens": wrote, "total_tokens": read + wrote}
    return piece(content, usage_metadata=tokens)


# --- tools


class LastFirst(StructuredTool):
    """A tool that is called three times at once: the last call starts first.

    Upstream leaves the order to chance. None of the calls ends before all have started.
    """

    _all: Any = PrivateAttr(default_factory=lambda: Barrier(3))

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        time.sleep(self._delay(input))
        return super().invoke(input, config, **kwargs)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        await asyncio.sleep(self._delay(input))
        return await super().ainvoke(input, config, **kwargs)

    def _delay(self, input: Any) -> float:
        return 0.08 - 0.02 * int(input["id"][1:])

    def _run(self, *args: Any, config: RunnableConfig, **kwargs: Any) -> Any:
        self._all.wait(5)
        return super()._run(*args, config=config, **kwargs)


# --- graphs

ASK = {"messages": [HumanMessage("hi", id="ask")]}
THREAD: RunnableConfig = {"configurable": {"thread_id": "here"}}


def gives(*messages: Any) -> Any:
    """A node that returns copies of these messages, so that no run leaves its ids in them."""
    return lambda _: {"messages": [message.model_copy() for message in messages]}


def asks(model: Any) -> Any:
    """A node that invokes the model and adds its answer."""

    def ask(state: Any, config: RunnableConfig) -> Any:
        return {"messages": [model.invoke(state["messages"], config)]}

    async def aask(state: Any, config: RunnableConfig) -> Any:
        return {"messages": [await model.ainvoke(state["messages"], config)]}

    return RunnableLambda(ask, aask)


def chain(*nodes: Any, state: Any = MessagesState, **options: Any) -> Any:
    """A graph of these nodes, one after the other: ``a``, ``b``, ``c``."""
    builder = StateGraph(state)
    names = "abcdefg"[: len(nodes)]
    for name, it in zip(names, nodes, strict=True):
        builder.add_node(name, it)
    for before, after in zip((START, *names), (*names, END), strict=True):
        builder.add_edge(before, after)
    return builder.compile(**options)


def parallel(*nodes: Any, **options: Any) -> Any:
    """A graph of these nodes, all at once: ``a``, ``b``, ``c``."""
    builder = StateGraph(MessagesState)
    for name, it in zip("abcdefg", nodes, strict=False):
        builder.add_node(name, it)
        builder.add_edge(START, name)
    return builder.compile(**options)


def agent(model: Any, tools: list[Any], *, handle: bool = True, **options: Any) -> Any:
    """A model and its tools, in turns."""
    return all_at_once(ToolNode(tools, handle_tool_errors=handle), model, **options)


def all_at_once(node: Any, model: Any, **options: Any) -> Any:
    """An agent whose node runs all calls of a message."""
    return _turns(node, model, tools_condition, **options)


def each_alone(node: Any, model: Any, **options: Any) -> Any:
    """An agent that sends each call to a task of its own, as ``create_agent`` does."""
    route = lambda state: [Send("tools", it) for it in state["messages"][-1].tool_calls] or END  # noqa: E731
    return _turns(node, model, route, **options)


def _turns(node: Any, model: Any, route: Any, **options: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("agent", asks(model))
    builder.add_node("tools", node)
    builder.add_edge(START, "agent").add_edge("tools", "agent")
    builder.add_conditional_edges("agent", route, ["tools", END])
    return builder.compile(**options)


# --- tools


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def broken(x: int) -> str:
    """Raise."""
    raise ValueError("broken")


def hesitant(error: Exception) -> Any:
    """A tool, ``hesitate``, that raises when it is called first, and never again."""
    tried: list[str] = []

    @tool
    def hesitate(x: str) -> str:
        """Fail at first."""
        tried.append(x)
        if len(tried) == 1:
            raise error
        return f"done {x}"

    return hesitate


# --- runs

SYNC = "messages"
ASYNC = "async messages"
EVENTS = "events v2"
EVENTS_1 = "events v1"
MODES = "modes"
ASYNC_MODES = "async modes"
TASKS = "modes with tasks"
ALL_MODES = "all modes"
OWN = "astream()"
OWN_SYNC = "stream()"
APIS = (SYNC, ASYNC, EVENTS)
ALL_APIS = (*APIS, EVENTS_1)
IGNORE_V1 = "ignore:astream_events version='v1' is deprecated"


_LIST = ["messages", "updates", "custom"]
_LISTS = {
    MODES: _LIST,
    ASYNC_MODES: _LIST,
    TASKS: [*_LIST, "tasks" if LANGGRAPH >= (0, 6) else "values"],  # which tell as much here
    ALL_MODES: [*_LIST, "tasks", "values", "checkpoints", "debug"],
}


def source(graph: Any, api: str, input: Any = ASK, config: Any = None, **options: Any) -> Any:
    """The raw stream."""
    if api == SYNC:
        return graph.stream(input, config, stream_mode="messages", **options)
    if api == ASYNC:
        return graph.astream(input, config, stream_mode="messages", **options)
    if api in _LISTS:
        start = graph.astream if api == ASYNC_MODES else graph.stream
        return start(input, config, stream_mode=_LISTS[api], subgraphs=True, **options)
    return graph.astream_events(input, config, version=api[-2:], **options)


def started(graph: Any, api: str, input: Any = ASK, *given: Any, **options: Any) -> Any:
    """The events, not yet read."""
    if api in {OWN, OWN_SYNC}:
        start = astream if api == OWN else stream
        return start(graph, input, *given, strict=True, **options)
    return normalize(source(graph, api, input, *given, **options), strict=True)


def attempt(graph: Any, api: str, *given: Any, **options: Any) -> tuple[list[Event], Any]:
    """The events of a run, checked, and what it raised after them."""
    events: list[Event] = []

    async def read(source: AsyncEventStream[Event]) -> None:
        async for event in source:
            events.append(event)

    error = None
    told = started(graph, api, *given, **options)
    try:
        if isinstance(told, EventStream):
            events.extend(told)
        else:
            asyncio.run(read(told))
    except Exception as raised:
        error = raised
    check_stream(events)
    assert not of(events, Unrecognized)
    return events, error


def run(graph: Any, api: str, *given: Any, **options: Any) -> list[Event]:
    """The events of a run that goes well, or only pauses."""
    events, error = attempt(graph, api, *given, **options)
    if error:
        raise error
    return events


# --- what a run says


@dataclass(frozen=True)
class Facts:
    """A run in short. A message is its text; if it did not end well, its text and its status."""

    messages: list[Any] = field(default_factory=list)
    calls: list[Any] = field(default_factory=list)
    """``(id, name, args)`` of every call a model wrote."""
    tools: list[Any] = field(default_factory=list)
    """``(id, name, output)`` of every tool that ran; a failed one has its error's name instead."""
    usage: tuple[int, int] | None = None
    interrupts: list[Any] = field(default_factory=list)
    added: list[Any] = field(default_factory=list)
    """The contents of messages that are no answers."""
    status: str = "completed"

    def sorted(self) -> "Facts":
        """The same where the order depends on who was faster."""
        lists = {name: it for name, it in vars(self).items() if isinstance(it, list)}
        return replace(self, **{name: sorted(it, key=repr) for name, it in lists.items()})


def facts(events: list[Event]) -> Facts:
    ends = [it for it in of(events, MessageEnd) if not it.origin.internal]
    last: Any = events[-1]
    return Facts(
        messages=[it.text if it.status == "completed" else (it.text, it.status) for it in ends],
        calls=[(call.id, call.name, call.args) for it in ends for call in it.tool_calls],
        tools=[_tool(it) for it in of(events, ToolEnd, ToolError)],
        usage=tokens(last.usage),
        interrupts=[it.value for it in of(events, Interrupt)],
        added=[it.message.content for it in of(events, MessageAdded)],
        status="failed" if isinstance(last, RunError) else last.status,
    )


def _tool(event: ToolEnd | ToolError) -> tuple[Any, ...]:
    if isinstance(event, ToolError):
        return event.tool_call_id, event.name, event.error.name
    output = event.output if event.status == "completed" else (event.output, event.status)
    return event.tool_call_id, event.name, output


def tokens(total: Usage | None) -> tuple[int, int] | None:
    return (total.input_tokens, total.output_tokens) if total else None


def result_of(events: Iterable[Event]) -> Result:
    """What they fold to."""
    fold = RunFold()
    for event in events:
        fold.feed(event)
    return fold.result()


def transcript(events: Iterable[Event]) -> list[Any]:
    """The messages that they fold to."""
    return result_of(events).messages


def of(events: Iterable[Event], *kinds: Any) -> list[Any]:
    return [event for event in events if isinstance(event, kinds)]
