"""Streams as responses of Starlette and FastAPI, or of any other ASGI server.

    @app.post("/chat")
    async def chat(ask: Ask) -> EventResponse:
        return EventResponse(astream(graph, {"messages": [("human", ask.text)]}))

The graph runs while the client reads, and stops when it leaves. `Runs` are for runs that are to go
on without their clients. Needs ``pip install 'langchain-streamkit[serve]'``.
"""

from importlib.util import find_spec

if not find_spec("starlette"):
    raise ImportError("streamkit.serve needs starlette; pip install 'langchain-streamkit[serve]'")

from ._body import Wire
from ._requests import bad_request, read_body, read_json
from ._responses import EventResponse
from ._runs import Runs

__all__ = ["EventResponse", "Runs", "Wire", "bad_request", "read_body", "read_json"]
