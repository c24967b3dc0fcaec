"""Conversations that a frontend has to get right: graphs, and what the user does one after the other.

Most are the agents with each middleware that LangChain and deepagents ship. The others are here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import interrupt

from agents import LOOK, asking, look, model
from middleware import COMBINED, SCENARIOS
from small_graphs import agent, asks, broken, call, chain, finish, gives, piece, says, words


@dataclass(frozen=True)
class Ask:
    """The user asks; under the id of an earlier question, that one is edited."""

    id: str
    text: str
    given: Any = None
    """The graph's input, where it is more than the question."""


@dataclass(frozen=True)
class Again:
    """The user wants another answer to the last question."""


@dataclass(frozen=True)
class Resume:
    """The user answers the only interrupt."""

    value: Any


Step: TypeAlias = Ask | Again | Resume


@dataclass(frozen=True)
class Talk:
    """A graph with a checkpointer, and what the user does."""

    graph: Any
    steps: tuple[Step, ...]
    error: tuple[type[Exception], ...] = ()


TALKS: dict[str, Callable[[], Talk]] = {}


def _of_scenario(build: Any) -> Callable[[], Talk]:
    def talk() -> Talk:
        scenario = build()
        first, *others = scenario.inputs
        last = first["messages"][-1]
        steps = [Ask(last.id, last.text, first), *(Resume(it.resume) for it in others)]
        return Talk(scenario.graph, tuple(steps), scenario.error)

    return talk


for _name, _build in {**SCENARIOS, **COMBINED}.items():
    TALKS[_name] = _of_scenario(_build)

HI = Ask("u1", "Hi")
MORE = Ask("u2", "And more")


def talk(build: Callable[[], Any]) -> Callable[[], Any]:
    """Register a talk: its steps are the defaults of the function's argument ``steps``."""
    steps = build.__defaults__[0] if build.__defaults__ else (HI,)  # type: ignore[attr-defined]
    TALKS[build.__name__] = lambda: Talk(build(), steps)
    return build


def saved(nodes: Any, **options: Any) -> Any:
    return chain(*nodes, checkpointer=InMemorySaver(), **options)


def _replies(*texts: str) -> Any:
    return says(*[[*words(it), finish("stop")] for it in texts])


@talk
def two_turns(steps: Any = (HI, MORE)) -> Any:
    return saved([asks(_replies("Hello there", "Good bye"))])


@talk
def an_edited_question(steps: Any = (HI, MORE, Ask("u1", "Hello"))) -> Any:
    return saved([asks(_replies("One", "Two", "Three"))])


@talk
def the_last_question_edited(steps: Any = (HI, MORE, Ask("u2", "Less"))) -> Any:
    return saved([asks(_replies("One", "Two", "Three"))])


@talk
def another_answer(steps: Any = (HI, MORE, Again())) -> Any:
    return saved([asks(_replies("One", "Two", "Three"))])


@talk
def another_answer_after_tools(steps: Any = (HI, Again(), MORE)) -> Any:
    replies = [asking("I look.", LOOK), "Sunny."]
    return agent(model(*replies, *replies, "More"), [look], checkpointer=InMemorySaver())


@talk
def two_calls_in_one_turn() -> Any:
    calls = (LOOK, ("c2", "look", '{"city": "Rome"}'))
    return agent(model(asking("I look.", *calls), "Both."), [look], checkpointer=InMemorySaver())


@talk
def one_call_id_in_two_turns() -> Any:
    rome = ("c1", "look", '{"city": "Rome"}')
    replies = (asking("First.", LOOK), asking("Second.", rome), "Done.")
    return agent(model(*replies), [look], checkpointer=InMemorySaver())


@talk
def a_failed_tool() -> Any:
    replies = (asking("", ("c1", "broken", '{"x": 1}')), "It failed.")
    return agent(model(*replies), [broken], checkpointer=InMemorySaver())


@talk
def reasoning_between_calls() -> Any:
    def thinks(text: str) -> Any:
        return piece([{"type": "thinking", "thinking": text, "index": 0}])

    first = [thinks("hm"), call(1, *LOOK), finish("tool_calls")]
    then = [thinks("so"), piece([{"type": "text", "text": "Sunny.", "index": 1}]), finish("stop")]
    return agent(says(first, then), [look], checkpointer=InMemorySaver())


def researcher() -> Any:
    """A tool that asks an agent of its own, whose words are not the user's."""
    inner = agent(model(asking("PSST I look.", LOOK), "PSST Sunny."), [look])

    @tool
    def research(q: str, config: RunnableConfig) -> str:
        """Research."""
        return f"found: {inner.invoke({'messages': [('human', q)]}, config)['messages'][-1].text}"

    return research


@talk
def an_agent_in_a_tool() -> Any:
    replies = (asking("I delegate.", ("r1", "research", '{"q": "x"}')), "Here it is.")
    return agent(model(*replies), [researcher()], checkpointer=InMemorySaver())


@talk
def two_agents_in_tools_at_once() -> Any:
    calls = [("r1", "research", '{"q": "x"}'), ("r2", "research", '{"q": "y"}')]
    return agent(
        model(asking("I delegate.", *calls), "Here they are."),
        [researcher()],
        checkpointer=InMemorySaver(),
    )


@talk
def a_subgraph_as_a_node() -> Any:
    inner = chain(asks(says("from within")))
    return saved([asks(says("before")), inner, asks(says("behind"))])


@talk
def two_agents_in_a_row() -> Any:
    one = agent(model(asking("", LOOK), "One is done."), [look])
    other = agent(model(asking("", ("c2", *LOOK[1:])), "The other is done."), [look])
    return saved([one, other])


@talk
def a_message_that_a_node_edits(steps: Any = (HI, MORE)) -> Any:
    def edits(state: Any) -> Any:
        last = state["messages"][-1]
        return {"messages": [AIMessage(f"{last.text}, checked", id=last.id)]}

    return saved([asks(_replies("One", "Two")), edits])


@talk
def a_message_that_a_node_removes(steps: Any = (HI, MORE)) -> Any:
    def removes(state: Any) -> Any:
        return {"messages": [RemoveMessage(id=state["messages"][-1].id)]}

    return saved([asks(_replies("One", "Two")), removes, gives(AIMessage("Better"))])


@talk
def an_interrupt(steps: Any = (HI, Resume("yes"), MORE, Resume("no"))) -> Any:
    def ask(state: Any) -> Any:
        return {"messages": [AIMessage(f"You said {interrupt('Sure?')}")]}

    return saved([asks(_replies("Wait", "Stop")), ask])


@talk
def a_tool_that_asks(steps: Any = (HI, Resume("blue"))) -> Any:
    @tool
    def colour(of: str) -> str:
        """Ask for a colour."""
        return f"{of} is {interrupt('Which colour?')}"

    replies = (asking("I ask.", ("c1", "colour", '{"of": "sky"}')), "Thanks.")
    return agent(model(*replies), [colour], checkpointer=InMemorySaver())


@talk
def an_agent_in_a_tool_asks(steps: Any = (HI, Resume("blue"), MORE)) -> Any:
    """Its call has the id of the call in which it runs."""

    @tool
    def colour(of: str) -> str:
        """Ask for a colour."""
        return f"{of} is {interrupt('Which colour?')}"

    replies = (asking("PSST I ask.", ("c1", "colour", '{"of": "sky"}')), "PSST Blue.")
    inner = agent(model(*replies), [colour])

    @tool
    def research(q: str, config: RunnableConfig) -> str:
        """Research."""
        return f"found: {inner.invoke({'messages': [('human', q)]}, config)['messages'][-1].text}"

    replies = (asking("I delegate.", ("c1", "research", '{"q": "x"}')), "Here it is.", "More")
    return agent(model(*replies), [research], checkpointer=InMemorySaver())


@talk
def a_whole_message_of_a_node(steps: Any = (HI, MORE)) -> Any:
    return saved([gives(AIMessage("I am no model"))])


@talk
def sources_a_file_and_an_artifact() -> Any:
    @tool(response_format="content_and_artifact")
    def look_up(q: str) -> tuple[str, dict[str, int]]:
        """Look it up."""
        return "found", {"pages": 2}

    link = {"type": "citation", "url": "https://a.test/b", "title": "A page"}
    document = {"type": "citation", "title": "A book", "cited_text": "so it is"}
    text = {"type": "text", "text": "Here.", "annotations": [link, document], "index": 0}
    picture = {"type": "image", "base64": "aGk=", "mime_type": "image/png", "index": 1}
    first = [call(0, "c1", "look_up", '{"q": "x"}'), finish("tool_calls")]
    return agent(
        says(first, [piece([text]), piece([picture]), finish("stop")]),
        [look_up],
        checkpointer=InMemorySaver(),
    )


@talk
def a_system_message_in_the_state(steps: Any = (HI, MORE)) -> Any:
    return saved([gives(SystemMessage("PSST be kind")), asks(_replies("One", "Two"))])


def history_of(step: Ask) -> list[Any]:
    """The messages before the question, which the client has from a history."""
    return [] if step.given is None else list(step.given["messages"][:-1])


def input_of(step: Ask) -> dict[str, Any]:
    return step.given or {"messages": [HumanMessage(step.text, id=step.id)]}
