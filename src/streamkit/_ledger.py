"""What a run has shown so far, so that nothing is shown twice and every tool finds its call.

LangGraph shows one model message up to three times (chunks, node output, state), one tool result
twice and one interrupt once per graph around it. The ledger remembers ids, never contents, apart
from the last message of each node task that is still running.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ._message import Message
from ._origin import checkpoint_ns
from ._payload import Fields, fields_of, text_in
from .values import Origin

__all__ = ["Ledger"]


class _Pending(NamedTuple):
    """A call that no tool has taken yet."""

    name: str
    args: Any
    namespace: tuple[str, ...]


class _Said(NamedTuple):
    """What a message amounts to, for telling a copy of it under another id."""

    text: str
    tool_call_ids: tuple[str, ...]


class Ledger:
    """The memory of one run."""

    def __init__(self) -> None:
        self.message_ids: set[str] = set()
        self.interrupt_ids: set[str] = set()
        self.tool_of_interrupt: dict[str, str] = {}
        self._checkpoint_ids: set[str] = set()
        self._answered: set[str] = set()
        self._pending: dict[str, _Pending] = {}
        self._said: dict[str, _Said] = {}

    # --- messages

    def record_message(self, message: Message) -> None:
        """Remember a message that ended, and the calls it made."""
        self.message_ids.update(filter(None, (message.message_id, message.stored_id)))
        calls = [call.done for call in message.calls if call.done]
        task = checkpoint_ns(message.origin.metadata)
        if task:
            said = _Said("".join(message.texts), tuple(call.id for call in calls))
            self._said[task] = said
        for call in calls:
            if not call.provider_executed:
                self._answered.discard(call.id)
                self._pending[call.id] = _Pending(call.name, call.args, message.origin.namespace)

    def knows(self, message: object) -> bool:
        """Tell whether a message was shown, or marked as seen."""
        fields = fields_of(message)
        return fields.get("id") in self.message_ids or fields.get("tool_call_id") in self._answered

    def mark_seen(self, messages: Iterable[object]) -> None:
        """Remember messages that are no news: a node's input, or the history it returns."""
        ids = (fields_of(message).get("id") for message in messages)
        self.message_ids.update(id for id in ids if id)

    def is_copy(self, fields: Fields, origin: Origin) -> bool:
        """Tell whether a whole message under a new id says what its node's model just said.

        Where nothing tells its node, as in a graph's state, any node of the graph will do.
        """
        calls = tuple(call.get("id") for call in fields.get("tool_calls") or ())
        copy = _Said(text_in(fields["content"]), calls)
        task = checkpoint_ns(origin.metadata)
        tasks = [task] if task else self._tasks_of(origin.namespace)
        return any(copy) and copy in map(self._said.get, tasks)

    def forget_task(self, origin: Origin) -> None:
        """Drop what a node task said, once its output has been seen."""
        self._said.pop(checkpoint_ns(origin.metadata), None)

    def forget_tasks_of(self, namespace: tuple[str, ...]) -> None:
        """Drop what a graph's node tasks said, once the state after them has been seen."""
        for task in self._tasks_of(namespace):
            del self._said[task]

    def _tasks_of(self, namespace: tuple[str, ...]) -> list[str]:
        path = "|".join(namespace)
        return [task for task in self._said if task.rpartition("|")[0] == path]

    # --- tools

    def call_for(self, name: str, input: object, namespace: tuple[str, ...]) -> str | None:
        """Give the id of the call that a tool run answers, where upstream leaves it out.

        It is the oldest pending call of that tool in the same graph with the same arguments;
        failing that, one whose arguments are a part of the input (the rest was injected); and
        the oldest of all where the input is not known.
        """
        named = [(id, call) for id, call in self._pending.items() if call.name == name]
        here = [(id, call) for id, call in named if call.namespace == namespace] or named
        for fits in (_equal, _part_of, _unknown):
            for id, call in here:
                if fits(call.args, input):
                    del self._pending[id]
                    return id
        return None

    def strike_call(self, tool_call_id: str) -> tuple[str, Any]:
        """Take a call off the list of pending ones, and give its name and arguments."""
        call = self._pending.pop(tool_call_id, None)
        return (call.name, call.args) if call else ("", None)

    def record_answer(self, tool_call_id: str | None) -> None:
        """Remember that a call has its result."""
        if tool_call_id:
            self._pending.pop(tool_call_id, None)
            self._answered.add(tool_call_id)

    def is_answered(self, tool_call_id: str) -> bool:
        """Tell whether a call has its result already."""
        return tool_call_id in self._answered

    # --- checkpoints

    def is_repeated_checkpoint(self, checkpoint_id: str | None) -> bool:
        """Tell whether a checkpoint was shown before, and remember it."""
        is_repeated = checkpoint_id in self._checkpoint_ids
        if checkpoint_id:
            self._checkpoint_ids.add(checkpoint_id)
        return is_repeated


def _equal(args: object, input: object) -> bool:
    return args == input


def _part_of(args: object, input: object) -> bool:
    return isinstance(args, dict) and isinstance(input, dict) and args.items() <= input.items()


def _unknown(_args: object, input: object) -> bool:
    return input is None
