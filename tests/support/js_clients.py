"""The real JavaScript clients: one Node process per test module reads streams and tells us.

``tests/js`` holds the process and the clients; ``npm ci`` there installs what they need.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "js"

AI_SDK = ("ai5-first", "ai5", "ai6-first", "ai6", "ai7-first", "ai7")
"""Packages by their names in ``tests/js``: of each major the first version that we write for, and
the last that refused keys it did not know; of 7 the first and the newest."""


class ClientError(Exception):
    """What a client threw where its user would have to catch it."""


class Clients:
    """A Node process: it is told which client is to read which bytes, and tells what came of it."""

    def __init__(self, node: str) -> None:
        self._process = subprocess.Popen(
            [node, "main.mjs"],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.requests: list[dict[str, Any]] = []
        """What the last client sent: url, method and body."""

    def read(self, client: str, *bodies: bytes, **options: Any) -> Any:
        """Give what ``clients/CLIENT.mjs`` makes of the bodies that answer its requests.

        ``options`` go to the client; ``headers``, ``status`` and ``cut`` (how many bytes come at
        once) make the response. Raises `ClientError` where the client throws.
        """
        order = {
            "client": client,
            "bodies": [b64encode(body).decode() for body in bodies],
            "options": options,
        }
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps(order).encode() + b"\n")
        stdin.flush()
        answer = json.loads(stdout.readline())
        self.requests = answer["requests"]
        if "error" in answer:
            raise ClientError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    """The module's Node process; a skip where there is no Node, or no ``npm ci`` was run."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (FOLDER / "node_modules").is_dir():
        pytest.skip("the JavaScript clients are not installed; run: npm ci --prefix tests/js")
    running = Clients(node)
    yield running
    running.close()


class Reader:
    """A version of the AI SDK."""

    def __init__(self, clients: Clients, package: str) -> None:
        self._clients, self._package = clients, package
        self.major: Any = int(package[2])

    def read(self, *bodies: bytes, **options: Any) -> Any:
        """Give what the chat then shows, and how it ended: see ``clients/ai_sdk.mjs``."""
        return self._clients.read("ai_sdk", *bodies, package=self._package, **options)

    @property
    def requests(self) -> list[Any]:
        """The bodies that the client sent."""
        return [request["body"] for request in self._clients.requests]


@pytest.fixture(params=AI_SDK)
def reader(request: pytest.FixtureRequest, clients: Clients) -> Reader:
    """Each version of the AI SDK."""
    return Reader(clients, request.param)
