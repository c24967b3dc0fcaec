"""LangGraph's interrupts, in the shapes that its versions and APIs have for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from .._core.assembly import Assembly
from ..values import Origin


def show_interrupts(assembly: Assembly, origin: Origin, interrupts: Sequence[object]) -> None:
    """Show the interrupts under ``__interrupt__``. An empty tuple is a static breakpoint.

    It has no id, and the graphs around raise it again (langgraph 0.3 to 1.2): a run has one.
    """
    if not interrupts:
        assembly.interrupt(origin, "static-0", static=True)
    for item in interrupts:
        fields = _fields(item)
        assembly.interrupt(
            origin,
            interrupt_id(item),
            fields.get("value"),
            response_schema=fields.get("response_schema"),
        )


def note_waiting(assembly: Assembly, error: object, tool_call_id: str | None) -> None:
    """Note that a tool's call waits for the interrupts that it raised."""
    # `GraphInterrupt` has its interrupts as its first argument, in every langgraph so far.
    interrupts: Any = next(iter(getattr(error, "args", ())), ())
    if isinstance(interrupts, (list, tuple)) and tool_call_id:
        for item in cast("list[object]", interrupts):
            value = getattr(item, "value", None)
            assembly.seen.note_waiting(interrupt_id(item), value, tool_call_id)


def interrupt_id(item: object) -> str:
    """Return the id that resumes this interrupt."""
    # No field before langgraph 0.6: 0.3 has only the namespace `ns`, 0.4 a property `interrupt_id`.
    fields = _fields(item)
    id: object = fields.get("id") or getattr(item, "interrupt_id", None)
    return str(id or "|".join(fields.get("ns") or ()) or "interrupt")


def _fields(item: object) -> Mapping[str, Any]:
    if isinstance(item, Mapping):
        return cast("Mapping[str, Any]", item)
    # A dataclass, slotted in every version so far.
    names = ("value", "id", "ns", "response_schema")
    return {name: getattr(item, name, None) for name in names}


_BUBBLE_UP = ("GraphBubbleUp", "GraphInterrupt", "NodeInterrupt", "ParentCommand")


def is_bubble_up(error: object) -> bool:
    """Return whether an exception is LangGraph's way of pausing or jumping, and so no failure.

    It may be one as JSON: a server sends its class name and its text.
    """
    if isinstance(error, dict):
        return cast("dict[str, Any]", error).get("error") in _BUBBLE_UP
    return any(base.__name__ == "GraphBubbleUp" for base in type(error).__mro__)
