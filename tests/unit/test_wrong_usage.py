"""What newcomers write first, and wrongly: the error says what to write instead."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    ToolCall,
    ToolMessage,
)
from langchain_core.runnables import RunnableLambda, RunnableParallel

from streamkit import (
    CallbackSource,
    Event,
    MalformedItem,
    Mapper,
    StreamkitError,
    TextDelta,
    ToolEnd,
    UnknownSource,
    UsageError,
    astream,
    astream_batch,
    normalize,
    stream,
)
from streamkit.filters import (
    agents,
    depth,
    nodes,
    only,
    roles,
    runs,
    tool_names,
    under,
    where,
    within,
)
from streamkit.html import to_html
from streamkit.metrics import Metrics, totals
from streamkit.presets import chat, tokens, tools, ui
from streamkit.stages import coalesce, guard, sequential, think_tags
from streamkit.testing import check_stream
from streamkit.wire import (
    ag_ui,
    ai_sdk,
    chat_lines,
    langgraph_sse,
    ndjson,
    openai_chunks,
    openai_responses,
    sse,
)
from streamkit.wire import chat as chat_wire
from streamkit.wire.protocol import BaseEncoder

pytest.importorskip("langgraph", reason="langgraph is not installed")
pytest.importorskip("starlette", reason="starlette is not installed")

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from starlette.requests import HTTPConnection

from streamkit.demo import build_graph, demo_input
from streamkit.serve import EventResponse
from streamkit.testing import Reply, ScriptedChatModel


def model() -> Any:
    return ScriptedChatModel(script=[Reply("Hello there", usage=(3, 4))])


def refused(says: str) -> Any:
    return pytest.raises(UsageError, match=says)


# --- calls


@pytest.mark.parametrize("call", [astream, stream])
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"include": {"text"}}, r"config, only\(TextDelta\)\)"),
        ({"include": "text"}, r"config, only\(TextDelta\)\)"),
        ({"include": {TextDelta}}, r"config, only\(TextDelta\)\)"),
        ({"include": {"text.delta"}}, r"config, only\(TextDelta\)\)"),
        ({"include": ["tool", "custom"]}, r"config, only\(ToolStart, Custom\)\)"),
        ({"inlcude": {"text"}}, r"unexpected keyword inlcude=; pass a stage.*only\(TextDelta\)"),
        ({"exclude": {"step.delta"}}, r"config, ~only\(StepDelta\)\)"),
        ({"include": 3}, r"config, only\(TextDelta\)\)"),
        ({"stages": [tokens]}, r"config, tokens\)"),
        ({"filter": tokens | tools}, r"unexpected keyword filter=; .*config, tokens \| tools\)"),
        ({"preset": ui}, r"unexpected keyword preset=; pass a stage .*config, ui\)"),
        ({"mode": "updates"}, r"option of normalize\(\)"),
        ({"dialect": "events"}, r"option of normalize\(\)"),
        ({"stream_mode": "updates"}, r"normalize\(graph.stream\(..., stream_mode='updates'\)\)"),
        ({"version": "v2"}, "chosen by streamkit"),
        ({"on_err": "event"}, "did you mean on_error="),
        ({"strikt": True}, "did you mean strict="),
    ],
)
@pytest.mark.parametrize("runnable", [build_graph(pace=0), model()], ids=["graph", "model"])
def test_keywords_that_are_none(call: Any, runnable: Any, options: Any, says: str) -> None:
    with refused(says):
        call(runnable, demo_input(), **options)


def test_a_graph_takes_what_its_stream_takes_and_nothing_else() -> None:
    with refused("unexpected keyword temperature=; a graph's stream.. takes .*interrupt_before"):
        stream(build_graph(pace=0), demo_input(), temperature=1)
    with refused("did you mean interrupt_before="):
        stream(build_graph(pace=0).with_config(tags=["a"]), demo_input(), interupt_before=["plan"])
    with refused("subgraphs= is chosen by streamkit"):
        stream(build_graph(pace=0), demo_input(), subgraphs=True)


def test_other_runnables_hand_keywords_on() -> None:
    given: dict[str, Any] = {}

    def remember(_: str, **options: Any) -> str:
        given.update(options)
        return "done"

    list(stream(RunnableLambda(remember), "x", stop=["a"], temperature=1, model="m"))
    assert given == {"stop": ["a"], "temperature": 1, "model": "m"}


def test_a_stage_in_the_place_of_the_config() -> None:
    with refused(r"tokens is no config; .*astream\(runnable, input, None, tokens\)"):
        astream(model(), "hi", tokens)  # type: ignore[arg-type]


def test_a_source_in_the_place_of_its_handler() -> None:
    with refused(r"\[source.handler\]"):
        model().invoke("hi", {"callbacks": [CallbackSource()]})


def test_a_callback_source_takes_stages_and_no_keywords_for_events() -> None:
    with refused(r"takes no include=; .* a stage: CallbackSource\(only\(TextDelta\)\)"):
        CallbackSource(include={"text"})  # type: ignore[arg-type]


def test_a_callback_source_that_nobody_reads_keeps_no_more_than_the_newest_calls() -> None:
    source = CallbackSource()
    for number in range(1010):
        RunnableLambda(str).invoke(number, {"callbacks": [source.handler]})
    outputs = [run.collect().output for run in source.runs()]
    assert outputs == [str(number) for number in range(10, 1010)]


class Unspeakable:
    """An object whose ``repr`` never ends."""

    def __repr__(self) -> str:
        return repr(self)


DIALECTS = ("chunks", "graph", "events", "messages", "log", "own", "callbacks", "batch", "v3")


@pytest.mark.parametrize("item", [Unspeakable(), ("updates", Unspeakable()), ("?", Unspeakable())])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_error_text_depends_on_a_foreign_repr(dialect: Any, item: Any) -> None:
    for strict in (False, True):
        try:
            list(normalize([item], dialect=dialect, strict=strict))
        except StreamkitError as error:
            assert "RecursionError" not in str(error)  # noqa: PT017  (some read it, none fails)


@pytest.mark.parametrize(
    "use",
    [
        normalize,
        lambda it: normalize(["a"]).pipe(it),
        lambda it: normalize(["a"]).map(it),
        lambda it: list(normalize(["a"], lambda _: it)),
        lambda it: list(normalize([it])),
        lambda it: list(normalize(["a"]).map(lambda _: it.no)),
    ],
)
def test_an_object_that_cannot_be_shown_is_refused_as_any_other(use: Any) -> None:
    with pytest.raises(StreamkitError):
        use(Unspeakable())


def test_what_no_stage_keeps_is_not_asked_for() -> None:
    events = list(stream(model(), "hi", None, tokens, sequential))
    assert {it.type for it in events} == {
        *("run.start", "message.start", "text.start", "text.delta", "text.end"),
        *("message.end", "run.end"),
    }
    source = CallbackSource(only(ToolEnd))
    model().invoke("hi", {"callbacks": [source.handler]})
    assert [it.type for it in source.events()] == ["run.start", "run.end"]


class Unreadable:
    """What raises when anything is asked of it, its class included."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize("shape", ["bare", "pair", "mode", "field", "protocol"])
def test_a_first_item_that_cannot_be_looked_at_is_refused_by_name(shape: str) -> None:
    odd = Unreadable()
    item: Any = {
        "bare": odd,
        "pair": (odd, odd),
        "mode": ("updates", odd),
        "field": {"a": odd},
        "protocol": {"type": "event", "method": odd, "params": odd},
    }[shape]
    for options in ({}, {"dialect": "events"}, {"mode": "updates"}):
        with suppress(UsageError, MalformedItem):
            check_stream(list(normalize([item], **options)))


# --- filters


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: nodes(["agent"]), r"write nodes\('agent'\)"),  # type: ignore[arg-type]
        (lambda: nodes(("agent", "tools")), r"write nodes\('agent', 'tools'\)"),  # type: ignore[arg-type]
        (nodes, r"nodes\('name'\)"),
        (lambda: agents({"a"}), r"write agents\('a'\)"),  # type: ignore[arg-type]
        (lambda: within(["agent"]), r"write within\('agent'\)"),  # type: ignore[arg-type]
        (lambda: tool_names(["add"]), r"write tool_names\('add'\)"),  # type: ignore[arg-type]
        (lambda: under(3), r"under\(\) takes names, not 3"),  # type: ignore[arg-type]
        (lambda: roles("ai"), r"write roles\('assistant'\)"),
        (lambda: roles("human"), r"write roles\('user'\)"),
        (lambda: depth("0"), r"an int such as 0"),  # type: ignore[arg-type]
        (only, r"only\(TextDelta, ToolStart\)"),
        (lambda: only([TextDelta]), r"write only\(TextDelta, ToolStart\)"),  # type: ignore[arg-type]
        (lambda: runs(include_types=["chatmodel"]), "write 'chat_model'"),
        (lambda: runs(exclude_types=["ChatModel"]), "write 'chat_model'"),
        (lambda: where(TextDelta), r"write only\(TextDelta\)"),  # type: ignore[arg-type]
        (lambda: where(None), "takes a function"),  # type: ignore[arg-type]
        (lambda: where(lambda it: isinstance(it, TextDelta)), r"write only\(TextDelta\)"),
        (lambda: where(lambda it: it.type == "tool.end"), r"write only\(ToolEnd\)"),
        (lambda: where(lambda it: it.type == "message.end"), r"write only\(MessageEnd\)"),
        (lambda: tokens and tools, "tokens | tools"),
        (lambda: tokens or tools, "tokens | tools"),
        (lambda: not tokens, "~tokens"),
        (lambda: tokens | TextDelta, r"\| only\(TextDelta\)"),  # type: ignore[operator]
        (lambda: tokens | ui, r"ui is no filter.*normalize\(source, filter, stage\)"),  # type: ignore[operator]
        (lambda: ui & tokens, r"normalize\(source, filter, ui\)"),
        (lambda: ~ui, r"ui changes events and is no filter"),
        (lambda: coalesce(seconds=1) | tokens, r"coalesce\(seconds=1\) changes events"),
    ],
)
def test_filters_that_cannot_be_meant(make: Any, says: str) -> None:
    with refused(says):
        make()


def test_a_predicate_that_needs_more_than_a_sample_is_taken() -> None:
    fussy = where(lambda it: it.origin.metadata["key"] == 1)
    with pytest.raises(KeyError):
        list(normalize(["a"], fussy))


def test_filters_and_presets_are_shown_as_one_writes_them() -> None:
    def slow(event: Event) -> bool:
        return "slow" in event.origin.tags

    shown = repr(nodes("planner") & ~only(TextDelta) | where(slow))
    assert shown == "(nodes('planner') & ~only(TextDelta)) | where(slow)"
    assert repr(~(tokens | chat)) == "~(tokens | chat)"
    assert repr([ui, sequential, where(lambda _: True)]) == "[ui, sequential, where(...)]"
    assert repr(runs(include_types=["tool"])) == "runs(include_types=['tool'])"


def test_a_filter_behind_a_mapper() -> None:
    for keep in (tokens, chat, only(ToolEnd)):
        with refused(r"put filters before map\(\.\.\.\)"):
            list(normalize(["a"]).map(lambda it: {"type": it.type}).pipe(keep))  # type: ignore[arg-type]


# --- stages


async def awaits(item: Any) -> list[Any]:
    return [item]


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        (lambda it: it.type, r"returned a str, not an iterable of items; return a list of it"),
        (ndjson.encode, r"the stage encode returned a bytes"),
        (lambda _: None, r"returned a NoneType.*return \(\) for no items"),
        (lambda it: it, r"returned a RunStart.*use \.map\(function\)"),
        (lambda it: {"type": it.type}, "returned a dict"),
        (sse.encoder, r"encoder cannot be called with one item.*pass encoder\(\)"),
        (coalesce, r"pass coalesce\(\)"),
        (think_tags, r"think_tags is no stage; it makes the stage: pass think_tags\(\)"),
        (Metrics, r"it makes the stage: pass Metrics\(\)"),
        (sse, r"is no stage; pass its encoder: sse\.encoder\(\)"),
        (awaits, r"awaits is async.*write \.map\(function\)"),
        (lambda it: awaits([it]), "returned an awaitable"),
        (3, "is no stage"),
        ([tokens, tools], "separated by commas"),
        ("tokens", "from streamkit.presets import tokens"),
        (TextDelta, r"only\(TextDelta\)"),
    ],
)
def test_stages_that_are_none(stage: Any, says: str) -> None:
    with refused(says):
        list(normalize(["a"]).pipe(stage))


def test_a_stage_may_be_any_callable_that_takes_one_item() -> None:
    assert list(normalize(["Hi"]).text().pipe(iter)) == ["H", "i"]


def test_an_awaitable_that_is_no_coroutine_is_refused_too() -> None:
    class Later:
        def __await__(self) -> Any: ...

    with refused("returned an awaitable"):
        list(normalize(["a"]).map(lambda _: Later()))


@pytest.mark.parametrize("how", ["text", "messages"])
def test_text_and_messages_behind_a_mapper(how: str) -> None:
    with refused(r"not an event"):
        list(getattr(normalize(["a"]).map(lambda it: {"type": it.type}), how)())


# --- mappers


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            (lambda it: it.text,),
            r"<lambda> .*no event class; write @mapper.on\(TextDelta, ToolStart",
        ),
        (("text.deltas",), r"write @mapper.on\('text.delta'\)"),
        ((), r"no event class is named; write @mapper.on\(TextDelta, "),
        ((dict,), r"<class 'dict'> is no event class; write @mapper.on\(TextDelta, "),
        (([TextDelta, ToolEnd],), r"write @mapper.on\(TextDelta, ToolStart\)"),
    ],
)
def test_mappers_on_what_is_no_event(given: Any, says: str) -> None:
    with refused(says):
        Mapper[Any]().on(*given)


def test_a_mapper_takes_an_events_type_and_no_coroutine_function() -> None:
    mapper = Mapper[str]()
    mapper.on("text.delta")(lambda it: it.text)
    assert list(normalize(["a", "b"]).map(mapper)) == ["a", "b"]
    with refused("fill an AsyncMapper"):
        Mapper[Any]().on(ToolEnd)(awaits)
    with refused("map an async stream"):
        list(normalize(["a"]).map(lambda it: awaits([it])))
    with refused("takes a function"):
        normalize(["a"]).map(None)  # type: ignore[arg-type]


# --- what a stream is said to be

PAIR = (AIMessageChunk("a", id="run-1"), {"langgraph_node": "n"})
NOTE = {"event": "on_chain_start", "name": "n", "run_id": "r", "data": {}, "parent_ids": []}


@pytest.mark.parametrize(
    ("item", "hint", "says"),
    [
        (NOTE, {"mode": "updates"}, "mode='updates' does not fit.*dialect='events'"),
        (NOTE, {"dialect": "chunks"}, "dialect='chunks' does not fit.*dialect 'events'"),
        (PAIR, {"dialect": "events"}, "dialect='events' does not fit"),
        (PAIR, {"mode": "values"}, "leave mode= out"),
        (("messages", PAIR), {"mode": "updates"}, "has a label.*leave mode= out"),
        ("a", {"mode": "messages"}, "dialect='chunks'"),
        ("a", {"dialect": "messages"}, "dialect='messages' does not fit"),
        ({"n": {"messages": [PAIR[0]]}}, {"mode": "values"}, "write mode='updates'"),
        ({"messages": [PAIR[0]]}, {"mode": "updates"}, "write mode='values'"),
        ("a", {"mode": ["messages", "updates"]}, "leave mode= out for a list of modes"),
        ({"a": 1}, {}, "the dialects are batch, chunks, events, graph"),
    ],
)
def test_hints_that_the_first_item_disproves(item: Any, hint: Any, says: str) -> None:
    with refused(says):
        list(normalize([item], **hint))


def test_custom_data_may_look_like_anything() -> None:
    for payload in ("a", NOTE, PAIR, {"messages": [PAIR[0]]}):
        assert "custom" in {it.type for it in normalize([payload], mode="custom", subgraphs=False)}


def test_pairs_of_a_batch_and_chunks_of_parallel_runnables_prove_themselves() -> None:
    pairs = model().batch_as_completed(["a", "b"])
    assert [it.type for it in normalize(pairs)].count("batch.item") == 2
    parallel = RunnableParallel(one=RunnableLambda(len), two=RunnableLambda(str.upper))
    assert normalize(parallel.stream("four")).collect().output == {"one": 4, "two": "FOUR"}


# --- streams of ours


def test_streams_and_events_of_ours_pass_as_they_are() -> None:
    events = list(normalize(["Hel", "lo"]))
    assert list(normalize(events)) == events
    again = normalize(normalize(events), tokens)
    assert "".join(again.text()) == "Hello"
    assert b"".join(chat_lines(normalize(["Hel", "lo"]))).count(b"token") == 2
    with refused(r"check_stream\(normalize\(stream\)\)"):
        check_stream(["Hel"])  # type: ignore[list-item]
    with refused("event async for event"):
        check_stream(astream(model(), "hi"))  # type: ignore[arg-type]
    with refused(r"not a Result; write check_stream\(stream\)"):
        check_stream(normalize(events).collect())  # type: ignore[arg-type]


@pytest.mark.parametrize("encode", [sse.encoder, ndjson.encoder, chat_wire.encoder, ai_sdk.encoder])
def test_events_are_encoded_once(encode: Any) -> None:
    with refused("encoded already; pass the events themselves"):
        normalize(["Hi"]).pipe(encode()).pipe(sse.encoder())
    shouted = normalize(["Hi"]).pipe(encode()).pipe(lambda data: [data.upper()])
    assert all(isinstance(it, bytes) for it in shouted)


@pytest.mark.parametrize("decoder", [sse.Decoder, ndjson.Decoder])
def test_a_decoder_takes_bytes(decoder: Any) -> None:
    with refused(r"a decoder takes bytes, as from httpx's response\.iter_bytes\(\)"):
        decoder().feed('data: {"type":"run.start"}')


@pytest.mark.parametrize(
    "prices",
    [
        {"big": 1.0},
        {"big": ("1", "2")},
        {"big": (1,)},
        {"big": (1, 2, 3)},
        {"big": {"input": 1}},
        [("big", (1, 2))],
    ],
)
def test_prices_that_are_none(prices: Any) -> None:
    for use in (Metrics, lambda it: list(normalize(["Hi"]).pipe(totals(it)))):
        with refused(r"is no price; write .*\{\"gpt-5-mini\": \(0\.25, 2\.00\)\}"):
            use(prices)


async def accepts_later(_: object) -> bool:
    return False


def asks_another(text: object) -> Any:
    return accepts_later(text)


@pytest.mark.parametrize(
    "use",
    [
        lambda: guard(accepts_later),  # type: ignore[arg-type]
        lambda: list(normalize(["Hi"], guard(asks_another))),  # type: ignore[arg-type, return-value]
        lambda: where(accepts_later),  # type: ignore[arg-type]
        lambda: where(asks_another),  # type: ignore[arg-type, return-value]
    ],
)
def test_an_awaitable_accepts_nothing(use: Any) -> None:
    """It would be true, whatever it is going to say."""
    with refused("takes a plain function"):
        use()


@pytest.mark.parametrize("limit", ["1", -1, float("nan"), None])
@pytest.mark.parametrize("name", ["seconds", "characters"])
def test_a_limit_of_coalesce_is_a_number(name: str, limit: Any) -> None:
    if limit is None:
        assert coalesce(**{name: limit})
        return
    with refused(f"{name}= is a number from 0 on, not {limit!r}"):
        coalesce(**{name: limit})


@pytest.mark.parametrize("path", ["run.jsonl", Path("run.jsonl")])
def test_the_name_of_a_file_is_no_run(path: Any) -> None:
    with refused(r"write to_html\(replay\('run\.jsonl'\)\)"):
        to_html(path)


@pytest.mark.parametrize("given", [None, build_graph(), astream(model(), "Hi")])
def test_what_has_no_events_has_no_page(given: Any) -> None:
    with refused(r"not events; write to_html\(stream\(graph, inputs\)\)"):
        to_html(given)


def test_encoded_events_are_decoded_first() -> None:
    with pytest.raises(UnknownSource, match=r"sse\.Decoder\(\)\.feed\(data\)"):
        list(normalize([b"data: {}\n\n"]))


@pytest.mark.parametrize("inputs", ["hello", {"messages": []}])
def test_one_input_is_no_batch(inputs: Any) -> None:
    with refused(r"is one input, not many; write \["):
        astream_batch(model(), inputs)


async def chat_graph() -> Any:
    return build_graph()


class Upper(BaseEncoder):
    pass


@pytest.mark.parametrize(
    ("use", "says"),
    [
        (lambda: normalize(chat_graph), r"the function chat_graph.*normalize\(chat_graph\("),
        (lambda: stream(StateGraph(MessagesState), {}), r"a StateGraph.*graph\.compile\(\)"),
        (lambda: stream(chat_graph(), {}), "a coroutine.*await it first"),
        (lambda: stream(len, "x"), r"RunnableLambda\(function\)"),
        (lambda: normalize([]).pipe(Upper()), r"per_run\(lambda: Upper\(\.\.\.\)\.feed\)"),
    ],
)
def test_what_is_not_ready_to_run(use: Any, says: str) -> None:
    with refused(says):
        use()


HTTP = HTTPConnection({"type": "http", "headers": []})
FORMATS = [ai_sdk, ag_ui, langgraph_sse, openai_chunks, openai_responses]


@pytest.mark.parametrize("wire", FORMATS)
def test_a_request_of_the_framework_is_no_body(wire: Any) -> None:
    for body in (HTTP, chat_graph()):
        with refused(r"not a body; write read_request\(await streamkit\.serve\.read_body"):
            wire.read_request(body)
    for request in (b"{}", {"messages": []}, HTTP):
        with refused(r"pass what read_request\(body\) of the same format returned"):
            wire.graph_input(request)
    with refused("request= is what the format's read_request"):
        EventResponse(normalize([]), wire, request=HTTP)


@pytest.mark.parametrize("option", ["format", "media_type", "Target"])
def test_an_option_that_the_format_does_not_have(option: str) -> None:
    with refused(
        f"{option}.*a format is passed without a keyword, and its options are request, ta"
    ):
        EventResponse(normalize([]), ai_sdk, **{option: 5})


def test_a_state_that_was_not_awaited_is_no_state() -> None:
    part = {"type": "text", "text": "Hi"}
    asked = {"id": "c", "messages": [{"id": "u", "role": "user", "parts": [part]}]}
    said = {"id": "u", "role": "user", "content": "Hi"}
    of_ag_ui = {"threadId": "t", "runId": "r", "messages": [said]}
    answer = {"type": "mcp_approval_response", "approval_request_id": "i/0", "approve": True}
    for wire, body in ((ai_sdk, asked), (ag_ui, of_ag_ui)):
        with refused(r"a coroutine, not a thread's messages.*await graph\.aget_state"):
            wire.graph_input(wire.read_request(body), state=chat_graph())
    request = openai_responses.read_request({"model": "m", "input": [answer]})
    with refused(r"pass state=await graph\.aget_state"):
        openai_responses.graph_input(request, state=chat_graph())


@pytest.mark.parametrize("wire", [ai_sdk, ag_ui])
def test_messages_of_a_thread_in_any_form(wire: Any) -> None:
    question, call = HumanMessage("Hi", id="u"), ToolCall(name="look", args={"at": 1}, id="c")
    answer = AIMessage("", id="a", tool_calls=[call])
    known = [question, answer, ToolMessage("sun", tool_call_id="c", id="t")]
    shown = wire.ui_messages(known)
    assert [it["role"] for it in shown][:2] == ["user", "assistant"]
    graph = StateGraph(MessagesState).add_node("n", lambda _: {}).add_edge(START, "n")
    saved = graph.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    saved.invoke({"messages": known}, config)  # type: ignore[arg-type]
    snapshot = saved.get_state(config)
    sent = {"values": {"messages": [it.model_dump() for it in known]}, "next": []}
    for thread in (snapshot, snapshot.values, iter(known), sent, sent["values"]):
        assert wire.ui_messages(thread) == shown
    assert wire.ui_messages({"topic": "weather"}) == []
    assert wire.ui_messages({"messages": [7, *known]}) == shown
    for wrong in (question, "Hi", 3, None):
        with refused(r"not a thread's messages; pass the state"):
            wire.ui_messages(wrong)
