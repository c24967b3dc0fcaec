"""From a raw item to what the caller gets: the dialect's reader, then the stages. No I/O here.

An item passes only what is there: without stages, `feed` is the reader's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .._protocols import Adapter, AnyStage, Stage, stage_of
from ..dialects import detect, reader_for

__all__ = ["Pipeline", "Stages"]

Feed = Callable[[Any], Iterable[Any]]


class Stages:
    """Stages in a row, and no reader: for a source that is a stream already, and closes itself.

    What one raw item causes goes through one stage after the other.
    """

    def __init__(self) -> None:
        self._stages: list[Stage[Any, Any]] = []
        self._only: Stage[Any, Any] | None = None
        self.feed: Feed = self._feed_through
        """Gives what a raw item causes."""

    def add_stage(self, stage: AnyStage[Any, Any]) -> None:
        """Put a stage behind the others."""
        self._stages.append(stage_of(stage))
        self._only = self._stages[0] if len(self._stages) == 1 else None

    def close(self) -> Iterable[Any]:
        """Give the closing events of a source that has no more items."""
        return ()

    def fail(self, error: BaseException) -> Iterable[Any]:  # noqa: ARG002  (it closes itself)
        """Give the closing events of a source that raised, or was left."""
        return ()

    def through(self, items: Iterable[Any]) -> Iterable[Any]:
        """Give what comes out at the end; where a stage raises, its first error after all else."""
        broken: Exception | None = None
        for stage in self._stages:
            out: list[Any] = []
            for item in items:
                try:
                    out.extend(stage(item))
                except Exception as error:  # noqa: BLE001  (it must not cost the others)
                    broken = broken or error
            items = out
        return _and_then_raise(items, broken) if broken else items

    def _feed_through(self, raw: Any) -> Iterable[Any]:
        return self.through((raw,))


def _and_then_raise(items: Iterable[Any], error: Exception) -> Iterator[Any]:
    yield from items
    raise error


class Pipeline(Stages):
    """One run's machine. Its reader is chosen by the first item, unless the caller named one."""

    def __init__(self, dialect: str | None, **options: Any) -> None:
        super().__init__()
        self._options = options
        self._reader: Adapter | None = None
        self._read: Feed = self._read_first
        self.feed = self._read
        if dialect:
            self._set_reader(dialect)

    def add_stage(self, stage: AnyStage[Any, Any]) -> None:
        """Put a stage behind the others."""
        super().add_stage(stage)
        self.feed = self._read_through

    def close(self) -> Iterable[Any]:
        """Give the closing events of a source that has no more items."""
        return self.through(self._any_reader().close())

    def fail(self, error: BaseException) -> Iterable[Any]:
        """Give the closing events of a source that raised, or was left."""
        return self.through(self._any_reader().fail(error))

    def _read_through(self, raw: object) -> Iterable[Any]:
        events: Any = self._read(raw)
        if self._only and events.__class__ is list and len(events) == 1:
            return self._only(events[0])  # no other item that an error could cost
        return self.through(events)

    def _read_first(self, raw: object) -> Iterable[Any]:
        return self._set_reader(detect(raw)).feed(raw)

    def _any_reader(self) -> Adapter:
        return self._reader or self._set_reader("chunks")

    def _set_reader(self, dialect: str) -> Adapter:
        self._reader = reader = reader_for(dialect, **self._options)
        self._read = reader.feed
        if not self._stages:
            self.feed = self._read
        return reader
