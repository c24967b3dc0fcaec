"""Protocol events, by hand: what each form of them says, and what a server leaves out of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage

from random_streams import enveloped, protocol
from streamkit import (
    Checkpoint,
    Citation,
    Content,
    Custom,
    Event,
    MalformedItem,
    MessageEnd,
    MessageStart,
    ReasoningEnd,
    RunEnd,
    RunError,
    SourceError,
    StateSnapshot,
    StateUpdate,
    StepEnd,
    StepStart,
    TextDelta,
    ToolCallEnd,
    ToolEnd,
    ToolError,
    ToolStart,
    Unrecognized,
    UsageError,
    normalize,
)
from streamkit.dialects import reader_for
from streamkit.testing import check_stream


def of(events: list[Event], *kinds: type) -> list[Any]:
    return [event for event in events if isinstance(event, kinds)]


def read(items: Any, **options: Any) -> list[Event]:
    events = list(normalize(items, **{"strict": True, **options}))
    check_stream(events)
    return events


# --- one message

START = protocol("message-start", role="ai", id="m1", metadata={"provider": "p", "model": "m"})
FINISH = protocol("message-finish", metadata={"finish_reason": "stop"})


def begin(content: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return protocol("content-block-start", index=index, content=content)


def delta(index: int = 0, **fields: Any) -> dict[str, Any]:
    fields["type"] = fields.pop("kind", "text-delta")
    return protocol("content-block-delta", index=index, delta=fields)


def whole(content: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return protocol("content-block-finish", index=index, content=content)


def said(*events: dict[str, Any]) -> list[Event]:
    """What one message with these events between its start and its end says."""
    return read([START, *events, FINISH])


def test_a_bare_event_proves_its_dialect() -> None:
    first = said()[1]
    assert isinstance(first, MessageStart)
    assert (first.message_id, first.model, first.provider) == ("m1", "m", "p")


def test_an_envelope_proves_its_dialect_and_tells_the_time() -> None:
    events = read([enveloped("values", {"a": 1}, "sub:1", timestamp=1_700_000_000_250)])
    (state,) = of(events, StateSnapshot)
    assert (state.timestamp, state.origin.namespace) == (1_700_000_000.25, ("sub:1",))


def test_what_deltas_did_not_tell_comes_at_the_finish() -> None:
    events = said(begin({"type": "text", "text": ""}), whole({"type": "text", "text": "All."}))
    assert [event.text for event in of(events, TextDelta)] == ["All."]
    events = said(delta(text="Al"), whole({"type": "text", "text": "All."}))
    assert [event.text for event in of(events, TextDelta)] == ["Al", "l."]
    events = said(delta(text="Al"), whole({"type": "text", "text": "No."}))
    assert [event.text for event in of(events, TextDelta)] == ["Al"]


def test_a_call_in_pieces_is_parsed_whole() -> None:
    call = {"type": "tool_call_chunk", "id": "c1", "name": "f", "args": ""}
    pieces = [delta(kind="tool-call-delta", args=it) for it in ('{"a"', ": 1}")]
    done = whole({"type": "tool_call", "id": "c1", "name": "f", "args": {"a": 1}})
    (end,) = of(said(begin(call), *pieces, done), ToolCallEnd)
    assert (end.tool_call_id, end.name, end.args) == ("c1", "f", {"a": 1})


def test_arguments_that_are_cut_off_are_an_error() -> None:
    call = {"type": "tool_call_chunk", "id": "c1", "name": "f", "args": ""}
    piece = delta(kind="tool-call-delta", args='{"a"')
    bad = whole({"type": "invalid_tool_call", "id": "c1", "name": "f", "args": '{"a"'})
    (end,) = of(said(begin(call), piece, bad), ToolCallEnd)
    assert (end.args, end.text) == (None, '{"a"')


def test_a_call_that_comes_whole() -> None:
    call = {"type": "tool_call", "id": "c1", "name": "f", "args": {}}
    (end,) = of(said(begin(call), whole({**call, "args": {"a": 1}})), ToolCallEnd)
    assert (end.args, end.provider_executed) == ({"a": 1}, False)
    server = {**call, "type": "server_tool_call"}
    (end,) = of(said(begin(server), whole({**server, "args": {"a": 1}})), ToolCallEnd)
    assert (end.args, end.provider_executed) == ({"a": 1}, True)


def test_a_call_whose_name_comes_late_waits_for_it() -> None:
    events = said(
        begin({"type": "tool_call_chunk", "id": "c1", "name": None, "args": ""}),
        delta(kind="tool-call-delta", args='{"a": 1}'),
        whole({"type": "tool_call", "id": "c1", "name": "f", "args": {"a": 1}}),
    )
    (end,) = of(events, ToolCallEnd)
    assert (end.name, end.args) == ("f", {"a": 1})


def test_older_cores_repeat_a_call_in_every_delta() -> None:
    fields = {"type": "tool_call_chunk", "id": "c1", "name": "f"}
    snapshots = ['{"a"', '{"a": 1}', '{"a": 1}']
    events = said(*(delta(kind="block-delta", fields={**fields, "args": it}) for it in snapshots))
    (end,) = of(events, ToolCallEnd)
    assert (end.name, end.text) == ("f", '{"a": 1}')


def test_older_cores_have_another_word_for_content() -> None:
    call = {"type": "tool_call_chunk", "id": "c1", "name": "f"}
    events = read(
        [
            protocol("message-start", role="ai", message_id="m1"),
            protocol("content-block-start", index=0, content_block={"type": "text", "text": ""}),
            protocol("content-block-delta", index=0, content_block={"type": "text", "text": "Hi"}),
            protocol("content-block-start", index=1, content_block={**call, "args": ""}),
            protocol("content-block-delta", index=1, content_block={**call, "args": '{"a"'}),
            protocol("content-block-delta", index=1, content_block={**call, "args": ": 1}"}),
            FINISH,
        ]
    )
    (end,) = of(events, MessageEnd)
    assert (end.message_id, end.text) == ("m1", "Hi")
    assert [call.args for call in end.tool_calls] == [{"a": 1}]


def test_blocks_that_are_whole_or_of_the_providers_own() -> None:
    image = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}
    own = {"type": "non_standard", "value": {"type": "refusal", "refusal": "No."}}
    redacted = {"type": "non_standard", "value": {"type": "redacted_thinking", "data": "seal"}}
    result = {"type": "server_tool_result", "tool_call_id": "s1", "status": "success"}
    events = said(
        begin({**image, "base64": ""}),
        delta(kind="data-delta", data="AAAA"),
        whole(image),
        whole(own, 1),
        whole(redacted, 2),
        whole(result, 3),
    )
    assert [event.block for event in of(events, Content)] == [image, own["value"], result]
    (thought,) = of(events, ReasoningEnd)
    assert (thought.redacted, thought.signature) == (True, "seal")


def test_a_seal_that_comes_late_is_kept() -> None:
    sealed = {"type": "reasoning", "reasoning": "Hm.", "extras": {"signature": "seal"}}
    thinks = delta(kind="reasoning-delta", reasoning="Hm.")
    (thought,) = of(said(thinks, whole(sealed)), ReasoningEnd)
    assert (thought.text, thought.signature) == ("Hm.", "seal")
    thoughts = of(said(thinks, delta(1, text="Hi"), whole(sealed)), ReasoningEnd)
    assert [(it.text, it.signature) for it in thoughts] == [("Hm.", None), ("", "seal")]


def test_a_citation_is_of_its_own_block() -> None:
    cited = {"type": "text", "text": "One.", "annotations": [{"url": "u"}]}
    call = {"type": "tool_call", "id": "c1", "name": "f", "args": {}}
    events = said(delta(text="One."), begin(call, 1), delta(2, text="Two."), whole(cited))
    (citation,) = of(events, Citation)
    assert citation.block_id == 0


def test_openais_custom_tools_are_calls() -> None:
    value = {"type": "custom_tool_call", "call_id": "c1", "name": "run", "input": "print()"}
    (end,) = of(said(whole({"type": "non_standard", "value": value})), ToolCallEnd)
    assert (end.tool_call_id, end.name, end.args) == ("c1", "run", {"__arg1": "print()"})


def test_an_error_event_fails_its_message() -> None:
    events = read([START, delta(text="Half"), protocol("error", message="overloaded")])
    (end,) = of(events, MessageEnd)
    assert (end.text, end.status) == ("Half", "failed")
    assert end.response_metadata["error"] == {"message": "overloaded"}


def test_a_finish_reason_beside_the_metadata() -> None:
    events = read([START, delta(text="Hi"), protocol("message-finish", finish_reason="max_tokens")])
    (end,) = of(events, MessageEnd)
    assert (end.finish_reason, end.raw_finish_reason) == ("length", "max_tokens")


def test_a_message_that_is_cut_off_is_incomplete() -> None:
    events = read([START, delta(text="Half")])
    assert [end.status for end in of(events, MessageEnd, RunEnd)] == ["incomplete", "incomplete"]
    enclosed = [enveloped("messages", (it, {"run_id": "r"})) for it in (START, delta(text="Half"))]
    events = read(enclosed)  # of a run, whose source ends with the run
    assert [end.status for end in of(events, MessageEnd, RunEnd)] == ["incomplete", "completed"]


def test_an_event_that_only_continues_its_text_takes_the_short_way() -> None:
    reader = reader_for("v3", clock=lambda: 0.0)
    words = [
        enveloped("messages", (it, {"run_id": "r"}), timestamp=5000)
        for it in (START, begin({"type": "text", "text": ""}), delta(text="a"), delta(text="b"))
    ]
    for item in words[:3]:
        reader.feed(item)
    short = reader.delta_of(words[3])
    assert isinstance(short, TextDelta)
    assert (short.text, short.timestamp) == ("b", 5.0)


@pytest.mark.parametrize("event", [delta(text=""), delta(1, text="b"), delta(text=7)])
def test_a_piece_that_is_no_text_of_the_open_block_does_not_take_it(event: Any) -> None:
    reader = reader_for("v3", clock=lambda: 0.0)
    before = (START, begin({"type": "text", "text": ""}), delta(text="a"))
    *begun, piece = [
        enveloped("messages", (it, {"run_id": "r"}), timestamp=5000) for it in (*before, event)
    ]
    for item in begun:
        reader.feed(item)
    assert reader.delta_of(piece) is None


@pytest.mark.parametrize(
    "item",
    [
        protocol("content-block-delta", index=0, delta={"type": "text-delta", "text": "x"}),
        enveloped("nonsense", {}),
        enveloped("messages", 3),
        enveloped("lifecycle", {"event": "odd", "namespace": ["a:1"]}),
        {"type": "event", "method": "values", "params": {}},
        {"nothing": 1},
        7,
    ],
)
def test_what_cannot_be_read_is_unrecognized(item: Any) -> None:
    events = read([enveloped("values", {}), item], strict=False)
    assert [event.raw for event in of(events, Unrecognized)] == [item]
    with pytest.raises(MalformedItem):
        read([item], dialect="v3")


def test_delta_types_nobody_knows_are_unrecognized() -> None:
    events = read([START, delta(kind="smell-delta"), FINISH], strict=False)
    assert len(of(events, Unrecognized)) == 1


def test_an_event_of_an_open_message_that_nobody_knows_is_unrecognized() -> None:
    pause = enveloped("messages", protocol("content-block-pause", index=0))
    events = read([enveloped("messages", START), pause], strict=False)
    assert [event.raw for event in of(events, Unrecognized)] == [pause]


def test_a_refusal_beside_the_content_comes_at_the_finish() -> None:
    refusal = {"additional_kwargs": {"refusal": "I will not."}}
    (end,) = of(read([START, {**FINISH, **refusal}]), MessageEnd)
    assert end.finish_reason == "refusal"


def test_a_call_that_never_had_an_id_gets_one() -> None:
    (call,) = of(said(whole({"type": "tool_call", "name": "f", "args": {"a": 1}})), ToolCallEnd)
    assert (call.name, call.args) == ("f", {"a": 1})
    assert call.tool_call_id


# --- whose message is it?


def test_parallel_messages_are_told_by_their_run() -> None:
    def of_run(run: str, event: dict[str, Any]) -> dict[str, Any]:
        return enveloped("messages", (event, {"run_id": run}))

    a, b = (protocol("message-start", role="ai", id=it) for it in "ab")
    events = read(
        [
            *(of_run("1", a), of_run("2", b), of_run("1", delta(text="one"))),
            *(of_run("2", delta(text="two")), of_run("1", FINISH), of_run("2", FINISH)),
        ]
    )
    ends = [(end.message_id, end.text, end.origin.run_id) for end in of(events, MessageEnd)]
    assert ends == [("a", "one", "1"), ("b", "two", "2")]


def test_a_whole_message_under_the_run_of_an_open_one() -> None:
    run, other = {"run_id": "r"}, AIMessage(content="Other", id="m2")
    said = [START, delta(text="Hel"), delta(text="lo")]
    events = read([enveloped("messages", (it, run)) for it in (*said, other, FINISH)])
    assert {it.text for it in of(events, MessageEnd)} == {"Hello", "Other"}


def test_bare_messages_are_told_by_their_namespace_or_their_id() -> None:
    def bare(path: str, event: dict[str, Any], **id: str) -> dict[str, Any]:
        return enveloped("messages", {**event, **id}, *filter(None, [path]))

    events = read(
        [
            *(bare("", START), bare("sub:1", {**START, "id": "m2"})),
            *(bare("sub:1", delta(text="inner")), bare("", delta(text="outer"))),
            *(bare("sub:1", FINISH), bare("", FINISH)),
        ]
    )
    assert [(end.message_id, end.text) for end in of(events, MessageEnd)] == [
        ("m2", "inner"),
        ("m1", "outer"),
    ]
    events = read(
        [
            *(bare("", START), bare("", {**START, "id": "m2"})),
            *(bare("", delta(text="two"), id="m2"), bare("", delta(text="one"), id="m1")),
            *(bare("", FINISH, id="m2"), bare("", FINISH, id="m1")),
        ]
    )
    assert [end.text for end in of(events, MessageEnd)] == ["two", "one"]


def test_two_bare_messages_in_one_namespace_are_never_guessed_apart() -> None:
    items = [START, {**START, "id": "m2"}, delta(text="whose?"), FINISH, FINISH]
    more = [{**START, "id": "m3"}, delta(text="mine"), FINISH]
    bare = [enveloped("messages", event) for event in (*items, *more)]
    events = read(bare, strict=False)
    assert [(end.text, end.status) for end in of(events, MessageEnd)] == [
        ("", "incomplete"),
        ("", "incomplete"),
        ("mine", "completed"),
    ]
    unknown = of(events, Unrecognized)
    assert len(unknown) == 3
    assert "2 messages are open in its namespace" in unknown[0].reason


def test_a_tools_result_is_no_message() -> None:
    of_tool = {"run_id": "1"}
    events = [{**START, "role": "tool"}, delta(text="sunny"), FINISH]
    assert not of(read([enveloped("messages", (it, of_tool)) for it in events]), MessageStart)


def test_who_speaks() -> None:
    for role, ours in (("ai", "assistant"), ("human", "user"), ("system", "system")):
        (start,) = of(read([{**START, "role": role}, FINISH]), MessageStart)
        assert start.role == ours


def test_an_attempt_that_is_retried_is_abandoned() -> None:
    def at(step: int, run: str, event: dict[str, Any]) -> dict[str, Any]:
        node = {"langgraph_node": "a", "langgraph_checkpoint_ns": f"a:{step}"}
        return enveloped("messages", (event, {**node, "langgraph_step": step, "run_id": run}))

    events = read(
        [
            *(at(1, "x", START), at(1, "x", delta(text="half"))),
            *(at(2, "y", {**START, "id": "m2"}), at(2, "y", FINISH)),
        ]
    )
    assert [(end.text, end.status) for end in of(events, MessageEnd)] == [
        ("half", "abandoned"),
        ("", "completed"),
    ]


# --- what else a run stream says


def test_every_method() -> None:
    tool = {"tool_call_id": "c1", "tool_name": "t"}
    events = read(
        [
            enveloped("custom", {"progress": 1}),
            enveloped("custom:score", 0.5),
            enveloped("tools", {"event": "tool-started", "input": {}, **tool}),
            enveloped("tools", {"event": "tool-output-delta", "delta": "su", **tool}),
            enveloped("tools", {"event": "tool-finished", "output": "sunny", **tool}),
            enveloped("updates", {"node": {"a": 1}}),
            enveloped("tasks", {"id": "t1", "name": "node", "input": {}}),
            enveloped("tasks", {"id": "t1", "name": "node", "result": {}}),
            enveloped("checkpoints", {"config": {}, "next": ["b"]}),
            enveloped("input.requested", {"interrupt_id": "i1", "payload": "Sure?"}),
            enveloped("input.answered", {"interrupt_ids": ["i1"]}),
        ]
    )
    assert [(event.name, event.data) for event in of(events, Custom)] == [
        (None, {"progress": 1}),
        ("score", 0.5),
    ]
    assert [event.type for event in events[3:-1]] == [
        *("tool.start", "tool.delta", "tool.end", "state.update", "step.start", "step.end"),
        *("checkpoint", "interrupt"),
    ]
    assert events[-1].status == "interrupted"


def from_server(method: str, data: Any, **params: Any) -> dict[str, Any]:
    event = enveloped(method, data)
    event["params"].update(params)
    return {**event, "event_id": "1-0"}


def test_what_a_server_wraps() -> None:
    """Alike from a named channel, a classic run and a graph in JavaScript."""
    events = read(
        [
            from_server("custom", {"name": "notes", "payload": {"n": 1}}, namespace=["sub:1"]),
            from_server("custom", {"payload": {"n": 2}}),
            from_server("custom", {"n": 3}),
            from_server("updates", {"a": 1}, node="agent", namespace=["sub:1"]),
            from_server("updates", {"node": "tools", "values": {"a": 2}}, node="tools"),
            from_server("updates", {"node": "tools", "values": {"a": 3}}),
            from_server("updates", {"agent": {"a": 4}}),
        ]
    )
    assert [(it.name, it.data, it.origin.namespace) for it in of(events, Custom)] == [
        ("notes", {"n": 1}, ("sub:1",)),
        (None, {"n": 2}, ()),
        (None, {"n": 3}, ()),
    ]
    assert [(it.node, it.values, it.origin.namespace) for it in of(events, StateUpdate)] == [
        ("agent", {"a": 1}, ("sub:1",)),
        ("tools", {"a": 2}, ()),
        ("tools", {"a": 3}, ()),
        ("agent", {"a": 4}, ()),
    ]


def test_what_a_graph_here_writes_is_never_unwrapped() -> None:
    written = {"name": "notes", "payload": 1}
    events = read([enveloped("custom", written), enveloped("updates", {"node": {}, "values": {}})])
    assert [(it.name, it.data) for it in of(events, Custom)] == [(None, written)]
    assert [it.node for it in of(events, StateUpdate)] == ["node", "values"]


def test_a_servers_word_of_a_checkpoint() -> None:
    saved = {"id": "1f02", "parent_id": "1f01", "step": 2, "source": "loop"}
    (event,) = of(read([from_server("checkpoints", saved)]), Checkpoint)
    assert event.config == {"configurable": {"checkpoint_id": "1f02"}}
    assert event.parent_config == {"configurable": {"checkpoint_id": "1f01"}}
    assert event.metadata == {"source": "loop", "step": 2}


def test_a_message_of_a_state_without_what_is_empty() -> None:
    hi = {"type": "ai", "content": "Hi", "id": "m1"}
    own = {"type": "ai", "content": "an application's", "id": "m2", "score": 1}
    states = [{"messages": []}, {"messages": [hi], "other": [own]}]
    events = read([from_server("values", state) for state in states])
    assert [it.text for it in of(events, MessageEnd)] == ["Hi"]


def test_tools_results_come_from_the_state_that_holds_them() -> None:
    asks = AIMessage("", id="a", tool_calls=[{"id": "c1", "name": "t", "args": {"x": 1}}])
    good = ToolMessage("sunny", tool_call_id="c1", id="t1", name="t")
    bad = ToolMessage("no", tool_call_id="c2", id="t2", name="t", status="error")
    old = ToolMessage("old", tool_call_id="c0", id="t0", name="t")
    states = [[old], [old, asks], [old, asks, good, bad], [old, asks, good, bad]]
    events = read([enveloped("values", {"messages": it}) for it in states])
    assert [(event.tool_call_id, event.input) for event in of(events, ToolStart)] == [
        ("c1", {"x": 1}),
        ("c2", None),
    ]
    assert [event.type for event in of(events, ToolEnd, ToolError)] == ["tool.end", "tool.error"]
    assert len(of(events, StateSnapshot)) == 4


def test_a_subgraph_is_a_step_and_closes_what_is_inside() -> None:
    def life(event: str, *path: str, **more: Any) -> dict[str, Any]:
        return enveloped("lifecycle", {"event": event, "namespace": list(path), **more})

    events = read(
        [
            enveloped("values", {}),
            life("started", "a:1", graph_name="outer"),
            life("started", "a:1", "b:2", graph_name="inner"),
            enveloped("messages", START, "a:1", "b:2"),
            life("failed", "a:1", error="boom"),  # a run that fails names the outermost first
            life("failed", "a:1", "b:2", error="boom"),
        ]
    )
    starts = [(it.step_id, it.kind, it.origin.name) for it in of(events, StepStart)]
    assert starts == [("1", "graph", "outer"), ("2", "graph", "inner")]
    assert [end.status for end in of(events, MessageEnd)] == ["failed"]
    ends = [(it.step_id, it.status, it.error and it.error.message) for it in of(events, StepEnd)]
    assert ends == [("2", "failed", "boom"), ("1", "failed", None)]


def test_a_graph_that_ended_leaves_no_scope() -> None:
    reader: Any = reader_for("v3", clock=lambda: 0.0)
    for event, known in (("started", ["1"]), ("completed", [])):
        data = {"event": event, "namespace": ["a:1"], "graph_name": "outer"}
        list(reader.feed(enveloped("lifecycle", data)))
        assert list(reader.assembly.scopes._by_task) == known


def test_a_node_with_a_bracket_needs_no_second_one() -> None:
    life = {"namespace": ["a:1"]}
    events = read(
        [
            enveloped("tasks", {"id": "1", "name": "a", "input": {}}),
            enveloped("lifecycle", {"event": "started", **life}),
            enveloped("lifecycle", {"event": "completed", **life}),
            enveloped("tasks", {"id": "1", "name": "a", "result": {}}),
        ]
    )
    assert [(it.step_id, it.kind) for it in of(events, StepEnd)] == [("1", "node")]


class Endless:
    """A server's stream: it never ends. It knows whether anybody stopped it, and how."""

    def __init__(self, *items: Any) -> None:
        self.items = items
        self.stopped: list[str] = []

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self.items
            raise AssertionError("pulled after the run was over")
        finally:
            self.stopped.append("iterator")

    def abort(self) -> None:
        self.stopped.append("run")


@pytest.mark.parametrize("ending", ["completed", "interrupted"])
def test_a_servers_run_ends_on_its_own_word(ending: str) -> None:
    source = Endless(
        *(enveloped("lifecycle", {"event": it}) for it in ("running", ending)),
    )
    with normalize(source) as stream:
        events = list(stream)
    check_stream(events)
    assert events[-1].status == ending
    assert source.stopped == ["iterator"]  # what is over is not aborted


def test_a_servers_run_that_fails_is_raised() -> None:
    ending = enveloped("lifecycle", {"event": "failed", "error": "out of memory"})
    stream = normalize(Endless(enveloped("values", {}), ending))
    events: list[Event] = []
    with pytest.raises(SourceError, match="out of memory"):
        events.extend(iter(lambda: next(stream), None))
    events = list(normalize(Endless(ending), on_error="event"))
    check_stream(events)
    assert isinstance(events[-1], RunError)


def test_a_servers_run_that_is_cut_off_is_incomplete() -> None:
    started = {"event": "started", "namespace": ["a:1"]}
    events = read([enveloped("lifecycle", started)])
    assert events[-1].status == "incomplete"


def test_leaving_early_aborts_the_run() -> None:
    source = Endless(*[enveloped("values", {})] * 3)
    with normalize(source) as stream:
        next(stream)
    assert source.stopped == ["iterator", "run"]


@pytest.mark.skipif(
    not find_spec("langgraph") or find_spec("langgraph.stream") is not None,
    reason="only where langgraph is there, but has no version 3",
)
def test_an_old_langgraph_is_named() -> None:
    with pytest.raises(UsageError, match=r"1\.2 or later"):
        import streamkit.langgraph  # noqa: F401
