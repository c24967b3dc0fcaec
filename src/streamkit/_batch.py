"""Many calls of one runnable at once, as one stream of ``(index, event)``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from ._call import astream
from ._drive import AsyncEventStream, AsyncRelay
from ._extras import MissingExtra
from ._fields import shown
from ._protocols import AnyStage
from .errors import UsageError
from .events import Event, RunEnd, RunError
from .views._merge_runs import AsyncMerger

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable, RunnableConfig


def astream_batch(
    runnable: Runnable[Any, Any],
    inputs: Iterable[Any],
    config: RunnableConfig | None = None,
    *stages: AnyStage[Event, Event],
    max_concurrency: int | None = None,
    progress: bool = False,
    **options: Any,
) -> AsyncEventStream[tuple[int, Event]]:
    """Run a graph, a model or a chain on many inputs, and return all events as ``(index, event)``.

    Each run has its own events, from ``run.start`` to its end, and stages of its own. If one fails,
    the others are closed and its exception is raised after all closing events; with
    ``on_error="event"`` the others go on.

    Args:
        runnable: what to run.
        inputs: its inputs; an event's index is the place of its input among them.
        config: the config of every run.
        stages: what chooses or changes the events of each run: see `stream`.
        max_concurrency: how many run at once; all of them if None.
        progress: show a bar of the runs that have ended, by ``rich`` or else ``tqdm``.
        options: those of `astream`.

    Raises:
        UsageError: as `astream` does; ``inputs`` is one input; ``max_concurrency`` is less than 1;
            or ``progress`` is asked for and neither package is installed.

    >>> import asyncio
    >>> from langchain_core.runnables import RunnableLambda
    >>> async def main():
    ...     runs = astream_batch(RunnableLambda(len), ["four", "eleven"], max_concurrency=1)
    ...     return [(n, event.output) async for n, event in runs if event.type == "run.end"]
    >>> asyncio.run(main())
    [(0, 4), (1, 6)]
    """
    if max_concurrency is not None and max_concurrency < 1:
        raise UsageError(f"max_concurrency must be at least 1, not {max_concurrency!r}")
    if isinstance(inputs, (str, bytes, Mapping)):
        one = shown(cast("object", inputs), 60)
        raise UsageError(f"{one} is one input, not many; write [{one}]")
    runs = [astream(runnable, it, config, *stages, **options) for it in inputs]
    bar = _bar(len(runs)) if progress else None
    return AsyncRelay(_Batch(enumerate(runs), max_concurrency or len(runs), bar))


class _Batch(AsyncMerger):
    """Reads so many runs at once, and begins the next one when one has ended."""

    def __init__(self, waiting: Iterator[tuple[int, Any]], most: int, bar: Any) -> None:
        super().__init__({})
        self._waiting = waiting
        self._most = most
        self._bar = bar

    async def __anext__(self) -> tuple[Any, Any]:
        item = await super().__anext__()
        if self._bar and isinstance(item[1], (RunEnd, RunError)):
            self._bar.advance()
        return item

    def begin_more(self) -> None:
        """Begin runs until there are as many as may go on at once."""
        while len(self._streams) < self._most:
            run = next(self._waiting, None)
            if run is None:
                break
            self._streams[run[0]] = run[1]

    async def aclose(self) -> None:
        """Stop the runs; those that wait never begin."""
        self._waiting = iter(())
        if self._bar:
            self._bar.close()
        await super().aclose()


class _RichBar:
    """A progress bar of rich, without a thread of its own."""

    def __init__(self, total: int) -> None:
        from rich.progress import Progress  # noqa: PLC0415  (an extra)

        # rich's own thread would draw in the midst of what the application prints.
        self._progress = Progress(auto_refresh=False)
        self._progress.start()
        self._task = self._progress.add_task("runs", total=total)

    def advance(self) -> None:
        self._progress.update(self._task, advance=1, refresh=True)

    def close(self) -> None:
        self._progress.stop()


class _TqdmBar:
    """A progress bar of tqdm."""

    def __init__(self, total: int) -> None:
        from tqdm import tqdm  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415

        self._progress: Any = tqdm(total=total, desc="runs")

    def advance(self) -> None:
        self._progress.update()

    def close(self) -> None:
        self._progress.close()


def _bar(total: int) -> Any:
    for make in (_RichBar, _TqdmBar):
        try:
            return make(total)
        except ImportError:
            continue
    raise MissingExtra(
        "progress=True needs rich or tqdm; pip install 'langchain-streamkit[terminal]'"
    )
