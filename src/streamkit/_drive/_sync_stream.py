"""The loop over sync sources: see `_stream` for its laws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .._conversation import ConversationText, conversation_messages
from .._protocols import AnyStage, StageMaker
from ..events import Event
from ..folds import Result
from ..mapping import mapped
from ._pipeline import LISTED, Stages
from ._source import Inside
from ._stream import END, Stream, concurrent_read, only_exception

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from langchain_core.messages import AIMessage, ToolMessage

U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)


class EventStream(Stream[T_co], Iterator[T_co]):
    """An iterator of events over a sync source; also a context manager that closes the source."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._free = [True]  # one item while nobody reads; to pop and to append are atomic

    def __iter__(self) -> Self:
        self._require_unread()
        return self

    def __next__(self) -> T_co:  # noqa: C901  (one loop, read from top to bottom)
        try:
            self._free.pop()
        except IndexError:
            raise concurrent_read() from None
        only: T_co
        try:
            while not self._ready:
                try:
                    if not self._begun:
                        self._begin()
                    try:
                        raw = next(self._iterator)
                    except StopIteration:
                        self._end()
                        continue
                    delta_of = self._pipeline.delta_of
                    if delta_of is not None and (only := delta_of(raw)) is not None:
                        return only
                    outputs: Any = self._pipeline.feed(raw)
                    if outputs.__class__ in LISTED and len(outputs) == 1:  # as most items give
                        only = outputs[0]
                        if only.__class__ in self._pipeline.recorded:
                            self._pipeline.recording.add(only)
                        return only
                    self._take_outputs(outputs)
                except BaseException as error:
                    self._fail_or_end(error)
                    self._close_quietly(error)
                    if not isinstance(error, Exception):
                        raise
            output: T_co = self._ready.popleft()
            if output is END:
                self._reach_end()
                raise StopIteration
            return output
        finally:
            self._free.append(True)
            if self._stopping:
                self._stop_if_unread()

    def close(self) -> None:
        """Stop: close the source. What is still to be read are the closing events.

        Any thread may call it at any time. While another one waits for the source, that one closes
        it as soon as the source gives something.
        """
        if self._try_take():
            try:
                self._fail(GeneratorExit())
                self._close_source()
            finally:
                self._free.append(True)
        else:
            self._stopping = True
            self._stop_if_unread()

    def _stop_if_unread(self) -> None:
        """Close the stream as requested, unless it is being read: then the reader closes it."""
        if self._try_take():
            self._stopping = False
            try:
                self._fail(GeneratorExit())
                self._close_quietly()
            finally:
                self._free.append(True)

    def _try_take(self) -> bool:
        """Take the stream as a reader does; return whether it was free."""
        try:
            self._free.pop()
        except IndexError:
            return False
        return True

    def _close_quietly(self, error: BaseException | None = None) -> None:
        try:
            self._close_source(error)
        except Exception as broken:  # noqa: BLE001  (raised after the closing events)
            self._add_error(broken)

    def _close_source(self, error: BaseException | None = None) -> None:
        with ExitStack() as closing:
            for stop in reversed(self._stops()):
                closing.callback(stop)
            if not self._ended:
                closing.callback(Inside(self._source, error).close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def pipe(self, stage: AnyStage[T_co, U]) -> EventStream[U]:
        """Return this stream with one more stage behind it.

        A stage is any callable from one item to any number of them, or what makes one, such as
        a filter. The stream itself is extended: continue with what `pipe` returns.

        Raises:
            UsageError: it is no stage, or the stream was read to its end.

        >>> from streamkit import normalize
        >>> shout = normalize(["Hel", "lo"]).text().pipe(lambda text: [text.upper()])
        >>> list(shout)
        ['HEL', 'LO']
        """
        return cast("EventStream[U]", self._extended(stage))

    def map(self, mapper: StageMaker[T_co, U] | Callable[[T_co], U | None]) -> EventStream[U]:
        """Return what ``mapper`` makes of each item: a function (None for nothing) or a `Mapper`.

        Where the function raises, the stream raises `BrokenMapper`.

        Raises:
            UsageError: it is no function, it awaits, or the stream was read to its end.

        >>> from streamkit import normalize
        >>> sizes = normalize(["Hel", "lo"]).text().map(len)
        >>> list(sizes)
        [3, 2]
        """
        return self.pipe(mapped(mapper))

    def text(self: EventStream[Event]) -> EventStream[str]:
        """Return only the text of the conversation, piece by piece.

        Where models write at the same time, each message comes as a whole, one after the other.
        Text of internal models, and of those inside tools, is left out. To have it as well, write
        ``pipe(text_of)``, with `streamkit.folds.text_of`.

        >>> from streamkit import normalize
        >>> "".join(normalize(["Hel", "lo"]).text())
        'Hello'
        """
        return self.pipe(ConversationText())

    def messages(self: EventStream[Event]) -> EventStream[AIMessage | ToolMessage]:
        """Return only the finished messages, as LangChain's own, each when it is complete.

        They are those of the conversation: none of internal models, and none inside tools.

        >>> from streamkit import normalize
        >>> [message.content for message in normalize(["Hel", "lo"]).messages()]
        ['Hello']
        """
        return self.pipe(conversation_messages())

    def collect(self: EventStream[Any]) -> Result:
        """Read to the end and return the whole run: what `result` is then.

        Raises whatever the source raises; with ``on_error="event"`` it is in ``result.error``.

        >>> from streamkit import normalize
        >>> normalize(["Hel", "lo"]).collect().text
        'Hello'
        """
        if not self._exhausted:
            for _ in self:
                pass
        return self.result


class Relay(EventStream[T_co]):
    """A sync stream over a stream of ours, which keeps the laws and closes itself.

    So it is done only when its source is: after `close`, or an error of a stage, it still returns
    what the source yields until its end.
    """

    def __init__(self, source: Iterator[T_co]) -> None:
        super().__init__(source, Stages(), "raise", source)

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or only_exception(error)
