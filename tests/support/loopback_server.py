"""A real server on the loopback for one test: uvicorn in the test's own loop; and a line to cut."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from threading import Thread
from time import monotonic
from typing import Any

import httpx
import uvicorn


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until ``condition()`` holds, in no other task."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it never came true"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def served(app: Any, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of ``app``, which a real uvicorn serves; all of its tasks end with it."""
    config = uvicorn.Config(
        app,
        port=0,
        log_level="error",
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=2,
        **options,
    )
    server = uvicorn.Server(config)
    running = asyncio.ensure_future(server._serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        await running


class Line:
    """A line to a server, with an address of its own; `cut` breaks all connections."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets: set[socket.socket] = set()
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                self._sockets |= {client, server}
                Thread(target=self._carry, args=(client, server), daemon=True).start()
                Thread(target=self._carry, args=(server, client), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
        self._end(one, other)

    def _end(self, *ended: socket.socket) -> None:
        for it in ended:
            with suppress(OSError):
                it.shutdown(socket.SHUT_RDWR)
            it.close()
            self._sockets.discard(it)

    def cut(self) -> None:
        """Break all connections; new ones are carried."""
        self._end(*self._sockets)

    def close(self) -> None:
        """Break all connections, and carry no more."""
        self._end(self._listening, *self._sockets)


def other_tasks() -> set[asyncio.Task[Any]]:
    """All tasks but the one that asks."""
    return asyncio.all_tasks() - {asyncio.current_task()}
