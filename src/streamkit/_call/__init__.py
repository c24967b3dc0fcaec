"""The owning call: a run whose every fact is asked for, at the lowest cost."""

from __future__ import annotations

from ._facts import Fact
from .call import astream, stream

__all__ = ["Fact", "astream", "stream"]
