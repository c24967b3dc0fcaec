"""What a chat window needs, and no more: four kinds of lines.

    {"type":"token","content":"Let me "}
    {"type":"tool_call","name":"get_weather","args":{"city":"Paris"}}
    {"type":"tool_result","name":"get_weather","result":"sunny"}
    {"type":"usage","input_tokens":310,"output_tokens":52}

- A token is a piece of any model's text, in the order in which the pieces come. Where models talk
  at the same time, choose one with a stage before this one: lines do not say whose they are.
- A call is shown once it is whole. One whose arguments are broken is never shown, because somebody
  might carry it out.
- A result is what the tool returned. A tool that failed has ``"error: "`` and the exception's class
  name for a result. What it said may hold secrets, and that it said it to the model changes nothing
  about that: it needs ``private=True``. A tool that was stopped has no result.
- Usage comes last and counts each model call once; it is left out where no call reported any.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict, overload

from ..events import Event, RunEnd, RunError, TextDelta, ToolCallEnd, ToolEnd, ToolError
from . import ndjson
from ._json import dump_scalars, dumps

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._drive import AsyncEventStream, EventStream, OnError
    from .._protocols import AnyStage

__all__ = ["HEADERS", "chat_lines", "encoder", "lines"]

HEADERS = ndjson.HEADERS
"""The headers of a response that streams such lines."""


class Options(TypedDict, total=False):
    """What `normalize` may be told."""

    dialect: str | None
    mode: str | None
    subgraphs: bool | None
    strict: bool
    on_error: OnError
    clock: Callable[[], float]


def lines(event: Event, *, private: bool = False) -> Iterable[bytes]:
    r"""Give the lines that an event is worth, mostly none: a stage from events to bytes.

    Never raises. ``private=True`` also writes what a failed tool said.

    >>> from streamkit import normalize
    >>> list(normalize(["Hel", "lo"]).pipe(lines))
    [b'{"type":"token","content":"Hel"}\n', b'{"type":"token","content":"lo"}\n']
    """
    match event:
        case TextDelta():
            return (dump_scalars({"type": "token", "content": event.text}) + b"\n",)
        case ToolCallEnd(error=None):
            return (_line("tool_call", private, name=event.name, args=event.args),)
        case ToolEnd(status="completed"):
            return (_line("tool_result", private, name=event.name, result=event.output),)
        case ToolError():
            said = event.error.message if private else event.error.name
            return (_line("tool_result", private, name=event.name, result=f"error: {said}"),)
        case RunEnd() | RunError() if event.usage:
            tokens = {
                "input_tokens": event.usage.input_tokens,
                "output_tokens": event.usage.output_tokens,
            }
            return (_line("usage", private, **tokens),)
        case _:
            return ()


def encoder(*, private: bool = False) -> Callable[[Event], Iterable[bytes]]:
    """Give `lines` as a stage, with or without what failed tools said.

    >>> from streamkit import normalize
    >>> len(list(normalize(["Hel", "lo"]).pipe(encoder(private=True))))
    2
    """
    return partial(lines, private=private)


def _line(type: str, private: bool, **fields: Any) -> bytes:
    return dumps({"type": type, **fields}, private=private) + b"\n"


@overload
def chat_lines(
    source: AsyncIterable[Any],
    *stages: AnyStage[Event, Event],
    private: bool = ...,
    **options: Unpack[Options],
) -> AsyncEventStream[bytes]: ...


@overload
def chat_lines(
    source: Iterable[Any],
    *stages: AnyStage[Event, Event],
    private: bool = ...,
    **options: Unpack[Options],
) -> EventStream[bytes]: ...


def chat_lines(
    source: AsyncIterable[Any] | Iterable[Any],
    *stages: AnyStage[Event, Event],
    private: bool = False,
    **options: Unpack[Options],
) -> AsyncEventStream[bytes] | EventStream[bytes]:
    r"""Give any LangChain or LangGraph stream as the lines a chat window needs.

    Args:
        source: what ``.stream()``, ``.astream()`` or ``.astream_events()`` returned.
        stages: what chooses or changes events before they become lines, as for `normalize`.
        private: also write what a failed tool said.
        options: whatever else `normalize` may be told, such as ``dialect`` and ``on_error``.

    Raises:
        UsageError: as `normalize` does.

    >>> for line in chat_lines(["Hel", "lo"]):
    ...     print(line)
    b'{"type":"token","content":"Hel"}\n'
    b'{"type":"token","content":"lo"}\n'
    """
    from .._drive import normalize  # noqa: PLC0415  (the loops are a floor above this one)

    return normalize(source, *stages, **options).pipe(encoder(private=private))
