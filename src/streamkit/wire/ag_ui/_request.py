"""The way back: what an AG-UI client sends, and what a graph is called with for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ..._fields import JsonObject, dict_or_empty, text_or_none
from ...errors import BadRequest
from .._blocks import as_list
from .._continuing import continuing
from .._request_body import call_lists, converted, file_block, json_object, require_request
from .._thread import resuming, since_answer, thread_messages

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langgraph.types import Command

_BREAKPOINT = "static-"
"""The prefix of the ids of breakpoints, which are not interrupts of LangGraph."""
_MEDIA = {"image": "image", "audio": "audio", "video": "video", "document": "*", "binary": "*"}
"""The parts that are files, with the kind of their media where the client names none."""


class Resume(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to an interrupt."""

    interrupt_id: str
    """The interrupt that it answers."""
    status: Literal["resolved", "cancelled"]
    """Whether the user answered or cancelled."""
    payload: Any = None
    """The answer."""


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of a request for a run: AG-UI's ``RunAgentInput``."""

    thread_id: str
    """The conversation."""
    run_id: str
    """The run, by a name of the client's choice."""
    parent_run_id: str | None = None
    """The run before it."""
    protocol_version: str | None = None
    """The version of AG-UI that the client reads; clients before 1.0 name none."""
    messages: list[JsonObject] = []
    """The whole conversation as the client knows it, the newest message last: see `to_messages`."""
    resume: list[Resume] = []
    """The answers to what the last run asked."""
    state: Any = None
    """The state as the client has it, which may be as it likes it: check it before you use it."""
    tools: list[JsonObject] = []
    """The tools that the client itself can run: ``name``, ``description`` and ``parameters``."""
    context: list[JsonObject] = []
    """Further context from the client: ``description`` and ``value``."""
    forwarded_props: Any = None
    """Further data from the client, as it is."""


def named_calls(request: Request) -> dict[str, str]:
    """Return the names of the calls in the client's history, by their ids."""
    calls = (call for it in request.messages for call in as_list(it.get("toolCalls")))
    known = map(dict_or_empty, calls)
    return {str(it.get("id")): str(dict_or_empty(it.get("function")).get("name")) for it in known}


def read_request(body: bytes | str | Mapping[str, Any]) -> Request:
    """Return what the body of a request asks for.

    Raises:
        BadRequest: it is no AG-UI request, or names no thread.

    >>> read_request('{"threadId": "t", "runId": "r", "messages": []}').thread_id
    't'
    """
    request = converted(json_object(body), Request, "no AG-UI request")
    if not request.thread_id:
        raise BadRequest("no AG-UI request: its 'threadId' is empty")
    return request


def graph_input(request: Request, *, state: object = None, stateful: bool = True) -> Any:
    """Return what to call a graph with.

    Args:
        request: what the client sent.
        state: the thread as it is, from ``await graph.aget_state(config)``. Then messages that the
            client no longer shows are removed from it: those behind an edited question, and an
            answer that is asked for once more. And calls without a result get one, if the user
            went on: no provider takes them else.
        stateful: whether the graph has a checkpointer. Then it knows the conversation, and gets
            only the messages since its own last one.

    Answers become a ``Command(resume={…})`` by the interrupts' ids. A cancelled interrupt is
    answered with None; where ``state`` is given and the user asks something else, that is the
    input. What continues after a breakpoint is None itself. The answer of CopilotKit's older hooks,
    ``forwardedProps.command.resume``, is to the only interrupt. All else is a dict with the
    messages. The state that the client sends is left to you: ``request.state``.

    >>> asked = {"id": "h1", "role": "user", "content": "Hi"}
    >>> graph_input(Request(thread_id="t", run_id="r", messages=[asked]))
    {'messages': [HumanMessage(content='Hi', ..., id='h1')]}
    """
    require_request(request)
    if request.resume and not _asks_anew(request, state):
        return _resumed(request.resume)
    # `useInterrupt` of CopilotKit 1.60 names no interrupt. `resume` may be false; null is none.
    command = dict_or_empty(dict_or_empty(request.forwarded_props).get("command"))
    if command.get("resume") is not None:
        return resuming(command["resume"])
    if not stateful:
        return {"messages": to_messages(request.messages)}
    return {"messages": continuing(state, _new_messages(request))}


def _new_messages(request: Request) -> list[BaseMessage]:
    return to_messages(since_answer(request.messages, lambda it: it.get("role") == "assistant"))


def _asks_anew(request: Request, state: object) -> bool:
    """Return whether the user cancelled all questions and asks something else."""
    # `@ag-ui/client` 1.0.0 sends no message while a question is neither answered nor cancelled.
    if state is None or any(it.status != "cancelled" for it in request.resume):
        return False
    known = {it.id for it in thread_messages(state)}
    return any(it.type == "human" and it.id not in known for it in _new_messages(request))


def _resumed(answers: Sequence[Resume]) -> Command[Any] | None:
    given = {it.interrupt_id: it.payload if it.status == "resolved" else None for it in answers}
    # LangGraph 1.2 takes a dict for answers by id only where all keys look like its ids, and else
    # for the answer itself. A breakpoint, which has no such id, goes on with None as the input.
    asked = {id: answer for id, answer in given.items() if not id.startswith(_BREAKPOINT)}
    return resuming(asked) if asked else None


def to_messages(messages: Iterable[JsonObject]) -> list[BaseMessage]:
    """Return AG-UI's messages as LangChain's, without activities and reasoning.

    Calls without a result are left out, since no provider takes them.

    Raises:
        BadRequest: One of them is none.

    >>> to_messages([{"id": "t1", "role": "tool", "toolCallId": "c1", "content": "42"}])
    [ToolMessage(content='42', id='t1', tool_call_id='c1')]
    """
    given = list(messages)
    answered = [it.get("toolCallId") for it in given if it.get("role") == "tool"]
    return [made for it in given for made in _message(it, answered)]


def _message(message: JsonObject, answered: Collection[Any]) -> Iterator[BaseMessage]:
    from langchain_core import messages as lc  # noqa: PLC0415  (half a second to import)

    try:
        common: JsonObject = {"id": message["id"], "content": _content(message.get("content"))}
        match message["role"]:
            case "user":
                yield lc.HumanMessage(**common, name=message.get("name"))
            # `langchain-openai` 1.7 makes a SystemMessage of a developer's message too.
            case "system" | "developer":
                yield lc.SystemMessage(**common)
            case "assistant":
                asked = message.get("toolCalls") or ()
                call_lists(asked)  # a broken one is refused, also where it is left out
                kept = [it for it in asked if it["id"] in answered]
                if kept or common["content"] or not asked:
                    yield lc.AIMessage(**common, **call_lists(kept))
            case "tool":
                status = "error" if _has_failed(message) else "success"
                yield lc.ToolMessage(**common, tool_call_id=message["toolCallId"], status=status)
            case _:
                pass
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadRequest(f"no AG-UI message: {type(error).__name__}: {error}") from error


def _has_failed(message: JsonObject) -> bool:
    # The client keeps `error` on a tool message from a snapshot, and `metadata` from our events.
    return "error" in message or dict_or_empty(message.get("metadata")).get("status") == "error"


def _content(content: Any) -> Any:
    return [_block(it) for it in as_list(content)] or content or ""


class _Source(msgspec.Struct, rename="camel"):
    type: Literal["data", "url", "file"]
    value: str
    mime_type: str | None = None


def _block(part: JsonObject) -> JsonObject:
    """Return a content part as LangChain's own block."""
    if part["type"] == "text":
        return {"type": "text", "text": part["text"]}
    kind = _MEDIA[part["type"]]
    source = converted(_source_in(part), _Source, "no AG-UI message")
    about = dict_or_empty(part.get("metadata")) | part
    media_type = source.mime_type or f"{kind}/*"
    if source.type == "file":
        id = {"type": "file", "file_id": source.value}
        return id | ({"mime_type": source.mime_type} if source.mime_type else {})
    is_held = source.type == "data"
    url = f"data:{media_type};base64,{source.value}" if is_held else source.value
    return file_block(url, media_type, text_or_none(about.get("filename")))


def _source_in(part: JsonObject) -> Any:
    if part["type"] != "binary":
        return part["source"]
    # Clients before 1.0 send `binary` parts, such as CopilotKit 1.54.
    kind = next((it for it in ("data", "url") if part.get(it)), "file")
    return {"type": kind, "value": part.get(kind, part.get("id")), "mimeType": part["mimeType"]}
