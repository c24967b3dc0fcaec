"""What node tasks have said, to tell a message from its echo under another id.

A node may wrap its model's answer in a new message, and so may the nodes around it; and a message
that had no id when a subgraph's node returned it has one in the state around.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from .._fields import Fields
from ..values import Origin
from .content import text_in
from .message import Message
from .origin import checkpoint_ns

__all__ = ["DuplicateContent"]


class DuplicateContent:
    """The part of a run's memory that knows messages by what they say."""

    def __init__(self) -> None:
        # By task, and by every task around it; "" is the run. Hashes stand for the contents.
        self._said: defaultdict[str, set[int]] = defaultdict(set)
        # By outermost task: the tasks inside it, with the fields of what they returned.
        self._nameless: defaultdict[str, list[tuple[str, Fields]]] = defaultdict(list)

    def record_answer(self, message: Message, tool_call_ids: tuple[str, ...]) -> None:
        """Remember what a node's model said."""
        metadata = message.origin.metadata
        task, text = checkpoint_ns(metadata), "".join(message.texts)
        if "ls_model_type" in metadata and (text or tool_call_ids):
            for path in _around(task):
                self._said[path].add(hash((text, tool_call_ids)))

    def is_copy(self, fields: Fields, origin: Origin) -> bool:
        """Tell whether a whole message says what a model of its node, or in it, just said.

        Where nothing tells its node, as in a graph's state, any node of the graph will do.
        """
        calls = tuple(call.get("id") for call in fields.get("tool_calls") or ())
        path = checkpoint_ns(origin.metadata) or "|".join(origin.namespace)
        return path in self._said and hash((text_in(fields["content"]), calls)) in self._said[path]

    def record_nameless(self, fields: Fields, origin: Origin) -> None:
        """Remember a message that a subgraph's node returned without an id: it gets one later."""
        outer, bar, _ = (task := checkpoint_ns(origin.metadata)).partition("|")
        if bar and not fields.get("id"):
            self._nameless[outer].append((task, dict(fields)))

    def had_no_id(self, fields: Fields, origin: Origin) -> bool:
        """Tell whether a message was shown before it had its id. Each is recognized once."""
        task = checkpoint_ns(origin.metadata)
        nameless = self._nameless.get(task.partition("|")[0])
        if not nameless or not fields.get("id"):
            return False
        before = {**fields, "id": None}
        for number, (inner, shown) in enumerate(nameless):
            if inner.startswith(f"{task}|") and shown == before:
                del nameless[number]
                return True
        return False

    def end_task(self, origin: Origin) -> None:
        """Forget what a node task said: its output has been seen."""
        task = checkpoint_ns(origin.metadata)
        self._said.pop(task, None)
        self._nameless.pop(task, None)

    def end_superstep(self, namespace: tuple[str, ...]) -> None:
        """Forget what a graph's nodes said: the state after them has been seen."""
        self._said.pop("|".join(namespace), None)


def _around(task: str) -> Iterable[str]:
    """Give a task's path and those around it, down to the run's, which is empty."""
    while task:
        yield task
        task = task.rpartition("|")[0]
    yield ""
