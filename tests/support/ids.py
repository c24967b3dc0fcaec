"""Ids of nameless messages, and times: random, but the same in two streams that are compared."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from streamkit._core import brackets


@pytest.fixture(autouse=True)
def ids_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the random ids back after a test that counted them. Import it to have it."""
    monkeypatch.setattr(brackets, "uuid4", brackets.uuid4)


def count_ids_anew() -> None:
    """Count the ids from here on, so that the next stream has those of the one before."""
    brackets.uuid4 = count().__next__  # type: ignore[assignment]


def tick() -> Callable[[], float]:
    """Return a clock that counts, so that events compare equal between runs."""
    return count(1.0).__next__
