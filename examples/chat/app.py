"""A chat window: the demo graph behind FastAPI, and a page in front of it.

    pip install 'langchain-streamkit[demo,serve]' fastapi uvicorn
    python examples/chat/app.py

Then open http://127.0.0.1:8000. It runs offline, on the scripted model of `streamkit.demo`. For a
graph of your own, pass it to `build_app`, and change `Answer` to what its interrupts ask for.

By default conversations and runs are in the memory of this process. ``--threads chat.db`` keeps the
conversations in a file (`pip install langgraph-checkpoint-sqlite`), and ``--redis
redis://localhost`` the runs in a server; then a second process with ``--port 8001`` shows the same.
"""

import asyncio
import logging
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from langchain_core.messages import HumanMessage, RemoveMessage
from langgraph.types import Command
from msgspec import Meta, Struct

from streamkit import BadRequest, astream, normalize
from streamkit.demo import build_graph
from streamkit.presets import ui
from streamkit.serve import Memory, Redis, Runs, Store, bad_request, read_json
from streamkit.wire import to_dict

HERE = Path(__file__).parent
MAX_BYTES = 100_000


class Question(Struct):
    """A question of the user; one with the id of an earlier question takes its place."""

    id: Annotated[str, Meta(min_length=1, max_length=40)]
    text: Annotated[str, Meta(min_length=1, max_length=4000)]


class Answer(Struct):
    """The user's answer to an interrupt."""

    approved: bool


def build_app(graph: Any, store: Store | None = None) -> FastAPI:
    """Return the application: a graph with a checkpointer, and where its runs are kept."""
    runs = Runs(store=store or Memory())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await runs.aclose()

    app = FastAPI(openapi_url=None, lifespan=lifespan)
    app.state.runs = runs
    app.add_exception_handler(BadRequest, bad_request)

    def config_of(thread: str) -> Any:
        return {"configurable": {"thread_id": thread}}

    async def start(thread: str, given: object) -> dict[str, str]:
        events = astream(graph, given, config_of(thread), on_error="event").pipe(ui)
        return {"run": await runs.start(events, name=thread)}

    @app.get("/threads/{thread}")
    async def history(thread: str) -> dict[str, Any]:
        """Return the conversation so far, as the events of a run, and the run that is going on."""
        state = await graph.aget_state(config_of(thread))
        messages: list[Any] = state.values.get("messages", [])
        said = [to_dict(event) for event in normalize(messages)]
        asked = [it.value for task in state.tasks for it in task.interrupts]
        return {"events": said, "interrupts": asked, "run": await runs.current(thread)}

    @app.post("/threads/{thread}/questions")
    async def ask(thread: str, request: Request) -> dict[str, str]:
        question = await read_json(request, Question, max_bytes=MAX_BYTES)
        state = await graph.aget_state(config_of(thread))
        known = [message.id for message in state.values.get("messages", [])]
        behind = known[known.index(question.id) + 1 :] if question.id in known else []
        message = HumanMessage(question.text, id=question.id)
        return await start(thread, {"messages": [*(RemoveMessage(id) for id in behind), message]})

    @app.post("/threads/{thread}/answers")
    async def answer(thread: str, request: Request) -> dict[str, str]:
        given = await read_json(request, Answer, max_bytes=MAX_BYTES)
        return await start(thread, Command(resume={"approved": given.approved}))

    @app.get("/runs/{id}")
    async def read(id: str) -> Response:
        return runs.response(id)

    @app.delete("/runs/{id}", status_code=204)
    async def stop(id: str) -> None:
        await runs.stop(id)

    app.mount("/vendor", StaticFiles(directory=HERE / "vendor"))
    app.mount("/", StaticFiles(directory=HERE / "page", html=True))
    return app


class Server(uvicorn.Server):
    """A server that ends its runs first, so that it need not wait for the pages that read them."""

    async def shutdown(self, sockets: Any = None) -> None:
        """Close all connections."""
        app: Any = self.config.app
        await app.state.runs.aclose()
        await super().shutdown(sockets)


async def serve(given: Namespace) -> None:
    """Serve the demo graph until Ctrl-C."""
    async with AsyncExitStack() as stack:
        threads = None
        if given.threads:
            from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # noqa: PLC0415

            threads = await stack.enter_async_context(
                AsyncSqliteSaver.from_conn_string(given.threads)
            )
        app = build_app(
            build_graph(pace=0.05, checkpointer=threads),
            Redis(given.redis) if given.redis else None,
        )
        config = uvicorn.Config(app, port=given.port, timeout_graceful_shutdown=1)
        await Server(config).serve()


if __name__ == "__main__":
    parser = ArgumentParser(description="A chat window.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--redis", help="keep runs in this server, such as redis://localhost")
    parser.add_argument("--threads", help="keep conversations in this file")
    logging.basicConfig()  # the console shows the runs that fail
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args()))
