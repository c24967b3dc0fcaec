"""The calls that models made, and how far their tools are: which one does a tool run answer?

Laws of this file:

1. A call is known by its place, which is the graph, the message and the position in it. Its id is
   the provider's and may repeat: in later turns, in two agents at once, even in one message.
2. A call is pending until a tool takes it, and runs until that tool ends.
3. A call that has ended may be taken again, for its node may be tried again, until the node
   itself has stored the result; but a pending one that fits comes first.
4. A call has its result once: whatever repeats it is a duplicate, also where the tool failed.
5. Arguments are kept until the result is stored. Calls that nothing ever answers, such as
   structured output, keep theirs while they are among the last; then only their ids are known.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from sys import maxsize
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from .._fields import Fields, json_text, shown, text_of
from ..values import Namespace, Origin, ToolCall
from .kinds import fields_of, id_of, made_call_ids

_State: TypeAlias = Literal["pending", "running", "ended", "stored"]
_MOST_KEPT = 4_000_000  # characters of arguments of calls without a stored result
_OVERHEAD = 1_000  # what a call counts besides its arguments, so that their number is bounded


class PendingCall(Struct, eq=False):
    """A call that a model made, and what became of it."""

    given_id: str
    """The id that the provider gave it, empty where it gave none."""
    id: str
    """The id that our events have for it, which no other call at work has."""
    name: str
    args: Any
    namespace: Namespace
    node: str | None = None
    state: _State = "pending"
    size: int = _OVERHEAD
    """The characters that it keeps in memory, about."""
    output: Any = None
    """The output of its tool, once it returned and until the node has stored it."""
    spellings: frozenset[int] = frozenset()
    """Hashes of all that a message with this result may hold."""
    is_confirmed: bool = True
    """Whether the result that was shown is what the state holds."""

    def has_result(self, content: object) -> bool:
        """Return whether a tool's message holds what the tool is known to have returned.

        A node may describe an exception in any words, so those are not compared.
        """
        is_same = not self.spellings or _hash(content) in self.spellings
        return is_same and self.is_confirmed


class PendingCalls:
    """The calls of one run, and what became of them."""

    def __init__(self) -> None:
        self._calls: dict[str, list[PendingCall]] = {}
        self._at_work: dict[PendingCall, None] = {}  # those without a stored result, oldest first
        self._kept = 0

    # --- calls

    def add(self, call: ToolCall, given_id: str, origin: Origin) -> None:
        """Register a call that a model made: the earlier ones of its id and place are over.

        One whose tool runs, or ran, before its message was seen is registered already: a workflow
        may return the message of an earlier run.
        """
        for known in self._calls.get(given_id, ()):
            if (
                known.args is None
                and known.name == call.name
                and known.state in {"running", "ended"}
            ):
                known.args = call.args
                return
        for it in [*self._calls.get(given_id, ())]:
            if it.state != "running" and (it.id, it.namespace) == (call.id, origin.namespace):
                self._calls[given_id].remove(it)
                self._leave(it)
        facts = (given_id, call.id, call.name, call.args, origin.namespace, origin.node)
        self._register(PendingCall(*facts, size=_OVERHEAD + len(call.text)))

    def expect(self, messages: Iterable[object], namespace: Namespace) -> None:
        """Register the calls in a node's input that no message of its graph made in this run.

        Of those that a message made, it has the arguments as they are now.
        """
        calls: dict[str, PendingCall] = {}
        for message in messages:
            fields = fields_of(message)
            for number, call in enumerate(fields.get("tool_calls") or ()):
                given_id = call["id"] or ""
                here = [it for it in self._calls.get(given_id, ()) if it.namespace == namespace]
                pending = [it for it in here if (it.state, it.name) == ("pending", call["name"])]
                if len(pending) == 1 and made_call_ids(message).count(given_id) == 1:
                    pending[0].args = call["args"]  # a node may have edited them
                if not here:
                    id = given_id or f"{id_of(message)}:{number}"
                    calls[id] = PendingCall(given_id, id, call["name"], call["args"], namespace)
            given_id, name = fields.get("tool_call_id"), fields.get("name")
            answered = [it for it in calls.values() if it.given_id == given_id]
            for call in sorted(answered, key=lambda it: it.name != name)[:1]:
                del calls[call.id]
        for call in calls.values():
            self._register(call)

    def is_taken(self, id: str, origin: Origin) -> bool:
        """Return whether a call that is at work elsewhere, or whose tool runs, has this id."""
        here = (origin.namespace, origin.node)
        return any(
            it.state == "running" or (it.state == "pending" and (it.namespace, it.node) != here)
            for it in self._at_work
            if it.id == id
        )

    def _register(self, call: PendingCall) -> None:
        self._calls.setdefault(call.given_id, []).append(call)
        self._at_work[call] = None
        self._kept += call.size
        while self._kept > _MOST_KEPT and len(self._at_work) > 1:
            oldest = next(iter(self._at_work))
            oldest.args = oldest.output = None
            self._leave(oldest)

    def _leave(self, call: PendingCall) -> None:
        if call in self._at_work:
            del self._at_work[call]
            self._kept -= call.size

    # --- tools

    def find(
        self, name: str, input: object, namespace: Namespace, given_id: str | None = None
    ) -> PendingCall | None:
        """Return the call that a tool run answers, or None.

        It is the oldest pending call of that tool in the same graph with the same arguments;
        failing that, one whose arguments are a part of the input (the rest was injected); and
        the oldest of all where the input is not known.
        """
        # `on_tool_start` (up to langchain-core 1.8) has no call id, and injected arguments such as
        # the state are part of its input.
        calls = self._at_work if given_id is None else self._calls.get(given_id, ())
        for state, worst in (("pending", 3), ("ended", 1)):
            fitting = [it for it in calls if it.state == state]
            named = [it for it in fitting if it.name == name]
            if given_id is not None:
                named = named or fitting
            here = [it for it in named if it.namespace == namespace] or named
            ranked = ((_misfit(it.args, input), it) for it in here)
            rank, found = min(ranked, key=itemgetter(0), default=(None, None))
            if rank is not None and (given_id is not None or rank <= worst):
                return found
        return None

    def end(self, call: PendingCall, result: Fields) -> None:
        """Register that a call's tool has ended, and with what."""
        call.state = "ended"
        output, error = result.get("output"), result.get("error")
        # A tool that its node has left has neither, and any message is more than that.
        call.is_confirmed = result.get("confirmed", "output" in result or error is not None)
        is_content = isinstance(output, (str, list))
        call.output = output if is_content else None
        # ToolNode (langgraph 1.2, `msg_content_output`) writes a value as JSON, else as text.
        if "output" in result:
            call.spellings = frozenset(map(_hash, (output, text_of(output), json_text(output))))

    def add_running(self, given_id: str, id: str, name: str, origin: Origin) -> PendingCall:
        """Register a tool run that no known call asked for."""
        place = (origin.namespace, origin.node)
        call = PendingCall(given_id, id, name, None, *place, state="running")
        self._register(call)
        return call

    # --- results

    def answered_by(
        self, given_id: str, name: str | None, content: object, namespace: Namespace
    ) -> PendingCall | None:
        """Return the call that a tool's message answers, or repeats the answer to, or None."""
        calls = [it for it in self._calls.get(given_id, ()) if it.state != "stored"]
        calls = [it for it in calls if it.namespace == namespace] or calls
        calls = [it for it in calls if name and it.name == name] or calls
        same = (it for it in calls if it.state != "pending" and it.output == content)
        by_state = (it for state in _ANSWER_ORDER for it in calls if it.state == state)
        return next(same, next(by_state, None))

    def is_answered(self, given_id: str | None) -> bool:
        """Return whether all calls of this id have their results; an empty one is no id."""
        calls = self._calls.get(given_id, ()) if given_id else ()
        return bool(calls) and all(it.state in {"ended", "stored"} for it in calls)

    def is_pending(self, given_id: str | None) -> bool:
        """Return whether no tool has taken any call of this id; an empty one is no id."""
        calls = self._calls.get(given_id, ()) if given_id else ()
        return bool(calls) and all(it.state == "pending" for it in calls)

    def mark_stored(self, call: PendingCall) -> None:
        """Register that the node has stored the result, and so will not run the tool again."""
        call.state, call.args, call.output = "stored", None, None
        self._leave(call)


def _misfit(args: object, input: object) -> int:
    """Return how little a call's arguments fit a tool's input: from 0, equal, to 4, not at all."""
    if args == input:
        return 0
    if isinstance(args, dict) and isinstance(input, dict) and args.items() <= input.items():
        return 1
    return 2 if input is None else 3 if args is None else 4


def _hash(value: object) -> int:
    return hash(shown(value, maxsize))


_ANSWER_ORDER: tuple[_State, ...] = ("running", "ended", "pending")
