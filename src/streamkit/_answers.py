"""The answer of a run: messages of the conversation that call no tool.

Whether a message calls one is certain when it ends. So it is held until then; or it passes at once,
and is taken back where it turns out to call one: its end then has the status ``abandoned``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from . import events as ev
from .filters import conversation, only, roles

__all__ = ["ASKS", "HeldAnswer", "OptimisticAnswer"]

_PARTS = only(ev.TextDelta, ev.ReasoningDelta, ev.ToolCallStart, ev.Content, ev.Citation)
_MESSAGES = (only(ev.MessageStart) | _PARTS) & roles("assistant") & conversation

ASKS: frozenset[type[ev.Event]] = _MESSAGES.asks


def _is_call(event: ev.Event) -> bool:
    """Return whether the application has to run a tool for this call."""
    # A web search that the provider runs is a part of the answer: the model goes on in the same
    # message.
    return isinstance(event, ev.ToolCallStart) and not event.provider_executed


class HeldAnswer:
    """One run's stage: a message comes as a whole, once it is certain to call no tool."""

    def __init__(self) -> None:
        self._keep = _MESSAGES.stage()
        self._held: dict[str, list[ev.Event]] = {}
        self._calling: set[str] = set()

    def __call__(self, event: ev.Event) -> Iterator[ev.Event]:
        for kept in self._keep(event):
            yield from self._decided(kept)

    def _decided(self, event: Any) -> Iterable[ev.Event]:
        if isinstance(event, (ev.RunStart, ev.RunEnd, ev.RunError)):
            return (event,)
        id: str = event.message_id
        if _is_call(event):
            self._calling.add(id)
        self._held.setdefault(id, []).append(event)
        if not isinstance(event, ev.MessageEnd):
            return ()
        # Whether a message calls a tool is certain at its end: OpenAI and Anthropic may send text
        # first.
        held = self._held.pop(id)
        is_answer = id not in self._calling and event.status != "abandoned"
        self._calling.discard(id)
        return held if is_answer else ()


class OptimisticAnswer:
    """One run's stage: a message passes at once, and is taken back where it calls a tool."""

    def __init__(self) -> None:
        self._keep = _MESSAGES.stage()
        self._starts: dict[str, ev.Event] = {}
        self._shown: dict[str, list[str]] = {}  # the text so far
        self._calling: set[str] = set()

    def __call__(self, event: ev.Event) -> Iterator[ev.Event]:
        for kept in self._keep(event):
            yield from self._passed(kept)

    def _passed(self, event: Any) -> Iterator[ev.Event]:
        if isinstance(event, (ev.RunStart, ev.RunEnd, ev.RunError)):
            yield event
            return
        id: str = event.message_id
        if isinstance(event, ev.MessageStart):
            self._starts[id] = event
        elif _is_call(event):
            self._calling.add(id)
            # Where no text was shown yet, there is nothing to take back.
            self._starts.pop(id, None)
            if id in self._shown:
                yield _taken_back(event, "".join(self._shown.pop(id)))
        elif id in self._calling:
            if isinstance(event, ev.MessageEnd):
                self._calling.discard(id)
        else:
            start = self._starts.pop(id, None)
            if start:
                self._shown[id] = []
                yield start
            if isinstance(event, ev.TextDelta):
                self._shown[id].append(event.text)
            yield event
            if isinstance(event, ev.MessageEnd):
                del self._shown[id]


def _taken_back(call: Any, text: str) -> ev.Event:
    """Return the end of a message that begins a call, which takes its text back."""
    return ev.MessageEnd(
        origin=call.origin,
        timestamp=call.timestamp,
        message_id=call.message_id,
        status="abandoned",
        text=text,
    )
