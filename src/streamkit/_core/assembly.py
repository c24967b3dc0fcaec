"""What is open, and the events that open and close it: the grammar, kept by construction.

Laws of this file:

1. The run opens before anything else and closes after everything else, once.
2. Whatever opens is in `_open`, in the order of opening. Closing backwards is innermost first.
3. What a step encloses (by ``parent_ids``) closes before the step does.
4. Nothing here looks at raw items: dialects read them and say what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, cast

from .._fields import Fields
from ..errors import MalformedItem
from ..events import (
    Event,
    Interrupt,
    MessageAdded,
    RetrievalEnd,
    RetrievalStart,
    RunEnd,
    RunError,
    RunStart,
    StateUpdate,
    StepEnd,
    StepStart,
    ToolDelta,
    ToolStart,
    Unrecognized,
)
from ..values import ErrorInfo, Origin, Status, StepKind, Usage
from .bracket import Bracket, tool_end
from .kinds import fields_of, is_removal, kind_of, messages_in
from .message import Message
from .origin import TaskScopes
from .results import answers_in, own_message, tool_result
from .seen import SeenRegistry

__all__ = ["Assembly"]

_NOWHERE = Origin()


class Assembly:
    """The open brackets of one run, and the events made so far."""

    def __init__(self) -> None:
        self.now: float = 0.0
        """What time it is: whoever reads the raw items says so, once per item."""
        self.seen: SeenRegistry = SeenRegistry()
        self.scopes: TaskScopes = TaskScopes()
        self.strict: bool = False
        """Whether what nobody understands raises instead of being shown."""
        self.output: Any = None
        self.interrupted: bool = False
        self.events: list[Event] = []
        """Those made since they were last taken."""
        self._open: dict[Hashable, Bracket | Message] = {}
        self._run: Origin | None = None
        self._ended = False
        self._messages = 0
        self._usage: dict[str, Usage] = {}
        self._blame: str | None = None

    # --- between items

    def take(self) -> list[Event]:
        """Give the events made since the last time."""
        events, self.events = self.events, []
        return events

    def show(self, event: Callable[..., Event], origin: Origin, **fields: Any) -> None:
        """Make an event that neither opens nor closes anything."""
        self.events.append(event(origin=origin, timestamp=self.now, **fields))

    # --- the run

    def start_run(
        self, origin: Origin = _NOWHERE, run_id: str | None = None, input: object = None
    ) -> None:
        """Open the run, unless it is open."""
        if self._run is None:
            self._run = origin
            self.show(RunStart, origin, run_id=run_id, input=input)

    def end_run(self, status: Status, error: ErrorInfo | None = None) -> None:
        """Close whatever is open, innermost first, and then the run."""
        if self._ended:
            return
        self._ended = True
        self.start_run()
        self._close_all(status, error)
        usage = sum(self._usage.values(), Usage()) if self._usage else None
        total = {"usage": usage, "usage_by_model": self._usage}
        origin = self._run or _NOWHERE
        if error:
            self.show(RunError, origin, error=error, **total)
        else:
            self.show(RunEnd, origin, status=status, output=self.output, **total)

    def _close_all(self, status: Status, error: ErrorInfo | None) -> None:
        # The source says what failed, not where. Only where everything open is one chain is
        # the innermost surely the one.
        at_fault = self._unblamed(error) if self._is_chain() else None
        for key in self._inside_out(self._open):
            is_message = self.message(key) is not None
            self._leave(key, status, at_fault)
            at_fault = at_fault if is_message else None

    def _inside_out(self, keys: Iterable[Hashable]) -> list[Hashable]:
        """Give the order to close in: messages enclose nothing and end as they began."""
        keys = list(keys)
        messages = [key for key in keys if self.message(key)]
        return [*messages, *(key for key in reversed(keys) if key not in messages)]

    def _unblamed(self, error: ErrorInfo | None) -> ErrorInfo | None:
        """Give an error once: what encloses the thing at fault only passes it on."""
        if error is None or error.message == self._blame:
            return None
        self._blame = error.message
        return error

    def _is_chain(self) -> bool:
        innermost = next(reversed(self._open.values()), None)
        if innermost is None:
            return False
        around = {innermost.origin.run_id, *innermost.origin.parent_ids}
        return all(bracket.origin.run_id in around for bracket in self._open.values())

    # --- anything open

    def is_open(self, key: Hashable) -> bool:
        """Tell whether something is open under this key."""
        return key in self._open

    def message(self, key: Hashable) -> Message | None:
        """Give the open message with this key, or None."""
        message = self._open.get(key)
        return message if isinstance(message, Message) else None

    @property
    def has_open_brackets(self) -> bool:
        """Whether a step, a tool or a search is open."""
        return any(isinstance(it, Bracket) for it in self._open.values())

    def open_messages(self) -> list[tuple[Hashable, Message]]:
        """Give the open messages, oldest first."""
        return [(key, it) for key, it in self._open.items() if isinstance(it, Message)]

    def close_inside(self, run_id: str, status: Status) -> None:
        """Close what a run encloses, innermost first."""
        for key in self._inside_out(self._keys_inside(run_id)):
            self._leave(key, status)

    def _keys_inside(self, run_id: str) -> Iterable[Hashable]:
        for key, bracket in self._open.items():
            origin = bracket.origin
            if run_id in origin.parent_ids or (origin.run_id == run_id and key != run_id):
                yield key

    def _begin(self, key: Hashable, bracket: Bracket | Message) -> None:
        self._leave(key, "incomplete")  # upstream repeats an id: what had it before is abandoned
        self._open[key] = bracket

    def _leave(self, key: Hashable, status: Status, error: ErrorInfo | None = None) -> None:
        """Close what upstream has left open; how it ended can only be told from outside."""
        message = self.message(key)
        if message:
            self.end_message(key, _status_when_left(message, status))
        elif key in self._open:
            self.close_inside(str(key), status)
            self._end(key, "incomplete" if status == "completed" else status, error=error)

    def _end(self, key: Hashable, status: Status, **result: Any) -> None:
        bracket = self._open.pop(key, None)
        if isinstance(bracket, Bracket):
            bracket.close(self, status, **result)
            self.seen.calls.end(bracket.fields.get("tool_call_id"))

    # --- steps

    def start_step(self, step_id: str, kind: StepKind, origin: Origin, input: object) -> None:
        """Open a step."""
        self._begin(step_id, Bracket(StepEnd, origin, step_id=step_id, kind=kind))
        self.show(StepStart, origin, step_id=step_id, kind=kind, input=input)

    def end_step(
        self,
        step_id: str,
        output: object,
        status: Status = "completed",
        error: ErrorInfo | None = None,
    ) -> None:
        """Close a step and what it encloses; what it left behind was abandoned."""
        self.close_inside(step_id, "interrupted" if self.interrupted else "incomplete")
        self._end(step_id, status, output=output, error=self._unblamed(error))

    def open_node(self, namespace: tuple[str, ...], node: str) -> str | None:
        """Give the step of a node that is open, if one is and no more."""
        open_ones = [
            bracket.fields["step_id"]
            for bracket in self._open.values()
            if isinstance(bracket, Bracket)
            and bracket.fields.get("kind") == "node"
            and (bracket.origin.namespace, bracket.origin.node) == (namespace, node)
        ]
        return open_ones[0] if len(open_ones) == 1 else None

    # --- messages

    def start_message(
        self, key: Hashable, origin: Origin, message_id: str | None, **said: str | None
    ) -> Message:
        """Open a message; without an id, or under one that is open, it gets one of ours.

        What else is ``said`` of it may be its ``role``, ``model`` and ``provider``.
        """
        self._messages += 1
        taken = {message.message_id for _, message in self.open_messages()}
        if not message_id:
            message_id = f"message-{self._messages}"
        elif message_id in taken:
            message_id = f"{message_id}#{self._messages}"
        message = Message(message_id, origin, self, **said)
        self._begin(key, message)
        return message

    def end_message(self, key: Hashable, status: Status = "completed") -> None:
        """Close a message and count its usage."""
        message = self.message(key)
        if message is None:
            return
        del self._open[key]
        message.close(status)
        self.seen.record_message(message)
        usage = message.total_usage
        if usage:
            model = message.model or "unknown"
            self._usage[model] = self._usage.get(model, Usage()) + usage

    def whole_message(self, value: object, origin: Origin, *, cached: bool = False) -> None:
        """Show a message that came whole: its own events, a tool's result, or an addition.

        One that is ``cached`` was paid for by an earlier run: its tokens are none of this one's.
        """
        kind, fields, seen = kind_of(value), fields_of(value), self.seen
        is_told = seen.is_repeated_removal if is_removal(value) else seen.is_known
        if is_told(value, origin):
            return
        seen.mark_seen([value])
        seen.duplicates.record_nameless(fields, origin)
        if kind == "tool":
            self._tool_message(fields, origin)
        elif kind in {"ai", "chunk"}:
            is_paid = cached or fields.get("id") in self.seen.internal_ids
            self._whole_answer({**fields, "usage_metadata": None} if is_paid else fields, origin)
        else:
            self.show(MessageAdded, origin, message=value)

    def _whole_answer(self, fields: Fields, origin: Origin) -> None:
        if self.seen.duplicates.is_copy(fields, origin):
            return
        message = self.start_message("whole", origin, fields.get("id"))
        message.add_whole(fields)
        self.end_message("whole")

    # --- tools

    def start_tool(
        self, key: Hashable, origin: Origin, tool_call_id: str, name: str, input: object
    ) -> None:
        """Open a tool run; under the id of one that runs already, it gets one of ours."""
        self.seen.calls.take(tool_call_id)
        if self._tool_running(tool_call_id) not in {None, key}:
            tool_call_id = f"{tool_call_id}#{len(self._open)}"
        self._begin(key, Bracket(tool_end, origin, tool_call_id=tool_call_id, name=name))
        self.show(ToolStart, origin, tool_call_id=tool_call_id, name=name, input=input)

    def end_tool(self, key: Hashable, output: object, status: Status = "completed") -> None:
        """Close a tool run with whatever it returned."""
        bracket = self._open.get(key)
        if bracket is None or isinstance(bracket, Message):
            return
        bracket = self._set_right(key, bracket, output)
        message = own_message(output, bracket.fields["tool_call_id"])
        if message:
            self._end(key, status, **tool_result(message))
        else:
            self._end(key, status, output=output)

    def _set_right(self, key: Hashable, bracket: Bracket, output: object) -> Bracket:
        """Of equal calls at once any may have been meant; the result says which one it was."""
        for answer in answers_in(output):
            other = self._tool_running(answer["tool_call_id"])
            if other not in {None, key}:
                self._open[key], self._open[other] = self._open[other], bracket
        return cast("Bracket", self._open[key])

    def tool_delta(self, key: Hashable, delta: object) -> None:
        """Pass on a piece of a running tool's output."""
        bracket = self._open.get(key)
        if isinstance(bracket, Bracket):
            id = bracket.fields["tool_call_id"]
            self.show(ToolDelta, bracket.origin, tool_call_id=id, delta=delta)

    def fail_tool(self, key: Hashable, error: ErrorInfo) -> None:
        """Close a tool run that raised."""
        self._blame = error.message
        self._end(key, "failed", error=error)

    def _tool_message(self, fields: Fields, origin: Origin) -> None:
        """Show a tool's result: the end of its run, or all of a run that the API did not show."""
        id = fields["tool_call_id"]
        if self.seen.calls.is_answered(id):
            self.seen.calls.mark_stored(id)
            return
        key = self._tool_running(id)
        if key is None:
            key = ("tool", id)
            name, args = self.seen.calls.take(id)
            self.start_tool(key, origin, id, fields.get("name") or name, args)
        self._end(key, "completed", **tool_result(fields))

    def _tool_running(self, tool_call_id: str) -> Hashable | None:
        for key, bracket in self._open.items():
            fields = bracket.fields if isinstance(bracket, Bracket) else {}
            if fields.get("tool_call_id") == tool_call_id:
                return key
        return None

    # --- retrievals

    def start_retrieval(self, key: str, origin: Origin, name: str, query: object) -> None:
        """Open a search."""
        self._begin(key, Bracket(RetrievalEnd, origin, retrieval_id=key, name=name))
        self.show(RetrievalStart, origin, retrieval_id=key, name=name, query=query)

    def end_retrieval(
        self,
        key: str,
        documents: Iterable[object],
        status: Status = "completed",
        error: ErrorInfo | None = None,
    ) -> None:
        """Close a search with what it found, or what it raised."""
        self._end(key, status, documents=tuple(documents), error=error)

    # --- things without a length

    def state_update(
        self, origin: Origin, node: str, values: object, *, cached: bool = False
    ) -> None:
        """Show what a node wrote, after the messages it holds that were not shown yet.

        It is ``cached`` if an earlier run wrote it.
        """
        for message in messages_in(values):
            self.whole_message(message, origin, cached=cached)
        self.seen.duplicates.end_task(origin)
        self.show(StateUpdate, origin, node=node, values=values, cached=cached)

    def interrupt(
        self, origin: Origin, interrupt_id: str, value: object = None, **details: Any
    ) -> None:
        """Show a pause, once."""
        self.interrupted = True
        if interrupt_id in self.seen.interrupt_ids:
            return
        self.seen.interrupt_ids.add(interrupt_id)
        call = self.seen.tool_waiting(interrupt_id, value)
        fields = {"interrupt_id": interrupt_id, "value": value, "tool_call_id": call}
        self.show(Interrupt, origin, **fields, **details)

    def unrecognized(self, raw: object, reason: str, origin: Origin | None = None) -> None:
        """Show an item, or a part of one, that nobody understands.

        Raises:
            MalformedItem: The run is read strictly.
        """
        if self.strict:
            raise MalformedItem(reason, raw)
        self.start_run()
        self.show(Unrecognized, origin or self._run or _NOWHERE, raw=raw, reason=reason)


def _status_when_left(message: Message, status: Status) -> Status:
    """Give how a message ended that was open when the stream was over."""
    if message.is_complete:
        return "completed"
    if status in {"completed", "interrupted"}:
        return "incomplete" if message.marks_its_end else "completed"
    return status
