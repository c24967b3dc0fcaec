"""The memory of what a run has shown, so that nothing is shown twice and every change is shown.

LangGraph shows one model message up to three times (chunks, node output, state), one tool result
twice and one interrupt once per graph around it. `SeenRegistry` keeps the ids and which state
holds which message, `DuplicateContent` the hashes of contents.

Law of this file: whether a message is unseen, the same again or changed is decided in `compare`
alone, for every source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, Literal
from weakref import ref

from msgspec import Struct

from .._fields import items_of
from .._namespaces import graph_around
from ..values import Namespace, Origin, Status
from .duplicates import Content, DuplicateContent
from .kinds import call_id_of, fields_of, id_of, kind_of, made_call_ids
from .message import Message
from .origin import checkpoint_ns
from .pending_calls import PendingCalls
from .writes import ChannelWrite, channel_writes

_SENT = "__pregel_push"  # the trigger of a task that was sent its input (langgraph 0.3 to 1.2)


class SeenMessage(Struct, eq=False):
    """A message that was shown, or that the application has already."""

    id: str
    """The id that our events have for it."""
    content: Content
    """Its content when it was last shown."""
    tool_call_id: str | None = None
    """The call that it answers."""
    holders: set[tuple[Namespace, str]] = set()
    """The states that hold it: graphs, and their channels."""
    is_removed: bool = False
    task: str | None = None
    """The node task that wrote it: empty if unknown, None if the application had it already."""
    sent_from: Namespace | None = None
    """The graph that sent it to a node without holding it: there it is new, once it is written."""


class SeenRegistry:
    """The memory of one run."""

    def __init__(self) -> None:
        self.duplicates: DuplicateContent = DuplicateContent()
        self.calls: PendingCalls = PendingCalls()
        self.interrupt_ids: set[str] = set()
        self.internal_ids: set[str] = set()
        """Internal answers: they are unseen until a node puts them into the state."""
        self._messages: dict[str, SeenMessage] = {}
        # Those that had no id when they were seen, and the ids that our events have for them:
        # LangGraph gives them one in place, later. One that nobody else holds cannot come again.
        self._nameless: dict[int, tuple[ref[Any], str]] = {}
        self._not_shown: set[int] = set()  # those of them that were only seen
        # Those that were spelled as dicts, pairs or texts, by content: the state makes new ones.
        self._expected: defaultdict[Hashable, list[Any]] = defaultdict(list)
        # Interrupts by value, too: before langgraph 1.2 those of one task have the same id.
        self._waiting: list[tuple[str, Any, str]] = []
        self._checkpoint_ids: set[str] = set()

    # --- messages

    def has_id(self, id: str | None) -> bool:
        """Return whether a message with this id was shown, or seen."""
        return id in self._messages or id in self.internal_ids

    def is_over(self, id: str | None, task: str) -> bool:
        """Return whether a chunk with this id can only belong to a message that has ended.

        Ids may repeat: what another task wrote, or an earlier run, is another message.
        """
        seen = self.known(id)
        return seen.task in {"", task} if seen else id in self.internal_ids

    @property
    def has_messages(self) -> bool:
        """Whether any message was shown, or seen."""
        return bool(self._messages)

    def known(self, id: str | None) -> SeenMessage | None:
        """Return what is known of the message with this id, or None."""
        return self._messages.get(id or "")

    def compare(self, message: object, origin: Origin) -> Literal["unseen", "same", "changed"]:
        """Return whether a message that came whole was shown, and with this content."""
        seen = self.known(id_of(message))
        # The words of a model are those of a message that was shown, as in `messages` mode.
        if seen and seen.sent_from == origin.namespace and kind_of(message) == "other":
            return "unseen"
        if self.id_of_nameless(message) is not None:
            self.mark_seen([message])
            return "same"
        shown_id = self.duplicates.had_no_id(message, origin)
        if seen is None and shown_id is None and id_of(message):
            shown_id = self._expected_id(message)
        if shown_id is not None:
            self._identify(message, shown_id)
            return "same"
        if seen is None or seen.is_removed:
            return "unseen"
        content = Content.of(fields_of(message))
        if seen.content.is_same(content):
            seen.content = content
            return "same"
        return "changed"

    def expect_ids(self, messages: Iterable[object]) -> None:
        """Record messages that ``add_messages`` has made: the state's own have the same content."""
        for message in messages:
            self._expected[_content_key(message)].append(message)

    def _expected_id(self, message: object) -> str | None:
        """Return the id of a message that was shown before it had its own; each is found once.

        The one that was shown gets its own here, as LangGraph gives one to a node's own object.
        """
        made = self._expected.get(_content_key(message)) if self._expected else None
        if not made:
            return None
        shown = made.pop(0)
        shown_id = self.id_of_nameless(shown)
        shown.id = id_of(message)
        return shown_id or ""

    def id_of_nameless(self, message: object) -> str | None:
        """Return the id that our events have for a message that was seen without one.

        It is empty where they have none for it, and None for any other message.
        """
        known, shown_id = self._nameless.get(id(message), (None, ""))
        return shown_id if known and known() is message else None

    def _identify(self, message: object, shown_id: str | None) -> None:
        """Record the id of a message that was shown without it, maybe under one of ours."""
        name = id_of(message)
        if name and name not in self._messages:
            new = SeenMessage(name, Content.of(fields_of(message)), call_id_of(message))
            self._messages[name] = self.known(shown_id) or new

    def record_message(self, message: Message, status: Status) -> None:
        """Record a message that ended, and the calls it made, unless it was abandoned."""
        ids = filter(None, (message.message_id, message.stored_id, *message.ids))
        is_internal = message.origin.internal
        if is_internal:
            self.internal_ids.update(ids)
        else:
            seen = self._register(ids, message.message_id, Content.written_by(message))
            seen.task = checkpoint_ns(message.origin.metadata)
        if status == "abandoned":
            return
        calls = [(call.done, call.given_id or "") for call in message.calls if call.done]
        if not is_internal:
            self.duplicates.record_answer(message, tuple(given_id for _, given_id in calls))
        for call, given_id in calls:
            if not call.provider_executed:
                self.calls.add(call, given_id, message.origin)

    def record_whole(self, message: object, shown_id: str | None = None) -> None:
        """Record a message that came whole, and the id that our events have for it, if another."""
        name = id_of(message)
        if not name:
            self._nameless[id(message)] = ref(message), shown_id or ""
            self._not_shown.discard(id(message))
        elif shown_id != name and shown_id in self._messages:
            self._messages[name] = self._messages[shown_id]
        else:
            seen = self._register([name], name, Content.of(fields_of(message)))
            seen.tool_call_id = seen.tool_call_id or call_id_of(message)

    def _register(self, ids: Iterable[str], shown_id: str, content: Content) -> SeenMessage:
        known = self._messages.get(shown_id)
        if known is None:
            known = SeenMessage(shown_id, content)
        known.content, known.is_removed, known.task, known.sent_from = content, False, "", None
        for name in (shown_id, *ids):
            self._messages[name] = known
        return known

    def mark_seen(self, messages: Iterable[object], sent_from: Namespace | None = None) -> None:
        """Record messages that are not shown: a node's input, or the history it returns.

        The last answer to a call that is pending is neither: a handoff makes one and sends it on.
        """
        answered: set[str | None] = set()
        for message in reversed([*messages]):
            name, call_id = id_of(message), call_id_of(message)
            if call_id not in answered and self.calls.is_pending(call_id):
                answered.add(call_id)
                continue
            shown_id = self.id_of_nameless(message)
            if not name and shown_id is None:
                self.record_whole(message)
                self._not_shown.add(id(message))
            elif name and name not in self._messages:
                if shown_id is None:
                    shown_id = self._expected_id(message)
                self._identify(message, shown_id)
                if shown_id is None or id(message) in self._not_shown:
                    self._messages[name].sent_from = sent_from

    def mark_input(self, namespace: Namespace, given: object, triggers: object) -> None:
        """Record the messages that a node is given: its graph's state, or what a ``Send`` holds."""
        is_sent = _SENT in items_of(triggers)
        for write in channel_writes(given):
            self.mark_seen(write.messages, namespace if is_sent else graph_around(namespace))
            if not is_sent:
                self.hold(namespace, write)

    def mark_history(self, messages: Sequence[object]) -> None:
        """Record what a node returns of earlier turns: all up to the last message known.

        A subgraph that shares its messages with the graph around it returns the whole of them.
        """
        end = 0
        unseen: set[str | None] = set()  # the calls of unseen messages, whose ids may repeat
        for number, message in enumerate(messages, start=1):
            call_id = call_id_of(message)
            is_repeated = call_id not in unseen and self.calls.is_answered(call_id)
            if is_repeated or id_of(message) in self._messages:
                end = number
            else:
                unseen.update(made_call_ids(message))
        # Only by their ids: results of tools that ran at once have none, and may be unseen.
        self.mark_seen(filter(id_of, messages[:end]))

    # --- states

    def hold(self, namespace: Namespace, write: ChannelWrite) -> None:
        """Record that a state holds messages now, as a node's input or output shows."""
        for message in write.messages:
            seen = self.known(id_of(message))
            if seen:
                seen.holders.add((namespace, write.channel))

    def release(self, namespace: Namespace, write: ChannelWrite) -> Iterator[SeenMessage]:
        """Record what a write removes from a state; yield what no state holds now.

        A subgraph may forget what the graph around it keeps, and a channel what another has: that
        is not removed.
        """
        place = (namespace, write.channel)
        gone = {id(it): it for it in map(self._messages.get, write.removed) if it}
        if write.is_whole:
            # An Overwrite, or `__remove_all__`: whatever is not among these messages is removed.
            kept = {id(self.known(id_of(message))) for message in write.messages}
            held = (it for it in self._messages.values() if place in it.holders)
            gone |= {id(it): it for it in held if id(it) not in kept}
        for seen in gone.values():
            seen.holders = {it for it in seen.holders if not _is_at(it, place)}
            if not (seen.holders or seen.is_removed):
                seen.is_removed = True
                yield seen

    # --- tools that interrupt

    def note_waiting(self, interrupt_id: str, value: object, tool_call_id: str) -> None:
        """Record the call whose tool raised an interrupt."""
        self._waiting.append((interrupt_id, value, tool_call_id))

    def tool_waiting(self, interrupt_id: str, value: object) -> str | None:
        """Return the call whose tool raised this interrupt."""
        calls = (call for id, it, call in self._waiting if id == interrupt_id and it == value)
        return next(calls, None)

    # --- checkpoints

    def is_repeated_checkpoint(self, checkpoint_id: str | None) -> bool:
        """Return whether a checkpoint was shown before, and record it."""
        is_repeated = checkpoint_id in self._checkpoint_ids
        if checkpoint_id:
            self._checkpoint_ids.add(checkpoint_id)
        return is_repeated


def _is_at(holder: tuple[Namespace, str], place: tuple[Namespace, str]) -> bool:
    """Return whether a state is a channel of a graph, or inside that graph."""
    namespace, _ = place
    return holder == place or (holder[0] != namespace and holder[0][: len(namespace)] == namespace)


def _content_key(message: object) -> Hashable:
    fields = fields_of(message)
    return fields.get("type"), fields.get("name"), Content.of(fields)
