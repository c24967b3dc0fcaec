"""Live graphs: what normalizing adds to them, and what our own calls save.

What is added is a few percent, which no clock on a shared machine resolves, so instructions are
counted, from the call to the last event. The limit is the same call with a handler that only makes
models stream and does nothing else: no library can save that.

The processor time of all calls stands beside it: of models that never wait, and of a model that
gives the loop a turn before every token, as a network does, so that a reader is woken for each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers._streaming import _StreamingCallbackHandler

from streamkit import CallbackSource, astream
from streamkit.presets import tokens

from . import counting
from .bars import Effort, Row, Rows
from .timing import Contender, run, side_by_side
from .workloads import Says, agent, chain, one_node, question, text


async def events_2(runnable: Any, input: Any) -> None:
    async for _ in runnable.astream_events(input, version="v2"):
        pass


async def owning(runnable: Any, input: Any, *stages: Any) -> None:
    async with astream(runnable, input, None, *stages, strict=True) as events:
        async for _ in events:
            pass


async def owning_tokens(runnable: Any, input: Any) -> None:
    await owning(runnable, input, tokens)


async def callbacks(runnable: Any, input: Any) -> None:
    source = CallbackSource(strict=True)
    await runnable.ainvoke(input, {"callbacks": [source.handler]})
    for _ in source.events():
        pass


async def idle_streamed(runnable: Any, input: Any) -> None:
    async for _ in runnable.astream(input, {"callbacks": [_Idle()]}):
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


LIMITS: dict[str, Callable[..., Awaitable[None]]] = {
    "agent": idle,
    "graph": idle,
    "chain": idle_streamed,  # its own output is streamed, too, unless a filter leaves it out
}


def case(runnable: str, call: str, tokens: int) -> Contender:
    """Return a run of one call."""
    return partial(_run, _calls(runnable)[call], *_runnable(runnable, tokens))


def _calls(runnable: str) -> dict[str, Callable[..., Any]]:
    calls: dict[str, Callable[..., Any]] = {
        "events": events_2,
        "limit": LIMITS[runnable],
        "own": owning,
        "tokens limit": idle,
        "tokens": owning_tokens,
        "callbacks": callbacks,
        "bare": bare,
    }
    return calls if runnable == "chain" else {**calls, "messages": messages, "woken": idle_woken}


def _runnable(name: str, tokens: int, *, waits: bool = False) -> tuple[Any, Any]:
    model = Says(says=text, tokens=tokens, waits=waits)
    match name:
        case "agent":
            return agent(model), question("ReAct agent")
        case "graph":
            return one_node(model), question("text")
        case _:
            return chain(model), {"messages": "go"}


TITLES = {
    "limit": "bare, an idle handler makes it stream",
    "own": "astream()",
    "tokens limit": "bare ainvoke, an idle handler",
    "tokens": "astream(…, tokens)",
    "callbacks": "ainvoke + CallbackSource",
    "bare": "bare ainvoke, nothing streams",
    "messages": "bare astream(stream_mode='messages')",
    "woken": "bare astream, a token wakes a reader",
}


def rows(effort: Effort) -> Rows:
    if effort.counts:
        yield from _added()
        yield from _beside_limit()
    for waits in (False, True) if effort.times else ():
        yield from _saved(effort, waits=waits)


def _beside_limit() -> Rows:
    counts = counting.counted("call")
    for name in counting.RUNNABLES:
        of = {call: counts[f"call {name} {call}"] for call in counting.CALLS}
        for call, limit in (("own", "limit"), ("tokens", "tokens limit")):
            ratio, note = of[call] / of[limit], f"{of[call]:,.0f} instructions a token"
            what = f"{name}: {TITLES[call]}"
            yield Row(f"own.{name}.{call}", what, counting.exact(ratio), "x bare limit", note)
        ratio = of["tokens"] / of["events"]
        note = f"of {of['events']:,.0f} instructions a token"
        what = f"{name}: astream(…, tokens), beside events v2"
        yield Row(f"own.{name}.tokens.events", what, counting.exact(ratio), "x events v2", note)


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
    for name in counting.RUNNABLES:
        given = _runnable(name, tokens, waits=waits)
        times = side_by_side(
            {call: partial(_run, function, *given) for call, function in _calls(name).items()},
            max(9, effort.rounds // 2),
            time.process_time,
        )
        cost = f"of {times.of('events', tokens).value:.0f} us a token"
        for call in (it for it in TITLES if it in _calls(name)):
            end = ", a turn before each token" * waits
            what = f"{name}: {TITLES[call]}{end}"
            ratio = times.ratio(call, "events")
            yield Row(f"time.{name}.{call}.{waits}", what, ratio, "x events v2", cost)


def _run(call: Callable[..., Any], runnable: Any, input: Any) -> None:
    run(call(runnable, input))
