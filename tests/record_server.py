"""Records what a real Agent Server streams: ``python tests/record_server.py``.

Each file in tests/recordings holds the SSE events of one or two runs on one thread (the second
resumes the first), a JSON object a line, packed by gzip. Of metadata, what the server says of itself is left out.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from served import agent_server

HERE = Path(__file__).parent / "recordings"

MODES = ["values", "updates", "messages-tuple", "custom", "tasks", "checkpoints", "debug"]


class Recording(NamedTuple):
    """What is asked of the server."""

    graph: str
    modes: list[str]
    resume: Any = None
    options: dict[str, Any] = {}  # noqa: RUF012


TRIP = {"approved": True}
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
    question = "Plan me two days in Bologna, Monday and Tuesday."
    inputs: list[Any] = [
        {"input": {"messages": [{"role": "user", "content": question, "id": "ask"}]}}
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


async def main() -> None:
    """Record everything."""
    from langgraph_sdk import get_client

    HERE.mkdir(exist_ok=True)
    with agent_server() as url:
        for name, recording in RECORDINGS.items():
            lines = [without_self(part) async for part in parts(get_client(url=url), recording)]
            text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
            packed = gzip.compress(text.encode(), mtime=0)
            (HERE / f"{name}.jsonl.gz").write_bytes(packed)
            print(f"{name}: {len(lines)} parts, {len(packed) / 1000:.0f} kB")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
