"""The nodes that run, as AG-UI's steps: those of one agent that are open have different names."""

from __future__ import annotations

from ...events import StepStart

__all__ = ["Steps"]


class Steps:
    """The steps of one run that are open.

    Of tasks of one node that run at a time, the second is ``node#2``, and so on until none is left.
    """

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, str | None]] = {}
        self._numbers: dict[tuple[str, str | None], tuple[int, int]] = {}

    def begin(self, event: StepStart, owner: str | None) -> str:
        """Return the name of a step that its agent, ``owner``, begins."""
        name = event.origin.node or event.origin.name or event.kind
        key = self._open[event.step_id] = (name, owner)
        count, last = self._numbers.get(key, (0, 0))
        self._numbers[key] = (count + 1, last + 1)
        # The client refuses a step whose name is open: tasks that LangGraph's `Send` starts share a
        # node.
        return f"{name}#{last + 1}" if last else name

    def end(self, step_id: str) -> None:
        """Forget a step."""
        key = self._open.pop(step_id, None)
        if key:
            count, last = self._numbers.pop(key)
            if count > 1:
                self._numbers[key] = (count - 1, last)
