"""What a run says, in the words that every chat client has for it: for the conformance tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from streamkit import Content, Event, MessageEnd, ReasoningEnd, TextEnd
from streamkit.folds import Result, RunFold, ToolRun


@dataclass
class Said:
    """A message: its text, its calls as (id, name, arguments) and its reasoning, block by block."""

    text: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.text or self.calls or self.reasoning)


@dataclass
class Expected:
    """A run: its messages by id, those that say nothing left out, and all else from the fold."""

    messages: dict[str, Said]
    result: Result


def expected(events: Iterable[Event]) -> Expected:
    """What streamkit itself makes of the events."""
    fold, messages = RunFold(), dict[str, Said]()
    for event in events:
        fold.feed(event)
        if isinstance(event, TextEnd):
            messages.setdefault(event.message_id, Said()).text += event.text
        if isinstance(event, Content) and isinstance(event.block, dict):
            messages.setdefault(event.message_id, Said()).text += event.block.get("refusal", "")
        if isinstance(event, ReasoningEnd):
            messages.setdefault(event.message_id, Said()).reasoning.append(event.text)
        if isinstance(event, MessageEnd):
            said = messages.setdefault(event.message_id, Said())
            said.calls = [(call.id, call.name, call.text) for call in event.tool_calls]
    return Expected({id: said for id, said in messages.items() if said}, fold.result())


def last_tools(result: Result) -> list[ToolRun]:
    """The tool runs that count: of a call that was tried again, the last."""
    return list({tool.tool_call_id: tool for tool in result.tools}.values())


def results(result: Result) -> dict[str, Any]:
    """What came of each tool that ended: its output, or its error's class."""
    ended = [tool for tool in last_tools(result) if tool.status in {"completed", "failed"}]
    return {it.tool_call_id: it.error.name if it.error else it.output for it in ended}
