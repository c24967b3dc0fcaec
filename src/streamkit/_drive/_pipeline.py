"""From a raw item to what the caller gets: the dialect's reader, then the stages. No I/O here.

An item passes only what is there: without stages `feed` is the reader's own, and behind each stage
stands the next one, or the list of what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .._protocols import Adapter, AnyStage, Stage, stage_of
from ..dialects import detect, reader_for

__all__ = ["Pipeline", "Stages"]

Feed = Callable[[Any], Iterable[Any]]


class _Link:
    """A stage, and the one behind it. What it raises must not cost the other items."""

    __slots__ = ("_errors", "_stage", "behind")

    def __init__(self, stage: Stage[Any, Any], errors: list[Exception]) -> None:
        self._stage = stage
        self._errors = errors
        self.behind: _Link | None = None

    def put(self, item: Any, out: list[Any]) -> None:
        """Put one item through this stage and those behind it."""
        try:
            if self.behind is None:
                out.extend(self._stage(item))
            else:
                for it in self._stage(item):
                    self.behind.put(it, out)
        except Exception as error:  # noqa: BLE001  (raised behind what came out: see `through`)
            self._errors.append(error)


class Stages:
    """Stages in a row, and no reader: for a source that is a stream already, and closes itself.

    Each item goes through all stages before the next one does.
    """

    def __init__(self) -> None:
        self._links: list[_Link] = []
        self._errors: list[Exception] = []
        self.feed: Feed = self._feed_through
        """Gives what a raw item causes."""

    def add_stage(self, stage: AnyStage[Any, Any]) -> None:
        """Put a stage behind the others."""
        link = _Link(stage_of(stage), self._errors)
        if self._links:
            self._links[-1].behind = link
        self._links.append(link)

    def close(self) -> Iterable[Any]:
        """Give the closing events of a source that has no more items."""
        return ()

    def fail(self, error: BaseException) -> Iterable[Any]:  # noqa: ARG002  (it closes itself)
        """Give the closing events of a source that raised, or was left."""
        return ()

    def through(self, items: Iterable[Any]) -> Iterable[Any]:
        """Give what comes out at the end; where a stage raises, its first error after all else."""
        if not self._links:
            return items
        out: list[Any] = []
        first = self._links[0]
        for item in items:
            first.put(item, out)
        return _and_then_raise(out, self._errors) if self._errors else out

    def _feed_through(self, raw: Any) -> Iterable[Any]:
        return self.through((raw,))


def _and_then_raise(items: list[Any], errors: list[Exception]) -> Iterator[Any]:
    yield from items
    error = errors[0]
    errors.clear()
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
        return self.through(self._read(raw))

    def _read_first(self, raw: object) -> Iterable[Any]:
        return self._set_reader(detect(raw)).feed(raw)

    def _any_reader(self) -> Adapter:
        return self._reader or self._set_reader("chunks")

    def _set_reader(self, dialect: str) -> Adapter:
        self._reader = reader = reader_for(dialect, **self._options)
        self._read = reader.feed
        if not self._links:
            self.feed = self._read
        return reader
