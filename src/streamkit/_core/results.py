"""The result of a tool call: the message that answers it, or what was raised."""

from __future__ import annotations

from typing import Any

from .._fields import Fields
from ..values import ErrorInfo
from .content import text_in
from .kinds import fields_of, kind_of
from .writes import messages_in, sent_in


def own_message(output: object, tool_call_id: str) -> Fields | None:
    """Return the ToolMessage (as its fields) that answers a call, wherever it is in an output."""
    messages = _messages_of(output)
    tools = [fields_of(it) for it in messages if kind_of(it) == "tool"]
    own = (fields for fields in tools if fields["tool_call_id"] == tool_call_id)
    # In a history, which a handoff passes on, a single one may be the answer to any call.
    is_alone = len(tools) == 1 and not any(kind_of(it) == "ai" for it in messages)
    return next(own, tools[0] if is_alone else None)


def answers_in(output: object) -> list[Fields]:
    """Return the ToolMessages (as their fields) that a tool's output holds."""
    return list(map(fields_of, tool_messages_in(output)))


def tool_messages_in(output: object) -> list[Any]:
    """Return the ToolMessages that an output writes to the state, or sends to nodes."""
    return [it for it in _messages_of(output) if kind_of(it) == "tool"]


def _messages_of(output: object) -> list[Any]:
    return messages_in([output, *sent_in(output)])


def tool_result(message: Fields) -> dict[str, Any]:
    """Return the result that a ToolMessage holds, as fields of the event that ends its tool."""
    # langgraph's ToolNode writes only the text of an exception into its message.
    if message.get("status") == "error":
        content = message["content"]  # a text, or blocks, as of tools of an MCP server
        return {"error": ErrorInfo(name="ToolError", message=text_in(content) or str(content))}
    return {"output": message["content"], "artifact": message.get("artifact")}


def error_info(error: BaseException) -> ErrorInfo:
    """Return an exception as data, also where its ``__str__`` or its attributes raise."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001
        message = "<no message: its __str__ failed>"
    try:
        code: object = getattr(error, "status_code", None) or getattr(error, "code", None)
    except Exception:  # noqa: BLE001
        code = None
    return ErrorInfo(
        name=type(error).__name__,
        message=message,
        code=code if isinstance(code, (str, int)) else None,
        exception=error,
    )
