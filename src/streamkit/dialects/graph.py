"""A LangGraph graph's own ``stream`` / ``astream``: every mode, alone or in a list.

    graph.stream(inputs, stream_mode=["updates", "messages"], subgraphs=True)

    (("sub:8f2…",), "messages", (AIMessageChunk(content="Hel", …), {…}))
    ((), "updates", {"agent": {"messages": [AIMessage(…)]}})

    graph.stream(inputs, stream_mode=["updates", "custom"])

    ("custom", {"progress": 0.5})

    graph.stream(inputs, stream_mode="updates", version="v2")

    {"type": "updates", "ns": (), "data": {"agent": {…}}}

Each of these says what it is. What a *single* mode yields without ``version="v2"`` does not (it is
the payload alone), apart from ``messages``: there the caller says ``mode=``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from .._core.fields import dict_or_empty
from ..errors import MalformedItem
from ._modes import MODES, ModePayloads
from ._reader import Reader
from .messages import MessagePairs, is_message_pair

__all__ = ["GraphReader", "is_graph_item"]

_PART_KEYS = frozenset({"type", "ns", "data"})


class _Labelled(NamedTuple):
    namespace: tuple[str, ...]
    mode: str
    payload: Any


def is_graph_item(raw: object) -> bool:
    """Tell whether ``raw`` says its mode itself, or is a ``messages`` pair."""
    return is_message_pair(_inner(raw)) or _label(raw) is not None


def _label(raw: object) -> _Labelled | None:
    """Read an item's own label, where it has one."""
    if isinstance(raw, dict):
        return _part_label(cast("dict[str, Any]", raw))
    parts = _parts(raw)
    if len(parts) == 2 and _is_mode(parts[0]):  # noqa: PLR2004
        return _Labelled((), parts[0], parts[1])
    if len(parts) == 3 and _is_path(parts[0]) and _is_mode(parts[1]):  # noqa: PLR2004
        return _Labelled(parts[0], parts[1], parts[2])
    return None


def _part_label(part: dict[str, Any]) -> _Labelled | None:
    if not part.keys() >= _PART_KEYS or part["type"] not in MODES:
        return None
    return _Labelled(tuple(part["ns"]), part["type"], part["data"])


def _parts(raw: object) -> Sequence[Any]:
    return cast("Sequence[Any]", raw) if isinstance(raw, (tuple, list)) else ()


def _is_mode(value: object) -> bool:
    return isinstance(value, str) and value in MODES


def _is_path(value: object) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(part, str) for part in cast("tuple[object, ...]", value)
    )


def _inner(raw: object) -> object:
    """Give the payload of a single mode's ``(namespace, payload)``, or ``raw`` if it is none."""
    parts = _parts(raw)
    is_wrapped = len(parts) == 2 and _is_path(parts[0])  # noqa: PLR2004
    return parts[1] if is_wrapped else raw


class GraphReader(Reader):
    """Reads what a graph streams: labelled items, or the one mode that the caller named."""

    def __init__(
        self, *, mode: str | None = None, subgraphs: bool | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self._mode = mode
        self._subgraphs = subgraphs
        self._pairs = MessagePairs(self.assembly)
        self._modes = ModePayloads(self.assembly, self._pairs)

    def read(self, raw: object) -> None:
        """Tell the assembly what one item means."""
        if is_message_pair(raw) and self._mode in {None, "messages"}:
            self._pairs.add(*raw)
            return
        namespace, mode, payload = self._labelled(raw)
        self.assembly.start_run()
        if mode == "values" and raw.__class__ is dict and self._mode is None:
            beside = dict_or_empty(raw).get("interrupts") or ()
            self._modes.values(namespace, payload, beside)
        else:
            self._modes.read(mode, namespace, payload)

    def _labelled(self, raw: object) -> _Labelled:
        if self._mode:
            return self._by_callers_word(self._mode, raw)
        label = _label(raw)
        if label is None and is_message_pair(_inner(raw)):
            namespace, pair = cast("tuple[tuple[str, ...], object]", raw)
            return _Labelled(namespace, "messages", pair)
        if label is None:
            raise MalformedItem(f"no graph's stream mode yields {raw!r:.200}", raw)
        return label

    def _by_callers_word(self, mode: str, raw: object) -> _Labelled:
        """Read an item of the mode that the caller named; the payload itself says nothing."""
        is_wrapped = self._subgraphs
        if is_wrapped is None:
            is_wrapped = mode != "custom" and _inner(raw) is not raw
        if is_wrapped:
            if _inner(raw) is raw:
                raise MalformedItem(f"expected (namespace, payload), got {raw!r:.200}", raw)
            namespace, payload = cast("tuple[tuple[str, ...], object]", raw)
            return _Labelled(namespace, mode, payload)
        return _Labelled((), mode, raw)
