"""What the Agent Server of the tests serves, and how it is started.

Where the server package (``langgraph-api`` with ``langgraph-runtime-inmem``) needs versions of its
own, it lives in another environment, which also has streamkit: ``STREAMKIT_AGENT_SERVER`` names
its Python.
"""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, interrupt

import streamkit
from reference_agent import Faltering, build
from streamkit.demo import Call, Reply, ScriptedChatModel

HERE = Path(__file__).parent

# --- graphs: made anew for each run, and given a checkpointer by whoever runs them


def trip() -> Any:
    """The reference agent."""
    return build()


def broken() -> Any:
    """A model answers, and then a node fails."""

    def fail(_: MessagesState) -> None:
        raise ValueError("boom")

    builder = StateGraph(MessagesState)
    builder.add_node("speak", _model(Reply("So far, so good.", usage=(3, 4))) | _as_update)
    builder.add_node("fail", fail)
    builder.add_edge(START, "speak")
    builder.add_edge("speak", "fail")
    return builder.compile()


def asking() -> Any:
    """An agent with a tool that asks the human, and one that writes to the state by a command."""

    @tool
    def pay(amount: int) -> str:
        """Pay, if the human says so."""
        said = interrupt({"pay": amount})
        return f"paid {amount}" if said == "yes" else "not paid"

    @tool
    def note(text: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> Command[Any]:
        """Take a note."""
        return Command(
            update={"messages": [ToolMessage(f"noted {text}", tool_call_id=tool_call_id)]}
        )

    first = Reply(tool_calls=(Call("note", {"text": "tea"}, "call_note"),), usage=(5, 5))
    second = Reply(tool_calls=(Call("pay", {"amount": 3}, "call_pay"),), usage=(6, 6))
    builder = StateGraph(MessagesState)
    builder.add_node("agent", _model(first, second, Reply("All done.", usage=(7, 7))) | _as_update)
    builder.add_node("tools", ToolNode([pay, note]))
    builder.add_edge(START, "agent")
    builder.add_conditional_edges("agent", tools_condition, {"tools": "tools", END: END})
    builder.add_edge("tools", "agent")
    return builder.compile()


def town() -> Any:
    """Two agents, one in a tool of the other, between nodes that write messages without a model."""
    return _town()


def _town(**options: Any) -> Any:
    from langchain.agents import create_agent

    @tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        get_stream_writer()({"adding": [a, b]})
        return a + b

    @tool
    def fail(x: int) -> str:
        """Raise."""
        raise ValueError("boom")

    scout = create_agent(_talker(Reply("Scouting done.", usage=(3, 2))), [], name="scout")

    @tool
    def ask_scout(request: str) -> str:
        """Ask the scout."""
        return scout.invoke({"messages": [("user", request)]})["messages"][-1].text

    calls = (
        Call("add", {"a": 2, "b": 3}, "call_add"),
        Call("ask_scout", {"request": "look"}, "call_scout"),
    )
    clerk = create_agent(
        _talker(
            Reply("Let me see.", tool_calls=calls, usage=(5, 5)),
            Reply(tool_calls=(Call("fail", {"x": 1}, "call_fail"),), usage=(6, 6)),
            Reply("It is five.", usage=(7, 7)),
        ),
        [add, ask_scout, fail],
        middleware=[_errors_as_results()],
        name="clerk",
    )

    def greet(_: MessagesState) -> Any:
        write = get_stream_writer()
        write({"progress": 1})
        return {
            "messages": [
                AIMessage("Welcome.", name="porter"),
                SystemMessage("Noted."),
                HumanMessage("Hurry."),
            ]
        }

    def wave(_: MessagesState) -> Any:
        return Command(update={"messages": [AIMessage("Good bye.")]})

    builder = StateGraph(MessagesState)
    builder.add_node("greet", greet)
    builder.add_node("clerk", clerk)
    builder.add_node("wave", wave)
    builder.add_edge(START, "greet")
    builder.add_edge("greet", "clerk")
    builder.add_edge("clerk", "wave")
    builder.add_edge("wave", END)
    return builder.compile(**options)


def full_town() -> Any:
    """The same, and version 3 of its events has all that can be asked for."""
    from langgraph import stream
    from langgraph.prebuilt import ToolCallTransformer

    class Notes(stream.StreamTransformer):
        """Counts what is written, in a channel of its own."""

        def __init__(self, scope: tuple[str, ...] = ()) -> None:
            super().__init__(scope)
            self._notes: Any = stream.StreamChannel("notes")

        def init(self) -> dict[str, Any]:
            return {"notes": self._notes}

        def process(self, event: Any) -> bool:
            if event["method"] == "values":
                self._notes.push({"messages": len(event["params"]["data"]["messages"])})
            return True

    names = ("Updates", "Custom", "Tasks", "Checkpoints")
    found = [getattr(stream, f"{name}Transformer") for name in names]
    return _town(transformers=[*found, ToolCallTransformer, Notes])


def _errors_as_results() -> Any:
    from langchain.agents.middleware import ToolErrorMiddleware

    return ToolErrorMiddleware(lambda error, _: f"It failed: {error}")


def _talker(*replies: Reply) -> Any:
    return ScriptedChatModel(script=replies)


def breaking() -> Any:
    """A model breaks off in mid-message, and the run with it."""
    model = RunnableLambda(lambda state: state["messages"]) | Faltering(
        script=[Reply("Half an answer")]
    )
    builder = StateGraph(MessagesState)
    builder.add_node("speak", model | _as_update)
    builder.add_edge(START, "speak")
    return builder.compile()


def _model(*replies: Reply) -> Any:
    model = ScriptedChatModel(script=replies)
    return RunnableLambda(lambda state: state["messages"]) | model


def _as_update(answer: Any) -> dict[str, Any]:
    return {"messages": [answer]}


# --- the server

NAMES = ("trip", "broken", "asking", "breaking", "town", "full_town")

PYTHON = os.environ.get("STREAMKIT_AGENT_SERVER") or (
    sys.executable if importlib.util.find_spec("langgraph_api") else None
)
"""The Python that has the server, if there is one."""

_START = """
import sys
from langgraph_api.cli import run_server

run_server(
    "127.0.0.1", int(sys.argv[1]), graphs={graphs}, open_browser=False, disable_persistence=True,
    allow_blocking=True, env={"LANGSMITH_TRACING": "false"}, server_level="ERROR",
)
"""


@contextmanager
def agent_server(python: str | None = PYTHON) -> Iterator[str]:
    """A running server's address."""
    port = _free_port()
    graphs = {name: f"{HERE / 'served.py'}:{name}" for name in NAMES}
    code = _START.replace("{graphs}", json.dumps(graphs))
    here = os.pathsep.join([str(HERE), str(Path(streamkit.__file__).parent.parent)])
    server = subprocess.Popen(
        [str(python), "-c", code, str(port)],
        env={**os.environ, "PYTHONPATH": here, "LANGGRAPH_NO_VERSION_CHECK": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=HERE,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/ok", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError(f"the server stopped with {server.returncode}")
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310  (it is our own)
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(url)
