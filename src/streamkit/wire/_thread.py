"""The messages of a thread and what its client shows of them.

Questions keep the client's ids in the thread. So a question that comes again, under an id that the
thread knows, stands where it stood, and what is behind it there is what the client shows no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .._extras import extra
from .._fields import dict_or_empty
from .._protocols import leave_unawaited
from ..errors import UsageError
from ..events import Event, RunEnd, RunStart, ToolEnd, ToolError
from ..values import ErrorInfo
from ._blocks import text_of
from ._forms import FAILED
from ._plain_json import jsonable

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage, RemoveMessage
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


def no_longer_shown(state: object, new: Iterable[Any]) -> list[RemoveMessage]:
    """Return what removes the messages behind the first question in ``new`` that comes again.

    ``state`` is what `thread_messages` takes, or None.

    >>> from langchain_core.messages import AIMessage, HumanMessage
    >>> known = [HumanMessage("Hi", id="u1"), AIMessage("Hello", id="a1")]
    >>> [it.id for it in no_longer_shown(known, [HumanMessage("Hey", id="u1")])]
    ['a1']
    """
    asked = {it.id for it in new if it.type == "human" and it.id}
    known = [] if state is None else thread_messages(state)
    first = next((at for at, it in enumerate(known) if it.id in asked), len(known))
    # `add_messages` of LangGraph raises for the removal of a message that it does not have.
    behind = [it for it in known[first + 1 :] if it.id and it.id not in asked]
    if not behind:
        return []
    from langchain_core.messages import RemoveMessage  # noqa: PLC0415  (half a second to import)

    return [RemoveMessage(id=it.id) for it in behind]


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
