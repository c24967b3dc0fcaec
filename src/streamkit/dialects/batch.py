"""``batch_as_completed`` / ``abatch_as_completed``: pairs of an index and what came of it.

    model.batch_as_completed(["a", "b"], return_exceptions=True)

    (1, AIMessage(content="B", …))
    (0, ValueError("no"))

Such a pair proves nothing about itself, so the caller names the dialect: ``dialect="batch"``.
A message among the outputs is shown as a message, too, so that text and usage are where they are
in any other stream.
"""

from __future__ import annotations

from typing import Any

from .._core.kinds import kind_of
from .._core.results import error_info
from ..errors import MalformedItem
from ..events import BatchItem
from ..values import Origin
from ._reader import Reader

__all__ = ["BatchReader"]

_HERE = Origin()


class BatchReader(Reader):
    """Reads ``(index, output or exception)`` pairs."""

    def read(self, raw: object) -> None:
        """Tell the assembly what one pair means."""
        pair: Any = raw
        is_pair = pair.__class__ is tuple and len(pair) == 2  # noqa: PLR2004
        if not is_pair or not isinstance(pair[0], int):
            raise MalformedItem(f"expected (index, output), got {pair!r:.200}", raw)
        self.assembly.start_run()
        self._show(*pair)

    def _show(self, index: int, output: Any) -> None:
        if isinstance(output, Exception):
            self.assembly.show(BatchItem, _HERE, index=index, error=error_info(output))
            return
        if kind_of(output):
            self.assembly.whole_message(output, _HERE)
        self.assembly.show(BatchItem, _HERE, index=index, output=output)
