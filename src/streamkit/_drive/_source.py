"""Sources: what is refused as one, and what stops one.

A source is up to two objects: what the caller passed, and the iterator over it. A generator is
both. A v3 run stream is not: closing the iterator over it stops nothing, only the run's own
``abort`` does. So both are stopped, the iterator first, each by the first way that it has.

Closing the generator of a chain closes none of those that its steps read from (langchain-core 0.3
to 1.8: `_atransform_stream_with_config`, `atee`). They are in reference cycles and would wait for
the garbage collector, and the model's connection with them. `astream_log` and `astream_events`
version 1 even let the run go on. So what LangChain's own frames refer to is stopped, too: `Inside`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from gc import get_referents
from typing import Any, TypeAlias, cast

from .._fields import shown
from .._protocols import leave_unawaited
from ..errors import UsageError

Stop: TypeAlias = Callable[[], Any]


class Buffered(AsyncIterator[Any]):
    """An async source that may have items at hand, which are taken without waiting."""

    @property
    @abstractmethod
    def take(self) -> Callable[[], Any]:
        """The function that returns the next item, or None where it has to be waited for."""


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


class Inside:
    """The generators and tasks of LangChain's that a source reads from.

    They are what LangChain's own frames refer to, as the source is about to be closed, or as
    ``error`` has left it. Generators of the application's are not among them.
    """

    def __init__(self, source: object, error: BaseException | None = None) -> None:
        self._given = (source, error)
        self._generators: dict[int, Any] = {}  # the outermost first
        self._tasks: dict[int, Any] = {}
        self._futures: list[Any] = []  # of threads that read branches of a sync step
        unseen: deque[object] = deque([source])
        traceback = error.__traceback__ if error else None
        while traceback:
            unseen.extend(_referents(traceback.tb_frame, traceback.tb_frame.f_locals.values()))
            traceback = traceback.tb_next
        while unseen:
            unseen.extend(self._add(unseen.popleft()))
        self._generators.pop(id(source), None)

    def _add(self, value: Any) -> Iterable[object]:
        if hasattr(value, "ag_frame") or hasattr(value, "gi_frame"):
            found, holder = self._generators, value
            frame = value.ag_frame if hasattr(value, "ag_frame") else value.gi_frame
        elif hasattr(value, "get_coro"):
            holder = value.get_coro()
            found, frame = self._tasks, getattr(holder, "cr_frame", None)
        else:
            if _is_future(value) and not value.done():
                self._futures.append(value)
            return ()
        if id(value) in found or not _is_langchains(frame):
            return ()
        found[id(value)] = value
        # The iterator of an `async for` is no local variable.
        return _referents(frame, get_referents(holder))

    def cancel(self) -> None:
        """Cancel the tasks. To be called before the source is closed, which may wait for them."""
        for task in self._tasks.values():
            task.cancel()

    def close(self) -> None:
        """Close what a sync source reads from. To be called before the source is closed.

        The generator of a chain's step that is closed reads its input to the end, with all that the
        model still has to write (langchain-core 1.8, `_transform_stream_with_config`).
        """
        if self._futures:
            from concurrent.futures import wait  # noqa: PLC0415  (importing stays light)

            wait(self._futures)
            Inside(*self._given).close()  # a frame that runs shows nothing of what it refers to
            return
        for generator in reversed(self._generators.values()):
            if not getattr(generator, "gi_running", True):
                generator.close()

    async def aclose(self) -> None:
        """Close what is left open. To be called after the source was closed."""
        if tasks := [task for task in self._tasks.values() if not task.done()]:
            from asyncio import wait  # noqa: PLC0415  (importing stays light)

            await wait(tasks)
        for generator in self._generators.values():
            if not getattr(generator, "ag_running", True):
                await generator.aclose()


_AWAITS = {"cr_frame": "cr_await", "ag_frame": "ag_await", "gi_frame": "gi_yieldfrom"}
"""Where coroutines and generators have what they await, by where they have their frame."""


def awaiting_frames(waiting: Any) -> Iterator[Any]:
    """Yield the frames of a coroutine that waits, and of all that it awaits, the outermost first.

    They end at the future that is waited for, or at an awaitable that is no generator in any way.
    """
    while waiting is not None and not hasattr(waiting, "_asyncio_future_blocking"):
        name = next((it for it in _AWAITS if hasattr(waiting, it)), None)
        if name:
            yield from filter(None, [getattr(waiting, name)])
            waiting = getattr(waiting, _AWAITS[name])
        else:  # of `anext`, or of an async generator that is iterated: it refers to what it steps
            inner = get_referents(waiting)
            waiting = next((it for it in inner if hasattr(it, "__await__") or _has_frame(it)), None)


def _has_frame(value: object) -> bool:
    return any(hasattr(value, name) for name in _AWAITS)


_MOST_INSIDE = 100  # branches of a parallel step


_WALKED = ("langchain_core.", "streamkit.")  # our recorder taps the outputs of steps


def _is_langchains(frame: Any) -> bool:
    module: object = frame.f_globals.get("__name__") if frame else None
    return isinstance(module, str) and module.startswith(_WALKED)


def _is_future(value: object) -> bool:
    cls = value.__class__
    return cls.__module__ == "concurrent.futures._base" and cls.__name__ == "Future"


def _referents(frame: object, values: Iterable[object]) -> Iterable[object]:
    return _flat(values) if _is_langchains(frame) else ()


def _flat(values: Iterable[object], depth: int = 2) -> Iterable[object]:
    """Yield values, and what short lists, tuples and dicts among them hold."""
    for value in values:
        if value.__class__ in {list, tuple} and depth and len(cast("Any", value)) < _MOST_INSIDE:
            yield from _flat(cast("Any", value), depth - 1)
        elif value.__class__ is dict and depth and len(cast("Any", value)) < _MOST_INSIDE:
            inside = cast("dict[object, object]", value)
            yield from _flat((*inside, *inside.values()), depth - 1)
        else:
            yield value


def require_stream(source: object) -> None:
    """Raise a `UsageError` for what is no stream, with what to write instead."""
    given, kind = source, type(source).__name__
    is_iterable = hasattr(source, "__iter__") or hasattr(source, "__aiter__")
    if hasattr(source, "__await__") and not is_iterable:
        leave_unawaited(source)
        raise UsageError(
            f"got a {kind}, not a stream; await it first if it is version 3 of events: "
            f"normalize(await graph.astream_events(..., version='v3')); ainvoke() does not stream: "
            f"write astream(runnable, input)"
        )
    if hasattr(source, "handler") and hasattr(source, "live"):
        raise UsageError(
            f"got a {kind}, not a stream; write source.events(), or source.live() while a call runs"
        )
    if hasattr(source, "astream") or hasattr(source, "invoke"):
        raise UsageError(
            f"got a {kind}, not a stream; start it first: "
            f"normalize(runnable.stream(...)) or normalize(runnable.astream_events(...))"
        )
    if callable(source) and not is_iterable:
        name = getattr(source, "__name__", kind)
        raise UsageError(f"got the function {name}, not a stream; call it: normalize({name}(...))")
    is_value = isinstance(source, (str, bytes, dict)) or hasattr(type(source), "model_fields")
    if is_value or not is_iterable:
        raise UsageError(
            f"got {shown(given, 80)}, a {kind} and not a stream; "
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
