"""The parts that both of OpenAI's protocols share: calls, tokens and the headers of a response.

Laws of this file:

1. A call that was run here, or that an interrupt asks about, is not written as a call of the
   client's: a client would run it.
2. Models that write at the same time come one after the other. The Responses API could have them at
   once, but OpenAI never does, and clients such as ``langchain-openai`` 1.7.4 mix their texts then.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal, TypeAlias

from .._fields import JsonObject
from ..events import MessageEnd, ToolCallEnd, ToolCallStart, ToolStart
from ..stages import sequential
from ..values import Usage
from . import sse
from ._openai_messages import named_calls
from .protocol import BaseEncoder, Frames

HEADERS: Final[Mapping[str, str]] = MappingProxyType({**sse.HEADERS, "x-should-retry": "false"})
"""The headers of a response that streams such frames, which no proxy may buffer.

OpenAI's clients ask twice more after a status of 500 or above, unless a header says not to: the
graph would run again, and its tools too.
"""

HEARTBEAT: Final = sse.HEARTBEAT
"""A comment frame: clients skip it, and proxies keep the connection open."""

Calls: TypeAlias = Literal["unanswered", "all"]
"""Which calls are written: those that were not run here, at the end, or all of them at once."""


class OpenAIEncoder(BaseEncoder):
    """The base of both encoders: it knows which calls are left to the client."""

    refusals: ClassVar[bool] = True

    def __init__(self, history: Iterable[JsonObject], *, calls: Calls, private: bool) -> None:
        super().__init__(private=private, known_calls=named_calls(history))
        self._writes_calls = calls == "all"
        self._unanswered: dict[str, ToolCallEnd | None] = {}
        self._finish_reason = "stop"
        self._in_turn = sequential.stage()

    def feed(self, item: Any) -> tuple[bytes, ...]:
        """Return the frames of an event: those of a message that has its turn."""
        frames: list[bytes] = []
        for it in self._in_turn(item):
            frames += super().feed(it)
        return tuple(frames)

    @abstractmethod
    def begin_call(self, event: ToolCallStart) -> Frames:
        """Write the start of a call, where all calls are the client's."""

    def message_end(self, event: MessageEnd) -> Frames:
        if event.status == "abandoned":
            for call in event.tool_calls:
                self._unanswered.pop(call.id, None)
        else:
            # Of several models the last one counts, as a client sees one answer.
            cut = event.finish_reason in {"length", "content_filter"}
            self._finish_reason = (event.finish_reason if cut else None) or "stop"
        return ()

    def tool_call_start(self, event: ToolCallStart) -> Frames:
        # OpenAI's own tools have items of their own; a call in this list is the client's to run.
        if event.provider_executed:
            return ()
        if self._writes_calls:
            return self.begin_call(event)
        self._unanswered[event.tool_call_id] = None  # in the order in which they begin
        return ()

    def tool_call_end(self, event: ToolCallEnd) -> Frames:
        if event.error is None and event.tool_call_id in self._unanswered:
            self._unanswered[event.tool_call_id] = event
        return ()

    def tool_start(self, event: ToolStart) -> Frames:
        self._unanswered.pop(event.tool_call_id, None)
        return ()

    def unanswered(self) -> Iterator[ToolCallEnd]:
        """Return the calls that the client has to run, once the run is complete."""
        return filter(None, self._unanswered.values())


def frames_in(body: bytes) -> list[bytes]:
    r"""Return the frames of a whole stream.

    >>> frames_in(b"data: 1\n\n:\n\n")
    [b'data: 1\n\n', b':\n\n']
    """
    return [it + b"\n\n" for it in body.split(b"\n\n") if it]


def usage_form(usage: Usage, read: str, written: str) -> dict[str, Any]:
    """Return tokens as OpenAI counts them, whose two protocols have different words for both.

    >>> form = usage_form(Usage(input_tokens=3, output_tokens=2), "prompt", "completion")
    >>> form["prompt_tokens"], form["completion_tokens_details"]
    (3, {'reasoning_tokens': 0})
    """
    details = usage.input_token_details
    cached = {"cached_tokens": details.get("cache_read", 0)}
    cached["cache_write_tokens"] = details.get("cache_creation", 0)
    reasoning = {"reasoning_tokens": usage.output_token_details.get("reasoning", 0)}
    return {
        f"{read}_tokens": usage.input_tokens,
        f"{written}_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        f"{read}_tokens_details": cached,
        f"{written}_tokens_details": reasoning,
    }
