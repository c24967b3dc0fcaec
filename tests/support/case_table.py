"""The case table: small lists of raw items of every dialect, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.outputs import GenerationChunk
from langchain_core.runnables.utils import AddableDict

from random_streams import ToolBroke, event, last

CASES: dict[str, Callable[[], list[Any]]] = {}


def case(build: Callable[[], list[Any]]) -> Callable[[], list[Any]]:
    CASES[build.__name__] = build
    return build


def chunk(content: Any = "", id: str = "run-1", **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=content, id=id, **fields)


def call(args: str, id: str | None = None, name: str | None = None, index: Any = 0) -> Any:
    return {"args": args, "id": id, "name": name, "index": index}


def calls(*pieces: Any) -> AIMessageChunk:
    return chunk(tool_call_chunks=list(pieces))


def usage(input: int, output: int) -> dict[str, int]:
    return {"input_tokens": input, "output_tokens": output, "total_tokens": input + output}


# --- a runnable's own chunks


@case
def text_from_a_chain() -> list[Any]:
    return ["Hel", "", "lo"]


@case
def text_from_a_model() -> list[Any]:
    return [
        chunk("Hel"),
        chunk("lo"),
        chunk(response_metadata={"finish_reason": "stop", "model_name": "m"}),
        last(content="", id="run-1", usage_metadata=usage(3, 2)),
    ]


@case
def a_model_that_does_not_stream() -> list[Any]:
    answer = AIMessage(
        content="Hello",
        id="run-1-0",
        tool_calls=[{"id": "c1", "name": "look", "args": {"at": "ü"}}],
        usage_metadata=usage(3, 2),
    )
    return [answer]


@case
def a_completion_model() -> list[Any]:
    return [GenerationChunk(text="Hel"), GenerationChunk(text="lo")]


@case
def objects_that_grow() -> list[Any]:
    return [{}, {"city": "Pa"}, {"city": "Paris"}, {"city": "Paris", "ok": True}]


@case
def objects_that_add_up() -> list[Any]:
    return [AddableDict({"a": "x"}), AddableDict({"b": "y"}), AddableDict({"a": "z"})]


@case
def json_patches() -> list[Any]:
    return [
        [{"op": "replace", "path": "", "value": {}}],
        [{"op": "add", "path": "/city", "value": "Paris"}],
    ]


@case
def blocks_of_every_kind() -> list[Any]:
    return [
        chunk([{"type": "thinking", "thinking": "Hm", "index": 0}]),
        chunk([{"type": "thinking", "signature": "sig", "index": 0}]),
        chunk([{"type": "redacted_thinking", "data": "xyz", "index": 1}]),
        chunk([{"type": "text", "text": "See ", "index": 2}]),
        chunk("this"),
        chunk([{"type": "text", "text": "", "citations": [{"url": "u"}], "index": 2}]),
        chunk([{"type": "image", "url": "u", "index": 3}]),
        chunk([{"type": "server_tool_use", "id": "s1", "name": "search", "input": {}, "index": 4}]),
        chunk([{"type": "input_json_delta", "partial_json": '{"q":1}', "index": 4}]),
        chunk([{"type": "web_search_tool_result", "tool_use_id": "s1", "content": [], "index": 5}]),
        chunk([{"type": "refusal", "refusal": "No."}]),
        chunk(additional_kwargs={"reasoning_content": "And "}),
        last(content="so", id="run-1", additional_kwargs={"reasoning_content": "then"}),
    ]


# --- tool calls


@case
def calls_in_turns() -> list[Any]:
    return [
        calls(call("", "c1", "look"), call("", "c2", "find", 1)),
        calls(call('{"a":'), call('{"b":', index=1)),
        calls(call("2}", index=1), call("1}")),
        last(content="Done", id="run-1", response_metadata={"finish_reason": "tool_calls"}),
    ]


@case
def whole_calls_at_one_index() -> list[Any]:
    return [
        calls(call('{"a":1}', "c1", "look"), call('{"b":2}', "c2", "find")),
        calls(call('{"b":2}', "c2", "find")),
        last(content="", id="run-1"),
    ]


@case
def name_and_id_in_every_chunk() -> list[Any]:
    pieces = [calls(call(part, "c1", "look")) for part in ('{"a"', ":1", "}")]
    return [*pieces, last(content="", id="run-1")]


@case
def arguments_cut_off() -> list[Any]:
    reason = {"finish_reason": "length"}
    return [
        calls(call('{"city": "Par', "c1", "look")),
        last(content="", id="run-1", response_metadata=reason),
    ]


@case
def text_before_and_after_a_call() -> list[Any]:
    return [chunk("Before"), calls(call("{}", "c1", "look")), chunk("after"), last(content="")]


# --- messages mode

FOOD = {"langgraph_node": "food", "langgraph_checkpoint_ns": "food:1", "langgraph_step": 1}
SIGHTS = {"langgraph_node": "sights", "langgraph_checkpoint_ns": "sights:2", "langgraph_step": 1}
TOOLS = {"langgraph_node": "tools", "langgraph_checkpoint_ns": "tools:3", "langgraph_step": 2}


@case
def parallel_models() -> list[Any]:
    return [
        (chunk("Eat", id="run-a"), FOOD),
        (chunk("Climb", id="run-b"), SIGHTS),
        (chunk(" well", id="run-a"), FOOD),
        (chunk(" up", id="run-b"), SIGHTS),
        (last(content="", id="run-a"), FOOD),
        (last(content="", id="run-b"), SIGHTS),
    ]


@case
def an_id_that_changes_in_mid_message() -> list[Any]:
    return [
        (chunk(id="resp_1"), FOOD),
        (chunk("Hel", id="lc_run--1"), FOOD),
        (chunk("lo", id="msg_1"), FOOD),
        (last(content="", id="lc_run--1", usage_metadata=usage(1, 1)), FOOD),
    ]


@case
def a_call_and_its_results() -> list[Any]:
    return [
        (calls(call('{"a":1}', "c1", "look"), call("{}", "c2", "fail", 1)), FOOD),
        (last(content="", id="run-1"), FOOD),
        (ToolMessage("seen", tool_call_id="c1", name="look", artifact=[1]), TOOLS),
        (ToolMessage("Error: no", tool_call_id="c2", name="fail", status="error"), TOOLS),
        (HumanMessage("And?", id="h1"), TOOLS),
        (AIMessage("Whole.", id="a1"), TOOLS),
    ]


# --- events v2


@case
def an_agent() -> list[Any]:
    root = {"label": "LangGraph"}
    agent = {"label": "agent", "tags": ["graph:step:1"], **at("agent")}
    tools = {"label": "tools", "tags": ["graph:step:2"], **at("tools")}
    asked = chunk(tool_call_chunks=[call('{"x": 1}', "c1", "look")])
    inside = ["r", "t"]
    return [
        event("on_chain_start", "r", [], {"input": "hi"}, **root),
        event("on_chain_start", "a", ["r"], {"input": {"messages": []}}, **agent),
        event("on_chat_model_start", "m", ["r", "a"], {"input": {"messages": [[]]}}, **at("agent")),
        event("on_chat_model_stream", "m", ["r", "a"], {"chunk": asked}, **at("agent")),
        event("on_chat_model_end", "m", ["r", "a"], {"output": asked}, **at("agent")),
        event("on_chain_end", "a", ["r"], {"output": {"messages": [asked]}}, **agent),
        event("on_chain_start", "t", ["r"], {"input": {"messages": [asked]}}, **tools),
        event("on_tool_start", "t1", inside, {"input": {"x": 1}}, label="look", **at("tools")),
        event("on_custom_event", "t1", inside, {"half": 0.5}, label="progress", **at("tools")),
        event("on_tool_end", "t1", inside, {"output": 42}, label="look", **at("tools")),
        event("on_tool_start", "t2", inside, {"input": {}}, label="fail", **at("tools")),
        event(
            "on_tool_error", "t2", inside, {"error": ToolBroke("no")}, label="fail", **at("tools")
        ),
        event("on_retriever_start", "d", inside, {"input": {"query": "q"}}, **at("tools")),
        event("on_retriever_end", "d", inside, {"output": [Document("page")]}, **at("tools")),
        event("on_chain_stream", "r", [], {"chunk": {"__interrupt__": ()}}, **root),
        event("on_chain_end", "r", [], {"output": {"n": 1}}, **root),
    ]


def at(node: str) -> dict[str, Any]:
    return {"langgraph_node": node, "langgraph_checkpoint_ns": f"{node}:1"}


@case
def a_retry_leaves_half_a_message() -> list[Any]:
    again = {"label": "model", "tags": ["retry:attempt:2"]}
    return [
        event("on_chain_start", "r", [], {"input": "hi"}),
        event("on_chat_model_start", "1", ["r"], {"input": {}}, label="model"),
        event("on_chat_model_stream", "1", ["r"], {"chunk": chunk("Hal")}, label="model"),
        event("on_chat_model_start", "2", ["r"], {"input": {}}, **again),
        event("on_chat_model_stream", "2", ["r"], {"chunk": chunk("Whole", id="run-2")}, **again),
        event("on_chat_model_end", "2", ["r"], {"output": AIMessage("Whole", id="run-2")}, **again),
        event("on_chain_end", "r", [], {"output": "Whole"}),
    ]


@case
def a_run_that_breaks() -> list[Any]:
    class Breaks(list[Any]):
        def __iter__(self) -> Any:
            yield from list.__iter__(self)
            raise ValueError("the model is gone")

    return Breaks(
        [
            event("on_chain_start", "r", [], {"input": "hi"}),
            event("on_chat_model_start", "m", ["r"], {"input": {}}),
            event("on_chat_model_stream", "m", ["r"], {"chunk": chunk("Hal")}),
        ]
    )


@case
def bad_items() -> list[Any]:
    return [
        event("on_chain_start", "r", [], {"input": "hi"}),
        None,
        {"event": "on_chain_start"},
        event("on_nothing", "x", ["r"], {}),
        event("on_chat_model_stream", "unknown", ["r"], {"chunk": chunk("?")}),
        event("on_tool_end", "unknown", ["r"], {"output": 1}),
        event("on_chain_end", "r", [], {"output": "bye"}),
    ]
