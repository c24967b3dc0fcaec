"""Objects of an application's type out of a stream, while they are written.

Laws of this file:

1. Each object is a refinement of the last: texts and lists grow, and nothing that was there goes.
   Only a new attempt (another message or call) begins anew.
2. What does not fit yet yields nothing; the finished object is of the type itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Union, cast, get_args, get_origin

from . import events as ev
from ._event_classes import refuse_text_or_stream
from ._fields import dict_or_empty
from ._reading import is_pydantic, reader_of
from .errors import SourceError
from .partial_json import PartialJSON


class Partial:
    """Reads data as a type, whole or in part."""

    def __init__(self, model: Any) -> None:
        self.name: str = getattr(model, "__name__", "")
        self.model = model
        self._whole = reader_of(model)
        is_model = is_pydantic(model) and hasattr(model, "model_fields")
        self._part = reader_of(_partial_of(model, {})) if is_model else self._whole

    def read(self, data: Any, *, is_whole: bool) -> Any:
        """Return the object that data is, or None if it does not fit."""
        for read in (self._whole, self._part)[: 1 if is_whole else 2]:
            try:
                return read(data)
            except Exception:  # noqa: BLE001, S112  (validators may raise anything)
                continue
        return None


def _partial_of(model: Any, known: dict[Any, Any]) -> Any:
    """Return the pydantic model whose fields may all be missing, those of its fields included."""
    from pydantic import create_model  # noqa: PLC0415  (importing streamkit stays light)

    if model not in known:
        known[model] = model  # where it refers to itself
        fields: dict[str, Any] = {
            name: (_partial_type(field.annotation, known) | None, None)
            for name, field in model.model_fields.items()
        }
        known[model] = create_model(model.__name__, __base__=model, **fields)
    return known[model]


def _partial_type(annotation: Any, known: dict[Any, Any]) -> Any:
    args, origin = get_args(annotation), get_origin(annotation)
    if hasattr(annotation, "model_fields"):
        return _partial_of(annotation, known)
    if origin in {list, dict} and args:
        generic: Any = origin
        return generic[tuple(_partial_type(it, known) for it in args)]
    if origin is Union or type(annotation).__name__ == "UnionType":
        return Union[tuple(_partial_type(it, known) for it in args)]  # noqa: UP007  (made here)
    return annotation


class Typed:
    """One run's stage."""

    def __init__(self, partial: Partial) -> None:
        self._partial = partial
        self._drafts: dict[Any, PartialJSON | None] = {}
        self._writing: Any = None
        self._data: Any = None
        self._last: Any = None

    def __call__(self, event: ev.Event) -> Iterable[Any]:  # noqa: PLR0911  (a case an event)
        match event:
            case ev.TextDelta(message_id=id):
                return list(self._written(id, event.text))
            case ev.ToolCallStart(message_id=id, block_id=block) if (
                event.name == self._partial.name
            ):
                self._drafts[id, block] = PartialJSON(strict=False)
            case ev.ToolCallDelta(message_id=id, block_id=block) if (id, block) in self._drafts:
                return list(self._written((id, block), event.args))
            case ev.ToolCallEnd(message_id=id, block_id=block) if (id, block) in self._drafts:
                return self._end((id, block))
            case ev.MessageEnd(message_id=id):
                return self._end(id)
            case ev.StepDelta(value=value) | ev.BatchItem(output=value):
                return self._given(value, is_whole=False)
            case ev.StepEnd(output=value) | ev.RunEnd(output=value) | ev.StateUpdate(values=value):
                return self._given(value, is_whole=True)
            case _:
                refuse_text_or_stream(event.__class__)
        return ()

    def _written(self, key: Any, text: str) -> Iterator[Any]:
        """Read on in JSON text; a text that does not begin as an object or a list is none."""
        if key not in self._drafts:
            if not text.strip():
                return
            is_json = text.lstrip()[0] in "{["
            self._drafts[key] = PartialJSON(strict=False) if is_json else None
        draft = self._drafts[key]
        if draft is None:
            return
        draft.feed(text)
        if draft.error is None:
            yield from self._refined(key, draft.value, is_whole=False)

    def _end(self, key: Any) -> Iterable[Any]:
        draft = self._drafts.pop(key, None)
        try:
            value = draft.close() if draft else None
        except SourceError:
            return ()
        return () if value is None else self._refined(key, value, is_whole=True)

    def _given(self, value: Any, *, is_whole: bool) -> Iterable[Any]:
        """Read what a parser, a node or the run gave."""
        value = dict_or_empty(value).get("structured_response", value)
        kind = self._partial.model
        is_object = isinstance(kind, type) and isinstance(value, kind)
        if not (is_object or (isinstance(value, dict) and value)):
            return ()
        dump: Any = getattr(cast("Any", value), "model_dump", None)
        data = dump() if is_object and dump else cast("Any", value)
        return self._refined(self._writing, data, is_whole=is_whole or is_object)

    def _refined(self, key: Any, data: Any, *, is_whole: bool) -> Iterable[Any]:
        if key != self._writing:
            self._writing, self._data = key, None
        if self._data is not None and not _refines(self._data, data):
            return ()
        made = self._partial.read(data, is_whole=is_whole)
        if made is None or (made == self._last and type(made) is type(self._last)):
            return ()
        self._data, self._last = _copied(data), made
        return (made,)


def _copied(data: Any) -> Any:
    if isinstance(data, dict):
        fields = cast("Any", data)
        return {key: _copied(it) for key, it in fields.items()}
    if isinstance(data, list):
        items = cast("Any", data)
        return [_copied(it) for it in items]
    return data


def _refines(old: Any, new: Any) -> bool:
    """Return whether ``new`` has all that ``old`` has, as far as that was written."""
    both: type | None = old.__class__ if old.__class__ is new.__class__ else None
    if both is dict:
        was: dict[Any, Any] = old
        return all(key in new and _refines(it, new[key]) for key, it in was.items())
    if both is list:
        return len(old) <= len(new) and all(map(_refines, old, new))
    if both is str:
        return bool(new.startswith(old))
    return old is None or bool(old == new)
