"""What the AI SDK's chat clients send: new messages, or answers to what a run asked.

    {"id": "chat-1", "messages": [{"role": "user", "parts": [{"type": "text", "text": "Hi"}]}], …}

A question went out as a ``data-interrupt`` part, and as approval requests where it was about tool
calls. There are three ways to answer it:

- An approval: ``addToolApprovalResponse({id, approved, reason})``. The human-in-the-loop middleware
  is resumed with its own decisions, any other interrupt with ``{"approved": …, "reason": …}``.
- An output for the call whose tool asked: ``addToolOutput({tool, toolCallId, output})``. The run is
  resumed with that output.
- Anything else: ``sendMessage(message, {body: {resume: {[interruptId]: answer}}})``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from ...errors import BadRequest
from .._json import loads
from ._answers import answers_in, continuation_of
from ._calls import Continuation
from ._messages import UIMessage, to_messages

if TYPE_CHECKING:
    from langgraph.types import Command

__all__ = ["Request", "graph_input", "read_request"]

_MAX_BYTES: Final = 2**24
"""How large a body may be, unless the caller says otherwise."""
_MAX_MESSAGES: Final = 1000
"""How many messages it may hold, unless the caller says otherwise."""


Trigger: TypeAlias = Literal["submit-message", "regenerate-message"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a client sends to have an answer."""

    chat_id: str | None
    """The chat's id: use it as the thread's, if the user may see that thread."""
    trigger: Trigger
    """Whether there is something new, or the last answer is to be given anew."""
    messages: tuple[UIMessage, ...]
    """The whole chat as the client knows it, the newest message last: see `to_messages`."""
    resume: dict[str, Any]
    """Answers to interrupts, by interrupt id; empty where nothing was asked."""
    continues: Continuation | None
    """The message that the run goes on with; None where it begins a new one."""


class _Body(msgspec.Struct, rename="camel"):
    messages: list[UIMessage]
    id: str | None = None
    trigger: Trigger = "submit-message"
    resume: dict[str, Any] = {}


def read_request(
    body: bytes | str | Mapping[str, Any],
    *,
    max_bytes: int = _MAX_BYTES,
    max_messages: int = _MAX_MESSAGES,
) -> Request:
    """Give what a client asks for in the body of its POST.

    Args:
        body: as it came, or as the framework parsed it.
        max_bytes: how large it may be, where it is given as it came.
        max_messages: how many messages it may hold.

    Raises:
        BadRequest: it is no such body, is too large, or holds no question and no answer. The
            message says where, and nothing that the client did not send.

    >>> part = {"type": "text", "text": "Hi"}
    >>> read_request({"id": "chat-1", "messages": [{"role": "user", "parts": [part]}]}).chat_id
    'chat-1'
    """
    given = _converted(_parsed(body, max_bytes), _Body)
    if not given.messages:
        raise BadRequest("there are no messages")
    if len(given.messages) > max_messages:
        raise BadRequest(f"there are more than {max_messages} messages", 413)
    last = given.messages[-1]
    is_answer = last.role == "assistant"
    resume = given.resume or (answers_in(last) if is_answer else {})
    if is_answer and not resume:
        raise BadRequest("the last message is the assistant's, and answers no interrupt")
    return Request(
        chat_id=given.id,
        trigger=given.trigger,
        resume=resume,
        continues=continuation_of(last, resume) if is_answer else None,
        messages=tuple(given.messages),
    )


def graph_input(request: Request, *, stateful: bool = True) -> dict[str, Any] | Command[Any]:
    """Give what to call a graph with.

    Args:
        request: what the client sent.
        stateful: whether the graph has a checkpointer. Then it knows the chat, and gets only the
            messages since its own last one. Otherwise the client may make up what was said before.

    Answers become a ``Command(resume={…})`` by the interrupts' ids; all else is a dict with the
    messages.

    Raises:
        BadRequest: a part of a message is not as it must be.

    >>> part = {"type": "text", "text": "Hi"}
    >>> graph_input(read_request({"messages": [{"role": "user", "parts": [part]}]}))
    {'messages': [HumanMessage(content='Hi', ...)]}
    """
    if request.resume:
        from langgraph.types import Command  # noqa: PLC0415  (only who has it gets here)

        return Command(resume=request.resume)
    messages = _since_the_answer(request.messages) if stateful else request.messages
    return {"messages": to_messages(messages)}


def _since_the_answer(messages: Sequence[UIMessage]) -> Sequence[UIMessage]:
    last = max((at for at, it in enumerate(messages) if it.role == "assistant"), default=-1)
    return messages[last + 1 :]


def _parsed(body: bytes | str | Mapping[str, Any], max_bytes: int) -> object:
    if isinstance(body, Mapping):
        return body
    if len(body) > max_bytes:
        raise BadRequest(f"the body has more than {max_bytes} bytes", 413)
    try:
        return loads(body)
    except ValueError as error:
        raise BadRequest(f"the body is no JSON: {error}") from None


def _converted(value: object, cls: type[Any]) -> Any:
    try:
        return msgspec.convert(value, cls)
    except (msgspec.ValidationError, RecursionError) as error:
        raise BadRequest(f"the body is no chat request: {error}") from None
