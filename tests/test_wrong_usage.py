"""What newcomers write first, and wrongly: the error says what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

from streamkit import (
    CallbackSource,
    Event,
    TextDelta,
    ToolEnd,
    UsageError,
    astream,
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
from streamkit.presets import chat, tokens, tools, ui
from streamkit.stages import coalesce, sequential

pytest.importorskip("langgraph", reason="langgraph is not installed")

from streamkit.demo import build_graph, demo_input
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


def test_what_no_stage_keeps_is_not_asked_for() -> None:
    events = list(stream(model(), "hi", None, tokens, sequential))
    assert {it.type for it in events} == {
        *("run.start", "message.start", "text.start", "text.delta", "text.end"),
        *("message.end", "run.end"),
    }
    source = CallbackSource(only(ToolEnd))
    model().invoke("hi", {"callbacks": [source.handler]})
    assert [it.type for it in source.events()] == ["run.start", "run.end"]


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
