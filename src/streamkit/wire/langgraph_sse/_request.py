"""The way back: what a LangGraph client sends, and what a graph is called with for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from ..._fields import configurable_of, text_or_none
from ...errors import BadRequest
from .._continuing import settled
from .._request_body import converted, json_object, require_request
from .._thread import resuming

Mode: TypeAlias = Literal[
    "messages-tuple", "messages", "values", "updates", "custom", "tools", "tasks", "checkpoints"
]
"""A stream mode of a LangGraph server; both words for messages mean tuples here."""

_SPELLINGS = {"streamSubgraphs": "stream_subgraphs", "streamMode": "stream_mode"}
"""The SDK's client sends snake_case, and `useStream`'s transport its own options as they are."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request for a run, from `useStream`'s transport or the SDK's client."""

    input: dict[str, Any] | None = None
    """The input, or None where the run continues."""
    command: dict[str, Any] | None = None
    """The command with which the run continues, such as ``{"resume": …}``."""
    config: dict[str, Any] | None = None
    """The config from the client, which may contain anything: check it before you use it."""
    context: Any = None
    """The context from the client: check it in the same way."""
    stream_mode: str | list[str] | None = None
    """The stream modes that the client asks for; None where it asks for none."""
    stream_subgraphs: bool | None = None
    """Whether the client also asks for events of subgraphs."""

    @property
    def thread_id(self) -> str:
        """The conversation that the body names, for servers whose address does not.

        Raises:
            BadRequest: the body names none, and no two users may share a thread without a name.
        """
        id = thread_named_by(self)
        if id is None:
            raise BadRequest("the body names no thread: config.configurable.thread_id is missing")
        return id

    @property
    def modes(self) -> list[Mode] | None:
        """The modes it asks for, of those that can be written; None where it does not ask."""
        asked = [self.stream_mode] if isinstance(self.stream_mode, str) else self.stream_mode
        return None if asked is None else [it for it in get_args(Mode) if it in asked]


def thread_named_by(request: Request) -> str | None:
    """Return the conversation that a request names, if it names one."""
    return text_or_none(configurable_of(request.config).get("thread_id"))


def read_request(body: bytes | str | Mapping[str, Any]) -> Request:
    """Return what the body of a request asks for.

    Raises:
        BadRequest: It is no request for a run.

    >>> read_request('{"input": null, "config": {"configurable": {"thread_id": "t"}}}').thread_id
    't'
    """
    fields = {_SPELLINGS.get(name, name): it for name, it in json_object(body).items()}
    return converted(fields, Request, "no request for a run")


def graph_input(request: Request, *, state: object = None) -> Any:
    """Return what to call a graph with: the input, or a ``Command`` with the answer in it.

    Args:
        request: what the client sent.
        state: the thread as it is, from ``await graph.aget_state(config)``. Then calls without a
            result get one, if the user goes on: no provider takes them else.

    A client may answer what the graph asked. It may not jump, nor write to the state past the
    graph's own nodes, unless you make that command of ``request.command`` yourself.

    Raises:
        BadRequest: It asks for more than that.

    >>> graph_input(Request(input={"messages": []}))
    {'messages': []}
    """
    require_request(request)
    asked = {name: it for name, it in (request.command or {}).items() if it is not None}
    if not asked:
        return settled(request.input, state)
    # LangGraph runs a `goto` or an `update` as it comes: a client could skip a node that checks.
    if set(asked) != {"resume"}:
        raise BadRequest(f"a command may only resume, not {sorted(asked)!r}", 403)
    return resuming(asked["resume"])
