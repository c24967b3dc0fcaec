"""A source for calls that other code makes: their events, from callbacks alone.

    source = CallbackSource()
    chain.invoke(inputs, {"callbacks": [source.handler]})
    for event in source.events(): ...

It serves ``invoke``, ``ainvoke``, ``batch`` and any other call, at a fraction of what
``astream_events`` costs, and reports the errors that no stream shows. Models stream their answers
while it listens, also where they are invoked.

Laws of this file:

1. Each call is a run of its own, with a stream of its own; calls at the same time never mix.
2. The notes on a run are kept until somebody reads it, and no longer; of calls that nobody reads,
   those of the newest thousand.
3. The call is not held up, and not changed: it raises what it raises. The stream only shows it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from time import time
from typing import TYPE_CHECKING, Any, Never, NoReturn, TypeGuard

from ._call.options import wanted_by
from ._drive import AsyncEventStream, Buffered, EventStream, Pipeline
from ._protocols import AnyStage
from .dialects.callbacks import Note
from .errors import UsageError
from .events import Event

if TYPE_CHECKING:
    from langchain_core.callbacks import BaseCallbackHandler

    from ._call.worker import Sleeper

__all__ = ["CallbackSource"]

_MOST_UNREAD = 1000


class _Run(Iterator[Any]):
    """The unread notes on one call: a source."""

    def __init__(self) -> None:
        self.notes: deque[Note] = deque()
        self.is_over = False
        self.error: Exception | None = None

    def end(self, error: object) -> None:
        """Take note that the root's end, or what it raised, was noted."""
        self.error = error if isinstance(error, Exception) else None
        self.is_over = True

    def __next__(self) -> Any:
        if not self.notes:
            self.raise_error()
            raise StopIteration
        return self.notes.popleft()

    def raise_error(self) -> None:
        error, self.error = self.error, None
        if error:
            raise error


class _LiveRun(Buffered):
    """The next call, as it goes on: a source."""

    def __init__(self, unread: deque[_Run], sleepers: list[Sleeper]) -> None:
        self._unread = unread
        self._sleepers = sleepers
        self._sleeper: Sleeper | None = None
        self._run: _Run | None = None

    @property
    def take(self) -> Callable[[], Any]:
        return self._take_note

    def _take_note(self) -> Any:
        return self._run.notes.popleft() if self._run and self._run.notes else None

    async def __anext__(self) -> Any:
        asleep = None
        while not (self._run and self._run.notes):
            if self._run is None and self._unread:
                self._run = self._unread.popleft()
            elif self._run and self._run.is_over:
                self._leave()
                self._run.raise_error()
                raise StopAsyncIteration
            elif asleep is None:
                asleep = self._listening().sleep()
            else:
                await asleep
                asleep = None
        return self._run.notes.popleft()

    def _listening(self) -> Sleeper:
        if self._sleeper is None:
            from ._call.worker import Sleeper  # noqa: PLC0415  (or importing imports asyncio)

            self._sleeper = Sleeper()
            self._sleepers.append(self._sleeper)
        return self._sleeper

    def _leave(self) -> None:
        sleeper, self._sleeper = self._sleeper, None
        if sleeper:
            self._sleepers.remove(sleeper)

    async def aclose(self) -> None:
        """Listen no more. The call goes on."""
        self._leave()

    def __del__(self) -> None:
        self._leave()


class CallbackSource:
    """Listens to calls by a callback handler, and makes streams of their events.

    Args:
        stages: what chooses or changes events, as for `streamkit.normalize`.
        strict: raise `MalformedItem` for what cannot be read, instead of passing it on as an
            `Unrecognized` event.
        clock: gives the events' timestamps, in unix seconds.

    Raises:
        UsageError: a keyword that it does not take.

    >>> from langchain_core.runnables import RunnableLambda
    >>> source = CallbackSource()
    >>> RunnableLambda(len).batch(["four", "eleven"], {"callbacks": [source.handler]})
    [4, 6]
    >>> sorted(run.collect().output for run in source.runs())
    [4, 6]
    """

    def __init__(
        self,
        *stages: AnyStage[Event, Event],
        strict: bool = False,
        clock: Callable[[], float] = time,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise UsageError(
                f"CallbackSource() takes no {', '.join(f'{it}=' for it in unknown)}; what chooses "
                f"events is a stage: CallbackSource(only(TextDelta))"
            )
        from ._call.recorder import recorder_for  # noqa: PLC0415  (it imports LangChain)

        wanted = wanted_by(stages)
        self._stages = stages
        self._strict = strict
        self._clock = clock
        self._runs: dict[str, _Run] = {}
        self._unread: deque[_Run] = deque(maxlen=_MOST_UNREAD)
        self._sleepers: list[Sleeper] = []
        self._handler: BaseCallbackHandler = recorder_for(self._post, wanted, clock)

    @property
    def handler(self) -> BaseCallbackHandler:
        """The handler to pass to one or many calls, as ``{"callbacks": [source.handler]}``."""
        return self._handler

    @property
    def raise_error(self) -> NoReturn:
        """Raise: a callback manager asks a handler for this, and this is no handler."""
        raise UsageError(
            "a CallbackSource is no callback handler; write {'callbacks': [source.handler]}"
        )

    def events(self) -> EventStream[Event]:
        """Return what has happened by now in the oldest call that has not been read.

        An exception of the call is its `RunError` event, and is not raised again here.

        Raises:
            UsageError: there is no such call.

        >>> from langchain_core.runnables import RunnableLambda
        >>> source = CallbackSource()
        >>> length = RunnableLambda(len).invoke("four", {"callbacks": [source.handler]})
        >>> [event.type for event in source.events()]
        ['run.start', 'step.start', 'step.end', 'run.end']
        """
        if not self._unread:
            raise UsageError(
                "no call has begun that was not read; pass source.handler to one first: "
                "invoke(input, {'callbacks': [source.handler]})"
            )
        run = self._unread.popleft()
        return EventStream(run, self._pipeline(), "event", run)

    def runs(self) -> list[EventStream[Event]]:
        """Return `events` of every call that has not been read, in the order they began.

        >>> CallbackSource().runs()
        []
        """
        return [self.events() for _ in range(len(self._unread))]

    def live(self) -> AsyncEventStream[Event]:
        """Return the next call's events as they happen, to be read while the call runs.

        >>> import asyncio
        >>> from langchain_core.runnables import RunnableLambda
        >>> async def main():
        ...     source = CallbackSource()
        ...     length = RunnableLambda(len).ainvoke("four", {"callbacks": [source.handler]})
        ...     call = asyncio.create_task(length)
        ...     print([event.type async for event in source.live()], await call)
        >>> asyncio.run(main())
        ['run.start', 'step.start', 'step.end', 'run.end'] 4
        """
        run = _LiveRun(self._unread, self._sleepers)
        return AsyncEventStream(run, self._pipeline(), "event", run)

    def _pipeline(self) -> Pipeline:
        pipeline = Pipeline("callbacks", clock=self._clock, strict=self._strict)
        for stage in self._stages:
            pipeline.add_stage(stage)
        return pipeline

    def _post(self, about: dict[str, Any], note: Note) -> None:
        """Take a note on a run, in any thread."""
        # One handler may be passed to many calls: a run belongs to that of its first parent.
        parents, run_id = about["parent_ids"], about["run_id"]
        run = self._runs.get(parents[0] if parents else run_id)
        if run is None:
            if parents or not _is_note(note, "_start"):
                return  # something of a call that is over
            run = self._runs[run_id] = _Run()
            self._unread.append(run)
        run.notes.append(note)
        if not parents and _is_note(note, ("_end", "_error")):
            run.end(note["data"].get("error"))
            del self._runs[run_id]
        for sleeper in self._sleepers:
            sleeper.wake()


def _is_note(note: Note, verbs: str | tuple[str, ...]) -> TypeGuard[dict[str, Any]]:
    return isinstance(note, dict) and note["event"].endswith(verbs)
