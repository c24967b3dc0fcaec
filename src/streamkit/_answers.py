"""The answer of a run: messages of the conversation that call no tool.

Whether a message calls one is certain when it ends. So it is held until then; or it passes at once,
and is taken back where it turns out to call one: its end then has the status ``abandoned``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from . import events as ev
from ._event_classes import derived
from .filters import conversation, only, roles

_PARTS = only(ev.TextDelta, ev.ReasoningDelta, ev.ToolCallStart, ev.Content, ev.Citation)
_MESSAGES = (only(ev.MessageStart) | _PARTS) & roles("assistant") & conversation

ASKS: frozenset[type[ev.Event]] = _MESSAGES.asks


def _is_call(event: ev.Event) -> bool:
    """Return whether the application has to run a tool for this call."""
    # A web search that the provider runs is a part of the answer, and of its message.
    return isinstance(event, ev.ToolCallStart) and not event.provider_executed


class _Answer(ABC):
    """One run's stage: what may be the answer goes on, message by message."""

    def __init__(self) -> None:
        self._keep = _MESSAGES.stage()
        self._calling: set[str] = set()

    def __call__(self, event: ev.Event) -> Iterator[ev.Event]:
        for kept in self._keep(event):
            if isinstance(kept, (ev.RunStart, ev.RunEnd, ev.RunError)):
                yield kept
            else:
                yield from self._passed(kept)

    @abstractmethod
    def _passed(self, event: Any) -> Iterable[ev.Event]:
        """Return what passes by an event of a message."""


class HeldAnswer(_Answer):
    """A message comes as a whole, once it is certain to call no tool."""

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[str, list[ev.Event]] = {}

    def _passed(self, event: Any) -> Iterable[ev.Event]:
        id: str = event.message_id
        if _is_call(event):
            self._calling.add(id)
        self._held.setdefault(id, []).append(event)
        if not isinstance(event, ev.MessageEnd):
            return ()
        # Until its end, a message may call a tool: OpenAI and Anthropic may send text first.
        held = self._held.pop(id)
        is_answer = id not in self._calling and event.status != "abandoned"
        self._calling.discard(id)
        return held if is_answer else ()


class OptimisticAnswer(_Answer):
    """A message passes at once, and is taken back where it calls a tool."""

    def __init__(self) -> None:
        super().__init__()
        self._starts: dict[str, ev.Event] = {}
        self._shown: dict[str, list[str]] = {}  # the text so far

    def _passed(self, event: Any) -> Iterator[ev.Event]:
        id: str = event.message_id
        if isinstance(event, ev.MessageStart):
            self._starts[id] = event
        elif _is_call(event):
            self._calling.add(id)
            # Where no text was shown yet, there is nothing to take back.
            self._starts.pop(id, None)
            if id in self._shown:
                text = "".join(self._shown.pop(id))
                yield derived(ev.MessageEnd, event, status="abandoned", text=text)
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
