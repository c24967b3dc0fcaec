"""Mappers and typed payloads: which function maps what, and what a broken one costs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from json import loads
from typing import Any, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ids import count_ids_anew, ids_restored  # noqa: F401  (a fixture)
from random_streams import chunks
from read_streams import adrained, drained, of, read
from streamkit import (
    AsyncMapper,
    BrokenMapper,
    Custom,
    Event,
    Mapper,
    MessageEnd,
    RunEnd,
    RunStart,
    StreamkitError,
    TextDelta,
    ToolDelta,
    ToolEnd,
    ToolError,
    ToolStart,
    Unrecognized,
    UsageError,
    map_events,
    normalize,
)
from streamkit.mapping import ToolEvent, per_run, typed_payloads
from streamkit.testing import check_stream
from streamkit.wire import dumps, from_dict, ndjson


@dataclass(frozen=True)
class Token:
    """An event of the application's own, with a type word of its own."""

    text: str
    type: str = "app.token"


class Progress(TypedDict):
    done: int


def tool_items(name: str, id: str) -> list[Any]:
    return [
        ("tools", {"event": "tool-started", "tool_call_id": id, "tool_name": name, "input": {}}),
        ("tools", {"event": "tool-output-delta", "tool_call_id": id, "delta": "…"}),
        ("tools", {"event": "tool-finished", "tool_call_id": id, "output": "ok"}),
    ]


# --- functions


def test_a_plain_function_maps_one_to_one_or_to_none() -> None:
    def token(event: Event) -> Token | None:
        return Token(event.text) if isinstance(event, TextDelta) else None

    assert list(normalize(["a", "b"]).map(token)) == [Token("a"), Token("b")]
    assert list(normalize(["a"]).text().map(str.upper)) == ["A"]


async def test_functions_of_both_colours_map_async_streams() -> None:
    async def shout(text: str) -> str | None:
        await asyncio.sleep(0)
        return text.upper() if text != "b" else None

    assert await read(normalize(of(["a", "b"])).text().map(str.upper)) == ["A", "B"]
    assert await read(normalize(of(["a", "b", "c"])).text().map(shout)) == ["A", "C"]


async def test_an_object_with_an_async_call_is_awaited() -> None:
    class Shout:
        async def __call__(self, text: str) -> str:
            return text.upper()

    assert await read(normalize(of(["a"])).text().map(Shout())) == ["A"]


def test_a_coroutine_function_cannot_map_a_sync_stream() -> None:
    async def shout(text: str) -> str:
        return text.upper()

    with pytest.raises(UsageError, match=r"is async, .* on an async stream write \.map"):
        normalize(["a"]).text().map(shout)
    with pytest.raises(UsageError, match=r"is async, .* on an async stream write \.map"):
        normalize(["a"]).map(AsyncMapper[str]())  # type: ignore[arg-type]


# --- the registry


def test_the_most_special_function_maps_an_event() -> None:
    mapper = Mapper[str]()

    @mapper.on(ToolStart, ToolEnd)
    def any_tool(event: ToolStart | ToolEnd) -> str:
        return f"{event.name} {event.type}"

    @mapper.tool("weather")
    def weather(event: ToolEvent) -> str:
        return f"weather: {event.type}"

    @mapper.custom("progress")
    def progress(event: Custom) -> str:
        return f"{event.data}%"

    @mapper.payload(Token)
    def token(token: Token) -> str:
        return token.text

    @mapper.otherwise
    def rest(event: Event) -> str | None:
        return event.type if isinstance(event, RunEnd) else None

    items = [
        *tool_items("weather", "1"),
        *tool_items("trains", "2"),
        ("custom", {"type": "token", "text": "typed"}),
        ("custom", "left out"),
    ]
    typed = typed_payloads({"token": Token})
    assert list(normalize(items, typed).map(mapper)) == [
        "weather: tool.start",
        "weather: tool.delta",
        "weather: tool.end",
        "trains tool.start",
        "trains tool.end",
        "typed",
        "run.end",
    ]


def test_custom_events_by_name() -> None:
    mapper = Mapper[Any]()

    @mapper.custom("ping", "pong")
    def ping(event: Custom) -> object:
        return event.name, event.data

    dispatched = {"event": "on_custom_event", "run_id": "r", "parent_ids": [], "metadata": {}}
    items = [{**dispatched, "name": name, "data": 1} for name in ("ping", "boom", "pong")]
    assert list(normalize(items).map(mapper)) == [("ping", 1), ("pong", 1)]


@pytest.mark.parametrize(
    ("outcome", "items"),
    [
        (None, []),
        ("text", ["text"]),
        (["a", "b"], ["a", "b"]),
        (iter(["a", "b"]), ["a", "b"]),
        ([], []),
        (("a", "b"), [("a", "b")]),
        ({"a": 1}, [{"a": 1}]),
        (0, [0]),
    ],
)
def test_what_is_one_item_and_what_is_many(outcome: Any, items: list[Any]) -> None:
    mapper = Mapper[Any]()
    mapper.on(RunStart)(lambda event: outcome)
    assert list(normalize([]).map(mapper)) == items


def test_generator_functions_map_to_many() -> None:
    mapper = Mapper[str]()

    @mapper.on(TextDelta)
    def letters(event: TextDelta) -> Iterator[str]:
        yield from event.text

    assert list(normalize(["ab", "c"]).map(mapper)) == ["a", "b", "c"]


def test_one_function_for_each_thing() -> None:
    mapper = Mapper[str]()
    mapper.on(TextDelta)(lambda event: event.text)
    with pytest.raises(UsageError, match=r"TextDelta.* has a function already"):
        mapper.on(TextDelta)(lambda event: event.text)
    mapper.custom("a")(lambda event: None)
    with pytest.raises(UsageError, match=r"\('custom', 'a'\) has a function"):
        mapper.custom("a")(lambda event: None)


async def test_an_async_mapper_takes_functions_of_both_colours() -> None:
    mapper = AsyncMapper[str]()

    @mapper.on(TextDelta)
    async def token(event: TextDelta) -> list[str]:
        await asyncio.sleep(0)
        return [*event.text]

    @mapper.on(MessageEnd)
    def end(event: MessageEnd) -> str:
        return event.status

    stream = normalize(of(["ab", "c"])).map(mapper)
    assert await read(stream.pipe(lambda text: [text, "-"])) == [*"a-b-c-", "completed", "-"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_stage_that_remembers_is_made_anew_for_each_stream() -> None:
    def numbered() -> Mapper[str]:
        numbers, mapper = count(1), Mapper[str]()

        @mapper.on(TextDelta)
        def token(event: TextDelta) -> str:
            return f"{next(numbers)}{event.text}"

        return mapper

    stage = per_run(numbered)
    assert list(normalize(["a", "b"]).map(stage)) == ["1a", "2b"]
    assert list(normalize(["a", "b"]).pipe(stage)) == ["1a", "2b"]


# --- functions that raise


def bad(event: Event) -> str:
    if isinstance(event, (TextDelta, MessageEnd)):
        raise LookupError("no such word")
    return event.type


OTHERS = ["run.start", "message.start", "text.start", "text.end", "run.error"]


def check_broken(raised: Any, seen: list[Any]) -> None:
    assert isinstance(raised, BrokenMapper)
    assert isinstance(raised, StreamkitError)
    assert isinstance(raised.item, TextDelta)
    assert isinstance(raised.__cause__, LookupError)
    assert "LookupError('no such word'); it was given TextDelta(" in str(raised)
    assert "or_pass()" in str(raised)
    assert seen == OTHERS


def test_a_broken_mapper_says_on_what_after_all_else() -> None:
    seen, error = drained(normalize(["a", "b"]).map(bad))
    check_broken(error, seen)


async def test_a_broken_coroutine_function_does_the_same() -> None:
    async def abad(event: Event) -> str:
        return bad(event)

    stream = normalize(of(["a", "b"])).map(abad)
    seen, error = await adrained(stream)
    check_broken(error, seen)
    assert await anext(stream, None) is None


async def test_a_coroutine_function_that_breaks_on_the_last_event_is_heard() -> None:
    async def abad(event: Event) -> str:
        if isinstance(event, RunEnd):
            raise LookupError
        return event.type

    stream = normalize(of([])).map(abad)
    assert await stream.__anext__() == "run.start"
    with pytest.raises(BrokenMapper):
        await stream.__anext__()


async def test_on_error_event_holds_for_mappers_too() -> None:
    async def abad(event: Event) -> str:
        return bad(event)

    assert list(normalize(["a"], on_error="event").map(bad)) == OTHERS
    assert await read(normalize(of(["a"]), on_error="event").map(abad)) == OTHERS


async def test_what_breaks_may_pass_as_it_is() -> None:
    async def abad(event: Event) -> str:
        return bad(event)

    mapper = Mapper[str]()
    mapper.otherwise(bad)
    amapper = AsyncMapper[str]()
    amapper.otherwise(abad)
    for stream in (
        normalize(of(["a"])).map(map_events(bad).or_pass()),
        normalize(of(["a"])).map(map_events(abad).or_pass()),
        normalize(of(["a"])).map(mapper.or_pass()),
        normalize(of(["a"])).map(amapper.or_pass()),
    ):
        items: list[Any] = await read(stream)
        assert [type(item).__name__ for item in items if not isinstance(item, str)] == [
            "TextDelta",
            "MessageEnd",
        ]
        assert items[-1] == "run.end"


# --- awaiting streams keep the laws


@given(chunks(), st.data())
def test_awaiting_changes_nothing(items: list[Any], data: Any) -> None:
    cut = data.draw(st.integers(0, len(items)))
    close_at = data.draw(st.none() | st.integers(0, 5))

    async def same(event: Event) -> Event:
        await asyncio.sleep(0)
        return event

    async def events(*, awaits: bool) -> list[Event]:
        count_ids_anew()
        stream: Any = normalize(of(items[:cut]), dialect="chunks", clock=lambda: 0.0)
        if awaits:
            stream = stream.map(same)
        seen: list[Event] = []
        async for event in stream:
            seen.append(event)
            if len(seen) == close_at:
                await stream.aclose()
        return seen

    mapped = asyncio.run(events(awaits=True))
    check_stream(mapped)
    assert mapped == asyncio.run(events(awaits=False))


async def test_cancelling_an_awaiting_stream_closes_its_source() -> None:
    closed = asyncio.Event()

    async def source() -> AsyncIterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            closed.set()

    async def slow(event: Event) -> Event:
        if isinstance(event, TextDelta):
            await asyncio.sleep(60)
        return event

    stream = normalize(source()).map(slow)
    task = asyncio.create_task(read(stream))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()
    rest = [event.type for event in await read(stream)]
    assert rest == ["text.end", "message.end", "run.end"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- typed payloads


class Struct(msgspec.Struct):
    done: int


def custom(*payloads: Any) -> list[Any]:
    return [("custom", payload) for payload in payloads]


def data_of(items: list[Any], stage: Any) -> list[Any]:
    return [it.data if isinstance(it, Custom) else it for it in normalize(items, stage)][1:-1]


@pytest.mark.parametrize("kind", [Token, Progress, Struct])
def test_types_of_the_standard_library_and_of_msgspec(kind: Any) -> None:
    payload = {"type": "x", "text": "hi", "done": 3}
    [made] = data_of(custom(payload), typed_payloads({"x": kind}))
    assert made == msgspec.convert(payload, kind)
    assert data_of(custom(made), typed_payloads({None: kind})) == [made]


def test_pydantic_models_and_dataclasses() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):
        done: int

    @pydantic.dataclasses.dataclass
    class Data:
        done: int

    for kind in (Model, Data):
        [made] = data_of(custom({"type": "x", "done": "3"}), typed_payloads({"x": kind}))
        assert made == kind(done=3)
        [misfit] = data_of(custom({"type": "x", "done": "?"}), typed_payloads({"x": kind}))
        assert isinstance(misfit, Unrecognized)


def test_no_pydantic_is_imported_for_it() -> None:
    code = (
        "import sys, streamkit.mapping as p, streamkit.presets, streamkit.stages\n"
        "p.typed_payloads({'x': dict})\n"
        "print([name for name in sys.modules if name.startswith(('pydantic', 'langchain'))])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_function_may_read_payloads() -> None:
    stage = typed_payloads({None: lambda data: Token(data["text"])})
    assert data_of(custom({"text": "hi"}), stage) == [Token("hi")]


def test_names_keys_and_what_no_type_is_for() -> None:
    stage = typed_payloads({"a": Token}, key="kind")
    given = {"kind": "a", "text": "hi"}
    assert data_of(custom(given, {"kind": "b"}, 3, {"kind": []}), stage) == [
        Token("hi"),
        {"kind": "b"},
        3,
        {"kind": []},
    ]


def test_a_payload_that_does_not_fit() -> None:
    misfit = {"type": "x", "done": "many"}
    [event] = data_of(custom(misfit), typed_payloads({"x": Struct}))
    assert isinstance(event, Unrecognized)
    assert event.raw == misfit
    assert "'x' does not fit: Expected `int`, got `str`" in event.reason
    assert data_of(custom(misfit), typed_payloads({"x": Struct}, on_error="pass")) == [misfit]


def test_what_is_no_type_of_data_is_refused() -> None:
    class Plain:
        pass

    for kind in (Plain, 3, "Token"):
        with pytest.raises(UsageError, match="name a type of data, or a function"):
            typed_payloads({"x": kind})
    with pytest.raises(UsageError, match="must be 'event' or 'pass'"):
        typed_payloads({}, on_error="raise")  # type: ignore[arg-type]


def test_tool_errors_are_mapped_by_name() -> None:
    mapper = Mapper[str]()

    @mapper.tool("t")
    def failed(event: ToolEvent) -> str | None:
        match event:
            case ToolError(error=error):
                return error.message
            case ToolStart() | ToolDelta() | ToolEnd():
                return None

    items = tool_items("t", "1")[:2]
    items.append(("tools", {"event": "tool-error", "tool_call_id": "1", "message": "no"}))
    assert list(normalize(items).map(mapper)) == ["no"]


# --- on the wire


def test_typed_payloads_travel_and_get_their_type_back() -> None:
    typed = typed_payloads({"app.token": Token})
    sent = list(normalize(custom({"type": "app.token", "text": "hi"}), typed))
    received = ndjson.Decoder().feed(b"".join(map(ndjson.encode, sent)))
    assert [it.data for event in received for it in typed(event) if isinstance(it, Custom)] == [
        Token("hi")
    ]


def test_items_of_ones_own_are_json_with_their_own_type_word() -> None:
    def token(event: Event) -> Token | None:
        return Token(event.text) if isinstance(event, TextDelta) else None

    lines = list(normalize(["hi"]).map(token).pipe(lambda item: [dumps(item)]))
    assert lines == [b'{"text":"hi","type":"app.token"}']
    unknown = from_dict(loads(lines[0]))
    assert isinstance(unknown, Unrecognized)
    assert unknown.raw == {"text": "hi", "type": "app.token"}
