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

The door opens a room only when somebody asks for what is in it: importing streamkit costs nothing,
and whoever reads events needs no reader of streams.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._call import Fact, astream, stream
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
        MessageRemoved,
        MessageReplaced,
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
    "MessageRemoved",
    "MessageReplaced",
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

_ROOMS = (
    "errors",
    "values",
    "events",
    "folds",
    "mapping",
    "dialects",
    "_drive",
    "filters",
    "_call",
    "callbacks",
)
"""Where those names are at home, from the ground up: each room needs most of those before it."""


if not TYPE_CHECKING:  # where it is believed to have whatever name it is asked for

    def __getattr__(name: str) -> Any:
        if name in _ROOMS:
            return import_module(f".{name}", __name__)
        for room in _ROOMS if name in __all__ else ():
            module = import_module(f".{room}", __name__)
            if name in module.__all__:
                value = globals()[name] = getattr(module, name)  # so that nobody asks again
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
