"""Decision models (langchain-core 1.8): their answers are no messages, and their tokens count."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import MessageStart, normalize, stream

decisions = pytest.importorskip("langchain_core.decisions")


class Decides(decisions.BaseDecisionModel):  # type: ignore[misc, name-defined]
    model: str = "decider"

    @property
    def _provider(self) -> str:
        return "scripted"

    def _classify(self, state: Any, questions: Any) -> Any:
        answers = {"urgent": {"type": "noul", "noul": 0.9}}
        usage = {"input_tokens": 30, "output_tokens": 1}
        return decisions.ClassifierResponse(model=self.model, answers=answers, usage=usage)


QUESTION = {"state": "help", "questions": {"urgent": decisions.Noul(instructions="urgent?")}}


@pytest.mark.parametrize("way", ["stream()", "events v2"])
async def test_the_tokens_of_a_decision_count(way: str) -> None:
    if way == "stream()":
        events = list(stream(Decides(), QUESTION, strict=True))
    else:
        source = Decides().astream_events(QUESTION, version="v2")
        events = [event async for event in normalize(source, strict=True)]
    *_, end = events
    assert {name: used.total_tokens for name, used in end.usage_by_model.items()} == {"decider": 31}
    assert not [event for event in events if isinstance(event, MessageStart)]
