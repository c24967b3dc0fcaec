"""The messages in requests of OpenAI's clients as LangChain's, for both protocols.

Chat completions have messages alone. The Responses API has items, most of which are messages too;
calls and their results are items of their own there. What a client sends is not trusted: of every
item only the fields that are needed are read, and no id, which could replace a stored message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from mimetypes import guess_type
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from .._fields import JsonObject, dict_or_empty, text_or_none
from ..errors import BadRequest
from ._blocks import as_list
from ._request_body import call_lists, content_of_blocks, file_block

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, AnyMessage

MAX_MESSAGES: Final = 1000
"""The most messages or items in a body, by default: each becomes an object of LangChain's."""

_OF_THE_SERVER = frozenset(
    {
        "reasoning",
        "mcp_call",
        "mcp_approval_request",
        "mcp_list_tools",
        "image_generation_call",
    }
)
"""Items that a client sends back although the server made them: the model does not need them."""


def to_messages(items: Iterable[JsonObject]) -> list[AnyMessage]:
    """Return a conversation as LangChain's messages.

    A call goes into the answer before it, as a model that writes text and calls has written one
    message. Reasoning and what the server ran are left out.

    Raises:
        BadRequest: one of the items cannot be read.

    >>> to_messages([{"role": "user", "content": "Hi"}])
    [HumanMessage(content='Hi', ...)]
    """
    from langchain_core import messages as lc  # noqa: PLC0415  (half a second to import)

    made: list[AnyMessage] = []
    for item in items:
        match item:
            case {"type": "function_call"}:
                # An item of the Responses API has the fields of a chat completion's `function`.
                call = {"id": item.get("call_id"), "function": item}
                last = made.pop() if made and made[-1].type == "ai" else lc.AIMessage("")
                made.append(_with_call(cast("lc.AIMessage", last), call_lists([call])))
            case {"type": "function_call_output", "call_id": str(id)}:
                made.append(lc.ToolMessage(_content(item.get("output")), tool_call_id=id))
            case {"type": str(kind)} if kind in _OF_THE_SERVER:
                pass
            case {"type": str(kind)} if kind != "message":
                # The AI SDK's provider for OpenAI sends references, unless its `store` is false.
                raise BadRequest(
                    f"an input item of type {kind[:40]!r} cannot be read here; send messages, "
                    "'function_call' and 'function_call_output', whole ('store': false), or name "
                    "the 'previous_response_id'"
                )
            case _:
                made.append(_of_role(item))
    return made


def _with_call(message: AIMessage, lists: JsonObject) -> AIMessage:
    sums = {name: [*getattr(message, name), *new] for name, new in lists.items()}
    return message.__class__(message.content, **sums)


def _of_role(item: JsonObject) -> AnyMessage:
    from langchain_core import messages as lc  # noqa: PLC0415  (as above)

    content = _content(item.get("content"))
    match item:
        case {"role": "user"}:
            return lc.HumanMessage(content)
        # `langchain-openai` 1.7 reads a developer's message as a SystemMessage too.
        case {"role": "system" | "developer"}:
            return lc.SystemMessage(content)
        case {"role": "assistant"}:
            return lc.AIMessage(content, **call_lists(as_list(item.get("tool_calls"))))
        case {"role": "tool", "tool_call_id": str(id)}:
            return lc.ToolMessage(content, tool_call_id=id)
        case _:
            raise BadRequest(
                "a message must have the 'role' user, assistant, system, developer or tool, and a "
                "tool's a 'tool_call_id'"
            )


def _content(content: object) -> Any:
    """Return what LangChain's messages have as content: a text alone, or blocks."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise BadRequest("the content of a message must be a text or a list of parts")
    return content_of_blocks([_block(it) for it in as_list(cast("object", content))])


def _block(part: object) -> JsonObject:
    match part:
        case {"type": "text" | "input_text" | "output_text", "text": str(text)} | {
            "type": "refusal",
            "refusal": str(text),
        }:
            return {"type": "text", "text": text}
        case {"type": "image_url", "image_url": {"url": str(url)}} | {
            "type": "input_image",
            "image_url": str(url),
        }:
            return file_block(url, "image/*")
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(form)}}:
            return file_block(f"data:audio/{form};base64,{data}", f"audio/{form}")
        case {"type": "file"}:
            return _file(dict_or_empty(dict_or_empty(part).get("file")))
        case {"type": "input_file"}:
            return _file(dict_or_empty(part))
        case _:
            raise BadRequest(
                "a part of a message cannot be read here; send text, images with their url, audio, "
                "or files with their 'file_data'"
            )


def _file(file: JsonObject) -> JsonObject:
    match file:
        case {"file_data": str(data)} | {"file_url": str(data)}:
            filename = text_or_none(file.get("filename"))
            # OpenAI's clients send a data: URL, or bare base64 with a file's name.
            media_type = guess_type(filename or data[:200])[0] or "application/octet-stream"
            if "file_url" not in file and not data.startswith("data:"):
                data = f"data:{media_type};base64,{data}"
            elif data.startswith("data:"):
                media_type = data[5:].partition(";")[0] or media_type
            return file_block(data, media_type, filename)
        case _:
            raise BadRequest("no files are kept here, so no 'file_id' is known; send 'file_data'")


def named_calls(items: Iterable[JsonObject]) -> dict[str, str]:
    """Return the names of the calls in a conversation, by their ids."""
    known: dict[str, str] = {}
    for item in items:
        match item:
            case {"type": "function_call", "call_id": str(id), "name": str(name)}:
                known[id] = name
            case _:
                for call in as_list(item.get("tool_calls")):
                    match call:
                        case {"id": str(id), "function": {"name": str(name)}}:
                            known[id] = name
                        case _:
                            pass
    return known


def check_count(items: Sized, limit: int) -> None:
    """Refuse a conversation that is too long.

    Raises:
        BadRequest: it has more items than the limit.
    """
    if len(items) > limit:
        raise BadRequest(f"there are more than {limit} messages", 413)


def settings_in(fields: Mapping[str, Any], body: type[msgspec.Struct]) -> JsonObject:
    """Return the fields of a request that its reader does not read itself."""
    return {name: it for name, it in fields.items() if name not in body.__struct_fields__}
