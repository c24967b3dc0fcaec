"""The items of any Runnable's own ``stream`` and ``astream``.

    model.stream("hi")                                        # a chat model
    AIMessageChunk(content="Hel", id="lc_run--019a…")

    (prompt | model | StrOutputParser()).stream({})           # text
    "Hel"

    (prompt | model | JsonOutputParser()).stream({})          # objects that grow
    {"city": "Pa"}

Chunks, whole messages and text become messages. Anything else is a `StepDelta`; ``cumulative``
is set where the type or the value decides whether it replaces what came before:

- an ``AddableDict`` (from a RunnableParallel) adds,
- a list of JSON patch operations (``diff=True``) adds,
- a plain dict replaces where it holds every key of the one before.
"""

from __future__ import annotations

from typing import Any, cast

from .._core.kinds import fields_of, kind_of
from .._core.message import Message
from .._fields import dict_or_empty
from ..events import NO_ORIGIN, Event, StepDelta
from ._reader import Reader
from ._sums import Sum, is_addable_dict
from .messages import add_chunk

_TEXT = "text"
_PATCH_OPS = frozenset({"add", "remove", "replace", "move", "copy", "test"})


def is_chunk(raw: object) -> bool:
    """Return whether ``raw`` can only be, or most surely is, a runnable's own chunk."""
    return isinstance(raw, str) or kind_of(raw) is not None or is_addable_dict(raw) or is_patch(raw)


def is_patch(raw: object) -> bool:
    """Return whether ``raw`` is a non-empty list of JSON patch operations."""
    if not isinstance(raw, list) or not raw:
        return False
    # langchain-core's output parsers yield these with `diff=True`.
    return all(_is_operation(item) for item in cast("list[object]", raw))


def _is_operation(item: object) -> bool:
    operation = dict_or_empty(item)
    return operation.get("op") in _PATCH_OPS and isinstance(operation.get("path"), str)


class ChunksReader(Reader):
    """The reader of a runnable's own chunks."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._last: Message | None = None
        self._previous: object = None
        self._sum = Sum()

    def before_end(self) -> None:
        """Set the output: what the chunks add up to."""
        message = self.assembly.message(_TEXT)
        if self.assembly.output is None:
            self.assembly.output = message.text_so_far if message else self._sum.total()

    def delta_of(self, raw: Any) -> Event | None:
        """Return the delta of a chunk that only continues the last message."""
        return self._last.delta_of(raw, self._clock) if self._last else None

    def read(self, raw: object) -> None:
        """Read one chunk into the assembly."""
        self.assembly.start_run()
        if isinstance(raw, str):  # from langchain-core 1.2 on a subclass, `TextAccessor`
            self._read_text(raw)
            return
        kind = kind_of(raw)
        if kind == "generation":
            self._read_generation(cast("Any", raw))
        elif kind == "chunk":
            self._last = add_chunk(self.assembly, raw, NO_ORIGIN)
        elif kind:
            self.assembly.whole_message(raw, NO_ORIGIN)
        else:
            self._read_value(raw)

    def _read_text(self, text: str) -> None:
        message = self.assembly.message(_TEXT)
        if message is None:
            message = self.assembly.start_message(_TEXT, NO_ORIGIN, None)
        message.text(text)

    def _read_generation(self, generation: Any) -> None:
        # A ChatGenerationChunk holds a message, a completion model's GenerationChunk only text.
        if "message" in fields_of(generation):
            self.read(generation.message)
        else:
            self._read_text(generation.text)

    def _read_value(self, value: object) -> None:
        cumulative = is_cumulative(value, self._previous)
        self._previous = value
        if cumulative is False:
            self._sum.add(value)
        else:
            self.assembly.output = value
        self.assembly.show(StepDelta, NO_ORIGIN, step_id=None, value=value, cumulative=cumulative)


def is_cumulative(value: object, previous: object = None) -> bool | None:
    """Return whether ``value`` replaces ``previous`` (True), adds to it (False), or None."""
    adds = isinstance(value, str) or kind_of(value) == "chunk" or is_patch(value)
    if adds or is_addable_dict(value):
        return False
    # JsonOutputParser yields the whole object so far each time, but nothing in it marks that.
    if value.__class__ is dict and previous.__class__ is dict:
        return dict_or_empty(previous).keys() <= dict_or_empty(value).keys() or None
    return None
