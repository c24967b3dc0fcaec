"""A chat window: the demo graph behind FastAPI, and one HTML page in front of it.

    pip install 'langchain-streamkit[demo,serve]' fastapi uvicorn
    python examples/chat/app.py

Then open http://127.0.0.1:8000. It runs offline, on the scripted model of `streamkit.demo`. For a
graph of your own, change `build_graph` and what `run` makes of a request.

With ``--redis redis://localhost``, a second one with ``--port 8001`` shows the runs of the first.
"""

from argparse import ArgumentParser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from langgraph.types import Command
from msgspec import Meta, Struct

from streamkit import BadRequest, astream
from streamkit.demo import build_graph
from streamkit.presets import ui
from streamkit.serve import Memory, Redis, Runs, Store, bad_request, read_json

PAGE = Path(__file__).with_name("index.html")
POLICY = {
    "content-security-policy": "default-src 'none'; connect-src 'self'; img-src data:; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
}

MAX_BYTES = 100_000

Thread = Annotated[str, Meta(pattern=r"^[0-9a-f-]{36}$")]


class Message(Struct):
    """What the user says."""

    thread: Thread
    text: Annotated[str, Meta(min_length=1, max_length=4000)]


class Answer(Struct):
    """What the user says to an interrupt."""

    thread: Thread
    approved: bool


def build_app(pace: float = 0.05, store: Store | None = None) -> FastAPI:
    """Return the application, with so many seconds between two tokens of the scripted model."""
    graph = build_graph(pace=pace)
    runs = Runs(store=store or Memory())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await runs.aclose()

    app = FastAPI(openapi_url=None, lifespan=lifespan)
    app.add_exception_handler(BadRequest, bad_request)

    async def run(thread: str, given: object) -> dict[str, str]:
        config: Any = {"configurable": {"thread_id": thread}}
        events = astream(graph, given, config, on_error="event").pipe(ui)
        return {"run": await runs.start(events, name=thread)}

    @app.get("/")
    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE.read_text(encoding="utf-8"), headers=POLICY)

    @app.post("/messages")
    async def say(request: Request) -> dict[str, str]:
        message = await read_json(request, Message, max_bytes=MAX_BYTES)
        return await run(message.thread, {"messages": [("human", message.text)]})

    @app.post("/answers")
    async def answer(request: Request) -> dict[str, str]:
        given = await read_json(request, Answer, max_bytes=MAX_BYTES)
        return await run(given.thread, Command(resume={"approved": given.approved}))

    @app.get("/runs/{id}")
    async def read(id: str) -> Response:
        return runs.response(id)

    @app.delete("/runs/{id}", status_code=204)
    async def stop(id: str) -> None:
        await runs.stop(id)

    return app


if __name__ == "__main__":
    parser = ArgumentParser(description="A chat window.")
    parser.add_argument("--redis", help="keep runs in this server, such as redis://localhost")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args()
    made = build_app(store=Redis(given.redis) if given.redis else None)
    uvicorn.run(made, port=given.port, timeout_graceful_shutdown=1)
