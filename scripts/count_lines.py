"""Count the lines of code: without blank lines, comments and docstrings.

    python scripts/count_lines.py            # each package of src/streamkit, and the sum
    python scripts/count_lines.py FOLDER     # the same for another folder

The last column is the share of comment lines among the lines of code and comments.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "streamkit"
_NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def count(text: str) -> tuple[int, int]:
    """Return how many lines of a module hold code, and how many hold a comment."""
    code: set[int] = set()
    comments: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
        elif token.type not in _NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - _docstrings(text)), len(comments)


def _docstrings(text: str) -> set[int]:
    """Return the lines of all docstrings, those of attributes included."""
    strings = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
    return {line for it in strings for line in range(it.lineno, (it.end_lineno or it.lineno) + 1)}


def main(folder: Path) -> None:
    """Print the table."""
    rows: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        rows[path.relative_to(folder).parts[0]].append(count(path.read_text()))
    rows["all"] = [it for counts in rows.values() for it in counts]
    for name, counts in rows.items():
        code, comments = (sum(column) for column in zip(*counts, strict=True))
        share = 100 * comments / (code + comments or 1)
        print(f"{name:24} {len(counts):4} files {code:6} lines {share:5.1f} % comments")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE)
