"""How many tokens a message took, however its provider reports them."""

from __future__ import annotations

from ..values import Usage

__all__ = ["UsageReports"]


class UsageReports:
    """The tokens of one message, from reports that are deltas (most) or running totals (some).

    A report with the same input as the one before, and no less output, is a running total and
    replaces it; any other report adds to it. So 10/1, 0/1, 0/1 makes 10/3 and 10/1, 10/2, 10/3
    makes 10/3 as well.
    """

    __slots__ = ("_before", "_last")

    def __init__(self) -> None:
        self._before: Usage | None = None
        self._last: Usage | None = None

    def add(self, report: Usage) -> None:
        last = self._last
        if last and not self._is_running_total(last, report):
            self._before = self._before + last if self._before else last
        self._last = report

    @staticmethod
    def _is_running_total(last: Usage, report: Usage) -> bool:
        same_input = report.input_tokens == last.input_tokens > 0
        return same_input and report.output_tokens >= last.output_tokens

    @property
    def total(self) -> Usage | None:
        if self._before and self._last:
            return self._before + self._last
        return self._last
