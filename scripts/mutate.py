"""Sample mutants of the source, and report which of them no test notices.

    pip install coverage
    python scripts/mutate.py --number 500 --seed 1 --paths _core dialects filters.py _drive wire

A mutant is one module with one small change, such as ``<`` for ``<=`` or a statement left out. A
process of its own runs the tests that execute the changed line until one fails: first those that
noticed the most mutants before, then the fastest. Which tests execute which line is measured once
for each state of the source and the tests, and kept in the temporary folder.

Where a change is inside functions, the process is a copy of one that has imported everything and
collected all tests, in which the functions get their new code. Otherwise, and where no test has
failed, it imports the changed module, and all of ours, anew.
"""

from __future__ import annotations

import argparse
import ast
import gc
import hashlib
import importlib
import importlib.abc
import importlib.util
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import accumulate
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage

sys.dont_write_bytecode = False  # some set-ups switch it on, and each child would compile all
ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "streamkit"
PATHS = ["_core", "dialects", "filters.py", "_drive", "wire"]
FOLDERS = ("graphs", "unit", "wire", "serve", "cases")
ELSEWHERE = {  # their programs run in other processes, whose lines are not seen
    *("serve/test_nginx.py", "serve/test_js_resume.py", "serve/test_browser_resume.py"),
    *("serve/test_chat_example.py", "serve/test_react_client.py", "wire/test_js_clients.py"),
    *("unit/test_site.py", "unit/test_release.py", "unit/test_examples.py", "unit/test_docs.py"),
    *("unit/test_benchmarks.py", "unit/test_pages.py", "unit/test_soak.py"),
}
IGNORED = [f"--ignore=tests/{name}" for name in ELSEWHERE]
OPTIONS = ["-p", "no:cacheprovider", "-p", "no:xdist", "--assert=plain", "--hypothesis-seed=0"]
FIRST, FILES = 40, 4  # so many tests of so many files at first, and the rest if none of them fails
PATIENCE = 20  # so many times the seconds of its tests may a mutant take, and a minute
MOST = 15  # seconds of tests for one mutant
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
Mutant = tuple[Path, int]

# --- mutants


def changes(tree: ast.Module) -> Iterator[tuple[int, str, Change]]:  # noqa: C901  (a table)
    """Yield every small change to a tree: its line, what it is, and a function that makes it."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER:
            yield line, "comparison", lambda it=node: _swap(it.ops, 0)
        elif isinstance(node, (ast.BoolOp, ast.BinOp)) and type(node.op) in OTHER:
            yield line, "operator", lambda it=node: setattr(it, "op", OTHER[type(it.op)]())
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield line, "not", lambda it=node: setattr(it, "operand", _not(it.operand))
        elif isinstance(node, ast.Constant) and type(node.value) in {bool, int}:
            other = (not node.value) if type(node.value) is bool else node.value + 1
            yield line, f"{node.value} is {other}", lambda it=node, o=other: setattr(it, "value", o)
        elif isinstance(node, (ast.If, ast.IfExp)) and not _is_for_types(node.test):
            yield line, "condition", lambda it=node: setattr(it, "test", _not(it.test))
        elif isinstance(node, (ast.Dict, ast.Set)):
            for at, it in enumerate(node.values if isinstance(node, ast.Dict) else node.elts):
                yield it.lineno, "entry left out", lambda d=node, n=at: _leave_out(d, n)
        for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            for at, it in enumerate(body if isinstance(body, list) else ()):
                if isinstance(it, ast.Return) and it.value and ast.unparse(it.value) != "None":
                    yield it.lineno, "returns None", lambda r=it: setattr(r, "value", None)
                elif _acts(it):
                    yield it.lineno, "left out", lambda b=body, n=at: b.__setitem__(n, ast.Pass())


def _acts(it: ast.stmt) -> bool:
    if isinstance(it, ast.Assign):
        return not ast.unparse(it.targets[0]).startswith("__")  # `__all__` and `__slots__`
    if isinstance(it, ast.Expr):
        return not isinstance(it.value, ast.Constant)
    return isinstance(it, (ast.AugAssign, ast.Delete, ast.Raise, ast.Break, ast.Continue))


def _is_for_types(test: ast.expr) -> bool:
    return ast.unparse(test) == "TYPE_CHECKING"


def _swap(ops: list[Any], at: int) -> None:
    ops[at] = OTHER[type(ops[at])]()


def _not(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _leave_out(node: Any, at: int) -> None:
    for entries in (node.keys, node.values) if isinstance(node, ast.Dict) else (node.elts,):
        del entries[at]


def sample(paths: Iterable[str], number: int, seed: int) -> list[Mutant]:
    """Return so many mutants, each as a file and the number of a change in it."""
    found: list[Mutant] = []
    for area in paths:
        root = SOURCE / area
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            count = sum(1 for _ in changes(ast.parse(path.read_text())))
            found += [(path, at) for at in range(count)]
    return random.Random(seed).sample(found, min(number, len(found)))  # noqa: S311


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


# --- tests in processes of their own


def forked(work: Callable[[], object], seconds: float = 0, *, silent: bool = True) -> Any:
    """Return what ``work`` returns in a copy of this process, or a text where that was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2) if silent else ():
            os.dup2(null, stream)
        if silent:
            os.setsid()
        signal.alarm(int(seconds))
        try:
            answer: object = work()
        except BaseException as error:  # noqa: BLE001  (whatever a mutant does)
            answer = [f"crashed: {error!r}"]
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    with suppress(ProcessLookupError):  # whatever the tests have started
        os.killpg(child, signal.SIGKILL)
    return json.loads(answer or '"killed"')


class Tests:
    """A plugin of pytest that notes what passes, in how many seconds, and what fails."""

    def __init__(self, measured: coverage.Coverage | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []
        self._measured = measured

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Attribute what runs from now on to the test."""
        self._attribute(nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note how a test, or its set-up, went."""
        if report.when != "teardown" and report.passed:
            self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        """Note a module that cannot be imported."""
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> None:
        """Attribute what a module's fixture runs to all the tests of the module."""
        if fixturedef.scope != "function":
            self._attribute(request._pyfuncitem.nodeid.split("::")[0])  # noqa: SLF001

    def pytest_runtest_call(self, item: Any) -> None:
        """Attribute what runs after the fixtures to the test again."""
        self._attribute(item.nodeid)

    def _attribute(self, context: str) -> None:
        if self._measured:
            self._measured.switch_context(context)


def options(*more: str) -> list[str]:
    """Return the arguments of a run of pytest."""
    from hypothesis import Phase, settings

    # The first example that fails is enough.
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutants", max_examples=20, deadline=None, phases=phases)
    os.chdir(ROOT)
    return [*OPTIONS, "--hypothesis-profile=mutants", *more]


def run(tests: Iterable[str], *more: str, measured: Any = None) -> Tests:
    """Run tests in this process."""
    import pytest

    notes = Tests(measured)
    pytest.main([*options(*more), *tests], plugins=[notes])
    return notes


class Collected:
    """All tests, collected, and all functions of ours: copies of this process change some."""

    def __init__(self) -> None:
        from _pytest.config import _prepareconfig
        from _pytest.main import Session

        self.notes = Tests()
        config = _prepareconfig([*options("-x", "-q", *IGNORED), "tests"], [self.notes])
        config._do_configure()  # noqa: SLF001
        self._session = Session.from_config(config)
        config.hook.pytest_sessionstart(session=self._session)
        self._session.perform_collect()
        self._items = {item.nodeid: item for item in self._session.items}
        self._functions: dict[str, list[FunctionType]] = {}
        for it in gc.get_objects():
            if type(it) is FunctionType and it.__code__.co_filename.startswith(str(SOURCE)):
                self._functions.setdefault(it.__code__.co_filename, []).append(it)
        gc.freeze()

    def new_code(self, path: Path, tree: ast.Module) -> list[tuple[FunctionType, CodeType]] | None:
        """Return the functions that a change is in, with their new code; None if it is outside."""
        old = compile(path.read_text(), str(path), "exec")
        new = compile(ast.fix_missing_locations(tree), str(path), "exec")
        live = {_name(it.__code__): it for it in self._functions.get(str(path), ())}
        made: list[tuple[FunctionType, CodeType]] = []
        for before, after in zip(_outermost(old, live), _outermost(new, live), strict=True):
            if _name(before) not in live:  # a module or a class
                if _own(before) != _own(after):
                    return None
            elif before != after:
                if before.co_freevars != after.co_freevars:
                    return None
                made.append((live[_name(before)], after))
        return made

    def failed(self, changed: list[tuple[FunctionType, CodeType]], tests: list[str]) -> list[str]:
        """Run tests with new code in this process, and return the one that fails."""
        for function, code in changed:
            function.__code__ = code
        self._session.items = [self._items[test] for test in tests if test in self._items]
        with suppress(self._session.Failed, self._session.Interrupted):
            self._session.config.hook.pytest_runtestloop(session=self._session)
        return self.notes.failed


def _name(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _own(code: CodeType) -> tuple[object, ...]:
    """Return what a module or a class executes itself."""
    consts = [it for it in code.co_consts if not isinstance(it, CodeType)]
    return code.co_code, consts, code.co_names, code.co_varnames


def _outermost(code: CodeType, live: Container[tuple[str, int]]) -> Iterator[CodeType]:
    """Yield a module, its classes and functions, but nothing inside functions."""
    yield code
    if _name(code) not in live:
        for it in code.co_consts:
            if isinstance(it, CodeType):
                yield from _outermost(it, live)


# --- which tests execute which line


class Map:
    """The tests that execute each line, as measured once."""

    def __init__(self) -> None:
        files = sorted([*SOURCE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")])
        state = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
        self._folder = Path(tempfile.gettempdir()) / f"streamkit-lines-{state}"
        self._folder.mkdir(exist_ok=True)
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._measured, FOLDERS))
        self.seconds: dict[str, float] = {}
        self.modules: dict[str, None] = {}
        for folder in FOLDERS:
            notes = json.loads((self._folder / f"{folder}.json").read_text())
            self.seconds |= notes["seconds"]
            self.modules |= dict.fromkeys(notes["modules"])
        self._contexts: dict[Path, list[dict[int, list[str]]]] = {}
        self._of_file: dict[str, list[str]] = {}
        for test in self.seconds:
            self._of_file.setdefault(test.split("::")[0], []).append(test)

    def _measured(self, folder: str) -> None:
        if not (self._folder / f"{folder}.json").exists():
            forked(partial(self._measure, folder))

    def _measure(self, folder: str) -> None:
        measured = coverage.Coverage(
            data_file=str(self._folder / folder), source=[str(SOURCE)], config_file=False
        )
        measured.start()
        notes = run([f"tests/{folder}"], *IGNORED, measured=measured)
        measured.stop()
        measured.save()
        modules = [
            name
            for name, it in sys.modules.items()
            if "site-packages" in (getattr(it, "__file__", None) or "")
        ]
        for test in notes.failed:
            notes.seconds.pop(test, None)
        made = json.dumps({"seconds": notes.seconds, "modules": modules})
        (self._folder / f"{folder}.json").write_text(made)

    def _contexts_of(self, path: Path) -> list[dict[int, list[str]]]:
        if path not in self._contexts:
            self._contexts[path] = []
            for folder in FOLDERS:
                data = coverage.CoverageData(str(self._folder / folder))  # none survives a fork
                data.read()
                self._contexts[path].append(data.contexts_by_lineno(str(path)))
        return self._contexts[path]

    def tests(self, path: Path, tree: ast.Module, line: int) -> tuple[list[str], bool]:
        """Return the tests of a line, the fastest first, and whether imports execute it."""
        contexts = self._contexts_of(path)
        lines = _statement(tree, line)
        found = {it for known in contexts for at in lines for it in known.get(at, ())}
        if is_imported := "" in found:  # it matters to whatever uses the module
            found.update(it for known in contexts for tests in known.values() for it in tests)
        tests = {it for name in found for it in self._of_file.get(name, [name])}
        return sorted(tests & {*self.seconds}, key=self.seconds.__getitem__), is_imported


def _statement(tree: ast.Module, line: int) -> range:
    """Return the lines of the statement that a line is in, without those of its body."""
    found = range(line, line + 1)
    for node in ast.walk(tree):
        if isinstance(node, (ast.stmt, ast.excepthandler, ast.match_case)):
            body = getattr(node, "body", None)
            begin = getattr(node, "lineno", None) or node.pattern.lineno  # type: ignore[union-attr]
            end = max(begin, body[0].lineno - 1) if body else node.end_lineno  # type: ignore[union-attr]
            if begin <= line <= end:
                found = range(begin, end + 1)
    return found


class Sample:
    """The mutants that were drawn, and the test that noticed each, or None."""

    def __init__(self, mutants: list[Mutant], lines: Map) -> None:
        self._mutants = mutants
        self._lines = lines
        self.found: dict[int, str | None] = {}

    def run(self, collected: Collected | None = None) -> dict[int, str | None]:
        """Run the mutants that are left, or those of them whose functions get new code."""
        begin = time.monotonic()
        for number, (path, at) in enumerate(self._mutants):
            if number in self.found:
                continue
            tree = ast.parse(path.read_text())
            line, what, make = list(changes(tree))[at]
            tests, is_imported = self._lines.tests(path, tree, line)
            make()
            if collected:
                changed = collected.new_code(path, tree)
                if changed is None or is_imported:
                    continue
                failed = partial(collected.failed, changed)
            else:
                failed = partial(_failed_anew, path, tree)
            test = self._killer(tests, failed)
            if test is None and collected:
                continue  # once more, imported anew: what an import has made or cached is old
            self.found[number] = test
            if test is None:
                about = f"{len(tests)} tests" if tests else "no test executes it"
                print(f"survived: {path.relative_to(SOURCE)}:{line}: {what} ({about})", flush=True)
            if len(self.found) % 20 == 0:
                killed = sum(test is not None for test in self.found.values())
                seconds = time.monotonic() - begin
                print(f"{killed} of {len(self.found)} in {seconds:.0f} s", flush=True)
        return self.found

    def _killer(self, tests: list[str], failed: Callable[[list[str]], list[str]]) -> str | None:
        killers = Counter(self.found.values())
        tests = sorted(tests, key=lambda it: -killers[it])
        files = [*dict.fromkeys(it.split("::")[0] for it in tests)][:FILES]
        first = [it for it in tests if it.startswith(tuple(files))][:FIRST]
        for chosen in (first, [it for it in tests if it not in {*first}]):
            seconds = [*accumulate(self._lines.seconds[it] for it in chosen)]
            within = chosen[: 1 + sum(it < MOST for it in seconds)]
            took = forked(partial(failed, within), 60 + PATIENCE * MOST) if within else None
            if took:
                return took if isinstance(took, str) else took[0]
        return None


def _failed_anew(path: Path, tree: ast.Module, tests: list[str]) -> list[str]:
    """Import a changed module, run tests in this process, and return the one that fails."""
    sys.meta_path.insert(0, Mutated(path, tree))
    notes = run(tests, "-x")
    return notes.failed or ([] if {*tests} <= {*notes.seconds} else ["not collected"])


def main() -> None:
    """Run the sample, and print the survivors as they are found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--paths", nargs="+", default=PATHS)
    given = parser.parse_args()
    sys.path.insert(0, str(SOURCE.parent))
    lines = Map()
    for name in lines.modules:  # once, for all children
        with suppress(Exception):
            importlib.import_module(name)
    assert "streamkit" not in sys.modules
    gc.freeze()  # or each child would go through all of it
    mutants = sample(given.paths, given.number, given.seed)
    of_sample = Sample(mutants, lines)
    inside: Any = forked(lambda: of_sample.run(Collected()), silent=False)
    of_sample.found = {int(number): test for number, test in inside.items()}
    found = of_sample.run()
    killers = {test for test in found.values() if test in lines.seconds}
    print(Counter(test for test in found.values() if test and test not in killers))
    doubtful = {*forked(lambda: run(killers).failed)}
    for test in doubtful:
        print(f"fails without any change, so that it proves nothing: {test}")
    killed = sum(test is not None and test not in doubtful for test in found.values())
    print(f"{killed} of {len(mutants)} killed: {killed / len(mutants):.1%}")


if __name__ == "__main__":
    main()
