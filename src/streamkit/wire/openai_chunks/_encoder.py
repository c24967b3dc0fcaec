"""The encoder of chat-completion chunks, and the writer of the chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import uuid4

from ... import events as ev
from ..._fields import refusal_of
from ...values import Usage
from .._blocks import source_of
from .._frames import DONE
from .._openai import Calls, OpenAIEncoder, usage_form
from .._plain_json import dump_plain, dump_text
from ..protocol import error_text, frame
from ._request import Request


class Encoder(OpenAIEncoder):
    r"""One run's encoder; `encoder` describes the options.

    >>> machine = Encoder()
    >>> machine.close()[0]
    b'data: {"error":{"message":"incomplete","type":"incomplete","param":null,"code":null}}\n\n'
    """

    def __init__(
        self,
        request: Request | None = None,
        *,
        model: str | None = None,
        calls: Calls = "unanswered",
        usage: bool | None = None,
        private: bool = False,
    ) -> None:
        history = request.messages if request else ()
        super().__init__(history, calls=calls, private=private)
        self._chunks = _Chunks(model or (request.model if request else None))
        asks_usage = request is None or request.include_usage
        self._writes_usage = asks_usage if usage is None else usage
        self._speaker: str | None = None
        self._thinker: str | None = None
        self._shown = 0
        self._indexes: dict[str, int] = {}

    # --- messages

    def message_start(self, event: ev.MessageStart) -> Iterable[bytes]:
        return self._chunks.begin(event)

    def text_delta(self, event: ev.TextDelta) -> Iterable[bytes]:
        frame = self._chunks.text("content", event.text)
        if event.message_id == self._speaker:
            return (frame,)
        is_first, self._speaker = self._speaker is None, event.message_id
        # A choice is one message, with one text; more choices would be other answers.
        return (frame,) if is_first else (self._chunks.text("content", "\n\n"), frame)

    def reasoning_delta(self, event: ev.ReasoningDelta) -> Iterator[bytes]:
        # `reasoning_content` is no field of OpenAI's: it is DeepSeek's, which many clients show.
        is_apart = self._thinker not in {None, event.message_id}
        self._thinker = event.message_id
        if is_apart:
            yield self._chunks.text("reasoning_content", "\n\n")
        yield self._chunks.text("reasoning_content", event.text)

    def content(self, event: ev.Content) -> Iterator[bytes]:
        refusal = refusal_of(event.block)
        if refusal is not None:
            yield self._chunks.text("refusal", refusal)

    def citation(self, event: ev.Citation) -> Iterator[bytes]:
        url, title = source_of(event.citation)
        if url:
            cited = {"url": url, "title": title or url}
            annotation = {"type": "url_citation", "url_citation": cited}
            yield self._chunks.delta({"annotations": [annotation]})

    def message_end(self, event: ev.MessageEnd) -> Iterable[bytes]:
        if event.status == "abandoned":
            self._speaker = ""  # the next text begins after a blank line
        return super().message_end(event)

    # --- calls

    def begin_call(self, event: ev.ToolCallStart) -> Iterator[bytes]:
        self._indexes[event.tool_call_id] = self._shown
        yield self._call(event.tool_call_id, event.name, "")

    def tool_call_delta(self, event: ev.ToolCallDelta) -> Iterator[bytes]:
        index = self._indexes.get(event.tool_call_id)
        if index is not None:
            more = {"index": index, "function": {"arguments": event.args}}
            yield self._chunks.delta({"tool_calls": [more]})

    def _call(self, id: str, name: str, arguments: str) -> bytes:
        # The clients add up calls by `index`, and fail where the first piece lacks one.
        function = {"name": name, "arguments": arguments}
        call = {"index": self._shown, "id": id, "type": "function", "function": function}
        self._shown += 1
        return self._chunks.delta({"tool_calls": [call]})

    # --- the run

    def run_end(self, event: ev.RunEnd) -> Iterator[bytes]:
        if event.status not in {"completed", "interrupted"}:
            return self._fail(event.status, event.status, None)
        return self._finish(event)

    def _finish(self, event: ev.RunEnd) -> Iterator[bytes]:
        yield from self._chunks.begin(event)
        if event.status == "completed":
            for call in self.unanswered():
                yield self._call(call.tool_call_id, call.name, call.text or "{}")
        # A choice that never gets a finish reason makes `openai` 7.59.0 for Node raise.
        asks = self._shown and self._finish_reason == "stop"
        yield self._chunks.delta({}, "tool_calls" if asks else self._finish_reason)
        if event.usage and self._writes_usage:
            yield self._chunks.usage(event.usage)
        yield DONE

    def run_error(self, event: ev.RunError) -> Iterator[bytes]:
        error = event.error
        return self._fail(error_text(error), error.name, error.code)

    def _fail(self, message: str, type: str, code: str | int | None) -> Iterator[bytes]:
        # The clients raise an `APIError` for an `error` in a chunk: HTTP has sent its 200.
        yield frame({"error": {"message": message, "type": type, "param": None, "code": code}})
        yield DONE


class _Chunks:
    """A writer of the chunks of one completion, which all have the same first fields."""

    def __init__(self, model: str | None) -> None:
        self._model = model
        self._head = b""
        self._heads: dict[str, bytes] = {}

    def begin(self, event: ev.MessageStart | ev.RunEnd) -> Iterator[bytes]:
        """Return the chunk with the role, once: ``openai`` 7.55.0 for Node raises without."""
        if self._head:
            return
        model = self._model or (event.model if isinstance(event, ev.MessageStart) else None)
        about = {
            "id": f"chatcmpl-{uuid4().hex}",
            "object": "chat.completion.chunk",
            "created": int(event.timestamp),
            "model": model or "streamkit",
        }
        self._head = b"data: %b" % dump_plain(about)[:-1]
        yield self.delta({"role": "assistant", "content": ""})

    def text(self, key: str, text: str) -> bytes:
        """Return a chunk whose delta is one text: most of a stream."""
        head = self._heads.get(key) or self._new_head(key)
        return head + dump_text(text) + b'},"finish_reason":null}]}\n\n'

    def _new_head(self, key: str) -> bytes:
        start = b'%b,"choices":[{"index":0,"delta":{%b:'
        head = self._heads[key] = start % (self._head, dump_text(key))
        return head

    def delta(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        """Return a chunk."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return b'%b,"choices":[%b]}\n\n' % (self._head, dump_plain(choice))

    def usage(self, usage: Usage) -> bytes:
        """Return the chunk that has no choice."""
        form = usage_form(usage, "prompt", "completion")
        # OpenAI sends tokens in a chunk of their own, behind the finish reason.
        return b'%b,"choices":[],"usage":%b}\n\n' % (self._head, dump_plain(form))
