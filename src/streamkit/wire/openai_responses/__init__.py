"""Events as those of OpenAI's Responses API: a list of output items, each known by its index.

    event: response.output_text.delta
    data: {"type":"response.output_text.delta","output_index":0,…,"sequence_number":5,"delta":"Hel"}

Each block of text or reasoning is an item of its own. Models that write at the same time come one
after the other. A tool that ran here is an ``mcp_call``: the protocol's word for a call that the
server ran, with its result, which no client runs again. The questions of an interrupt about calls
are ``mcp_approval_request`` items. Events without a form in the protocol are left out.

Laws of this package:

1. The first event is ``response.created``; one of ``response.completed``, ``.incomplete`` and
   ``.failed`` comes last, and has the whole response. Events are numbered from 1 without a gap.
2. The last event's output is what the state holds, as far as it was seen: what was withdrawn or
   replaced in the meantime is not in it, or in its new form.
"""

from __future__ import annotations

from ...events import Event
from ...mapping import PerRun, per_run
from .._openai import HEADERS, Calls
from .._openai import HEARTBEAT as HEARTBEAT
from ._document import RESUME as RESUME
from ._document import document as document
from ._encoder import Encoder
from ._request import Request, graph_input, read_request

__all__ = [
    "HEADERS",
    "Encoder",
    "Request",
    "encoder",
    "graph_input",
    "read_request",
]


def encoder(
    request: Request | None = None,
    *,
    model: str | None = None,
    calls: Calls = "unanswered",
    private: bool = False,
) -> PerRun[Event, bytes]:
    r"""Return a stage from events to frames.

    Args:
        request: what the client sent; the response has the id that was made for it.
        model: the name to answer under; without a request, by default the first model's own.
        calls: ``"unanswered"`` writes, at the end, calls that were not run here. ``"all"`` is for
            a model alone, whose calls are all the client's: they are shown as they are written.
        private: also write the texts of exceptions; without it, only their class names are written.

    >>> from streamkit import normalize
    >>> frames = list(normalize(["Hel", "lo"]).pipe(encoder(model="m")))
    >>> frames[-1][:27]
    b'event: response.completed\nd'
    """
    return per_run(lambda: Encoder(request, model=model, calls=calls, private=private).feed)
