"""A chat in the terminal, word by word, with tools, and a question before one of them runs.

    pip install 'langchain-streamkit[langgraph]' langchain
    python examples/terminal_chat.py

An empty line or Ctrl-D ends it. It runs offline: put your own model in place of `MODEL`.
"""

from contextlib import suppress

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from streamkit import Interrupt, TextDelta, ToolEnd, ToolError, ToolStart, stream
from streamkit.presets import chat
from streamkit.testing import Call, Reply, ScriptedChatModel

LOOK = Reply("Let me look.", tool_calls=(Call("find_table", {"city": "Bologna"}, "call_1"),))
BOOK = Reply(tool_calls=(Call("book", {"place": "Osteria Lina"}, "call_2"),))
MODEL = ScriptedChatModel(pace=0.02, script=[LOOK, BOOK, "Osteria Lina opens at eight."])


def find_table(city: str) -> str:
    """Find a restaurant with a free table."""
    return f"Osteria Lina in {city}"


def book(place: str) -> str:
    """Book a table."""
    return f"a table at {place} is booked"


ASK = HumanInTheLoopMiddleware(interrupt_on={"book": True})
AGENT = create_agent(MODEL, [find_table, book], middleware=[ASK], checkpointer=InMemorySaver())


def turn(given: object) -> Command | None:
    """Show one run of the agent; return the person's answer where it waits for one."""
    answer = None
    for event in stream(AGENT, given, {"configurable": {"thread_id": "1"}}, chat):
        match event:
            case TextDelta(text=text):
                print(text, end="", flush=True)
            case ToolStart(name=name, input=arguments):
                print(f"\n[{name} {arguments}", end="", flush=True)
            case ToolEnd() | ToolError():
                print(" done]" if event.type == "tool.end" else " not done]")
            case Interrupt(value={"action_requests": [action]}):
                yes = input(f"\n{action['name']} {action['args']}? (yes/no) ") == "yes"
                answer = Command(resume={"decisions": [{"type": "approve" if yes else "reject"}]})
    return answer


with suppress(EOFError):
    while question := input("\nyou: "):
        given: object = {"messages": [("human", question)]}
        while given:
            given = turn(given)
