"""Sample mutants of the source, and report which of them no test notices.

    python scripts/mutate.py --number 500 --seed 1 --paths _core dialects filters.py _drive wire

A mutant is one module with one small change, such as ``<`` for ``<=`` or a statement left out. Each
is imported in a process of its own, which runs the tests of its area until one fails.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "streamkit"
AREAS = {  # the quickest that may notice come first
    "_core": "unit/test_message.py cases graphs/test_graph_items.py graphs/test_v3_protocol.py "
    "graphs/test_writes.py graphs/test_graphs_ids.py graphs/test_graphs_results.py "
    "graphs/test_graphs_once.py graphs/test_graphs_changes.py",
    "dialects": "cases graphs/test_graph_items.py graphs/test_v3_protocol.py "
    "graphs/test_run_log.py graphs/test_drift.py graphs/test_remote.py graphs/test_graph_modes.py",
    "filters.py": "unit/test_filters.py unit/test_presets.py unit/test_wrong_usage.py",
    "_drive": "unit/test_drive.py unit/test_drive_stop.py unit/test_faults.py",
    "wire": "wire/test_wire_json.py wire/test_wire_codec.py wire/test_wire_own.py "
    "wire/test_wire_sse.py wire/test_wire_ag_ui.py wire/test_wire_ai_sdk.py "
    "wire/test_wire_langgraph.py wire/test_wire_resume.py wire/test_wire_replay.py "
    "wire/test_wire_ai_sdk_request.py wire/test_wire_requests.py wire/test_wire_chat.py "
    "serve/test_serve_openai.py serve/test_agent_protocol.py",
}
PATIENCE = 240
OTHER: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
}
Change = Callable[[], None]


def changes(tree: ast.Module) -> Iterator[tuple[int, str, Change]]:  # noqa: C901  (a table)
    """Yield every small change to a tree: its line, what it is, and a function that makes it."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER:
            yield line, "comparison", lambda it=node: _swap(it.ops, 0)
        elif isinstance(node, (ast.BoolOp, ast.BinOp)) and type(node.op) in OTHER:
            yield line, "operator", lambda it=node: setattr(it, "op", OTHER[type(it.op)]())
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield line, "not", lambda it=node: setattr(it, "op", ast.UAdd())
        elif isinstance(node, ast.Constant) and type(node.value) in {bool, int}:
            other = (not node.value) if type(node.value) is bool else node.value + 1
            yield line, f"{node.value} is {other}", lambda it=node, o=other: setattr(it, "value", o)
        elif isinstance(node, (ast.If, ast.IfExp)):
            yield line, "condition", lambda it=node: _negate(it)
        for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            for at, it in enumerate(body if isinstance(body, list) else ()):
                if isinstance(it, (ast.Expr, ast.Assign, ast.AugAssign, ast.Delete)) and not (
                    isinstance(it, ast.Expr) and isinstance(it.value, ast.Constant)
                ):
                    yield it.lineno, "left out", lambda b=body, n=at: b.__setitem__(n, ast.Pass())
                elif isinstance(it, ast.Return) and it.value:
                    yield it.lineno, "returns None", lambda r=it: setattr(r, "value", None)


def _swap(ops: list[Any], at: int) -> None:
    ops[at] = OTHER[type(ops[at])]()


def _negate(node: Any) -> None:
    node.test = ast.UnaryOp(ast.Not(), node.test)


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a changed tree."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        self._name = ".".join(parts).removesuffix(".__init__")
        self._path, self._tree = path, tree

    def find_spec(self, name: str, _path: Any, _target: Any = None) -> Any:
        """Return the module's spec, or None for any other."""
        if name != self._name:
            return None
        is_package = self._path.name == "__init__.py"
        inside = [str(self._path.parent)] if is_package else None
        return importlib.util.spec_from_file_location(
            name, self._path, loader=self, submodule_search_locations=inside
        )

    def exec_module(self, module: Any) -> None:
        """Run the changed code."""
        code = compile(ast.fix_missing_locations(self._tree), str(self._path), "exec")
        exec(code, module.__dict__)  # noqa: S102


def survives(path: Path, tree: ast.Module, tests: list[str]) -> bool:
    """Return whether the tests pass with a changed module."""
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        signal.alarm(PATIENCE)
        code = 1
        try:
            import pytest

            sys.meta_path.insert(0, Mutated(path, tree))
            code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]))
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def sample(paths: list[str], number: int, seed: int) -> list[tuple[Path, int]]:
    """Return so many mutants, each as a file and the number of a change in it."""
    found: list[tuple[Path, int]] = []
    for area in paths:
        root = SOURCE / area
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            count = sum(1 for _ in changes(ast.parse(path.read_text())))
            found += [(path, at) for at in range(count)]
    return random.Random(seed).sample(found, min(number, len(found)))  # noqa: S311


def main() -> None:
    """Run the sample, and print the survivors as they are found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--paths", nargs="+", default=list(AREAS), choices=list(AREAS))
    given = parser.parse_args()
    import langchain_core.runnables  # noqa: F401  (once, for all children)
    import pytest  # noqa: F401

    killed = total = 0
    for path, at in sample(given.paths, given.number, given.seed):
        tree = copy.deepcopy(ast.parse(path.read_text()))
        line, what, make = list(changes(tree))[at]
        make()
        area = path.relative_to(SOURCE).parts[0]
        tests = [str(ROOT / "tests" / it) for it in AREAS[area].split()]
        total += 1
        if survives(path, tree, tests):
            print(f"survived: {path.relative_to(SOURCE)}:{line}: {what}", flush=True)
        else:
            killed += 1
        if total % 10 == 0:
            print(f"{killed} of {total} killed", flush=True)
    print(f"{killed} of {total} killed: {killed / total:.0%}")


if __name__ == "__main__":
    main()
