"""The requests of Responses API clients: new items of a conversation that the server keeps.

A conversation is a thread. The id of each response holds its thread's, so that the server needs no
table to find what ``previous_response_id`` goes on with: see `read_request`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import msgspec

from ..._fields import dict_or_empty, text_or_none
from ..._protocols import leave_unawaited
from ...errors import BadRequest, UsageError
from .._approvals import Approval, questions_in, resume_value
from .._continuing import continuing
from .._openai_messages import MAX_MESSAGES, check_count, settings_in, to_messages
from .._request_body import converted, json_object, require_request
from .._thread import questions, resuming

if TYPE_CHECKING:
    from langgraph.types import Command

# A client names only the response it goes on from (`previous_response_id`): our ids contain the
# thread, which no store has to keep.
_RESPONSE_ID: Final = re.compile(r"resp_[0-9a-f]{32}_(.+)", re.ASCII)
_THREAD_ID: Final = re.compile(r"[\w.:-]{1,200}", re.ASCII)


class _Body(msgspec.Struct):
    input: str | list[dict[str, Any]] = ""
    model: str = ""
    stream: bool | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request for a response."""

    response_id: str
    """The id of the response that is going to be written."""
    thread_id: str
    """The conversation: check that the user may see it, if others may know its id."""
    model: str
    """The model that the client asks for: the name of an agent, to a server of agents."""
    input: tuple[dict[str, Any], ...]
    """The new items: messages, results of the client's tools, and answers to questions."""
    stream: bool = False
    """Whether the client reads events; otherwise it waits for one JSON document."""
    instructions: str | None = None
    """A system message for this response."""
    previous_response_id: str | None = None
    """The response that this one goes on from."""
    metadata: dict[str, Any] = {}
    """The client's own data, which the response repeats."""
    tools: tuple[dict[str, Any], ...] = ()
    """The tools that the client itself can run, as OpenAI spells them."""
    settings: dict[str, Any] = {}
    """Further fields from the client, such as ``temperature``: check them before you use them."""


def read_request(
    body: bytes | str | Mapping[str, Any], *, max_items: int = MAX_MESSAGES
) -> Request:
    """Return what a client asks for in the body of its POST to ``/v1/responses``.

    The thread is the one of ``previous_response_id``; or else of ``conversation``, or of
    ``metadata.thread_id``; or else a new one, with an id that nobody can guess.

    Args:
        body: as it came, or as the framework parsed it.
        max_items: how many items its input may hold.

    Raises:
        BadRequest: it is no such body, holds no input or too much, or names what cannot be a
            thread.

    >>> read_request({"model": "m", "input": "Hi"}).input
    ({'role': 'user', 'content': 'Hi'},)
    """
    fields = json_object(body)
    given = converted(fields, _Body, "no request for a response")
    if not given.input:
        raise BadRequest("there is no input")
    said = given.input
    check_count(said if isinstance(said, list) else (), max_items)
    thread_id = _thread_of(given)
    return Request(
        response_id=f"resp_{uuid4().hex}_{thread_id}",
        thread_id=thread_id,
        model=given.model,
        input=({"role": "user", "content": said},) if isinstance(said, str) else tuple(said),
        stream=bool(given.stream),
        instructions=given.instructions,
        previous_response_id=given.previous_response_id,
        metadata=given.metadata or {},
        tools=tuple(given.tools or ()),
        settings=settings_in(fields, _Body),
    )


def _thread_of(given: _Body) -> str:
    if given.previous_response_id:
        found = _RESPONSE_ID.fullmatch(given.previous_response_id)
        if not found or not _THREAD_ID.fullmatch(found[1]):
            raise BadRequest(
                "'previous_response_id' is no response of this server; leave it out to begin a new "
                "conversation"
            )
        return found[1]
    # OpenAI takes a conversation's id as text or as an object.
    conversation = dict_or_empty(given.conversation).get("id", given.conversation)
    named: object = conversation or (given.metadata or {}).get("thread_id")
    if named is None:
        return uuid4().hex
    if not isinstance(named, str) or not _THREAD_ID.fullmatch(named):
        raise BadRequest(
            "a conversation is named by up to 200 letters, digits and _ . : -; leave it out to "
            "begin a new one"
        )
    return named


def graph_input(request: Request, *, state: object = None) -> dict[str, Any] | Command[Any]:
    """Return what to call a graph with, which keeps the conversation with its checkpointer.

    Args:
        request: what the client sent.
        state: the thread as it is, from ``await graph.aget_state(config)``, which is needed where
            the client answers the questions of an interrupt, or goes on without an answer: then the
            calls without a result get one, since no provider takes them else.

    Answers (``mcp_approval_response``) become a ``Command(resume={…})`` by the interrupts' ids; all
    else is a dict with the messages. Instructions are a system message, which takes the place of
    the last request's.

    Raises:
        BadRequest: an item cannot be read, or answers a question that nobody asks.
        UsageError: there are answers, and ``state`` is none.

    >>> graph_input(read_request({"model": "m", "input": "Hi"}))
    {'messages': [HumanMessage(content='Hi', ...)]}
    """
    require_request(request)
    answers = [it for it in request.input if it.get("type") == "mcp_approval_response"]
    if answers:
        return _resumed(answers, state)
    messages: list[Any] = list(to_messages(request.input))
    if request.instructions:
        from langchain_core.messages import SystemMessage  # noqa: PLC0415  (half a second)

        messages.insert(0, SystemMessage(request.instructions, id="instructions"))
    return {"messages": continuing(state, messages)}


def _resumed(answers: Iterable[dict[str, Any]], state: object) -> Command[Any]:
    if not hasattr(state, "tasks"):
        leave_unawaited(state)
        raise UsageError(
            "the client answers an interrupt; pass state=await graph.aget_state(config)"
        )
    given: dict[str, dict[str, Approval]] = {}
    for answer in answers:
        match answer:
            case {"approval_request_id": str(id), "approve": bool(approved)}:
                interrupt_id, _, number = id.rpartition("/")
                approval = Approval(approved, text_or_none(answer.get("reason")))
                given.setdefault(interrupt_id, {})[number] = approval
            case _:
                raise BadRequest("an answer must have an 'approval_request_id' and 'approve'")
    asked = {it.interrupt_id: it.value for it in questions(state)}
    resume: dict[str, Any] = {}
    for id, approvals in given.items():
        count = len(questions_in(asked.get(id), "call"))
        if id not in asked or set(approvals) != {str(n) for n in range(count)}:
            raise BadRequest("the answers must be to all questions of an interrupt, once each")
        resume[id] = resume_value(asked[id], [approvals[str(n)] for n in range(count)])
    return resuming(resume)
