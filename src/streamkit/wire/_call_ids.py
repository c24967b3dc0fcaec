"""By which id a client knows each call, where ids of two calls must not be the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._approvals import Question

__all__ = ["Call", "CallIds"]


class Call:
    """A call as a client knows it."""

    __slots__ = ("args", "head", "id", "name", "provider_executed")

    def __init__(self, id: str, name: str = "", *, provider_executed: bool = False) -> None:
        self.id = id
        self.name = name
        self.provider_executed = provider_executed
        self.args: Any = None
        """What it is called with, until it was answered."""
        self.head = b""
        """What the frames of its arguments begin with."""


class CallIds:
    """The calls of one run.

    Providers and models of all kinds repeat ids from turn to turn. The second call of an id goes
    by ``id~2``. ``known`` are ids that were given in an earlier run, and go on to mean the same.

    >>> calls = CallIds(["call_0"])
    >>> calls.begin("call_0", "look").id, calls.begin("call_1", "look").id
    ('call_0~2', 'call_1')
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._taken = set(known)
        self._calls = {id.partition("~")[0]: Call(id) for id in known}

    def begin(self, tool_call_id: str, name: str, *, provider_executed: bool = False) -> Call:
        """Give the call that is meant by ``tool_call_id`` from now on."""
        id, n = tool_call_id, 1
        while id in self._taken:
            n += 1
            id = f"{tool_call_id}~{n}"
        self._taken.add(id)
        call = self._calls[tool_call_id] = Call(id, name, provider_executed=provider_executed)
        return call

    def get(self, tool_call_id: str | None) -> Call | None:
        """Give the call that is meant by ``tool_call_id``."""
        return self._calls.get(tool_call_id or "")

    def __contains__(self, tool_call_id: str) -> bool:
        return tool_call_id in self._calls

    def __getitem__(self, tool_call_id: str) -> Call:
        return self._calls[tool_call_id]

    def id_of(self, tool_call_id: str | None) -> str | None:
        """Give the id by which the client knows a call."""
        call = self.get(tool_call_id)
        return call.id if call else tool_call_id

    def find(self, question: Question) -> Call | None:
        """Give the call a question is about: by its id, or else by its name and arguments."""
        if question.tool_call_id:
            return self.get(question.tool_call_id)
        told = (question.name, question.args)
        return next((it for it in self._calls.values() if (it.name, it.args) == told), None)
