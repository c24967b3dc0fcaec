"""One message being written: what its events hold, whatever its chunks hold."""

from __future__ import annotations

import pytest

from streamkit import Event, TextDelta, TextEnd, normalize
from streamkit.wire import ag_ui, ai_sdk, chat, langgraph_sse, ndjson, openai_chunks, sse


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
    [sse, ndjson, ai_sdk, ag_ui, langgraph_sse, openai_chunks, chat],
    ids=lambda it: it.__name__,
)
def test_every_wire_writes_the_text_of_a_parser(wire) -> None:
    assert b"you all" in b"".join(normalize(PARSED).pipe(wire.encoder()))
