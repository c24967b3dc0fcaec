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
    citations: tuple[str, ...] = ()  # urls, or what names the source where it has none
    error: str | None = None
    # Not part of ==, because tables of cases leave them out.
    order: tuple[str, ...] = field(default=(), compare=False)  # see `Facts`
    seals: tuple[str, ...] = field(default=(), compare=False)  # signatures of the reasoning
    details: dict[str, int] = field(default_factory=dict, compare=False)  # parts of the usage


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


class Facts:
    """What has been read so far.

    `order` is that of the parts as they begin, whatever they are: `("reasoning", "text", "call",
    "call", "text")`. Words at another place than the last words begin a part of their own.
    """

    def __init__(self) -> None:
        self.order: list[str] = []
        self.usage: tuple[int, int] | None = None
        self.details: dict[str, int] = {}
        self.finish: str | None = None
        self.error: str | None = None
        self._said: dict[str, list[str]] = {}
        self._calls = Calls()
        self._at: tuple[str, Any] | None = None  # the part that words go on with

    def text(self, text: str | None, place: Any = None) -> None:
        if text:
            self._part("text", place)
            self._say("text", text)

    def reasoning(self, text: str | None, place: Any = None) -> None:
        if text:
            self._part("reasoning", place)
            self._say("reasoning", text)

    def seal(self, seal: str | None, place: Any = None) -> None:
        """A signature, or reasoning that is encrypted or redacted: no words, but a part."""
        if seal:
            self._part("reasoning", place)
            self._say("seal", seal)

    def refusal(self, text: str | None) -> None:
        self._say("refusal", text)

    def cite(self, citation: Json) -> None:
        self._say("citation", source_of(citation))

    def server_tool(self, name: str) -> None:
        self._say("server", name)
        self._part("server")

    def call(self, place: Any, id: str | None, name: str | None, args: str | None) -> None:
        before = len(self._calls.calls)
        self._calls.add(place, id, name, args)
        if len(self._calls.calls) > before:
            self._part("call")

    def counts(self, read: int, written: int, **details: int | None) -> None:
        self.usage = read, written
        self.details = {name: count for name, count in details.items() if count}

    def _part(self, kind: str, place: Any = None) -> None:
        words = kind in {"text", "reasoning"}
        if not words or self._at != (kind, place):
            self.order.append(kind)
        self._at = (kind, place) if words else None

    def _say(self, kind: str, text: str | None) -> None:
        if text:
            self._said.setdefault(kind, []).append(text)

    def result(self) -> Expected:
        said = {kind: tuple(parts) for kind, parts in self._said.items()}
        return Expected(
            text="".join(said.get("text", ())),
            reasoning="".join(said.get("reasoning", ())),
            tool_calls=self._calls.result(),
            usage=self.usage,
            finish_reason=self.finish,
            refusal="".join(said.get("refusal", ())),
            server_tools=said.get("server", ()),
            citations=said.get("citation", ()),
            error=self.error,
            order=tuple(self.order),
            seals=said.get("seal", ()),
            details=self.details,
        )


def source_of(citation: Json) -> str:
    """What a citation names as its source, in any provider's spelling and LangChain's own."""
    citation = citation.get("value", citation)
    return next(filter(None, map(citation.get, _SOURCES)), "")


_SOURCES = ("url", "filename", "document_title", "title", "file_id", "cited_text")


def _error_text(error: Any) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return str(message or error)


# -- OpenAI chat completions and what is compatible with them ---------------------------------


def read_openai_chat(body: bytes) -> Expected:
    facts = Facts()
    for _, chunk in read_json(body):
        if chunk.get("error"):
            facts.error = _error_text(chunk["error"])
            break
        _chat_usage(facts, chunk)
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) == 0:
                _chat_delta(facts, choice.get("delta") or {})
                facts.finish = choice.get("finish_reason") or facts.finish
    return facts.result()


def _chat_delta(facts: Facts, delta: Json) -> None:
    facts.reasoning(delta.get("reasoning_content") or delta.get("reasoning"))
    content = delta.get("content")
    for part in content if isinstance(content, list) else [{"type": "text", "text": content}]:
        if part["type"] == "text":
            facts.text(part["text"])
        for inner in part.get("thinking", ()):  # Mistral's
            facts.reasoning(inner.get("text"))
    facts.refusal(delta.get("refusal"))
    for tool in delta.get("executed_tools") or ():  # Groq's: each twice, then with its output
        if "output" not in tool:
            facts.server_tool(tool["type"])
    for call in delta.get("tool_calls") or ():
        function, place = call.get("function") or {}, call.get("index", call.get("id"))
        facts.call(place, call.get("id"), function.get("name"), function.get("arguments"))


def _chat_usage(facts: Facts, chunk: Json) -> None:
    usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage")
    if usage:
        read, written = (usage.get(f"{part}_tokens_details") or {} for part in _CHAT_PARTS)
        facts.counts(
            usage["prompt_tokens"],
            usage["completion_tokens"],
            cache_read=read.get("cached_tokens"),
            reasoning=written.get("reasoning_tokens"),
        )


_CHAT_PARTS = ("prompt", "completion")


# -- OpenAI Responses -------------------------------------------------------------------------


def read_openai_responses(body: bytes) -> Expected:
    facts = Facts()
    for event, data in read_json(body):
        kind, place = data.get("type", event), data.get("output_index")
        if kind == "response.output_text.delta":
            facts.text(data["delta"], (place, data["content_index"]))
        elif kind in _REASONING_DELTAS:
            facts.reasoning(data["delta"], place)
        elif kind == "response.refusal.delta":
            facts.refusal(data["delta"])
        elif kind in _ARGUMENT_DELTAS:
            facts.call(place, None, None, data["delta"])
        elif kind == "response.output_text.annotation.added":
            facts.cite(data["annotation"])
        elif kind == "response.output_item.added" and data["item"]["type"] in _CALL_ITEMS:
            item = data["item"]
            args = item.get("arguments") or item.get("input")
            facts.call(place, item["call_id"], item["name"], args)
        elif kind == "response.output_item.done":
            _responses_item(facts, data["item"], place)
        elif kind == "error":
            facts.error = _error_text(data.get("error") or data)
        elif kind in _RESPONSES_ENDS:
            _responses_end(facts, data["response"])
        if facts.error:
            break
    return facts.result()


_CALL_ITEMS = {"function_call", "custom_tool_call"}
_REASONING_DELTAS = {"response.reasoning_summary_text.delta", "response.reasoning_text.delta"}
_ARGUMENT_DELTAS = {
    "response.function_call_arguments.delta",
    "response.custom_tool_call_input.delta",
}
_RESPONSES_ENDS = {"response.completed", "response.incomplete", "response.failed"}


def _responses_item(facts: Facts, item: Json, place: int) -> None:
    kind = item["type"]
    if kind == "reasoning":
        facts.seal(item.get("encrypted_content"), place)
    elif kind.endswith("_call") and not item.get("call_id"):  # nobody is to answer it
        facts.server_tool(item.get("name") or kind.removesuffix("_call"))


def _responses_end(facts: Facts, response: Json) -> None:
    incomplete = response.get("incomplete_details") or {}
    facts.finish = incomplete.get("reason") or response["status"]
    facts.error = _error_text(response["error"]) if response.get("error") else None
    if usage := response.get("usage"):
        read, written = (usage.get(f"{part}_tokens_details") or {} for part in _RESPONSES_PARTS)
        facts.counts(
            usage["input_tokens"],
            usage["output_tokens"],
            cache_read=read.get("cached_tokens"),
            reasoning=written.get("reasoning_tokens"),
        )


_RESPONSES_PARTS = ("input", "output")


# -- Anthropic messages -----------------------------------------------------------------------


def read_anthropic(body: bytes) -> Expected:
    facts, counts = Facts(), Json()
    own = set[int]()  # indexes of the blocks that are calls of the caller's own tools
    for event, data in read_json(body):
        kind = data.get("type", event)
        if kind == "message_start":
            counts.update(data["message"]["usage"])
        elif kind == "content_block_start":
            block, index = data["content_block"], data["index"]
            if block["type"] == "tool_use":
                own.add(index)
                args = json.dumps(block["input"]) if block["input"] else ""
                facts.call(index, block["id"], block["name"], args)
            elif block["type"] == "server_tool_use":
                facts.server_tool(block["name"])
            _anthropic_words(facts, block, index)
        elif kind == "content_block_delta":
            delta, index = data["delta"], data["index"]
            if delta["type"] == "input_json_delta" and index in own:
                facts.call(index, None, None, delta["partial_json"])
            _anthropic_words(facts, delta, index)
        elif kind == "message_delta":
            counts.update(data.get("usage") or {})
            facts.finish = data["delta"].get("stop_reason") or facts.finish
        elif kind == "error":
            facts.error = _error_text(data["error"])
            break
    if counts:
        _anthropic_counts(facts, counts)
    return facts.result()


def _anthropic_words(facts: Facts, part: Json, index: int) -> None:
    facts.text(part.get("text"), index)
    facts.reasoning(part.get("thinking"), index)
    redacted = part["data"] if part["type"] == "redacted_thinking" else None
    facts.seal(part.get("signature") or redacted, index)
    if part.get("citation"):
        facts.cite(part["citation"])


def _anthropic_counts(facts: Facts, counts: Json) -> None:
    read = counts.get("cache_read_input_tokens") or 0
    written = counts.get("cache_creation_input_tokens") or 0
    facts.counts(
        counts["input_tokens"] + read + written,
        counts["output_tokens"],
        cache_read=read,
        cache_creation=written,
        reasoning=(counts.get("output_tokens_details") or {}).get("thinking_tokens"),
    )


READERS: dict[str, Reader] = {
    "chat.completions": read_openai_chat,
    "responses": read_openai_responses,
    "messages": read_anthropic,
}
