"""Reading JSON while it is written: strict when closed, a guess that only grows until then."""

from __future__ import annotations

import copy
import doctest
import gc
import itertools
import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamkit import partial_json
from streamkit.errors import SourceError
from streamkit.partial_json import PartialJSON

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
texts = st.builds(
    json.dumps, documents, ensure_ascii=st.booleans(), indent=st.sampled_from([None, 1])
)
escapes = ["\\u00e9", "\\ud83d", "\\ude00", "\\uD83D\\uDE00", "\\u12", "\\n", "\ud83d"]
near_json = st.lists(
    st.sampled_from(
        [
            *'{}[]",:\\/ \n\tu0-.eE+x😀\x00',
            *escapes,
            "1",
            '"a"',
            '{"a":',
            "true",
            "NaN",
            "-Infinity",
        ]
    ),
    max_size=12,
).map("".join)


@st.composite
def cut(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> list[str]:
    """A text in pieces, of one character each or cut anywhere."""
    text = draw(texts)
    if draw(st.booleans()):
        return list(text)
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[a:b] for a, b in itertools.pairwise([0, *places, len(text)])]


def fed(pieces: list[str], *, strict: bool = True) -> PartialJSON:
    reader = PartialJSON(strict=strict)
    for piece in pieces:
        reader.feed(piece)
    return reader


def views(pieces: list[str]) -> list[Any]:
    reader = PartialJSON()
    seen: list[Any] = []
    for piece in pieces:
        reader.feed(piece)
        seen.append(copy.deepcopy(reader.value))
    return seen


# --- closed


@given(pieces=cut(texts))
@settings(deadline=None)
def test_closed_it_equals_json_loads(pieces: list[str]):
    reader = fed(pieces)
    assert reader.error is None
    assert repr(reader.close()) == repr(json.loads("".join(pieces)))


@given(pieces=cut(near_json), strict=st.booleans())
@example(pieces=['{"a":1,"a":[2', '],"a":3}'], strict=True)
@example(pieces=["1" * 5000], strict=True)
def test_closed_it_fails_where_json_loads_fails(pieces: list[str], strict: bool):
    reader = fed(pieces, strict=strict)
    try:
        expected = json.loads("".join(pieces), strict=strict)
    except ValueError:
        with pytest.raises(SourceError, match=r"see \.value"):
            reader.close()
    else:
        assert repr(reader.close()) == repr(expected)


def test_closing_twice_gives_the_same():
    reader = fed(["12"])
    assert (reader.close(), reader.close()) == (12, 12)


# --- open


def grows(before: Any, after: Any) -> bool:
    """Whether a view shows all that an earlier one showed."""
    if isinstance(before, str):
        return isinstance(after, str) and after.startswith(before)
    if isinstance(before, list):
        return (
            isinstance(after, list) and len(before) <= len(after) and all(map(grows, before, after))
        )
    if isinstance(before, dict):
        return isinstance(after, dict) and all(
            key in after and grows(before[key], after[key]) for key in before
        )
    return before is None or (type(before) is type(after) and before == after)


@given(pieces=cut(texts))
@settings(deadline=None)
def test_what_it_shows_only_grows(pieces: list[str]):
    seen = [*views(pieces), json.loads("".join(pieces))]
    assert all(itertools.starmap(grows, itertools.pairwise(seen)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("  ", None),
        ("{", {}),
        ('{"ci', {}),
        ('{"city"', {}),
        ('{"city":', {}),
        ('{"city": "', {"city": ""}),
        ('{"city": "Par', {"city": "Par"}),
        ('{"city": "Paris", "da', {"city": "Paris"}),
        ('{"days": 1', {}),
        ('{"days": 12,', {"days": 12}),
        ('{"now": tru', {}),
        ('{"now": true}', {"now": True}),
        ('{"a": [1, 2, [', {"a": [1, 2, []]}),
        ('"caf\\', "caf"),
        ('"caf\\u00e', "caf"),
        ('"caf\\u00e9', "café"),
        ('"\\ud83d', ""),
        ('"\\ud83d\\', ""),
        ('"\\ud83d\\ude0', ""),
        ('"\\ud83d\\ude00', "😀"),
        ('"\\ud83d!', "\ud83d!"),
        ('"\\ud83d\\n', "\ud83d\n"),
        ('{"a": 1, "a": "x', {"a": "x"}),
    ],
)
def test_the_guess(text: str, value: Any):
    assert fed([text]).value == value
    assert fed(list(text)).value == value


# --- broken


@pytest.mark.parametrize(
    ("text", "error", "value"),
    [
        ("Sorry, I cannot", "unexpected 'S' at character 0", None),
        ('{"a": "x", oops', "unexpected 'o' at character 11", {"a": "x"}),
        ('{"a": [1, 2}', "unexpected '}' at character 11", {"a": [1, 2]}),
        ('["a\\x', "unexpected '\\\\' at character 3", ["a"]),
        ('["a\nb"]', "unexpected '\\n' at character 3", ["a"]),
        ("[1, trux]", "'trux' is no JSON value", [1]),
        ("[1, 02]", "'02' is no JSON value", [1]),
        ('{"a": 1} {', "unexpected '{' at character 9", {"a": 1}),
    ],
)
def test_broken_json_keeps_what_was_good(text: str, error: str, value: Any):
    for reader in (fed([text]), fed(list(text))):
        reader.feed('"more"')
        assert (reader.error, reader.value) == (error, value)
        with pytest.raises(SourceError) as raised:
            reader.close()
        assert str(raised.value) == f"{error}; see .value for what could be read"


def test_a_text_that_ends_early():
    reader = fed(['{"city": "Par'])
    with pytest.raises(SourceError, match="the text ends at character 13, inside of the value"):
        reader.close()
    assert reader.value == {"city": "Par"}


def test_bare_line_breaks_if_asked_for():
    assert fed(['{"a": "1\n', '2"}'], strict=False).close() == {"a": "1\n2"}


def test_nesting_has_no_limit():
    reader = fed(["[" * 100_000, "]" * 100_000])
    inner, depth = reader.close(), 0
    while inner:
        inner, depth = inner[0], depth + 1
    assert depth == 99_999


# --- cost


@pytest.fixture
def _no_collection():
    """The garbage of all the tests before would be collected at our expense."""
    gc.disable()
    yield
    gc.enable()


def seconds_per_feed(text: str) -> float:
    """The mean, with a look at the value after each."""
    reader = PartialJSON()
    started = time.thread_time()
    for at in range(0, len(text), 5):
        reader.feed(text[at : at + 5])
        assert reader.value is not None
    return (time.thread_time() - started) / (len(text) / 5)


@pytest.mark.parametrize(
    "text_of",
    [
        lambda size: json.dumps({"body": "x = 1; " * (size // 7)}),
        lambda size: json.dumps({"body": "é😀 text\n" * (size // 30)}),
        lambda size: json.dumps([{"id": i, "name": "n", "ok": True} for i in range(size // 38)]),
    ],
    ids=["a long string", "escapes", "many values"],
)
@pytest.mark.usefixtures("_no_collection")
def test_a_feed_costs_no_more_in_a_long_document(text_of: Any):
    short = min(seconds_per_feed(text_of(10_000)) for _ in range(5))
    assert min(seconds_per_feed(text_of(200_000)) for _ in range(3)) <= 4 * short


def test_the_examples():
    results = doctest.testmod(partial_json)
    assert results.attempted
    assert not results.failed
