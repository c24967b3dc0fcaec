"""Unique ids of calls: some providers and models repeat their ids from turn to turn.

The second call of an id goes by ``id#2``. In events, an id means one call at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from .. import events as ev
from .._event_classes import MethodsByClass
from .._fields import free_id
from ._approvals import Question

_E = TypeVar("_E", bound=ev.Event)


class Call:
    """A call as the client has it."""

    __slots__ = ("args", "id", "is_asked", "is_shown", "name", "provider_executed")

    def __init__(self, id: str, name: str = "", *, provider_executed: bool = False) -> None:
        self.id: str = id
        """The id that the client knows."""
        self.name: str = name
        self.provider_executed: bool = provider_executed
        self.args: Any = None
        """The arguments of the call, until it has a result."""
        self.is_shown: bool = False
        """Whether the call was written to the client; the encoder sets it."""
        self.is_asked: bool = False
        """Whether an interrupt asks about this call."""


class CallIds:
    """The calls of one run, by their unique ids.

    ``known`` are ids that clients were given in earlier runs, perhaps with the names of the calls:
    they keep their meaning.

    >>> calls = CallIds(["call_0"])
    >>> calls.begin("call_0", "look").id, calls.begin("call_1", "look").id
    ('call_0#2', 'call_1')
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._calls: dict[str, Call] = {}
        self._current: dict[str, Call] = {}
        """The newest call of each id as a model gave it."""
        self._written: dict[tuple[str, int], Call] = {}
        self._of_message: dict[str, list[Call]] = {}
        names: Mapping[str, str] = cast("Any", known) if isinstance(known, Mapping) else {}
        for id in known:
            # A client sends back the ids that it was given: `call_0#2` is the second `call_0`.
            self._add(given_id(id), Call(id, names.get(id, ""))).is_shown = True
        self._earlier: list[Call] = [*self._calls.values()]
        self._rules = MethodsByClass(self)

    def begin(self, given_id: str, name: str, *, provider_executed: bool = False) -> Call:
        """Return a new call."""
        id = free_id(given_id, self._calls.__contains__)
        return self._add(given_id, Call(id, name, provider_executed=provider_executed))

    def _add(self, given_id: str, call: Call) -> Call:
        self._calls[call.id] = self._current[given_id] = call
        return call

    def __getitem__(self, id: str) -> Call:
        return self._calls[id]

    def get(self, id: str | None) -> Call | None:
        """Return the call of a unique id."""
        return self._calls.get(id or "")

    def current(self, given_id: str | None) -> Call | None:
        """Return the newest call of an id as the model gave it."""
        return self._current.get(given_id or "")

    def find(self, question: Question) -> Call | None:
        """Return the call a question is about: by its id, or else by its name and arguments.

        Of several calls that are alike, each is found once.
        """
        if question.tool_call_id:
            return self.get(question.tool_call_id) or self.current(question.tool_call_id)
        asked = (question.name, question.args)
        found = [it for it in self._calls.values() if (it.name, it.args) == asked]
        call = next((it for it in found if not it.is_asked), found[-1] if found else None)
        if call:
            call.is_asked = True
        return call

    # --- events with unique ids: a method for each type

    def renamed(self, event: ev.Event) -> ev.Event:
        """Return an event of the run with the unique id of its call."""
        rename = self._rules[event.__class__]
        renamed: ev.Event = rename(event) if rename else event
        return renamed

    def tool_call_start(self, event: ev.ToolCallStart) -> ev.Event:
        executed = event.provider_executed
        call = self.begin(event.tool_call_id, event.name, provider_executed=executed)
        self._written[event.message_id, event.block_id] = call
        self._of_message.setdefault(event.message_id, []).append(call)
        return _with_id(event, call)

    def tool_call_delta(self, event: ev.ToolCallDelta) -> ev.Event:
        return _with_id(event, self._written.get((event.message_id, event.block_id)))

    def tool_call_end(self, event: ev.ToolCallEnd) -> ev.Event:
        call = self._written.pop((event.message_id, event.block_id), None)
        if call:
            call.args = event.args
        return _with_id(event, call)

    def message_end(self, event: ev.MessageEnd) -> ev.Event:
        calls = self._of_message.pop(event.message_id, [])
        # A filter in front may have left out the starts of some.
        if len(calls) != len(event.tool_calls):
            return event
        pairs = zip(event.tool_calls, calls, strict=True)
        return replace(event, tool_calls=tuple(replace(it, id=call.id) for it, call in pairs))

    def tool_start(self, event: ev.ToolStart) -> ev.Event:
        # An agent's call inside a tool may have the id of the tool's own: a run that resumes both
        # distinguishes them by their names.
        current = self.current(event.tool_call_id)
        if current is None or current in self._earlier:
            given = given_id(event.tool_call_id)
            alike = (it for it in reversed(self._earlier) if it.name == event.name)
            same = next((it for it in alike if given_id(it.id) == given), current)
            if same:
                self._current[event.tool_call_id] = same
        return _with_id(event, self._call_of(event))

    def tool_delta(self, event: ev.ToolDelta) -> ev.Event:
        return _with_id(event, self._call_of(event))

    def tool_end(self, event: ev.ToolEnd | ev.ToolError) -> ev.Event:
        call = self._call_of(event)
        call.args = None  # questions from now on are about another call
        return _with_id(event, call)

    tool_error = tool_end

    def _call_of(self, event: ev.ToolStart | ev.ToolDelta | ev.ToolEnd | ev.ToolError) -> Call:
        """Return the call whose tool runs, which no model may have been seen to write."""
        # A result names its call by the model's id, which may repeat: the newest call is meant.
        call = self.current(event.tool_call_id)
        return call or self.begin(event.tool_call_id, getattr(event, "name", ""))

    def interrupt(self, event: ev.Interrupt | ev.MessageReplaced) -> ev.Event:
        return _with_id(event, self.current(event.tool_call_id))

    message_replaced = interrupt


def given_id(id: str) -> str:
    """Return the id that a model gave to a call that the client has by this one."""
    return id.partition("#")[0]


def _with_id(event: _E, call: Call | None) -> _E:
    return event if call is None else replace(event, tool_call_id=call.id)
