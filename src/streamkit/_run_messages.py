"""Which of a run's messages are its conversation: those that the outermost graph's state holds.

Laws of this file:

1. Where events have the state (updates, snapshots, the output), the conversation is the state's
   messages in the state's order, without the inputs and without those of earlier runs.
2. A message that the state does not hold is beside the conversation, once its node has ended.
3. Where no event has messages of the state, the conversation is what was emitted, less what was
   removed. A pause ends this: then a state without messages is known to have none.
4. To add costs the same however many messages there are. The state is put together when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct

from ._core.content import text_in
from ._core.json_message import JsonMessage
from ._core.kinds import call_id_of, fields_of, id_of, kind_of, made_call_ids
from ._core.writes import ChannelWrite, channel_writes, channels_in, messages_in
from ._fields import dict_or_empty, items_of, refusal_of, text_or_none
from .events import MessageRemoved, MessageReplaced

_CHANNEL = "messages"


class Conversation(NamedTuple):
    """The messages of a run."""

    main: list[Any]
    """The conversation."""
    side: list[Any]
    """The messages of models that are no part of it."""


class _Entry(Struct, eq=False):
    """A message that was emitted."""

    message: Any
    ids: set[str]
    at_state: int
    is_side: bool
    is_hidden: bool
    is_removed: bool = False
    is_retried: bool = False
    """Whether it is a tool's result, and the tool was tried again."""

    @property
    def is_gone(self) -> bool:
        return self.is_removed or self.is_retried


class RunMessages:
    """The messages of one run, and what its events have of the state."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._by_id: dict[str, _Entry] = {}
        self._nameless: list[_Entry] = []  # LangGraph gives their messages an id in place, later
        self._results: dict[str, _Entry] = {}  # of tools, by call
        self._earlier: list[list[Any]] = []  # messages of before this run
        self._states: list[tuple[str | None, Any]] = []  # the node that wrote, None for a state
        self._count = 0
        self._is_paused = False

    # --- what is emitted

    def add(
        self, message: Any, *ids: str | None, is_side: bool = False, is_hidden: bool = False
    ) -> None:
        """Add a message that was emitted, with the ids that it has had.

        One that ``is_side`` is no part of the conversation unless the state holds it; one that
        ``is_hidden`` is then no part of anything.
        """
        names = set(filter(None, (*ids, id_of(message))))
        entry = _Entry(message, names, self._count, is_side, is_hidden)
        self._entries.append(entry)
        self._by_id.update(dict.fromkeys(entry.ids, entry))
        if not names:
            self._nameless.append(entry)
        for call in made_call_ids(message):
            self._results.pop(call, None)  # an id that the model uses again
        call_id = call_id_of(message)
        if call_id:
            before = self._results.get(call_id)
            if before:
                before.is_retried = True
            self._results[call_id] = entry

    def replace(self, event: MessageReplaced, message: Any) -> bool:
        """Put another message, that of the event, in the place of one that was emitted, if any."""
        entry = self._changed_by(event)
        if entry:
            entry.message = message
            entry.ids.add(event.message_id)
            self._by_id[event.message_id] = entry
        return entry is not None

    def remove(self, event: MessageRemoved) -> None:
        """Take a message out of the conversation."""
        entry = self._changed_by(event)
        if entry:
            entry.is_removed = True

    def _changed_by(self, event: MessageReplaced | MessageRemoved) -> _Entry | None:
        id, call = event.message_id, event.tool_call_id or ""
        named = (it for it in self._nameless if id_of(it.message) == id)
        return self._by_id.get(id) or self._results.get(call) or next(named, None)

    # --- what events have of the state

    def add_input(self, values: object) -> None:
        """Add what the run was called with: its messages are not the run's own."""
        # Their list may be the state's own, which nodes add to where no reducer makes a new one.
        self._earlier.append(messages_in(values))

    def add_update(self, node: str, values: object) -> None:
        """Add what a node of the outermost graph wrote."""
        self._count += 1
        self._states.append((node, values))

    def add_state(self, values: object) -> None:
        """Add the whole state of the outermost graph."""
        self._count += 1
        if not self._entries:
            self._earlier = [*self._earlier[:1], messages_in(values)]
        self._states = [(None, values)]

    def add_output(self, values: object) -> None:
        """Add what the run returned, which is the state's if a graph returned it."""
        channels = channels_in(values)
        if not all(channels.isdisjoint(channels_in(state)) for _, state in self._states):
            self.add_state(values)

    def add_pause(self) -> None:
        """Add that a node waits: what shows a pause also shows what nodes write before it."""
        self._is_paused = True

    # --- the conversation

    def conversation(self, *, is_over: bool) -> Conversation:
        """Return the messages as far as they are known; ``is_over`` if all nodes have ended."""
        state = _messages_of_state(self._states)
        if not (state or self._is_paused):
            kept = [it for it in self._entries if not (it.is_side or it.is_gone)]
            return Conversation([it.message for it in kept], self._side(set(map(id, kept))))
        found = self._found_in(state)
        main = [
            _own(message, found[number].message)
            for number, message in enumerate(state)
            if number in found
        ]
        held = {id(entry) for entry in found.values()}
        for entry in self._entries:
            is_pending = entry.at_state == self._count and not (entry.is_side or entry.is_gone)
            if id(entry) not in held and is_pending and not is_over:
                held.add(id(entry))
                main.append(entry.message)
        return Conversation(main, self._side(held))

    def _side(self, held: set[int]) -> list[Any]:
        rest = (it for it in self._entries if id(it) not in held and not it.is_hidden)
        return [it.message for it in rest if kind_of(it.message) == "ai" and not it.is_gone]

    def _found_in(self, state: list[Any]) -> dict[int, _Entry]:
        """Return which entry each message of the state is, by its number there.

        By its id first. A node may have put a message into the state under another id: then what
        is looked for is the latest with that content, or a tool's latest result for that call, or
        of that tool where its call has no id, or the latest message that made the first of its
        calls: langgraph-supervisor (0.0.31) makes a message of each of a model's parallel handoffs.
        """
        found: dict[int, _Entry] = {}
        for number, message in enumerate(state):
            entry = self._by_id.get(id_of(message) or "")
            if entry:
                found[number] = entry
        earlier = {_key(it) for messages in self._earlier for it in messages}
        for keys_of, keys_in_state in _KEYS:
            taken = set(map(id, found.values()))
            rest: dict[Any, list[_Entry]] = {}
            for entry in self._entries:
                is_free = id(entry) not in taken and not entry.is_removed
                for key in keys_of(entry.message) if is_free else ():
                    rest.setdefault(key, []).append(entry)
            for number in range(len(state) - 1, -1, -1):
                if number in found or _key(state[number]) in earlier:
                    continue
                key = next(iter(keys_in_state(state[number])), None)
                if rest.get(key):
                    found[number] = rest[key].pop()
        return found


def words_of(message: Any) -> str:
    """Return the text of a model's message, or the words with which it refuses."""
    fields = fields_of(message)
    content: Any = fields.get("content")
    beside = text_or_none(dict_or_empty(fields.get("additional_kwargs")).get("refusal"))
    refusals = (*map(refusal_of, items_of(content)), beside)
    return text_in(content) or next(filter(None, refusals), "")


# --- the state


def _messages_of_state(states: Sequence[tuple[str | None, Any]]) -> list[Any]:
    """Return what the state's channel of messages holds after all that was written."""
    channels: dict[str, dict[Any, Any]] = {}
    writers: _Writers = {}
    for node, values in states:
        if node is None:
            channels.clear()
        for write in channel_writes(values):
            first = next(filter(None, map(call_id_of, write.messages)), None)
            added = _write(channels.setdefault(write.channel, {}), write)
            writers.update((key, (node, first)) for key in added)
    if _CHANNEL in channels:
        channels = {_CHANNEL: channels[_CHANNEL]}
    lists = [list(channel.values()) for channel in channels.values()]
    if not states or states[-1][0] is None:
        return [it for messages in lists for it in messages]
    return [it for messages in lists for it in _by_calls(messages, writers)]


_Writers: TypeAlias = dict[Any, tuple[str | None, str | None]]
"""By a message's key: the node that added it, and the first call that its update answers."""


def _by_calls(messages: list[Any], writers: _Writers) -> list[Any]:
    """Put updates of a node that answer calls into the order of these, as the state has them.

    Updates come as tasks end; LangGraph writes those of one superstep in the order of the tasks.
    Another node's, such as the refusals of a middleware, are of another superstep.
    """

    def answering_node(message: Any) -> str | None:
        node, first = writers[_key(message)]
        return node if first else None

    ranks: dict[Any, int] = {}
    ordered: list[Any] = []
    for node, group in groupby(messages, answering_node):
        members = list(group)
        if node:
            members.sort(key=lambda it: ranks.get(writers[_key(it)][1], len(ranks)))
        calls = [call for it in members for call in made_call_ids(it)]
        if calls or not node:
            ranks = {call: rank for rank, call in enumerate(calls)}
        ordered += members
    return ordered


def _write(channel: dict[Any, Any], write: ChannelWrite) -> list[Any]:
    """Write as ``add_messages`` does, and return the keys that it adds.

    A message with a known id takes that one's place.
    """
    if write.is_whole:
        channel.clear()
    for id in write.removed:
        channel.pop(id, None)
    added = [key for key in map(_key, write.messages) if key not in channel]
    for message in write.messages:
        channel[_key(message)] = message
    return added


def _key(message: Any) -> Any:
    return id_of(message) or ("object", id(message))


_Keys: TypeAlias = Sequence[Any]
"""The facts by which a message is known that has no id, or another one."""


def _contents(message: Any) -> _Keys:
    fields = fields_of(message)
    kind = "ai" if kind_of(message) in {"ai", "chunk"} else text_or_none(fields.get("type"))
    return [(kind, text_in(fields.get("content")), call_id_of(message) or made_call_ids(message))]


def _answered_calls(message: Any) -> _Keys:
    return [*filter(None, [call_id_of(message)])]


def _results(message: Any) -> _Keys:
    """Return the words of a tool's result: of equal call ids in one message ours differ."""
    content = text_in(fields_of(message).get("content"))
    return [(name, content) for name in _tool_names(message)]


def _tool_names(message: Any) -> _Keys:
    name = text_or_none(fields_of(message).get("name")) if kind_of(message) == "tool" else None
    return [name] if name else []


def _names_without_call(message: Any) -> _Keys:
    """Return the name of the tool whose call has no id in the state: events have one of ours."""
    return [] if call_id_of(message) else _tool_names(message)


def _made_calls(message: Any) -> _Keys:
    return [*filter(None, made_call_ids(message))]


_KEYS: tuple[tuple[Callable[[Any], _Keys], Callable[[Any], _Keys]], ...] = (
    (_contents, _contents),
    (_answered_calls, _answered_calls),
    (_results, _results),
    (_tool_names, _names_without_call),
    (_made_calls, _made_calls),
)
"""The facts by which an emitted message, and one of the state, are compared."""


def _own(stored: Any, emitted: Any) -> Any:
    """Return the message of the state; where that is JSON, the one emitted with its facts."""
    is_json = isinstance(stored, JsonMessage)
    if not is_json and kind_of(stored) != "chunk":
        return stored
    if isinstance(emitted, JsonMessage):
        return emitted
    fields = fields_of(stored)
    facts: dict[str, Any] = {name: text_or_none(fields.get(name)) for name in ("id", "name")}
    if text_or_none(fields.get("status")) == "error":
        facts["content"] = fields.get("content")
    return emitted.model_copy(update={name: it for name, it in facts.items() if it is not None})
