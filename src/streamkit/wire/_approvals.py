"""The questions about tool calls in an interrupt, and the values that answer them.

Three kinds of interrupts ask for a yes or no. Two are LangChain's human-in-the-loop middleware's:
``{"action_requests": […]}``, one for all calls of a message, takes ``{"decisions": […]}``, and
``{"type": "tool_approval", …}``, one for each call, takes one decision. The third is raised by a
tool of the application's own, about itself; it takes ``{"approved": …, "reason": …}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from .._fields import dict_or_empty


class Question(NamedTuple):
    """Whether one call may run."""

    tool_call_id: str | None
    """The call, where the interrupt names it."""
    name: str
    args: Any
    reason: str | None = None
    """A text for the user."""


class Approval(NamedTuple):
    """Whether one call may run: the answer."""

    approved: bool
    reason: str | None = None


def questions_in(value: object, tool_call_id: str | None = None) -> list[Question]:
    """Return the questions in an interrupt's value; ``tool_call_id`` is the call that raised it.

    >>> questions_in({"action_requests": [{"name": "pay", "args": {"sum": 1}}]})
    [Question(tool_call_id=None, name='pay', args={'sum': 1}, reason=None)]
    """
    fields = dict_or_empty(value)
    requests: object = fields.get("action_requests")
    if isinstance(requests, (list, tuple)):
        return [_question(dict_or_empty(it), None) for it in cast("Sequence[object]", requests)]
    if fields.get("type") == "tool_approval":
        return [_question(fields, _text(fields, "tool_call_id"))]
    return [Question(tool_call_id, "", None)] if tool_call_id else []


def resume_value(value: object, approvals: Sequence[Approval]) -> Any:
    """Return the value that resumes an interrupt, whose questions were answered in their order.

    >>> resume_value({"action_requests": [{}]}, [Approval(approved=False, reason="no money")])
    {'decisions': [{'type': 'reject', 'message': 'no money'}]}
    >>> resume_value("Sure?", [Approval(approved=True)])
    {'approved': True}
    """
    fields = dict_or_empty(value)
    if "action_requests" in fields:
        return {"decisions": [_decision(it) for it in approvals]}
    if fields.get("type") == "tool_approval":
        return _decision(approvals[0])
    approved, reason = approvals[0]
    return {"approved": approved} | ({"reason": reason} if reason else {})


def _question(fields: dict[str, Any], tool_call_id: str | None) -> Question:
    name, reason = _text(fields, "name") or "", _text(fields, "description")
    return Question(tool_call_id, name, fields.get("args"), reason)


def _decision(approval: Approval) -> dict[str, str]:
    if approval.approved:
        return {"type": "approve"}
    return {"type": "reject"} | ({"message": approval.reason} if approval.reason else {})


def _text(fields: dict[str, Any], name: str) -> str | None:
    value: object = fields.get(name)
    return value if isinstance(value, str) else None
