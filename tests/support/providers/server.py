"""A loopback provider: one scripted `Body` per request, every request recorded.

    with ProviderServer([Body(data)]) as server:
        list(chat_openai(server).stream("hi"))
    server.requests[0].json["model"]

Bodies are played in order; those given a path serve that path only and go first.
A client may leave in the middle of a body: that is recorded (`Received.outcome`), not printed.
A fault of the server's own is raised when the `with` block ends.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import socketserver
import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

SSE = "text/event-stream"
AWS = "application/vnd.amazon.eventstream"
STALL = 10  # seconds after which a peer that neither reads nor writes is given up

Outcome = Literal["waiting", "sent", "cut", "left"]


@dataclass(frozen=True)
class Body:
    """One HTTP reply.

    Without `splits` an event stream is sent one event per write; with them, the write
    boundaries are exactly these byte offsets.
    """

    data: bytes
    status: int = 200
    content_type: str = SSE
    headers: tuple[tuple[str, str], ...] = ()
    splits: tuple[int, ...] | None = None
    pause: float = 0.0  # seconds between two writes
    cut_after: int | None = None  # the connection drops after so many bytes

    @classmethod
    def error(cls, status: int, message: str, *, kind: str = "test_error") -> Self:
        """The providers' JSON error, in the shape both OpenAI and Anthropic use."""
        told = {"type": "error", "error": {"type": kind, "code": kind, "message": message}}
        # The clients take "retry-after: 0" for no advice and back off; a millisecond they obey.
        wait = (("retry-after", "0"), ("retry-after-ms", "1")) if status == 429 else ()
        return cls(json.dumps(told).encode(), status, "application/json", wait)

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """A recorded body: `.eventstream` is AWS's binary framing, anything else SSE."""
        path = Path(path)
        return cls(path.read_bytes(), content_type=AWS if path.suffix == ".eventstream" else SSE)

    def at(self, *splits: int) -> Self:
        """The same body, written in pieces that end at these offsets."""
        return replace(self, splits=splits)

    def shuffled(self, seed: int, pieces: int = 20) -> Self:
        """The same body in randomly cut pieces, in the middle of a character too."""
        offsets = range(1, max(len(self.data), 2))
        some = random.Random(seed).sample(offsets, min(pieces - 1, len(offsets)))  # noqa: S311
        return self.at(*sorted(some))

    def slow(self, pause: float) -> Self:
        return replace(self, pause=pause)

    def cut(self, after: int) -> Self:
        """The same body, the connection dropped after so many bytes of it."""
        return replace(self, cut_after=after)

    def pieces(self) -> Iterator[bytes]:
        """The writes, in order; together they are `data` (up to the cut)."""
        data = self.data[: self.cut_after]
        ends = self._event_ends() if self.splits is None else self.splits
        start = 0
        for end in (*ends, len(data)):
            if piece := data[start:end]:
                yield piece
            start = max(start, end)

    def _event_ends(self) -> tuple[int, ...]:
        if self.content_type != SSE:
            return ()
        return tuple(found.end() for found in re.finditer(rb"\r?\n\r?\n", self.data))


@dataclass
class Received:
    """One request, and how its reply went."""

    method: str
    path: str
    headers: dict[str, str]
    json: Any
    outcome: Outcome = "waiting"
    done: threading.Event = field(default_factory=threading.Event)


class ProviderServer:
    """Serves bodies on 127.0.0.1 while the `with` block lasts."""

    def __init__(self, bodies: Iterable[Body] = ()) -> None:
        self.requests: list[Received] = []
        self.faults: list[BaseException] = []
        self.closing = threading.Event()
        self._bodies: dict[str | None, deque[Body]] = defaultdict(deque)
        self._lock = threading.Lock()
        self.play(*bodies)

    def play(self, *bodies: Body, path: str | None = None) -> None:
        """Queue bodies for the next requests, or for the next ones of `path`."""
        self._bodies[path].extend(bodies)

    def reset(self) -> None:
        """Forget what was played and received, once the replies under way are over.

        A server kept over many tests saves the clients a TLS set-up each: they cache it by url.
        """
        for received in self.requests:
            received.done.wait(STALL)
        self.requests.clear()
        self._bodies.clear()

    @property
    def url(self) -> str:
        host, port = self._listener.server_address[:2]
        return f"http://{host}:{port}"

    def __enter__(self) -> Self:
        self._listener = _Listener(self)
        # The default poll of half a second would be half a second per test.
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.closing.set()
        self._listener.shutdown()
        self._listener.server_close()  # joins the threads that still serve
        self._thread.join()
        if self.faults and error is None:
            raise self.faults[0]

    def next_body(self, received: Received) -> Body:
        """Record the request and take its reply."""
        path = received.path.partition("?")[0]
        with self._lock:
            self.requests.append(received)
            queue = self._bodies.get(path) or self._bodies[None]
            return queue.popleft() if queue else Body.error(500, f"no body left for {path}")


class _Listener(socketserver.ThreadingTCPServer):
    # Not http.server.HTTPServer: that one looks its own name up in the DNS.
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, server: ProviderServer) -> None:
        self.provider = server
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing to print: `_Handler.handle` kept what matters."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = STALL
    server: _Listener

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            pass  # the client left before it had sent a request
        except Exception as fault:
            self.server.provider.faults.append(fault)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        received = Received(
            self.command, self.path, dict(self.headers), json.loads(raw) if raw else None
        )
        body = self.server.provider.next_body(received)
        try:
            received.outcome = self._reply(body)
        except (ConnectionError, TimeoutError):
            received.outcome = "left"
        finally:
            self.close_connection = True
            received.done.set()

    do_GET = do_POST  # noqa: N815

    def _reply(self, body: Body) -> Outcome:
        self.send_response(body.status)
        self.send_header("content-type", body.content_type)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("connection", "close")
        for name, value in body.headers:
            self.send_header(name, value)
        self.end_headers()
        for nth, piece in enumerate(body.pieces()):
            if nth and body.pause and self.server.provider.closing.wait(body.pause):
                return "left"
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if body.cut_after is not None:
            return "cut"  # no last chunk: the client learns that the body is incomplete
        self.wfile.write(b"0\r\n\r\n")
        return "sent"

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""
