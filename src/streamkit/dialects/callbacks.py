"""The notes of our callback handler, and the items of the call that it was passed to.

    model.invoke("hi", {"callbacks": [handler]})

    {"event": "on_chat_model_start", "name": "ChatOpenAI", "run_id": "c850…", …, "timestamp": 17…}
    {"event": "on_chat_model_error", …, "data": {"error": RateLimitError(…)}}

    graph.stream(inputs, {"callbacks": [handler]}, stream_mode=["updates", …], subgraphs=True)

    Yielded((("sub:8f2…",), "custom", {"progress": 0.5}))

The notes are those of ``astream_events`` version 2, and are read as such. Only the pieces of a
model's answer, of which there are so many, are noted as a `Piece`. The notes also contain

- what failed, was interrupted or was cancelled: every run has an end of its own;
- the exception, which the innermost run that raised it shows, and nothing around it;
- what a tool puts out before it ends (``on_tool_stream``).

What a graph yields beside them is what callbacks do not see: its state, its checkpoints, its
stream writer's data, its breakpoints. What anything else yields is its own output.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import replace

from .._core.json_message import JsonMessage
from .._core.kinds import call_id_of, fields_of, id_of, kind_of
from .._core.writes import channel_writes, messages_in
from ..events import Custom, Event
from ..values import Namespace, Origin, Status, StepKind
from ._reader import Reader
from ._run_record import Run, RunKind
from .chunks import ChunksReader
from .messages import MessagePairs
from .runs import RunReader
from .stream_modes import ModePayloads, is_cached


class Piece(Struct, gc=False):
    """A piece of a model's answer, and when it came.

    ``run`` holds the fields of all other notes on the run: the same dict for all pieces.
    """

    run: dict[str, Any]
    chunk: Any
    timestamp: float


class Yielded(NamedTuple):
    """Something that the call itself yielded, or a message that a node pushed."""

    item: Any


class Written(NamedTuple):
    """A write to a graph's stream, and the runs in which it was made: the innermost last.

    There are none if the run that writes is over, as a tool's may be that leaves a task behind.
    """

    run_ids: list[str]
    data: object


Note: TypeAlias = dict[str, Any] | Piece | Yielded


def _lacks_id(message: object) -> bool:
    """Return whether it is an answer that a node made itself, without an id."""
    # LangGraph's `add_messages` sets its id in place when the superstep ends.
    is_answer = kind_of(message) == "ai" and not isinstance(message, JsonMessage)
    return is_answer and not id_of(message)


def _lacks_ids(output: object) -> bool:
    return any(map(_lacks_id, messages_in(output)))


class CallbackReader(RunReader):
    """The reader of notes, and of the items that the call yields.

    Args:
        graph: whether the call is a graph's, which yields ``(namespace, mode, payload)``.
        model: whether the call is a model's, which yields the chunks that are noted already.
        options: those of any reader.
    """

    def __init__(self, *, graph: bool = False, model: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._is_graph = graph
        self._is_model = model
        self._modes = ModePayloads(self.assembly, MessagePairs(self.assembly).read)
        self._unidentified: list[tuple[Namespace, object]] = []
        self._supersteps: dict[Namespace, int | None] = {}
        self._bare = ChunksReader(assembly=self.assembly, **options)

    def delta_of(self, raw: Any) -> Event | None:
        """Return the delta of a piece that only continues its message."""
        message = self._by_run.get(raw.run["run_id"]) if raw.__class__ is Piece else None
        if message is None:
            return None
        self.assembly.now = raw.timestamp
        return message.delta_of(raw.chunk)

    def read(self, raw: object) -> None:
        """Read one note, or one item of the call, into the assembly."""
        if isinstance(raw, Piece):
            self._read_piece(raw)
        elif isinstance(raw, Yielded):
            self._read_yielded(raw.item)
        else:
            self._read_note(cast("dict[str, Any]", raw))

    def _read_piece(self, piece: Piece) -> None:
        self.assembly.now = piece.timestamp
        if piece.run["run_id"] not in self._ended_around:
            self._model_piece(self._known(piece.run), piece.chunk)

    def _read_note(self, note: dict[str, Any]) -> None:
        self.assembly.now = note.get("timestamp", self.assembly.now)
        follows_a_step = note["run_id"] == self._root or note["event"].endswith("_start")
        if self._unidentified and follows_a_step:
            self._read_unidentified()
        if not note["parent_ids"] and note["run_id"] != self._root and self._root:
            note = {**note, "parent_ids": [self._root]}  # its own parent was not noted
        super().read(note)

    def final_status(self) -> Status:
        """Return how the run ended; one without callbacks is complete when it yields no more."""
        return super().final_status() if self._root else Reader.final_status(self)

    def _kind_of(self, event: dict[str, Any]) -> RunKind:
        is_graph = self._is_graph and event["run_id"] == self._root
        return "graph" if is_graph else super()._kind_of(event)

    # --- what the call yields

    def _read_yielded(self, item: Any) -> None:
        if self._is_graph:
            self._read_mode(*item)
        elif not self._is_model:
            self._read_output(item)

    def _read_mode(self, namespace: Namespace, mode: str, payload: Any) -> None:
        if mode == "debug" and payload["type"] != "checkpoint":
            return  # `debug` wraps tasks, too, but the nodes' runs are noted already
        if mode == "updates" and (self._unidentified or any(map(_lacks_ids, payload.values()))):
            self._unidentified.append((namespace, payload))  # the state is about to give them
            return
        if mode == "values":
            self._read_unidentified()
        if payload.__class__ is Written:
            self._read_written(namespace, payload)
            return
        self._read_payload(namespace, mode, payload)

    def _read_written(self, namespace: Namespace, written: Written) -> None:
        around = (self._runs.get(it) for it in reversed(written.run_ids))
        run = next(filter(None, around), None)
        origin = run.origin if run else self.assembly.origin_of_write(namespace)
        call = run.inside.tool_call_id if run else None
        if call != origin.tool_call_id:
            origin = replace(origin, tool_call_id=call)
        self.assembly.show(Custom, origin, data=written.data)

    def _read_unidentified(self) -> None:
        """Read the updates with messages that had no id: by now the state has given them one."""
        updates, self._unidentified = self._unidentified, []
        for namespace, payload in updates:
            self._read_payload(namespace, "updates", payload)

    def _read_payload(self, namespace: Namespace, mode: str, payload: Any) -> None:
        self.assembly.is_late = not (mode == "updates" and is_cached(payload))
        try:
            self._modes.read(mode, namespace, payload)
        finally:
            self.assembly.is_late = False

    def _open_step(self, run: Run, kind: StepKind, given: object) -> None:
        origin = run.origin
        if kind == "node" and self._supersteps.get(origin.namespace) != origin.step:
            self._supersteps[origin.namespace] = origin.step
            self.assembly.seen.duplicates.end_superstep(origin.namespace)
        super()._open_step(run, kind, given)

    def _node_end(self, origin: Origin, values: object) -> None:
        """Show a node's messages; a graph's ``updates`` hold more exactly what it wrote."""
        if not self._is_graph:
            super()._node_end(origin, values)
            return
        for write in channel_writes(values):
            spelled = set(map(id, write.spelled_without_id))
            later = [it for it in write.messages if _lacks_id(it) or id(it) in spelled]
            calls = {call["id"] for it in later for call in fields_of(it).get("tool_calls") or ()}
            left_out = {
                *map(id, later),
                *(id(it) for it in write.messages if call_id_of(it) in calls),
            }
            messages = [it for it in write.messages if id(it) not in left_out]
            self.assembly.write(origin, [write._replace(messages=messages, spelled=())])
        self.assembly.seen.duplicates.end_task(origin)

    def _read_output(self, chunk: object) -> None:
        """Show a chunk of the root's output; a runnable may also have no run at all."""
        root = self._runs.get(self._root or "")
        if root is None and self._root_ended and chunk is self.assembly.output:
            return  # of what does not stream, such as a tool: its end has it already
        if root is None:
            self._bare.read(chunk)
        elif root.kind == "graph":
            self._graph_chunk(root, chunk)
        else:
            self._show_output(root, chunk)
