"""The register of open messages: each is known by its key, its run, its metadata and its ids.

Laws of this file:

1. A message is open if and only if it is here. No reader keeps a list of its own.
2. The same metadata *object* means the same model run: LangGraph makes one dict per run.
3. Otherwise the same id does. But a provider may change the id in mid-message (the OpenAI
   Responses API: ``resp_1`` first, then ``lc_run--…``), so an id of LangChain's own making and
   one of the provider's may be two names of one message; two of LangChain's never are.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from ..values import Origin
from .message import Message
from .origin import checkpoint_ns


class OpenMessages:
    """The open messages of one run, in the order they began."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, Message] = {}
        self.by_run: dict[str | None, Message] = {}
        """The open messages by the id of the run that writes them, where the API has it."""
        self.by_metadata: dict[int, Message] = {}
        """The open messages by the identity of the metadata that their chunks come with."""

    def __iter__(self) -> Iterator[Message]:
        """Return the messages that are open now; they may be closed during the iteration."""
        return iter(list(self._by_key.values()))

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: Hashable) -> Message | None:
        """Return the open message with this key, or None."""
        return self._by_key.get(key)

    def named(self, id: str | None) -> Message | None:
        """Return the open message that has had this id, or None."""
        return next((it for it in self._by_key.values() if id and id in it.ids), None)

    def of_chunk(self, id: str | None, origin: Origin) -> Message | None:
        """Return the open message that a chunk adds to, or None where it begins one."""
        if origin.metadata and (message := self.by_metadata.get(_identity(origin))):
            return message
        fitting = [it for it in self if it.origin.metadata == origin.metadata]
        exact = (message for message in fitting if id in message.ids)
        return next(exact, next((message for message in fitting if _may_be(message, id)), None))

    def add(self, message: Message) -> None:
        """Add a message that begins, under its key."""
        origin = message.origin
        # A RetryPolicy (langgraph 1.2) runs a node again in the same task, without any marker.
        task = checkpoint_ns(origin.metadata)
        for other in self._by_key.values() if task else ():
            if checkpoint_ns(other.origin.metadata) == task:
                other.has_successor = True
        self._by_key[message.key] = message
        if origin.run_id:
            self.by_run.setdefault(origin.run_id, message)
        if origin.metadata:
            self.by_metadata.setdefault(_identity(origin), message)

    def remove(self, message: Message) -> None:
        """Remove a message that ends."""
        del self._by_key[message.key]
        if self.by_run.get(message.origin.run_id) is message:
            del self.by_run[message.origin.run_id]
        if self.by_metadata.get(_identity(message.origin)) is message:
            del self.by_metadata[_identity(message.origin)]


def _identity(origin: Origin) -> int:
    return id(origin.metadata)


def _may_be(message: Message, id: str | None) -> bool:
    """Return whether ``id`` is, or may have become, a name of this message."""
    if not id or id in message.ids:
        return True
    # One LangChain id and one of the provider: the Responses API of langchain-openai 1.x has both.
    has_langchain_id = any(map(_is_langchain_id, message.ids))
    return has_langchain_id != _is_langchain_id(id)


def _is_langchain_id(id: str | None) -> bool:
    """LangChain's own ids: ``run-`` (0.3.40), ``run--`` (0.3.86), ``lc_run--`` (1.0 and later)."""
    return id is not None and id.startswith(("lc_run-", "run-"))
