"""The messages of a thread, and what it waits for.

What the tasks of a step have returned is in the values of a state at once, but LangGraph (0.3 to
1.2) discards it if a new input comes before all of them have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from .._extras import extra
from .._fields import dict_or_empty, field_of, interrupt_id, items_of, numbered_id
from .._protocols import leave_unawaited
from ..errors import UsageError
from ..events import Event, Interrupt, RunEnd, RunStart, ToolEnd, ToolError
from ..values import ErrorInfo
from ._blocks import as_list, text_of
from ._forms import FAILED
from ._plain_json import jsonable

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage
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


class OpenCall(NamedTuple):
    """A call without a result."""

    id: str
    name: str
    client_ids: frozenset[str]
    """Its possible ids in a client, which numbers equal ids within an answer, or within all."""


def open_calls(known: Sequence[Any]) -> list[OpenCall]:
    """Return the calls at the end of a thread that have no result."""
    results = [it.tool_call_id for it in takewhile(lambda it: it.type == "tool", reversed(known))]
    behind_question = since_answer(known, lambda it: it.type == "human")
    in_thread, in_answer = call_ids(known), call_ids(behind_question)
    called = known[: len(known) - len(results)][-1:]
    calls = [it for message in called for it in _calls_of(message)]
    found: list[OpenCall] = []
    for left, call in zip(range(len(calls), 0, -1), calls, strict=True):
        id = str(call["id"])
        if id in results:
            results.remove(id)
        else:
            counts = (ids[: len(ids) - left + 1].count(id) for ids in (in_thread, in_answer))
            client_ids = frozenset(numbered_id(id, n) for n in counts)
            found.append(OpenCall(id, call["name"] or "", client_ids))
    return found


def _calls_of(message: Any) -> list[Any]:
    # OpenAI and Anthropic are sent the calls with broken arguments, too.
    names = ("tool_calls", "invalid_tool_calls")
    return [call for name in names for call in getattr(message, name, ()) if call["id"]]


def call_ids(messages: Iterable[Any]) -> list[str]:
    """Return the ids of all calls in some messages."""
    return [call["id"] for it in messages for call in _calls_of(it)]


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


def unfinished_step(thread: object) -> list[Any]:
    """Return the messages of a thread that a new input discards.

    >>> task = {"result": {"messages": [("ai", "Done")]}}
    >>> [it.content for it in unfinished_step({"values": {}, "tasks": [task]})]
    ['Done']
    """
    written = (dict_or_empty(field_of(it, "result")).get("messages") for it in _tasks(thread))
    return [message for it in written for message in thread_messages(as_list(it) or [it])]


def lasting_messages(thread: object, discarded: Iterable[Any]) -> list[Any]:
    """Return the messages of a thread without those that a new input discards."""
    ids = {it.id for it in discarded}
    return [it for it in thread_messages(thread) if it.id not in ids]


def questions(thread: object) -> Iterator[Interrupt]:
    """Return the open interrupts of a thread.

    >>> tasks = [{"interrupts": [{"id": "i1", "value": "Sure?"}]}]
    >>> [(it.interrupt_id, it.value) for it in questions({"values": {}, "tasks": tasks})]
    [('i1', 'Sure?')]
    """
    tasks = _tasks(thread)
    for task, call in zip(tasks, _calls_run_by(tasks, thread), strict=True):
        for it in items_of(field_of(task, "interrupts")):
            yield Interrupt(
                timestamp=0.0,
                interrupt_id=interrupt_id(it),
                value=field_of(it, "value"),
                tool_call_id=call,
                response_schema=field_of(it, "response_schema"),
            )


def _calls_run_by(tasks: Sequence[object], thread: object) -> Sequence[str | None]:
    """Return the call that each task runs, where each of them runs one."""
    known = lasting_messages(thread, unfinished_step(thread)) if tasks else []
    calls = [it.id for it in open_calls(known)]
    # `create_agent` of LangChain 1 sends each call to a task of its own, in the order of the calls.
    pushed = [["__pregel_push", n] for n in range(len(calls))]
    is_sent = [items_of(field_of(task, "path"))[:2] for task in tasks] == pushed
    return calls if is_sent else [None] * len(tasks)


def _tasks(thread: object) -> list[object]:
    is_state = field_of(thread, "values") is not None  # else these are the values themselves
    return items_of(field_of(thread, "tasks")) if is_state else []


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
