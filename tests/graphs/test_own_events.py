"""Events of ours as a source: they pass as they are, and whatever stops early is closed."""

import pytest

from read_streams import drained
from streamkit import Origin, RunFailed, normalize
from streamkit import events as ev
from streamkit._protocols import RunOver
from streamkit.demo import build_graph, demo_input
from streamkit.dialects import reader_for
from streamkit.errors import MalformedItem
from streamkit.testing import check_stream


@pytest.fixture(scope="module")
def run():
    graph = build_graph(pace=0)
    config = {"configurable": {"thread_id": "1"}}
    modes = ["updates", "messages", "custom", "tasks"]
    return list(normalize(graph.stream(demo_input(), config, stream_mode=modes, subgraphs=True)))


def test_events_pass_as_they_are(run):
    assert list(normalize(run)) == run
    assert normalize(run).collect() == normalize(iter(run)).collect()


async def test_also_from_an_async_source(run):
    async def source():
        for event in run:
            yield event

    assert [event async for event in normalize(source())] == run


def test_every_prefix_is_closed(run):
    for cut in range(1, len(run) + 1):
        events = list(normalize(run[:cut]))
        check_stream(events)
        assert events[:cut] == run[:cut]
        if cut < len(run):
            assert events[-1].status == "incomplete"
            assert events[-1].timestamp == run[cut - 1].timestamp


def test_a_text_that_stops_early_keeps_its_words():
    run = list(normalize(["Hel", "lo"]))
    cut = next(n for n, event in enumerate(run) if event.type == "text.end")
    result = normalize(run[:cut]).collect()
    assert (result.text, result.status) == ("Hello", "incomplete")


def test_usage_of_what_was_complete_is_kept(run):
    cut = next(n for n, event in enumerate(run) if event.type == "run.end")
    end = list(normalize(run[:cut]))[-1]
    assert (end.usage, end.usage_by_model) == (run[-1].usage, run[-1].usage_by_model)


def test_a_reader_who_leaves_gets_the_closing_events(run):
    stream = normalize(iter(run))
    for event in stream:
        if event.type == "text.delta":
            break
    stream.close()
    closing = list(stream)
    assert closing[-1].status == "cancelled"
    assert {event.type for event in closing} <= {"text.end", "message.end", "step.end", "run.end"}


def test_an_error_is_raised_again():
    def broken():
        yield "Hel"
        raise LookupError("nothing there")

    with pytest.raises(LookupError):
        list(normalize(broken()))
    run = list(normalize(broken(), on_error="event"))
    with pytest.raises(LookupError, match="nothing there"):
        list(normalize(run))
    assert list(normalize(run, on_error="event")) == run


def test_an_error_of_another_process_is_raised_as_run_failed():
    error = ev.ErrorInfo(name="LookupError", message="nothing there")
    start = ev.RunStart(origin=ev.Origin(), timestamp=0.0)
    run = [start, ev.RunError(origin=ev.Origin(), timestamp=1.0, error=error)]
    with pytest.raises(RunFailed, match="LookupError: nothing there"):
        list(normalize(run))
    assert list(normalize(run, on_error="event")) == run


def test_behind_an_error_nothing_is_left_to_close():
    reader = reader_for("own", clock=lambda: 0.0)
    failed = ev.RunError(origin=Origin(), timestamp=1.0, error=ev.ErrorInfo(name="E", message="m"))
    with pytest.raises(RunOver):
        reader.feed(failed)
    assert reader.close() == ()


def test_a_source_that_raises_is_closed(run):
    def source():
        yield from run[:20]
        raise ConnectionError("gone")

    events = list(normalize(source(), on_error="event"))
    check_stream(events)
    assert events[-1].error.name == "ConnectionError"


def test_what_is_no_event_is_unrecognized():
    start = ev.RunStart(origin=ev.Origin(), timestamp=0.0)
    events = list(normalize([start, {"a": 1}]))
    assert [event.type for event in events] == ["run.start", "unrecognized", "run.end"]
    with pytest.raises(MalformedItem, match="a dict among events is no event"):
        list(normalize([start, {"a": 1}], strict=True))


def test_runs_in_a_row_pass():
    run = list(normalize(["Hi"]))
    assert list(normalize([*run, *run])) == [*run, *run]
    cut = list(normalize([*run, *run[:4]]))
    check_stream(cut[len(run) :])


def test_what_a_source_raises_behind_the_end_of_its_run_adds_no_event(run):
    def source():
        yield from run
        raise OSError("the file is damaged")

    events, error = drained(normalize(source()))
    assert events == run
    assert isinstance(error, OSError)


def test_a_search_that_is_cut_off_is_closed():
    at = {"origin": Origin(), "timestamp": 0.0}
    events = list(
        normalize([ev.RunStart(**at), ev.RetrievalStart(**at, retrieval_id="r", name="docs")])
    )
    check_stream(events)
    assert [it.status for it in events if isinstance(it, ev.RetrievalEnd)] == ["incomplete"]


def test_what_is_no_event_is_unrecognized_unless_the_reader_is_strict():
    (lost,) = reader_for("own", clock=lambda: 0.0).feed({"a": 1})
    assert (lost.type, lost.raw) == ("unrecognized", {"a": 1})
    with pytest.raises(MalformedItem):
        reader_for("own", clock=lambda: 0.0, strict=True).feed({"a": 1})
