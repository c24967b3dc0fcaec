"""The pytest plugin, in test sessions of its own."""

import pytest

from inner_pytest import run_pytest
from streamkit import UsageError, normalize
from streamkit.pytest_plugin import StreamRecorder
from streamkit.record import replay
from streamkit.transcript import transcript

pytest_plugins = ["pytester"]

TEST = """
from streamkit import normalize

def test_greeting(stream_recorder, assert_transcript):
    stream = normalize({words}).pipe(stream_recorder)
    assert stream.collect().text == {wanted!r}
    assert_transcript(stream_recorder.events, "runs/greeting.txt")
"""


@pytest.fixture
def session(pytester):
    def run(words=("Hel", "lo"), wanted="Hello", *options):
        pytester.makepyfile(test_it=TEST.format(words=list(words), wanted=wanted))
        return run_pytest(pytester, *options)

    return run


def test_a_transcript_is_written_and_then_compared(session, pytester):
    path = pytester.path / "runs" / "greeting.txt"
    missing = session()
    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines(["there is no transcript *greeting.txt; write it with: *"])
    session(("Hel", "lo"), "Hello", "--streamkit-update").assert_outcomes(passed=1)
    assert path.read_text().splitlines() == transcript(normalize(["Hel", "lo"]))
    session().assert_outcomes(passed=1)


def test_a_difference_is_shown_as_a_diff(session):
    session(("Hel", "lo"), "Hello", "--streamkit-update")
    outcome = session(("Hal", "lo"), "Hallo")
    outcome.assert_outcomes(failed=1)
    outcome.stdout.fnmatch_lines(
        [
            "the stream is not as in *greeting.txt:",
            "--- runs/greeting.txt",
            '-text.delta m1/0 "Hel"',
            '+text.delta m1/0 "Hal"',
            "write it with: pytest --streamkit-update",
        ]
    )


def test_a_failing_test_shows_its_stream_and_the_recording(session):
    outcome = session(("Hel", "lo"), "Bye")
    outcome.assert_outcomes(failed=1)
    outcome.stdout.fnmatch_lines(
        ["*streamkit: the stream*", "run.start", "*", "streamkit view *stream.jsonl"]
    )
    [hint] = [line for line in outcome.outlines if line.startswith("streamkit view ")]
    assert replay(hint.split()[-1]).collect().text == "Hello"


def test_a_recorder_behind_a_text_is_refused(tmp_path):
    recorder = StreamRecorder(tmp_path / "stream.jsonl")
    with pytest.raises(UsageError, match=r"not an event of ours; write stream.pipe\(stream_rec"):
        list(normalize(["Hi"]).text().pipe(recorder))
    recorder.close()


def test_a_failing_test_without_a_stream_shows_none(pytester):
    pytester.makepyfile("def test_it(stream_recorder):\n    assert False")
    outcome = run_pytest(pytester)
    outcome.assert_outcomes(failed=1)
    outcome.stdout.no_fnmatch_line("*streamkit view*")


def test_the_grammar_is_checked_at_the_end(pytester):
    pytester.makepyfile(
        """
        from streamkit import normalize

        def test_it(stream_recorder):
            _, *events = normalize(["Hi"])
            for event in events:
                stream_recorder(event)
        """
    )
    outcome = run_pytest(pytester)
    outcome.assert_outcomes(passed=1, errors=1)
    outcome.stdout.fnmatch_lines(["*GrammarError*run.start comes first*"])
