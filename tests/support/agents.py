"""Agents whose models follow a script, each with the inputs of its runs: what their scenarios share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

pytest.importorskip("langchain.agents.middleware", reason="langchain is not installed")

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.decisions import BaseDecisionModel, ChoiceAnswer, ClassifierResponse, NoulAnswer
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import BaseModel

from small_graphs import Says, answer, call, finish, usage, words

# --- models and tools

LOOK = ("c1", "look", '{"city": "Paris"}')
EMAIL = "anna@example.org"


class Model(Says):
    """A scripted model with a provider, and with structured output of its own."""

    provider: str = "openai"

    def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
        return {"ls_provider": self.provider, "ls_model_name": "scripted", "ls_model_type": "chat"}


def model(*replies: Any, **fields: Any) -> Model:
    """A model that gives these replies: an answer, or the chunks of one."""
    return Model(
        replies=[answer(it, 3, 2) if isinstance(it, str) else it for it in replies], **fields
    )


def asking(text: str, *calls: tuple[str, str, str]) -> list[Any]:
    """A reply with calls in it, ``(id, name, args)``."""
    written = [call(index, *it) for index, it in enumerate(calls)]
    return [*(words(text) if text else ()), *written, finish("tool_calls"), usage(5, 5)]


def talker(text: str = "It is sunny.") -> Model:
    """A model that looks once, and then answers."""
    return model(asking("Looking now.", LOOK), text)


BREAKS = [*words("Half an answer"), ConnectionError("the line broke")]


@tool
def look(city: str) -> str:
    """Look at a city."""
    return f"{city}: sunny, says {EMAIL}"


@tool
def broken(city: str) -> str:
    """Fail."""
    raise ValueError(f"no {city}")


class Decides(BaseDecisionModel):
    """A decision model that always finds the same."""

    model: str = "decides"
    risk: float = 0.1
    route: str = "quick"

    @property
    def _provider(self) -> str:
        return "scripted"

    def _classify(self, state: Any, questions: Any) -> ClassifierResponse:
        answers = {name: self._answer(question) for name, question in questions.items()}
        tokens: Any = {"input_tokens": 2, "output_tokens": 1, "total_tokens": 3}
        return ClassifierResponse(model=self.model, answers=answers, usage=tokens)

    def _answer(self, question: Any) -> Any:
        if question.type == "noul":
            return NoulAnswer(type="noul", noul=self.risk)
        odds = {name: float(name == self.route) for name in question.criteria}
        return ChoiceAnswer(type="choice", choice=self.route, probabilities=odds, confidence=1.0)


class Hides(AgentMiddleware):
    """Middleware as applications write it: around tools and models, before and after."""

    def wrap_tool_call(self, request: Any, handler: Any) -> Any:
        return self._without_secret(handler(request))

    async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
        return self._without_secret(await handler(request))

    @staticmethod
    def _without_secret(result: Any) -> Any:
        if not isinstance(result, ToolMessage):
            return result
        return result.model_copy(update={"content": result.text.replace(EMAIL, "[hidden]")})

    def after_model(self, state: Any, runtime: Any) -> Any:
        last = state["messages"][-1]
        if last.type != "ai" or last.tool_calls:
            return None
        return {"messages": [last.model_copy(update={"content": f"{last.text} (checked)"})]}


class Weather(BaseModel):
    """What the weather is like."""

    sky: str


SKY = ("w1", "Weather", '{"sky": "blue"}')


# --- scenarios


@dataclass(frozen=True)
class Scenario:
    """An agent, the inputs of its runs on one thread, and what the last of them raises."""

    graph: Any
    middleware: list[AgentMiddleware]
    inputs: list[Any]
    error: tuple[type[Exception], ...] = ()


Build: TypeAlias = Callable[[], Scenario]
ASK = HumanMessage("How is Paris?", id="ask")
HISTORY = [
    HumanMessage("one", id="h1"),
    AIMessage("two", id="a1"),
    HumanMessage("three", id="h2"),
    AIMessage("four", id="a2"),
    ASK,
]
NOW: Any = {"initial_delay": 0, "jitter": False}
SCENARIOS: dict[str, Build] = {}
COMBINED: dict[str, Build] = {}


def alone(build: Build) -> Build:
    SCENARIOS[build.__name__] = build
    return build


def combined(build: Build) -> Build:
    COMBINED[build.__name__] = build
    return build


def agent(
    main: Any,
    *parts: Any,
    tools: Any = (look,),
    given: Any = (ASK,),
    then: Any = (),
    **options: Any,
) -> Scenario:
    """An agent with this middleware; ``then`` resumes its run."""
    graph = create_agent(
        main, list(tools), middleware=list(parts), checkpointer=InMemorySaver(), **options
    )
    asked = given if isinstance(given, dict) else {"messages": list(given)}
    return Scenario(graph, list(parts), [asked, *(Command(resume=it) for it in then)])
