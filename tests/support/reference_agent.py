"""The reference agent: one graph in whose run every fact occurs that a source might carry.

    look_up ─┬─ scout_food ───┬─ planner ⇄ tools
             └─ scout_sights ─┘     └── mood ── motto ── approve ── booking (hold ── confirm)

It is the demo's trip planner with what that has no need of: `mood` is a node whose model breaks
off in mid-message and is run again, `motto` asks a model that does not stream, and where LangGraph
can do so, a tool tells its output in pieces.

Each run needs a graph of its own, because `mood` breaks off but once.
"""

import inspect
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import BaseTool, tool
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import RetryPolicy
from pydantic import PrivateAttr

from streamkit._scripted_model import turn
from streamkit.demo import RESUME, Call, Reply, ScriptedChatModel
from streamkit.demo import _graph as trip
from streamkit.demo.script import FOOD, PLANNER, SIGHTS, reply_by_prompt
from streamkit.demo.tools import trip_tools

try:
    from langgraph.prebuilt import ToolRuntime
except ImportError:
    TELLS_DELTAS = False
else:
    TELLS_DELTAS = hasattr(ToolRuntime, "emit_output_delta")

__all__ = ["INPUT", "RESUME", "TELLS_DELTAS", "build"]

INPUT = {"messages": [HumanMessage("Plan me two days in Bologna, Monday and Tuesday.", id="ask")]}

MOOD = "Say in a word what the trip will feel like."
MOTTO = "Say in a word what the trip is about."
WALK = Call("walk", {"to": "San Luca"}, "call_walk")


def build(checkpointer: Any = None, *, pace: float = 0.0) -> Any:
    """The compiled graph."""
    model = ScriptedChatModel(script=reply, pace=pace)
    tools: list[BaseTool] = [*trip_tools(pace), *([_walk(pace)] if TELLS_DELTAS else [])]
    graph = StateGraph(trip.Trip)
    graph.add_node("look_up", trip.look_up())
    graph.add_node("scout_food", trip.scout(model, FOOD, "food"))
    graph.add_node("scout_sights", trip.scout(model, SIGHTS, "sights"))
    graph.add_node("planner", trip.planner(model, tools))
    graph.add_node("tools", ToolNode(tools, handle_tool_errors=True))
    graph.add_node("mood", _asking(MOOD, Faltering(script=reply, pace=pace)), **_RETRIES)
    graph.add_node("motto", _asking(MOTTO, ScriptedChatModel(script=reply, disable_streaming=True)))
    graph.add_node("approve", trip.approve)
    graph.add_node("booking", trip.booking(model))
    graph.add_edge(START, "look_up")
    graph.add_edge("look_up", "scout_food")
    graph.add_edge("look_up", "scout_sights")
    graph.add_edge(["scout_food", "scout_sights"], "planner")
    graph.add_conditional_edges("planner", tools_condition, {"tools": "tools", END: "mood"})
    graph.add_edge("tools", "planner")
    graph.add_edge("mood", "motto")
    graph.add_edge("motto", "approve")
    graph.add_edge("booking", END)
    return graph.compile(checkpointer=checkpointer, name="trip")


def reply(messages: Sequence[BaseMessage]) -> Reply:
    """What the models say."""
    prompt = str(messages[0].content)
    if prompt.startswith((MOOD, MOTTO)):
        return Reply("Sunny and unhurried.", usage=(20, 4))
    said = reply_by_prompt(messages)
    if TELLS_DELTAS and prompt.startswith(PLANNER) and turn(messages) == 0:
        return replace(said, tool_calls=(*said.tool_calls, WALK))
    return said


class Faltering(ScriptedChatModel):
    """A model that breaks off in the middle of its first answer."""

    _has_faltered: bool = PrivateAttr(default=False)

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for number, chunk in enumerate(super()._stream(*args, **kwargs)):
            self._falter_at(number)
            yield chunk

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        number = 0
        async for chunk in super()._astream(*args, **kwargs):
            self._falter_at(number)
            number += 1
            yield chunk

    def _falter_at(self, number: int) -> None:
        if number == 2 and not self._has_faltered:
            self._has_faltered = True
            raise ConnectionError("the provider hung up")


def _asking(prompt: str, model: ScriptedChatModel) -> Any:
    asking = ChatPromptTemplate([("system", prompt), ("placeholder", "{messages}")])
    return asking | model | RunnableLambda(_add_two)


def _add_two(answer: BaseMessage) -> dict[str, Any]:
    return {"messages": [SystemMessage("Noted.", id=f"noted-{answer.id}"), answer]}


def _walk(pace: float) -> BaseTool:
    @tool
    def walk(to: str, runtime: ToolRuntime) -> str:
        """Find a walk."""
        for part in ("up the porticoes ", "and back"):
            time.sleep(pace)
            runtime.emit_output_delta(part)
        return f"To {to}: up the porticoes and back"

    return walk


_AGAIN = RetryPolicy(initial_interval=0.001, jitter=False, max_attempts=2)
_IS_NEW = "retry_policy" in inspect.signature(StateGraph.add_node).parameters
_RETRIES: dict[str, Any] = {"retry_policy" if _IS_NEW else "retry": _AGAIN}
