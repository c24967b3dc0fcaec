"""First guesses: the call that somebody writes who has read one example, or the error that helps."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

import streamkit
from streamkit import (
    CallbackSource,
    Mapper,
    MessageFold,
    RunFold,
    TextDelta,
    ToolStart,
    UsageError,
    astream,
    astream_batch,
    normalize,
    stream,
)
from streamkit._absent import absent
from streamkit.filters import only
from streamkit.mapping import per_run, typed_payloads
from streamkit.metrics import Metrics
from streamkit.presets import tokens, tools
from streamkit.stages import coalesce
from streamkit.testing import Call, Reply, ScriptedChatModel
from streamkit.views import by_message, merge_runs, split
from streamkit.wire import ag_ui, ndjson, sse, to_dict


@dataclass
class Forecast:
    sky: str


MODEL = ScriptedChatModel(script=["Hello there"])


def refused(says: str) -> Any:
    return pytest.raises(UsageError, match=says)


# --- names


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("tokens", "from streamkit.presets import tokens"),
        ("token", "from streamkit.presets import tokens"),
        ("nodes", "from streamkit.filters import nodes"),
        ("coalesce", "from streamkit.stages import coalesce"),
        ("tee", "from streamkit.views import tee"),
        ("merge_chunks", "from streamkit.merge import merge_chunks"),
        ("ai_sdk", "from streamkit.wire import ai_sdk"),
        ("strem", "from streamkit import stream"),
        ("ToolCallStarted", "from streamkit import ToolCallStart"),
    ],
)
def test_a_name_that_is_elsewhere(name: str, line: str) -> None:
    with pytest.raises(ImportError, match=f"cannot import name '{name}'.*; write: {line}$"):
        exec(f"from streamkit import {name}")  # noqa: S102  (the statement, which takes a way of its own)
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'; write: {line}$"):
        getattr(streamkit, name)
    assert not hasattr(streamkit, name)


@pytest.mark.parametrize("name", ["elephant", "_tokens", "to kens"])
def test_a_name_that_is_nowhere(name: str) -> None:
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'$"):
        getattr(streamkit, name)


def test_a_module_is_imported_though_a_name_is_like_it() -> None:
    """In a new process, as nothing has imported it yet."""
    program = """
import streamkit
try: streamkit.presets
except AttributeError as error: print(error)
from streamkit import metrics, partial_json, presets, transcript
print(transcript.__name__)
"""
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    advice, name = ran.stdout.splitlines()
    assert advice.endswith("; write: import streamkit.presets")
    assert name == "streamkit.transcript"
    assert str(absent("presets", ())).endswith("; write: import streamkit.presets")


# --- what to run, and with what


@pytest.mark.parametrize(
    ("runnable", "says"),
    [
        (
            ScriptedChatModel,
            r"class ScriptedChatModel.*make one of it: ScriptedChatModel\(\.\.\.\)",
        ),
        ("openai:gpt-5", r"init_chat_model\('openai:gpt-5'\)"),
        (None, "pass a graph, a chain or a model first"),
        (tokens, "pass a graph, a chain or a model first"),
        (["Hello"], r"for a stream that has been started, write normalize"),
        (iter(["Hello"]), r"for a stream that has been started, write normalize"),
    ],
)
def test_what_is_nothing_to_run(runnable: Any, says: str) -> None:
    with refused(says):
        stream(runnable, "Hi")


def test_the_id_of_a_thread_in_the_place_of_the_config() -> None:
    config: Any = "thread-1"
    with refused(r"write \{'configurable': \{'thread_id': 'thread-1'\}\}"):
        astream(MODEL, "Hi", config)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"thread_id": "1"},
            r"belongs in the config: \{'configurable': \{'thread_id': \.\.\.\}\}",
        ),
        ({"callbacks": []}, r"belongs in the config: \{'callbacks': \.\.\.\}"),
        ({"recursion_limit": 3}, r"belongs in the config: \{'recursion_limit': \.\.\.\}"),
        ({"filters": [tokens, coalesce()]}, r"input, config, tokens, coalesce\(\)\)"),
    ],
)
def test_keywords_that_belong_elsewhere(options: dict[str, Any], says: str) -> None:
    pytest.importorskip("langgraph", reason="langgraph is not installed")
    from streamkit.demo import graph, inputs

    with refused(says):
        stream(graph, inputs, **options)


def test_a_callback_source_is_no_stream() -> None:
    with refused(r"write source\.events\(\), or source\.live\(\)"):
        normalize(CallbackSource())


def test_an_answer_is_no_stream() -> None:
    call: Any = MODEL.ainvoke("Hi")
    with refused(r"ainvoke\(\) does not stream: write astream\(runnable, input\)"):
        normalize(call)


# --- stages


def test_classes_by_their_types() -> None:
    assert repr(only("text.delta", ToolStart)) == repr(only(TextDelta, ToolStart))
    guess: Any = "text.detla"
    with refused(r"no event has the type 'text\.detla'; write only\('text\.delta'\)"):
        only(guess)


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        ("tokens", "from streamkit.presets import tokens"),
        ("sse", r"presets has answer, chat, .*; a format has its stage as encoder\(\)"),
    ],
)
def test_a_text_is_no_stage(stage: Any, says: str) -> None:
    with refused(says):
        normalize(["Hi"]).pipe(stage)


def test_a_stage_that_makes_no_stages() -> None:
    made: Any = coalesce()
    with refused(r"coalesce\(\) does not make stages; a stage is passed as it is"):
        per_run(made)


def many(event: Any) -> Any:
    yield event


async def many_later(event: Any) -> Any:
    yield event


@pytest.mark.parametrize(
    ("use", "says"),
    [
        (
            lambda: normalize(["Hi"]).map(many),
            r"many is a generator function; .*\.pipe\(\) of a plain",
        ),
        (lambda: astream(MODEL, "Hi").map(many_later), "fill an AsyncMapper with functions that"),
        (
            lambda: normalize(["Hi"], many_later),
            r"many_later is a generator .*\.map\(\) of a corou",
        ),
    ],
    ids=["map", "async-map", "stage"],
)
def test_generator_functions_where_none_is_iterated(use: Any, says: str) -> None:
    """Those of `map` made items of generators."""
    with refused(says):
        use()
    assert len([*normalize(["Hi"], many)]) == len([*normalize(["Hi"])])


def test_a_coroutine_function_in_a_sync_stream() -> None:
    async def later(event: Any) -> Any: ...

    with refused("this mapping is async, and stages do not await"):
        normalize(["Hi"]).map(later)


@pytest.mark.parametrize("kind", ["tool", "custom"])
def test_a_mapper_without_a_name(kind: str) -> None:
    """`@mapper.tool` without a name registered nothing, and said so nowhere."""
    decorator: Any = getattr(Mapper(), kind)
    for names in [(), (many,), (None,)]:
        with refused(rf"{kind}\(\) takes names; write @mapper\.{kind}\('name'\)"):
            decorator(*names)


def test_types_without_names_or_a_list() -> None:
    types: Any = Forecast
    with refused(r"types by names: \{'forecast': Forecast\}"):
        typed_payloads(types)
    with refused(r"write types=\[Forecast\]"):
        ndjson.Decoder(types=types)


# --- views


def test_streams_without_keys() -> None:
    streams: Any = [normalize(["Hi"])]
    with refused(r"merge_runs\(dict\(enumerate\(streams\)\)\)"):
        merge_runs(streams)
    assert [item for _, item in merge_runs(dict(enumerate(streams)))]


def test_a_word_in_the_place_of_a_key() -> None:
    key: Any = "message"
    with refused("'message' is no function from an event to a key; see by_message"):
        split(normalize(["Hi"]), key)


@pytest.mark.parametrize(
    "pairs",
    [
        lambda: merge_runs({"a": normalize(["Hi"])}),
        lambda: split(normalize(["Hi"]), by_message),
    ],
    ids=["merge_runs", "split"],
)
def test_pairs_have_no_result(pairs: Any) -> None:
    """It was an empty one, as if nothing had been said."""
    with refused(r"yielded none.*feed the events of each key to a RunFold\(\)"):
        pairs().collect()


def test_a_batch_has_no_result() -> None:
    with refused(r"feed the events of each key to a RunFold\(\)"):
        asyncio.run(astream_batch(MODEL, ["Hi", "Ho"]).collect())


def test_a_stream_that_was_closed_unread_has_a_result() -> None:
    events = normalize(["Hi"])
    events.close()
    assert events.collect().status == "cancelled"


# --- the wire


@pytest.mark.parametrize("encode", [sse.encode, ndjson.encode, to_dict])
def test_a_stream_is_no_event(encode: Any) -> None:
    """It was written as an item of the application's own, of the class EventStream."""
    with refused(r"got a EventStream, not an item; .*stream\.pipe\(encoder\(\)\)"):
        encode(normalize(["Hi"]))


@pytest.mark.parametrize("decoder", [sse.Decoder, ndjson.Decoder])
def test_a_decoder_takes_no_stream(decoder: Any) -> None:
    with refused("a decoder takes bytes"):
        decoder().feed(normalize(["Hi"]).pipe(sse.encoder()))
    assert decoder().feed(bytearray(b"")) == []


# --- tests of one's own, and the terminal


@pytest.mark.parametrize(
    "calls", [Call("look", {}, "1"), [{"name": "look", "args": {}, "id": "1"}]]
)
def test_calls_of_another_kind(calls: Any) -> None:
    with refused(r"are no calls; write tool_calls=\(Call\("):
        Reply("Let me look.", tool_calls=calls)


def test_a_view_of_a_stream() -> None:
    terminal = pytest.importorskip("streamkit.terminal", reason="rich is not installed")
    for view in (terminal.TerminalView, terminal.TreeView):
        with refused(r"got a EventStream, not a file.*for event in stream: view\.feed\(event\)"):
            view(normalize(["Hi"]))


@pytest.mark.parametrize(
    ("guess", "says"),
    [
        ("ai-sdk", "from streamkit.wire import ai_sdk"),
        ("SSE", "from streamkit.wire import sse"),
        ("vercel", "from streamkit.wire import sse"),
    ],
)
def test_the_name_of_a_format(guess: Any, says: str) -> None:
    serve = pytest.importorskip("streamkit.serve", reason="starlette is not installed")
    with refused(says):
        serve.EventResponse(normalize(["Hi"], tokens | tools), guess)


@pytest.mark.parametrize("body", [{"id": "c1"}, "{}", b"{}"])
def test_a_body_in_the_place_of_a_request(body: Any) -> None:
    serve = pytest.importorskip("streamkit.serve", reason="starlette is not installed")
    with refused(r"request= is what the format's read_request\(body\) returned"):
        serve.EventResponse(normalize(["Hi"]), ag_ui, request=body)


@pytest.mark.parametrize("how", ["format", "store"])
def test_the_address_of_a_server(how: str) -> None:
    serve = pytest.importorskip("streamkit.serve", reason="starlette is not installed")
    with refused(r"write store=Redis\('redis://localhost'\)"):
        serve.Runs(**{"wire" if how == "format" else "store": "redis://localhost"})
    with refused(r"write store=Memory\(\.\.\.\)"):
        serve.Runs(store=serve.Memory)


def test_options_of_runs_that_their_format_lacks() -> None:
    """They failed when the first run started."""
    serve = pytest.importorskip("streamkit.serve", reason="starlette is not installed")
    for options in ({"ttl": 60}, {"format": ag_ui}):
        with refused(f"'{next(iter(options))}'; a format is passed without a keyword"):
            serve.Runs(**options)


def test_a_body_is_no_request_of_a_framework() -> None:
    serve = pytest.importorskip("streamkit.serve", reason="starlette is not installed")
    with refused("got a dict, not a request; pass that of the framework, unread"):
        asyncio.run(serve.read_json({"sky": "sunny"}, Forecast))


def test_a_client_of_sync_redis() -> None:
    redis = pytest.importorskip("redis", reason="redis is not installed")
    serve = pytest.importorskip("streamkit.serve", reason="starlette is not installed")
    with refused(r"does not await; pass a client of redis\.asyncio"):
        serve.Redis(redis.Redis())


@pytest.mark.parametrize(
    "feed",
    [Metrics().feed, RunFold().feed, MessageFold()],
    ids=["Metrics", "RunFold", "MessageFold"],
)
def test_a_fold_takes_events_one_by_one(feed: Any) -> None:
    """Metrics and messages took a stream in silence, and had nothing."""
    with refused("got a EventStream, not an event"):
        feed(normalize(["Hi"]))
