"""AWS Bedrock's `converse-stream`, read from its raw bytes: binary frames with JSON in them.

A frame is its own length, its headers' length, a checksum of both, the headers, the payload and
a checksum of everything. The headers say what the payload is. Blocks are known by their index;
a call has a start, text has none.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator

from .expected import Expected, Facts, Json

__all__ = ["read_bedrock", "read_frames"]

PRELUDE, CHECKSUM = 12, 4
STRING = 7  # the only type of header that Bedrock sends


def read_frames(body: bytes) -> Iterator[tuple[dict[str, str], Json]]:
    """The (headers, payload) pairs of a body."""
    while body:
        length, headers_length = struct.unpack_from(">II", body)
        frame, body = body[: length - CHECKSUM], body[length - CHECKSUM :]
        (checksum,), body = struct.unpack_from(">I", body), body[CHECKSUM:]
        if checksum != zlib.crc32(frame):
            raise ValueError(f"a frame of {length} bytes has a wrong checksum")
        end = PRELUDE + headers_length
        yield dict(_headers(frame[PRELUDE:end])), json.loads(frame[end:] or b"{}")


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    while data:
        name, data = data[1 : 1 + data[0]], data[1 + data[0] :]
        kind, length = struct.unpack_from(">BH", data)
        if kind != STRING:
            raise ValueError(f"header {name!r} is of type {kind}")
        value, data = data[3 : 3 + length], data[3 + length :]
        yield name.decode(), value.decode()


def read_bedrock(body: bytes) -> Expected:
    facts = Facts()
    for headers, data in read_frames(body):
        kind = headers.get(":event-type")
        if headers[":message-type"] != "event":
            facts.error = data.get("message") or headers.get(":error-message")
            break
        if kind == "contentBlockStart":
            call = data["start"]["toolUse"]
            facts.call(data["contentBlockIndex"], call["toolUseId"], call["name"], None)
        elif kind == "contentBlockDelta":
            _delta(facts, data["contentBlockIndex"], data["delta"])
        elif kind == "messageStop":
            facts.finish = data["stopReason"]
        elif kind == "metadata":
            _counts(facts, data["usage"])
    return facts.result()


def _delta(facts: Facts, place: int, delta: Json) -> None:
    thought = delta.get("reasoningContent", {})
    facts.text(delta.get("text"), place)
    facts.reasoning(thought.get("text"), place)
    facts.seal(thought.get("signature") or thought.get("redactedContent"), place)
    if "toolUse" in delta:
        facts.call(place, None, None, delta["toolUse"]["input"])
    if "citation" in delta:
        facts.cite(delta["citation"])


def _counts(facts: Facts, counts: dict[str, int]) -> None:
    read, written = counts.get("cacheReadInputTokens", 0), counts.get("cacheWriteInputTokens", 0)
    facts.counts(
        counts["inputTokens"] + read + written,
        counts["outputTokens"],
        cache_read=read,
        cache_creation=written,
    )
