"""What a run has shown so far, so that nothing is shown twice.

LangGraph shows one model message up to three times (chunks, node output, state), one tool result
twice and one interrupt once per graph around it. `SeenRegistry` keeps the ids,
`DuplicateContent` the hashes of contents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from ..values import Origin, Status
from .duplicates import DuplicateContent
from .kinds import fields_of, is_removal
from .message import Message
from .pending_calls import PendingCalls

__all__ = ["SeenRegistry"]


class SeenRegistry:
    """The memory of one run."""

    def __init__(self) -> None:
        self.duplicates: DuplicateContent = DuplicateContent()
        self.calls: PendingCalls = PendingCalls()
        self.message_ids: set[str] = set()
        self.internal_ids: set[str] = set()
        self.interrupt_ids: set[str] = set()
        # Those that had no id when they were seen: LangGraph gives them one in place, later.
        self._nameless: dict[int, object] = {}
        # By who tells them: a node itself, or its update.
        self._removals: tuple[Counter[Hashable], Counter[Hashable]] = (Counter(), Counter())
        self._waiting: list[tuple[str, Any, str]] = []
        self._checkpoint_ids: set[str] = set()

    # --- messages

    def record_message(self, message: Message, status: Status) -> None:
        """Record a message that ended, and the calls it made, unless it was abandoned."""
        ids = filter(None, (message.message_id, message.stored_id, *message.ids))
        is_internal = message.origin.internal  # then unseen until a node puts it into the state
        (self.internal_ids if is_internal else self.message_ids).update(ids)
        if status == "abandoned":
            return
        calls = [(call.done, call.given_id or call.id) for call in message.calls if call.done]
        if not is_internal:
            self.duplicates.record_answer(message, tuple(given_id for _, given_id in calls))
        for call, given_id in calls:
            if not call.provider_executed:
                self.calls.add(call, given_id, message.origin)

    def knows(self, message: object) -> bool:
        """Tell whether a message was shown, or marked as seen."""
        fields = fields_of(message)
        is_answer = self.calls.is_answered(fields.get("tool_call_id"))
        return is_answer or fields.get("id") in self.message_ids

    def mark_seen(self, messages: Iterable[object]) -> None:
        """Remember messages that are no news: a node's input, or the history it returns."""
        for message in messages:
            name = fields_of(message).get("id")
            if name:
                self.message_ids.add(name)
            else:
                self._nameless[id(message)] = message

    def mark_history(self, messages: Sequence[object]) -> None:
        """Remember what a node returns of earlier turns: all up to the last message known.

        A subgraph that shares its messages with the graph around it returns the whole of them.
        """
        history = [not is_removal(it) and self.knows(it) for it in messages]
        known = [number for number, is_known in enumerate(history) if is_known]
        if known:
            # Only by their ids: results of tools that ran at once have none, and may be news.
            ids = (fields_of(it).get("id") for it in messages[: known[-1] + 1])
            self.message_ids.update(filter(None, ids))

    def is_known(self, message: object, origin: Origin) -> bool:
        """Tell whether a message was shown: under its id, or before it had one."""
        fields = fields_of(message)
        if id(message) in self._nameless or self.duplicates.had_no_id(fields, origin):
            self.mark_seen([message])
            return True
        return fields.get("id") in self.message_ids

    def is_repeated_removal(self, message: object, origin: Origin) -> bool:
        """Tell whether a removal was shown: its node tells of it, and its node's update again."""
        place = (origin.namespace, origin.node, fields_of(message).get("id"))
        here = bool(origin.metadata)  # which updates have not
        told, elsewhere = self._removals[here], self._removals[not here]
        told[place] += 1
        return told[place] <= elsewhere[place]

    # --- tools that ask

    def note_waiting(self, interrupt_id: str, value: object, tool_call_id: str) -> None:
        """Remember that a tool asks something. Those of one node may all have the same id."""
        self._waiting.append((interrupt_id, value, tool_call_id))

    def tool_waiting(self, interrupt_id: str, value: object) -> str | None:
        """Give the call whose tool asks this."""
        asked = (call for id, it, call in self._waiting if id == interrupt_id and it == value)
        return next(asked, None)

    # --- checkpoints

    def is_repeated_checkpoint(self, checkpoint_id: str | None) -> bool:
        """Tell whether a checkpoint was shown before, and remember it."""
        is_repeated = checkpoint_id in self._checkpoint_ids
        if checkpoint_id:
            self._checkpoint_ids.add(checkpoint_id)
        return is_repeated
