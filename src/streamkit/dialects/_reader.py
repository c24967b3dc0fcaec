"""What every dialect of ours does alike: telling the time, refusing, and ending."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from .._core.assembly import Assembly
from .._core.results import error_info
from .._protocols import RunOver
from ..errors import MalformedItem
from ..events import Event
from ..values import Status

__all__ = ["Reader"]


class Reader(ABC):
    """An `Adapter` over an `Assembly`. A dialect only says what one raw item means."""

    def __init__(
        self, *, clock: Callable[[], float], strict: bool = False, assembly: Assembly | None = None
    ) -> None:
        self.assembly: Assembly = assembly or Assembly()
        self._clock = clock
        self._strict = self.assembly.strict = strict

    @abstractmethod
    def read(self, raw: object) -> None:
        """Tell the assembly what ``raw`` means. May raise anything where it means nothing."""

    def final_status(self) -> Status:
        """Give how the run ended, seen from the end of the source."""
        return "interrupted" if self.assembly.interrupted else "completed"

    def feed(self, raw: object) -> Sequence[Event]:
        """Give the events that ``raw`` causes."""
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

    def close(self) -> Sequence[Event]:
        """Give the closing events: the source has no more items."""
        self.assembly.now, self.assembly.strict = self._clock(), False  # closing cannot fail
        self.assembly.end_run(self.final_status())
        return self.assembly.take()

    def fail(self, error: BaseException) -> Sequence[Event]:
        """Give the closing events: the source raised, or its reader left."""
        self.assembly.now, self.assembly.strict = self._clock(), False
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
