"""What all chunks of the AI SDK's UI message stream have in common, and where targets differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from ...errors import UsageError
from ...values import ErrorInfo, Origin, Usage
from .._frames import frame

__all__ = ["Chunks", "Target", "metadata_of", "usage_form"]

Target: TypeAlias = Literal[5, 6, 7]
"""The major version of the ``ai`` package that reads."""


class _Rules(NamedTuple):
    """In what the clients differ."""

    approvals: bool
    """Whether a call may be approved or denied."""


_RULES: Mapping[int, _Rules] = {
    5: _Rules(approvals=False),
    6: _Rules(approvals=True),
    7: _Rules(approvals=True),
}


class Chunks:
    r"""Writes chunks as frames, for one target.

    >>> Chunks(6, private=False).say("text-start", id="m:0", providerMetadata=None)
    b'data: {"type":"text-start","id":"m:0"}\n\n'
    """

    def __init__(self, target: Target, *, private: bool) -> None:
        if target not in _RULES:
            raise UsageError(f"there is no target {target!r}; pass 5, 6 or 7")
        self.rules = _RULES[target]
        self.private = private

    def say(self, type: str, payload: Mapping[str, Any] | None = None, **fields: Any) -> bytes:
        """Give a chunk: of the fields those that are not None, and all of the payload."""
        form: dict[str, Any] = {"type": type}
        form.update((name, value) for name, value in fields.items() if value is not None)
        if payload is None:
            return frame(form)
        form.update(payload)
        return frame(form, *payload.values(), private=self.private)

    def data(self, name: str, data: object, **fields: Any) -> bytes:
        """Give a part of the application's own kind."""
        return self.say(f"data-{name}", {"data": data}, **fields)

    def error_text(self, error: ErrorInfo) -> str:
        """Give what may be said of an error."""
        return error.message if self.private else error.name


def metadata_of(origin: Origin, **more: Any) -> dict[str, Any] | None:
    """Give where a part comes from, in the two levels that clients insist on.

    >>> metadata_of(Origin(node="agent"))
    {'streamkit': {'node': 'agent'}}
    """
    about = {"node": origin.node, "agent": origin.agent, "namespace": origin.namespace}
    said = {name: value for name, value in {**about, **more}.items() if value}
    return {"streamkit": said} if said else None


def usage_form(usage: Usage) -> dict[str, int]:
    """Give tokens in the AI SDK's words."""
    form = {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
    }
    cached = usage.input_token_details.get("cache_read")
    reasoning = usage.output_token_details.get("reasoning")
    form |= {"cachedInputTokens": cached} if cached else {}
    return form | ({"reasoningTokens": reasoning} if reasoning else {})
