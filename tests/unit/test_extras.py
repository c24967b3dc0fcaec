"""What is missing says which extra installs it, and the version is the distribution's."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import streamkit
from streamkit import UsageError
from streamkit.__main__ import main
from streamkit._extras import EXTRAS

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not (ROOT / "scripts").is_dir(), reason="the scripts are in the repository")
def test_a_base_install_imports_every_module_or_names_its_extra() -> None:
    """In a fresh process that hides whatever a base install does not have."""
    run = subprocess.run(
        [sys.executable, ROOT / "scripts" / "base_install.py", "--hide"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith(
        "modules import, or name the extra they need: langgraph, otel, serve, terminal, testing\n"
    )


def redis_store() -> Any:
    return pytest.importorskip("streamkit.serve").Redis("redis://localhost")


def progress() -> Any:
    from streamkit.testing import ScriptedChatModel

    return streamkit.astream_batch(ScriptedChatModel(script=["a"]), ["b"], progress=True)


def ag_ui_answer() -> Any:
    from streamkit.wire.ag_ui import graph_input, read_request

    answer = {"interruptId": "i", "status": "resolved", "payload": True}
    return graph_input(read_request({"threadId": "t", "runId": "r", "resume": [answer]}))


def langgraph_answer() -> Any:
    from streamkit.wire.langgraph_sse import graph_input, read_request

    return graph_input(read_request({"command": {"resume": True}}))


@pytest.mark.parametrize(
    ("missing", "extra", "use"),
    [
        (["redis"], "redis", redis_store),
        (["rich.progress", "tqdm"], "terminal", progress),
        (["langgraph", "langgraph.types"], "langgraph", ag_ui_answer),
        (["langgraph", "langgraph.types"], "langgraph", langgraph_answer),
    ],
)
def test_a_call_that_needs_an_extra_names_it(
    missing: list[str], extra: str, use: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=rf"pip install 'langchain-streamkit\[{extra}\]'"):
        use()


@pytest.mark.parametrize(
    ("missing", "extra", "command"),
    [("langgraph", "demo", ["demo"]), ("rich", "terminal", ["view", "run.jsonl"])],
)
def test_a_command_that_needs_an_extra_names_it(
    missing: str,
    extra: str,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(command) == 2
    assert capsys.readouterr().err.endswith(
        f"needs {missing}; pip install 'langchain-streamkit[{extra}]'\n"
    )


def test_a_missing_package_is_an_import_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that ``pytest.importorskip`` and ``except ImportError`` work as usual."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImportError) as caught:
        redis_store()
    assert caught.value.name == "redis"


def test_another_missing_package_is_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a package of an extra is broken, its own error is shown."""
    from streamkit._extras import extra

    monkeypatch.setitem(sys.modules, "colorsys", None)
    with pytest.raises(ModuleNotFoundError, match="colorsys") as caught, extra("otel", "x"):
        import colorsys  # noqa: F401
    assert not isinstance(caught.value, UsageError)


@pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="no repository")
def test_every_extra_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ours = {"test", "test-core", "providers", "bench", "lint", "docs", "release"}
    assert set(EXTRAS) == set(project["optional-dependencies"]) - ours


def test_the_version_is_that_of_the_distribution() -> None:
    assert streamkit.__version__ == metadata.version("langchain-streamkit")
