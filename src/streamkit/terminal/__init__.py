"""Events for a person at a terminal: live, or as one line each."""

from __future__ import annotations

from ._transcript import Transcript, describe, transcript
from ._view import TerminalView, is_terminal, wants_color

__all__ = ["TerminalView", "Transcript", "describe", "is_terminal", "transcript", "wants_color"]
