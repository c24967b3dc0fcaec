"""THE schema, version 1: every event a stream can hold, as frozen, tagged structs.

An event class is named ``NounVerb`` and its wire tag is ``"noun.verb"``. All three ways to
tell events apart narrow for a type checker: ``match``, ``isinstance`` and ``event.type ==``.

Things that last are bracketed: whatever starts also ends, innermost first, and every end says
with what `Status`. `streamkit.testing.check_stream` is this grammar as code.

A new event type, or a new field with a default, is a minor version. Renaming, removing or
retyping is a major one.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal, TypeAlias, Union

import msgspec

from ._base import Base
from .values import ErrorInfo, FinishReason, Origin, Status, StepKind, ToolCall, Usage

__all__ = [
    "BatchItem",
    "Checkpoint",
    "Citation",
    "Content",
    "Custom",
    "Event",
    "EventType",
    "Interrupt",
    "MessageAdded",
    "MessageEnd",
    "MessageRemoved",
    "MessageReplaced",
    "MessageStart",
    "ReasoningDelta",
    "ReasoningEnd",
    "ReasoningStart",
    "RetrievalEnd",
    "RetrievalStart",
    "RunEnd",
    "RunError",
    "RunStart",
    "StateSnapshot",
    "StateUpdate",
    "StepDelta",
    "StepEnd",
    "StepStart",
    "TextDelta",
    "TextEnd",
    "TextStart",
    "ToolCallDelta",
    "ToolCallEnd",
    "ToolCallStart",
    "ToolDelta",
    "ToolEnd",
    "ToolError",
    "ToolStart",
    "Unrecognized",
]


NO_ORIGIN = Origin()


def _tag(class_name: str) -> str:
    """``ToolCallStart`` -> ``tool_call.start``: the last word is the verb."""
    *noun, verb = re.findall("[A-Z][a-z]+", class_name)
    return f"{'_'.join(noun)}.{verb}".lower().lstrip(".")


class EventBase(
    Base,
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="type",
    tag=_tag,
):
    """The fields that every event has."""

    origin: Origin = NO_ORIGIN
    """Where it comes from."""
    # Our clock: `astream_events` (core 0.3 to 1.8) and most stream modes have no times.
    timestamp: float
    """Unix seconds, read once per raw item."""


class _Part(EventBase, frozen=True, kw_only=True):
    """An event of one block of a message."""

    message_id: str
    """The message it belongs to."""
    block_id: int
    """Its block's place in the message, from 0."""


class _RunTotal(EventBase, frozen=True, kw_only=True):
    """The end of a run, with its tokens."""

    usage: Usage | None = None
    """The sum over all model calls, each counted once; None where no call reported any."""
    usage_by_model: dict[str, Usage] = {}
    """The same, per model name."""


class _Tool(EventBase, frozen=True, kw_only=True):
    """An event of one tool run."""

    tool_call_id: str
    """The model's call it answers, or its own run id where no model asked for it."""
    name: str
    """The tool's name."""


class RunStart(EventBase, frozen=True, kw_only=True):
    """The stream begins: always first, also where the source has no such item."""

    type: ClassVar[Literal["run.start"]] = "run.start"
    # Stream modes have no run ids; in `messages` a message's id contains that of its model's run.
    run_id: str | None = None
    """The root run's id, where the API reports it."""
    input: Any = None
    """The input of the run, where the API reports it."""


class RunEnd(_RunTotal, frozen=True, kw_only=True):
    """The stream ends well, or was stopped by its reader: always last unless `RunError` is."""

    type: ClassVar[Literal["run.end"]] = "run.end"
    status: Status
    """``completed``, ``interrupted`` (resume it), ``cancelled`` (the reader left), or
    ``incomplete`` (the source stopped before its own end)."""
    output: Any = None
    """The final output, where the API reports it."""


class RunError(_RunTotal, frozen=True, kw_only=True):
    """The source raised: always last, and the exception is re-raised after it."""

    type: ClassVar[Literal["run.error"]] = "run.error"
    error: ErrorInfo
    """The exception it raised."""


class StepStart(EventBase, frozen=True, kw_only=True):
    """A runnable starts. Tools and retrievers have brackets of their own and are no steps."""

    type: ClassVar[Literal["step.start"]] = "step.start"
    step_id: str
    """Its run id."""
    kind: StepKind
    """Its kind."""
    input: Any = None
    """Its input, where the API reports it."""


class StepDelta(EventBase, frozen=True, kw_only=True):
    """A piece of a chain's or a parser's output."""

    type: ClassVar[Literal["step.delta"]] = "step.delta"
    step_id: str | None
    """The step, or None where the stream is the step's own output."""
    value: Any
    """The piece as upstream gave it."""
    # `JsonOutputParser` and others yield the whole value so far, `StrOutputParser` a piece of it.
    cumulative: bool | None = None
    """Whether it replaces what came before (True), adds to it (False), or unknown (None)."""


class StepEnd(EventBase, frozen=True, kw_only=True):
    """A runnable ended, and so did everything inside it."""

    type: ClassVar[Literal["step.end"]] = "step.end"
    step_id: str
    """The step that ended."""
    kind: StepKind
    """Its kind."""
    status: Status
    """How it ended."""
    # LangGraph ends a node that is interrupted with an exception: such a step has no output.
    output: Any = None
    """Its result."""
    error: ErrorInfo | None = None
    """The exception it raised, where it is the innermost thing that failed."""


class MessageStart(EventBase, frozen=True, kw_only=True):
    """A model begins to answer, or a node returned a whole message of its own."""

    type: ClassVar[Literal["message.start"]] = "message.start"
    message_id: str
    """Stable from start to end."""
    role: str = "assistant"
    """Who speaks."""
    # Chat completions (langchain-openai 1.x) name the model together with the finish reason.
    model: str | None = None
    """The model's name, where it is known by now."""
    provider: str | None = None
    """The provider's name, where it is known by now."""
    name: str | None = None
    """The speaker's name (upstream: ``AIMessage.name``), where it is known by now."""


class TextStart(_Part, frozen=True, kw_only=True):
    """A block of text begins."""

    type: ClassVar[Literal["text.start"]] = "text.start"


class TextDelta(_Part, frozen=True, kw_only=True):
    """A piece of text: only the new piece."""

    type: ClassVar[Literal["text.delta"]] = "text.delta"
    text: str
    """The new characters."""


class TextEnd(_Part, frozen=True, kw_only=True):
    """A block of text is complete."""

    type: ClassVar[Literal["text.end"]] = "text.end"
    text: str
    """All of it: the deltas joined."""


class ReasoningStart(_Part, frozen=True, kw_only=True):
    """A block of reasoning begins, in whatever spelling the provider has for it."""

    type: ClassVar[Literal["reasoning.start"]] = "reasoning.start"


class ReasoningDelta(_Part, frozen=True, kw_only=True):
    """A piece of reasoning: only the new piece."""

    type: ClassVar[Literal["reasoning.delta"]] = "reasoning.delta"
    text: str
    """The new characters."""


class ReasoningEnd(_Part, frozen=True, kw_only=True):
    """A block of reasoning is complete."""

    type: ClassVar[Literal["reasoning.end"]] = "reasoning.end"
    text: str
    """All of it: the deltas joined."""
    # Anthropic's and Gemini's `signature`, and `encrypted_content` of the Responses API.
    signature: str | None = None
    """The provider's signature, or its encrypted reasoning, to be sent back unchanged."""
    redacted: bool = False
    """Whether the provider kept the text to itself."""


class ToolCallStart(_Part, frozen=True, kw_only=True):
    """The model begins to *write* a call. When it *runs*, that is `ToolStart`."""

    type: ClassVar[Literal["tool_call.start"]] = "tool_call.start"
    tool_call_id: str
    """The id that the tool's result will refer to."""
    name: str
    """The tool's name."""
    provider_executed: bool = False
    """Whether the provider runs it, so that nobody here has to."""


class ToolCallDelta(_Part, frozen=True, kw_only=True):
    """A piece of a call's arguments: JSON text, not yet a value."""

    type: ClassVar[Literal["tool_call.delta"]] = "tool_call.delta"
    tool_call_id: str
    """The call it adds to."""
    args: str
    """The new characters."""


class ToolCallEnd(_Part, frozen=True, kw_only=True):
    """A call is written: ``args`` is complete, or ``error`` says why it is not."""

    type: ClassVar[Literal["tool_call.end"]] = "tool_call.end"
    tool_call_id: str
    """The call that ended."""
    name: str
    """The tool's name."""
    # As `json.loads(text, strict=False)`: LangChain's parser accepts bare line breaks in strings.
    args: Any
    """The arguments, read as LangChain reads them to run the tool; None where that failed."""
    text: str
    """The arguments exactly as the model wrote them: the deltas joined."""
    error: str | None = None
    """Why ``args`` is None, such as arguments that were cut off."""
    provider_executed: bool = False
    """Whether the provider runs it, so that nobody here has to."""


class Content(_Part, frozen=True, kw_only=True):
    """A block that arrives whole: image, audio, file, refusal, a server tool's result, ..."""

    type: ClassVar[Literal["content"]] = "content"
    # In each provider's own spelling: langchain-core has standard blocks only from 1.0 on.
    block: Any
    """The block as upstream gave it."""


class Citation(_Part, frozen=True, kw_only=True):
    """An annotation on the text of a message."""

    type: ClassVar[Literal["citation"]] = "citation"
    citation: Any
    """The annotation as upstream gave it."""


class MessageEnd(EventBase, frozen=True, kw_only=True):
    """A message is complete, and so are all its blocks."""

    type: ClassVar[Literal["message.end"]] = "message.end"
    message_id: str
    """The message that ended."""
    status: Status
    """How it ended."""
    text: str
    """All its text blocks, joined."""
    # Those of the provider's own tools too: LangChain has them in the content, and in no list.
    tool_calls: tuple[ToolCall, ...] = ()
    """The calls the model wrote, in the order they began."""
    # Upstream repeats it: in a chunk, the message, the update, the state and v3's `message-finish`.
    usage: Usage | None = None
    """Its tokens, counted once; None where the provider reported none."""
    finish_reason: FinishReason | None = None
    """Why the model stopped; None where the provider did not say."""
    # `finish_reason`, `stop_reason`, `done_reason` or `status`, each with words of its own.
    raw_finish_reason: str | None = None
    """The provider's own word for it."""
    model: str | None = None
    """The model's name."""
    # With the Responses API (langchain-openai 1.x) chunks have `lc_run--…`, the stored one
    # `resp_…`.
    stored_id: str | None = None
    """The id under which the graph's state holds it, where that differs from ``message_id``."""
    response_metadata: dict[str, Any] = {}
    """The other fields that the provider sent."""


class ToolStart(_Tool, frozen=True, kw_only=True):
    """A tool begins to *run*."""

    type: ClassVar[Literal["tool.start"]] = "tool.start"
    # Of a root tool `on_tool_start` has the whole call, of which this is the arguments.
    input: Any = None
    """Its input."""


class ToolDelta(EventBase, frozen=True, kw_only=True):
    """A piece of a running tool's output."""

    type: ClassVar[Literal["tool.delta"]] = "tool.delta"
    tool_call_id: str
    """The call it belongs to."""
    delta: Any
    """The piece."""


class ToolEnd(_Tool, frozen=True, kw_only=True):
    """A tool returned. One that failed ends with `tool.error` instead."""

    type: ClassVar[Literal["tool.end"]] = "tool.end"
    status: Status
    """``completed``, or why nothing came back."""
    output: Any = None
    """Its result: a ToolMessage gives its content, anything else is as it was returned."""
    # `response_format="content_and_artifact"`: it stands beside the content of the ToolMessage.
    artifact: Any = None
    """The part of the result that the model does not see."""
    # Middleware (`wrap_tool_call` of langchain 1.x) may rewrite a result after `on_tool_end`.
    confirmed: bool = True
    """Whether the result is what the state holds. False where the node that ran the tool put no
    message for its call into the state: then nobody has checked what the tool returned."""


class ToolError(_Tool, frozen=True, kw_only=True):
    """A tool failed, whether or not the graph went on; or a person did not let it run."""

    type: ClassVar[Literal["tool.error"]] = "tool.error"
    error: ErrorInfo
    """The exception it raised, or the error text it returned."""


class RetrievalStart(EventBase, frozen=True, kw_only=True):
    """A retriever begins to search."""

    type: ClassVar[Literal["retrieval.start"]] = "retrieval.start"
    retrieval_id: str
    """Its run id."""
    name: str
    """The retriever's name."""
    query: Any = None
    """The query."""


class RetrievalEnd(EventBase, frozen=True, kw_only=True):
    """A retriever found what it found."""

    type: ClassVar[Literal["retrieval.end"]] = "retrieval.end"
    retrieval_id: str
    """The search that ended."""
    name: str
    """The retriever's name."""
    status: Status
    """How it ended."""
    documents: tuple[Any, ...] = ()
    """The documents found."""
    error: ErrorInfo | None = None
    """The exception it raised."""


class StateUpdate(EventBase, frozen=True, kw_only=True):
    """A node wrote to the graph's state."""

    type: ClassVar[Literal["state.update"]] = "state.update"
    node: str
    """The node that wrote."""
    # A ToolNode with a `Command` in it writes a list, the functional API a bare value.
    values: Any = None
    """The values it wrote, in whatever shape: a dict, a list of dicts, a scalar, or None."""
    # LangGraph marks such an update with `__metadata__`, and starts no run for the node.
    cached: bool = False
    """Whether an earlier run wrote it, so that the node need not run in this one."""


class StateSnapshot(EventBase, frozen=True, kw_only=True):
    """The whole state of a graph."""

    type: ClassVar[Literal["state.snapshot"]] = "state.snapshot"
    values: Any
    """The state."""


class Checkpoint(EventBase, frozen=True, kw_only=True):
    """The checkpointer saved the graph."""

    type: ClassVar[Literal["checkpoint"]] = "checkpoint"
    config: Any = None
    """The config that leads back to it."""
    parent_config: Any = None
    """The config of the one before."""
    values: Any = None
    """The state it holds."""
    next: tuple[str, ...] = ()
    """The nodes that run next."""
    metadata: Any = None
    """The checkpointer's own notes."""


class Interrupt(EventBase, frozen=True, kw_only=True):
    """The graph waits for somebody: once per pause, where it was raised."""

    type: ClassVar[Literal["interrupt"]] = "interrupt"
    # Up to langgraph 1.1 all interrupts of a task have one id; from 1.2 on each has its own.
    interrupt_id: str
    """The key to answer with: ``Command(resume={interrupt_id: ...})``."""
    value: Any = None
    """The question of the graph."""
    # Breakpoints have no `Interrupt` object: `updates` shows an empty tuple for one.
    static: bool = False
    """Whether it is a breakpoint (``interrupt_before``), which asks nothing."""
    tool_call_id: str | None = None
    """The call whose tool asked."""
    # `Interrupt.response_schema` exists from langgraph 1.2 on.
    response_schema: Any = None
    """The shape of the answer, where the graph gave one."""


class MessageAdded(EventBase, frozen=True, kw_only=True):
    """A node put a human or system message into the state."""

    type: ClassVar[Literal["message.added"]] = "message.added"
    message: Any
    """The message as upstream gave it."""


class MessageReplaced(EventBase, frozen=True, kw_only=True):
    """A node wrote other content under the id of a message that was already emitted."""

    type: ClassVar[Literal["message.replaced"]] = "message.replaced"
    message_id: str
    """The message whose content changed."""
    message: Any
    """The whole message as the state holds it now."""
    # Only a ToolMessage names the call: one that is removed is known from before.
    tool_call_id: str | None = None
    """The call that it answers, where the message is a tool's result."""


class MessageRemoved(EventBase, frozen=True, kw_only=True):
    """A node took a message out of the state, and no graph around it still holds it."""

    type: ClassVar[Literal["message.removed"]] = "message.removed"
    message_id: str
    """The message that is gone. Removing all messages is one event for each known message."""
    tool_call_id: str | None = None
    """The call that it answered, where the message was a tool's result."""


class Custom(EventBase, frozen=True, kw_only=True):
    """The application's own event."""

    type: ClassVar[Literal["custom"]] = "custom"
    # LangGraph's writer sends any value, and a name only inside it, if at all.
    name: str | None = None
    """Its name from ``dispatch_custom_event``; None from ``get_stream_writer``."""
    data: Any = None
    """Its payload."""


class BatchItem(EventBase, frozen=True, kw_only=True):
    """One input of a batch is done."""

    type: ClassVar[Literal["batch.item"]] = "batch.item"
    index: int
    """Its place among the inputs."""
    output: Any = None
    """Its result."""
    error: ErrorInfo | None = None
    """The exception it raised, where the batch returns exceptions."""


class Unrecognized(EventBase, frozen=True, kw_only=True):
    """An item nobody understands: never dropped in silence."""

    type: ClassVar[Literal["unrecognized"]] = "unrecognized"
    raw: Any = None
    """The item."""
    reason: str = ""
    """Why it was not understood."""


Event: TypeAlias = Union[  # noqa: UP007  (a Union is what msgspec decodes and `match` exhausts)
    RunStart,
    RunEnd,
    RunError,
    StepStart,
    StepDelta,
    StepEnd,
    MessageStart,
    TextStart,
    TextDelta,
    TextEnd,
    ReasoningStart,
    ReasoningDelta,
    ReasoningEnd,
    ToolCallStart,
    ToolCallDelta,
    ToolCallEnd,
    Content,
    Citation,
    MessageEnd,
    ToolStart,
    ToolDelta,
    ToolEnd,
    ToolError,
    RetrievalStart,
    RetrievalEnd,
    StateUpdate,
    StateSnapshot,
    Checkpoint,
    Interrupt,
    MessageAdded,
    MessageReplaced,
    MessageRemoved,
    Custom,
    BatchItem,
    Unrecognized,
]
"""Any event of the schema."""

EventType: TypeAlias = Literal[
    "run.start",
    "run.end",
    "run.error",
    "step.start",
    "step.delta",
    "step.end",
    "message.start",
    "text.start",
    "text.delta",
    "text.end",
    "reasoning.start",
    "reasoning.delta",
    "reasoning.end",
    "tool_call.start",
    "tool_call.delta",
    "tool_call.end",
    "content",
    "citation",
    "message.end",
    "tool.start",
    "tool.delta",
    "tool.end",
    "tool.error",
    "retrieval.start",
    "retrieval.end",
    "state.update",
    "state.snapshot",
    "checkpoint",
    "interrupt",
    "message.added",
    "message.replaced",
    "message.removed",
    "custom",
    "batch.item",
    "unrecognized",
]
"""Any event's ``type``."""
