"""The two loops, and the pipeline that they drive: no other package pulls from a source."""

from __future__ import annotations

from ._async_stream import AsyncEventStream, AsyncRelay
from ._normalize import normalize
from ._pipeline import Pipeline, Stages
from ._source import Buffered, Inside
from ._stream import OnError
from ._sync_stream import EventStream, Relay

__all__ = [
    "AsyncEventStream",
    "AsyncRelay",
    "Buffered",
    "EventStream",
    "Inside",
    "OnError",
    "Pipeline",
    "Relay",
    "Stages",
    "normalize",
]
