"""The calls of one message while a model writes them, and their events.

Laws of this file:

1. Calls may be open side by side, because providers interleave parallel calls.
2. A call starts once its name is complete, and ends once it is over (see `calls`), or with the
   message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..events import ToolCallDelta, ToolCallEnd, ToolCallStart
from ..values import ToolCall
from .calls import Call, Calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from .message import Message


class MessageCalls(Calls):
    """The calls of a message, which emit their events through it."""

    def __init__(self, message: Message) -> None:
        super().__init__()
        self._message = message
        self._begun: list[Call] = []

    def write(
        self,
        index: object,
        id: str | None,
        name: str | None,
        args: str | None,
        *,
        provider_executed: bool,
    ) -> None:
        """Begin a call, or add to one that has begun."""
        before = self.current
        call = self.add(index, id, name, args, provider_executed=provider_executed)
        if call is None:
            return
        if before is not call:
            self._message.end_text()
            if before and before.is_over:
                self._end(before)
        if call.is_over and args and args.strip() and args != call.text:
            self._message.unrecognized(args, f"arguments after the end of call {call.id!r}")
        elif not call.has_begun:
            if call.name_is_complete:
                self._begin(call)
        elif args and not call.is_over:
            self._emit_args(call, args)
        if call.is_over:
            self._end(call)

    def delta_of(
        self, pieces: list[Any], content: Any, clock: Callable[[], float] | None
    ) -> ToolCallDelta | None:
        """Return the delta of one piece of the call that is being written."""
        (piece,), call, message = pieces, self.current, self._message
        args = piece["args"]
        if (
            call is None
            or not call.has_begun
            or call.is_over
            or piece["index"] != call.index
            or piece["id"]
            or piece["name"]
            or type(args) is not str
            or not args
            or message.reports.finish_reason
            or (content and (len(content) > 1 or content[0]["type"] != "input_json_delta"))
        ):
            return None
        call.parts.append(args)
        return ToolCallDelta(
            origin=message.origin,
            timestamp=clock() if clock else message.outlet.now,
            message_id=message.message_id,
            block_id=call.block_id,
            tool_call_id=call.id,
            args=args,
        )

    def pause(self) -> None:
        """End the call that was written last, if it is over by something else that comes."""
        call = self.leave()
        if call:
            self._end(call)

    def close(self) -> tuple[ToolCall, ...]:
        """End every call, and return them in the order they began."""
        for call in self:
            if not call.has_begun:
                self._begin(call)
            self._end(call)
        return tuple(call.done for call in self._begun if call.done)

    def _begin(self, call: Call) -> None:
        message = self._message
        self._begun.append(call)
        call.has_begun = True
        call.block_id = message.new_block_id()
        call.id = message.outlet.new_call_id(
            message, call.given_id or f"{message.message_id}:{call.block_id}"
        )
        message.emit(
            ToolCallStart,
            block_id=call.block_id,
            tool_call_id=call.id,
            name=call.name,
            provider_executed=call.provider_executed,
        )
        if args := call.text:
            self._emit_args(call, args)

    def _emit_args(self, call: Call, args: str) -> None:
        ids = {"block_id": call.block_id, "tool_call_id": call.id}
        self._message.emit(ToolCallDelta, **ids, args=args)

    def _end(self, call: Call) -> None:
        if call.done or not call.has_begun:
            return
        call.done = done = call.finished()
        self._message.emit(
            ToolCallEnd,
            block_id=call.block_id,
            tool_call_id=call.id,
            name=call.name,
            args=done.args,
            text=done.text,
            error=done.error,
            provider_executed=call.provider_executed,
        )
