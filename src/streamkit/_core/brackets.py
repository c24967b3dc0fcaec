"""The open brackets, and the events that open and close them: the grammar, by construction.

Laws of this file:

1. The run opens before anything else and closes after everything else, once.
2. Messages enclose nothing, so they close first; brackets close in the reverse order of opening.
3. What a step encloses (by ``parent_ids``) closes before the step does.
4. An exception is reported once, where it was raised, and is known by its identity.
5. Nothing here looks at raw items: dialects read them and state what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple
from uuid import uuid4

from msgspec.structs import replace

from .._fields import free_id, text_or_none
from ..errors import MalformedItem
from ..events import NO_ORIGIN, Event, RunEnd, RunError, RunStart, ToolEnd, ToolError, Unrecognized
from ..values import ErrorInfo, Origin, Status, Usage
from .message import Message
from .open_messages import OpenMessages
from .origin import TaskScopes
from .pending_calls import PendingCall
from .seen import SeenRegistry

_REMEMBERED_ERRORS = 64


class HeldResult(NamedTuple):
    """The result of a tool, and the time of its end."""

    timestamp: float
    status: Status
    fields: dict[str, Any]


class Bracket:
    """A step, a tool or a retrieval that is open, and the event that will end it."""

    def __init__(self, end: Callable[..., Event], origin: Origin, **fields: Any) -> None:
        self.origin = origin
        self.fields = fields
        self.call: PendingCall | None = None
        """The call that a tool answers."""
        self.held: HeldResult | None = None
        """The tool's result, while its node may still put another one into the state."""
        self._end = end

    def end_event(self, timestamp: float, **result: Any) -> Event:
        """Return the event that ends it."""
        return self._end(origin=self.origin, timestamp=timestamp, **self.fields, **result)


def tool_end(*, status: Status, error: ErrorInfo | None, **fields: Any) -> Event:
    """Return the event that ends a tool: a `ToolEnd`, or a `ToolError` where there is an error."""
    if error is None:
        return ToolEnd(**fields, status=status)
    at = {name: fields[name] for name in ("origin", "timestamp", "tool_call_id", "name")}
    return ToolError(**at, error=error)


class Brackets:
    """The run, the open messages and the open brackets in it, and the events made so far."""

    def __init__(self) -> None:
        self.now: float = 0.0
        """The time in unix seconds, which the reader sets once per raw item."""
        self.events: list[Event] = []
        """The events made since `take` was last called."""
        self.strict: bool = False
        """Whether an item that cannot be read raises instead of being shown."""
        self.output: Any = None
        """The output that the run's end will hold."""
        self.interrupted: bool = False
        """Whether the run has paused."""
        self.is_late: bool = False
        """Whether what is read now comes later than callbacks have noted it: then it can only add
        what is unseen, for it may have been changed since."""
        self.messages: OpenMessages = OpenMessages()
        """The open messages."""
        self.seen: SeenRegistry = SeenRegistry()
        self.scopes: TaskScopes = TaskScopes()
        self._open: dict[Hashable, Bracket] = {}
        self._run: Origin | None = None
        self._ended = False
        self._usage: dict[str, Usage] = {}
        self._reported: list[BaseException] = []

    # --- between items

    def take(self) -> list[Event]:
        """Return the events made since the last time."""
        events, self.events = self.events, []
        return events

    def show(self, event: Callable[..., Event], origin: Origin, **fields: Any) -> None:
        """Make an event that neither opens nor closes anything."""
        self.events.append(event(origin=origin, timestamp=self.now, **fields))

    def unrecognized(self, raw: object, reason: str, origin: Origin | None = None) -> None:
        """Show an item, or a part of one, that cannot be read.

        Raises:
            MalformedItem: The run is read strictly.
        """
        if self.strict and not self._ended:
            raise MalformedItem(reason, raw)
        self.start_run()
        self.show(Unrecognized, origin or self._run or NO_ORIGIN, raw=raw, reason=reason)

    # --- the run

    def start_run(
        self, origin: Origin = NO_ORIGIN, run_id: str | None = None, input: object = None
    ) -> None:
        """Open the run, unless it is open; then only the thread is learned, if it was unknown."""
        if self._run is None:
            self._run = origin
            self.show(RunStart, origin, run_id=run_id, input=input)
        elif origin.thread_id and self._run.thread_id is None:
            self._run = replace(self._run, thread_id=origin.thread_id)

    def end_run(self, status: Status, error: ErrorInfo | None = None) -> None:
        """Close whatever is open, innermost first, and then the run."""
        if self._ended:
            return
        self._ended = True
        self.start_run()
        self._close_all(status, error)
        usage = sum(self._usage.values(), Usage()) if self._usage else None
        total = {"usage": usage, "usage_by_model": self._usage}
        origin = self._run or NO_ORIGIN
        if error:
            self.show(RunError, origin, error=error, **total)
        else:
            self.show(RunEnd, origin, status=status, output=self.output, **total)

    def _close_all(self, status: Status, error: ErrorInfo | None) -> None:
        # The source reports what failed, not where. Only where everything open is one chain is
        # the innermost surely the one.
        at_fault = self.unreported(error) if self._is_chain() else None
        left: Status = "incomplete" if status == "completed" else status
        for message in self.messages:
            self.leave_message(message, left)
        for key in reversed(list(self._open)):
            self._leave(key, status, at_fault)
            at_fault = None

    def _is_chain(self) -> bool:
        origins = [it.origin for it in (*self._open.values(), *self.messages)]
        innermost = max(origins, key=lambda it: len(it.parent_ids), default=NO_ORIGIN)
        around = {innermost.run_id, *innermost.parent_ids}
        # In v3 (langgraph 1.2) tools have no run ids: of those at once in one graph, any may be it.
        graphs = [it.origin.namespace for it in self._open.values() if not it.origin.run_id]
        is_alone = len(set(graphs)) == len(graphs)
        return is_alone and all(origin.run_id in around for origin in origins)

    def unreported(self, error: ErrorInfo | None) -> ErrorInfo | None:
        """Return an error the first time, and None for whatever only passes it on.

        An error that came as text has no identity: it is reported wherever the source does so.
        """
        if error is None or error.exception is None:
            return error
        if any(error.exception is it for it in self._reported):
            return None
        self._reported = [*self._reported[1 - _REMEMBERED_ERRORS :], error.exception]
        return error

    # --- brackets

    def is_open(self, key: Hashable) -> bool:
        """Return whether a message or a bracket is open under this key."""
        return key in self._open or self.messages.get(key) is not None

    @property
    def has_open_brackets(self) -> bool:
        """Whether a step, a tool or a retrieval is open."""
        return bool(self._open)

    def close_inside(self, run_id: str, left: Status) -> None:
        """Close what a run encloses, innermost first; ``left`` is how what is around it ended."""
        for message in self.messages:
            if _is_of(message.origin, run_id):
                self.leave_message(message, left)
        inside: Status = "incomplete" if left in {"completed", "failed"} else left
        for key in reversed(list(self._open)):
            bracket = self._open.get(key)
            # A tool's bracket may stand under the key of another run: see `ToolRuns`.
            is_own = key == run_id or (bracket and bracket.call and bracket.origin.run_id == run_id)
            if bracket and not is_own and _is_of(bracket.origin, run_id):
                self._leave(key, inside)

    def _begin(self, key: Hashable, bracket: Bracket) -> None:
        self._leave(key, "incomplete")  # upstream repeats an id: what had it before is abandoned
        self._open[key] = bracket

    def _leave(self, key: Hashable, status: Status, error: ErrorInfo | None = None) -> None:
        """Close a bracket that upstream has left open, and what it encloses."""
        if key in self._open:
            self.close_inside(str(key), status)
            self._end(key, "incomplete" if status == "completed" else status, error=error)

    def _end(self, key: Hashable, status: Status, **result: Any) -> Bracket | None:
        bracket = self._open.pop(key, None)
        if bracket:
            result.setdefault("error", None)
            self.events.append(bracket.end_event(self.now, status=status, **result))
        return bracket

    # --- messages

    def message(self, key: Hashable) -> Message | None:
        """Return the open message with this key, or None."""
        return self.messages.get(key)

    def start_message(
        self, key: Hashable, origin: Origin, message_id: str | None, **known: str | None
    ) -> Message:
        """Open a message; ``known`` may be its ``role``, ``model``, ``provider`` and ``name``.

        Without an id it gets a new uuid. So does one whose id another open message has.
        """
        self.end_message(key, "incomplete")
        message_id = text_or_none(message_id)
        given: set[str | None] = {message_id} if message_id else set()
        if not message_id:
            message_id = str(uuid4())
        elif any(message_id == it.message_id for it in self.messages):
            message_id = f"{message_id}#{uuid4()}"
        message = Message(message_id, origin, self, **known)
        message.key, message.ids = key, given
        self.messages.add(message)
        return message

    def new_call_id(self, message: Message, given_id: str) -> str:
        """Return the id of a call that a model begins to write: the one given, if it is free.

        Some servers number the calls of every message, or of every tool, from 0.
        """
        return free_id(given_id, lambda it: self._is_taken(it, message))

    def _is_taken(self, id: str, message: Message) -> bool:
        if self.seen.calls.is_taken(id, message.origin):
            return True
        node = (message.origin.namespace, message.origin.node)
        return any(
            call.has_begun and call.id == id
            for other in self.messages
            if other is message or (other.origin.namespace, other.origin.node) != node
            for call in other.calls
        )

    def leave_message(self, message: Message, left: Status = "incomplete") -> None:
        """Close a message that something after it has ended; ``left`` is how its node ended."""
        self.end_message(message.key, _status_when_left(message, left))

    def end_message(self, key: Hashable, status: Status = "completed") -> None:
        """Close a message and count its usage."""
        message = self.messages.get(key)
        if message is None:
            return
        if message.before_close and status in {"completed", "incomplete"}:
            self._add_held_back(message, message.before_close)
        self.messages.remove(message)
        message.close(status)
        self.seen.record_message(message, status)
        self.count(message.reports.usage.total, message.reports.model)

    def count(self, usage: Usage | None, model: str | None) -> None:
        """Add the tokens of one model call to those of the run."""
        if usage:
            name = model or "unknown"
            self._usage[name] = self._usage.get(name, Usage()) + usage

    def _add_held_back(self, message: Message, add: Callable[[], None]) -> None:
        try:
            add()
        except Exception as error:  # noqa: BLE001  (closing cannot fail)
            reason = f"what message {message.message_id!r} ended with: {type(error).__name__}"
            self.unrecognized(None, reason, message.origin)


def _is_of(origin: Origin, run_id: str) -> bool:
    return run_id in origin.parent_ids or origin.run_id == run_id


def _status_when_left(message: Message, left: Status) -> Status:
    """Return how a message ended that its model did not end.

    Before langchain-core 1.0 no chunk is marked as the last, so a half message
    cannot be recognized there.
    """
    if message.is_complete and not message.has_failed:
        return "completed"
    if left in {"failed", "cancelled", "abandoned"}:
        return left
    if not (message.marks_its_end or message.has_failed):
        return "completed"
    if left == "completed" or message.has_successor:
        return "abandoned"
    return "failed" if message.has_failed else "incomplete"
