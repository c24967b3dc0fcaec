r"""Events as a LangGraph server's stream, for `useStream` and `@langchain/langgraph-sdk`.

    event: messages|hotel:1
    data: [{"type":"AIMessageChunk","id":"lc_run--1","content":"Hel"},{"langgraph_node":"book"}]

Laws of this file:

1. One terminal event, ``end`` or ``error``, and nothing after it. A run that was cut off is an
   ``error``, since no client sees that by itself.
2. Chunks of a message all have its id: models that talk at once never mix.
3. A graph's interrupts are under ``__interrupt__``, in the root's ``values`` and ``updates``.
4. An event without a form in the protocol is ``custom``: ``{"type": "streamkit.…"}`` and its JSON.
5. Exception texts leave the process only with ``private=True``, and so do all other data that
   `streamkit.wire.to_dict` leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...events import Event
from ...mapping import PerRun, per_run
from .. import sse
from ._encoder import Encoder
from ._request import Request, graph_input, read_request
from ._resume import RESUME as RESUME

__all__ = [
    "HEADERS",
    "Encoder",
    "Request",
    "encoder",
    "graph_input",
    "read_request",
]

HEADERS: Final[Mapping[str, str]] = sse.HEADERS
"""The headers of a response that streams such frames and is not to be held up on its way."""

HEARTBEAT: Final = sse.HEARTBEAT
"""A comment: every reader skips it, and every proxy sees that the connection is alive."""


def encoder(
    request: Request | None = None,
    *,
    thread_id: str | None = None,
    run_id: str | None = None,
    private: bool = False,
    first_id: int | None = None,
) -> PerRun[Event, bytes]:
    r"""Return a stage from events to frames.

    Args:
        request: what the client sent. It may name the conversation, and the modes to write.
        thread_id: the conversation, where the address names it.
        run_id: the run, if the source does not tell it.
        private: also write what otherwise stays in the process, such as exception texts.
        first_id: number the frames from there on, for clients that come back for the rest.

    >>> from streamkit import normalize
    >>> frames = list(normalize(["Hel", "lo"]).pipe(encoder(thread_id="t", run_id="r")))
    >>> frames[0]
    b'event: metadata\ndata: {"run_id":"r","thread_id":"t"}\n\n'
    >>> frames[-1]
    b'event: end\ndata: {"run_id":"r","status":"success"}\n\n'
    """
    options = {"thread_id": thread_id, "run_id": run_id}
    return per_run(lambda: Encoder(request, private=private, first_id=first_id, **options).feed)
