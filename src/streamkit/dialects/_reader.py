"""The base of every dialect: it sets the time, refuses unreadable items, and ends the run.

Laws of this file:

1. Whatever an item is, reading it raises nothing but `MalformedItem`, and that only if ``strict``.
2. `close` and `fail` always return the closing events.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from .._core.assembly import Assembly
from .._core.results import error_info
from .._protocols import RunOver
from ..errors import MalformedItem
from ..events import Event
from ..values import Status


class Reader(ABC):
    """An `Adapter` over an `Assembly`: a dialect only has to read one raw item.

    >>> from streamkit import Origin
    >>> class Telegrams(Reader):
    ...     def read(self, raw):
    ...         self.assembly.start_run()
    ...         self.assembly.start_message("telegram", Origin(), raw["id"]).text(raw["says"])
    ...         self.assembly.end_message("telegram")
    >>> reader = Telegrams(clock=lambda: 0.0)
    >>> [event.type for event in reader.feed({"id": "1", "says": "ARRIVED"})][-1]
    'message.end'
    >>> [event.type for event in reader.close()]
    ['run.end']
    """

    def __init__(
        self, *, clock: Callable[[], float], strict: bool = False, assembly: Assembly | None = None
    ) -> None:
        self.assembly: Assembly = assembly or Assembly()
        self._clock = clock
        self._strict = self.assembly.strict = strict

    @abstractmethod
    def read(self, raw: object) -> None:
        """Read one raw item into the assembly. Raise anything where it cannot be read."""

    def final_status(self) -> Status:
        """Return how the run ended, once the source has no more items."""
        return "interrupted" if self.assembly.interrupted else "completed"

    def delta_of(self, raw: Any) -> Event | None:  # noqa: ARG002  (a short way that few dialects need)
        """Return the delta of an item that only continues what is open, or None: see `feed`."""
        return None

    def feed(self, raw: object) -> Sequence[Event]:
        """Return the events that ``raw`` causes."""
        assembly = self.assembly
        assembly.now = self._clock()
        try:
            self.read(raw)
        except RunOver:
            raise
        except Exception as error:  # noqa: BLE001  (garbage may break a reader in any way)
            self._refuse(raw, error)
        events, assembly.events = assembly.events, []  # `take`, without the call
        return events

    def before_end(self) -> None:  # noqa: B027  (most dialects have nothing to add)
        """Read what is known only at the end of the source; what it raises is unrecognized."""

    def close(self) -> Sequence[Event]:
        """Return the closing events: the source has no more items."""
        self._begin_to_close()
        try:
            self.before_end()
        except Exception as error:  # noqa: BLE001  (closing cannot fail)
            self._refuse(None, error)
        self.assembly.end_run(self.final_status())
        return self.assembly.take()

    def _begin_to_close(self) -> None:
        self.assembly.now = self._clock()
        self._strict = self.assembly.strict = False  # closing cannot fail

    def fail(self, error: BaseException) -> Sequence[Event]:
        """Return the closing events: the source raised, or the caller stopped reading."""
        self._begin_to_close()
        if isinstance(error, Exception):
            self.assembly.end_run("failed", error_info(error))
        else:  # CancelledError, GeneratorExit, KeyboardInterrupt: nothing went wrong
            self.assembly.end_run("cancelled")
        return self.assembly.take()

    def _refuse(self, raw: object, error: Exception) -> None:
        reason = str(error) if isinstance(error, MalformedItem) else _explain(error)
        if self._strict:
            if isinstance(error, MalformedItem):
                raise error
            raise MalformedItem(f"cannot read {type(raw).__name__} item: {reason}", raw) from error
        self.assembly.unrecognized(raw, reason)


def _explain(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no {error} in it"
    return f"{type(error).__name__}: {error_info(error).message}"
