"""The messages that an AG-UI client holds, for a snapshot where one of them is taken back.

A client replaces all that it holds with a snapshot: so it has everything that the client sent and
everything that was written since.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..._fields import JsonObject
from ...events import MessageReplaced, ReasoningEnd, TextEnd
from .._blocks import fields_of_message
from ._values import result_content


class Conversation:
    """The messages of one thread, in order.

    >>> talk = Conversation([{"id": "u1", "role": "user", "content": "Hi"}])
    >>> talk.remove("u1")
    True
    >>> talk.messages
    []
    """

    def __init__(self, messages: Iterable[JsonObject] = ()) -> None:
        self._by_id: dict[str, JsonObject] = {str(it.get("id")): {**it} for it in messages}

    @property
    def messages(self) -> list[JsonObject]:
        """All messages, as the client has them."""
        return list(self._by_id.values())

    def begin(self, id: str, role: str, **about: Any) -> JsonObject:
        """Return the message of an id, a new one with more fields where there is none.

        Clients also keep a message's ``subagentRunId`` and ``metadata``.
        """
        return self._by_id.setdefault(id, {"id": id, "role": role, **about})

    def text(self, id: str, event: TextEnd | ReasoningEnd, role: str) -> None:
        """Add a block of text."""
        message = self.begin(id, role)
        # Two texts of one message have one id: the client appends the second to the first.
        message["content"] = (message.get("content") or "") + event.text

    def call(self, id: str, call_id: str, name: str, arguments: str, **about: Any) -> None:
        """Add a call to its message."""
        calls = self.begin(id, "assistant", **about).setdefault("toolCalls", [])
        function = {"name": name, "arguments": arguments}
        calls.append({"id": call_id, "type": "function", "function": function})

    def result(self, id: str, call_id: str, content: Any, **about: Any) -> None:
        """Add the result of a call."""
        message = {"id": id, "role": "tool", "toolCallId": call_id, "content": content}
        self._by_id[id] = message | about

    def remove(self, id: str) -> bool:
        """Remove a message and its reasoning; return whether there was one."""
        inner = self._reasoning_of(id) + ([id] if id in self._by_id else [])
        for it in inner:
            del self._by_id[it]
        return bool(inner)

    def _reasoning_of(self, id: str) -> list[str]:
        found = [it for it in self._by_id if it.startswith(f"{id}:")]
        return [it for it in found if self._by_id[it].get("role") == "reasoning"]

    def replace(self, event: MessageReplaced) -> bool:
        """Change the content of a message, or of a call's result; return whether there was one."""
        content: Any = result_content(fields_of_message(event.message).get("content"))
        found = self._by_id.get(event.message_id)
        if event.tool_call_id is not None:
            results = [it for it in self.messages if it.get("toolCallId") == event.tool_call_id]
            found = results[-1] if results else None
        elif found is None and content and self._reasoning_of(event.message_id):
            found = self.begin(event.message_id, "assistant")  # that had nothing but reasoning
        if found is None or found.get("content") == content:
            return False
        found["content"] = content
        return True
