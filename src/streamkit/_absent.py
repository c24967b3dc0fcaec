"""The error of a name that the package does not have, with the line to write."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from inspect import currentframe
from pkgutil import iter_modules

_ELSEWHERE = (
    *("presets", "filters", "stages", "views", "mapping", "folds", "merge", "metrics", "record"),
    *("transcript", "testing", "html", "serve", "terminal", "otel", "wire"),
)
"""The modules that are searched for a name, the most used first."""


def absent(name: str, known: Iterable[str]) -> Exception:
    """Return the error of ``name``, which is none of the package's ``known`` ones.

    >>> absent("nodes", ()).args[0]
    "module 'streamkit' has no attribute 'nodes'; write: from streamkit.filters import nodes"
    """
    package = __package__ or ""
    text = f"module {package!r} has no attribute {name!r}"
    if name[:1] == "_" or not name.isidentifier():  # Python itself asks for many of these
        return AttributeError(text, name=name)
    if find_spec(f"{package}.{name}"):  # `from streamkit import presets` asks for it first
        return AttributeError(f"{text}; write: import {package}.{name}", name=name)
    homes = dict.fromkeys(known, package)
    for module in _ELSEWHERE:
        with suppress(ImportError):  # of an extra that is not installed
            for it in import_module(f".{module}", package).__all__:
                homes.setdefault(it, f"{package}.{module}")
    for it in iter_modules(import_module(".wire", package).__path__):  # the formats
        homes.setdefault(it.name, f"{package}.wire")
    near = [name] if name in homes else get_close_matches(name, homes, 1, 0.75)
    advice = "".join(f"; write: from {homes[it]} import {it}" for it in near)
    if near and _is_import_statement():
        return ImportError(f"cannot import name {name!r} from {package!r}{advice}", name=package)
    return AttributeError(text + advice, name=name)


def _is_import_statement() -> bool:
    """Return whether ``from streamkit import`` asks, which hides the text of an AttributeError."""
    frame = currentframe()
    while frame and frame.f_globals.get("__package__") == __package__:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_name == "_handle_fromlist"
