"""Random raw streams for the laws: well-formed, in every dialect, built of LangChain's classes."""

from __future__ import annotations

import json
from collections import ChainMap
from typing import Any

from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage

from streamkit.strategies import model_chunks

WORDS = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=6)
ARGS = st.dictionaries(WORDS, st.integers() | WORDS | st.lists(WORDS, max_size=2), max_size=2)


class ToolBroke(ValueError):
    """An exception that compares by value, so that streams holding it can be compared."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ToolBroke) and self.args == other.args

    def __hash__(self) -> int:
        return hash(self.args)


def last(**fields: Any) -> AIMessageChunk:
    """A closing chunk, marked as the last where the installed version can mark it."""
    if "chunk_position" in AIMessageChunk.model_fields:
        fields["chunk_position"] = "last"
    return AIMessageChunk(**fields)


class OwnChunk(AIMessageChunk):
    """A provider's own class."""


@st.composite
def uneven_chunks(draw: Any) -> list[AIMessageChunk]:
    """Chunks of one message, mostly text, of which any may say something else besides."""
    usage = {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}
    call = {"name": "tool", "args": "{}", "id": "call-1", "index": 0}
    besides: list[dict[str, Any]] = [
        {"id": "run--other"},
        {"content": ""},
        {"content": [{"type": "text", "text": "block", "index": 0}]},
        {"usage_metadata": usage},
        {"response_metadata": {"model_provider": "p"}},
        {"response_metadata": {"model_name": "m"}},
        {"additional_kwargs": {"reasoning_content": "hm"}},
        {"tool_call_chunks": [call]},
    ]
    fields = st.lists(st.sampled_from([{}, {}, {}, *besides]), max_size=2)
    made = st.builds(
        lambda cls, more: cls(**{"content": "word ", "id": "run-1"} | dict(ChainMap(*more))),
        st.sampled_from([AIMessageChunk, AIMessageChunk, OwnChunk]),
        fields,
    )
    return [*draw(st.lists(made, max_size=8)), last(content="", id="run-1")]


def chunks() -> st.SearchStrategy[list[Any]]:
    """What a chat model's, or a text chain's, own stream yields."""
    return model_chunks("run-1") | st.lists(WORDS, max_size=6)


@st.composite
def interleaved(draw: Any, streams: list[list[Any]]) -> list[Any]:
    """Some streams as one, each in its own order."""
    rest = [list(stream) for stream in streams]
    items: list[Any] = []
    while any(rest):
        stream = draw(st.sampled_from([it for it in rest if it]))
        items.append(stream.pop(0))
    return items


@st.composite
def messages_items(draw: Any) -> list[Any]:
    """``messages`` mode: two parallel models, an echo, and a tool's result."""
    streams = []
    for number in range(draw(st.integers(1, 3))):
        task = f"node{number}:task{number}"
        metadata = {"langgraph_node": f"node{number}", "langgraph_checkpoint_ns": task}
        id = f"run-{number}"
        items = [(chunk, metadata) for chunk in draw(model_chunks(id))]
        items.append((AIMessage(content="echo", id=id), metadata))
        items.append((HumanMessage(content="hi", id=f"h{number}"), metadata))
        items.append((ToolMessage(content="ok", tool_call_id=f"{id}-call-0", name="t"), metadata))
        streams.append(items)
    return draw(interleaved(streams))


def event(name: str, run: str, parents: list[str], data: Any, **fields: Any) -> dict[str, Any]:
    """One ``astream_events`` v2 dict."""
    return {
        "event": name,
        "name": fields.pop("label", run),
        "run_id": run,
        "parent_ids": parents,
        "tags": fields.pop("tags", []),
        "metadata": fields,
        "data": data,
    }


@st.composite
def model_events(draw: Any, run: str, parents: list[str], **fields: Any) -> list[dict[str, Any]]:
    """One model call, streamed or not."""
    answer = draw(model_chunks(f"run-{run}"))
    chunks = answer if draw(st.booleans()) else []
    whole = AIMessage(content="whole", id=f"run-{run}")
    output = answer[-1] if chunks else whole
    return [
        event("on_chat_model_start", run, parents, {"input": {"messages": [[]]}}, **fields),
        *(
            event("on_chat_model_stream", run, parents, {"chunk": chunk}, **fields)
            for chunk in chunks
        ),
        event("on_chat_model_end", run, parents, {"output": output, "input": {}}, **fields),
    ]


def chat_events() -> st.SearchStrategy[list[Any]]:
    """A model at the root."""
    return model_events("root", [])


@st.composite
def agent_events(draw: Any) -> list[Any]:
    """A graph with parallel nodes: models, tools good and bad, custom events, dangling starts."""
    root = [event("on_chain_start", "root", [], {"input": {}}, label="LangGraph")]
    branches = []
    for number in range(draw(st.integers(1, 3))):
        node, at = f"node{number}", {"langgraph_checkpoint_ns": f"node{number}:t{number}"}
        common = {"langgraph_node": node, **at}
        here = {"label": node, "tags": ["graph:step:1"], **common}
        items = [event("on_chain_start", node, ["root"], {"input": {"messages": []}}, **here)]
        for step in draw(st.lists(st.sampled_from(["model", "tool", "bad", "custom"]), max_size=3)):
            run = f"{node}-{len(items)}"
            inside = ["root", node]
            if step == "model":
                items += draw(model_events(run, inside, **common))
            elif step == "custom":
                items.append(event("on_custom_event", node, ["root"], {"a": 1}, **common))
            else:
                data = {"input": {"x": 1}}
                items.append(event("on_tool_start", run, inside, data, **common))
                end = (
                    event("on_tool_end", run, inside, {"output": "ok"}, **common)
                    if step == "tool"
                    else event("on_tool_error", run, inside, {"error": ToolBroke("x")}, **common)
                )
                items.append(end)
        if draw(st.booleans()):
            output = {"messages": [AIMessage(content="mine", id=f"own-{node}")]}
            items.append(event("on_chain_end", node, ["root"], {"output": output}, **here))
        branches.append(items)
    end = event("on_chain_end", "root", [], {"output": {"done": True}}, label="LangGraph")
    return [*root, *draw(interleaved(branches)), end]


def protocol(event: str, **fields: Any) -> dict[str, Any]:
    """One protocol event about a message, bare."""
    return {"event": event, **fields}


def enveloped(method: str, data: Any, *namespace: str, **params: Any) -> dict[str, Any]:
    """One event of a v3 run stream."""
    params = {"namespace": list(namespace), "data": data, **params}
    return {"type": "event", "method": method, "params": params}


@st.composite
def protocol_message(draw: Any, id: str) -> list[dict[str, Any]]:
    """The protocol events of one message. All blocks finish at its end, as upstream has it."""
    events = [protocol("message-start", role="ai", id=id)]
    finishes = []
    kinds = ["text", "reasoning", "call", "image"]
    for index, kind in enumerate(draw(st.lists(st.sampled_from(kinds), max_size=5))):
        if kind == "image":
            start = whole = {"type": "image", "url": "https://example.org/a.png"}
            deltas = []
        elif kind == "call":
            args = draw(ARGS)
            text = json.dumps(args)
            cut = draw(st.integers(0, len(text)))
            call = {"id": f"{id}-call-{index}", "name": "tool"}
            start = {"type": "tool_call_chunk", "args": "", **call}
            whole = {"type": "tool_call", "args": args, **call}
            deltas = [{"type": "tool-call-delta", "args": it} for it in (text[:cut], text[cut:])]
        else:
            words = draw(st.lists(WORDS, max_size=3))
            start, whole = {"type": kind, kind: ""}, {"type": kind, kind: "".join(words)}
            deltas = [{"type": f"{kind}-delta", kind: word} for word in words]
        events.append(protocol("content-block-start", index=index, content=start))
        events += [protocol("content-block-delta", index=index, delta=delta) for delta in deltas]
        finishes.append(protocol("content-block-finish", index=index, content=whole))
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    reason = {"finish_reason": "stop"}
    return [*events, *finishes, protocol("message-finish", usage=usage, metadata=reason)]


@st.composite
def v3_items(draw: Any) -> list[Any]:
    """A v3 run stream: parallel models, their echoes, subgraphs, and a state with a tool's result."""
    streams = []
    for number in range(draw(st.integers(1, 3))):
        sub = draw(st.sampled_from([(), (f"sub{number}:s{number}",)]))
        path = "|".join([*sub, f"node{number}:task{number}"])
        metadata = {"langgraph_node": f"node{number}", "langgraph_checkpoint_ns": path}
        run = {**metadata, "run_id": f"run-{number}"}
        id = f"lc_run--{number}"
        events = draw(protocol_message(id))
        items = [enveloped("messages", (event, dict(run)), *sub) for event in events]
        items.append(enveloped("messages", (AIMessage(content="echo", id=id), metadata), *sub))
        answer = ToolMessage(content="ok", tool_call_id=f"{id}-call-0", id=f"t{number}", name="t")
        states = [{"messages": messages} for messages in ([], [answer])]
        before, after = (enveloped("values", state, *sub) for state in states)
        items = [before, *items, after]
        if sub:
            life = {"namespace": list(sub), "trigger_call_id": f"s{number}"}
            items.insert(1, enveloped("lifecycle", {"event": "started", **life}))
            items.append(enveloped("lifecycle", {"event": "completed", **life}))
        streams.append(items)
    return draw(interleaved(streams))


ITEMS = chunks() | messages_items() | chat_events() | agent_events() | v3_items()
"""What any source may yield."""


SOURCES = st.one_of(
    st.tuples(st.just("chunks"), chunks()),
    st.tuples(st.just("events"), chat_events()),
    st.tuples(st.just("events"), agent_events()),
    st.tuples(st.just("messages"), messages_items()),
    st.tuples(st.just("v3"), protocol_message("lc_run--1") | v3_items()),
)
"""A dialect and the items of a random stream of it."""
