"""A scripted chat model: it streams like a modern provider, offline, and always the same way.

One reply goes out in the order and the pieces a provider would use:

1. reasoning, in `additional_kwargs["reasoning_content"]` (every langchain-core merges it without
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
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
from typing_extensions import override

_WORD = re.compile(r"\s*\S+|\s+")
_ARGS_PIECE = 9  # characters: few enough to cut through keys and values


@dataclass(frozen=True)
class Call:
    """One tool call of a reply."""

    name: str
    args: Mapping[str, Any]
    id: str


@dataclass(frozen=True)
class Reply:
    """Everything the model says in one turn; `usage` is (input tokens, output tokens)."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[Call, ...] = ()
    usage: tuple[int, int] | None = None


Script = Sequence[Reply] | Callable[[Sequence[BaseMessage]], Reply]
"""The replies in the order of turns, or a pure function from the conversation to the reply."""


def turn(messages: Sequence[BaseMessage]) -> int:
    """How many times the model has already spoken since the human's last message.

    >>> turn([HumanMessage("Hello"), AIMessage("Hi!"), HumanMessage("Bye")])
    0
    """
    spoken = 0
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            break
        spoken += isinstance(message, AIMessage)
    return spoken


class ScriptedChatModel(BaseChatModel):
    """A chat model that follows `script`, with `pace` seconds between two chunks.

    The reply depends on the conversation alone and never on what was asked before, so one model
    may serve any number of runs at once, and a resumed run goes on where it stopped. A script
    given as a sequence is counted in turns since the human's last message.

    >>> model = ScriptedChatModel(script=[Reply(text="Good morning!")])
    >>> [chunk.content for chunk in model.stream("Hello") if chunk.content]
    ['Good', ' morning!']
    """

    script: Script
    pace: float = 0.0
    model: str = "scripted"

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
        """This model with `tools` in its requests; the script alone decides which are called."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _reply(self, messages: Sequence[BaseMessage]) -> Reply:
        if callable(self.script):
            return self.script(messages)
        asked = turn(messages)
        if asked >= len(self.script):
            raise ValueError(
                f"turn {asked + 1} is not in the script, which has {len(self.script)} replies; "
                "add a reply to it"
            )
        return self.script[asked]

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        # The fold of the stream, so that the two cannot tell different stories.
        return generate_from_stream(_chunks(self._reply(messages), self.model))

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
        for chunk in _chunks(self._reply(messages), self.model):
            time.sleep(self.pace)
            yield chunk

    @override
    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _chunks(self._reply(messages), self.model):
            # Also without a pace: it lets models that speak at once take turns.
            await asyncio.sleep(self.pace)
            yield chunk


def _chunks(reply: Reply, model: str) -> Iterator[ChatGenerationChunk]:
    return (ChatGenerationChunk(message=message) for message in _messages(reply, model))


def _messages(reply: Reply, model: str) -> Iterator[AIMessageChunk]:
    for piece in _WORD.findall(reply.reasoning):
        yield AIMessageChunk(content="", additional_kwargs={"reasoning_content": piece})
    for piece in _WORD.findall(reply.text):
        yield AIMessageChunk(content=piece)
    for index, call in enumerate(reply.tool_calls):
        yield from _call_chunks(call, index)
    reason = "tool_calls" if reply.tool_calls else "stop"
    yield AIMessageChunk(
        content="", response_metadata={"finish_reason": reason, "model_name": model}
    )
    if reply.usage is not None:
        given, said = reply.usage
        usage = UsageMetadata(input_tokens=given, output_tokens=said, total_tokens=given + said)
        yield AIMessageChunk(content="", usage_metadata=usage)


def _call_chunks(call: Call, index: int) -> Iterator[AIMessageChunk]:
    head = tool_call_chunk(id=call.id, name=call.name, args="", index=index)
    yield AIMessageChunk(content="", tool_call_chunks=[head])
    args = json.dumps(dict(call.args))
    for start in range(0, len(args), _ARGS_PIECE):
        piece = tool_call_chunk(args=args[start : start + _ARGS_PIECE], index=index)
        yield AIMessageChunk(content="", tool_call_chunks=[piece])
