"""From upstream's metadata to an `Origin`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..values import Origin

__all__ = ["checkpoint_ns", "is_models_own", "is_node", "origin_from", "origin_in", "task_ids"]


def checkpoint_ns(metadata: Mapping[str, Any]) -> str:
    """Give the node task a run belongs to: ``"node:task_id|node:task_id"``, or ``""``.

    Not upstream's ``checkpoint_ns``, which stays at the outermost task below depth 1.
    """
    return metadata.get("langgraph_checkpoint_ns") or ""


def is_node(run: Mapping[str, Any]) -> bool:
    """Tell whether a run (as its ``astream_events`` dict) is that of a LangGraph node itself.

    What runs inside a node has the node's name in its metadata, too, but not as its own.
    """
    metadata: Mapping[str, Any] = run.get("metadata") or {}
    node = metadata.get("langgraph_node")
    in_graph = any(tag.startswith("graph:step:") for tag in run.get("tags") or ())
    return in_graph and bool(node == run["name"])


def is_models_own(metadata: Mapping[str, Any]) -> bool:
    """Tell whether a model said this; else it is what a LangGraph node returned."""
    return "ls_model_type" in metadata or "langgraph_node" not in metadata


def origin_from(
    metadata: dict[str, Any],
    *,
    run_id: str | None = None,
    parent_ids: Sequence[str] = (),
    name: str | None = None,
    tags: Sequence[str] | None = None,
) -> Origin:
    """Read what upstream's metadata says about where a run is.

    The namespace is that of the graph around the node, so the node's own task is left out. Where
    the API tells no run ids, the tasks around stand for them.

    >>> origin_from({"langgraph_node": "b", "langgraph_checkpoint_ns": "a:1|b:2"}).namespace
    ('a:1',)
    """
    path = checkpoint_ns(metadata)
    return Origin(
        run_id=run_id,
        parent_ids=tuple(parent_ids) or task_ids(path.split("|")),
        name=name,
        node=metadata.get("langgraph_node"),
        namespace=tuple(path.split("|")[:-1]) if path else (),
        step=metadata.get("langgraph_step"),
        agent=metadata.get("lc_agent_name"),
        thread_id=metadata.get("thread_id"),
        tags=tuple(tags or metadata.get("tags") or ()),
        metadata=metadata,
    )


def origin_in(
    namespace: tuple[str, ...], *, task_id: str | None = None, node: str | None = None
) -> Origin:
    """Give the place of a node's task, or of a graph, inside a namespace."""
    return Origin(
        run_id=task_id, parent_ids=task_ids(namespace), name=node, node=node, namespace=namespace
    )


def task_ids(path: Sequence[str]) -> tuple[str, ...]:
    """Give the task ids of ``"node:task_id"`` parts, outermost first."""
    return tuple(part.rpartition(":")[2] for part in path if part)
