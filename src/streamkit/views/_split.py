"""Views: one stream read in several ways, or several read as one.

    answer, log = tee(normalize(graph.astream_events(inputs)))
    parts = split(normalize(graph.astream_events(inputs)), by_message)
    events = merge_runs({"fast": normalize(...), "deep": normalize(...)})

Laws of this file:

1. A source is pulled because a reader waits, never ahead of all of them; what a slower reader
   has not read yet is kept for it. `merge_runs` lets each stream be one item ahead.
2. A reader that leaves, or is cancelled, takes nothing from the others. When the last has closed
   its view, the source is closed, and no task is left.
3. An exception of the source reaches every reader, after the closing events.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Hashable, Iterable
from typing import Any, TypeVar, cast, overload
from weakref import ref

from .._drive import AsyncEventStream, EventStream
from .._fields import shown
from ..errors import UsageError
from ..events import (
    Event,
    MessageEnd,
    MessageRemoved,
    MessageReplaced,
    ToolDelta,
    ToolEnd,
    ToolError,
    ToolStart,
)
from ._hub import Reader, hub_of

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@overload
def tee(  # type: ignore[overload-overlap]  # ours go first
    stream: EventStream[T], n: int = ..., *, ahead: int | None = ...
) -> tuple[EventStream[T], ...]: ...
@overload
def tee(  # type: ignore[overload-overlap]  # ours go first
    stream: AsyncEventStream[T], n: int = ..., *, ahead: int | None = ...
) -> tuple[AsyncEventStream[T], ...]: ...
@overload
def tee(
    stream: AsyncIterable[Any], n: int = ..., *, ahead: int | None = ...
) -> tuple[AsyncEventStream[Event], ...]: ...
@overload
def tee(
    stream: Iterable[Any], n: int = ..., *, ahead: int | None = ...
) -> tuple[EventStream[Event], ...]: ...
def tee(stream: Any, n: int = 2, *, ahead: int | None = None) -> tuple[Any, ...]:
    """Return ``n`` streams, each of which yields everything that ``stream`` does.

    Args:
        stream: a stream of ours, or what `normalize` takes; from now on only to be read through
            the new ones.
        n: how many.
        ahead: how many items the fastest reader may be ahead of the slowest. Beyond that an
            async reader waits (so read them in tasks of their own), and a sync one raises.

    Raises:
        UsageError: ``stream`` is no stream; or, while reading, what ``ahead`` says.

    >>> from streamkit import normalize
    >>> text, events = tee(normalize(["Hel", "lo"]))
    >>> "".join(text.text()), events.collect().status
    ('Hello', 'completed')
    """
    hub = hub_of(stream, ahead)
    readers = [hub.reader() for _ in range(n)]
    return tuple(reader.stream() for reader in readers)


@overload
def split(  # type: ignore[overload-overlap]  # ours go first
    stream: EventStream[T], key: Callable[[T], K | None], *, ahead: int | None = ...
) -> EventStream[tuple[K, EventStream[T]]]: ...
@overload
def split(  # type: ignore[overload-overlap]  # ours go first
    stream: AsyncEventStream[T], key: Callable[[T], K | None], *, ahead: int | None = ...
) -> AsyncEventStream[tuple[K, AsyncEventStream[T]]]: ...
@overload
def split(
    stream: AsyncIterable[Any], key: Callable[[Event], K | None], *, ahead: int | None = ...
) -> AsyncEventStream[tuple[K, AsyncEventStream[Event]]]: ...
@overload
def split(
    stream: Iterable[Any], key: Callable[[Event], K | None], *, ahead: int | None = ...
) -> EventStream[tuple[K, EventStream[Event]]]: ...
def split(stream: Any, key: Callable[[Any], Any], *, ahead: int | None = None) -> Any:
    """Yield ``(key, part)`` for each key that turns up; a part is the stream of its key's items.

    ``key`` may be `by_message`, `by_agent`, `by_namespace` or your own. What it gives None for is
    left out. Closing the outer stream closes the source; the parts get their closing events. Parts
    may be read one after the other or at once, also while more turn up; what
    nobody has read is kept, until the part itself is dropped. A message's part ends with it.

    Raises:
        UsageError: as `tee` does, where ``ahead`` is how far any part may be behind; ``key`` is no
            function.

    >>> from streamkit import normalize
    >>> for id, message in split(normalize(["Hel", "lo"]), by_message):
    ...     print("".join(message.text()))
    Hello
    """
    if not callable(cast("object", key)):
        raise UsageError(f"{shown(key, 60)} is no function from an event to a key; see by_message")
    hub = hub_of(stream, ahead)
    outer = hub.reader()
    outer.is_owner = True
    hub.deliver = _Splitter(hub, outer, key)
    return outer.stream()


class _Splitter:
    """Hands each item to the reader of its key, and the outer reader each new one."""

    def __init__(self, hub: Any, outer: Reader, key: Callable[[Any], Any]) -> None:
        self._hub = hub
        self._outer = ref(outer)
        self._key = key
        self._parts: dict[Any, ref[Reader]] = {}

    def __call__(self, item: Any) -> None:
        key = self._key(item)
        if key is None:
            return
        if key not in self._parts:
            self._begin(key)
        part = self._parts[key]()
        if part and not part.is_done:
            part.unread.append(item)
        if self._key is by_message and isinstance(item, MessageEnd):
            del self._parts[key]
            if part:
                part.is_done = True

    def _begin(self, key: object) -> None:
        part = self._hub.reader()
        self._parts[key] = ref(part)
        outer = self._outer()
        if outer and not outer.is_done:
            outer.unread.append((key, part.stream()))


def by_message(event: Event) -> str | None:
    """Return the id of the message that an event is a part of: a key for `split`.

    What later replaces or removes a whole message is no part of it.

    >>> from streamkit import normalize
    >>> {by_message(event) for event in normalize([])}
    {None}
    """
    is_part = not isinstance(event, (MessageReplaced, MessageRemoved))
    return getattr(event, "message_id", None) if is_part else None


def by_agent(event: Event) -> str | None:
    """Return the name of the agent that an event comes from: a key for `split`.

    >>> from streamkit import normalize
    >>> {by_agent(event) for event in normalize(["Hel", "lo"])}
    {None}
    """
    return event.origin.agent


def by_tool(event: Event) -> str | None:
    """Return the id of the call on whose behalf an event happens, or which it is about.

    >>> from streamkit import normalize
    >>> {by_tool(event) for event in normalize(["Hel", "lo"])}
    {None}
    """
    if isinstance(event, (ToolStart, ToolDelta, ToolEnd, ToolError)):
        return event.tool_call_id
    return event.origin.tool_call_id


def by_subagent(event: Event) -> str | None:
    """Return the run of a sub-agent that an event comes from: a key for `split`.

    Two runs of one agent have two keys, and what a sub-agent runs itself has that of the outermost.
    None stands for the main agent: ``split`` leaves that out.

    >>> from streamkit import normalize
    >>> {by_subagent(event) for event in normalize(["Hel", "lo"])}
    {None}
    """
    return next(iter(event.origin.namespace), event.origin.tool_call_id)


def by_namespace(event: Event) -> tuple[str, ...]:
    """Return the subgraph that an event comes from, ``()`` for the root: a key for `split`.

    >>> from streamkit import normalize
    >>> {by_namespace(event) for event in normalize(["Hel", "lo"])}
    {()}
    """
    return event.origin.namespace
