"""The events of one run as chunks: what is open, and what to write of each event."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from time import time
from typing import Any, NamedTuple, get_args

from ..._fields import dict_or_empty
from ...events import (
    Citation,
    Content,
    Custom,
    Event,
    EventType,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RunEnd,
    RunError,
    StepDelta,
    TextDelta,
    TextEnd,
    TextStart,
)
from ...values import Origin, Usage
from .._blocks import file_of, result_of, source_of
from .._frames import DELTA_END, DONE, delta_head
from .._json import dump_text, loads
from .._types import dump_own
from ..codec import to_dict
from ._calls import CallWriter, Continuation
from ._chunks import Chunks, Target, metadata_of, usage_form
from ._request import Request

__all__ = ["Encoder"]

_EVENTS: tuple[type[Event], ...] = get_args(Event)


class _Part(NamedTuple):
    """A text or a reasoning that is open."""

    kind: str
    id: str
    head: bytes


class Encoder:
    """Writes the events of one run; `streamkit.wire.ai_sdk.encoder` says what it may be told.

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
        also: Collection[EventType] = (),
    ) -> None:
        self._chunks = Chunks(target, private=private)
        self._continues = (request and request.continues) or Continuation(message_id or "")
        self._also = frozenset(cls for cls in _EVENTS if cls.type in also)
        self._calls = CallWriter(self._chunks, self._continues)
        self._parts: dict[tuple[str, int], _Part] = {}
        self._speaking: set[str] = set()
        self._in_step = False
        self._sources = 0
        self._finish_reason: str | None = None
        self._begun = self._over = False
        self._writers: dict[type, Callable[[Any], Iterable[bytes]]] = {
            MessageStart: self._message_start,
            TextStart: self._part_start,
            TextDelta: self._part_delta,
            TextEnd: self._part_end,
            ReasoningStart: self._part_start,
            ReasoningDelta: self._part_delta,
            ReasoningEnd: self._part_end,
            Content: self._content,
            Citation: self._citation,
            MessageEnd: self._message_end,
            **self._calls.writers(),
            Custom: self._custom,
            StepDelta: self._step_delta,
            RunEnd: self._run_end,
            RunError: self._run_error,
        }

    def feed(self, event: Any) -> tuple[bytes, ...]:
        """Give the frames that an event is worth, ours or the application's: often none."""
        if self._over:
            return ()
        if not self._begun:
            return (*self._begin(), *self.feed(event))
        write = self._writers.get(event.__class__) or self._other
        frames = tuple(write(event))
        return (self._whole(event), *frames) if event.__class__ in self._also else frames

    def close(self) -> tuple[bytes, ...]:
        """Give what ends a stream whose events stopped before its run did; else nothing."""
        return self.feed(RunEnd(origin=Origin(), timestamp=time(), status="incomplete"))

    # --- the run

    def _begin(self) -> Iterator[bytes]:
        self._begun = True
        yield self._chunks.say("start", messageId=self._continues.message_id or None)
        for asked in self._continues.answered:
            data, id = {**asked, "answered": True}, asked["interruptId"]
            yield self._chunks.data("interrupt", data, id=id)

    def _run_end(self, event: RunEnd) -> Iterator[bytes]:
        say = self._chunks.say
        match event.status:
            case "completed":
                last = say("finish", finishReason=self._finish_reason)
            case "interrupted":
                # Not "interrupted": that says a model was cut off, and stops automatic answers.
                last = say("finish", finishReason="other")
            case "cancelled":
                last = say("abort")
            case _:
                last = say("error", errorText=event.status)
        return self._end(last, event.usage)

    def _run_error(self, event: RunError) -> Iterator[bytes]:
        text = self._chunks.error_text(event.error)
        return self._end(self._chunks.say("error", errorText=text), event.usage)

    def _end(self, last: bytes, usage: Usage | None) -> Iterator[bytes]:
        self._over = True
        for part in self._parts.values():
            yield self._chunks.say(f"{part.kind}-end", id=part.id)
        yield from self._calls.close()
        if self._in_step:
            yield self._chunks.say("finish-step")
        if usage:
            metadata = {"usage": usage_form(usage)}
            yield self._chunks.say("message-metadata", messageMetadata=metadata)
        yield last
        yield DONE

    # --- messages

    def _message_start(self, event: MessageStart) -> Iterator[bytes]:
        """Begin a step, unless the message is part of one: other models or tools are at work."""
        if not (self._speaking or self._calls.running):
            if self._in_step:
                yield self._chunks.say("finish-step")
            yield self._chunks.say("start-step")
            self._in_step = True
        self._speaking.add(event.message_id)

    def _message_end(self, event: MessageEnd) -> Iterable[bytes]:
        self._speaking.discard(event.message_id)
        if event.finish_reason:
            self._finish_reason = event.finish_reason.replace("_", "-")
        return ()

    def _part_start(self, event: TextStart | ReasoningStart) -> Iterator[bytes]:
        kind = event.type.partition(".")[0]
        id = f"{event.message_id}:{event.block_id}"
        head = delta_head({"type": f"{kind}-delta", "id": id}, "delta")
        self._parts[event.message_id, event.block_id] = _Part(kind, id, head)
        source = metadata_of(event.origin)
        yield self._chunks.say(f"{kind}-start", id=id, providerMetadata=source)

    def _part_delta(self, event: TextDelta | ReasoningDelta) -> Iterable[bytes]:
        part = self._parts.get((event.message_id, event.block_id))
        return (part.head + dump_text(event.text) + DELTA_END,) if part else ()

    def _part_end(self, event: TextEnd | ReasoningEnd) -> Iterator[bytes]:
        part = self._parts.pop((event.message_id, event.block_id), None)
        if part:
            sealed = _sealed(event) if isinstance(event, ReasoningEnd) else None
            yield self._chunks.say(f"{part.kind}-end", id=part.id, providerMetadata=sealed)

    def _content(self, event: Content) -> Iterator[bytes]:
        result = self._calls.result(*result_of(event.block))
        file = file_of(event.block)
        if result:
            yield result
        elif file:
            yield self._chunks.say("file", url=file.url, mediaType=file.media_type)
        else:
            yield self._chunks.data("content", event.block)

    def _citation(self, event: Citation) -> Iterator[bytes]:
        url, title = source_of(event.citation)
        if not (url or title):
            yield self._chunks.data("citation", event.citation)
            return
        self._sources += 1
        about: dict[str, Any] = {"sourceId": f"source-{self._sources}", "title": title}
        about |= {"url": url} if url else {"mediaType": "text/plain"}
        whole = {"providerMetadata": {"streamkit": {"citation": event.citation}}}
        yield self._chunks.say("source-url" if url else "source-document", whole, **about)

    # --- the application's own

    def _custom(self, event: Custom) -> Iterator[bytes]:
        """A payload with an ``id`` takes the place of the one before of its name and id."""
        yield self._named(event.name, event.data)

    def _other(self, event: object) -> Iterator[bytes]:
        """Show what a mapper gave by its type, and no event of ours that has no place here."""
        if not isinstance(event, _EVENTS):
            data = loads(dump_own(event, private=self._chunks.private))
            yield self._named(dict_or_empty(data).get("type"), data)

    def _named(self, name: object, data: object) -> bytes:
        kind = re.sub(r"[^\w.-]+", "-", name) if name and isinstance(name, str) else "custom"
        id: object = dict_or_empty(data).get("id")
        return self._chunks.data(kind, data, id=id if isinstance(id, str) else None)

    def _step_delta(self, event: StepDelta) -> Iterator[bytes]:
        """Show what the run itself streams that is no text, but nothing of the steps inside it."""
        if event.step_id is None:
            id = "output" if event.cumulative else None
            yield self._chunks.data("output", event.value, id=id)

    def _whole(self, event: Event) -> bytes:
        data = to_dict(event, private=self._chunks.private)
        return self._chunks.data("event", data, transient=True)


def _sealed(event: ReasoningEnd) -> dict[str, Any] | None:
    """Give what the provider wants back with the reasoning, and where it came from."""
    if not (event.signature or event.redacted):
        return None
    return metadata_of(event.origin, signature=event.signature, redacted=event.redacted)
