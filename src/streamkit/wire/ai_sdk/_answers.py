"""The answers of a user in the AI SDK's last message, by interrupt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ..._fields import dict_or_empty
from ...errors import BadRequest
from .._approvals import Approval, questions_in, resume_value
from .._request_body import converted
from ._calls import Continuation
from ._messages import Tool, UIMessage, tools_in

__all__ = ["answers_in", "continuation_of"]


class _Asked(msgspec.Struct, rename="camel"):
    """The data of a ``data-interrupt`` part."""

    interrupt_id: str
    value: Any = None
    tool_call_id: str | None = None
    answered: bool = False


def answers_in(message: UIMessage) -> dict[str, Any]:
    """Return the value that resumes each interrupt that was answered, by its id.

    Raises:
        BadRequest: a part is broken, or an interrupt was answered only in part.
    """
    tools = tools_in(message.parts)
    given = sorted(_approvals(tools), key=_place)
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
            # Approval ids come back as they were sent: the interrupt's id and the question's number
            # in it.
            id, _, number = approval.id.rpartition("/")
            answer = Approval(approved=bool(approval.approved), reason=approval.reason)
            yield id, number, answer


def _place(approval: tuple[str, str, Approval]) -> tuple[int, str]:
    """Order ids that are numbers by their value; the client may send any text."""
    number = approval[1]
    return len(number), number


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


def continuation_of(message: UIMessage, resume: Mapping[str, Any]) -> Continuation:
    """Return what the client already shows of the message that is continued."""
    tools = tools_in(message.parts)
    return Continuation(
        message_id=message.id,
        calls=tuple(it.tool_call_id for it in tools),
        denied=frozenset(it.tool_call_id for it in tools if _is_denied(it)),
        answered=tuple(it for it in _asked_in(message) if _read(it).interrupt_id in resume),
    )


def _is_denied(tool: Tool) -> bool:
    return tool.state == "approval-responded" and bool(tool.approval and not tool.approval.approved)
