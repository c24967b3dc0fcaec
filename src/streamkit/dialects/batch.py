"""``batch_as_completed`` / ``abatch_as_completed``: pairs of an index and its result.

    model.batch_as_completed(["a", "b"], return_exceptions=True)

    (1, AIMessage(content="B", …))
    (0, ValueError("no"))

A pair that begins with an int is one of these. A message among the outputs is shown as a message,
too, so that text and usage are where they are in any other stream.
"""

from __future__ import annotations

from typing import Any

from .._core.kinds import kind_of
from .._core.results import error_info
from .._fields import shown
from ..errors import MalformedItem
from ..events import NO_ORIGIN, BatchItem
from ._reader import Reader


def is_batch_item(raw: Any) -> bool:
    """Return whether ``raw`` is a 2-tuple of an index and its result."""
    return raw.__class__ is tuple and len(raw) == 2 and raw[0].__class__ is int  # noqa: PLR2004


class BatchReader(Reader):
    """The reader of ``(index, output or exception)`` pairs."""

    def read(self, raw: object) -> None:
        """Read one pair into the assembly."""
        pair: Any = raw
        if not is_batch_item(raw):
            raise MalformedItem(f"expected (index, output), got {shown(pair, 200)}", raw)
        self.assembly.start_run()
        self._show(*pair)

    def _show(self, index: int, output: Any) -> None:
        if isinstance(output, Exception):
            self.assembly.show(BatchItem, NO_ORIGIN, index=index, error=error_info(output))
            return
        if kind_of(output):
            self.assembly.whole_message(output, NO_ORIGIN)
        self.assembly.show(BatchItem, NO_ORIGIN, index=index, output=output)
