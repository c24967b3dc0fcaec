"""The application's own events: written with their type, and given back as the class they had."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypedDict

from random_events import EVENTS, JSON, PLACES, TEXT, cut
from streamkit import (
    Custom,
    Event,
    MalformedItem,
    Mapper,
    Origin,
    RunEnd,
    TextDelta,
    ToolCall,
    Unrecognized,
    Usage,
    UsageError,
    normalize,
)
from streamkit.wire import ndjson, sse


@dataclass
class Token:
    text: str
    type: str = "app.token"


@dataclass(frozen=True)
class Quiet:
    """Has no type, so its name is its type."""

    words: tuple[str, ...] = ()
    counts: dict[int, int] = field(default_factory=dict)


@dataclass
class Constant:
    type: ClassVar[str] = "app.constant"
    value: Any = None


class Struct(msgspec.Struct, tag_field="type", tag="app.struct", forbid_unknown_fields=True):
    value: Any
    at: datetime


class Loose(msgspec.Struct, forbid_unknown_fields=True):
    body: bytes


class Note(TypedDict):
    type: Literal["app.note", "app.remark"]
    text: str


class Model(pydantic.BaseModel, strict=True):
    type: Literal["app.model"] = "app.model"
    at: datetime
    inner: dict[str, int] = pydantic.Field(default_factory=dict)


class Bare(pydantic.BaseModel, extra="forbid"):
    text: str


class Word(enum.StrEnum):
    WORD = "app.word"


@dataclass
class Enumerated:
    type: Word = Word.WORD


TYPES = [Token, Quiet, Constant, Struct, Loose, Note, Model, Bare, Enumerated]
WHEN = st.datetimes(timezones=st.just(UTC))
OWN: st.SearchStrategy[Any] = st.one_of(
    st.builds(Token, text=TEXT, type=st.just("app.token")),
    st.builds(
        Quiet,
        words=st.lists(TEXT, max_size=3).map(tuple),
        counts=st.dictionaries(st.integers(-9, 9), st.integers(-9, 9), max_size=2),
    ),
    st.builds(Constant, value=JSON),
    st.builds(Struct, value=JSON, at=WHEN),
    st.builds(Loose, body=st.binary(max_size=9)),
    st.fixed_dictionaries({"type": st.sampled_from(["app.note", "app.remark"]), "text": TEXT}),
    st.builds(
        Model, at=WHEN, inner=st.dictionaries(TEXT, st.integers(-9, 9), max_size=2), type=st.just("app.model")
    ),
    st.builds(Bare, text=TEXT),
    st.just(Enumerated()),
)  # fmt: skip


# --- round trips


@pytest.mark.parametrize("wire", [ndjson, sse])
@given(items=st.lists(OWN | EVENTS, max_size=5), places=PLACES)
def test_everything_comes_back_wherever_the_bytes_were_cut(wire, items, places):
    encode = wire.encoder(private=True).stage()
    data = b"".join(piece for item in items for piece in encode(item))
    assert data == b"".join(wire.encode(item, private=True) for item in items)
    decoder = wire.Decoder(types=TYPES)
    found = [event for piece in cut(data, places) for event in decoder.feed(piece)]
    found += decoder.close()
    assert found == items
    assert [type(it) for it in found] == [type(it) for it in items]


def test_what_a_mapper_makes_of_a_stream_comes_back():
    mapper = Mapper[Token | Quiet]()
    mapper.on(TextDelta)(lambda event: Token(event.text))
    mapper.on(RunEnd)(lambda event: Quiet((event.status,)))
    data = b"".join(normalize(["Hel", "lo"]).map(mapper).pipe(ndjson.encoder()))
    assert data == (
        b'{"text":"Hel","type":"app.token"}\n{"text":"lo","type":"app.token"}\n'
        b'{"type":"Quiet","words":["completed"],"counts":{}}\n'
    )
    items = ndjson.Decoder[Token | Quiet](types=[Token, Quiet]).feed(data)
    assert items == [Token("Hel"), Token("lo"), Quiet(("completed",))]


# --- by which type


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (Token("a", type="app.other"), {"text": "a", "type": "app.other"}),
        (Quiet(), {"type": "Quiet", "words": [], "counts": {}}),
        (Constant(1), {"type": "app.constant", "value": 1}),
        (Bare(text="a"), {"type": "Bare", "text": "a"}),
        (Loose(b"a"), {"type": "Loose", "body": "YQ=="}),
        ({"text": "a"}, {"text": "a"}),
        (Usage(), {
            "type": "Usage", "input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
            "input_token_details": {}, "output_token_details": {},
        }),
        (ToolCall(id="c", name="f", args={"type": 1}, text=""), {
            "type": "ToolCall", "id": "c", "name": "f", "args": {"type": 1}, "text": ""
        }),
        ("a", "a"),
        ([1], [1]),
        (None, None),
        (3, 3),
    ],
)  # fmt: skip
def test_an_object_says_what_it_is(item, text):
    data = ndjson.encode(item)
    assert json.loads(data) == text
    assert data.endswith(b"\n")
    assert sse.encode(item, id=1) == b"id: 1\ndata: " + data + b"\n"


def test_an_empty_object_is_no_more_than_its_type():
    @dataclass
    class Ping:
        pass

    assert ndjson.encode(Ping()) == b'{"type":"Ping"}\n'
    assert ndjson.Decoder(types=[Ping]).feed(ndjson.encode(Ping())) == [Ping()]


def test_a_mapping_names_classes_and_functions():
    data = b'{"type":"a","text":"x"}\n{"type":"b","text":"y"}\n{"type":"c","n":1}\n'
    types = {"a": Bare, "b": Token, "c": lambda data: data["n"]}
    assert ndjson.Decoder(types=types).feed(data) == [Bare(text="x"), Token("y", type="b"), 1]


def test_a_secret_stays_in_the_process():
    @dataclass
    class Failed:
        error: Exception

    item = Failed(ValueError("hush"))
    assert b"hush" not in ndjson.encode(item)
    assert b"hush" in ndjson.encode(item, private=True)


# --- what is refused


def test_a_type_that_nobody_knows_is_unrecognized():
    (event,) = ndjson.Decoder(types=[Token]).feed(ndjson.encode(Constant(1)))
    assert isinstance(event, Unrecognized)
    assert event.raw == {"type": "app.constant", "value": 1}


@pytest.mark.parametrize(
    "line", [b'{"type":"app.token"}', b'{"type":"app.token","text":1}', b'{"type":"app.model","at":0.5}']
)  # fmt: skip
def test_what_does_not_fit_its_class_is_malformed(line):
    with pytest.raises(MalformedItem, match=r"no app\.\w+ event: "):
        ndjson.Decoder(types=[Token, Model]).feed(line + b"\n")


def test_what_a_function_raises_is_told():
    def fails(_data: object) -> None:
        raise KeyError("n")

    with pytest.raises(MalformedItem, match="no a event: 'n'"):
        ndjson.Decoder(types={"a": fails}).feed(b'{"type":"a"}\n')


@dataclass
class Clash:
    text: str
    type: str = "text.delta"


class Anything(TypedDict):
    type: str


@dataclass
class Unsaid:
    type: str


@pytest.mark.parametrize(
    ("types", "says"),
    [
        ([Clash], r"Clash has the type 'text\.delta' of an event of streamkit"),
        ({"run.end": Token}, r"Token has the type 'run\.end' of"),
        ([Token, Token], r"two classes have the type 'app\.token'"),
        ([Anything], r"Anything does not say its type; name it: types={'app\.event': Anything}"),
        ([Unsaid], "Unsaid does not say its type"),
        ([len], "len does not say its type"),
        ([object()], "does not say its type"),
        ({"a": object}, "cannot read payloads as <class 'object'>"),
    ],
)
def test_types_that_cannot_work_are_refused_at_once(types, says):
    for decoder in (ndjson.Decoder, sse.Decoder):
        with pytest.raises(UsageError, match=says):
            decoder(types=types)


def test_an_object_that_would_be_read_as_an_event_of_ours_is_not_written():
    with pytest.raises(UsageError, match=r"Clash has the type 'text\.delta'.*choose another type"):
        ndjson.encode(Clash("a"))
    stream = normalize(["Hi"]).map(
        lambda event: Clash("a") if isinstance(event, TextDelta) else None
    )
    with pytest.raises(UsageError, match="Clash has the type"):
        list(stream.pipe(sse.encoder()))


def test_a_dict_that_is_an_event_of_ours_is_read_as_one():
    event: Event = Custom(origin=Origin(), timestamp=0.5, data=1)
    data = ndjson.encode(event)
    assert ndjson.encode(json.loads(data)) == data
