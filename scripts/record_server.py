"""Records what real Agent Servers stream: ``python scripts/record_server.py [part of a name ...]``.

Each file in tests/recordings holds the SSE events of one or two runs on one thread (the second
resumes the first), a JSON object a line, packed by gzip. Of metadata, what the server says of
itself is left out.

``STREAMKIT_AGENT_SERVER`` names a Python with the server, ``STREAMKIT_NEXT_AGENT_SERVER`` one with
its next release, for the recordings of version 3 that are called ``next``.
"""

import asyncio
import gzip
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from agent_server import PYTHON, agent_server

HERE = Path(__file__).parents[1] / "tests" / "recordings"

MODES = ["values", "updates", "messages-tuple", "custom", "tasks", "checkpoints", "debug"]


class Recording(NamedTuple):
    """What is asked of the server."""

    graph: str
    modes: list[str]
    resume: Any = None
    options: dict[str, Any] = {}  # noqa: RUF012


TRIP = {"approved": True}
QUESTION = "Plan me two days in Bologna, Monday and Tuesday."
RECORDINGS = {
    "trip-messages": Recording("trip", ["messages"], TRIP),
    "trip-tuples": Recording("trip", ["messages-tuple", "updates", "custom"], TRIP),
    "trip-modes": Recording("trip", MODES, TRIP),
    "trip-events": Recording("trip", ["events"], TRIP),
    "trip-everything": Recording("trip", ["events", "messages", *MODES[:2], *MODES[3:6]], TRIP),
    "trip-v2": Recording("trip", ["messages-tuple", "updates", "values"], TRIP, {"version": "v2"}),
    "asking-modes": Recording("asking", ["messages", "updates", "tasks"], "yes"),
    "asking-events": Recording("asking", ["events", "updates"], "yes"),
    "asking-breakpoint": Recording(
        "asking", ["updates"], None, {"interrupt_before": ["tools"], "stream_resumable": True}
    ),
    "broken-updates": Recording("broken", ["updates", "messages"]),
    "broken-events": Recording("broken", ["events", "values"]),
    "broken-tasks": Recording("broken", ["tasks", "messages-tuple"]),
}
SELF = ("assistant_id", "created_by", "graph_id", "run_attempt", "user_id", "langgraph_host")
SELF += ("langgraph_plan", "langgraph_version", "langgraph_request_id", "__after_seconds__")
SELF += ("__request_start_time_ms__",)


async def parts(client: Any, recording: Recording) -> AsyncIterator[Any]:
    """What the SDK yields."""
    inputs: list[Any] = [
        {"input": {"messages": [{"role": "user", "content": QUESTION, "id": "ask"}]}}
    ]
    if recording.resume:
        inputs.append({"command": {"resume": recording.resume}})
    thread = (await client.threads.create())["thread_id"]
    for given in inputs:
        options = {"stream_mode": recording.modes, "stream_subgraphs": True, **recording.options}
        async for part in client.runs.stream(thread, recording.graph, **options, **given):
            yield part if isinstance(part, dict) else part._asdict()


def without_self(value: Any) -> Any:
    """Leave out what the server says of itself."""
    if isinstance(value, list):
        return [without_self(it) for it in value]
    if isinstance(value, dict):
        kept = {name: it for name, it in value.items() if name not in SELF}
        return {
            name: without_self(it)
            for name, it in kept.items()
            if not name.startswith(("langgraph_api", "langgraph_auth"))
        }
    return value


# --- version 3

CHANNELS = ["values", "updates", "messages", "tools", "custom", "lifecycle", "input", "tasks"]
CHANNELS += ["checkpoints"]


class Version3(NamedTuple):
    """A graph, the channels subscribed to, and the modes of a classic run, if it is one."""

    graph: str
    channels: list[str] = CHANNELS
    resume: Any = None
    classic: list[str] = []  # noqa: RUF012


TOWN = {
    "town": Version3("town"),
    "full": Version3("full_town"),
    "full-without-tools": Version3("full_town", [it for it in CHANNELS if it != "tools"]),
    "trip": Version3("trip", resume=TRIP),
    "asking": Version3("asking", resume="yes"),
    "breaking": Version3("breaking"),
    "classic": Version3("town", classic=["values", "updates", "messages", "custom"]),
}


def protocol_events(url: str, asked: Version3) -> Iterator[dict[str, Any]]:
    """What is sent of a thread: each run up to the last word of its outermost graph."""
    with httpx.Client(base_url=url, timeout=60) as client:
        thread = "/threads/" + client.post("/threads", json={}).json()["thread_id"]
        given = {"messages": [{"role": "user", "content": QUESTION, "id": "ask"}]}
        params: dict[str, Any] = {"assistant_id": asked.graph, "input": given}
        if asked.classic:
            client.post(f"{thread}/runs", json={**params, "stream_mode": asked.classic})
            yield from _run_of(client, thread, asked.channels, 0)
            return
        command = {"id": 1, "method": "run.start", "params": params}
        client.post(f"{thread}/commands", json=command).raise_for_status()
        question: Any = None
        for event in _run_of(client, thread, asked.channels, 0):
            yield event
            question = event if event["method"] == "input.requested" else question
        if asked.resume:
            pause = question["params"]["data"]["interrupt_id"]
            answer = {"interrupt_id": pause, "response": asked.resume, "namespace": []}
            command = {"id": 2, "method": "input.respond", "params": answer}
            client.post(f"{thread}/commands", json=command).raise_for_status()
            yield from _run_of(client, thread, asked.channels, event["seq"])


def _run_of(client: Any, thread: str, channels: list[str], since: int) -> Iterator[dict[str, Any]]:
    body = {"channels": channels, "since": since}
    with client.stream("POST", f"{thread}/stream/events", json=body) as response:
        for line in response.iter_lines():
            if not line.startswith("data:"):
                continue
            event = json.loads(line.removeprefix("data:"))
            yield event
            params = event["params"]
            is_outermost = event["method"] == "lifecycle" and not params["namespace"]
            if is_outermost and params["data"]["event"] != "running":
                return


# --- files


def save(name: str, lines: list[Any]) -> None:
    """Write a recording."""
    text = "".join(f"{json.dumps(without_self(line), ensure_ascii=False)}\n" for line in lines)
    packed = gzip.compress(text.encode(), mtime=0)
    (HERE / f"{name}.jsonl.gz").write_bytes(packed)
    print(f"{name}: {len(lines)} parts, {len(packed) / 1000:.0f} kB")


async def record_classic(wanted: Callable[[str], bool]) -> None:
    """Record the runs that the SDK starts."""
    from langgraph_sdk import get_client

    with agent_server() as url:
        for name, recording in RECORDINGS.items():
            if wanted(name):
                save(name, [part async for part in parts(get_client(url=url), recording)])


def record_version_3(wanted: Callable[[str], bool], prefix: str, python: str | None) -> None:
    """Record runs read as threads are."""
    with agent_server(python) as url:
        for name, asked in TOWN.items():
            if wanted(f"{prefix}-{name}"):
                save(f"{prefix}-{name}", list(protocol_events(url, asked)))


def main() -> None:
    """Record everything, or what is asked for."""

    def wanted(name: str) -> bool:
        return not sys.argv[1:] or any(part in name for part in sys.argv[1:])

    HERE.mkdir(exist_ok=True)
    if any(map(wanted, RECORDINGS)):
        asyncio.run(record_classic(wanted))
    record_version_3(wanted, "v3", PYTHON)
    record_version_3(wanted, "v3-next", os.environ["STREAMKIT_NEXT_AGENT_SERVER"])


if __name__ == "__main__":
    main()
