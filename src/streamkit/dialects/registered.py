"""Dialects that an application registered.

`register` adds one under its name. Its `detect` function is called only for items that no
built-in dialect recognises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import NamedTuple

from .._fields import shown
from .._protocols import Adapter
from ..errors import UnknownSource, UsageError


class Registration(NamedTuple):
    """The arguments of one call of `register`."""

    factory: Callable[..., Adapter]
    detect: Callable[[object], bool] | None = None

    def reader(self, name: str, **options: object) -> Adapter:
        """Return a new reader."""
        # A factory may be any callable, so its result is checked where the caller can see why.
        reader = self.factory(**options)
        missing = [it for it in ("feed", "close", "fail") if not hasattr(reader, it)]
        if missing:
            raise UsageError(
                f"dialect {name!r} makes a {type(reader).__name__}, which is no Adapter: "
                f"it has no {' and no '.join(missing)}"
            )
        return reader

    def detects(self, name: str, raw: object) -> bool:
        """Return whether ``raw`` is in this dialect."""
        try:
            return bool(self.detect and self.detect(raw))
        except Exception as error:
            raise UsageError(
                f"detect of dialect {name!r} raised {type(error).__name__}: {error}; "
                f"it must say True or False of any item, such as {shown(raw, 80)}"
            ) from error


REGISTERED: dict[str, Registration] = {}


def add(name: str, registration: Registration, taken: Container[str]) -> None:
    """Register a dialect.

    Raises:
        UsageError: if it is no dialect, or has the name of another.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_.-]*", str(name)):
        raise UsageError(f"{name!r} is no name for a dialect; write something like 'acme'")
    if not callable(registration.factory):
        raise UsageError(
            f"dialect {name!r} needs a factory, a class or function that makes an Adapter, "
            f"not {shown(registration.factory, 80)}"
        )
    if registration.detect is not None and not callable(registration.detect):
        raise UsageError(
            f"detect= of dialect {name!r} must be a function, not {registration.detect!r}"
        )
    if name in taken:
        raise UsageError(f"dialect {name!r} is streamkit's own; choose another name")
    if REGISTERED.setdefault(name, registration) != registration:
        raise UsageError(
            f"dialect {name!r} is {REGISTERED[name].factory!r} already; choose another name"
        )


def name_that_detects(raw: object) -> str | None:
    """Return the name of the one registered dialect that detects ``raw``, or None.

    Raises:
        UnknownSource: if two of them do.
    """
    names = sorted(name for name, it in REGISTERED.items() if it.detects(name, raw))
    if len(names) > 1:
        known_to = " and ".join(map(repr, names))
        raise UnknownSource(
            f"{shown(raw, 120)} is known to {known_to}; say what it is: dialect={names[0]!r}", raw
        )
    return names[0] if names else None
