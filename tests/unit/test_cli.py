"""The real command, as a person or a script runs it."""

import io
import os
import re
import signal
import subprocess
import sys
import threading
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import cache
from pathlib import Path

import pytest

import streamkit
from streamkit.__main__ import main
from streamkit._cli.demo import APIS

pytest.importorskip("langgraph")
pytest.importorskip("rich")

SOURCE = str(Path(streamkit.__file__).parents[1])
PLAN = (
    "On Monday take the 9:05 train and walk the porticoes in the sun. "
    "On Tuesday climb the tower, then dine at Osteria Lina at eight."
)
CONFIRMATION = "All booked as BLQ-4821, have a lovely time!"

# What every API tells of; what the tools do at once may be told in any order.
BEGINNING = ("you", "Plan me two days in Bologna, Monday and Tuesday.")
FOOD = ("scout_food", "Eat tagliatelle at Osteria Lina, by the market.")
SIGHTS = ("scout_sights", "Climb the Asinelli tower and walk the porticoes.")
PLANNING = [
    ("planner", "┊ I need the weather, a train and a table."),
    ("planner", "Let me check a few things."),
    ("planner", '→ check_weather  {"city": "Bologna"}'),
    ("planner", '→ find_trains  {"to": "Bologna"}'),
    ("planner", '→ reserve_table  {"place": "Osteria Lina", "day": "Monday"}'),
]
TOOLS = {
    ("tools", "✓ check_weather  Sunny in Bologna on Monday and Tuesday."),
    ("tools", "✓ find_trains  Trains to Bologna leave at 8:05 and 9:05."),
}
REST = [
    ("planner", "┊ Closed on Monday, so I try Tuesday."),
    ("planner", '→ reserve_table  {"place": "Osteria Lina", "day": "Tuesday"}'),
    ("tools", "✓ reserve_table  A table at Osteria Lina on Tuesday at eight."),
    ("planner", PLAN),
    ("you", 'resumed with {"approved": true}'),
    ("booking/confirm", CONFIRMATION),
]
TOTAL = "completed · 6 messages · 1099 tokens in, 184 out"

QUESTIONS = {
    "events": ("approve", "? Shall I book this trip?"),
    "events-v1": ("trip", "? Shall I book this trip?"),
    "modes": ("", "? Shall I book this trip?"),
    "modes-sync": ("", "? Shall I book this trip?"),
}


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_COLOR")}
    return {**kept, "PYTHONPATH": SOURCE, "PYTHONIOENCODING": "utf-8", **more}


def heed_ctrl_c():
    """Tests may run in the background of a shell, which has all that it starts ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def started(*arguments, stdout=subprocess.PIPE, **more):
    """The command as a process of its own, which is killed if it hangs."""
    command = [sys.executable, "-m", "streamkit", *arguments]
    first = None if os.name == "nt" else heed_ctrl_c
    pipes = {"stdout": stdout, "stderr": subprocess.PIPE, "preexec_fn": first}
    with subprocess.Popen(command, env=environment(**more), **pipes) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        yield process
        process.wait()
        watchdog.cancel()


@cache
def command(*arguments):
    """The exit code, the output and the error output of the command as a process of its own."""
    with started(*arguments) as process:
        out, err = process.communicate()
    return process.returncode, out.decode(), err.decode()


@cache
def run(*arguments):
    """The same, in this process, which saves the time to import everything anew."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True), io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(out), redirect_stderr(err):
        warnings.simplefilter("ignore")
        code = main(arguments)
    return code, out.buffer.getvalue().decode(), err.getvalue()


def watch(api):
    """The text view; the API with most to say is run as a person would."""
    runner = command if api == "events" else run
    return runner("demo", "--fast", "--check", "--api", api)


def said(out):
    """Who said what: the rows of the text view, each with its label."""
    rows, speaker = [], ""
    for row in out.splitlines()[1:-1]:
        label, body = row[:17].strip(), row[17:].strip()
        speaker = (label or speaker) if row else ""
        if body:
            rows.append((speaker.strip("-"), body))
    return rows


def in_order(expected, rows):
    """Whether `expected` is a subsequence of `rows`."""
    left = iter(rows)
    return all(row in left for row in expected)


class TestText:
    @pytest.mark.parametrize("api", APIS)
    def test_tells_the_same_story_through_every_api(self, api):
        code, out, err = watch(api)
        rows = said(out)
        assert code == 0
        assert out.splitlines()[0] == str(APIS[api])
        assert out.splitlines()[-1] == TOTAL
        assert rows[0] == BEGINNING
        assert {FOOD, SIGHTS, *TOOLS} <= set(rows)
        assert in_order([*PLANNING, *REST], rows)
        assert all(rows.count(row) == 1 for row in [FOOD, SIGHTS, *PLANNING, *TOOLS, *REST])
        assert re.fullmatch(r"check passed: \d+ events in 2 streams\n", err)

    @pytest.mark.parametrize("api", APIS)
    def test_asks_what_the_graph_asks(self, api):
        _, out, _ = watch(api)
        if api in QUESTIONS:
            assert QUESTIONS[api] in said(out)
        else:
            assert "The graph waits at 'approve', which this API does not report." in out

    @pytest.mark.parametrize("api", sorted(APIS))
    def test_shows_that_a_tool_failed(self, api):
        _, out, _ = watch(api)
        [row] = [row for row in out.splitlines() if "✗" in row]
        assert "✗ reserve_table" in row
        assert "Osteria Lina is closed on Monday" in row

    def test_shows_everything_else_that_happens(self):
        _, out, _ = watch("events")
        rows = said(out)
        assert in_order(
            [
                ("look_up", "✓ Guidebook  2 documents"),
                ("look_up", "wrote request, guide"),
                ("scout_food", "wrote food"),
                ("tools", "• forecast  city Bologna, day Monday, sky sunny"),
                ("tools", "• forecast  city Bologna, day Tuesday, sky sunny"),
                ("booking/hold", "wrote reference"),
            ],
            rows,
        )
        assert ("trip", "• train 9:05, to Bologna") in rows

    def test_is_coloured_only_on_demand(self, monkeypatch):
        assert "\x1b" not in watch("events")[1]
        monkeypatch.setenv("FORCE_COLOR", "1")
        _, out, _ = run("demo", "--fast", "--api", "messages-sync")
        assert "\x1b[31m✗ \x1b[0m\x1b[31mreserve_table\x1b[0m" in out
        assert "\x1b[2;3mI need the weather, a train and a table.\x1b[0m" in out
        assert not re.search(r"\x1b\[\d*[A-K]", out), "moves the cursor of a pipe"


class TestLines:
    def lines(self, api):
        code, out, err = run("demo", "--fast", "--format", "lines", "--api", api)
        assert (code, err) == (0, "")
        return out.splitlines()

    @pytest.mark.parametrize(
        "pattern",
        [
            r"^text.end \S+ (.*)",
            r"^reasoning.end \S+ (.*)",
            r"^tool_call.end \S+ (.*)",
            r"^tool.start (.*)",
            r"^tool.end (.*)",
            r"^message.end \S+ (.*)",
            r"^run.end \S+ (.*)",
        ],
    )
    def test_messages_tell_what_events_tell(self, pattern):
        events, messages = (
            sorted(found[1] for line in self.lines(api) if (found := re.search(pattern, line)))
            for api in ("events", "messages")
        )
        assert events == messages
        assert events

    def test_are_all_the_events(self):
        lines = self.lines("events")
        starts = [line for line in lines if line.startswith("step.start")]
        ends = [line for line in lines if line.startswith("step.end")]
        assert len(starts) == len(ends) > 20
        assert lines[0].startswith("run.start")
        assert lines[-1] == "run.end completed 47+13 tokens"
        assert "interrupt" in {line.split()[0] for line in lines}

    def test_name_no_run(self):
        assert not re.search("[0-9a-f]{8}-[0-9a-f]{4}", "\n".join(self.lines("events")))


def test_ndjson_is_one_event_per_line():
    ndjson = pytest.importorskip("streamkit.wire.ndjson")
    code, out, err = run("demo", "--fast", "--format", "ndjson", "--api", "messages")
    events = ndjson.Decoder().feed(out.encode())
    assert (code, err) == (0, "")
    assert len(events) == out.count("\n")
    assert [event.text for event in events if event.type == "message.end"][-1] == CONFIRMATION


class TestEnds:
    def test_a_closed_pipe_is_no_error(self):
        with started("demo", "--fast", "--format", "lines") as process:
            first = process.stdout.readline()
            process.stdout.close()
            err = process.stderr.read()
        assert first.startswith(b"run.start")
        assert (process.returncode, err) == (141, b"")

    def test_so_is_one_that_nobody_reads_from_the_start(self):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as out, redirect_stdout(out):
            assert main(["schema", "--json"]) == 141

    @pytest.mark.skipif(os.name == "nt", reason="signals of a POSIX system")
    @pytest.mark.parametrize("api", ["events", "messages-sync"])
    def test_ctrl_c_shows_how_it_ends(self, api):
        with started("demo", "--format", "lines", "--api", api) as process:
            lines = iter(process.stdout.readline, b"")
            assert any(line.startswith(b"text.delta") for line in lines)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate()
        assert process.returncode == 130
        assert out.decode().splitlines()[-1].startswith("run.end cancelled")
        assert b"message.end m1 cancelled" in out
        assert err == b""

    def test_a_failing_run_has_an_exit_code(self, monkeypatch, capsys):
        def broken(self, graph, given, config):
            yield "Hel"
            raise RuntimeError("out of tokens")

        monkeypatch.setattr("streamkit._cli.demo.Api.start", broken)
        assert main(["demo", "--fast"]) == 1
        out, err = capsys.readouterr()
        assert out.splitlines()[-4:] == [
            "",
            " " * 17 + "✗ RuntimeError  out of tokens",
            "",
            "failed · 1 message",
        ]
        assert err == ""

    def test_a_failing_check_has_one_too(self, monkeypatch, capsys):
        def broken(events):
            raise AssertionError(f"{len(events)} events, all wrong")

        monkeypatch.setattr("streamkit.testing.check_stream", broken)
        monkeypatch.setattr("streamkit._cli.demo.Api.start", lambda *_: iter(["Hi"]))
        assert main(["demo", "--fast", "--check"]) == 1
        assert capsys.readouterr().err == "streamkit: check failed: 7 events, all wrong\n"


class TestCommandLine:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["demo", "--api", "magic"], "streamkit demo: argument --api: invalid choice: 'magic'"),
            (["demo", "--format", "x"], "streamkit demo: argument --format: invalid choice: 'x'"),
            (["nonsense"], "streamkit: argument COMMAND: invalid choice: 'nonsense'"),
            (["demo", "--slow"], "streamkit: unrecognized arguments: --slow"),
        ],
    )
    def test_explains_a_wrong_one_on_one_line(self, arguments, message, capsys):
        with pytest.raises(SystemExit) as exit:
            main(arguments)
        assert exit.value.code == 2
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith(message)

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            ("gpt", "--model takes provider:name, such as openai:gpt-5-mini, not 'gpt'"),
            ("nobody:gpt", ""),
            ("openai:gpt", ""),
        ],
    )
    def test_explains_what_a_model_lacks(self, model, message, monkeypatch, capsys):
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        assert main(["demo", "--model", model]) == 2
        out, err = capsys.readouterr()
        [line] = err.splitlines()
        assert line.startswith(f"streamkit: {message}")
        assert out == ""

    def test_explains_that_a_model_needs_langchain(self, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "langchain.chat_models", None)
        assert main(["demo", "--model", "openai:gpt"]) == 2
        assert "--model needs langchain" in capsys.readouterr().err

    @pytest.mark.parametrize(("asked", "shown"), [([], 0), (["default"], 3)])
    def test_shows_warnings_where_python_is_asked_to(self, asked, shown, monkeypatch):
        def version_of(name):
            warnings.warn(name, stacklevel=1)
            return "1"

        monkeypatch.setattr(sys, "warnoptions", asked)
        monkeypatch.setattr("streamkit.__main__.version_of", version_of)
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            assert main(["--version"]) == 0
        assert len(found) == shown

    def test_without_a_command_shows_the_commands(self, capsys):
        assert main([]) == 0
        assert "demo" in capsys.readouterr().out

    def test_tells_the_versions_and_imports_nothing_for_it(self):
        code, out, err = command("--version")
        assert (code, err) == (0, "")
        assert re.fullmatch(r"streamkit \S.* \(langchain-core [\d.]+, langgraph [\d.]+\)\n", out)

    def test_says_what_the_demo_needs(self, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "langgraph", None)
        assert main(["demo"]) == 2
        assert capsys.readouterr() == (
            "",
            "streamkit: the demo needs langgraph; pip install 'langchain-streamkit[demo]'\n",
        )


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals of a POSIX system")
def test_a_terminal_shows_it_live():
    import pty

    ours, theirs = pty.openpty()
    pieces = []
    with started("demo", "--fast", "--api", "messages", stdout=theirs, TERM="xterm") as process:
        os.close(theirs)
        with suppress(OSError):  # how Linux says that the other end is closed
            while piece := os.read(ours, 65536):
                pieces.append(piece)
    os.close(ours)
    shown = b"".join(pieces).decode()
    assert (process.returncode, process.stderr.closed) == (0, True)
    assert "\x1b[2K" in shown, "two models run in parallel, but nothing is drawn again"
    assert "\x1b[36myou\x1b[0m" in shown
    assert f"\x1b[2m{TOTAL}\x1b[0m\r\n" in shown
    assert "\n" not in shown.rpartition(f"{TOTAL}\x1b[0m\r\n")[2]
    assert shown.rstrip().endswith("\x1b[?25h"), "the cursor is shown again"
