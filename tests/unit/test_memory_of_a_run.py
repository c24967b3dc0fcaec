"""What a run remembers: which call a result answers, which contents were shown, and no more."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from langchain_core.messages import HumanMessage

from streamkit import Event, MessageEnd, Origin, normalize
from streamkit._core.duplicates import DuplicateContent
from streamkit._core.pending_calls import PendingCalls
from streamkit.dialects import register
from streamkit.dialects._reader import Reader
from streamkit.testing import check_stream
from streamkit.values import ToolCall

HERE = Origin()


def called(calls: PendingCalls, id: str, name: str = "look") -> None:
    calls.add(ToolCall(id=id, name=name, args={}, text="{}"), "c1", HERE)


def test_a_call_whose_result_is_stored_is_kept_no_longer() -> None:
    calls = PendingCalls()
    called(calls, "c1")
    call = calls.answered_by("c1", "look", "found", ())
    assert call
    calls.mark_stored(call)
    assert (calls._kept, list(calls._at_work), call.args) == (0, [], None)
    assert calls.answered_by("c1", "look", "found", ()) is None


def test_of_calls_with_one_id_the_result_is_that_of_the_one_whose_tool_returned_it() -> None:
    calls = PendingCalls()
    first, second = (calls.add_running("c1", id, "look", HERE) for id in ("c1", "c1#2"))
    for call, output in ((first, "a"), (second, "b")):
        calls.end(call, {"output": output})
    assert calls.answered_by("c1", "look", "b", ()) is second
    assert calls.answered_by("c1", "look", "a", ()) is first
    assert calls.answered_by("c1", "look", "other", ()) is first


@pytest.mark.parametrize(
    ("name", "namespace", "answered"),
    [("look", (), 0), ("read", (), 1), (None, ("a:1",), 2), ("none", ("none",), 0)],
)
def test_of_calls_with_one_id_the_place_and_the_name_decide(
    name: str | None, namespace: tuple[str, ...], answered: int
) -> None:
    calls = PendingCalls()
    made = [
        calls.add_running("c1", "1", "look", HERE),
        calls.add_running("c1", "2", "read", HERE),
        calls.add_running("c1", "3", "look", Origin(namespace=("a:1",))),
    ]
    assert calls.answered_by("c1", name, "found", namespace) is made[answered]


def test_a_message_without_an_id_is_known_until_its_task_ends() -> None:
    inner, outer = (Origin(metadata={"langgraph_checkpoint_ns": it}) for it in ("a:1|b:2", "a:1"))
    nameless, named = HumanMessage("words"), HumanMessage("words", id="m1")
    for ends, shown_id in ((False, "ours"), (True, None)):
        seen = DuplicateContent()
        seen.record_nameless(nameless, inner, "ours")
        if ends:
            seen.end_task(outer)
        assert seen.had_no_id(named, outer) == shown_id
        assert seen.had_no_id(named, outer) is None, "each is recognized once"


class Late(Reader):
    """A dialect that finds out only at the end that it cannot read the rest of its message."""

    def read(self, raw: object) -> None:
        self.assembly.start_run()
        message = self.assembly.start_message("m", HERE, "m")
        message.text("words")

        def cannot_be_read() -> None:
            raise ValueError("odd")

        message.before_close = cannot_be_read


@pytest.mark.parametrize("strict", [True, False])
def test_closing_cannot_fail_in_strict_mode_either(strict: bool) -> None:
    register("late", Late)
    events: Sequence[Event] = list(normalize(["late"], dialect="late", strict=strict))
    check_stream(events)
    assert [it.text for it in events if isinstance(it, MessageEnd)] == ["words"]
    assert [it.type for it in events].count("unrecognized") == 1
