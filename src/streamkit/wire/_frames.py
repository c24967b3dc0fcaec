"""Server-sent events that hold one JSON object each: the frames of the frontends' protocols.

Clients that guard against prototype pollution, such as the AI SDK's parser in ai 5 to 7, refuse a
whole stream for one key. So
``__proto__`` is sent as ``$proto__``, and ``prototype`` as ``$prototype`` where a ``constructor``
may hold it.

Lines end with LF: ``@ag-ui/client`` 1.0.0 splits frames at two LF only, so with CRLF the whole
stream would be one frame.
"""

from __future__ import annotations

from typing import Any, Final

from ._plain_json import dump_plain, dump_text

DONE: Final = b"data: [DONE]\n\n"
"""The last frame for the AI SDK and OpenAI clients; AG-UI and LangGraph clients fail on it."""

DELTA_END: Final = b"}\n\n"
"""The end of a delta's frame."""


def frame(fields: dict[str, Any]) -> bytes:
    r"""Return ``fields`` as one frame. Never raises.

    >>> frame({"type": "data-x", "data": [1]})
    b'data: {"type":"data-x","data":[1]}\n\n'
    """
    return b"data: %b\n\n" % _harmless(dump_plain(fields))


def delta_head(fields: dict[str, Any], key: str) -> bytes:
    r"""Return the bytes that all deltas of one part begin with: all but the value of ``key``.

    Deltas are most of a stream, so their frames are put together from pieces.

    >>> delta_head({"type": "text-delta", "id": "m:0"}, "delta") + dump_text("Hel") + DELTA_END
    b'data: {"type":"text-delta","id":"m:0","delta":"Hel"}\n\n'
    """
    return b"data: %b,%b:" % (dump_plain(fields)[:-1], dump_text(key))


def _harmless(text: bytes) -> bytes:
    # Not `in`: with bytes it asks first whether they are a number, which takes longer than looking.
    if text.find(b'"__proto__":') >= 0:
        text = text.replace(b'"__proto__":', b'"$proto__":')
    if text.find(b'"constructor":{') >= 0:
        text = text.replace(b'"prototype":', b'"$prototype":')
    return text
