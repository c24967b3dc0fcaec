"""The contents of messages, by which duplicates and changes are recognized.

A node may wrap its model's answer in a new message, and so may the nodes around it; and a message
that had no id when a subgraph's node returned it has one in the state around.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from .._fields import Fields, dict_or_empty, json_text
from ..values import Namespace, Origin
from .content import text_in
from .kinds import fields_of, id_of
from .message import Message
from .origin import checkpoint_ns


class Content(NamedTuple):
    """The content of a message, as hashes that fit both streamed and whole messages."""

    text: int
    calls: tuple[int, ...] | None
    """The calls; None where one is not valid JSON, which upstream completes by a guess."""
    whole: int | None
    """All blocks, where the message came whole: streamed ones are put together differently."""

    @classmethod
    def of(cls, fields: Fields) -> Content:
        """Return the content of a message that came whole."""
        content, calls = fields["content"], None
        if not fields.get("invalid_tool_calls"):
            made = fields.get("tool_calls") or ()
            calls = tuple(_call(it.get("name"), it.get("args")) for it in made)
        whole = hash((*_blocks(content), fields.get("status")))
        return cls(hash(text_in(content)), calls, whole)

    @classmethod
    def written_by(cls, message: Message) -> Content:
        """Return the content of a message that was streamed."""
        calls = [call.done for call in message.calls if call.done and not call.provider_executed]
        is_valid = all(call.error is None for call in calls)
        return cls(
            hash("".join(message.texts)),
            tuple(_call(call.name, call.args) for call in calls) if is_valid else None,
            None,
        )

    def is_same(self, other: Content) -> bool:
        """Return whether both hold the same, as far as that can be known."""
        if self.whole is not None and other.whole is not None:
            return self.whole == other.whole and self.calls == other.calls
        is_known = self.calls is not None and other.calls is not None
        return self.text == other.text and (not is_known or self.calls == other.calls)


_CALLS = frozenset(
    {"tool_use", "tool_call", "function_call", "custom_tool_call", "input_json_delta"}
)


def _blocks(content: object) -> list[str]:
    """Return a content's blocks, spelled alike."""
    # v3 (langchain-core 1.8) makes a list of content that is a str everywhere else.
    blocks: list[str] = []
    for block in cast("list[object]", content) if isinstance(content, list) else [content]:
        fields = dict_or_empty(block)
        if fields.get("type") in _CALLS:
            continue  # which `tool_calls` has as well
        text = fields.get("text") if fields.get("type") == "text" else block
        blocks.append(text if isinstance(text, str) else repr(block))
    return [block for block in blocks if block]


def _call(name: object, args: object) -> int:
    return hash((name, json_text(args)))


class DuplicateContent:
    """The part of a run's memory that recognizes messages by their content."""

    def __init__(self) -> None:
        # By task, and by every task and graph around it. Hashes of contents, and the ids.
        self._answers: defaultdict[str, dict[int, str]] = defaultdict(dict)
        self._in_graphs: defaultdict[str, dict[int, str]] = defaultdict(dict)
        # By outermost task: the tasks inside it, the fields of what they returned, and our ids.
        self._nameless: defaultdict[str, list[tuple[str, Fields, str]]] = defaultdict(list)

    def record_answer(self, message: Message, tool_call_ids: tuple[str, ...]) -> None:
        """Record what a node's model wrote."""
        metadata = message.origin.metadata
        task, text = checkpoint_ns(metadata), "".join(message.texts)
        if "ls_model_type" in metadata and (text or tool_call_ids):
            content = hash((text, tool_call_ids))
            self._in_graphs[""][content] = message.message_id
            for path in _around(task):
                self._answers[path][content] = message.message_id
                self._in_graphs[path.rpartition("|")[0]][content] = message.message_id

    def copied_from(self, fields: Fields, origin: Origin) -> str | None:
        """Return the id of the answer that a whole message repeats, of a model in its node.

        Where its node is not known, as in a graph's state, it may be of any node of the graph.
        """
        # A node's wrapper of an answer may keep neither the id nor the metadata, but keeps these.
        calls = tuple(call.get("id") or "" for call in fields.get("tool_calls") or ())
        task = checkpoint_ns(origin.metadata)
        graph = "|".join(origin.namespace)
        answers = self._answers.get(task) if task else self._in_graphs.get(graph)
        return (answers or {}).get(hash((text_in(fields["content"]), calls)))

    def record_nameless(self, message: object, origin: Origin, shown_id: str) -> None:
        """Record a message that a subgraph's node returned without an id: it gets one later."""
        outer, bar, _ = (task := checkpoint_ns(origin.metadata)).partition("|")
        if bar and not id_of(message):
            self._nameless[outer].append((task, dict(fields_of(message)), shown_id))

    def had_no_id(self, message: object, origin: Origin) -> str | None:
        """Return the id of a message that was shown before it had its own; each is found once.

        It is empty for what our events have no id for.
        """
        task = checkpoint_ns(origin.metadata)
        nameless = self._nameless.get(task.partition("|")[0])
        if not nameless or not id_of(message):
            return None
        before: dict[str, Any] = {**fields_of(message), "id": None}
        for number, (inner, shown, shown_id) in enumerate(nameless):
            if inner.startswith(f"{task}|") and shown == before:
                del nameless[number]
                return shown_id
        return None

    def end_task(self, origin: Origin) -> None:
        """Forget what a node task wrote, if it is known: its output has been seen."""
        task = checkpoint_ns(origin.metadata)
        if task:
            self._answers.pop(task, None)
            self._nameless.pop(task, None)

    def end_superstep(self, namespace: Namespace) -> None:
        """Forget what a graph's nodes wrote: the updates of all, or the state, have been seen."""
        self._in_graphs.pop("|".join(namespace), None)


def _around(task: str) -> Iterable[str]:
    """Return a task's path and those around it."""
    while task:
        yield task
        task = task.rpartition("|")[0]
