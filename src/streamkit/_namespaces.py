"""The namespaces of subgraphs, such as ``("ask:1", "2", "write:3")``: the tasks that run them.

A number is no level: langgraph (up to 1.2) writes one behind a task that runs another graph.
"""

from __future__ import annotations

from .values import Namespace


def graphs_around(namespace: Namespace) -> list[Namespace]:
    """Return the namespaces of a subgraph and of the subgraphs around it, the outermost first.

    >>> graphs_around(("ask:1", "2", "write:3"))
    [('ask:1', '2'), ('ask:1', '2', 'write:3')]
    """
    ends = range(1, len(namespace) + 1)
    return [namespace[:end] for end in ends if not "".join(namespace[end : end + 1]).isdigit()]


def graph_around(namespace: Namespace) -> Namespace | None:
    """Return the namespace of the graph around a subgraph, None where there is none."""
    graphs = [(), *graphs_around(namespace)]
    return graphs[-2] if namespace else None


def nodes_around(namespace: Namespace) -> list[str]:
    """Return the names of the nodes that run a subgraph and those around it, outermost first."""
    return [part.partition(":")[0] for part in namespace if not part.isdigit()]
