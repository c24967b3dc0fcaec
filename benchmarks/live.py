"""Live graphs: what normalizing adds to them, and what our own calls save.

What is added is a few percent, which no clock on a shared machine resolves, so instructions are
counted. What is saved is told in processor time per token, from the call to the last event. Its
bars are for models that never wait, as all others are; ``waits`` tells the same of a model that
gives the loop a turn before every token, as a network does, so that a reader is woken for each.

Beside them stands what no library can save: calls without anything of ours, and with a handler that
only makes models stream and does nothing else, read at once or in a task that each token wakes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers._streaming import _StreamingCallbackHandler

from streamkit import CallbackSource, TextDelta, ToolStart, astream
from streamkit.filters import only

from . import counting
from .bars import Effort, Row, Rows
from .timing import run, side_by_side
from .workloads import Says, agent, chain, one_node, question, text


async def events_2(runnable: Any, input: Any) -> None:
    async for _ in runnable.astream_events(input, version="v2"):
        pass


async def owning(runnable: Any, input: Any, *stages: Any) -> None:
    async with astream(runnable, input, None, *stages, strict=True) as events:
        async for _ in events:
            pass


async def _owning_some(runnable: Any, input: Any) -> None:
    await owning(runnable, input, only(TextDelta, ToolStart))


async def callbacks(runnable: Any, input: Any) -> None:
    source = CallbackSource(strict=True)
    await runnable.ainvoke(input, {"callbacks": [source.handler]})
    for _ in source.events():
        pass


async def bare(runnable: Any, input: Any) -> None:
    await runnable.ainvoke(input)


async def messages(runnable: Any, input: Any) -> None:
    async for _ in runnable.astream(input, stream_mode="messages"):
        pass


class _Idle(BaseCallbackHandler, _StreamingCallbackHandler):
    """Makes models stream; each token may wake a reader, who takes nothing."""

    run_inline = True

    def __init__(self) -> None:
        self.reader: asyncio.Future[None] | None = None

    def on_llm_new_token(self, *_: Any, **__: Any) -> None:
        if self.reader and not self.reader.done():
            self.reader.set_result(None)

    def tap_output_aiter(self, _run_id: Any, output: Any) -> Any:
        return output

    tap_output_iter = tap_output_aiter


async def idle(runnable: Any, input: Any) -> None:
    await runnable.ainvoke(input, {"callbacks": [_Idle()]})


async def idle_woken(runnable: Any, input: Any) -> None:
    handler, loop = _Idle(), asyncio.get_running_loop()

    async def call() -> None:
        modes = ["updates", "values", "custom", "checkpoints"]
        config = {"callbacks": [handler]}
        async for _ in runnable.astream(input, config, stream_mode=modes, subgraphs=True):
            pass

    task = loop.create_task(call())
    task.add_done_callback(handler.on_llm_new_token)
    while not task.done():
        handler.reader = loop.create_future()
        await handler.reader


class _Call(NamedTuple):
    id: str
    what: str
    runnable: str
    run: Callable[..., Awaitable[None]]


CALLS = [
    _Call("own.agent", "agent: astream()", "agent", owning),
    _Call(
        "own.agent texts",
        "agent: astream(…, only(TextDelta, ToolStart))",
        "agent",
        _owning_some,
    ),
    _Call("own.agent callbacks", "agent: ainvoke + CallbackSource", "agent", callbacks),
    _Call("own.graph callbacks", "graph: ainvoke + CallbackSource", "graph", callbacks),
    _Call("bare.graph idle", "graph: ainvoke, an idle handler makes it stream", "graph", idle),
    _Call("bare.agent ainvoke", "agent: bare ainvoke, nothing streams", "agent", bare),
    _Call("bare.agent idle", "agent: ainvoke, an idle handler makes it stream", "agent", idle),
    _Call("bare.agent woken", "agent: bare astream, a token wakes a reader", "agent", idle_woken),
    _Call("bare.agent messages", "agent: bare astream(stream_mode='messages')", "agent", messages),
    _Call("own.chain", "chain: astream()", "chain", owning),
    _Call("own.chain callbacks", "chain: ainvoke + CallbackSource", "chain", callbacks),
    _Call("bare.chain idle", "chain: ainvoke, an idle handler makes it stream", "chain", idle),
]


def rows(effort: Effort) -> Rows:
    if effort.counts:
        yield from _added()
    for waits in (False, True):
        yield from _saved(effort, waits=waits)


def _added() -> Rows:
    counts = counting.live()
    for api in counting.APIS:
        bare = counts[f"live {api} bare"]
        for name, id in (("ours", f"live.{api}"), ("sse", f"live.{api}.sse")):
            added = 100 * (counts[f"live {api} {name}"] / bare - 1)
            what = f"added to a graph's {api}" + (", with SSE bytes" * (name == "sse"))
            note = f"of {bare:,.0f} instructions a token"
            yield Row(id, what, counting.exact(added), "%", note)


def _saved(effort: Effort, *, waits: bool) -> Rows:
    tokens = max(1_000, effort.tokens // 2)
    model = Says(says=text, tokens=tokens, waits=waits)
    runnables = {
        "agent": (agent(model), question("ReAct agent")),
        "graph": (one_node(model), question("text")),
        "chain": (chain(model), {"messages": "go"}),
    }
    for name, given in runnables.items():
        calls = [call for call in CALLS if call.runnable == name]
        contenders = {call.id: partial(_run, call.run, *given) for call in calls}
        times = side_by_side(
            {"events": partial(_run, events_2, *given), **contenders},
            max(9, effort.rounds // 2),
            time.process_time,
        )
        cost = f"of {times.of('events', tokens).value:.0f} us a token"
        id_end, end = (" waits", ", a turn before each token") if waits else ("", "")
        for call in calls:
            ratio = times.ratio(call.id, "events")
            yield Row(call.id + id_end, call.what + end, ratio, "x events v2", cost)


def _run(call: Callable[..., Any], runnable: Any, input: Any) -> None:
    run(call(runnable, input))
