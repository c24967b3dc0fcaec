"""Merging chunks: equal to LangChain's fold where that is right, and right where it is not."""

from __future__ import annotations

import copy
import doctest
import functools
import itertools
import json
import operator
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk

from streamkit import MessageEnd, ToolCallStart, merge, normalize
from streamkit.errors import UsageError
from streamkit.merge import MessageAccumulator, merge_chunks, to_message

RUN = "run--0197"
HAS_V1 = "chunk_position" in AIMessageChunk.model_fields
Chunks = list[AIMessageChunk]


def chunk(content: Any = "", **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=content, **{"id": RUN, **fields})


def call(args: str | None, index: int | None = 0, **start: Any) -> AIMessageChunk:
    spoken = {"name": None, "id": None, **start, "args": args, "index": index}
    return chunk(tool_call_chunks=[spoken])


def fragment(args: str) -> AIMessageChunk:
    """A fragment of arguments, not parsed: LangChain takes long over what is no JSON."""
    made = call("")
    made.tool_call_chunks[0]["args"] = args
    return made


def usage(input: int, output: int, **details: Any) -> AIMessageChunk:
    counts = {"input_tokens": input, "output_tokens": output, "total_tokens": input + output}
    return chunk(usage_metadata={**counts, **details})


def facts(**metadata: Any) -> AIMessageChunk:
    return chunk(response_metadata=metadata)


def fold(chunks: Chunks) -> AIMessageChunk:
    # LangChain before 1.7 writes into the content of the first chunk, so it gets copies.
    return functools.reduce(operator.add, copy.deepcopy(chunks))


def calls_of(message: AIMessage) -> list[tuple[Any, ...]]:
    return [(call["name"], call["args"], call["id"]) for call in message.tool_calls]


def invalid_of(message: AIMessage) -> list[tuple[Any, ...]]:
    return [(call["name"], call["args"], call["id"]) for call in message.invalid_tool_calls]


# --- where the fold is right


def cut(text: str) -> st.SearchStrategy[list[str]]:
    """A text in pieces."""
    places = st.lists(st.integers(0, len(text)), max_size=6).map(
        lambda at: [0, *sorted(at), len(text)]
    )
    return places.map(lambda at: [text[a:b] for a, b in itertools.pairwise(at)])


words = st.lists(st.text("ab é😀\n", max_size=4), min_size=1, max_size=6)
arguments = st.dictionaries(
    st.text("xyz", max_size=2),
    st.integers() | st.text('a"\\é\n', max_size=5) | st.booleans() | st.lists(st.floats(0, 9)),
    max_size=3,
).flatmap(lambda args: cut(json.dumps(args)))


@st.composite
def texts(draw: st.DrawFn) -> Chunks:
    return [chunk(word) for word in draw(words)]


@st.composite
def tool_calls(draw: st.DrawFn, most: int = 3) -> Chunks:
    """Calls with an index each, their fragments in any order, or whole calls without."""
    if draw(st.booleans()):
        return [call("".join(draw(arguments)), None, name="f", id=f"call_{i}") for i in range(most)]
    waiting = [
        [
            call("", i, name=f"tool{i}", id=f"call_{i}"),
            *(call(piece, i) for piece in draw(arguments)),
        ]
        for i in range(draw(st.integers(1, most)))
    ]
    return interleaved(draw, waiting)


def interleaved(draw: st.DrawFn, waiting: list[Chunks]) -> Chunks:
    merged: Chunks = []
    while waiting := [chunks for chunks in waiting if chunks]:
        merged.append(draw(st.sampled_from(waiting)).pop(0))
    return merged


def blocks(type: str, key: str, words: list[str], index: int | str) -> Chunks:
    return [chunk([{"type": type, key: word, "index": index}]) for word in words]


@st.composite
def anthropic_text(draw: st.DrawFn) -> Chunks:
    return [chunk([]), *(b for i in range(2) for b in blocks("text", "text", draw(words), i))]


@st.composite
def anthropic_blocks(draw: st.DrawFn) -> Chunks:
    start = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}, "index": 2}
    return [
        *blocks("thinking", "thinking", draw(words), 0),
        *blocks("thinking", "signature", ["c2ln"], 0),
        *blocks("text", "text", draw(words), 1),
        chunk([start], tool_call_chunks=[{"name": "f", "args": "", "id": "toolu_1", "index": 2}]),
        *(
            chunk(
                [{"type": "input_json_delta", "partial_json": piece, "index": 2}],
                tool_call_chunks=[{"name": None, "args": piece, "id": None, "index": 2}],
            )
            for piece in draw(arguments)
        ),
        chunk([], response_metadata={"stop_reason": "tool_use", "stop_sequence": None}),
    ]


@st.composite
def v1_blocks(draw: st.DrawFn) -> Chunks:
    start = {"name": "f", "args": "", "id": "call_1", "index": 2}
    merged = [
        *blocks("reasoning", "reasoning", draw(words), "lc_rs_0"),
        *blocks("text", "text", draw(words), "lc_txt_1"),
        chunk([{"type": "tool_call_chunk", **start, "index": "lc_tc_2"}], tool_call_chunks=[start]),
        *(
            chunk(
                [{"type": "tool_call_chunk", "args": piece, "index": "lc_tc_2"}],
                tool_call_chunks=[{"name": None, "args": piece, "id": None, "index": 2}],
            )
            for piece in draw(arguments)
        ),
        chunk(
            [{"type": "non_standard", "value": {"seen": [1]}, "index": "lc_txt_1"}],
        ),
        chunk([], chunk_position=draw(st.sampled_from([None, "last"]))),
    ]
    for each in merged:
        each.response_metadata = {"output_version": "v1"}
    return merged


@st.composite
def usages(draw: st.DrawFn) -> Chunks:
    details = st.fixed_dictionaries({"reasoning": st.integers(0, 5)})
    first = usage(draw(st.integers(0, 9)), 1, input_token_details={"cache_read": 2})
    more = st.builds(
        lambda count, details: usage(0, count, output_token_details=details),
        st.integers(0, 9),
        details,
    )
    return [first, *draw(st.lists(more, max_size=4))]


@st.composite
def reasonings(draw: st.DrawFn) -> Chunks:
    spoken = [chunk(additional_kwargs={"reasoning_content": word}) for word in draw(words)]
    function = [{"name": "f", "arguments": ""}, *({"arguments": p} for p in draw(arguments))]
    return [*spoken, *(chunk(additional_kwargs={"function_call": piece}) for piece in function)]


@st.composite
def provider_calls(draw: st.DrawFn) -> Chunks:
    """Calls as OpenAI words them, from which LangChain derives its own fragments."""

    def words_of(args: str, **start: Any) -> AIMessageChunk:
        function = {"arguments": args, "name": start.pop("name", None)}
        spoken = {"index": 0, "id": None, "type": None, **start, "function": function}
        return chunk(additional_kwargs={"tool_calls": [spoken]})

    start = words_of("", name="f", id="call_1", type="function")
    return [start, *(words_of(piece) for piece in draw(arguments))]


@st.composite
def mixed(draw: st.DrawFn) -> Chunks:
    """Everything a chat model says in one message, in any order."""
    parts = [draw(part) for part in (texts(), tool_calls(), usages(), reasonings())]
    end = facts(finish_reason="stop", model_name="m", logprobs={"content": [{"token": "a"}]})
    more = facts(logprobs={"content": [{"token": "b"}]}, system_fingerprint=None)
    return [*interleaved(draw, parts), end, more]


@st.composite
def strings_and_blocks(draw: st.DrawFn) -> Chunks:
    block = st.sampled_from([0, 1, "lc_txt_0", None]).map(
        lambda index: [{"type": "text", "text": "b", **({} if index is None else {"index": index})}]
    )
    first, *rest = draw(st.lists(st.sampled_from(["", "a"]) | block, min_size=1, max_size=6))
    return [chunk(content) for content in [first, *rest]]


WORKLOADS = [
    texts,
    tool_calls,
    functools.partial(tool_calls, most=1),
    anthropic_text,
    anthropic_blocks,
    usages,
    reasonings,
    provider_calls,
    mixed,
    *([v1_blocks, strings_and_blocks] if HAS_V1 else []),
]


@given(chunks=st.one_of(workload() for workload in WORKLOADS))
def test_equals_the_fold_and_changes_no_chunk(chunks: Chunks):
    before = copy.deepcopy(chunks)
    merged = merge_chunks(chunks)
    assert chunks == before
    assert merged == fold(chunks)
    assert type(merged) is AIMessageChunk


def test_one_chunk_is_a_merge_of_one():
    one = chunk("a", tool_call_chunks=[{"name": "f", "args": "{}", "id": "1", "index": 0}])
    merged = merge_chunks([one])
    assert merged == one
    assert merged is not one


# --- merge and stream

pieces = st.fixed_dictionaries(
    {
        "type": st.just("tool_call_chunk"),
        "index": st.sampled_from([0, 0, 1, None]),
        "id": st.sampled_from([None, None, "c1", "c2", ""]),
        "name": st.sampled_from([None, None, "f", "g", ""]),
        "args": st.sampled_from([None, "", " ", "{}", '{"a":', "1}", '{"a":1}', '{"a": NaN}']),
    }
)
BLOCKS = [
    "text",
    {"type": "text", "text": "text", "index": 0},
    {"type": "text", "text": "", "index": 0, "citations": [{"url": "u"}]},
    {"type": "thinking", "thinking": "hm", "index": 0},
    {"type": "image", "url": "u"},
    {"type": "refusal", "refusal": "No.", "index": 0},
    {"type": "tool_use", "id": "c1", "name": "f", "input": {}, "index": 0},
    {"type": "input_json_delta", "partial_json": "{", "index": 0},
    {"type": "server_tool_use", "id": "s1", "name": "search", "input": {}, "index": 0},
]


@st.composite
def any_chunk(draw: st.DrawFn) -> AIMessageChunk:
    tokens = draw(st.none() | st.tuples(st.sampled_from([0, 0, 10, 12]), st.integers(0, 3)))
    made = usage(*tokens) if tokens else chunk()
    made.content = draw(
        st.sampled_from(["", "a", "b "]) | st.lists(st.sampled_from(BLOCKS), max_size=2)
    )
    made.tool_call_chunks = draw(st.lists(pieces, max_size=2))  # as they are: nothing is parsed
    made.response_metadata = draw(st.sampled_from([{}, {}, {"finish_reason": "stop"}]))
    made.additional_kwargs = draw(st.sampled_from([{}, {}, {"reasoning_content": "hm"}]))
    return made


def without_ids(message: AIMessage) -> tuple[Any, ...]:
    """The calls and the tokens; where a server gives no id, a stream makes one up."""
    valid = sorted((call["name"], json.dumps(call["args"])) for call in message.tool_calls)
    broken = sorted((it["name"] or "", it["args"] or "") for it in message.invalid_tool_calls)
    return valid, broken, message.usage_metadata


@given(chunks=st.lists(any_chunk(), min_size=1, max_size=7))
def test_merge_and_stream_agree_on_every_sequence(chunks: Chunks):
    (message,) = normalize(list(chunks)).messages()
    assert without_ids(merge_chunks(chunks)) == without_ids(message)


@pytest.mark.parametrize(
    ("chunks", "calls"),
    [
        pytest.param(
            [call("", name="wea", id="a"), call(None, name="ther"), call('{"city": "Paris"}')],
            [("weather", {"city": "Paris"})],
            id="a name in pieces",
        ),
        pytest.param(
            [call('{"city": "Pa', id="a"), call('ris"}'), call("", name="weather")],
            [("weather", {"city": "Paris"})],
            id="a name after the arguments",
        ),
        pytest.param(
            [call("{}", name="f"), call("{}", name="g")],
            [("f", {}), ("g", {})],
            id="another name at the same index",
        ),
        pytest.param(
            [call("{}", None, name="f", id="a"), call("{}", None, name="g", id="a")],
            [("f", {}), ("g", {})],
            id="two calls with one id",
        ),
        pytest.param(
            [call("{}", name="f", id="a"), chunk("text"), call("1}")],
            [("f", {})],
            id="arguments for a call that is over",
        ),
        pytest.param(
            [call('{"text": "one\n', name="f", id="a"), call('two"}')],
            [("f", {"text": "one\ntwo"})],
            id="a bare line break in the arguments",
        ),
        pytest.param([call("", 0), call(None, None)], [], id="pieces that say nothing"),
    ],
)
def test_calls_as_the_stream_has_them(chunks: Chunks, calls: list[Any]):
    events = list(normalize(list(chunks)))
    (end,) = (event for event in events if isinstance(event, MessageEnd))
    starts = [event.name for event in events if isinstance(event, ToolCallStart)]
    assert [(call.name, call.args) for call in end.tool_calls] == calls
    assert starts == [name for name, _ in calls]
    assert [(call["name"], call["args"]) for call in merge_chunks(chunks).tool_calls] == calls


@pytest.mark.skipif(not HAS_V1, reason="this LangChain joins blocks by their index alone")
@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param(
            [
                {"type": "text", "text": "a", "id": "x"},
                {"type": "text", "text": "b", "id": "y"},
                {"type": "text", "text": "c", "id": "x"},
                {"type": "text", "text": "d"},
            ],
            id="blocks of one index are told by their ids",
        ),
        pytest.param(
            [
                {"type": "text", "text": "a"},
                {"type": "non_standard", "value": {"type": "text", "mark": 1}},
            ],
            id="a block of the provider's own adds to the standard one",
        ),
    ],
)
def test_blocks_of_one_index_are_joined_as_the_fold_joins_them(blocks: list[dict[str, Any]]):
    chunks = [chunk([{**block, "index": 0}]) for block in blocks]
    assert merge_chunks(chunks) == fold(chunks)


def test_reasoning_without_a_text_does_not_part_the_pieces_of_a_call():
    silent = chunk([{"type": "thinking", "thinking": "", "index": 0}])
    chunks = [call('{"a":', 1, name="f", id="c"), silent, call(" 1}", 1)]
    [made] = merge_chunks(chunks).tool_calls
    assert made["args"] == {"a": 1}


def test_input_of_a_call_that_has_not_begun_makes_none():
    lost = chunk([{"type": "input_json_delta", "partial_json": "{}", "index": 3}])
    assert merge_chunks([lost, chunk([])]).tool_calls == []


# --- where the fold is wrong


def fold_agrees(chunks: Chunks, merged: AIMessageChunk) -> bool:
    try:
        return fold(chunks) == merged
    except (TypeError, ValueError, KeyError):
        return False


PARIS, UTC = {"city": "Paris"}, {"tz": "UTC"}


@pytest.mark.parametrize(
    ("chunks", "calls"),
    [
        pytest.param(
            [
                call("", 0, name="get_weather", id="a"),
                call('{"city": ', 0),
                call('"Paris"}', 0),
                call("", 0, name="get_time", id="b"),
                call('{"tz": ', 0),
                call('"UTC"}', 0),
            ],
            [("get_weather", PARIS, "a"), ("get_time", UTC, "b")],
            id="all calls at index 0, one after the other",
        ),
        pytest.param(
            [
                call('{"city": ', 0, name="get_weather", id="a"),
                call('{"tz": ', 0, name="get_time", id="b"),
                call('"Paris"}', 0, name="get_weather", id="a"),
                call('"UTC"', 0, id="b"),
                call("}", 0),
            ],
            [("get_weather", PARIS, "a"), ("get_time", UTC, "b")],
            id="all calls at index 0, in turns",
        ),
        pytest.param(
            [
                call('{"city": ', 0, name="get_weather", id="a"),
                call('"Par', 0, name="get_weather", id="a"),
                call('is"}', 0, name="get_weather", id="a"),
            ],
            [("get_weather", PARIS, "a")],
            id="name and id said again",
        ),
        pytest.param(
            [
                call('{"city": ', None, name="get_weather", id="a"),
                call('"Paris"}', None),
                call('{"tz": "UTC"}', None, name="get_time", id="b"),
            ],
            [("get_weather", PARIS, "a"), ("get_time", UTC, "b")],
            id="no index at all",
        ),
    ],
)
def test_calls_the_fold_confuses(chunks: Chunks, calls: list[Any]):
    merged = merge_chunks(chunks)
    assert calls_of(merged) == calls
    assert merged.invalid_tool_calls == []
    assert not fold_agrees(chunks, merged)


def test_a_name_in_halves_is_joined():
    chunks = [call(None, name="get_", id="a"), call(None, name="weather"), call("{}")]
    assert calls_of(merge_chunks(chunks)) == [("get_weather", {}, "a")]


@pytest.mark.parametrize(
    "args", ['{"city": "Par', '{"city": "Paris"', '{"city": "Paris", "da', "{"]
)
def test_arguments_cut_off_are_invalid(args: str):
    chunks = [call("", name="get_weather", id="a"), call(args), facts(finish_reason="length")]
    merged = merge_chunks(chunks)
    assert merged.tool_calls == []
    assert invalid_of(merged) == [("get_weather", args, "a")]
    assert merged.tool_call_chunks[0]["args"] == args
    assert not fold_agrees(chunks, merged)


def test_a_call_cut_off_leaves_the_others_valid():
    chunks = [call('{"city": "Paris"}', 0, name="f", id="a"), call('{"ci', 1, name="f", id="b")]
    merged = merge_chunks(chunks)
    assert calls_of(merged) == [("f", PARIS, "a")]
    assert invalid_of(merged) == [("f", '{"ci', "b")]
    assert [call["id"] for call in merged.tool_call_chunks] == ["a", "b"]
    assert invalid_of(to_message(merged)) == [("f", '{"ci', "b")]


@pytest.mark.parametrize(
    "between",
    [
        chunk("no"),
        chunk([{"type": "refusal", "refusal": "no"}]),
        chunk(additional_kwargs={"refusal": "no"}),
    ],
    ids=["text", "refusal", "refusal beside the content"],
)
def test_what_follows_other_content_belongs_to_no_call_before(between: AIMessageChunk) -> None:
    args = json.dumps(PARIS)
    merged = merge_chunks([call(args, name="f", id="a"), between, call(args)])
    assert calls_of(merged) == [("f", PARIS, "a")]
    assert invalid_of(merged) == []


@pytest.mark.parametrize("args", ["[1]", "null", "Sorry, I"])
def test_arguments_that_are_no_object_are_invalid(args: str):
    assert invalid_of(merge_chunks([call(args, name="f", id="a"), chunk()])) == [("f", args, "a")]


def test_arguments_nested_without_end_are_invalid():
    merged = merge_chunks([call("[", name="f", id="a")] * 100_000)
    assert merged.tool_calls == []
    assert merged.invalid_tool_calls[0]["args"] == "[" * 100_000


@pytest.mark.parametrize(
    ("reports", "total", "wrong"),
    [
        pytest.param([(10, 1), (10, 2), (10, 3)], (10, 3), True, id="running total"),
        pytest.param([(10, 1), (0, 1), (0, 1)], (10, 3), False, id="increments"),
        pytest.param(
            [(10, 1), (0, 1), (0, 1), (10, 3)], (10, 3), True, id="increments, then total"
        ),
        pytest.param([(10, 0), (0, 5)], (10, 5), False, id="input first, output last"),
        pytest.param([(0, 1), (0, 2)], (0, 3), False, id="no input tokens"),
        pytest.param([(10, 3), (10, 1)], (20, 4), False, id="fewer output tokens: another report"),
        pytest.param([(10, 3), (20, 3)], (30, 6), False, id="other input tokens: another report"),
        pytest.param([(10, 1), (20, 1), (20, 2)], (30, 3), True, id="total of the second part"),
    ],
)
def test_usage(reports: list[tuple[int, int]], total: tuple[int, int], wrong: bool):
    chunks = [usage(*report) for report in reports]
    merged = merge_chunks(chunks)
    counted = merged.usage_metadata
    assert counted is not None
    assert (counted["input_tokens"], counted["output_tokens"], counted["total_tokens"]) == (
        *total,
        sum(total),
    )
    assert fold_agrees(chunks, merged) is not wrong


def test_usage_details_follow_their_report():
    chunks = [
        usage(10, 1, input_token_details={"cache_read": 4}, output_token_details={"reasoning": 1}),
        usage(10, 2, output_token_details={"reasoning": 2}),
    ]
    counted: Any = merge_chunks(chunks).usage_metadata
    assert counted["input_token_details"] == {"cache_read": 4}
    assert counted["output_token_details"] == {"reasoning": 2}


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        (["stop", "stop"], "stop"),
        (["stop", "length"], "length"),
        (["", "stop", ""], "stop"),
        (["stop", None], "stop"),
        ([0.5, 0.25], 0.25),
        ([True, False], False),
        ([1, "one"], "one"),
        ([{"a": "x"}, {"a": "x", "b": 1.5}, {"b": 2.5}], {"a": "x", "b": 2.5}),
        ([[1], [2]], [1, 2]),
        ([3, 3], 3),
    ],
)
def test_response_metadata_are_facts(said: list[Any], holds: Any):
    merged = merge_chunks([facts(key=value) for value in said])
    assert merged.response_metadata == {"key": holds}
    assert type(merged.response_metadata["key"]) is type(holds)


def test_times_are_not_added_up():
    assert merge_chunks([facts(created=5), facts(created=6)]).response_metadata == {"created": 6}


def test_additional_kwargs_that_do_not_fit_together_do_not_raise():
    said = [{"a": 0.5}, {"a": 0.7}, {"a": "x"}, {"a": ["y"]}]
    merged = merge_chunks([chunk(additional_kwargs=each) for each in said])
    assert merged.additional_kwargs == {"a": ["y"]}


def test_text_after_an_empty_list_is_kept():
    assert merge_chunks([chunk([]), chunk("Hel"), chunk("lo")]).content == ["Hello"]


@pytest.mark.skipif(not HAS_V1, reason="this LangChain has no content_blocks")
@pytest.mark.parametrize("provider", ["anthropic", "openai", "bedrock_converse"])
def test_content_blocks_show_the_text_beside_blocks(provider: str):
    chunks = [
        chunk("See ", response_metadata={"model_provider": provider}),
        chunk([{"type": "text", "text": "this", "index": 1}]),
        chunk("."),
    ]
    merged = merge_chunks(chunks)
    assert "".join(block.get("text", "") for block in merged.content_blocks) == "See this."
    assert merged.text == "See this."
    assert not fold_agrees(chunks, merged)


@pytest.mark.parametrize(
    ("ids", "best"),
    [
        ([None, "lc_run--1"], "lc_run--1"),
        (["lc_run--1", "resp_1", "lc_run--1", "msg_2"], "resp_1"),
        (["run-1", "msg_1"], "msg_1"),
        (["lc_7", "lc_run--1"], "lc_run--1"),
        ([None, None], None),
    ],
)
def test_the_id_is_the_providers(ids: list[str | None], best: str | None):
    assert merge_chunks([chunk("a", id=id) for id in ids]).id == best


def test_a_name_is_kept():
    assert merge_chunks([chunk("a"), chunk("b", name="planner"), chunk("c")]).name == "planner"


def test_choices_are_concatenated_as_nothing_tells_them_apart():
    chunks = [chunk("A0"), chunk("B0"), chunk("A1")]
    assert merge_chunks(chunks).content == "A0B0A1" == fold(chunks).content


# --- what may be fed


def whole(content: str = "", **fields: Any) -> AIMessage:
    return AIMessage(content=content, **fields)


def test_whole_messages_count_as_chunks():
    done = whole(
        " world", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "c", "type": "tool_call"}]
    )
    merged = merge_chunks([chunk("Hello"), done])
    assert merged.content == "Hello world"
    assert calls_of(merged) == [("f", {"a": 1}, "c")]


def test_a_whole_message_with_the_same_id_replaces_its_chunks():
    merged = merge_chunks([chunk("", id="resp_1"), chunk("Hi"), whole("Hi!", id="resp_1")])
    assert (merged.content, merged.id, type(merged)) == ("Hi!", "resp_1", AIMessageChunk)


def test_generations_and_pairs():
    items = [
        GenerationChunk(text="a"),
        ChatGenerationChunk(message=chunk("b", id="msg_1")),
        ChatGenerationChunk(message=chunk("c", id="msg_1")),
        (chunk("d"), {"langgraph_node": "agent"}),
    ]
    assert merge_chunks(items).content == "abcd"


class ProviderChunk(AIMessageChunk):
    """A provider's own class."""


def test_the_class_of_the_first_chunk_is_kept():
    merged = merge_chunks([ProviderChunk(content="a"), chunk("b")])
    assert type(merged) is ProviderChunk
    assert type(to_message(merged)) is AIMessage
    assert to_message(merged).content == "ab"


async def test_async_streams():
    async def stream():
        yield chunk("Hel")
        yield chunk("lo"), {"langgraph_node": "agent"}

    merged = await merge_chunks(stream())
    assert merged.content == "Hello"


@pytest.mark.parametrize("nothing", [[], iter([]), ()])
def test_nothing_to_merge(nothing: Any):
    with pytest.raises(UsageError, match="there are no chunks to merge; leave out"):
        merge_chunks(nothing)


@pytest.mark.parametrize(
    "item",
    [
        ToolMessage("x", tool_call_id="1"),
        HumanMessage("x"),
        "text",
        {"type": "ai"},
        None,
        (1, 2, 3),
    ],
    ids=lambda item: type(item).__name__,
)
def test_what_is_no_part_of_an_ai_message(item: Any):
    with pytest.raises(UsageError, match="feed the chunks of one message"):
        merge_chunks([chunk("a"), item])


# --- the message so far


def test_the_accumulator_can_be_read_at_any_time():
    message = MessageAccumulator()
    assert (message.text, message.tool_call_chunks) == ("", [])
    for each in [chunk("Hel"), chunk("lo"), call('{"city": ', name="get_weather", id="a")]:
        message.feed(each)
    assert message.text == "Hello"
    assert [call["args"] for call in message.tool_call_chunks] == ['{"city": ']
    assert message.result().tool_calls == []
    message.feed(call('"Paris"}'))
    assert calls_of(message.result()) == [("get_weather", PARIS, "a")]
    assert message.result() == message.result()


def test_text_is_what_is_said_not_what_is_thought():
    message = MessageAccumulator()
    for content in (
        "a",
        [{"type": "thinking", "thinking": "hm", "index": 0}],
        [{"type": "text", "text": "b", "index": 1}],
        [{"type": "text", "text": "c", "index": 1}],
        "d",
        [{"type": "text", "text": "e"}],
    ):
        message.feed(chunk(content))
    assert message.text == "abcde"


def test_a_result_does_not_change_the_accumulator():
    message = MessageAccumulator()
    message.feed(chunk([{"type": "text", "text": "a", "index": 0}], additional_kwargs={"k": ["v"]}))
    message.result().content.append("b")
    message.result().additional_kwargs["k2"] = "w"
    assert message.result().content == [{"type": "text", "text": "a", "index": 0}]
    assert message.result().additional_kwargs == {"k": ["v"]}


@pytest.mark.skipif(not HAS_V1, reason="this LangChain has no v1 blocks")
def test_the_last_chunk_turns_whole_calls_into_blocks_and_no_others():
    def v1(index: int, args: str) -> AIMessageChunk:
        started = {"name": "f", "args": args, "id": f"call_{index}", "index": index}
        return chunk(
            [{"type": "tool_call_chunk", **started}],
            tool_call_chunks=[started],
            response_metadata={"output_version": "v1"},
        )

    merged = merge_chunks([v1(0, '{"a": 1}'), v1(1, '{"a": '), chunk([], chunk_position="last")])
    assert [block["type"] for block in merged.content] == ["tool_call", "tool_call_chunk"]
    assert merged.content[0]["args"] == {"a": 1}


# --- cost


def test_fifty_thousand_argument_fragments():
    text = json.dumps({"path": "a.py", "body": "é\n" * 60_000})
    size = -(-len(text) // 50_000)
    chunks = [fragment(text[at : at + size]) for at in range(0, len(text), size)]
    merged = merge_chunks([call("", name="write_file", id="a"), *chunks])
    assert merged.tool_call_chunks[0]["args"] == text
    assert calls_of(merged) == [("write_file", json.loads(text), "a")]


def test_cut_off_arguments_cost_no_more():
    chunks = [fragment('{"body": "'), *(fragment("\\u00e") for _ in range(20_000))]
    merged = merge_chunks(chunks)
    assert len(merged.invalid_tool_calls[0]["args"]) == 10 + 5 * 20_000


def test_a_text_chunk_leaves_only_its_characters():
    count = 10_000
    message, chunks = MessageAccumulator(), [chunk(f"tok{i} ") for i in range(count)]
    message.feed(chunks[0])
    tracemalloc.start()
    try:
        for each in chunks:
            message.feed(each)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (kept - len(message.text)) / count <= 32


def test_the_examples():
    results = doctest.testmod(merge)
    assert results.attempted
    assert not results.failed


# --- what comes now and then


def test_halves_of_a_name_beside_the_content_are_joined() -> None:
    names = [{"function_call": {"name": it, "arguments": ""}} for it in ("get_", "weather", "")]
    merged = merge_chunks(chunk(additional_kwargs=it) for it in names)
    assert merged.additional_kwargs["function_call"]["name"] == "get_weather"


def test_blocks_with_other_ids_at_one_index_are_two() -> None:
    blocks = [{"type": "text", "text": it, "index": 0, "id": it} for it in ("a", "b")]
    merged = merge_chunks(chunk([it]) for it in blocks)
    assert [it["text"] for it in merged.content] == ["a", "b"]


def test_a_providers_own_block_grows_as_such() -> None:
    blocks = [{"type": "non_standard", "index": 0, "value": {"x": it}} for it in ("a", "b")]
    merged = merge_chunks(chunk([it]) for it in blocks)
    assert merged.content == [{"type": "non_standard", "index": 0, "value": {"x": "ab"}}]


def test_a_call_that_anything_follows_is_over() -> None:
    own = {"type": "server_tool_use", "id": "s", "name": "search", "input": {}, "index": 1}
    between = [
        [{"type": "text", "text": "", "annotations": [{"url": "…"}]}],
        [own, {"type": "input_json_delta", "partial_json": "{", "index": 1}],
        [{"type": "text", "text": 3}],
    ]
    for content in between:
        merged = merge_chunks([call("{}", name="look"), chunk(content), call("{}", name="look")])
        assert [it["name"] for it in to_message(merged).tool_calls] == ["look", "look"][
            : len(merged.tool_calls)
        ]
