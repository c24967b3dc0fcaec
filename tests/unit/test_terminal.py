"""What a person sees: rows on an emulated terminal, and the same rows in a pipe."""

import io
import re
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

pytest.importorskip("rich", reason="rich is not installed")
pytest.importorskip("pyte", reason="pyte is not installed")

import pyte

from streamkit import Origin, Usage, UsageError, normalize
from streamkit import events as ev
from streamkit.terminal import TerminalView, TreeView
from streamkit.transcript import describe
from streamkit.values import ErrorInfo

MARGIN = " " * 17
NO = ErrorInfo(name="ValueError", message="closed\non Monday")


class Tty(io.StringIO):
    """An emulated terminal, with what scrolled off its top."""

    def __init__(self, width=80, height=24):
        super().__init__()
        self.screen = pyte.HistoryScreen(width, height, history=10_000)
        self.screen.set_mode(pyte.modes.LNM)
        self.stream = pyte.Stream(self.screen)

    def isatty(self):
        return True

    def write(self, text):
        self.stream.feed(text)
        return len(text)

    def shown(self):
        above = [
            "".join(row[n].data for n in range(self.screen.columns))
            for row in self.screen.history.top
        ]
        rows = [row.rstrip() for row in (*above, *self.screen.display)]
        while rows and not rows[-1]:
            rows.pop()
        return rows


@pytest.fixture(autouse=True)
def _size(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def make(event_class, node="agent", **fields):
    if event_class is ev.StateUpdate:
        fields["node"] = node
    return event_class(origin=Origin(node=node), timestamp=0.0, **fields)


def text(message_id, *pieces, node=None, end=True):
    """The events of one block of text."""
    part = {"node": node or message_id, "message_id": message_id, "block_id": 0}
    yield make(ev.TextStart, **part)
    for piece in pieces:
        yield make(ev.TextDelta, text=piece, **part)
    if end:
        yield make(ev.TextEnd, text="".join(pieces), **part)


def in_a_pipe(events, **options):
    out = io.StringIO()
    with TerminalView(out, **options) as view:
        for event in events:
            view.feed(event)
    return out.getvalue().splitlines()


def on_a_terminal(events, width=80, height=24):
    """Feed all but the end, and give what is shown by then."""
    tty = Tty(width, height)
    view = TerminalView(tty, color=False, live=True)
    for event in events:
        view.feed(event)
        view.refresh()
    shown = tty.shown()
    view._screen.stop()
    return shown


class Loud(ev.TextDelta, frozen=True, kw_only=True):
    """An application's class, made of one of ours."""

    volume: int = 11


def test_an_event_of_a_class_made_of_ours_is_shown_as_that_one():
    loud = make(Loud, message_id="m", block_id=0, text="Hello")
    start, end = make(ev.MessageStart, message_id="m"), make(ev.RunStart)
    assert in_a_pipe([loud])[0].split() == ["agent", "Hello"]
    assert describe(loud) == 'text.delta m1/0 "Hello"'
    out = io.StringIO()
    with TreeView(out) as view:
        for event in (end, start, loud):
            view.feed(event)
    assert out.getvalue().split()[-1] == "Hello"


@pytest.mark.parametrize("item", ["text", {"agent": {}}, ("updates", {})])
@pytest.mark.parametrize(
    "feed", [TerminalView(io.StringIO()).feed, TreeView(io.StringIO()).feed, describe]
)
def test_what_is_no_event_is_refused(feed, item):
    with pytest.raises(UsageError, match=r"not an event of ours; write .*normalize\(stream\)"):
        feed(item)


@pytest.mark.parametrize("height", [1, 2, 3])
def test_a_terminal_of_few_rows_shows_everything_once(height, monkeypatch):
    """A pane of a terminal multiplexer may have one row."""
    monkeypatch.setenv("LINES", str(height))
    events = [*text("a", "one ", end=False), *text("b", "two"), *text("c", "three")]
    tty = Tty(40, height)
    with TerminalView(tty, color=False, live=True) as view:
        for event in events:
            view.feed(event)
            view.refresh()
    rows = [row for row in tty.shown() if row]
    assert sorted(word for row in rows for word in row.split()) == [*"abc", "one", "three", "two"]


def by_speaker(rows):
    """What each of the two said, without its spaces."""
    said = {"a": "", "b": ""}
    speaker = ""
    for row in rows:
        speaker = row[:17].strip() or speaker
        if row[17:].strip():
            said[speaker] += row[17:].replace(" ", "")
    return said


class TestRows:
    def test_growing_text_is_seen_at_once(self):
        events = list(text("agent", "Hel", "lo", end=False))
        assert on_a_terminal(events[:2]) == ["agent            Hel"]
        assert on_a_terminal(events) == ["agent            Hello"]

    def test_two_speakers_grow_apart(self):
        food = list(text("food", "Eat ", "pasta."))
        sights = list(text("sights", "Climb ", "towers."))
        mixed = [event for pair in zip(food, sights, strict=True) for event in pair]
        assert on_a_terminal(mixed[:4]) == ["food             Eat", "sights           Climb"]
        assert on_a_terminal(mixed)[:2] == in_a_pipe(mixed)

    def test_a_log_has_one_speakers_rows_together(self):
        food = list(text("food", "Eat.", end=False))
        events = [
            *food,
            *text("sights", "Climb."),
            make(ev.TextEnd, "food", message_id="food", block_id=0, text="Eat."),
        ]
        assert in_a_pipe(events) == ["food             Eat.", "sights           Climb."]

    def test_lines_of_an_open_text_are_logged_as_they_are_complete(self):
        out = io.StringIO()
        view = TerminalView(out)
        for event in text("agent", "one\ntw", "o\nthree", end=False):
            view.feed(event)
        assert out.getvalue().splitlines() == ["agent            one", f"{MARGIN}two"]

    def test_long_text_is_wrapped_at_spaces(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "60")
        rows = on_a_terminal(text("agent", *["word "] * 12), width=60)
        assert rows == [
            "agent            word word word word word word word word",
            f"{MARGIN}word word word word",
        ]

    def test_a_narrow_terminal_has_labels_on_rows_of_their_own(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "20")
        rows = on_a_terminal(text("agent", "to be or not to be, that is it"), width=20)
        assert rows == ["agent", "  to be or not to", "  be, that is it"]

    def test_so_have_long_labels(self):
        assert in_a_pipe(text("a_node_with_a_long_name", "Hi")) == [
            "a_node_with_a_long_name",
            f"{MARGIN}Hi",
        ]

    def test_who_waits_too_long_gives_up_the_floor(self):
        slow = list(text("slow", "I have ", "done.", node="slow"))
        quick = [event for n in range(30) for event in text(f"m{n}", f"line {n}", node="quick")]
        rows = in_a_pipe([*slow[:2], *quick, *slow[2:]])
        said = [row[17:] for row in rows]
        assert said.index("I have done.") == 24  # after a screenful of others
        assert [it for it in said if it != "I have done."] == [f"line {n}" for n in range(30)]

    def test_a_terminal_is_never_written_over(self, monkeypatch):
        monkeypatch.setenv("LINES", "6")
        slow = list(text("slow", "I have ", "done.", node="slow"))
        quick = [event for n in range(9) for event in text(f"m{n}", f"line {n}", node="quick")]
        rows = on_a_terminal([*slow[:2], *quick, *slow[2:]], height=6)
        said = [row[17:] for row in rows]
        assert said.index("I have done.") == 8  # twice, four finished rows pass it
        assert [it for it in said if it != "I have done."] == [f"line {n}" for n in range(9)]

    @settings(max_examples=12)
    @given(
        turns=st.lists(st.sampled_from("ab"), max_size=30),
        words=st.lists(st.text("xy 日\n", max_size=12), min_size=30, max_size=30),
    )
    def test_a_terminal_ends_up_with_the_words_of_the_pipe(self, turns, words):
        events = {"a": list(text("a", *words)), "b": list(text("b", *reversed(words)))}
        mixed = [events[turn].pop(0) for turn in turns]
        mixed += events["a"] + events["b"]
        said = {name: "".join(pieces) for name, pieces in (("a", words), ("b", words[::-1]))}
        said = {name: re.sub(r"\s", "", pieces) for name, pieces in said.items()}
        assert by_speaker(on_a_terminal(mixed)) == said
        assert by_speaker(in_a_pipe(mixed)) == said


class TestEvents:
    def test_a_call_grows_and_is_then_shown_whole(self):
        call = {"message_id": "m", "block_id": 0, "tool_call_id": "c"}
        events = [
            make(ev.ToolCallStart, name="f", **call),
            make(ev.ToolCallDelta, args='{"a":', **call),
            make(ev.ToolCallEnd, name="f", args={"a": 1}, text='{"a":1}', **call),
        ]
        assert on_a_terminal(events[:2]) == ['agent            → f  {"a":']
        assert in_a_pipe(events) == ['agent            → f  {"a": 1}']

    def test_a_call_that_is_cut_off_says_so(self):
        call = {"message_id": "m", "block_id": 0, "tool_call_id": "c", "name": "f"}
        event = make(ev.ToolCallEnd, args=None, text='{"a"', error="cut off", **call)
        assert in_a_pipe([event]) == ['agent            ✗ f  {"a" (cut off)']

    def test_a_tool_is_shown_while_it_runs(self):
        tool = {"node": "tools", "tool_call_id": "c", "name": "f"}
        events = [
            make(ev.ToolStart, **tool),
            make(ev.ToolDelta, node="tools", tool_call_id="c", delta="half"),
            make(ev.ToolEnd, status="completed", output="all\nof it", **tool),
        ]
        assert on_a_terminal(events[:2]) == ["tools            ⋯ f  half"]
        assert on_a_terminal(events) == ["tools            ✓ f  all of it"]
        assert in_a_pipe(events) == ["tools            ✓ f  all of it"]

    @pytest.mark.parametrize(
        ("event", "row"),
        [
            (make(ev.ToolError, tool_call_id="c", name="f", error=NO), "✗ f  closed on Monday"),
            (
                make(ev.ToolEnd, tool_call_id="c", name="f", status="interrupted"),
                "⋯ f  interrupted",
            ),
            (
                make(
                    ev.RetrievalEnd,
                    retrieval_id="r",
                    name="G",
                    status="completed",
                    documents=(1, 2),
                ),
                "✓ G  2 documents",
            ),
            (
                make(ev.RetrievalEnd, retrieval_id="r", name="G", status="failed", error=NO),
                "✗ G  closed on Monday",
            ),
            (make(ev.Custom, name="forecast", data={"sky": "sunny"}), "• forecast  sky sunny"),
            (make(ev.Custom, data=[1]), "• [1]"),
            (make(ev.StateUpdate, node="agent", values={"food": 1, "messages": []}), "wrote food"),
            (make(ev.StateUpdate, node="agent", values=3), "wrote 3"),
            (make(ev.StepDelta, step_id=None, value={"a": 1}), '{"a": 1}'),
            (make(ev.Interrupt, interrupt_id="i", value={"question": "Sure?"}), "? Sure?"),
            (make(ev.Interrupt, interrupt_id="i", value=["a"]), '? ["a"]'),
            (make(ev.Interrupt, interrupt_id="i", static=True), "? breakpoint"),
            (
                make(ev.Content, message_id="m", block_id=0, block={"type": "image"}),
                '▪ {"type": "image"}',
            ),
            (make(ev.BatchItem, index=1, error=NO), "✗ [1]  closed on Monday"),
            (make(ev.BatchItem, index=1, output="open"), "✓ [1]  open"),
            (make(ev.BatchItem, index=1), "✓ [1]"),
            (make(ev.Unrecognized, raw=1, reason="odd"), "✗ unrecognized  odd: 1"),
            (
                make(
                    ev.MessageEnd,
                    message_id="m",
                    status="completed",
                    text="",
                    finish_reason="length",
                ),
                "✗ cut off at the token limit",
            ),
            (make(ev.MessageEnd, message_id="m", status="incomplete", text=""), "✗ incomplete"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_that_arrive_whole(self, event, row):
        assert [line for line in in_a_pipe([event]) if line] == [f"agent            {row}"]

    @pytest.mark.parametrize(
        "event",
        [
            make(ev.StateUpdate, node="agent", values={"messages": []}),
            make(ev.StateUpdate, node="agent"),
            make(ev.StepDelta, step_id="parser", value="seen"),
            make(ev.MessageEnd, message_id="m", status="completed", text=""),
        ],
        ids=lambda event: event.type,
    )
    def test_that_say_nothing_new(self, event):
        assert in_a_pipe([event]) == []

    def test_deltas_alone_are_enough(self):
        _, *deltas = text("agent", "Hel", "lo", end=False)
        assert in_a_pipe(deltas) == ["agent            Hello"]

    def test_a_message_ends_its_blocks_whose_ends_were_filtered_out(self):
        end = make(ev.MessageEnd, message_id="a", status="completed", text="Hello")
        first, second = text("a", "Hel", "lo", end=False), text("b", "Bye", end=False)
        shown = on_a_terminal([*second, *first, end])
        assert [row.split() for row in shown] == [["b", "Bye"], ["a", "Hello"]]
        out = io.StringIO()
        view = TerminalView(out)
        for event in (*text("a", "Hel", "lo", end=False), end):
            view.feed(event)
        assert out.getvalue().split() == ["a", "Hello"]

    def test_so_are_ends(self):
        *_, end = text("agent", "Hello")
        assert in_a_pipe([end]) == ["agent            Hello"]

    def test_the_run_is_summed_up(self):
        usage = Usage(input_tokens=3, output_tokens=2)
        ends = [
            make(ev.RunEnd, status=status, usage=usage) for status in ("interrupted", "completed")
        ]
        assert in_a_pipe(ends) == ["completed · 0 messages · 6 tokens in, 4 out"]

    def test_a_run_that_fails_says_why(self):
        assert in_a_pipe([make(ev.RunError, error=NO)]) == [
            "agent            ✗ ValueError  closed on Monday",
            "",
            "failed · 0 messages",
        ]

    def test_a_run_that_fails_says_where_if_that_is_known(self):
        step = make(
            ev.StepEnd, node="planner", step_id="s", kind="chain", status="failed", error=NO
        )
        rows = in_a_pipe([step, make(ev.RunError, node=None, error=NO)])
        assert rows[0] == "planner          ✗ ValueError  closed on Monday"

    def test_a_stream_without_names_has_none(self):
        assert in_a_pipe(normalize(["Hel", "lo"]))[0] == f"{MARGIN}Hello"

    def test_nobody_is_marked_where_somebody_spoke_before(self):
        events = [*text("agent", "Hi"), ev.Custom(origin=Origin(), timestamp=0.0, data=1)]
        assert in_a_pipe(events) == ["agent            Hi", "-                • 1"]

    def test_a_payload_whose_fields_cannot_be_read_is_shown_in_short(self):
        class Broken(dict):
            def __iter__(self):
                raise RuntimeError("no")

        events = [make(ev.Custom, data=Broken()), make(ev.StateUpdate, values=Broken())]
        assert in_a_pipe(events) == [
            "agent            • {}",
            f"{MARGIN}wrote {{}}",
        ]


class TestOutput:
    def test_is_coloured_on_demand(self):
        tool = make(ev.ToolError, tool_call_id="c", name="f", error=NO)
        [row] = in_a_pipe([tool], color=True)
        assert "\x1b[31m✗ \x1b[0m\x1b[31mf\x1b[0m" in row
        assert "\x1b" not in in_a_pipe([tool])[0]

    def test_no_color_wins_over_the_terminal(self, monkeypatch):
        monkeypatch.setenv("NO_COLOR", "1")
        tool = make(ev.ToolError, tool_call_id="c", name="f", error=NO)
        assert "\x1b[3" not in in_a_pipe([tool])[0]

    def test_is_not_live_in_a_pipe_even_if_coloured(self, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        [row] = in_a_pipe(text("agent", "Hel", "lo"))
        assert row == "\x1b[36magent\x1b[0m            Hello"

    def test_is_not_live_on_a_dumb_terminal(self, monkeypatch):
        monkeypatch.setenv("TERM", "dumb")
        tty = Tty()
        with TerminalView(tty) as view:
            for event in text("agent", "Hel", "lo", end=False):
                view.feed(event)
            assert tty.shown() == []
        assert tty.shown() == ["agent            Hello"]

    def test_needs_no_unicode(self):
        buffer = io.BytesIO()
        out = io.TextIOWrapper(buffer, encoding="ascii")
        with TerminalView(out) as view:
            view.feed(make(ev.ToolEnd, tool_call_id="c", name="f", status="completed", output="é"))
        assert buffer.getvalue().split() == [b"agent", b"ok", b"f", b"?"]

    def test_is_left_alone_once_nobody_reads_it(self):
        out = io.StringIO()
        view = TerminalView(out)
        view.feed(make(ev.RunEnd, status="completed"))
        view.__exit__(BrokenPipeError, BrokenPipeError(), None)
        assert out.getvalue() == ""

    @pytest.mark.parametrize("view", [TerminalView, TreeView])
    def test_shows_all_of_a_run_that_raises_an_error_of_the_system(self, view):
        """`TimeoutError` and `ConnectionError` are errors of the system, as a full disk is."""
        tty = Tty()

        def failing():
            yield "Hello"
            raise TimeoutError("the model")

        with pytest.raises(TimeoutError), view(tty, color=False, live=True) as shown:
            for event in normalize(failing()):
                shown.feed(event)
        assert "Hello" in "\n".join(tty.shown())
        assert "TimeoutError" in "\n".join(tty.shown())

    def test_a_burst_is_not_drawn_event_by_event(self):
        """A terminal keeps up: 5,000 events cost about as many drawings as one second has."""
        tty = Tty()
        events = [*text("agent", *["word "] * 5_000)]
        before = process_time()
        with TerminalView(tty, live=True) as view:
            for event in events:
                view.feed(event)
        assert process_time() - before < 5
        assert "".join(tty.shown()).count("word") == 5_000


# What a terminal obeys: controls, escapes, bidirectional controls, tags, line and paragraph breaks.
OBEYED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
    "\ufeff\U000e0000-\U000e007f]"
)
HOSTILE = st.text(
    st.sampled_from("ab \n\r\x1b[2J\x07\x9b\x85\u2028\u202e\u2067\ufeff\U000e0041\ud800"),
    max_size=9,
)


class Rude:
    """An object of somebody else's whose every method raises."""

    def __repr__(self):
        raise RuntimeError("no")

    __str__ = __repr__


def hostile_events(draw):
    """One event of each class, with a hostile text in every field that can hold one."""
    texts = iter(lambda: draw(HOSTILE), None)

    def value(name, annotation):
        if name in ("timestamp", "block_id", "index"):
            return 0
        if name in ("status", "kind"):
            return "failed" if name == "status" else "node"
        if name == "origin":
            return Origin(
                name=next(texts), node=next(texts), namespace=(next(texts),), agent=next(texts)
            )
        if "ErrorInfo" in annotation:
            return ErrorInfo(name=next(texts), message=next(texts))
        if name in ("next", "documents"):
            return (next(texts),)
        if "str" in annotation:
            return next(texts)
        if annotation == "Any":
            return {next(texts): [next(texts), Rude()]}
        return None

    for cls in ev.Event.__args__:
        fields = {it.name: it for it in structs.fields(cls)}
        hints = {name: str(cls.__annotations__.get(name, "")) for name in fields}
        wanted = {n: value(n, h or _inherited(cls, n)) for n, h in hints.items()}
        given = {n: it for n, it in wanted.items() if it is not None or fields[n].required}
        yield cls(**given)


def _inherited(cls, name):
    return next(
        (
            str(it.__annotations__[name])
            for it in cls.__mro__
            if name in getattr(it, "__annotations__", {})
        ),
        "",
    )


class TestHostileText:
    @settings(max_examples=12)
    @given(st.data())
    def test_reaches_no_terminal(self, data):
        """Names, ids, labels and error classes included, in the view and in a transcript."""
        for event in hostile_events(data.draw):
            assert not OBEYED.search("\n".join(in_a_pipe([event])))
            line = describe(event)
            assert not OBEYED.search(line)
            assert "\n" not in line

    def test_of_a_model_moves_no_cursor(self):
        [row] = in_a_pipe(text("agent", "a\x1b[2Jb\rc\x07\u202e"))
        assert row == "agent            a\ufffd[2Jbc\ufffd\ufffd"

    def test_in_a_name_adds_no_row(self):
        event = make(ev.ToolError, tool_call_id="c", name="f\n\x1b[2K", error=NO)
        assert in_a_pipe([event]) == ["agent            ✗ f\ufffd\ufffd[2K  closed on Monday"]
