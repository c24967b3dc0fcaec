"""Write docs/api.md, one line for each public name: ``python scripts/api_page.py``."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import streamkit

PAGE = Path(__file__).parent.parent / "docs" / "api.md"

HEAD = """# Public names

Every name that users may import, by module, with the first line of its documentation. `help(name)`
shows the whole. A name that the top-level package exports is listed there alone. Whatever is not on
this page is private and may change in any release.
"""


def modules() -> Iterator[ModuleType]:
    """Return the public modules: the package first, then by name."""
    yield streamkit
    for info in sorted(
        pkgutil.walk_packages(streamkit.__path__, "streamkit."), key=lambda it: it.name
    ):
        parts = info.name.split(".")[1:]
        is_private = any(part.startswith("_") or part == "demo" for part in parts)
        if not is_private and not (parts[0] == "dialects" and parts[1:]):
            yield importlib.import_module(info.name)


def names() -> Iterator[tuple[ModuleType, str]]:
    """Return each public name once, at the first module that exports it."""
    listed: set[int] = set()
    for module in modules():
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.ismodule(value):
                continue
            if id(value) not in listed:
                listed.add(id(value))
                yield module, name


def summary(module: ModuleType, name: str) -> str:
    """Return the first line of a name's documentation, which may be the string below it."""
    value = getattr(module, name)
    text = inspect.getdoc(value) if inspect.isroutine(value) or inspect.isclass(value) else None
    if text is None:
        source = "".join(inspect.getsource(it) for it in _homes(module, name))
        found = re.search(
            rf'^{name}(?::| =)[^\n]*(?:\n[^\n]+)*?\n"""(.+?)(?:"""|\n\n)',
            source,
            re.MULTILINE | re.DOTALL,
        )
        text = found[1] if found else ""
    return " ".join(text.split("\n\n")[0].split())


def _homes(module: ModuleType, name: str) -> Iterator[ModuleType]:
    """Return the module, and the others of ours that hold the same value under that name."""
    yield module
    value = getattr(module, name)
    for other in list(sys.modules.values()):
        if other.__name__.startswith("streamkit") and getattr(other, name, None) is value:
            yield other


def about(module: ModuleType) -> str:
    """Return the first paragraph of a module's documentation."""
    return (module.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")


def page() -> str:
    """Return the whole page."""
    lines, current = [HEAD], None
    for module, name in names():
        if module is not current:
            current = module
            head = f"\n## `{module.__name__}`\n\n{about(module)}\n\n"
            lines.append(f"{head}| name | what it is |\n|---|---|")
        lines.append(f"| `{name}` | {summary(module, name).replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE.name}: {sum(1 for _ in names())} names")
