"""From a raw item to what the caller gets: the dialect's reader, then the stages. No I/O here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .._protocols import Adapter, AnyStage, Stage, stage_of
from ..dialects import detect, reader_for

__all__ = ["Pipeline", "Stages"]


class Stages:
    """Stages in a row, and no reader: for a source that is a stream already, and closes itself.

    Each item goes through all stages before the next one does.
    """

    def __init__(self) -> None:
        self._stages: list[Stage[Any, Any]] = []

    def add_stage(self, stage: AnyStage[Any, Any]) -> None:
        """Put a stage behind the others."""
        self._stages.append(stage_of(stage))

    def feed(self, raw: Any) -> Iterable[Any]:
        """Give what ``raw`` causes."""
        return self.through((raw,))

    def close(self) -> Iterable[Any]:
        """Give the closing events of a source that has no more items."""
        return ()

    def fail(self, error: BaseException) -> Iterable[Any]:  # noqa: ARG002  (it closes itself)
        """Give the closing events of a source that raised, or was left."""
        return ()

    def through(self, items: Iterable[Any]) -> Iterable[Any]:
        """Give what comes out at the end; where a stage raises, its first error after all else."""
        errors: list[Exception] = []
        left = len(self._stages)
        for stage in self._stages:
            left -= 1
            items = _each(stage, items, errors, is_last=not left)
        return items


def _each(
    stage: Stage[Any, Any], items: Iterable[Any], errors: list[Exception], *, is_last: bool
) -> Iterator[Any]:
    for item in items:
        try:
            yield from stage(item)
        except Exception as error:  # noqa: BLE001, PERF203  (one bad item must not cost the others)
            errors.append(error)
    if is_last and errors:
        raise errors[0]


class Pipeline(Stages):
    """One run's machine. Its reader is chosen by the first item, unless the caller named one."""

    def __init__(self, dialect: str | None, **options: Any) -> None:
        super().__init__()
        self._options = options
        self._reader = self._new_reader(dialect) if dialect else None

    def feed(self, raw: object) -> Iterable[Any]:
        """Give what ``raw`` causes."""
        if self._reader is None:
            self._reader = self._new_reader(detect(raw))
        events = self._reader.feed(raw)
        return self.through(events) if self._stages else events

    def close(self) -> Iterable[Any]:
        """Give the closing events of a source that has no more items."""
        reader = self._reader or self._new_reader("chunks")
        return self.through(reader.close())

    def fail(self, error: BaseException) -> Iterable[Any]:
        """Give the closing events of a source that raised, or was left."""
        reader = self._reader or self._new_reader("chunks")
        return self.through(reader.fail(error))

    def _new_reader(self, dialect: str) -> Adapter:
        return reader_for(dialect, **self._options)
