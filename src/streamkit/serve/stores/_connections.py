"""The connections of a process to its Redis server, each shared by all of its runs.

`Changes` listens: nothing is written on that connection but subscriptions. `Batches` writes: the
commands of all runs that come during one round trip go together with the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, TypeAlias

import msgspec

from .._bodies import insistently_stopped, log
from . import Part

HEALTH_CHECK_EVERY = 10.0
"""Seconds of silence after which the connection that follows is tried."""

RETRY_EVERY = 0.2
"""Seconds between two attempts to reach a server that is unavailable."""


SEND_EVERY = 0.005
"""Seconds between two pipelines at least."""


class Batches:
    """Commands that are sent in pipelines, one pipeline at a time.

    A pipeline costs redis-py and the kernel several times what a command in it does. So what all
    runs append within `SEND_EVERY` goes together; after a longer silence it goes at once.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._waiting: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._sending: asyncio.Task[None] | None = None
        self._sent_at = 0.0

    async def execute(self, *command: Any) -> Any:
        """Return the answer to a command, or raise what the client or the server raised."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if not self._sending:
            self._sending = asyncio.ensure_future(self._send())
        return await answer

    async def _send(self) -> None:
        try:
            while self._waiting:
                # A sleep of less than nothing is one turn of the loop.
                await asyncio.sleep(self._sent_at + SEND_EVERY - monotonic())
                self._sent_at = monotonic()
                batch, self._waiting = self._waiting, []
                answers = await self._answers([command for command, _ in batch])
                for (_, waiting), answer in zip(batch, answers, strict=True):
                    if waiting.done():  # its run was cancelled
                        continue
                    if isinstance(answer, Exception):
                        waiting.set_exception(answer)
                    else:
                        waiting.set_result(answer)
        finally:
            self._sending = None

    async def _answers(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        try:
            async with self._client.pipeline(transaction=False) as pipe:
                for command in commands:
                    pipe.execute_command(*command)
                # One command's error would otherwise be raised for those of all other runs.
                answers: list[Any] = await pipe.execute(raise_on_error=False)
        except Exception as error:  # noqa: BLE001  (an engine raises its own)
            return [error] * len(commands)
        return answers


Inbox: TypeAlias = asyncio.Queue[Part | None]
"""The parts of one run that were published; None says that something is there to be read."""


class Changes:
    """The one connection of a process for changes of its own runs and of those it follows."""

    def __init__(self, client: Any, process: str, stop: Callable[[str], object]) -> None:
        self._client = client
        self._process = process.encode()
        self._stop = stop
        self._inboxes: dict[bytes, set[Inbox]] = {}
        self._pubsub: Any = None
        self._task: asyncio.Task[None] | None = None
        self.connections = 0
        """The number of connections so far: the server may have been away before each."""

    async def listen(self) -> None:
        """Start listening, unless it has started."""
        if not self._task:
            self._task = asyncio.ensure_future(self._run())

    @asynccontextmanager
    async def of(self, channel: str) -> AsyncGenerator[Inbox]:
        """Yield the inbox of a run's published parts, while this context is open."""
        key, inbox = channel.encode(), Inbox()
        await self.listen()
        known = self._inboxes.setdefault(key, set())
        known.add(inbox)
        if len(known) == 1:
            await self._subscribe("subscribe", key)
        try:
            yield inbox
        finally:
            known.discard(inbox)
            if not known:
                self._inboxes.pop(key, None)
                await self._subscribe("unsubscribe", key)

    async def _subscribe(self, what: str, channel: bytes) -> None:
        """Change the subscriptions; if the connection is lost, the next one has them all."""
        if self._pubsub and self._pubsub.subscribed:
            with suppress(Exception):
                await getattr(self._pubsub, what)(channel)

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001  (an engine raises its own)
                log.debug("the connection for changes of runs is lost: %r", error)
                self._pubsub = None
                await asyncio.sleep(RETRY_EVERY)

    async def _listen(self) -> None:
        async with self._client.pubsub() as pubsub:
            await pubsub.subscribe(self._process)
            known: set[bytes] = set()
            while missing := self._inboxes.keys() - known:  # more may come meanwhile
                await pubsub.subscribe(*missing)
                known |= missing
            self._pubsub = pubsub
            self.connections += 1
            while True:
                # A pull of the pub/sub connection is also what sends redis-py's health check.
                message = await pubsub.get_message(timeout=HEALTH_CHECK_EVERY)
                if message:  # pragma: no branch  (CPython 3.11 does not trace it after a timeout)
                    self._deliver(message["type"], message["channel"], message["data"])

    def _deliver(self, kind: str, channel: bytes, data: Any) -> None:
        if kind == "message" and channel == self._process:
            self._stop(data.decode())
            return
        # What was published before a subscription is in the stream.
        is_part = kind == "message" and data
        for inbox in self._inboxes.get(channel, ()):
            inbox.put_nowait(msgspec.msgpack.decode(data, type=Part) if is_part else None)

    async def aclose(self) -> None:
        """Close the connection."""
        task, self._task, self._pubsub = self._task, None, None
        if task:
            await insistently_stopped(task)
