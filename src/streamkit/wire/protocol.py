r"""The base of every encoder, for protocols of your own too.

    class Lines(BaseEncoder):
        def text_delta(self, event: TextDelta) -> Iterable[bytes]:
            yield event.text.encode()

        def run_end(self, event: RunEnd) -> Iterable[bytes]:
            yield f"\n[{event.status}]\n".encode()

    normalize(source).pipe(per_run(lambda: Lines().feed))

An encoder is a state machine for one run: events go in, bytes come out. A method named like an
event's type, with ``_`` for the dot, writes that event. What reaches it is plain, redacted and
spelled once, with unique ids of calls: see ``_redact.py``.

Laws of this file:

1. `begin` is called once, before the first event. After the terminal event nothing is written.
2. ``feed`` and ``close`` never raise for what an event holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from time import time
from typing import Any, ClassVar, Final, TypeAlias

from .._event_classes import MethodsByClass, is_event
from ..events import Content, Event, ReasoningDelta, RunEnd, RunError, TextDelta
from ..values import ErrorInfo
from ._approvals import Approval, Question, questions_in, resume_value
from ._call_ids import CallIds
from ._codec import to_dict
from ._frames import frame
from ._own_types import own_form
from ._redact import Entrance, InnerText, refusal_as_text

__all__ = [
    "Approval",
    "BaseEncoder",
    "Question",
    "error_text",
    "frame",
    "questions_in",
    "resume_value",
]

Frames: TypeAlias = Iterable[bytes]
"""The bytes that a method of an encoder writes: any number of pieces."""

_TEXTS: Final = frozenset({TextDelta, ReasoningDelta})


class BaseEncoder:
    """One run's encoder: override the methods of the events that your protocol can carry.

    Args:
        private: also write what otherwise stays in the process, such as exception texts.
        known_calls: the ids of calls that the client knows from earlier runs; or a dict with their
            names, which distinguish calls of one id.
    """

    flat: ClassVar[bool] = False
    """Whether messages inside payloads are spelled as servers send them: see `jsonable`."""
    renames_calls: ClassVar[bool] = True
    """Whether repeated ids of calls are made unique. Not where the graph's state is sent too."""
    inner_text: InnerText = "never"
    """Whether what models say and call inside tools is written like all else: ``never``,
    ``always``, or where it comes out of a subgraph (``subgraphs``), so that the protocol can
    attribute it. Other events inside tools go to `inside`."""
    refusals: ClassVar[bool] = False
    """Whether the protocol has a field for a refusal; else it is written as text."""

    def __init__(self, *, private: bool = False, known_calls: Collection[str] = ()) -> None:
        self.calls: CallIds = CallIds(known_calls)
        """The calls of the run, by the ids that the client knows."""
        self.is_over: bool = False
        """Whether the terminal event was written."""
        self._private = private
        self._has_begun = False
        self._results: Counter[str] = Counter()
        self._entrance = Entrance(
            private=private,
            flat=self.flat,
            calls=self.calls if self.renames_calls else None,
            inner_text=self.inner_text,
        )
        self._rules: dict[type, Callable[[Any], Frames]] = MethodsByClass(self, self.other)

    # --- to override

    def begin(self, event: Event) -> Frames:  # noqa: ARG002
        """Write the bytes before the first event's own."""
        return ()

    def other(self, event: Any) -> Frames:  # noqa: ARG002
        """Write an event that has no method of its own."""
        return ()

    def inside(self, event: Any) -> Frames:  # noqa: ARG002
        """Write an event inside the tool of the call ``origin.tool_call_id``; no piece of text."""
        return ()

    def own(self, data: Any) -> Frames:  # noqa: ARG002
        """Write an item that is not one of our events, such as a mapper's, as JSON data."""
        return ()

    def framed(self, item: Any, frames: tuple[bytes, ...]) -> tuple[bytes, ...]:  # noqa: ARG002
        """Return the bytes of any item but a piece of text, with what has to stand around them."""
        return frames

    # --- to call

    def feed(self, item: Any) -> tuple[bytes, ...]:
        """Return the bytes of an event, or of an item of the application's own: often none."""
        if self.is_over:
            return ()
        if item.__class__ in _TEXTS and self._has_begun:  # most of a stream
            event: Any = self._entrance.admit_text(item)
            return tuple(self._rules[item.__class__](event)) if event else ()
        begun = () if self._has_begun else self.begin(item)
        self._has_begun = True
        frames = (*begun, *self._write(item))
        if isinstance(item, (RunEnd, RunError)):
            self.is_over = True
        return self.framed(item, frames)

    def close(self) -> tuple[bytes, ...]:
        """Return the bytes that end a stream whose events stopped before its run did; else none."""
        return self.feed(RunEnd(timestamp=time(), status="incomplete"))

    def form_of(self, event: Event) -> dict[str, Any]:
        """Return a whole event as JSON data, for events without a form in the protocol."""
        return to_dict(event, private=self._private)

    def result_id(self, call_id: str) -> str:
        """Return the id of a new result of a call: each of a call's results has its own.

        >>> encoder = BaseEncoder()
        >>> encoder.result_id("c1"), encoder.result_id("c1")
        ('c1:result', 'c1:result-2')
        """
        self._results[call_id] += 1
        number = self._results[call_id]
        return f"{call_id}:result" if number == 1 else f"{call_id}:result-{number}"

    # --- inside

    def _write(self, item: Any) -> Frames:
        if not is_event(item):
            yield from self.own(own_form(item, private=self._private, flat=self.flat))
            return
        is_inside = self._entrance.is_inside(item)
        admitted = self._entrance.admit(item)
        events: Iterable[Event] = (admitted,) if admitted else ()
        if isinstance(admitted, Content) and not self.refusals:
            events = refusal_as_text(admitted)
        for event in events:
            yield from self.inside(event) if is_inside else self._rules[event.__class__](event)


def error_text(error: ErrorInfo) -> str:
    """Return what the client may read of an error: its text where that is not redacted.

    >>> error_text(ErrorInfo(name="ValueError")), error_text(ErrorInfo(name="E", message="why"))
    ('ValueError', 'why')
    """
    return error.message or error.name
