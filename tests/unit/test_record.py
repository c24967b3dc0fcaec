"""Recordings: a file holds the run, whole or cut, and reading it runs nothing of it."""

import asyncio
import gzip
import json
import warnings
from collections import OrderedDict, UserDict
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from importlib import metadata
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from msgspec.structs import replace
from pydantic import BaseModel

from streamkit import MalformedItem, Origin, RunFailed, UsageError, normalize, presets
from streamkit._raw_json import Unrecorded, from_json, to_json
from streamkit.record import Recording, areplay, record, record_raw, replay, replay_raw
from streamkit.testing import check_stream
from streamkit.transcript import transcript
from streamkit.wire import ag_ui, ai_sdk, ndjson, sse
from streamkit.wire._codec import to_dict

pytest.importorskip("langgraph", reason="langgraph is not installed")

from streamkit.demo import build_graph, demo_input

MODES = ["updates", "messages", "custom", "tasks"]


def started(thread="1", **options):
    config = {"configurable": {"thread_id": thread}}
    return build_graph(pace=0).stream(demo_input(), config, subgraphs=True, **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A recorded run: its path, and the events that its reader got."""
    path = tmp_path_factory.mktemp("run") / "run.jsonl"
    return path, list(normalize(started(stream_mode=MODES), record(path)))


def said(message):
    """A message's text, which is a method before langchain-core 1.0."""
    return message.text if isinstance(message.text, str) else message.text()


def encoded(events):
    """What events are as JSON: payloads come back as JSON data."""
    return [to_dict(event, private=True) for event in events]


class TestRecordings:
    def test_hold_a_line_an_event(self, run):
        path, events = run
        assert path.read_bytes() == b"".join(ndjson.encode(event, private=True) for event in events)

    def test_replay_as_the_stream_they_were(self, run):
        path, events = run
        again = list(replay(path))
        check_stream(again)
        assert encoded(again) == encoded(events)
        assert [it.timestamp for it in again] == [it.timestamp for it in events]
        assert [it.origin.namespace for it in again] == [it.origin.namespace for it in events]

    @pytest.mark.parametrize("preset", presets.__all__)
    def test_are_alike_for_every_preset(self, run, preset):
        path, events = run
        stage = getattr(presets, preset)
        assert encoded(replay(path).pipe(stage)) == encoded(normalize(events).pipe(stage))

    @pytest.mark.parametrize(
        "encoder",
        [
            ndjson.encoder,
            sse.encoder,
            ai_sdk.encoder,
            partial(ag_ui.encoder, ag_ui.Request(thread_id="t", run_id="r")),
        ],
        ids=["ndjson", "sse", "ai_sdk", "ag_ui"],
    )
    def test_are_alike_on_every_wire(self, run, encoder):
        path, events = run
        again, first = (
            list(it.pipe(encoder(private=True))) for it in (replay(path), normalize(events))
        )
        assert again == first

    def test_are_alike_when_collected(self, run):
        path, events = run
        ours, theirs = replay(path).collect(), normalize(events).collect()
        assert (ours.text, ours.usage, ours.status) == (theirs.text, theirs.usage, theirs.status)
        for kind in ("messages", "side_messages"):
            again, first = getattr(ours, kind), getattr(theirs, kind)
            assert [type(it) for it in again] == [type(it) for it in first]
            assert [it.id for it in again] == [it.id for it in first]
            assert [said(it) for it in again] == [said(it) for it in first]
        assert [it.output for it in ours.tools] == [it.output for it in theirs.tools]

    async def test_replay_in_async_code(self, run):
        path, _ = run
        assert [event async for event in areplay(path)] == list(replay(path))

    def test_are_compressed_by_their_suffix(self, run, tmp_path):
        path, events = run
        zipped = tmp_path / "run.jsonl.gz"
        for flush in (True, False):
            list(normalize(events, record(zipped, flush=flush)))
            assert gzip.decompress(zipped.read_bytes()) == path.read_bytes()
            assert list(replay(zipped)) == list(replay(path))

    def test_are_written_while_the_run_goes_on(self, tmp_path):
        path = tmp_path / "run.jsonl"
        stream = normalize(iter(["Hel", "lo"]), record(path))
        seen = [next(stream) for _ in range(4)]
        assert path.read_bytes().count(b"\n") == len(seen)
        stream.close()

    def test_are_written_in_batches_on_demand(self, tmp_path):
        path = tmp_path / "run.jsonl"
        stream = normalize(iter(["Hel", "lo"]), record(path, flush=False))
        next(stream)
        assert path.read_bytes() == b""
        list(stream)
        assert list(replay(path))[-1].type == "run.end"

    def test_leave_private_fields_out_on_demand(self, tmp_path):
        path = tmp_path / "run.jsonl"

        def broken():
            yield "Hi"
            raise ValueError("the secret")

        list(normalize(broken(), record(path), on_error="event"))
        assert b"the secret" in path.read_bytes()
        list(normalize(broken(), record(path, private=False), on_error="event"))
        assert b"the secret" not in path.read_bytes()

    @pytest.mark.parametrize("private", [True, False])
    def test_keep_internal_models(self, tmp_path, private):
        path = tmp_path / "run.jsonl"
        events = list(normalize(["Hel", "lo"]))
        inner = [
            replace(it, origin=Origin(internal=True)) if "m" in it.type else it for it in events
        ]
        list(normalize(inner, record(path, private=private)))
        assert [it.type for it in replay(path)] == [it.type for it in events]

    def test_of_a_run_that_failed_raise_again(self, tmp_path):
        path = tmp_path / "run.jsonl"

        def broken():
            yield "Hi"
            raise ValueError("no more")

        list(normalize(broken(), record(path), on_error="event"))
        with pytest.raises(RunFailed, match="ValueError: no more"):
            list(replay(path))
        assert list(replay(path, on_error="event"))[-1].error.message == "no more"

    def test_take_the_time_that_is_asked(self, tmp_path, monkeypatch):
        path = tmp_path / "run.jsonl"
        list(
            normalize(iter(["Hel", "lo"]), record(path), clock=map((0.2).__mul__, count()).__next__)
        )
        slept: list[float] = []
        monkeypatch.setattr("streamkit.record.time.sleep", slept.append)
        for speed, most in ((0.001, 600), (0.002, 300)):
            list(replay(path, speed=speed))
            assert most - 60 < max(slept) <= most
            slept.clear()
        list(replay(path, speed=None))
        assert slept == []

    @pytest.mark.parametrize("speed", [0, -1, float("nan"), "2"])
    def test_have_no_other_speed(self, run, speed):
        with pytest.raises(UsageError, match="speed must be positive"):
            replay(run[0], speed=speed)

    def test_that_cannot_be_written_say_so_at_once(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            normalize(["Hi"], record(tmp_path / "missing" / "run.jsonl"))
        with pytest.raises(FileNotFoundError):
            replay(tmp_path / "missing.jsonl")


def test_redacted_reasoning_is_replayed_in_the_form_that_its_provider_reads(tmp_path):
    redacted = {"type": "redacted_thinking", "data": "secret"}
    chunk = AIMessageChunk([redacted, {"type": "text", "text": "Hi"}])
    list(normalize([chunk], record(tmp_path / "run.jsonl")))
    [message] = replay(tmp_path / "run.jsonl").collect().messages
    assert message.content == [redacted, {"type": "text", "text": "Hi"}]


class TestCutFiles:
    def test_are_readable_up_to_their_last_whole_line(self, run, tmp_path):
        data, path = run[0].read_bytes(), tmp_path / "cut.jsonl"
        whole = list(replay(run[0]))
        for cut in range(0, len(data), 2999):
            path.write_bytes(data[:cut])
            events = list(replay(path))
            check_stream(events)
            lines = data[:cut].count(b"\n")
            assert events[:lines] == whole[:lines]

    def test_may_lack_only_the_last_line_feed(self, run, tmp_path):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(run[0].read_bytes().rstrip(b"\n"))
        assert list(replay(path)) == list(replay(run[0]))

    def test_may_be_compressed(self, run, tmp_path):
        data, path = gzip.compress(run[0].read_bytes()), tmp_path / "cut.jsonl.gz"
        whole = list(replay(run[0]))
        for cut in range(20, len(data), len(data) // 7):
            path.write_bytes(data[:cut])
            events = list(replay(path))
            assert events[:-9] == whole[: len(events) - 9] or events[-1].status == "incomplete"
            check_stream(events)

    def test_a_line_that_is_no_event_is_named(self, run, tmp_path):
        first, second, *rest = run[0].read_bytes().split(b"\n")
        path = tmp_path / "odd.jsonl"
        path.write_bytes(b"\n".join([first, second, b"{]", *rest]))
        with pytest.raises(MalformedItem, match="line 3: no JSON"):
            list(replay(path))

    def test_an_empty_one_is_a_run_without_events(self, tmp_path):
        path = tmp_path / "empty.jsonl"
        path.touch()
        assert [event.type for event in replay(path)] == ["run.start", "run.end"]


async def through(source, path):
    return [event async for event in normalize(record_raw(source, path))]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run.jsonl"
    list(normalize(["Hel", "lo"], record(path)))
    return path


class TestFilesInUse:
    """A file is not emptied while it is replayed: a user may write over what he redacts."""

    @pytest.mark.parametrize("read", [replay, areplay])
    def test_are_not_written_over(self, path, read):
        before, stream = path.read_bytes(), read(path)
        with pytest.raises(UsageError, match="is being replayed, and would be emptied"):
            stream.pipe(record(path))
        with pytest.raises(UsageError, match="record to another file"):
            record_raw(iter(["Hi"]), path)
        assert path.read_bytes() == before

    def test_are_not_if_they_are_raw(self, tmp_path):
        list(record_raw(iter(["Hel", "lo"]), tmp_path / "raw.jsonl"))
        before, items = (tmp_path / "raw.jsonl").read_bytes(), replay_raw(tmp_path / "raw.jsonl")
        with pytest.raises(UsageError, match="close the replay first"):
            normalize(items).pipe(record(tmp_path / "raw.jsonl"))
        assert (tmp_path / "raw.jsonl").read_bytes() == before

    def test_are_free_once_they_are_read_closed_or_dropped(self, path):
        read, closed, dropped = replay(path), replay(path), replay(path)
        next(dropped)
        del dropped
        closed.close()
        assert read.collect().text == "Hello"
        list(normalize(["Hi"], record(path)))
        assert replay(path).collect().text == "Hi"

    @pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
    @pytest.mark.parametrize("flush", [True, False])
    def test_hold_the_run_that_came_last_of_several_at_once(self, tmp_path, name, flush):
        stage = record(tmp_path / name, flush=flush)
        first, second = normalize(["one"], stage), normalize(["two"], stage)
        both = [(next(first), next(second)) for _ in range(5)]
        assert (len(both), first.collect().text, second.collect().text) == (5, "one", "two")
        assert replay(tmp_path / name).collect().text == "two"

    def test_of_raw_items_hold_the_last_one_too(self, tmp_path):
        first, second = (record_raw(iter([it, it]), tmp_path / "raw.jsonl") for it in ("a", "b"))
        assert list(zip(first, second, strict=True)) == [("a", "b"), ("a", "b")]
        assert list(replay_raw(tmp_path / "raw.jsonl")) == ["b", "b"]


class TestUnreadableRecordings:
    """What is no event is no failure of the run."""

    @pytest.mark.parametrize(
        "read", [list, Recording.result, Recording.metrics, Recording._repr_html_]
    )
    def test_raise_where_the_error_of_a_run_does_not(self, path, read):
        path.write_bytes(path.read_bytes()[:-2] + b"]\n")
        with pytest.raises(MalformedItem, match="no JSON"):
            read(Recording(path))

    def test_a_dict_without_a_type_is_named(self, path):
        path.write_text('{"a": 1}\n')
        with pytest.raises(MalformedItem, match="a dict with a type, got one without"):
            list(replay(path))

    def test_a_failed_run_is_a_result(self, path):
        def failing():
            yield "Hel"
            raise OSError("gone")

        with pytest.raises(OSError, match="gone"):
            list(normalize(failing(), record(path)))
        recording = Recording(path)
        assert (recording.result().status, recording.result().text) == ("failed", "Hel")
        assert (recording.metrics().status, [*recording][-1].type) == ("failed", "run.error")


class TestRawRecordings:
    @pytest.mark.parametrize("mode", ["messages", MODES, ["values", "checkpoints", "debug"]])
    def test_of_a_graph_replay_alike(self, tmp_path, mode):
        path = tmp_path / "raw.jsonl"
        events = list(normalize(record_raw(started(stream_mode=mode), path)))
        assert transcript(normalize(replay_raw(path))) == transcript(events)

    @pytest.mark.parametrize("version", ["v1", "v2"])
    async def test_of_events_replay_alike(self, tmp_path, version):
        path = tmp_path / "raw.jsonl.gz"
        config = {"configurable": {"thread_id": "1"}}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source = build_graph(pace=0).astream_events(demo_input(), config, version=version)
            events = await through(source, path)
        assert transcript(normalize(replay_raw(path))) == transcript(events)

    async def test_of_a_run_log_replay_alike(self, tmp_path):
        path = tmp_path / "raw.jsonl"
        config = {"configurable": {"thread_id": "1"}}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            events = await through(build_graph(pace=0).astream_log(demo_input(), config), path)
        assert transcript(normalize(replay_raw(path))) == transcript(events)

    def test_of_chunks_replay_alike(self, tmp_path):
        path = tmp_path / "raw.jsonl"
        chunks = [
            AIMessageChunk("Hel", id="1"),
            AIMessageChunk(
                "lo",
                id="1",
                usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
            ),
        ]
        events = list(normalize(record_raw(chunks, path)))
        assert list(replay_raw(path)) == chunks
        assert transcript(normalize(replay_raw(path))) == transcript(events)

    def test_hold_what_the_source_raised(self, tmp_path):
        path = tmp_path / "raw.jsonl"

        def broken():
            yield "Hi"
            raise ValueError("no more")

        events = list(normalize(record_raw(broken(), path), on_error="event"))
        again = list(normalize(replay_raw(path), on_error="event"))
        assert transcript(again) == transcript(events)
        assert (again[-1].error.name, again[-1].error.message) == ("ValueError", "no more")

    def test_close_the_source_at_once(self, tmp_path):
        closed = []

        def source():
            try:
                yield from ["Hel", "lo"]
            finally:
                closed.append(True)

        with normalize(record_raw(source(), tmp_path / "raw.jsonl")) as stream:
            next(stream)
        assert closed == [True]
        assert list(replay_raw(tmp_path / "raw.jsonl")) == ["Hel"]

    async def test_close_an_async_source_in_the_task_of_its_reader(self, tmp_path):
        closed = []

        async def source():
            try:
                yield "Hel"
                yield "lo"
            finally:
                closed.append(asyncio.current_task())

        async with normalize(record_raw(source(), tmp_path / "raw.jsonl")) as stream:
            await anext(stream)
        assert closed == [asyncio.current_task()]

    async def test_hold_what_an_async_source_raised(self, tmp_path):
        path = tmp_path / "raw.jsonl"

        async def broken():
            yield "Hi"
            raise ValueError("no more")

        with pytest.raises(ValueError, match="no more"):
            [item async for item in record_raw(broken(), path)]
        assert list(normalize(replay_raw(path), on_error="event"))[-1].error.message == "no more"

    async def test_close_an_async_source_whose_close_is_sync(self, tmp_path):
        class Source:
            closed = False

            def __aiter__(self):
                return self

            async def __anext__(self):
                return "Hi"

            def close(self):
                self.closed = True

        source = Source()
        async with normalize(record_raw(source, tmp_path / "raw.jsonl")) as stream:
            await anext(stream)
        assert source.closed

    def test_a_source_that_goes_on_is_no_longer_written_once_closed(self, tmp_path):
        items = record_raw(["Hel", "lo"], tmp_path / "raw.jsonl")
        assert next(items) == "Hel"
        items.close()
        assert next(items) == "lo"
        assert list(replay_raw(tmp_path / "raw.jsonl")) == ["Hel"]

    def test_name_the_packages_that_there_are(self, tmp_path, monkeypatch):
        def version(name):
            if name == "langchain-core":
                return "1.2.3"
            raise metadata.PackageNotFoundError(name)

        monkeypatch.setattr("streamkit.record.metadata.version", version)
        list(record_raw([], tmp_path / "raw.jsonl"))
        header = json.loads((tmp_path / "raw.jsonl").read_text())
        assert header["versions"] == {"langchain-core": "1.2.3"}

    def test_and_recordings_of_events_are_not_mixed_up(self, run, tmp_path):
        path = tmp_path / "raw.jsonl"
        list(record_raw(["Hi"], path))
        with pytest.raises(UsageError, match=r"normalize\(replay_raw\(path\)\)"):
            list(replay(path))
        with pytest.raises(UsageError, match=r"replay\(path\)"):
            list(replay_raw(run[0]))

    def test_take_streams_alone(self, tmp_path):
        with pytest.raises(UsageError, match="not a stream"):
            record_raw("Hello", tmp_path / "raw.jsonl")
        assert not (tmp_path / "raw.jsonl").exists()


class Model(BaseModel):
    messages: list


@dataclass
class State:
    messages: list


class Status(IntEnum):
    DONE = 1


class Rude:
    def __getattr__(self, name):
        raise RuntimeError(name)

    __repr__ = __str__ = __getattr__


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(st.characters(codec="utf-8")) | st.integers(), inner)
    ),
    max_leaves=20,
)


class TestRawJson:
    @settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
    @given(PLAIN)
    def test_data_comes_back(self, value):
        assert from_json(json.loads(json.dumps(to_json(value)))) == value

    @pytest.mark.parametrize(
        "message",
        [
            HumanMessage("Hi", id="1"),
            ToolMessage([{"type": "text", "text": "a"}], tool_call_id="c", artifact={"a": (1, 2)}),
            AIMessage(
                "", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "c", "type": "tool_call"}]
            ),
            AIMessageChunk(
                "",
                id="1",
                tool_call_chunks=[
                    {"name": "f", "args": '{"a', "id": "c", "index": 0, "type": "tool_call_chunk"}
                ],
            ),
        ],
        ids=lambda it: type(it).__name__,
    )
    def test_messages_come_back(self, message):
        again = from_json(json.loads(json.dumps(to_json({"messages": [message]}))))
        assert again == {"messages": [message]}
        assert type(again["messages"][0]) is type(message)

    def test_records_of_the_user_come_back_by_name(self):
        for state in (State([HumanMessage("Hi")]), Model(messages=[HumanMessage("Hi")])):
            again = from_json(json.loads(json.dumps(to_json(state))))
            assert type(again).__name__ == type(state).__name__
            assert again.messages == [HumanMessage("Hi")]

    def test_what_looks_like_something_else_comes_back_as_that(self):
        class Point(NamedTuple):
            x: int

        again = from_json(json.loads(json.dumps(to_json([{1, 2}, Status.DONE, Point(3)]))))
        assert again[:2] == [{1, 2}, 1]
        assert again[2].x == 3
        assert from_json(to_json(UserDict({"a": 1, "b b": OrderedDict(c=2)}))) == {
            "a": 1,
            "b b": {"c": 2},
        }

    def test_a_record_whose_fields_have_no_names_is_a_dict(self):
        assert from_json({"$object": "acme.Odd", "fields": {"a b": 1}}) == {"a b": 1}

    def test_tuples_of_langgraph_come_back(self):
        task = pytest.importorskip("langgraph.types").PregelTask("1", "agent", ("a", 0))
        again = from_json(json.loads(json.dumps(to_json(task))))
        assert (type(again), again) == (type(task), task)

    @pytest.mark.parametrize(
        "odd", [object(), Rude(), len, Path, open], ids=lambda it: type(it).__name__
    )
    def test_what_it_cannot_hold_is_named(self, odd):
        assert from_json(to_json([odd])) == [Unrecorded(type(odd).__name__)]

    def test_what_holds_itself_is_cut(self):
        loop = []
        loop.append(loop)
        json.dumps(to_json(loop))

    @pytest.mark.parametrize(
        "line",
        [
            {
                "lc": 1,
                "type": "constructor",
                "id": ["os", "system"],
                "kwargs": {"command": "touch hacked"},
            },
            {
                "lc": 1,
                "type": "constructor",
                "id": ["langchain_core", "messages", "import_module"],
                "kwargs": {"name": "os"},
            },
            {"$object": "subprocess.Popen", "fields": {"args": ["touch", "hacked"]}},
            {"$object": "langgraph.types.os", "fields": {}},
        ],
        ids=lambda it: str(next(iter(it))),
    )
    def test_reading_runs_nothing_of_the_file(self, line, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        made = from_json(line)
        assert type(made).__module__ in {"types", "builtins"}
        assert not (tmp_path / "hacked").exists()

    def test_an_unknown_form_is_refused_by_its_line(self, tmp_path):
        path = tmp_path / "raw.jsonl"
        list(record_raw(["Hi"], path))
        path.write_text(path.read_text() + '{"at":1,"item":{"$magic":1}}\n')
        with pytest.raises(MalformedItem, match=r"line 3: no raw item: no form is called \$magic"):
            list(replay_raw(path))
