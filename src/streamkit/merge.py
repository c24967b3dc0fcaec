"""Merge the chunks of one AI message into the message that LangChain's fold would give.

The fold, ``functools.reduce(operator.add, chunks)``, builds and validates a message per chunk and
parses the arguments of every tool call again each time: its cost grows with the square of their
length. Here a growing string is written to one buffer, and the message is built once.

Wherever the fold is right, the result equals it. Where it is wrong, this holds instead:

- *Calls* are identified as in a stream of events (one rule, in ``_core.calls``): calls at one
  index stay apart if their ids differ, a piece without index, id and name goes on with the last
  call, and what is written to a call that is over is left out.
- *A name or id sent again* with every fragment stays as it is (not ``get_weatherget_weather``).
- *Arguments cut off* stand in ``invalid_tool_calls`` as they came. The fold repairs
  ``{"city": "Par`` to ``{"city": "Par"}`` and calls that valid. Here a call is valid once its
  arguments are one whole JSON object.
- *Usage reported as a running total* is not summed (one rule, in ``_core.metadata``): 10/1, 10/2,
  10/3 is 10/3.
- *Response metadata are facts*: of differing strings, floats, booleans and types the last holds
  (``stop``, not ``stopstop``). The fold joins them or raises `TypeError`. Whole numbers are added
  as the fold does.
- *Text beside blocks* is kept, even after an empty list of blocks. It becomes a text block where
  the message names its provider, for the translators behind ``content_blocks`` skip bare strings.
- *The id* is the provider's as soon as a chunk has it, in every version of LangChain. A ``name``
  is kept.
- *A whole* ``AIMessage`` counts as a chunk (the fold makes a prompt template of it). If it has the
  id merged so far it says everything again, and replaces it.

Several choices of one request (``n > 1``) are concatenated as the fold does: their chunks carry
neither the number of the choice nor an id of their own, so they cannot be separated.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from ._core.calls import Call, Calls, read_args
from ._core.content import read_chunk
from ._core.metadata import UsageReports, finish_reason, usage_metadata, usage_of
from ._fields import shown
from ._growing import Facts, Items, Record, Text, built
from .errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from typing import TypeAlias

    from langchain_core.messages import (
        AIMessage,
        AIMessageChunk,
        BaseMessage,
        InvalidToolCall,
        ToolCallChunk,
    )
    from langchain_core.outputs import Generation

    from ._fields import Fields
    from .values import Usage

    # The dict is for graphs: they declare to stream dicts, though in messages mode it is pairs.
    Mergeable: TypeAlias = BaseMessage | Generation | tuple[BaseMessage, object] | dict[str, Any]
    AnyAIMessage = TypeVar("AnyAIMessage", bound=AIMessage)

__all__ = ["MessageAccumulator", "merge_chunks", "to_message"]


@overload
def merge_chunks(chunks: Iterable[Mergeable]) -> AIMessageChunk: ...
@overload
def merge_chunks(chunks: AsyncIterable[Mergeable]) -> Awaitable[AIMessageChunk]: ...
def merge_chunks(
    chunks: Iterable[Mergeable] | AsyncIterable[Mergeable],
) -> AIMessageChunk | Awaitable[AIMessageChunk]:
    """The one message that the chunks of a stream add up to; of an async stream, its awaitable.

    Takes what streams hand out: ``AIMessageChunk`` (the result has the class of the first one),
    ``AIMessage``, ``ChatGenerationChunk``, ``GenerationChunk``, and the ``(message, metadata)``
    pairs of LangGraph's ``messages`` mode. None of them is changed.

    Raises:
        UsageError: There are no chunks, or one of them is no part of an AI message.

    >>> from langchain_core.messages import AIMessageChunk
    >>> merge_chunks([AIMessageChunk(content="Hel"), AIMessageChunk(content="lo")]).content
    'Hello'
    """
    if isinstance(chunks, AsyncIterable):
        return _merge_async(chunks)
    accumulator = MessageAccumulator()
    feed = accumulator.feed
    for chunk in chunks:
        feed(chunk)
    return accumulator.result()


async def _merge_async(chunks: AsyncIterable[Mergeable]) -> AIMessageChunk:
    accumulator = MessageAccumulator()
    async for chunk in chunks:
        accumulator.feed(chunk)
    return accumulator.result()


def to_message(chunk: AIMessageChunk) -> AIMessage:
    """The finished ``AIMessage`` of a merged chunk, of whatever class the chunk is.

    LangChain's ``message_chunk_to_message`` gives a chunk again for a provider's own subclass.

    >>> from langchain_core.messages import AIMessageChunk
    >>> to_message(AIMessageChunk(content="Hello")).type
    'ai'
    """
    from langchain_core.messages import AIMessage  # noqa: PLC0415  (imports stay light)

    return _recast(chunk, AIMessage)


class MessageAccumulator:
    """The message so far, fed item by item and readable at any time.

    Feeding costs as much for the last chunk as for the first, and keeps of a text chunk only its
    characters. The rules are those of `merge_chunks`.

    >>> from langchain_core.messages import AIMessageChunk
    >>> message = MessageAccumulator()
    >>> message.feed(AIMessageChunk(content="Hel"))
    >>> message.feed(AIMessageChunk(content="lo"))
    >>> message.text, message.result().content
    ('Hello', 'Hello')
    """

    def __init__(self) -> None:
        self._class: type[AIMessageChunk] | None = None
        self._forget()

    def _forget(self) -> None:
        self._content = _Content()
        self._calls = _CallReader()
        self._usage = UsageReports()
        self._extras = Record()
        self._facts = Facts()
        self._id: str | None = None
        self._name: str | None = None
        self._ending: dict[str, Any] = {}

    def feed(self, item: Mergeable) -> None:
        """Add the next item of the stream: whatever `merge_chunks` takes.

        Raises:
            UsageError: The item is no part of an AI message.
        """
        message = item if item.__class__ is self._class else self._admitted(item)
        said = message.__dict__
        content = said["content"]
        if isinstance(content, str):
            self._content.write(content)
            has_blocks = False
        else:
            self._content.add(content)
            has_blocks = not _is_text(content)
        if said["tool_call_chunks"] or has_blocks or self._calls.calls.current:
            read_chunk(said, self._calls)
        if said["usage_metadata"] and (usage := usage_of(said["usage_metadata"])):
            self._usage.add(usage)
        if said["additional_kwargs"]:
            self._extras.add(said["additional_kwargs"])
        if said["response_metadata"]:
            self._facts.add(said["response_metadata"])
        if said["id"] != self._id:
            self._id = max(self._id, said["id"], key=_rank)
        if said["name"]:
            self._name = self._name or said["name"]
        if said.get("chunk_position"):  # a field that LangChain 0.3 does not have
            self._ending = {"chunk_position": "last"}

    def _admitted(self, item: Any) -> AIMessageChunk:
        """The chunk in an item that is no chunk of the class of the others."""
        if isinstance(item, tuple):
            pair = cast("tuple[Any, object]", item)
            return pair[0] if pair[0].__class__ is self._class else self._admitted(pair[0])
        from langchain_core.messages import AIMessageChunk  # noqa: PLC0415

        message = _message_in(item)
        if not isinstance(message, AIMessageChunk):
            if message.id and message.id == self._id:
                self._forget()
            message = _recast(message, AIMessageChunk)
        self._class = self._class or message.__class__
        return message

    @property
    def text(self) -> str:
        """The text so far, without reasoning and tool calls; looking costs one copy of it."""
        return self._content.text()

    @property
    def tool_call_chunks(self) -> list[ToolCallChunk]:
        """The tool calls so far, their arguments as the text that came; nothing is parsed."""
        return [_as_chunk(call) for call in self._calls]

    def result(self) -> AIMessageChunk:
        """The message so far; feeding may go on.

        Raises:
            UsageError: Nothing has been fed.
        """
        if self._class is None:
            raise UsageError("there are no chunks to merge; leave out streams that gave none")
        facts, calls = self._facts.built(), list(self._calls)
        whole = [_as_chunk(call) for call in calls if _is_valid(call)]
        broken = [_as_invalid(call) for call in calls if not _is_valid(call)]
        message = self._class(
            content=self._content.finished(bare_strings="model_provider" not in facts),
            additional_kwargs=self._extras.built(),
            response_metadata=facts,
            tool_call_chunks=whole,
            invalid_tool_calls=broken,
            usage_metadata=usage_metadata(self._usage.total),
            id=self._id,
            name=self._name,
            **self._ending,
        )
        if broken:
            # Given these at once, the constructor would repair them, character by character.
            message.tool_call_chunks = self.tool_call_chunks
            message.invalid_tool_calls = broken
        return message


def _is_text(blocks: list[Any]) -> bool:
    """Return whether blocks are text alone, in which no call can be."""
    for block in blocks:  # noqa: SIM110  (`all` takes twice as long for the one block of a chunk)
        if block.__class__ is not dict or block.get("type") != "text":
            return False
    return True


def _message_in(item: object) -> AIMessage:
    from langchain_core.messages import AIMessage, AIMessageChunk  # noqa: PLC0415
    from langchain_core.outputs import ChatGeneration, GenerationChunk  # noqa: PLC0415

    if isinstance(item, ChatGeneration):
        return _message_in(item.message)
    if isinstance(item, AIMessage):
        return item
    if isinstance(item, GenerationChunk):
        return AIMessageChunk(content=item.text)
    raise UsageError(
        f"cannot merge {type(item).__name__} {shown(item, 80)} into an AI message; "
        "feed the chunks of one message, and nothing else"
    )


def _recast(message: AIMessage, to: type[AnyAIMessage]) -> AnyAIMessage:
    """The same message in a class of LangChain's own."""
    from langchain_core.messages import AIMessage  # noqa: PLC0415

    fields = AIMessage.model_fields.keys() - {"type"}
    return to(**{field: getattr(message, field) for field in fields})


def _rank(id: str | None) -> int:
    """How much an id says: a provider's more than a run's, a run's more than a random one."""
    if not id:
        return 0
    if id.startswith(("lc_run-", "run-")):
        return 2
    return 1 if id.startswith("lc_") else 3


class _Content(Items):
    """The content: a string until the first block comes, a list from then on."""

    write: Callable[[str], object]
    """Takes a string: the open one goes on with it, or it is the next item."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = True
        self.write = self._open

    def _open(self, text: str) -> None:
        if text or self.plain:
            self.append(text)
            self._go_on()

    def _go_on(self) -> None:
        last = self.items[-1] if self.items else None
        self.write = last.write if isinstance(last, Text) else self._open

    def add(self, pieces: Iterable[Any]) -> None:
        """Add blocks."""
        if self.plain:
            self.plain = False
            self.extend(pieces)
        else:
            super().add(pieces)
        self._go_on()

    def append(self, item: Any) -> None:
        """Take a block or a string, which may grow."""
        if isinstance(item, str):
            self.items.append(Text(item))
        else:
            super().append(item)

    def text(self) -> str:
        """The strings and the text blocks, joined."""
        return "".join(map(_text_of, self.items))

    def finished(self, *, bare_strings: bool) -> str | list[Any]:
        """The content as a message holds it."""
        parts = self.built()
        if self.plain:
            return "".join(parts)
        return parts if bare_strings else [_as_block(part) for part in parts]


def _text_of(part: Any) -> str:
    if isinstance(part, Record):
        part = part.fields.get("text") if part.fields.get("type") == "text" else ""
    return built(part) or ""


def _as_block(part: Any) -> Any:
    return {"type": "text", "text": part} if isinstance(part, str) and part else part


class _CallReader:
    """The `Sink` of a chunk that keeps its calls, and leaves them where anything else comes."""

    def __init__(self) -> None:
        self.calls = Calls()

    def __iter__(self) -> Iterator[Call]:
        return (call for call in self.calls if not call.provider_executed)

    def text(self, text: str, index: object = None) -> None:  # noqa: ARG002
        if text:
            self.calls.leave()

    def reasoning(
        self,
        text: str,
        index: object = None,  # noqa: ARG002
        *,
        signature: str | None = None,
        redacted: bool = False,
    ) -> None:
        if text or signature or redacted:
            self.calls.leave()

    def tool_call(
        self,
        index: object,
        id: str | None,
        name: str | None,
        args: str | None,
        *,
        provider_executed: bool = False,
    ) -> None:
        self.calls.add(index, id, name, args, provider_executed=provider_executed)

    def call_input(self, index: object, args: str) -> None:
        if self.calls.at(index):
            self.calls.add(index, None, None, args, provider_executed=True)

    def content(self, block: object) -> None:  # noqa: ARG002
        self.calls.leave()

    def refusal(self, text: str, index: object = None) -> None:
        self.text(text, index)

    def citation(self, citation: object, *, index: object = None) -> None:  # noqa: ARG002
        self.calls.leave()

    def usage(self, usage: Usage) -> None:
        pass

    def response(self, metadata: Fields) -> None:
        if finish_reason(metadata)[0]:
            self.calls.leave()

    def unrecognized(self, raw: object, reason: str) -> None:
        pass  # the content keeps it


def _as_chunk(call: Call) -> ToolCallChunk:
    return {
        "type": "tool_call_chunk",
        "name": call.name or None,
        "args": call.text if call.parts else None,
        "id": call.given_id,
        "index": cast("int | None", call.index),
    }


def _is_valid(call: Call) -> bool:
    return read_args(call.text)[1] is None


def _as_invalid(call: Call) -> InvalidToolCall:
    return {
        "type": "invalid_tool_call",
        "name": call.name or None,
        "args": call.text if call.parts else None,
        "id": call.given_id,
        "error": None,
    }
