"""What a run says, in the words that every chat client has for it: for the conformance tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from streamkit import (
    Content,
    Event,
    MessageEnd,
    MessageRemoved,
    MessageReplaced,
    ReasoningEnd,
    TextEnd,
    ToolEnd,
)
from streamkit.folds import Result, RunFold, ToolRun
from streamkit.wire import jsonable
from streamkit.wire._blocks import text_of


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
    gone: set[str] = field(default_factory=set)
    replaced: dict[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> dict[str, Said]:
        """The messages as they are in the end: not those that were abandoned or removed."""
        kept = {id: it for id, it in self.messages.items() if id not in self.gone}
        for id, text in self.replaced.items():
            if id in kept:
                kept[id] = replace(kept[id], text=text)
        return kept


def public(event: Event) -> Event:
    """The event without a result that nobody has checked, which no wire writes."""
    if isinstance(event, ToolEnd) and not event.confirmed:
        return msgspec.structs.replace(event, output=None, artifact=None)
    return event


def expected(events: Iterable[Event]) -> Expected:
    """What streamkit itself makes of the events."""
    fold, messages = RunFold(), dict[str, Said]()
    gone, replaced = set[str](), dict[str, str]()
    for event in events:
        fold.feed(public(event))
        if isinstance(event, TextEnd):
            messages.setdefault(event.message_id, Said()).text += event.text
        if isinstance(event, Content) and isinstance(event.block, dict):
            messages.setdefault(event.message_id, Said()).text += event.block.get("refusal", "")
        if isinstance(event, ReasoningEnd):
            messages.setdefault(event.message_id, Said()).reasoning.append(event.text)
        if isinstance(event, MessageEnd):
            said = messages.setdefault(event.message_id, Said())
            said.calls = [(call.id, call.name, call.text) for call in event.tool_calls]
            if event.status == "abandoned":
                gone.add(event.message_id)
        if isinstance(event, MessageRemoved):
            gone.add(event.message_id)
        if isinstance(event, MessageReplaced):
            message = jsonable(event.message, flat=True)
            replaced[event.message_id] = text_of(message.get("content"))
    said_something = {id: said for id, said in messages.items() if said}
    return Expected(said_something, fold.result(), gone, replaced)


def last_tools(result: Result) -> list[ToolRun]:
    """The tool runs that count: of a call that was tried again, the last."""
    return list({tool.tool_call_id: tool for tool in result.tools}.values())


def results(result: Result) -> dict[str, Any]:
    """What came of each tool that ended: its output, or its error's class."""
    ended = [tool for tool in last_tools(result) if tool.status in {"completed", "failed"}]
    return {it.tool_call_id: it.error.name if it.error else it.output for it in ended}
