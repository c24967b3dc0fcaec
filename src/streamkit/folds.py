"""From events back to whole things: messages, and a run.

A fold is fed events and can be asked for its result at any time. `MessageFold` is also a stage.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import msgspec

from ._core.content import text_in
from ._core.kinds import fields_of, kind_of
from ._core.writes import channel_writes
from ._fields import Fields, dict_or_empty
from .events import (
    Citation,
    Content,
    Event,
    Interrupt,
    MessageAdded,
    MessageEnd,
    MessageRemoved,
    MessageReplaced,
    MessageStart,
    ReasoningDelta,
    ReasoningEnd,
    RunEnd,
    RunError,
    StateSnapshot,
    StateUpdate,
    StepDelta,
    TextDelta,
    TextEnd,
    ToolCallDelta,
    ToolCallEnd,
    ToolDelta,
    ToolEnd,
    ToolError,
    ToolStart,
)
from .values import ErrorInfo, Status, ToolCall, Usage

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, ToolMessage

__all__ = ["UNFOLDED", "MessageFold", "Result", "RunFold", "ToolRun", "text_of"]

UNFOLDED: frozenset[type[Event]] = frozenset(
    {ReasoningDelta, StepDelta, TextDelta, ToolCallDelta, ToolDelta}
)
"""The classes that `RunFold` makes nothing of, so that a stream need not feed it each delta."""


def text_of(event: Event) -> Iterable[str]:
    """Give the text an event adds: a stage from events to strings.

    >>> from streamkit import Origin
    >>> delta = TextDelta(origin=Origin(), timestamp=0.0, message_id="m", block_id=0, text="Hi")
    >>> list(text_of(delta))
    ['Hi']
    """
    return (event.text,) if isinstance(event, TextDelta) else ()


class ToolRun(msgspec.Struct, kw_only=True):
    """A tool that ran: its call, and what came of it."""

    tool_call_id: str
    """The call it answers."""
    name: str
    """The tool's name."""
    input: Any = None
    """What it was called with."""
    output: Any = None
    """Its result."""
    artifact: Any = None
    """The part of the result that the model does not see."""
    status: Status = "incomplete"
    """How it ended."""
    error: ErrorInfo | None = None
    """What it raised, or said."""


class Result(msgspec.Struct, kw_only=True):
    """A whole run."""

    messages: list[Any] = msgspec.field(default_factory=list[Any])
    """The transcript: what models and tools said, in the order they were complete, and what nodes
    added; without what nodes removed."""
    tool_calls: list[ToolCall] = msgspec.field(default_factory=list[ToolCall])
    """Every call that a model wrote."""
    tools: list[ToolRun] = msgspec.field(default_factory=list[ToolRun])
    """Every tool that ran, with its result."""
    interrupts: list[Interrupt] = msgspec.field(default_factory=list[Interrupt])
    """What the run waits for."""
    text: str = ""
    """The text of the last message that has any: the answer."""
    output: Any = None
    """The final output, where the API tells it."""
    usage: Usage | None = None
    """All tokens, each model call counted once; None where no call reported any."""
    usage_by_model: dict[str, Usage] = {}
    """The same, per model name."""
    status: Status = "incomplete"
    """How the run ended."""
    error: ErrorInfo | None = None
    """What it raised."""

    def _repr_html_(self) -> str:
        """Return a small, folded table: what a notebook shows."""
        from .html import result_html  # noqa: PLC0415  (only notebooks need it)

        return result_html(self)


class MessageFold:
    """Makes LangChain's messages out of events: a stage from events to messages.

    Texts have their citations as ``annotations``, and a call of a tool that the provider runs
    stands among the blocks, as LangChain's standard content has them. A message that is nothing
    but text has a str as its content.

    >>> from streamkit import normalize
    >>> [message.content for message in normalize(["Hel", "lo"]).pipe(MessageFold())]
    ['Hello']
    """

    def __init__(self) -> None:
        self._drafts: dict[str, _Draft] = {}
        self._names: dict[str, str] = {}

    def __call__(self, event: Event) -> Iterable[AIMessage | ToolMessage]:
        """Give the message that ``event`` completes, if it does."""
        match event:
            case TextEnd() | ReasoningEnd() | Content() | Citation() | ToolCallEnd():
                self._drafts.setdefault(event.message_id, _Draft()).add(event)
            case MessageStart(message_id=id, name=str(name)):
                self._names[id] = name
            case MessageEnd(message_id=id):
                content = self._drafts.pop(id, _Draft()).content()
                return (_ai_message(event, content, self._names.pop(id, None)),)
            case ToolEnd() | ToolError():
                return (_tool_message(event),)
            case _:
                pass
        return ()


class _Draft:
    """The blocks of a message that is being written."""

    def __init__(self) -> None:
        self._blocks: dict[int, Any] = {}
        self._citations: dict[int, list[Any]] = {}
        self._server_calls: dict[str, int] = {}

    def add(self, event: TextEnd | ReasoningEnd | Content | Citation | ToolCallEnd) -> None:
        match event:
            case TextEnd():
                self._blocks[event.block_id] = {"type": "text", "text": event.text}
            case ReasoningEnd():
                self._blocks[event.block_id] = _reasoning_block(event)
            case Content():
                self._add_content(event)
            case Citation():
                self._citations.setdefault(event.block_id, []).append(event.citation)
            case ToolCallEnd() if event.provider_executed:
                self._server_calls[event.tool_call_id] = event.block_id
                self._blocks[event.block_id] = _server_call_block(event)
            case ToolCallEnd():
                pass  # the end of the message has them all

    def _add_content(self, event: Content) -> None:
        """Add a block that came whole: with a call's id, it is the call in the provider's words."""
        call = self._server_calls.get(dict_or_empty(event.block).get("id", ""))
        if call is not None:
            del self._blocks[call]
        self._blocks[event.block_id] = event.block

    def content(self) -> str | list[Any]:
        for block_id, citations in self._citations.items():
            if block_id in self._blocks:
                self._blocks[block_id]["annotations"] = citations
        blocks = list(self._blocks.values())
        is_text = all(dict_or_empty(it).keys() == {"type", "text"} for it in blocks)
        return "".join(it["text"] for it in blocks) if is_text else blocks


def _server_call_block(event: ToolCallEnd) -> dict[str, Any]:
    call = {"id": event.tool_call_id, "name": event.name, "args": event.args or event.text}
    return {"type": "server_tool_call", **call}


def _reasoning_block(event: ReasoningEnd) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "reasoning", "reasoning": event.text}
    if event.signature:
        block["extras"] = {"signature": event.signature}
    return block


def _ai_message(event: MessageEnd, content: str | list[Any], name: str | None) -> AIMessage:
    from langchain_core.messages import AIMessage  # noqa: PLC0415  (half a second to import)

    calls = [call for call in event.tool_calls if not call.provider_executed]
    return AIMessage(
        content=content,
        name=name,
        id=event.stored_id or event.message_id,
        tool_calls=[
            {"id": call.id, "name": call.name, "args": call.args, "type": "tool_call"}
            for call in calls
            if call.error is None
        ],
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
        usage_metadata=_usage_metadata(event.usage),
        response_metadata=dict(event.response_metadata),
    )


def _usage_metadata(usage: Usage | None) -> Any:
    if usage is None:
        return None
    metadata = msgspec.to_builtins(usage)
    return {key: value for key, value in metadata.items() if value != {}}


def _tool_message(event: ToolEnd | ToolError) -> ToolMessage:
    from langchain_core.messages import ToolMessage  # noqa: PLC0415  (as above)

    if isinstance(event, ToolError):
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
    """Give a tool's raw output as a message's content."""
    return cast("Any", output) if isinstance(output, (str, list)) else str(output)


class RunFold:
    """Makes a `Result` out of a whole run's events."""

    def __init__(self) -> None:
        self._result = Result()
        self._messages = MessageFold()
        self._transcript = _Transcript(self._result.messages)
        self._running: dict[str, ToolRun] = {}

    def feed(self, event: Event) -> None:  # noqa: C901, PLR0912  (one branch an event)
        """Take one more event into account."""
        result = self._result
        for message in self._messages(event):
            if not event.origin.internal:
                self._transcript.add(message)
        match event:
            case MessageEnd():
                result.tool_calls.extend(event.tool_calls)
                is_answer = event.status == "completed" or not result.text
                if is_answer and not event.origin.internal:
                    result.text = event.text or result.text
            case ToolStart(tool_call_id=id, name=name, input=input):
                run = ToolRun(tool_call_id=id, name=name, input=input)
                self._running[id] = run
                result.tools.append(run)
            case ToolEnd() | ToolError():
                self._end_tool(event)
            case MessageAdded(message=message):
                self._transcript.add(message)
            case MessageReplaced():
                self._transcript.replace(event)
                self._replace_result(event)
                result.text = self._transcript.answer()
            case MessageRemoved():
                self._transcript.remove(event)
                result.text = self._transcript.answer()
            case StateUpdate(values=values) | StateSnapshot(values=values):
                if not event.origin.namespace:
                    is_state = isinstance(event, StateSnapshot)
                    self._transcript.update(values, is_state=is_state)
            case Interrupt():
                result.interrupts.append(event)
            case RunEnd() | RunError():
                self._end_run(event)
            case _:
                pass

    def result(self) -> Result:
        """Give the run as far as it has come."""
        return self._result

    def _end_tool(self, event: ToolEnd | ToolError) -> None:
        run = self._running.pop(event.tool_call_id, None)
        if run is None:
            return
        if isinstance(event, ToolError):
            run.status, run.error = "failed", event.error
        else:
            run.status, run.output, run.artifact = event.status, event.output, event.artifact

    def _replace_result(self, event: MessageReplaced) -> None:
        """Take over the result of a tool as its node put it into the state."""
        runs = (it for it in reversed(self._result.tools) if it.tool_call_id == event.tool_call_id)
        run = next(runs, None)
        if run:
            run.output = fields_of(event.message).get("content")

    def _end_run(self, event: RunEnd | RunError) -> None:
        result = self._result
        result.usage, result.usage_by_model = event.usage, event.usage_by_model
        if isinstance(event, RunError):
            result.status, result.error = "failed", event.error
        else:
            result.status, result.output = event.status, event.output


class _Transcript:
    """The outermost conversation, changed as LangGraph's ``add_messages`` changes the state."""

    def __init__(self, messages: list[Any]) -> None:
        self._messages = messages
        self._results: dict[str, Any] = {}  # that have no id yet, by their calls

    def add(self, message: Any) -> None:
        """Add a message at the end."""
        self._messages.append(message)
        for call in fields_of(message).get("tool_calls") or ():
            self._results.pop(call["id"], None)  # an id that the model uses again
        key = _key(message)
        if key and not message.id:
            earlier = self._results.pop(key, None)
            if earlier:  # its tool was tried again
                self._messages[:] = [it for it in self._messages if it is not earlier]
            self._results[key] = message

    def replace(self, event: MessageReplaced) -> None:
        """Put a message in the place of the one with its id, or of the result of its call."""
        keys = {event.message_id, event.tool_call_id or event.message_id}
        self._messages[:] = [event.message if _key(it) in keys else it for it in self._messages]

    def remove(self, event: MessageRemoved) -> None:
        """Take a message out."""
        keys = {event.message_id, event.tool_call_id or event.message_id}
        self._messages[:] = [it for it in self._messages if _key(it) not in keys]

    def update(self, values: object, *, is_state: bool) -> None:
        """Take over what a state, or a write to it, adds: ids and names, and the order."""
        for write in channel_writes(values):
            for message in write.messages:
                key = _key(message)
                if key in self._results:
                    _put_like(fields_of(message), self._results.pop(key))
            keys = [_key(message) for message in write.messages]
            known = {key: it for it in self._messages if (key := _key(it)) in keys}
            for key, message in zip(keys, write.messages, strict=True):
                if key in known and known[key].name is None:
                    known[key].name = fields_of(message).get("name")
            if is_state or write.is_whole:
                in_order = [known[key] for key in dict.fromkeys(keys) if key in known]
                moved = set(map(id, in_order))
                places = [n for n, it in enumerate(self._messages) if id(it) in moved]
                for place, message in zip(places, in_order, strict=True):
                    self._messages[place] = message

    def answer(self) -> str:
        """Return the last text that a model wrote."""
        answers = (it for it in reversed(self._messages) if kind_of(it) in {"ai", "chunk"})
        texts = (text_in(fields_of(it)["content"]) for it in answers)
        return next(filter(None, texts), "")


def _put_like(written: Fields, result: Any) -> None:
    """Give a result the id, and a failure the words, that the model will read."""
    result.id = written.get("id")
    if result.status == "error":
        result.content = written.get("content", result.content)


def _key(message: object) -> str | None:
    """Return what a message is known by: a result by its call, for it may have no id yet."""
    fields = fields_of(message)
    return fields.get("tool_call_id") or fields.get("id")
