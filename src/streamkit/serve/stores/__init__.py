"""The store of runs, so that another process, or a later one, finds them.

A `Store` is what `streamkit.serve.Runs` need of an engine. A run has one owner, the process that
reads its source: the owner takes a lease, appends new frames, and so keeps the lease. Everybody
else finds the run by id or name, follows its frames, and may ask its owner to stop. When the lease
has run out, the owner is dead.

`Memory` keeps runs in this process, `Redis` in a Redis server; both pass one contract.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple, Protocol

import msgspec

from ...wire.replay import Part

__all__ = ["Found", "Part", "RunInfo", "Store"]


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about a run that are known from its start."""

    id: str
    """Its id: 128 random bits, in hexadecimal digits."""
    format: str
    """The format of its frames, by the name of its module."""
    name: str | None = None
    """Its name, such as the id of a chat: one run at a time has it."""
    owner: str | None = None
    """The owner of the run: any text, which the application's ``authorize`` reads."""


class Found(NamedTuple):
    """A run and its state."""

    info: RunInfo
    is_over: bool
    """Whether all of it is stored."""
    is_alive: bool
    """Whether its owner is alive; False once the run is over."""


class Store(Protocol):
    """A store that keeps runs for some time after their last frame.

    What its engine raises, it raises: `Runs` go on, try again, and then append everything anew.
    """

    @property
    def renew_every(self) -> float | None:
        """Seconds after which an owner with nothing new appends nothing, to keep its lease."""
        ...

    async def lease(self, run: RunInfo, stop: Callable[[], object]) -> str | None:
        """Take the lease of a new run, and its name.

        Args:
            run: the run.
            stop: called when a client asks for the run to be stopped.

        Returns:
            None; or the id of the run that has the name, and then no lease is taken.
        """
        ...

    async def append(self, id: str, part: Part) -> bool:
        """Append new frames of a run, and renew its lease; after the last part, end it.

        Returns:
            Whether a client follows the run.
        """
        ...

    def follow(self, id: str) -> AsyncIterator[Part]:
        """Return a run's frames, from the first one kept: those stored, and then new ones.

        Parts may overlap or leave a hole: see `Part.first`. Ends after the last part; or, where
        the lease has run out, without one. Where the engine cannot be reached, it waits.
        """
        ...

    async def find(self, id: str) -> Found | None:
        """Return a run, if it is still kept."""
        ...

    async def name(self, name: str) -> str | None:
        """Return the id of the last run of a name, as long as it is kept."""
        ...

    async def stop(self, id: str) -> None:
        """Ask a run's owner to stop it."""
        ...

    async def aclose(self) -> None:
        """Close the connections. The store can be used again."""
        ...
