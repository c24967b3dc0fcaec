"""Tool calls while the model writes them, and the one moment when their arguments are parsed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..values import ToolCall

__all__ = ["Call", "Calls", "strict_args"]


class Call:
    """A call the model is writing."""

    __slots__ = ("block_id", "done", "id", "name", "parts", "provider_executed")

    def __init__(self, block_id: int, id: str, name: str, *, provider_executed: bool) -> None:
        self.block_id: int = block_id
        self.id: str = id
        self.name: str = name
        self.provider_executed: bool = provider_executed
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


class Calls:
    """The calls of one message, as they began, and which of them a piece is about."""

    __slots__ = ("_by_id", "_by_index")

    def __init__(self) -> None:
        self._by_id: dict[str, Call] = {}
        self._by_index: dict[object, Call] = {}

    def __iter__(self) -> Iterator[Call]:
        return iter(self._by_id.values())

    def add(self, index: object, call: Call) -> None:
        self._by_id[call.id] = self._by_index[index] = call

    def at(self, index: object) -> Call | None:
        """Give the call that was last begun at this index."""
        return self._by_index.get(index)

    def known(self, index: object, id: str | None, name: str | None) -> Call | None:
        """Give the call that a piece is about, or None where it begins one."""
        if id and id in self._by_id:
            return self._by_id[id]
        call = self._by_index.get(index)
        if call is None or (id and name) or (name and name != call.name):
            return None  # an id or a name of its own makes a new call, even at a taken index
        return call


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
