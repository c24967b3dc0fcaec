"""Events as OpenAI's chat-completion chunks, which every OpenAI client reads; most types have none.

    data: {"id":"chatcmpl-1","object":"chat.completion.chunk",…,"delta":{"content":"Hel"},…}

A completion is one message. So the texts of all messages of a run become one text, a blank line
between them, and models that write at the same time come one after the other. Events without a
form in the protocol are left out: tools that ran here and their results, files, custom data, steps,
state and interrupts.

Laws of this file:

1. The first delta has the role. The last chunk with a choice has the finish reason, and then come
   the usage, if there is any, and ``[DONE]``. A run that did not end well ends in an error.
2. A call that was run here, or that an interrupt asks about, is not written: a client would run it.
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
    usage: bool | None = None,
    private: bool = False,
) -> PerRun[Event, bytes]:
    r"""Return a stage from events to frames.

    Args:
        request: what the client sent: its model's name is answered under, and it says whether the
            tokens are written.
        model: the name to answer under; without a request, by default the first model's own.
        calls: ``"unanswered"`` writes, at the end, calls that were not run here. ``"all"`` is for
            a model alone, whose calls are all the client's: they are shown as they are written.
        usage: whether to write the tokens, which is a chunk without a choice.
        private: also write the texts of exceptions; without it, only their class names are written.

    >>> from streamkit import normalize
    >>> frames = list(normalize(["Hel", "lo"]).pipe(encoder(model="m")))
    >>> len(frames), frames[-1]
    (5, b'data: [DONE]\n\n')
    """
    return per_run(
        lambda: Encoder(request, model=model, calls=calls, usage=usage, private=private).feed
    )
