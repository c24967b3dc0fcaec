"""Messages that a server sends whole, again and again, as they grow: the difference of each.

    messages/metadata  {"lc_run--019a…": {"metadata": {"langgraph_node": "agent", …}}}
    messages/partial   [{"type": "ai", "id": "lc_run--019a…", "content": "Hel", …}]
    messages/partial   [{"type": "ai", "id": "lc_run--019a…", "content": "Hello", …}]
    messages/complete  [{"type": "tool", "tool_call_id": "call_1", "content": "sunny", …}]

Laws of this file:

1. What a partial adds to the one before is a chunk, and is read as one.
2. A call's arguments come parsed, as the best guess at what was cut anywhere. So they are
   emitted only when they are certain: when the next call has begun, or the message is over.
3. So is the usage, which the server has added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from .._core.assembly import Assembly
from .._core.json_message import JsonChunk
from .._core.kinds import fields_of, message_in
from .._core.message import Message
from .._core.metadata import finish_reason
from .._fields import Fields, dict_or_empty, json_text, shown
from ..errors import MalformedItem
from .messages import MessagePairs


class PartialMessages(MessagePairs):
    """The reader of messages that grow, and of ``(message, metadata)`` pairs as its base class."""

    def __init__(self, assembly: Assembly) -> None:
        super().__init__(assembly)
        self._metadata: dict[str, dict[str, Any]] = {}
        self._growing: dict[str, _Growing] = {}

    def read_metadata(self, data: dict[str, Any]) -> None:
        """Record the metadata of messages, which comes once for each message."""
        for id, about in data.items():
            self._metadata[id] = dict_or_empty(about.get("metadata"))

    def read_partial(self, data: Sequence[object]) -> None:
        """Read what messages have grown by into the assembly."""
        for message in map(_message, data):
            fields = fields_of(message)
            id: str = fields["id"]
            if id not in self._growing:
                if self._assembly.seen.has_id(id):
                    continue  # the last partial comes twice
                self._growing[id] = _Growing(id, self._metadata.pop(id, {}))
            growing = self._growing[id]
            self.add(growing.chunk(fields), growing.metadata)
            message_written = self._assembly.messages.named(id)
            if message_written and message_written.before_close is None:
                message_written.before_close = partial(self._add_rest, message_written, id)

    def read_complete(self, data: Sequence[object]) -> None:
        """Read messages that are whole, and may have been partial before, into the assembly."""
        for message in map(_message, data):
            growing = self._growing.get(fields_of(message)["id"])
            if growing:
                self.read_partial([message])
                self._assembly.close_superseded(message, self._origin)
            else:
                self.add(message, self._metadata.pop(fields_of(message)["id"], {}))

    def _add_rest(self, message: Message, id: str) -> None:
        """Add what was held back: the last call's arguments, and the usage."""
        message.add_chunk(self._growing.pop(id).rest())


def _message(raw: object) -> Any:
    message = message_in(raw)
    if message is None:
        raise MalformedItem(f"expected a message, got {shown(raw, 200)}", raw)
    fields = fields_of(message)
    wrong = [name for name, types in _TYPES.items() if not isinstance(fields[name], types)]
    if wrong:
        raise MalformedItem(f"a message's {wrong[0]} is no {_TYPES[wrong[0]]}", raw)
    return message


_TYPES: dict[str, Any] = {
    "id": str,
    "content": str | list,  # pyright: ignore[reportMissingTypeArgument]
    "additional_kwargs": dict,
    "response_metadata": dict,
    "tool_calls": list,
    "invalid_tool_calls": list,
}


class _Growing:
    """A message as the last partial had it, and how many of its calls have their arguments."""

    def __init__(self, id: str, metadata: dict[str, Any]) -> None:
        self.metadata = metadata
        self._id = id
        self._latest: Fields = {"content": [], "additional_kwargs": {}, "response_metadata": {}}
        self._calls: dict[str, Fields] = {}
        self._complete = 0

    def chunk(self, latest: Fields) -> JsonChunk:
        """Return what is new, as a chunk."""
        before, self._latest = self._latest, latest
        response = latest["response_metadata"]
        # langgraph-api 0.16 sends no `messages/complete` for an answer: its finish reason ends it.
        is_over = finish_reason(response)[0] is not None
        calls = self._new_calls()
        calls += self._arguments(len(self._calls) if is_over else len(self._calls) - 1)
        return self._chunk(
            content=_grown(_blocks(before["content"]), _blocks(latest["content"])),
            additional_kwargs=_changed(before["additional_kwargs"], latest["additional_kwargs"]),
            response_metadata=response if response != before["response_metadata"] else {},
            tool_call_chunks=calls,
        )

    def rest(self) -> JsonChunk:
        """Return what was held back until the message is over."""
        usage = self._latest.get("usage_metadata")
        calls = self._arguments(len(self._calls))
        return self._chunk(tool_call_chunks=calls, usage_metadata=usage)

    def _chunk(self, **fields: Any) -> JsonChunk:
        return JsonChunk({}, {"type": "AIMessageChunk", "id": self._id, **fields})

    def _new_calls(self) -> list[dict[str, Any]]:
        known = len(self._calls)
        for call in (*self._latest["tool_calls"], *self._latest["invalid_tool_calls"]):
            self._calls[call["id"]] = call
        new = list(enumerate(self._calls.values()))[known:]
        # A call without any text would be one without arguments, however it ends.
        return [{"index": n, "args": "{", "id": it["id"], "name": it["name"]} for n, it in new]

    def _arguments(self, count: int) -> list[dict[str, Any]]:
        calls = list(enumerate(self._calls.values()))[self._complete : count]
        self._complete = max(self._complete, count)
        is_cut = finish_reason(self._latest["response_metadata"])[0] == "length"
        last = len(self._calls) - 1
        texts = ((index, call, is_cut and index == last) for index, call in calls)
        return [{"index": n, "args": _text(it["args"], is_cut)[1:]} for n, it, is_cut in texts]


def _text(args: object, is_cut: bool) -> str:
    """Return arguments as text: of an answer that was cut off, without the end that was guessed."""
    text = args if isinstance(args, str) else json_text(args)
    return text.rstrip('"}]') if is_cut else text


# --- what is new


def _blocks(content: str | list[Any]) -> list[Any]:
    blocks = content if isinstance(content, list) else [content]
    return [{"type": "text", "text": it} if isinstance(it, str) else it for it in blocks]


def _grown(old: Any, new: Any) -> Any:
    """Return what ``new`` has and ``old`` does not."""
    if isinstance(new, str):
        return new[len(old) :] if isinstance(old, str) and new.startswith(old) else new
    if isinstance(new, list):
        known, items = cast("list[object]", old or []), cast("list[object]", new)
        changed = [_grown(a, b) for a, b in zip(known, items, strict=False) if a != b]
        return changed + items[len(known) :]
    block, fields = dict_or_empty(old), dict_or_empty(new)
    return _grown_block(block, fields) if block and fields else new


def _grown_block(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    changed = _changed(old, new)
    for name in ("type", "id", "index", "name"):
        if name in new:
            changed[name] = new[name]
    if "partial_json" in changed:  # more arguments of a call that the provider runs
        changed["type"] = "input_json_delta"
    return changed


def _changed(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return {name: _grown(old.get(name), it) for name, it in new.items() if it != old.get(name)}
