"""The writes of a node to its graph's state: messages, their channels, and removals.

{"messages": [RemoveMessage(id="m1"), AIMessage(…)]}          # an update
{"messages": Overwrite([AIMessage(…)])}                        # langgraph 1.0 and later
[Command(update={"messages": […]}), {"messages": […]}]         # what a ToolNode returns
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

from .._fields import REMOVE_ALL, Fields, dict_or_empty, items_of
from .kinds import id_of, is_removal, message_in, spelled_message

MESSAGES = "messages"
"""The channel of messages in LangGraph's own states, which `add_messages` fills."""


class ChannelWrite(NamedTuple):
    """A write to one channel of a state."""

    channel: str
    messages: list[Any]
    """The messages, in order."""
    removed: list[str]
    """The ids of messages that are removed."""
    is_whole: bool
    """Whether the channel holds nothing but these messages afterwards."""
    spelled: tuple[Any, ...] = ()
    """Those of the messages that were a dict, a pair or a text."""

    @property
    def spelled_without_id(self) -> list[Any]:
        """Those that the state gives an id, and not in place."""
        return [message for message in self.spelled if not message.id]


def written_in(output: object) -> Any:
    """Return what an output writes to the state: the update of a ``Command``, or the output itself.

    A server sends a ``Command`` as a dict of its fields. Of an ``entrypoint.final`` it is the
    value that the workflow returns, not the one that it saves for its next run.
    """
    if _is_langgraph(output, "Command"):
        return cast("Any", output).update
    if _is_langgraph(output, "final", "langgraph.func"):
        return cast("Any", output).value
    fields = dict_or_empty(output)
    return fields["update"] if fields.keys() == _COMMAND else output


def sent_in(output: object) -> list[Any]:
    """Return what a ``Command`` sends to nodes: langgraph-supervisor's parallel handoffs do."""
    goto = cast("Any", output).goto if _is_langgraph(output, "Command") else ()
    return [it.arg for it in items_of(goto) or [goto] if _is_langgraph(it, "Send")]


_COMMAND = frozenset({"graph", "update", "resume", "goto"})
# An Overwrite as JSON: langgraph's `channels/binop.py` (1.2) accepts {"__overwrite__": value},
# and the dataclass's own fields.
_OVERWRITE = "__overwrite__"


def _is_langgraph(value: object, name: str, module: str = "langgraph.types") -> bool:
    # By name, because an application may read a server's stream without having langgraph.
    cls = type(value)
    return cls.__name__ == name and cls.__module__ == module


def messages_in(values: object) -> list[Any]:
    """Return the messages that a node's output holds, in order, whatever shape the output has."""
    return [message for write in channel_writes(values) for message in write.messages]


def channel_writes(values: object) -> list[ChannelWrite]:
    """Return what a node's output, or a state, holds for each channel that may have messages.

    What raises when it is read, as a state's own property may, writes nothing.
    """
    try:
        # A ToolNode (langgraph 1.2) returns a list where one of its tools returns a Command.
        values = written_in(values)
        if _is_sequence(values):
            return list(_list_writes(items_of(values)))
        if message_in(values):
            return [_write("", [values])]
        return [
            _channel(name, value)
            for name, value in _channels(values).items()
            if type(value) not in _SCALARS or name == MESSAGES
        ]
    except Exception:  # noqa: BLE001  (a foreign object may raise anything)
        return []


def channels_in(values: object) -> set[str]:
    """Return the names of the channels that a node's output, or a state, has values for."""
    try:
        values = written_in(values)
        if _is_sequence(values) or message_in(values):
            return {write.channel for write in channel_writes(values)}
        return set(_channels(values))
    except Exception:  # noqa: BLE001
        return set()


def _list_writes(items: Iterable[object]) -> Iterator[ChannelWrite]:
    """Yield what a list writes: a list of messages, or of updates and Commands."""
    own: list[object] = []
    for item in items:
        if message_in(item):
            own.append(item)
        elif type(item) in {dict, list} or _is_langgraph(item, "Command"):
            yield from channel_writes(item)
    if own:
        yield _write("", own)


def _channels(state: object) -> Fields:
    """Return a state by its channels: it may be a dict, a dataclass or a pydantic model."""
    cls: Any = type(state)
    names: Any = getattr(cls, "__dataclass_fields__", None) or getattr(cls, "model_fields", ())
    return {name: getattr(state, name, None) for name in names} or dict_or_empty(state)


_SCALARS = frozenset({bool, int, float, str, type(None)})
"""The types of most values of a large state: they are no messages but in the channel of these."""


def _channel(name: str, value: object) -> ChannelWrite:
    is_whole = False
    if _is_langgraph(value, "Overwrite"):
        value, is_whole = cast("Any", value).value, True
    elif (fields := dict_or_empty(value)).keys() == {_OVERWRITE}:
        value, is_whole = fields[_OVERWRITE], True
    elif fields.get("type") == _OVERWRITE and "value" in fields:
        value, is_whole = fields["value"], True
    items: list[object] = [value]
    if _is_sequence(value) and not (name == MESSAGES and _is_pair(value)):
        items = items_of(value)
    return _write(name, items, is_whole=is_whole)


def _is_sequence(value: object) -> bool:
    return issubclass(type(value), (list, tuple))


def _is_pair(value: object) -> bool:
    """Return whether a value is one message as ``(role, text)``, which ``add_messages`` reads."""
    return isinstance(value, tuple) and spelled_message(cast("Any", value)) is not None


def _write(channel: str, items: Iterable[object], *, is_whole: bool = False) -> ChannelWrite:
    """Return what a list of messages does to a channel, read as ``add_messages`` reads it."""
    messages: list[Any] = []
    removed: dict[str, None] = {}
    spelled: list[Any] = []
    for item in items:
        message = message_in(item)
        if message is None and channel == MESSAGES:
            message = spelled_message(item)
            if message is not None:
                spelled.append(message)
        if message is None:
            continue
        id = id_of(message)
        if not is_removal(message):
            messages.append(message)
            removed.pop(id or "", None)
        elif id == REMOVE_ALL:
            messages, removed, is_whole = [], {}, True
        elif id:
            removed[id] = None
    return ChannelWrite(channel, messages, list(removed), is_whole, tuple(spelled))
