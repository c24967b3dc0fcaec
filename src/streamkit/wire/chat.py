"""The lines that a chat window needs: one JSON object each.

    {"type":"token","content":"Let me ","message_id":"lc_run--1"}
    {"type":"tool_call","name":"get_weather","args":{"city":"Paris"}}
    {"type":"tool_result","name":"get_weather","result":"sunny"}
    {"type":"usage","input_tokens":310,"output_tokens":52}
    {"type":"end","status":"completed"}

- ``token``: a piece of a model's text. Append it to the text of its message.
- ``discard``: take back all text of a message: the attempt was abandoned, or the message was
  removed. Where its text changed, tokens with the new text follow.
- ``tool_call``: a call, once it is whole. One whose arguments are broken is never shown, because
  somebody might run it.
- ``tool_result``: the output of a tool. For a tool that failed it is ``"error: "`` and the
  exception's class. The exception's text may hold secrets and needs ``private=True``. A tool that
  was stopped has no result.
- ``interrupt``: what the graph waits for, as ``id`` and ``value``.
- ``sources``: what a retriever found or a text cites, as a list of ``url`` and ``title``.
- ``error``: the class of the exception that ended the run, and with ``private=True`` its text.
- ``usage``: the tokens of all model calls, each counted once; left out where none reported any.
- ``end``: always last, with the run's status.

Text of internal model calls, and of models that tools call, is left out. Dicts and other items of a
mapper are written as they are.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypedDict, overload

from .. import events as ev
from ..errors import UsageError
from ..mapping import PerRun, per_run
from . import ndjson
from ._blocks import Source, fields_of_message, source_of, sources_in, text_of
from ._plain_json import dump_plain
from .protocol import BaseEncoder, error_text

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._drive import AsyncEventStream, EventStream, OnError
    from .._protocols import AnyStage
    from ..dialects import Dialect, RegisteredDialect
    from ..dialects.stream_modes import Mode

__all__ = ["HEADERS", "Encoder", "chat_lines", "encoder", "lines"]

HEADERS = ndjson.HEADERS
"""The headers of a response that streams such lines."""


class Options(TypedDict, total=False):
    """Options of `normalize`."""

    dialect: Dialect | RegisteredDialect | None
    mode: Mode | None
    subgraphs: bool | None
    strict: bool
    on_error: OnError
    clock: Callable[[], float]


class Encoder(BaseEncoder):
    r"""One run's encoder of lines.

    >>> Encoder().close()
    (b'{"type":"end","status":"incomplete"}\n',)
    """

    def __init__(self, *, private: bool = False) -> None:
        super().__init__(private=private)
        self._shown: set[str] = set()
        """The messages of which tokens were written."""
        self._speaking: set[str] = set()
        self._texts: dict[str, list[str]] = {}
        """The text written for each message since none was open: one may be withdrawn later."""

    def message_start(self, event: ev.MessageStart) -> Iterable[bytes]:
        if not self._speaking:
            self._texts.clear()
        self._speaking.add(event.message_id)
        return ()

    def text_delta(self, event: ev.TextDelta) -> Iterable[bytes]:
        return (self._token(event.message_id, event.text),)

    def _token(self, message_id: str, text: str) -> bytes:
        self._shown.add(message_id)
        self._texts.setdefault(message_id, []).append(text)
        return _line("token", content=text, message_id=message_id)

    def message_end(self, event: ev.MessageEnd) -> Iterable[bytes]:
        self._speaking.discard(event.message_id)
        return self._abandon(event.message_id) if event.status == "abandoned" else ()

    def _abandon(self, message_id: str) -> Iterator[bytes]:
        """Withdraw an attempt, and write the later text of other messages again.

        So a page that only appends tokens, and takes back all since the last other line, is right
        too.
        """
        # An attempt of a retry and another model may write at the same time.
        ids = list(self._texts)
        later = ids[ids.index(message_id) + 1 :] if message_id in self._texts else ()
        yield from self._discard(message_id)
        texts = {id: "".join(self._texts.pop(id)) for id in later}
        for id in texts:
            yield from self._discard(id)
        for id, text in texts.items():
            yield self._token(id, text)

    def message_removed(self, event: ev.MessageRemoved) -> Iterable[bytes]:
        return self._discard(event.message_id)

    def message_replaced(self, event: ev.MessageReplaced) -> Iterator[bytes]:
        data = fields_of_message(event.message)
        if event.tool_call_id is not None:
            yield _line("tool_result", name=data.get("name"), result=data.get("content"))
        elif event.message_id in self._shown:
            yield from self._discard(event.message_id)
            text = text_of(data.get("content"))
            if text:
                yield self._token(event.message_id, text)

    def _discard(self, message_id: str) -> Iterator[bytes]:
        if message_id in self._shown:
            self._shown.remove(message_id)
            self._texts.pop(message_id, None)
            yield _line("discard", message_id=message_id)

    def tool_call_end(self, event: ev.ToolCallEnd) -> Iterator[bytes]:
        # LangChain runs no tool for a call with broken arguments (`invalid_tool_calls`).
        if event.error is None:
            yield _line("tool_call", name=event.name, args=event.args)

    def tool_end(self, event: ev.ToolEnd) -> Iterator[bytes]:
        if event.status == "completed":
            yield _line("tool_result", name=event.name, result=event.output)

    def tool_error(self, event: ev.ToolError) -> Iterator[bytes]:
        yield _line("tool_result", name=event.name, result=f"error: {error_text(event.error)}")

    def interrupt(self, event: ev.Interrupt) -> Iterator[bytes]:
        yield _line("interrupt", id=event.interrupt_id, value=event.value)

    def citation(self, event: ev.Citation) -> Iterable[bytes]:
        return _sources([source_of(event.citation)])

    def retrieval_end(self, event: ev.RetrievalEnd) -> Iterable[bytes]:
        return _sources(sources_in(event.documents))

    def run_end(self, event: ev.RunEnd) -> Iterator[bytes]:
        yield from _usage(event)
        yield _line("end", status=event.status)

    def run_error(self, event: ev.RunError) -> Iterator[bytes]:
        yield from _usage(event)
        message = {"message": event.error.message} if event.error.message else {}
        yield _line("error", name=event.error.name, **message)
        yield _line("end", status="failed")

    def own(self, data: Any) -> Iterator[bytes]:
        yield dump_plain(data) + b"\n"


def _line(type: str, **fields: Any) -> bytes:
    return dump_plain({"type": type, **fields}) + b"\n"


def _sources(found: Iterable[Source]) -> Iterator[bytes]:
    named = [it._asdict() for it in found if it.url or it.title]
    if named:
        yield _line("sources", sources=named)


def _usage(event: ev.RunEnd | ev.RunError) -> Iterator[bytes]:
    if event.usage:
        read, written = event.usage.input_tokens, event.usage.output_tokens
        yield _line("usage", input_tokens=read, output_tokens=written)


def encoder(*, private: bool = False) -> PerRun[Any, bytes]:
    r"""Return a stage from events to lines.

    ``private=True`` also writes the texts of exceptions.

    >>> from streamkit import normalize
    >>> list(normalize(["Hi"]).pipe(encoder()))[-1]
    b'{"type":"end","status":"completed"}\n'
    """
    return per_run(lambda: Encoder(private=private).feed)


class Lines(PerRun[ev.Event, bytes]):
    """The stage `lines`, which can also be called with the events of one run after the other."""

    def __init__(self) -> None:
        super().__init__(lambda: Encoder().feed, "lines")
        self._encoder: Encoder | None = None

    def __call__(self, event: ev.Event) -> Iterable[bytes]:
        """Return the lines of one more event of a run, which begins with its ``run.start``.

        Raises:
            UsageError: another run began before this one ended; each needs an `encoder` of its own.
        """
        if isinstance(event, ev.RunStart) and self._encoder is not None:
            self._encoder = None
            raise UsageError(
                "lines() was called with the events of two runs at once; write "
                "stage = encoder().stage() for each run"
            )
        self._encoder = self._encoder or Encoder()
        written = self._encoder.feed(event)
        if isinstance(event, ev.RunEnd | ev.RunError):
            self._encoder = None
        return written


lines: Lines = Lines()
"""A stage from events to lines: `encoder` without options, and callable with single events."""


@overload
def chat_lines(
    source: AsyncIterable[Any],
    *stages: AnyStage[ev.Event, ev.Event],
    private: bool = ...,
    **options: Unpack[Options],
) -> AsyncEventStream[bytes]: ...


@overload
def chat_lines(
    source: Iterable[Any],
    *stages: AnyStage[ev.Event, ev.Event],
    private: bool = ...,
    **options: Unpack[Options],
) -> EventStream[bytes]: ...


def chat_lines(
    source: AsyncIterable[Any] | Iterable[Any],
    *stages: AnyStage[ev.Event, ev.Event],
    private: bool = False,
    **options: Unpack[Options],
) -> AsyncEventStream[bytes] | EventStream[bytes]:
    r"""Return any LangChain or LangGraph stream as the lines a chat window needs.

    Args:
        source: what ``.stream()``, ``.astream()`` or ``.astream_events()`` returned.
        stages: filters and other stages in front of the encoder, as for `normalize`.
        private: also write the texts of exceptions.
        options: other options of `normalize`, such as ``dialect`` and ``on_error``.

    Raises:
        UsageError: as `normalize` does.

    >>> for line in chat_lines(["Hi"]):
    ...     print(line)
    b'{"type":"token","content":"Hi","message_id":"..."}\n'
    b'{"type":"end","status":"completed"}\n'
    """
    from .._drive import normalize  # noqa: PLC0415  (the package is imported without them)

    return normalize(source, *stages, **options).pipe(encoder(private=private))
