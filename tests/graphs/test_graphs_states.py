"""States that are no dicts: a dataclass's and a pydantic model's messages are messages, too."""

from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.message import add_messages
from pydantic import BaseModel

from small_graphs import (
    ALL_APIS,
    ASK,
    ASYNC_MODES,
    EVENTS,
    IGNORE_V1,
    LANGGRAPH,
    MODES,
    THREAD,
    Facts,
    answer,
    chain,
    facts,
    of,
    run,
    says,
)
from streamkit import RunEnd, normalize
from streamkit.testing import check_stream

pytestmark = pytest.mark.filterwarnings(IGNORE_V1)


@dataclass
class Record:
    messages: Annotated[list[AnyMessage], add_messages] = field(default_factory=list)
    city: str = ""


class Model(BaseModel):
    messages: Annotated[list[AnyMessage], add_messages] = []
    city: str = ""


STATES = [
    Record,
    pytest.param(
        Model,
        marks=pytest.mark.skipif(
            LANGGRAPH < (0, 4), reason="it cannot read the model's annotation"
        ),
    ),
]


def writes(make: Any) -> Any:
    """A node that no model helped."""
    return lambda _: make(messages=[AIMessage("by hand", id="by-hand")])


@pytest.mark.parametrize("api", [*ALL_APIS, MODES, ASYNC_MODES])
@pytest.mark.parametrize("make", [dict, Record, Model])
@pytest.mark.parametrize("state", STATES)
def test_what_a_node_returns(state: Any, make: Any, api: str) -> None:
    if make is not dict and make is not state:
        pytest.skip("a node returns an update, or a state of its own graph")
    assert facts(run(chain(writes(make), state=state), api)) == Facts(messages=["by hand"])


@pytest.mark.parametrize("api", [EVENTS, MODES])
@pytest.mark.parametrize("state", STATES)
def test_what_stood_in_the_state_before_is_no_news(state: Any, api: str) -> None:
    """The inner graph gives back all messages that it was given."""
    if api == MODES and LANGGRAPH < (1, 2):
        pytest.skip("its messages mode takes what no dict holds for news")
    model = says(answer("one", 1, 1), answer("two", 2, 2))

    def ask(given: Any, config: RunnableConfig) -> Any:
        return {"messages": [model.invoke(given.messages, config)]}

    inner = chain(ask, state=state)
    graph = chain(inner, state=state, checkpointer=InMemorySaver())
    again = {"messages": [HumanMessage("and then?", id="again")]}
    assert facts(run(graph, api, ASK, THREAD)) == Facts(messages=["one"], usage=(1, 1))
    assert facts(run(graph, api, again, THREAD)) == Facts(messages=["two"], usage=(2, 2))


@pytest.mark.skipif(LANGGRAPH < (1, 1), reason="it has no parts of version 2")
@pytest.mark.parametrize("state", STATES)
def test_the_values_of_version_2_are_such_states(state: Any) -> None:
    parts = list(chain(writes(dict), state=state).stream(ASK, stream_mode="values", version="v2"))
    assert isinstance(parts[-1]["data"], state)
    events = list(normalize(iter(parts), strict=True))
    check_stream(events)
    assert facts(events) == Facts(messages=["by hand"])
    assert [isinstance(it.output, state) for it in of(events, RunEnd)] == [True]
