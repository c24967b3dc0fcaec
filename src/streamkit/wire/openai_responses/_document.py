"""Events read back: the whole response, and the facts that reconnecting needs."""

from __future__ import annotations

from collections.abc import Iterable
from time import time
from typing import Any

from ..._fields import JsonObject
from ...events import RunStart
from .._openai import frames_in
from ..resume import Resume, deltas, json_frame, payloads
from ._encoder import Encoder

_ENDS = {"response.completed", "response.incomplete", "response.failed"}


def document(body: bytes) -> tuple[int, JsonObject]:
    """Return the HTTP status and the response that a whole stream of events ends with.

    >>> from streamkit import normalize
    >>> from streamkit.wire import openai_responses
    >>> status, response = document(
    ...     b"".join(normalize(["Hel", "lo"]).pipe(openai_responses.encoder()))
    ... )
    >>> response["output"][0]["content"][0]["text"]
    'Hello'
    """
    frames = frames_in(body)
    *_, last = payloads([*frames, *_cut_off(frames)])
    response: JsonObject = last["response"]
    if response["error"]:
        # With 500, OpenAI's clients raise; a failed response with 200 they return as a result.
        return 500, {"error": {**response["error"], "type": response["error"]["code"]}}
    return 200, response


def _find(data: Any) -> tuple[JsonObject, str, object] | None:
    match data:
        case {"output_index": index}:
            return data, "delta", index
        case _:
            return None


def _cut_off(frames: Iterable[bytes]) -> list[bytes]:
    begun: list[JsonObject] = []
    done: dict[int, JsonObject] = {}
    number = 0
    for it in payloads(frames):
        number = it.get("sequence_number", number)
        match it:
            case {"type": "response.created", "response": response}:
                begun = [response]
            case {"type": "response.output_item.done", "output_index": index, "item": item}:
                done[index] = item
            case {"type": kind} if kind in _ENDS:
                return []
            case _:
                pass
    machine = Encoder()  # for the form of a response whose owner died before anything was stored
    ends = [] if begun else [*machine.begin(RunStart(timestamp=time()))][:1]
    number += 1 + len(ends)
    error = {"code": "server_error", "message": "incomplete"}
    [response] = begun or [it["response"] for it in payloads(ends)]
    failed = {**response, "status": "failed", "error": error, "output": [*done.values()]}
    last = {
        "type": "response.failed",
        "response": failed,
        "sequence_number": number,
    }
    return [*ends, json_frame(last, b"event: response.failed\n")]


RESUME = Resume(deltas([".delta\n"], _find), _cut_off)
"""How a client comes back to a run in this format: for `streamkit.serve.Runs`."""
