"""One message being written: what its events hold, whatever its chunks hold."""

from __future__ import annotations

import functools
import operator
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables.utils import AddableDict

from streamkit import Event, TextDelta, TextEnd, normalize
from streamkit.wire import (
    ag_ui,
    ai_sdk,
    chat,
    langgraph_sse,
    ndjson,
    openai_chunks,
    openai_responses,
    sse,
)


class OwnText(str):
    """A str subclass, such as the `TextAccessor` that LangChain 1.x's parsers yield."""

    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("text is read as the str that it is")


PARSED = [OwnText("Hello "), OwnText(""), OwnText("you all")]


def test_text_of_a_subclass_is_emitted_as_plain_str() -> None:
    events: list[Event] = list(normalize(PARSED))
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    (end,) = [event.text for event in events if isinstance(event, TextEnd)]
    assert deltas == ["Hello ", "you all"]
    assert {type(text) for text in (*deltas, end)} == {str}


@pytest.mark.parametrize(
    "wire",
    [sse, ndjson, ai_sdk, ag_ui, langgraph_sse, openai_chunks, openai_responses, chat],
    ids=lambda it: it.__name__,
)
def test_every_wire_writes_the_text_of_a_parser(wire) -> None:
    assert b"you all" in b"".join(normalize(PARSED).pipe(wire.encoder()))


def test_texts_of_a_chain_add_up_to_its_output() -> None:
    assert normalize(["Hel", "lo"]).collect().output == "Hello"


def test_dicts_that_add_up_are_the_output() -> None:
    chunks: list[dict[str, Any]] = [
        AddableDict(answer="Hel"),
        AddableDict(docs=["a"], inner=AddableDict(x="1")),
        AddableDict(answer="lo", docs=None, inner=AddableDict(x="2", y=1)),
        AddableDict(model=AIMessageChunk(content="a", id="m")),
        AddableDict(model=AIMessageChunk(content="b", id="m"), docs=["b"]),
    ]
    output = normalize(list(chunks)).collect().output
    assert output == functools.reduce(operator.add, chunks)
    assert chunks[1]["docs"] == ["a"]


def test_what_cannot_be_added_replaces_what_was_before() -> None:
    chunks = [AddableDict(a=1), AddableDict(a="text"), AddableDict(a=None), AddableDict(a={"b": 1})]
    assert normalize(chunks).collect().output == {"a": {"b": 1}}
