"""One message that comes as protocol events, block by block.

    {"event": "content-block-start", "index": 1,
     "content": {"type": "tool_call_chunk", "id": "call_1", "name": "get_weather", "args": ""}}
    {"event": "content-block-delta", "index": 1, "delta": {"type": "tool-call-delta", "args": "{"}}
    {"event": "content-block-finish", "index": 1,
     "content": {"type": "tool_call", "id": "call_1", "name": "get_weather", "args": {…}}}

Laws of this file:

1. Deltas are passed on as they come. A finish repeats them, and adds only what no delta held.
2. Upstream sends all finishes together, at the end of the message. So `Message`
   decides when a block ends, and what only a finish has (a signature, citations, an image) comes
   that late.
3. A call begins when its id and its name are known, which may be only at its finish.
"""

from __future__ import annotations

import json
from collections import defaultdict

from msgspec import Struct

from .._core.content import plain_text, read_block, signature_of
from .._core.message import Message
from .._core.metadata import usage_of
from .._fields import Fields, dict_or_empty, json_text, text_or_none
from ..errors import MalformedItem
from ..events import Event

_CALL_CHUNKS = frozenset({"tool_call_chunk", "server_tool_call_chunk"})
_BESIDE = ("finish_reason", "normalized_finish_reason", "finish_state")
_CALLS = frozenset({"tool_call", "server_tool_call", "invalid_tool_call", *_CALL_CHUNKS})


class _Block(Struct, eq=False):
    """An open block: the pieces that came so far, and the block of ours that they were added to."""

    pieces: list[str] = []
    text_block_id: int | None = None
    signature: str | None = None
    id: str | None = None
    name: str | None = None
    server: bool = False
    begun: bool = False

    def rest_of(self, whole: str) -> str:
        """Return the end of ``whole`` that no piece of the block has held yet."""
        known = "".join(self.pieces)
        return whole[len(known) :] if whole.startswith(known) else ""


class BlockEvents:
    """The reader of one message's protocol events."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self._blocks: defaultdict[object, _Block] = defaultdict(_Block)

    def read(self, event: Fields) -> None:
        """Add what one event between the message's start and its finish holds."""
        index = event.get("index")
        match event["event"]:
            case "content-block-start":
                block = self._blocks[index] = _Block()
                self._start(block, _content(event))
            case "content-block-delta" if "delta" in event:
                self._delta(self._blocks[index], event["delta"])
            case "content-block-delta":
                self._start(self._blocks[index], _content(event))
            case "content-block-finish":
                self._finish(self._blocks[index], _content(event))
            case other:
                raise MalformedItem(f"no protocol event is named {other!r}", event)

    def delta_of(self, event: Fields) -> Event | None:
        """Return the delta of an event that continues the open block's text, else None."""
        delta = event.get("delta")
        if delta is None or delta["type"] != "text-delta":
            return None
        block, text = self._blocks.get(event["index"]), delta["text"]
        if block is None or not text or type(text) is not str:
            return None
        made = self.message.text_delta(text, block)
        if made:
            block.pieces.append(text)
        return made

    def finish(self, event: Fields) -> None:
        """Add what the end of the message holds."""
        usage = usage_of(event.get("usage"))
        if usage:
            self.message.usage(usage)
        metadata = dict_or_empty(event.get("metadata"))
        # Beside the metadata from langchain-core 1.8.4 on.
        beside = {name: event[name] for name in _BESIDE if event.get(name)}
        self.message.response({**beside, **metadata})
        refusal = dict_or_empty(event.get("additional_kwargs")).get("refusal")
        if refusal:
            self.message.refusal(plain_text(refusal, "refusal", self.message))
        self.message.has_last_chunk = True

    # --- starts

    def _start(self, block: _Block, content: Fields) -> None:
        kind = content.get("type")
        if kind in _CALLS:
            self._begin_call(block, content)
            if kind in _CALL_CHUNKS:
                self._args(block, content.get("args") or "")
        elif kind in {"text", "reasoning"}:
            self._signature(block, content)
            self._add(block, kind, content.get(kind) or "")

    def _begin_call(self, block: _Block, content: Fields) -> None:
        """Begin a call, or wait until the block's id and name are known."""
        block.id = text_or_none(content.get("id")) or block.id
        block.name = text_or_none(content.get("name")) or block.name
        block.server = block.server or str(content.get("type")).startswith("server")
        if not block.begun and block.id and block.name:
            self._write_call(block, "".join(block.pieces))

    def _write_call(self, block: _Block, args: str) -> None:
        """Write a call, or more of it. The block itself serves as the call's index."""
        id, name = (None, None) if block.begun else (block.id, block.name)
        block.begun = True
        self.message.tool_call(block, id, name, args, provider_executed=block.server)

    # --- deltas

    def _delta(self, block: _Block, delta: Fields) -> None:
        match delta["type"]:
            case "text-delta":
                self._add(block, "text", delta["text"])
            case "reasoning-delta":
                self._add(block, "reasoning", delta["reasoning"])
            case "tool-call-delta":
                self._args(block, delta["args"])
            case "block-delta":
                self._snapshot(block, delta["fields"])
            case "data-delta":
                pass  # the finish holds the data whole
            case other:
                raise MalformedItem(f"no content-block-delta is of type {other!r}", delta)

    def _add(self, block: _Block, kind: str, given: object) -> None:
        """Add a piece of text or of reasoning."""
        text = self._piece(block, given, kind)
        write = self.message.text if kind == "text" else self.message.reasoning
        write(text, block)
        block.text_block_id = self.message.open_block_id if text else block.text_block_id

    def _args(self, block: _Block, given: object) -> None:
        args = self._piece(block, given, "args")
        if block.begun:
            self._write_call(block, args)

    def _piece(self, block: _Block, given: object, name: str) -> str:
        """Return what a delta holds as plain text, and add it to its block."""
        piece = plain_text(given, name, self.message)
        block.pieces.append(piece)
        return piece

    def _snapshot(self, block: _Block, fields: Fields) -> None:
        """Read the older form of a call's delta, which repeats all of the call so far."""
        if fields.get("type") in _CALL_CHUNKS:
            self._begin_call(block, fields)
            self._args(block, block.rest_of(fields.get("args") or ""))

    # --- finishes

    def _finish(self, block: _Block, content: Fields) -> None:
        kind = content.get("type")
        if kind in _CALLS:
            self._finish_call(block, content)
        elif kind in {"text", "reasoning"}:
            self._add(block, kind, block.rest_of(content.get(kind) or ""))
            self._signature(block, content)
            for citation in (content.get("annotations") or ()) if kind == "text" else ():
                self.message.citation(citation, block.text_block_id)
        else:
            read_block(content, self.message)
            value = dict_or_empty(content.get("value"))
            if value.get("type") == "custom_tool_call":
                self._custom_call(block, value)

    def _custom_call(self, block: _Block, value: Fields) -> None:
        """Write the call of one of OpenAI's custom tools, as the other APIs show it."""
        # v3 (langchain-core 1.8) leaves it a `non_standard` block, so no call comes of it.
        block.id, block.name = text_or_none(value.get("call_id")), text_or_none(value.get("name"))
        self._write_call(block, json.dumps({"__arg1": value.get("input")}))

    def _finish_call(self, block: _Block, content: Fields) -> None:
        self._begin_call(block, content)
        if not block.begun:  # no event had its id or its name: the message makes one up
            self._write_call(block, "".join(block.pieces))
        args = content.get("args")
        if args and not any(block.pieces):
            self._args(block, args if isinstance(args, str) else json_text(args))

    def _signature(self, block: _Block, content: Fields) -> None:
        """Add the signature, to the block where it is still open: Gemini signs texts, too."""
        signature = signature_of(content, self.message)
        if signature != block.signature:
            block.signature = signature
            self.message.reasoning("", signature=signature)


def _content(event: Fields) -> Fields:
    """Return an event's block."""
    # langchain-core before 1.4 calls it `content_block`, also in deltas.
    content: Fields = event.get("content") or event["content_block"]
    return content
