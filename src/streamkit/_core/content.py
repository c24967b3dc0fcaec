"""The content of one chunk or message, passed to a `Sink` piece by piece.

It knows LangChain's attributes and the blocks of every provider, and imports none of LangChain.

Laws of this file:

1. Where one fact stands in two places it is read once: client tool calls only from
   ``tool_call_chunks`` (or ``tool_calls`` of a whole message), the provider's own tools only from
   ``content``, and reasoning, audio and citations from wherever the provider puts them.
2. Every value is checked before the sink gets it, because pydantic accepts anything inside blocks
   and metadata, and JSON from a server is not checked at all. Text is plain `str`, whatever class
   came. A value of another type is reported as unrecognized, and the rest is read.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

from .._fields import Fields, dict_or_empty, items_of, json_text, text_or_none
from ..values import Usage
from .metadata import usage_of


class Sink(Protocol):
    """The receiver of a chunk's content: text is `str`, indexes are hashable."""

    def text(self, text: str, index: object = None) -> None:
        """Text of the block at ``index``, where blocks have one."""

    def reasoning(
        self,
        text: str,
        index: object = None,
        *,
        signature: str | None = None,
        redacted: bool = False,
    ) -> None:
        """Reasoning, or only its signature."""

    def tool_call(
        self,
        index: object,
        id: str | None,
        name: str | None,
        args: str | None,
        *,
        provider_executed: bool = False,
    ) -> None:
        """A call, or the next piece of one."""

    def call_input(self, index: object, args: str) -> None:
        """More arguments of the call at ``index`` that the provider runs, if there is one."""

    def content(self, block: object) -> None:
        """A block that is whole as it is."""

    def refusal(self, text: str, index: object = None) -> None:
        """Words with which the model refuses, whole or in pieces."""

    def citation(self, citation: object, *, index: object = None) -> None:
        """An annotation on the text of the block at ``index``, or on the text so far."""

    def usage(self, usage: Usage) -> None:
        """A report of tokens."""

    def response(self, metadata: Fields) -> None:
        """Other metadata that the provider reports."""

    def unrecognized(self, raw: object, reason: str) -> None:
        """A value of a type that cannot be read where it stands."""


# --- chunks and whole messages


def read_chunk(fields: Fields, sink: Sink) -> None:
    """Read what a chunk (as its dict of fields) adds."""
    if fields["additional_kwargs"]:
        _read_additional(fields, sink)
    if fields["content"]:
        read_content(fields["content"], sink)
    if fields["tool_call_chunks"]:
        for call in _dicts(fields, "tool_call_chunks", sink):
            _read_call(call, call.get("index"), call.get("args"), sink)
    if fields["usage_metadata"] or fields["response_metadata"] or fields["additional_kwargs"]:
        _read_metadata(fields, sink)


def read_message(fields: Fields, sink: Sink) -> None:
    """Read a whole message as if it were one large chunk."""
    if fields.get("tool_call_chunks"):  # merged chunks: the text of the calls, not a guess at it
        read_chunk(fields, sink)
        return
    if fields["additional_kwargs"]:
        _read_additional(fields, sink)
    read_content(fields["content"], sink)
    for number, call in enumerate(_dicts(fields, "tool_calls", sink)):
        _read_call(call, ("whole", number), json_text(call.get("args")), sink)
    for number, call in enumerate(_dicts(fields, "invalid_tool_calls", sink)):
        _read_call(call, ("invalid", number), call.get("args"), sink)
    _read_metadata(fields, sink)


def _read_metadata(fields: Fields, sink: Sink) -> None:
    usage = usage_of(fields["usage_metadata"])
    if usage:
        sink.usage(usage)
    metadata = _dict(fields, "response_metadata", sink)
    for citation in _citations(fields):
        sink.citation(citation)
    if metadata:
        sink.response(metadata)


# --- what providers put beside the content


def _read_additional(fields: Fields, sink: Sink) -> None:
    additional, content = _dict(fields, "additional_kwargs", sink), fields["content"]
    reasoning = additional.get("reasoning_content") or additional.get("reasoning")
    if _has_block(content, "reasoning"):
        pass  # content blocks of version 1 repeat it
    elif isinstance(reasoning, dict):
        _reasoning(cast("Fields", reasoning), sink)
    else:
        sink.reasoning(plain_text(reasoning, "reasoning_content", sink))
    for detail in _dicts(additional, "reasoning_details", sink):
        _reasoning_detail(detail, sink)
    if additional.get("refusal"):
        sink.refusal(plain_text(additional["refusal"], "refusal", sink))
    if additional.get("audio") and not _has_block(content, "audio"):
        _audio(additional, sink)
    if not _is_version_1(fields):
        for tool in _dicts(additional, "executed_tools", sink):
            _executed_tool(tool, sink)
        # langchain-openai with `output_version="v0"`, its only one before 1.0.
        for block in _dicts(additional, "tool_outputs", sink):
            read_block(block, sink)


def _reasoning_detail(detail: Fields, sink: Sink) -> None:
    """Read a signature of OpenRouter's: its text is in ``reasoning_content``, if there is any."""
    name = next((it for it in ("signature", "data") if detail.get(it)), "signature")
    signature = plain_text(detail.get(name), name, sink) or None
    sink.reasoning("", signature=signature, redacted=name == "data")


def _audio(additional: Fields, sink: Sink) -> None:
    """Read what a model speaks: langchain-openai and langchain-google-genai keep it there."""
    audio = additional["audio"]
    if isinstance(audio, bytes):  # Gemini's, as a WAV file; JSON has it as text
        audio = b64encode(audio).decode()
    if isinstance(audio, str):
        sink.content({"type": "audio", "base64": audio, "mime_type": "audio/wav"})
    elif block := _dict(additional, "audio", sink):
        sink.content({"type": "audio", **block})


def _citations(fields: Fields) -> Iterator[object]:
    """Yield the citations that are in no block."""
    additional = dict_or_empty(fields["additional_kwargs"])
    # Perplexity has a list of sources, and their URLs once more; xAI has URLs, Cohere objects, and
    # our own LangGraph SSE has each with its block.
    cited = items_of(additional.get("citations"))
    found = [it for it in items_of(additional.get("search_results")) if "url" in dict_or_empty(it)]
    sources = found if found and all(isinstance(it, str) for it in cited) else cited
    for source in sources:
        is_url = isinstance(source, str)
        whole = {"type": "citation", "url": source} if is_url else source
        yield dict_or_empty(whole).get("citation", whole)
    # Version 1 has them as annotations of the text, if the same chunk has any.
    if not (_is_version_1(fields) and _has_block(fields["content"], "text")):
        metadata = dict_or_empty(fields["response_metadata"])
        yield from _grounding(dict_or_empty(metadata.get("grounding_metadata")))


def _grounding(grounding: Fields) -> Iterator[Fields]:
    """Yield Gemini's citations as langchain-core (1.0 and later) spells them in version 1."""
    sources = dict(enumerate(items_of(grounding.get("grounding_chunks"))))
    for support in map(dict_or_empty, items_of(grounding.get("grounding_supports"))):
        segment = dict_or_empty(support.get("segment"))
        for number in items_of(support.get("grounding_chunk_indices")):
            source = sources.get(number) if isinstance(number, int) else None
            places = filter(None, dict_or_empty(source).values())
            place = dict_or_empty(next(places, None))
            citation = {
                "url": place.get("uri"),
                "title": place.get("title"),
                "start_index": segment.get("start_index"),
                "end_index": segment.get("end_index"),
                "cited_text": segment.get("text"),
            }
            known = {name: it for name, it in citation.items() if it is not None}
            yield {"type": "citation", **known}


def _has_block(content: object, kind: str) -> bool:
    return any(_type_of(block) == kind for block in items_of(content))


def _is_version_1(fields: Fields) -> bool:
    """Return whether the content has everything, in langchain-core's own blocks."""
    version = dict_or_empty(fields["response_metadata"]).get("output_version")
    return isinstance(version, str) and version == "v1"


# --- content: a str, or a list of strs and blocks


def read_content(content: object, sink: Sink) -> None:
    """Read a message's content."""
    if not isinstance(content, list):
        sink.text(plain_text(content, "content", sink))
        return
    for block in cast("list[object]", content):
        if isinstance(block, dict):
            read_block(cast("Fields", block), sink)
        else:
            sink.text(plain_text(block, "content", sink))


def read_block(block: Fields, sink: Sink) -> None:
    """Read one block of content."""
    kind = block.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read:
        read(block, sink)
    else:
        sink.content(block)


def text_in(content: object) -> str:
    """Return only the text of a message's content."""
    if type(content) is str:
        return content
    texts = (
        dict_or_empty(block).get("text") if _type_of(block) in _TEXTS else block
        for block in items_of(content) or [content]
    )
    return "".join([text_or_none(text) or "" for text in texts])


def _type_of(block: object) -> str | None:
    return text_or_none(dict_or_empty(block).get("type"))


# --- values of the right types


def plain_text(value: object, name: str, sink: Sink) -> str:
    """Return text as plain `str`; None is no text, and anything else is unrecognized."""
    if isinstance(value, str):
        return str.__str__(value)  # of TextAccessor (langchain-core 1.0) and other subclasses
    if value is not None:
        sink.unrecognized({name: value}, f"{name} is no text")
    return ""


def _dict(fields: Fields, name: str, sink: Sink) -> Fields:
    value = fields.get(name)
    if isinstance(value, dict):
        return cast("Fields", value)
    if value is not None:
        sink.unrecognized({name: value}, f"{name} is no dict")
    return {}


def _dicts(fields: Fields, name: str, sink: Sink) -> list[dict[str, Any]]:
    """Return the dicts in a list, and report whatever else is in it."""
    value = fields.get(name)
    if not value:
        return []
    items: list[Any] = cast("Any", value) if isinstance(value, list) else [value]
    for item in items:
        if not isinstance(item, dict):
            sink.unrecognized({name: item}, f"{name} is no list of dicts")
            return [it for it in items if isinstance(it, dict)]
    return items


_INDEXES = frozenset({int, str, tuple, type(None)})  # tuples are made here


def _index(value: object) -> object:
    """Return an index if it can be one: a number or a name."""
    return value if isinstance(value, (int, str, float)) else None


def _name(value: object, what: str, sink: Sink) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value))
    return plain_text(value, what, sink) or None


# --- text and reasoning, in the blocks of every provider


def _text(block: Fields, sink: Sink) -> None:
    index, text = block.get("index"), block.get("text") or ""
    if index.__class__ not in _INDEXES:
        index = _index(index)
    if text.__class__ is not str:
        text = plain_text(text, "text", sink)
    sink.text(text, index)
    citations = block.get("annotations") or block.get("citations")
    for citation in cast("list[object]", citations) if isinstance(citations, list) else []:
        sink.citation(citation, index=index)
    if "reference" in block:  # langchain-mistralai makes a text of each piece that has sources
        sink.citation({"type": "reference", **_dict(block, "reference", sink)}, index=index)
    if "extras" in block:
        _add_signature(block, sink)


def _add_signature(block: Fields, sink: Sink) -> None:
    """Read the signature that Gemini gives to texts and calls, too."""
    sink.reasoning("", signature=signature_of(block, sink))


def _thinking(block: Fields, sink: Sink) -> None:
    signature = plain_text(block.get("signature"), "signature", sink) or None
    text = _joined(block.get("thinking"), "thinking", sink)
    sink.reasoning(text, _index(block.get("index")), signature=signature)


def _redacted_thinking(block: Fields, sink: Sink) -> None:
    # Anthropic encrypts it, and wants it back unchanged.
    data = plain_text(block.get("data"), "data", sink) or None
    sink.reasoning("", _index(block.get("index")), signature=data, redacted=True)


def _reasoning(block: Fields, sink: Sink) -> None:
    name = next((it for it in ("reasoning", "summary", "content") if block.get(it)), "reasoning")
    value, index = block.get(name), _index(block.get("index"))
    if name == "summary" and isinstance(value, list):  # a paragraph each, as in version 1
        for number, part in enumerate(cast("list[object]", value)):
            place = (index, _index(dict_or_empty(part).get("index", number)))
            sink.reasoning(_joined([part], name, sink), place)
        value = None
    text, signature = _joined(value, name, sink), signature_of(block, sink)
    sink.reasoning(text, index, signature=signature)


def signature_of(block: Fields, sink: Sink) -> str | None:
    """Return what a provider wants back unchanged: a signature, or its encrypted reasoning."""
    for fields in (_dict(block, "extras", sink), block):
        for name in ("signature", "encrypted_content"):
            if fields.get(name):
                return plain_text(fields[name], name, sink) or None
    return None


def _bedrock_reasoning(block: Fields, sink: Sink) -> None:
    # Bedrock: {"reasoning_content": {"text": …, "signature": …}}.
    inner = _dict(block, "reasoning_content", sink)
    text = plain_text(inner.get("text"), "text", sink)
    signature = plain_text(inner.get("signature"), "signature", sink) or None
    sink.reasoning(text, _index(block.get("index")), signature=signature)


def _joined(value: object, name: str, sink: Sink) -> str:
    """Return text that may be a list of text blocks (Mistral's thinking, OpenAI's summaries)."""
    if not isinstance(value, list):
        return plain_text(value, name, sink)
    parts = cast("list[object]", value)
    texts = [it if isinstance(it, str) else dict_or_empty(it).get("text", it) for it in parts]
    return "".join([plain_text(text, name, sink) for text in texts])


def _refusal(block: Fields, sink: Sink) -> None:
    sink.refusal(plain_text(block.get("refusal"), "refusal", sink), _index(block.get("index")))


# --- calls


def _read_call(
    call: Fields, index: object, args: Any, sink: Sink, *, provider_executed: bool = False
) -> None:
    id, name = call.get("id"), call.get("name")
    if args.__class__ is not str and args is not None:
        args = plain_text(args, "args", sink)
    if id.__class__ is not str and id is not None:
        id = _name(id, "id", sink)
    if name.__class__ is not str and name is not None:
        name = _name(name, "name", sink)
    if index.__class__ not in _INDEXES:
        index = _index(index)
    sink.tool_call(index, id, name, args, provider_executed=provider_executed)


def _read_elsewhere(_block: Fields, _sink: Sink) -> None:
    """Leave client tool calls to `read_chunk`, which takes them from ``tool_call_chunks``."""


# --- calls of the tools that providers run themselves


def _server_call(block: Fields, sink: Sink) -> None:
    # A streamed call of Anthropic's keeps `partial_json` in the state, and an empty `input`.
    args: Any = block.get("args") or block.get("input") or block.get("partial_json")
    if not args:  # a block that is whole has no arguments, of any other they are to come
        args = "{}" if block.get("type") == "server_tool_call" else ""
    text = args if isinstance(args, str) else json_text(args)
    index = ("server", _index(block.get("index")))
    _read_call(block, index, text, sink, provider_executed=True)
    if "extras" in block:
        _add_signature(block, sink)


def _server_input(block: Fields, sink: Sink) -> None:
    args = plain_text(block.get("partial_json"), "partial_json", sink)
    sink.call_input(("server", _index(block.get("index"))), args)


# The Responses API's own tools, and where each has its arguments.
_RESPONSES_TOOLS = {
    "web_search_call": "action",
    "file_search_call": "queries",
    "code_interpreter_call": "code",
    "image_generation_call": "revised_prompt",
    "mcp_call": "arguments",
    "tool_search_call": "arguments",
}


def _responses_tool(block: Fields, sink: Sink) -> None:
    """Read a call and its result in one block, which stays whole."""
    if not block.get("call_id"):  # that one is a tool search that the caller is to answer
        kind: str = block["type"]
        args: Any = block.get(_RESPONSES_TOOLS[kind])
        if args.__class__ is not dict and kind != "mcp_call":
            args = {_RESPONSES_TOOLS[kind]: args}
        call = {"id": block.get("id"), "name": block.get("name") or kind.removesuffix("_call")}
        text = args if isinstance(args, str) else json_text(args)
        index = ("server", _index(block.get("id")))
        _read_call(call, index, text, sink, provider_executed=True)
    sink.content(block)


def _executable_code(block: Fields, sink: Sink) -> None:
    """Read Google's own tool; its result is a block of its own."""
    code = {"code": block.get("executable_code"), "language": block.get("language")}
    args = json_text(code)
    call = {"id": block.get("id"), "name": "code_execution"}
    _read_call(call, ("server", _index(block.get("id"))), args, sink, provider_executed=True)


def _executed_tool(tool: Fields, sink: Sink) -> None:
    """Read Groq's own tools: first the call, then under the same index only its output."""
    if "output" in tool:
        sink.content({"type": "executed_tool", **tool})
    else:
        call, index = {"name": tool.get("type")}, ("server", _index(tool.get("index")))
        _read_call(call, index, tool.get("arguments"), sink, provider_executed=True)


def _non_standard(block: Fields, sink: Sink) -> None:
    """Read a provider's own block in the wrapping of version 1: it may well be a known one."""
    value = dict_or_empty(block.get("value"))
    if _type_of(value) in _READERS:
        read_block({"index": block.get("index"), **value}, sink)
    else:
        sink.content(block)


_TEXTS = frozenset({"text", "output_text"})

_READERS: dict[str | None, Callable[[Any, Sink], None]] = {
    **dict.fromkeys(_TEXTS, _text),
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "reasoning": _reasoning,
    "reasoning_content": _bedrock_reasoning,
    "refusal": _refusal,
    "server_tool_use": _server_call,
    "mcp_tool_use": _server_call,
    "server_tool_call": _server_call,
    "server_tool_call_chunk": _server_call,
    "input_json_delta": _server_input,
    "tool_use": _read_elsewhere,
    "tool_call": _read_elsewhere,
    "tool_call_chunk": _read_elsewhere,
    "invalid_tool_call": _read_elsewhere,
    "function_call": _read_elsewhere,
    "custom_tool_call": _read_elsewhere,
    "executable_code": _executable_code,
    "non_standard": _non_standard,
    **dict.fromkeys(_RESPONSES_TOOLS, _responses_tool),
}
