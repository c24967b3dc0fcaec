"""The nginx configuration of ``docs/deploy.md``, as it stands there, before two workers."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("redis", reason="redis-py is not installed")

import httpx

from redis_server import RedisServer, redis_server  # noqa: F401  (a fixture)
from streamkit import Event, TextDelta
from streamkit.testing import check_stream
from streamkit.wire import sse
from workers import HEARTBEAT, Workers

pytestmark = pytest.mark.long

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
PAGE = Path(__file__).parents[2] / "docs" / "deploy.md"
TIMEOUT = 2
"""Seconds of silence after which nginx gives up here: more than `HEARTBEAT`, and than it takes until
a dead owner's lease has run out."""

AROUND = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    gzip on;
    gzip_types text/event-stream;
    {temporary}
    {documented}
}}
"""


def documented(*ports: int) -> str:
    """Return the configuration with these ports, and with less patience."""
    [text] = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names = ("127.0.0.1:8000", "127.0.0.1:8001", "listen 80;", "proxy_read_timeout 60s")
    values = (*(f"127.0.0.1:{it}" for it in ports[:2]), f"listen 127.0.0.1:{ports[2]};")
    for name, value in zip(names, (*values, f"proxy_read_timeout {TIMEOUT}s"), strict=True):
        assert name in text
        text = text.replace(name, value)
    return text


class Site:
    """Two workers behind nginx."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        self._all = Workers(redis_url)
        self.workers = [self._all.spawn(), self._all.spawn()]
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        ports = [httpx.URL(it.url).port or 0 for it in self.workers]
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        config = AROUND.format(
            folder=folder,
            temporary=" ".join(f"{it}_temp_path {folder}/{it};" for it in kinds),
            documented=documented(*ports, port),
        )
        (folder / "nginx.conf").write_text(config)
        command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]
        self._nginx = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)
        end = monotonic() + 60
        while True:
            try:
                self.client.get("/chats/none/stream")
            except httpx.TransportError:
                assert monotonic() < end, (folder / "error.log").read_text()
                sleep(0.02)
            else:
                break

    def begin(self, **params: Any) -> tuple[str, int]:
        """Start a run; return its id and the process that owns it."""
        answer = self.client.post("/runs", params=params)
        return answer.json(), int(answer.headers["x-worker"])

    def close(self) -> None:
        self.client.close()
        self._nginx.terminate()
        self._nginx.wait(10)
        self._all.close()


@pytest.fixture(scope="module")
def site(redis_server: RedisServer, tmp_path_factory: Any) -> Iterator[Site]:  # noqa: F811
    if not NGINX:
        pytest.skip("nginx is not installed")
    made = Site(redis_server.url, tmp_path_factory.mktemp("nginx"))
    yield made
    made.close()


def text_of(events: list[Event]) -> str:
    return "".join(it.text for it in events if isinstance(it, TextDelta))


def test_frames_pass_one_by_one(site):
    """Nothing is held back until a buffer is full, also for a client that takes gzip."""
    id, _ = site.begin(number=20, pace=0.05)
    times: list[float] = []
    body = b""
    with site.client.stream("GET", f"/runs/{id}", headers={"accept-encoding": "gzip"}) as answer:
        assert "content-encoding" not in answer.headers
        for piece in answer.iter_raw():
            body += piece
            times.append(monotonic())
    assert text_of(sse.Decoder().feed(body)) == "".join(f"{n} " for n in range(20))
    assert len(times) > 10
    assert times[-1] - times[0] > 0.4


def test_a_run_that_is_silent_is_not_cut_off(site):
    assert HEARTBEAT < TIMEOUT
    id, _ = site.begin(number=1, pace=1.5 * TIMEOUT)
    answer = site.client.get(f"/runs/{id}")
    events = sse.Decoder().feed(answer.content)
    check_stream(events)
    assert text_of(events) == "0 "


def test_requests_reach_both_workers(site):
    id, owner = site.begin(number=5, pace=0)
    answers = [site.client.get(f"/runs/{id}") for _ in range(6)]
    assert {int(it.headers["x-worker"]) for it in answers} == {it.pid for it in site.workers}
    assert owner in {it.pid for it in site.workers}
    assert {it.content for it in answers} == {answers[0].content}


def test_three_hundred_clients_read_at_once(site):
    """Each takes two of nginx's connections, of which a worker of its has 512 by default."""
    id, _ = site.begin(number=3, pace=1.0)

    async def read_all() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        url = site.client.base_url
        async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
            return await asyncio.gather(*(client.get(f"/runs/{id}") for _ in range(300)))

    answers = asyncio.run(read_all())
    assert {text_of(sse.Decoder().feed(it.content)) for it in answers} == {"0 1 2 "}


def test_a_client_that_leaves_is_noticed(site):
    """Its run has nobody to read it any more, so that it is stopped."""
    name = uuid4().hex
    query = {"wire": "sse", "name": name, "number": 100_000, "pace": 0.01, "linger": 0.3}
    with site.client.stream("POST", "/ask", params=query) as answer:
        next(answer.iter_raw())
        assert site.client.get(f"/chats/{name}").json()
    end = monotonic() + 60
    while site.client.get(f"/chats/{name}").json():
        assert monotonic() < end
        sleep(0.05)


def test_a_reader_of_a_worker_that_is_killed_goes_on_at_the_other(site):
    """The last test: one worker is left."""
    while True:
        id, owner = site.begin(number=100_000, pace=0.005)
        site.client.get("/chats/none/stream")  # nginx takes turns
        with site.client.stream("GET", f"/runs/{id}") as answer:
            if int(answer.headers["x-worker"]) == owner:
                body = b""
                with pytest.raises(httpx.RemoteProtocolError):
                    for piece in answer.iter_raw():
                        body += piece
                        if b'"20 "' in body:
                            next(it for it in site.workers if it.pid == owner).kill()
                break
        site.client.delete(f"/runs/{id}")
    decoder = sse.Decoder()
    events = decoder.feed(body)
    again = site.client.get(f"/runs/{id}", headers={"last-event-id": decoder.last_event_id})
    assert int(again.headers["x-worker"]) != owner
    events += sse.Decoder().feed(again.content)
    stored = sse.Decoder().feed(site.client.get(f"/runs/{id}").content)
    check_stream(stored)
    assert text_of(events).startswith(text_of(stored))  # the last words may not have been stored
    assert getattr(events[-1], "status", None) == "incomplete"
    new, _ = site.begin(number=3, pace=0)
    assert text_of(sse.Decoder().feed(site.client.get(f"/runs/{new}").content)) == "0 1 2 "
