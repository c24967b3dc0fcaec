"""What a run has shown so far, so that nothing is shown twice and every tool finds its call.

LangGraph shows one model message up to three times (chunks, node output, state), one tool result
twice and one interrupt once per graph around it. The ledger remembers ids, and `Echoes` what was
said, as hashes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from ..values import Origin
from .echoes import Echoes
from .message import Message
from .payload import fields_of, is_removal

__all__ = ["Ledger"]


class _Pending(NamedTuple):
    """A call that no tool has taken yet."""

    name: str
    args: Any
    namespace: tuple[str, ...]


class Ledger:
    """The memory of one run."""

    def __init__(self) -> None:
        self.echoes: Echoes = Echoes()
        self.message_ids: set[str] = set()
        self.interrupt_ids: set[str] = set()
        # Those that had no id when they were seen: LangGraph gives them one in place, later.
        self._nameless: dict[int, object] = {}
        # By who tells them: a node itself, or its update.
        self._removals: tuple[Counter[Hashable], Counter[Hashable]] = (Counter(), Counter())
        self._waiting: list[tuple[str, Any, str]] = []
        self._checkpoint_ids: set[str] = set()
        self._answered: set[str] = set()
        self._pending: dict[str, _Pending] = {}

    # --- messages

    def record_message(self, message: Message) -> None:
        """Remember a message that ended, and the calls it made."""
        self.message_ids.update(filter(None, (message.message_id, message.stored_id)))
        calls = [call.done for call in message.calls if call.done]
        self.echoes.record_answer(message, tuple(call.id for call in calls))
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
            self.mark_seen(it for it in messages[: known[-1] + 1] if fields_of(it).get("id"))

    def is_known(self, message: object, origin: Origin) -> bool:
        """Tell whether a message was shown: under its id, or before it had one."""
        fields = fields_of(message)
        if id(message) in self._nameless or self.echoes.had_no_id(fields, origin):
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

    # --- tools

    def call_for(self, name: str, input: object, namespace: tuple[str, ...]) -> str | None:
        """Give the id of the call that a tool run answers, where upstream leaves it out.

        It is the oldest pending call of that tool in the same graph with the same arguments;
        failing that, one whose arguments are a part of the input (the rest was injected); and
        the oldest of all where the input is not known.
        """
        named = [(id, call) for id, call in self._pending.items() if call.name == name]
        here = [(id, call) for id, call in named if call.namespace == namespace] or named
        for fits in (_equal, _part_of, _unknown, _unreadable):
            for id, call in here:
                if fits(call.args, input):
                    del self._pending[id]
                    return id
        return None

    def expect_calls(self, messages: Iterable[object], namespace: tuple[str, ...]) -> None:
        """Make the calls pending that a node is given, where an earlier run's model made them."""
        calls: dict[str, _Pending] = {}
        for message in messages:
            fields = fields_of(message)
            if fields.get("id") not in self.message_ids:
                for call in fields.get("tool_calls") or ():
                    calls[call["id"]] = _Pending(call["name"], call["args"], namespace)
            calls.pop(fields.get("tool_call_id") or "", None)
        self._pending.update(calls)

    def note_waiting(self, interrupt_id: str, value: object, tool_call_id: str) -> None:
        """Remember that a tool asks something. Those of one node may all have the same id."""
        self._waiting.append((interrupt_id, value, tool_call_id))

    def tool_waiting(self, interrupt_id: str, value: object) -> str | None:
        """Give the call whose tool asks this."""
        asked = (call for id, it, call in self._waiting if id == interrupt_id and it == value)
        return next(asked, None)

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


def _unreadable(args: object, _input: object) -> bool:
    return args is None


def _unknown(_args: object, input: object) -> bool:
    return input is None
