"""The chunks of the AI SDK's UI message stream, and the differences between its targets."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

from ...errors import UsageError
from ...values import Origin, Usage
from .._frames import frame

Target: TypeAlias = Literal[5, 6, 7]
"""The major version of the client's ``ai`` package."""


class Rules(NamedTuple):
    """The chunks that one major version of the client accepts."""

    approvals: bool
    """Whether a call may be approved or denied."""
    resets: bool
    """Whether the parts of a step may be taken back (``reset-step``, since ai 7.0.70)."""


RULES: dict[int, Rules] = {
    # ai 5 knows neither approvals nor `tool-output-denied`, and refuses unknown types.
    5: Rules(approvals=False, resets=False),
    6: Rules(approvals=True, resets=False),
    7: Rules(approvals=True, resets=True),
}


def rules_of(target: Target) -> Rules:
    """Return the rules of a target.

    Raises:
        UsageError: there is no such target.
    """
    if target not in RULES:
        raise UsageError(f"there is no target {target!r}; pass 5, 6 or 7")
    return RULES[target]


def chunk(type: str, payload: dict[str, Any] | None = None, **fields: Any) -> bytes:
    r"""Return a chunk: the fields that are not None, and all of the payload.

    The zod schemas of ai 5 to 7 refuse a null in an optional field, and a payload (``data``,
    ``input``, ``output``) that is left out because it is null.

    >>> chunk("text-start", id="m:0", providerMetadata=None)
    b'data: {"type":"text-start","id":"m:0"}\n\n'
    """
    given = {name: value for name, value in fields.items() if value is not None}
    return frame({"type": type, **given, **(payload or {})})


def data(name: str, data: object, **fields: Any) -> bytes:
    """Return a part of the application's own kind."""
    return chunk(f"data-{name}", {"data": data}, **fields)


def metadata_of(origin: Origin, **more: Any) -> dict[str, Any] | None:
    """Return the origin of a part, in the two levels that the clients' schema requires.

    >>> metadata_of(Origin(node="agent"))
    {'streamkit': {'node': 'agent'}}
    """
    about = {
        "node": origin.node,
        "agent": origin.agent,
        "namespace": origin.namespace,
        "toolCallId": origin.tool_call_id,
    }
    given = {name: value for name, value in {**about, **more}.items() if value}
    return {"streamkit": given} if given else None


def usage_form(usage: Usage) -> dict[str, int]:
    """Return the usage with the AI SDK's field names."""
    form = {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
    }
    cached = usage.input_token_details.get("cache_read")
    reasoning = usage.output_token_details.get("reasoning")
    form |= {"cachedInputTokens": cached} if cached else {}
    return form | ({"reasoningTokens": reasoning} if reasoning else {})
