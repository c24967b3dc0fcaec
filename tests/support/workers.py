"""Real uvicorn processes over one Redis, of which any can be killed at any moment.

Run as a script, this is the process they are forked from: each line it reads makes one more, and is
answered by its number and its port. Or several workers have one port, as uvicorn makes them: see
`one_port`. All responses name the process that sent them, as ``x-worker``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

LEASE = 0.6
HEARTBEAT = 0.5
PAGE = (
    '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>'
)


class Worker(NamedTuple):
    pid: int
    url: str

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)


class Workers:
    """The process that makes them."""

    def __init__(self, redis_url: str, **env: str) -> None:
        self._made: list[Worker] = []
        self._process = subprocess.Popen(
            [sys.executable, __file__, redis_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **env, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def spawn(self) -> Worker:
        """Make one; it answers."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        pid, port = self._process.stdout.readline().split()
        self._made.append(Worker(int(pid), f"http://127.0.0.1:{port}"))
        return self._made[-1]

    def close(self) -> None:
        """End them all."""
        for worker in self._made:
            with suppress(ProcessLookupError):
                worker.kill()
        self._process.kill()
        self._process.communicate()


def build_app(redis_url: str) -> Any:
    from redis.asyncio import Redis as Client
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
    from starlette.routing import Route

    from streamkit import BadRequest
    from streamkit.serve import Redis, Runs, bad_request
    from streamkit.wire import ag_ui, ai_sdk, langgraph_sse, openai_chunks, openai_responses, sse

    flags = Client.from_url(redis_url)
    wires: list[Any] = [sse, ai_sdk, ag_ui, langgraph_sse, openai_chunks, openai_responses]
    store = Redis(redis_url, lease=LEASE)
    runs = {
        wire.__name__.rpartition(".")[2]: Runs(wire, store=store, heartbeat=HEARTBEAT)
        for wire in wires
    }

    async def counting(asked: Mapping[str, str]) -> AsyncIterator[str]:
        """So many words, with no end if it ``stays``; without a number, until it is finished."""
        end = int(asked.get("number", -1))
        for n in count():
            if n == end and "stays" in asked:
                await asyncio.Event().wait()
            if n == end or (end < 0 and await flags.exists(asked["name"])):
                break
            yield f"{n} "
            await asyncio.sleep(float(asked["pace"]))

    async def finish(request: Request) -> Response:
        await flags.set(request.path_params["name"], 1, ex=60)
        return Response(status_code=204)

    def runs_of(request: Request) -> Runs:
        return runs[request.query_params.get("wire", "sse")]

    async def start(request: Request) -> Response:
        asked = request.query_params
        run = runs_of(request).start(counting(asked), name=asked.get("name"))
        return JSONResponse(await run)

    async def read(request: Request) -> Response:
        return runs_of(request).response(request.path_params["id"])

    async def resume(request: Request) -> Response:
        return runs_of(request).resume(name=request.path_params["name"])

    async def stop(request: Request) -> Response:
        await runs_of(request).stop(request.path_params["id"])
        return Response(status_code=204)

    async def ask(request: Request) -> Response:  # a chat client's question, and its answer
        asked = request.query_params
        linger = float(asked.get("linger", 60))
        id = await runs_of(request).start(counting(asked), name=asked["name"], linger=linger)
        return runs_of(request).response(id)

    async def current(request: Request) -> Response:
        return JSONResponse(await runs_of(request).current(request.path_params["name"]))

    async def stop_current(request: Request) -> Response:
        id = await runs_of(request).current(request.path_params["name"])
        if id:
            await runs_of(request).stop(id)
        return Response(status_code=204)

    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE)

    async def script(_: Request) -> Response:
        return FileResponse(os.environ["STREAMKIT_PAGE"], media_type="text/javascript")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        for it in runs.values():
            await it.aclose()
        await flags.aclose()

    routes = [
        Route("/runs", start, methods=["POST"]),
        Route("/runs/{id}", read),
        Route("/runs/{id}", stop, methods=["DELETE"]),
        Route("/chats/{name}/stream", resume),
        Route("/chats/{name}/finish", finish, methods=["POST"]),
        Route("/chats/{name}", current),
        Route("/chats/{name}", stop_current, methods=["DELETE"]),
        Route("/ask", ask, methods=["POST"]),
        Route("/", page),
        Route("/page.js", script),
    ]
    handlers: Any = {BadRequest: bad_request}
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)

    async def named(scope: Any, receive: Any, send: Any) -> None:
        async def send_named(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-worker", b"%d" % os.getpid())]
            await send(message)

        await app(scope, receive, send_named)

    return named


def app() -> Any:
    """Return the application of one of the workers that uvicorn makes."""
    return build_app(os.environ["STREAMKIT_REDIS"])


@contextmanager
def one_port(redis_url: str, page: Path) -> Iterator[str]:
    """Yield the address of two workers, which uvicorn makes and replaces."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    env = {"STREAMKIT_REDIS": redis_url, "STREAMKIT_PAGE": str(page)}
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    options = f"--factory --workers 2 --port {port} --log-level critical --ws none".split()
    uvicorn = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "workers:app", *options],
        env={**os.environ, **env, "PYTHONPATH": paths},
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        uvicorn.terminate()
        uvicorn.wait(20)


def serve(redis_url: str, listening: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(
        build_app(redis_url), log_level="critical", timeout_graceful_shutdown=1, ws="none"
    )
    uvicorn.Server(config).run([listening])


def main() -> None:
    import uvicorn  # noqa: F401  (imported once, for all)

    build_app(sys.argv[1])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while sys.stdin.readline():
        listening = socket.create_server(("127.0.0.1", 0))
        pid = os.fork()
        if pid == 0:
            serve(sys.argv[1], listening)
            os._exit(0)
        sys.stdout.write(f"{pid} {listening.getsockname()[1]}\n")
        sys.stdout.flush()
        listening.close()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
