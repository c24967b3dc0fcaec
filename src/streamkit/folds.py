"""From events back to whole things: messages, and a run.

A fold is fed events and can be asked for its result at any time. `MessageFold` is also a stage.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import msgspec

from ._core.fields import dict_or_empty
from .events import (
    Content,
    Event,
    Interrupt,
    MessageEnd,
    ReasoningEnd,
    RunEnd,
    RunError,
    TextDelta,
    TextEnd,
    ToolEnd,
    ToolError,
    ToolStart,
)
from .values import ErrorInfo, Status, ToolCall, Usage

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, ToolMessage

__all__ = ["MessageFold", "Result", "RunFold", "ToolRun", "text_of"]


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
    """The AIMessages and ToolMessages, in the order they were complete."""
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


class MessageFold:
    """Makes LangChain's messages out of events: a stage from events to messages."""

    def __init__(self) -> None:
        self._blocks: dict[str, list[Any]] = {}

    def __call__(self, event: Event) -> Iterable[AIMessage | ToolMessage]:
        """Give the message that ``event`` completes, if it does."""
        match event:
            case TextEnd(message_id=id, text=text):
                self._add(id, {"type": "text", "text": text})
            case ReasoningEnd(message_id=id):
                self._add(id, _reasoning_block(event))
            case Content(message_id=id, block=block):
                self._add(id, block)
            case MessageEnd():
                return (_ai_message(event, self._blocks.pop(event.message_id, [])),)
            case ToolEnd() | ToolError():
                return (_tool_message(event),)
            case _:
                pass
        return ()

    def _add(self, message_id: str, block: object) -> None:
        self._blocks.setdefault(message_id, []).append(block)


def _reasoning_block(event: ReasoningEnd) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "reasoning", "reasoning": event.text}
    if event.signature:
        block["extras"] = {"signature": event.signature}
    return block


def _ai_message(event: MessageEnd, blocks: list[Any]) -> AIMessage:
    from langchain_core.messages import AIMessage  # noqa: PLC0415  (half a second to import)

    is_text = all(dict_or_empty(block).get("type") == "text" for block in blocks)
    calls = [call for call in event.tool_calls if not call.provider_executed]
    return AIMessage(
        content=event.text if is_text else blocks,
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
        self._running: dict[str, ToolRun] = {}

    def feed(self, event: Event) -> None:
        """Take one more event into account."""
        result = self._result
        result.messages.extend(self._messages(event))
        match event:
            case MessageEnd():
                result.tool_calls.extend(event.tool_calls)
                if event.status == "completed" or not result.text:
                    result.text = event.text or result.text
            case ToolStart(tool_call_id=id, name=name, input=input):
                run = ToolRun(tool_call_id=id, name=name, input=input)
                self._running[id] = run
                result.tools.append(run)
            case ToolEnd() | ToolError():
                self._end_tool(event)
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

    def _end_run(self, event: RunEnd | RunError) -> None:
        result = self._result
        result.usage, result.usage_by_model = event.usage, event.usage_by_model
        if isinstance(event, RunError):
            result.status, result.error = "failed", event.error
        else:
            result.status, result.output = event.status, event.output
