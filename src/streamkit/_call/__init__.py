"""The call that we make ourselves, with the cheapest source for what its stages can keep."""

from __future__ import annotations

from .call import astream, stream

__all__ = ["astream", "stream"]
