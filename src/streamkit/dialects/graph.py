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

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from .._assembly import error_info
from .._origin import origin_in
from .._payload import dict_or_empty, messages_in
from ..errors import MalformedItem
from ..events import Checkpoint, Custom, StateSnapshot
from ..values import ErrorInfo, Origin, Status
from ._interrupts import show_interrupts
from ._reader import Reader
from .messages import MessagePairs, is_message_pair

__all__ = ["MODES", "GraphReader", "is_graph_item"]

MODES = ("values", "updates", "messages", "custom", "tasks", "checkpoints", "debug", "tools")

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
    match raw:
        case (str(mode), payload) if mode in MODES:
            return _Labelled((), mode, payload)
        case (tuple() as path, str(mode), payload) if mode in MODES and _is_path(path):
            return _Labelled(path, mode, payload)
        case _:
            return None


def _part_label(part: dict[str, Any]) -> _Labelled | None:
    if not part.keys() >= _PART_KEYS or part["type"] not in MODES:
        return None
    return _Labelled(tuple(part["ns"]), part["type"], part["data"])


def _is_path(value: object) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(part, str) for part in cast("tuple[object, ...]", value)
    )


def _inner(raw: object) -> object:
    """Give the payload of a single mode's ``(namespace, payload)``, or ``raw`` if it is none."""
    match raw:
        case (tuple() as path, payload) if _is_path(path):
            return payload
        case _:
            return raw


class GraphReader(Reader):
    """Reads what a graph streams: labelled items, or the one mode that the caller named."""

    def __init__(
        self, *, mode: str | None = None, subgraphs: bool | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self._mode = mode
        self._subgraphs = subgraphs
        self._pairs = MessagePairs(self.assembly)
        self._read_by_mode: dict[str, Callable[[tuple[str, ...], Any], None]] = {
            "values": self._values,
            "updates": self._updates,
            "messages": self._messages,
            "custom": self._custom,
            "tasks": self._tasks,
            "checkpoints": self._checkpoints,
            "debug": self._debug,
            "tools": self._tools,
        }

    def read(self, raw: object) -> None:
        """Tell the assembly what one item means."""
        if is_message_pair(raw) and self._mode in {None, "messages"}:
            self._pairs.read(raw)
            return
        namespace, mode, payload = self._labelled(raw)
        self.assembly.start_run()
        self._read_by_mode[mode](namespace, payload)
        if raw.__class__ is dict:
            interrupts = dict_or_empty(raw).get("interrupts")
            if interrupts and mode == "values" and self._mode is None:
                show_interrupts(self.assembly, Origin(namespace=namespace), interrupts)

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

    # --- the modes

    def _messages(self, _namespace: tuple[str, ...], payload: object) -> None:
        self._pairs.read(payload)

    def _custom(self, namespace: tuple[str, ...], payload: object) -> None:
        self.assembly.show(Custom, Origin(namespace=namespace), data=payload)

    def _values(self, namespace: tuple[str, ...], payload: object) -> None:
        origin = Origin(namespace=namespace)
        state = dict_or_empty(payload)
        if "__interrupt__" in state:
            show_interrupts(self.assembly, origin, state["__interrupt__"])
            payload = {key: value for key, value in state.items() if key != "__interrupt__"}
        if not namespace:
            self.assembly.output = payload
        self.assembly.show(StateSnapshot, origin, values=payload)

    def _updates(self, namespace: tuple[str, ...], payload: object) -> None:
        if not isinstance(payload, dict):
            raise MalformedItem(f"expected an update by node, got {payload!r:.200}", payload)
        for node, values in dict_or_empty(payload).items():
            if node == "__interrupt__":
                show_interrupts(self.assembly, Origin(namespace=namespace), values)
            else:
                self._update(Origin(namespace=namespace, node=node), node, values)

    def _update(self, origin: Origin, node: str, values: object) -> None:
        """Show a node's update. Messages up to the last known one are history.

        A subgraph that shares its messages returns the whole conversation, earlier turns too.
        """
        messages = list(messages_in(values))
        for message in messages:
            self._pairs.settle(message)
        known = [number for number, it in enumerate(messages) if self.assembly.ledger.knows(it)]
        if known:
            self.assembly.ledger.mark_seen(messages[: known[-1] + 1])
        self.assembly.state_update(origin, node, values)

    def _tasks(self, namespace: tuple[str, ...], payload: Mapping[str, Any]) -> None:
        origin = origin_in(namespace, task_id=payload["id"], node=payload["name"])
        if "result" in payload or "error" in payload:
            self._task_end(origin, payload)
        elif not self.assembly.is_open(payload["id"]):
            self.assembly.ledger.mark_seen(messages_in(payload["input"]))
            self.assembly.start_step(payload["id"], "node", origin, payload["input"])

    def _task_end(self, origin: Origin, payload: Mapping[str, Any]) -> None:
        error, interrupts = payload.get("error"), payload.get("interrupts") or ()
        if interrupts:
            show_interrupts(self.assembly, origin, interrupts)
        self._pairs.end_task(payload["id"])
        status: Status = "failed" if error else "interrupted" if interrupts else "completed"
        info = _error(error) if error else None
        self.assembly.end_step(payload["id"], payload.get("result"), status, info)

    def _checkpoints(self, namespace: tuple[str, ...], payload: Mapping[str, Any]) -> None:
        id = dict_or_empty(dict_or_empty(payload["config"]).get("configurable")).get(
            "checkpoint_id"
        )
        if self.assembly.ledger.is_repeated_checkpoint(id):
            return  # debug mode repeats what checkpoints mode says
        names = ("config", "parent_config", "values", "metadata")
        fields = {name: payload.get(name) for name in names}
        following = tuple(payload.get("next") or ())
        self.assembly.show(Checkpoint, Origin(namespace=namespace), next=following, **fields)

    def _debug(self, namespace: tuple[str, ...], payload: Mapping[str, Any]) -> None:
        modes = {"task": "tasks", "task_result": "tasks", "checkpoint": "checkpoints"}
        self._read_by_mode[modes[payload["type"]]](namespace, payload["payload"])

    def _tools(self, namespace: tuple[str, ...], payload: Mapping[str, Any]) -> None:
        id, key = payload["tool_call_id"], ("tool", payload["tool_call_id"])
        match payload["event"]:
            case "tool-started":
                origin = origin_in(namespace)
                name, given = payload["tool_name"], payload.get("input")
                self.assembly.start_tool(key, origin, id, name, given)
            case "tool-output-delta":
                self.assembly.tool_delta(key, payload.get("delta"))
            case "tool-finished":
                self.assembly.end_tool(key, payload.get("output"))
            case "tool-error":
                self.assembly.fail_tool(key, _error(payload.get("message")))
            case event:
                raise MalformedItem(f"no event of tools mode is named {event!r}", payload)


def _error(error: object) -> ErrorInfo:
    """Give what went wrong: the exception itself locally, its name and text from a server."""
    if isinstance(error, BaseException):
        return error_info(error)
    fields = dict_or_empty(error)
    if fields:
        return ErrorInfo(name=str(fields.get("error")), message=str(fields.get("message")))
    return ErrorInfo(name="ToolError", message=str(error))
