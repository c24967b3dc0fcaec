"""Stages: what changes a stream of events on its way, each made anew for every stream.

Laws of this file:

1. Nothing but an item of the stream makes a stage emit anything: there is no timer and no task.
2. `coalesce`: every character is emitted in its own block, before the next event that is no delta.
3. `sequential`: between a message's start and its end nothing else comes; nothing is lost, and all
   else keeps its order.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from ._event_classes import refuse_text_or_stream
from ._fields import shown
from ._protocols import is_async
from ._text_stages import Guarded, HeldText, Redacted, ThinkTags, cleaner
from ._typed import Partial, Typed
from .errors import UsageError
from .events import (
    Event,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    RunEnd,
    RunError,
    TextDelta,
    ToolCallDelta,
)
from .mapping import PerRun

__all__ = ["coalesce", "guard", "redact", "sequential", "think_tags", "typed"]


T = TypeVar("T")


def coalesce(
    *, seconds: float | None = None, characters: int | None = None
) -> PerRun[Event, Event]:
    """Return a stage that joins deltas of one block into fewer and larger ones.

    Args:
        seconds: how long a delta may be held back, by the clock of the events.
        characters: how many characters may be held back.

    Any event that is no delta emits what is held first. With neither argument every block comes
    as one delta. A stream that stalls in the middle of a text keeps what is held until it goes on.

    Raises:
        UsageError: a limit is no number, or below 0.

    >>> from streamkit import normalize
    >>> list(normalize(["H", "e", "l", "l", "o"], coalesce(characters=2)).text())
    ['He', 'll', 'o']
    """
    given: dict[str, Any] = {"seconds": seconds, "characters": characters}
    for name, limit in given.items():
        if limit is not None and not (isinstance(limit, (int, float)) and limit >= 0):
            raise UsageError(f"{name}= is a number from 0 on, not {shown(limit, 60)}")
    limits = (inf if seconds is None else seconds, inf if characters is None else characters)
    options = ", ".join(f"{name}={it}" for name, it in given.items() if it is not None)
    return PerRun(lambda: _Coalescer(*limits), f"coalesce({options})")


class _Pieces:
    """The deltas of one block that are held back."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.size = 0
        self.held: list[Event] = []


class _Coalescer:
    """One run's stage."""

    def __init__(self, seconds: float, characters: float) -> None:
        self._seconds = seconds
        self._characters = characters
        self._blocks: dict[tuple[str, int], _Pieces] = {}

    def __call__(self, event: Event) -> Iterable[Event]:
        if not isinstance(event, (TextDelta, ReasoningDelta, ToolCallDelta)):
            refuse_text_or_stream(event.__class__)
            # Any other event ends what is held back, so that nothing overtakes a piece of text.
            return (*self._release([*self._blocks]), event)
        key = (event.message_id, event.block_id)
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = _Pieces(event.timestamp)
        block.held.append(event)
        block.size += len(_text(event))
        is_full = block.size >= self._characters
        return self._release([key] if is_full else self._overdue(event.timestamp))

    def _overdue(self, now: float) -> list[tuple[str, int]]:
        return [key for key, it in self._blocks.items() if now - it.since >= self._seconds]

    def _release(self, keys: Iterable[tuple[str, int]]) -> list[Event]:
        return [_joined(self._blocks.pop(key).held) for key in keys]


def _text(event: Any) -> str:
    return cast("str", event.args if isinstance(event, ToolCallDelta) else event.text)


def _joined(held: list[Event]) -> Event:
    name = "args" if isinstance(held[-1], ToolCallDelta) else "text"
    return replace(held[-1], **{name: "".join(map(_text, held))})


# --- one message at a time


class _Queue:
    """One run's stage: the message that passes, and what waits for its end."""

    def __init__(self) -> None:
        self._open: str | None = None
        self._waiting: deque[list[Event]] = deque()  # each a message so far, or one other event
        self._going_on: dict[str, list[Event]] = {}  # the messages among them without an end

    def __call__(self, event: Event) -> Iterator[Event]:
        id: str | None = getattr(event, "message_id", None)
        if isinstance(event, (RunEnd, RunError)):
            yield from (it for part in self._waiting for it in part)
        elif self._open is not None and id != self._open:
            self._wait(event, id)
            return
        if id is None:
            refuse_text_or_stream(event.__class__)
        yield event
        if isinstance(event, MessageStart):
            self._open = id
        elif isinstance(event, MessageEnd):
            self._open = None
            yield from self._passed()

    def _wait(self, event: Event, id: str | None) -> None:
        message = self._going_on.get(id or "")
        if message is None:
            self._waiting.append([event])
            if isinstance(event, MessageStart):
                self._going_on[event.message_id] = self._waiting[-1]
            return
        message.append(event)
        if isinstance(event, MessageEnd):
            del self._going_on[event.message_id]

    def _passed(self) -> Iterator[Event]:
        """Yield what has waited, up to the next message that goes on."""
        while self._waiting and self._open is None:
            part = self._waiting.popleft()
            yield from part
            if isinstance(part[0], MessageStart) and not isinstance(part[-1], MessageEnd):
                self._open = part[0].message_id
                del self._going_on[self._open]


sequential: PerRun[Event, Event] = PerRun(_Queue, "sequential")
"""One message at a time: what other models write meanwhile comes after it, and all else too.

>>> from streamkit import normalize
>>> [event.type for event in normalize(["Hi"], sequential)][:3]
['run.start', 'message.start', 'text.start']
"""


# --- text across deltas


def think_tags(opening: str = "<think>", closing: str = "</think>") -> PerRun[Event, Event]:
    """Return a stage that makes reasoning of text between tags, as many open models write it.

    The tags are found across deltas; they are left out, and so are they in ``message.end``. What is
    never closed is reasoning to its end.

    Raises:
        UsageError: a tag is empty.

    >>> from streamkit import normalize
    >>> said = ["<thi", "nk>Hm.</th", "ink>", "Yes."]
    >>> [event.type for event in normalize(said, think_tags())][2:-2]
    ['reasoning.start', 'reasoning.delta', 'reasoning.end', 'text.start', 'text.delta', 'text.end']
    >>> list(normalize(said, think_tags()).text())
    ['Yes.']
    """
    if not (opening and closing):
        raise UsageError("think_tags() needs an opening and a closing tag, such as '<think>'")
    return PerRun(lambda: ThinkTags(opening, closing), f"think_tags({opening!r}, {closing!r})")


def redact(
    patterns: str | re.Pattern[str] | Sequence[str | re.Pattern[str]],
    *,
    hold: int = 64,
    replacement: str = "[redacted]",
) -> PerRun[Event, Event]:
    r"""Return a stage that replaces whatever matches, also where it is split across deltas.

    Text, reasoning, arguments of calls and the pieces of text that steps and tools yield are
    redacted as they are written, and every value in other events: results, state, custom data. A
    value that has a match becomes JSON data. The first match of a message, or else of a run, is
    reported by a `Custom` event of the name ``withheld``.

    Args:
        patterns: regular expressions.
        hold: how many characters of a block are held back: the longest match that is surely found.
            Of a longer one, what is still held is replaced.
        replacement: what stands in its place.

    Raises:
        UsageError: a pattern is no regular expression, or ``hold`` is no positive int.

    >>> from streamkit import normalize
    >>> "".join(normalize(["My number is 555-", "1234."], redact(r"\d{3}-\d{4}")).text())
    'My number is [redacted].'
    """
    given = [patterns] if isinstance(patterns, (str, re.Pattern)) else list(patterns)
    try:
        compiled = [re.compile(it) for it in given]
    except (TypeError, re.error) as error:
        raise UsageError(f"redact() takes regular expressions: {error}") from error
    _require_hold(hold)
    return PerRun(
        lambda: HeldText(
            lambda: Redacted(compiled, hold, replacement), "redact", cleaner(compiled, replacement)
        ),
        f"redact({[it.pattern for it in compiled]!r})",
    )


def guard(check: Callable[[str], bool], *, hold: int | None = 64) -> PerRun[Event, Event]:
    """Return a stage that passes text as long as ``check`` returns True for it.

    ``check`` is called with the newest text of a block as it is written, at least the last ``hold``
    characters. Once it returns False or raises, nothing more of that block passes, and a `Custom`
    event of the name ``withheld`` says so. Text and reasoning of messages and the pieces of text
    that steps yield are checked, and nothing else; where a later value, such as a state, has the
    whole text, it has what passed of it.

    Args:
        check: whether the text may pass.
        hold: how many characters are held back, so that what is refused within that length never
            passes in part; None holds each block until its end and checks it as a whole.

    Raises:
        UsageError: ``check`` is no plain function, or ``hold`` is no positive int.

    >>> from streamkit import normalize
    >>> polite = guard(lambda text: "damn" not in text, hold=4)
    >>> "".join(normalize(["Well, da", "mn it."], polite).text())
    'Well'
    """
    if not callable(cast("Any", check)) or is_async(check):
        raise UsageError("guard() takes a plain function from text to True or False")
    if hold is not None:
        _require_hold(hold)
    return PerRun(lambda: HeldText(lambda: Guarded(check, hold), "guard"), f"guard(hold={hold})")


def _require_hold(hold: Any) -> None:
    if not isinstance(hold, int) or hold < 1:
        raise UsageError(f"hold= is a number of characters, at least 1, not {shown(hold, 60)}")


# --- objects


def typed(model: type[T]) -> PerRun[Event, T]:
    """Return a stage from events to objects of ``model``, each more complete than the last.

    The object is read from JSON text, from the arguments of a call named as the model, and from
    what a parser, a node or the run gave: any strategy of structured output. While it is written,
    fields of a pydantic model that are not there yet are None. The finished object is validated.

    Raises:
        UsageError: ``model`` is no type of data.

    >>> from pydantic import BaseModel
    >>> from streamkit import normalize
    >>> class City(BaseModel):
    ...     name: str
    ...     people: int
    >>> list(normalize(['{"name": "Bo', 'logna", ', '"people": 400000}']).pipe(typed(City)))[-1]
    City(name='Bologna', people=400000)
    """
    partial = Partial(model)
    return PerRun(lambda: Typed(partial), f"typed({getattr(model, '__name__', model)})")
