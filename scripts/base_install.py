"""Import every module as a base install does: ``python scripts/base_install.py [--hide]``.

Each module either imports, or raises a `UsageError` that names its extra. ``--hide`` first hides
every installed package that a base install would not have.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from importlib import metadata

NEEDS = {
    "streamkit.demo": "langgraph",
    "streamkit.langgraph": "langgraph",
    "streamkit.otel": "otel",
    "streamkit.pytest_plugin": "testing",
    "streamkit.serve": "serve",
    "streamkit.strategies": "testing",
    "streamkit.terminal": "terminal",
}
"""The modules and packages that need an extra. All others need the base install alone."""


def required(name: str, found: set[str]) -> set[str]:
    """Return the distributions that a distribution needs without any extra, itself included."""
    name = re.sub(r"[-_.]+", "-", name).lower()
    if name not in found:
        found.add(name)
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # for another platform or Python
            return found
        for line in lines:
            if "extra ==" not in line:
                required(re.match(r"[\w.-]+", line)[0], found)
    return found


def hide_extras() -> None:
    """Make every package unimportable that no base distribution brings."""
    kept = {re.sub(r"[-_.]+", "-", it).lower() for it in required("langchain-streamkit", set())}
    for package, owners in metadata.packages_distributions().items():
        if not kept & {re.sub(r"[-_.]+", "-", it).lower() for it in owners}:
            sys.modules[package] = None


def attempt(name: str) -> str | None:
    """Import a module; return the extra that its `UsageError` names, or None."""
    from streamkit import UsageError

    try:
        importlib.import_module(name)
    except UsageError as error:
        return re.search(r"pip install 'langchain-streamkit\[(\w+)\]'", str(error))[1]
    return None


def main() -> None:
    """Compare every module with the table."""
    if "--hide" in sys.argv:
        hide_extras()
    import streamkit

    names = [it.name for it in pkgutil.walk_packages(streamkit.__path__, "streamkit.")]
    for name in names:
        expected = next((NEEDS[it] for it in NEEDS if f"{name}.".startswith(f"{it}.")), None)
        found = attempt(name)
        assert found == expected, f"{name} needs the extra {found}, not {expected}"
    missing = sorted(set(NEEDS.values()))
    print(f"{len(names)} modules import, or name the extra they need: {', '.join(missing)}")


if __name__ == "__main__":
    main()
