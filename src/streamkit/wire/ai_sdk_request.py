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

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from ..errors import BadRequest
from ._ai_sdk_answers import answers_in, continuation_of
from ._ai_sdk_calls import Continuation
from ._ai_sdk_messages import UIMessage, langchain_messages
from ._json import loads

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage
    from langgraph.types import Command

__all__ = ["MAX_BYTES", "MAX_MESSAGES", "ChatRequest", "read"]

MAX_BYTES: Final = 2**24
"""How large a body may be, unless the caller says otherwise."""
MAX_MESSAGES: Final = 1000
"""How many messages it may hold, unless the caller says otherwise."""


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for."""

    chat_id: str | None
    """The chat's id: use it as the thread's, if the user may see that thread."""
    trigger: Literal["submit-message", "regenerate-message"]
    """Whether there is something new, or the last answer is to be given anew."""
    resume: dict[str, Any]
    """Answers to interrupts, by interrupt id; empty where nothing was asked."""
    continues: Continuation | None
    """The message that the run goes on with, for the encoder; None for a new one."""
    ui_messages: tuple[UIMessage, ...]
    """The whole chat, as the client keeps it."""

    def history(self) -> list[AnyMessage]:
        """Give the whole chat as LangChain's messages, for a graph that remembers nothing.

        A client can make up whatever it likes of what was said before.

        Raises:
            BadRequest: a part of a message is not as it must be.
        """
        return list(langchain_messages(self.ui_messages))

    def new_messages(self) -> list[AnyMessage]:
        """Give what the user said since the last answer, for a graph with a checkpointer.

        Raises:
            BadRequest: a part of a message is not as it must be.
        """
        answers = [n for n, it in enumerate(self.ui_messages) if it.role == "assistant"]
        return list(langchain_messages(self.ui_messages[answers[-1] + 1 if answers else 0 :]))

    def graph_input(self) -> dict[str, Any] | Command[Any]:
        """Give what to call a graph with a checkpointer with: new messages, or the answers.

        Raises:
            BadRequest: a part of a message is not as it must be.
        """
        if not self.resume:
            return {"messages": self.new_messages()}
        from langgraph.types import Command  # noqa: PLC0415  (an extra)

        return Command(resume=self.resume)


class _Body(msgspec.Struct, rename="camel"):
    messages: list[UIMessage]
    id: str | None = None
    trigger: Literal["submit-message", "regenerate-message"] = "submit-message"
    resume: dict[str, Any] = {}


def read(
    body: bytes | str | Mapping[str, Any],
    *,
    max_bytes: int = MAX_BYTES,
    max_messages: int = MAX_MESSAGES,
) -> ChatRequest:
    """Give what a client asks for in the body of its POST.

    Args:
        body: as it came, or as the framework parsed it.
        max_bytes: how large it may be, where it is given as it came.
        max_messages: how many messages it may hold.

    Raises:
        BadRequest: it is no such body, is too large, or holds no question and no answer. The
            message says where, and nothing that the client did not send.

    >>> part = {"type": "text", "text": "Hi"}
    >>> request = read({"id": "chat-1", "messages": [{"role": "user", "parts": [part]}]})
    >>> request.chat_id, request.graph_input()["messages"][0].content
    ('chat-1', 'Hi')
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
    return ChatRequest(
        chat_id=given.id,
        trigger=given.trigger,
        resume=resume,
        continues=continuation_of(last, resume) if is_answer else None,
        ui_messages=tuple(given.messages),
    )


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
