"""Which fields of the schema's structs stay in the process: the one table of them.

Every wire format of `streamkit.wire` consults it, the generated schema, and the preset `ui`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import is_
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import msgspec
from msgspec.structs import replace

from . import events as ev
from ._fields import configurable_of, dict_or_empty
from .values import ErrorInfo, Origin, ToolCall

Table: TypeAlias = Mapping[type, Mapping[str, Callable[[Any], Any]]]
"""For each class its fields, each with a function from the struct to what may leave instead."""

_E = TypeVar("_E", bound=ev.Event)

_CHECKPOINT_IDS = ("thread_id", "checkpoint_ns", "checkpoint_id", "checkpoint_map")
_MAX_ORIGINS = 256

_PLACES = ("title", "url", "link", "source", "file_path", "filename")
"""The fields of a document's metadata that say where it is from."""


def _none(_: object) -> None:
    return None


def _no_fields(_: object) -> dict[str, Any]:
    return {}


def _no_metadata(message: ev.MessageEnd) -> dict[str, Any]:
    # An empty one stays the same object: the event is then not copied.
    return {} if message.response_metadata else message.response_metadata


def _no_text(_: object) -> str:
    return ""


def _unless_prompt(step: ev.StepEnd) -> Any:
    return None if step.kind == "prompt" else step.output


def _ids_of(config: object) -> dict[str, Any] | None:
    """Return the ids that lead back to a checkpoint: the rest of a config may hold keys."""
    if config is None:
        return None
    try:
        given = configurable_of(config)
        ids = {key: given[key] for key in _CHECKPOINT_IDS if key in given}
    except Exception:  # noqa: BLE001  (an object of a foreign class may raise anything)
        ids = {}
    return {"configurable": ids}


def _place_of(document: object) -> dict[str, Any]:
    """Return where a document is from, without its text."""
    try:
        given = dict_or_empty(document).get("metadata", getattr(document, "metadata", None))
        fields = dict_or_empty(given)
        return {"metadata": {name: fields[name] for name in _PLACES if name in fields}}
    except Exception:  # noqa: BLE001  (as above)
        return {}


def _task_path(origin: Origin) -> dict[str, Any]:
    """Return the path of the task within its graphs, which some protocols need."""
    path = cast("Any", dict).get(origin.metadata, "langgraph_checkpoint_ns")
    return {"langgraph_checkpoint_ns": path} if isinstance(path, str) else {}


NEVER: Table = {ErrorInfo: {"exception": _none}}
"""The fields that no format writes."""

PRIVATE: Table = {
    ev.RunStart: {"input": _none},
    ev.StepStart: {"input": _none},
    ev.StepEnd: {"output": _unless_prompt},
    ev.MessageEnd: {"response_metadata": _no_metadata},
    ev.ToolEnd: {  # nobody has checked what a tool returned that its node put into no message
        "output": lambda it: it.output if it.confirmed else None,
        "artifact": lambda it: it.artifact if it.confirmed else None,
    },
    ev.Checkpoint: {
        "config": lambda it: _ids_of(it.config),
        "parent_config": lambda it: _ids_of(it.parent_config),
        "metadata": _none,
    },
    ev.Unrecognized: {"raw": _none, "reason": _no_text},
    Origin: {"metadata": _no_fields},
    ErrorInfo: {"message": _no_text},
}
"""The fields that a format writes only with ``private=True``."""

OUTPUTS: Table = {
    ev.RunEnd: {"output": _none},
    ev.StepEnd: {"output": _none},
    ev.RetrievalEnd: {"documents": lambda it: tuple(map(_place_of, it.documents))},
}
"""The fields that the preset `ui` removes besides: results of runs and nodes (the state), and of
documents all but where they are from."""


def secrets_of(
    cls: type, *, private: bool = False, outputs: bool = True
) -> dict[str, Callable[[Any], Any]]:
    """Return the fields of a class that stay in the process, each with what may leave instead.

    >>> sorted(secrets_of(ErrorInfo)), sorted(secrets_of(ErrorInfo, private=True))
    (['exception', 'message'], ['exception'])
    """
    return _secrets_of(cast("Any", cls), private, outputs)


@lru_cache(maxsize=1024)
def _secrets_of(cls: Any, private: bool, outputs: bool) -> dict[str, Callable[[Any], Any]]:
    tables = [NEVER, *([] if private else [PRIVATE]), *([] if outputs else [OUTPUTS])]
    found: dict[str, Callable[[Any], Any]] = {}
    for base in reversed(cls.__mro__):
        for table in tables:
            found |= table.get(base, {})
    return found


@lru_cache(maxsize=1024)
def _types_of(cls: Any) -> tuple[tuple[str, str], ...]:
    """Return the fields of a class with their types."""
    # Every redactor asks, and msgspec evaluates all annotations each time: a millisecond a class.
    return tuple((it.name, str(it.type)) for it in msgspec.structs.fields(cls))


class _Field(NamedTuple):
    """A field to change in the events of a class: one with a secret, or a payload."""

    name: str
    make: Callable[[Any], Any] | None
    """A function from the event to what may leave instead of the value."""
    clean: Callable[[Any], Any] | None
    """A function from a value to the one that may leave."""


def _unless_empty(clean: Callable[[Any], Any]) -> Callable[[Any], Any]:
    # An empty tuple is its field's default, which msgspec leaves out, as it does no list.
    def cleaned(value: Any) -> Any:
        cls = type(value)  # pyright: ignore[reportUnknownVariableType]
        return value if cls is tuple and not value else clean(value)

    return cleaned


class Redactor:
    """Returns events without what stays in the process.

    Events of one run share their origin before and after: each origin is cleaned once.

    Args:
        private: keep all of it but exception objects.
        outputs: keep the outputs of runs and nodes.
        plain: what makes plain data of a payload; by default payloads stay as they are.
        task_path: keep the one entry of an origin's metadata that protocols need.

    >>> from streamkit import RunStart
    >>> event = RunStart(origin=Origin(metadata={"key": 1}), timestamp=0.5, input="a prompt")
    >>> clean = Redactor().event(event)
    >>> clean.input is None, clean.origin.metadata
    (True, {})
    """

    def __init__(
        self,
        *,
        private: bool = False,
        outputs: bool = True,
        plain: Callable[[Any], Any] | None = None,
        task_path: bool = False,
    ) -> None:
        self._private = private
        self._outputs = outputs
        self._plain = plain
        self._task_path = task_path
        self._fields: dict[type, tuple[_Field, ...]] = {}
        self._origins: dict[int, tuple[Origin, Origin]] = {}

    def event(self, event: _E) -> _E:
        """Return an event without its secrets."""
        fields = self._fields.get(event.__class__)
        if fields is None:
            fields = self._fields[event.__class__] = self._fields_of(event.__class__)
        known = self._origins.get(id(event.origin))
        origin = known[1] if known else self._new_origin(event.origin)
        changes: dict[str, Any] = {}
        for name, make, clean in fields:
            given = getattr(event, name)
            value = make(event) if make else given
            if clean and value is not None:
                value = clean(value)
            if value is not given:
                changes[name] = value
        if changes:
            return replace(event, origin=origin, **changes)
        return replace(event, origin=origin)  # (mostly, and in half the time of a call with `**`)

    def origin(self, origin: Origin) -> Origin:
        """Return an origin without its secrets."""
        known = self._origins.get(id(origin))
        return known[1] if known else self._new_origin(origin)

    def _fields_of(self, cls: type) -> tuple[_Field, ...]:
        secrets = secrets_of(cls, private=self._private, outputs=self._outputs)
        found = (_Field(it, secrets.get(it), self._clean_of(kind)) for it, kind in _types_of(cls))
        return tuple(it for it in found if it.make or it.clean)

    def _clean_of(self, kind: str) -> Callable[[Any], Any] | None:
        """Return what cleans a field by its type. Events may hold other things: nothing checks."""
        if "Any" in kind:
            clean = self._plain or self._record
            return _unless_empty(clean) if kind.startswith("tuple") else clean
        return self._record if "ErrorInfo" in kind or "ToolCall" in kind else None

    def _record(self, value: Any) -> Any:
        cls = type(value)  # pyright: ignore[reportUnknownVariableType]
        if cls is ErrorInfo:
            secrets = secrets_of(ErrorInfo, private=self._private)
            return replace(value, **{name: make(value) for name, make in secrets.items()})
        if self._plain is None:
            return value
        if cls is tuple and {ToolCall}.issuperset(map(type, value)):
            calls = tuple(map(self._record, value))
            return value if all(map(is_, calls, value)) else calls
        if cls is ToolCall:
            args = self._plain(value.args)
            return value if args is value.args else replace(value, args=args)
        return self._plain(value)

    def _new_origin(self, origin: Origin) -> Origin:
        if len(self._origins) == _MAX_ORIGINS:
            self._origins.clear()
        metadata = origin.metadata if self._private else {}
        if self._task_path and not self._private:
            metadata = _task_path(origin)
        if self._plain:
            metadata = self._plain(metadata)
        clean = replace(origin, metadata=metadata)
        if clean == ev.NO_ORIGIN:
            clean = ev.NO_ORIGIN
        # The entry holds the origin itself, so that no other can get its id.
        self._origins[id(origin)] = (origin, clean)
        return clean
