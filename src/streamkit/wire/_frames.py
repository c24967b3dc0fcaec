"""Server-sent events that hold one JSON object each: the bytes of other people's protocols.

Payloads become JSON by the rules of `_json`. One more rule holds here: JavaScript clients that
guard against prototype pollution refuse a whole stream for one key. So ``__proto__`` is sent as
``$proto__``, and ``prototype`` as ``$prototype`` where a ``constructor`` may hold it.
"""

from __future__ import annotations

from typing import Any, Final

from ._json import dump_fields, dump_scalars, dump_text
from ._records import TEXTS_AND_NUMBERS

__all__ = ["DELTA_END", "DONE", "delta_head", "frame"]

DONE: Final = b"data: [DONE]\n\n"
"""What ends a stream of the AI SDK's and of OpenAI's, and breaks those of AG-UI and LangGraph."""

DELTA_END: Final = b"}\n\n"
"""What the frame of a delta ends with."""


def frame(fields: dict[str, Any], *payloads: object, private: bool = False) -> bytes:
    r"""Give ``fields`` as one frame. Never raises.

    ``payloads`` are those of their values that others made: see `streamkit.wire.dumps`.

    >>> frame({"type": "data-x", "data": [1]}, [1])
    b'data: {"type":"data-x","data":[1]}\n\n'
    """
    foreign = [it for it in payloads if type(it) not in TEXTS_AND_NUMBERS]
    return b"data: %b\n\n" % _harmless(dump_fields(fields, foreign, private=private))


def delta_head(fields: dict[str, str], key: str) -> bytes:
    r"""Give what all frames of one part's deltas begin with: all but the value of ``key``.

    Such frames are put together where they are made, because they are most of a stream.

    >>> delta_head({"type": "text-delta", "id": "m:0"}, "delta") + dump_text("Hel") + DELTA_END
    b'data: {"type":"text-delta","id":"m:0","delta":"Hel"}\n\n'
    """
    return b"data: %b,%b:" % (dump_scalars(fields)[:-1], dump_text(key))


def _harmless(text: bytes) -> bytes:
    # Not `in`: with bytes it asks first whether they are a number, which takes longer than looking.
    if text.find(b'"__proto__":') >= 0:
        text = text.replace(b'"__proto__":', b'"$proto__":')
    if text.find(b'"constructor":{') >= 0:
        text = text.replace(b'"prototype":', b'"$prototype":')
    return text
