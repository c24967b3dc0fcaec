"""The response: an ASGI application that sends a body, and notices when the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from typing_extensions import override

from ..wire import sse
from ._body import Body, Events, StreamBody, Wire, stopped

if TYPE_CHECKING:
    from starlette.background import BackgroundTask
    from starlette.types import Receive, Scope, Send

__all__ = ["HEARTBEAT_EVERY", "BodyResponse", "EventResponse"]

HEARTBEAT_EVERY = 15.0
"""Seconds of silence after which a heartbeat is sent: proxies cut what is silent for 30 to 60."""


class BodyResponse(Response):
    """Sends a body's pieces as they come."""

    media_type = "text/event-stream"

    def __init__(self, body: Body, wire: Wire, heartbeat: float | None) -> None:
        self._pieces = body
        self._heartbeat: bytes = getattr(wire, "HEARTBEAT", b"")
        self._patience = heartbeat if self._heartbeat else None
        self.status_code = 200
        self.background: BackgroundTask | None = None
        self.init_headers(wire.HEADERS)

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(OSError):  # from send(): the client is gone, and nobody is left to tell
            await self._send(scope, receive, send)
        if self.background:
            await self.background()

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code}
        async with self._pieces as body, _watching(receive, body.leave):
            await send({**start, "headers": self.raw_headers})
            while scope["method"] != "HEAD":
                piece = await body.take(self._patience)
                if piece is None:
                    break
                await send(_part(piece or self._heartbeat, more=True))
            await send(_part(b"", more=False))


def _part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


@asynccontextmanager
async def _watching(receive: Receive, leave: Callable[[], None]) -> AsyncGenerator[None]:
    """Call ``leave`` when the client leaves, as long as this is open."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        leave()

    task = asyncio.ensure_future(watch())
    try:
        yield
    finally:
        await stopped(task)


class EventResponse(BodyResponse):
    """Sends a stream to one client, while it runs; when the client leaves, the run is stopped.

    Whatever happens, the last event says how it ended. What is ready at once is sent at once.

    Args:
        events: what `normalize` or `astream` gave, or what they take; sync ones run in threads.
        wire: the format, such as `streamkit.wire.sse`.
        heartbeat: after how many seconds of silence to show proxies that the connection lives,
            where the format has a way to; None for never.
        status_code: the HTTP status.
        headers: more headers than those of the format.
        background: a task to run after the response.
        options: for the format's encoder, such as ``private=True``.

    Raises:
        UsageError: ``events`` is no stream.

    >>> response = EventResponse(["Hel", "lo"])
    >>> response.headers["content-type"]
    'text/event-stream'
    """

    def __init__(  # noqa: PLR0913  (as many as a Response has, and two more)
        self,
        events: Events,
        wire: Wire = sse,
        *,
        heartbeat: float | None = HEARTBEAT_EVERY,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
        **options: Any,
    ) -> None:
        super().__init__(StreamBody(events, wire, **options), wire, heartbeat)
        self.status_code = status_code
        self.headers.update(headers or {})
        self.background = background
