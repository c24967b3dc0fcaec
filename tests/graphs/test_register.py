"""Dialects of an application: what `register` takes, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import acme_streams
from acme_streams import AcmeReader
from read_streams import drained
from streamkit import (
    Custom,
    Event,
    MalformedItem,
    MessageEnd,
    MessageStart,
    Origin,
    RunEnd,
    RunStart,
    TextDelta,
    TextEnd,
    TextStart,
    UnknownSource,
    Unrecognized,
    UsageError,
    normalize,
    register,
)
from streamkit.dialects import Assembly, Reader, registered
from streamkit.presets import tokens
from streamkit.testing import check_stream
from streamkit.values import ErrorInfo

ITEMS: list[Any] = [
    {"acme": "call", "id": "c1", "tool": "weather", "args": {"city": "Paris"}},
    {"acme": "progress", "done": 3, "of": 4},
    {"acme": "result", "id": "c1", "value": "sunny"},
    {"acme": "say", "message": "m1", "text": "Hel"},
    {"acme": "say", "message": "m1", "text": "lo"},
    {"acme": "said", "message": "m1"},
]


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test starts with nothing registered, and leaves nothing behind."""
    monkeypatch.setattr(registered, "REGISTERED", table := {})
    monkeypatch.setattr("streamkit.dialects.REGISTERED", table)


# --- a dialect of an application


@pytest.fixture
def acme() -> None:
    register("acme", AcmeReader, detect=AcmeReader.detect)


def test_a_registered_dialect_is_detected_and_known_by_name(acme: None) -> None:
    assert [event.type for event in normalize(ITEMS)] == (
        "run.start tool.start custom tool.end message.start text.start text.delta text.delta "
        "text.end message.end run.end"
    ).split()
    assert "".join(normalize(ITEMS, dialect="acme").text()) == "Hello"


def test_a_reader_may_wait_for_its_second_item_also_in_front_of_a_stage() -> None:
    class Waits(AcmeReader):
        def feed(self, raw: object) -> Any:
            return () if raw == "header" else super().feed(raw)

    register("waits", Waits)
    seen: list[Event] = []

    def keeps(event: Event) -> tuple[Event]:
        seen.append(event)
        return (event,)

    events = list(normalize(["header", *ITEMS], keeps, dialect="waits"))
    assert seen == events
    assert "".join(it.text for it in events if isinstance(it, TextDelta)) == "Hello"


def test_its_events_are_filtered_and_typed_like_any_others(acme: None) -> None:
    assert "".join(normalize(ITEMS, tokens).text()) == "Hello"
    [progress] = [it for it in normalize(ITEMS, acme_streams.typed) if isinstance(it, Custom)]
    assert progress.data == acme_streams.Progress(done=3, of=4)
    bad = [{"acme": "progress", "done": "?"}]
    [misfit] = [it for it in normalize(bad, acme_streams.typed) if isinstance(it, Unrecognized)]
    assert "does not fit" in misfit.reason


def test_what_it_cannot_read(acme: None) -> None:
    items = [*ITEMS[:1], {"acme": "what?"}, *ITEMS[1:]]
    events = list(normalize(items, clock=lambda: 0.0))
    check_stream(events)
    assert sum(isinstance(event, Unrecognized) for event in events) == 1
    with pytest.raises(MalformedItem, match="no Acme event looks like"):
        list(normalize(items, strict=True))


@given(st.lists(st.sampled_from([*ITEMS, {"acme": 1}, 3]), max_size=8), st.booleans())
def test_the_laws_hold_for_it(items: list[Any], breaks: bool) -> None:
    register("acme-laws", AcmeReader)

    def source() -> Iterator[Any]:
        yield from items
        if breaks:
            raise LookupError

    events, error = drained(normalize(source(), dialect="acme-laws"))
    check_stream(events)
    assert isinstance(error, LookupError) == breaks


# --- an adapter made by hand, of nothing of ours but the events


class ByHand:
    """Reads words; knows nothing of streamkit but the protocol."""

    def __init__(self, *, clock: Any, strict: bool) -> None:
        self.clock = clock
        self.words: list[str] = []

    def at(self) -> dict[str, Any]:
        return {"origin": Origin(), "timestamp": self.clock()}

    def feed(self, raw: object) -> list[Event]:
        part = {**self.at(), "message_id": "m", "block_id": 0}
        start: list[Event] = []
        if not self.words:
            message = MessageStart(**self.at(), message_id="m")
            start = [RunStart(**self.at()), message, TextStart(**part)]
        self.words.append(f"{raw} ")
        return [*start, TextDelta(**part, text=f"{raw} ")]

    def close(self) -> list[Event]:
        return self.end("completed")

    def fail(self, error: BaseException) -> list[Event]:
        return self.end("cancelled")

    def end(self, status: Any) -> list[Event]:
        if not self.words:
            return [RunStart(**self.at()), RunEnd(**self.at(), status=status)]
        text = "".join(self.words)
        part = {**self.at(), "message_id": "m", "block_id": 0}
        return [
            TextEnd(**part, text=text),
            MessageEnd(**self.at(), message_id="m", status=status, text=text),
            RunEnd(**self.at(), status=status),
        ]


def is_telegram(raw: object) -> bool:
    return isinstance(raw, bytes)


def test_any_adapter_will_do() -> None:
    register("telegram", ByHand, detect=is_telegram)
    check_stream(normalize([b"SEND", b"MONEY"]))
    assert normalize(["SEND", "MONEY"], dialect="telegram").collect().text == "SEND MONEY "
    check_stream(normalize([], dialect="telegram"))


@pytest.mark.parametrize("stop", [StopIteration, StopAsyncIteration])
def test_an_adapter_does_not_end_a_stream_by_an_error(stop: type[Exception]) -> None:
    class Short(ByHand):
        def feed(self, raw: object) -> list[Event]:
            if raw == b"MORE":
                raise stop
            return super().feed(raw)

    name = f"short-{stop.__name__.lower()}"
    register(name, Short)
    with pytest.raises(RuntimeError, match=f"a reader raised {stop.__name__}"):
        normalize([b"SEND", b"MORE"], dialect=name).collect()


class Quiet(Reader):
    """A dialect whose items mostly say nothing, and whose end cannot be read."""

    def read(self, raw: Any) -> None:
        if raw != b"ping":
            self.assembly.start_run()
            self.assembly.start_message("m", Origin(), None).text(raw.decode())

    def before_end(self) -> None:
        raise LookupError("no last word")


def test_items_that_say_nothing_and_an_end_that_cannot_be_read() -> None:
    register("quiet", Quiet, detect=is_telegram)
    events = list(normalize([b"ping", b"ping", b"Hi"], strict=True))
    check_stream(events)
    assert [it.reason for it in events if isinstance(it, Unrecognized)] == [
        "LookupError: no last word"
    ]
    assert isinstance(events[-1], RunEnd)


def test_closing_a_reader_twice_says_nothing_more() -> None:
    reader = Quiet(clock=lambda: 0.0)
    assert [it.type for it in reader.fail(OSError())] == ["run.start", "run.error"]
    assert list(reader.fail(OSError())) == []


def test_what_is_not_open_is_not_ended() -> None:
    assembly = Assembly()
    assembly.start_run()
    assembly.tool_delta("t", "x")
    assembly.end_tool("t", "x")
    assembly.fail_tool("t", ErrorInfo(name="ToolError", message="x"))
    assembly.end_retrieval("r", [])
    assembly.end_step("s", None)
    assembly.end_message("m")
    assembly.end_run("completed")
    assembly.end_run("completed")
    assert [it.type for it in assembly.take()] == ["run.start", "run.end"]


def test_registering_the_same_again_does_nothing() -> None:
    register("telegram", ByHand, detect=is_telegram)
    register("telegram", ByHand, detect=is_telegram)


# --- what is refused


@pytest.mark.parametrize(
    ("name", "factory", "detect", "remedy"),
    [
        ("", ByHand, None, "is no name for a dialect; write something like 'acme'"),
        ("My Dialect", ByHand, None, "is no name for a dialect"),
        (3, ByHand, None, "3 is no name for a dialect"),
        ("events", ByHand, None, "'events' is streamkit's own; choose another name"),
        ("acme", object(), None, "needs a factory, a class or function that makes an Adapter"),
        ("acme", ByHand, "bytes", "detect= of dialect 'acme' must be a function, not 'bytes'"),
    ],
)
def test_bad_registrations_are_refused(name: Any, factory: Any, detect: Any, remedy: str) -> None:
    with pytest.raises(UsageError, match=remedy):
        register(name, factory, detect=detect)


def test_a_taken_name_is_refused() -> None:
    register("telegram", ByHand)
    with pytest.raises(UsageError, match=r"'telegram' is .*ByHand.* already; choose another"):
        register("telegram", Reader)


def test_a_factory_that_makes_no_adapter() -> None:
    register("empty", lambda **_: 3)  # type: ignore[arg-type, return-value]
    with pytest.raises(UsageError, match="makes a int, which is no Adapter: it has no feed and no"):
        normalize([], dialect="empty")


def test_an_unknown_name_lists_registered_ones_too() -> None:
    register("telegram", ByHand)
    with pytest.raises(UsageError, match=r"unknown dialect 'nope'; choose one of .*, telegram"):
        normalize([], dialect="nope")


def test_a_mode_goes_with_graphs_only() -> None:
    register("telegram", ByHand)
    with pytest.raises(UsageError, match="do not go with 'telegram'"):
        normalize([], dialect="telegram", mode="updates")


def test_two_that_know_an_item() -> None:
    register("telegram", ByHand, detect=is_telegram)
    register("bytes", ByHand, detect=lambda raw: type(raw) is bytes)
    with pytest.raises(UnknownSource, match="known to 'bytes' and 'telegram'; say what it is"):
        list(normalize([b"a"]))


def test_a_detect_that_raises() -> None:
    register("telegram", ByHand, detect=lambda raw: raw["x"] == 1)  # type: ignore[index]
    with pytest.raises(UsageError, match="detect of dialect 'telegram' raised TypeError"):
        list(normalize([3]))
    assert list(normalize(["a"]).text()) == ["a"]  # what streamkit knows itself is never asked


def test_a_second_message_under_one_key_ends_the_first() -> None:
    assembly = Assembly()
    assembly.start_run()
    for id in ("a", "b"):
        assembly.start_message("telegram", Origin(), id)
    kinds = [(it.type, it.message_id) for it in assembly.events[1:]]
    assert kinds == [("message.start", "a"), ("message.end", "a"), ("message.start", "b")]


def test_a_thread_that_becomes_known_later_is_that_of_the_run_and_no_other_is() -> None:
    assembly = Assembly()
    for thread in (None, "t1", "t2"):
        assembly.start_run(Origin(thread_id=thread))
    assembly.end_run("completed")
    assert [it.origin.thread_id for it in assembly.events] == [None, "t1"]


def test_a_tool_that_fails_ends_at_once_unless_its_result_is_held() -> None:
    assembly = Assembly()
    for key, hold in (("a", {}), ("b", {"hold": True})):
        assembly.start_tool(key, Origin(), key, "look", {})
        assembly.fail_tool(key, ErrorInfo(name="E", message="no"), **hold)
    failed = [it.tool_call_id for it in assembly.events if it.type == "tool.error"]
    assert failed == ["a"]
    assembly.end_run("completed")
    assert [it.type for it in assembly.events].count("tool.error") == 2
