"""A real server on the loopback for one test: uvicorn in the test's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import httpx
import uvicorn


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
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
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        await running


def other_tasks() -> set[asyncio.Task[Any]]:
    """All tasks but the one that asks."""
    return asyncio.all_tasks() - {asyncio.current_task()}
