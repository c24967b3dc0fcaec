"""Tools that run: each finds the call that it answers, and ends once.

Laws of this file:

1. Every tool run has the id of its call in our events, also where upstream leaves it out.
2. Two tools that run at once never have the same id.
3. A result ends one run: whatever repeats it, such as a node's message or a state, is passed over.
4. The result is what the state holds. Where the node that ran a tool has still to write it, the
   tool's own result is held until then: middleware may hide a secret or replace an exception.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, cast
from uuid import uuid4

from .._fields import required_text, text_or_none
from ..events import MessageReplaced, ToolDelta, ToolStart
from ..values import ErrorInfo, Namespace, Origin, Status
from .brackets import Bracket, Brackets, HeldResult, tool_end
from .kinds import fields_of, id_of
from .origin import checkpoint_ns
from .pending_calls import PendingCall
from .results import answers_in, own_message, tool_messages_in, tool_result


def _place_of(tool: Bracket) -> Hashable:
    """Return what two calls have in common that can be mistaken: neither is inside the other."""
    return tool.fields["name"], tool.origin.namespace, len(tool.origin.parent_ids)


class ToolRuns(Brackets):
    """The brackets of tools."""

    def start_tool(
        self, key: Hashable, origin: Origin, tool_call_id: str, name: str, input: object
    ) -> str:
        """Open a tool run, and return the id that our events have for its call.

        It is ``tool_call_id``, unless another call at work has that.
        """
        call = self.seen.calls.find(name, input, origin.namespace, tool_call_id)
        if call is None or call.state != "pending":
            for earlier in self.running_tools(tool_call_id, origin.namespace):
                if self._open[earlier].held and earlier != key:
                    self._end(earlier, "completed")  # its node runs the call again
            call = self.seen.calls.find(name, input, origin.namespace, tool_call_id)
        id = call.id if call else tool_call_id or str(uuid4())
        number = 1
        while self._tool_running(id) not in {None, key}:
            number += 1
            id = f"{tool_call_id}#{number}"
        # Providers repeat ids, and some servers number the calls of each message from 0.
        bracket = Bracket(tool_end, origin, tool_call_id=id, name=name)
        self._begin(key, bracket)
        if call:
            call.id, call.state, bracket.call = id, "running", call
        else:
            bracket.call = self.seen.calls.add_running(tool_call_id, id, name, origin)
        self.show(ToolStart, origin, tool_call_id=id, name=name, input=input)
        return id

    def running_tools(self, given_id: str, namespace: Namespace) -> list[Hashable]:
        """Return the keys of the open tool runs that answer calls of this id in one graph."""
        place = (given_id, namespace)
        return [
            key
            for key, it in self._open.items()
            if it.call and (it.call.given_id, it.origin.namespace) == place
        ]

    def name_of_tool(self, key: Hashable) -> str:
        """Return the name of an open tool run."""
        name: str = self._open[key].fields["name"]
        return name

    def end_tool(
        self, key: Hashable, output: object, status: Status = "completed", *, hold: bool = False
    ) -> None:
        """Close a tool run with whatever it returned, or ``hold`` that until its node has ended."""
        bracket = self._open.get(key)
        if bracket is None or bracket.call is None:
            return
        self._swap_if_mistaken(key, bracket, output)
        call = cast("PendingCall", self._open[key].call)
        message = own_message(output, call.given_id)
        result = tool_result(message) if message else {"output": output}
        if hold:
            self._open[key].held = HeldResult(self.now, status, result)
            call.output = result.get("output")
        else:
            self._end(key, status, **result)

    def confirm_tools(self, origin: Origin, output: object) -> None:
        """Close the tool runs whose results a task of a workflow returns.

        They are as the workflow has them, which may return other messages, or none.
        """
        task = checkpoint_ns(origin.metadata)
        for fields in map(fields_of, tool_messages_in(output)):
            for key in self.running_tools(fields["tool_call_id"], origin.namespace):
                if checkpoint_ns(self._open[key].origin.metadata) == task:
                    self._end_as_stored(key, tool_result(fields))
                    break

    def tool_delta(self, key: Hashable, delta: object) -> None:
        """Show a piece of a running tool's output, if it runs."""
        bracket = self._open.get(key)
        if bracket:
            id = bracket.fields["tool_call_id"]
            self.show(ToolDelta, bracket.origin, tool_call_id=id, delta=delta)

    def fail_tool(self, key: Hashable, error: ErrorInfo, *, hold: bool = False) -> None:
        """Close a tool run that raised, or ``hold`` that until its node has ended."""
        self.unreported(error)
        bracket = self._open.get(key)
        if bracket and hold:
            bracket.held = HeldResult(self.now, "failed", {"error": error})
        else:
            self._end(key, "failed", error=error)

    def release_tools(self, namespace: Namespace) -> None:
        """Close the tool runs of a graph whose results are held: its state has been seen."""
        for key, bracket in list(self._open.items()):
            if bracket.held and bracket.origin.namespace == namespace:
                self._end(key, "completed")

    def replace_message(
        self, message: object, origin: Origin, tool_call_id: str | None = None
    ) -> None:
        """Show that a message holds something else now."""
        self.seen.record_whole(message)
        seen = self.seen.known(id_of(message))
        call = tool_call_id or (seen and seen.tool_call_id)
        id = seen.id if seen else call
        self.show(MessageReplaced, origin, message_id=id, message=message, tool_call_id=call)

    def _tool_message(self, message: object, origin: Origin) -> None:
        """Show a tool's result: the end of its run, or all of a run that the API did not show."""
        fields = fields_of(message)
        given_id, name = required_text(fields, "tool_call_id"), text_or_none(fields.get("name"))
        content = fields["content"]
        calls = self.seen.calls
        call = calls.answered_by(given_id, name, content, origin.namespace)
        # langgraph's ToolNode answers a call of an unknown tool by itself: then no tool has run.
        if call is None or call.state == "pending":
            key = object()
            name, args = (name or call.name, call.args) if call else (name or "", None)
            self.start_tool(key, origin, given_id, name, args)
            call = cast("PendingCall", self._open[key].call)
            self._end(key, "completed", **tool_result(fields))
        elif call.state == "running":
            self._end_as_stored(self._tool_running(call.id), tool_result(fields))
        elif not (self.is_late or call.has_result(content)):
            self.replace_message(message, origin, call.id)
        calls.mark_stored(call)
        seen = self.seen.known(id_of(message))
        if seen:
            seen.tool_call_id = call.id

    def _end_as_stored(self, key: Hashable, result: dict[str, Any]) -> None:
        """Close a tool run with the result that its node puts into the state."""
        bracket = self._open[key]
        if bracket.held and "error" in bracket.held.fields and "error" in result:
            result = bracket.held.fields  # the exception itself: the message has only a text
        ended_at = bracket.held.timestamp if bracket.held else self.now
        bracket.held = HeldResult(ended_at, "completed", {"confirmed": True, **result})
        self._end(key, "completed")

    def _swap_if_mistaken(self, key: Hashable, bracket: Bracket, output: object) -> None:
        """Swap two brackets if the result is that of another call."""
        # `on_tool_start` (up to langchain-core 1.8) has no call id, so identical parallel calls are
        # matched by guess. Only the result has the real id.
        for answer in answers_in(output):
            given_id: Any = answer["tool_call_id"]
            if bracket.call and bracket.call.given_id == given_id:
                return
            for other_key, other in self._open.items():
                is_meant = other.call and other.call.given_id == given_id and other is not bracket
                if is_meant and _place_of(other) == _place_of(bracket):
                    self._open[key], self._open[other_key] = other, bracket
                    return

    def _tool_running(self, tool_call_id: str) -> Hashable | None:
        for key, bracket in self._open.items():
            if bracket.fields.get("tool_call_id") == tool_call_id:
                return key
        return None

    def _end(self, key: Hashable, status: Status, **result: Any) -> Bracket | None:
        bracket, now = self._open.get(key), self.now
        if bracket and bracket.held:
            moment, status, result = bracket.held
            self.now: float = moment
            result = {"confirmed": False, **result}  # unless the node's message has come
        bracket = super()._end(key, status, **result)
        self.now = now
        if bracket and bracket.call:
            self.seen.calls.end(bracket.call, result)
        return bracket
