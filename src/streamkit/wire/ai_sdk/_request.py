"""The requests of the AI SDK's chat clients: new messages, or answers to what a run asked.

    {"id": "chat-1", "messages": [{"role": "user", "parts": [{"type": "text", "text": "Hi"}]}], …}

A question went out as a ``data-interrupt`` part, and as approval requests where it was about tool
calls. There are three ways to answer it:

- An approval: ``addToolApprovalResponse({id, approved, reason})``. The human-in-the-loop middleware
  is resumed with its own decisions, any other interrupt with ``{"approved": …, "reason": …}``.
- An output for the call whose tool asked: ``addToolOutput({tool, toolCallId, output})``. The run is
  resumed with that output.
- Anything else: ``sendMessage(message, {body: {resume: {[interruptId]: answer}}})``.

Where nothing was asked, outputs are those of tools that the client runs, and are new messages.

A client may also edit an earlier question (``messageId``), or ask for an answer once more
(``trigger``). What it no longer shows has to leave the thread: `graph_input` takes the thread's
state for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from ..._fields import dict_or_empty
from ...errors import BadRequest
from .._approvals import Approval, questions_in, resume_value
from .._continuing import continuing
from .._request_body import converted, json_object, require_request
from .._thread import resuming, since_answer
from ._calls import Continuation
from ._messages import Tool, UIMessage, has_results, to_messages, tools_in

if TYPE_CHECKING:
    from langgraph.types import Command

_MAX_BYTES: Final = 2**24
"""The largest size of a body in bytes, by default."""
_MAX_MESSAGES: Final = 1000
"""The most messages in a body, by default."""


Trigger: TypeAlias = Literal["submit-message", "regenerate-message"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a client's request for an answer."""

    chat_id: str
    """The chat's id: use it as the thread's, if the user may see that thread."""
    trigger: Trigger
    """Whether the client sends a new message, or asks to regenerate an answer."""
    message_id: str | None = None
    """The message that was edited, or whose answer is asked for once more."""
    messages: tuple[UIMessage, ...]
    """The whole chat as the client knows it, the newest message last: see `to_messages`."""
    resume: dict[str, Any]
    """Answers to interrupts, by interrupt id; empty where there was none."""
    continues: Continuation | None
    """The message that the run continues; None where it begins a new one."""


class _Body(msgspec.Struct, rename="camel"):
    messages: list[UIMessage]
    id: str | None = None
    trigger: Trigger = "submit-message"
    message_id: str | None = None
    resume: dict[str, Any] = {}


def read_request(
    body: bytes | str | Mapping[str, Any],
    *,
    max_bytes: int = _MAX_BYTES,
    max_messages: int = _MAX_MESSAGES,
) -> Request:
    """Return what a client asks for in the body of its POST.

    Args:
        body: as it came, or as the framework parsed it.
        max_bytes: how large it may be, where it is given as it came.
        max_messages: how many messages it may hold.

    Raises:
        BadRequest: it is no such body, is too large, names no chat, or holds no question and no
            answer. The message holds nothing that the client did not send.

    >>> part = {"type": "text", "text": "Hi"}
    >>> read_request({"id": "chat-1", "messages": [{"role": "user", "parts": [part]}]}).chat_id
    'chat-1'
    """
    if isinstance(body, (bytes, str)) and len(body) > max_bytes:
        raise BadRequest(f"the body has more than {max_bytes} bytes", 413)
    given = converted(json_object(body), _Body, "the body is no chat request")
    if not given.id:
        raise BadRequest("the body names no chat: its 'id' is missing or empty")
    if not given.messages:
        raise BadRequest("there are no messages")
    if len(given.messages) > max_messages:
        raise BadRequest(f"there are more than {max_messages} messages", 413)
    last = given.messages[-1]
    is_assistant = last.role == "assistant"
    # `sendMessage` of ai 5 to 7 sends the whole chat; answers are inside its last message.
    resume = given.resume or (_answers_in(last) if is_assistant else {})
    if is_assistant and not (resume or has_results(last)):
        raise BadRequest("the last message is the assistant's, and nothing in it was answered")
    return Request(
        chat_id=given.id,
        trigger=given.trigger,
        message_id=given.message_id,
        resume=resume,
        continues=_continuation_of(last, resume) if is_assistant else None,
        messages=tuple(given.messages),
    )


def graph_input(
    request: Request, *, state: object = None, stateful: bool = True
) -> dict[str, Any] | Command[Any]:
    """Return what to call a graph with.

    Args:
        request: what the client sent.
        state: the thread as it is, from ``await graph.aget_state(config)``. Then messages that the
            client no longer shows are removed from it: those behind an edited question, and an
            answer that is asked for once more. And calls without a result get one, if the user
            went on: no provider takes them else.
        stateful: whether the graph has a checkpointer. Then it knows the chat, and gets only what
            is new: the user's messages, or the results of tools that the client ran. Otherwise it
            gets the whole chat as the client shows it, which a client may invent.

    Answers become a ``Command(resume={…})`` by the interrupts' ids; all else is a dict with the
    messages.

    Raises:
        BadRequest: a part of a message is not as it must be.

    >>> part = {"type": "text", "text": "Hi"}
    >>> body = {"id": "chat-1", "messages": [{"id": "u1", "role": "user", "parts": [part]}]}
    >>> graph_input(read_request(body))
    {'messages': [HumanMessage(content='Hi', ..., id='u1')]}
    """
    require_request(request)
    if request.resume:
        return resuming(request.resume)
    if not stateful:
        return {"messages": to_messages(request.messages)}
    new = since_answer(request.messages, lambda it: it.role == "assistant")
    # A tool that the client ran puts its output into the last answer, and adds no message.
    answer = to_messages(request.messages[: -len(new) or None][-1:])
    if new:
        return {"messages": continuing(state, to_messages(new), answer)}
    return {"messages": continuing(state, since_answer(answer, lambda it: it.type == "ai"))}


# --- the answers of a user in the last message, by interrupt


class _Asked(msgspec.Struct, rename="camel"):
    """The data of a ``data-interrupt`` part."""

    interrupt_id: str
    value: Any = None
    tool_call_id: str | None = None
    answered: bool = False


def _answers_in(message: UIMessage) -> dict[str, Any]:
    """Return the value that resumes each interrupt that was answered, by its id.

    Raises:
        BadRequest: a part is broken, or an interrupt was answered only in part.
    """
    tools = tools_in(message.parts)
    # By the number in each id: the client may send any text.
    given = sorted(_approvals(tools), key=lambda it: (len(it[1]), it[1]))
    outputs = {
        it.tool_call_id: it.output
        for it in tools
        if it.state == "output-available" and not it.preliminary
    }
    answers: dict[str, Any] = {}
    for part in _asked_in(message):
        asked = _read(part)
        approvals = [it for id, _, it in given if id == asked.interrupt_id]
        if approvals:
            answers[asked.interrupt_id] = _resume_value(asked, approvals)
        elif asked.tool_call_id in outputs:
            answers[asked.interrupt_id] = outputs[asked.tool_call_id]
    return answers


def _approvals(tools: Sequence[Tool]) -> Iterator[tuple[str, str, Approval]]:
    """Return an interrupt's id, a question's number in it, and the answer to that."""
    for tool in tools:
        approval = tool.approval
        if approval and tool.state == "approval-responded":
            # Approval ids come back as sent: the interrupt's id and the question's number.
            id, _, number = approval.id.rpartition("/")
            answer = Approval(approved=bool(approval.approved), reason=approval.reason)
            yield id, number, answer


def _resume_value(asked: _Asked, approvals: Sequence[Approval]) -> Any:
    count = len(questions_in(asked.value, asked.tool_call_id))
    # LangChain's middleware demands one decision for each of its requests, in their order.
    if len(approvals) != count:
        raise BadRequest(f"{len(approvals)} of {count} questions of an interrupt were answered")
    return resume_value(asked.value, approvals)


def _asked_in(message: UIMessage) -> Iterator[dict[str, Any]]:
    for part in message.parts:
        if part.get("type") == "data-interrupt":
            data = dict_or_empty(part.get("data"))
            if not data.get("answered"):
                yield data


def _read(data: dict[str, Any]) -> _Asked:
    return converted(data, _Asked, "a 'data-interrupt' part is broken")


def _continuation_of(message: UIMessage, resume: Mapping[str, Any]) -> Continuation:
    """Return what the client already shows of the message that is continued."""
    tools = tools_in(message.parts)
    return Continuation(
        message_id=message.id,
        calls={it.tool_call_id: it.name for it in tools},
        denied=frozenset(it.tool_call_id for it in tools if _is_denied(it)),
        answered=tuple(it for it in _asked_in(message) if _read(it).interrupt_id in resume),
    )


def _is_denied(tool: Tool) -> bool:
    return tool.state == "approval-responded" and bool(tool.approval and not tool.approval.approved)
