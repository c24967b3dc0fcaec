"""For tests: the grammar of a stream as code, and a chat model that follows a script.

    from streamkit.testing import Reply, ScriptedChatModel, check_stream

    model = ScriptedChatModel(script=["Hello!", Reply("Bye!", usage=(3, 2))])
    check_stream(normalize(model.stream("Hi")))

`streamkit.pytest_plugin` has fixtures, and `streamkit.strategies` has random streams.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import events as ev
from ._event_classes import bracket_of, require_event
from ._fields import shown
from ._scripted_model import Call, Reply, ScriptedChatModel
from .errors import UsageError
from .values import Origin

__all__ = [
    "Call",
    "GrammarChecker",
    "GrammarError",
    "Reply",
    "ScriptedChatModel",
    "check_stream",
]


class GrammarError(AssertionError):
    """A stream broke the grammar; the message says where and how."""


def check_stream(events: Iterable[ev.Event], *, filtered: bool = False) -> None:
    """Check a whole stream against the grammar: one `GrammarError` for the first rule broken.

    Behind a filter, ``filtered=True`` lets a message's end have the text of blocks that were
    dropped.

    Raises:
        UsageError: ``events`` is an async stream, or holds what is no event of ours.

    >>> from streamkit import normalize
    >>> check_stream(normalize(["Hel", "lo"]))
    """
    if not hasattr(events, "__iter__"):
        if hasattr(events, "__aiter__"):
            raise UsageError(
                "check_stream() reads a sync stream; read an async one into a list first: "
                "check_stream([event async for event in events])"
            )
        raise UsageError(
            f"check_stream() reads the events of a stream, not a {type(events).__name__}; "
            "write check_stream(stream), and read stream.result behind it"
        )
    checker = GrammarChecker(filtered=filtered)
    for event in events:
        require_event(event, "check_stream(normalize(stream))")
        checker(event)
    checker.close()


class _OpenMessage:
    def __init__(self) -> None:
        self.blocks: set[int] = set()
        self.parts: dict[int, list[str]] = {}
        self.text: list[str] = []
        self.calls: list[str] = []


class GrammarChecker:
    """The grammar, event by event; also a stage that passes everything on.

    >>> from streamkit import normalize
    >>> checked = normalize(["Hel", "lo"]).pipe(GrammarChecker())
    """

    def __init__(self, *, filtered: bool = False) -> None:
        self._filtered = filtered
        self._count = 0
        self._ended = False
        self._open: dict[tuple[Any, ...], Origin] = {}
        self._messages: dict[str, _OpenMessage] = {}
        self._interrupts: set[str] = set()

    def __call__(self, event: ev.Event) -> Iterable[ev.Event]:
        """Check one more event, and give it back."""
        self._require(not self._ended, event, "comes after the end of the run")
        is_first = isinstance(event, ev.RunStart)
        self._require(is_first == (self._count == 0), event, "run.start comes first, and once")
        self._count += 1
        self._check(event)
        return (event,)

    def close(self) -> None:
        """Check that the stream has ended as it must."""
        if not self._ended:
            raise GrammarError(f"after {self._count} events the run has not ended")

    def _require(self, holds: bool, event: ev.Event, rule: str) -> None:
        if not holds:
            raise GrammarError(
                f"event {self._count} breaks the grammar: {rule}: {shown(event, 300)}"
            )

    def _check(self, event: ev.Event) -> None:
        verb, key = bracket_of(event)
        if isinstance(event, (ev.RunEnd, ev.RunError)):
            self._require(not self._open, event, f"still open: {sorted(self._open)}")
            self._ended = True
        elif hasattr(event, "block_id"):
            self._check_part(event, verb)
        elif verb == "start" and not isinstance(event, ev.RunStart):
            self._require(key not in self._open, event, f"{key} is open already")
            self._open[key] = event.origin
            if isinstance(event, ev.MessageStart):
                self._messages[event.message_id] = _OpenMessage()
        elif verb == "delta":
            is_open = key in self._open or key == ("step", None)  # of the root, which is no step
            self._require(is_open, event, f"the {key[0]} is not open")
        elif verb == "end":
            self._check_end(event, key)
        elif isinstance(event, ev.Interrupt):
            # LangGraph reports an interrupt in up to four places: updates, values, tasks, output.
            self._require(event.interrupt_id not in self._interrupts, event, "shown before")
            self._interrupts.add(event.interrupt_id)

    def _check_end(self, event: ev.Event, key: tuple[Any, ...]) -> None:
        if isinstance(event, ev.MessageEnd):
            self._check_message_end(event)
        self._require(key in self._open, event, f"{key} is not open")
        del self._open[key]
        if isinstance(event, ev.StepEnd):
            # LangGraph runs tasks at the same time: only what is inside this step must have ended.
            id = event.step_id
            inside = [key for key, origin in self._open.items() if _is_inside(origin, id)]
            self._require(not inside, event, f"still open inside: {inside}")

    # --- the parts of a message

    def _check_part(self, event: Any, verb: str) -> None:
        message, id = self._messages.get(event.message_id), event.block_id
        if message is None:
            raise GrammarError(f"event {self._count}: message {event.message_id!r} is not open")
        if isinstance(event, ev.Citation):
            self._require(id in message.blocks, event, "it cites from no block")
        elif isinstance(event, ev.Content):
            self._require(id not in message.blocks, event, "the block exists already")
            message.blocks.add(id)
        elif verb == "start":
            self._require(id not in message.blocks, event, "the block exists already")
            message.blocks.add(id)
            message.parts[id] = []
            if isinstance(event, ev.ToolCallStart):
                message.calls.append(event.tool_call_id)
        else:
            self._require(id in message.parts, event, "the block is not open")
            if verb == "delta":
                text = event.args if isinstance(event, ev.ToolCallDelta) else event.text
                # Providers send empty chunks, above all at the beginning: none becomes a delta.
                self._require(bool(text), event, "an empty delta")
                message.parts[id].append(text)
            else:
                self._check_block_end(event, message)

    def _check_block_end(self, event: Any, message: _OpenMessage) -> None:
        joined = "".join(message.parts.pop(event.block_id))
        self._require(joined == event.text, event, f"its deltas joined are {joined!r}")
        if isinstance(event, ev.TextEnd):
            message.text.append(event.text)
        elif isinstance(event, ev.ToolCallEnd):
            is_sound = (event.args is None) == (event.error is not None)
            self._require(is_sound, event, "a call has either args or an error")

    def _check_message_end(self, event: ev.MessageEnd) -> None:
        message = self._messages.pop(event.message_id, None)
        if message is None:
            raise GrammarError(f"event {self._count}: message {event.message_id!r} is not open")
        self._require(not message.parts, event, f"blocks still open: {sorted(message.parts)}")
        text, calls = "".join(message.text), [call.id for call in event.tool_calls]
        if self._filtered:
            # A filter may leave out blocks, and `message.end` has the text of all of them.
            has_all = all(part in event.text for part in message.text)
            self._require(has_all, event, f"it does not contain all of {message.text!r}")
            calls = [id for id in calls if id in message.calls]
        else:
            self._require(text == event.text, event, f"its text blocks joined are {text!r}")
        self._require(calls == message.calls, event, f"the calls it wrote are {message.calls}")


def _is_inside(origin: Origin, step_id: str) -> bool:
    return origin.run_id == step_id or step_id in origin.parent_ids
