r"""Events as AG-UI 1.0, for `@ag-ui/client` and the frontends that use it.

    data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"lc_run--1","delta":"Hel"}

Laws of this file:

1. One terminal event, ``RUN_FINISHED`` or ``RUN_ERROR``; nothing after it, nothing open before it.
   A run that was cut off is a ``RUN_ERROR``, since no client sees that by itself.
2. Everything is known by the ids of message, block and call: models that talk at once never mix. A
   client that cannot read two messages at a time gets them in turn by the stage `sequential`.
3. A tool that runs was called on this wire before: by the model, in the client's own history, or
   else by a call that is made up for it. No two calls of a run have one id.
4. An event without a form in AG-UI is ``CUSTOM``, named ``streamkit.`` and the event's type, with
   the event as JSON. Steps are nodes; those of other runnables are left out.
5. Exception texts leave the process only with ``private=True``, and so do all other data
   that `streamkit.wire.to_dict` leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...events import Event
from ...mapping import PerRun, per_run
from .. import sse
from ._encoder import Encoder
from ._history import ui_messages
from ._request import Request, graph_input, read_request, to_messages
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

HEADERS: Final[Mapping[str, str]] = sse.HEADERS
"""The headers of a response that streams such frames and is not to be held up on its way."""


HEARTBEAT: Final = sse.HEARTBEAT
"""A comment: every reader skips it, and every proxy sees that the connection is alive."""


def encoder(
    request: Request | None = None, *, private: bool = False, subagents: bool = True
) -> PerRun[Event, bytes]:
    r"""Return a stage from events to frames.

    Args:
        request: what the client sent. It names thread and run, and the calls that it knows.
        private: also write what otherwise stays in the process, such as exception texts.
        subagents: write subgraphs as subagents. Clients before 1.0, which name no version in their
            requests, never get them.

    >>> from streamkit import normalize
    >>> wanted = Request(thread_id="t", run_id="r", protocol_version="1.0")
    >>> start, *_, end = normalize(["Hel", "lo"]).pipe(encoder(wanted))
    >>> start
    b'data: {"type":"RUN_STARTED","threadId":"t","runId":"r","protocolVersion":"1.0"}\n\n'
    >>> end[:39]
    b'data: {"type":"RUN_FINISHED","threadId"'
    """
    return per_run(lambda: Encoder(request, private=private, subagents=subagents).feed)
