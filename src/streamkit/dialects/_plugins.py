"""Dialects from outside: registered by hand, or by the entry points of installed packages.

    [project.entry-points."streamkit.dialects"]
    acme = "acme_streams:AcmeReader"

An entry point's name is the dialect's, and its object makes the readers. If that has an attribute
``detect``, it tells the dialect's items. A plugin is imported only when its name is asked for, or
when nothing else knows the first item of a stream.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Container
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from .._protocols import Adapter
from ..errors import UnknownSource, UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "PLUGINS", "Plugin", "add", "plugin_named", "plugin_that_knows"]

GROUP = "streamkit.dialects"
"""The group of the entry points."""

_NAME = re.compile(r"[a-z][a-z0-9_.-]*")


class Plugin(NamedTuple):
    """A dialect from outside."""

    factory: Callable[..., Adapter]
    detect: Callable[[object], bool] | None = None

    def reader(self, name: str, **options: object) -> Adapter:
        """Give a new reader."""
        reader = self.factory(**options)
        missing = [it for it in ("feed", "close", "fail") if not hasattr(reader, it)]
        if missing:
            raise UsageError(
                f"dialect {name!r} makes a {type(reader).__name__}, which is no Adapter: "
                f"it has no {' and no '.join(missing)}"
            )
        return reader

    def knows(self, name: str, raw: object) -> bool:
        """Tell whether ``raw`` is in this dialect."""
        try:
            return bool(self.detect and self.detect(raw))
        except Exception as error:
            raise UsageError(
                f"detect of dialect {name!r} raised {type(error).__name__}: {error}; "
                f"it must say True or False of any item, such as {raw!r:.80}"
            ) from error


PLUGINS: dict[str, Plugin] = {}
"""What was registered, or loaded, so far."""


def add(name: str, plugin: Plugin, taken: Container[str]) -> None:
    """Register a dialect, unless it is no dialect or has the name of another."""
    if not _NAME.fullmatch(str(name)):
        raise UsageError(f"{name!r} is no name for a dialect; write something like 'acme'")
    if not callable(plugin.factory):
        raise UsageError(
            f"dialect {name!r} needs a factory, a class or function that makes an Adapter, "
            f"not {plugin.factory!r:.80}"
        )
    if plugin.detect is not None and not callable(plugin.detect):
        raise UsageError(f"detect= of dialect {name!r} must be a function, not {plugin.detect!r}")
    if name in taken:
        raise UsageError(f"dialect {name!r} is streamkit's own; choose another name")
    if PLUGINS.setdefault(name, plugin) != plugin:
        raise UsageError(
            f"dialect {name!r} is {PLUGINS[name].factory!r} already; choose another name"
        )


def plugin_named(name: str, taken: Container[str]) -> Plugin | None:
    """Give the dialect of this name, from whichever installed package has it."""
    if name not in PLUGINS:
        entries = [it for it in _entry_points() if it.name == name]
        if len({it.value for it in entries}) > 1:
            raise UsageError(
                f"several installed packages have a dialect {name!r}: "
                f"{', '.join(sorted({it.value for it in entries}))}; uninstall all but one"
            )
        if entries:
            add(name, _loaded(entries[0]), taken)
    return PLUGINS.get(name)


def plugin_that_knows(raw: object, taken: Container[str]) -> str | None:
    """Give the name of the one dialect from outside that knows ``raw``, if there is one."""
    for name in {it.name for it in _entry_points()} - PLUGINS.keys():
        try:
            plugin_named(name, taken)
        except UsageError as error:
            warnings.warn(str(error), RuntimeWarning, stacklevel=2)
    names = sorted(name for name, plugin in PLUGINS.items() if plugin.knows(name, raw))
    if len(names) > 1:
        known_to = " and ".join(map(repr, names))
        raise UnknownSource(
            f"{raw!r:.120} is known to {known_to}; say what it is: dialect={names[0]!r}", raw
        )
    return names[0] if names else None


@lru_cache(maxsize=1)
def _entry_points() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # noqa: PLC0415  (importing stays light)

    return list(entry_points(group=GROUP))


def _loaded(entry: EntryPoint) -> Plugin:
    try:
        factory: Any = entry.load()
    except Exception as error:
        raise UsageError(
            f"dialect {entry.name!r} of {entry.value!r} cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error
    return Plugin(factory, getattr(factory, "detect", None))
