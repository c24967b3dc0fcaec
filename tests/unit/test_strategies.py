"""Random streams for the tests of others: what they are said to be."""

from hypothesis import HealthCheck, given, settings
from langchain_core.messages import AIMessageChunk

from streamkit import normalize
from streamkit.strategies import model_chunks, runs
from streamkit.testing import check_stream
from streamkit.wire._codec import from_dict, to_dict

quickly = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])


@quickly
@given(runs())
def test_runs_keep_the_grammar_and_come_back_from_json(events):
    check_stream(events)
    assert [event.timestamp for event in events] == sorted(event.timestamp for event in events)
    for event in events:
        assert type(from_dict(to_dict(event, private=True))) is type(event)


@quickly
@given(model_chunks("m"))
def test_chunks_are_one_message(chunks):
    assert {type(chunk) for chunk in chunks} == {AIMessageChunk}
    events = list(normalize(chunks))
    check_stream(events)
    assert sum(event.type == "message.start" for event in events) == 1
