"""The agents that LangGraph and LangChain build, which send every call to a task of its own."""

from typing import Annotated, Any

import pytest

pytest.importorskip("langgraph")

from langchain_core.messages import ToolMessage
from langchain_core.tools import InjectedToolCallId
from langgraph.prebuilt import create_react_agent

from small_graphs import (
    APIS,
    ASYNC,
    CORE,
    EVENTS,
    LANGGRAPH,
    SYNC,
    Facts,
    LastFirst,
    add,
    attempt,
    broken,
    calling,
    chain,
    facts,
    of,
    parallel,
    run,
)
from streamkit import MessageEnd, StepStart, ToolStart

pytestmark = pytest.mark.filterwarnings("ignore:create_react_agent has been moved")

MESSAGES = (SYNC, ASYNC)
DONE = {"messages": ["", "all done"], "usage": (12, 12)}


def whose(x: int, tool_call_id: Annotated[str, InjectedToolCallId]) -> str:
    """Tell which call this is."""
    return f"from {tool_call_id}"


ADD = ("add", '{"a": 1, "b": 2}')
SUM = ("add", {"a": 1, "b": 2})


class TestReactAgent:
    @pytest.mark.parametrize("api", APIS)
    @pytest.mark.parametrize("version", ["v1", "v2"])
    def test_two_turns(self, version: Any, api: str) -> None:
        model = calling(("c1", *ADD), ("c2", "add", '{"a": 3, "b": 4}'))
        events = run(create_react_agent(model, [add], version=version), api)
        assert facts(events).sorted() == Facts(
            calls=[("c1", *SUM), ("c2", "add", {"a": 3, "b": 4})],
            tools=[("c1", "add", "3"), ("c2", "add", "7")],
            **DONE,
        )

    @pytest.mark.parametrize("api", APIS)
    def test_identical_calls(self, api: str) -> None:
        model = calling(*((id, "whose", '{"x": 1}') for id in ("c1", "c2", "c3")))
        graph = create_react_agent(model, [LastFirst.from_function(whose)], version="v2")
        assert facts(run(graph, api)).sorted() == Facts(
            calls=[(id, "whose", {"x": 1}) for id in ("c1", "c2", "c3")],
            tools=[(id, "whose", f"from {id}") for id in ("c1", "c2", "c3")],
            **DONE,
        )

    @pytest.mark.parametrize("api", APIS)
    def test_two_agents_at_once_with_equal_calls(self, api: str) -> None:
        x, y = (
            create_react_agent(calling((f"{name}1", *ADD), (f"{name}2", *ADD)), [add], name=name)
            for name in "xy"
        )
        ids = ["x1", "x2", "y1", "y2"]
        assert facts(run(parallel(x, y), api)).sorted() == Facts(
            messages=["", "", "all done", "all done"],
            calls=[(id, *SUM) for id in ids],
            tools=[(id, "add", "3") for id in ids],
            usage=(24, 24),
        )

    @pytest.mark.parametrize("api", APIS)
    def test_an_agent_as_a_node(self, api: str) -> None:
        events = run(chain(create_react_agent(calling(("c1", *ADD)), [add], name="bob")), api)
        assert facts(events) == Facts(calls=[("c1", *SUM)], tools=[("c1", "add", "3")], **DONE)

    @pytest.mark.parametrize("api", APIS)
    def test_a_failing_tool(self, api: str) -> None:
        """Before langgraph 1.0 the agent tells its model of the failure, and since then it raises."""
        graph = create_react_agent(calling(("c1", "broken", '{"x": 1}')), [broken])
        events, error = attempt(graph, api)
        name = "ValueError" if api == EVENTS and CORE >= (1,) else "ToolError"
        calls, tools = [("c1", "broken", {"x": 1})], [("c1", "broken", name)]
        if LANGGRAPH < (1,):
            assert error is None
            assert facts(events) == Facts(calls=calls, tools=tools, **DONE)
        else:
            assert str(error) == "broken"
            shown = tools if api == EVENTS else []
            assert facts(events) == Facts([""], calls, shown, (5, 5), status="failed")


class TestCreateAgent:
    @pytest.fixture(autouse=True)
    def _agents(self) -> None:
        pytest.importorskip("langchain.agents")

    def create(self, model: Any, tools: list[Any], *around: Any, **options: Any) -> Any:
        from langchain.agents import create_agent
        from langchain.agents.middleware import wrap_tool_call

        return create_agent(
            model, tools, middleware=[wrap_tool_call(it) for it in around], **options
        )

    @pytest.mark.parametrize("api", APIS)
    def test_identical_calls(self, api: str) -> None:
        model = calling(*((id, "whose", '{"x": 1}') for id in ("c1", "c2", "c3")))
        graph = self.create(model, [LastFirst.from_function(whose)])
        assert facts(run(graph, api)).sorted() == Facts(
            calls=[(id, "whose", {"x": 1}) for id in ("c1", "c2", "c3")],
            tools=[(id, "whose", f"from {id}") for id in ("c1", "c2", "c3")],
            **DONE,
        )

    def test_its_parts(self) -> None:
        events = run(self.create(calling(("c1", *ADD)), [add], name="bob"), EVENTS)
        assert [(it.kind, it.origin.name) for it in of(events, StepStart)] == [
            ("graph", "bob"),
            ("node", "model"),
            ("chat_model", "Says"),
            ("node", "tools"),
            ("node", "model"),
            ("chat_model", "Says"),
        ]
        assert {it.origin.agent for it in of(events, MessageEnd, ToolStart)} == {"bob"}

    @pytest.mark.parametrize("api", APIS)
    def test_a_failing_tool(self, api: str) -> None:
        graph = self.create(calling(("c1", "broken", '{"x": 1}')), [broken])
        events, error = attempt(graph, api)
        tools = [("c1", "broken", "ValueError")] if api == EVENTS else []
        calls = [("c1", "broken", {"x": 1})]
        assert facts(events) == Facts([""], calls, tools, (5, 5), status="failed")
        assert str(error) == "broken"

    @pytest.mark.parametrize("api", [ASYNC, EVENTS])
    def test_a_failing_tool_whose_error_is_handled(self, api: str) -> None:
        async def soothe(request: Any, handler: Any) -> Any:
            try:
                return await handler(request)
            except ValueError:
                id = request.tool_call["id"]
                return ToolMessage("sorry", tool_call_id=id, name="broken", status="error")

        model = calling(("c1", "broken", '{"x": 1}'), ("c2", *ADD))
        events = run(self.create(model, [add, broken], soothe), api)
        assert facts(events).sorted() == Facts(
            calls=[("c1", "broken", {"x": 1}), ("c2", *SUM)],
            tools=[
                ("c1", "broken", "ValueError" if api == EVENTS else "ToolError"),
                ("c2", "add", "3"),
            ],
            **DONE,
        )

    @pytest.mark.parametrize("api", [ASYNC, EVENTS])
    def test_arguments_that_are_changed_on_the_way(self, api: str) -> None:
        async def change(request: Any, handler: Any) -> Any:
            request.tool_call["args"] = {"a": 10, "b": 20}
            return await handler(request)

        events = run(self.create(calling(("c1", *ADD)), [add], change), api)
        assert facts(events) == Facts(calls=[("c1", *SUM)], tools=[("c1", "add", "30")], **DONE)

    @pytest.mark.parametrize("api", [ASYNC, EVENTS])
    def test_a_call_that_is_answered_without_its_tool(self, api: str) -> None:
        async def skip(request: Any, handler: Any) -> Any:
            return ToolMessage("skipped", tool_call_id=request.tool_call["id"], name="add")

        events = run(self.create(calling(("c1", *ADD)), [add], skip), api)
        assert facts(events) == Facts(
            calls=[("c1", *SUM)], tools=[("c1", "add", "skipped")], **DONE
        )

    @pytest.mark.parametrize("api", [ASYNC, EVENTS])
    def test_a_call_whose_tool_is_tried_twice(self, api: str) -> None:
        """Both runs answer the same call; ``messages`` mode shows only what came of it."""

        async def retry(request: Any, handler: Any) -> Any:
            await handler(request)
            return await handler(request)

        events = run(self.create(calling(("c1", *ADD)), [add], retry), api)
        runs = 2 if api == EVENTS else 1
        assert facts(events) == Facts(
            calls=[("c1", *SUM)], tools=[("c1", "add", "3")] * runs, **DONE
        )

    @pytest.mark.parametrize("api", APIS)
    def test_a_structured_answer(self, api: str) -> None:
        from pydantic import BaseModel

        class Total(BaseModel):
            total: int

        model = calling(("c1", "Total", '{"total": 3}'))
        events = run(self.create(model, [add], response_format=Total), api)
        seen = facts(events)
        assert (seen.messages, seen.calls) == ([""], [("c1", "Total", {"total": 3})])
        assert [(id, name) for id, name, _ in seen.tools] == [("c1", "Total")]
