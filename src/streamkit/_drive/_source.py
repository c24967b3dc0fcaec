"""Sources: what is refused as one, and what stops one.

A source is up to two objects: what the caller passed, and the iterator over it. A generator is
both. A v3 run stream is not: closing the iterator over it stops nothing, only the run's own
``abort`` does. So both are stopped, the iterator first, each by the first way that it has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ..errors import UsageError

__all__ = ["Stop", "require_stream", "resume_of", "stops"]

Stop: TypeAlias = Callable[[], Any]


def _unplug(source: Any) -> None:
    """Take a sync chat-model stream off its pump: it has no close, but so it lets go of the model.

    The model's own generator is then closed at once, and with it the connection.
    """
    source.set_start(None)
    source.bind_pump(lambda: False)


_WAYS: dict[str, Callable[[Any], Any]] = {
    "aclose": lambda source: source.aclose(),  # async generators, AsyncChatModelStream
    "abort": lambda source: source.abort(),  # run streams, sync and async
    "close": lambda source: source.close(),  # generators, files
    "bind_pump": _unplug,  # ChatModelStream
}
_ASYNC = tuple(_WAYS)
_SYNC = _ASYNC[1:]
# What ended by itself needs no abort, which would cancel the run on its server once more. But the
# task behind a chat-model stream may have callbacks left to run, and those are waited for.
_ENDED = ("aclose",)


def stops(
    iterator: object, source: object, *, is_async: bool = False, ended: bool = False
) -> list[Stop]:
    """Return what stops a source, to be called in order; async ones may return an awaitable.

    ``ended``: whether the source has ended, or has reported its end.

    >>> words = (word for word in ["a", "b"])
    >>> [stop() for stop in stops(words, words)], list(words)
    ([None], [])
    """
    ways = _ASYNC if is_async else _SYNC
    found = [_stop(iterator, ways)]
    if source is not iterator:
        found.append(_stop(source, tuple(set(_ENDED) & set(ways)) if ended else ways))
    return [stop for stop in found if stop]


def _stop(target: object, ways: tuple[str, ...]) -> Stop | None:
    for way in ways:
        if callable(getattr(target, way, None)):
            return lambda: _WAYS[way](target)
    return None


def require_stream(source: object) -> None:
    """Raise a `UsageError` for what is no stream, with what to write instead."""
    kind = type(source).__name__
    is_iterable = hasattr(source, "__iter__") or hasattr(source, "__aiter__")
    if hasattr(source, "__await__") and not is_iterable:
        close = getattr(source, "close", None)
        if close:
            close()  # or Python warns that the coroutine was never awaited
        raise UsageError(
            f"got a {kind}, not a stream; await it first: "
            f"normalize(await graph.astream_events(..., version='v3'))"
        )
    if hasattr(source, "astream") or hasattr(source, "invoke"):
        raise UsageError(
            f"got a {kind}, not a stream; start it first: "
            f"normalize(runnable.stream(...)) or normalize(runnable.astream_events(...))"
        )
    if callable(source) and not is_iterable:
        raise UsageError(f"got the function {kind}, not a stream; call it: normalize(f(...))")
    is_value = isinstance(source, (str, bytes, dict)) or hasattr(type(source), "model_fields")
    if is_value or not is_iterable:
        raise UsageError(
            f"got {source!r:.80}, a {kind} and not a stream; "
            f"pass what .stream(), .astream() or .astream_events() returns"
        )


def resume_of(source: object) -> object:
    """Return what a graph is resumed with, if it streams ``messages`` beside ``updates``.

    A generator has the arguments of its function (see Python's ``inspect``), and those of a graph's
    own are LangGraph's public signature. Of any other source nothing is known.
    """
    frame: Any = getattr(source, "ag_frame", None) or getattr(source, "gi_frame", None)
    if frame is None or frame.f_code.co_qualname not in {"Pregel.stream", "Pregel.astream"}:
        return None
    modes, given = frame.f_locals.get("stream_mode"), frame.f_locals.get("input")
    has_both = isinstance(modes, (list, tuple)) and {"messages", "updates"} <= {*modes}
    return getattr(given, "resume", None) if has_both else None
