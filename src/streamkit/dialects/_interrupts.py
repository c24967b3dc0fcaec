"""LangGraph's interrupts, in the shapes that its versions and APIs have for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from .._core.assembly import Assembly
from .._fields import field_of, interrupt_id
from ..values import Origin


def show_interrupts(assembly: Assembly, origin: Origin, interrupts: Sequence[object]) -> None:
    """Show the interrupts under ``__interrupt__``. An empty tuple is a static breakpoint.

    It has no id, and the graphs around raise it again (langgraph 0.3 to 1.2): a run has one.
    """
    if not interrupts:
        assembly.interrupt(origin, "static-0", static=True)
    for item in interrupts:
        assembly.interrupt(
            origin,
            interrupt_id(item),
            field_of(item, "value"),
            response_schema=field_of(item, "response_schema"),
        )


def note_waiting(assembly: Assembly, error: object, tool_call_id: str | None) -> None:
    """Note that a tool's call waits for the interrupts that it raised."""
    # `GraphInterrupt` has its interrupts as its first argument, in every langgraph so far.
    interrupts: Any = next(iter(getattr(error, "args", ())), ())
    if isinstance(interrupts, (list, tuple)) and tool_call_id:
        for item in cast("list[object]", interrupts):
            value = getattr(item, "value", None)
            assembly.seen.note_waiting(interrupt_id(item), value, tool_call_id)


_BUBBLE_UP = ("GraphBubbleUp", "GraphInterrupt", "NodeInterrupt", "ParentCommand")


def is_bubble_up(error: object) -> bool:
    """Return whether an exception is LangGraph's way of pausing or jumping, and so no failure.

    It may be one as JSON: a server sends its class name and its text.
    """
    if isinstance(error, dict):
        return cast("dict[str, Any]", error).get("error") in _BUBBLE_UP
    return any(base.__name__ == "GraphBubbleUp" for base in type(error).__mro__)
