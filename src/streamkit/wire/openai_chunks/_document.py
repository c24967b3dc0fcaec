"""Chunks read back: the whole completion, and the facts that reconnecting needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..._fields import JsonObject, dict_or_empty
from .._blocks import as_list
from .._frames import DONE
from .._openai import frames_in
from ..resume import Resume, deltas, json_frame, payloads


def document(body: bytes) -> tuple[int, JsonObject]:
    """Return the HTTP status and the completion that a whole stream of chunks amounts to.

    >>> from streamkit import normalize
    >>> from streamkit.wire import openai_chunks
    >>> status, completion = document(
    ...     b"".join(normalize(["Hel", "lo"]).pipe(openai_chunks.encoder()))
    ... )
    >>> completion["choices"][0]["message"]["content"]
    'Hello'
    """
    frames = frames_in(body)
    whole: JsonObject = {}
    message = _Message()
    finish_reason: str | None = None
    for chunk in payloads([*frames, *_cut_off(frames)]):
        if "error" in chunk:
            return 500, chunk
        whole = {**whole, **chunk}
        for choice in chunk["choices"]:
            message.add(choice["delta"])
            finish_reason = choice["finish_reason"]
    choice = {"index": 0, "message": message.whole(), "finish_reason": finish_reason}
    return 200, {**whole, "object": "chat.completion", "choices": [{**choice, "logprobs": None}]}


class _Message:
    """The message that deltas add up to."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {"content": [], "refusal": []}
        self._lists: dict[str, list[JsonObject]] = {}
        self._calls: dict[int, tuple[JsonObject, list[str]]] = {}

    def add(self, delta: JsonObject) -> None:
        for name, value in delta.items():
            if name == "tool_calls":
                for call in value:
                    _, pieces = self._calls.setdefault(call["index"], (call, []))
                    pieces.append(call["function"]["arguments"])
            elif isinstance(value, str) and name != "role":
                self._texts.setdefault(name, []).append(value)
            elif not isinstance(value, str):
                self._lists.setdefault(name, []).extend(as_list(value))

    def whole(self) -> JsonObject:
        texts = {name: "".join(pieces) or None for name, pieces in self._texts.items()}
        whole: JsonObject = {"role": "assistant", **texts, **self._lists}
        calls = [_call(call, "".join(pieces)) for call, pieces in self._calls.values()]
        return {**whole, "tool_calls": calls} if calls else whole


def _call(call: JsonObject, arguments: str) -> JsonObject:
    function = {"name": call["function"]["name"], "arguments": arguments}
    return {"id": call["id"], "type": "function", "function": function}


def _find(data: Any) -> tuple[JsonObject, str, object] | None:
    match data:
        case {"choices": [{"delta": said, "finish_reason": None}]}:
            delta = dict_or_empty(said)
            return (delta, next(iter(delta)), data) if len(delta) == 1 else None
        case _:
            return None


def _cut_off(frames: Iterable[bytes]) -> list[bytes]:
    # Clients read nothing behind `[DONE]`.
    if any(it.endswith(DONE) for it in frames):
        return []
    error = {"message": "incomplete", "type": "incomplete", "param": None, "code": None}
    return [json_frame({"error": error}), DONE]


RESUME = Resume(deltas(['"chat.completion.chunk"'], _find), _cut_off)
"""How a client comes back to a run in this format: for `streamkit.serve.Runs`."""
