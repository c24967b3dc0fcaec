"""The subgraphs of a run as AG-UI's subagents, and the nodes that run as its steps.

A subagent opens once, and ends once. Open steps of one subagent have different names.

A subgraph is known by its namespace, and opens when the first event comes out of it. It ends with
the graph's own step where the source has steps, and else with the run.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from ..._fields import JsonObject
from ..._namespaces import graph_around, graphs_around, nodes_around
from ...events import Interrupt, StepEnd, StepStart
from ...values import Namespace, Origin, Status


def tag_of(origin: Origin) -> JsonObject:
    """Return the field of an AG-UI event that names its subgraph.

    >>> tag_of(Origin(namespace=("hotel:1", "book:2")))
    {'subagentRunId': 'hotel:1|book:2'}
    """
    return {"subagentRunId": "|".join(origin.namespace)} if origin.namespace else {}


class Subagents:
    """The subagents of one run."""

    def __init__(self) -> None:
        self._seen: set[Namespace] = set()
        self._open: dict[Namespace, str | None] = {}
        self._graphs: set[str] = set()
        self._tools: dict[str, str] = {}
        self._pauses: dict[Namespace, list[str]] = {}

    def graph_starts(self, event: StepStart) -> None:
        """Register a graph that may be a subgraph: subagents inside end with it."""
        self._graphs.add(event.step_id)

    def tool_starts(self, origin: Origin, tool_call_id: str) -> None:
        """Register a tool that may run a subgraph."""
        if origin.run_id:
            self._tools[origin.run_id] = tool_call_id

    def pause(self, event: Interrupt) -> None:
        """Register an interrupt for its subgraph and for those around it."""
        for namespace in graphs_around(event.origin.namespace):
            self._pauses.setdefault(namespace, []).append(event.interrupt_id)

    def enter(self, origin: Origin) -> Iterable[JsonObject]:
        """Return the starts of the subgraphs around an event, of those that are new."""
        return () if origin.namespace in self._seen else self._starts(origin)

    def _starts(self, origin: Origin) -> Iterator[JsonObject]:
        for namespace in graphs_around(origin.namespace):
            # An id may start once in a run (`verifyEvents` of @ag-ui/client 1.0.0).
            if namespace not in self._seen:
                self._seen.add(namespace)
                self._open[namespace] = _innermost(origin, self._graphs)
                yield self._start(namespace, origin)

    def leave(self, event: StepEnd) -> Iterator[JsonObject]:
        """Return the ends of the subgraphs that were inside a graph's step, innermost first."""
        self._graphs.discard(event.step_id)
        inside = [it for it, graph in self._open.items() if graph == event.step_id]
        for namespace in reversed(inside):
            del self._open[namespace]
            yield self._end(namespace, event.status)

    def leave_all(self, status: Status) -> Iterator[JsonObject]:
        """Return the ends of all that are open, innermost first."""
        while self._open:
            yield self._end(self._open.popitem()[0], status)

    def _start(self, namespace: Namespace, origin: Origin) -> JsonObject:
        agent = origin.agent if namespace == origin.namespace else None
        start: JsonObject = {
            "type": "SUBAGENT_STARTED",
            "subagentRunId": "|".join(namespace),
            "name": agent or (nodes_around(namespace) or namespace)[-1],
        }
        parent = graph_around(namespace)
        if parent:  # it has been started: the outermost subgraph is the first
            start["parentSubagentRunId"] = "|".join(parent)
        run = _innermost(origin, self._tools)
        return start | ({"parentToolCallId": self._tools[run]} if run else {})

    def _end(self, namespace: Namespace, status: Status) -> JsonObject:
        tag = {"subagentRunId": "|".join(namespace)}
        if status == "failed":
            # A message is required; the exception's own text stays in the process.
            return {"type": "SUBAGENT_ERROR", **tag, "message": "failed"}
        end: JsonObject = {"type": "SUBAGENT_FINISHED", **tag}
        ids = self._pauses.get(namespace)
        return end | ({"outcome": {"type": "suspended", "interruptIds": ids}} if ids else {})


def _innermost(origin: Origin, known: Container[str]) -> str | None:
    return next((id for id in reversed(origin.parent_ids) if id in known), None)


class Steps:
    """The steps of one run that are open.

    Of tasks of one node that run at a time, the second is ``node#2``, and so on until none is left.
    """

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, str | None]] = {}
        self._numbers: dict[tuple[str, str | None], tuple[int, int]] = {}

    def begin(self, event: StepStart, owner: str | None) -> str:
        """Return the name of a step that its agent, ``owner``, begins."""
        name = event.origin.node or event.origin.name or event.kind
        key = self._open[event.step_id] = (name, owner)
        count, last = self._numbers.get(key, (0, 0))
        self._numbers[key] = (count + 1, last + 1)
        # The client refuses a step whose name is open: tasks of a `Send` share a node.
        return f"{name}#{last + 1}" if last else name

    def end(self, step_id: str) -> None:
        """Forget a step."""
        key = self._open.pop(step_id, None)
        if key:
            count, last = self._numbers.pop(key)
            if count > 1:
                self._numbers[key] = (count - 1, last)
