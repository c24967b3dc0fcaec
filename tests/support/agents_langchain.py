"""A scenario, or several, for every middleware that LangChain ships."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langchain.agents.middleware", reason="langchain is not installed")

from langchain.agents import middleware
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import HumanMessage

from agents import (
    BREAKS,
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
    alone,
    asking,
    broken,
    look,
    model,
    talker,
)
from small_graphs import finish, hesitant, piece


@alone
def no_middleware() -> Scenario:
    return agent(talker())


@alone
def auto_mode_allows() -> Scenario:
    decides = middleware.AutoModeMiddleware(tools=["look"], classifier=Decides())
    return agent(talker(), decides)


@alone
def auto_mode_blocks() -> Scenario:
    decides = middleware.AutoModeMiddleware(tools=["look"], classifier=Decides(risk=0.9))
    return agent(talker("I may not."), decides)


@alone
def context_editing() -> Scenario:
    clears = middleware.ClearToolUsesEdit(trigger=1, keep=0)
    return agent(talker(), middleware.ContextEditingMiddleware(edits=[clears]))


@alone
def file_search() -> Scenario:
    find = ("f1", "glob_search", '{"pattern": "*.toml"}')
    searching = middleware.FilesystemFileSearchMiddleware(
        root_path=str(Path(__file__).parents[1] / "typing"), use_ripgrep=False
    )
    return agent(model(asking("", find), "There is none."), searching, tools=())


def _approval(decision: Any, **options: Any) -> Scenario:
    asks = middleware.HumanInTheLoopMiddleware(interrupt_on={"look": True}, **options)
    return agent(talker(), asks, then=[{"decisions": [decision]}])


@alone
def approval_given() -> Scenario:
    return _approval({"type": "approve"})


@alone
def approval_refused() -> Scenario:
    return _approval({"type": "reject", "message": "Not there."})


@alone
def approval_with_other_arguments() -> Scenario:
    edited = {"name": "look", "args": {"city": "Rome"}}
    return _approval({"type": "edit", "edited_action": edited})


@alone
def model_call_limit() -> Scenario:
    return agent(talker(), middleware.ModelCallLimitMiddleware(run_limit=1, exit_behavior="end"))


@alone
def model_fallback() -> Scenario:
    return agent(model(BREAKS), middleware.ModelFallbackMiddleware(talker()))


@alone
def model_refusal() -> Scenario:
    """The refusal makes the first model fail after all that it said."""
    no = [piece([{"type": "refusal", "refusal": "I will not.", "index": 0}]), finish("stop")]
    refuses = middleware.ModelRefusalMiddleware()
    return agent(model(no), middleware.ModelFallbackMiddleware(talker()), refuses)


@alone
def model_retry() -> Scenario:
    return agent(model(BREAKS, "It is sunny."), middleware.ModelRetryMiddleware(**NOW))


@alone
def model_retry_gives_up() -> Scenario:
    return agent(model(BREAKS), middleware.ModelRetryMiddleware(max_retries=1, **NOW))


@alone
def model_router() -> Scenario:
    choices = {
        "quick": middleware.ModelChoice(model=talker("Quickly: sunny."), criteria="small"),
        "slow": middleware.ModelChoice(model=talker("Slowly: sunny."), criteria="large"),
    }
    routes = middleware.ModelRouterMiddleware(
        choices=choices, instructions="Choose.", classifier=Decides()
    )
    return agent(model("Never asked."), routes)


def _pii(strategy: Any, **where: bool) -> Scenario:
    hides = middleware.PIIMiddleware("email", strategy=strategy, **where)
    asked = HumanMessage(f"How is Paris? I am {EMAIL}", id="ask")
    scenario = agent(talker(f"It is sunny, {EMAIL} says."), hides, given=[asked])
    blocks = (middleware.PIIDetectionError,) if strategy == "block" else ()
    return replace(scenario, error=blocks)


for _strategy in ("redact", "mask", "hash", "block"):
    for _where in ("input", "output", "tool_results"):
        SCENARIOS[f"pii_{_strategy}_{_where}"] = lambda strategy=_strategy, where=_where: _pii(
            strategy, **{"apply_to_input": False, f"apply_to_{where}": True}
        )


@alone
def provider_tool_search() -> Scenario:
    return agent(talker(), middleware.ProviderToolSearchMiddleware(searchable_tools=["look"]))


@alone
def shell_tool() -> Scenario:
    echo = ("s1", "shell", '{"command": "echo hello"}')
    policy = middleware.HostExecutionPolicy(startup_timeout=5, command_timeout=5)
    shell = middleware.ShellToolMiddleware(execution_policy=policy)
    return agent(model(asking("", echo), "It says hello."), shell, tools=())


@alone
def summarization() -> Scenario:
    summary = middleware.SummarizationMiddleware(
        model=model("They counted."), trigger=("messages", 3), keep=("messages", 1)
    )
    return agent(talker(), summary, given=HISTORY)


@alone
def todo_list() -> Scenario:
    todos = '{"todos": [{"content": "look", "status": "in_progress"}]}'
    return agent(
        model(asking("", ("t1", "write_todos", todos)), asking("", LOOK), "It is sunny."),
        middleware.TodoListMiddleware(),
    )


def _call_limit(behavior: Any) -> Scenario:
    again = ("c2", "look", '{"city": "Rome"}')
    limit = middleware.ToolCallLimitMiddleware(run_limit=1, exit_behavior=behavior)
    return agent(model(asking("", LOOK), asking("", again), "Enough."), limit)


@alone
def tool_call_limit_continues() -> Scenario:
    return _call_limit("continue")


@alone
def tool_call_limit_ends() -> Scenario:
    return _call_limit("end")


@alone
def tool_emulator() -> Scenario:
    return agent(talker(), middleware.LLMToolEmulator(model=model("Paris: made up")))


def _failing(*parts: Any) -> Scenario:
    return agent(
        model(asking("", ("b1", "broken", '{"city": "Oz"}')), "No such place."),
        *parts,
        tools=[broken],
    )


@alone
def tool_error() -> Scenario:
    return _failing(middleware.ToolErrorMiddleware(lambda error, _: f"It failed: {error}"))


@alone
def tool_retry() -> Scenario:
    once = ("h1", "hesitate", '{"x": "Oz"}')
    again = middleware.ToolRetryMiddleware(**NOW)
    return agent(model(asking("", once), "Done."), again, tools=[hesitant(ValueError("not yet"))])


@alone
def tool_retry_gives_up() -> Scenario:
    return _failing(middleware.ToolRetryMiddleware(max_retries=1, **NOW))


def selector() -> Any:
    chosen = ("s1", "ToolSelectionResponse", '{"tools": ["look"]}')
    return middleware.LLMToolSelectorMiddleware(model=model(asking("", chosen)))


@alone
def tool_selector() -> Scenario:
    return agent(talker(), selector(), tools=[look, broken])


@alone
def structured_output_by_a_tool() -> Scenario:
    return agent(model(asking("", LOOK), asking("", SKY)), response_format=ToolStrategy(Weather))


@alone
def structured_output_that_is_wrong_at_first() -> Scenario:
    wrong = ("w0", "Weather", '{"wind": 3}')
    return agent(model(asking("", wrong), asking("", SKY)), response_format=ToolStrategy(Weather))


@alone
def structured_output_by_the_provider() -> Scenario:
    said = model(asking("", LOOK), '{"sky": "blue"}')
    return agent(said, response_format=ProviderStrategy(Weather))


@alone
def an_application_s_own() -> Scenario:
    return agent(talker(), Hides())
