"""One message while it is being written: chunks in, a bracket of events out.

Laws of this file:

1. Blocks are numbered in the order they begin. At most one of them is open, besides calls;
   whatever else comes ends it, so text before and after a call are two blocks.
2. Text is kept as the pieces that came and joined once, at the end.
3. What comes in was checked by `content`, so that closing cannot fail.

`message_calls` has the calls that it makes, `metadata` what the provider reports about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._fields import Fields, text_or_none
from ..events import (
    Citation,
    Content,
    Event,
    MessageEnd,
    MessageStart,
    TextDelta,
)
from ..values import Origin, Status, Usage
from .content import plain_text, read_chunk, read_message
from .kinds import fields_of
from .message_calls import MessageCalls
from .metadata import Reports, usage_of
from .origin import is_models_own
from .text_block import Kind, TextBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from .brackets import Brackets

_NO_CHUNK = object()

_KINDS: dict[str, Kind] = {"text": "text", "thinking": "reasoning", "reasoning": "reasoning"}
"""The types of blocks that hold text under the name of their type."""


class Message:
    """A message being written: the `Sink` that receives the content of chunks."""

    def __init__(self, message_id: str, origin: Origin, outlet: Brackets, **known: object) -> None:
        self.message_id = message_id
        self.origin = origin
        self.key: Hashable = None
        self.ids: set[str | None] = set()  # all that upstream has given it so far
        self.has_failed: bool = False  # its model raised: its node's end decides how it ends
        self.has_successor: bool = False  # its node has begun another message since
        self.before_close: Callable[[], None] | None = None  # adds what was held back
        self.reader: Any = None  # what its reader keeps about it while it is open
        self.stored_id: str | None = None
        self.marks_its_end: bool = False
        self.has_last_chunk: bool = False
        metadata = origin.metadata
        self.reports: Reports = Reports(
            text_or_none(known.get("model") or metadata.get("ls_model_name"))
        )
        self.calls: MessageCalls = MessageCalls(self)
        self.texts: list[str] = []
        self.outlet: Brackets = outlet
        self._is_models_own = is_models_own(metadata)
        self._blocks = 0
        self._text: TextBlock | None = None
        self._last_text: int | None = None  # the number of the last text that has ended
        self._refusals: list[str] = []
        self._chunk_id: object = _NO_CHUNK  # of the last chunk that was read field by field
        self._marks_last_chunk = False
        self.emit(
            MessageStart,
            role=text_or_none(known.get("role")) or "assistant",
            model=self.reports.model,
            provider=text_or_none(known.get("provider") or metadata.get("ls_provider")),
            name=text_or_none(known.get("name")),
        )

    # --- chunks and whole messages

    def delta_of(  # noqa: PLR0911  (one test after the other)
        self, chunk: Any, clock: Callable[[], float] | None = None
    ) -> Event | None:
        """Return the delta of a chunk that only continues the open block or call, as most do.

        Return None for any other, which `add_chunk` reads. The id is that of the last chunk that it
        read, so only the fields that a chunk may have besides its content are looked at.

        ``clock`` returns the time, unless the outlet has it.
        """
        try:
            # One attribute of a pydantic object costs as much as three keys (CPython 3.11).
            fields = chunk.__dict__
            if (
                fields["id"] != self._chunk_id
                or fields["additional_kwargs"]
                or fields["usage_metadata"]
                or (self._marks_last_chunk and fields["chunk_position"])
                or ((metadata := fields["response_metadata"]) and metadata != self.reports.latest)
            ):
                return None
            content, block = fields["content"], self._text
            if fields["tool_call_chunks"]:
                return self.calls.delta_of(fields["tool_call_chunks"], content, clock)
            if block is None or not content:
                return None
            if content.__class__ is not str:
                return self._block_delta(block, content, clock)
        except Exception:  # noqa: BLE001  (garbage; metadata may hold arrays, which cannot be compared)
            return None
        if not block.is_plain:
            return None
        block.parts.append(content)  # `TextBlock.delta`, without the call: most events
        return TextDelta(
            origin=self.origin,
            timestamp=clock() if clock else self.outlet.now,
            message_id=self.message_id,
            block_id=block.block_id,
            text=content,
        )

    def _block_delta(
        self, open: TextBlock, content: list[Any], clock: Callable[[], float] | None
    ) -> Event | None:
        """Return the delta of one block that has an index and text, and nothing beside."""
        (block,) = content
        kind, index = block["type"], block["index"]
        text = block[kind]
        if (
            len(block) != 3  # noqa: PLR2004  (type, index and text)
            or index != open.index
            or _KINDS[kind] != open.kind
            or type(text) is not str
            or not text
        ):
            return None
        open.redacted = False
        return open.delta(text, clock)

    def add_chunk(self, chunk: object) -> None:
        """Add the content of an AIMessageChunk."""
        fields = fields_of(chunk)
        read_chunk(fields, self)
        self._marks_last_chunk = "chunk_position" in fields  # langchain-core 1.0 and later
        if self._marks_last_chunk:
            self.marks_its_end = self._is_models_own
            self.has_last_chunk = fields["chunk_position"] == "last"
        self._chunk_id = fields["id"]

    def add_whole(self, fields: Fields) -> None:
        """Add the content of a whole message (as its dict of fields)."""
        read_message(fields, self)
        self.has_last_chunk = True

    def finish(self, fields: Fields) -> None:
        """Add the finished message: all of it if nothing was streamed, else what no chunk had."""
        # Upstream's merged message repeats every chunk; only the usage may be in it alone.
        if self._blocks == 0 and not self.calls:
            self.add_whole(fields)
        elif self.reports.usage.total is None and (usage := usage_of(fields["usage_metadata"])):
            self.usage(usage)
        self.has_last_chunk = True
        self.stored_id = text_or_none(fields.get("id"))

    # --- what `content` reads (the Sink)

    def text(self, text: str, index: object = None) -> None:
        """Add text."""
        if type(text) is not str:
            text = plain_text(text, "text", self)
        if text:
            block = self._text_at(index, "text")
            self.outlet.events.append(block.delta(text))

    def text_delta(self, text: str, index: object) -> Event | None:
        """Return the delta of text if the block at ``index`` is the one that is open, else None."""
        block = self._text
        if block is None or block.index is not index or block.kind != "text":
            return None
        return block.delta(text)

    def reasoning(
        self,
        text: str,
        index: object = None,
        *,
        signature: str | None = None,
        redacted: bool = False,
    ) -> None:
        """Add reasoning, or only its signature."""
        if not (text or signature or redacted):
            return
        block = self._text_at(index, "reasoning", signature)
        block.redacted = redacted
        block.signature = signature or block.signature
        if text:
            self.outlet.events.append(block.delta(text))

    def tool_call(
        self,
        index: object,
        id: str | None,
        name: str | None,
        args: str | None,
        *,
        provider_executed: bool = False,
    ) -> None:
        """Begin a call, or add to one that has begun."""
        self.calls.write(index, id, name, args, provider_executed=provider_executed)

    def call_input(self, index: object, args: str) -> None:
        """Add arguments to the provider's own call at ``index``, if there is one."""
        if self.calls.at(index):
            self.tool_call(index, None, None, args, provider_executed=True)

    def content(self, block: object) -> None:
        """Emit a block that arrived whole."""
        self.emit(Content, block_id=self._begin_block(), block=block)

    def refusal(self, text: str, index: object = None) -> None:
        """Add to the text of a refusal, which is emitted whole: another field may repeat it."""
        if text:
            self.calls.pause()
        open = self._text if self._text and self._text.kind == "refusal" else None
        earlier = [*self._refusals, "".join(open.parts)] if open else self._refusals
        if not text or (index is None and text in earlier):
            return
        if open is None or not open.takes(index):
            self._text = open = TextBlock(self, self._begin_block(), "refusal", index)
        open.parts.append(text)

    def citation(
        self, citation: object, block_id: int | None = None, *, index: object = None
    ) -> None:
        """Emit an annotation on the text so far, or on a block that may have ended."""
        if block_id is None:
            is_open = self._text is not None and self._text.kind == "text"
            block_id = None if is_open or index is not None else self._last_text
        if block_id is None:
            block_id = self._text_at(index, "text").block_id
        self.emit(Citation, block_id=block_id, citation=citation)

    def usage(self, usage: Usage) -> None:
        """Count a report of tokens."""
        self.reports.usage.add(usage)

    def response(self, metadata: Fields) -> None:
        """Keep what else the provider reports."""
        self.reports.add(metadata)
        if self.reports.finish_reason:
            self.calls.pause()

    def unrecognized(self, raw: object, reason: str) -> None:
        """Report a value that cannot be read; the rest of its chunk is read."""
        self.outlet.unrecognized(raw, reason, self.origin)

    @property
    def text_so_far(self) -> str:
        """The text of all blocks, the open one included."""
        block = self._text
        parts = block.parts if block and block.kind == "text" else []
        return "".join([*self.texts, *parts])

    @property
    def open_block_id(self) -> int | None:
        """The block that is open, besides calls."""
        return self._text.block_id if self._text else None

    # --- the end

    @property
    def is_complete(self) -> bool:
        """Whether upstream has marked the end of the message."""
        return self.has_last_chunk or self.reports.finish_reason is not None

    def close(self, status: Status) -> None:
        """End every block that is open, then the message."""
        self.end_text()
        calls, reports = self.calls.close(), self.reports
        reason = reports.finish_reason
        if self._refusals:
            reason = "refusal"
        elif reason == "stop" and any(not call.provider_executed for call in calls):
            reason = "tool_calls"  # Gemini and the Responses API have one reason for both
        self.emit(
            MessageEnd,
            status=status,
            text="".join(self.texts),
            tool_calls=calls,
            usage=reports.usage.total,
            finish_reason=reason,
            raw_finish_reason=reports.raw_finish_reason,
            model=reports.model,
            stored_id=None if self.stored_id == self.message_id else self.stored_id,
            response_metadata=reports.metadata,
        )

    # --- blocks

    def new_block_id(self) -> int:
        """Return the number of a block that begins."""
        self._blocks += 1
        return self._blocks - 1

    def _begin_block(self) -> int:
        """End what is over by another block's beginning, and return that one's number."""
        self.end_text()
        self.calls.pause()
        return self.new_block_id()

    def _text_at(self, index: object, kind: Kind, signature: str | None = None) -> TextBlock:
        """Return the block that text at ``index`` belongs to, which it may begin."""
        block = self._text
        if not (block and block.kind == kind and block.takes(index, signature)):
            block = self._text = TextBlock(self, self._begin_block(), kind)
            block.start()
        if index is not None:
            block.index, block.is_plain = index, False
        return block

    def end_text(self) -> None:
        """End the open block of text, of reasoning, or of a refusal."""
        block, self._text = self._text, None
        if block is None:
            return
        text = block.end()
        if block.kind == "text":
            self.texts.append(text)
            self._last_text = block.block_id
        elif block.kind == "refusal":
            self._refusals.append(text)

    def emit(self, event: Callable[..., Event], **fields: Any) -> None:
        """Make an event of the message."""
        # Deltas are made in their places: to hand keywords on takes twice the time of the event.
        outlet = self.outlet
        outlet.events.append(
            event(origin=self.origin, timestamp=outlet.now, message_id=self.message_id, **fields)
        )
