"""The stream of an Agent Server: the parts of ``langgraph_sdk``, or of its SSE decoded by hand.

    client.runs.stream(thread_id, "agent", input=inputs, stream_mode=[…], stream_subgraphs=True)

    StreamPart(event="metadata", data={"run_id": "1ef4…", "attempt": 1}, id=None)
    StreamPart(event="messages|sub:8f2…", data=[{"type": "AIMessageChunk", …}, {…}], id=None)
    StreamPart(event="error", data={"error": "ValueError", "message": "boom"}, id=None)

    client.runs.stream(…, version="v2")

    {"type": "updates", "ns": ["sub:8f2…"], "data": {"agent": {…}}, "interrupts": []}

    fetch("/threads/…/runs/stream")                                # any SSE client

    {"event": "values", "data": {"messages": […]}, "id": "1795390822800-0"}

The differences from the same run in this process, and how they are handled:

- Messages are JSON; see `streamkit._core.json_message`.
- ``messages`` mode sends whole messages as they grow; see `streamkit.dialects._partials`.
- Next to ``events``, what only repeats them is passed over: models, tools and nodes are read from
  events; state, checkpoints, interrupts and the stream writer's data from their modes.
- An error is an item and is not raised. It ends the run, and is raised here as `RunFailed`.

What a ``RemoteGraph`` yields has a graph's own shapes, so `GraphReader` reads it; only for a list
of modes without ``subgraphs=True`` it yields parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from .._core.kinds import message_in
from .._fields import dict_or_empty
from .._protocols import RunOver
from ..errors import MalformedItem, RunFailed
from ..events import Event
from ..values import ErrorInfo, Namespace, Origin, Status
from ._partials import PartialMessages
from ._reader import Reader
from ._run_record import Run
from ._sse_events import from_json, sse_event_in
from .astream_events import EventsReader
from .stream_modes import MODES, ModePayloads

# langgraph-api 0.16 sends no `end`; earlier servers do.
_OWN = ("metadata", "error", "end", "feedback", "events")
_GROWING = ("messages/metadata", "messages/partial", "messages/complete")
_EVENTS = frozenset({*MODES, *_OWN, *_GROWING})


class _Part(NamedTuple):
    event: str
    namespace: Namespace
    data: Any
    interrupts: Sequence[object] = ()


def is_remote(raw: object) -> bool:
    """Return whether ``raw`` is a part that the SDK makes, or the same from another SSE client."""
    part, event = dict_or_empty(raw), sse_event_in(raw)
    is_v2 = part.keys() >= {"type", "ns", "data"} and isinstance(part["ns"], list)
    if event or is_v2:
        name: object = event.name if event else part["type"]
        return isinstance(name, str) and name.partition("|")[0] in _EVENTS
    return getattr(raw, "_fields", ())[:2] == ("event", "data")


def _part_in(raw: Any) -> _Part:
    fields = dict_or_empty(raw)
    if "ns" in fields:  # langgraph_sdk with version="v2", which has interrupts on every part
        beside = fields.get("interrupts") or ()
        return _Part(fields["type"], tuple(fields["ns"]), fields["data"], beside)
    name, data = (fields["event"], fields["data"]) if fields else (raw.event, raw.data)
    event, *namespace = str(name).split("|")
    return _Part(event, tuple(namespace), data)


class _ServerEvents(EventsReader):
    """The reader of the ``events`` parts: the events of ``astream_events`` version 2, as JSON."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._is_late = False

    def read(self, raw: object) -> None:
        """Read one event into the assembly."""
        event = cast("dict[str, Any]", raw)
        data = {name: message_in(it) or it for name, it in event["data"].items()}
        super().read(event if event["event"] == "on_custom_event" else {**event, "data": data})

    def read_updates(self, namespace: Namespace, payload: object) -> None:
        """Read the chunks of the graph itself, which langgraph-api leaves out of the events."""
        root = self._runs.get(self._root or "")
        if self._is_late and not root:
            root = Run(Origin(run_id=self._root), "graph")
        if root:
            self._graph_chunk(root, (namespace, "updates", payload))

    def _begin(self, event: dict[str, Any]) -> None:
        # `client.runs.join_stream` begins in the middle of a run.
        self._is_late = not event["event"].endswith("_start") or bool(event.get("parent_ids"))
        super()._begin(event)

    def _known(self, event: dict[str, Any], *kinds: str) -> Run:
        if self._is_late and event["run_id"] not in self._runs:
            what = event["event"].rpartition("_")[0]  # the rest of an event is as its start was
            self._run_start({**event, "event": f"{what}_start"})
        return super()._known(event, *kinds)


class RemoteReader(Reader):
    """The reader of a run on an Agent Server."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._options = options
        self._messages = PartialMessages(self.assembly)
        self._modes = ModePayloads(self.assembly, self._messages.read)
        self._events: _ServerEvents | None = None
        self._is_text = False
        self._table: dict[str, Callable[[_Part], None]] = {
            "metadata": self._metadata,
            "error": self._error,
            "end": self._nothing,
            "feedback": self._nothing,
            "events": self._event,
            "values": self._values,
            "updates": self._updates,
            "debug": self._debug,
            "tasks": self._unless_events,
            "messages": self._unless_events,
            "messages/metadata": lambda part: self._messages.read_metadata(part.data),
            "messages/partial": lambda part: self._messages.read_partial(part.data),
            "messages/complete": lambda part: self._messages.read_complete(part.data),
        }

    def read(self, raw: object) -> None:
        """Read one part into the assembly."""
        part = _part_in(raw)
        if part.event not in _EVENTS:
            raise MalformedItem(f"no part of a server's stream is named {part.event!r}", raw)
        if isinstance(part.data, str):
            part = self._decoded(part)
        if part.event != "metadata":
            self.assembly.start_run()
        if self._events and part.event in _GROWING:
            return
        self._table.get(part.event, self._mode)(part)

    def final_status(self) -> Status:
        """Return how the run ended: incomplete, if a message or a task is cut off."""
        if self._events:
            return self._events.final_status()
        status = super().final_status()
        # Of a run that was cancelled, langgraph-api 0.16 ends the stream without any part.
        is_cut = self.assembly.has_open_brackets or any(
            it.marks_its_end and not it.is_complete for it in self.assembly.messages
        )
        return "incomplete" if is_cut and status == "completed" else status

    def fail(self, error: BaseException) -> Sequence[Event]:
        """Return the closing events; an error of the server keeps its name and text."""
        if not isinstance(error, RunFailed):
            return super().fail(error)
        self._begin_to_close()
        info = ErrorInfo(name=error.name, message=error.message, exception=error)
        self.assembly.end_run("failed", info)
        return self.assembly.take()

    def _decoded(self, part: _Part) -> _Part:
        """Return a part whose data is the text that was sent, where no client has decoded it."""
        data = from_json(part.data)
        # The SDK decodes it: its only texts are an application's own.
        self._is_text |= part.event != "custom" and isinstance(data, (dict, list))
        return part._replace(data=data) if self._is_text else part

    # --- the server's own

    def _metadata(self, part: _Part) -> None:
        run_id = dict_or_empty(part.data).get("run_id")
        self.assembly.start_run(Origin(run_id=run_id), run_id=run_id)

    def _error(self, part: _Part) -> None:
        # A server sends an error as an item; nothing raises in this process.
        error = dict_or_empty(part.data)
        name, message = error.get("error") or "Error", error.get("message")
        raise RunOver(RunFailed(str(name), str(message or part.data)))

    def _nothing(self, _part: _Part) -> None:
        """Pass over a part that holds nothing of the run, or no more than the source's end."""

    def _event(self, part: _Part) -> None:
        if self._events is None:
            self._events = _ServerEvents(assembly=self.assembly, **self._options)
        self._events.read(part.data)

    # --- the graph's modes

    def _mode(self, part: _Part) -> None:
        self._modes.read(part.event, part.namespace, part.data)

    def _unless_events(self, part: _Part) -> None:
        if self._events is None:
            self._mode(part)

    def _values(self, part: _Part) -> None:
        self._modes.values(part.namespace, part.data, part.interrupts)

    def _updates(self, part: _Part) -> None:
        if self._events:
            self._events.read_updates(part.namespace, part.data)
        else:
            self._mode(part)

    def _debug(self, part: _Part) -> None:
        if self._events is None or part.data["type"] == "checkpoint":
            self._mode(part)
