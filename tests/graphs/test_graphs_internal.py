"""Model calls that upstream keeps from users: their events say so, and no reader shows them."""

from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.graph import MessagesState

from run_sources import RUNS, SOURCES, TOKENS, read, result, rows
from small_graphs import ASK, LANGGRAPH, SYNC, chain, finish, says, usage, words
from streamkit import MessageEnd, MessageStart, TextDelta, normalize
from streamkit.filters import conversation, internal
from streamkit.presets import chat, debug, final, tokens

NOSTREAM: RunnableConfig = {"tags": ["nostream" if LANGGRAPH >= (0, 6) else "langsmith:nostream"]}
"""What LangGraph's own ``messages`` mode knows."""
MARKS: list[RunnableConfig] = [
    {"tags": ["nostream"]},
    {"tags": ["langsmith:nostream"]},
    {"metadata": {"lc_internal_call": True}},
]


class Routed(MessagesState):
    route: str


def routed(mark: RunnableConfig) -> Any:
    """One hidden model beside the answer, one whose message its node puts into the state."""
    router, writer, public = says("HIDDEN words"), says("a note"), says("the answer")

    def route(state: Any) -> Any:
        return {"route": router.invoke(state["messages"], mark).content}

    def note(state: Any) -> Any:
        return {"messages": [writer.invoke(state["messages"], mark)]}

    def speak(state: Any) -> Any:
        return {"messages": [public.invoke(state["messages"])]}

    return chain(route, note, speak, state=Routed)


@pytest.mark.parametrize("mark", MARKS, ids=str)
@pytest.mark.parametrize("source", SOURCES)
def test_the_transcript_and_the_text_leave_internal_models_out(
    source: str, mark: RunnableConfig
) -> None:
    told = result(read(source, routed(mark)))
    note = [] if source == SYNC and mark != NOSTREAM else [("ai", "a note", None)]
    assert rows(told.messages) == [*note, ("ai", "the answer", None)]
    assert told.text == "the answer"


@pytest.mark.parametrize("mark", MARKS, ids=str)
@pytest.mark.parametrize("source", TOKENS)
def test_a_node_that_keeps_an_internal_answer_says_it_whole(
    source: str, mark: RunnableConfig
) -> None:
    if source == SYNC and mark != NOSTREAM:
        pytest.skip("LangGraph has streamed it, and does not repeat it")
    events = read(source, routed(mark))
    pieces = [it for it in events if isinstance(it, TextDelta) and not it.origin.internal]
    assert [it.text for it in pieces][:1] == ["a note"]


@pytest.mark.parametrize("mark", MARKS, ids=str)
@pytest.mark.parametrize("source", RUNS)
def test_its_events_are_there_and_say_that_they_are_internal(
    source: str, mark: RunnableConfig
) -> None:
    events = read(source, routed(mark))
    ends = [it for it in events if isinstance(it, MessageEnd)]
    assert [(it.text, it.origin.internal) for it in ends] == [
        ("HIDDEN words", True),
        ("a note", True),
        ("a note", False),
        ("the answer", False),
    ]


def test_usage_of_an_internal_answer_counts_once() -> None:
    writer = says([*words("a note"), finish("stop"), usage(3, 4)])

    def note(state: Any) -> Any:
        return {"messages": [writer.invoke(state["messages"], {"tags": ["nostream"]})]}

    for source in (*RUNS, "modes with tasks"):
        told = result(read(source, chain(note)))
        assert [it.total_tokens for it in (told.usage,) if it] == [7], source


def test_a_mark_on_a_run_around_the_model_counts_for_all_inside() -> None:
    def ask(state: Any) -> Any:
        return {"messages": [says("quiet words").invoke(state["messages"])]}

    inner = chain(ask).with_config(tags=["nostream"])

    def outer(state: Any) -> Any:
        inner.invoke(state)
        return {"messages": [says("aloud").invoke(state["messages"])]}

    for source in ("events v2", "astream()", "callbacks"):
        events = read(source, chain(outer))
        starts = [it for it in events if isinstance(it, MessageStart)]
        assert [it.origin.internal for it in starts][-1] is False, source
        assert all(it.origin.internal for it in starts[:-1]), source


@pytest.mark.parametrize("preset", [tokens, chat, final, conversation])
def test_presets_leave_internal_models_out_and_debug_has_them(preset: Any) -> None:
    raw = list(routed(MARKS[0]).stream(ASK, stream_mode="messages"))
    events = read("events v2", routed(MARKS[0]))

    def said(keep: Any) -> str:
        stage = keep.stage()
        kept = [it for event in events for it in stage(event)]
        return " | ".join(it.text for it in kept if isinstance(it, MessageEnd))

    assert said(preset) == "a note | the answer"
    assert said(internal) == "HIDDEN words | a note"
    assert said(debug) == "HIDDEN words | a note | a note | the answer"
    assert "".join(normalize(raw).text()) == "a notethe answer"
