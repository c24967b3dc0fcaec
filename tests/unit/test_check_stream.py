"""The checker of the grammar: each rule is broken once, and no rule is left out."""

from __future__ import annotations

import ast
import inspect
import re
import traceback

import pytest

from streamkit import Origin, normalize, testing
from streamkit import events as ev
from streamkit.testing import GrammarChecker, GrammarError, check_stream
from streamkit.values import ErrorInfo, ToolCall

AT = {"origin": Origin(), "timestamp": 0.0}
BLOCK = {**AT, "message_id": "m", "block_id": 0}
CALL = {**BLOCK, "block_id": 1, "tool_call_id": "c"}
TOOL = {**AT, "tool_call_id": "c", "name": "f"}
SEARCH = {**AT, "retrieval_id": "r", "name": "docs"}
STEP = {**AT, "step_id": "s", "kind": "node"}
DONE = {"status": "completed"}
NO = ErrorInfo(name="ValueError", message="no")

START, END = ev.RunStart(**AT), ev.RunEnd(**AT, **DONE)
OPEN, CLOSED = (
    ev.MessageStart(**AT, message_id="m"),
    ev.MessageEnd(**AT, message_id="m", text="", **DONE),
)
TEXT, HI, TEXT_END = (
    ev.TextStart(**BLOCK),
    ev.TextDelta(**BLOCK, text="Hi"),
    ev.TextEnd(**BLOCK, text="Hi"),
)
SAID = ev.MessageEnd(**AT, message_id="m", text="Hi", **DONE)
CALL_START = ev.ToolCallStart(**CALL, name="f")
CALL_END = ev.ToolCallEnd(**CALL, name="f", args={}, text="{}")
CALL_DELTA = ev.ToolCallDelta(**CALL, args="{}")
CALLED = ev.MessageEnd(
    **AT,
    message_id="m",
    text="",
    tool_calls=(ToolCall(id="c", name="f", args={}, text="{}"),),
    **DONE,
)
TOOL_START, TOOL_END = ev.ToolStart(**TOOL), ev.ToolEnd(**TOOL, **DONE)
SEARCH_START, SEARCH_END = ev.RetrievalStart(**SEARCH), ev.RetrievalEnd(**SEARCH, **DONE)
STEP_START, STEP_END = ev.StepStart(**STEP), ev.StepEnd(**STEP, **DONE)
ASKS = ev.Interrupt(**AT, interrupt_id="i")
THOUGHT = [ev.ReasoningStart(**BLOCK), ev.ReasoningDelta(**BLOCK, text="Hm")]
INSIDE = {**AT, "origin": Origin(parent_ids=("s",))}

SOUND = [
    START,
    STEP_START,
    OPEN,
    TEXT,
    HI,
    ev.Citation(**BLOCK, citation={}),
    TEXT_END,
    CALL_START,
    CALL_DELTA,
    CALL_END,
    ev.Content(**{**BLOCK, "block_id": 2}, block={}),
    ev.MessageEnd(**AT, message_id="m", text="Hi", tool_calls=CALLED.tool_calls, **DONE),
    TOOL_START,
    ev.ToolDelta(**AT, tool_call_id="c", delta="half"),
    TOOL_END,
    TOOL_START,
    ev.ToolError(**TOOL, error=NO),
    SEARCH_START,
    SEARCH_END,
    ASKS,
    ev.StepDelta(**AT, step_id="s", value=1),
    STEP_END,
    ev.StepDelta(**AT, step_id=None, value=1),
    END,
]

BROKEN = {
    "comes after the end of the run": [START, END, END],
    "run.start comes first, and once: StepStart": [STEP_START, STEP_END, END],
    "run.start comes first, and once: RunStart": [START, START, END],
    "after 1 events the run has not ended": [START],
    r"still open: \[\('step', 's'\)\]: RunEnd": [START, STEP_START, END],
    r"still open: \[\('tool', 'c'\)\]: RunError": [START, TOOL_START, ev.RunError(**AT, error=NO)],
    r"\('step', 's'\) is open already": [START, STEP_START, STEP_START],
    r"\('message', 'm'\) is open already": [START, OPEN, OPEN],
    r"\('tool', 'c'\) is open already": [START, TOOL_START, TOOL_START],
    r"\('retrieval', 'r'\) is open already": [START, SEARCH_START, SEARCH_START],
    "the step is not open": [START, ev.StepDelta(**AT, step_id="s", value=1)],
    r"\('step', 's'\) is not open": [START, STEP_END],
    r"still open inside: \[\('tool', 'c'\)\]": [
        START,
        STEP_START,
        ev.ToolStart(**{**TOOL, **INSIDE}),
        STEP_END,
    ],
    r"^event 2: message 'm' is not open$": [START, CLOSED],
    "message 'm' is not open": [START, TEXT],
    "the tool is not open": [START, ev.ToolDelta(**AT, tool_call_id="c", delta=1)],
    r"\('tool', 'c'\) is not open: ToolEnd": [START, TOOL_END],
    r"\('tool', 'c'\) is not open: ToolError": [START, ev.ToolError(**TOOL, error=NO)],
    r"\('retrieval', 'r'\) is not open": [START, SEARCH_END],
    "shown before": [START, ASKS, ASKS],
    "the block exists already: TextStart": [START, OPEN, TEXT, TEXT],
    "the block exists already: Content": [START, OPEN, TEXT, ev.Content(**BLOCK, block={})],
    "the block is not open: TextDelta": [START, OPEN, HI],
    "the block is not open: TextEnd": [START, OPEN, TEXT_END],
    "the block is not open: ToolCallDelta": [START, OPEN, CALL_DELTA],
    "an empty delta": [START, OPEN, TEXT, ev.TextDelta(**BLOCK, text="")],
    "its deltas joined are 'Hi': TextEnd": [START, OPEN, TEXT, HI, ev.TextEnd(**BLOCK, text="Ho")],
    "its deltas joined are 'Hm': ReasoningEnd": [
        START,
        OPEN,
        *THOUGHT,
        ev.ReasoningEnd(**BLOCK, text=""),
    ],
    "its deltas joined are '': ToolCallEnd": [START, OPEN, CALL_START, CALL_END],
    "a call has either args or an error: .*args={}": [
        START,
        OPEN,
        CALL_START,
        CALL_DELTA,
        ev.ToolCallEnd(**CALL, name="f", args={}, text="{}", error="cut off"),
    ],
    "a call has either args or an error: .*args=None": [
        START,
        OPEN,
        CALL_START,
        CALL_DELTA,
        ev.ToolCallEnd(**CALL, name="f", args=None, text="{}"),
    ],
    "it cites from no block": [START, OPEN, ev.Citation(**BLOCK, citation={})],
    r"blocks still open: \[0\]": [START, OPEN, TEXT, HI, SAID],
    "its text blocks joined are 'Hi'": [START, OPEN, TEXT, HI, TEXT_END, CLOSED],
    r"the calls it wrote are \['c'\]": [START, OPEN, CALL_START, CALL_DELTA, CALL_END, CLOSED],
    r"the calls it wrote are \[\]": [START, OPEN, CALLED],
}

BROKEN_BEHIND_A_FILTER = {
    "it does not contain all of": [START, OPEN, TEXT, HI, TEXT_END, CLOSED],
    r"the calls it wrote are \['c'\]": [START, OPEN, CALL_START, CALL_DELTA, CALL_END, CLOSED],
}


def broken(events, *, filtered=False):
    with pytest.raises(GrammarError) as caught:
        check_stream(events, filtered=filtered)
    return caught


def test_a_sound_stream_passes():
    check_stream(SOUND)
    check_stream(SOUND, filtered=True)
    check_stream([START, ev.RunError(**AT, error=NO)])


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_named(rule):
    caught = broken(BROKEN[rule])
    assert re.search(rule, str(caught.value))


@pytest.mark.parametrize("rule", BROKEN_BEHIND_A_FILTER)
def test_behind_a_filter_too(rule):
    assert re.search(rule, str(broken(BROKEN_BEHIND_A_FILTER[rule], filtered=True).value))


def test_a_filter_may_drop_blocks():
    dropped = [it for it in SOUND if not it.type.startswith(("text.", "tool_call", "citation"))]
    check_stream(dropped, filtered=True)
    broken(dropped)


def test_the_event_that_breaks_a_rule_is_counted():
    assert str(broken([START, OPEN, HI]).value).startswith("event 3 breaks the grammar")


def test_every_rule_of_the_checker_is_broken_above():
    """Disable any one of its checks, and a test of this file fails."""
    source = inspect.getsource(GrammarChecker)
    first = inspect.getsourcelines(GrammarChecker)[1] - 1
    checks = {
        (node.lineno + first, (node.end_lineno or 0) + first)
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "_require")
        or (isinstance(node, ast.Raise) and "not open" in ast.unparse(node))
    }
    hit = set()
    cases = [(it, False) for it in BROKEN.values()] + [
        (it, True) for it in BROKEN_BEHIND_A_FILTER.values()
    ]
    for events, filtered in cases:
        frames = traceback.extract_tb(broken(events, filtered=filtered).tb)
        hit |= {frame.lineno for frame in frames if frame.filename == testing.__file__}
    missed = [lines for lines in checks if not any(lines[0] <= it <= lines[1] for it in hit)]
    assert len(checks) > 20
    assert missed == []


def test_it_is_a_stage_that_passes_everything_on():
    events = list(normalize(["Hel", "lo"]))
    checker = GrammarChecker()
    assert [passed for event in events for passed in checker(event)] == events
    checker.close()


def test_events_of_classes_made_of_ours_keep_the_grammar() -> None:
    class Marked(ev.MessageStart, frozen=True, kw_only=True):
        mark: int = 1

    class Loud(ev.TextDelta, frozen=True, kw_only=True):
        pass

    opened, said = Marked(**AT, message_id="m"), Loud(**BLOCK, text="Hi")
    check_stream([START, opened, TEXT, said, TEXT_END, SAID, END])
    with pytest.raises(GrammarError, match="an empty delta"):
        check_stream([START, opened, TEXT, Loud(**BLOCK, text=""), TEXT_END, SAID, END])
    closing = list(normalize([START, opened, TEXT, said]))[4:]
    assert [it.type for it in closing] == ["text.end", "message.end", "run.end"]
    assert isinstance(closing[0], ev.TextEnd)
    assert closing[0].text == "Hi"
