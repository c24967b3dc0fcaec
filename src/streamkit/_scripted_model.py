"""A chat model that says what its script says: it streams like a modern provider, offline.

One reply goes out in the order and the pieces a provider would use:

1. reasoning, in ``additional_kwargs["reasoning_content"]`` (every langchain-core merges it without
   loss, and from 1.0 on it is also found as a reasoning content block);
2. text, word by word;
3. tool calls, one after the other, each at its own index: id and name first, then pieces of the
   JSON arguments;
4. an empty chunk with the finish reason and the model's name;
5. an empty chunk with the token counts.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, PrivateAttr, field_validator
from typing_extensions import override

from ._fields import items_of, shown
from .errors import UsageError

_WORD = re.compile(r"\s*\S+|\s+")
_ARGS_PIECE = 9  # characters: few enough to cut through keys and values

Cut: TypeAlias = int | Callable[[str], Iterable[str]]
"""How a text is cut in pieces: so many characters each, or a function from the text to them."""


@dataclass(frozen=True)
class Call:
    """One tool call of a reply."""

    name: str
    """The tool's name."""
    args: Mapping[str, Any] | str
    """Its arguments; a str goes out as it is, valid JSON or not."""
    id: str
    """Its id, which is also its result's; a second call of the same id in a run is renamed."""


@dataclass(frozen=True)
class Reply:
    """Everything the model says in one turn."""

    text: str = ""
    """The text."""
    reasoning: str = ""
    """The reasoning before the text."""
    tool_calls: tuple[Call, ...] = ()
    """The tools it calls."""
    usage: tuple[int, int] | Mapping[str, Any] | None = None
    """Tokens read and written, or LangChain's ``usage_metadata``; None reports none."""
    error: Exception | None = None
    """The exception to raise after the text and the calls, in place of the end."""
    delay: float = 0.0
    """Seconds until the first chunk."""
    finish_reason: str | None = None
    """Why it stops; by default ``stop``, or ``tool_calls``."""
    chunks: tuple[AIMessageChunk, ...] = ()
    """Chunks of your own, sent as they are in place of all the above."""

    def __post_init__(self) -> None:
        is_list = isinstance(cast("object", self.tool_calls), (tuple, list))
        if not is_list or any(not isinstance(it, Call) for it in items_of(self.tool_calls)):
            raise UsageError(
                f"{shown(self.tool_calls, 60)} are no calls; write "
                'tool_calls=(Call("tool", {"x": 1}, "call_1"),)'
            )


Script: TypeAlias = Sequence[Reply | str] | Callable[[Sequence[BaseMessage]], Reply | str]
"""The replies in the order of turns, or a pure function from the conversation to the reply; a str
is a reply of that text."""


def turn(messages: Sequence[BaseMessage]) -> int:
    """Return how often the model has spoken since the human's last message.

    >>> turn([HumanMessage("Hello"), AIMessage("Hi!"), HumanMessage("Bye")])
    0
    """
    spoken = 0
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            break
        spoken += isinstance(message, AIMessage)
    return spoken


def _require_reply(reply: object) -> None:
    if not isinstance(reply, (str, Reply)):
        raise UsageError(
            f"a reply is a str or a Reply, not a {type(reply).__name__}; "
            'write Reply("text", tool_calls=(Call("tool", {"x": 1}, "call_1"),))'
        )


class ScriptedChatModel(BaseChatModel):
    """A test double for any chat model: it follows ``script``, sync and async, streamed or not.

    The reply depends on the conversation alone and never on earlier requests, so one model may
    serve any number of runs at once, and a resumed run goes on where it stopped. A script given as
    a sequence is counted in turns since the human's last message: each question plays it from its
    beginning, and a turn that is tried again gets the same reply. A turn past its end raises
    `ValueError`.

    >>> model = ScriptedChatModel(["Good morning!"])
    >>> [chunk.content for chunk in model.stream("Hello") if chunk.content]
    ['Good', ' morning!']
    >>> model = ScriptedChatModel(["Good morning!"], cut=6)
    >>> [chunk.content for chunk in model.stream("Hello") if chunk.content]
    ['Good m', 'orning', '!']
    """

    script: Script
    """The replies: each a `Reply`, or a str for its text."""
    pace: float = 0.0
    """Seconds between two chunks."""
    model: str = "scripted"
    """Its name."""
    cut: Cut | None = None
    """How texts and arguments are cut; by default at words, and arguments every 9 characters."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid"
    )  # a misspelt option would be ignored

    _requests: list[list[BaseMessage]] = PrivateAttr(default_factory=list[list[BaseMessage]])

    def __init__(self, script: Script, **options: Any) -> None:
        options["script"] = script
        super().__init__(**options)

    @field_validator("script", mode="before")
    @classmethod
    def _checked(cls, script: object) -> object:
        if isinstance(script, (str, Reply)):
            raise UsageError("a script is a list of replies; write script=[…]")
        if isinstance(script, Iterator):
            raise UsageError("an iterator is read by a function; write script=lambda _: next(it)")
        replies: Any = script
        if isinstance(replies, Sequence):
            for reply in cast("Sequence[object]", replies):
                _require_reply(reply)
        return script

    @property
    def requests(self) -> list[list[BaseMessage]]:
        """The conversations that it was asked to go on with, oldest first."""
        return self._requests

    @property
    @override
    def _llm_type(self) -> str:
        return "scripted-chat-model"

    @property
    @override
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}

    @override
    def _get_ls_params(self, stop: list[str] | None = None, **_: Any) -> LangSmithParams:
        # The base class would name the provider after the class.
        params = LangSmithParams(ls_provider="demo", ls_model_name=self.model, ls_model_type="chat")
        if stop:
            params["ls_stop"] = stop
        return params

    @override
    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this model with ``tools`` in its requests; the script alone decides on calls."""
        # `BaseChatModel.bind_tools` raises, and `create_agent` calls it for any tools.
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _reply(self, messages: Sequence[BaseMessage]) -> Reply:
        self._requests.append([*messages])
        if callable(self.script):
            try:
                reply = self.script(messages)
            except StopIteration:  # Python would raise "generator raised StopIteration"
                raise ValueError("the script's iterator has no more replies; add a reply") from None
            _require_reply(reply)
        else:
            asked = turn(messages)
            if asked >= len(self.script):
                raise ValueError(
                    f"turn {asked + 1} is not in the script, which has {len(self.script)} replies; "
                    "add a reply to it"
                )
            reply = self.script[asked]
        return Reply(reply) if isinstance(reply, str) else reply

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        # The sum of the stream, so that both have the same content.
        return generate_from_stream(self._stream(messages))

    # The base class reports every chunk to the callbacks itself and calls both
    # of these without a run_manager: reporting here would double each token.

    @override
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        reply = self._reply(messages)
        time.sleep(reply.delay)
        for chunk in self._chunks(reply):
            time.sleep(self.pace)
            yield ChatGenerationChunk(message=chunk)

    @override
    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        reply = self._reply(messages)
        await asyncio.sleep(reply.delay)
        for chunk in self._chunks(reply):
            # Also without a pace: it lets models that run in parallel take turns.
            await asyncio.sleep(self.pace)
            yield ChatGenerationChunk(message=chunk)

    def _chunks(self, reply: Reply) -> Iterator[AIMessageChunk]:
        # Copies: langchain-core writes the id of the run into the chunk that it is given.
        yield from (
            (it.model_copy() for it in reply.chunks) if reply.chunks else self._content(reply)
        )
        if reply.error:
            raise reply.error
        if not reply.chunks:
            yield from self._end(reply)

    def _content(self, reply: Reply) -> Iterator[AIMessageChunk]:
        cut = self.cut
        for piece in _pieces(reply.reasoning, cut):
            # The spelling of DeepSeek, Groq and Ollama, which needs no content blocks of core 1.0.
            yield AIMessageChunk(content="", additional_kwargs={"reasoning_content": piece})
        for piece in _pieces(reply.text, cut):
            yield AIMessageChunk(content=piece)
        for index, call in enumerate(reply.tool_calls):
            # As OpenAI's clients: name and id in the first piece, and the index in all of them.
            head = tool_call_chunk(id=call.id, name=call.name, args="", index=index)
            yield AIMessageChunk(content="", tool_call_chunks=[head])
            args = call.args if isinstance(call.args, str) else json.dumps(dict(call.args))
            for piece in _pieces(args, _ARGS_PIECE if cut is None else cut):
                chunk = tool_call_chunk(args=piece, index=index)
                yield AIMessageChunk(content="", tool_call_chunks=[chunk])

    def _end(self, reply: Reply) -> Iterator[AIMessageChunk]:
        reason = reply.finish_reason or ("tool_calls" if reply.tool_calls else "stop")
        metadata = {"finish_reason": reason, "model_name": self.model}
        # Providers send the finish reason before the tokens.
        yield AIMessageChunk(content="", response_metadata=metadata)
        usage = reply.usage
        if isinstance(usage, tuple):
            read, written = usage
            total = read + written
            usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=total)
        if usage is not None:
            yield AIMessageChunk(content="", usage_metadata=cast("UsageMetadata", usage))


def _pieces(text: str, cut: Cut | None) -> Iterable[str]:
    if cut is None:
        return _WORD.findall(text)
    if callable(cut):
        return cut(text)
    return [text[start : start + cut] for start in range(0, len(text), cut)]
