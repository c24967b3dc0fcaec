"""Views: one stream read in several ways, or several read as one."""

from __future__ import annotations

from ._merge_runs import merge_runs
from ._split import by_agent, by_message, by_namespace, by_subagent, by_tool, split, tee

__all__ = [
    "by_agent",
    "by_message",
    "by_namespace",
    "by_subagent",
    "by_tool",
    "merge_runs",
    "split",
    "tee",
]
