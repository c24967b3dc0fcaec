"""The first stage of every encoder: it makes payloads plain JSON data and removes secrets.

Behind it an encoder knows nothing but its protocol:

1. Events of internal model calls do not pass (`Origin.internal`), such as a summary's.
2. What stays in the process is gone: see `PRIVATE` in `streamkit._secrets`. ``private=True`` keeps
   all of it but exception objects.
3. Payloads are JSON data: see `jsonable`. Messages in them have one spelling.
4. Calls have ids of their own, also where models repeat them: see `CallIds`.
5. A refusal is text where the protocol has no field for it.

It also knows which events happen inside a tool, such as those of an agent that a tool runs: an
encoder writes them where its protocol can attribute them to the call, and else leaves them out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, TypeVar, cast

from msgspec.structs import replace

from .. import events as ev
from .._bracket_filter import OpenBrackets, is_below_tools
from .._event_classes import derived
from .._fields import refusal_of
from .._secrets import Redactor
from ..filters import inside_tools
from ._call_ids import CallIds
from ._plain_json import payload_reader

InnerText: TypeAlias = Literal["always", "subgraphs", "never"]
"""Which events inside tools are written like any other: all, those of subgraphs, or none."""

_D = TypeVar("_D", bound=ev.TextDelta | ev.ReasoningDelta)

_RUN = frozenset({ev.RunStart, ev.RunEnd, ev.RunError})
_STARTS = frozenset({ev.StepStart, ev.MessageStart, ev.ToolStart})
_ENDS = frozenset({ev.StepEnd, ev.MessageEnd, ev.ToolEnd, ev.ToolError})
_TOOLS = frozenset({ev.ToolStart, ev.ToolDelta, ev.ToolEnd, ev.ToolError})


def redactor(*, private: bool = False, flat: bool = False, task_path: bool = False) -> Redactor:
    """Return what makes events plain and removes what stays in the process.

    Args:
        private: keep what otherwise stays in the process.
        flat: how LangChain's messages inside payloads are spelled: see `jsonable`.
        task_path: keep the path of the task in the metadata of origins.

    >>> from streamkit import Custom
    >>> redactor().event(Custom(timestamp=0.5, data=[{1}, ValueError("a secret")])).data
    [[1], {'$error': {'name': 'ValueError'}}]
    """
    plain = payload_reader(private=private, flat=flat)
    return Redactor(private=private, plain=plain, task_path=task_path)


def is_internal(event: ev.Event) -> bool:
    """Return whether an event is part of an internal model call, such as a summary's."""
    return event.origin.internal and event.__class__ not in _RUN


class Entrance:
    """One run's stage from events to the events that an encoder may write.

    Args:
        private: keep what otherwise stays in the process.
        flat: how LangChain's messages inside payloads are spelled: see `jsonable`.
        calls: makes the ids of calls unique; None keeps them as they are.
        inner_text: which events inside tools count as inside: see `is_inside`.
    """

    def __init__(
        self,
        *,
        private: bool = False,
        flat: bool = False,
        calls: CallIds | None = None,
        inner_text: InnerText = "always",
    ) -> None:
        self.redact: Redactor = redactor(private=private, flat=flat, task_path=True)
        self._calls = calls
        self._inner_text = inner_text
        self._open = OpenBrackets()
        self._hidden: set[str] = set()
        """Open messages whose text does not pass."""
        self._origin = self._clean = ev.NO_ORIGIN
        """The newest text's origin, and what may be written of it."""

    def admit_text(self, event: _D) -> _D | None:
        """Return what may be written of a piece of text, which is most of a stream."""
        origin = event.origin
        if event.message_id in self._hidden or origin.internal:
            return None
        if origin is not self._origin:
            self._origin, self._clean = origin, self.redact.origin(origin)
        return replace(event, origin=self._clean)

    def admit(self, event: ev.Event) -> ev.Event | None:
        """Return what may be written of an event: mostly the event, without its secrets."""
        if is_internal(event):
            return None
        event = self.redact.event(event)
        return self._calls.renamed(event) if self._calls else event

    def is_inside(self, event: ev.Event) -> bool:
        """Return whether an event is one inside a tool, which is written in another way or not.

        It is the messages of models that tools call, with all their parts, and the tools that
        those models call. Call it for every event but pieces of text.
        """
        if self._inner_text == "always":
            return False
        cls = event.__class__
        if cls in _STARTS:
            if cls is ev.MessageStart and self._is_hidden(event):
                self._hidden.add(cast("ev.MessageStart", event).message_id)
            self._open.begin(event)
        elif cls in _ENDS:
            self._open.end(event)
        # Version 3 (langgraph 1.2) has no node for a tool: its namespace shows it.
        if cls in _TOOLS:
            origin = event.origin
            is_inner = origin.tool_call_id is not None or is_below_tools(origin, of_tool=True)
            return is_inner and not self._is_attributed(event)
        id = getattr(event, "message_id", None)
        if cls is ev.MessageEnd and id in self._hidden:
            self._hidden.discard(id)
            return True
        return id in self._hidden

    def _is_attributed(self, event: ev.Event) -> bool:
        return self._inner_text == "subgraphs" and bool(event.origin.namespace)

    def _is_hidden(self, event: ev.Event) -> bool:
        if self._is_attributed(event):
            return False
        return event.origin.tool_call_id is not None or inside_tools.keeps(event, self._open)


def refusal_as_text(event: ev.Content) -> Sequence[ev.Event]:
    """Return the events of a block of text in place of a refusal; any other block as it is."""
    text = refusal_of(event.block)
    if text is None:
        return (event,)
    # Only OpenAI's clients have a field for a refusal; others would show nothing at all.
    start = derived(ev.TextStart, event)
    return start, derived(ev.TextDelta, event, text=text), derived(ev.TextEnd, event, text=text)
