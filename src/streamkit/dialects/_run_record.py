"""The facts that the events of ``astream_events`` and of callbacks hold about their runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from .._core.kinds import fields_of, kind_of
from .._core.origin import OUTERMOST, Scope, agent_of_graph, checkpoint_ns, failed_task, is_node
from .._fields import dict_or_empty
from ..values import Origin, StepKind

RunKind: TypeAlias = StepKind | Literal["tool", "retriever"]
"""The kind of work that a run does."""


class Run:
    """One upstream run, while it lasts."""

    __slots__ = ("input", "inside", "is_in_node", "kind", "origin", "tool_call_id")

    def __init__(self, origin: Origin, kind: RunKind) -> None:
        self.origin: Origin = origin
        self.kind: RunKind = kind
        self.tool_call_id: str | None = None
        self.input: Any = None
        self.is_in_node: bool = False
        """Whether it is a tool that a node runs for a model's call."""
        self.inside: Scope = self.outside

    @property
    def outside(self) -> Scope:
        """The scope that the run itself is in."""
        origin = self.origin
        return Scope(origin.agent, origin.tool_call_id, origin.internal)

    def answers(self, tool_call_id: str | None) -> None:
        """Record the call that a tool, or the node that was sent it, runs."""
        self.tool_call_id = tool_call_id
        if tool_call_id:
            self.inside = self.inside._replace(tool_call_id=tool_call_id)


def scope_around(runs: Mapping[str, Run], event: dict[str, Any]) -> Scope:
    """Return the scope that a run starts in.

    A tool acts on behalf of the call around its node, not of the one it runs.
    """
    outer = caller_of_tool(runs, event) if event["event"] == "on_tool_start" else None
    if outer:
        return outer.outside if outer.kind == "node" else outer.inside
    return next((run.inside for run in _runs_around(runs, event)), OUTERMOST)


def caller_of_tool(runs: Mapping[str, Run], event: dict[str, Any]) -> Run | None:
    """Return the node, or the other tool, that runs a tool, or None."""
    around = _runs_around(runs, event)
    return next((run for run in around if run.kind in {"node", "tool"}), None)


def mark_graph_around(runs: Mapping[str, Run], node: dict[str, Any]) -> None:
    """Record that the run around a node is a graph, under whatever name it was compiled."""
    around = list(_runs_around(runs, node))
    parents: Sequence[str] = node.get("parent_ids") or ()
    if not around or (parents and parents[-1] != around[0].origin.run_id):
        return  # it was filtered out
    graph = around[0]
    graph.kind = "graph"
    agent = agent_of_graph(graph.origin, around[1].origin.metadata if around[1:] else {})
    graph.inside = graph.inside._replace(agent=agent)


def _runs_around(runs: Mapping[str, Run], event: dict[str, Any]) -> Iterator[Run]:
    """Return the known runs around one that starts, innermost first."""
    parents: Sequence[str] = event.get("parent_ids") or ()
    if parents:
        yield from (runs[id] for id in reversed(parents) if id in runs)
        return
    # Version 1 and the log leave the parents out. There the path of its task is compared, which is
    # the same for two tools that run at once in one node: then neither is known to be around.
    path = f"{checkpoint_ns(event.get('metadata') or {})}|"
    paths = [(run, checkpoint_ns(run.origin.metadata)) for run in reversed(list(runs.values()))]
    tools = Counter(it for run, it in paths if run.kind == "tool")
    for run, it in sorted(paths, key=lambda pair: len(pair[1]), reverse=True):
        is_around = not it or path.startswith(f"{it}|")
        if is_around and not (run.kind == "tool" and tools[it] > 1):
            yield run


def kind_of_run(event: dict[str, Any]) -> RunKind:
    """Return the kind of a run, from its start."""
    kind = event["event"].removeprefix("on_").removesuffix("_start")
    if kind != "chain":
        return cast("RunKind", kind)
    metadata: Mapping[str, Any] = event.get("metadata") or {}
    if is_node(event):
        return "node"
    # langgraph 1.1 and later set `ls_integration`; before, only the name identifies a root graph.
    at_root = "langgraph_node" not in metadata and metadata.get("ls_integration") == "langgraph"
    if at_root or event["name"] in {"LangGraph", metadata.get("lc_agent_name")}:
        return "graph"
    return "chain"


def takes_place_of(new: Origin, old: Origin) -> bool:
    """Return whether a run is another attempt at what ``old``, beside it, did not end."""
    # langchain-core's `RunnableRetry` tags every attempt but the first.
    is_next = any(tag.startswith("retry:attempt:") for tag in new.tags)
    return is_next or _is_same_task(new, old)


def _is_same_task(new: Origin, old: Origin) -> bool:
    """Return whether a RetryPolicy runs a node again, in the same task, or it handles its error."""
    path = failed_task(new.metadata) or checkpoint_ns(new.metadata)
    is_node = any(tag.startswith("graph:step:") for tag in new.tags)
    return is_node and path != "" and path == checkpoint_ns(old.metadata)


def sent_tool_call_id(given: object) -> str | None:
    """Return the call that a node was sent to run: agents send each call to a task of its own."""
    # `create_agent` and langgraph's prebuilt agent: `Send("tools", [call])`, later with the state.
    calls = cast("list[object]", given if isinstance(given, list) else [given])
    sent = dict_or_empty(calls[0]) if len(calls) == 1 else {}
    sent = dict_or_empty(sent.get("tool_call", sent))
    return sent.get("id") if "name" in sent and "args" in sent else None


def tool_call_id_among(given: object) -> str | None:
    """Return the call that a task of a workflow is called to run: the only one of its arguments."""
    ids = [*filter(None, map(sent_tool_call_id, dict_or_empty(given).values()))]
    return ids[0] if len(ids) == 1 else None


class Completion(NamedTuple):
    """The answer of a completion model, which has no messages."""

    text: str
    info: dict[str, Any]


def answer_in(output: object) -> Mapping[str, Any] | Completion | None:
    """Return a model's whole answer: a message's fields, or a completion."""
    if kind_of(output):
        return fields_of(output)
    # A completion model's: an LLMResult of callbacks and version 1, its dict in version 2.
    default: object = getattr(output, "generations", None)
    generations: Any = dict_or_empty(output).get("generations", default)
    if not generations or not generations[0]:
        return None
    first: object = generations[0][0]
    fields = dict_or_empty(first) or fields_of(first)
    message = fields.get("message")
    if kind_of(message):
        return fields_of(message)
    return Completion(fields.get("text") or "", dict_or_empty(fields.get("generation_info")))
