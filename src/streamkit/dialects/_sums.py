"""The sum of the chunks of a runnable's output: LangChain's own sum, in linear time.

    {"answer": "Hel"} + {"answer": "lo", "docs": ["a"]}  =  {"answer": "Hello", "docs": ["a"]}

LangChain adds chunk by chunk, which copies all of the text so far each time.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

from .._core.kinds import kind_of
from .._fields import dict_or_empty, items_of
from ..merge import MessageAccumulator


def is_addable_dict(value: object) -> bool:
    """Return whether a value is a chunk of a RunnableParallel, or of what assigns like one."""
    # By name, because langchain-core may not be imported in this process.
    return value.__class__.__name__ == "AddableDict" and isinstance(value, dict)


class Sum:
    """The sum of the values added so far; None adds nothing, as in LangChain's `AddableDict`."""

    __slots__ = ("_total",)

    def __init__(self) -> None:
        self._total: Any = None

    def add(self, value: Any) -> None:
        """Add a value; what cannot be added replaces what came before."""
        total = self._total
        if value is None:
            pass
        elif isinstance(total, _Text) and isinstance(value, str):
            total.append(value)
        elif isinstance(total, _Fields) and issubclass(type(value), dict):
            total.add(dict_or_empty(value))
        elif isinstance(total, _Items) and isinstance(value, list):
            total.extend(items_of(cast("object", value)))
        elif isinstance(total, MessageAccumulator) and kind_of(value) == "chunk":
            total.feed(value)
        elif total is None or isinstance(total, (_Text, _Fields, _Items, MessageAccumulator)):
            self._total = _begun(value)
        else:
            try:
                self._total = total + value
            except Exception:  # noqa: BLE001  (LangChain replaces only on TypeError, else it fails)
                self._total = _begun(value)

    def total(self) -> Any:
        """Return the sum."""
        total = self._total
        if isinstance(total, _Text):
            return "".join(total)
        if isinstance(total, _Fields):
            return {key: value.total() for key, value in total.items()}
        if isinstance(total, _Items):
            return list(total)
        if isinstance(total, MessageAccumulator):
            with suppress(Exception):  # what the chunks hold may fit no message
                return total.result()
            return None
        return total


class _Text(list[str]):
    """The pieces of a text."""


class _Items(list[Any]):
    """The items of lists."""


class _Fields(dict[Any, Sum]):
    """The sums of a dict's values."""

    def add(self, chunk: dict[Any, Any]) -> None:
        for key, value in chunk.items():
            if key not in self:
                self[key] = Sum()
            self[key].add(value)


def _begun(value: Any) -> Any:
    """Return what a value grows in."""
    if isinstance(value, str):
        return _Text([value])
    if type(value) is list:
        return _Items(items_of(cast("object", value)))
    if is_addable_dict(value):
        fields = _Fields()
        fields.add(value)
        return fields
    if kind_of(value) == "chunk":
        message = MessageAccumulator()
        message.feed(value)
        return message
    return value
