"""The calls that models made, and how far their tools are: which one does a tool run answer?

Laws of this file:

1. A call is pending until a tool takes it, and runs until that tool ends.
2. A call that has ended may be taken again, for its node may be tried again, until the node
   itself has told the result; but a pending one that fits comes first.
3. A call has its result once: whatever repeats it is no news, also where the tool failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .kinds import fields_of

__all__ = ["PendingCalls"]


class _Asked(NamedTuple):
    """What a call asks for, and in which graph."""

    name: str
    args: Any
    namespace: tuple[str, ...]


_Fits = Callable[[object, object], bool]


class PendingCalls:
    """The calls of one run, and what became of them."""

    def __init__(self) -> None:
        self._pending: dict[str, _Asked] = {}
        self._running: dict[str, _Asked] = {}
        self._ended: dict[str, _Asked] = {}
        self._answered: set[str] = set()

    def add(self, id: str, name: str, args: object, namespace: tuple[str, ...]) -> None:
        """Remember a call that a model made; some models use their ids again and again."""
        self._answered.discard(id)
        self._ended.pop(id, None)
        self._pending[id] = _Asked(name, args, namespace)

    def expect(self, messages: Iterable[object], namespace: tuple[str, ...]) -> None:
        """Make the calls pending that a node is given, where an earlier run's model made them."""
        calls: dict[str, _Asked] = {}
        for message in messages:
            fields = fields_of(message)
            for call in fields.get("tool_calls") or ():
                if not self._knows(call["id"]):
                    calls[call["id"]] = _Asked(call["name"], call["args"], namespace)
            calls.pop(fields.get("tool_call_id") or "", None)
        self._pending.update(calls)

    def _knows(self, id: str) -> bool:
        return id in self._answered or id in self._pending or id in self._running

    def find(self, name: str, input: object, namespace: tuple[str, ...]) -> str | None:
        """Give the id of the call that a tool run answers, where upstream leaves it out.

        It is the oldest pending call of that tool in the same graph with the same arguments;
        failing that, one whose arguments are a part of the input (the rest was injected); and
        the oldest of all where the input is not known.
        """
        pending = _fitting(self._pending, name, input, namespace, _WAYS_TO_FIT)
        return pending or _fitting(self._ended, name, input, namespace, (_equal, _part_of))

    def take(self, id: str) -> tuple[str, Any]:
        """Say that a tool runs for a call, and give the call's name and arguments."""
        call = self._pending.pop(id, None) or self._ended.pop(id, None)
        if call is None:
            return "", None
        self._running[id] = call
        return call.name, call.args

    def end(self, id: str | None) -> None:
        """Remember that a call has its result."""
        if id:
            self._answered.add(id)
        if id in self._running:
            self._ended[id] = self._running.pop(id)

    def mark_stored(self, id: str) -> None:
        """Say that the node which ran the tool has told its result, and so will not run again."""
        self._ended.pop(id, None)

    def is_answered(self, id: str | None) -> bool:
        """Tell whether a call has its result already."""
        return id in self._answered


def _fitting(
    calls: Mapping[str, _Asked],
    name: str,
    input: object,
    namespace: tuple[str, ...],
    ways: Iterable[_Fits],
) -> str | None:
    named = [(id, call) for id, call in calls.items() if call.name == name]
    here = [(id, call) for id, call in named if call.namespace == namespace] or named
    for fits in ways:
        for id, call in here:
            if fits(call.args, input):
                return id
    return None


def _equal(args: object, input: object) -> bool:
    return args == input


def _part_of(args: object, input: object) -> bool:
    return isinstance(args, dict) and isinstance(input, dict) and args.items() <= input.items()


def _unreadable(args: object, _input: object) -> bool:
    return args is None


def _unknown(_args: object, input: object) -> bool:
    return input is None


_WAYS_TO_FIT: tuple[_Fits, ...] = (_equal, _part_of, _unknown, _unreadable)
