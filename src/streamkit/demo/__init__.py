"""A small trip planner that runs offline and streams everything a LangGraph application can."""

from streamkit._extras import extra

with extra("langgraph", "streamkit.demo"):
    from streamkit.demo._graph import RESUME, build_graph, demo_input
from streamkit.testing import Call, Reply, ScriptedChatModel

__all__ = ["RESUME", "Call", "Reply", "ScriptedChatModel", "build_graph", "demo_input"]
