"""A small trip planner that runs offline and streams everything a LangGraph application can.

`graph`, `inputs`, `config` and `model` are ready to use, for programs of a few lines:

    for event in stream(graph, inputs, config): ...
"""

from typing import Any

from langchain_core.runnables import RunnableConfig

from streamkit._extras import extra

with extra("langgraph", "streamkit.demo"):
    from streamkit.demo._graph import RESUME, build_graph, demo_input
from streamkit.testing import Call, Reply, ScriptedChatModel

__all__ = [
    "RESUME",
    "Call",
    "Reply",
    "ScriptedChatModel",
    "build_graph",
    "config",
    "demo_input",
    "graph",
    "inputs",
    "model",
]

graph: Any = build_graph(pace=0)
"""The trip planner, without pauses."""
inputs: dict[str, Any] = demo_input()
"""The request that starts a run of `graph`."""
config: RunnableConfig = {"configurable": {"thread_id": "1"}}
"""The thread of the conversation."""
model: ScriptedChatModel = ScriptedChatModel(script=[Reply("Hello there, friend.", usage=(3, 4))])
"""A chat model that greets."""
