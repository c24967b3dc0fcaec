"""Every LangChain and LangGraph stream as one typed event schema.

>>> from streamkit import TextDelta, ToolStart, normalize
>>> for event in normalize(["Hel", "lo"]):  # what model.stream(...) yields, say
...     match event:
...         case TextDelta(text=text):
...             print(text)
...         case ToolStart(name=name, input=args):
...             print(name, args)
Hel
lo
"""

from ._drive import AsyncEventStream, EventStream, normalize
from .callbacks import CallbackSource
from .dialects import register
from .errors import (
    BadRequest,
    BrokenMapper,
    MalformedItem,
    RunFailed,
    SourceError,
    StreamkitError,
    UnknownSource,
    UsageError,
)
from .events import (
    BatchItem,
    Checkpoint,
    Citation,
    Content,
    Custom,
    Event,
    EventType,
    Interrupt,
    MessageAdded,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RetrievalEnd,
    RetrievalStart,
    RunEnd,
    RunError,
    RunStart,
    StateSnapshot,
    StateUpdate,
    StepDelta,
    StepEnd,
    StepStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolDelta,
    ToolEnd,
    ToolError,
    ToolStart,
    Unrecognized,
)
from .filters import Filter
from .folds import MessageFold, Result, RunFold, ToolRun
from .mapping import AsyncMapper, Mapper, map_events
from .run import Fact, astream, stream
from .values import ErrorInfo, FinishReason, Origin, Status, StepKind, ToolCall, Usage

__all__ = [
    "AsyncEventStream",
    "AsyncMapper",
    "BadRequest",
    "BatchItem",
    "BrokenMapper",
    "CallbackSource",
    "Checkpoint",
    "Citation",
    "Content",
    "Custom",
    "ErrorInfo",
    "Event",
    "EventStream",
    "EventType",
    "Fact",
    "Filter",
    "FinishReason",
    "Interrupt",
    "MalformedItem",
    "Mapper",
    "MessageAdded",
    "MessageEnd",
    "MessageFold",
    "MessageStart",
    "Origin",
    "ReasoningDelta",
    "ReasoningEnd",
    "ReasoningStart",
    "Result",
    "RetrievalEnd",
    "RetrievalStart",
    "RunEnd",
    "RunError",
    "RunFailed",
    "RunFold",
    "RunStart",
    "SourceError",
    "StateSnapshot",
    "StateUpdate",
    "Status",
    "StepDelta",
    "StepEnd",
    "StepKind",
    "StepStart",
    "StreamkitError",
    "TextDelta",
    "TextEnd",
    "TextStart",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallEnd",
    "ToolCallStart",
    "ToolDelta",
    "ToolEnd",
    "ToolError",
    "ToolRun",
    "ToolStart",
    "UnknownSource",
    "Unrecognized",
    "Usage",
    "UsageError",
    "astream",
    "map_events",
    "normalize",
    "register",
    "stream",
]
