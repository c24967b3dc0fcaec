"""Every middleware that LangChain and deepagents ship, alone and in realistic combinations.

Each scenario builds its agent anew, with scripted models, and so each run of it says the same.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

pytest.importorskip("langchain.agents.middleware", reason="langchain is not installed")
pytest.importorskip("deepagents", reason="deepagents is not installed")

import deepagents
import langchain.agents
from deepagents import create_deep_agent
from langchain.agents import middleware
from langchain.agents.middleware import AgentMiddleware
from langchain.agents.structured_output import ToolStrategy
from langgraph.checkpoint.memory import InMemorySaver

from agents import (
    ASK,
    BREAKS,
    COMBINED,
    EMAIL,
    HISTORY,
    LOOK,
    NOW,
    SCENARIOS,
    SKY,
    Decides,
    Hides,
    Scenario,
    Weather,
    agent,
    asking,
    broken,
    combined,
    look,
    model,
    talker,
)
from agents_deep import TASK, scout
from agents_langchain import selector
from small_graphs import hesitant

__all__ = ["COMBINED", "SCENARIOS", "Scenario", "shipped"]


def shipped() -> list[type[AgentMiddleware]]:
    """Every middleware class in the installed packages, their private ones included."""
    packages = (langchain.agents.middleware, deepagents)
    names = {it.__name__ for it in packages}
    for package in packages:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
            names.add(module.name)
    found = set(_below(AgentMiddleware))
    return sorted((it for it in found if it.__module__ in names), key=lambda it: it.__name__)


def _below(cls: type) -> Iterator[type]:
    for it in cls.__subclasses__():
        yield it
        yield from _below(it)


# --- combinations


@combined
def a_long_talk_with_approval() -> Scenario:
    """A summary first, a call that a human edits, and an answer without addresses."""
    edited = {"name": "look", "args": {"city": "Rome"}}
    return agent(
        talker(f"It is sunny, {EMAIL} says."),
        middleware.SummarizationMiddleware(
            model=model("They counted."), trigger=("messages", 3), keep=("messages", 1)
        ),
        middleware.HumanInTheLoopMiddleware(interrupt_on={"look": True}),
        middleware.PIIMiddleware("email", apply_to_output=True, apply_to_tool_results=True),
        middleware.TodoListMiddleware(),
        given=HISTORY,
        then=[{"decisions": [{"type": "edit", "edited_action": edited}]}],
    )


@combined
def all_that_retries() -> Scenario:
    """Models that break, a tool that hesitates, and limits that are not met."""
    once = ("h1", "hesitate", '{"x": "Oz"}')
    return agent(
        model(BREAKS),
        middleware.ModelFallbackMiddleware(model(BREAKS, asking("Trying.", once), "Done.")),
        middleware.ModelRetryMiddleware(max_retries=1, on_failure="error", **NOW),
        middleware.ToolRetryMiddleware(**NOW),
        middleware.ModelCallLimitMiddleware(run_limit=5),
        middleware.ToolCallLimitMiddleware(run_limit=5),
        tools=[hesitant(ValueError("not yet"))],
    )


@combined
def a_router_and_judges() -> Scenario:
    calls = (LOOK, ("b1", "broken", '{"city": "Oz"}'))
    chosen = model(asking("Both at once.", *calls), "One of two.")
    choices = {"quick": middleware.ModelChoice(model=chosen, criteria="small")}
    return agent(
        model("Never asked."),
        middleware.ModelRouterMiddleware(
            choices=choices, instructions="Choose.", classifier=Decides()
        ),
        middleware.AutoModeMiddleware(tools=["look"], classifier=Decides(risk=0.9)),
        middleware.ToolErrorMiddleware(lambda error, _: f"It failed: {error}"),
        tools=[look, broken],
    )


@combined
def tools_that_models_choose_and_play() -> Scenario:
    clears = middleware.ClearToolUsesEdit(trigger=1, keep=0)
    return agent(
        talker(),
        selector(),
        middleware.LLMToolEmulator(model=model("Paris: made up")),
        middleware.ContextEditingMiddleware(edits=[clears]),
        tools=[look, broken],
    )


@combined
def a_structured_answer_without_secrets() -> Scenario:
    return agent(
        model(BREAKS, asking("Looking.", LOOK), asking("", SKY)),
        middleware.ModelRetryMiddleware(**NOW),
        Hides(),
        middleware.PIIMiddleware("email", strategy="mask", apply_to_tool_results=True),
        response_format=ToolStrategy(Weather),
    )


@combined
def a_deep_agent() -> Scenario:
    """As deepagents builds it: files, to-dos, sub-agents and a summary on demand."""
    todos = ("t1", "write_todos", '{"todos": [{"content": "look", "status": "in_progress"}]}')
    write = ("f1", "write_file", '{"file_path": "/a.md", "content": "hello"}')
    said = model(
        asking("Planning.", todos), asking("", TASK, write), asking("", LOOK), "All is sunny."
    )
    graph = create_deep_agent(
        said,
        [look],
        middleware=[middleware.TodoListMiddleware(), Hides()],
        subagents=[scout()],
        checkpointer=InMemorySaver(),
    )
    return Scenario(graph, [], [{"messages": [ASK]}])
