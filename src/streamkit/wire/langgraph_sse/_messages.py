"""The chunks of a message, such that a reader who adds them up has the message.

`AIMessageChunk.concat` of LangChain.js adds texts to texts, and blocks to the block of their index.
A message's content is a text as long as text is all there is of it, and blocks from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ... import events as ev
from ..._event_classes import MethodsByClass
from ..._fields import JsonObject, dict_or_empty
from ...values import Origin, Usage
from .._plain_json import dump_plain, dump_text

# The client takes `MessageChunk` off the type, and makes a whole message of any other.
_TYPES = {"human": "HumanMessageChunk", "user": "HumanMessageChunk", "system": "SystemMessageChunk"}


def metadata(origin: Origin, *, private: bool) -> JsonObject:
    """Return the metadata of a message: its place in the graph, or all of it.

    >>> metadata(Origin(node="book", namespace=("hotel:1",)), private=False)
    {'langgraph_node': 'book', 'langgraph_checkpoint_ns': 'hotel:1', 'tags': []}
    """
    tags = {"tags": list(origin.tags)}
    if private:
        return {**dict_or_empty(origin.metadata), **tags}
    found: JsonObject = {"langgraph_node": origin.node, "langgraph_step": origin.step}
    found = {name: it for name, it in found.items() if it is not None}
    within = origin.metadata.get("langgraph_checkpoint_ns")
    path = within if isinstance(within, str) else "|".join(origin.namespace)
    return {**found, "langgraph_checkpoint_ns": path, **tags}


class Chunks:
    """One message: a method for each type of event returns a chunk of it as JSON."""

    def __init__(self, start: ev.MessageStart, *, private: bool) -> None:
        self._private = private
        self._fields = {"type": _TYPES.get(start.role, "AIMessageChunk"), "id": start.message_id}
        self._head = dump_plain(self._fields)[:-1]
        self._is_text = True
        self._not_ours: set[int] = set()
        self._rules: dict[type, Callable[[Any], bytes]] = MethodsByClass(self)

    def feed(self, event: Any) -> bytes:
        """Return the chunk that an event is worth; nothing where it is worth none."""
        return self._rules[event.__class__](event)

    def text_delta(self, event: ev.TextDelta) -> bytes:
        """Add to a text."""
        text = dump_text(event.text)
        if self._is_text:
            return b'%b,"content":%b}' % (self._head, text)
        return self._block(b'{"type":"text","index":%d,"text":%b}' % (event.block_id, text))

    def reasoning_delta(self, event: ev.ReasoningDelta) -> bytes:
        """Add to a block of reasoning."""
        text = dump_text(event.text)
        return self._block(
            b'{"type":"reasoning","index":%d,"reasoning":%b}' % (event.block_id, text)
        )

    def reasoning_end(self, event: ev.ReasoningEnd) -> bytes:
        """Add the provider's signature."""
        if not event.signature:
            return b""
        block = {"type": "reasoning", "index": event.block_id, "reasoning": ""}
        return self._block(dump_plain({**block, "extras": {"signature": event.signature}}))

    def content(self, event: ev.Content) -> bytes:
        """Add a block that arrived whole."""
        block = dict_or_empty(event.block)
        return self._block(dump_plain({**block, "index": event.block_id}))

    def citation(self, event: ev.Citation) -> bytes:
        """Add an annotation, beside the content: texts have no place for one."""
        about = {"block_id": event.block_id, "citation": event.citation}
        return self._chunk(additional_kwargs={"citations": [about]})

    def tool_call_start(self, event: ev.ToolCallStart) -> bytes:
        """Begin a call, unless the provider runs it."""
        if event.provider_executed:
            self._not_ours.add(event.block_id)
            return b""
        return self._call(event, id=event.tool_call_id, name=event.name, args="")

    def tool_call_delta(self, event: ev.ToolCallDelta) -> bytes:
        """Add to a call's arguments."""
        return b"" if event.block_id in self._not_ours else self._call(event, args=event.args)

    def tool_call_end(self, event: ev.ToolCallEnd) -> bytes:
        """Add a call that the provider answers, which is a block of the content."""
        if event.block_id not in self._not_ours:
            return b""
        # LangChain has a provider's own calls in the content, and in no list of calls to run.
        block = {"type": "server_tool_call", "id": event.tool_call_id, "name": event.name}
        args = event.args
        return self._block(dump_plain({**block, "args": args, "index": event.block_id}))

    def message_end(self, event: ev.MessageEnd) -> bytes:
        """Return the last chunk, with the usage and the finish reason."""
        # The provider's word, under the name that most of LangChain's clients give it.
        found = {"finish_reason": event.raw_finish_reason, "model_name": event.model}
        fields: JsonObject = {name: it for name, it in found.items() if it is not None}
        if self._private:
            fields = event.response_metadata | fields
        usage = {"usage_metadata": _usage(event.usage)} if event.usage else {}
        return self._chunk(**usage, response_metadata=fields, chunk_position="last")

    def _call(self, event: ev.ToolCallStart | ev.ToolCallDelta, **fields: str) -> bytes:
        # Chunks of a call add up by their index. assistant-ui drops one that has no number there.
        chunk = {"type": "tool_call_chunk", "index": event.block_id, **fields}
        return self._chunk(tool_call_chunks=[chunk])

    def _block(self, block: bytes) -> bytes:
        self._is_text = False
        return b'%b,"content":[%b]}' % (self._head, block)

    def _chunk(self, **fields: Any) -> bytes:
        return dump_plain({**self._fields, "content": "", **fields})


def _usage(usage: Usage) -> JsonObject:
    return {name: it for name, it in msgspec.to_builtins(usage).items() if it != {}}
