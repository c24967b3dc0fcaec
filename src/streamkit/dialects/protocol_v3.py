"""Version 3: run streams, chat-model streams, and the protocol events of either.

    graph.stream_events(inputs, version="v3")                      # async: await it first

    {"type": "event", "method": "messages", "seq": 7, "params": {"namespace": ["sub:8f2…"],
     "timestamp": 1790000000000, "data": ({"event": "content-block-delta", "index": 0,
     "delta": {"type": "text-delta", "text": "Hel"}}, {"run_id": "019a…", "langgraph_node": …})}}
    {"type": "event", "method": "lifecycle", …, "params": {…, "data": {"event": "started",
     "namespace": ["sub:8f2…"], "graph_name": "sub", "trigger_call_id": "8f2…"}}}

    model.stream_events("hi", version="v3")                        # async: await it first

    {"event": "content-block-delta", "index": 0, "delta": {"type": "text-delta", "text": "Hel"}}

What upstream leaves out, and how it is replaced:

- Nothing brackets a node, and only a subgraph has a lifecycle: it becomes a step of kind
  ``graph``, under the id of the task it runs in, unless that task has a bracket already.
- Tools' results are in no ``messages`` event. They come from ``tools`` where that is requested,
  else from the first state that holds them.
- A stream that a server sends never ends. The last event of the outermost lifecycle ends the run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard, cast

from .._core.origin import task_ids
from .._fields import Fields, dict_or_empty, shown
from .._protocols import RunOver
from ..errors import MalformedItem, SourceError
from ..events import Custom, Event
from ..values import Namespace, Origin, Status
from ._protocol import ProtocolMessages, is_protocol_event
from ._reader import Reader
from ._sse_events import from_json, sse_event_in
from .stream_modes import MODES, ModePayloads, error_of

_ENVELOPE = frozenset({"type", "method", "params"})
_ENDINGS: dict[str, Status] = {
    "completed": "completed",
    "failed": "failed",
    "interrupted": "interrupted",
    "drained": "interrupted",  # langgraph-api 0.18: stopped between two steps, to be resumed
}


def is_v3(raw: object) -> bool:
    """Return whether ``raw`` is a protocol event, in its envelope or bare."""
    return _is_enveloped(_unwrapped(raw)) or is_protocol_event(raw)


def _unwrapped(raw: object) -> object:
    """Return the envelope that stands in the data of an event which an SSE client decoded."""
    event = sse_event_in(raw)
    if event is None:
        return raw
    return from_json(event.data) if isinstance(event.data, str) else event.data


def _is_enveloped(raw: object) -> TypeGuard[dict[str, Any]]:
    if not isinstance(raw, dict):
        return False
    envelope = cast("dict[str, Any]", raw)
    return envelope.keys() >= _ENVELOPE and envelope["type"] == "event"


class V3Reader(Reader):
    """The reader of v3 events. ``scope`` is the path of the outermost graph that they are about."""

    def __init__(self, *, scope: Namespace = (), **options: Any) -> None:
        super().__init__(**options)
        self._scope = tuple(scope)
        self._messages = ProtocolMessages(self.assembly)
        self._modes = ModePayloads(self.assembly, self._messages.read, root=self._scope)
        self._graphs: list[Namespace] = []
        self._must_say_end = False
        self._methods: dict[str, Callable[[Namespace, Any], None]] = {
            "messages": lambda namespace, data: self._messages.read(data, namespace),
            "lifecycle": self._lifecycle,
            "input.requested": self._input_requested,
            "input.answered": self._input_answered,
        }

    def delta_of(self, raw: Any) -> Event | None:
        """Return the delta of an event that only continues a text."""
        try:
            params = raw["params"]
            if raw["method"] != "messages" or not params["timestamp"]:
                return None
            self.assembly.now = params["timestamp"] / 1000
            return self._messages.delta_of(params["data"])
        except Exception:  # noqa: BLE001  (garbage, or no envelope: `read` decides)
            return None

    def read(self, raw: object) -> None:
        """Read one protocol event into the assembly."""
        item = dict_or_empty(_unwrapped(raw))
        if "params" in item and item["type"] == "event":
            method, params = item["method"], item["params"]
            milliseconds = params.get("timestamp")
            if milliseconds:  # the time of the event itself, on its server
                self.assembly.now = milliseconds / 1000
            # langgraph-api (0.16) gives its events an id, and wraps two of the payloads.
            if "event_id" in item and method in _WRAPPED:
                method, params = _WRAPPED[method](params)
            self._read_method(method, params)
        elif "event" in item:
            self.assembly.start_run()
            self._must_say_end = True
            self._messages.read(item)
        else:
            raise MalformedItem(f"expected a protocol event, got {shown(raw, 200)}", raw)

    def final_status(self) -> Status:
        """Return how the run ended: incomplete, if something is open when the source ends."""
        status = super().final_status()
        is_cut = self.assembly.has_open_brackets or (
            self._must_say_end and len(self.assembly.messages) > 0
        )
        return "incomplete" if is_cut and status == "completed" else status

    def _read_method(self, method: str, params: Fields) -> None:
        self.assembly.start_run()
        namespace, data = tuple(params.get("namespace") or ()), params["data"]
        if method == "values":
            self._modes.values(namespace, data, params.get("interrupts") or ())
        elif method in self._methods:
            self._methods[method](namespace, data)
        elif method in MODES:
            self._modes.read(method, namespace, data)
        elif method.startswith("custom:"):
            name = method.removeprefix("custom:")
            origin = self.assembly.scopes.origin(namespace)
            self.assembly.show(Custom, origin, name=name, data=data)
        else:
            raise MalformedItem(f"no v3 method is named {method!r}", method)

    def _input_requested(self, namespace: Namespace, data: Fields) -> None:
        origin = self.assembly.scopes.origin(namespace)
        self.assembly.interrupt(origin, data["interrupt_id"], data.get("payload"))

    def _input_answered(self, _namespace: Namespace, _data: Fields) -> None:
        """Pass over an answer: the event holds only the id of its interrupt."""

    # --- starts and ends of graphs

    def _lifecycle(self, namespace: Namespace, data: Fields) -> None:
        path, event = tuple(data.get("namespace") or namespace), data["event"]
        if event in {"started", "running"}:
            self._begin(path, data)
        elif event not in _ENDINGS:
            raise MalformedItem(f"no lifecycle event is named {event!r}", data)
        elif path == self._scope:
            self._end_run(_ENDINGS[event], data)
        else:
            self._end_graph(path, _ENDINGS[event], data)

    def _begin(self, path: Namespace, data: Fields) -> None:
        if path == self._scope:
            self._must_say_end = True
            return
        task_id = _task_id(path)
        graph, cause = data.get("graph_name"), dict_or_empty(data.get("cause"))
        self.assembly.scopes.open(path, graph=graph, tool_call_id=cause.get("tool_call_id"))
        if self.assembly.is_open(task_id):
            return  # its node has a bracket already
        scope = self.assembly.scopes.around(path)
        origin = Origin(
            run_id=task_id,
            parent_ids=task_ids(path[:-1]),
            name=data.get("graph_name"),
            node=path[-1].partition(":")[0],
            namespace=path[:-1],
            agent=scope.agent,
            tool_call_id=scope.tool_call_id,
        )
        self._graphs.append(path)
        self.assembly.start_step(task_id, "graph", origin, None)

    def _end_graph(self, path: Namespace, status: Status, data: Fields) -> None:
        """End a graph and the graphs in it, which a run that ends names in the wrong order."""
        failure = data.get("error")
        error = error_of(failure, "GraphError") if failure else None
        for inner in reversed(self._graphs.copy()):
            if inner[: len(path)] != path:
                continue
            self._graphs.remove(inner)
            self.assembly.scopes.close(_task_id(inner))
            if status != "completed":
                self.assembly.close_inside(_task_id(inner), status)
            self.assembly.end_step(_task_id(inner), None, status, error)
            error = None  # what is around the innermost only passes it on

    def _end_run(self, status: Status, data: Fields) -> None:
        """End the run as its lifecycle event reports: a server keeps the stream open after it."""
        if status == "failed":
            raise RunOver(SourceError(f"the run failed on its server: {data.get('error')}"))
        self.assembly.interrupted = self.assembly.interrupted or status == "interrupted"
        self._must_say_end = False
        raise RunOver(None)


# --- what a server wraps


def _unwrapped_custom(params: Fields) -> tuple[str, Fields]:
    """Read ``{"name", "payload"}`` of a named channel, and ``{"payload"}`` of a classic run."""
    data = dict_or_empty(params["data"])
    if data.keys() == {"name", "payload"}:
        return f"custom:{data['name']}", {**params, "data": data["payload"]}
    if data.keys() == {"payload"}:
        return "custom", {**params, "data": data["payload"]}
    return "custom", params


def _unwrapped_updates(params: Fields) -> tuple[str, Fields]:
    """Read an update whose node stands beside it: of a classic run, or of a graph in JavaScript."""
    data = dict_or_empty(params["data"])
    is_pair = data.keys() == {"node", "values"}
    node = params.get("node") or (data["node"] if is_pair else None)
    if node is None:
        return "updates", params
    return "updates", {**params, "data": {node: data["values"] if is_pair else params["data"]}}


_WRAPPED = {"custom": _unwrapped_custom, "updates": _unwrapped_updates}


def _task_id(path: Namespace) -> str:
    return path[-1].rpartition(":")[2]
