"""The path of one item: the dialect's reader, then the stages. No I/O here.

Laws of this file:

1. An item passes only what is there: without stages, `feed` is the reader's own.
2. The recording sees events where they leave the last stage that still passes events on, so that a
   filter or a redaction counts, and ``text()``, ``map()`` and encoders do not.
3. ``run.start`` is stamped when the first item is asked for, so that the time to the first token is
   the time that passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from msgspec.structs import replace

from .._event_classes import EVENT_CLASSES
from .._protocols import Adapter, AnyStage, Stage, not_items, stage_of
from ..dialects import detect, reader_for, require_fit
from ..errors import UsageError
from ..events import RunStart
from ._recording import FOLDED, NOTHING, Recording

E = TypeVar("E", bound=BaseException)

Feed = Callable[[Any], Iterable[Any]]
DeltaOf = Callable[[Any], Any]

LISTED = frozenset({list, tuple})
"""The classes of outputs that are all there, and not still to be made."""


class Stages:
    """Stages in a row, and no reader: for a source that is a stream already, and closes itself.

    What one raw item causes goes through one stage after the other.
    """

    def __init__(self) -> None:
        self.recording: Recording = Recording()
        self.recorded: frozenset[type] = FOLDED
        """The classes of outputs that the driver adds to the recording."""
        self.feed: Feed = self._feed_through
        """Returns what a raw item causes."""
        self.delta_of: DeltaOf | None = None
        """Returns the one delta that a raw item is, or None where `feed` must read it."""
        self._stages: list[Stage[Any, Any]] = []
        self._filters: list[Callable[[Any], bool]] = []  # whether those in front pass a delta
        self._behind: list[tuple[int, Stage[Any, Any]]] = []  # the others, with their numbers
        self._events_end: int | None = None  # the number of stages that pass events on
        self._encodes: int | None = None  # the number of the last stage, if it passes none on

    def add_stage(self, stage: AnyStage[Any, Any]) -> None:
        """Put a stage behind the others.

        Raises:
            UsageError: it is no stage, or an encoder behind an encoder.
        """
        added = stage_of(stage)
        if self._stages and _is_encoder(self._stages[-1]) and _is_encoder(added):
            raise UsageError(
                "these events are encoded already; pass the events themselves where a format is "
                "named: EventResponse(events, chat)"
            )
        self._stages.append(added)
        passes = getattr(added, "passes", None)
        if passes and not self._behind:
            self._filters.append(passes)
        else:
            self._behind.append((len(self._stages), added))
        self._set_recorded()

    def begin(self) -> None:
        """The first item is asked for."""

    def close(self, error: BaseException | None = None) -> Iterable[Any]:  # noqa: ARG002
        """Return nothing: the source makes its closing events itself."""
        return ()

    def through(
        self, items: Iterable[Any], begin: int = 0, broken: Exception | None = None
    ) -> Iterable[Any]:
        """Return what comes out at the end; a stage's first error is raised after all else.

        ``begin`` is the number of stages that the items are through, and ``broken`` their error.
        """
        if self._events_end is None:
            return self._first_through(items)
        for number, stage in enumerate(self._stages[begin:], begin):
            if number == self._events_end:
                self.recording.add_all(items)
            items, error = _through_one(stage, items)
            broken = broken or error
        return _and_then_raise(items, broken) if broken else items

    def _first_through(self, items: Iterable[Any]) -> Iterable[Any]:
        """Find out from the first items, such as ``run.start``, which stages pass events on."""
        broken: Exception | None = None
        passed = items = list(items)
        end = 0
        for number, stage in enumerate(self._stages, 1):
            items, error = _through_one(stage, items)
            broken = broken or error
            if end == number - 1 and any(it.__class__ in EVENT_CLASSES for it in items):
                end, passed = number, items
        if passed:
            self._events_end = end
            self._set_recorded()
            if end < len(self._stages):
                self.recording.add_all(passed)
        return _and_then_raise(items, broken) if broken else items

    def _set_recorded(self) -> None:
        last = len(self._stages)
        is_at_end = self._events_end in {None, last}
        self.recorded = FOLDED if is_at_end else NOTHING
        self._encodes = None if is_at_end else last

    def _feed_through(self, raw: Any) -> Iterable[Any]:
        return self.through((raw,))


def _is_encoder(stage: object) -> bool:
    return str(getattr(stage, "__module__", "")).startswith("streamkit.wire.")


def _through_one(
    stage: Stage[Any, Any], items: Iterable[Any]
) -> tuple[list[Any], Exception | None]:
    """Return what a stage makes of items, and the first error that it raised."""
    out: list[Any] = []
    broken: Exception | None = None
    for item in items:
        try:
            made: Iterable[Any] = stage(item)
            # A stage may return any iterable; a list or a tuple, as most do, needs no look.
            out.extend(made if type(made) in LISTED else _items_of(stage, made))
        except Exception as error:  # noqa: BLE001  (it must not cost the others)
            broken = broken or raisable(error)
    return out, broken


def raisable(error: E) -> E | RuntimeError:
    """Return an error as a stream may raise it: none that would look like the stream's end."""
    if not isinstance(error, (StopIteration, StopAsyncIteration)):
        return error
    raised = RuntimeError(f"a stage or a reader raised {type(error).__name__}")
    raised.__cause__ = error
    return raised


def _items_of(stage: object, made: Any) -> Iterable[Any]:
    """Return what a stage made, which must be an iterable of items and not one item."""
    if isinstance(made, (str, bytes, dict)) or not hasattr(made, "__iter__"):
        not_items(stage, made)
    items: Iterable[Any] = made
    return items


def _no_delta(_raw: object) -> None:
    """Return None: an adapter that is no `Reader` has no short way."""


def _and_then_raise(items: Iterable[Any], error: Exception) -> Iterator[Any]:
    yield from items
    raise error


class Pipeline(Stages):
    """One run's machine. Its reader is chosen by the first item, unless the caller named one."""

    def __init__(
        self,
        dialect: str | None,
        *,
        clock: Callable[[], float],
        mode: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self._dialect = dialect
        self._mode = mode
        self._clock = clock
        self._options: dict[str, Any] = {**options, "clock": clock, "mode": mode}
        self._asked_at: float | None = None
        self._reader: Adapter | None = None
        self._read: Feed = self._read_first
        self._delta_of: DeltaOf = _no_delta
        self._made: Iterable[Any] | None = None  # of the delta that `feed` gets next
        self.feed = self._read
        if dialect:
            reader_for(dialect, **self._options)  # or it is refused only when the first item comes

    def add_stage(self, stage: AnyStage[Any, Any]) -> None:
        """Put a stage behind the others."""
        super().add_stage(stage)
        self.feed = self._read_through
        self.delta_of = None

    def begin(self) -> None:
        """The first item is asked for: this is when the run starts."""
        self._asked_at = self._clock()

    def close(self, error: BaseException | None = None) -> Iterable[Any]:
        """Return the closing events of a source that has ended; that raised, or was left."""
        reader = self._any_reader()
        return self.through(self._stamped(reader.close() if error is None else reader.fail(error)))

    def _delta_through(self, raw: object) -> Any:
        """Return what the stages make of a delta, if it is one item; else `feed` returns it next.

        As long as it passes as it is there is no other item that an error of a stage could cost,
        and nothing to record: no deltas are.
        """
        event = self._delta_of(raw)
        if event is None:
            return None
        for passes in self._filters:
            if not passes(event):
                self._made = ()
                return None
        for number, stage in self._behind:
            made: Any = stage(event)
            if made.__class__ in LISTED and len(made) == 1:
                (only,) = made
                # None would be no output to the driver.
                if only is event or (number == self._encodes and only is not None):
                    event = only
                    continue
            made, broken = _through_one(partial(_items_of, stage), (made,))
            self._made = self.through(made, number, broken)
            return None
        return event

    def _read_through(self, raw: object) -> Iterable[Any]:
        made, self._made = self._made, None
        if made is not None:
            return made
        events = self.through(self._read(raw))
        if self._events_end is not None:  # it is known what to record
            self.delta_of = self._delta_through
        return events

    def _read_first(self, raw: object) -> Iterable[Any]:
        reader = self._reader or self._reader_of(raw)
        events = reader.feed(raw)
        if events:
            self._read = reader.feed
            self._delta_of = getattr(reader, "delta_of", _no_delta)
            if not self._stages:
                self.feed = self._read
                self.delta_of = self._delta_of
        return self._stamped(events)

    def _reader_of(self, raw: object) -> Adapter:
        """Return the reader of the dialect that the caller named, or that an item proves."""
        if self._dialect is None:
            self._dialect = detect(raw)
        else:
            require_fit(self._dialect, self._mode, raw)
        return self._any_reader()

    def _any_reader(self) -> Adapter:
        if self._reader is None:
            self._reader = reader_for(self._dialect or "chunks", **self._options)
        return self._reader

    def _stamped(self, events: Sequence[Any]) -> Sequence[Any]:
        """Return events of which ``run.start`` has the time when the first item was asked for."""
        if not events or self._asked_at is None or self._dialect == "own":
            return events
        asked_at, self._asked_at = self._asked_at, None
        start = events[0]
        if start.__class__ is RunStart and asked_at < start.timestamp:
            return [replace(start, timestamp=asked_at), *events[1:]]
        return events
