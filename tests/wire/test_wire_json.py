"""One JSON for every payload: what becomes of each kind of value, and that nothing breaks it."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import json
import pathlib
import sys
import time
import traceback
import types
import uuid
from typing import Annotated, Any

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    messages_from_dict,
)
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.runnables import RunnableLambda
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    RootModel,
    SecretStr,
    computed_field,
    field_serializer,
    model_serializer,
)

from random_events import CLASSES, events_of
from streamkit import Checkpoint, ErrorInfo, Origin, RunEnd, RunStart, TextDelta, Usage
from streamkit import Custom as CustomEvent
from streamkit.wire import dumps, jsonable, to_dict
from streamkit.wire._plain_json import MAX_CHARACTERS, MAX_DEPTH, dump_plain, loads, payload_reader
from streamkit.wire._redact import Entrance
from streamkit.wire._writer import Writer

HUSH = "hush"


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Level(enum.IntEnum):
    LOW = 1


class Word(str):
    __slots__ = ()


class Number(int):
    pass


class Real(float):
    pass


class Blob(bytes):
    pass


class Days(dict):
    pass


class Stack(list):
    pass


Point = collections.namedtuple("Point", "x y")  # noqa: PYI024


class Moment(dt.datetime):
    pass


@dataclasses.dataclass
class City:
    name: str
    mayor: Any = None


@dataclasses.dataclass
class Slim:
    __slots__ = ("name",)
    name: str


class Trip(msgspec.Struct, tag="trip"):
    to: str


class Model(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int = 1
    hidden: str = Field(default=HUSH, exclude=True)
    key: SecretStr = SecretStr(HUSH)
    loud: Annotated[str, PlainSerializer(str.upper)] = "b"
    _private: str = HUSH


class Computed(BaseModel):
    items: list[Any]
    masked: str = HUSH

    @computed_field
    @property
    def total(self) -> int:
        return len(self.items)

    @field_serializer("masked")
    def mask(self, value: str) -> str:
        return "*" * len(value)


class Custom(BaseModel):
    secret: str = HUSH

    @model_serializer
    def shown(self) -> dict[str, int]:
        return {"shown": 1}


class Numbers(RootModel[list[int]]):
    pass


class Reading(collections.abc.Mapping):
    def __getitem__(self, key: str) -> int:
        return {"a": 1}[key]

    def __iter__(self):
        return iter("a")

    def __len__(self) -> int:
        return 1


@attrs.define
class Street:
    name: str


class Wait(dt.timedelta):
    pass


class Shout(BaseModel):
    a: str = "b"

    @field_serializer("*")
    def shout(self, value: str) -> str:
        return value.upper()


UTC = dt.UTC

VALUES: list[tuple[Any, Any]] = [
    # JSON's own
    (None, None),
    (True, True),
    ("text", "text"),
    (0.1, 0.1),
    (2**53 + 1, 2**53 + 1),
    (-(2**63), -(2**63)),
    (2**64, 2**64),
    (-(10**100), -(10**100)),
    ([1, [2, {"a": [3]}]], [1, [2, {"a": [3]}]]),
    # numbers JSON cannot write
    (float("nan"), None),
    (float("inf"), None),
    ([1, float("-inf")], [1, None]),
    # texts
    ("\u2028\u2029\x85", "\u2028\u2029\x85"),
    ("\x00\x1f\x7f\r\n", "\x00\x1f\x7f\r\n"),
    ("\ud83d", "\ufffd"),
    ("a\ude00b", "a\ufffdb"),
    ("\ud83d\ude00", "😀"),
    ({"\ud83d": "\udfff\ud800"}, {"\ufffd": "\ufffd\ufffd"}),
    # Python's own
    ((1, (2,)), [1, [2]]),
    ({3}, [3]),
    (frozenset({3}), [3]),
    (b"\xff\x00", "/wA="),
    (bytearray(b"a"), "YQ=="),
    (memoryview(b"a"), "YQ=="),
    (dt.datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05"),  # noqa: DTZ001
    (dt.datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
    (dt.date(2026, 1, 2), "2026-01-02"),
    (dt.time(3, 4), "03:04:00"),
    (dt.timedelta(days=1, seconds=2), "P1DT2S"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (decimal.Decimal("1.10"), "1.10"),
    (Colour.RED, "red"),
    (Colour.PAIR, [1, 2]),
    (Level.LOW, 1),
    (pathlib.PurePosixPath("/a/b"), "/a/b"),
    (range(3), [0, 1, 2]),
    (collections.deque([1]), [1]),
    (collections.OrderedDict(a=1), {"a": 1}),
    (collections.defaultdict(list, a=[1]), {"a": [1]}),
    (collections.ChainMap({"a": 1}), {"a": 1}),
    (collections.UserString("a"), "a"),
    (types.MappingProxyType({"a": 1}), {"a": 1}),
    (Reading(), {"a": 1}),
    ({"a": 1}.keys(), ["a"]),
    ({"a": 1}.values(), [1]),
    (array.array("i", [1]), [1]),
    (Point(1, 2), [1, 2]),
    # subclasses
    (Word("a"), "a"),
    (Number(5), 5),
    (Real(0.5), 0.5),
    (Blob(b"a"), "YQ=="),
    (Days(a=1), {"a": 1}),
    (Stack([1]), [1]),
    (Moment(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
    (Wait(days=1), "P1D"),
    # records
    (Street("Via Emilia"), {"name": "Via Emilia"}),
    (Slim.__new__(Slim), {}),  # whose slots were never filled
    (Shout(), {"a": "B"}),
    (City("Bologna", City("Imola")), {"name": "Bologna", "mayor": {"name": "Imola", "mayor": None}}),
    (Slim("a"), {"name": "a"}),
    (Trip(to="Bologna"), {"type": "trip", "to": "Bologna"}),
    (Model(z=9), {"a": 1, "z": 9, "loud": "B", "key": {"$object": "pydantic.types.SecretStr"}}),
    (Custom(), {"shown": 1}),
    (Numbers([1]), [1]),
    (Document("page", metadata={"n": 1}), {"page_content": "page", "metadata": {"n": 1}, "id": None, "type": "Document"}),
    # keys
    ({1: "a", 1.5: "b"}, {"1": "a", "1.5": "b"}),
    ({True: 1, None: 2}, {"true": 1, "null": 2}),
    ({(1, "a"): 1}, {'[1,"a"]': 1}),
    ({uuid.UUID(int=1): 1}, {"00000000-0000-0000-0000-000000000001": 1}),
    ({dt.date(2026, 1, 2): 1}, {"2026-01-02": 1}),
    ({Colour.RED: 1, b"a": 2}, {"red": 1, "YQ==": 2}),
    ({float("nan"): 1}, {"nan": 1}),
    ({Word("k"): 1}, {"k": 1}),
    ({1: "a", "1": "b"}, {"1": "b"}),
    # what is no data
    (object(), {"$object": "object"}),
    (len, {"$object": "builtin_function_or_method"}),
    (int, {"$object": "type"}),
    (1j, {"$object": "complex"}),
    ((i for i in ()), {"$object": "generator"}),
    (fractions.Fraction(1, 2), {"$object": "fractions.Fraction"}),
    (RunnableLambda(len), {"$object": "langchain_core.runnables.base.RunnableLambda"}),
    (msgspec.Raw(b"not JSON\n"), {"$object": "msgspec.Raw"}),
    ([..., 1], [{"$object": "ellipsis"}, 1]),
    # errors
    (ValueError(HUSH), {"$error": {"name": "ValueError"}}),
    (KeyboardInterrupt(), {"$error": {"name": "KeyboardInterrupt"}}),
    # our own
    (Origin(node="a", metadata={"key": HUSH}), {"node": "a"}),
    (ErrorInfo(name="E", message=HUSH, code=5, exception=ValueError(HUSH)), {"name": "E", "code": 5}),
    (Usage(input_tokens=1), {"input_tokens": 1, "output_tokens": 0, "total_tokens": 1, "input_token_details": {}, "output_token_details": {}}),
    (
        RunStart(origin=Origin(node="a", metadata={"key": HUSH}), timestamp=0.5, run_id="r", input=HUSH),
        {"type": "run.start", "origin": {"node": "a"}, "timestamp": 0.5, "run_id": "r"},
    ),
    (
        [TextDelta(origin=Origin(), timestamp=0.5, message_id="m", block_id=0, text="a")],
        [{"type": "text.delta", "timestamp": 0.5, "message_id": "m", "block_id": 0, "text": "a"}],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=lambda it: type(it).__name__)
def test_every_value_has_its_form(value, expected):
    assert jsonable(value) == expected
    assert jsonable({"a": [value]}) == {"a": [expected]}
    assert loads(dumps(value)) == expected
    assert loads(dump_plain(jsonable(value))) == expected


def test_numpys_values_are_numbers_and_lists():
    np = pytest.importorskip("numpy")
    assert jsonable([np.int64(3), np.float32(0.5), np.bool_(True), np.str_("a")]) == [
        3,
        0.5,
        True,
        "a",
    ]
    assert jsonable(np.float64(0.1)) == 0.1
    assert jsonable(np.longdouble(0.5)) == 0.5
    assert jsonable(np.datetime64("2026-01-02")) == "2026-01-02"
    assert jsonable({"a": np.arange(4).reshape(2, 2)}) == {"a": [[0, 1], [2, 3]]}
    assert jsonable(np.array([ValueError(HUSH)])) == [{"$error": {"name": "ValueError"}}]
    assert jsonable(np.array([1.0, np.nan])) == [1.0, None]
    big = np.zeros((1 << 15, 1 << 15), dtype=np.int8)
    assert jsonable(big) == {"$cut": "an array of 1073741824 values"}


MESSAGES = [
    AIMessage("Hi", id="1", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "c"}]),
    AIMessage(
        [{"type": "text", "text": "Hi"}],
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        response_metadata={"model_name": "m"},
        additional_kwargs={"refusal": "no"},
    ),
    AIMessageChunk(
        content="",
        tool_call_chunks=[{"name": "f", "args": '{"a', "id": "c", "index": 0, "type": "tool_call_chunk"}],
    ),
    HumanMessage("Hello", name="Ada", custom="field"),
    SystemMessage(HUSH, id="s"),
    ToolMessage("sunny", tool_call_id="c", artifact=[]),
    ToolMessage(HUSH, tool_call_id="c", status="error"),
    ChatMessage("aside", role="narrator"),
    FunctionMessage("x", name="f"),
    RemoveMessage(id="1"),
]  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES, ids=lambda it: type(it).__name__)
def test_messages_take_langchains_stored_form_and_decode_back(message):
    form = jsonable(message, private=True)
    assert form.keys() == {"type", "data"}
    assert messages_from_dict([form]) == [message]
    assert jsonable(message, private=True, flat=True) == {"type": form["type"], **form["data"]}
    assert jsonable(form, private=True, flat=True) == {"type": form["type"], **form["data"]}


@pytest.mark.parametrize(
    "value",
    [
        SystemMessage(HUSH),
        SystemMessage([{"type": "text", "text": HUSH}], additional_kwargs={"a": HUSH}),
        ChatMessage(HUSH, role="system"),
        ChatMessage(HUSH, role="developer"),
        ToolMessage(HUSH, tool_call_id="c", status="error"),
        AIMessage("", response_metadata={"headers": HUSH}),
        ChatPromptValue(messages=[HumanMessage(HUSH)]),
        {"role": "system", "content": HUSH},
        [("system", HUSH), ("user", "hi")],
        {"messages": [["developer", HUSH]]},
        ("system", [{"type": "text", "text": HUSH}]),
        {"role": "developer", "content": [{"text": HUSH}]},
        {"type": "system", "content": HUSH},
        {"type": "developer", "content": HUSH},
        {"type": "system", "data": {"content": HUSH}},
        {"role": "tool", "content": HUSH, "tool_call_id": "c", "status": "error"},
        ValueError(HUSH),
        ErrorInfo(name="E", message=HUSH),
        Origin(metadata={"a": HUSH}),
        Computed(items=[SystemMessage(HUSH)]),
        City("a", SystemMessage(HUSH)),
        Custom(),
    ],
    ids=lambda it: type(it).__name__,
)
def test_secrets_stay_wherever_they_are_and_whatever_is_around_them(value):
    for around in (value, [value], {"a": {"b": (value, 1)}}, [value, object(), 2**70, "\ud800"]):
        assert HUSH not in dumps(around).decode()
        assert HUSH not in Writer().write(CustomEvent(timestamp=0.5, data=around)).decode()
        json.dumps(jsonable(around))


def test_a_hidden_message_is_still_a_message():
    messages = [
        SystemMessage(HUSH, id="s"),
        ToolMessage(HUSH, tool_call_id="c", status="error"),
    ]
    system, tool = messages_from_dict(jsonable(messages))
    assert (system.type, system.content, system.id) == ("system", "", "s")
    assert (tool.content, tool.status, tool.tool_call_id) == ("error", "error", "c")
    assert jsonable([{"role": "system", "content": HUSH}, {"role": "user", "content": "Hi"}]) == [
        {"role": "system", "content": ""},
        {"role": "user", "content": "Hi"},
    ]


def test_private_writes_them():
    assert jsonable(ValueError("why"), private=True) == {
        "$error": {"name": "ValueError", "message": "why"}
    }
    assert jsonable(SystemMessage("Be kind."), private=True)["data"]["content"] == "Be kind."
    assert jsonable({"role": "system", "content": "a"}, private=True) == {
        "role": "system",
        "content": "a",
    }
    assert "Be kind." in str(
        jsonable(ChatPromptValue(messages=[HumanMessage("Be kind.")]), private=True)
    )


def test_pydantics_own_rules_hold_for_the_fields_that_have_them():
    form = jsonable(Computed(items=[AIMessage("a")]))
    assert form == {
        "items": [{"type": "ai", "data": {"content": "a"} | _example(AIMessage)}],
        "masked": "****",
        "total": 1,
    }


def _example(cls: Any) -> dict[str, bool]:
    """LangChain before 1.0 has one more field."""
    return {"example": False} if "example" in cls.model_fields else {}


def test_langgraphs_values_have_forms_of_their_own():
    pytest.importorskip("langgraph")
    from langgraph.types import Command, Interrupt, Send

    command = Command(update={"messages": [AIMessage("a")]}, goto=[Send("n", {"x": 1})])
    assert jsonable(command) == {
        "$command": {
            "update": {
                "messages": [{"type": "ai", "data": {"content": "a"} | _example(AIMessage)}]
            },
            "goto": [{"$send": {"node": "n", "arg": {"x": 1}}}],
        }
    }
    assert jsonable(Command(resume="yes")) == {"$command": {"resume": "yes"}}
    form = jsonable({"__interrupt__": (Interrupt(value={"ask": 1}),)})
    assert form["__interrupt__"][0]["$interrupt"]["value"] == {"ask": 1}


@pytest.mark.parametrize(("more", "id"), [({"interrupt_id": "i"}, "i"), ({}, None)])
def test_interrupts_of_old_versions_have_the_same_form(more, id):
    """LangGraph 0.4 has a property for the id, and 0.3 none at all."""
    old = type("Interrupt", (), {"__module__": "langgraph.types", "value": 1, **more})
    assert jsonable(old()) == {"$interrupt": {"id": id, "value": 1}}


def test_the_machinery_of_langgraph_is_no_data():
    runtime = pytest.importorskip("langgraph.runtime")
    form = jsonable({"city": "Paris", "runtime": runtime.Runtime(context={"key": HUSH})})
    assert form == {"city": "Paris", "runtime": {"$object": "langgraph.runtime.Runtime"}}


# --- hostile values


class Mean:
    """Raises whatever it is asked."""

    def _raise(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError(HUSH)

    __repr__ = __str__ = __eq__ = __len__ = __iter__ = __bool__ = _raise
    __getattr__ = __getattribute__ = _raise
    __hash__ = None


class Liar:
    """Says it is a dict."""

    @property
    def __class__(self) -> Any:
        return dict


class MeanMeta(type):
    def __eq__(cls, other: object) -> bool:
        raise RuntimeError(HUSH)

    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(HUSH)

    __hash__ = None


class OfMeanMeta(metaclass=MeanMeta):
    pass


class MeanDict(dict):
    def _raise(self, *_: Any) -> Any:
        raise RuntimeError(HUSH)

    __iter__ = keys = values = items = get = __contains__ = __len__ = __getitem__ = _raise


class Endless(list):
    def __iter__(self):
        while True:
            yield 1


class EndlessMapping(collections.abc.Mapping):
    def __getitem__(self, key: int) -> int:
        return key

    def __iter__(self):
        n = 0
        while True:
            yield n
            n += 1

    def __len__(self) -> int:
        return 0


class MeanError(Exception):
    def __str__(self) -> str:
        raise RuntimeError(HUSH)


class MeanZone(dt.tzinfo):
    def utcoffset(self, _: Any) -> Any:
        raise RuntimeError(HUSH)


class MeanModel(BaseModel):
    @computed_field
    @property
    def broken(self) -> int:
        raise RuntimeError(HUSH)


def cycle() -> Any:
    values: list[Any] = [1]
    values.append({"self": values})
    return values


def object_cycle() -> Any:
    city = City("a")
    city.mayor = [city]
    return city


def message_cycle() -> Any:
    message = HumanMessage("a")
    message.additional_kwargs["self"] = message
    return message


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def shared(width: int, levels: int, leaf: Any = 1) -> Any:
    value = leaf
    for _ in range(levels):
        value = [value] * width
    return value


HOSTILE = {
    "mean": Mean,
    "mean in a list": lambda: [1, Mean()],
    "mean in a dict": lambda: {"a": Mean(), "b": 1},
    "liar": Liar,
    "mean metaclass": OfMeanMeta,
    "mean dict": lambda: MeanDict(a=1),
    "endless list": lambda: Endless([1]),
    "endless mapping": EndlessMapping,
    "mean error": lambda: MeanError(HUSH),
    "mean zone": lambda: [dt.datetime(2026, 1, 2, tzinfo=MeanZone())],
    "mean model": MeanModel,
    "cycle": cycle,
    "object cycle": object_cycle,
    "message cycle": message_cycle,
    "deep": lambda: deep(100_000),
    "shared, deep": lambda: shared(2, 60),
    "shared, wide": lambda: shared(1000, 5),
    "shared objects": lambda: shared(2, 60, City("a")),
    "shared messages": lambda: shared(10, 20, AIMessage("a")),
    "shared text": lambda: shared(1000, 2, "x" * 100_000),
    "shared bytes": lambda: shared(1000, 2, b"x" * 100_000),
    "shared integer": lambda: shared(1000, 2, 10**1000),
    "shared keys": lambda: shared(1000, 2, {"x" * 100_000: 1}),
    "long range": lambda: range(10**12),
    "huge integer": lambda: [10**100_000],
    "surrogates": lambda: "\ud800" * 1000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_no_value_raises_runs_away_or_breaks_the_line(name):
    value = HOSTILE[name]()
    start = time.process_time()
    data = dumps({"value": value}, private=name.startswith("mean"))
    assert time.process_time() - start < 20  # seconds, on the slowest machine there is
    assert len(data) < 2.5 * MAX_CHARACTERS
    assert data.decode().splitlines() == [data.decode()]
    assert json.loads(data).keys() == {"value"}
    assert HUSH not in data.decode()


BUILT_IN = ("cycle", "deep", "huge integer", "shared keys", "shared text", "surrogates")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_payload_of_built_in_types_has_the_bounds_of_any_other(name):
    """Such a payload is only looked at, and not walked, where it is within the bounds."""
    value = HOSTILE[name]()
    event = CustomEvent(timestamp=0.5, data=value)
    assert loads(Writer().write(event))["data"] == jsonable(value)


def test_a_payload_that_is_json_data_passes_as_it_is():
    plain = payload_reader(private=False, flat=False)
    data = {"documents": [{"id": n, "text": "word " * 9, "score": 0.5} for n in range(1_000)]}
    assert plain(data) is data
    prompt = ["system", "a prompt"]
    assert plain([*data["documents"], prompt])[-1] == ["system", ""]
    assert prompt == ["system", "a prompt"]


@pytest.mark.parametrize("around", [lambda it: it, lambda it: {"a": it}, lambda it: [it]])
def test_a_giant_text_is_cut_wherever_it_is(around):
    event = CustomEvent(timestamp=0.0, data=around("x" * 50_000_000))
    assert Entrance().admit(event).data == around({"$cut": "a text of 50000000 characters"})
    long = CustomEvent(timestamp=0.0, data=around("x" * 1_000_000))
    assert Entrance().admit(long).data == long.data


def test_what_was_cut_says_so():
    assert jsonable(cycle()) == [1, {"self": {"$cut": "a cycle"}}]
    assert jsonable(object_cycle()) == {"name": "a", "mayor": [{"$cut": "a cycle"}]}
    assert jsonable([10**5000]) == [{"$cut": "an integer of 16610 bits"}]
    assert jsonable("x" * (MAX_CHARACTERS + 1)) == {"$cut": "a text of 33554433 characters"}
    assert str(jsonable(deep(200))) == (
        "[" * MAX_DEPTH + "{'$cut': 'more than 100 levels'}" + "]" * MAX_DEPTH
    )
    values = jsonable(range(10**7))
    assert values[:3] == [0, 1, 2]
    assert "more values" in values[-1]["$cut"]
    long = "x" * (MAX_CHARACTERS - 2000)
    *values, last = jsonable([long, *range(99)])
    assert last == {"$cut": f"{100 - len(values)} more values"}
    assert "more keys" in jsonable(EndlessMapping())["$cut"]
    pairs = jsonable({"long": long, **{str(n): n for n in range(99)}})
    assert pairs.pop("$cut") == f"{100 - len(pairs)} more keys"
    assert jsonable(Mean()) == {"$object": f"{__name__}.Mean"}
    unnameable = jsonable(OfMeanMeta())
    assert unnameable == {"$object": "object"}


def test_an_event_whose_payload_is_a_tuple_has_the_same_bounds():
    event = CustomEvent(timestamp=0.5, data=("a" * 2**16,) * (MAX_CHARACTERS // 2**16 + 2))
    assert len(Writer().write(event)) < MAX_CHARACTERS + 1000


def test_depth_is_bounded():
    for levels in (1, MAX_DEPTH - 1, MAX_DEPTH):
        assert jsonable(deep(levels)) == deep(levels)
        objects = jsonable(City("a", deep(levels - 1)))
        assert objects == {"name": "a", "mayor": deep(levels - 1)}
    assert "$cut" in str(jsonable(deep(MAX_DEPTH + 1)))
    assert "$cut" not in str(jsonable(Document("a", metadata={"a": deep(MAX_DEPTH - 2)})))
    assert "$cut" in str(jsonable(Document("a", metadata={"a": deep(MAX_DEPTH - 1)})))


def test_a_million_values_are_no_problem():
    values = list(range(10**6))
    assert jsonable(values) == values
    assert jsonable([*values, Colour.PAIR])[-1] == [1, 2]


def test_it_works_with_hardly_any_stack_left():
    value = [[[[City("b", [AIMessage("c")])]]]]

    def after(calls: int) -> bytes:
        return after(calls - 1) if calls else dumps(value)

    depth = len(traceback.extract_stack())
    written = [
        after(sys.getrecursionlimit() - depth - frames).decode() for frames in range(16, 80, 4)
    ]
    assert all(json.loads(text) for text in written)
    assert any("RecursionError" in text for text in written)
    assert '"name":"b"' in written[-1]

    def at_the_bottom(value: object) -> bytes:
        try:
            return at_the_bottom(value)
        except RecursionError:
            return dumps(value)

    assert isinstance(json.loads(at_the_bottom({"a": City("b", [AIMessage("c")])})), dict)
    assert json.loads(at_the_bottom([1])) == {"$cut": "not written: RecursionError"}


def test_nothing_of_the_users_is_changed():
    message = AIMessage("a", response_metadata={"b": 1})
    state = {"messages": [message, {"role": "system", "content": "a"}], "n": {1: ("a", {2})}}
    before = repr(state)
    dumps(state)
    assert repr(state) == before
    assert state["messages"][0] is message


# --- laws


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.binary(max_size=9)
    | st.sampled_from([*Colour, Level.LOW, Word("a"), Number(2), object, uuid.UUID(int=5)])
    | st.sampled_from([AIMessage("a"), Document("a"), ValueError("a"), dt.date(2026, 1, 2)])
    | st.sampled_from([SystemMessage(HUSH), ErrorInfo(name="E", message=HUSH), Origin(node="a")])
    | st.sampled_from([msgspec.UNSET, msgspec.Raw(b"1\n"), Trip(to="a"), Point(1, 2), object()])
    | st.builds(Mean)
    | st.builds(cycle)
    | st.decimals()
)
keys = (
    st.sampled_from(["role", "content", "\ud800"])
    | st.text()
    | st.integers()
    | st.booleans()
    | st.none()
    | st.sampled_from(Colour)
)


def messages_with(content: Any) -> Any:
    """Messages that came as JSON, of which some may not show their content."""
    system, plain = st.sampled_from(["system", "developer", "ai"]), st.sampled_from(["", "b"])
    fields = {"content": content, "additional_kwargs": plain, "response_metadata": plain}
    return (
        st.fixed_dictionaries({"role": system, "content": content})
        | st.fixed_dictionaries({"type": system}, optional=fields)
        | st.fixed_dictionaries({"type": system, "data": st.fixed_dictionaries(fields)})
        | st.builds(
            lambda it, status: {"content": it, "tool_call_id": "c", "status": status},
            content,
            st.sampled_from(["error", "success"]),
        )
    )


values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | messages_with(inner)
        | st.builds(lambda it, n: shared(2, n, it), inner, st.integers(1, 7))
        | st.builds(City, st.text(), inner)
        | st.builds(lambda it: Document("a", metadata={"a": it}), inner)
        | st.builds(Days, st.dictionaries(st.text(), inner, max_size=2))
    ),
    max_leaves=20,
)


@given(values, st.booleans(), st.booleans())
def test_plain_data_is_plain_and_stays_as_it_is(value, private, flat):
    data = jsonable(value, private=private, flat=flat)
    assert loads(msgspec.json.encode(data)) == data
    assert jsonable(data, private=True) == data


@given(st.sampled_from(CLASSES), st.data(), st.booleans())
def test_the_entrance_and_the_walk_agree_on_events(cls, data, private):
    """An event that is a payload itself is walked; a writer reads its fields one by one."""
    event = data.draw(events_of(cls))
    foreign = [it for it in msgspec.structs.fields(cls) if it.type is Any]
    event = msgspec.structs.replace(event, **{it.name: data.draw(values) for it in foreign})
    assert loads(Writer(private=private).write(event)) == jsonable(event, private=private)
    assert to_dict(event, private=private) == jsonable(event, private=private)


@pytest.mark.parametrize(
    "make", [Mean, MeanDict, lambda: {"configurable": MeanDict()}, lambda: [1]]
)
def test_a_config_that_is_none_holds_no_ids(make):
    event = Checkpoint(origin=Origin(), timestamp=0.5, config=make())
    assert to_dict(event)["config"] == {"configurable": {}}


@given(values)
def test_every_line_is_one_line_of_utf8(value):
    text = dumps(value).decode()
    assert text.splitlines() == [text]
    json.loads(text)


json_data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


@given(json_data)
def test_json_data_comes_back_as_it_was(value):
    assert jsonable(value, private=True) == value
    assert loads(dumps(value, private=True)) == value


@pytest.mark.parametrize(
    "text", [b"", b"{", b"NaN", b'"\\ud800"', b"\xff", b"1e999", b"[" * 10**5, b"1" * 5000]
)
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        loads(text)


@pytest.mark.parametrize("private", [False, True])
def test_an_object_that_raises_when_its_class_is_asked_is_written(private):
    event = RunEnd(origin=Origin(), timestamp=0.5, status="completed", output=Mean())
    assert loads(Writer(private=private).write(event)) == jsonable(event, private=private)
