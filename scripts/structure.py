"""Draw the structure of the package from its imports, as text.

    python scripts/structure.py              # src/streamkit, into docs/design.md
    python scripts/structure.py FOLDER       # print the package in a folder, with sizes

A line is a module or a package of the top level. It stands above everything that it imports, so
that all arrows point down; what stands on layer 1 imports nothing of ours. Imports inside
functions, which run only when they are called, are listed below where they point up.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "streamkit"
PAGE = Path(__file__).parent.parent / "docs" / "design.md"


def imports(path: Path, root: Path, *, inside: bool = False) -> Iterator[str]:
    """Return the top-level names of ours that a module imports, inside functions or outside."""
    package = path.relative_to(root).parts[:-1]
    tree = ast.parse(path.read_text())
    functions = (
        it for it in ast.walk(tree) if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    nodes = (node for it in functions for node in ast.walk(it)) if inside else iter(tree.body)
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (".".join((*base, name)).split(".")[0] for name in names)


def graph(root: Path, *, inside: bool = False) -> dict[str, set[str]]:
    """Return the imports of each top-level module or package."""
    needs: dict[str, set[str]] = {}
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).with_suffix("").parts[0]
        needs.setdefault(name, set()).update(imports(path, root, inside=inside))
    return {name: (it & needs.keys()) - {name} for name, it in needs.items()}


def layers(needs: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the names layer by layer, the lowest first.

    Raises:
        ValueError: some of them import each other in a circle.
    """
    result: list[list[str]] = []
    placed: set[str] = set()
    while len(placed) < len(needs):
        layer = [name for name in needs if name not in placed and needs[name] <= placed]
        if not layer:
            raise ValueError(f"a circle among {sorted(needs.keys() - placed)}")
        result.append(layer)
        placed.update(layer)
    return result


def draw(root: Path, *, sizes: bool = True) -> Iterator[str]:
    """Return the lines of the drawing, the highest layer first, with or without sizes."""
    needs = graph(root)
    placed = list(enumerate(layers(needs), 1))
    for number, layer in reversed(placed):
        for name in layer:
            files = [root / f"{name}.py"] if (root / f"{name}.py").exists() else []
            files += (root / name).rglob("*.py")
            lines = sum(len(file.read_text().splitlines()) for file in files)
            below = ", ".join(sorted(needs[name]))
            size = f"{lines:5}  " if sizes else ""
            yield f"{number:2}  {name:16} {size}{'-> ' + below if below else ''}".rstrip()

    layer_of = {name: number for number, layer in placed for name in layer}
    for name, later in graph(root, inside=True).items():
        for other in sorted(later):
            if layer_of[other] >= layer_of[name]:
                yield f"    when called: {name} -> {other}"


def page() -> str:
    """Return docs/design.md with the drawing of today's package."""
    head, _, rest = PAGE.read_text().partition("<!-- structure -->\n")
    _, _, tail = rest.partition("<!-- end -->\n")
    drawing = "\n".join(draw(SOURCE, sizes=False))  # sizes change with every commit
    return f"{head}<!-- structure -->\n\n```text\n{drawing}\n```\n\n<!-- end -->\n{tail}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print("\n".join(draw(Path(sys.argv[1]))))
    else:
        PAGE.write_text(page())
