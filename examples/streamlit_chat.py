"""A chat page in Streamlit: words as the model writes them, a status line for each tool.

    pip install 'langchain-streamkit[langgraph]' langchain streamlit
    streamlit run examples/streamlit_chat.py

It runs offline: put your own model in place of the scripted one in `agent`.
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import streamlit as st
from langchain.agents import create_agent
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from streamkit import TextDelta, ToolEnd, ToolError, ToolStart, stream
from streamkit.presets import chat
from streamkit.testing import Call, Reply, ScriptedChatModel


def weather(city: str) -> str:
    """Return the weather."""
    return f"sunny in {city}"


@st.cache_resource
def agent() -> Any:
    """Return the agent, made once for all sessions."""
    look = Reply("Let me look. ", tool_calls=(Call("weather", {"city": "Bologna"}, "call_1"),))
    model = ScriptedChatModel(script=[look, "Sunny in Bologna all day."], pace=0.03)
    return create_agent(model, [weather], checkpointer=InMemorySaver())


def words(question: str) -> Iterator[str]:
    """Yield the words of the answer; show the tools beside them."""
    thread = st.session_state.setdefault("thread", str(uuid4()))
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    for event in stream(agent(), {"messages": [("human", question)]}, config, chat):
        match event:
            case TextDelta(text=text):
                yield text
            case ToolStart(name=name, tool_call_id=id):
                tools[id] = st.status(f"{name} …")
            case ToolEnd(name=name, tool_call_id=id):
                tools[id].update(label=name, state="complete")
            case ToolError(name=name, tool_call_id=id):
                tools[id].update(label=f"{name} failed", state="error")


tools: dict[str, Any] = {}
history = st.session_state.setdefault("history", [])
for speaker, text in history:
    st.chat_message(speaker).write(text)
if question := st.chat_input("Ask about the weather"):
    st.chat_message("user").write(question)
    with st.chat_message("assistant"):
        answer = st.write_stream(words(question))
    history += [("user", question), ("assistant", answer)]
