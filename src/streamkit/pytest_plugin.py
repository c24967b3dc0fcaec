"""A pytest plugin, which pytest loads by itself.

    def test_greeting(stream_recorder, assert_transcript):
        stream = normalize(model.stream("Hi")).pipe(stream_recorder)
        assert stream.collect().text == "Hello!"
        assert_transcript(stream_recorder.events, "greeting.txt")

``pytest --streamkit-update`` writes the transcripts anew: read the diff before you commit it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ._extras import extra

with extra("testing", "streamkit.pytest_plugin"):
    import pytest

if TYPE_CHECKING:
    from .events import Event

__all__ = ["AssertTranscript", "StreamRecorder"]

AssertTranscript: TypeAlias = "Callable[[Iterable[Event], str | Path], None]"
"""Compares events with a file of their transcript, whose path is relative to the test's."""


class StreamRecorder:
    """A stage that keeps every event, and writes it to a file that a failing test names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        """The recording, for ``streamkit view`` and `streamkit.record.replay`."""
        self.events: list[Event] = []
        """The events so far, of all streams that passed."""
        self._file = path.open("wb")

    def __call__(self, event: Event) -> Iterable[Event]:
        """Keep the event and pass it on."""
        # Not for tests that record nothing.
        from ._event_classes import require_event  # noqa: PLC0415
        from .wire import ndjson  # noqa: PLC0415

        require_event(event, "stream.pipe(stream_recorder).text()")
        self.events.append(event)
        self._file.write(ndjson.encode(event, private=True))
        return (event,)

    def check(self) -> None:
        """Raise `GrammarError` where a recorded stream breaks the grammar."""
        from .events import RunStart  # noqa: PLC0415
        from .testing import GrammarChecker  # noqa: PLC0415

        checker: GrammarChecker | None = None
        for event in self.events:
            if checker is None or isinstance(event, RunStart):
                checker = GrammarChecker()
            checker(event)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes transcripts anew."""
    group = parser.getgroup("streamkit")
    group.addoption(
        "--streamkit-update", action="store_true", help="write the transcripts of streams anew"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a failed test's stream, and where its recording is."""
    report = yield
    if report.when == "call" and report.failed:
        recorder = getattr(item, "funcargs", {}).get("stream_recorder")
        if isinstance(recorder, StreamRecorder) and recorder.events:
            from .transcript import transcript  # noqa: PLC0415

            hint = f"streamkit view {recorder.path}"
            lines = transcript(recorder.events)
            report.sections.append(("streamkit: the stream", "\n".join([*lines[-60:], "", hint])))
    return report


@pytest.fixture
def stream_recorder(tmp_path: Path) -> Generator[StreamRecorder]:
    """Return a stage that records the stream it is put behind, and checks its grammar at the end.

    A failing test shows the transcript and the recording's path.
    """
    recorder = StreamRecorder(tmp_path / "stream.jsonl")
    yield recorder
    recorder.close()
    recorder.check()


@pytest.fixture
def assert_transcript(request: pytest.FixtureRequest) -> AssertTranscript:
    """Return a function that compares events with a file of their transcript.

    ``--streamkit-update`` writes the file in place of comparing.
    """

    def check(events: Iterable[Event], file: str | Path) -> None:
        __tracebackhide__ = True
        from .transcript import transcript  # noqa: PLC0415

        path = request.path.parent / file
        found = transcript(events)
        if request.config.getoption("--streamkit-update"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join([*found, ""]), "utf-8")
            return
        hint = "write it with: pytest --streamkit-update"
        if not path.exists():
            pytest.fail(f"there is no transcript {path}; {hint}", pytrace=False)
        wanted = path.read_text("utf-8").splitlines()
        if found != wanted:
            diff = difflib.unified_diff(wanted, found, str(file), "this run", lineterm="", n=3)
            changes = "\n".join(diff)
            pytest.fail(f"the stream is not as in {path}:\n{changes}\n{hint}", pytrace=False)

    return check
