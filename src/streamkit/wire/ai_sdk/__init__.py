"""Events as the Vercel AI SDK's UI message stream, which `useChat` reads.

    data: {"type":"text-delta","id":"run-1:0","delta":"Hel"}

One run is one UI message. Its parts are known by message and block, so that models that write at
the same time never mix. Events without a form in the protocol become ``data-…`` parts: see the
table in ``docs/wire.md``.

Laws of this file:

1. ``start`` comes first, once. One of ``finish``, ``abort`` and ``error`` comes last, then
   ``[DONE]``, and nothing after that.
2. Every part that starts ends, and no step ends while one of its messages or tools is open.
3. No chunk is written, and no key, that the target's strictest client refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

from ...events import EventType
from ...mapping import PerRun, per_run
from .. import sse
from ._chunks import Target, rules_of
from ._encoder import Encoder
from ._history import ui_messages
from ._messages import to_messages
from ._request import Request, graph_input, read_request
from ._resume import RESUME as RESUME

__all__ = [
    "HEADERS",
    "Encoder",
    "Request",
    "encoder",
    "graph_input",
    "read_request",
    "to_messages",
    "ui_messages",
]

HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {**sse.HEADERS, "x-vercel-ai-ui-message-stream": "v1"}
)
"""The headers of a response that streams such frames, which no proxy may buffer."""

HEARTBEAT: Final = sse.HEARTBEAT
"""A comment frame: clients skip it, and proxies keep the connection open."""


def encoder(
    request: Request | None = None,
    *,
    target: Target = 6,
    private: bool = False,
    message_id: str | None = None,
    also: Collection[EventType] = (),
) -> PerRun[Any, bytes]:
    r"""Return a stage from events to frames. What a mapper returned becomes a part by its ``type``.

    Args:
        request: what the client sent. If it answers an interrupt, its last message is continued.
        target: the major version of the ``ai`` package that reads; 7 means 7.0.70 or later.
        private: also write the texts of exceptions; without it, only their class names are written.
        message_id: the id of a new UI message; by default that of the run's first message.
        also: types of events that are to reach ``onData`` as well, in transient ``data-event``
            parts, as `to_dict` gives them.

    Raises:
        UsageError: there is no such target.

    >>> from streamkit import normalize
    >>> frames = list(normalize(["Hel", "lo"]).pipe(encoder(target=7)))
    >>> frames[-2:]
    [b'data: {"type":"finish"}\n\n', b'data: [DONE]\n\n']
    """
    rules_of(target)  # a wrong target is an error here, and not in the run
    return per_run(
        lambda: (
            Encoder(request, target=target, private=private, message_id=message_id, also=also).feed
        )
    )
