"""A LangGraph graph's own ``stream`` / ``astream``: every mode, alone or in a list.

    graph.stream(inputs, stream_mode=["updates", "messages"], subgraphs=True)

    (("sub:8f2…",), "messages", (AIMessageChunk(content="Hel", …), {…}))
    ((), "updates", {"agent": {"messages": [AIMessage(…)]}})

    graph.stream(inputs, stream_mode=["updates", "custom"])

    ("custom", {"progress": 0.5})

    graph.stream(inputs, stream_mode="updates", version="v2")

    {"type": "updates", "ns": (), "data": {"agent": {…}}}

Each of these items has its mode in it. The items of a *single* mode without ``version="v2"`` are
the payload alone. Only those of ``messages`` prove their mode; else the caller passes ``mode=``.
"""

from __future__ import annotations

from typing import Any, TypeAlias, cast

from .._core.kinds import kind_of
from .._fields import dict_or_empty, shown
from ..errors import MalformedItem
from ..events import Event
from ._reader import Reader
from .messages import MessagePairs, is_message_pair
from .stream_modes import MODES, ModePayloads

_Labelled: TypeAlias = tuple[tuple[str, ...], str, Any]
"""A namespace, a mode and its payload."""


def is_graph_item(raw: object) -> bool:
    """Return whether ``raw`` has its mode in it, or is a ``messages`` pair."""
    return is_message_pair(_inner(raw)) or _label(raw) is not None


def why_not_of_mode(mode: str, raw: object) -> str | None:
    """Return why an item is none that this single stream mode yields, or None if it may be one.

    LangGraph refuses a node with the name of a channel, so a list of messages under "messages" is
    a state, and below a node's name it is that node's update.
    """
    payload = _inner(raw)
    is_pair = is_message_pair(payload)
    reasons = {
        "has a label, as a list of modes yields it; leave mode= out": _label(raw) is not None,
        "is no (message, metadata) pair": mode == "messages" and issubclass(type(payload), dict),
        "is a (message, metadata) pair; leave mode= out": mode != "messages" and is_pair,
        "is a whole state; write mode='values'": mode == "updates" and _has_messages(payload),
        "is a node's update; write mode='updates'": mode == "values" and _is_update(payload),
    }
    may_be_anything = mode == "custom"
    return None if may_be_anything else next((it for it, holds in reasons.items() if holds), None)


def _has_messages(state: object) -> bool:
    messages = dict_or_empty(state).get("messages")
    return isinstance(messages, list) and any(map(kind_of, cast("list[object]", messages)))


def _is_update(payload: object) -> bool:
    fields = dict_or_empty(payload)
    return len(fields) == 1 and _has_messages(next(iter(fields.values())))


def _label(raw: Any) -> _Labelled | None:
    """Read an item's own label, where it has one."""
    match raw:  # a pattern `str(mode)` means the same, and takes seven times as long
        case (mode, payload) if mode.__class__ is str and mode in MODES:
            return (), mode, payload
        case (path, mode, payload) if mode.__class__ is str and mode in MODES and _is_path(path):
            return path, mode, payload
        case {"type": mode, "ns": path, "data": payload} if mode in MODES:
            return tuple(path), mode, payload  # a `StreamPart` of langgraph 1.1 (version="v2")
        case _:
            return None


def _is_path(value: Any) -> bool:
    return value.__class__ is tuple and all(part.__class__ is str for part in value)


def _inner(raw: Any) -> object:
    """Return the payload of a single mode's ``(namespace, payload)``, or ``raw`` if it is none."""
    match raw:  # `subgraphs=True` puts the namespace before the payload
        case (namespace, payload) if _is_path(namespace):
            return payload
        case _:
            return raw


class GraphReader(Reader):
    """The reader of a graph's stream: labelled items, or the one mode that the caller named.

    ``resume`` is what a run goes on with that streams ``messages`` beside ``updates``, if known.
    """

    def __init__(
        self,
        *,
        mode: str | None = None,
        subgraphs: bool | None = None,
        resume: object = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._mode = mode
        self._subgraphs = subgraphs
        self._pairs = MessagePairs(self.assembly)
        # Proof of what a pair is: its metadata is that of an open message.
        self._by_metadata = self.assembly.messages.by_metadata if mode in {None, "messages"} else {}
        self._modes = ModePayloads(self.assembly, self._pairs.read, resume=resume)

    def delta_of(self, raw: Any) -> Event | None:
        """Return the delta of a chunk that only continues its message."""
        try:
            if len(raw) == 2:  # noqa: PLR2004  (a message or a label, and what belongs to it)
                first, second = raw
            elif raw.__class__ is tuple:
                _, first, second = raw
            else:
                first, second = raw["type"], raw["data"]
            if second.__class__ is tuple and first != "custom":
                first, second = second
            return self._by_metadata[id(second)].delta_of(first, self._clock)
        except Exception:  # noqa: BLE001  (no such item, or a hostile one: `read` decides)
            return None

    def read(self, raw: Any) -> None:
        """Read one item into the assembly."""
        if is_message_pair(raw) and self._mode in {None, "messages"}:
            self._pairs.add(raw[0], raw[1])
            return
        namespace, mode, payload = self._labelled(raw)
        if mode == "messages":  # most of a stream; the run starts with the pair's thread
            self._pairs.read(payload)
            return
        self.assembly.start_run()
        if mode == "values" and raw.__class__ is dict and self._mode is None:
            beside = dict_or_empty(raw).get("interrupts") or ()
            self._modes.values(namespace, payload, beside)
        else:
            self._modes.read(mode, namespace, payload)

    def _labelled(self, raw: object) -> _Labelled:
        if self._mode:
            return self._of_named_mode(self._mode, raw)
        label = _label(raw)
        if label is None and is_message_pair(_inner(raw)):
            namespace, pair = cast("tuple[tuple[str, ...], object]", raw)
            return namespace, "messages", pair
        if label is None:
            raise MalformedItem(f"no graph's stream mode yields {shown(raw, 200)}", raw)
        return label

    def _of_named_mode(self, mode: str, raw: object) -> _Labelled:
        """Return an item of the mode that the caller named, with that mode as its label."""
        is_wrapped = self._subgraphs
        if is_wrapped is None:
            is_wrapped = mode != "custom" and _inner(raw) is not raw
        if is_wrapped:
            if _inner(raw) is raw:
                raise MalformedItem(f"expected (namespace, payload), got {shown(raw, 200)}", raw)
            namespace, payload = cast("tuple[tuple[str, ...], object]", raw)
            return namespace, mode, payload
        return (), mode, raw
