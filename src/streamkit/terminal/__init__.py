"""A run as a person watches it in a terminal. It needs rich: the extra ``terminal``.

`streamkit.transcript` writes plain lines and needs nothing.
"""

from __future__ import annotations

from .._extras import extra

with extra("terminal", "streamkit.terminal"):
    from ._tree import TreeView
    from ._view import TerminalView

__all__ = ["TerminalView", "TreeView"]
