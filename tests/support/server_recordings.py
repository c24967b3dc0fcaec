"""What a real Agent Server streamed, as `record_server` wrote it down."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

RECORDINGS = Path(__file__).parents[1] / "recordings"
_EVERY = sorted(path.name.removesuffix(".jsonl.gz") for path in RECORDINGS.glob("*.jsonl.gz"))
VERSION_3 = [name for name in _EVERY if name.startswith("v3-")]
NAMES = [name for name in _EVERY if name not in VERSION_3]


class StreamPart(NamedTuple):
    """As ``langgraph_sdk`` has it, which the tests do not need."""

    event: str
    data: Any
    id: str | None = None


def parts(name: str) -> list[dict[str, Any]]:
    """All parts of a recording, as any SSE client gives them, or those of the SDK's version 2."""
    with gzip.open(RECORDINGS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def runs(name: str) -> list[list[Any]]:
    """The parts of each run, as the SDK gives them: each begins with its metadata."""
    found: list[list[Any]] = []
    for part in parts(name):
        if "metadata" in (part.get("event"), part.get("type")):
            found.append([])
        found[-1].append(part if "type" in part else StreamPart(**part))
    return found


def threads(name: str) -> list[list[dict[str, Any]]]:
    """The protocol events of each run: each begins as its outermost graph does."""
    found: list[list[dict[str, Any]]] = []
    for event in parts(name):
        params = event["params"]
        is_outermost = event["method"] == "lifecycle" and not params["namespace"]
        if is_outermost and params["data"]["event"] == "running":
            found.append([])
        found[-1].append(event)
    return found


def every_run() -> Iterator[tuple[str, int]]:
    """Every run of every recording."""
    return ((name, number) for name in NAMES for number in range(len(runs(name))))
