"""Notes on runs, from callbacks: the start, the output and the end of each run.

    {"event": "on_chat_model_start", "name": "ChatOpenAI", "run_id": "c850…", "parent_ids": ["…"],
     "tags": [], "metadata": {"langgraph_node": "agent", …}, "data": {"input": …}}
    {"event": "on_chat_model_error", …, "data": {"error": RateLimitError(…)}}

They are dicts of the form that ``astream_events`` version 2 has. Here every run that starts also
ends or raises; the module `astream_events` adds the ends that its API leaves out.

An exception is shown by the innermost run that raised it; see `_failed_runs`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, cast, get_args

from msgspec.structs import replace

from .._core.kinds import kind_of
from .._core.message import Message
from .._core.metadata import name_of, names_in, usage_of
from .._core.origin import checkpoint_ns, origin_from
from .._core.results import tool_messages_in
from .._core.writes import messages_in, written_in
from .._fields import dict_or_empty, required_text, text_or_none
from ..errors import MalformedItem
from ..events import Custom, Event, StepDelta
from ..values import Namespace, Origin, Status, StepKind
from ._failed_runs import FailedRuns
from ._interrupts import is_bubble_up, note_waiting, show_interrupts
from ._reader import Reader
from ._run_record import (
    Completion,
    Run,
    RunKind,
    answer_in,
    caller_of_tool,
    kind_of_run,
    mark_graph_around,
    scope_around,
    sent_tool_call_id,
    tool_call_id_among,
)
from .chunks import is_cumulative
from .stream_modes import is_cached, writes_in

_STEPS: frozenset[str] = frozenset(get_args(StepKind))


class RunReader(Reader):
    """The reader of notes on runs that are complete: every run that starts also ends or raises."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._runs: dict[str, Run] = {}
        self._ended_around: set[str] = set()  # runs that go on behind the end of a run around them
        self._by_run = self.assembly.messages.by_run
        self._root: str | None = None
        self._root_ended = False
        self._root_status: Status = "completed"
        self._nodes: set[str] = set()
        self._failed = FailedRuns(self.assembly, self._runs)
        self._handlers = self._table()

    def _table(self) -> dict[str, Callable[[dict[str, Any]], None]]:
        by_kind = {
            "chain": (self._chain_stream, self._step_end),
            "prompt": (self._step_delta, self._step_end),
            "parser": (self._step_delta, self._step_end),
            "chat_model": (self._model_stream, self._model_end),
            "llm": (self._model_stream, self._model_end),
            "tool": (self._tool_stream, self._tool_end),
            "retriever": (self._repeated, self._retriever_end),
        }
        table: dict[str, Callable[[dict[str, Any]], None]] = {"on_custom_event": self._custom}
        for kind, (stream, end) in by_kind.items():
            table[f"on_{kind}_start"] = self._run_start
            table[f"on_{kind}_stream"] = stream
            table[f"on_{kind}_end"] = end
            table[f"on_{kind}_error"] = self._run_error
        return table

    def delta_of(self, raw: Any) -> Event | None:
        """Return the delta of a chunk that only continues its message."""
        try:
            message = self._by_run.get(raw["run_id"])
            return message.delta_of(raw["data"]["chunk"], self._clock) if message else None
        except Exception:  # noqa: BLE001  (no chunk, or garbage: `read` decides)
            return None

    def read(self, raw: object) -> None:
        """Read one event into the assembly."""
        event: dict[str, Any] = raw  # type: ignore[assignment]  # or the reader refuses it
        handler = self._handlers.get(event["event"])
        if handler is None:
            raise MalformedItem(f"no astream_events event is named {event['event']!r}", raw)
        if self._root is None:
            self._begin(event)
        if self._failed:
            self._failed.decide(event, self._parents_of(event))
        if not (self._ended_around and self._passes_over(event)):
            handler(event)

    def _passes_over(self, event: dict[str, Any]) -> bool:
        """Pass over an event of a run that goes on behind the end of a run around it, if it is one.

        Of tools at once LangGraph's `ToolNode` (to 1.2) ends with the first that raises; the others
        go on, with all that runs inside them. Their brackets were closed with the node's.
        """
        run_id: str = event["run_id"]
        _, _, what = event["event"].rpartition("_")
        if what == "start" and not self._ended_around.isdisjoint(self._parents_of(event)):
            self._ended_around.add(run_id)
        elif what not in {"stream", "end", "error"} or run_id not in self._ended_around:
            return False
        elif what != "stream":
            self._ended_around.remove(run_id)
        return True

    def final_status(self) -> Status:
        """Return how the root ended; a source that stops before it did was cut off."""
        if self._root_status != "completed":
            return self._root_status
        status = super().final_status()
        return status if self._root_ended or status == "interrupted" else "incomplete"

    # --- runs

    def _begin(self, event: dict[str, Any]) -> None:
        parents: list[str] = event.get("parent_ids") or []
        root = parents[0] if parents else required_text(event, "run_id")
        metadata: dict[str, Any] = event.get("metadata") or {}
        origin = Origin(run_id=root, thread_id=name_of(metadata.get("thread_id")))
        if not parents:
            name, tags = required_text(event, "name"), names_in(event.get("tags"))
            origin = replace(origin, name=name, tags=tags, metadata=metadata)
        self._root = root
        self._root_ended = bool(parents)  # filtered out: it will not be seen to end
        given = dict_or_empty(event["data"]).get("input")
        self.assembly.start_run(origin, run_id=root, input=given)

    def _run_start(self, event: dict[str, Any]) -> None:
        """Open a run's bracket, and then record the run: one that cannot be read has neither."""
        kind, run_id = self._kind_of(event), required_text(event, "run_id")
        if kind == "node":
            mark_graph_around(self._runs, event)
        origin = origin_from(
            event.get("metadata") or {},
            scope_around(self._runs, event),
            run_id=run_id,
            parent_ids=self._parents_of(event),
            name=required_text(event, "name"),
            tags=event.get("tags"),
        )
        run = Run(origin, kind)
        self._open(run, event, self._input_of(event))
        if run_id in self._runs:
            self._leave(run_id)
        self._ended_around.discard(run_id)
        self._runs[run_id] = run

    def _kind_of(self, event: dict[str, Any]) -> RunKind:
        return kind_of_run(event)

    def _input_of(self, event: dict[str, Any]) -> object:
        return event["data"].get("input")

    def _open(self, run: Run, event: dict[str, Any], given: object) -> None:
        """Open the bracket of a run."""
        if run.kind == "tool":
            self._open_tool(run, event, given)
        elif run.kind == "retriever":
            query = dict_or_empty(given).get("query", given)
            self.assembly.start_retrieval(event["run_id"], run.origin, event["name"], query)
        else:
            self._open_step(run, run.kind, given)

    def _parents_of(self, event: dict[str, Any]) -> list[str]:
        return event.get("parent_ids") or []

    def _known(self, event: dict[str, Any], *kinds: str) -> Run:
        """Return the run that an event is about: a step, unless other ``kinds`` are named."""
        run = self._runs.get(event["run_id"])
        return run if run and run.kind in (kinds or _STEPS) else _refuse_unknown(event)

    def _leave(self, run_id: str, output: object = None) -> None:
        """Forget a run and what it enclosed."""
        if run_id == self._root:
            self._root_ended = True
            self.assembly.output = output
        del self._runs[run_id]
        for inner, run in list(self._runs.items()):
            if run_id in run.origin.parent_ids:
                del self._runs[inner]
                self._ended_around.add(inner)

    # --- errors

    def _run_error(self, event: dict[str, Any]) -> None:
        """Close a run that raised, once its outcome is known."""
        run, error = self._known(event, *_STEPS, "tool", "retriever"), event["data"]["error"]
        run_id: str = event["run_id"]
        self._leave(run_id)
        if run.kind == "tool" and is_bubble_up(error):
            self.assembly.close_inside(run_id, "interrupted")
            note_waiting(self.assembly, error, run.tool_call_id)
            self.assembly.end_tool(run_id, None, "interrupted")
            return
        self._failed.add(run, error, self._status_of(run, error))

    def _status_of(self, run: Run, error: BaseException) -> Status:
        """Return how a run ended that raised, and show the interrupts that it raised."""
        status: Status = "failed" if isinstance(error, Exception) else "cancelled"
        if is_bubble_up(error):
            status = self._bubbles_up(run, error)
        if run.origin.run_id == self._root:
            self._root_status = status
        return status

    def _bubbles_up(self, run: Run, error: BaseException) -> Status:
        origin = run.origin
        interrupts: Any = error.args[0] if error.args else None
        if not isinstance(interrupts, (list, tuple)):
            # `ParentCommand`: the run continues in the graph around it, with what this one wrote.
            for message in tool_messages_in(interrupts):
                self.assembly.whole_message(message, origin)
            # langgraph's `pregel/_retry.py` (1.2) writes it where its node's namespace is named.
            named: object = getattr(interrupts, "graph", None)
            if run.kind == "node" and named in (checkpoint_ns(origin.metadata), origin.node):
                self._node_end(origin, written_in(interrupts))
            return "completed"
        show_interrupts(self.assembly, origin, cast("list[object]", interrupts))
        return "interrupted"

    # --- steps

    def _open_step(self, run: Run, kind: StepKind, given: object) -> None:
        origin = run.origin
        if _is_named_as_node(origin):
            self._nodes.add(origin.name or "")
        if kind == "node":
            self.assembly.seen.calls.expect(messages_in(given), origin.namespace)
            triggers = origin.metadata.get("langgraph_triggers")
            self.assembly.seen.mark_input(origin.namespace, given, triggers)
            run.answers(sent_tool_call_id(given))
        elif _is_named_as_node(origin):
            run.tool_call_id = tool_call_id_among(given)
        self.assembly.start_step(origin.run_id or "", kind, origin, given)

    def _step_end(self, event: dict[str, Any]) -> None:
        run = self._known(event)
        run_id, output = event["run_id"], event["data"].get("output")
        self._leave(run_id, output)
        if run.kind == "node":
            self._node_end(run.origin, written_in(output))
        elif _is_named_as_node(run.origin):  # a task of the functional API
            self.assembly.confirm_tools(run.origin, output)
        # A graph that waits ends like one that is done.
        status: Status = self.final_status() if run_id == self._root else "completed"
        self.assembly.end_step(run_id, output, status)

    def _node_end(self, origin: Origin, values: object) -> None:
        """Show what a node returned."""
        self.assembly.state_update(origin, origin.node or "", values)

    def _chain_stream(self, event: dict[str, Any]) -> None:
        run = self._known(event)
        chunk = event["data"]["chunk"]
        if _is_interrupt(chunk) or (run.kind == "graph" and self._is_known_shape(chunk)):
            self._graph_chunk(run, chunk)
        elif run.kind in {"chain", "graph"}:
            self._show_output(run, chunk)

    def _is_known_shape(self, chunk: object) -> bool:
        """Return whether a chunk is an update or a labelled item, and no bare payload."""
        names = dict_or_empty(chunk)
        is_update = all(it in self._nodes or it.startswith("__") for it in names)
        return isinstance(chunk, tuple) or is_cached(names) or (bool(names) and is_update)

    def _step_delta(self, event: dict[str, Any]) -> None:
        self._show_output(self._known(event), event["data"]["chunk"])

    def _show_output(self, run: Run, chunk: object) -> None:
        """Show a piece of a step's output."""
        step_id, cumulative = run.origin.run_id, is_cumulative(chunk)
        fields = {"step_id": step_id, "value": chunk, "cumulative": cumulative}
        self.assembly.show(StepDelta, run.origin, **fields)

    def _graph_chunk(self, run: Run, chunk: Any) -> None:
        """Read a root graph's chunk: an update, or ``(mode, payload)`` where modes were requested.

        With ``subgraphs=True`` a namespace stands before it. Node outputs are taken from the nodes
        themselves, so only three things are unseen here: interrupts, the stream writer's data, and
        what nodes wrote that do not run.
        """
        mode, graph = "updates", run.origin
        if isinstance(chunk, tuple):
            *labels, mode, chunk = cast("Any", (None, None, *chunk))
            namespace = labels[-1] or mode
            if isinstance(namespace, tuple) and namespace:
                graph = self._graph_at(names_in(cast("tuple[object, ...]", namespace)))
        if mode == "custom":
            self.assembly.show(Custom, run.origin, data=chunk)
        elif "__interrupt__" in (update := dict_or_empty(chunk)):
            paused_at = self._paused_at(run.origin)
            show_interrupts(self.assembly, paused_at, update["__interrupt__"])
        elif is_cached(update):
            self._cached(graph, update)
        else:
            for node, values in update.items():
                self._updated(graph.run_id or "", node, values)

    def _graph_at(self, namespace: Namespace) -> Origin:
        """Return the origin of a namespace, with the run of its graph unless that has ended."""
        path = "|".join(namespace)
        origins = (run.origin for run in self._runs.values() if run.kind == "graph")
        at_path = (it for it in origins if checkpoint_ns(it.metadata) == path)
        return replace(next(at_path, Origin()), namespace=namespace)

    def _cached(self, graph: Origin, update: dict[str, Any]) -> None:
        around = (*graph.parent_ids, *filter(None, [graph.run_id]))
        for node, values in writes_in(update):
            origin = Origin(parent_ids=around, node=node, namespace=graph.namespace)
            self.assembly.state_update(origin, node, values, cached=True)

    def _updated(self, graph: str, node: str, values: object) -> None:
        """Pass over what a node wrote: its end holds the same."""

    def _paused_at(self, root: Origin) -> Origin:
        """Return the node that waits: the innermost one left open, where there is just one."""
        nodes = [run.origin for run in self._runs.values() if run.kind == "node"]
        around = {parent for origin in nodes for parent in origin.parent_ids}
        innermost = [origin for origin in nodes if origin.run_id not in around]
        return innermost[0] if len(innermost) == 1 else root

    # --- models

    def _model_stream(self, event: dict[str, Any]) -> None:
        self._model_piece(self._known(event), event["data"]["chunk"])

    def _model_piece(self, run: Run, chunk: Any) -> None:
        message = self._by_run.get(run.origin.run_id)
        is_message = kind_of(chunk) == "chunk"
        if message is None:
            message = self._start_message(run, chunk.id if is_message else None)
        if is_message:
            message.add_chunk(chunk)
        else:
            message.text(chunk if isinstance(chunk, str) else chunk.text)

    def _start_message(self, run: Run, id: str | None) -> Message:
        return self.assembly.start_message(("message", run.origin.run_id), run.origin, id)

    def _model_end(self, event: dict[str, Any]) -> None:
        run = self._known(event)
        output = event["data"].get("output")
        answer = answer_in(output)
        message = self._by_run.get(run.origin.run_id)
        if isinstance(answer, Completion):
            if message is None:
                message = self._start_message(run, None)
                message.text(answer.text)
            message.response(answer.info)
        elif answer:
            message = message or self._start_message(run, answer.get("id"))
            message.finish(answer)
        else:  # a decision model (langchain-core 1.8): its answer is no message
            usage = usage_of(getattr(output, "usage", None))
            self.assembly.count(usage, text_or_none(getattr(output, "model", None)))
        self._step_end(event)  # and with it the message
        if isinstance(answer, Completion) and event["run_id"] == self._root:
            self.assembly.output = answer.text  # what the model's own `invoke` returns

    # --- tools

    def _open_tool(self, run: Run, event: dict[str, Any], given: object) -> None:
        caller = caller_of_tool(self._runs, event)
        id, given = self._call_of(run, event, given)
        # Without parents (version 1, the log) a tool beside this one looks like its caller.
        is_certain = bool(event.get("parent_ids"))
        is_in_node = caller is not None and (caller.kind == "node" or not is_certain)
        run.is_in_node = is_in_node and id != event["run_id"]
        name = event["name"]
        run.answers(self.assembly.start_tool(event["run_id"], run.origin, id, name, given))

    def _call_of(self, run: Run, event: dict[str, Any], given: object) -> tuple[str, object]:
        """Return the id and the arguments of the call that a tool run answers."""
        given_id: str | None = event["data"].get("tool_call_id")
        if given_id:
            return given_id, given
        # Callbacks have the id from langchain-core 1.2 on, `on_tool_start` has none. A root tool's
        # input may be the whole call.
        call = dict_or_empty(given)
        if call.get("type") == "tool_call" and "args" in call:
            return call.get("id") or event["run_id"], call["args"]
        for parent in reversed(run.origin.parent_ids):
            around = self._runs.get(parent)
            if around and around.tool_call_id:
                if around.kind == "tool":
                    break  # this call is that of the outer tool alone
                return around.tool_call_id, given
        calls = self.assembly.seen.calls
        found = calls.find(event["name"], given, run.origin.namespace)
        return found.given_id if found else event["run_id"], given

    def _tool_end(self, event: dict[str, Any]) -> None:
        run = self._known(event, "tool")
        run_id, output = event["run_id"], event["data"].get("output")
        self._leave(run_id, output)
        self.assembly.close_inside(run_id, "completed")
        self.assembly.end_tool(run_id, output, hold=run.is_in_node)

    def _repeated(self, event: dict[str, Any]) -> None:
        """Pass over the chunk that is a root tool's or retriever's whole output (version 1)."""
        self._known(event, "tool", "retriever")

    def _tool_stream(self, event: dict[str, Any]) -> None:
        self._known(event, "tool")
        self.assembly.tool_delta(event["run_id"], event["data"]["chunk"])

    # --- retrievers and custom events

    def _retriever_end(self, event: dict[str, Any]) -> None:
        self._known(event, "retriever")
        found: Any = event["data"].get("output")
        if isinstance(found, dict):  # in version 1, and an empty one where it failed
            found = cast("dict[str, Any]", found).get("documents")
        status: Status = "completed" if found is not None else "incomplete"
        self._leave(event["run_id"], found)
        self.assembly.end_retrieval(event["run_id"], found or (), status)

    def _custom(self, event: dict[str, Any]) -> None:
        around = self._runs.get(event["run_id"])
        # `on_custom_event` has the id of the run that dispatched it, and a name of its own.
        origin = around.origin if around else origin_from(event.get("metadata") or {})
        tags = names_in(event.get("tags"))
        call = around.inside.tool_call_id if around else None
        if (tags, call) != (origin.tags, origin.tool_call_id):
            # Its tags are only those of its run that are inherited, and it is inside a tool.
            origin = replace(origin, tags=tags, tool_call_id=call)
        self.assembly.show(Custom, origin, name=name_of(event["name"]), data=event["data"])


def _is_named_as_node(origin: Origin) -> bool:
    """Return whether a run is a node, or a task of the functional API."""
    return origin.name is not None and origin.node == origin.name


def _refuse_unknown(event: dict[str, Any]) -> NoReturn:
    what = event.get("event", "a piece")
    raise MalformedItem(f"{what} of run {event['run_id']!r}, never started", event)


def _is_interrupt(chunk: object) -> bool:
    return list(dict_or_empty(chunk)) == ["__interrupt__"]
