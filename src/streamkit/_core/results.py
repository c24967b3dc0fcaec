"""The result of a tool call: the message that answers it, or what was raised."""

from __future__ import annotations

from typing import Any

from .._fields import Fields
from ..values import ErrorInfo
from .kinds import fields_of, kind_of
from .writes import messages_in


def own_message(output: object, tool_call_id: str) -> Fields | None:
    """Return the ToolMessage (as its fields) that answers a call, wherever it is in an output."""
    tools = answers_in(output)
    own = (fields for fields in tools if fields["tool_call_id"] == tool_call_id)
    return next(own, tools[0] if len(tools) == 1 else None)


def answers_in(output: object) -> list[Fields]:
    """Return the ToolMessages (as their fields) that a tool's output holds."""
    return [fields_of(it) for it in messages_in([output]) if kind_of(it) == "tool"]


def tool_result(message: Fields) -> dict[str, Any]:
    """Return the result that a ToolMessage holds, as fields of the event that ends its tool."""
    # langgraph's ToolNode writes only the text of an exception into its message.
    if message.get("status") == "error":
        return {"error": ErrorInfo(name="ToolError", message=str(message["content"]))}
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
