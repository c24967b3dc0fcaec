"""The `Result` of a stream, made from the events that pass, however it is read.

Folding makes LangChain's messages. Where LangChain is not imported yet, as in a process that
only reads decoded events, what is to be folded waits until the result is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from .._event_classes import EVENT_CLASSES
from ..errors import UsageError
from ..events import Event
from ..folds import UNFOLDED, Result, RunFold

FOLDED: frozenset[type] = EVENT_CLASSES - UNFOLDED
"""The classes of events that a `Result` is made of; the ends sum up the deltas."""

NOTHING: frozenset[type] = frozenset()

_LANGCHAIN = "langchain_core.messages"


class Recording:
    """The fold over one stream. Whatever an event holds, adding it never raises."""

    def __init__(self) -> None:
        self._fold = RunFold()
        self._waiting: list[Event] = []
        self._error: Exception | None = None
        self.is_empty: bool = True

    def add(self, event: Any) -> None:
        """Add an event of a class in `FOLDED`."""
        self.is_empty = False
        self._waiting.append(event)
        if _LANGCHAIN in sys.modules:
            self._fold_waiting()

    def add_all(self, items: Iterable[Any]) -> None:
        """Add those of several items that are events to fold."""
        for item in items:
            if item.__class__ in FOLDED:
                self.add(item)

    def result(self) -> Result:
        """Return the run as far as it was read.

        Raises:
            UsageError: an event holds what no message can be made of.
        """
        self._fold_waiting()
        if self._error:
            raise UsageError(
                f"an event could not become a part of the result: {type(self._error).__name__}"
            ) from self._error
        return self._fold.result()

    def _fold_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            try:
                self._fold.feed(event)
            except Exception as error:  # noqa: BLE001  (reading continues; the result raises it)
                self._error = self._error or error
