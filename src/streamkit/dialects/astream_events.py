"""``astream_events``, version 2 and version 1: dicts that name what happened to which run.

    graph.astream_events(inputs, version="v2")

    {"event": "on_chat_model_stream", "name": "ChatOpenAI", "run_id": "c850…", "parent_ids": ["…"],
     "tags": ["seq:step:1"], "metadata": {"langgraph_node": "agent", …},
     "data": {"chunk": AIMessageChunk(content="Hel", …)}}
    {"event": "on_tool_start", "name": "get_weather", …, "data": {"input": {"city": "Paris"}}}
    {"event": "on_chain_end", "name": "LangGraph", …, "data": {"output": {"messages": […]}}}

What upstream leaves out, and how it is made up for:

- Only tools have an error event. Any other run that fails, is retried, falls back or is
  interrupted has a start and no end: it ends when its parent does, or its successor starts.
- Tools have no call id at their start: the seen matches the call by name and arguments.
- The first event's ``input`` is the *root's* input, whatever run the event is about.
- Interrupts stand only in the chunks of the root graph.
- Version 1 has empty ``parent_ids``, so there everything lies flat under the first run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NoReturn, TypeGuard, cast

from msgspec.structs import replace

from .._core.kinds import kind_of
from .._core.message import Message
from .._core.origin import origin_from
from .._core.writes import messages_in, written_in
from .._fields import dict_or_empty
from ..errors import MalformedItem
from ..events import Custom, StepDelta
from ..values import Origin, Status, StepKind
from ._interrupts import is_bubble_up, note_waiting, show_interrupts
from ._reader import Reader
from ._runs import (
    Completion,
    Run,
    RunKind,
    answer_in,
    kind_of_step,
    mark_graph_around,
    scope_around,
    sent_tool_call_id,
    takes_place_of,
)
from .chunks import is_cumulative
from .stream_modes import error_of, is_cached, writes_in

__all__ = ["EventsReader", "is_event"]

_MORE = "on_chat_model_stream"
_KEYS = ("event", "name", "run_id", "data")


def is_event(raw: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether ``raw`` is a dict with the keys every ``astream_events`` item has."""
    return isinstance(raw, dict) and all(key in raw for key in _KEYS)


class EventsReader(Reader):
    """Reads ``astream_events`` dicts."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._runs: dict[str, Run] = {}
        self._by_run = self.assembly.messages.by_run
        self._root: str | None = None
        self._root_ended = False
        self._ended: Counter[tuple[str, str]] = Counter()
        self._jumped: dict[str, Any] = {}
        self._nodes: set[str] = set()
        self._first: object = None
        self._is_flat = False
        self._handlers = self._table()

    def _table(self) -> dict[str, Callable[[dict[str, Any]], None]]:
        table: dict[str, Callable[[dict[str, Any]], None]] = {
            "on_chain_stream": self._chain_stream,
            "on_parser_stream": self._step_delta,
            "on_chat_model_stream": self._model_stream,
            "on_llm_stream": self._model_stream,
            "on_chat_model_end": self._model_end,
            "on_llm_end": self._model_end,
            "on_tool_start": self._tool_start,
            "on_tool_end": self._tool_end,
            "on_tool_error": self._tool_error,
            "on_retriever_start": self._retriever_start,
            "on_retriever_end": self._retriever_end,
            "on_custom_event": self._custom,
        }
        for kind in ("chain", "chat_model", "llm", "prompt", "parser"):
            table[f"on_{kind}_start"] = self._step_start
            table.setdefault(f"on_{kind}_end", self._step_end)
        return table

    def read(self, raw: object) -> None:
        """Tell the assembly what one event means."""
        event: dict[str, Any] = raw  # type: ignore[assignment]  # or the reader refuses it
        message = self._by_run.get(event["run_id"])
        if message and event["event"] == _MORE and message.try_append_text(event["data"]["chunk"]):
            return
        handler = self._handlers.get(event["event"])
        if handler is None:
            raise MalformedItem(f"no astream_events event is named {event['event']!r}", raw)
        if self._root is None:
            self._first = event
            self._begin(event)
        handler(event)

    def final_status(self) -> Status:
        """A source that stops before its root run ended was cut off."""
        status = super().final_status()
        return status if self._root_ended or status == "interrupted" else "incomplete"

    # --- runs

    def _begin(self, event: dict[str, Any]) -> None:
        parents: list[str] = event.get("parent_ids") or []
        self._root = root = parents[0] if parents else event["run_id"]
        self._root_ended = bool(parents)  # filtered out: it will not be seen to end
        metadata: dict[str, Any] = event.get("metadata") or {}
        origin = Origin(
            run_id=root,
            name=None if parents else event["name"],
            thread_id=metadata.get("thread_id"),
            tags=() if parents else tuple(event.get("tags") or ()),
            metadata={} if parents else metadata,
        )
        given = dict_or_empty(event["data"]).get("input")
        self.assembly.start_run(origin, run_id=root, input=given)

    def _enter(self, event: dict[str, Any], kind: RunKind) -> Run:
        """Open the record of a run."""
        run_id: str = event["run_id"]
        parents: list[str] = event.get("parent_ids") or []
        if not parents and run_id != self._root:
            parents = [cast("str", self._root)]  # version 1
            self._is_flat = True
        origin = origin_from(
            event.get("metadata") or {},
            scope_around(self._runs, event),
            run_id=run_id,
            parent_ids=parents,
            name=event["name"],
            tags=event.get("tags"),
        )
        if run_id in self._runs:
            self._leave(run_id)
        if event.get("parent_ids"):  # version 1 shows the end of every attempt by itself
            self._abandon_predecessor(origin)
        run = self._runs[run_id] = Run(origin, kind)
        return run

    def _known(self, event: dict[str, Any]) -> Run:
        return self._runs.get(event["run_id"]) or _refuse_unknown(event)

    def _leave(self, run_id: str, output: object = None) -> None:
        """Forget a run and what it enclosed."""
        if run_id == self._root:
            self._root_ended = True
            self.assembly.output = output
        del self._runs[run_id]
        for inner, run in list(self._runs.items()):
            if run_id in run.origin.parent_ids:
                del self._runs[inner]

    def _abandon_predecessor(self, origin: Origin) -> None:
        """End the attempt that a retry or a fallback takes the place of: upstream says nothing."""
        for run_id, run in list(self._runs.items()):
            if takes_place_of(origin, run.origin):
                self._leave(run_id)
                self.assembly.end_step(run_id, None, "abandoned")

    # --- steps

    def _step_start(self, event: dict[str, Any]) -> None:
        kind = self._kind_of(event)
        if kind == "node":
            mark_graph_around(self._runs, event)
        run = self._enter(event, kind)
        data = event["data"]
        # The first event to arrive carries the root's input, whatever run it is about.
        is_own = run.origin.run_id == self._root or event is not self._first
        given = data.get("input") if is_own else None
        if run.origin.node == event["name"]:  # a node, or a task of the functional API
            self._nodes.add(event["name"])
        if kind == "node":
            self._end_jumps()
            namespace = run.origin.namespace
            self.assembly.seen.calls.expect(messages_in(given), namespace)
            self.assembly.seen.mark_input(namespace, given)
            run.answers(sent_tool_call_id(given))
        self.assembly.start_step(event["run_id"], kind, run.origin, given)

    def _kind_of(self, event: dict[str, Any]) -> StepKind:
        return kind_of_step(event)

    def _end_jumps(self) -> None:
        """End the nodes that left for the one that starts now."""
        while self._jumped:
            run_id, values = self._jumped.popitem()
            self._leave(run_id)
            self.assembly.end_step(run_id, values)

    def _step_end(self, event: dict[str, Any]) -> None:
        run = self._known(event)
        run_id, output = event["run_id"], event["data"].get("output")
        self._leave(run_id, output)
        if run.kind == "node":
            self._ended[run.origin.parent_ids[-1], event["name"]] += 1
            self._node_end(run.origin, written_in(output))
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
            self._step_delta(event)

    def _is_known_shape(self, chunk: object) -> bool:
        """Tell an update, or a labelled item, from the bare payload of any other mode."""
        names = dict_or_empty(chunk)
        is_update = all(it in self._nodes or it.startswith("__") for it in names)
        return isinstance(chunk, tuple) or is_cached(names) or (bool(names) and is_update)

    def _step_delta(self, event: dict[str, Any]) -> None:
        run, chunk = self._known(event), event["data"]["chunk"]
        fields = {"step_id": event["run_id"], "value": chunk, "cumulative": is_cumulative(chunk)}
        self.assembly.show(StepDelta, run.origin, **fields)

    def _graph_chunk(self, run: Run, chunk: object) -> None:
        """Read a root graph's chunk: an update, or ``(mode, payload)`` where modes were asked for.

        Node outputs are taken from the nodes themselves, so that only interrupts, the stream
        writer's data and what nodes wrote that do not run are news here.
        """
        mode: object = "updates"
        if isinstance(chunk, tuple):
            *_, mode, chunk = cast("tuple[object, ...]", (None, *chunk))
        if mode == "custom":
            self.assembly.show(Custom, run.origin, data=chunk)
        elif "__interrupt__" in (update := dict_or_empty(chunk)):
            paused_at = self._paused_at(run.origin)
            show_interrupts(self.assembly, paused_at, update["__interrupt__"])
        elif is_cached(update):
            self._cached(run.origin, update)
        else:
            for node, values in update.items():
                self._updated(run.origin.run_id or "", node, values)

    def _cached(self, graph: Origin, update: dict[str, Any]) -> None:
        around = (*graph.parent_ids, *filter(None, [graph.run_id]))
        for node, values in writes_in(update):
            origin = Origin(parent_ids=around, node=node, namespace=graph.namespace)
            self.assembly.state_update(origin, node, values, cached=True)

    def _updated(self, graph: str, node: str, values: object) -> None:
        """End a node that left for another graph's node: this update is all there is of its end."""
        if self._ended[graph, node]:
            self._ended[graph, node] -= 1
            return
        origins = [run.origin for run in self._runs.values() if run.kind == "node"]
        left = [it for it in origins if it.name == node and it.parent_ids[-1] == graph]
        if len(left) == 1:
            self.assembly.state_update(left[0], node, values)
            self._jumped[left[0].run_id or ""] = values

    def _paused_at(self, root: Origin) -> Origin:
        """Give the node that waits: the innermost one left open, where there is just one."""
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
        # Version 1 shows an end of a model that failed, too.
        status: Status = "completed" if answer is not None else "incomplete"
        self.assembly.end_message(("message", run.origin.run_id), status)
        self._step_end(event)

    # --- tools

    def _tool_start(self, event: dict[str, Any]) -> None:
        run = self._enter(event, "tool")
        id, given = self._call_of(run, event)
        name = event["name"]
        run.answers(self.assembly.start_tool(event["run_id"], run.origin, id, name, given))

    def _call_of(self, run: Run, event: dict[str, Any]) -> tuple[str, object]:
        """Give the id and the arguments of the call that a tool run answers."""
        given: object = event["data"].get("input")
        told: str | None = event["data"].get("tool_call_id")
        if told:
            return told, given
        call = dict_or_empty(given)
        if call.get("type") == "tool_call" and "args" in call:
            return call.get("id") or event["run_id"], call["args"]
        for parent in reversed(run.origin.parent_ids):
            around = self._runs.get(parent)
            if around and around.tool_call_id and around.kind == "node":
                return around.tool_call_id, given
            if around and around.tool_call_id:
                break  # a tool: nobody has asked for the one in it, unless it asks a model
        calls = self.assembly.seen.calls
        found = calls.find(event["name"], given, run.origin.namespace)
        return found.given_id if found else event["run_id"], given

    def _tool_end(self, event: dict[str, Any]) -> None:
        self._known(event)
        run_id, output = event["run_id"], event["data"].get("output")
        self._leave(run_id, output)
        self.assembly.close_inside(run_id, "incomplete")
        if output is None and self._is_flat:
            return  # version 1 says this of a tool that failed: its ToolMessage tells
        self.assembly.end_tool(run_id, output)

    def _tool_error(self, event: dict[str, Any]) -> None:
        run = self._known(event)
        run_id, error = event["run_id"], event["data"]["error"]
        self._leave(run_id)
        self.assembly.close_inside(run_id, "incomplete")
        if is_bubble_up(error):
            note_waiting(self.assembly, error, run.tool_call_id)
            self.assembly.end_tool(run_id, None, "interrupted")
        else:
            self.assembly.fail_tool(run_id, error_of(error))

    # --- retrievers and custom events

    def _retriever_start(self, event: dict[str, Any]) -> None:
        run = self._enter(event, "retriever")
        given: object = event["data"].get("input")
        query = dict_or_empty(given).get("query", given)
        self.assembly.start_retrieval(event["run_id"], run.origin, event["name"], query)

    def _retriever_end(self, event: dict[str, Any]) -> None:
        self._known(event)
        found: Any = event["data"].get("output")
        if isinstance(found, dict):  # in version 1, and an empty one where it failed
            found = cast("dict[str, Any]", found).get("documents")
        status: Status = "completed" if found is not None else "incomplete"
        self._leave(event["run_id"], found)
        self.assembly.end_retrieval(event["run_id"], found or (), status)

    def _custom(self, event: dict[str, Any]) -> None:
        around = self._runs.get(event["run_id"])
        origin = around.origin if around else origin_from(event.get("metadata") or {})
        tags = tuple(event.get("tags") or ())
        call = around.inside.tool_call_id if around else None
        if (tags, call) != (origin.tags, origin.tool_call_id):
            # It has only those tags of its run that are inherited, and happens inside a tool.
            origin = replace(origin, tags=tags, tool_call_id=call)
        self.assembly.show(Custom, origin, name=event["name"], data=event["data"])


def _refuse_unknown(event: dict[str, Any]) -> NoReturn:
    what = event.get("event", "a piece")
    raise MalformedItem(f"{what} of run {event['run_id']!r}, never started", event)


def _is_interrupt(chunk: object) -> bool:
    return list(dict_or_empty(chunk)) == ["__interrupt__"]
