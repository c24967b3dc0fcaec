"""The response: an ASGI application that sends a body, and notices when the client leaves.

Laws of this module:

1. Whatever ends a response, its last frame is its format's own end, or its one document says how it
   ended: also where the server that shuts down cancels it. Then the end of an async stream is sent
   without waiting for anything, before the graph is stopped: uvicorn (0.54) ends the process in the
   next but one turn of the loop. Others end within `FAREWELL` seconds, if the graph stops in time.
2. A request for the headers alone reads nothing from the source.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

from anyio import move_on_after
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from ..errors import UsageError
from ..wire import sse
from ..wire._plain_json import dumps
from ._bodies import Body, Events, StreamBody, Wire, headers_of, stopped

HEARTBEAT_EVERY = 15.0
"""Seconds of silence before a heartbeat: proxies close silent connections after 30 to 60."""

FAREWELL = 3.0
"""Seconds in which a cancelled response may send its last frames."""

Document: TypeAlias = Callable[[bytes], tuple[int, Any]]
"""A function from all frames of a format to the HTTP status and the document they amount to."""

_WITHOUT_BODY = {"HEAD", "OPTIONS"}


class BodyResponse(Response):
    """A response that sends a body's pieces as they come."""

    media_type = "text/event-stream"

    def __init__(
        self, wire: Wire, heartbeat: float | None, document: Document | None = None
    ) -> None:
        self._heartbeat: bytes = b"" if document else getattr(wire, "HEARTBEAT", b"")
        self._patience = heartbeat if self._heartbeat else None
        self._document = document
        self._kept: list[bytes] = []
        self.status_code: int = 200
        self.background: BackgroundTask | None = None
        # `Response.__init__` would render a body, and send its length.
        self.init_headers(headers_of(wire))
        if document:
            self.headers["content-type"] = "application/json"

    async def send_body(self, body: Body, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; where the request is for the headers alone, without reading it."""
        with suppress(OSError):  # from send(): the client has disconnected
            # Starlette answers HEAD with the route of GET: the graph would run for nobody.
            if scope["method"] in _WITHOUT_BODY:
                await body.discard()
                await send(self._start())
                await send(_part(b"", more=False))
            else:
                await self._send(body, receive, send)
        if self.background:
            await self.background()

    def _start(self) -> dict[str, Any]:
        status, headers = self.status_code, self.raw_headers
        return {"type": "http.response.start", "status": status, "headers": headers}

    async def _send(self, body: Body, receive: Receive, send: Send) -> None:
        async with body, _watching(receive, body.leave):
            try:
                if not self._document:
                    await send(self._start())
                await self._send_pieces(body, send)
            except asyncio.CancelledError:
                # uvicorn still sends after it has cancelled; other servers raise an error then.
                with suppress(Exception), move_on_after(FAREWELL, shield=True):
                    await body.stop()
                    await self._send_pieces(body, send)
                raise

    async def _send_pieces(self, body: Body, send: Send) -> None:
        while (piece := await body.take(self._patience)) is not None:
            if self._document:
                self._kept.append(piece)
            else:
                await send(_part(piece or self._heartbeat, more=True))
        whole = b""
        if self._document:
            self.status_code, data = self._document(b"".join(self._kept))
            whole = dumps(data, private=True)
            await send(self._start())
        await send(_part(whole, more=False))


def _part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


@asynccontextmanager
async def _watching(receive: Receive, leave: Callable[[], None]) -> AsyncGenerator[None]:
    """Call ``leave`` when the client leaves, as long as this is open."""

    async def watch() -> None:
        # ASGI reports a client that left to who receives, and to nobody else.
        while (await receive())["type"] != "http.disconnect":
            pass
        leave()

    task = asyncio.ensure_future(watch())
    try:
        yield
    finally:
        await stopped(task)


def document_of(wire: Wire) -> Document:
    """Return what makes one document of a format's frames.

    Raises:
        UsageError: the format has none.
    """
    document: Document | None = getattr(wire, "document", None)
    if document is None:
        raise UsageError("the format has no `document`; leave stream=False out")
    return document


class EventResponse(BodyResponse):
    """A response that sends a stream to one client; when the client leaves, the run is stopped.

    In every case the last event has the status of the end. Pieces that are ready are sent together.

    Args:
        events: what `normalize` or `astream` returned, or what they take; sync ones run in threads.
        wire: the format, such as `streamkit.wire.sse`.
        stream: False sends one JSON document at the end instead, where the format has a `document`;
            by default as the ``request`` among the options asks for it.
        heartbeat: after how many seconds of silence to show proxies that the connection is alive,
            where the format has a way to; None for never.
        status_code: the HTTP status.
        headers: more headers than those of the format.
        background: a task to run after the response.
        options: for the format's encoder, such as ``private=True``.

    Raises:
        UsageError: ``events`` is no stream, or the format has no `document`.

    >>> response = EventResponse(["Hel", "lo"])
    >>> response.headers["content-type"]
    'text/event-stream'
    """

    def __init__(  # noqa: PLR0913  (as many as a Response has, and two more)
        self,
        events: Events,
        wire: Wire = sse,
        *,
        stream: bool | None = None,
        heartbeat: float | None = HEARTBEAT_EVERY,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
        **options: Any,
    ) -> None:
        asked: bool = getattr(options.get("request"), "stream", True)
        is_whole = not (asked if stream is None else stream)
        super().__init__(wire, heartbeat, document_of(wire) if is_whole else None)
        self._body = StreamBody(events, wire, **options)
        self.status_code = status_code
        self.headers.update(headers or {})
        self.background = background

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.send_body(self._body, scope, receive, send)
