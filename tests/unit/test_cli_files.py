"""The commands that read a recorded run, as a person or a script runs them."""

import gzip
import io
import json
import os
import subprocess
import sys
from codecs import BOM_UTF8
from contextlib import redirect_stderr, redirect_stdout
from importlib import metadata
from itertools import count
from pathlib import Path

import pytest
from test_metrics import a_run

import streamkit
from streamkit import Origin, normalize
from streamkit import events as ev
from streamkit.__main__ import main
from streamkit._cli.files import _WIRES
from streamkit._files import whole_lines
from streamkit.record import record, record_raw
from streamkit.wire import ndjson, sse

pytest.importorskip("rich", reason="rich is not installed")
pyte = pytest.importorskip("pyte", reason="pyte is not installed")

SOURCE = str(Path(streamkit.__file__).parents[1])


def run(*arguments, given=b""):
    """The exit code, the output and the error output of a command."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    err, before = io.StringIO(), sys.stdin
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(given)))
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main([str(it) for it in arguments])
    finally:
        sys.stdin = before
    return code, out.buffer.getvalue().decode(), err.getvalue()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run.jsonl"
    list(normalize(a_run(), record(path)))
    return path


def started(*arguments):
    environ = {**os.environ, "PYTHONPATH": SOURCE, "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "streamkit", *map(str, arguments)]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class TestView:
    def test_shows_a_tree_with_times_and_tokens(self, path):
        code, out, err = run("view", path)
        assert (code, err) == (0, "")
        assert [" ".join(row.split()) for row in out.splitlines()] == [
            "boss run completed 10.00 s 110+12 tokens",
            "big model completed 3.00 s first 1.00 s 10+8 tokens Hi",
            "node node completed 5.00 s",
            "research tool completed 4.00 s found",
            "small model completed 3.00 s first 1.00 s 100+4 tokens Hi",
        ]
        depths = [len(row) - len(row.lstrip()) for row in out.splitlines()]
        assert depths == [0, 2, 2, 4, 6]

    def test_reads_the_standard_input(self, path):
        assert run("view", "-", given=path.read_bytes())[1] == run("view", path)[1]

    def test_reads_frames_with_ids_and_comments(self, path, tmp_path):
        frames = normalize(a_run()).pipe(sse.encoder(private=True, first_id=1))
        sent = tmp_path / "run.sse"
        sent.write_bytes(b"retry: 5\n\n:\n\n" + b"".join(frames))
        assert run("view", sent) == run("view", path)

    def test_shows_questions_and_failures(self, tmp_path):
        path, root = tmp_path / "run.jsonl", Origin()
        error = ev.ErrorInfo(name="ValueError", message="no\x1b[2J")
        events = [
            ev.RunStart(origin=root, timestamp=0.0),
            ev.Interrupt(origin=root, interrupt_id="i", value="Sure?", timestamp=1.0),
            ev.RunError(origin=root, error=error, timestamp=2.0),
        ]
        path.write_bytes(b"".join(ndjson.encode(it, private=True) for it in events))
        _, out, _ = run("view", path)
        assert "? Sure?" in out
        assert "failed" in out
        assert "ValueError: no\ufffd[2J" in out

    @pytest.mark.skipif(os.name == "nt", reason="a growing file is followed until Ctrl-C")
    def test_follows_a_growing_file_to_the_end_of_the_run(self, path, tmp_path):
        lines = path.read_bytes().splitlines(keepends=True)
        growing = tmp_path / "growing.jsonl"
        growing.write_bytes(b"".join(lines[:5]) + lines[5][:9])
        with started("view", "--follow", growing) as process:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            with growing.open("ab") as file:
                file.write(lines[5][9:] + b"".join(lines[6:]))
            out, _ = process.communicate(timeout=60)
        assert out.decode() == run("view", path)[1]

    @pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
    def test_follows_a_file_that_is_written_anew(self, path, tmp_path, monkeypatch, name):
        """The program that records was stopped, and is started again."""
        growing, whole = tmp_path / "growing" / name, path.read_bytes()
        growing.parent.mkdir()
        write = gzip.open if name.endswith(".gz") else open
        with write(growing, "wb") as file:
            file.write(b"".join(whole.splitlines(keepends=True)[:9]))
        written = iter([b"", gzip.compress(whole) if name.endswith(".gz") else whole])

        def started_again(_seconds):
            growing.write_bytes(next(written))

        monkeypatch.setattr("streamkit._files.time.sleep", started_again)
        code, out, err = run("view", "--follow", growing)
        assert (code, err) == (
            0,
            f"streamkit: incomplete: {growing} ends before the run does\n",
        )
        assert out.endswith(run("view", path)[1])

    @pytest.mark.skipif(os.name == "nt", reason="a pipe that does not block")
    def test_follows_the_lines_of_a_pipe_that_has_no_position(self, monkeypatch):
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        monkeypatch.setattr(
            "streamkit._files.time.sleep", lambda _: os.write(writing, b'{"b": 2}\n')
        )
        monkeypatch.setattr("streamkit._files._read", lambda file: file.read(99) or b"")
        with os.fdopen(reading, "rb") as file:
            os.write(writing, b'{"a": 1}\n')
            lines = whole_lines(file, pause=0.1)
            assert [next(lines), next(lines)] == [(1, b'{"a": 1}'), (2, b'{"b": 2}')]
        os.close(writing)

    @pytest.mark.skipif(os.name == "nt", reason="a pipe with a name")
    def test_follows_a_pipe(self, path, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with started("view", "--follow", tmp_path / "pipe") as process:
            with (tmp_path / "pipe").open("wb") as file:
                file.write(path.read_bytes()[:99])
                file.flush()
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.3)
                file.write(path.read_bytes()[99:])
            out, _ = process.communicate(timeout=60)
        assert out.decode() == run("view", path)[1]

    def test_follows_a_file_no_further_than_to_the_end_of_its_run(self, path):
        assert run("view", "--follow", path) == run("view", path)

    def test_ends_quietly_on_ctrl_c(self, tmp_path, monkeypatch):
        growing = tmp_path / "growing.jsonl"
        growing.touch()

        def pressed(_seconds):
            raise KeyboardInterrupt

        monkeypatch.setattr("streamkit.record.time.sleep", pressed)
        assert run("view", "--follow", growing) == (130, "", "")


@pytest.mark.parametrize(("steps", "kinds"), [(False, ["run"]), (True, ["run", "step"])])
def test_inner_steps_are_rows_of_the_tree_on_demand(steps, kinds):
    from streamkit.terminal import TreeView

    step = {"origin": Origin(run_id="p", name="prompt"), "step_id": "p", "kind": "prompt"}
    out = io.StringIO()
    with TreeView(out, steps=steps) as view:
        for event in (a_run()[0], ev.StepStart(**step, timestamp=101.0)):
            view.feed(event)
        view.refresh()  # which draws on a terminal alone
        assert out.getvalue() == ""
    assert [row.split()[1] for row in out.getvalue().splitlines()] == kinds


class TestTreeOnATerminal:
    def test_the_last_rows_are_drawn_and_the_whole_is_left(self):
        from test_terminal import Tty

        from streamkit.terminal import TreeView

        tty = Tty(100, 8)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", "100")
            patch.setenv("LINES", "8")
            patch.setenv("TERM", "xterm")
            with TreeView(tty, color=False) as view:
                for event in a_run()[:-1]:
                    view.feed(event)
                view.refresh()
                assert any(row.startswith("boss  run") and "running" in row for row in tty.shown())
                view.feed(a_run()[-1])
        rows = tty.shown()
        assert len(rows) == 5
        assert "completed" in rows[0]


class TestReplay:
    def test_shows_the_run_as_a_person_sees_it(self, path):
        code, out, _ = run("replay", path, "--speed", "0")
        assert code == 0
        assert out.splitlines()[0].split() == ["boss", "Hi"]
        assert out.splitlines()[-1] == "completed · 2 messages · 110 tokens in, 12 out"

    def test_shows_a_line_an_event(self, path):
        _, out, _ = run("replay", path, "--speed", "0", "--lines")
        assert out.splitlines()[0] == "run.start"
        assert len(out.splitlines()) == len(a_run())

    def test_takes_its_time(self, tmp_path):
        path = tmp_path / "run.jsonl"
        list(normalize(["Hel", "lo"], record(path), clock=map((0.3).__mul__, count()).__next__))
        clock = __import__("time").monotonic
        began = clock()
        assert run("replay", path, "--speed", "2", "--lines")[0] == 0
        assert clock() - began >= 0.3

    @pytest.mark.parametrize("speed", ["-1", "fast", "nan"])
    def test_has_no_other_speed(self, path, speed, capsys):
        with pytest.raises(SystemExit, match="2"):
            main(["replay", str(path), "--speed", speed])
        assert f"write a number from 0 on, such as 2, not '{speed}'" in capsys.readouterr().err


class TestConvert:
    @pytest.mark.parametrize("target", [*_WIRES, "ai-sdk", "lines"])
    def test_writes_each_format(self, path, target):
        code, out, err = run("convert", path, "--to", target)
        assert (code, err) == (0, "")
        assert "Hi" in out

    def test_leads_back(self, path, tmp_path):
        frames, again = tmp_path / "run.sse", tmp_path / "again.jsonl"
        assert run("convert", path, "--to", "sse", "--private", "-o", frames)[0] == 0
        assert frames.read_bytes() == b"".join(sse.encode(it, private=True) for it in a_run())
        assert run("convert", frames, "--to", "ndjson", "--private", "-o", again)[0] == 0
        assert again.read_bytes() == path.read_bytes()

    def test_makes_events_of_a_raw_recording(self, tmp_path):
        path = tmp_path / "raw.jsonl"
        events = list(normalize(record_raw(["Hel", "lo"], path)))
        _, out, _ = run("convert", path, "--to", "lines")
        assert [row.split()[0] for row in out.splitlines()] == [it.type for it in events]

    def test_a_source_that_cannot_be_read_leaves_the_output_alone(self, tmp_path):
        (tmp_path / "odd.jsonl").write_text("{]\n{]\n")
        (tmp_path / "out").write_text("before")
        code, _, err = run("convert", tmp_path / "odd.jsonl", "--to", "sse", "-o", tmp_path / "out")
        assert code == 1
        assert err.startswith("streamkit: line 1: no JSON")
        assert (tmp_path / "out").read_text() == "before"

    def test_an_output_that_cannot_be_written_is_a_wrong_command_line(self, path, tmp_path):
        code, _, err = run("convert", path, "--to", "sse", "-o", tmp_path / "no" / "out")
        assert code == 2
        assert "cannot write" in err

    @pytest.mark.parametrize("command", ["convert --to sse", "html"])
    def test_a_recording_is_not_written_over_while_it_is_read(self, path, command):
        before = path.read_bytes()
        same = path.parent / "." / path.name
        code, _, err = run(*command.split(), path, "-o", same)
        assert code == 2
        assert err == f"streamkit: {same} is the recording itself; name another file to write\n"
        assert path.read_bytes() == before


class TestInput:
    """A command reads what a user has, whatever its name is."""

    @pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
    @pytest.mark.parametrize("change", [gzip.compress, lambda it: it, lambda it: BOM_UTF8 + it])
    def test_may_be_compressed_or_marked_under_any_name(self, path, tmp_path, name, change):
        given = tmp_path / "given"
        given.mkdir()
        (given / name).write_bytes(change(path.read_bytes()))
        assert run("check", given / name) == run("check", path)
        assert run("check", "-", given=change(path.read_bytes())) == run("check", path)

    def test_may_begin_with_a_mark_in_each_of_its_forms(self, path, tmp_path):
        sent = b"".join(normalize(a_run()).pipe(sse.encoder(private=True)))
        assert run("check", "-", given=BOM_UTF8 + sent) == run("check", path)
        list(normalize(record_raw(iter(["Hel", "lo"]), tmp_path / "raw.jsonl")))
        raw = (tmp_path / "raw.jsonl").read_bytes()
        assert run("check", "-", given=BOM_UTF8 + raw) == run("check", "-", given=raw)

    def test_that_is_damaged_is_a_sentence(self, path, tmp_path):
        (tmp_path / "run.gz").write_bytes(gzip.compress(path.read_bytes()) + b"more")
        code, _, err = run("check", tmp_path / "run.gz")
        assert (code, err.splitlines()) == (
            2,
            [f"streamkit: cannot read {tmp_path / 'run.gz'}: Not a gzipped file (b'mo')"],
        )

    def test_that_was_closed_is_a_sentence(self, monkeypatch, capsys):
        monkeypatch.setattr(sys, "stdin", None)
        assert main(["check", "-"]) == 2
        assert capsys.readouterr().err == "streamkit: there is no standard input; name a file\n"

    @pytest.mark.parametrize("command", ["check", "stats", "convert --to lines"])
    def test_raw_recordings_in_a_row_are_refused(self, tmp_path, command):
        list(record_raw(iter(["Hel", "lo"]), tmp_path / "raw.jsonl"))
        code, _, err = run(*command.split(), "-", given=(tmp_path / "raw.jsonl").read_bytes() * 2)
        assert (code, err) == (
            1,
            "streamkit: line 4: another raw recording; split the file here\n",
        )

    def test_a_failed_run_in_a_raw_recording_is_shown(self, tmp_path):
        def failing():
            yield "Hel"
            raise OSError("gone")

        with pytest.raises(OSError, match="gone"):
            list(record_raw(failing(), tmp_path / "raw.jsonl"))
        code, out, err = run("stats", tmp_path / "raw.jsonl")
        assert (code, out.split()[:2], err) == (0, ["status", "failed"], "")


class TestOutput:
    """Whatever the output is, a command ends with a code and a sentence."""

    def test_may_be_any_stream_of_text(self, path):
        out = io.StringIO()
        with redirect_stdout(out):
            assert main(["check", str(path)]) == 0
        assert "keep the grammar" in out.getvalue()

    @pytest.mark.parametrize("command", ["view", "replay --speed 0", "stats", "convert --to sse"])
    def test_a_closed_pipe_is_no_error(self, path, command, monkeypatch):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as out, redirect_stdout(out):
            assert main([*command.split(), str(path)]) == 141

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
    def test_a_full_disk_is_a_sentence(self, path, capsys):
        with Path("/dev/full").open("w") as out, redirect_stdout(out):
            assert main(["stats", str(path)]) == 2
        assert capsys.readouterr().err.startswith("streamkit: cannot write the output: No space")

    @pytest.mark.parametrize("command", ["view", "replay --speed 0", "stats", "convert --to sse"])
    def test_may_be_closed(self, path, command, monkeypatch):
        monkeypatch.setattr(sys, "stdout", None)
        assert main([*command.split(), str(path)]) == 0

    @pytest.mark.parametrize("command", ["view", "replay --speed 0 --lines", "stats"])
    def test_escapes_what_its_encoding_lacks(self, path, command):
        path.write_bytes(path.read_bytes().replace(b"research", "調べる→".encode()))
        out = io.TextIOWrapper(io.BytesIO(), "cp1252")
        with redirect_stdout(out):
            assert main([*command.split(), str(path)]) == 0
        assert (
            out.errors,
            b"?" in out.buffer.getvalue() or b"\\u8abf" in out.buffer.getvalue(),
        ) == (
            "strict",
            True,
        )


class TestCheck:
    def test_a_sound_run_passes(self, path):
        assert run("check", path) == (0, f"{len(a_run())} events in 1 run keep the grammar\n", "")

    def test_runs_in_a_row_pass(self, path):
        path.write_bytes(path.read_bytes() * 2)
        assert run("check", path)[1] == f"{2 * len(a_run())} events in 2 runs keep the grammar\n"

    def test_the_line_that_breaks_a_rule_is_named(self, path):
        lines = path.read_bytes().splitlines(keepends=True)
        del lines[2]  # the message's start
        path.write_bytes(b"".join(lines))
        code, out, err = run("check", path)
        assert (code, out) == (1, "")
        assert err.startswith(f"{path}:3: ")
        assert "message 'm-model' is not open" in err

    def test_so_is_a_line_that_is_no_event(self, path):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*lines[:3], b"{]\n", *lines[3:]]))
        code, _, err = run("check", path)
        assert code == 1
        assert err.startswith("streamkit: line 4: no JSON")

    def test_a_run_without_its_end_fails(self, path):
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
        code, _, err = run("check", path)
        assert code == 1
        assert "the run has not ended" in err

    def test_blocks_may_be_filtered_out_on_demand(self, tmp_path):
        path = tmp_path / "run.jsonl"
        events = [it for it in a_run() if not it.type.startswith("text.")]
        path.write_bytes(b"".join(map(ndjson.encode, events)))
        assert run("check", path)[0] == 1
        assert run("check", path, "--filtered")[0] == 0

    def test_an_empty_file_is_no_sound_run(self, tmp_path):
        path = tmp_path / "run.jsonl"
        path.touch()
        assert run("check", path) == (1, "", f"streamkit: {path} has no events\n")
        assert run("stats", path) == (0, "", f"streamkit: {path} has no events\n")


class TestStats:
    def test_are_a_table_for_each_run_of_the_file(self, path):
        once = run("stats", path)[1]
        path.write_bytes(path.read_bytes() * 2)
        assert run("stats", path)[1] == once * 2

    def test_are_a_table(self, path):
        code, out, _ = run("stats", path, "--price", "big=1,10", "--price", "small=0.5,2")
        rows = [" ".join(row.split()) for row in out.splitlines()]
        assert code == 0
        assert {
            "status completed",
            "time 10.000 s",
            "first token 1.500 s",
            "between 3.000 s",
        } <= set(rows)
        assert "big 1 10 8 9e-05" in rows
        assert "research 1 0 4.000 s 4.000 s" in rows
        assert "c1 1 100 4 5.8e-05" in rows

    def test_have_columns_whatever_the_names_are(self, path):
        wide, long = "調べる研究者", "transfer_to_the_assistant_for_research"
        text = (
            path.read_text("utf-8").replace('"research"', f'"{long}"').replace('"big"', f'"{wide}"')
        )
        path.write_text(text, "utf-8")
        rows = run("stats", path)[1].splitlines()
        [tools] = [row for row in rows if row.startswith("tool ")]
        [tool] = [row for row in rows if row.startswith(long)]
        assert len(tools) == len(tool)
        [models] = [row for row in rows if row.startswith("model  ")]
        [model] = [row for row in rows if row.startswith(wide)]
        assert len(model) + len(wide) == len(models)
        path.write_text(text.replace(long, "x" * 100), "utf-8")
        assert f"{'x' * 60}…  " in run("stats", path)[1]

    def test_are_json_on_demand(self, path):
        data = json.loads(run("stats", path, "--json")[1])
        assert (data["seconds"], data["cost"], len(data["calls"])) == (10.0, None, 2)

    @pytest.mark.parametrize(
        "price",
        ["big=1", "big", "=1,2", "big=1,2,3", "big=one,two", "big=nan,1", "big=1,-2", "big=inf,0"],
    )
    def test_a_price_is_a_model_and_two_numbers(self, path, price, capsys):
        with pytest.raises(SystemExit, match="2"):
            main(["stats", str(path), "--price", price])
        assert f"such as gpt-5-mini=0.25,2.00, not '{price}'" in capsys.readouterr().err

    def test_a_model_without_a_price_is_named(self, path):
        rows = run("stats", path, "--price", "bigg=1,10")[1].splitlines()
        assert "no price for  big, small" in rows
        assert "no price for" not in run("stats", path)[1]

    def test_say_that_no_usage_was_reported(self, tmp_path):
        list(normalize(["Hel", "lo"], record(tmp_path / "run.jsonl")))
        assert "tokens        not reported" in run("stats", tmp_path / "run.jsonl")[1].splitlines()


class TestAFileThatWasCut:
    @pytest.fixture
    def cut(self, path):
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:6]))
        return path

    @pytest.mark.parametrize(
        "command",
        ["view", "stats", "stats --json", "html", "convert --to chat", "replay --speed 0"],
    )
    def test_is_incomplete_for_each_command(self, cut, command):
        name, *options = command.split()
        code, out, err = run(name, cut, *options)
        assert code == 0
        assert "incomplete" in out
        assert "running" not in out or name == "html"
        assert err == f"streamkit: incomplete: {cut} ends before the run does\n"

    def test_is_closed_before_the_next_run(self, cut):
        both = cut.read_bytes() + b"".join(map(ndjson.encode, a_run()))
        code, out, err = run("convert", "-", "--to", "chat", given=both)
        ends = [line for line in out.splitlines() if '"end"' in line]
        assert (code, err) == (0, "streamkit: incomplete: the input ends before the run does\n")
        assert ends == [
            '{"type":"end","status":"incomplete"}',
            '{"type":"end","status":"completed"}',
        ]


def test_html_is_one_page(path, tmp_path):
    assert run("html", path, "-o", tmp_path / "run.html", "--title", "My <run>")[0] == 0
    page = (tmp_path / "run.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert "My &lt;run&gt;" in page


def test_doctor_says_what_there_is():
    code, out, _ = run("doctor")
    report = json.loads(run("doctor", "--json")[1])
    assert code == 0
    assert report["versions"]["langchain-core"] in out
    assert report["extras"]["terminal"].startswith("yes")
    assert set(report) == {"versions", "extras", "streams"}


def test_doctor_says_what_there_is_not(monkeypatch):
    def missing(name, *_):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("streamkit._cli.doctor.metadata.version", missing)
    monkeypatch.setitem(sys.modules, "langgraph.types", None)
    report = json.loads(run("doctor", "--json")[1])
    assert report["versions"]["langgraph"] == "not installed"
    assert report["streams"]["langgraph"] == "not installed: no stream modes"


@pytest.mark.parametrize("command", ["view", "replay", "check", "stats", "html"])
def test_a_file_that_is_not_there_is_a_wrong_command_line(command, tmp_path):
    code, out, err = run(command, tmp_path / "missing.jsonl")
    assert (code, out) == (2, "")
    assert (
        err == f"streamkit: cannot read {tmp_path / 'missing.jsonl'}: No such file or directory\n"
    )


@pytest.mark.parametrize(
    "command", ["view", "replay", "convert", "check", "stats", "html", "doctor"]
)
def test_help_teaches_by_example(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert f"examples:\n  streamkit {command}" in capsys.readouterr().out
