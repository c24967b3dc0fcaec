"""Messages that nodes return: a model's own, copies of it, edited ones, and ones of their making."""

import operator
from typing import Annotated, Any, TypedDict

import pytest

pytest.importorskip("langgraph")

from langchain_core.caches import InMemoryCache
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import START, StateGraph
from langgraph.types import Command

from small_graphs import (
    ALL_APIS,
    ALL_MODES,
    APIS,
    ASYNC,
    CORE,
    EVENTS,
    IGNORE_V1,
    LANGGRAPH,
    MODES,
    OWN,
    OWN_SYNC,
    SYNC,
    Facts,
    answer,
    asks,
    chain,
    facts,
    gives,
    of,
    parallel,
    piece,
    run,
    says,
)
from streamkit import MessageStart, StateUpdate

pytestmark = pytest.mark.filterwarnings(IGNORE_V1)

MESSAGES = (SYNC, ASYNC)
MARKS_ITS_END = CORE >= (1,)
"""Before langchain-core 1.0 no chunk is marked as a message's last."""


def rewrites(change: Any, *models: Any) -> Any:
    """A node that asks the models in turn and returns what ``change`` makes of each answer."""

    def node(state: Any, config: RunnableConfig) -> Any:
        said = [model.invoke(state["messages"], config) for model in models]
        return {"messages": [change(message) for message in said]}

    return node


# --- copies of what a model said


@pytest.mark.parametrize("api", ALL_APIS)
@pytest.mark.parametrize("id", [None, "other"])
def test_a_copy_of_the_models_message_is_not_shown_again(id: str | None, api: str) -> None:
    copied = rewrites(lambda message: AIMessage(message.content, id=id), says("the words"))
    assert facts(run(chain(copied), api)) == Facts(messages=["the words"])


@pytest.mark.parametrize("api", ALL_APIS)
def test_copies_of_two_models_messages_are_not_shown_again(api: str) -> None:
    copied = rewrites(lambda message: AIMessage(message.content), says("one"), says("two"))
    assert facts(run(chain(copied), api)) == Facts(messages=["one", "two"])


@pytest.mark.parametrize(
    "api",
    # langgraph 0.3 shows a subgraph's chunks in `messages` mode as well, later ones do not.
    ALL_APIS,
)
def test_a_copy_made_around_a_subgraph_is_not_shown_again(api: str) -> None:
    inner = chain(asks(says("the words")))

    def wraps(state: Any, config: RunnableConfig) -> Any:
        said = inner.invoke(state, config)["messages"][-1]
        return {"messages": [AIMessage(said.content, name="researcher")]}

    assert facts(run(chain(wraps), api)) == Facts(messages=["the words"])


@pytest.mark.parametrize("api", [EVENTS, MODES, ALL_MODES, OWN, OWN_SYNC])
def test_a_copy_is_known_after_its_subgraph_has_ended(api: str) -> None:
    inner = chain(asks(says("one")), asks(says("two")))

    def wrap(state: Any, config: RunnableConfig) -> Any:
        last = inner.invoke(state, config)["messages"][-1]
        return {"messages": [AIMessage(last.content, name="agent")]}

    assert facts(run(chain(wrap), api)) == Facts(messages=["one", "two"])


@pytest.mark.parametrize("api", [*ALL_APIS, MODES, ALL_MODES, OWN, OWN_SYNC])
@pytest.mark.parametrize("depth", [0, 1])
def test_copies_that_nodes_make_at_once_are_not_shown_again(depth: int, api: str) -> None:
    def copies(text: str) -> Any:
        model = says(text)
        return RunnableLambda(
            lambda state, config: {"messages": [AIMessage(model.invoke("hi", config).content)]}
        )

    graph = parallel(*map(copies, ("one", "two", "three")))
    events = run(chain(graph) if depth else graph, api)
    if not (depth and api in MESSAGES):  # which has no subgraphs here
        assert sorted(facts(events).messages) == ["one", "three", "two"]


@pytest.mark.parametrize("api", ALL_APIS)
def test_an_edited_message_under_a_new_id_is_another_message(api: str) -> None:
    edited = rewrites(lambda message: AIMessage(message.content + "!", id="new"), says("words"))
    assert facts(run(chain(edited), api)) == Facts(messages=["words", "words!"])


@pytest.mark.parametrize("api", ALL_APIS)
def test_an_edited_message_under_its_own_id_is_the_same_message(api: str) -> None:
    """The edit is in the node's update; LangGraph's ``messages`` mode leaves it out as well."""
    edited = rewrites(lambda it: AIMessage(it.content + "!", id=it.id), says("words"))
    events = run(chain(edited), api)
    assert facts(events) == Facts(messages=["words"])
    updates = [update.values["messages"][0].content for update in of(events, StateUpdate)]
    assert updates == ([] if api in MESSAGES else ["words!"])


@pytest.mark.parametrize("api", ALL_APIS)
def test_the_same_words_from_another_node_are_another_message(api: str) -> None:
    graph = chain(asks(says("same words")), gives(AIMessage("same words")))
    assert facts(run(graph, api)) == Facts(messages=["same words", "same words"])
    graph = parallel(asks(says("same words")), asks(says("same words")))
    assert facts(run(graph, api)) == Facts(messages=["same words", "same words"])


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_models_message_is_shown_once_however_many_nodes_return_it(api: str) -> None:
    keeps = lambda state: {"messages": state["messages"]}  # noqa: E731
    graph = chain(asks(says("the words")), keeps, keeps)
    assert facts(run(graph, api)) == Facts(messages=["the words"])


# --- messages that no model said


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_nodes_own_messages(api: str) -> None:
    asked = AIMessage("a", tool_calls=[{"id": "c1", "name": "f", "args": {"x": 1}}])
    result = ToolMessage("t", tool_call_id="c1", name="f")
    graph = chain(gives(HumanMessage("h"), SystemMessage("s"), asked, result))
    assert facts(run(graph, api)) == Facts(
        messages=["a"], calls=[("c1", "f", {"x": 1})], tools=[("c1", "f", "t")], added=["h", "s"]
    )


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_whole_message_has_the_events_of_a_streamed_one(api: str) -> None:
    tokens: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    events = run(chain(gives(AIMessage("a b", id="m", usage_metadata=tokens))), api)
    start = events.index(of(events, MessageStart)[0])
    assert [event.type for event in events[start : start + 5]] == [
        "message.start",
        "text.start",
        "text.delta",
        "text.end",
        "message.end",
    ]
    assert events[start].message_id == "m"
    assert facts(events) == Facts(messages=["a b"], usage=(1, 2))


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_node_may_say_the_same_twice(api: str) -> None:
    graph = chain(gives(AIMessage("again", id="1"), AIMessage("again", id="2")))
    assert facts(run(graph, api)) == Facts(messages=["again", "again"])


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_chunk_that_a_node_returns_is_a_whole_message(api: str) -> None:
    assert facts(run(chain(gives(AIMessageChunk("whole"))), api)) == Facts(messages=["whole"])


@pytest.mark.parametrize("api", ALL_APIS)
def test_what_the_run_was_given_is_not_shown(api: str) -> None:
    given = {"messages": [HumanMessage("q"), AIMessage("old", id="old"), AIMessage("older")]}
    keeps = lambda state: {"messages": [*state["messages"], AIMessage("new")]}  # noqa: E731
    assert facts(run(chain(keeps), api, given)) == Facts(messages=["new"])


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_subgraphs_own_messages_are_shown_once(api: str) -> None:
    asked = AIMessage("a", tool_calls=[{"id": "c1", "name": "f", "args": {}}])
    graph = chain(chain(gives(HumanMessage("h"), asked, ToolMessage("t", tool_call_id="c1"))))
    assert facts(run(graph, api)) == Facts(
        messages=["a"], calls=[("c1", "f", {})], tools=[("c1", "f", "t")], added=["h"]
    )


# --- whatever shape the output has

M = AIMessage
SHAPES: dict[str, tuple[Any, list[str]]] = {
    "one message, no list": ({"messages": M("one", id="1")}, ["one"]),
    "a Command": (Command(update={"messages": [M("one", id="1")]}), ["one"]),
    "a list of Commands": (
        [Command(update={"messages": [M(text, id=text)]}) for text in ("one", "two")],
        ["one", "two"],
    ),
    "a Command without an update": (Command(goto=()), []),
    "a Command of pairs": (Command(update=[("messages", [M("one", id="1")])]), []),
    "a dict for a message": ({"messages": [{"role": "assistant", "content": "one"}]}, ["one"]),
    "a pair for a message": ({"messages": [("ai", "one")]}, ["one"]),
    "nothing new": ({}, []),
    "None": (None, []),
}


@pytest.mark.parametrize("api", ALL_APIS)
@pytest.mark.parametrize("shape", SHAPES)
def test_any_shape_of_output(shape: str, api: str) -> None:
    """What is no message object does not come in LangGraph's ``messages`` mode."""
    output, messages = SHAPES[shape]
    if api in MESSAGES and shape.endswith("for a message"):
        messages = []
    events = run(chain(lambda _: output), api)
    assert facts(events) == Facts(messages=messages)
    assert len(of(events, StateUpdate)) == (0 if api in MESSAGES else 1)


@pytest.mark.parametrize("api", ALL_APIS)
def test_messages_under_other_keys(api: str) -> None:
    class State(TypedDict):
        answer: Any
        log: Annotated[list[Any], operator.add]

    builder = StateGraph(State)
    builder.add_node("a", lambda _: {"answer": AIMessage("a"), "log": [HumanMessage("h")]})
    builder.add_edge(START, "a")
    events = run(builder.compile(), api, {"log": []})
    assert facts(events) == Facts(messages=["a"], added=["h"])


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_state_that_is_no_dict(api: str) -> None:
    builder = StateGraph(Annotated[int, operator.add])
    builder.add_node("a", lambda _: 5)
    builder.add_edge(START, "a")
    events = run(builder.compile(), api, 1)
    assert [update.values for update in of(events, StateUpdate)] == ([] if api in MESSAGES else [5])
    assert facts(events) == Facts()


# --- models that do not stream


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_nostream_model_shows_its_message_whole(api: str) -> None:
    tag = "nostream" if LANGGRAPH >= (0, 6) else "langsmith:nostream"
    graph = chain(asks(says("quiet words").with_config(tags=[tag])))
    assert facts(run(graph, api)) == Facts(messages=["quiet words"])


@pytest.mark.parametrize("api", ALL_APIS)
def test_disable_streaming(api: str) -> None:
    events = run(chain(asks(says(answer("all at once", 1, 2), disable_streaming=True))), api)
    assert facts(events) == Facts(messages=["all at once"], usage=(1, 2))


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_model_that_cannot_stream(api: str) -> None:
    model = FakeMessagesListChatModel(responses=[AIMessage("all at once")])
    assert facts(run(chain(asks(model)), api)) == Facts(messages=["all at once"])


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_cached_answer(api: str) -> None:
    model = says(answer("from memory", 1, 2), cache=InMemoryCache())
    model.invoke(ask := [HumanMessage("hi", id="ask")])
    events = run(chain(asks(model)), api, {"messages": ask})
    assert facts(events) == Facts(messages=["from memory"], usage=(1, 2))


@pytest.mark.parametrize("api", ALL_APIS)
def test_a_node_that_streams_the_model_itself(api: str) -> None:
    def streams(state: Any, config: RunnableConfig) -> Any:
        first, *rest = says("one two").stream(state["messages"], config)
        return {"messages": [sum(rest, first)]}

    assert facts(run(chain(streams), api)) == Facts(messages=["one two"])


@pytest.mark.parametrize("api", APIS)
def test_a_node_that_stops_reading_its_model(api: str) -> None:
    def skims(state: Any, config: RunnableConfig) -> Any:
        for _ in says([piece("one"), piece(" two")]).stream(state["messages"], config):
            break
        return {"messages": [AIMessage("enough")]}

    left = ("one", "abandoned") if MARKS_ITS_END or api == EVENTS else "one"
    assert facts(run(chain(skims), api)).sorted() == Facts(messages=[left, "enough"]).sorted()
