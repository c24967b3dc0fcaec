"""A tool call while the model writes it, and the one moment when its arguments are parsed."""

from __future__ import annotations

import json
from typing import Any

from ..values import ToolCall

__all__ = ["Call", "strict_args"]


class Call:
    """A call the model is writing."""

    __slots__ = ("block_id", "done", "id", "name", "parts", "provider_executed")

    def __init__(self, block_id: int, id: str, name: str, *, provider_executed: bool) -> None:
        self.block_id = block_id
        self.id = id
        self.name = name
        self.provider_executed = provider_executed
        self.parts: list[str] = []
        self.done: ToolCall | None = None

    def finished(self) -> ToolCall:
        text = "".join(self.parts)
        args, error = strict_args(text)
        return ToolCall(
            id=self.id,
            name=self.name,
            args=args,
            text=text,
            error=error,
            provider_executed=self.provider_executed,
        )


def strict_args(text: str) -> tuple[dict[str, Any] | None, str | None]:
    """Parse arguments as strict JSON: ``(args, None)``, or ``(None, why not)``."""
    if not text:
        return {}, None  # a tool without parameters: several providers then send nothing at all
    try:
        args = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        return None, f"arguments are not complete JSON: {error}"
    if not isinstance(args, dict):
        return None, "arguments are JSON, but not an object"
    return args, None  # pyright: ignore[reportUnknownVariableType]


def _refuse_constant(name: str) -> None:
    msg = f"{name} is not JSON"
    raise ValueError(msg)
