"""Streams as responses of Starlette and FastAPI, or of any other ASGI server.

    @app.post("/chat")
    async def chat(ask: Ask) -> EventResponse:
        return EventResponse(astream(graph, {"messages": [("human", ask.text)]}))

The graph runs while the client reads, and stops when it leaves. `Runs` are for runs that are to go
on without their clients. Needs ``pip install 'langchain-streamkit[serve]'``.
"""

from .._extras import extra
from ..wire.replay import Part

with extra("serve", "streamkit.serve"):
    from ._agent_protocol import agent_protocol_routes
    from ._local import NameTaken
    from ._responses import EventResponse
    from .requests import bad_request, read_body, read_json
    from .runs import Runs
    from .stores import Found, RunInfo, Store
    from .stores.memory import Memory
    from .stores.redis import Redis

__all__ = [
    "EventResponse",
    "Found",
    "Memory",
    "NameTaken",
    "Part",
    "Redis",
    "RunInfo",
    "Runs",
    "Store",
    "agent_protocol_routes",
    "bad_request",
    "read_body",
    "read_json",
]
