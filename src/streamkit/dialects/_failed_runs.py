"""The runs that raised, and when each is closed.

Law of this file: a run that raised half way through a message is closed once its outcome is known.
Another attempt, or the end of what is around it, shows that the message is ``abandoned``; if an
exception ends all that is around it, the message ``failed`` or was ``cancelled``. It may be another
exception: that of the first attempt, which langchain-core (1.8) raises once all fallbacks have
failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from .._core.assembly import Assembly
from .._core.results import error_info
from .._fields import dict_or_empty
from ..values import ErrorInfo, Origin, Status
from ._interrupts import is_bubble_up
from ._run_record import Run
from .stream_modes import error_of


class _Failure(Struct, eq=False):
    """The runs that raised since one left half a message, innermost first, not closed yet."""

    parent: str | None = None
    runs: list[tuple[Run, BaseException, Status]] = []


class FailedRuns:
    """The runs that raised and are still open, because their outcome is not known."""

    def __init__(self, assembly: Assembly, runs: Mapping[str, Run]) -> None:
        self._assembly = assembly
        self._runs = runs  # those that have not ended
        self._failures: list[_Failure] = []

    def __bool__(self) -> bool:
        return bool(self._failures)

    def add(self, run: Run, error: Any, status: Status) -> None:
        """Close a run that raised, now or when its outcome is known."""
        run_id = run.origin.run_id
        passed_on = [it for it in self._failures if it.parent == run_id]
        halves = [it for it in self._assembly.messages if _is_left(it.origin, run_id, status)]
        for message in halves:
            message.has_failed = True
        if not (halves or passed_on):
            self._close(run, error, status, status)
            return
        runs = [of_run for it in passed_on for of_run in it.runs]
        failure = _Failure(self._nearest(run.origin.parent_ids), [*runs, (run, error, status)])
        self._failures = [*(it for it in self._failures if it not in passed_on), failure]
        if failure.parent is None:
            self._resolve(failure)

    def decide(self, event: dict[str, Any], parent_ids: Sequence[str]) -> None:
        """Close the runs whose outcome an event shows."""
        name, data = event["event"], dict_or_empty(event["data"])
        starts_in = self._nearest(parent_ids) if name.endswith("_start") else None
        for failure in self._failures.copy():
            if starts_in is not None and starts_in == failure.parent:
                self._resolve(failure, "abandoned")  # another attempt
            elif event["run_id"] == failure.parent and (
                name.endswith("_end") or is_bubble_up(data.get("error"))
            ):
                self._resolve(failure, "abandoned")  # what is around it goes on, or waits

    def _nearest(self, run_ids: Sequence[str]) -> str | None:
        return next((id for id in reversed(run_ids) if id in self._runs), None)

    def _resolve(self, failure: _Failure, left: Status | None = None) -> None:
        self._failures.remove(failure)
        for run, error, status in failure.runs:
            self._close(run, error, status, left or status)

    def _close(self, run: Run, error: Any, status: Status, left: Status) -> None:
        run_id = run.origin.run_id or ""
        self._assembly.close_inside(run_id, left)
        if run.kind == "tool":
            self._assembly.fail_tool(run_id, error_of(error), hold=run.is_in_node)
        elif run.kind == "retriever":
            self._assembly.end_retrieval(run_id, (), status, _error_in(error))
        else:
            self._assembly.end_step(run_id, None, status, _error_in(error))


def _is_left(origin: Origin, run_id: str | None, status: Status) -> bool:
    """Return whether a run that raised leaves a message: its own, or one inside that is cancelled.

    A node whose time is over (langgraph 1.2) is cancelled, and its model says nothing.
    """
    if status == "failed":
        return origin.run_id == run_id
    return status == "cancelled" and run_id in (*origin.parent_ids, origin.run_id)


def _error_in(error: BaseException) -> ErrorInfo | None:
    """Return what went wrong, unless nothing did: a pause or a cancelled run is no error."""
    is_error = isinstance(error, Exception) and not is_bubble_up(error)
    return error_info(error) if is_error else None
