"""The messages with which a client continues a thread.

Laws of this module:

1. Questions keep the client's ids in the thread. So a question that comes again, under an id that
   the thread knows, stands where it stood, and what is behind it there is what the client shows no
   more.
2. Where the user goes on, no call stays without a result: no provider takes a history in which
   something else follows a call, so that the thread could not be used again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .._fields import REMOVE_ALL, dict_or_empty
from ._blocks import as_list
from ._call_ids import given_id
from ._thread import (
    OpenCall,
    call_ids,
    lasting_messages,
    open_calls,
    thread_messages,
    unfinished_step,
)

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


def continuing(
    state: object, new: Sequence[BaseMessage], shown: Iterable[BaseMessage] = ()
) -> list[Any]:
    """Return ``new`` as what continues a thread, behind what the thread needs for that.

    These are removals of what is behind the first question in ``new`` that comes again, and results
    of the last calls that have none. A result is that of the tool, where it ended beside others, or
    the client's, from ``new`` or among the messages that it has ``shown``. Without one, it is an
    error: the run stopped at a question, or by a stop button, or the client's own tool was left,
    and the user goes on.

    ``state`` is what `thread_messages` takes, or None.

    >>> from langchain_core.messages import AIMessage, HumanMessage
    >>> known = [HumanMessage("Hi", id="u1"), AIMessage("Hello", id="a1")]
    >>> [it.id for it in continuing(known, [HumanMessage("Hey", id="u1")])]
    ['a1', 'u1']
    """
    from langchain_core.messages import RemoveMessage  # noqa: PLC0415  (half a second to import)

    discarded = unfinished_step(state)
    known = [] if state is None else lasting_messages(state, discarded)
    asked = {it.id for it in new if it.type == "human" and it.id}
    first = next((at for at, it in enumerate(known) if it.id in asked), len(known))
    # `add_messages` of LangGraph raises for the removal of a message that it does not have.
    removed = [it for it in known[first + 1 :] if it.id and it.id not in asked]
    unanswered = open_calls(known[: first + 1])
    results = _taken(unanswered, discarded, by_client=False)[0]
    sent, others = _taken(unanswered, new)
    results += sent + _taken(unanswered, shown)[0]
    answered = {it.tool_call_id for it in (*known, *results) if it.type == "tool"}
    answered.difference_update(call_ids(new))
    others = [it for it in others if it.type != "tool" or given_id(it.tool_call_id) not in answered]
    if any(it.type != "tool" for it in others):
        results += map(_not_run, unanswered)
    return [*(RemoveMessage(id=it.id) for it in removed), *results, *others]


def settled(given: Any, state: object) -> Any:
    """Return a graph's input, with results in front of its messages for calls that have none.

    ``state`` is the thread as in `continuing`. What else the client sends stays as it is.

    >>> from langchain_core.messages import AIMessage
    >>> asked = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "c1"}])
    >>> [message, said] = settled({"messages": [("human", "Hi")]}, [asked])["messages"]
    >>> message.tool_call_id, said
    ('c1', ('human', 'Hi'))
    """
    messages = dict_or_empty(given).get("messages")
    raw: list[Any] = as_list(messages) or [messages]
    new = thread_messages(raw)
    if state is None or all(it.type == "tool" for it in new):
        return given
    changed = {it.id for it in new if it.id}  # a client may write over a message, or remove it
    discarded = unfinished_step(state)
    known = [] if REMOVE_ALL in changed else lasting_messages(state, discarded)
    unanswered = open_calls([it for it in known if it.id not in changed])
    _taken(unanswered, new)
    results = _taken(unanswered, discarded, by_client=False)[0]
    results += map(_not_run, unanswered)
    return {**given, "messages": [*results, *raw]} if results else given


def _taken(
    open_calls: list[OpenCall], messages: Iterable[BaseMessage], *, by_client: bool = True
) -> tuple[list[Any], list[Any]]:
    """Return the results of open calls among some messages, and the others.

    These calls are removed from the list. They are known by their ids in the thread, or in the
    client.
    """
    results: list[Any] = []
    others: list[Any] = []
    for it in messages:
        id = getattr(it, "tool_call_id", None)
        ids = ((call, call.client_ids if by_client else {call.id}) for call in open_calls)
        call = next((call for call, known in ids if id in known), None)
        if call:
            open_calls.remove(call)
            results.append(it.model_copy(update={"tool_call_id": call.id}))
        else:
            others.append(it)
    return results, others


def _not_run(call: OpenCall) -> Any:
    from langchain_core.messages import ToolMessage  # noqa: PLC0415  (as above)

    why = "no result: the call was not run to its end"
    return ToolMessage(why, tool_call_id=call.id, name=call.name, status="error")
