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
        self._shown: dict[str, _Shown] = {}
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
                yield from self._shown.pop(id).taken_back(event)
        elif id in self._calling:
            if isinstance(event, ev.MessageEnd):
                self._calling.discard(id)
        else:
            start = self._starts.pop(id, None)
            if start:
                self._shown[id] = _Shown()
                yield start
            self._shown[id].add(event)
            yield event
            if isinstance(event, ev.MessageEnd):
                del self._shown[id]


class _Shown:
    """The text of a message that was shown."""

    def __init__(self) -> None:
        self._open: dict[int, list[str]] = {}
        self._kinds: dict[int, Any] = {}
        self._text: list[str] = []

    def add(self, event: Any) -> None:
        match event:
            case ev.TextStart() | ev.ReasoningStart():
                self._open[event.block_id] = []
                self._kinds[event.block_id] = (
                    ev.TextEnd if isinstance(event, ev.TextStart) else ev.ReasoningEnd
                )
            case ev.TextDelta() | ev.ReasoningDelta() if event.block_id in self._open:
                self._open[event.block_id].append(event.text)
                if isinstance(event, ev.TextDelta):
                    self._text.append(event.text)
            case ev.TextEnd() | ev.ReasoningEnd():
                self._open.pop(event.block_id, None)
            case _:
                pass

    def taken_back(self, event: Any) -> Iterator[ev.Event]:
        """Return the ends of what is open, and that of the message, which takes it back."""
        about = {
            "origin": event.origin,
            "timestamp": event.timestamp,
            "message_id": event.message_id,
        }
        for block_id, pieces in self._open.items():
            yield self._kinds[block_id](block_id=block_id, text="".join(pieces), **about)
        yield ev.MessageEnd(status="abandoned", text="".join(self._text), **about)
