"""Custom payloads with a type: the application's own dataclasses and models on the stream.

@dataclass
class Progress:
    done: int

typed = typed_payloads({"progress": Progress})
for event in normalize(graph.stream(inputs, stream_mode=["custom", "messages"]), typed):
    match event:
        case Custom(data=Progress(done=done)):
            print(done)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec.structs import replace

from ._fields import dict_or_empty
from ._protocols import Stage
from ._reading import Read, reader_of
from .errors import UsageError
from .events import Custom, Event, Unrecognized

__all__ = ["typed_payloads"]


def typed_payloads(
    types: Mapping[str, Any] | Mapping[str | None, Any],
    *,
    key: str = "type",
    on_error: Literal["event", "pass"] = "event",
) -> Stage[Event, Event]:
    """Give a stage that makes custom events carry objects of your types instead of plain data.

    Args:
        types: what to make of which event: a dataclass, TypedDict, msgspec struct, pydantic model
            or dataclass, or a function that raises where the payload does not fit. Events without
            a name, as a graph's stream writer sends them, go by what their payload has under
            ``key``; the name None stands for all that go by no other.
        key: where a nameless payload says what it is.
        on_error: what becomes of a payload that does not fit: ``"event"`` puts an `Unrecognized`
            in its place, which says why; ``"pass"`` passes it as it is.

    Raises:
        UsageError: something in ``types`` is neither a type of data nor a function.

    >>> from dataclasses import dataclass
    >>> from streamkit import normalize
    >>> @dataclass
    ... class Progress:
    ...     done: int
    >>> items = [("custom", {"type": "progress", "done": 3})]
    >>> [custom] = normalize(items, typed_payloads({"progress": Progress})).pipe(
    ...     lambda event: [event.data] if isinstance(event, Custom) else []
    ... )
    >>> custom
    Progress(done=3)
    """
    if on_error not in {"event", "pass"}:
        raise UsageError(f"on_error must be 'event' or 'pass', not {on_error!r}")
    readers: dict[str | None, Read] = {name: reader_of(it) for name, it in types.items()}

    def stage(event: Event) -> Iterable[Event]:
        if not isinstance(event, Custom):
            return (event,)
        name = dict_or_empty(event.data).get(key) if event.name is None else event.name
        read = readers.get(name if isinstance(name, str) else None) or readers.get(None)
        if read is None:
            return (event,)
        try:
            return (replace(event, data=read(event.data)),)
        except Exception as error:  # noqa: BLE001  (validators may raise anything)
            return (event,) if on_error == "pass" else (_misfit(event, name, error),)

    return stage


def _misfit(event: Custom, name: object, error: Exception) -> Event:
    return Unrecognized(
        origin=event.origin,
        timestamp=event.timestamp,
        raw=event.data,
        reason=f"the payload of custom event {name!r} does not fit: {error}",
    )
