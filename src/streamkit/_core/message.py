"""One message while it is being written: chunks in, a bracket of events out.

Laws of this file:

1. Blocks are numbered in the order they begin. At most one of them is text or reasoning and
   open; any other block's beginning ends it, so text before and after a call are two blocks.
2. Calls may be open side by side, because providers interleave parallel calls. A call ends when
   its arguments are complete JSON *and* something else has begun, or with the message.
3. Text is kept as the pieces that came and joined once, at the end.
4. Usage is one number per message, however often it is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .._fields import Fields
from ..events import (
    Citation,
    Content,
    Event,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Unrecognized,
)
from ..values import Origin, Status, ToolCall, Usage
from .calls import Call, Calls
from .finish import finish_reason
from .origin import is_models_own
from .passage import Passage
from .payload import fields_of, read_chunk, read_message, usage_of
from .usage import UsageReports

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Message", "Outlet"]


class Outlet(Protocol):
    """Where a message's events go, and what time it is there."""

    now: float
    events: list[Event]


class Message:
    """A message being written. It is the `Sink` that `payload` tells what chunks say."""

    def __init__(self, message_id: str, origin: Origin, outlet: Outlet, **said: str | None) -> None:
        self.message_id = message_id
        self.origin = origin
        self.stored_id: str | None = None
        self.marks_its_end: bool = False
        self.has_last_chunk: bool = False
        self.finish_reason: str | None = None
        self.model: str | None = said.get("model") or origin.metadata.get("ls_model_name")
        self._is_models_own = is_models_own(origin.metadata)
        self.calls: Calls = Calls()
        self.texts: list[str] = []
        self._outlet = outlet
        self._blocks = 0
        self._words: Passage | None = None
        self._tells_last = False
        self._usage = UsageReports()
        self._metadata: dict[str, Any] = {}
        self._last_metadata: Fields = {}
        self._emit(
            MessageStart,
            role=said.get("role") or "assistant",
            model=self.model,
            provider=said.get("provider") or origin.metadata.get("ls_provider"),
        )

    # --- what upstream hands in

    def try_append_text(self, chunk: Any) -> bool:
        """Add a chunk that says more of the same text, and tell whether it does: most do.

        Its class and its id are of one that was read with care: all to ask is what else it says.
        """
        words = self._words
        if (
            words is None
            or chunk.__class__ is not words.chunk_class
            or chunk.id != words.chunk_id
            or chunk.tool_call_chunks
            or chunk.additional_kwargs
            or chunk.usage_metadata
            or (self._tells_last and chunk.chunk_position)
            or chunk.content.__class__ is not str
            or (chunk.response_metadata and chunk.response_metadata != self._last_metadata)
        ):
            return False
        if text := chunk.content:  # `more_text`, without the call: most events are made here
            words.parts.append(text)
            outlet = self._outlet
            outlet.events.append(
                TextDelta(
                    origin=self.origin,
                    timestamp=outlet.now,
                    message_id=self.message_id,
                    block_id=words.block_id,
                    text=text,
                )
            )
        return True

    def add_chunk(self, chunk: object) -> None:
        """Add what an AIMessageChunk says."""
        fields = fields_of(chunk)
        read_chunk(fields, self)
        self._tells_last = "chunk_position" in fields  # langchain-core 1.0 and later
        if self._tells_last:
            self.marks_its_end = self._is_models_own
            self.has_last_chunk = fields["chunk_position"] == "last"
        words = self._words
        if words and words.index is None and not words.reasoning:
            words.chunk_class, words.chunk_id = chunk.__class__, fields["id"]

    def add_whole(self, fields: Fields) -> None:
        """Add what a whole message (as its dict of fields) says."""
        read_message(fields, self)
        self.has_last_chunk = True

    def finish(self, fields: Fields) -> None:
        """Take the finished message: all of it if nothing was streamed, else what is still news.

        Upstream's own merge repeats every chunk, so only what no chunk told is taken from it.
        """
        if self._blocks == 0:
            self.add_whole(fields)
        elif self.total_usage is None:
            usage = usage_of(fields["usage_metadata"])
            if usage:
                self.usage(usage)
        self.has_last_chunk = True
        self.stored_id = fields.get("id")

    # --- what payload says it means (the Sink)

    def text(self, text: str, index: object = None) -> None:
        """Add text, as a plain `str`: LangChain 1.x's `TextAccessor` is a subclass of it."""
        if text.__class__ is not str:
            text = str.__str__(text)
        if text and not self.more_text(text, index):
            self.more_text(text, self._words_at(index, reasoning=False).index)

    def more_text(self, text: str, index: object = None) -> bool:
        """Add text if the block at ``index`` is the one that is open, and tell whether it is."""
        words = self._words
        if words is None or words.index is not index or words.reasoning:
            return False
        words.parts.append(text)
        outlet = self._outlet
        outlet.events.append(
            TextDelta(
                origin=self.origin,
                timestamp=outlet.now,
                message_id=self.message_id,
                block_id=words.block_id,
                text=text,
            )
        )
        return True

    def reasoning(
        self,
        text: str,
        index: object = None,
        *,
        signature: str | None = None,
        redacted: bool = False,
    ) -> None:
        """Add reasoning, or only its seal."""
        if not (text or signature or redacted):
            return
        words = self._words_at(index, reasoning=True, signature=signature)
        words.redacted = redacted
        words.signature = signature or words.signature
        if text:
            words.parts.append(text)
            outlet = self._outlet
            outlet.events.append(
                ReasoningDelta(
                    origin=self.origin,
                    timestamp=outlet.now,
                    message_id=self.message_id,
                    block_id=words.block_id,
                    text=text,
                )
            )

    def tool_call(
        self,
        index: object,
        id: str | None,
        name: str | None,
        args: str,
        *,
        provider_executed: bool = False,
    ) -> None:
        """Begin a call, or add to one that has begun."""
        call = self.calls.known(index, id, name)
        if call and name and args[:1] == "{":
            self._end_complete_calls()  # some providers send a whole call twice
        if call is None:
            call = self._begin_call(index, id, name or "", provider_executed=provider_executed)
        self._add_args(call, args)

    def call_input(self, index: object, args: str) -> None:
        """Add arguments to the provider's own call at ``index``, if there is one."""
        call = self.calls.at(index)
        if call:
            self._add_args(call, args)

    def content(self, block: object) -> None:
        """Pass on a block that arrived whole."""
        self._emit(Content, block_id=self._begin_block(), block=block)

    def citation(
        self, citation: object, block_id: int | None = None, *, index: object = None
    ) -> None:
        """Pass on an annotation on the text so far, or on a block that may have ended."""
        if block_id is None:
            block_id = self._words_at(index, reasoning=False).block_id
        self._emit(Citation, block_id=block_id, citation=citation)

    def usage(self, usage: Usage) -> None:
        """Count a report of tokens."""
        self._usage.add(usage)

    def response(self, metadata: Fields) -> None:
        """Keep what else the provider said: the last word wins where it repeats itself."""
        if metadata == self._last_metadata:
            return
        self._last_metadata = metadata
        self._metadata.update(metadata)
        self.model = metadata.get("model_name") or metadata.get("model") or self.model
        _, self.finish_reason = finish_reason(self._metadata)
        if self.finish_reason:
            self._end_complete_calls()

    @property
    def words_id(self) -> int | None:
        """The block of text or reasoning that is open."""
        return self._words.block_id if self._words else None

    # --- the end

    @property
    def is_complete(self) -> bool:
        """Whether upstream has said that this was all."""
        return self.has_last_chunk or self.finish_reason is not None

    @property
    def total_usage(self) -> Usage | None:
        """The message's tokens, counted once."""
        return self._usage.total

    def close(self, status: Status) -> None:
        """End every block that is open, then the message."""
        self._end_words()
        for call in self.calls:
            self._end_call(call)
        reason, raw = finish_reason(self._metadata)
        if reason == "stop" and any(not call.provider_executed for call in self.calls):
            reason = "tool_calls"  # Gemini and the Responses API have one word for both
        self._emit(
            MessageEnd,
            status=status,
            text="".join(self.texts),
            tool_calls=tuple(call.done for call in self.calls if call.done),
            usage=self.total_usage,
            finish_reason=reason,
            raw_finish_reason=raw,
            model=self.model,
            stored_id=None if self.stored_id == self.message_id else self.stored_id,
            response_metadata=self._metadata,
        )

    # --- blocks

    def _begin_block(self) -> int:
        self._end_words()
        self._end_complete_calls()
        self._blocks += 1
        return self._blocks - 1

    def _words_at(self, index: object, *, reasoning: bool, signature: str | None = None) -> Passage:
        """Give the block that words at ``index`` belong to, which they may begin."""
        words = self._words
        if words is None or words.reasoning is not reasoning or words.is_over(index, signature):
            words = self._begin_words(reasoning=reasoning)
        if index is not None:
            words.index = index
        return words

    def _begin_words(self, *, reasoning: bool) -> Passage:
        self._words = words = Passage(self._begin_block(), reasoning=reasoning)
        self._emit(ReasoningStart if reasoning else TextStart, block_id=words.block_id)
        return words

    def _end_words(self) -> None:
        words, self._words = self._words, None
        if words is None:
            return
        text = "".join(words.parts)
        if words.reasoning:
            self._emit(
                ReasoningEnd,
                block_id=words.block_id,
                text=text,
                signature=words.signature,
                redacted=words.redacted,
            )
        else:
            self.texts.append(text)
            self._emit(TextEnd, block_id=words.block_id, text=text)

    # --- calls

    def _begin_call(
        self, index: object, id: str | None, name: str, *, provider_executed: bool
    ) -> Call:
        block_id = self._begin_block()
        id = id or f"{self.message_id}:{block_id}"
        call = Call(block_id, id, name, provider_executed=provider_executed)
        self.calls.add(index, call)
        self._emit(
            ToolCallStart,
            block_id=block_id,
            tool_call_id=id,
            name=name,
            provider_executed=provider_executed,
        )
        return call

    def _add_args(self, call: Call, args: str) -> None:
        if not args:
            return
        if call.done:
            if args.strip() and args != call.done.text:
                self._outlet.events.append(
                    Unrecognized(
                        origin=self.origin,
                        timestamp=self._outlet.now,
                        raw=args,
                        reason=f"arguments after the end of call {call.id!r}",
                    )
                )
            return
        call.parts.append(args)
        outlet = self._outlet
        outlet.events.append(
            ToolCallDelta(
                origin=self.origin,
                timestamp=outlet.now,
                message_id=self.message_id,
                block_id=call.block_id,
                tool_call_id=call.id,
                args=args,
            )
        )

    def _end_complete_calls(self) -> None:
        for call in self.calls:
            if call.done is None and call.parts and call.parts[-1].rstrip().endswith("}"):
                done = call.finished()
                if done.error is None:
                    self._end_call(call, done)

    def _end_call(self, call: Call, done: ToolCall | None = None) -> None:
        if call.done:
            return
        call.done = done = done or call.finished()
        self._emit(
            ToolCallEnd,
            block_id=call.block_id,
            tool_call_id=call.id,
            name=call.name,
            args=done.args,
            text=done.text,
            error=done.error,
            provider_executed=call.provider_executed,
        )

    def _emit(self, event: Callable[..., Event], **fields: Any) -> None:
        # Deltas are made in their places: to hand keywords on takes twice the time of the event.
        outlet = self._outlet
        outlet.events.append(
            event(origin=self.origin, timestamp=outlet.now, message_id=self.message_id, **fields)
        )
