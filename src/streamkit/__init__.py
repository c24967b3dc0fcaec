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

Names are imported when they are first used (PEP 562). Importing streamkit then costs a twentieth of
importing LangChain's messages; with plain imports it is a fifth, of which msgspec alone is two
thirds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._batch import astream_batch
    from ._call import astream, stream
    from ._drive import AsyncEventStream, EventStream, normalize
    from .callbacks import CallbackSource
    from .dialects import register
    from .errors import (
        BadRequest,
        BrokenMapper,
        ConcurrentRead,
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

    __version__: str
    """The version of the installed distribution."""

__all__ = [
    "AsyncEventStream",
    "AsyncMapper",
    "BadRequest",
    "BatchItem",
    "BrokenMapper",
    "CallbackSource",
    "Checkpoint",
    "Citation",
    "ConcurrentRead",
    "Content",
    "Custom",
    "ErrorInfo",
    "Event",
    "EventStream",
    "EventType",
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
    "astream_batch",
    "map_events",
    "normalize",
    "register",
    "stream",
]

_MODULES = (
    "errors",
    "values",
    "events",
    "folds",
    "mapping",
    "dialects",
    "_drive",
    "filters",
    "_call",
    "_batch",
    "callbacks",
)
"""Where those names are defined, in the order of imports: each needs most of those before it."""


if not TYPE_CHECKING:  # a type checker would believe that any name exists

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return import_module(f".{name}", __name__)
        if name == "__version__":
            return import_module("importlib.metadata").version("langchain-streamkit")
        for module_name in _MODULES if name in __all__ else ():
            module = import_module(f".{module_name}", __name__)
            if name in module.__all__:
                value = globals()[name] = getattr(module, name)  # so that it is looked up once
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
