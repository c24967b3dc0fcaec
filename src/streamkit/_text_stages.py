"""Stages over the text of blocks, across its deltas: reasoning tags, redaction, a guard.

Laws of this file:

1. Whatever an end says (``text.end``, ``message.end``) is what its deltas said.
2. What must not pass never passes, however the text is cut into deltas: each block's newest text is
   held back until what may begin in it is decided. Only the newest text is looked at again, so the
   cost of a delta does not grow with the text.
3. At its end, or where the stream is cut, a block decides about the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, Protocol, cast

from msgspec.structs import replace

from . import events as ev
from ._event_classes import derived, is_event, refuse_text_or_stream, require_event
from ._protocols import leave_unawaited
from .errors import UsageError
from .values import ErrorInfo


class Rewriter(Protocol):
    """The changes to the text of one block."""

    withheld: bool
    """Whether anything was withheld."""

    def feed(self, text: str) -> str:
        """Return what may pass by now."""
        ...

    def end(self) -> str:
        """Return what may pass of the rest."""
        ...


class Redacted:
    """Replaces what matches any pattern."""

    def __init__(self, patterns: Sequence[re.Pattern[str]], hold: int, replacement: str) -> None:
        self.withheld = False
        self._patterns = patterns
        self._hold = hold
        self._replacement = replacement
        self._context = ""  # the newest text that was decided, as it came
        self._pending = ""
        self._ends_redacted = False

    def feed(self, text: str) -> str:
        self._pending += text
        return self._release(len(self._pending) - self._hold)

    def end(self) -> str:
        return self._release(len(self._pending))

    def _release(self, count: int) -> str:
        if count <= 0:
            return ""
        whole, at = self._context + self._pending, len(self._context)
        cut = at + count
        out: list[str] = []
        for start, end in self._spans(whole, at):
            if start >= cut:
                break
            out.append(whole[at:start])
            if not (start == at and self._ends_redacted):  # a match that goes on is one
                out.append(self._replacement)
            self.withheld = self._ends_redacted = True
            at, cut = end, max(cut, end)
        if at < cut:
            out.append(whole[at:cut])
            self._ends_redacted = False
        self._context, self._pending = whole[:cut][-self._hold :], whole[cut:]
        return "".join(out)

    def _spans(self, whole: str, at: int) -> list[tuple[int, int]]:
        """Return where text from ``at`` on matches, overlaps joined; a match may begin before."""
        found = sorted(
            (max(it.start(), at), it.end())
            for pattern in self._patterns
            for it in pattern.finditer(whole)
            if it.end() > max(it.start(), at)
        )
        spans: list[tuple[int, int]] = []
        for start, end in found:
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((start, end))
        return spans


class Guarded:
    """Passes text as long as a check accepts it, and then nothing more of its block."""

    def __init__(self, check: Callable[[str], bool], hold: int | None) -> None:
        self.withheld = False
        self._check = check
        self._hold = hold
        self._context = ""
        self._pending = ""

    def feed(self, text: str) -> str:
        if self.withheld:
            return ""
        self._pending += text
        if self._hold is None:
            return ""
        return self._release(len(self._pending) - self._hold)

    def end(self) -> str:
        return "" if self.withheld else self._release(len(self._pending))

    def _release(self, count: int) -> str:
        passed, self.withheld = False, True  # also where the check raises
        answer: object = self._check(self._context + self._pending)
        if hasattr(answer, "__await__"):  # it is true, and would accept everything
            leave_unawaited(answer)
            raise UsageError("guard() takes a plain function, and this one returned an awaitable")
        passed = bool(answer)
        self.withheld = not passed
        if self.withheld:
            self._context = self._pending = ""
        if not passed or count <= 0:
            return ""
        out, self._pending = self._pending[:count], self._pending[count:]
        self._context = (self._context + out)[-(self._hold or 1) :]
        return out


_DELTAS: dict[type, tuple[Any, str]] = {
    ev.TextEnd: (ev.TextDelta, "text"),
    ev.ReasoningEnd: (ev.ReasoningDelta, "text"),
    ev.ToolCallEnd: (ev.ToolCallDelta, "args"),
    **dict.fromkeys((ev.ToolEnd, ev.ToolError), (ev.ToolDelta, "delta")),
    **dict.fromkeys((ev.StepEnd, ev.RunEnd, ev.RunError), (ev.StepDelta, "value")),
}
"""The delta of a text whose end it is, and the field with its text."""


class HeldText:
    """One run's stage: every block's text goes through a rewriter of its own.

    Args:
        make: makes a block's rewriter.
        name: what withholds, for the event that says so.
        clean: what becomes of values that are no text of a block; by default they pass, except that
            a whole text that was withheld becomes what passed of it.
    """

    def __init__(
        self, make: Callable[[], Rewriter], name: str, clean: Callable[[Any], Any] | None = None
    ) -> None:
        self._make = make
        self._name = name
        self._clean = clean
        self._blocks: dict[tuple[str, Any], tuple[Rewriter, list[str]]] = {}
        self._texts: dict[str, list[str]] = {}
        self._calls: dict[str, list[tuple[str, Any]]] = {}
        self._reported: set[str] = set()
        self._has_reported = False
        self._passed: dict[str, str] = {}  # of texts that were withheld, what passed

    def __call__(self, event: ev.Event) -> Iterable[ev.Event]:  # noqa: C901  (a case an event)
        match event:
            case ev.TextDelta() | ev.ReasoningDelta():
                out = self._fed(event, event.text)
                yield from self._reports(event)
                if out:
                    yield replace(event, text=out)
            case ev.TextEnd() | ev.ReasoningEnd():
                text = yield from self._end(event)
                self._note(event.text, text)
                if isinstance(event, ev.TextEnd):
                    self._texts.setdefault(event.message_id, []).append(text)
                yield replace(event, text=text)
            case ev.ToolCallDelta() if self._clean:
                yield from self._piece(event, "args")
            case ev.ToolCallEnd() if self._clean:
                text = yield from self._end(event)
                args = self._clean(event.args)
                self._calls.setdefault(event.message_id, []).append((text, args))
                yield replace(event, text=text, args=args)
            case ev.MessageEnd():
                self._reported.discard(event.message_id)
                yield self._message_end(event)
            case ev.StepDelta(value=str()) if not event.cumulative:
                yield from self._piece(event, "value")
            case ev.ToolDelta(delta=str()) if self._clean:
                yield from self._piece(event, "delta")
            case ev.StepEnd() | ev.ToolEnd() | ev.ToolError() | ev.RunEnd() | ev.RunError():
                yield from self._end(event)
                yield from self._other(event)
            case _:
                yield from self._other(event)

    def _piece(self, event: Any, name: str) -> Iterator[ev.Event]:
        out = self._fed(event, getattr(event, name))
        yield from self._reports(event)
        if out:
            yield replace(event, **{name: out})

    def _fed(self, event: Any, text: str) -> str:
        key = _key(event)
        if key not in self._blocks:
            self._blocks[key] = (self._make(), [])
        rewriter, pieces = self._blocks[key]
        out = rewriter.feed(text)
        pieces.append(out)
        return out

    def _end(self, event: Any) -> Generator[ev.Event, None, str]:
        """Yield the rest of a text that may pass; return all that passed."""
        key = _key(event)
        if key not in self._blocks:
            return ""
        rewriter, pieces = self._blocks[key]
        rest = rewriter.end()
        yield from self._reports(event)
        del self._blocks[key]
        if rest:
            cls, name = next(it for end, it in _DELTAS.items() if isinstance(event, end))
            more = {"step_id": key[1], "cumulative": False} if cls is ev.StepDelta else {}
            yield derived(cls, event, **{name: rest, **more})
        return "".join((*pieces, rest))

    def _message_end(self, event: ev.MessageEnd) -> ev.Event:
        texts = self._texts.pop(event.message_id, None)
        calls = self._calls.pop(event.message_id, [])
        for key in [key for key in self._blocks if key[0] == event.message_id]:
            del self._blocks[key]
        # A stage in front may have dropped the ends of blocks: then the whole is rewritten here.
        text = self._whole(event.text) if texts is None else "".join(texts)
        self._note(event.text, text)
        if self._clean and len(calls) != len(event.tool_calls):
            calls = [(self._whole(it.text), self._clean(it.args)) for it in event.tool_calls]
        if calls:
            made = zip(event.tool_calls, calls, strict=True)
            cleaned = tuple(replace(it, text=text, args=args) for it, (text, args) in made)
            event = replace(event, tool_calls=cleaned)
        return replace(event, text=text)

    def _whole(self, text: str) -> str:
        rewriter = self._make()
        return rewriter.feed(text) + rewriter.end()

    def _note(self, whole: str, passed: str) -> None:
        """Note what passed of a text: the state that holds the message comes later."""
        if self._clean is None and whole != passed:
            self._passed[whole] = passed

    def _other(self, event: ev.Event) -> Iterator[ev.Event]:
        clean = self._clean
        if clean is None:
            refuse_text_or_stream(event.__class__)
            if not self._passed or not is_event(event):
                yield event
                return
            clean = _cleaner(lambda text: self._passed.get(text, text))
        else:
            require_event(event, "normalize(source, redact(...)).map(function)")
        changes = {
            name: cleaned
            for name in _VALUES
            if (value := getattr(event, name, None)) is not None
            and (cleaned := clean(value)) is not value
        }
        if not changes:
            yield event
            return
        report = () if self._has_reported else (self._report(event),)
        rewritten = replace(event, **changes)
        # Nothing comes before the start of a run, and nothing after its end.
        is_start = isinstance(event, ev.RunStart)
        yield from (rewritten, *report) if is_start else (*report, rewritten)

    def _reports(self, event: Any) -> Iterator[ev.Event]:
        """Return the one event that says that something of a message was withheld."""
        key = _key(event)
        reported = key[0] or f"step {key[1]}"
        block = self._blocks.get(key)
        if block and block[0].withheld and reported not in self._reported:
            self._reported.add(reported)
            yield self._report(event)

    def _report(self, event: ev.Event) -> ev.Event:
        self._has_reported = True
        data = {"by": self._name, "message_id": getattr(event, "message_id", None)}
        return derived(ev.Custom, event, name="withheld", data=data)


def _key(event: Any) -> tuple[str, Any]:
    """Return the key of a text in pieces: a block's, or a step's or tool's without a message."""
    if hasattr(event, "block_id"):
        return event.message_id, event.block_id
    return "", getattr(event, "step_id", getattr(event, "tool_call_id", None))


_VALUES = (
    *("input", "output", "artifact", "value", "values", "documents", "query", "block", "citation"),
    *("message", "data", "raw", "reason", "delta", "error"),
)
"""The fields of events that hold what an application or a model made."""


def cleaner(patterns: Sequence[re.Pattern[str]], replacement: str) -> Callable[[Any], Any]:
    """Return what redacts every text in a value, and returns a value without matches as it is."""

    def clean_text(text: str) -> str:
        for pattern in patterns:
            # An empty match, as of `a*`, would put the replacement between all letters.
            text = pattern.sub(lambda it: replacement if it.group() else "", text)
        return text

    return _cleaner(clean_text)


def _cleaner(clean_text: Callable[[str], str]) -> Callable[[Any], Any]:
    def clean(value: Any) -> Any:
        if isinstance(value, str):
            cleaned = clean_text(value)
            return value if cleaned == value else cleaned
        if isinstance(value, (int, float, bool, type(None))):
            return value
        if isinstance(value, ErrorInfo):
            message = clean_text(value.message)
            # The exception itself has the text that was removed: without it, nobody can print it.
            is_clean = message == value.message
            return value if is_clean else replace(value, message=message, exception=None)
        from .wire._plain_json import jsonable  # noqa: PLC0415  (what is no JSON data becomes it)

        plain = jsonable(value, private=True)
        cleaned = _walked(plain, clean_text)
        return value if cleaned == plain else cleaned

    return clean


def _walked(value: Any, clean_text: Callable[[str], str]) -> Any:
    match value:
        case str():
            return clean_text(value)
        case dict():
            fields = cast("dict[str, Any]", value)
            return {clean_text(name): _walked(it, clean_text) for name, it in fields.items()}
        case list():
            items = cast("Any", value)
            return [_walked(it, clean_text) for it in items]
        case _:
            return value


class ThinkTags:
    """One run's stage: tagged text becomes reasoning, in blocks of its own."""

    def __init__(self, opening: str, closing: str) -> None:
        self._tags = (opening, closing)
        self._messages: dict[str, _Blocks] = {}

    def __call__(self, event: Any) -> Iterable[ev.Event]:
        message_id = getattr(event, "message_id", None)
        if message_id is None or not (
            hasattr(event, "block_id") or isinstance(event, ev.MessageEnd)
        ):
            refuse_text_or_stream(event.__class__)
            return (event,)
        if message_id not in self._messages:
            self._messages[message_id] = _Blocks(self._tags)
        blocks = self._messages[message_id]
        match event:
            case ev.TextStart():
                # Open models such as DeepSeek R1 split their tags over chunks.
                blocks.split[event.block_id] = _Split()
                return ()
            case ev.TextDelta():
                return list(blocks.fed(event, event.text))
            case ev.TextEnd():
                return list(blocks.ended(event))
            case ev.MessageEnd():
                del self._messages[message_id]
                return (replace(event, text="".join(blocks.text)),)
            case _:
                return list(blocks.moved(event))


class _Split:
    """One block of text that is split at its tags."""

    def __init__(self) -> None:
        self.is_thinking = False
        self.rest = ""  # what may be the beginning of a tag
        self.open: int | None = None  # the block that is being written
        self.pieces: list[str] = []


class _Blocks:
    """The blocks of one message, numbered anew."""

    def __init__(self, tags: tuple[str, str]) -> None:
        self.text: list[str] = []
        self.split: dict[int, _Split] = {}
        self._tags = tags
        self._count = 0
        self._numbers: dict[int, int] = {}

    def moved(self, event: Any) -> Iterator[ev.Event]:
        """Return an event of another block, with the number that the block has now."""
        split = self.split.get(event.block_id)
        if split:  # a citation, which stands in its text
            yield from self._opened(event, split)
            yield replace(event, block_id=split.open)
            return
        if event.block_id not in self._numbers:
            self._numbers[event.block_id] = self._next()
        yield replace(event, block_id=self._numbers[event.block_id])

    def fed(self, event: Any, text: str) -> Iterator[ev.Event]:
        split = self.split.setdefault(event.block_id, _Split())
        text = split.rest + text
        split.rest = ""
        while text:
            tag = self._tags[split.is_thinking]
            before, found, after = text.partition(tag)
            if not found:
                held = _begun(text, tag)
                # What may be the beginning of a tag waits for the next chunk.
                split.rest = text[len(text) - held :]
                yield from self._written(event, split, text[: len(text) - held])
                return
            yield from self._written(event, split, before)
            yield from self._closed(event, split)
            split.is_thinking = not split.is_thinking
            text = after

    def ended(self, event: ev.TextEnd) -> Iterator[ev.Event]:
        split = self.split.setdefault(event.block_id, _Split())
        yield from self._written(event, split, split.rest)
        yield from self._closed(event, split)
        del self.split[event.block_id]

    def _next(self) -> int:
        self._count += 1
        return self._count - 1

    def _opened(self, event: Any, split: _Split) -> Iterator[ev.Event]:
        if split.open is None:
            split.open = self._next()
            start: Any = ev.ReasoningStart if split.is_thinking else ev.TextStart
            yield derived(start, event, block_id=split.open)

    def _written(self, event: Any, split: _Split, text: str) -> Iterator[ev.Event]:
        if not text:
            return
        yield from self._opened(event, split)
        split.pieces.append(text)
        if not split.is_thinking:
            self.text.append(text)
        delta: Any = ev.ReasoningDelta if split.is_thinking else ev.TextDelta
        yield derived(delta, event, block_id=split.open, text=text)

    def _closed(self, event: Any, split: _Split) -> Iterator[ev.Event]:
        if split.open is not None:
            end: Any = ev.ReasoningEnd if split.is_thinking else ev.TextEnd
            yield derived(end, event, block_id=split.open, text="".join(split.pieces))
            split.open = None
            split.pieces.clear()


def _begun(text: str, tag: str) -> int:
    """Return how many characters at the end of a text may be the beginning of a tag."""
    for size in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:size]):
            return size
    return 0
