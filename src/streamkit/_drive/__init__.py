"""The two loops, and the pipeline that they drive: no other room pulls from a source."""

from __future__ import annotations

from ._normalize import normalize
from ._pipeline import Pipeline, Stages
from ._streams import AsyncEventStream, AsyncRelay, EventStream, OnError, Relay

__all__ = [
    "AsyncEventStream",
    "AsyncRelay",
    "EventStream",
    "OnError",
    "Pipeline",
    "Relay",
    "Stages",
    "normalize",
]
