"""``astream_events``, version 2 and version 1: dicts that name what happened to which run.

    graph.astream_events(inputs, version="v2")

    {"event": "on_chat_model_stream", "name": "ChatOpenAI", "run_id": "c850…", "parent_ids": ["…"],
     "tags": ["seq:step:1"], "metadata": {"langgraph_node": "agent", …},
     "data": {"chunk": AIMessageChunk(content="Hel", …)}}
    {"event": "on_tool_start", "name": "get_weather", …, "data": {"input": {"city": "Paris"}}}
    {"event": "on_chain_end", "name": "LangGraph", …, "data": {"output": {"messages": […]}}}

What upstream leaves out, and how it is replaced:

- Only tools have an error event. Any other run that fails, is retried, falls back or is
  interrupted has a start and no end: it ends when its parent does, or its successor starts.
- Tools have no call id at their start: the call is matched by name and arguments.
- The first event's ``input`` is the *root's* input, whatever run the event is about.
- Interrupts stand only in the chunks of the root graph.
- Version 1 has empty ``parent_ids``, so there everything lies flat under the first run.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeGuard, cast

from .._core.kinds import id_of, kind_of
from .._core.writes import channel_writes, messages_in
from ..values import Origin
from ._run_record import Run, takes_place_of
from .runs import RunReader

_KEYS = ("event", "name", "run_id", "data")


def is_event(raw: object) -> TypeGuard[dict[str, Any]]:
    """Return whether ``raw`` is a dict with the keys that every ``astream_events`` item has."""
    return isinstance(raw, dict) and all(key in raw for key in _KEYS)


class EventsReader(RunReader):
    """The reader of ``astream_events`` dicts."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._ended: Counter[tuple[str, str]] = Counter()
        self._jumped: dict[str, Any] = {}
        self._first: object = None
        self._is_flat = False

    def _tool_stream(self, event: dict[str, Any]) -> None:
        self._repeated(event)

    def _begin(self, event: dict[str, Any]) -> None:
        self._first = event
        super()._begin(event)

    def _parents_of(self, event: dict[str, Any]) -> list[str]:
        parents = super()._parents_of(event)
        if not parents and event["run_id"] != self._root:
            self._is_flat = True  # version 1
            return [cast("str", self._root)]
        return parents

    def _open(self, run: Run, event: dict[str, Any], given: object) -> None:
        run.input = given
        if run.kind == "node":
            self._end_jumps()
        if event.get("parent_ids"):  # version 1 shows the end of every attempt by itself
            self._abandon_predecessor(run)
            if run.kind == "node":
                self._end_earlier(run, given)
        super()._open(run, event, given)

    def _input_of(self, event: dict[str, Any]) -> object:
        # The first event to arrive carries the root's input, whatever run it is about.
        is_own = event["run_id"] == self._root or event is not self._first
        return super()._input_of(event) if is_own else None

    # --- ends that upstream leaves out

    def _abandon_predecessor(self, new: Run) -> None:
        """End the attempt that a retry or a fallback takes the place of."""
        for run_id, run in list(self._runs.items()):
            is_other = run_id != new.origin.run_id
            is_sibling = is_other and run.origin.parent_ids == new.origin.parent_ids
            if is_sibling and (
                takes_place_of(new.origin, run.origin) or self._falls_back(new, run)
            ):
                self._leave(run_id)
                self.assembly.end_step(run_id, None, "abandoned")

    def _falls_back(self, new: Run, old: Run) -> bool:
        """Return whether a run is the next of some fallbacks, of which ``old`` failed.

        Both have one input, and a ``RunnableWithFallbacks`` is open, around or beside them.
        """
        # It is around them where it is streamed, or invoked without async. Its `ainvoke` passes its
        # own config (langchain-core 1.8): then it is beside them, as other models may be.
        has_begun = any(old.origin.run_id in _around(it.origin) for it in self.assembly.messages)
        if not has_begun or new.input != old.input:
            return False
        parents = new.origin.parent_ids
        return any(
            run.origin.name == "RunnableWithFallbacks"
            and (run.origin.parent_ids == parents or run.origin.run_id in parents[-1:])
            for run in self._runs.values()
        )

    def _end_jumps(self) -> None:
        """End the nodes that left for the one that starts now."""
        while self._jumped:
            run_id, values = self._jumped.popitem()
            if run_id in self._runs:  # a subgraph's update may come after the end of all of it
                self._leave(run_id)
                self.assembly.end_step(run_id, values)

    def _end_earlier(self, new: Run, given: object) -> None:
        """End the nodes of earlier supersteps that left for this one, inside a subgraph.

        A superstep ends before the next begins. Only the outermost graph's chunks have what such a
        node wrote; a subgraph's next node is given it with the state.
        """
        graph, step = new.origin.parent_ids[-1:], new.origin.step or 0
        for run_id, run in list(self._runs.items()):
            origin = run.origin
            is_beside = run.kind == "node" and origin.parent_ids[-1:] == graph
            if is_beside and (origin.step or 0) < step:
                self.assembly.write(origin, channel_writes(given))
                self._leave(run_id)
                self.assembly.end_step(run_id, None)

    def _node_end(self, origin: Origin, values: object) -> None:
        self._ended[origin.parent_ids[-1], origin.name or ""] += 1
        super()._node_end(origin, values)

    def _updated(self, graph: str, node: str, values: object) -> None:
        """End a node that left for another graph's node: this update is all there is of its end."""
        if self._ended[graph, node]:
            self._ended[graph, node] -= 1
            if isinstance(values, list):  # its own output, after what it pushed while it ran
                around = self._runs[graph].origin
                origin = Origin(parent_ids=around.parent_ids, node=node, namespace=around.namespace)
                for message in messages_in(cast("list[object]", values)):
                    if kind_of(message) != "tool" and id_of(message):
                        self.assembly.whole_message(message, origin)
            return
        origins = [run.origin for run in self._runs.values() if run.kind == "node"]
        left = [it for it in origins if it.name == node and it.parent_ids[-1] == graph]
        if len(left) == 1:
            self.assembly.state_update(left[0], node, values)
            self._jumped[left[0].run_id or ""] = values

    # --- ends of version 1, which a failed run has, too

    def _tool_end(self, event: dict[str, Any]) -> None:
        if self._is_flat and event["data"].get("output") is None:
            self._known(event, "tool")
            self._leave(event["run_id"])
            self.assembly.close_inside(event["run_id"], "completed")
            return  # its ToolMessage holds the error
        super()._tool_end(event)


def _around(origin: Origin) -> tuple[str | None, ...]:
    return (*origin.parent_ids, origin.run_id)
