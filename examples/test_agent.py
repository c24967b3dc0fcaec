"""Tests of an agent, in pytest: offline, the same in every run, and quick.

    pip install 'langchain-streamkit[langgraph,testing]' langchain
    pytest -c /dev/null examples/test_agent.py

(`-c /dev/null` leaves out the settings of streamkit's own tests, which need more packages.)

The model follows a script, the rest of the agent is real. `stream_recorder` is a fixture of
streamkit's pytest plugin: it checks the grammar of each stream, and a test that fails shows the
run, line by line.
"""

from typing import Any

import pytest
from langchain.agents import create_agent

from streamkit import stream
from streamkit.presets import chat
from streamkit.testing import Call, Reply, ScriptedChatModel

QUESTION = {"messages": [("human", "What is the weather in Bologna?")]}
ASK = Reply(tool_calls=(Call("weather", {"city": "Bologna"}, "call_1"),), usage=(40, 12))


def weather(city: str) -> str:
    """Return the weather."""
    if city == "Atlantis":
        raise LookupError("no such city")
    return f"sunny in {city}"


def agent(*script: Reply | str) -> Any:
    """Return the agent under test, with a model that follows this script."""
    return create_agent(ScriptedChatModel(script=script), [weather])


def test_the_answer_uses_the_tool(stream_recorder: Any) -> None:
    """The tool runs once, with what the model wrote, and its cost is counted."""
    graph = agent(ASK, Reply("Sunny all day.", usage=(60, 5)))
    result = stream(graph, QUESTION).pipe(stream_recorder).collect()
    assert result.text == "Sunny all day."
    assert [(it.name, it.input) for it in result.tools] == [("weather", {"city": "Bologna"})]
    assert result.usage is not None
    assert result.usage.total_tokens == 117


def test_the_user_sees_words_before_the_end(stream_recorder: Any) -> None:
    """Text comes in pieces: nothing on the way collects it."""
    events = [*stream(agent("Hello to you!"), QUESTION, None, chat).pipe(stream_recorder)]
    assert [it.text for it in events if it.type == "text.delta"] == ["Hello", " to", " you!"]


def test_a_tool_that_fails_ends_the_run(stream_recorder: Any) -> None:
    """The error names the tool and arrives as it was raised."""
    wrong = Reply(tool_calls=(Call("weather", {"city": "Atlantis"}, "call_1"),))
    with pytest.raises(LookupError, match="no such city"):
        stream(agent(wrong), QUESTION).pipe(stream_recorder).collect()
    assert [it.name for it in stream_recorder.events if it.type == "tool.error"] == ["weather"]
