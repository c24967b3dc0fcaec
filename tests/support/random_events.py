"""Random events of every class whose payloads are JSON data, and random cuts of bytes."""

from __future__ import annotations

from hypothesis import strategies as st

from streamkit._event_classes import EVENTS as CLASSES
from streamkit.strategies import _JSON as JSON
from streamkit.strategies import _TEXT as TEXT
from streamkit.strategies import events, events_of

__all__ = ["CLASSES", "EVENTS", "JSON", "PLACES", "TEXT", "cut", "events_of"]

EVENTS = events()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The same bytes in pieces, some of them perhaps empty."""
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


PLACES = st.lists(st.integers(0, 10**6), max_size=8)
