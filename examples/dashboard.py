"""Several agents at work at once, one row each: what it does, its words so far, its tokens.

    pip install 'langchain-streamkit[langgraph,terminal]' langchain
    python examples/dashboard.py

Three agents run in parallel, and the table changes in place. It runs offline: put your own models
in place of the scripted one.
"""

from typing import Any

from langchain.agents import create_agent
from langgraph.graph import START, MessagesState, StateGraph
from rich.live import Live
from rich.table import Table

from streamkit import Event, MessageEnd, TextDelta, ToolStart, Usage, stream
from streamkit.presets import chat
from streamkit.testing import Call, Reply, ScriptedChatModel

ANSWERS = {"food": "Eat at Osteria Lina.", "sights": "Climb the tower.", "trains": "Take the 9:05."}


def search(topic: str) -> str:
    """Search the guidebook."""
    return f"all about {topic}"


GRAPH = StateGraph(MessagesState)
for topic, answer in ANSWERS.items():
    look = Reply(tool_calls=(Call("search", {"topic": topic}, f"call_{topic}"),), usage=(40, 12))
    model = ScriptedChatModel(script=[look, Reply(answer, usage=(70, 20))], pace=0.03)
    GRAPH.add_node(topic, create_agent(model, [search], name=topic)).add_edge(START, topic)

rows: dict[str, Any] = {it: {"doing": "waiting", "text": "", "tokens": 0} for it in ANSWERS}


def table(event: Event | None = None) -> Table:
    """Return the table as it is after this event."""
    if event and (row := rows.get(event.origin.agent or "")):
        match event:
            case TextDelta(text=text):
                row |= {"doing": "writing", "text": row["text"] + text}
            case ToolStart(name=name):
                row |= {"doing": name}
            case MessageEnd(usage=Usage(total_tokens=tokens), tool_calls=calls):
                row |= {"doing": "calling" if calls else "done", "tokens": row["tokens"] + tokens}
    shown = Table("agent", "doing", "text", "tokens")
    for name, row in rows.items():
        shown.add_row(name, *map(str, row.values()))
    return shown


if __name__ == "__main__":
    with Live(table(), refresh_per_second=20) as live:
        for event in stream(GRAPH.compile(), {"messages": [("human", "Bologna?")]}, None, chat):
            live.update(table(event))
