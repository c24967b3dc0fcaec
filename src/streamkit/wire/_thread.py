"""Which messages of a thread its client shows no more, after an edit or a question asked once more.

Questions keep the client's ids in the thread. So a question that comes again, under an id that the
thread knows, stands where it stood, and what is behind it there is what the client shows no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.messages import RemoveMessage

__all__ = ["no_longer_shown"]


def no_longer_shown(state: object, new: Iterable[Any]) -> list[RemoveMessage]:
    """Return what removes the messages behind the first question in ``new`` that comes again.

    ``state`` is a ``StateSnapshot``, its values, or the messages themselves.

    >>> from langchain_core.messages import AIMessage, HumanMessage
    >>> known = [HumanMessage("Hi", id="u1"), AIMessage("Hello", id="a1")]
    >>> [it.id for it in no_longer_shown(known, [HumanMessage("Hey", id="u1")])]
    ['a1']
    """
    asked = {it.id for it in new if it.type == "human" and it.id}
    known = _messages_in(state)
    first = next((at for at, it in enumerate(known) if it.id in asked), len(known))
    behind = [it for it in known[first + 1 :] if it.id and it.id not in asked]
    if not behind:
        return []
    from langchain_core.messages import RemoveMessage  # noqa: PLC0415  (half a second to import)

    return [RemoveMessage(id=it.id) for it in behind]


def _messages_in(state: object) -> list[Any]:
    values: Any = state if isinstance(state, (dict, list)) else getattr(state, "values", None)
    found: Iterable[Any] = (
        values.get("messages") or () if isinstance(values, dict) else values or ()
    )
    return [it for it in found or () if hasattr(it, "type") and hasattr(it, "id")]
