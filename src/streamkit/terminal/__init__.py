"""A run as a person watches it in a terminal. It needs rich: the extra ``terminal``."""

from __future__ import annotations

try:
    from ._tree import TreeView
    from ._view import TerminalView
except ModuleNotFoundError as _error:
    if (_error.name or "").partition(".")[0] != "rich":
        raise
    raise ModuleNotFoundError(
        "streamkit.terminal needs rich; pip install 'langchain-streamkit[terminal]' "
        "(streamkit.transcript writes plain lines and needs nothing)",
        name="rich",
    ) from _error

__all__ = ["TerminalView", "TreeView"]
