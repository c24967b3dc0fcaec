"""A trip planner in LangGraph that streams every kind of item in one short run.

    look_up ─┬─ scout_food ───┬─ planner ⇄ tools
             └─ scout_sights ─┘     └── approve ── booking (hold ── confirm)

`look_up` retrieves two documents. The scouts stream a model each, at once. `planner` is an agent
that calls three tools in one turn, of which one fails and is called again. `approve` interrupts
for the human's word. `booking` is a subgraph with a model of its own.

The model nodes are runnable sequences rather than functions, so that one node serves sync and
async runs.
"""
# LangGraph leaves type parameters of its own methods open.
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import (
    Runnable,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from langchain_core.tools import BaseTool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, interrupt

from streamkit.demo.script import CONFIRM, FOOD, PLANNER, SIGHTS, reply_by_prompt
from streamkit.demo.tools import Guidebook, trip_tools
from streamkit.testing import ScriptedChatModel

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

RESUME = {"approved": True}
"""The human's approval, for `Command(resume=RESUME)`; the refusal is `{"approved": False}`."""


def demo_input() -> dict[str, Any]:
    """The request that starts a run.

    >>> demo_input()["messages"][0][1]
    'Plan me two days in Bologna, Monday and Tuesday.'
    """
    return {"messages": [("human", "Plan me two days in Bologna, Monday and Tuesday.")]}


class Trip(MessagesState):
    """The state of the graph; the conversation is the human's and the planner's."""

    request: str
    guide: str
    food: str
    sights: str
    reference: str


Node: TypeAlias = Runnable[Any, dict[str, Any]]
TripGraph: TypeAlias = "CompiledStateGraph[Trip, None, Trip, Trip]"  # quoted: 0.3's is plain


def build_graph(
    model: BaseChatModel | None = None,
    *,
    pace: float = 0.03,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
) -> TripGraph:
    """The compiled trip planner, which stops at its interrupt until resumed with `RESUME`.

    Args:
        model: Who speaks: any chat model that can call tools, or the scripted one.
        pace: Seconds between two chunks of the scripted model and two steps of a tool.
        checkpointer: What remembers the run over its interrupt; by default the process memory.

    >>> graph = build_graph(pace=0)
    >>> config = {"configurable": {"thread_id": "bologna"}}
    >>> state = graph.invoke(demo_input(), config)
    >>> graph.invoke(Command(resume=RESUME), config)["messages"][-1].content
    'All booked as BLQ-4821, have a lovely time!'
    """
    if model is None:
        model = ScriptedChatModel(script=reply_by_prompt, pace=pace)
    tools = trip_tools(pace)
    trip = StateGraph(Trip)
    trip.add_node("look_up", look_up())
    trip.add_node("scout_food", scout(model, FOOD, "food"))
    trip.add_node("scout_sights", scout(model, SIGHTS, "sights"))
    trip.add_node("planner", planner(model, tools))
    trip.add_node("tools", ToolNode(tools, handle_tool_errors=True))
    trip.add_node("approve", approve)
    trip.add_node("booking", booking(model))
    trip.add_edge(START, "look_up")
    trip.add_edge("look_up", "scout_food")
    trip.add_edge("look_up", "scout_sights")
    trip.add_edge(["scout_food", "scout_sights"], "planner")
    trip.add_conditional_edges("planner", tools_condition, {"tools": "tools", END: "approve"})
    trip.add_edge("tools", "planner")
    trip.add_edge("booking", END)
    return trip.compile(checkpointer=checkpointer or InMemorySaver(), name="trip")


def booking(model: BaseChatModel) -> TripGraph:
    """The subgraph that books an approved trip and confirms it."""
    graph = StateGraph(Trip)
    graph.add_node("hold", hold)
    graph.add_node("confirm", confirm(model))
    graph.add_edge(START, "hold")
    graph.add_edge("hold", "confirm")
    graph.add_edge("confirm", END)
    return graph.compile(name="booking")


def look_up() -> Node:
    """A node that finds what the guidebook knows about the human's latest request."""
    guide = Guidebook() | RunnableLambda(join_pages)
    return RunnableLambda(latest_request) | RunnableParallel(
        request=RunnablePassthrough(), guide=guide
    )


def scout(model: BaseChatModel, prompt: str, key: str) -> Node:
    """A node that reads the guidebook and keeps the model's advice under `key`."""

    def keep_advice(text: str) -> dict[str, str]:
        # Upstream's text may be a subclass of str, which no checkpoint needs to know.
        return {key: str(text)}

    asking = ChatPromptTemplate([("system", prompt + "\n\n{guide}"), ("human", "{request}")])
    return asking | model | StrOutputParser() | RunnableLambda(keep_advice)


def planner(model: BaseChatModel, tools: Sequence[BaseTool]) -> Node:
    """A node that goes on with the conversation, with `tools` at hand."""
    asking = ChatPromptTemplate(
        [("system", PLANNER + "\n\n{food}\n{sights}"), ("placeholder", "{messages}")]
    )
    return asking | model.bind_tools(tools) | RunnableLambda(add_message)


def confirm(model: BaseChatModel) -> Node:
    """A node that shows the human the booking's number."""
    asking = ChatPromptTemplate([("system", CONFIRM + "\n\n{reference}"), ("human", "{request}")])
    return asking | model | RunnableLambda(add_message)


def approve(state: Trip) -> Command[Literal["booking", "__end__"]]:
    """Ask the human, and book only what was approved."""
    question = {"question": "Shall I book this trip?", "request": state["request"]}
    if interrupt(question)["approved"]:
        return Command(goto="booking")
    refusal = AIMessage(content="All right, nothing is booked.")
    return Command(goto="__end__", update=add_message(refusal))


def hold(state: Trip) -> dict[str, str]:  # noqa: ARG001  # every node is given the state
    """Book the trip: the one step without a model."""
    return {"reference": "BLQ-4821"}


def add_message(message: BaseMessage) -> dict[str, Any]:
    """Continue the conversation with `message`."""
    return {"messages": [message]}


def latest_request(state: Trip) -> str:
    """The last message's text; at the start of a run it is the human's."""
    return str(state["messages"][-1].content)


def join_pages(pages: list[Document]) -> str:
    """The pages as one text for a prompt."""
    return "\n".join(page.page_content for page in pages)
