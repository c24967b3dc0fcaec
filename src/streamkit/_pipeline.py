"""From a raw item to what the caller gets: the dialect's reader, then the stages. No I/O here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ._protocols import Adapter, Stage
from .dialects import detect, reader_for
from .events import Event

__all__ = ["Pipeline"]


class Pipeline:
    """One run's machine. Its reader is chosen by the first item, unless the caller named one."""

    def __init__(self, dialect: str | None, **options: Any) -> None:
        self._options = options
        self._reader = self._new_reader(dialect) if dialect else None
        self._stages: list[Stage[Any, Any]] = []

    def add_stage(self, stage: Stage[Any, Any]) -> None:
        """Put a stage behind the others."""
        self._stages.append(stage)

    def feed(self, raw: object) -> Iterable[Any]:
        """Give what ``raw`` causes."""
        if self._reader is None:
            self._reader = self._new_reader(detect(raw))
        events = self._reader.feed(raw)
        return self._staged(events) if self._stages else events

    def close(self) -> Iterable[Any]:
        """Give the closing events of a source that has no more items."""
        reader = self._reader or self._new_reader("chunks")
        return self._staged(reader.close())

    def fail(self, error: BaseException) -> Iterable[Any]:
        """Give the closing events of a source that raised, or was left."""
        reader = self._reader or self._new_reader("chunks")
        return self._staged(reader.fail(error))

    def _new_reader(self, dialect: str) -> Adapter:
        return reader_for(dialect, **self._options)

    def _staged(self, events: Sequence[Event]) -> Iterable[Any]:
        items: Iterable[Any] = events
        for stage in self._stages:
            items = [out for item in items for out in stage(item)]
        return items
