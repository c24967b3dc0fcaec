"""The part that both loops share: pipeline, outputs not yet handed out, and end of a stream.

No other package pulls from a source. Both loops are iterator classes and no generators. A generator
between the source and its reader would close the source late and in another task; a class closes it
at once, in the caller's.

Laws of both loops:

1. Nothing is pulled before the last pull's outputs have been handed out.
2. Whatever ends a stream early (an exception, `close`, cancellation), its closing events are
   still there to be read; then an exception of the source is raised as it was.
3. ``CancelledError``, ``GeneratorExit`` and ``KeyboardInterrupt`` are raised as soon as the
   source is closed, and never swallowed.
4. One reader at a time. ``close()`` and ``aclose()`` may be called by any task and thread, at any
   time: the reader gets the closing events and nothing after them, and closes the source.
5. An error of closing the source never hides the error that ended the stream.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from .._protocols import AnyStage, RunOver
from ..errors import ConcurrentRead, UsageError
from ..folds import Result
from ._pipeline import Stages, raisable
from ._source import Stop, stops

T_co = TypeVar("T_co", covariant=True)

END = object()
"""Stands behind the last output that is ready."""

OnError: TypeAlias = Literal["raise", "event"]


class Stream(Generic[T_co]):
    """The part that both loops share."""

    def __init__(
        self,
        iterator: Any,
        pipeline: Stages,
        on_error: OnError,
        source: object,
    ) -> None:
        if on_error not in {"raise", "event"}:
            raise UsageError(f"on_error must be 'raise' or 'event', not {on_error!r}")
        self._iterator = iterator
        self._source = source
        self._begun = False  # the first item was asked for
        self._pipeline = pipeline
        self._on_error: OnError = on_error
        self._ready: deque[Any] = deque()  # outputs, and `END` behind the closing events
        self._error: BaseException | None = None
        self._done = False  # the closing events are made
        self._exhausted = False  # and were read
        self._ended = False  # the source came to its own end
        self._stopping = False  # another task or thread has closed the stream

    def __repr__(self) -> str:
        name = type(self).__name__
        state = "read to its end" if self._exhausted else "closed" if self._done else "open"
        return f"<{name}, {state}>"

    @property
    def result(self) -> Result:
        """The whole run, as far as it was read in any way; complete when the stream is at its end.

        It is made of the events that leave the last stage which passes events on.

        Raises:
            UsageError: the stream has ended, and yielded no events.
        """
        if self._exhausted and self._pipeline.recording.is_empty:
            raise UsageError(
                "a result is made of events, and this stream yielded none; of the pairs of a batch "
                "or of merge_runs(), feed the events of each key to a RunFold()"
            )
        return self._pipeline.recording.result()

    def _begin(self) -> None:
        """The first item is asked for."""
        self._begun = True
        self._pipeline.begin()

    def _end(self) -> None:
        """The source has no more items."""
        self._ended = self._done = True
        broken = self._close_pipeline()
        self._error = self._error or broken

    def _fail(self, error: BaseException) -> None:
        """The source, a reader or a stage raised, or the caller left."""
        if not self._done:
            self._done = True
            error = raisable(error)
            broken = self._close_pipeline(error)
            if not isinstance(error, Exception):
                self._error = broken
            elif self._on_error == "raise":
                self._error = error

    def _fail_or_end(self, error: BaseException) -> None:
        """Pulling or a stage raised, or the run is over though its source still waits."""
        if not isinstance(error, RunOver):
            self._fail(error)
            return
        self._ended = True
        if error.error:
            self._fail(error.error)
        else:
            self._end()

    def _stops(self, *, is_async: bool = False) -> list[Stop]:
        return stops(self._iterator, self._source, is_async=is_async, ended=self._ended)

    def _close_pipeline(self, error: BaseException | None = None) -> Exception | None:
        """Make the closing events ready, and the end; return what was raised on the way."""
        try:
            self._take_outputs(self._pipeline.close(error))
        except Exception as broken:  # noqa: BLE001  (raised again, after the closing events)
            return raisable(broken)
        finally:
            self._ready.append(END)
        return None

    def _take_outputs(self, outputs: Iterable[T_co]) -> None:
        """Make outputs ready, up to what is raised on the way."""
        recorded = self._pipeline.recorded
        for output in outputs:
            if output.__class__ in recorded:
                self._pipeline.recording.add(output)
            self._ready.append(output)

    def _add_error(self, error: Exception) -> None:
        """Closing the source raised: that counts where nothing else went wrong."""
        if self._error is None and self._on_error == "raise":
            self._error = error

    def _reach_end(self) -> None:
        """Raise the error that ended the stream, once; every read from now on ends here."""
        self._exhausted = True
        self._ready.append(END)
        error, self._error = self._error, None
        if error:
            raise error

    def _require_unread(self) -> None:
        if self._exhausted:
            raise UsageError(
                "this stream was read to its end, and a stream is read once; its result is "
                "stream.result, and streamkit.views.tee(stream) reads it twice"
            )

    def _extended(self, stage: AnyStage[Any, Any]) -> Any:
        self._require_unread()
        self._pipeline.add_stage(stage)
        return self


def concurrent_read() -> ConcurrentRead:
    """Return the error of a second reader."""
    return ConcurrentRead(
        "this stream is being read already, by another task or thread or by this call itself; "
        "let one reader read it, or give each its own: streamkit.views.tee(stream)"
    )


def only_exception(error: BaseException) -> Exception | None:
    """Return an error, unless it is none of the program, such as a cancellation."""
    return error if isinstance(error, Exception) else None
