"""What a recorded body says, read from its raw bytes.

Nothing here knows LangChain or the providers' SDKs: these readers are the second opinion that
clients and normalizers are held against. They take real recordings of OpenAI-compatible servers
too, so they follow the bytes where the documentation leaves room:

- a tool call begins with an id not seen at its index; a repeated id or name adds nothing
- only choice 0 counts
- token counts are of the whole request, cached tokens included; the last report counts
- reading stops at an error
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
ToolCall = tuple[str, str, str]


@dataclass(frozen=True)
class Expected:
    """The facts of one reply. `args_text` of a call is the text on the wire, not parsed."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()  # (id, name, args_text)
    usage: tuple[int, int] | None = None  # (input, output)
    finish_reason: str | None = None
    refusal: str = ""
    server_tools: tuple[str, ...] = ()  # names of the tools that the provider ran itself
    citations: tuple[str, ...] = ()  # urls
    error: str | None = None


Reader = Callable[[bytes], Expected]


def read_sse(body: bytes) -> Iterator[tuple[str, str]]:
    """The (event, data) pairs of a body, by the HTML standard's rules.

    >>> list(read_sse(b": hello\\r\\nevent: ping\\r\\ndata: 1\\r\\ndata: 2\\r\\n\\r\\n"))
    [('ping', '1\\n2')]
    """
    event, data = "message", list[str]()
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    # Only these three end a line; str.splitlines would also split at U+2028 inside JSON.
    for line in re.split(r"\r\n|\n|\r", text):
        name, _, value = line.partition(":")
        if name == "event":
            event = value.removeprefix(" ")
        elif name == "data":
            data.append(value.removeprefix(" "))
        elif not line:
            if data:
                yield event, "\n".join(data)
            event, data = "message", []


def read_json(body: bytes) -> Iterator[tuple[str, Json]]:
    """The events whose data is a JSON object: `[DONE]` and empty keep-alives are none."""
    for event, data in read_sse(body):
        if data.startswith("{"):
            yield event, json.loads(data)


@dataclass
class Calls:
    """Tool calls in order of appearance, found again by their place on the wire."""

    calls: list[list[str]] = field(default_factory=list)
    at: dict[Any, list[str]] = field(default_factory=dict)

    def add(self, place: Any, id: str | None, name: str | None, args: str | None) -> None:
        call = self.at.get(place)
        if call is None or (id and call[0] and id != call[0]):
            call = self.at[place] = ["", "", ""]
            self.calls.append(call)
        call[0] = call[0] or id or ""
        call[1] = call[1] or name or ""
        call[2] += args or ""

    def result(self) -> tuple[ToolCall, ...]:
        return tuple((id, name, args) for id, name, args in self.calls)


def _error_text(error: Any) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return str(message or error)


# -- OpenAI chat completions and what is compatible with them ---------------------------------


def read_openai_chat(body: bytes) -> Expected:
    text, reasoning, refusal = list[str](), list[str](), list[str]()
    calls, usage, finish, error = Calls(), None, None, None
    for _, chunk in read_json(body):
        usage = _chat_usage(chunk) or usage
        if chunk.get("error"):
            error = _error_text(chunk["error"])
            break
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) != 0:
                continue
            delta = choice.get("delta") or {}
            spoken, thought = _chat_content(delta.get("content"))
            text.append(spoken)
            reasoning.append(thought)
            reasoning.append(delta.get("reasoning_content") or delta.get("reasoning") or "")
            refusal.append(delta.get("refusal") or "")
            for call in delta.get("tool_calls") or ():
                function = call.get("function") or {}
                place = call.get("index", call.get("id"))
                calls.add(place, call.get("id"), function.get("name"), function.get("arguments"))
            finish = choice.get("finish_reason") or finish
    return Expected(
        text="".join(text),
        reasoning="".join(reasoning),
        tool_calls=calls.result(),
        usage=usage,
        finish_reason=finish,
        refusal="".join(refusal),
        error=error,
    )


def _chat_usage(chunk: Json) -> tuple[int, int] | None:
    usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage")
    return (usage["prompt_tokens"], usage["completion_tokens"]) if usage else None


def _chat_content(content: str | list[Json] | None) -> tuple[str, str]:
    """(text, reasoning): a string, or with Mistral also a list of typed parts."""
    if not isinstance(content, list):
        return content or "", ""
    text = "".join(part["text"] for part in content if part["type"] == "text")
    thinking = (inner for part in content for inner in part.get("thinking", ()))
    return text, "".join(inner.get("text", "") for inner in thinking)


# -- OpenAI Responses -------------------------------------------------------------------------


def read_openai_responses(body: bytes) -> Expected:
    text, reasoning, refusal = list[str](), list[str](), list[str]()
    calls, servers, urls = Calls(), list[str](), list[str]()
    usage, finish, error = None, None, None
    for event, data in read_json(body):
        kind = data.get("type", event)
        place = data.get("output_index")
        if kind == "response.output_text.delta":
            text.append(data["delta"])
        elif kind in _REASONING_DELTAS:
            reasoning.append(data["delta"])
        elif kind == "response.refusal.delta":
            refusal.append(data["delta"])
        elif kind in _ARGUMENT_DELTAS:
            calls.add(place, None, None, data["delta"])
        elif kind == "response.output_text.annotation.added":
            urls.append(data["annotation"].get("url") or "")
        elif kind == "response.output_item.added" and data["item"]["type"] in _CALL_ITEMS:
            item = data["item"]
            args = item.get("arguments") or item.get("input")
            calls.add(place, item["call_id"], item["name"], args)
        elif kind == "response.output_item.done":
            servers += _server_tool(data["item"])
        elif kind == "error":
            error = _error_text(data.get("error") or data)
        elif kind in {"response.completed", "response.incomplete", "response.failed"}:
            response = data["response"]
            usage = _responses_usage(response)
            finish = (response.get("incomplete_details") or {}).get("reason") or response["status"]
            error = _error_text(response["error"]) if response.get("error") else None
        if error:
            break
    return Expected(
        text="".join(text),
        reasoning="".join(reasoning),
        tool_calls=calls.result(),
        usage=usage,
        finish_reason=finish,
        refusal="".join(refusal),
        server_tools=tuple(servers),
        citations=tuple(filter(None, urls)),
        error=error,
    )


_CALL_ITEMS = {"function_call", "custom_tool_call"}
_REASONING_DELTAS = {"response.reasoning_summary_text.delta", "response.reasoning_text.delta"}
_ARGUMENT_DELTAS = {
    "response.function_call_arguments.delta",
    "response.custom_tool_call_input.delta",
}


def _server_tool(item: Json) -> list[str]:
    """Its name, if this item is a call that the provider ran: those carry no `call_id`."""
    kind = item["type"]
    return [kind.removesuffix("_call")] if kind.endswith("_call") and "call_id" not in item else []


def _responses_usage(response: Json) -> tuple[int, int] | None:
    usage = response.get("usage")
    return (usage["input_tokens"], usage["output_tokens"]) if usage else None


# -- Anthropic messages -----------------------------------------------------------------------


def read_anthropic(body: bytes) -> Expected:
    text, thinking = list[str](), list[str]()
    calls, servers, urls = Calls(), list[str](), list[str]()
    counts, finish, error = Json(), None, None
    own = set[int]()  # indexes of the blocks that are calls of the caller's own tools
    for event, data in read_json(body):
        kind = data.get("type", event)
        if kind == "message_start":
            counts.update(data["message"]["usage"])
        elif kind == "content_block_start":
            block, index = data["content_block"], data["index"]
            text.append(block.get("text") or "")
            thinking.append(block.get("thinking") or "")
            if block["type"] == "tool_use":
                own.add(index)
                args = json.dumps(block["input"]) if block["input"] else ""
                calls.add(index, block["id"], block["name"], args)
            elif block["type"] == "server_tool_use":
                servers.append(block["name"])
        elif kind == "content_block_delta":
            delta, index = data["delta"], data["index"]
            text.append(delta.get("text") or "")
            thinking.append(delta.get("thinking") or "")
            urls.append((delta.get("citation") or {}).get("url") or "")
            if delta["type"] == "input_json_delta" and index in own:
                calls.add(index, None, None, delta["partial_json"])
        elif kind == "message_delta":
            counts.update(data.get("usage") or {})
            finish = data["delta"].get("stop_reason") or finish
        elif kind == "error":
            error = _error_text(data["error"])
            break
    return Expected(
        text="".join(text),
        reasoning="".join(thinking),
        tool_calls=calls.result(),
        usage=_anthropic_usage(counts),
        finish_reason=finish,
        server_tools=tuple(servers),
        citations=tuple(filter(None, urls)),
        error=error,
    )


def _anthropic_usage(counts: Json) -> tuple[int, int] | None:
    if not counts:
        return None
    read, written = counts.get("cache_read_input_tokens"), counts.get("cache_creation_input_tokens")
    return counts["input_tokens"] + (read or 0) + (written or 0), counts["output_tokens"]


READERS: dict[str, Reader] = {
    "chat.completions": read_openai_chat,
    "responses": read_openai_responses,
    "messages": read_anthropic,
}
