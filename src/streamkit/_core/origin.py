"""The `Origin` of an event, read from upstream's metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .._fields import items_of, text_or_none
from ..values import Namespace, Origin
from .metadata import name_of, names_in


class Scope(NamedTuple):
    """The facts of a run, or of a node's task, that hold for everything inside it."""

    agent: str | None = None
    tool_call_id: str | None = None
    internal: bool = False


OUTERMOST = Scope()
"""The scope of what nothing is known to enclose."""

# langgraph names them `nostream`, before 0.4 `langsmith:nostream`.
_INTERNAL_TAGS = frozenset({"nostream", "langsmith:nostream"})
# langchain's middleware marks its own model calls so, from langchain 1.1 on.
_INTERNAL_KEY = "lc_internal_call"
_UNNAMED = "LangGraph"
_HANDLER = "node_error_handler"  # in the path of a task that runs a node's `error_handler`


class TaskScopes:
    """The scopes of node tasks, by task id: for the APIs that name no runs."""

    def __init__(self) -> None:
        self._by_task: dict[str, Scope] = {}

    def open(
        self, path: Sequence[str], *, graph: str | None = None, tool_call_id: str | None = None
    ) -> None:
        """Record the call that a task runs, or the name of the graph that runs in it."""
        scope = self.around(path)
        if graph and graph != _UNNAMED:
            scope = scope._replace(agent=graph)
        if tool_call_id:
            scope = scope._replace(tool_call_id=tool_call_id)
        self._by_task[task_ids(path)[-1]] = scope

    def close(self, task_id: str) -> None:
        """Forget a task that ended."""
        self._by_task.pop(task_id, None)

    def around(self, path: Sequence[str]) -> Scope:
        """Return the scope of the innermost task of a path that has one."""
        if not self._by_task:
            return OUTERMOST
        scopes = (self._by_task.get(id) for id in reversed(task_ids(path)))
        return next((scope for scope in scopes if scope), OUTERMOST)

    def origin(
        self, namespace: tuple[str, ...], *, task_id: str | None = None, node: str | None = None
    ) -> Origin:
        """Return the origin of a graph, or of a node's task, inside a namespace.

        Raises:
            TypeError: one of these names is no text.
        """
        names: Any = (*namespace, node or "")  # as upstream has them
        if not all(isinstance(it, str) for it in names):
            raise TypeError("a namespace or a node is no text")
        scope = self.around(namespace)
        return Origin(
            run_id=task_id,
            parent_ids=task_ids(namespace),
            name=node,
            node=node,
            namespace=namespace,
            agent=scope.agent,
            tool_call_id=scope.tool_call_id,
        )

    def origin_from(self, metadata: dict[str, Any], *, run_id: str | None = None) -> Origin:
        """Return the origin that a message's metadata describes.

        A model's message is inside its node's task; a message that the node returned is not.
        """
        path = checkpoint_ns(metadata).split("|")
        around = self.around(path if is_models_own(metadata) else path[:-1])
        return origin_from(metadata, around, run_id=run_id)


def checkpoint_ns(metadata: Mapping[str, Any]) -> str:
    """Return the node task a run belongs to: ``"node:task_id|node:task_id"``, or ``""``.

    Not upstream's ``checkpoint_ns``, which stays at the outermost task below depth 1.
    """
    path, failed = _written_ns(metadata), failed_task(metadata)
    return f"{failed.rpartition('|')[0]}|{path.rpartition('|')[2]}".lstrip("|") if failed else path


def failed_task(metadata: Mapping[str, Any]) -> str:
    """Return the node task whose error a run handles, or ``""``.

    langgraph (1.2) names it around the handler's own task, which is no part of it.
    """
    is_handler = _HANDLER in items_of(metadata.get("langgraph_path"))
    return _written_ns(metadata).rpartition("|")[0] if is_handler else ""


def graph_around_task(metadata: Mapping[str, Any]) -> Namespace:
    """Return the namespace of the graph that a run's node task belongs to.

    Tasks may be nested within one graph: one of the functional API in its caller's, and one that
    handles an error in that of the node that failed.
    """
    # As in langgraph's `graph_namespace` (1.2): the path of a call holds that of its caller.
    tasks = _written_ns(metadata).split("|")[:-1]
    path = items_of(metadata.get("langgraph_path"))
    while tasks and path[:1] == ["__pregel_push"] and path[3:] == [True]:
        tasks, path = tasks[:-1], items_of(path[1])
    return tuple(tasks[:-1] if _HANDLER in path else tasks)


def _written_ns(metadata: Mapping[str, Any]) -> str:
    return text_or_none(metadata.get("langgraph_checkpoint_ns")) or ""


def is_node(run: Mapping[str, Any]) -> bool:
    """Return whether a run (as its ``astream_events`` dict) is that of a LangGraph node itself.

    What runs inside a node has the node's name in its metadata, too, but not as its own.
    """
    # langgraph tags only the node's own run with `graph:step:N`.
    metadata: Mapping[str, Any] = run.get("metadata") or {}
    node = metadata.get("langgraph_node")
    in_graph = any(tag.startswith("graph:step:") for tag in run.get("tags") or ())
    return in_graph and bool(node == run["name"])


def is_models_own(metadata: Mapping[str, Any]) -> bool:
    """Return whether a model wrote this; else it is what a LangGraph node returned."""
    return "ls_model_type" in metadata or "langgraph_node" not in metadata


def agent_of_graph(graph: Origin, around: Mapping[str, Any]) -> str | None:
    """Return the agent that a graph's run is, given the metadata of the run around it.

    ``create_agent`` names itself in the metadata, which everything inside inherits. Prebuilt agents
    and supervisors only name their graph.
    """
    own = graph.metadata.get("lc_agent_name")
    if own and own != around.get("lc_agent_name"):
        return str(own)
    return graph.name if graph.name != _UNNAMED else graph.agent


def is_internal(metadata: Mapping[str, Any], tags: Sequence[str]) -> bool:
    """Return whether a run is marked as a model call that users do not see."""
    return bool(metadata.get(_INTERNAL_KEY)) or not _INTERNAL_TAGS.isdisjoint(tags)


def origin_from(  # noqa: PLR0913  (the facts of a run beside its metadata)
    metadata: dict[str, Any],
    around: Scope = OUTERMOST,
    *,
    run_id: str | None = None,
    parent_ids: Sequence[str] = (),
    name: str | None = None,
    tags: Sequence[str] | None = None,
) -> Origin:
    """Return the origin of a run, from its metadata and the scope around it.

    The namespace is that of the graph around the node's task, which is left out itself. Where the
    API has no run ids, the tasks around stand for them.

    >>> origin_from({"langgraph_node": "b", "langgraph_checkpoint_ns": "a:1|b:2"}).namespace
    ('a:1',)
    """
    path = checkpoint_ns(metadata)
    tags = names_in(tags or metadata.get("tags"))
    step = metadata.get("langgraph_step")
    return Origin(
        run_id=run_id,
        parent_ids=names_in(parent_ids) or task_ids(path.split("|")),
        name=name,
        node=name_of(metadata.get("langgraph_node")),
        namespace=graph_around_task(metadata),
        step=step if type(step) is int else None,
        agent=around.agent or name_of(metadata.get("lc_agent_name")),
        thread_id=name_of(metadata.get("thread_id")),
        tags=tags,
        metadata=metadata,
        internal=around.internal or is_internal(metadata, tags),
        tool_call_id=around.tool_call_id,
    )


def task_ids(path: Sequence[str]) -> tuple[str, ...]:
    """Return the task ids of ``"node:task_id"`` parts, outermost first."""
    return tuple(part.rpartition(":")[2] for part in path if part)
