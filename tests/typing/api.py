"""What a type checker must know: checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_never, assert_type

import streamkit
from streamkit import (
    AsyncEventStream,
    BatchItem,
    Checkpoint,
    Citation,
    Content,
    Custom,
    Event,
    EventStream,
    Interrupt,
    MessageAdded,
    MessageEnd,
    MessageRemoved,
    MessageReplaced,
    MessageStart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    Result,
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
    normalize,
)


async def overloads(sync: Iterator[Any], nosync: AsyncIterator[Any]) -> None:
    assert_type(normalize(sync), EventStream[Event])
    assert_type(normalize(nosync), AsyncEventStream[Event])
    assert_type(normalize(sync).text(), EventStream[str])
    assert_type(normalize(nosync).text(), AsyncEventStream[str])
    assert_type(normalize(sync).collect(), Result)
    assert_type(await normalize(nosync).collect(), Result)
    for event in normalize(sync):
        assert_type(event.timestamp, float)
    async for text in normalize(nosync).text():
        assert_type(text, str)


def lengths(text: str) -> list[int]:
    return [len(text)]


def stages_retype(sync: Iterator[Any]) -> None:
    assert_type(normalize(sync).text().pipe(lengths), EventStream[int])


def by_type_word(event: Event) -> None:
    if event.type == "text.delta":
        assert_type(event, TextDelta)
    if event.type == "tool.start":
        assert_type(event, ToolStart)


def exhaustive(event: Event) -> str:
    match event:
        case RunStart() | RunEnd() | RunError():
            return "run"
        case StepStart() | StepDelta() | StepEnd():
            return "step"
        case MessageStart() | MessageEnd():
            return "message"
        case MessageAdded() | MessageReplaced() | MessageRemoved():
            return "state"
        case TextStart() | TextDelta() | TextEnd():
            return "text"
        case ReasoningStart() | ReasoningDelta() | ReasoningEnd():
            return "reasoning"
        case ToolCallStart() | ToolCallDelta() | ToolCallEnd():
            return "tool call"
        case Content() | Citation():
            return "content"
        case ToolStart() | ToolDelta() | ToolEnd() | ToolError():
            return "tool"
        case RetrievalStart() | RetrievalEnd():
            return "retrieval"
        case StateUpdate() | StateSnapshot() | Checkpoint():
            return "state"
        case Interrupt() | Custom() | BatchItem() | Unrecognized():
            return "other"
        case _:
            assert_never(event)


def frozen(event: TextDelta) -> None:
    event.text = "x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def the_door_has_no_such_name() -> object:
    return streamkit.normalise  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
