"""Metrics: what a run took and cost, in seconds that the test decides."""

from itertools import count

import pytest
from langchain_core.messages import AIMessageChunk

from streamkit import Origin, Usage, UsageError, normalize
from streamkit import events as ev
from streamkit._spans import SpanFold
from streamkit.html import to_html
from streamkit.metrics import Metrics, Price, totals
from streamkit.testing import check_stream
from streamkit.values import ErrorInfo

ROOT = Origin(run_id="root", name="boss", agent="boss")
PRICES = {"big": (1.0, 10.0), "small": Price(0.5, 2.0, cache_read=0.1)}


def inside(run, *around, **more):
    return Origin(run_id=run, parent_ids=("root", *around), agent=more.pop("agent", "boss"), **more)


def model_call(origin, at, *, model, usage, asked=0.0, text="Hi", status="completed"):
    """The events of one model call whose first token comes a second after it was asked."""
    step = {"origin": origin, "step_id": origin.run_id, "kind": "chat_model"}
    part = {"origin": origin, "message_id": f"m-{origin.run_id}", "block_id": 0}
    message = {"origin": origin, "message_id": part["message_id"]}
    return [
        ev.StepStart(**step, timestamp=at + asked),
        ev.MessageStart(**message, model=model, timestamp=at + 1),
        ev.TextStart(**part, timestamp=at + 1),
        ev.TextDelta(**part, text=text, timestamp=at + 1),
        ev.TextEnd(**part, text=text, timestamp=at + 3),
        ev.MessageEnd(
            **message, text=text, status=status, usage=usage, model=model, timestamp=at + 3
        ),
        ev.StepEnd(**step, status="completed", timestamp=at + 3),
    ]


def a_run():
    """An agent that asks a tool, which asks an agent of its own; ten seconds in all."""
    node = {"origin": inside("node"), "step_id": "node", "kind": "node"}
    tool = {"origin": inside("tool", "node"), "tool_call_id": "c1", "name": "research"}
    sub = inside("sub-model", "node", "tool", agent="researcher")
    cached = Usage(input_tokens=100, output_tokens=4, input_token_details={"cache_read": 60})
    return [
        ev.RunStart(origin=ROOT, run_id="root", timestamp=100.0),
        *model_call(
            inside("model"), 100.5, model="big", usage=Usage(input_tokens=10, output_tokens=8)
        ),
        ev.StepStart(**node, timestamp=104.0),
        ev.ToolStart(**tool, timestamp=104.0),
        *model_call(sub, 104.0, model="small", usage=cached),
        ev.ToolEnd(**tool, status="completed", output="found", timestamp=108.0),
        ev.StepEnd(**node, status="completed", timestamp=109.0),
        ev.RunEnd(
            origin=ROOT,
            status="completed",
            timestamp=110.0,
            usage=Usage(input_tokens=110, output_tokens=12),
        ),
    ]


def measured(events, prices=PRICES):
    metrics = Metrics(prices)
    for event in events:
        metrics.feed(event)
    return metrics.result()


def test_the_run_is_sound():
    check_stream(a_run())


def test_times():
    result = measured(a_run())
    assert (result.status, result.seconds) == ("completed", 10.0)
    assert (result.first_token, result.first_text) == (1.5, 1.5)
    assert result.between == pytest.approx(0.5 + 0.5 + 2.0)  # before, between, and after
    [first, second] = result.calls
    assert (first.seconds, first.first_token, first.tokens_per_second) == (3.0, 1.0, 4.0)
    assert (second.agent, second.seconds, second.tokens_per_second) == ("researcher", 3.0, 2.0)
    assert (result.tools["research"].seconds, result.tools["research"].count) == (4.0, 1)
    assert sum(it.seconds for it in result.nodes.values()) == 5.0


def test_costs():
    result = measured(a_run())
    big, small = (10 * 1.0 + 8 * 10.0) / 1e6, (40 * 0.5 + 60 * 0.1 + 4 * 2.0) / 1e6
    assert result.cost == pytest.approx(big + small)
    assert {name: it.cost for name, it in result.by_model.items()} == pytest.approx(
        {"big": big, "small": small}
    )
    assert {name: it.usage.total_tokens for name, it in result.by_agent.items()} == {
        "boss": 18,
        "researcher": 104,
    }
    assert result.by_tool_run["c1"].cost == pytest.approx(small)
    assert result.usage == Usage(input_tokens=110, output_tokens=12)


def test_prices_may_be_a_function():
    result = measured(a_run(), lambda model, usage: 1.0 if model == "big" else None)
    assert (result.cost, result.unpriced) == (1.0, {"small"})


def test_several_runs_one_after_the_other_add_up():
    """The same ids in a later run are no retries."""
    once, both = Metrics({"big": (1.0, 10.0)}), Metrics({"big": (1.0, 10.0)})
    for event in a_run():
        once.feed(event)
    for event in [*a_run(), *a_run()]:
        both.feed(event)
    one, two = once.result(), both.result()
    assert (two.usage, two.seconds, two.cost) == (
        one.usage + one.usage,
        2 * one.seconds,
        2 * one.cost,
    )
    assert (two.retries, len(two.calls)) == (one.retries, 2 * len(one.calls))
    assert (two.between, two.first_token) == (2 * one.between, one.first_token)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1])
def test_a_price_is_a_finite_number_from_0_on(number):
    for prices in ({"big": (number, 1.0)}, {"big": Price(1.0, number)}):
        with pytest.raises(UsageError, match="is no price; write a model and its two prices"):
            Metrics(prices)
    if number != -1:
        assert "NaN" not in to_html(a_run(), prices=lambda _model, _usage: number)


def test_without_prices_there_is_no_cost():
    result = measured(a_run(), None)
    assert (result.cost, result.unpriced) == (None, {"big", "small"})
    assert result.by_model["big"].cost is None


def test_what_is_in_a_tool_or_internal_is_no_first_text():
    inner = inside("model", internal=True)
    events = [
        ev.RunStart(origin=ROOT, timestamp=0.0),
        *model_call(inner, 0.0, model="big", usage=None),
        *model_call(inside("seen"), 5.0, model="big", usage=None),
    ]
    result = measured(events)
    assert (result.first_token, result.first_text) == (1.0, 6.0)


def test_retries_and_failures_are_counted():
    tool = {"origin": inside(None), "tool_call_id": "c", "name": "f"}
    error = ErrorInfo(name="ValueError", message="no")
    events = [
        ev.RunStart(origin=ROOT, timestamp=0.0),
        *model_call(inside("one"), 0.0, model="big", usage=None, status="abandoned"),
        *model_call(inside("two"), 4.0, model="big", usage=None),
        ev.ToolStart(**tool, timestamp=8.0),
        ev.ToolError(**tool, error=error, timestamp=9.0),
        ev.ToolStart(**tool, timestamp=9.0),
        ev.ToolEnd(**tool, status="completed", timestamp=10.0),
        ev.Interrupt(origin=ROOT, interrupt_id="i", timestamp=10.0),
        ev.RunEnd(origin=ROOT, status="interrupted", timestamp=10.0),
    ]
    result = measured(events)
    assert (result.retries, result.interrupts, result.status) == (2, 1, "interrupted")
    assert (result.tools["f"].count, result.tools["f"].failed) == (2, 1)
    assert [call.status for call in result.calls] == ["abandoned", "completed"]


def test_what_an_api_does_not_measure_is_unknown():
    """Chunks of a model alone do not say when it was asked."""
    result = measured(normalize(["Hel", "lo"]))
    assert [(call.first_token, call.tokens_per_second, call.usage) for call in result.calls] == [
        (None, None, None)
    ]


def test_running_totals_come_after_each_model_and_tool_and_before_the_end():
    events = list(normalize(iter(["Hel", "lo"])).pipe(totals()))
    assert [event.type for event in events][-4:] == ["message.end", "custom", "custom", "run.end"]
    metrics, seen = totals(PRICES, name="cost").stage(), []
    for event in a_run():
        seen += [it.data for it in metrics(event) if it.type == "custom"]
    assert [(it["model_calls"], it["tools"], it["seconds"]) for it in seen] == [
        (1, 0, 3.5),
        (2, 0, 7.0),
        (2, 1, 8.0),
        (2, 1, 10.0),
    ]
    assert seen[-1]["cost"] == pytest.approx(measured(a_run()).cost)


def test_a_streams_only_stage_is_asked_of_deltas_and_measures_the_same():
    pieces = [
        {"type": "thinking", "thinking": "hm", "index": 0},
        {"type": "thinking", "thinking": "mh", "index": 0},
        {"type": "text", "text": "Hel", "index": 1},
        {"type": "text", "text": "lo", "index": 1},
    ]
    chunks = [AIMessageChunk([piece], id="m") for piece in pieces]
    alone, behind = Metrics(), Metrics()
    events = list(normalize(chunks, alone, clock=count(1).__next__))
    for event in events:
        behind.feed(event)
    check_stream(events)
    assert [it.text for it in events if it.type.endswith(".delta")] == ["hm", "mh", "Hel", "lo"]
    assert alone.result() == behind.result()
    assert alone.result().first_text == 3  # the third chunk, a second after each other


def test_metrics_are_also_a_stage():
    metrics = Metrics()
    events = list(normalize(["Hel", "lo"]).pipe(metrics))
    assert events[-1].type == "run.end"
    assert metrics.result().status == "completed"


class TestSpans:
    def test_a_model_call_is_one_span(self):
        fold, order = SpanFold(), []
        for event in a_run():
            if span := fold.feed(event):
                order.append((span.kind, span.ended is None))
        assert [kind for kind, is_open in order if is_open] == [
            "run",
            "model",
            "node",
            "tool",
            "model",
        ]
        assert order[-1] == ("run", False)

    def test_spans_are_where_their_origins_say(self):
        fold, spans = SpanFold(), {}
        for event in a_run():
            if span := fold.feed(event):
                spans[span.id] = span
        assert [outer.kind for outer in spans["sub-model"].around()] == ["tool", "node", "run"]

    def test_a_call_is_nearer_than_the_task_that_runs_it(self):
        """Stream modes name the task in ``parent_ids``, and the call in ``tool_call_id``."""
        task = Origin(run_id="task", node="tools")
        tool = Origin(parent_ids=("task",), node="tools")
        words = Origin(parent_ids=("task",), node="model", tool_call_id="c")
        fold = SpanFold()
        fold.feed(ev.RunStart(origin=Origin(), timestamp=0.0))
        fold.feed(ev.StepStart(origin=task, step_id="task", kind="node", timestamp=0.0))
        fold.feed(ev.ToolStart(origin=tool, tool_call_id="c", name="f", timestamp=0.0))
        span = fold.feed(ev.MessageStart(origin=words, message_id="m", timestamp=0.0))
        assert [outer.kind for outer in span.around()] == ["tool", "node", "run"]

    def test_ends_of_what_never_started_are_no_spans(self):
        fold = SpanFold()
        found = {"origin": ROOT, "timestamp": 1.0, "retrieval_id": "r", "status": "completed"}
        for event in (*a_run(), ev.RetrievalEnd(**found, name="search")):
            if ".end" in event.type:
                assert fold.feed(event) is None


def test_calls_are_measured_also_where_the_start_of_the_run_was_filtered_out():
    metrics = Metrics()
    for event in a_run()[1:]:
        metrics.feed(event)
    result = metrics.result()
    assert [call.first_token for call in result.calls] == [1.0, 1.0]
    assert result.first_token is None


def test_a_search_of_which_only_the_end_came_is_not_counted():
    end = ev.RetrievalEnd(
        origin=ROOT, timestamp=1.0, retrieval_id="r", name="docs", status="completed"
    )
    assert SpanFold().feed(end) is None
