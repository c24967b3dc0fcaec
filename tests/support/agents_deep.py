"""A scenario, or several, for every middleware that deepagents ships, its private ones included."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("langchain.agents.middleware", reason="langchain is not installed")
pytest.importorskip("deepagents", reason="deepagents is not installed")

import deepagents.middleware.summarization as deep_summaries
from deepagents.backends import StateBackend
from deepagents.middleware import _parent_notifier, _prompt_caching, _tool_exclusion
from deepagents.middleware import subagents as deep_subagents
from deepagents.middleware.async_subagents import AsyncSubAgentMiddleware
from deepagents.middleware.filesystem import FilesystemMiddleware
from deepagents.middleware.memory import MemoryMiddleware
from deepagents.middleware.patch_tool_calls import PatchToolCallsMiddleware
from deepagents.middleware.rubric import RubricMiddleware
from deepagents.middleware.skills import SkillsMiddleware
from deepagents.middleware.unsupported_content import UnsupportedContentMiddleware
from deepagents.profiles.harness import _nvidia_nemotron_3_ultra as nemotron
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool

from agents import ASK, HISTORY, LOOK, Scenario, agent, alone, asking, broken, look, model, talker
from small_graphs import words


def _files(**files: str) -> dict[str, Any]:
    now = "2026-01-01T00:00:00+00:00"
    return {
        f"/{name.replace('__', '/')}.md": {
            "content": text,
            "encoding": "utf-8",
            "created_at": now,
            "modified_at": now,
        }
        for name, text in files.items()
    }


@alone
def file_system() -> Scenario:
    write = ("f1", "write_file", '{"file_path": "/a.md", "content": "hello"}')
    read = ("f2", "read_file", '{"file_path": "/a.md"}')
    files = FilesystemMiddleware(backend=StateBackend())
    return agent(model(asking("", write), asking("", read), "Written."), files)


@alone
def file_system_takes_large_results() -> Scenario:
    @tool
    def shelf(city: str) -> str:
        """Bring a long book."""
        return "a long line of text\n" * 50

    files = FilesystemMiddleware(backend=StateBackend(), tool_token_limit_before_evict=20)
    said = model(asking("", ("c1", "shelf", '{"city": "Paris"}')), "It is long.")
    return agent(said, files, tools=[shelf])


@alone
def memory() -> Scenario:
    remembers = MemoryMiddleware(backend=StateBackend(), sources=["/notes.md"])
    asked = {"messages": [ASK], "files": _files(notes="Paris is nice.")}
    files = FilesystemMiddleware(backend=StateBackend())
    return agent(talker(), files, remembers, given=asked)


@alone
def patched_tool_calls() -> Scenario:
    asks = AIMessage("", id="a1", tool_calls=[{"name": "look", "args": {}, "id": "old"}])
    return agent(
        talker(), PatchToolCallsMiddleware(), given=[HumanMessage("hi", id="h1"), asks, ASK]
    )


@alone
def rubric() -> Scenario:
    verdicts = [
        {"name": "nice", "passed": False, "gap": "Too short."},
        {"name": "nice", "passed": True},
    ]
    grades = [
        {"result": result, "explanation": "Read.", "criteria": [verdict]}
        for result, verdict in zip(("needs_revision", "satisfied"), verdicts, strict=True)
    ]
    replies = [asking("", ("g1", "GraderResponse", json.dumps(grade))) for grade in grades]
    grader = RubricMiddleware(model=model(*replies), max_iterations=2)
    asked = {"messages": [ASK], "rubric": "Say it nicely."}
    return agent(model("It is sunny.", "It is very sunny."), grader, given=asked)


@alone
def skills() -> Scenario:
    text = "---\nname: count\ndescription: Counts things.\n---\nCount."
    asked = {"messages": [ASK], "files": _files(skills__count__SKILL=text)}
    files = FilesystemMiddleware(backend=StateBackend())
    read = ("f2", "read_file", '{"file_path": "/skills/count/SKILL.md"}')
    return agent(
        model(asking("", read), "Counted."),
        files,
        SkillsMiddleware(backend=StateBackend(), sources=["/skills/"]),
        given=asked,
    )


TASK = ("k1", "task", '{"description": "look", "subagent_type": "scout"}')


def scout(**options: Any) -> Any:
    inner = model(asking("Scouting.", ("c1", "look", '{"city": "Rome"}')), "Rome is sunny.")
    about = {"name": "scout", "description": "Scouts.", "system_prompt": "Scout."}
    return {**about, "model": inner, "tools": [look], **options}


@alone
def sub_agents() -> Scenario:
    scouts = deep_subagents.SubAgentMiddleware(backend=StateBackend(), subagents=[scout()])
    return agent(model(asking("Asking the scout.", TASK), "It is sunny."), scouts)


@alone
def sub_agents_task_tool() -> Scenario:
    return agent(
        model(asking("", ("c1", "look", '{"city": "Rome"}')), "Rome is sunny."),
        deep_subagents._ForkTaskToolMiddleware(look),
        tools=(),
    )


@alone
def async_sub_agents() -> Scenario:
    remote: Any = {
        "name": "far",
        "description": "Far.",
        "graph_id": "far",
        "url": "http://127.0.0.1:9",
    }
    listing = ("l1", "list_async_tasks", "{}")
    return agent(
        model(asking("", listing), "None runs."),
        AsyncSubAgentMiddleware(async_subagents=[remote]),
        tools=(),
    )


def _deep_summary() -> Any:
    return deep_summaries._DeepAgentsSummarizationMiddleware(
        model("They counted."),
        backend=StateBackend(),
        trigger=("messages", 3),
        keep=("messages", 1),
    )


@alone
def deep_summarization() -> Scenario:
    files = FilesystemMiddleware(backend=StateBackend())
    return agent(talker(), files, _deep_summary(), given=HISTORY)


@alone
def deep_summarization_on_demand() -> Scenario:
    compact = ("p1", "compact_conversation", "{}")
    summary = _deep_summary()
    return agent(
        model(asking("", compact), "It is sunny."),
        FilesystemMiddleware(backend=StateBackend()),
        deep_summaries.SummarizationToolMiddleware(summary),
        given=HISTORY,
    )


@alone
def small_parts_of_deepagents() -> Scenario:
    return agent(
        talker(),
        UnsupportedContentMiddleware(),
        _prompt_caching._LazyAnthropicPromptCachingMiddleware(),
        _tool_exclusion._ToolExclusionMiddleware(excluded=frozenset({"broken"})),
        _parent_notifier._ParentNotifierMiddleware(),
        tools=[look, broken],
    )


@alone
def thinking_tags_are_cleaned() -> Scenario:
    said = model(asking("<think>Where?</think> Looking.", LOOK), "<think>So.</think> It is sunny.")
    return agent(said, nemotron.NemotronReasoningTagCleanupMiddleware())


@alone
def calls_written_as_text() -> Scenario:
    text = "<function=look><parameter name=city>Paris</parameter></function>"
    return agent(model(text, "It is sunny."), nemotron.NemotronTextToolCallParser())


@alone
def rate_limit_retry() -> Scenario:
    class RateLimitError(Exception):
        status_code = 429

    said = model([*words("Half an answer"), RateLimitError("429 slow down")], "It is sunny.")
    return agent(said, nemotron.ModelRateLimitRetryMiddleware(retry_delays=(0.0,)))


@alone
def progress_budget() -> Scenario:
    return agent(talker(), nemotron.NemotronProgressBudgetMiddleware(max_model_calls=1))


@alone
def nudges_and_guards() -> Scenario:
    asked = HumanMessage("Find Paris and then email it: proceed now", id="ask")
    return agent(
        talker("Done."),
        nemotron.NemotronPolicyNudgeMiddleware(),
        nemotron.EntityResolutionGuardMiddleware(),
        nemotron.FollowupDisciplineMiddleware(),
        nemotron.FinalAnswerGuardMiddleware(),
        given=[asked],
    )


@alone
def repaired_tools() -> Scenario:
    @tool
    def read_file(file_path: str, limit: int = 1) -> str:
        """Read nothing."""
        return ""

    read = ("f1", "read_file", '{"path": "/a.md"}')
    return agent(
        model(asking("", read), "It is empty."),
        nemotron.ChatNVIDIAMessageCompatibilityMiddleware(),
        nemotron.ReadFileContinuationNoticeMiddleware(),
        nemotron.NemotronToolCallShim(),
        tools=[read_file],
    )
