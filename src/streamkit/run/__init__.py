"""The owning call: a run whose every fact is asked for, at the lowest cost."""

from __future__ import annotations

from ._call import astream, stream
from ._facts import Fact

__all__ = ["Fact", "astream", "stream"]
