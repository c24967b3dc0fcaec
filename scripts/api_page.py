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
shows the whole. Whatever is not on this page is private and may change in any release, and so may
`streamkit.demo`, which holds the graph of the examples.

{count} names: each is counted once, at the first module that exports it, which is the top-level
package if that does. The formats of `streamkit.wire` are modules with the same few names, which
have a table of their own and are counted once too; counted in each format, they make {pairs}.
"""

FORMATS = """
## The formats of `streamkit.wire`

What a format has, it has under these names. What `streamkit.serve` alone reads of a format is in
[serving](serving.md#formats).

| name | what it is | in |
|---|---|---|"""

OF_FORMATS = {
    "HEADERS": "The headers of a response that streams the format.",
    "Encoder": "One run's encoder, to be fed event by event, or to derive from.",
    "encoder": "Return a stage from events to the format's bytes.",
    "Decoder": "A decoder of events from chunks of bytes.",
    "encode": "Return one event as bytes.",
    "Request": "The body of a client's request for a run.",
    "read_request": "Return what the body of a request asks for.",
    "graph_input": "Return what to call a graph with.",
    "to_messages": "Return the protocol's messages as LangChain's.",
    "ui_messages": "Return LangChain's messages as the protocol's.",
}
"""The names that several formats have, and what each is in any of them."""


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


def formats_with(name: str) -> list[str]:
    """Return the formats that export a name, or nothing if that means different things in them."""
    if name not in OF_FORMATS:
        return []
    return [
        it.__name__.rpartition(".")[2]
        for it in modules()
        if hasattr(it, "HEADERS") and name in it.__all__
    ]


def page() -> str:
    """Return the whole page."""
    pairs = list(names())
    own = [(it, name) for it, name in pairs if not (hasattr(it, "HEADERS") and formats_with(name))]
    lines = [HEAD.format(count=len(own) + len(OF_FORMATS), pairs=len(pairs))]
    current = None
    for module, name in own:
        if module is not current:
            current = module
            head = f"\n## `{module.__name__}`\n\n{about(module)}\n\n"
            lines.append(f"{head}| name | what it is |\n|---|---|")
        lines.append(f"| `{name}` | {summary(module, name).replace('|', chr(92) + '|')} |")
    lines.append(FORMATS)
    for name, text in OF_FORMATS.items():
        lines.append(f"| `{name}` | {text} | {', '.join(f'`{it}`' for it in formats_with(name))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE.name}: {PAGE.read_text().count(chr(10) + '| `')} names")
