"""The first stage of every encoder: it makes payloads plain JSON data and removes secrets.

Behind it an encoder knows nothing but its protocol:

1. Events of internal model calls do not pass (`Origin.internal`), such as a summary's.
2. What stays in the process is gone: see `PRIVATE` in `streamkit._secrets`. ``private=True`` keeps
   all of it but exception objects.
3. Payloads are JSON data: see `jsonable`. Messages in them have one spelling.
4. Calls have ids of their own, also where models repeat them: see `CallIds`.
5. Where the protocol asks for it, the text of models that tools call does not pass, and a refusal
   is text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, TypeVar, cast

from msgspec.structs import replace

from .._bracket_filter import OpenBrackets
from .._secrets import Redactor
from ..events import (
    Content,
    Event,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    RunEnd,
    RunError,
    RunStart,
    StepEnd,
    StepStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolEnd,
    ToolError,
    ToolStart,
)
from ..filters import inside_tools
from ._blocks import refusal_of
from ._call_ids import CallIds
from ._plain_json import is_plain, jsonable

__all__ = ["Entrance", "InnerText", "redactor"]

InnerText: TypeAlias = Literal["always", "subgraphs", "never"]
"""Where an encoder writes the text of models inside tools: everywhere, in subgraphs, or nowhere."""

_D = TypeVar("_D", bound=TextDelta | ReasoningDelta)

_RUN = frozenset({RunStart, RunEnd, RunError})
_STARTS = frozenset({StepStart, MessageStart, ToolStart})
_ENDS = frozenset({StepEnd, MessageEnd, ToolEnd, ToolError})
_CALLS = frozenset({ToolCallStart, ToolCallDelta, ToolCallEnd})


def redactor(*, private: bool = False, flat: bool = False, task_path: bool = False) -> Redactor:
    """Return what makes events plain and removes what stays in the process.

    Args:
        private: keep what otherwise stays in the process.
        flat: how LangChain's messages inside payloads are spelled: see `jsonable`.
        task_path: keep the path of the task in the metadata of origins.

    >>> from streamkit import Custom
    >>> redactor()(Custom(timestamp=0.5, data=[{1}, ValueError("a secret")])).data
    [[1], {'$error': {'name': 'ValueError'}}]
    """

    def plain(value: Any) -> Any:
        return value if is_plain(value) else jsonable(value, private=private, flat=flat)

    return Redactor(private=private, plain=plain, task_path=task_path)


class Entrance:
    """One run's stage from events to the events that an encoder may write.

    Args:
        private: keep what otherwise stays in the process.
        flat: how LangChain's messages inside payloads are spelled: see `jsonable`.
        internal: let events of internal model calls pass.
        calls: makes the ids of calls unique; None keeps them as they are.
        inner_text: let the text of models that tools call pass: always, never, or where it comes
            out of a subgraph, so that the protocol can attribute it.
        refusals: let a refusal pass as a block of its own, instead of as text.
    """

    def __init__(  # noqa: PLR0913  (one for each thing that protocols differ in)
        self,
        *,
        private: bool = False,
        flat: bool = False,
        internal: bool = False,
        calls: CallIds | None = None,
        inner_text: InnerText = "always",
        refusals: bool = True,
    ) -> None:
        self.redact: Redactor = redactor(private=private, flat=flat, task_path=True)
        self._internal = internal
        self._calls = calls
        self._inner_text = inner_text
        self._refusals = refusals
        self._open = OpenBrackets()
        self._hidden: set[str] = set()
        """Open messages whose text does not pass."""

    def admit_text(self, event: _D) -> _D | None:
        """Return what may be written of a piece of text, which is most of a stream."""
        if event.origin.internal and not self._internal:
            return None
        if event.message_id in self._hidden:
            return None
        return replace(event, origin=self.redact.origin(event.origin))

    def admit(self, event: Event) -> Sequence[Event]:
        """Return what may be written of an event: mostly the event, without its secrets."""
        cls = event.__class__
        if event.origin.internal and not self._internal and cls not in _RUN:
            return ()
        if self._inner_text != "always" and not self._passes(event):
            return ()
        event = self.redact(event)
        if self._calls:
            event = self._calls.renamed(event)
        if cls is Content and not self._refusals:
            return _refusal_as_text(cast("Content", event))
        return (event,)

    def _passes(self, event: Event) -> bool:
        """Return whether an event passes: not the text of a hidden message."""
        cls = event.__class__
        if not (cls in _STARTS or cls in _ENDS or self._hidden):
            return True
        if cls in _STARTS:
            if cls is MessageStart and self._is_hidden(event):
                self._hidden.add(cast("MessageStart", event).message_id)
            self._open.begin(event)
        elif cls in _ENDS:
            self._open.end(event)
        id = getattr(event, "message_id", None)
        if id not in self._hidden:
            return True
        if cls is MessageEnd:
            self._hidden.discard(id)
        return cls in _CALLS

    def _is_hidden(self, event: Event) -> bool:
        if self._inner_text == "always":
            return False
        if self._inner_text == "subgraphs" and event.origin.namespace:
            return False
        return event.origin.tool_call_id is not None or inside_tools.keeps(event, self._open)


def _refusal_as_text(event: Content) -> Sequence[Event]:
    text = refusal_of(event.block)
    if text is None:
        return (event,)
    part = {
        name: getattr(event, name) for name in ("origin", "timestamp", "message_id", "block_id")
    }
    return TextStart(**part), TextDelta(**part, text=text), TextEnd(**part, text=text)
