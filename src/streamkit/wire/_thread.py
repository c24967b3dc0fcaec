"""The messages of a thread and what its client shows of them.

Laws of this module:

1. Questions keep the client's ids in the thread. So a question that comes again, under an id that
   the thread knows, stands where it stood, and what is behind it there is what the client shows no
   more.
2. Where the user goes on, no call stays without a result: no provider takes a history in which
   something else follows a call, so that the thread could not be used again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from .._extras import extra
from .._fields import dict_or_empty
from .._protocols import leave_unawaited
from ..errors import UsageError
from ..events import Event, RunEnd, RunStart, ToolEnd, ToolError
from ..values import ErrorInfo
from ._blocks import text_of
from ._call_ids import given_id, numbered_id
from ._forms import FAILED
from ._plain_json import jsonable

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage, BaseMessage
    from langgraph.types import Command

T = TypeVar("T")


def resuming(answer: Any) -> Command[Any]:
    """Return the command that resumes a run with the answer to its interrupts."""
    with extra("langgraph", "an answer to an interrupt"):
        from langgraph.types import Command  # noqa: PLC0415

    return Command(resume=answer)


def since_answer(messages: Sequence[T], is_answer: Callable[[T], bool]) -> Sequence[T]:
    """Return the messages behind the last answer; all where there is none.

    >>> since_answer("QAQQ", lambda it: it == "A")
    'QQ'
    """
    behind = (at for at, it in enumerate(messages, 1) if is_answer(it))
    return messages[max(behind, default=0) :]


def continuing(
    state: object, new: Sequence[BaseMessage], shown: Iterable[BaseMessage] = ()
) -> list[Any]:
    """Return ``new`` as what continues a thread, behind what the thread needs for that.

    These are removals of what is behind the first question in ``new`` that comes again, and results
    of the last calls that have none. A result is the client's, from ``new`` or among the messages
    that it has ``shown``. Without one, it is an error: the run stopped at a question, or by a stop
    button, or the client's own tool was left, and the user goes on.

    ``state`` is what `thread_messages` takes, or None.

    >>> from langchain_core.messages import AIMessage, HumanMessage
    >>> known = [HumanMessage("Hi", id="u1"), AIMessage("Hello", id="a1")]
    >>> [it.id for it in continuing(known, [HumanMessage("Hey", id="u1")])]
    ['a1', 'u1']
    """
    from langchain_core.messages import RemoveMessage  # noqa: PLC0415  (half a second to import)

    known = [] if state is None else thread_messages(state)
    asked = {it.id for it in new if it.type == "human" and it.id}
    first = next((at for at, it in enumerate(known) if it.id in asked), len(known))
    # `add_messages` of LangGraph raises for the removal of a message that it does not have.
    removed = [it for it in known[first + 1 :] if it.id and it.id not in asked]
    open_calls = _open_calls(known[: first + 1])
    results, others = _taken(open_calls, new)
    results += _taken(open_calls, shown)[0]
    answered = {it.tool_call_id for it in known if it.type == "tool"}.difference(_call_ids(new))
    others = [it for it in others if it.type != "tool" or given_id(it.tool_call_id) not in answered]
    if any(it.type != "tool" for it in others):
        results += map(_not_run, open_calls)
    return [*(RemoveMessage(id=it.id) for it in removed), *results, *others]


class _OpenCall(NamedTuple):
    """A call without a result."""

    id: str
    name: str
    client_ids: frozenset[str]
    """Its possible ids in a client, which numbers equal ids within an answer, or within all."""


def _open_calls(known: Sequence[Any]) -> list[_OpenCall]:
    """Return the calls at the end of a thread that have no result."""
    results = [it.tool_call_id for it in takewhile(lambda it: it.type == "tool", reversed(known))]
    behind_question = since_answer(known, lambda it: it.type == "human")
    in_thread, in_answer = _call_ids(known), _call_ids(behind_question)
    called = known[: len(known) - len(results)][-1:]
    calls = [it for message in called for it in _calls_of(message)]
    found: list[_OpenCall] = []
    for left, call in zip(range(len(calls), 0, -1), calls, strict=True):
        id = str(call["id"])
        if id in results:
            results.remove(id)
        else:
            counts = (ids[: len(ids) - left + 1].count(id) for ids in (in_thread, in_answer))
            client_ids = frozenset(numbered_id(id, n) for n in counts)
            found.append(_OpenCall(id, call["name"] or "", client_ids))
    return found


def _calls_of(message: Any) -> list[Any]:
    # OpenAI and Anthropic are sent the calls with broken arguments, too.
    names = ("tool_calls", "invalid_tool_calls")
    return [call for name in names for call in getattr(message, name, ()) if call["id"]]


def _call_ids(messages: Iterable[Any]) -> list[str]:
    return [call["id"] for it in messages for call in _calls_of(it)]


def _taken(
    open_calls: list[_OpenCall], messages: Iterable[BaseMessage]
) -> tuple[list[Any], list[Any]]:
    """Return the results of open calls among some messages, and the others.

    These calls are removed from the list.
    """
    results: list[Any] = []
    others: list[Any] = []
    for it in messages:
        id = getattr(it, "tool_call_id", None)
        call = next((call for call in open_calls if id in call.client_ids), None)
        if call:
            open_calls.remove(call)
            results.append(it.model_copy(update={"tool_call_id": call.id}))
        else:
            others.append(it)
    return results, others


def _not_run(call: _OpenCall) -> Any:
    from langchain_core.messages import ToolMessage  # noqa: PLC0415  (as above)

    why = "no result: the call was not run to its end"
    return ToolMessage(why, tool_call_id=call.id, name=call.name, status="error")


def thread_messages(thread: object) -> list[Any]:
    """Return the messages of a thread, as objects.

    ``thread`` is a ``StateSnapshot`` or an Agent Server's ``ThreadState``, the values of one, or
    the messages themselves in any spelling; what is no message among them is left out.

    Raises:
        UsageError: it is something else, such as a coroutine or one message.

    >>> thread_messages({"messages": [("human", "Hi")]})
    [HumanMessage(content='Hi', ...)]
    """
    found = _messages_in(thread)
    if not hasattr(found, "__iter__") or isinstance(found, (str, bytes)) or _is_message(found):
        leave_unawaited(thread)
        raise UsageError(
            f"got a {type(thread).__name__}, not a thread's messages; "
            "pass the state, (await graph.aget_state(config)), or a list of messages"
        )
    return [message for it in found for message in ([it] if _is_message(it) else _spelled(it))]


def _is_message(value: object) -> bool:
    return hasattr(value, "type") and hasattr(value, "id")


def _spelled(value: object) -> list[Any]:
    from langchain_core.messages import convert_to_messages  # noqa: PLC0415  (as above)

    try:
        return convert_to_messages([cast("Any", value)])
    except Exception:  # noqa: BLE001  (it raises several, and an application keeps anything)
        return []


def _messages_in(thread: object) -> Any:
    is_dict = isinstance(thread, dict)
    values = cast("Any", thread) if is_dict else getattr(thread, "values", None)
    if not issubclass(type(values), dict):
        return thread
    fields = dict_or_empty(values)
    return fields.get("messages") or dict_or_empty(fields.get("values")).get("messages", [])


def events_of_message(message: AnyMessage) -> Iterator[Event]:
    """Return the events of a live run that puts an answer or a tool's message into the state."""
    from .._drive import normalize  # noqa: PLC0415  (the package is imported without it)

    if message.type == "ai":
        yield from (it for it in normalize([message]) if not isinstance(it, (RunStart, RunEnd)))
        return
    about: dict[str, Any] = {"timestamp": 0.0, "name": message.name or ""}
    about["tool_call_id"] = getattr(message, "tool_call_id", "")
    if getattr(message, "status", "success") == "error":
        error = ErrorInfo(name=FAILED, message=text_of(jsonable(message.content, private=True)))
        yield ToolError(**about, error=error)
    else:
        artifact = getattr(message, "artifact", None)
        yield ToolEnd(**about, status="completed", output=message.content, artifact=artifact)
