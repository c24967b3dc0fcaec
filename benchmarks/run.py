"""The owning call and the callback source beside bare ``astream_events`` version 2.

    python benchmarks/run.py [--quick]

What is compared is processor time per token of the answer, from the call to the last event: of
ours to canonical events, of upstream to its own dicts. Rounds are interleaved and the median of
their ratios is shown, because a shared machine changes its speed by the second. ``waiting`` models
give the loop a turn before every token, as a network does; ``bulk`` models have all of them ready.
``!`` marks a missed goal.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from streamkit import CallbackSource, astream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

CALL = {"name": "look_up", "args": '{"word": "a"}', "id": "call_1", "index": 0}


class Words(BaseChatModel):
    """Answers a question with a call, and anything else with words."""

    words: int
    waits: bool

    @property
    def _llm_type(self) -> str:
        return "words"

    def _chunks(self, messages: list[Any]) -> Iterator[ChatGenerationChunk]:
        if messages[-1].content == "?":
            yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[CALL]))
            return
        for number in range(self.words):
            yield ChatGenerationChunk(message=AIMessageChunk(content=f"word{number % 10} "))

    def _generate(self, messages: list[Any], *_: Any, **__: Any) -> Any:
        return generate_from_stream(self._chunks(messages))

    async def _astream(self, messages: list[Any], *_: Any, **__: Any) -> Any:
        for chunk in self._chunks(messages):
            if self.waits:
                await asyncio.sleep(0)
            yield chunk


@tool
async def look_up(word: str) -> str:
    """Look up a word."""
    return word


def agent(model: Any) -> Any:
    """A ReAct agent: a model, its tool, and the model again."""

    async def ask(state: Any, config: RunnableConfig) -> Any:
        return {"messages": [await model.ainvoke(state["messages"], config)]}

    builder = StateGraph(MessagesState)
    builder.add_node("agent", RunnableLambda(ask))
    builder.add_node("tools", ToolNode([look_up]))
    builder.add_edge(START, "agent")
    builder.add_conditional_edges("agent", tools_condition)
    builder.add_edge("tools", "agent")
    return builder.compile()


async def events_2(runnable: Any, input: Any) -> None:
    async for _ in runnable.astream_events(input, version="v2"):
        pass


async def owning(runnable: Any, input: Any, **options: Any) -> None:
    async with astream(runnable, input, strict=True, **options) as events:
        async for _ in events:
            pass


async def callbacks(runnable: Any, input: Any) -> None:
    source = CallbackSource(strict=True)
    await runnable.ainvoke(input, {"callbacks": [source.handler]})
    for _ in source.events():
        pass


async def alone(runnable: Any, input: Any) -> None:
    await runnable.ainvoke(input)


class Row(NamedTuple):
    title: str
    runnable: str
    run: Callable[[Any, Any], Awaitable[None]]
    goal: float | None = None


ROWS = [
    Row("agent: astream()", "agent", owning, 0.5),
    Row(
        "agent: astream(include={'text', 'tool'})",
        "agent",
        lambda *call: owning(*call, include={"text", "tool"}),
    ),
    Row("agent: ainvoke + CallbackSource", "agent", callbacks, 1 / 3),
    Row("chain: astream()", "chain", owning),
    Row(
        "chain: astream(exclude={'step.delta'})",
        "chain",
        lambda *call: owning(*call, exclude={"step.delta"}),
    ),
    Row("chain: ainvoke + CallbackSource", "chain", callbacks, 0.1),
    Row("model: astream()", "model", owning),
    Row("model: ainvoke + CallbackSource", "model", callbacks),
]


def cost(run: Callable[[Any, Any], Awaitable[None]], runnable: Any, input: Any) -> float:
    begin = time.process_time()
    asyncio.run(run(runnable, input))  # type: ignore[arg-type]
    return time.process_time() - begin


def measure(*, waits: bool, words: int, rounds: int) -> None:
    model = Words(words=words, waits=waits)
    chain = ChatPromptTemplate.from_template("{question}") | model | StrOutputParser()
    runs: dict[str, tuple[Any, Any]] = {
        "agent": (agent(model), {"messages": [HumanMessage("?")]}),
        "chain": (chain, {"question": "!"}),
        "model": (model, "!"),
    }
    ratios: dict[str, list[float]] = {row.title: [] for row in ROWS}
    base: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, call in runs.items():
            against = cost(events_2, *call)
            base[name].append(against / words * 1e6)
            for row in ROWS:
                if row.runnable == name:
                    ratios[row.title].append(cost(row.run, *call) / against)
    print("waiting" if waits else "bulk")
    for name, times in base.items():
        print(f"  {name}: astream_events v2{'':14}{statistics.median(times):8.0f} us/token")
    for row in ROWS:
        ratio = statistics.median(ratios[row.title])
        mark = "!" if row.goal and ratio > row.goal else ""
        goal = f"(goal {row.goal:.2f})" if row.goal else ""
        print(f"  {row.title:42}{ratio:6.2f} {goal} {mark}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer tokens and rounds")
    words, rounds = (200, 3) if parser.parse_args().quick else (600, 9)
    for waits in (True, False):
        measure(waits=waits, words=words, rounds=rounds)


if __name__ == "__main__":
    main()
