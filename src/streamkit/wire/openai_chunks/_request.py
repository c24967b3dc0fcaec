"""The requests of chat-completion clients, which send the whole conversation each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..._fields import text_or_none
from ...errors import BadRequest
from .._continuing import continuing
from .._openai_messages import MAX_MESSAGES, check_count, settings_in, to_messages
from .._request_body import converted, json_object, require_request
from .._thread import since_answer


class _Body(msgspec.Struct):
    messages: list[dict[str, Any]]
    model: str = ""
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    metadata: dict[str, Any] | None = None
    n: int | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request for a chat completion."""

    model: str
    """The model that the client asks for: the name of an agent, to a server of agents."""
    messages: tuple[dict[str, Any], ...]
    """The whole conversation as the client knows it, the newest message last."""
    stream: bool = False
    """Whether the client reads chunks; otherwise it waits for one JSON document."""
    include_usage: bool = True
    """Whether the client asks for the tokens; with ``stream`` some clients fail on their chunk."""
    tools: tuple[dict[str, Any], ...] = ()
    """The tools that the client itself can run, as OpenAI spells them."""
    thread_id: str | None = None
    """The thread that the client names in ``metadata.thread_id``: check it before you use it."""
    settings: dict[str, Any] = {}
    """Further fields from the client, such as ``temperature``: check them before you use them."""


def read_request(
    body: bytes | str | Mapping[str, Any], *, max_messages: int = MAX_MESSAGES
) -> Request:
    """Return what a client asks for in the body of its POST to ``/v1/chat/completions``.

    Args:
        body: as it came, or as the framework parsed it.
        max_messages: how many messages it may hold.

    Raises:
        BadRequest: it is no such body, holds no message or too many, or asks for more than one
            completion.

    >>> asked = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    >>> read_request(asked).stream
    False
    """
    fields = json_object(body)
    given = converted(fields, _Body, "no request for a chat completion")
    if not given.messages:
        raise BadRequest("there are no messages")
    check_count(given.messages, max_messages)
    # A graph has one answer; clients that ask for more would wait for the other choices.
    if given.n not in {None, 1}:
        raise BadRequest("one completion is written for a request; leave 'n' out")
    stream = bool(given.stream)
    # OpenAI sends tokens of a stream only where asked: older clients fail on their chunk.
    asks_usage = bool((given.stream_options or {}).get("include_usage"))
    return Request(
        model=given.model,
        messages=tuple(given.messages),
        stream=stream,
        include_usage=asks_usage or not stream,
        tools=tuple(given.tools or ()),
        thread_id=text_or_none((given.metadata or {}).get("thread_id")),
        settings=settings_in(fields, _Body),
    )


def graph_input(
    request: Request, *, state: object = None, stateful: bool = False
) -> dict[str, Any]:
    """Return what to call a graph with: a dict with the messages.

    Args:
        request: what the client sent.
        state: the thread of a ``stateful`` graph, from ``await graph.aget_state(config)``.
            Then calls without a result get one, if the user went on: no provider takes them else.
        stateful: whether the graph has a checkpointer that knows the conversation, so that it gets
            only the messages since the last answer. Without, it gets the whole conversation as the
            client sends it, which a client may invent.

    Raises:
        BadRequest: a message cannot be read.

    >>> asked = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    >>> graph_input(read_request(asked))
    {'messages': [HumanMessage(content='Hi', ...)]}
    """
    require_request(request)
    given = request.messages
    if not stateful:
        return {"messages": to_messages(given)}
    new = since_answer(given, lambda it: it.get("role") == "assistant")
    return {"messages": continuing(state, to_messages(new))}
