r"""Events as AG-UI 1.0: what `@ag-ui/client`, and all that is built on it, reads.

    data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"lc_run--1","delta":"Hel"}

Laws of this file:

1. One terminal event, ``RUN_FINISHED`` or ``RUN_ERROR``; nothing after it, nothing open before it.
   A run that was cut off is a ``RUN_ERROR``, since no client sees that by itself.
2. Everything goes by the ids of message, block and call: models that talk at once never mix. A
   client that cannot read two messages at a time gets them in turn: see `streamkit.sequential`.
3. A tool that runs was called on this wire before: by the model, in the client's own history, or
   else by a call that is made up for it. No two calls of a run have one id.
4. What AG-UI has no word for is ``CUSTOM``, named ``streamkit.`` and the event's type, with the
   event as JSON. Steps are nodes; those of other runnables are left out.
5. Exception texts leave the process only with ``private=True``, and so does whatever else
   `streamkit.wire.to_dict` keeps back.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, overload

from ...events import Event
from .. import sse
from ._encoder import PROTOCOL_VERSION, Encoder
from ._request import Request, Resume, graph_input, read_request, to_messages

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..._drive import AsyncEventStream, EventStream
    from ..._protocols import AnyStage
    from ..chat import Options

__all__ = [
    "HEADERS",
    "PROTOCOL_VERSION",
    "Encoder",
    "Request",
    "Resume",
    "encoder",
    "frames",
    "graph_input",
    "read_request",
    "to_messages",
]

HEADERS: Final[Mapping[str, str]] = sse.HEADERS
"""The headers of a response that streams such frames and is not to be held up on its way."""


def encoder(
    request: Request | None = None, *, private: bool = False, subagents: bool = True
) -> Callable[[Event], list[bytes]]:
    r"""Give a stage from the events of one run to AG-UI frames: see `Encoder`.

    >>> from streamkit import normalize
    >>> wanted = Request(thread_id="t", run_id="r")
    >>> print(b"".join(normalize(["Hi"]).pipe(encoder(wanted))).decode())
    data: {"type":"RUN_STARTED","threadId":"t","runId":"r","protocolVersion":"1.0"}
    <BLANKLINE>
    data: {"type":"TEXT_MESSAGE_START","messageId":"...","role":"assistant"}
    <BLANKLINE>
    data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"...","delta":"Hi"}
    <BLANKLINE>
    data: {"type":"TEXT_MESSAGE_END","messageId":"..."}
    <BLANKLINE>
    data: {"type":"RUN_FINISHED","threadId":"t","runId":"r","outcome":{"type":"success"}}
    <BLANKLINE>
    <BLANKLINE>
    """
    return Encoder(request, private=private, subagents=subagents).feed


@overload
def frames(
    source: AsyncIterable[Any],
    *stages: AnyStage[Event, Event],
    request: Request | None = ...,
    private: bool = ...,
    **options: Unpack[Options],
) -> AsyncEventStream[bytes]: ...


@overload
def frames(
    source: Iterable[Any],
    *stages: AnyStage[Event, Event],
    request: Request | None = ...,
    private: bool = ...,
    **options: Unpack[Options],
) -> EventStream[bytes]: ...


def frames(
    source: AsyncIterable[Any] | Iterable[Any],
    *stages: AnyStage[Event, Event],
    request: Request | None = None,
    private: bool = False,
    **options: Unpack[Options],
) -> AsyncEventStream[bytes] | EventStream[bytes]:
    r"""Give any LangChain or LangGraph stream as AG-UI frames.

    Args:
        source: what ``.stream()``, ``.astream()`` or ``.astream_events()`` returned.
        stages: what chooses or changes events before they are written, as for `normalize`.
        request: what the client sent: see `read_request`.
        private: also write what otherwise stays in the process, such as exception texts.
        options: whatever else `normalize` may be told, such as ``dialect`` and ``on_error``.

    Raises:
        UsageError: as `normalize` does.

    >>> [*_, end] = frames(["Hi"], request=Request(thread_id="t", run_id="r"))
    >>> end
    b'data: {"type":"RUN_FINISHED","threadId":"t","runId":"r","outcome":{"type":"success"}}\n\n'
    """
    from ..._drive import normalize  # noqa: PLC0415  (the loops are a floor above this one)

    return normalize(source, *stages, **options).pipe(encoder(request, private=private))
