"""The events of one run as chunks, and the parts that are open."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from msgspec import Struct

from ... import events as ev
from ..._event_classes import EVENTS
from ..._fields import dict_or_empty
from ...values import Usage
from .._blocks import (
    Source,
    fields_of_message,
    file_of,
    result_of,
    source_of,
    sources_in,
    text_of,
)
from .._frames import DELTA_END, DONE, delta_head
from .._plain_json import dump_text, loads
from ..protocol import Frames, error_text
from ._calls import CallEncoder, Continuation
from ._chunks import Target, chunk, data, metadata_of, usage_form
from ._request import Request

# `finishReason` is an enumeration of hyphenated words: ai 5 to 7 refuse the stream for any other.
_REASONS = {"refusal": "content-filter"}
_STEPS = (chunk("start-step"), chunk("finish-step"))
_RESET = chunk("reset-step")
_TEXT = b'data: {"type":"text-'
_CALL = b'data: {"type":"tool-input-start"'


class _Part(Struct, frozen=True):
    """An open text or reasoning block."""

    kind: str
    id: str
    head: bytes


class Encoder(CallEncoder):
    """One run's encoder; `streamkit.wire.ai_sdk.encoder` describes the options.

    >>> from streamkit import Origin, RunStart
    >>> machine = Encoder(message_id="m1")
    >>> frames = machine.feed(RunStart(origin=Origin(), timestamp=0.5))
    >>> b"".join((*frames, *machine.close())).decode().split()[1::2]
    ['{"type":"start","messageId":"m1"}', '{"type":"error","errorText":"incomplete"}', '[DONE]']
    """

    def __init__(
        self,
        request: Request | None = None,
        *,
        target: Target = 6,
        private: bool = False,
        message_id: str | None = None,
        also: Collection[ev.EventType] = (),
    ) -> None:
        continues = (request and request.continues) or Continuation(message_id or "")
        super().__init__(target, continues, private=private)
        for cls in EVENTS:
            if cls.type in also:
                self._rules[cls] = self._with_whole(self._rules[cls])
        self._parts: dict[tuple[str, int], _Part] = {}
        self._speaking: set[str] = set()
        self._is_started = False
        self._in_step = self._is_step_empty = False
        self._step: list[tuple[str | None, bytes]] = []
        """The frames of the step, each with its message, where a message may be taken back."""
        self._members: set[str] = set()
        """The messages that began in the step."""
        self._sources = 0
        self._finish_reason: str | None = None

    def framed(self, item: Any, frames: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Return the chunks of an item, the first of all behind the start."""
        # `reset-step` (ai 7.0.70) drops all parts of the step, those of other messages too: what is
        # to stay has to be written again.
        if frames and self._target.resets and frames[0] != _RESET:
            id = getattr(item, "message_id", None)
            self._step += [(id, it) for it in frames]
        if frames and not self._is_started:
            return (*self._start(item), *frames)
        return frames

    def _with_whole(self, rule: Callable[[Any], Frames]) -> Callable[[Any], Frames]:
        def write(event: ev.Event) -> Iterator[bytes]:
            # Transient parts reach `onData` alone, and do not grow the client's history.
            yield data("event", self.form_of(event), transient=True)
            yield from rule(event)

        return write

    # --- the run

    def _start(self, item: Any) -> Iterator[bytes]:
        """Write the start, whose id is that of the first message, as in a stored history."""
        self._is_started = True
        # The id of `start` becomes the message's. Another one than the stored history has would
        # show the answer twice after a reload.
        id = self._continues.message_id
        if not id and isinstance(item, ev.MessageStart):
            id = item.message_id
        yield chunk("start", messageId=id or None)
        for asked in self._continues.answered:
            yield data("interrupt", {**asked, "answered": True}, id=asked["interruptId"])

    def run_end(self, event: ev.RunEnd) -> Iterator[bytes]:
        match event.status:
            case "completed":
                last = chunk("finish", finishReason=self._finish_reason)
            case "interrupted":
                # Not "interrupted" (ai 7): it means that a model was cut off, and then the client
                # sends no automatic answers; ai 5 and 6 refuse the stream for it.
                last = chunk("finish", finishReason="other")
            case "cancelled":
                # The reducer of ai 7.0.173 has no case for `abort`: open parts end first.
                last = chunk("abort")
            case _:
                last = chunk("error", errorText=event.status)
        is_good = event.status in {"completed", "interrupted"}
        return self._end(last, event.usage, None if is_good else event.status)

    def run_error(self, event: ev.RunError) -> Iterator[bytes]:
        return self._end(chunk("error", errorText=error_text(event.error)), event.usage, "failed")

    def _end(self, last: bytes, usage: Usage | None, why: str | None) -> Iterator[bytes]:
        """Close all open parts before the last chunk: clients read nothing after an error."""
        for part in self._parts.values():
            yield chunk(f"{part.kind}-end", id=part.id)
        if why:
            yield from self.end_calls(why)
        # Parts end before their step: clients before 7.0.79 forget open parts at `finish-step`.
        if self._in_step:
            yield chunk("finish-step")
        if usage:
            # The only place for tokens in a UI message stream.
            yield chunk("message-metadata", messageMetadata={"usage": usage_form(usage)})
        yield last
        # Clients skip it wherever it stands; the SDK's own servers end with it.
        yield DONE

    # --- messages

    def message_start(self, event: ev.MessageStart) -> Iterator[bytes]:
        """Begin a step, unless another model or tool is still active in the current one."""
        if not (self._speaking or self._running or self._is_step_empty):
            if self._in_step:
                yield chunk("finish-step")
            yield chunk("start-step")
            self._in_step = True
            self._step.clear()
            self._members.clear()
        self._is_step_empty = False
        self._members.add(event.message_id)
        self._speaking.add(event.message_id)

    def message_end(self, event: ev.MessageEnd) -> Frames:
        self._speaking.discard(event.message_id)
        if event.status == "abandoned":
            return self._take_back(event)
        if event.finish_reason:
            reason = _REASONS.get(event.finish_reason, event.finish_reason)
            self._finish_reason = reason.replace("_", "-")
        return ()

    def _take_back(self, event: ev.MessageEnd) -> Iterator[bytes]:
        """Remove an attempt. Clients before 7.0.70 keep its text, and its calls fail."""
        if self._target.resets:
            yield from self._rewrite(event.message_id)
            return
        for call in event.tool_calls:
            if call.id in self._unanswered:
                yield self._failed(self.calls[call.id], event.status)

    def message_replaced(self, event: ev.MessageReplaced) -> Iterable[bytes]:
        """Write what a node put in the place of a result, or of a message of the current step."""
        if event.tool_call_id is not None:
            return super().message_replaced(event)
        # Only `reset-step` takes text back: for ai 5 and 6 the first text stays.
        text = text_of(fields_of_message(event.message).get("content"))
        return self._rewrite(event.message_id, text) if self._target.resets else ()

    def message_removed(self, event: ev.MessageRemoved) -> Iterable[bytes]:
        return self._rewrite(event.message_id) if self._target.resets else ()

    def _rewrite(self, message_id: str, text: str | None = None) -> Iterator[bytes]:
        """Reset the step, and repeat what is in it without a message, or with another text of it.

        Whatever stands in an earlier step cannot be changed.
        """
        is_written = any(id == message_id and frame not in _STEPS for id, frame in self._step)
        if message_id not in self._members or not (is_written or text):
            return
        kept: list[tuple[str | None, bytes]] = []
        for id, frame in self._step:
            is_text = frame.startswith(_TEXT)
            if id != message_id or (text is not None and not is_text):
                kept += [(id, frame)] if _is_kept(frame) else []
            elif text and is_text:
                kept += [(id, it) for it in _text_part(f"{id}:0", text)]
                text = ""
            elif frame.startswith(_CALL):
                # The call leaves with its step: ai 7 would throw at an error for it later.
                self._unanswered.pop(loads(frame[6:])["toolCallId"], None)
        if text:  # it had none
            kept += [(message_id, it) for it in _text_part(f"{message_id}:0", text)]
        for key, part in [*self._parts.items()]:
            if key[0] == message_id and (text is None or part.kind == "text"):
                del self._parts[key]
        self._step = kept
        self._is_step_empty = not kept
        yield _RESET
        yield from (frame for _, frame in kept)

    def text_start(self, event: ev.TextStart) -> Frames:
        return self._part_start("text", event)

    def reasoning_start(self, event: ev.ReasoningStart) -> Frames:
        return self._part_start("reasoning", event)

    def _part_start(self, kind: str, event: ev.TextStart | ev.ReasoningStart) -> Iterator[bytes]:
        # A second start under an open id takes the place of the first, whose part then never ends
        # (ai 5 to 7): the block's number makes ids unique within a message.
        id = f"{event.message_id}:{event.block_id}"
        head = delta_head({"type": f"{kind}-delta", "id": id}, "delta")
        self._parts[event.message_id, event.block_id] = _Part(kind, id, head)
        yield chunk(f"{kind}-start", id=id, providerMetadata=metadata_of(event.origin))

    def text_delta(self, event: ev.TextDelta | ev.ReasoningDelta) -> Frames:
        # Clients of ai 5 to 7 throw at a delta of a part that is not open, as after a reset.
        part = self._parts.get((event.message_id, event.block_id))
        if part is None:
            return ()
        frame = part.head + dump_text(event.text) + DELTA_END
        if self._target.resets:
            self._step.append((event.message_id, frame))
        return (frame,)

    reasoning_delta = text_delta

    def text_end(self, event: ev.TextEnd | ev.ReasoningEnd) -> Iterator[bytes]:
        part = self._parts.pop((event.message_id, event.block_id), None)
        if part:
            signed = _signed(event) if isinstance(event, ev.ReasoningEnd) else None
            yield chunk(f"{part.kind}-end", id=part.id, providerMetadata=signed)

    reasoning_end = text_end

    def content(self, event: ev.Content) -> Iterator[bytes]:
        result = self.provider_result(*result_of(event.block))
        file = file_of(event.block)
        if result:
            yield result
        if file:  # an image of the provider's own tool is the result of a call, too
            yield chunk("file", url=file.url, mediaType=file.media_type)
        if not (result or file):
            # The protocol has no chunk for other blocks: a `data-` part is kept as it is.
            yield data("content", event.block)

    def citation(self, event: ev.Citation) -> Iterator[bytes]:
        source = source_of(event.citation)
        if source.url or source.title:
            yield self._source(source, citation=event.citation)
        else:
            yield data("citation", event.citation)

    def retrieval_end(self, event: ev.RetrievalEnd) -> Iterator[bytes]:
        for source in sources_in(event.documents):
            if source.url or source.title:
                yield self._source(source)

    def _source(self, source: Source, **about: Any) -> bytes:
        self._sources += 1
        fields: dict[str, Any] = {"sourceId": f"source-{self._sources}", "title": source.title}
        # `source-url` demands a url; `source-document` a media type and a title (ai 5 to 7).
        fields |= {"url": source.url} if source.url else {"mediaType": "text/plain"}
        metadata = {"providerMetadata": {"streamkit": about}} if about else None
        return chunk("source-url" if source.url else "source-document", metadata, **fields)

    # --- the application's own

    def custom(self, event: ev.Custom) -> Iterator[bytes]:
        """Write a part; one with an ``id`` replaces the earlier one of its name and id."""
        yield self._named(event.name, event.data)

    def own(self, data: Any) -> Iterator[bytes]:
        yield self._named(dict_or_empty(data).get("type"), data)

    def _named(self, name: object, value: object) -> bytes:
        # The client finds a part's schema by the name behind `data-`, which is one word.
        kind = re.sub(r"[^\w.-]+", "-", name) if name and isinstance(name, str) else "custom"
        id: object = dict_or_empty(value).get("id")
        # An id must be a string: the zod schemas refuse the whole stream for a number.
        return data(kind, value, id=id if isinstance(id, str) else None)

    def step_delta(self, event: ev.StepDelta) -> Iterator[bytes]:
        """Write what the run itself streams that is no text, and nothing of the steps inside it."""
        if event.step_id is None:
            yield data("output", event.value, id="output" if event.cumulative else None)


def _text_part(id: str, text: str) -> Iterator[bytes]:
    yield chunk("text-start", id=id)
    yield chunk("text-delta", id=id, delta=text)
    yield chunk("text-end", id=id)


def _is_kept(frame: bytes) -> bool:
    """Return whether a frame of a step is written again after a reset."""
    return frame not in _STEPS and b'"transient":true,"data":' not in frame


def _signed(event: ev.ReasoningEnd) -> dict[str, Any] | None:
    """Return what the provider wants back with the reasoning, and where that comes from."""
    if not (event.signature or event.redacted):
        return None
    return metadata_of(event.origin, signature=event.signature, redacted=event.redacted)
