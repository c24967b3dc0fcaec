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

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, Literal, TypeAlias
from uuid import uuid4

from ..events import (
    Citation,
    Content,
    Event,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    RunEnd,
    RunError,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolStart,
)
from ..mapping import PerRun, per_run
from ..stages import sequential
from ..values import Usage
from . import sse
from ._blocks import refusal_of, source_of
from .protocol import DONE, BaseEncoder, dump_plain, dump_text, error_text, frame

__all__ = ["HEADERS", "HEARTBEAT", "Encoder", "encoder"]

HEADERS: Final[Mapping[str, str]] = sse.HEADERS
"""The headers of a response that streams such frames, which no proxy may buffer."""

HEARTBEAT: Final = sse.HEARTBEAT
"""A comment frame: clients skip it, and proxies keep the connection open."""

Calls: TypeAlias = Literal["unanswered", "all"]


def encoder(
    *,
    model: str | None = None,
    calls: Calls = "unanswered",
    usage: bool = True,
    private: bool = False,
) -> PerRun[Event, bytes]:
    r"""Return a stage from events to frames.

    Args:
        model: the name to answer under; by default the first model's own.
        calls: ``"unanswered"`` writes, at the end, calls that were not run here. ``"all"`` is for
            a model alone, whose calls are all the client's: they are shown as they are written.
        usage: whether to write it, as a client asks for with ``stream_options.include_usage``.
        private: also write the texts of exceptions; without it, only their class names are written.

    >>> from streamkit import normalize
    >>> frames = list(normalize(["Hel", "lo"]).pipe(encoder(model="m")))
    >>> len(frames), frames[-1]
    (5, b'data: [DONE]\n\n')
    """
    return per_run(lambda: Encoder(model=model, calls=calls, usage=usage, private=private).feed)


class Encoder(BaseEncoder):
    r"""One run's encoder; `encoder` describes the options.

    >>> machine = Encoder()
    >>> machine.close()[0]
    b'data: {"error":{"message":"incomplete","type":"incomplete","param":null,"code":null}}\n\n'
    """

    refusals: ClassVar[bool] = True

    def __init__(
        self,
        *,
        model: str | None = None,
        calls: Calls = "unanswered",
        usage: bool = True,
        private: bool = False,
    ) -> None:
        super().__init__(private=private)
        self._chunks = _Chunks(model)
        self._writes_calls = calls == "all"
        self._writes_usage = usage
        self._in_turn = sequential.stage()
        self._speaker: str | None = None
        self._shown = 0
        self._indexes: dict[str, int] = {}
        self._unanswered: dict[str, ToolCallEnd | None] = {}
        self._finish_reason: str = "stop"

    def feed(self, item: Any) -> tuple[bytes, ...]:
        """Return the frames of an event: those of a message that has its turn."""
        frames: list[bytes] = []
        for it in self._in_turn(item):
            frames += super().feed(it)
        return tuple(frames)

    # --- messages

    def message_start(self, event: MessageStart) -> Iterable[bytes]:
        return self._chunks.begin(event)

    def text_delta(self, event: TextDelta) -> Iterable[bytes]:
        frame = self._chunks.text("content", event.text)
        if event.message_id == self._speaker:
            return (frame,)
        is_first, self._speaker = self._speaker is None, event.message_id
        return (frame,) if is_first else (self._chunks.text("content", "\n\n"), frame)

    def reasoning_delta(self, event: ReasoningDelta) -> Iterator[bytes]:
        yield self._chunks.text("reasoning_content", event.text)

    def content(self, event: Content) -> Iterator[bytes]:
        refusal = refusal_of(event.block)
        if refusal is not None:
            yield self._chunks.text("refusal", refusal)

    def citation(self, event: Citation) -> Iterator[bytes]:
        url, title = source_of(event.citation)
        if url:
            cited = {"url": url, "title": title or url}
            annotation = {"type": "url_citation", "url_citation": cited}
            yield self._chunks.delta({"annotations": [annotation]})

    def message_end(self, event: MessageEnd) -> Iterable[bytes]:
        if event.status == "abandoned":
            self._speaker = ""  # the next text begins after a blank line
            for call in event.tool_calls:
                self._unanswered.pop(call.id, None)
            return ()
        cut = event.finish_reason in {"length", "content_filter"}
        self._finish_reason = (event.finish_reason if cut else None) or "stop"
        return ()

    # --- calls

    def tool_call_start(self, event: ToolCallStart) -> Iterator[bytes]:
        if event.provider_executed:
            return
        if self._writes_calls:
            yield from self._chunks.begin(event)
            self._indexes[event.tool_call_id] = self._shown
            yield self._call(event.tool_call_id, event.name, "")
        else:
            self._unanswered[event.tool_call_id] = None  # in the order in which they begin

    def tool_call_delta(self, event: ToolCallDelta) -> Iterator[bytes]:
        index = self._indexes.get(event.tool_call_id)
        if index is not None:
            more = {"index": index, "function": {"arguments": event.args}}
            yield self._chunks.delta({"tool_calls": [more]})

    def tool_call_end(self, event: ToolCallEnd) -> Iterable[bytes]:
        if event.error is None and event.tool_call_id in self._unanswered:
            self._unanswered[event.tool_call_id] = event
        return ()

    def tool_start(self, event: ToolStart) -> Iterable[bytes]:
        self._unanswered.pop(event.tool_call_id, None)
        return ()

    def _call(self, id: str, name: str, arguments: str) -> bytes:
        function = {"name": name, "arguments": arguments}
        call = {"index": self._shown, "id": id, "type": "function", "function": function}
        self._shown += 1
        return self._chunks.delta({"tool_calls": [call]})

    # --- the run

    def run_end(self, event: RunEnd) -> Iterator[bytes]:
        if event.status not in {"completed", "interrupted"}:
            return self._fail(event.status, event.status, None)
        return self._finish(event)

    def _finish(self, event: RunEnd) -> Iterator[bytes]:
        yield from self._chunks.begin(event)
        if event.status == "completed":
            for call in filter(None, self._unanswered.values()):
                yield self._call(call.tool_call_id, call.name, call.text or "{}")
        asks = self._shown and self._finish_reason == "stop"
        yield self._chunks.delta({}, "tool_calls" if asks else self._finish_reason)
        if event.usage and self._writes_usage:
            yield self._chunks.usage(event.usage)
        yield DONE

    def run_error(self, event: RunError) -> Iterator[bytes]:
        error = event.error
        return self._fail(error_text(error), error.name, error.code)

    def _fail(self, message: str, type: str, code: str | int | None) -> Iterator[bytes]:
        yield frame({"error": {"message": message, "type": type, "param": None, "code": code}})
        yield DONE


class _Chunks:
    """A writer of the chunks of one completion, which all have the same first fields."""

    def __init__(self, model: str | None) -> None:
        self._model = model
        self._head = b""
        self._heads: dict[str, bytes] = {}

    def begin(self, event: MessageStart | ToolCallStart | RunEnd) -> Iterator[bytes]:
        """Return the chunk with the role, once: ``openai`` 7.55.0 for Node raises without."""
        if self._head:
            return
        model = self._model or (event.model if isinstance(event, MessageStart) else None)
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
        form: dict[str, Any] = {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        }
        cached = usage.input_token_details.get("cache_read", 0)
        reasoning = usage.output_token_details.get("reasoning", 0)
        form["prompt_tokens_details"] = {"cached_tokens": cached}
        form["completion_tokens_details"] = {"reasoning_tokens": reasoning}
        return b'%b,"choices":[],"usage":%b}\n\n' % (self._head, dump_plain(form))
