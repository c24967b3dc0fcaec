"""Every example runs as its docstring says, offline, and shows what it is for."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inner_pytest import run_pytest

pytest_plugins = ["pytester"]

EXAMPLES = Path(__file__).parents[2] / "examples"

if not EXAMPLES.is_dir():
    pytest.skip("the examples are in the repository alone", allow_module_level=True)

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run an example with these lines as its input; return what it writes."""

    def run(name: str, *lines: str) -> str:
        path = EXAMPLES / name
        answers = iter(lines)

        def read(shown: str = "") -> str:
            sys.stdout.write(shown)
            try:
                return next(answers)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr("builtins.input", read)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                pytest.importorskip(node.module, reason=f"{name} needs {node.module}")
        runpy.run_path(str(path), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(("answer", "end"), [("yes", "done"), ("no", "not done")])
def test_the_terminal_chat_asks_before_it_books(run: Run, answer: str, end: str) -> None:
    out = run("terminal_chat.py", "Where can I eat?", answer, "")
    assert "[find_table {'city': 'Bologna'} done]" in out
    assert "book {'place': 'Osteria Lina'}? (yes/no)" in out
    assert f"[book {{'place': 'Osteria Lina'}} {end}]\nOsteria Lina opens at eight." in out


@pytest.mark.parametrize("lines", [(), ("Where can I eat?",)])
def test_the_terminal_chat_ends_with_its_input(run: Run, lines: tuple[str, ...]) -> None:
    assert run("terminal_chat.py", *lines).endswith(("you: ", "(yes/no) "))


def test_the_dashboard_has_a_row_for_each_agent(run: Run) -> None:
    rows = re.findall(r"│ (\w+) +│ done +│ (.+?) +│ 142", run("dashboard.py"))
    assert rows == [
        ("food", "Eat at Osteria Lina."),
        ("sights", "Climb the tower."),
        ("trains", "Take the 9:05."),
    ]


def test_the_batch_goes_on_after_a_failure(run: Run) -> None:
    out = run("batch.py")
    lines = [it for it in out.splitlines() if it.startswith("What is")]
    assert len(lines) == 40
    assert lines[12:14] == [
        "What is 12?   The answer to: What is 12?",
        "What is 13?   the provider hung up",
    ]
    assert "all cost 0.003744" in out


def test_the_tests_of_an_agent_pass(pytester: pytest.Pytester) -> None:
    pytest.importorskip("langchain.agents", reason="the example needs langchain")
    pytester.makepyfile(test_agent=(EXAMPLES / "test_agent.py").read_text())
    outcome = run_pytest(pytester, in_process=False)
    outcome.assert_outcomes(passed=3)


def test_the_streamlit_page_shows_a_conversation() -> None:
    testing: Any = pytest.importorskip("streamlit.testing.v1", reason="streamlit is not installed")
    page = testing.AppTest.from_file(str(EXAMPLES / "streamlit_chat.py"), default_timeout=30).run()
    for nth in (1, 2):
        page.chat_input[0].set_value("How is the weather?").run()
        assert not page.exception
        assert [it.name for it in page.chat_message] == ["user", "assistant"] * nth
        [tool] = page.chat_message[-1].status
        assert (tool.label, tool.state) == ("weather", "complete")
        assert page.chat_message[-1].markdown[-1].value.endswith("Sunny in Bologna all day.")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda it: it.name)
def test_an_example_is_small_and_says_how_to_start_it(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 60
    about = ast.get_docstring(ast.parse(text)) or ""
    assert re.search(rf"(?m)^    .*\bexamples/{path.name}$", about)
    assert "    pip install " in about
    assert "offline" in about
