"""The picture of a run: what a browser shows, and that data stays data."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from msgspec.structs import replace
from test_metrics import PRICES, ROOT, a_run, inside, model_call

from chromium import BROWSER, FLAGS
from streamkit import Origin, ToolCall, Usage, normalize
from streamkit import events as ev
from streamkit.folds import Result
from streamkit.html import run_html, to_html
from streamkit.record import Recording, record

HOSTILE = (
    "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=2>\u202e\x1b[2J"
)


def data_of(page: str) -> Any:
    """The data that the page reads."""
    return json.loads(
        re.findall(r'<script type="application/json" id="run">(.*?)</script>', page)[0]
    )


def rows_of(page: str) -> list[tuple[str, str, str]]:
    return [
        (lane["name"], span["kind"], span["name"])
        for lane in data_of(page)["lanes"]
        for span in lane["spans"]
    ]


class TestData:
    def test_lanes_are_agents_and_namespaces(self):
        assert rows_of(to_html(a_run())) == [
            ("boss", "run", "boss"),
            ("boss", "model", "big"),
            ("boss", "node", "node"),
            ("boss", "tool", "research"),
            ("researcher", "model", "small"),
        ]

    def test_rows_have_times_tokens_and_costs(self):
        lane, inner = data_of(to_html(a_run(), prices=PRICES))["lanes"]
        model = lane["spans"][1]
        assert (model["start"], model["end"], model["first"]) == (0.5, 3.5, 1.5)
        assert (model["input"], model["output"]) == (10, 8)
        assert model["cost"] == pytest.approx(9e-5)
        assert (lane["input"], inner["input"]) == (10, 100)

    def test_rows_stand_below_what_they_are_inside(self):
        lane, inner = data_of(to_html(a_run()))["lanes"]
        assert [(it["name"], it["depth"][0]) for it in lane["spans"]] == [
            ("boss", 0), ("big", 1), ("node", 1), ("research", 2)
        ]  # fmt: skip
        assert inner["spans"][0]["depth"] == [0, 0]

    def test_a_run_that_was_cut_ends_at_its_last_event(self):
        data = data_of(to_html(a_run()[:6]))
        assert data["seconds"] == 3.5
        assert data["lanes"][0]["spans"][0]["status"] == "running"

    def test_an_empty_stream_is_a_page(self):
        assert data_of(to_html([]))["lanes"] == []

    def test_a_run_in_which_nothing_ran_is_a_row(self):
        assert rows_of(to_html(a_run()[:1])) == [("boss", "run", "boss")]

    def test_a_question_is_a_row_also_where_the_start_of_the_run_was_filtered_out(self):
        question = ev.Interrupt(origin=ROOT, interrupt_id="i", value="Sure?", timestamp=1.0)
        assert rows_of(to_html([question])) == [("boss", "interrupt", "waits for an answer")]

    def test_a_call_with_broken_arguments_shows_them_and_why(self):
        call = ToolCall(id="c", name="f", args=None, text='{"a', error="it was cut off")
        *events, message, step = model_call(inside("m"), 1.0, model="big", usage=None)
        whole = [*a_run()[:1], *events, replace(message, tool_calls=(call,)), step]
        assert data_of(to_html(whole))["lanes"][0]["spans"][1]["detail"]["texts"][-1] == [
            "call f",
            '{"a\nit was cut off',
        ]

    def test_retries_and_interrupts_are_rows(self):
        tool = {"origin": inside(None), "tool_call_id": "c", "name": "f"}
        events = [
            ev.RunStart(origin=ROOT, timestamp=0.0),
            *model_call(inside("one"), 0.0, model="big", usage=None, status="abandoned"),
            ev.ToolStart(**tool, timestamp=5.0),
            ev.ToolError(
                **tool, error=ev.ErrorInfo(name="ValueError", message="no"), timestamp=6.0
            ),
            ev.ToolStart(**tool, timestamp=6.0),
            ev.ToolEnd(**tool, status="completed", timestamp=7.0),
            ev.Interrupt(origin=ROOT, interrupt_id="i", value={"question": "Sure?"}, timestamp=8.0),
        ]
        [lane] = data_of(to_html(events))["lanes"]
        assert [(it["kind"], it["status"], it["retry"]) for it in lane["spans"]] == [
            ("run", "running", False),
            ("model", "abandoned", False),
            ("tool", "failed", False),
            ("tool", "completed", True),
            ("interrupt", "completed", False),
        ]
        assert "Sure?" in lane["spans"][-1]["detail"]["texts"][0][1]

    def test_what_is_private_is_there_on_demand_only(self):
        hidden = model_call(
            inside("m", internal=True), 1.0, model="big", usage=None, text="the summary"
        )
        error = ev.ErrorInfo(name="ValueError", message="the reason")
        tool = {"origin": inside(None), "tool_call_id": "c", "name": "f"}
        events = [
            ev.RunStart(origin=ROOT, input="the prompt", timestamp=0.0),
            *hidden,
            ev.ToolStart(**tool, input={"a": "the argument"}, timestamp=5.0),
            ev.ToolError(**tool, error=error, timestamp=6.0),
        ]
        shared, whole = to_html(events), to_html(events, private=True)
        for secret in ("the summary", "the reason", "the prompt"):
            assert secret not in shared
            assert secret in whole
        assert "ValueError" in shared
        assert "the argument" in shared

    def test_what_the_state_replaced_is_not_shown(self):
        """A node may redact a text or a result after it was emitted."""
        tool = {"origin": inside("t"), "tool_call_id": "c", "name": "f"}
        other = {**tool, "tool_call_id": "d"}
        at = {"origin": ROOT, "timestamp": 7.0}
        result = ToolMessage("a card", tool_call_id="c", id="r")
        events = [
            ev.RunStart(origin=ROOT, timestamp=0.0),
            *model_call(inside("m"), 1.0, model="big", usage=None, text="card 4111"),
            ev.ToolStart(**tool, timestamp=5.0),
            ev.ToolEnd(**tool, status="completed", output="card 4111", timestamp=6.0),
            ev.ToolStart(**other, timestamp=6.0),
            ev.ToolEnd(**other, status="completed", output="a sunny day", timestamp=6.5),
            ev.MessageReplaced(**at, message_id="m-m", message=AIMessage("a card", id="m-m")),
            ev.MessageReplaced(**at, message_id="r", tool_call_id="c", message=result),
        ]
        page = to_html(events)
        assert "4111" not in page
        assert page.count('"a card"') == 2
        assert "a sunny day" in page
        assert "4111" in to_html(events, private=True)

    def test_hostile_text_ends_no_element_and_is_short(self):
        events = model_call(inside("m"), 1.0, model=HOSTILE, usage=None, text=HOSTILE + "x" * 10**6)
        page = to_html([ev.RunStart(origin=ROOT, timestamp=0.0), *events], title=HOSTILE)
        assert page.count("</script>") == 2
        assert "<img" not in page
        assert "\u202e" not in page
        assert len(page) < 200_000

    def test_a_file_of_any_text_can_be_written(self, tmp_path):
        page = to_html(normalize(["\ud800 \u2028 日本"]))
        (tmp_path / "run.html").write_text(page, "utf-8")


class TestNotebooks:
    def test_a_result_is_a_folded_table(self):
        result = Result(messages=[AIMessage("<b>Hi</b>")], text="<b>Hi</b>", status="completed")
        shown = result._repr_html_()
        assert shown.startswith("<details><summary>completed · 1 message</summary>")
        assert "&lt;b&gt;Hi" in shown
        assert "<b>Hi" not in shown

    def test_a_recording_is_one_too(self, tmp_path):
        path = tmp_path / "run.jsonl"
        list(normalize(a_run(), record(path)))
        recording = Recording(path)
        shown = recording._repr_html_()
        assert "completed · 10.00 s · 2 model calls · 110 tokens in, 12 out" in shown
        assert shown.count("<tr>") == 6
        assert recording.metrics(PRICES).cost
        assert recording.result().status == "completed"
        assert len(list(recording)) == len(list(recording)) == len(a_run())

    def test_it_stays_small(self):
        events = [ev.RunStart(origin=ROOT, timestamp=0.0)]
        for n in range(500):
            events += model_call(inside(f"m{n}"), float(n), model="<i>", usage=None)
        shown = run_html(events)
        assert "and 461 more" in shown
        assert "<i>" not in shown
        assert len(shown) < 10_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not BROWSER:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=BROWSER, args=FLAGS)


@contextmanager
def opened(browser: Any, page: str, folder: Path, **options: Any) -> Iterator[Any]:
    """The page in a browser, which must ask for nothing and complain of nothing."""
    path, complaints, requests = folder / "run.html", list[str](), list[str]()
    path.write_text(page, "utf-8")
    tab = browser.new_page(viewport={"width": 1200, "height": 700}, **options)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda it: complaints.append(it.text))
    tab.on("request", lambda it: requests.append(it.url))
    tab.goto(path.as_uri())
    yield tab
    tab.close()
    assert (complaints, requests) == ([], [path.as_uri()])


def names(tab: Any) -> list[str]:
    tab.wait_for_function(
        "new Promise(done => requestAnimationFrame(() => setTimeout(() => done(true))))"
    )
    found: list[str] = tab.locator(".row:not(#head) .name").all_text_contents()
    return found


def box(tab: Any, selector: str) -> dict[str, float]:
    """Where the first such element is; rows are made anew when they are drawn."""
    code = "it => { const {x, width} = document.querySelector(it).getBoundingClientRect(); return {x, width}; }"
    found: dict[str, float] = tab.evaluate(code, selector)
    return found


def test_a_person_looks_at_a_run(browser, tmp_path):
    page = to_html(a_run(), prices=PRICES)
    with opened(browser, page, tmp_path, color_scheme="dark") as tab:
        assert names(tab) == [
            "▾ boss", "boss run", "big model", "node node", "research tool",
            "▾ researcher", "small model",
        ]  # fmt: skip
        assert tab.locator("#totals").text_content() == (
            "completed · 10.00 s · 2 model calls · 110 tokens in, 12 out · cost 0.000124"
        )
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"

        # A bar is where and as long as its time; the mark is at the first token.
        chart = box(tab, "#ticks")
        bar = box(tab, ".bar.model")
        mark = box(tab, ".bar.model .first")
        assert bar["x"] - chart["x"] == pytest.approx(chart["width"] * 0.05, abs=2)
        assert bar["width"] == pytest.approx(chart["width"] * 0.3, abs=2)
        assert mark["x"] - bar["x"] == pytest.approx(bar["width"] / 3, abs=2)

        # A click shows texts and arguments; the keyboard moves on and closes.
        detail = tab.locator("#detail")
        tab.get_by_text("research tool").click()
        assert "found" in detail.locator("pre").last.text_content()
        tab.keyboard.press("ArrowUp")
        tab.keyboard.press("ArrowUp")
        assert detail.locator("h2").text_content() == "big"
        assert "Hi" in detail.locator("pre").text_content()
        tab.keyboard.press("Escape")
        assert detail.is_hidden()

        # Folding, searching, zooming, and the other theme.
        tab.keyboard.press("Home")
        tab.keyboard.press("ArrowLeft")
        assert names(tab) == ["▸ boss", "▾ researcher", "small model"]
        tab.keyboard.press("/")
        tab.keyboard.type("RESEARCH")
        assert tab.locator("#found").text_content() == "2 found"
        assert names(tab) == ["▸ boss", "research tool", "▾ researcher", "small model"]
        tab.keyboard.press("Escape")
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("+")
        bar = "document.querySelector('.bar.tool')?.getBoundingClientRect().width ?? 0"
        for _ in range(500):  # it is drawn in one of the next frames
            if tab.evaluate(bar) > chart["width"] * 0.65:
                break
            tab.wait_for_timeout(20)
        assert tab.evaluate(bar) > chart["width"] * 0.65
        tab.keyboard.press("d")
        assert tab.evaluate("document.documentElement.dataset.theme") == "light"


def test_hostile_payloads_are_shown_and_inert(browser, tmp_path):
    origin = Origin(
        run_id="m", parent_ids=("root",), agent=HOSTILE, node=HOSTILE, namespace=(HOSTILE,)
    )
    tool = {"origin": origin, "tool_call_id": HOSTILE, "name": HOSTILE}
    events = [
        ev.RunStart(origin=Origin(run_id="root", name=HOSTILE), timestamp=0.0),
        *model_call(
            origin, 0.0, model=HOSTILE, usage=Usage(input_token_details={HOSTILE: 1}), text=HOSTILE
        ),
        ev.ToolStart(**tool, input={HOSTILE: HOSTILE}, timestamp=3.0),
        ev.ToolEnd(**tool, status="completed", output=HOSTILE, timestamp=4.0),
    ]
    with opened(browser, to_html(events, private=True), tmp_path) as tab:
        for n in range(tab.locator(".row:not(#head):not(.lane)").count()):
            tab.locator(".row:not(#head):not(.lane)").nth(n).click()
            assert "<script>" in tab.locator("#detail").text_content()
        assert tab.evaluate("window.hacked") is None
        assert tab.locator("img, #detail script").count() == 0


def test_twenty_thousand_events_are_smooth(browser, tmp_path):
    usage = Usage(input_tokens=10, output_tokens=5)
    events = [ev.RunStart(origin=ROOT, timestamp=0.0)]
    for n in range(2_860):
        origin = inside(f"m{n}", agent=f"agent {n % 7}")
        events += model_call(origin, float(n), model="big", usage=usage, text=f"answer {n}")
    began = time.process_time()
    page = to_html(events)
    assert len(events) > 20_000
    assert time.process_time() - began < 5
    with opened(browser, page, tmp_path) as tab:
        assert tab.locator(".row").count() < 60
        usual = tab.evaluate(
            """async () => {
              const grid = document.getElementById("grid");
              const frames = [];
              for (let n = 1; n <= 40; n++) {
                grid.scrollTop = n * 1500;
                const before = performance.now();
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                frames.push(performance.now() - before);
              }
              return frames.sort((a, b) => a - b)[20];
            }"""
        )
        assert usual < 100, "milliseconds for the usual frame, on a busy machine"
        tab.keyboard.press("/")
        tab.keyboard.type("answer 2800")
        assert tab.locator("#found").text_content() == "1 found"


def test_the_totals_of_a_recording_that_was_cut_off_have_its_time():
    start = ev.RunStart(origin=Origin(), timestamp=1.0)
    said = ev.MessageStart(origin=Origin(), timestamp=5.0, message_id="m")
    assert "running · 4.00 s · 0 model calls" in to_html([start, said])
