"""Folds: LangChain messages, or a whole run, built from events.

A fold is fed events, and has a result at any time. `MessageFold` is also a stage.
To feed costs the same however long the run is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from . import events as ev
from ._base import Base
from ._bracket_filter import OpenBrackets
from ._core.kinds import fields_of, kind_of, message_in
from ._core.metadata import usage_metadata
from ._event_classes import EVENT_CLASSES, bracket_of, require_event
from ._fields import dict_or_empty, items_of, refusal_of, text_or_none
from ._fields import text_of as as_text
from ._run_messages import RunMessages, words_of
from .values import ErrorInfo, Status, ToolCall, Usage

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, ToolMessage

__all__ = ["MessageFold", "Result", "Retrieval", "RunFold", "ToolRun", "text_of"]

UNFOLDED: frozenset[type[ev.Event]] = frozenset(
    {ev.ReasoningDelta, ev.StepDelta, ev.TextDelta, ev.ToolCallDelta, ev.ToolDelta}
)
"""The classes that `RunFold` does not use, so that a stream need not feed it each delta."""


def text_of(event: ev.Event) -> Iterable[str]:
    """Return the text an event adds, a refusal's included: a stage from events to strings.

    >>> from streamkit import Origin, TextDelta
    >>> delta = TextDelta(origin=Origin(), timestamp=0.0, message_id="m", block_id=0, text="Hi")
    >>> list(text_of(delta))
    ['Hi']
    """
    if isinstance(event, ev.TextDelta):
        return (event.text,)
    words = refusal_of(event.block) if isinstance(event, ev.Content) else None
    return (words,) if words else ()


class ToolRun(Base, msgspec.Struct, kw_only=True):
    """A tool that ran: its call, and its result."""

    tool_call_id: str
    """The call it answers."""
    name: str
    """The tool's name."""
    input: Any = None
    """Its input."""
    output: Any = None
    """Its result."""
    artifact: Any = None
    """The part of the result that the model does not see."""
    messages: list[Any] = msgspec.field(default_factory=list[Any])
    """The messages of models and the results of tools inside it: a sub-agent's messages."""
    status: Status = "incomplete"
    """How it ended."""
    error: ErrorInfo | None = None
    """The exception it raised, or the error text it returned."""
    seconds: float | None = None
    """How long it ran; None if it has not ended."""


class Retrieval(Base, msgspec.Struct, kw_only=True):
    """A search, and what it found."""

    name: str
    """The retriever's name."""
    query: Any = None
    """The query."""
    documents: tuple[Any, ...] = ()
    """The documents found."""
    status: Status = "incomplete"
    """How it ended."""
    error: ErrorInfo | None = None
    """The exception it raised."""
    seconds: float | None = None
    """How long it ran; None if it has not ended."""


class Result(Base, msgspec.Struct, kw_only=True):
    """A whole run."""

    messages: list[Any] = msgspec.field(default_factory=list[Any])
    """The conversation: what this run added to the messages in the outermost graph's state, in
    the state's order. Where no event has the state, what models and tools wrote and nodes added,
    in the order it was complete. There are none of internal models, and none inside tools."""
    side_messages: list[Any] = msgspec.field(default_factory=list[Any])
    """The messages of models beside the conversation: a title, a guard's verdict, a summary."""
    tool_calls: list[ToolCall] = msgspec.field(default_factory=list[ToolCall])
    """Every call that a model wrote, but for attempts that were abandoned."""
    tools: list[ToolRun] = msgspec.field(default_factory=list[ToolRun])
    """Every tool that ran, with its result, in the order in which they began: those of sub-agents
    too, and each attempt of a tool that was tried again."""
    retrievals: list[Retrieval] = msgspec.field(default_factory=list[Retrieval])
    """Every search, with its documents."""
    interrupts: list[ev.Interrupt] = msgspec.field(default_factory=list[ev.Interrupt])
    """The interrupts that the run waits for."""
    custom: list[ev.Custom] = msgspec.field(default_factory=list[ev.Custom])
    """The application's own events."""
    text: str = ""
    """The answer: the last text (or refusal) of a model in ``messages``."""
    output: Any = None
    """The final output, where the API reports it."""
    usage: Usage | None = None
    """All tokens, each model call counted once; None where no call reported any."""
    usage_by_model: dict[str, Usage] = {}
    """The same, per model name."""
    first_token: float | None = None
    """Seconds until any model began to write; None where none did."""
    seconds: float | None = None
    """How long the run took; None if it has not ended."""
    status: Status = "incomplete"
    """How the run ended."""
    error: ErrorInfo | None = None
    """The exception it raised."""

    def _repr_html_(self) -> str:
        """Return a small, folded table: what a notebook shows."""
        from ._notebook import result_table  # noqa: PLC0415  (importing streamkit stays light)

        count = len(self.messages)
        facts = [str(self.status), f"{count} message{'s' * (count != 1)}"]
        if self.usage:
            facts.append(f"{self.usage.total_tokens:,} tokens")
        error = self.error.name if self.error else None
        return result_table(facts, error, self.text, self.messages)


class MessageFold:
    """A fold from events to LangChain's messages; it is also a stage.

    It makes no message of an abandoned attempt. Texts have their citations as ``annotations``, and
    a call of a tool that the provider runs stands among the blocks, as LangChain's standard
    content has them. A message that is nothing but text has a str as its content.

    >>> from streamkit import normalize
    >>> [message.content for message in normalize(["Hel", "lo"]).pipe(MessageFold())]
    ['Hello']
    """

    def __init__(self) -> None:
        self._drafts: dict[str, _Draft] = {}
        self._names: dict[str, str] = {}

    def __call__(self, event: ev.Event) -> Iterable[AIMessage | ToolMessage]:
        """Return the message that ``event`` completes, if it does."""
        match event:
            case ev.TextEnd() | ev.ReasoningEnd() | ev.Content() | ev.Citation() | ev.ToolCallEnd():
                self._drafts.setdefault(event.message_id, _Draft()).add(event)
            case ev.MessageStart(message_id=id, name=str(name)):
                self._names[id] = name
            case ev.MessageEnd(message_id=id):
                draft, speaker = self._drafts.pop(id, _Draft()), self._names.pop(id, None)
                if event.status != "abandoned":
                    return (_ai_message(event, draft.content(), speaker),)
            case ev.ToolEnd(status="completed") | ev.ToolError():
                return (_tool_message(event),)  # one that was left open has no result
            case _ if event.__class__ not in EVENT_CLASSES:
                require_event(event, "for event in stream: fold(event)")
            case _:
                pass
        return ()


class _Draft:
    """The blocks of a message that is being written."""

    def __init__(self) -> None:
        self._blocks: dict[int, Any] = {}
        self._citations: dict[int, list[Any]] = {}
        self._server_calls: dict[str, int] = {}

    def add(
        self, event: ev.TextEnd | ev.ReasoningEnd | ev.Content | ev.Citation | ev.ToolCallEnd
    ) -> None:
        match event:
            case ev.TextEnd():
                self._blocks[event.block_id] = {"type": "text", "text": event.text}
            case ev.ReasoningEnd():
                self._blocks[event.block_id] = _reasoning_block(event)
            case ev.Content():
                self._add_content(event)
            case ev.Citation():
                self._citations.setdefault(event.block_id, []).append(event.citation)
            case ev.ToolCallEnd() if event.provider_executed:
                # A provider's own call may come in pieces, and then once more as a whole block.
                self._server_calls[event.tool_call_id] = event.block_id
                self._blocks[event.block_id] = _server_call_block(event)
            case _:
                pass  # MessageEnd has all calls of the application

    def _add_content(self, event: ev.Content) -> None:
        """Add a block that came whole; it replaces the provider's own call whose id it has."""
        id = text_or_none(dict_or_empty(event.block).get("id"))
        self._blocks.pop(self._server_calls.get(id or "", -1), None)
        self._blocks[event.block_id] = event.block

    def content(self) -> str | list[Any]:
        for block_id, citations in self._citations.items():
            if block_id in self._blocks:
                block = dict_or_empty(self._blocks[block_id])
                self._blocks[block_id] = {**block, "annotations": citations}
        blocks = list(self._blocks.values())
        # Chat models return a str where there is nothing but text; many tools rely on it.
        is_text = all(dict_or_empty(it).keys() == {"type", "text"} for it in blocks)
        return "".join(it["text"] for it in blocks) if is_text else blocks


def _server_call_block(event: ev.ToolCallEnd) -> dict[str, Any]:
    # A `ServerToolCall` of langchain-core 1.0 and later.
    call = {"id": event.tool_call_id, "name": event.name, "args": event.args or event.text}
    return {"type": "server_tool_call", **call}


def _reasoning_block(event: ev.ReasoningEnd) -> dict[str, Any]:
    if event.redacted:  # Anthropic's form: the API takes it back as it is, and no other
        return {"type": "redacted_thinking", "data": event.signature or ""}
    block: dict[str, Any] = {"type": "reasoning", "reasoning": event.text}
    if event.signature:  # langchain-core has provider-specific fields under `extras`
        block["extras"] = {"signature": event.signature}
    return block


def _ai_message(event: ev.MessageEnd, content: str | list[Any], name: str | None) -> AIMessage:
    from langchain_core.messages import AIMessage  # noqa: PLC0415  (half a second to import)

    calls = [call for call in event.tool_calls if not call.provider_executed]
    return AIMessage(
        content=content,
        # A node may store an answer under another id than the one it was streamed under.
        id=event.stored_id or event.message_id,
        name=name,
        tool_calls=[
            {"id": call.id, "name": call.name, "args": call.args, "type": "tool_call"}
            for call in calls
            if call.error is None
        ],
        # A call whose arguments are no JSON is in this list in LangChain, and no tool runs for it.
        invalid_tool_calls=[
            {
                "id": call.id,
                "name": call.name,
                "args": call.text,
                "error": call.error,
                "type": "invalid_tool_call",
            }
            for call in calls
            if call.error
        ],
        usage_metadata=usage_metadata(event.usage),
        response_metadata=dict(event.response_metadata),
    )


def _tool_message(event: ev.ToolEnd | ev.ToolError) -> ToolMessage:
    from langchain_core.messages import ToolMessage  # noqa: PLC0415  (as above)

    if isinstance(event, ev.ToolError):
        # Where ToolNode of langgraph handles errors, its message has the exception's text.
        content, artifact, status = event.error.message, None, "error"
    else:
        content, artifact, status = _content(event.output), event.artifact, "success"
    return ToolMessage(
        content=content,
        tool_call_id=event.tool_call_id,
        name=event.name,
        artifact=artifact,
        status=status,
    )


def _content(output: object) -> Any:
    """Return a tool's raw output as a message's content."""
    if not issubclass(type(output), list):
        return as_text(output)
    items = items_of(output)
    return [dict_or_empty(it) if issubclass(type(it), dict) else as_text(it) for it in items]


class RunFold:
    """A fold from the events of a whole run to its `Result`.

    >>> from streamkit import normalize
    >>> run = RunFold()
    >>> for event in normalize(["Hel", "lo"]):
    ...     run.feed(event)
    >>> run.result().text, run.result().status
    ('Hello', 'completed')
    """

    def __init__(self) -> None:
        self._result = Result()
        self._fold = MessageFold()
        self._messages = RunMessages()
        self._open = OpenBrackets()
        self._inside: dict[tuple[Any, ...], str] = {}  # what is open inside a tool, and its call
        self._tools: dict[str, tuple[ToolRun, float]] = {}
        self._retrievals: dict[str, tuple[Retrieval, float]] = {}
        self._begun: float | None = None

    def feed(self, event: ev.Event) -> None:
        """Add one more event."""
        for message in self._fold(event):
            self._add(event, message, self._inside.pop(bracket_of(event)[1], None))
        self._follow(event)
        self._note(event)
        self._open.begin(event)
        self._open.end(event)

    def result(self) -> Result:
        """Return the result of the events so far."""
        result = self._result
        # While nodes run, the last state lacks what they have written since: events have it.
        is_over = result.status in {"completed", "interrupted"}
        result.messages, result.side_messages = self._messages.conversation(is_over=is_over)
        result.text = _last_text(result.messages) or _last_text(result.side_messages)
        return result

    # --- messages

    def _tool_around(self, event: ev.Event) -> str | None:
        """Return the call of the tool that a start happens in.

        Return ``""`` where it happens in some tool, and the source does not report in which.
        """
        if not self._open.has_tool_around(event):
            return None
        around = {event.origin.run_id, *event.origin.parent_ids} - {None}
        open_tools = reversed(self._open.tools.items())
        inner = (id for id, tool in open_tools if tool.origin.run_id in around)
        return event.origin.tool_call_id or next(inner, "")

    def _add(self, event: ev.Event, message: Any, tool_call_id: str | None) -> None:
        tool = self._tools.get(tool_call_id or "")
        if tool:
            tool[0].messages.append(message)
        is_side = event.origin.internal or tool_call_id is not None
        ids = (event.message_id, event.stored_id) if isinstance(event, ev.MessageEnd) else ()
        self._messages.add(message, *ids, is_side=is_side, is_hidden=tool is not None)

    def _follow(self, event: ev.Event) -> None:  # noqa: C901  (one branch an event)
        """Record the changes of messages, and of the state that holds them."""
        messages = self._messages
        is_outermost = not event.origin.namespace and event.origin.tool_call_id is None
        match event:
            case ev.MessageStart() | ev.ToolStart():
                tool_call_id = self._tool_around(event)
                if tool_call_id is not None:
                    self._inside[bracket_of(event)[1]] = tool_call_id
            case ev.MessageAdded(message=given) if (message := message_in(given)) is not None:
                self._add(event, message, self._tool_around(event))
            case ev.MessageReplaced(message=given) if (message := message_in(given)) is not None:
                is_shown = messages.replace(event, message)
                if self._replace_result(event.tool_call_id, message) and not is_shown:
                    self._add(event, message, self._tool_around(event))
            case ev.MessageRemoved():
                messages.remove(event)
            case ev.RunStart(input=input):
                messages.add_input(input)
            case ev.StateUpdate(node=node, values=values) if is_outermost:
                messages.add_update(node, values)
            case ev.StateSnapshot(values=values) | ev.Checkpoint(values=values) if is_outermost:
                messages.add_state(values)
            case ev.Interrupt():
                messages.add_pause()
            case ev.RunEnd(output=output):
                messages.add_output(output)
            case _:
                pass

    # --- everything else

    def _note(self, event: ev.Event) -> None:  # noqa: C901  (one branch an event)
        result = self._result
        match event:
            case ev.TextStart() | ev.ReasoningStart() | ev.ToolCallStart():
                if result.first_token is None:
                    result.first_token = self._seconds_since(self._begun, event)
            case ev.MessageEnd(status=status, tool_calls=calls) if status != "abandoned":
                result.tool_calls.extend(calls)
            case ev.ToolStart(tool_call_id=id, name=name, input=input):
                run = ToolRun(tool_call_id=id, name=name, input=input)
                self._tools[id] = run, event.timestamp
                result.tools.append(run)
            case ev.ToolEnd() | ev.ToolError():
                self._end_tool(event)
            case ev.RetrievalStart(retrieval_id=id, name=name, query=query):
                search = Retrieval(name=name, query=query)
                self._retrievals[id] = search, event.timestamp
                result.retrievals.append(search)
            case ev.RetrievalEnd():
                self._end_retrieval(event)
            case ev.Interrupt():
                result.interrupts.append(event)
            case ev.Custom():
                result.custom.append(event)
            case ev.RunStart(timestamp=timestamp):
                self._begun = timestamp
            case ev.RunEnd() | ev.RunError():
                self._end_run(event)
            case _:
                pass

    def _seconds_since(self, begun: float | None, event: ev.Event) -> float | None:
        return None if begun is None else event.timestamp - begun

    def _end_tool(self, event: ev.ToolEnd | ev.ToolError) -> None:
        run, begun = self._tools.pop(event.tool_call_id, (None, None))
        if run is None:
            return
        run.seconds = self._seconds_since(begun, event)
        if isinstance(event, ev.ToolError):
            run.status, run.error = "failed", event.error
        else:
            run.status, run.output, run.artifact = event.status, event.output, event.artifact

    def _replace_result(self, tool_call_id: str | None, message: object) -> bool:
        """Take over the result of a tool as a node put it into the state, if the tool ran here."""
        runs = (it for it in reversed(self._result.tools) if it.tool_call_id == tool_call_id)
        # Ids of calls may repeat in a run: the newest run of the call is meant.
        run = next(runs, None)
        if run:
            run.output = fields_of(message).get("content")
        return run is not None

    def _end_retrieval(self, event: ev.RetrievalEnd) -> None:
        search, begun = self._retrievals.pop(event.retrieval_id, (None, None))
        if search:
            search.seconds = self._seconds_since(begun, event)
            search.status, search.error = event.status, event.error
            search.documents = event.documents

    def _end_run(self, event: ev.RunEnd | ev.RunError) -> None:
        result = self._result
        result.usage, result.usage_by_model = event.usage, event.usage_by_model
        result.seconds = self._seconds_since(self._begun, event)
        if isinstance(event, ev.RunError):
            result.status, result.error = "failed", event.error
        else:
            result.status, result.output = event.status, event.output


def _last_text(messages: list[Any]) -> str:
    for message in reversed(messages):
        if kind_of(message) in {"ai", "chunk"} and (text := words_of(message)):
            return text
    return ""
