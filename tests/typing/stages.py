"""What a type checker must know of stages: checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, assert_type

from langchain_core.runnables import Runnable
from pydantic import BaseModel

from streamkit import (
    AsyncEventStream,
    AsyncMapper,
    Custom,
    Event,
    EventStream,
    Filter,
    Mapper,
    TextDelta,
    ToolEnd,
    ToolError,
    astream,
    astream_batch,
    map_events,
    normalize,
    register,
    stream,
)
from streamkit import Result as RunResult
from streamkit.dialects import Reader
from streamkit.filters import internal, nodes, only, under
from streamkit.mapping import ToolEvent, per_run, typed_payloads
from streamkit.presets import answer, optimistic_answer, tokens, tools, ui
from streamkit.serve import EventResponse, Runs
from streamkit.stages import coalesce, guard, redact, sequential, think_tags, typed
from streamkit.views import (
    by_agent,
    by_message,
    by_namespace,
    by_subagent,
    by_tool,
    merge_runs,
    split,
    tee,
)
from streamkit.wire import ag_ui, ai_sdk, chat, ndjson, openai_chunks, sse
from streamkit.wire.chat import chat_lines


@dataclass
class Token:
    text: str


@dataclass
class Result:
    output: object


mapper = Mapper[Token | Result]()


@mapper.on(TextDelta)
def token(event: TextDelta) -> Token:
    return Token(event.text)


@mapper.on(ToolEnd, ToolError)
def result(event: ToolEnd | ToolError) -> Iterator[Result]:
    yield Result(event.name)


@mapper.custom("progress")
def progress(event: Custom) -> None:
    assert_type(event.data, Any)


@mapper.tool("weather")
def weather(event: ToolEvent) -> list[Token | Result]:
    return [Token(event.tool_call_id)]


@mapper.payload(Token)
def payload(value: Token) -> Token:
    return value


@mapper.on(TextDelta)  # type: ignore[arg-type]
def wrong(event: ToolEnd) -> Token:  # pyright: ignore[reportArgumentType]
    return Token(event.name)


amapper = AsyncMapper[Token]()


@amapper.on(TextDelta)
async def atoken(event: TextDelta) -> Token:
    return Token(event.text)


def maybe(event: Event) -> Token | None:
    return Token(event.text) if isinstance(event, TextDelta) else None


async def amaybe(event: Event) -> Token | None:
    return maybe(event)


def filters_keep_the_type(sync: Iterator[Any], nosync: AsyncIterator[Any]) -> None:
    assert_type(tokens | tools & ~only(TextDelta), Filter)
    assert_type(normalize(sync, tokens, nodes("a"), ui, coalesce()), EventStream[Event])
    assert_type(normalize(nosync, tokens | tools).pipe(ui), AsyncEventStream[Event])
    assert_type(normalize(sync, typed_payloads({"a": Token, None: Result})), EventStream[Event])
    assert_type(normalize(sync, map_events(same)), EventStream[Event])
    assert_type(normalize(sync, per_run(lambda: tokens)), EventStream[Event])


def same(event: Event) -> Event:
    return event


def mappers_give_the_type(sync: Iterator[Any], nosync: AsyncIterator[Any]) -> None:
    assert_type(normalize(sync).map(mapper), EventStream[Token | Result])
    assert_type(normalize(nosync).map(mapper), AsyncEventStream[Token | Result])
    assert_type(normalize(nosync).map(amapper), AsyncEventStream[Token])
    assert_type(normalize(sync).map(maybe), EventStream[Token])
    assert_type(normalize(nosync).map(maybe), AsyncEventStream[Token])
    assert_type(normalize(nosync).map(amaybe), AsyncEventStream[Token])
    assert_type(normalize(sync).text().map(len), EventStream[int])
    assert_type(normalize(sync).map(map_events(maybe).or_pass()), EventStream[Event | Token])
    assert_type(normalize(nosync).map(amapper.or_pass()), AsyncEventStream[Event | Token])
    normalize(sync).map(amapper)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def views_keep_the_type(sync: Iterator[Any], nosync: AsyncIterator[Any]) -> None:
    assert_type(tee(normalize(sync).text()), tuple[EventStream[str], ...])
    assert_type(tee(normalize(nosync), 3), tuple[AsyncEventStream[Event], ...])
    assert_type(split(normalize(sync), by_message), EventStream[tuple[str, EventStream[Event]]])
    assert_type(
        split(normalize(nosync), by_namespace),
        AsyncEventStream[tuple[tuple[str, ...], AsyncEventStream[Event]]],
    )
    assert_type(merge_runs({1: normalize(sync).text()}), EventStream[tuple[int, str]])
    assert_type(merge_runs({"a": normalize(nosync)}), AsyncEventStream[tuple[str, Event]])
    assert_type(split(sync, by_agent), EventStream[tuple[str, EventStream[Event]]])
    assert_type(tee(nosync), tuple[AsyncEventStream[Event], ...])
    assert_type(merge_runs({"a": sync}), EventStream[tuple[str, Event]])


class MyReader(Reader):
    def read(self, raw: object) -> None:
        self.assembly.start_run()


register("mine", MyReader, detect=lambda raw: raw is None)


assert_type(ndjson.Decoder().feed(b""), list[Event])
assert_type(sse.Decoder[Token](types=[Token]).close(), list[Event | Token])
assert_type(normalize(["a"]).map(mapper).pipe(sse.encoder()), EventStream[bytes])


EventResponse(normalize(["a"]), ag_ui)
EventResponse(normalize(["a"]), ai_sdk, target=7)
EventResponse(normalize(["a"]), chat)
EventResponse(normalize(["a"]), openai_chunks)
EventResponse(normalize(["a"]), sse, first_id=1)
EventResponse(normalize(["a"]), "sse")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
EventResponse(normalize(["a"]).map(mapper), ndjson, private=True)
Runs(ai_sdk, target=7)


class Trip(BaseModel):
    days: int


async def stages_for_everyday_wishes(
    sync: Iterator[Any], nosync: AsyncIterator[Any], graph: Runnable[Any, Any]
) -> None:
    rows = (answer, optimistic_answer, think_tags(), redact("x"), guard(bool), sequential)
    assert_type(normalize(sync, *rows), EventStream[Event])
    assert_type(normalize(sync).pipe(typed(Trip)), EventStream[Trip])
    assert_type(astream(graph, {}, None, tokens, coalesce()), AsyncEventStream[Event])
    assert_type(stream(graph, {}, None, tokens), EventStream[Event])
    assert_type(await astream(graph, {}, None, tokens).collect(), RunResult)
    assert_type(normalize(sync).map(maybe).result, RunResult)
    assert_type(astream_batch(graph, [{}]), AsyncEventStream[tuple[int, Event]])
    assert_type(tokens & ~internal | under("call_1"), Filter)
    assert_type(split(normalize(sync), by_subagent), EventStream[tuple[str, EventStream[Event]]])
    assert_type(
        split(normalize(nosync), by_tool), AsyncEventStream[tuple[str, AsyncEventStream[Event]]]
    )
    assert_type(normalize(normalize(nosync)), AsyncEventStream[Event])
    assert_type(chat_lines(normalize(sync)), EventStream[bytes])
    normalize(sync, dialect="chunk")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    normalize(sync, mode="update")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
